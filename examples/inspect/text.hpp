// SPDX-License-Identifier: MIT
// Formatted text: strings by printf formats, lengths in tokens, messages of one line.
#ifndef YARN_EXAMPLES_INSPECT_TEXT_HPP
#define YARN_EXAMPLES_INSPECT_TEXT_HPP

#include <string>

#if defined(__GNUC__)
#define YARN_INSPECT_PRINTF(format_index, first_argument)                                          \
  __attribute__((format(printf, format_index, first_argument)))
#else
#define YARN_INSPECT_PRINTF(format_index, first_argument)
#endif

namespace inspect {

/// std::printf to a string.
YARN_INSPECT_PRINTF(1, 2) std::string format(const char* pattern, ...);

/// A length in tokens with four digits: 6.283, 54.41k, 1.741M; "never" for infinity.
std::string tokens(double length);

/// The text with spaces in place of all characters that would end or corrupt a line.
std::string one_line(const std::string& text);

} // namespace inspect

#endif

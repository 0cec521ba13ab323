// SPDX-License-Identifier: MIT
// Words and numbers for people: formatted text, lengths in tokens, messages of one line.
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

/// printf into a string.
YARN_INSPECT_PRINTF(1, 2) std::string format(const char* pattern, ...);

/// A length in tokens with four digits: 6.283, 54.41k, 1.741M; "never" for infinity.
std::string tokens(double length);

/// The text with everything that would end or corrupt a line replaced by a space.
std::string one_line(const std::string& text);

} // namespace inspect

#endif

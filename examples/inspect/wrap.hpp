// SPDX-License-Identifier: MIT
// Lines of at most 80 columns: words after a label.
#ifndef YARN_EXAMPLES_INSPECT_WRAP_HPP
#define YARN_EXAMPLES_INSPECT_WRAP_HPP

#include <string>

namespace inspect {

/// Text after a label or an indentation, broken into lines at spaces.
std::string wrapped(const std::string& first, const std::string& words);

/// The same after a label in a column of 22 characters. A longer label has a line of its own.
std::string labelled(const char* label, const std::string& words);

} // namespace inspect

#endif

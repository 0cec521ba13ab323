// SPDX-License-Identifier: MIT
// What happens when an argument is wrong.
//
// Functions that check their arguments throw std::invalid_argument, or std::out_of_range for a
// position, an index or a sequence that does not exist. The text names the argument, its value and
// what is allowed. A program compiled without exceptions gets the same text through on_error.
#ifndef YARN_ERROR_HPP
#define YARN_ERROR_HPP

#include "detail/base/abi.hpp"

namespace yarn {
inline namespace v0 {

/// Receives the text that would have been thrown, in programs built without exceptions. It must not
/// return: it ends the program or jumps out. If it returns, the library calls std::abort.
using error_handler = void (*)(const char* message);

/// The handler of programs built without exceptions. Null prints the text to stderr and calls
/// std::abort. Set it before other threads use the library. Programs with exceptions never call it.
inline error_handler on_error = nullptr;

} // namespace v0
} // namespace yarn

#endif

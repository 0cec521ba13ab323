// SPDX-License-Identifier: MIT
// What the library does when an argument is wrong.
//
// Functions that check their arguments throw std::invalid_argument, or std::out_of_range for a
// position, index or sequence that does not exist. The message names the argument, its value and
// what is allowed. A program that is compiled without exceptions gets the message through on_error.
#ifndef YARN_ERROR_HPP
#define YARN_ERROR_HPP

#include "detail/base/abi.hpp"

namespace yarn {
inline namespace v0 {

/// The type of on_error. The handler gets the message of the error. It must not return: it must end
/// the program or leave by longjmp. If the handler returns, the library calls std::abort.
using error_handler = void (*)(const char* message);

/// The error handler of programs that are built without exceptions. If on_error is null, the
/// library prints the message to stderr and calls std::abort. Set on_error before other threads use
/// the library. In a program that is built with exceptions, the library never calls on_error.
inline error_handler on_error = nullptr;

} // namespace v0
} // namespace yarn

#endif

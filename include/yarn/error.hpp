// SPDX-License-Identifier: MIT
// Errors: one message, thrown, or handed to a handler where exceptions are disabled. Floor 2.
#ifndef YARN_ERROR_HPP
#define YARN_ERROR_HPP

#include "detail/base/abi.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace yarn {
inline namespace v0 {

/// Receives the message that would have been thrown, in programs built without exceptions. It must
/// not return (jump out, or end the program); if it does, the library calls std::abort.
using error_handler = void (*)(const char* message);

/// The handler of programs built without exceptions; null: print the message to stderr and abort.
/// Set it before other threads use the library. Programs with exceptions never call it.
inline error_handler on_error = nullptr;

} // namespace v0

inline namespace YARN_ABI {
namespace detail {

enum class error_kind { invalid_argument, out_of_range };

// Formats without std::string, whose weak instantiations would carry this source's instruction set
// into others (see abi.hpp). The longest message of the library has some 250 characters.
[[noreturn]] YARN_NOINLINE YARN_PRINTF(2, 3) inline void fail(error_kind kind, const char* format,
                                                              ...) {
  char message[512];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
#if YARN_EXCEPTIONS
  if (kind == error_kind::out_of_range)
    throw std::out_of_range(message);
  throw std::invalid_argument(message);
#else
  static_cast<void>(kind);
  if (on_error != nullptr)
    on_error(message);
  else
    std::fprintf(stderr, "%s\n", message);
  std::abort();
#endif
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

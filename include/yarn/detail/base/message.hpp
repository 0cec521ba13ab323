// SPDX-License-Identifier: MIT
// Messages of errors and notes, and the two functions that report errors.
//
//     fail_argument("yarn: {} = {} must be > 0 (tokens)", field, value);
//
// "{}" is replaced by the next value, "{:.9}" by the next number with 9 significant digits (the
// default is 6). std::string is not used here, because the linker shares its instantiations between
// sources with different instruction sets (abi.hpp).
#ifndef YARN_DETAIL_BASE_MESSAGE_HPP
#define YARN_DETAIL_BASE_MESSAGE_HPP

#include "../../error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

enum class error_kind { invalid_argument, out_of_range };

/// One value of a message: a text, an integer or a floating-point number.
class message_value {
public:
  // NOLINTBEGIN(google-explicit-constructor): callers pass plain values
  message_value(const char* text) : kind_(kind::text), text_(text) {}
  template <class Text, class = decltype(std::declval<const Text&>().c_str())>
  message_value(const Text& text) : message_value(text.c_str()) {}
  message_value(double number) : kind_(kind::number), number_(number) {}
  template <class Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
  message_value(Integer value)
      : kind_(std::is_signed_v<Integer> ? kind::signed_integer : kind::unsigned_integer),
        integer_(static_cast<std::uint64_t>(value)) {}
  // NOLINTEND(google-explicit-constructor)

  /// Writes the value to `text`, at most `room` characters with the final zero. Returns the length
  /// of the whole value, like snprintf.
  int print(char* text, std::size_t room, int digits) const {
    switch (kind_) {
    case kind::text:
      return std::snprintf(text, room, "%s", text_);
    case kind::signed_integer:
      return std::snprintf(text, room, "%lld", static_cast<long long>(integer_));
    case kind::unsigned_integer:
      return std::snprintf(text, room, "%llu", static_cast<unsigned long long>(integer_));
    case kind::number:
      break;
    }
    return std::snprintf(text, room, "%.*g", digits, number_);
  }

private:
  enum class kind { text, signed_integer, unsigned_integer, number };
  kind kind_;
  union { // NOLINTBEGIN(readability-identifier-naming): private, though members of a union
    const char* text_;
    std::uint64_t integer_;
    double number_;
  }; // NOLINTEND(readability-identifier-naming)
};

/// The size of the longest message, with its final zero. A longer message is cut. Our longest
/// messages have about 300 characters and contain up to two names that the caller provides.
inline constexpr std::size_t message_size = 512;

/// Writes `format` to text[message_size], with the values in place of "{}".
YARN_NOINLINE inline void format_message(char* text, const char* format,
                                         const message_value* values) {
  std::size_t size = 0;
  while (*format != '\0' && size + 1 < message_size) {
    if (*format != '{') {
      text[size++] = *format++;
      continue;
    }
    int digits = 6;
    for (++format; *format != '}'; ++format) // "}", ":.9}" or ":.17}"
      if (*format == '.')
        digits = 0;
      else if (*format != ':')
        digits = 10 * digits + (*format - '0');
    ++format;
    const std::size_t room = message_size - size;
    const int length = (values++)->print(text + size, room, digits);
    if (length > 0)
      size += static_cast<std::size_t>(length) < room ? static_cast<std::size_t>(length) : room - 1;
  }
  text[size] = '\0';
}

[[noreturn]] YARN_NOINLINE inline void fail_with(error_kind kind, const char* format,
                                                 const message_value* values) {
  char message[message_size];
  format_message(message, format, values);
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

// The last element of the arrays below is unused. It exists because an array must not be empty.

/// Throws std::invalid_argument with this message, or ends the program (error.hpp).
template <class... Values>
[[noreturn]] YARN_NOINLINE void fail_argument(const char* format, Values... values) {
  const message_value list[] = {message_value(values)..., message_value("")};
  fail_with(error_kind::invalid_argument, format, list);
}

/// The same with std::out_of_range.
template <class... Values>
[[noreturn]] YARN_NOINLINE void fail_range(const char* format, Values... values) {
  const message_value list[] = {message_value(values)..., message_value("")};
  fail_with(error_kind::out_of_range, format, list);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

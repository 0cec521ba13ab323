// SPDX-License-Identifier: MIT
#include "text.hpp"

#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace inspect {

std::string format(const char* pattern, ...) {
  std::va_list arguments;
  va_start(arguments, pattern);
  std::va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, pattern, arguments);
  va_end(arguments);
  std::string text(length > 0 ? static_cast<std::size_t>(length) + 1 : 1, '\0');
  std::vsnprintf(text.data(), text.size(), pattern, again);
  va_end(again);
  text.pop_back(); // the terminating zero
  return text;
}

std::string tokens(double length) {
  if (std::isinf(length))
    return "never";
  if (length < 999.95)
    return format("%.4g", length);
  if (length < 999.95e3)
    return format("%.4gk", length / 1e3);
  if (length < 999.95e6)
    return format("%.4gM", length / 1e6);
  if (length < 999.95e9)
    return format("%.4gG", length / 1e9);
  return format("%.3g", length);
}

std::string one_line(const std::string& text) {
  std::string line = text;
  for (char& c : line) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 32 || code == 127)
      c = ' ';
  }
  return line;
}

} // namespace inspect

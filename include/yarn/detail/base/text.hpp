// SPDX-License-Identifier: MIT
// Messages as std::string, for opt-in headers: the readers of configurations and the tester.
#ifndef YARN_DETAIL_BASE_TEXT_HPP
#define YARN_DETAIL_BASE_TEXT_HPP

#include "message.hpp"

#include <string>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// `format` with values in place of "{}" (message.hpp). At most message_size - 1 characters.
template <class... Values> std::string text_of(const char* format, const Values&... values) {
  const message_value list[] = {message_value(values)..., message_value("")};
  char text[message_size];
  format_message(text, format, list);
  return text;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// The name of a method's field for a message, where several methods share the code that checks it.
#ifndef YARN_DETAIL_SCALING_FIELD_NAME_HPP
#define YARN_DETAIL_SCALING_FIELD_NAME_HPP

#include "../base/abi.hpp"

#include <cstddef>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// The text "type.field", at most 95 characters.
class field_name {
public:
  field_name(const char* type, const char* field) {
    append(type);
    append(".");
    append(field);
  }
  operator const char*() const { return text_; } // NOLINT(google-explicit-constructor): a text

private:
  void append(const char* part) {
    for (; *part != '\0' && size_ + 1 < sizeof text_; ++part)
      text_[size_++] = *part;
    text_[size_] = '\0';
  }

  std::size_t size_ = 0;
  char text_[96];
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

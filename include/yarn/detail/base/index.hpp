// SPDX-License-Identifier: MIT
// Conversion of counts, extents and strides from any integer type.
#ifndef YARN_DETAIL_BASE_INDEX_HPP
#define YARN_DETAIL_BASE_INDEX_HPP

#include "message.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class Integer>
YARN_ALWAYS_INLINE std::int64_t to_index(Integer value, [[maybe_unused]] const char* name) {
  static_assert(std::is_integral_v<Integer>, "yarn: extents, strides and counts are integers");
  if constexpr (std::is_unsigned_v<Integer> && sizeof(Integer) >= 8)
    if (value > static_cast<Integer>(INT64_MAX))
      fail_argument("yarn: {} = {} does not fit a signed 64-bit integer", name, value);
  return static_cast<std::int64_t>(value);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

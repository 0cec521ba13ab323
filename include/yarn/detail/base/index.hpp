// SPDX-License-Identifier: MIT
// Integers of the caller: counts, extents and strides of any type, and lists of 32 or 64 bits.
#ifndef YARN_DETAIL_BASE_INDEX_HPP
#define YARN_DETAIL_BASE_INDEX_HPP

#include "message.hpp"

#include <cstring>

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

// Element i of a list of integers of 32 or 64 bits.
YARN_ALWAYS_INLINE std::int64_t load_integer(const void* list, std::int64_t i, bool has_64_bits) {
  // memcpy, because `long` and `long long` may both have 64 bits and must not alias each other.
  if (has_64_bits) {
    std::int64_t value;
    std::memcpy(&value, static_cast<const char*>(list) + i * 8, 8);
    return value;
  }
  std::int32_t value;
  std::memcpy(&value, static_cast<const char*>(list) + i * 4, 4);
  return value;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

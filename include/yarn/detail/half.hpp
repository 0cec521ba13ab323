// SPDX-License-Identifier: MIT
// Conversions of one 16-bit float, by integers: the same on every processor, denormals kept, NaN
// quiet, rounding to nearest even. Floor 3.
#ifndef YARN_DETAIL_HALF_HPP
#define YARN_DETAIL_HALF_HPP

#include "../types.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

YARN_ALWAYS_INLINE float float_of_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

YARN_ALWAYS_INLINE float widen_bfloat16(std::uint16_t bits) {
  return float_of_bits(static_cast<std::uint32_t>(bits) << 16);
}

YARN_ALWAYS_INLINE float widen_binary16(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  std::uint32_t exponent = bits >> 10 & 0x1f;
  std::uint32_t fraction = bits & 0x3ff;
  if (exponent == 0x1f)
    return float_of_bits(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) {
    if (fraction == 0)
      return float_of_bits(sign);
    // A subnormal: shift its leading bit into the hidden place.
    exponent = 1;
    while ((fraction & 0x400) == 0) {
      fraction <<= 1;
      --exponent;
    }
    fraction &= 0x3ff;
  }
  return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

/// An element of a row or table as the type that the rotation computes in.
template <class Compute, class T> YARN_ALWAYS_INLINE Compute widen(const T& element) {
  if constexpr (format_of_v<T> == element_format::binary32 ||
                format_of_v<T> == element_format::binary64) {
    return static_cast<Compute>(element);
  } else {
    static_assert(sizeof(T) == 2 && std::is_trivially_copyable_v<T>,
                  "yarn: unknown element type: specialise yarn::format_of for it");
    std::uint16_t bits;
    std::memcpy(&bits, &element, sizeof bits);
    return static_cast<Compute>(format_of_v<T> == element_format::binary16 ? widen_binary16(bits)
                                                                           : widen_bfloat16(bits));
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// 16-bit floats one at a time, by integers: the same on every processor, denormals kept, infinities
// and overflow as IEEE has them, a NaN a quiet NaN, rounding to nearest even.
#ifndef YARN_DETAIL_BASE_FORMATS_HPP
#define YARN_DETAIL_BASE_FORMATS_HPP

#include "../../types.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

YARN_ALWAYS_INLINE float widen_bfloat16(std::uint16_t bits) {
  return bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

YARN_ALWAYS_INLINE float widen_binary16(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  std::uint32_t exponent = bits >> 10 & 0x1f;
  std::uint32_t fraction = bits & 0x3ff;
  if (exponent == 0x1f)
    return bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) {
    if (fraction == 0)
      return bit_cast<float>(sign);
    // A subnormal: shift its leading bit into the hidden place.
    exponent = 1;
    while ((fraction & 0x400) == 0) {
      fraction <<= 1;
      --exponent;
    }
    fraction &= 0x3ff;
  }
  return bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

YARN_ALWAYS_INLINE std::uint16_t narrow_bfloat16(float value) {
  const std::uint32_t bits = bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) // rounding could carry a NaN into infinity or zero
    return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

YARN_ALWAYS_INLINE std::uint16_t narrow_binary16(float value) {
  const std::uint32_t bits = bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return static_cast<std::uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x47800000u) // 65536 and infinity; what lies below may still round up to it
    return static_cast<std::uint16_t>(sign | 0x7c00);
  if (magnitude >= 0x38800000u) { // 2^-14: normal
    const std::uint32_t rebiased = magnitude - 0x38000000u;
    return static_cast<std::uint16_t>(sign | (rebiased + 0xfff + (rebiased >> 13 & 1)) >> 13);
  }
  if (magnitude < 0x33000000u) // less than half the smallest subnormal, 2^-25
    return static_cast<std::uint16_t>(sign);
  const std::uint32_t shift = 126 - (magnitude >> 23); // 14 to 24 bits leave
  const std::uint32_t fraction = (magnitude & 0x7fffffu) | 0x800000u;
  const std::uint32_t kept = fraction >> shift;
  const std::uint32_t rest = fraction & ((1u << shift) - 1);
  const std::uint32_t half = 1u << (shift - 1);
  return static_cast<std::uint16_t>(
      sign | (kept + (rest > half || (rest == half && (kept & 1) != 0) ? 1u : 0u)));
}

/// An element as the type that the rotation computes in.
template <class Compute, class T> YARN_ALWAYS_INLINE Compute widen(const T& element) {
  constexpr element_format format = format_of_v<T>;
  static_assert(format != element_format::unknown,
                "yarn: unknown element type: specialise yarn::format_of for it");
  if constexpr (format == element_format::binary32 || format == element_format::binary64) {
    return static_cast<Compute>(element);
  } else {
    static_assert(sizeof(T) == 2, "yarn: a 16-bit format has 2 bytes");
    std::uint16_t bits; // by its bytes: whatever the type is, nothing else may alias it
    std::memcpy(&bits, &element, sizeof bits);
    return static_cast<Compute>(format == element_format::binary16 ? widen_binary16(bits)
                                                                   : widen_bfloat16(bits));
  }
}

/// A computed value as an element, rounded once.
template <class T, class Compute> YARN_ALWAYS_INLINE void narrow(Compute value, T& element) {
  constexpr element_format format = format_of_v<T>;
  if constexpr (format == element_format::binary32 || format == element_format::binary64) {
    element = static_cast<T>(value);
  } else {
    float single = static_cast<float>(value);
    if constexpr (std::is_same_v<Compute, double>) {
      // Rounded to odd, so that the second rounding cannot see a tie that was none.
      if (static_cast<double>(single) != value && is_finite(value)) {
        std::uint32_t bits = bit_cast<std::uint32_t>(single);
        const double magnitude = value < 0 ? -value : value;
        if (static_cast<double>(bit_cast<float>(bits & 0x7fffffffu)) > magnitude)
          --bits;
        single = bit_cast<float>(bits | 1u);
      }
    }
    const std::uint16_t bits =
        format == element_format::binary16 ? narrow_binary16(single) : narrow_bfloat16(single);
    std::memcpy(static_cast<void*>(&element), &bits, sizeof bits);
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

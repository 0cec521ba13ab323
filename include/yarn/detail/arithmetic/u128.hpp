// SPDX-License-Identifier: MIT
// u128: an unsigned integer of 128 bits, as two 64-bit integers, for this folder and real.hpp.
#ifndef YARN_DETAIL_ARITHMETIC_U128_HPP
#define YARN_DETAIL_ARITHMETIC_U128_HPP

#include "../base/abi.hpp"

#include <cstdint>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

#if YARN_HAS_INT128
__extension__ typedef unsigned __int128 native_u128;
#endif

struct u128 {
  std::uint64_t hi;
  std::uint64_t lo;
};

constexpr bool operator==(u128 a, u128 b) { return a.hi == b.hi && a.lo == b.lo; }
constexpr bool operator<(u128 a, u128 b) { return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo; }

constexpr u128 operator+(u128 a, u128 b) {
  const std::uint64_t lo = a.lo + b.lo;
  return {a.hi + b.hi + (lo < a.lo ? 1u : 0u), lo};
}
constexpr u128 operator-(u128 a, u128 b) {
  return {a.hi - b.hi - (a.lo < b.lo ? 1u : 0u), a.lo - b.lo};
}

/// Shifts by any count >= 0. Bits that are shifted out are lost.
constexpr u128 operator<<(u128 a, int n) {
  if (n == 0)
    return a;
  if (n >= 128)
    return {0, 0};
  if (n >= 64)
    return {a.lo << (n - 64), 0};
  return {a.hi << n | a.lo >> (64 - n), a.lo << n};
}
constexpr u128 operator>>(u128 a, int n) {
  if (n == 0)
    return a;
  if (n >= 128)
    return {0, 0};
  if (n >= 64)
    return {0, a.hi >> (n - 64)};
  return {a.hi >> n, a.lo >> n | a.hi << (64 - n)};
}

constexpr int leading_zeros(std::uint64_t x) {
#if defined(__GNUC__)
  if (x != 0)
    return __builtin_clzll(x);
#endif
  int n = 0;
  for (int width = 32; width != 0; width /= 2)
    if (x >> (64 - width - n) == 0)
      n += width;
  return x == 0 ? 64 : n;
}
constexpr int leading_zeros(u128 x) {
  return x.hi != 0 ? leading_zeros(x.hi) : 64 + leading_zeros(x.lo);
}

/// The whole product of two 64-bit integers.
YARN_ALWAYS_INLINE u128 multiply(std::uint64_t a, std::uint64_t b) {
#if YARN_HAS_INT128
  const native_u128 product = static_cast<native_u128>(a) * b;
  return {static_cast<std::uint64_t>(product >> 64), static_cast<std::uint64_t>(product)};
#else
  const std::uint64_t low_mask = 0xffffffffu;
  const std::uint64_t a0 = a & low_mask, a1 = a >> 32, b0 = b & low_mask, b1 = b >> 32;
  const std::uint64_t p00 = a0 * b0, p01 = a0 * b1, p10 = a1 * b0, p11 = a1 * b1;
  const std::uint64_t middle = (p00 >> 32) + (p01 & low_mask) + (p10 & low_mask);
  return {p11 + (p01 >> 32) + (p10 >> 32) + (middle >> 32), middle << 32 | (p00 & low_mask)};
#endif
}

/// The upper half of the 256-bit product, rounded down.
YARN_ALWAYS_INLINE u128 multiply_high(u128 a, u128 b) {
  const u128 low = multiply(a.lo, b.lo);
  const u128 cross = multiply(a.hi, b.lo);
  const u128 other = multiply(a.lo, b.hi);
  const u128 middle = u128{0, low.hi} + u128{0, cross.lo} + u128{0, other.lo};
  return multiply(a.hi, b.hi) + u128{0, cross.hi} + u128{0, other.hi} + u128{0, middle.hi};
}

/// a / divisor, rounded down. 0 < divisor < 2^32.
constexpr u128 divide(u128 a, std::uint64_t divisor) {
#if YARN_HAS_INT128
  const native_u128 quotient = (static_cast<native_u128>(a.hi) << 64 | a.lo) / divisor;
  return {static_cast<std::uint64_t>(quotient >> 64), static_cast<std::uint64_t>(quotient)};
#else
  const std::uint64_t digits[4] = {a.hi >> 32, a.hi & 0xffffffffu, a.lo >> 32, a.lo & 0xffffffffu};
  std::uint64_t quotient[4] = {};
  std::uint64_t remainder = 0;
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t dividend = remainder << 32 | digits[i];
    quotient[i] = dividend / divisor;
    remainder = dividend % divisor;
  }
  return {quotient[0] << 32 | quotient[1], quotient[2] << 32 | quotient[3]};
#endif
}

/// a / divisor, rounded down. Requires a.hi < divisor.
inline std::uint64_t divide_wide(u128 a, std::uint64_t divisor) {
#if YARN_HAS_INT128
  return static_cast<std::uint64_t>((static_cast<native_u128>(a.hi) << 64 | a.lo) / divisor);
#else
  std::uint64_t quotient = 0, remainder = a.hi;
  for (int bit = 63; bit >= 0; --bit) {
    const bool carry = remainder >> 63 != 0;
    remainder = remainder << 1 | (a.lo >> bit & 1);
    if (carry || remainder >= divisor) {
      remainder -= divisor;
      quotient |= std::uint64_t{1} << bit;
    }
  }
  return quotient;
#endif
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

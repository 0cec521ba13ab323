// SPDX-License-Identifier: MIT
// The conversions of 16-bit formats. Widens all 65536 patterns, and compares with the definition
// and with Eigen's types. Rounds every value, every middle between two values, and the numbers next
// to the middle.
#include "../support/bits.hpp"

#include <Eigen/Core>
#include <gtest/gtest.h>
#include <yarn/detail/base/formats.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace {

using support::bits_of;

constexpr std::uint32_t n_patterns = 0x10000;

template <class T> T of_pattern(std::uint32_t pattern) {
  const auto bits = static_cast<std::uint16_t>(pattern);
  T value;
  static_assert(sizeof value == 2);
  std::memcpy(static_cast<void*>(&value), &bits, 2);
  return value;
}

TEST(half, binary16_is_widened_exactly) {
  for (std::uint32_t pattern = 0; pattern < n_patterns; ++pattern) {
    const float wide = yarn::detail::widen<float>(of_pattern<yarn::float16>(pattern));
    const auto exponent = static_cast<int>(pattern >> 10U & 31U);
    const auto fraction = static_cast<float>(pattern & 1023U);
    const bool negative = (pattern & 0x8000U) != 0;
    if (exponent == 31) { // infinity, or a NaN that keeps its payload in the leading bits
      ASSERT_EQ(bits_of(wide), (pattern & 0x8000U) << 16U | 0x7f800000U | (pattern & 1023U) << 13U);
    } else {
      const float size =
          exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
      ASSERT_EQ(bits_of(wide), bits_of(negative ? -size : size)) << pattern;
      ASSERT_EQ(bits_of(static_cast<float>(of_pattern<Eigen::half>(pattern))), bits_of(wide));
    }
    ASSERT_EQ(bits_of(yarn::detail::widen<float>(of_pattern<Eigen::half>(pattern))), bits_of(wide));
  }
}

TEST(half, bfloat16_is_widened_exactly) {
  for (std::uint32_t pattern = 0; pattern < n_patterns; ++pattern) {
    const float wide = yarn::detail::widen<float>(of_pattern<yarn::bfloat16>(pattern));
    ASSERT_EQ(bits_of(wide), pattern << 16U);
    ASSERT_EQ(bits_of(yarn::detail::widen<float>(of_pattern<Eigen::bfloat16>(pattern))),
              bits_of(wide));
  }
}

// ---- Rounding to 16 bits ------------------------------------------------------------------------

template <class T, class Compute> std::uint32_t narrowed(Compute value) {
  T element;
  yarn::detail::narrow(value, element);
  std::uint16_t bits = 0;
  std::memcpy(&bits, &element, sizeof bits);
  return bits;
}

/// Checks the rounding from 0 to infinity. `infinity` is the pattern of infinity, and
/// `beyond_largest` the number that would follow the largest one.
template <class T> void check_rounding(std::uint32_t infinity, double beyond_largest) {
  const auto value_of = [&](std::uint32_t pattern) {
    return pattern == infinity ? beyond_largest
                               : yarn::detail::widen<double>(of_pattern<T>(pattern));
  };
  for (std::uint32_t pattern = 0; pattern < infinity; ++pattern) {
    const double low = value_of(pattern), high = value_of(pattern + 1);
    const double middle = low + (high - low) / 2; // exact, also as a float
    const std::uint32_t even = pattern % 2 == 0 ? pattern : pattern + 1;
    const auto check = [&](double value, std::uint32_t expected) {
      ASSERT_EQ(narrowed<T>(value), expected) << value;
      ASSERT_EQ(narrowed<T>(-value), expected | 0x8000U) << -value;
      const auto single = static_cast<float>(value);
      if (static_cast<double>(single) - value == 0) { // only if the value is exact in float
        ASSERT_EQ(narrowed<T>(single), expected) << value;
        ASSERT_EQ(narrowed<T>(-single), expected | 0x8000U) << -value;
      }
    };
    check(low, pattern);
    check(middle, even);
    check(std::nextafter(middle, 0.0), pattern); // a double that a float would round to the tie
    check(std::nextafter(middle, high), pattern + 1);
    const auto single = static_cast<float>(middle);
    check(static_cast<double>(std::nextafter(single, 0.0F)), pattern);
    check(static_cast<double>(std::nextafter(single, static_cast<float>(high))), pattern + 1);
  }
}

TEST(half, binary16_is_rounded_to_nearest_even) {
  check_rounding<yarn::float16>(0x7c00, 65536);
  check_rounding<Eigen::half>(0x7c00, 65536);
}
TEST(half, bfloat16_is_rounded_to_nearest_even) {
  check_rounding<yarn::bfloat16>(0x7f80, 0x1p128);
  check_rounding<Eigen::bfloat16>(0x7f80, 0x1p128);
}

TEST(half, infinity_overflow_and_zero_keep_their_sign) {
  const float infinity = std::numeric_limits<float>::infinity();
  const auto check = [](auto value, std::uint32_t binary16, std::uint32_t bfloat16) {
    EXPECT_EQ(narrowed<yarn::float16>(value), binary16) << value;
    EXPECT_EQ(narrowed<yarn::bfloat16>(value), bfloat16) << value;
  };
  check(infinity, 0x7c00U, 0x7f80U);
  check(-infinity, 0xfc00U, 0xff80U);
  check(static_cast<double>(infinity), 0x7c00U, 0x7f80U);
  check(std::numeric_limits<float>::max(), 0x7c00U, 0x7f80U);
  check(1e300, 0x7c00U, 0x7f80U);
  check(-1e300, 0xfc00U, 0xff80U);
  check(0.0F, 0U, 0U);
  check(-0.0F, 0x8000U, 0x8000U);
  check(1e-300, 0U, 0U);
  check(-1e-300, 0x8000U, 0x8000U);
}

// Rounding must not turn a NaN with a small payload into infinity, must not carry a payload of all
// ones into the sign, which would give zero, and must not leave a signalling NaN (the first bit of
// the payload is 0).
TEST(half, nan_becomes_a_quiet_nan_of_the_same_sign) {
  const auto check = [](auto nan, std::uint32_t sign, std::uint32_t payload) {
    const std::uint32_t as_binary16 = narrowed<yarn::float16>(nan);
    const std::uint32_t as_bfloat16 = narrowed<yarn::bfloat16>(nan);
    ASSERT_EQ(as_binary16 & 0x7e00U, 0x7e00U) << payload;
    ASSERT_EQ(as_bfloat16 & 0x7fc0U, 0x7fc0U) << payload;
    ASSERT_EQ(as_binary16 >> 15U, sign) << payload;
    ASSERT_EQ(as_bfloat16 >> 15U, sign) << payload;
  };
  const auto check_payload = [&](std::uint32_t payload) {
    for (const std::uint32_t sign : {0U, 1U}) {
      check(support::from_bits<float>(sign << 31U | 0x7f800000U | payload), sign, payload);
      check(support::from_bits<double>(std::uint64_t{sign} << 63U | std::uint64_t{0x7ff} << 52U |
                                       std::uint64_t{payload} << 29U | payload),
            sign, payload);
    }
  };
  for (unsigned bit = 0; bit < 23; ++bit) {
    check_payload(1U << bit);
    check_payload(0x7fffffU >> bit);
    check_payload(0x7fffffU ^ 1U << bit);
  }
  for (std::uint32_t payload = 1; payload < 0x800000U; payload = payload * 3 + 1) {
    check_payload(payload);
  }
}

TEST(half, wider_types_are_converted) {
  EXPECT_EQ(yarn::detail::widen<double>(of_pattern<yarn::float16>(1)), 0x1p-24);
  EXPECT_EQ(yarn::detail::widen<double>(of_pattern<yarn::bfloat16>(0x3fc0)), 1.5);
  EXPECT_EQ(yarn::detail::widen<double>(0.1F), static_cast<double>(0.1F));
  EXPECT_EQ(yarn::detail::widen<float>(0.1), 0.1F); // rounded
  EXPECT_EQ(yarn::detail::widen<float>(0.1F), 0.1F);
}

#if defined(__FLT16_MANT_DIG__) &&                                                                 \
    (defined(__clang__) || __GNUC__ >= 13 || (__GNUC__ == 12 && defined(__SSE2__)))
TEST(half, float16_of_the_compiler_is_widened_exactly) {
  for (std::uint32_t pattern = 0; pattern < n_patterns; ++pattern) {
    const auto value = of_pattern<_Float16>(pattern);
    const float wide = yarn::detail::widen<float>(value);
    if (!std::isnan(wide)) {
      ASSERT_EQ(bits_of(wide), bits_of(static_cast<float>(value))) << pattern;
    }
  }
}
#endif

} // namespace

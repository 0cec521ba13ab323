// SPDX-License-Identifier: MIT
// The conversions from 16-bit formats: all 65536 patterns of each, against their definition and
// against Eigen's types.
#include "support/bits.hpp"

#include <Eigen/Core>
#include <gtest/gtest.h>
#include <yarn/detail/half.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>

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
    if (exponent == 31) { // infinity, or a NaN with the same bits in front
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

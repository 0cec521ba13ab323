// SPDX-License-Identifier: MIT
// Compares conversions of single 16-bit elements (detail/base/formats.hpp) with the definition of
// the formats: widens every code of both formats, rounds every float to both formats, and rounds
// doubles at every rounding boundary.
#include "../support/bits.hpp"
#include "../support/half_formats.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <type_traits>
#include <vector>

namespace {

namespace detail = yarn::detail;
using support::binary16_format;
using support::bits_of;
using support::first_float_of;
using support::from_bits;
using support::is_slow_build;
using support::random_double;
using support::random_source;

template <class Format> class half : public ::testing::Test {};
TYPED_TEST_SUITE(half, support::formats, support::format_names);

TYPED_TEST(half, definition_gives_the_known_values) {
  using defined = typename TypeParam::defined;
  EXPECT_EQ(defined::value(0), 0);
  if constexpr (std::is_same_v<TypeParam, binary16_format>) {
    EXPECT_EQ(defined::value(0x3c00), 1);
    EXPECT_EQ(defined::value(0x7bff), 65504);
    EXPECT_EQ(defined::value(0x0001), 0x1p-24);
    EXPECT_EQ(defined::value(0x0400), 0x1p-14);
    EXPECT_EQ(defined::infinity, 0x7c00U);
  } else {
    EXPECT_EQ(defined::value(0x3f80), 1);
    EXPECT_EQ(defined::value(0x7f7f), 0x1.fep127);
    EXPECT_EQ(defined::value(0x0001), 0x1p-133);
    EXPECT_EQ(defined::value(0x0080), 0x1p-126);
    EXPECT_EQ(defined::infinity, 0x7f80U);
  }
}

// ---- Widening ---------------------------------------------------------------------------------

TYPED_TEST(half, every_code_widens_to_its_value) {
  using defined = typename TypeParam::defined;
  for (unsigned code = 0; code <= 0xffff; ++code) {
    const auto bits = static_cast<std::uint16_t>(code);
    const float wide = TypeParam::widen(bits);
    const typename TypeParam::element element{bits};
    ASSERT_EQ(bits_of(detail::widen<float>(element)), bits_of(wide)) << code;
    if (defined::is_nan(code)) {
      EXPECT_TRUE(std::isnan(wide)) << code;
      EXPECT_TRUE(std::isnan(detail::widen<double>(element))) << code;
      EXPECT_EQ(std::signbit(wide), code >= 0x8000) << code;
      continue;
    }
    const unsigned magnitude = code & 0x7fffU;
    const double value =
        std::copysign(magnitude == defined::infinity ? std::numeric_limits<double>::infinity()
                                                     : defined::value(magnitude),
                      code >= 0x8000 ? -1.0 : 1.0);
    ASSERT_EQ(bits_of(wide), bits_of(static_cast<float>(value))) << code;
    ASSERT_EQ(bits_of(detail::widen<double>(element)), bits_of(value)) << code;
    ASSERT_EQ(TypeParam::narrow(wide), bits) << code;
  }
}

// ---- Narrowing floats -------------------------------------------------------------------------

/// The number of floats in [first, last] that are not rounded to `code`. Slow builds test only the
/// ends and every 509th float between them.
template <class Format>
std::uint64_t count_wrong(std::uint32_t first, std::uint32_t last, unsigned code) {
  constexpr std::uint32_t ends = 4;
  constexpr std::uint32_t step = is_slow_build ? 509 : 1;
  std::uint64_t wrong = 0;
  for (std::uint32_t bits = first; bits <= last;) {
    wrong += Format::narrow(from_bits<float>(bits)) == code ? 0U : 1U;
    const bool is_inside = bits - first >= ends && last - bits > step + ends;
    bits += step > 1 && is_inside ? step : 1;
  }
  return wrong;
}

TYPED_TEST(half, every_float_is_rounded_to_nearest_even) {
  using defined = typename TypeParam::defined;
  std::printf("floats between boundaries: %s\n", is_slow_build ? "every 509th" : "all");
  constexpr std::uint32_t float_infinity = 0x7f800000U;
  constexpr std::uint32_t minus = 0x80000000U;
  for (unsigned code = 0; code <= defined::infinity; ++code) {
    const std::uint32_t first = first_float_of<TypeParam>(code);
    const std::uint32_t last =
        code == defined::infinity ? float_infinity : first_float_of<TypeParam>(code + 1) - 1;
    ASSERT_LE(first, last);
    ASSERT_EQ(count_wrong<TypeParam>(first, last, code), 0U) << "to " << code;
    ASSERT_EQ(count_wrong<TypeParam>(first | minus, last | minus, code | 0x8000U), 0U)
        << "to " << (code | 0x8000U);
  }
}

TYPED_TEST(half, every_nan_stays_a_quiet_nan) {
  constexpr std::uint32_t step = is_slow_build ? 509 : 1;
  std::uint64_t n_wrong = 0;
  for (std::uint32_t fraction = 1; fraction < 0x800000; fraction += step) {
    for (const std::uint32_t sign : {0U, 1U}) {
      const auto nan = from_bits<float>(sign << 31U | 0x7f800000U | fraction);
      const std::uint16_t bits = TypeParam::narrow(nan);
      const bool is_right = TypeParam::defined::is_quiet_nan(bits) && bits >> 15U == sign;
      n_wrong += is_right ? 0U : 1U;
    }
  }
  EXPECT_EQ(n_wrong, 0U);
}

// ---- Narrowing doubles: rounded once ----------------------------------------------------------

template <class Format> unsigned narrowed(double value) {
  typename Format::element element{0};
  detail::narrow(value, element);
  return element.bits;
}

/// Expects that a magnitude is rounded to a code, with both signs.
template <class Format> void expect_narrowed(double magnitude, unsigned code) {
  ASSERT_EQ(narrowed<Format>(magnitude), code) << std::hexfloat << magnitude;
  ASSERT_EQ(narrowed<Format>(-magnitude), code | 0x8000U) << std::hexfloat << -magnitude;
}

// Tests doubles at a boundary and at relative distances from the next double up to 2^-14. At
// distances of 2^-25 and less, rounding to float first would give a tie.
TYPED_TEST(half, doubles_beside_a_boundary_are_rounded_once) {
  using defined = typename TypeParam::defined;
  for (unsigned code = 1; code <= defined::infinity; ++code) {
    const double boundary = defined::boundary(code);
    expect_narrowed<TypeParam>(boundary, code % 2 == 0 ? code : code - 1);
    expect_narrowed<TypeParam>(std::nextafter(boundary, 0), code - 1);
    for (int power = 14; power <= 52; ++power) {
      const double step = std::ldexp(boundary, -power);
      expect_narrowed<TypeParam>(boundary - step, code - 1);
      expect_narrowed<TypeParam>(boundary + step, code);
    }
    if (code < defined::infinity) {
      const double value = defined::value(code);
      expect_narrowed<TypeParam>(value, code);
      expect_narrowed<TypeParam>(std::nextafter(value, 0), code);
      expect_narrowed<TypeParam>(std::nextafter(value, 1e300), code);
    }
    ASSERT_FALSE(this->HasFatalFailure()) << "between " << code - 1 << " and " << code;
  }
}

TYPED_TEST(half, doubles_beyond_float_are_rounded_once) {
  using defined = typename TypeParam::defined;
  for (const double tiny : {0.0, 0x1p-1074, 0x1p-1022, 0x1p-200, 0x1p-151, 0x1p-150, 0x1.8p-150,
                            0x1p-149, 0x1.8p-149, 0x1p-136}) {
    expect_narrowed<TypeParam>(tiny, 0);
  }
  for (const double huge : {0x1p128, 0x1.ffffffp127, 0x1p129, 0x1p1023, 0x1.fffffffffffffp1023,
                            std::numeric_limits<double>::infinity()}) {
    expect_narrowed<TypeParam>(huge, defined::infinity);
  }
  for (const std::uint64_t fraction :
       {std::uint64_t{1}, std::uint64_t{1} << 29U, (std::uint64_t{1} << 51U) - 1,
        std::uint64_t{1} << 51U, (std::uint64_t{1} << 52U) - 1}) {
    for (const std::uint64_t sign : {0U, 1U}) {
      const auto nan = from_bits<double>(sign << 63U | std::uint64_t{0x7ff} << 52U | fraction);
      const unsigned code = narrowed<TypeParam>(nan);
      EXPECT_TRUE(defined::is_quiet_nan(code)) << std::hex << fraction;
      EXPECT_EQ(code >> 15U, sign) << std::hex << fraction;
    }
  }
}

TYPED_TEST(half, random_doubles_are_rounded_once) {
  using defined = typename TypeParam::defined;
  std::vector<double> boundaries; // boundaries[i] lies between codes i and i + 1
  for (unsigned code = 1; code <= defined::infinity; ++code) {
    boundaries.push_back(defined::boundary(code));
  }
  random_source random(1);
  for (int i = 0; i < (is_slow_build ? 100000 : 10000000); ++i) {
    const double value = random_double(random);
    const double size = std::fabs(value);
    const auto above = std::lower_bound(boundaries.begin(), boundaries.end(), size);
    auto code = static_cast<unsigned>(above - boundaries.begin());
    if (above != boundaries.end() && *above == size && code % 2 != 0) {
      ++code; // a tie
    }
    ASSERT_EQ(narrowed<TypeParam>(value), code | (std::signbit(value) ? 0x8000U : 0U))
        << std::hexfloat << value;
  }
}

} // namespace

// SPDX-License-Identifier: MIT
// The 8-bit floats: every code, every rounding boundary, and rotations of such elements. A new
// format in detail/base/formats.hpp needs the same tests.
#include "support/expect_error.hpp"

#include <yarn/detail/base/formats.hpp>
#include <yarn/rope.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace {

using yarn::pairing;

// The formats by the definition (OCP 8-bit floating point specification): the bits of the fraction,
// the bias, the code of the largest number, this number, and the smallest number. Larger codes are
// NaN, apart from the infinity of E5M2.
struct e4m3 {
  using element = yarn::float8_e4m3;
  static constexpr yarn::element_format format = yarn::element_format::float8_e4m3;
  static constexpr int fraction_bits = 3, bias = 7, largest_code = 0x7e;
  static constexpr double largest = 448, smallest = 0x1p-9;
  static constexpr const char* name = "float8_e4m3";
  static bool is_infinity(int /*code*/) { return false; }
};
struct e5m2 {
  using element = yarn::float8_e5m2;
  static constexpr yarn::element_format format = yarn::element_format::float8_e5m2;
  static constexpr int fraction_bits = 2, bias = 15, largest_code = 0x7b;
  static constexpr double largest = 57344, smallest = 0x1p-16;
  static constexpr const char* name = "float8_e5m2";
  static bool is_infinity(int code) { return (code & 0x7f) == 0x7c; }
};

template <class Format> class float8 : public ::testing::Test {};
struct format_names {
  template <class Format> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return Format::name;
  }
};
using formats = ::testing::Types<e4m3, e5m2>;
TYPED_TEST_SUITE(float8, formats, format_names);

// The value of a code of a finite number.
template <class Format> double value_of_code(int code) {
  const int exponent = (code & 0x7f) >> Format::fraction_bits;
  const double fraction =
      std::ldexp(code & ((1 << Format::fraction_bits) - 1), -Format::fraction_bits);
  const double magnitude = exponent == 0 ? std::ldexp(fraction, 1 - Format::bias)
                                         : std::ldexp(1 + fraction, exponent - Format::bias);
  return (code & 0x80) != 0 ? -magnitude : magnitude;
}

template <class Format, class Compute> int code_of(Compute value) {
  typename Format::element element{0x55};
  yarn::detail::narrow(value, element);
  return element.bits;
}

// The nearest code of a number, ties to the even code, found by a search over all finite codes.
template <class Format> int nearest_code(double value) {
  int best = 0;
  double best_distance = std::numeric_limits<double>::infinity();
  const double size = std::min(std::fabs(value), Format::largest);
  for (int code = 0; code <= Format::largest_code; ++code) {
    const double distance = std::fabs(size - value_of_code<Format>(code));
    if (distance < best_distance || (!(distance > best_distance) && code % 2 == 0)) {
      best = code;
      best_distance = distance;
    }
  }
  return std::signbit(value) ? best | 0x80 : best;
}

TYPED_TEST(float8, widens_every_code) {
  for (int code = 0; code < 256; ++code) {
    const typename TypeParam::element element{static_cast<std::uint8_t>(code)};
    const auto value = yarn::detail::widen<float>(element);
    EXPECT_EQ(std::signbit(value), code >= 0x80) << code;
    if (TypeParam::is_infinity(code)) {
      EXPECT_TRUE(std::isinf(value)) << code;
    } else if ((code & 0x7f) > TypeParam::largest_code) {
      EXPECT_TRUE(std::isnan(value)) << code;
    } else {
      EXPECT_EQ(static_cast<double>(value), value_of_code<TypeParam>(code)) << code;
      EXPECT_EQ(code_of<TypeParam>(value), code);
      EXPECT_EQ(code_of<TypeParam>(static_cast<double>(value)), code);
    }
  }
  EXPECT_EQ(value_of_code<TypeParam>(TypeParam::largest_code), TypeParam::largest);
  EXPECT_EQ(value_of_code<TypeParam>(0x01), TypeParam::smallest);
}

TYPED_TEST(float8, rounds_at_every_boundary_to_nearest_even) {
  const auto code_of_float = [](float value) { return code_of<TypeParam>(value); };
  const auto code_of_double = [](double value) { return code_of<TypeParam>(value); };
  for (int code = 0; code < TypeParam::largest_code; ++code) {
    const double middle = (value_of_code<TypeParam>(code) + value_of_code<TypeParam>(code + 1)) / 2;
    const int even = code % 2 == 0 ? code : code + 1;
    const auto single = static_cast<float>(middle); // exact
    EXPECT_EQ(code_of_float(single), even) << code;
    EXPECT_EQ(code_of_float(-single), even | 0x80) << code;
    EXPECT_EQ(code_of_float(std::nextafter(single, 0.0F)), code);
    EXPECT_EQ(code_of_float(std::nextafter(single, 1e6F)), code + 1);
    // These doubles are nearer to the boundary than any float. Rounding them to float first would
    // give a tie.
    EXPECT_EQ(code_of_double(middle), even);
    EXPECT_EQ(code_of_double(std::nextafter(middle, 0.0)), code);
    EXPECT_EQ(code_of_double(std::nextafter(middle, 1e6)), code + 1);
    EXPECT_EQ(code_of_double(-std::nextafter(middle, 1e6)), (code + 1) | 0x80);
  }
}

TYPED_TEST(float8, rounds_random_numbers_to_the_nearest_code) {
  std::mt19937 random(3);
  for (int i = 0; i < 200000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random());
    float value;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value))
      continue;
    ASSERT_EQ(code_of<TypeParam>(value), nearest_code<TypeParam>(static_cast<double>(value)))
        << value;
    const double small = std::ldexp(static_cast<double>(random()), -32 - static_cast<int>(i % 20));
    ASSERT_EQ(code_of<TypeParam>(small), nearest_code<TypeParam>(small)) << small;
  }
}

TYPED_TEST(float8, saturates_and_keeps_nan) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr auto largest = static_cast<float>(TypeParam::largest);
  constexpr int code = TypeParam::largest_code;
  // Without saturation, numbers above this middle would not round to the largest number, which is
  // 1.75 * 2^e in both formats. Nor would the middle itself in E5M2, whose largest code is odd.
  constexpr float middle = largest + largest / (3.5F * (1 << TypeParam::fraction_bits));
  for (const float value : {std::nextafter(largest, infinity), std::nextafter(middle, 0.0F), middle,
                            std::nextafter(middle, infinity), 2 * largest,
                            std::numeric_limits<float>::max(), infinity}) {
    EXPECT_EQ(code_of<TypeParam>(value), code) << value;
    EXPECT_EQ(code_of<TypeParam>(-value), code | 0x80) << value;
    EXPECT_EQ(code_of<TypeParam>(static_cast<double>(value)), code) << value;
  }
  EXPECT_EQ(code_of<TypeParam>(1e300), code);
  EXPECT_EQ(code_of<TypeParam>(std::numeric_limits<float>::quiet_NaN()), 0x7f);
  EXPECT_EQ(code_of<TypeParam>(-std::numeric_limits<float>::quiet_NaN()), 0xff);
  EXPECT_EQ(code_of<TypeParam>(std::numeric_limits<double>::quiet_NaN()) & 0x7f, 0x7f);
  EXPECT_EQ(code_of<TypeParam>(0.0F), 0);
  EXPECT_EQ(code_of<TypeParam>(-0.0F), 0x80);
  EXPECT_EQ(code_of<TypeParam>(std::numeric_limits<float>::denorm_min()), 0);
}

TYPED_TEST(float8, is_in_the_table_of_formats) {
  using traits = yarn::detail::element_traits<const typename TypeParam::element>;
  EXPECT_EQ(traits::digits, TypeParam::fraction_bits + 1);
  EXPECT_STREQ(traits::name, TypeParam::name);
  const int size = yarn::detail::with_format(TypeParam::format, [](auto format) {
    return static_cast<int>(sizeof(typename decltype(format)::storage));
  });
  EXPECT_EQ(size, 1);
}

TEST(table_of_formats, refuses_numbers_that_are_no_format) {
  // `unknown`, and the first number after the last format.
  for (const int i : {static_cast<int>(yarn::element_format::unknown), yarn::detail::n_formats})
    support::expect_error<std::invalid_argument>(
        [i] {
          return yarn::detail::with_format(static_cast<yarn::element_format>(i),
                                           [](auto format) { return decltype(format)::digits; });
        },
        {"element format is unknown"});
}

// The rotation computes in float and rounds once. So it equals a conversion to float, a rotation
// and a conversion back.
TYPED_TEST(float8, rotation_equals_the_float_rotation_rounded_once) {
  using element = typename TypeParam::element;
  constexpr std::int64_t tokens = 5, heads = 3, dim = 76, rotary_dim = 70;
  yarn::rope_shape shape;
  shape.head_dim = dim;
  shape.rotary_dim = rotary_dim;
  shape.rope_theta = 10000.0;
  const yarn::frequencies freqs = yarn::make_frequencies(shape, yarn::default_scaling{});
  const auto rows = yarn::rows_of(freqs, yarn::positions_from(1000));
  for (const pairing order : {pairing::half_split, pairing::interleaved}) {
    std::mt19937 random(5);
    std::vector<element> data(tokens * heads * dim);
    for (element& e : data)
      e.bits = static_cast<std::uint8_t>(random() % 0x78 + (random() % 2) * 0x80);
    std::vector<float> wide(data.size());
    for (std::size_t i = 0; i < data.size(); ++i)
      wide[i] = static_cast<float>(value_of_code<TypeParam>(data[i].bits));
    std::vector<element> copied(data.size());
    yarn::rope_copy(yarn::heads_view{wide.data(), tokens, heads, dim},
                    yarn::heads_view{copied.data(), tokens, heads, dim}, rows, order);
    yarn::rope_apply(yarn::heads_view{wide.data(), tokens, heads, dim}, rows, order);
    yarn::rope_apply(yarn::heads_view{data.data(), tokens, heads, dim}, rows, order);
    for (std::size_t i = 0; i < data.size(); ++i) {
      ASSERT_EQ(data[i].bits, nearest_code<TypeParam>(static_cast<double>(wide[i]))) << i;
      ASSERT_EQ(copied[i].bits, data[i].bits) << i;
    }
  }
}

} // namespace

// SPDX-License-Identifier: MIT
// float8_e4m3: every code, every rounding boundary, and rotations of such elements. A new format in
// detail/base/formats.hpp needs the same tests.
#include "support/expect_error.hpp"

#include <yarn/detail/base/formats.hpp>
#include <yarn/rope.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace {

using yarn::float8_e4m3;
using yarn::pairing;

// The value of a code by the definition (OCP 8-bit floating point specification, E4M3): the
// exponent bias is 7, codes 0x7f and 0xff are NaN, and there is no infinity.
double value_of_code(int code) {
  const int exponent = code >> 3 & 15, fraction = code & 7;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction / 8.0, -6) : std::ldexp(1 + fraction / 8.0, exponent - 7);
  return (code & 0x80) != 0 ? -magnitude : magnitude;
}

template <class Compute> int code_of(Compute value) {
  float8_e4m3 element{0x55};
  yarn::detail::narrow(value, element);
  return element.bits;
}

// The nearest code of a finite number, ties to the even code, found by a search over all codes.
int nearest_code(double value) {
  int best = 0;
  double best_distance = std::numeric_limits<double>::infinity();
  for (int code = 0; code < 0x7f; ++code) {
    const double distance = std::fabs(std::fabs(value) - value_of_code(code));
    if (distance < best_distance || (!(distance > best_distance) && code % 2 == 0)) {
      best = code;
      best_distance = distance;
    }
  }
  return std::signbit(value) ? best | 0x80 : best;
}

TEST(float8, widens_every_code) {
  for (int code = 0; code < 256; ++code) {
    const float8_e4m3 element{static_cast<std::uint8_t>(code)};
    const auto value = yarn::detail::widen<float>(element);
    EXPECT_EQ(std::signbit(value), code >= 0x80) << code;
    if ((code & 0x7f) == 0x7f) {
      EXPECT_TRUE(std::isnan(value)) << code;
    } else {
      EXPECT_EQ(static_cast<double>(value), value_of_code(code)) << code;
      EXPECT_EQ(code_of(value), code);
      EXPECT_EQ(code_of(static_cast<double>(value)), code);
    }
  }
  EXPECT_EQ(value_of_code(0x7e), 448.0);
  EXPECT_EQ(value_of_code(0x01), 0x1p-9);
}

TEST(float8, rounds_at_every_boundary_to_nearest_even) {
  for (int code = 0; code < 0x7e; ++code) {
    const double middle = (value_of_code(code) + value_of_code(code + 1)) / 2;
    const int even = code % 2 == 0 ? code : code + 1;
    const auto single = static_cast<float>(middle); // exact
    EXPECT_EQ(code_of(single), even) << code;
    EXPECT_EQ(code_of(-single), even | 0x80) << code;
    EXPECT_EQ(code_of(std::nextafter(single, 0.0F)), code);
    EXPECT_EQ(code_of(std::nextafter(single, 1000.0F)), code + 1);
    // These doubles are nearer to the boundary than any float. Rounding them to float first would
    // give a tie.
    EXPECT_EQ(code_of(middle), even);
    EXPECT_EQ(code_of(std::nextafter(middle, 0.0)), code);
    EXPECT_EQ(code_of(std::nextafter(middle, 1000.0)), code + 1);
    EXPECT_EQ(code_of(-std::nextafter(middle, 1000.0)), (code + 1) | 0x80);
  }
}

TEST(float8, rounds_random_numbers_to_the_nearest_code) {
  std::mt19937 random(3);
  for (int i = 0; i < 200000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random());
    float value;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value))
      continue;
    ASSERT_EQ(code_of(value), nearest_code(static_cast<double>(value))) << value;
    const double small = std::ldexp(static_cast<double>(random()), -32 - static_cast<int>(i % 12));
    ASSERT_EQ(code_of(small), nearest_code(small)) << small;
  }
}

TEST(float8, saturates_and_keeps_nan) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const float value :
       {449.0F, 463.9F, 464.0F, 1e6F, std::numeric_limits<float>::max(), infinity}) {
    EXPECT_EQ(code_of(value), 0x7e) << value;
    EXPECT_EQ(code_of(-value), 0xfe) << value;
    EXPECT_EQ(code_of(static_cast<double>(value)), 0x7e) << value;
  }
  EXPECT_EQ(code_of(1e300), 0x7e);
  EXPECT_EQ(code_of(std::numeric_limits<float>::quiet_NaN()), 0x7f);
  EXPECT_EQ(code_of(-std::numeric_limits<float>::quiet_NaN()), 0xff);
  EXPECT_EQ(code_of(std::numeric_limits<double>::quiet_NaN()) & 0x7f, 0x7f);
  EXPECT_EQ(code_of(0.0F), 0);
  EXPECT_EQ(code_of(-0.0F), 0x80);
  EXPECT_EQ(code_of(std::numeric_limits<float>::denorm_min()), 0);
}

TEST(float8, is_in_the_table_of_formats) {
  using traits = yarn::detail::element_traits<const float8_e4m3>;
  EXPECT_EQ(traits::digits, 4);
  EXPECT_STREQ(traits::name, "float8_e4m3");
  const int size = yarn::detail::with_format(yarn::element_format::float8_e4m3, [](auto format) {
    return static_cast<int>(sizeof(typename decltype(format)::storage));
  });
  EXPECT_EQ(size, 1);
  // Numbers that are no format: `unknown`, and the first number after the last format.
  for (const int i : {static_cast<int>(yarn::element_format::unknown), yarn::detail::n_formats})
    support::expect_error<std::invalid_argument>(
        [i] {
          return yarn::detail::with_format(static_cast<yarn::element_format>(i),
                                           [](auto format) { return decltype(format)::digits; });
        },
        {"unknown element format"});
}

class float8_rotation : public ::testing::TestWithParam<pairing> {};
INSTANTIATE_TEST_SUITE_P(of, float8_rotation,
                         ::testing::Values(pairing::half_split, pairing::interleaved));

// The rotation computes in float and rounds once. So it equals a conversion to float, a rotation
// and a conversion back.
TEST_P(float8_rotation, equals_the_float_rotation_rounded_once) {
  constexpr std::int64_t tokens = 5, heads = 3, dim = 76, rotary_dim = 70;
  yarn::rope_shape shape;
  shape.head_dim = dim;
  shape.rotary_dim = rotary_dim;
  shape.rope_theta = 10000.0;
  const yarn::frequencies freqs = yarn::make_frequencies(shape, yarn::default_scaling{});
  std::mt19937 random(5);
  std::vector<float8_e4m3> data(tokens * heads * dim);
  for (float8_e4m3& element : data)
    element.bits = static_cast<std::uint8_t>(random() % 0x78 + (random() % 2) * 0x80);
  std::vector<float> wide(data.size());
  for (std::size_t i = 0; i < data.size(); ++i)
    wide[i] = static_cast<float>(value_of_code(data[i].bits));
  const auto rows = yarn::rows_of(freqs, yarn::positions_from(1000));
  std::vector<float8_e4m3> copied(data.size());
  yarn::rope_copy(yarn::heads_view{wide.data(), tokens, heads, dim},
                  yarn::heads_view{copied.data(), tokens, heads, dim}, rows, GetParam());
  yarn::rope_apply(yarn::heads_view{wide.data(), tokens, heads, dim}, rows, GetParam());
  yarn::rope_apply(yarn::heads_view{data.data(), tokens, heads, dim}, rows, GetParam());
  for (std::size_t i = 0; i < data.size(); ++i) {
    ASSERT_EQ(data[i].bits, nearest_code(static_cast<double>(wide[i]))) << i;
    ASSERT_EQ(copied[i].bits, data[i].bits) << i;
  }
}

} // namespace

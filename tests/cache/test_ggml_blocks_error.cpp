// SPDX-License-Identifier: MIT
// The error bounds of ggml_blocks.hpp. They also hold with -ffast-math, where bytes may differ.
#include "support/ggml_blocks.hpp"

#include <yarn/ggml_blocks.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace {

using support::block_kind;
using support::block_of_floats;

/// What a bound depends on.
struct block_size {
  long double largest = 0; // magnitude
  long double low = HUGE_VALL, high = -HUGE_VALL;
};
block_size size_of(const block_of_floats& x) {
  block_size s;
  for (const float element : x) {
    const long double value = element;
    s.largest = std::fmax(s.largest, std::fabs(value));
    s.low = std::fmin(s.low, value);
    s.high = std::fmax(s.high, value);
  }
  return s;
}

constexpr long double half_ulp = 0x1p-11L;  // of binary16, relative
constexpr long double half_step = 0x1p-25L; // half the distance of subnormal numbers

/// The bound of formats with a scale only: the magnitude times `relative`, and the error of a
/// subnormal scale.
long double bound_of_scale(const block_size& s, long double relative, long double largest_code) {
  return s.largest * relative + largest_code * half_step;
}
/// The bound of formats with a minimum and codes up to `largest_code`.
long double bound_of_range(const block_size& s, long double largest_code) {
  const long double range = s.high - s.low;
  return range / (2 * largest_code) + (range + std::fabs(s.low)) * half_ulp +
         (largest_code + 1) * half_step;
}

/// Checks a bound on many blocks. The largest error must be at least `reached` of the bound. This
/// shows that the bound is not too large to find an error.
template <class Format, class Bound>
void expect_bound(const Format& format, Bound bound, long double reached) {
  support::random_source random(31);
  long double worst = 0;
  for (int kind = 0; kind < static_cast<int>(block_kind::any_bits); ++kind)
    for (int i = 0; i < 2000; ++i) {
      const block_of_floats x = support::random_block(static_cast<block_kind>(kind), random);
      const block_size s = size_of(x);
      if (s.largest > 60000)
        continue; // a minimum in binary16 could overflow
      unsigned char head[64];
      block_of_floats y;
      format.encode(x.data(), 32, head, {0, 0});
      format.decode(head, 32, y.data(), {0, 0});
      for (std::size_t at = 0; at < 32; ++at) {
        const long double error =
            std::fabs(static_cast<long double>(y[at]) - static_cast<long double>(x[at]));
        ASSERT_LE(error, bound(s)) << "kind " << kind << ", block " << i << ", element " << x[at];
        worst = std::fmax(worst, bound(s) > 0 ? error / bound(s) : 0);
      }
    }
  EXPECT_GE(worst, reached);
  ::testing::Test::RecordProperty("reached", std::to_string(static_cast<double>(worst)));
}

TEST(ggml_block_error, of_q8_0_is_within_its_bound) {
  const auto bound = [](const block_size& s) {
    return bound_of_scale(s, 1 / 254.0L + half_ulp, 127);
  };
  expect_bound(yarn::q8_0{}, bound, 0.95L);
  expect_bound(yarn::q8_0(yarn::q8_0_writer::avx), bound, 0.95L);
}
TEST(ggml_block_error, of_q4_0_is_within_its_bound) {
  expect_bound(
      yarn::q4_0{}, [](const block_size& s) { return bound_of_scale(s, 1 / 8.0L + half_ulp, 8); },
      0.99L);
}
TEST(ggml_block_error, of_q5_0_is_within_its_bound) {
  expect_bound(
      yarn::q5_0{}, [](const block_size& s) { return bound_of_scale(s, 1 / 16.0L + half_ulp, 16); },
      0.99L);
}
TEST(ggml_block_error, of_q4_1_is_within_its_bound) {
  expect_bound(
      yarn::q4_1{}, [](const block_size& s) { return bound_of_range(s, 15); }, 0.95L);
}
TEST(ggml_block_error, of_q5_1_is_within_its_bound) {
  expect_bound(
      yarn::q5_1{}, [](const block_size& s) { return bound_of_range(s, 31); }, 0.95L);
}

TEST(ggml_block_error, of_iq4_nl_is_within_its_bound) {
  const auto bound = [](const block_size& s) { return bound_of_scale(s, 0.204L, 127); };
  expect_bound(yarn::iq4_nl{}, bound, 0.85L);
  // The worst block: -127 makes the first scale 1. The elements 127 have the code of 113, so the
  // scale that is fitted to them is 1.112. The element just beyond the middle between -127 and -104
  // is decoded as -127 times this scale.
  block_of_floats x;
  x.fill(127);
  x[0] = -127;
  x[1] = -115.501F;
  unsigned char head[18];
  block_of_floats y;
  yarn::iq4_nl{}.encode(x.data(), 32, head, {0, 0});
  yarn::iq4_nl{}.decode(head, 32, y.data(), {0, 0});
  const long double error = std::fabs(static_cast<long double>(y[1]) - x[1]);
  EXPECT_LE(error, bound(size_of(x)));
  EXPECT_GE(error, 0.2L * 127);
}

} // namespace

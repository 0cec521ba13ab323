// SPDX-License-Identifier: MIT
// Phases are rounded to nearest, and points on the circle are exact to 120 bits. The tests
// recompute every constant with the oracle.
#include "../support/bits.hpp"
#include "../support/exact_real.hpp"
#include "../support/wide_real.hpp"

#include <gtest/gtest.h>
#include <yarn/detail/arithmetic/phase.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

namespace {

using support::are_identical;
using support::error;
using support::maximum;
using support::nearest_integer;
using yarn::real;
using yarn::detail::u128;

// ---- Phases -----------------------------------------------------------------------------------

using yarn::detail::phase_of;

/// floor(radians / (2 pi) * 2^64 + 1/2) modulo 2^64, for 0 <= radians < 2^40.
std::uint64_t exact_phase(double radians) {
  const oracle::real turns = oracle::real(radians).times_power_of_2(-1) / oracle::pi();
  const oracle::real fraction = turns - floor(turns) + oracle::real(1).times_power_of_2(-65);
  const oracle::real upper = floor(fraction.times_power_of_2(32));
  const oracle::real lower = floor((fraction.times_power_of_2(32) - upper).times_power_of_2(32));
  // The phase is modulo 2^64, so a carry out of the fraction is dropped.
  return (static_cast<std::uint64_t>(upper.to_double()) << 32U) +
         static_cast<std::uint64_t>(lower.to_double());
}

TEST(phase, is_rounded_to_nearest) {
  support::random_source random(12);
  for (int i = 0; i < 20000; ++i) {
    const double radians =
        std::ldexp(random.number(1, 2), static_cast<int>(random.integer(-70, 39)));
    ASSERT_EQ(phase_of(radians), exact_phase(radians)) << radians;
    ASSERT_EQ(phase_of(-radians), 0 - exact_phase(radians)) << radians;
  }
  EXPECT_EQ(phase_of(0.0), 0U);
  EXPECT_EQ(phase_of(-0.0), 0U);
  EXPECT_EQ(phase_of(std::numeric_limits<double>::denorm_min()), 0U);
  EXPECT_EQ(phase_of(std::numeric_limits<double>::min()), 0U);
}

TEST(phase, is_rounded_to_nearest_in_the_hardest_cases) {
  // The phases of these doubles are 2^-51 to 2^-55 away from the middle between two integers, so
  // their rounding depends on the third 64 bits of 1/(2 pi). The doubles were found by continued
  // fractions.
  const std::vector<double> below{
      0x1.1ef7d5a008cd1p+39, 0x1.0a9f3d799b0e1p+38, 0x1.58ff8f7763df6p+30, 0x1.9b860ef395ef1p+20,
      0x1.73c90e4a28eafp+10, 0x1.486337e74000ap+3,  0x1.0f02d497d677bp+0,  0x1.c3cfa4749cdd7p-5,
      0x1.5cba89af1f855p-12, 0x1.16c24ac73efa3p-20};
  for (const double radians : below) {
    EXPECT_EQ(phase_of(radians), exact_phase(radians)) << radians;
    EXPECT_EQ(phase_of(-radians), 0 - exact_phase(radians)) << radians;
  }
  // Around the smallest angles whose phase is not 0.
  const double half_unit = 2 * 3.14159265358979312 * 0x1p-65;
  for (const double radians :
       {half_unit * 0.999, half_unit * 1.001, half_unit * 2.999, half_unit * 3.001}) {
    EXPECT_EQ(phase_of(radians), exact_phase(radians)) << radians;
  }
}

TEST(phase, multiples_agree_with_phases_of_multiples) {
  // If k x is exact, k * phase_of(x) differs from phase_of(k x) by at most k / 2 + 1.
  support::random_source random(13);
  for (int i = 0; i < 100000; ++i) {
    const double x = std::ldexp(static_cast<double>(random.next() >> 34U),
                                static_cast<int>(random.integer(-40, -20)));
    const auto k = static_cast<std::uint64_t>(random.integer(0, (1 << 20) - 1));
    const std::uint64_t distance = phase_of(x) * k - phase_of(x * static_cast<double>(k));
    ASSERT_LE(std::min(distance, 0 - distance), k / 2 + 1) << x << " " << k;
  }
}

// ---- The circle -------------------------------------------------------------------------------

using yarn::detail::circle_point;
using yarn::detail::exact_point;

/// Phases at and near the multiples of an eighth of a turn, at many distances, and uniform ones.
std::vector<std::uint64_t> phases(std::size_t n_random) {
  std::vector<std::uint64_t> all;
  for (std::uint64_t eighth = 0; eighth < 8; ++eighth) {
    for (unsigned bit = 0; bit < 62; bit += 3) {
      const std::uint64_t border = eighth << 61U;
      all.push_back(border + (std::uint64_t{1} << bit));
      all.push_back(border - (std::uint64_t{1} << bit));
    }
    all.push_back(eighth << 61U);
  }
  support::random_source random(14);
  for (std::size_t i = 0; i < n_random; ++i) {
    all.push_back(random.next());
  }
  return all;
}

TEST(circle, is_exact_to_120_bits) {
  maximum worst;
  for (const std::uint64_t phase : phases(3000)) {
    const circle_point point = exact_point(phase);
    // exact_point first subtracts the nearest quarter turn, so that tiny values are exact, too.
    const oracle::sine_and_cosine truth =
        oracle::sin_cos(oracle::real(phase).times_power_of_2(-63) * oracle::pi());
    if (phase << 2U != 0) {
      worst.add(error(point.cos, truth.cosine));
      worst.add(error(point.sin, truth.sine));
    }
  }
  std::printf("circle: %.1f units of 2^-128\n", worst.value);
  EXPECT_LE(worst.value, 256); // 2^-120
}

TEST(circle, quarters_are_exact) {
  const real one = 1, zero = 0;
  const std::array<circle_point, 4> quarters{
      {{one, zero}, {zero, one}, {-one, zero}, {zero, -one}}};
  for (std::uint64_t quarter = 0; quarter < 4; ++quarter) {
    const circle_point point = exact_point(quarter << 62U);
    EXPECT_TRUE(are_identical(point.cos, quarters.at(quarter).cos)) << quarter;
    EXPECT_TRUE(are_identical(point.sin, quarters.at(quarter).sin)) << quarter;
  }
}

TEST(circle, terms_are_the_series_rounded_to_nearest) {
  // Recomputes exact_point with terms from the oracle. If the bits differ, a term is wrong.
  std::array<u128, 16> cos_terms{}, sin_terms{};
  oracle::real term = 1;
  for (std::uint32_t n = 0; n < 32; ++n) {
    if (n > 0) {
      term = (term * oracle::pi()).over(2 * n);
    }
    (n % 2 == 0 ? cos_terms : sin_terms).at(n / 2) = nearest_integer(term, -127);
  }
  for (const std::uint64_t phase : phases(200000)) {
    const std::uint64_t in_eighth = phase & ((std::uint64_t{1} << 61U) - 1); // the first eighth
    const std::uint64_t quarters = in_eighth << 2U;
    const u128 square = yarn::detail::multiply(quarters, quarters);
    u128 c = cos_terms[15], s = sin_terms[15];
    for (std::size_t k = 15; k-- > 0;) {
      c = cos_terms.at(k) - yarn::detail::multiply_high(square, c);
      s = sin_terms.at(k) - yarn::detail::multiply_high(square, s);
    }
    const circle_point point = exact_point(in_eighth);
    ASSERT_TRUE(point.cos == real(c, 0, false)) << in_eighth;
    ASSERT_TRUE(point.sin == real(u128{0, quarters}, 63, false) * real(s, 0, false)) << in_eighth;
  }
}

TEST(circle, has_radius_1_and_is_symmetric) {
  maximum radius;
  for (const std::uint64_t phase : phases(100000)) {
    const circle_point p = exact_point(phase);
    const real deviation = p.cos * p.cos + p.sin * p.sin - real(1);
    radius.add(std::fabs(static_cast<double>(deviation)) * 0x1p128);
    const circle_point mirrored = exact_point(0 - phase);
    const circle_point quarter_further = exact_point(phase + (std::uint64_t{1} << 62U));
    const circle_point opposite = exact_point(phase + (std::uint64_t{1} << 63U));
    // At an odd eighth of a turn, either of the two neighbouring series may be used.
    if (phase << 2U == std::uint64_t{1} << 63U) {
      continue;
    }
    ASSERT_TRUE(are_identical(mirrored.cos, p.cos) && are_identical(mirrored.sin, -p.sin)) << phase;
    ASSERT_TRUE(are_identical(quarter_further.cos, -p.sin) &&
                are_identical(quarter_further.sin, p.cos))
        << phase;
    ASSERT_TRUE(are_identical(opposite.cos, -p.cos) && are_identical(opposite.sin, -p.sin))
        << phase;
  }
  std::printf("cos^2 + sin^2 - 1: %.1f units of 2^-128\n", radius.value);
  EXPECT_LE(radius.value, 64);
}

TEST(circle, satisfies_the_addition_theorem) {
  maximum worst;
  support::random_source random(15);
  for (int i = 0; i < 100000; ++i) {
    const std::uint64_t a = random.next(), b = random.next() >> static_cast<unsigned>(i % 60);
    const circle_point p = exact_point(a), q = exact_point(b), sum = exact_point(a + b);
    const real c = p.cos * q.cos - p.sin * q.sin, s = p.sin * q.cos + p.cos * q.sin;
    worst.add(std::fabs(static_cast<double>(c - sum.cos)) * 0x1p128);
    worst.add(std::fabs(static_cast<double>(s - sum.sin)) * 0x1p128);
  }
  std::printf("addition theorem: %.1f units of 2^-128\n", worst.value);
  EXPECT_LE(worst.value, 64);
}

} // namespace

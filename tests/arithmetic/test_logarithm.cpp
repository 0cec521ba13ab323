// SPDX-License-Identifier: MIT
// The logarithm of integers (detail/arithmetic/logarithm.hpp): its tables, its error, and the error
// of the doubles that are made from it.
#include "../support/bits.hpp"
#include "../support/oracle.hpp"

#include <gtest/gtest.h>
#include <yarn/detail/arithmetic/logarithm.hpp>
#include <yarn/real.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace {

namespace detail = yarn::detail;
using support::random_source;
using yarn::real;

/// value * 2^-unit
real fixed(detail::u128 value, int unit) { return {value, 127 - unit, false}; }

double distance(const real& a, const real& b) { return std::fabs(static_cast<double>(a - b)); }

TEST(logarithm, tables_hold_logarithms) {
  for (std::int64_t i = 0; i < 128; ++i) {
    const detail::logarithm_entry& entry = detail::logarithm_table[i];
    // The reciprocal of the smallest x, rounded up, so that z is never negative.
    EXPECT_EQ(entry.reciprocal, ((1 << 23) + 128 + i - 1) / (128 + i)) << i;
    const real exact = log(real(65536) / real(entry.reciprocal));
    EXPECT_LE(distance(fixed(entry.logarithm, 70), exact), 0x1p-71 * 1.0001) << i;
  }
  for (std::int64_t n = 1; n < 128; ++n) {
    EXPECT_LE(distance(fixed({0, detail::logarithms_of_small[n]}, 59), log(real(n))),
              0x1p-60 * 1.0001)
        << n;
  }
  for (std::int64_t k = 4; k < 32; ++k) {
    EXPECT_LE(distance(fixed({0, detail::reciprocals.of_power[k]}, 65),
                       real(1) / log(real(std::int64_t{1} << k))),
              0x1p-64)
        << k;
  }
}

/// Small integers, integers of all sizes, and integers next to powers of two.
template <class F> void for_integers(const F& f) {
  for (std::uint32_t n = 2; n < 70000; ++n) {
    f(n);
  }
  random_source random(1);
  for (int i = 0; i < 200000; ++i) {
    const std::uint64_t bits = random.next();
    f(std::max(2U, static_cast<std::uint32_t>(bits >> 32U) >> (bits % 31)));
  }
  for (int k = 2; k < 32; ++k) {
    for (const std::uint32_t offset : {0U, 1U, ~0U}) {
      f((1U << k) + offset);
    }
  }
  f(~0U);
}

TEST(logarithm, is_within_2_to_the_minus_64) {
  EXPECT_TRUE((detail::logarithm_of(1) == detail::u128{0, 0}));
  double worst = 0;
  for_integers([&](std::uint32_t n) {
    const real exact = log(real(n));
    worst = std::max(worst, distance(fixed(detail::logarithm_of(n), 70) / exact, 1));
  });
  EXPECT_LE(worst * 0x1p64, 1);
}

TEST(logarithm, doubles_are_within_0_51_ulp) {
  double worst_log = 0, worst_sum = 0, worst_ratio = 0;
  random_source random(2);
  const auto ulp_error = [](double value, const real& exact) {
    return distance(value, exact) / std::ldexp(1.0, std::ilogb(value) - 52);
  };
  for_integers([&](std::uint32_t n) {
    const real exact = log(real(n));
    worst_log = std::max(worst_log, ulp_error(detail::double_of_logarithm(n), exact));
    const std::uint64_t bits = random.next();
    const double scale = bits % 3 == 0 ? 0.1
                         : bits % 3 == 1
                             ? std::ldexp(random.number(1, 2), static_cast<int>(bits >> 2U) % 80)
                             : random.number(0, 1);
    if (scale < 0x1p32) {
      worst_sum = std::max(worst_sum, ulp_error(detail::one_plus_logarithm(scale, n),
                                                real(1) + real(scale) * exact));
    }
    const auto length = static_cast<std::uint32_t>(2 + (bits >> 32U) % (n - 1));
    worst_ratio = std::max(
        worst_ratio, ulp_error(detail::ratio_of_logarithms(n, length), exact / log(real(length))));
    for (int k = 4; k < 32 && n >> k > 0; ++k) {
      if (n > 1U << k) {
        worst_ratio = std::max(worst_ratio, ulp_error(detail::ratio_to_power_of_2(n, k),
                                                      exact / log(real(std::int64_t{1} << k))));
      }
    }
  });
  RecordProperty("sum", std::to_string(worst_sum));
  EXPECT_LE(worst_log, 0.501);
  EXPECT_LE(worst_sum, 0.51);
  EXPECT_LE(worst_ratio, 0.51);
  // Subnormal and negative zero scales add nothing.
  EXPECT_EQ(detail::one_plus_logarithm(0.0, 5), 1.0);
  EXPECT_EQ(detail::one_plus_logarithm(-0.0, 5), 1.0);
  EXPECT_EQ(detail::one_plus_logarithm(0x1p-1074, 5), 1.0);
}

TEST(divide_wide, is_the_quotient) {
  random_source random(3);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t divisor = (random.next() >> (random.next() % 64)) | 1U;
    const std::uint64_t quotient = random.next(), rest = random.next() % divisor;
    EXPECT_EQ(
        detail::divide_wide(detail::multiply(quotient, divisor) + detail::u128{0, rest}, divisor),
        quotient);
  }
}

} // namespace

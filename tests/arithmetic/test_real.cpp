// SPDX-License-Identifier: MIT
// also built with YARN_NO_INT128
// The integers under everything: 128-bit arithmetic, `real`, phases and points of the circle, with
// every constant derived anew. The same digest at the end is demanded of both builds, so the
// portable branch gives the same bits as the one with a native 128-bit type.
#include "../support/bits.hpp"
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
#include <utility>
#include <vector>

namespace {

using support::bits_of;
using support::from_bits;
using yarn::real;
using yarn::detail::u128;

// ---- Tools ------------------------------------------------------------------------------------

/// Exact down to 2^-192.
oracle::real exact(const real& x) {
  const oracle::real magnitude = oracle::real(x.mantissa().hi).times_power_of_2(x.exponent() - 63) +
                                 oracle::real(x.mantissa().lo).times_power_of_2(x.exponent() - 127);
  return x.is_negative() ? -magnitude : magnitude;
}

/// |value - truth| / |truth| in units of 2^-128.
double error(const real& value, const oracle::real& truth) {
  if (truth.is_zero()) {
    return value.is_zero() ? 0 : std::numeric_limits<double>::infinity();
  }
  return std::ldexp(abs(exact(value) - truth).to_double() / abs(truth).to_double(), 128);
}

/// x / 2^unit_exponent, rounded to the nearest integer; below 2^128.
u128 nearest_integer(oracle::real x, int unit_exponent) {
  // Digits of 32 bits from the top; each is a double exactly.
  x = x.times_power_of_2(-unit_exponent - 96) +
      oracle::real(1).times_power_of_2(-97); // the half that rounds
  u128 result{0, 0};
  for (int digit = 0; digit < 4; ++digit) {
    const oracle::real whole = floor(x);
    result = (result << 32) + u128{0, static_cast<std::uint64_t>(whole.to_double())};
    x = (x - whole).times_power_of_2(32);
  }
  return result;
}

/// Uniform significant bits, the exponent in [low, high], any sign.
real random_real(support::random_source& random, int low, int high) {
  const auto exponent = static_cast<int>(random.integer(low, high));
  const std::uint64_t top = random.next() | std::uint64_t{1} << 63U;
  const std::uint64_t bottom = random.next();
  return {u128{top, bottom}, exponent, (random.next() & 1U) != 0};
}

bool same(const real& a, const real& b) {
  return a == b && a.is_zero() == b.is_zero() && a.is_negative() == b.is_negative();
}

// ---- u128 -------------------------------------------------------------------------------------

#if defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 native;

native native_of(u128 x) { return static_cast<native>(x.hi) << 64U | x.lo; }
bool equal(u128 x, native y) { return native_of(x) == y; }

TEST(u128, is_what_the_compiler_has) {
  support::random_source random(1);
  std::vector<u128> numbers{{0, 0}, {0, 1}, {1, 0}, {0, UINT64_MAX}, {UINT64_MAX, UINT64_MAX}};
  for (int i = 0; i < 60; ++i) {
    numbers.push_back(u128{random.next(), random.next()} >> (i * 2));
  }
  for (const u128& a : numbers) {
    for (int n = 0; n < 128; ++n) {
      ASSERT_TRUE(equal(a << n, native_of(a) << static_cast<unsigned>(n))) << n;
      ASSERT_TRUE(equal(a >> n, native_of(a) >> static_cast<unsigned>(n))) << n;
    }
    for (const int n : {128, 129, 1000, 1 << 20}) {
      ASSERT_TRUE((a << n) == (u128{0, 0})) << n;
      ASSERT_TRUE((a >> n) == (u128{0, 0})) << n;
    }
    for (const u128& b : numbers) {
      ASSERT_TRUE(equal(a + b, native_of(a) + native_of(b)));
      ASSERT_TRUE(equal(a - b, native_of(a) - native_of(b)));
      ASSERT_EQ(a < b, native_of(a) < native_of(b));
      ASSERT_EQ(a == b, native_of(a) == native_of(b));
      ASSERT_TRUE(equal(yarn::detail::multiply(a.lo, b.lo), native{a.lo} * b.lo));
    }
    for (const std::uint64_t divisor : {1U, 2U, 3U, 57U, 65537U, 0xffffffffU}) {
      ASSERT_TRUE(equal(yarn::detail::divide(a, divisor), native_of(a) / divisor)) << divisor;
    }
  }
}
#endif

TEST(u128, multiplies_to_256_bits) {
  // (2^128 - 1)^2 = 2^256 - 2^129 + 1, so the upper half is 2^128 - 2.
  const u128 all{UINT64_MAX, UINT64_MAX};
  EXPECT_TRUE(yarn::detail::multiply_high(all, all) == (u128{UINT64_MAX, UINT64_MAX - 1}));
  EXPECT_TRUE(yarn::detail::multiply_high({0, 1}, all) == (u128{0, 0}));
  EXPECT_TRUE(yarn::detail::multiply_high({1, 0}, {1, 0}) == (u128{0, 1}));

  // By 32-bit digits, and with carries from every one of them.
  support::random_source random(2);
  for (int i = 0; i < 100000; ++i) {
    u128 a{random.next(), random.next()}, b{random.next(), random.next()};
    if (i % 3 == 0) {
      a.lo |= 0xffffffff00000000U;
      b.hi |= 0xffffffff00000000U;
    }
    const std::array<std::uint64_t, 4> x{a.lo & 0xffffffffU, a.lo >> 32U, a.hi & 0xffffffffU,
                                         a.hi >> 32U};
    const std::array<std::uint64_t, 4> y{b.lo & 0xffffffffU, b.lo >> 32U, b.hi & 0xffffffffU,
                                         b.hi >> 32U};
    std::array<std::uint64_t, 8> product{};
    for (std::size_t j = 0; j < 4; ++j) {
      std::uint64_t carry = 0;
      for (std::size_t k = 0; k < 4; ++k) {
        carry += x[j] * y[k] + product[j + k];
        product[j + k] = carry & 0xffffffffU;
        carry >>= 32U;
      }
      product[j + 4] = carry;
    }
    const u128 high = yarn::detail::multiply_high(a, b);
    ASSERT_EQ(high.hi, product[7] << 32U | product[6]);
    ASSERT_EQ(high.lo, product[5] << 32U | product[4]);
  }
}

TEST(u128, counts_leading_zeros) {
  EXPECT_EQ(yarn::detail::leading_zeros(std::uint64_t{0}), 64);
  EXPECT_EQ(yarn::detail::leading_zeros(u128{0, 0}), 128);
  for (int n = 0; n < 64; ++n) {
    const std::uint64_t x = std::uint64_t{0xd5aa96deadbeef17U} >> static_cast<unsigned>(n);
    EXPECT_EQ(yarn::detail::leading_zeros(x), n);
    EXPECT_EQ(yarn::detail::leading_zeros(u128{x, 5}), n);
    EXPECT_EQ(yarn::detail::leading_zeros(u128{0, x}), 64 + n);
  }
}

// ---- Conversions ------------------------------------------------------------------------------

TEST(real, holds_every_double) {
  using limits = std::numeric_limits<double>;
  std::vector<double> values{1,
                             1.5,
                             0.1,
                             limits::max(),
                             limits::min(),
                             limits::denorm_min(),
                             std::nextafter(limits::min(), 0.0),
                             std::nextafter(1.0, 2.0),
                             std::nextafter(1.0, 0.0)};
  for (unsigned power = 0; power < 52; ++power) {
    values.push_back(from_bits<double>(std::uint64_t{1} << power));       // subnormal powers
    values.push_back(from_bits<double>((std::uint64_t{2} << power) - 1)); // and what is below
    values.push_back(from_bits<double>(((std::uint64_t{1} << power) << 1U) | 1U));
  }
  support::random_source random(3);
  for (int i = 0; i < 1000000; ++i) {
    const double value = from_bits<double>(random.next());
    if (std::isfinite(value)) {
      values.push_back(value);
    }
  }
  for (const double value : values) {
    ASSERT_EQ(bits_of(static_cast<double>(real(value))), bits_of(value)) << value;
    ASSERT_EQ(bits_of(static_cast<double>(real(-value))), bits_of(-value)) << -value;
    ASSERT_EQ(bits_of(static_cast<double>(-real(value))), bits_of(-value)) << -value;
  }
  EXPECT_EQ(bits_of(static_cast<double>(real(0.0))), 0U);
  EXPECT_EQ(bits_of(static_cast<double>(real(-0.0))), 0U); // one zero only
  EXPECT_FALSE(real(-0.0).is_negative());
  EXPECT_FALSE((-real(0)).is_negative());
}

TEST(real, holds_every_integer) {
  EXPECT_EQ(static_cast<double>(real(0)), 0.0);
  EXPECT_EQ(static_cast<double>(real(-1)), -1.0);
  EXPECT_EQ(static_cast<double>(real(INT64_MAX)), 0x1p63);
  EXPECT_EQ(static_cast<double>(real(INT64_MIN)), -0x1p63);
  EXPECT_EQ(static_cast<double>(real(UINT64_MAX)), 0x1p64);
  EXPECT_TRUE(real(UINT64_MAX) + real(1) == real(0x1p64));
  EXPECT_TRUE(real(INT64_MAX) + real(1) == -real(INT64_MIN));
  EXPECT_TRUE(same(real(static_cast<short>(-7)), real(-7.0)));
  EXPECT_TRUE(same(real(7U), real(7.0)));
  EXPECT_TRUE(same(real(7L) * real(-7LL), real(-49)));
}

TEST(real, rounds_to_the_nearest_double_ties_to_even) {
  const double epsilon = 0x1p-52;
  for (const int exponent : {0, 1, -1, 500, -500, -1021}) {
    const double one = std::ldexp(1.0, exponent);
    for (const std::uint64_t steps : {0U, 1U, 2U, 3U, 1234567U}) {
      const double low = one + static_cast<double>(steps) * epsilon * one;
      const double high = low + epsilon * one;
      // The middle between low and high, and the last bit of a real there.
      const u128 mantissa{std::uint64_t{1} << 63U | steps << 11U | std::uint64_t{1} << 10U, 0};
      const real middle(mantissa, exponent, false);
      const real unit(u128{std::uint64_t{1} << 63U, 0}, exponent - 126, false);
      EXPECT_EQ(static_cast<double>(middle), steps % 2 == 0 ? low : high)
          << exponent << " " << steps;
      EXPECT_EQ(static_cast<double>(middle + unit), high) << exponent << " " << steps;
      EXPECT_EQ(static_cast<double>(middle - unit), low) << exponent << " " << steps;
      EXPECT_EQ(static_cast<double>(-middle - unit), -high) << exponent << " " << steps;
      EXPECT_EQ(static_cast<double>(-middle + unit), -low) << exponent << " " << steps;
    }
  }
  // The largest double, and what rounds to infinity: from half a unit above it on.
  const double largest = std::numeric_limits<double>::max();
  const double infinity = std::numeric_limits<double>::infinity();
  const real half_unit = real(0x1p970);
  EXPECT_EQ(static_cast<double>(real(largest) + half_unit), infinity); // a tie, to even
  EXPECT_EQ(static_cast<double>(real(largest) + half_unit - real(0x1p900)), largest);
  EXPECT_EQ(static_cast<double>(-real(largest) - half_unit), -infinity);
  EXPECT_EQ(static_cast<double>(real(largest) * real(2)), infinity);
  EXPECT_EQ(static_cast<double>(real(largest) * real(largest)), infinity);
}

TEST(real, rounds_to_subnormal_doubles) {
  const double least = std::numeric_limits<double>::denorm_min();
  const real unit = real(least);
  const real bit = unit * real(0x1p-120);
  for (const int n : {0, 1, 2, 3, 1000001}) {
    const double low = n * least;
    const double high = (n + 1) * least;
    const real middle = unit * real(n) + unit * real(0.5);
    EXPECT_EQ(static_cast<double>(middle), n % 2 == 0 ? low : high) << n;
    EXPECT_EQ(static_cast<double>(middle + (n < 4 ? bit : unit * real(0x1p-90))), high) << n;
    EXPECT_EQ(static_cast<double>(middle - (n < 4 ? bit : unit * real(0x1p-90))), low) << n;
  }
  EXPECT_EQ(bits_of(static_cast<double>(unit * real(0x1p-60))), 0U);
  EXPECT_EQ(bits_of(static_cast<double>(-unit * real(0x1p-1000))), std::uint64_t{1} << 63U);
  // The step from the largest subnormal to the smallest normal number.
  const double normal = std::numeric_limits<double>::min();
  EXPECT_EQ(static_cast<double>(real(normal) - unit * real(0.5)), normal);
  EXPECT_EQ(static_cast<double>(real(normal) - unit * real(0.75)), normal - least);
}

// ---- Arithmetic -------------------------------------------------------------------------------

struct maximum {
  double value = 0;
  void add(double x) { value = x > value ? x : value; }
};

// The header says 2^-124 for every operation: 16 units.
constexpr double arithmetic_units = 16;

TEST(real, adds_multiplies_divides) {
  maximum sum, product, quotient;
  support::random_source random(4);
  for (int i = 0; i < 20000; ++i) {
    const real a = random_real(random, -30, 30);
    const real b = random_real(random, -30, 30);
    const oracle::real x = exact(a), y = exact(b);
    // A difference is judged by the larger operand: what cancels was never in the bits.
    const oracle::real larger = abs(x) < abs(y) ? abs(y) : abs(x);
    const auto judge = [&](const real& value, const oracle::real& truth) {
      return std::ldexp(abs(exact(value) - truth).to_double() / larger.to_double(), 128);
    };
    sum.add(judge(a + b, x + y));
    sum.add(judge(a - b, x - y));
    product.add(error(a * b, x * y));
    if (i < 4000) {
      quotient.add(error(a / b, x / y));
    }
  }
  std::printf("units of 2^-128: sum %.2f, product %.2f, quotient %.2f\n", sum.value, product.value,
              quotient.value);
  EXPECT_LE(sum.value, arithmetic_units);
  EXPECT_LE(product.value, arithmetic_units);
  EXPECT_LE(quotient.value, arithmetic_units);
}

TEST(real, divides_by_anything) {
  maximum worst;
  support::random_source random(5);
  for (int i = 0; i < 2000; ++i) {
    // Divisors just above and just below a power of two, where an iteration could stray.
    const std::uint64_t small = random.next() >> static_cast<unsigned>(i % 64);
    const real low(u128{std::uint64_t{1} << 63U, small}, 0, false);
    const real high(u128{UINT64_MAX, ~small}, 0, true);
    const real a = random_real(random, -3, 3);
    worst.add(error(a / low, exact(a) / exact(low)));
    worst.add(error(a / high, exact(a) / exact(high)));
  }
  EXPECT_LE(worst.value, arithmetic_units);
  EXPECT_TRUE(real(7) / real(2) == real(3.5));
  EXPECT_TRUE(real(-1) / real(-0.25) == real(4));
  EXPECT_TRUE((real(0) / real(3)).is_zero());
  EXPECT_EQ(static_cast<double>(real(1) / real(3)), 1.0 / 3.0);
}

TEST(real, exact_sums_and_products_are_exact) {
  support::random_source random(6);
  for (int i = 0; i < 10000; ++i) {
    const std::int64_t a = random.integer(-(std::int64_t{1} << 31), std::int64_t{1} << 31);
    const std::int64_t b = random.integer(-(std::int64_t{1} << 31), std::int64_t{1} << 31);
    ASSERT_TRUE(same(real(a) + real(b), real(a + b))) << a << " " << b;
    ASSERT_TRUE(same(real(a) - real(b), real(a - b))) << a << " " << b;
    ASSERT_TRUE(same(real(a) * real(b), real(a * b))) << a << " " << b;
    ASSERT_EQ(real(a) < real(b), a < b);
    ASSERT_EQ(real(a) > real(b), a > b);
    ASSERT_EQ(real(a) <= real(b), a <= b);
    ASSERT_EQ(real(a) >= real(b), a >= b);
    ASSERT_EQ(real(a) == real(b), a == b);
    ASSERT_TRUE(same(min(real(a), real(b)), real(std::min(a, b))));
    ASSERT_TRUE(same(max(real(a), real(b)), real(std::max(a, b))));
  }
  EXPECT_TRUE(same(real(5) - real(5), real(0)));
  EXPECT_TRUE(same(real(5) + real(0), real(5)));
  EXPECT_TRUE(same(real(0) - real(5), real(-5)));
  EXPECT_TRUE(same(real(1) + real(0x1p-900), real(1)));
  EXPECT_TRUE(real(1) <= real(1) && real(1) >= real(1) && !(real(1) < real(1)));
  EXPECT_TRUE(real(0) < real(0x1p-1000) && real(-0x1p-1000) < real(0));
}

TEST(real, floor_and_ceil) {
  using yarn::detail::floor_to_integer;
  const std::vector<double> values{0,    0.25, 0.5,     0.999,     1,     1.5,          2,
                                   31.7, 4095, 4095.75, 0x1p40,    1e15,  0x1.8p51,     0x1p-70,
                                   46,   17.4, 8.09,    1048575.5, 0.125, 0x1.fffffp20, 3};
  for (const double value : values) {
    for (const double x : {value, -value}) {
      EXPECT_EQ(static_cast<double>(floor(real(x))), std::floor(x) + 0.0) << x;
      EXPECT_EQ(static_cast<double>(ceil(real(x))), std::ceil(x) + 0.0) << x;
      EXPECT_EQ(floor_to_integer(real(x)), static_cast<std::int64_t>(std::floor(x))) << x;
    }
  }
  // Integers that a double cannot hold, and neighbours at the last bit of real.
  const std::int64_t big = (std::int64_t{1} << 61) + 12345;
  EXPECT_EQ(floor_to_integer(real(big)), big);
  EXPECT_EQ(floor_to_integer(real(-big)), -big);
  EXPECT_EQ(floor_to_integer(real(big) - real(0x1p-60)), big - 1);
  EXPECT_EQ(floor_to_integer(real(-big) - real(0x1p-60)), -big - 1);
  EXPECT_EQ(floor_to_integer(real(1) - real(0x1p-126)), 0);
  EXPECT_EQ(floor_to_integer(real(-1) + real(0x1p-126)), -1);
}

// ---- Constants --------------------------------------------------------------------------------

TEST(real, constants_are_the_nearest) {
  // Half a unit of 2^-127 relative to a mantissa in [1, 2): at most 1 in units of 2^-128.
  EXPECT_LE(error(yarn::constant::pi, oracle::pi()), 1.0);
  EXPECT_LE(error(yarn::constant::ln2, oracle::ln_2()), 1.0);
  EXPECT_TRUE(yarn::constant::pi.mantissa() == nearest_integer(oracle::pi(), 1 - 127));
  EXPECT_TRUE(yarn::constant::ln2.mantissa() == nearest_integer(oracle::ln_2(), -1 - 127));
}

TEST(real, series_terms_are_those_of_exp_and_artanh) {
  oracle::real inverse_factorial = 1;
  for (int n = 0; n < yarn::detail::series_terms::size; ++n) {
    if (n > 0) {
      inverse_factorial = inverse_factorial.over(static_cast<std::uint32_t>(n));
    }
    const auto distance = [](u128 term, const oracle::real& truth, int unit) {
      return std::ldexp(abs(exact(real(term, unit + 127, false)) - truth).to_double(), -unit);
    };
    // Every division rounds down by less than a unit, and divides the errors before it.
    EXPECT_LT(distance(yarn::detail::terms.of_exp[n], inverse_factorial, -126), 2) << n;
    EXPECT_LT(distance(yarn::detail::terms.of_atanh[n],
                       oracle::real(1).over(static_cast<std::uint32_t>(2 * n + 1)), -127),
              1)
        << n;
  }
}

// ---- exp, log, sqrt ---------------------------------------------------------------------------

// The header says 2^-118: 1024 units.
constexpr double function_units = 1024;

TEST(real, exp_is_exact_to_118_bits) {
  maximum worst;
  support::random_source random(7);
  for (int i = 0; i < 4000; ++i) {
    const real x = random_real(random, -40, 4); // e^-32 still has 146 bits in the oracle
    worst.add(error(exp(x), oracle::exp(exact(x))));
  }
  std::printf("exp: %.1f units of 2^-128 for |x| < 32\n", worst.value);
  EXPECT_LE(worst.value, function_units);
  EXPECT_TRUE(exp(real(0)) == real(1));
  EXPECT_EQ(static_cast<double>(exp(real(1))), 0x1.5bf0a8b145769p+1);
}

TEST(real, exp_of_large_arguments) {
  // e^x = 2^k e^r, with k and r from the oracle. Products of k and the 128 bits of ln 2 are off by
  // up to 4 units for each unit of |x|.
  support::random_source random(8);
  for (const double size : {32.0, 710.0, 5e4, 1e6}) {
    maximum worst;
    for (int i = 0; i < 300; ++i) {
      const double x = random.number(-size, size);
      const oracle::real k = floor(oracle::real(x) / oracle::ln_2());
      const oracle::real truth = oracle::exp(oracle::real(x) - k * oracle::ln_2());
      const real scaled = exp(real(x));
      const auto power = static_cast<int>(k.to_double());
      worst.add(
          error(real(scaled.mantissa(), scaled.exponent() - power, scaled.is_negative()), truth));
    }
    std::printf("exp: %.1f units of 2^-128 for |x| <= %g\n", worst.value, size);
    EXPECT_LE(worst.value, function_units + 4 * size) << size;
  }
}

TEST(real, log_is_exact_to_118_bits) {
  maximum worst, near_one;
  support::random_source random(9);
  for (int i = 0; i < 2000; ++i) {
    real x = random_real(random, -60, 60);
    x = x.is_negative() ? -x : x;
    worst.add(error(log(x), oracle::log(exact(x))));
    const double close = 1 + random.number(-0.4, 0.6) * std::ldexp(1.0, -static_cast<int>(i % 50));
    near_one.add(error(log(real(close)), oracle::log(oracle::real(close))));
  }
  for (const double x : {2.0, 0.5, 0.75, 1.5, std::nextafter(1.5, 2.0), std::nextafter(1.5, 1.0),
                         std::nextafter(0.75, 0.0), 10000.0, 500000.0, 0x1p95}) {
    worst.add(error(log(real(x)), oracle::log(oracle::real(x))));
  }
  std::printf("log: %.1f units of 2^-128; %.1f of doubles near 1\n", worst.value, near_one.value);
  EXPECT_LE(worst.value, function_units);
  EXPECT_LE(near_one.value, function_units);
  EXPECT_TRUE(log(real(1)).is_zero());
}

TEST(real, exp_undoes_log) {
  support::random_source random(10);
  maximum worst;
  for (int i = 0; i < 100000; ++i) {
    real x = random_real(random, -200, 200);
    x = x.is_negative() ? -x : x;
    const real back = exp(log(x)) / x - real(1);
    worst.add(std::fabs(static_cast<double>(back)) * 0x1p128);
  }
  // An error of log x in 2^-128 is an error of |log x| <= 139 units of e^(log x).
  std::printf("exp(log x): %.1f units of 2^-128\n", worst.value);
  EXPECT_LE(worst.value, 2 * function_units);
}

TEST(real, sqrt_is_exact_to_118_bits) {
  support::random_source random(11);
  maximum worst;
  for (int i = 0; i < 2000; ++i) {
    const real root = random_real(random, -20, 20);
    // Doubles have exact squares in real.
    const double value = std::fabs(static_cast<double>(root));
    worst.add(error(sqrt(real(value) * real(value)), oracle::real(value)));
  }
  std::printf("sqrt: %.1f units of 2^-128\n", worst.value);
  EXPECT_LE(worst.value, function_units);
  EXPECT_TRUE(sqrt(real(0)).is_zero());
}

// ---- Phases -----------------------------------------------------------------------------------

using yarn::detail::phase_of;

/// floor(radians / 2 pi * 2^64 + 1/2) modulo 2^64, for 0 <= radians < 2^32.
std::uint64_t exact_phase(double radians) {
  const oracle::real turns = oracle::real(radians).times_power_of_2(-1) / oracle::pi();
  const oracle::real fraction = turns - floor(turns) + oracle::real(1).times_power_of_2(-65);
  const oracle::real upper = floor(fraction.times_power_of_2(32));
  const oracle::real lower = floor((fraction.times_power_of_2(32) - upper).times_power_of_2(32));
  // A carry out of the fraction leaves the 64 bits, as it must.
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
  // Doubles whose phase lies within 2^-51 to 2^-55 of the middle between two integers, found by
  // continued fractions: they reach into the third word of 1/(2 pi).
  const std::vector<double> below{
      0x1.1ef7d5a008cd1p+39, 0x1.0a9f3d799b0e1p+38, 0x1.58ff8f7763df6p+30, 0x1.9b860ef395ef1p+20,
      0x1.73c90e4a28eafp+10, 0x1.486337e74000ap+3,  0x1.0f02d497d677bp+0,  0x1.c3cfa4749cdd7p-5,
      0x1.5cba89af1f855p-12, 0x1.16c24ac73efa3p-20};
  for (const double radians : below) {
    EXPECT_EQ(phase_of(radians), exact_phase(radians)) << radians;
    EXPECT_EQ(phase_of(-radians), 0 - exact_phase(radians)) << radians;
  }
  // Around the smallest radians that are not 0.
  const double half = 2 * 3.14159265358979312 * 0x1p-65;
  for (const double radians : {half * 0.999, half * 1.001, half * 2.999, half * 3.001}) {
    EXPECT_EQ(phase_of(radians), exact_phase(radians)) << radians;
  }
}

TEST(phase, multiples_agree) {
  // k * phase_of(x) differs from phase_of(k x) by k halves and one, when k x is exact.
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

/// Phases of every kind: uniform, near the multiples of an eighth of a turn, and tiny ones.
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
    // The nearest quarter is taken off first, so that even tiny values keep their bits.
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
    EXPECT_TRUE(same(point.cos, quarters.at(quarter).cos)) << quarter;
    EXPECT_TRUE(same(point.sin, quarters.at(quarter).sin)) << quarter;
  }
}

TEST(circle, terms_are_the_series_rounded_to_nearest) {
  // exact_point again, with terms from the oracle: the same bits, or a term is wrong.
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

TEST(circle, is_a_circle_and_symmetric) {
  maximum radius;
  for (const std::uint64_t phase : phases(100000)) {
    const circle_point p = exact_point(phase);
    const real deviation = p.cos * p.cos + p.sin * p.sin - real(1);
    radius.add(std::fabs(static_cast<double>(deviation)) * 0x1p128);
    const circle_point mirrored = exact_point(0 - phase);
    const circle_point turned = exact_point(phase + (std::uint64_t{1} << 62U));
    const circle_point opposite = exact_point(phase + (std::uint64_t{1} << 63U));
    // At an odd eighth of a turn both neighbouring series may be taken.
    if (phase << 2U == std::uint64_t{1} << 63U) {
      continue;
    }
    ASSERT_TRUE(same(mirrored.cos, p.cos) && same(mirrored.sin, -p.sin)) << phase;
    ASSERT_TRUE(same(turned.cos, -p.sin) && same(turned.sin, p.cos)) << phase;
    ASSERT_TRUE(same(opposite.cos, -p.cos) && same(opposite.sin, -p.sin)) << phase;
  }
  std::printf("cos^2 + sin^2 - 1: %.1f units of 2^-128\n", radius.value);
  EXPECT_LE(radius.value, 64);
}

TEST(circle, addition_theorem) {
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

// ---- Both branches ----------------------------------------------------------------------------

class digest {
public:
  void add(std::uint64_t word) {
    for (int byte = 0; byte < 8; ++byte) {
      hash_ = (hash_ ^ (word & 0xffU)) * 0x100000001b3U;
      word >>= 8U;
    }
  }
  void add(u128 x) { add(x.hi), add(x.lo); }
  void add(const real& x) {
    add(x.mantissa());
    add(static_cast<std::uint64_t>(static_cast<std::int64_t>(x.exponent())));
    add(x.is_negative() ? std::uint64_t{1} : std::uint64_t{0});
  }
  std::uint64_t value() const { return hash_; }

private:
  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

TEST(real, the_same_bits_with_and_without_a_native_128_bit_type) {
#if defined(YARN_NO_INT128)
  static_assert(YARN_HAS_INT128 == 0);
#endif
  digest all;
  support::random_source random(16);
  for (int i = 0; i < 20000; ++i) {
    const real a = random_real(random, -100, 100), b = random_real(random, -100, 100);
    const real positive = a.is_negative() ? -a : a;
    all.add(a + b);
    all.add(a - b);
    all.add(a * b);
    all.add(a / b);
    all.add(exp(random_real(random, -60, 8)));
    all.add(log(positive));
    const u128 c{random.next(), random.next()}; // in this order, whatever the compiler
    all.add(yarn::detail::multiply(c.hi, c.lo));
    all.add(yarn::detail::divide(c, 1 + (random.next() >> 33U)));
    all.add(phase_of(static_cast<double>(random_real(random, -80, 39))));
    const circle_point point = exact_point(random.next());
    all.add(point.cos);
    all.add(point.sin);
    all.add(bits_of(static_cast<double>(a * b)));
  }
  EXPECT_EQ(all.value(), 0x33296f912d741888U) << "0x" << std::hex << all.value();
}

} // namespace

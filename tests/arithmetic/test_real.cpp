// SPDX-License-Identifier: MIT
// `real`: conversions, arithmetic and functions. The tests recompute every constant with the
// oracle. test_real_portable is also built from this file, with YARN_NO_INT128. Both programs must
// give the digest of the last test, so the portable code and the code with a 128-bit type compute
// the same bits.
#include "../support/bits.hpp"
#include "../support/exact_real.hpp"
#include "../support/wide_real.hpp"

#include <gtest/gtest.h>
#include <yarn/detail/arithmetic/phase.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

namespace {

using support::are_identical;
using support::bits_of;
using support::error;
using support::exact;
using support::from_bits;
using support::maximum;
using support::nearest_integer;
using support::random_real;
using yarn::real;
using yarn::detail::u128;

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
    values.push_back(from_bits<double>((std::uint64_t{2} << power) - 1)); // one below a power
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
  EXPECT_EQ(bits_of(static_cast<double>(real(-0.0))), 0U); // `real` has only one zero
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
  EXPECT_TRUE(are_identical(real(static_cast<short>(-7)), real(-7.0)));
  EXPECT_TRUE(are_identical(real(7U), real(7.0)));
  EXPECT_TRUE(are_identical(real(7L) * real(-7LL), real(-49)));
}

TEST(real, rounds_to_the_nearest_double_ties_to_even) {
  const double epsilon = 0x1p-52;
  for (const int exponent : {0, 1, -1, 500, -500, -1021}) {
    const double power_of_2 = std::ldexp(1.0, exponent);
    for (const std::uint64_t n_ulps : {0U, 1U, 2U, 3U, 1234567U}) {
      const double low = power_of_2 + static_cast<double>(n_ulps) * epsilon * power_of_2;
      const double high = low + epsilon * power_of_2;
      // The middle between low and high, and the last bit of a real of this size.
      const u128 mantissa{std::uint64_t{1} << 63U | n_ulps << 11U | std::uint64_t{1} << 10U, 0};
      const real middle(mantissa, exponent, false);
      const real unit(u128{std::uint64_t{1} << 63U, 0}, exponent - 126, false);
      EXPECT_EQ(static_cast<double>(middle), n_ulps % 2 == 0 ? low : high)
          << exponent << " " << n_ulps;
      EXPECT_EQ(static_cast<double>(middle + unit), high) << exponent << " " << n_ulps;
      EXPECT_EQ(static_cast<double>(middle - unit), low) << exponent << " " << n_ulps;
      EXPECT_EQ(static_cast<double>(-middle - unit), -high) << exponent << " " << n_ulps;
      EXPECT_EQ(static_cast<double>(-middle + unit), -low) << exponent << " " << n_ulps;
    }
  }
  // Numbers at least half a unit above the largest double are rounded to infinity.
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
  // Between the largest subnormal and the smallest normal number.
  const double normal = std::numeric_limits<double>::min();
  EXPECT_EQ(static_cast<double>(real(normal) - unit * real(0.5)), normal);
  EXPECT_EQ(static_cast<double>(real(normal) - unit * real(0.75)), normal - least);
}

// ---- Arithmetic -------------------------------------------------------------------------------

// The header promises a relative error of 2^-124 for every operation: 16 units of 2^-128.
constexpr double arithmetic_units = 16;

TEST(real, sum_product_and_quotient_are_within_their_bound) {
  maximum sum, product, quotient;
  support::random_source random(4);
  for (int i = 0; i < 20000; ++i) {
    const real a = random_real(random, -30, 30);
    const real b = random_real(random, -30, 30);
    const oracle::real x = exact(a), y = exact(b);
    // The error of a sum or difference is relative to the larger operand, because cancellation
    // makes the result small, not the error.
    const oracle::real larger = abs(x) < abs(y) ? abs(y) : abs(x);
    const auto relative_error = [&](const real& value, const oracle::real& truth) {
      return std::ldexp(abs(exact(value) - truth).to_double() / larger.to_double(), 128);
    };
    sum.add(relative_error(a + b, x + y));
    sum.add(relative_error(a - b, x - y));
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

TEST(real, quotients_near_powers_of_2_are_within_their_bound) {
  maximum worst;
  support::random_source random(5);
  for (int i = 0; i < 2000; ++i) {
    // Divisors just above and just below a power of two, where an iteration could go wrong.
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
    ASSERT_TRUE(are_identical(real(a) + real(b), real(a + b))) << a << " " << b;
    ASSERT_TRUE(are_identical(real(a) - real(b), real(a - b))) << a << " " << b;
    ASSERT_TRUE(are_identical(real(a) * real(b), real(a * b))) << a << " " << b;
    ASSERT_EQ(real(a) < real(b), a < b);
    ASSERT_EQ(real(a) > real(b), a > b);
    ASSERT_EQ(real(a) <= real(b), a <= b);
    ASSERT_EQ(real(a) >= real(b), a >= b);
    ASSERT_EQ(real(a) == real(b), a == b);
    ASSERT_TRUE(are_identical(min(real(a), real(b)), real(std::min(a, b))));
    ASSERT_TRUE(are_identical(max(real(a), real(b)), real(std::max(a, b))));
  }
  EXPECT_TRUE(are_identical(real(5) - real(5), real(0)));
  EXPECT_TRUE(are_identical(real(5) + real(0), real(5)));
  EXPECT_TRUE(are_identical(real(0) - real(5), real(-5)));
  EXPECT_TRUE(are_identical(real(1) + real(0x1p-900), real(1)));
  EXPECT_TRUE(real(1) <= real(1) && real(1) >= real(1) && !(real(1) < real(1)));
  EXPECT_TRUE(real(0) < real(0x1p-1000) && real(-0x1p-1000) < real(0));
}

TEST(real, floor_and_ceil_are_exact) {
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
  // Integers that are not exact in a double, and numbers one bit of `real` away from an integer.
  const std::int64_t big = (std::int64_t{1} << 61) + 12345;
  EXPECT_EQ(floor_to_integer(real(big)), big);
  EXPECT_EQ(floor_to_integer(real(-big)), -big);
  EXPECT_EQ(floor_to_integer(real(big) - real(0x1p-60)), big - 1);
  EXPECT_EQ(floor_to_integer(real(-big) - real(0x1p-60)), -big - 1);
  EXPECT_EQ(floor_to_integer(real(1) - real(0x1p-126)), 0);
  EXPECT_EQ(floor_to_integer(real(-1) + real(0x1p-126)), -1);
}

// ---- Constants --------------------------------------------------------------------------------

TEST(real, constants_are_rounded_to_nearest) {
  // The error is half a unit of 2^-127, relative to a mantissa in [1, 2): at most 1 unit of 2^-128.
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
    // Each division rounds down by less than a unit and also divides the earlier errors.
    EXPECT_LT(distance(yarn::detail::terms.of_exp[n], inverse_factorial, -126), 2) << n;
    EXPECT_LT(distance(yarn::detail::terms.of_atanh[n],
                       oracle::real(1).over(static_cast<std::uint32_t>(2 * n + 1)), -127),
              1)
        << n;
  }
}

// ---- exp, log, sqrt ---------------------------------------------------------------------------

// The header promises a relative error of 2^-118: 1024 units of 2^-128.
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

TEST(real, exp_of_large_arguments_is_within_its_bound) {
  // e^x = 2^k e^r, with k and r from the oracle. The error of k ln 2 in 128 bits is up to 4 units
  // of 2^-128 per unit of |x|.
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
  // A relative error of 2^-128 in log x causes an error of up to 140 units in e^(log x), because
  // |log x| < 201 ln 2 < 140.
  std::printf("exp(log x): %.1f units of 2^-128\n", worst.value);
  EXPECT_LE(worst.value, 2 * function_units);
}

TEST(real, sqrt_is_exact_to_118_bits) {
  support::random_source random(11);
  maximum worst;
  for (int i = 0; i < 2000; ++i) {
    const real root = random_real(random, -20, 20);
    // The square of a double is exact in `real`.
    const double value = std::fabs(static_cast<double>(root));
    worst.add(error(sqrt(real(value) * real(value)), oracle::real(value)));
  }
  std::printf("sqrt: %.1f units of 2^-128\n", worst.value);
  EXPECT_LE(worst.value, function_units);
  EXPECT_TRUE(sqrt(real(0)).is_zero());
}

using yarn::detail::circle_point;
using yarn::detail::exact_point;
using yarn::detail::phase_of;

// ---- With and without a 128-bit type ----------------------------------------------------------

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
    const u128 c{random.next(), random.next()}; // braces fix the order of the two calls
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

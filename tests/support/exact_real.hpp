// SPDX-License-Identifier: MIT
// Compares yarn::real with the numbers of the oracle: exact values, errors, random numbers.
#ifndef YARN_TESTS_SUPPORT_EXACT_REAL_HPP
#define YARN_TESTS_SUPPORT_EXACT_REAL_HPP

#include "bits.hpp"
#include "wide_real.hpp"

#include <yarn/detail/arithmetic/u128.hpp>
#include <yarn/real.hpp>

#include <cmath>
#include <cstdint>
#include <limits>

namespace support {

using yarn::real;
using yarn::detail::u128;

/// The value as a number of the oracle, exact down to 2^-192.
inline oracle::real exact(const real& x) {
  const oracle::real magnitude = oracle::real(x.mantissa().hi).times_power_of_2(x.exponent() - 63) +
                                 oracle::real(x.mantissa().lo).times_power_of_2(x.exponent() - 127);
  return x.is_negative() ? -magnitude : magnitude;
}

/// |value - truth| / |truth| in units of 2^-128. If truth is 0, the result is 0 or infinite.
inline double error(const real& value, const oracle::real& truth) {
  if (truth.is_zero()) {
    return value.is_zero() ? 0 : std::numeric_limits<double>::infinity();
  }
  return std::ldexp(abs(exact(value) - truth).to_double() / abs(truth).to_double(), 128);
}

/// x / 2^unit_exponent, rounded to the nearest integer.
/// Requires The result is below 2^128.
inline u128 nearest_integer(oracle::real x, int unit_exponent) {
  // Takes digits of 32 bits from the top. Each digit is exact as a double.
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

/// A number with uniform significant bits, an exponent in [low, high] and a random sign.
inline real random_real(support::random_source& random, int low, int high) {
  const auto exponent = static_cast<int>(random.integer(low, high));
  const std::uint64_t top = random.next() | std::uint64_t{1} << 63U;
  const std::uint64_t bottom = random.next();
  return {u128{top, bottom}, exponent, (random.next() & 1U) != 0};
}

inline bool are_identical(const real& a, const real& b) {
  return a == b && a.is_zero() == b.is_zero() && a.is_negative() == b.is_negative();
}

struct maximum {
  double value = 0;
  void add(double x) { value = x > value ? x : value; }
};

} // namespace support

#endif // YARN_TESTS_SUPPORT_EXACT_REAL_HPP

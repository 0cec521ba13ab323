// SPDX-License-Identifier: MIT
// The definitions of `real`.
#ifndef YARN_DETAIL_ARITHMETIC_REAL_HPP
#define YARN_DETAIL_ARITHMETIC_REAL_HPP

#include "../../real.hpp"

namespace yarn {
inline namespace YARN_ABI {

inline real::real(double value) {
  const auto bits = detail::bit_cast<std::uint64_t>(value);
  const std::uint64_t fraction = bits & 0xfffffffffffffu;
  const int biased = static_cast<int>(bits >> 52 & 0x7ff);
  // A subnormal has the exponent of the smallest normal number and no hidden bit.
  *this = real(detail::u128{0, biased == 0 ? fraction : fraction | std::uint64_t{1} << 52},
               (biased == 0 ? 1 : biased) - 1075 + 127, bits >> 63 != 0);
}

namespace detail {

// Rounds m * 2^(e - 127), with m normalised, to an IEEE number with `precision` significant bits
// and the smallest subnormal 2^smallest. The result is significand * 2^exponent.
struct rounded {
  std::uint64_t significand;
  int exponent;
};
constexpr rounded round_to_even(u128 m, int e, int precision, int smallest) {
  int unit = e - precision + 1;
  if (unit < smallest)
    unit = smallest;
  const int drop = unit - e + 127; // at least 75, because precision is at most 53
  if (drop > 128)
    return {0, unit};
  const u128 kept = m >> drop;
  const u128 rest = m << (128 - drop); // the dropped bits, from the top bit down
  const bool is_above_tie = rest.hi >> 63 != 0 && !(rest == u128{std::uint64_t{1} << 63, 0});
  const bool is_tie = rest == u128{std::uint64_t{1} << 63, 0};
  return {kept.lo + (is_above_tie || (is_tie && (kept.lo & 1) != 0) ? 1u : 0u), unit};
}

// significand * 2^exponent as a double, exactly. The double is assembled from bits, because
// -ffast-math and the flush-to-zero mode could change the results of floating-point operations.
YARN_ALWAYS_INLINE double assemble_double(rounded r, bool negative) {
  std::uint64_t bits = 0;
  if (r.significand != 0) {
    const int shift = leading_zeros(r.significand) - 11; // moves the leading bit to bit 52
    const int biased = r.exponent - shift + 1075;
    if (biased >= 2047)
      bits = std::uint64_t{0x7ff} << 52;
    else if (biased <= 0)
      bits = r.significand; // A subnormal: its unit is 2^-1074 already.
    else
      bits = static_cast<std::uint64_t>(biased) << 52 |
             ((shift >= 0 ? r.significand << shift : r.significand >> -shift) & 0xfffffffffffffu);
  }
  bits |= static_cast<std::uint64_t>(negative) << 63;
  return bit_cast<double>(bits);
}

} // namespace detail

inline real::operator double() const {
  if (is_zero())
    return 0.0;
  return detail::assemble_double(detail::round_to_even(mantissa_, exponent_, 53, -1074), negative_);
}

inline real operator*(real a, real b) {
  return real(detail::multiply_high(a.mantissa(), b.mantissa()), a.exponent() + b.exponent() + 1,
              a.is_negative() != b.is_negative());
}

inline real operator+(real a, real b) {
  if (a.is_zero())
    return b;
  if (b.is_zero())
    return a;
  if (a.exponent() < b.exponent() ||
      (a.exponent() == b.exponent() && a.mantissa() < b.mantissa())) {
    const real larger = b;
    b = a;
    a = larger;
  }
  // Shift by one for the carry. The bits that are shifted out are below 2^-126 of a.
  const detail::u128 larger = a.mantissa() >> 1;
  const detail::u128 smaller = b.mantissa() >> (a.exponent() - b.exponent() + 1);
  return real(a.is_negative() == b.is_negative() ? larger + smaller : larger - smaller,
              a.exponent() + 1, a.is_negative());
}
inline real operator-(real a, real b) { return a + -b; }

inline real operator/(real a, real b) {
  using detail::u128;
  const u128 one{std::uint64_t{1} << 63, 0}; // 1 in units of 2^-127
  const u128 d = b.mantissa();
  const bool negative = a.is_negative() != b.is_negative();
  if (d == one)
    return real(a.mantissa(), a.exponent() - b.exponent(), negative);
  // Newton's iteration for y = 2/d' with d' = d/2^127 in (1, 2). The seed has 31 correct bits; the
  // iterations give 62, 124 and 127.
  const std::uint64_t seed = (std::uint64_t{1} << 63) / ((d.hi >> 32) + 1);
  u128 y{seed << 32, 0};
  for (int iteration = 0; iteration < 3; ++iteration) {
    const u128 product = detail::multiply_high(d, y); // d' * y / 2 in units of 2^-127; nearly 1
    if (product < one)
      y = y + (detail::multiply_high(y, one - product) << 1);
    else
      y = y - (detail::multiply_high(y, product - one) << 1);
  }
  return real(detail::multiply_high(a.mantissa(), y), a.exponent() - b.exponent(), negative);
}

inline bool operator==(real a, real b) {
  return a.mantissa() == b.mantissa() && a.exponent() == b.exponent() &&
         a.is_negative() == b.is_negative();
}
inline bool operator<(real a, real b) {
  if (a.is_negative() != b.is_negative())
    return a.is_negative(); // A zero is never negative.
  // a < b if and only if |small| < |large|.
  const real& small = a.is_negative() ? b : a;
  const real& large = a.is_negative() ? a : b;
  return small.exponent() != large.exponent() ? small.exponent() < large.exponent()
                                              : small.mantissa() < large.mantissa();
}
inline bool operator>(real a, real b) { return b < a; }
inline bool operator<=(real a, real b) { return !(b < a); }
inline bool operator>=(real a, real b) { return !(a < b); }

inline real min(real a, real b) { return b < a ? b : a; }
inline real max(real a, real b) { return a < b ? b : a; }

namespace detail {

// The largest integer <= x, for |x| < 2^62.
inline std::int64_t floor_to_integer(real x) {
  if (x.is_zero())
    return 0;
  const u128 whole = x.exponent() < 0 ? u128{0, 0} : x.mantissa() >> (127 - x.exponent());
  const auto magnitude = static_cast<std::int64_t>(whole.lo);
  if (!x.is_negative())
    return magnitude;
  return real(magnitude) < -x ? -magnitude - 1 : -magnitude;
}

} // namespace detail

inline real floor(real x) { return detail::floor_to_integer(x); }
inline real ceil(real x) { return -floor(-x); }

namespace detail {

// 1/n! in units of 2^-126, and 1/(2n+1) in units of 2^-127, computed at compile time.
struct series_terms {
  static constexpr int size = 29;
  u128 of_exp[size];
  u128 of_atanh[size];
  constexpr series_terms() : of_exp{}, of_atanh{} {
    of_exp[0] = {std::uint64_t{1} << 62, 0};
    for (int n = 1; n < size; ++n)
      of_exp[n] = divide(of_exp[n - 1], static_cast<std::uint64_t>(n));
    for (int n = 0; n < size; ++n)
      of_atanh[n] = divide({std::uint64_t{1} << 63, 0}, static_cast<std::uint64_t>(2 * n + 1));
  }
};
inline constexpr series_terms terms{};

} // namespace detail

inline real exp(real x) {
  using detail::u128;
  // x = k ln 2 + r with |r| <= ln(2)/2, then Taylor's series. The first omitted term is below
  // 2^-144.
  const std::int64_t k = detail::floor_to_integer(x / constant::ln2 + real(0.5));
  const real r = x - real(k) * constant::ln2;
  const u128 magnitude = r.mantissa() >> (-1 - r.exponent()); // |r| < 1/2, in units of 2^-128
  u128 sum = detail::terms.of_exp[28];
  for (int n = 27; n >= 0; --n) {
    const u128 rest = detail::multiply_high(magnitude, sum);
    sum = r.is_negative() ? detail::terms.of_exp[n] - rest : detail::terms.of_exp[n] + rest;
  }
  return real(sum, static_cast<int>(k) + 1, false);
}

inline real log(real x) {
  using detail::u128;
  // x = 2^k f with f in [3/4, 3/2), and log f = 2 atanh(z), z = (f-1)/(f+1), |z| <= 1/5.
  const bool upper = x.mantissa().hi >= std::uint64_t{0xc} << 60;
  const int k = x.exponent() + (upper ? 1 : 0);
  const real f(x.mantissa(), upper ? -1 : 0, false);
  const real z = (f - real(1)) / (f + real(1));
  const u128 magnitude = z.mantissa() >> (-1 - z.exponent()); // units of 2^-128
  const u128 square = detail::multiply_high(magnitude, magnitude);
  u128 sum = detail::terms.of_atanh[28]; // The first omitted term is below 2^-134.
  for (int n = 27; n >= 0; --n)
    sum = detail::terms.of_atanh[n] + detail::multiply_high(square, sum);
  return real(k) * constant::ln2 + real(2) * z * real(sum, 0, false);
}

inline real sqrt(real x) { return x.is_zero() ? x : exp(log(x) * real(0.5)); }

} // namespace YARN_ABI
} // namespace yarn

#endif

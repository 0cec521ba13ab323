// SPDX-License-Identifier: MIT
// The arithmetic of the oracle: real numbers with 96 bits before the point and 192 bits after it.
// All operations use integers. So no result depends on libm, long double, contraction or a
// fast-math flag, and every compiler computes the same results. The file includes no header of the
// library.
#ifndef YARN_TESTS_SUPPORT_WIDE_REAL_HPP
#define YARN_TESTS_SUPPORT_WIDE_REAL_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace oracle {

/// A signed fixed-point number with a resolution of 2^-192 and a magnitude below 2^96. An operation
/// truncates its result to the resolution, and throws std::overflow_error if the result is too
/// large. The numbers of the tests (frequencies above 2^-50, sines, attention factors) have more
/// than 140 correct bits.
class real {
public:
  static constexpr int fraction_bits = 192;

  real() = default;

  /// Exact.
  template <class Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
  real(Integer value) { // NOLINT(google-explicit-constructor): keeps formulas short
    auto magnitude = static_cast<std::uint64_t>(value);
    if constexpr (std::is_signed_v<Integer>) {
      negative_ = value < 0;
      magnitude = negative_ ? 0U - magnitude : magnitude;
    }
    limbs_[n_fraction_limbs] = static_cast<std::uint32_t>(magnitude);
    limbs_[n_fraction_limbs + 1] = static_cast<std::uint32_t>(magnitude >> 32U);
  }

  /// Exact if the last bit of `value` is 2^-192 or more, else truncated.
  real(double value) { // NOLINT(google-explicit-constructor)
    if (!(std::fabs(value) < 0x1p96)) {
      throw std::overflow_error("oracle: not finite, or too large for a real");
    }
    int exponent = 0;
    const double fraction = std::frexp(std::fabs(value), &exponent);
    *this =
        real(static_cast<std::uint64_t>(std::ldexp(fraction, 53))).times_power_of_2(exponent - 53);
    negative_ = value < 0 && !is_zero();
  }

  /// Reads a decimal number with an optional sign, point and exponent: "-1.25" or "6e-7".
  static real parse(const std::string& text) {
    const bool negative = !text.empty() && text.front() == '-';
    const std::size_t mantissa_end = std::min(text.find('e'), text.size());
    const std::size_t point = std::min(text.find('.'), mantissa_end);
    real whole;
    for (std::size_t at = negative ? 1 : 0; at < point; ++at) {
      whole = whole * 10 + (text[at] - '0');
    }
    real fraction;
    for (std::size_t at = mantissa_end; at > point + 1; --at) {
      fraction = (fraction + (text[at - 1] - '0')).over(10);
    }
    real result = whole + fraction;
    int exponent = mantissa_end < text.size() ? std::stoi(text.substr(mantissa_end + 1)) : 0;
    for (; exponent > 0; --exponent) {
      result = result * 10;
    }
    for (; exponent < 0; ++exponent) {
      result = result.over(10);
    }
    return negative ? -result : result;
  }

  bool is_zero() const {
    return std::all_of(limbs_.begin(), limbs_.end(), [](std::uint32_t limb) { return limb == 0; });
  }

  /// The e with 2^e <= |this| < 2^(e+1).
  /// Errors   std::domain_error: the number is zero.
  int exponent() const {
    for (std::size_t at = n_limbs; at-- > 0;) {
      for (int bit = 31; bit >= 0 && limbs_[at] != 0; --bit) {
        if ((limbs_[at] >> static_cast<unsigned>(bit)) != 0) {
          return 32 * static_cast<int>(at) + bit - fraction_bits;
        }
      }
    }
    throw std::domain_error("oracle: zero has no exponent");
  }

  /// The number times 2^power, truncated towards zero.
  real times_power_of_2(int power) const {
    const auto in_limb = static_cast<unsigned>(power) % 32U; // modulo 2^32: right for negative too
    const int whole_limbs = (power - static_cast<int>(in_limb)) / 32;
    real result;
    result.negative_ = negative_;
    const auto place = [&result](std::uint32_t piece, int at) {
      if (piece != 0 && at >= static_cast<int>(n_limbs)) {
        throw std::overflow_error("oracle: a shift leaves the range of real");
      }
      if (piece != 0 && at >= 0) {
        result.limbs_[static_cast<std::size_t>(at)] |= piece;
      }
    };
    for (std::size_t at = 0; at < n_limbs; ++at) {
      const std::uint64_t shifted = std::uint64_t{limbs_[at]} << in_limb;
      place(static_cast<std::uint32_t>(shifted), static_cast<int>(at) + whole_limbs);
      place(static_cast<std::uint32_t>(shifted >> 32U), static_cast<int>(at) + whole_limbs + 1);
    }
    return result.normalised();
  }

  /// The number divided by a small positive integer. Power series use this cheap division.
  real over(std::uint32_t divisor) const {
    real result;
    result.negative_ = negative_;
    std::uint64_t remainder = 0;
    for (std::size_t at = n_limbs; at-- > 0;) {
      const std::uint64_t dividend = (remainder << 32U) | limbs_[at];
      result.limbs_[at] = static_cast<std::uint32_t>(dividend / divisor);
      remainder = dividend % divisor;
    }
    return result.normalised();
  }

  /// The nearest double, ties to even.
  double to_double() const {
    if (is_zero()) {
      return 0;
    }
    // 62 leading bits, and a last bit that is set if any bit after them is set.
    const int top = exponent() + fraction_bits;
    std::uint64_t leading = 0;
    for (int bit = top; bit > top - 62; --bit) {
      leading = (leading << 1U) | (bit >= 0 && bit_at(limbs_, bit) ? 1U : 0U);
    }
    bool sticky = false;
    for (int bit = top - 62; bit >= 0 && !sticky; --bit) {
      sticky = bit_at(limbs_, bit);
    }
    leading = (leading << 1U) | (sticky ? 1U : 0U);
    const double magnitude = std::ldexp(static_cast<double>(leading), exponent() - 62);
    return negative_ ? -magnitude : magnitude;
  }

  /// The largest integer that is not above x.
  friend real floor(const real& x) {
    real whole = x;
    std::fill_n(whole.limbs_.begin(), n_fraction_limbs, 0U);
    const bool has_fraction =
        !std::equal(x.limbs_.begin(), x.limbs_.begin() + n_fraction_limbs, whole.limbs_.begin());
    whole = whole.normalised();
    return x.negative_ && has_fraction ? whole - 1 : whole;
  }
  friend real ceil(const real& x) { return -floor(-x); }
  friend real abs(const real& x) { return x.negative_ ? -x : x; }

  friend real operator-(const real& x) {
    real result = x;
    result.negative_ = !x.negative_;
    return result.normalised();
  }
  friend real operator+(const real& a, const real& b) {
    real result;
    if (a.negative_ == b.negative_) {
      result.limbs_ = sum(a.limbs_, b.limbs_);
      result.negative_ = a.negative_;
    } else {
      const bool a_is_larger = !less(a.limbs_, b.limbs_);
      result.limbs_ = a_is_larger ? difference(a.limbs_, b.limbs_) : difference(b.limbs_, a.limbs_);
      result.negative_ = a_is_larger ? a.negative_ : b.negative_;
    }
    return result.normalised();
  }
  friend real operator-(const real& a, const real& b) { return a + -b; }
  friend real operator*(const real& a, const real& b) {
    std::array<std::uint32_t, 2 * n_limbs> product{};
    for (std::size_t i = 0; i < n_limbs; ++i) {
      std::uint64_t carry = 0;
      for (std::size_t j = 0; j < n_limbs && a.limbs_[i] != 0; ++j) {
        carry += std::uint64_t{a.limbs_[i]} * b.limbs_[j] + product[i + j];
        product[i + j] = static_cast<std::uint32_t>(carry);
        carry >>= 32U;
      }
      product[i + n_limbs] = static_cast<std::uint32_t>(carry);
    }
    real result;
    std::copy_n(product.begin() + n_fraction_limbs, n_limbs, result.limbs_.begin());
    if (std::any_of(product.begin() + n_fraction_limbs + n_limbs, product.end(),
                    [](std::uint32_t limb) { return limb != 0; })) {
      throw std::overflow_error("oracle: a product leaves the range of real");
    }
    result.negative_ = a.negative_ != b.negative_;
    return result.normalised();
  }
  friend real operator/(const real& a, const real& b) {
    if (b.is_zero()) {
      throw std::domain_error("oracle: division by zero");
    }
    // Restoring division, one bit of a * 2^192 at a time.
    limbs remainder{};
    real result;
    for (int bit = 32 * static_cast<int>(n_limbs) - 1; bit >= -fraction_bits; --bit) {
      remainder = sum(remainder, remainder);
      remainder[0] |= bit >= 0 && bit_at(a.limbs_, bit) ? 1U : 0U;
      if (!less(remainder, b.limbs_)) {
        remainder = difference(remainder, b.limbs_);
        if (bit + fraction_bits >= 32 * static_cast<int>(n_limbs)) {
          throw std::overflow_error("oracle: a quotient leaves the range of real");
        }
        set_bit(result.limbs_, bit + fraction_bits);
      }
    }
    result.negative_ = a.negative_ != b.negative_;
    return result.normalised();
  }

  friend bool operator<(const real& a, const real& b) {
    if (a.negative_ != b.negative_) {
      return a.negative_;
    }
    return a.negative_ ? less(b.limbs_, a.limbs_) : less(a.limbs_, b.limbs_);
  }
  friend bool operator==(const real& a, const real& b) {
    return a.negative_ == b.negative_ && a.limbs_ == b.limbs_;
  }
  friend bool operator!=(const real& a, const real& b) { return !(a == b); }
  friend bool operator>(const real& a, const real& b) { return b < a; }
  friend bool operator<=(const real& a, const real& b) { return !(b < a); }
  friend bool operator>=(const real& a, const real& b) { return !(a < b); }
  friend std::ostream& operator<<(std::ostream& out, const real& x) { return out << x.to_double(); }

private:
  static constexpr std::size_t n_fraction_limbs = fraction_bits / 32;
  static constexpr std::size_t n_limbs = n_fraction_limbs + 3;
  using limbs = std::array<std::uint32_t, n_limbs>; // the least significant first

  static bool bit_at(const limbs& x, int bit) {
    const auto at = static_cast<unsigned>(bit);
    return ((x[at / 32U] >> (at % 32U)) & 1U) != 0;
  }
  static void set_bit(limbs& x, int bit) {
    const auto at = static_cast<unsigned>(bit);
    x[at / 32U] |= 1U << (at % 32U);
  }
  static bool less(const limbs& a, const limbs& b) {
    return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
  }
  static limbs sum(const limbs& a, const limbs& b) {
    limbs result{};
    std::uint64_t carry = 0;
    for (std::size_t at = 0; at < n_limbs; ++at) {
      carry += std::uint64_t{a[at]} + b[at];
      result[at] = static_cast<std::uint32_t>(carry);
      carry >>= 32U;
    }
    if (carry != 0) {
      throw std::overflow_error("oracle: a sum leaves the range of real");
    }
    return result;
  }
  static limbs difference(const limbs& larger, const limbs& smaller) {
    limbs result{};
    std::uint64_t borrow = 0;
    for (std::size_t at = 0; at < n_limbs; ++at) {
      const std::uint64_t gap = std::uint64_t{larger[at]} - smaller[at] - borrow;
      result[at] = static_cast<std::uint32_t>(gap);
      borrow = gap >> 63U;
    }
    return result;
  }
  real normalised() const {
    real result = *this;
    result.negative_ = negative_ && !is_zero();
    return result;
  }

  limbs limbs_{};
  bool negative_ = false;
};

namespace detail {

/// sum over k of sign^k / ((2k+1) * n^(2k+1)): artanh(1/n) for sign 1, arctan(1/n) for sign -1.
inline real inverse_tangent_series(std::uint32_t n, int sign) {
  real power = real(1).over(n);
  real sum = power;
  for (std::uint32_t k = 1; !power.is_zero(); ++k) {
    power = power.over(n).over(n);
    const real term = power.over(2 * k + 1);
    sum = sign < 0 && k % 2 == 1 ? sum - term : sum + term;
  }
  return sum;
}

} // namespace detail

/// Machin: pi/4 = 4 arctan(1/5) - arctan(1/239).
inline const real& pi() {
  static const real value =
      16 * detail::inverse_tangent_series(5, -1) - 4 * detail::inverse_tangent_series(239, -1);
  return value;
}

inline const real& ln_2() {
  static const real value = 2 * detail::inverse_tangent_series(3, 1);
  return value;
}

/// The relative error is below 2^-175 (each of the eight squarings doubles it), the absolute error
/// 2^-192.
inline real exp(const real& x) {
  const real n_halvings = floor(x / ln_2());
  const auto power = static_cast<int>(n_halvings.to_double());
  constexpr int n_squarings = 8;
  const real reduced = (x - n_halvings * ln_2()).times_power_of_2(-n_squarings);
  real result = 1;
  real term = 1;
  for (std::uint32_t k = 1; !term.is_zero(); ++k) {
    term = (term * reduced).over(k);
    result = result + term;
  }
  for (int squaring = 0; squaring < n_squarings; ++squaring) {
    result = result * result;
  }
  return result.times_power_of_2(power);
}

/// ln(m * 2^e) = 2 artanh((m-1)/(m+1)) + e ln 2, for m in [2/3, 4/3).
inline real log(const real& x) {
  if (x <= 0) {
    throw std::domain_error("oracle: log of a number that is not positive");
  }
  int power = x.exponent();
  real m = x.times_power_of_2(-power);
  if (3 * m >= 4) {
    m = m.times_power_of_2(-1);
    ++power;
  }
  const real z = (m - 1) / (m + 1);
  const real z_squared = z * z;
  real term = z;
  real sum = z;
  for (std::uint32_t k = 1; !term.is_zero(); ++k) {
    term = term * z_squared;
    sum = sum + term.over(2 * k + 1);
  }
  return 2 * sum + power * ln_2();
}

inline real pow(const real& base, const real& exponent) { return exp(exponent * log(base)); }
inline real sqrt(const real& x) { return exp(log(x).over(2)); }

struct sine_and_cosine {
  real sine;
  real cosine;
};

/// sin and cos of an angle with |angle| < 2^60 rad. The error of pi/2 is below 2^-188, and is
/// multiplied by the quotient of the angle and pi/2. So at |position| = 2^31 and inv_freq = 2 pi
/// the absolute error is below 2^-150.
inline sine_and_cosine sin_cos(const real& angle_rad) {
  static const real half_pi = pi().over(2);
  static const real quadrants_per_radian = real(1) / half_pi;
  const real quadrant = floor(angle_rad * quadrants_per_radian + real(1).over(2));
  const real x = angle_rad - quadrant * half_pi; // in [-pi/4, pi/4]
  const real x_squared = x * x;
  sine_and_cosine result{x, 1};
  real sine_term = x;
  real cosine_term = 1;
  for (std::uint32_t k = 1; !sine_term.is_zero() || !cosine_term.is_zero(); ++k) {
    cosine_term = -(cosine_term * x_squared).over(2 * k - 1).over(2 * k);
    sine_term = -(sine_term * x_squared).over(2 * k).over(2 * k + 1);
    result.cosine = result.cosine + cosine_term;
    result.sine = result.sine + sine_term;
  }
  const real turns = floor(quadrant.over(4));
  const auto remaining = static_cast<int>((quadrant - 4 * turns).to_double());
  switch (remaining) {
  case 0:
    return result;
  case 1:
    return {result.cosine, -result.sine};
  case 2:
    return {-result.sine, -result.cosine};
  default:
    return {-result.cosine, result.sine};
  }
}

} // namespace oracle

#endif // YARN_TESTS_SUPPORT_WIDE_REAL_HPP

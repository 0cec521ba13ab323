// SPDX-License-Identifier: MIT
// `real`: floating point with 128 significant bits, computed with integers.
//
// Methods compute frequencies in `real` and round them to double once. Integers give the same bits
// on every processor. Floating point does not: libm's pow and log differ between processors,
// compilers fuse a * b + c as they choose, and -ffast-math rearranges formulas.
//
// The relative error of an operation is about 2^-124. That of log is about 2^-118, and that of
// exp(x) about 2^-118 + 2^-126 |x|. A formula of this library, rounded to double, is therefore
// within 0.501 ULP.
#ifndef YARN_REAL_HPP
#define YARN_REAL_HPP

#include "detail/arithmetic/u128.hpp"
#include "detail/base/bits.hpp"

#include <type_traits>

namespace yarn {
inline namespace YARN_ABI {

/// A number with 128 significant bits: zero, or +-mantissa * 2^(exponent - 127), where the top bit
/// of the mantissa is set. There is no infinity: the exponent is large enough for any product of
/// doubles.
class real {
public:
  constexpr real() = default;
  /// The value, exactly.
  /// Requires A finite value.
  real(double value); // NOLINT(google-explicit-constructor): numbers mix freely in formulas
  template <class Integer, class = std::enable_if_t<std::is_integral_v<Integer>>>
  real(Integer value) // NOLINT(google-explicit-constructor)
      : real(detail::u128{0, value < 0 ? 0 - static_cast<std::uint64_t>(value)
                                       : static_cast<std::uint64_t>(value)},
             127, value < 0) {}
  /// +-mantissa * 2^(exponent - 127). The constructor normalises the mantissa.
  constexpr real(detail::u128 mantissa, int exponent, bool negative)
      : mantissa_(mantissa), exponent_(exponent), negative_(negative) {
    if (mantissa.hi >> 63 != 0)
      return; // normalised already, as most results are
    const int shift = detail::leading_zeros(mantissa);
    if (shift == 128) {
      exponent_ = zero_exponent;
      negative_ = false;
    } else {
      mantissa_ = mantissa << shift;
      exponent_ = exponent - shift;
    }
  }

  constexpr detail::u128 mantissa() const { return mantissa_; }
  constexpr int exponent() const { return exponent_; }
  constexpr bool is_zero() const { return mantissa_.hi == 0; }
  constexpr bool is_negative() const { return negative_; }
  constexpr real operator-() const { return real(mantissa_, exponent_, !negative_); }

  /// The nearest double, ties to even. Numbers outside the range of double become subnormal, zero
  /// or infinite.
  explicit operator double() const;

private:
  // Less than the exponent of any product of doubles, so that zero has the smallest magnitude.
  // Must be negative, too: exp and log shift the mantissa of zero right by -1 - exponent bits.
  static constexpr int zero_exponent = -(1 << 20);

  detail::u128 mantissa_{0, 0};
  int exponent_ = zero_exponent;
  bool negative_ = false;
};

inline real operator*(real a, real b);
inline real operator+(real a, real b);
inline real operator-(real a, real b);
/// Requires b != 0.
inline real operator/(real a, real b);
inline bool operator==(real a, real b);
inline bool operator<(real a, real b);
inline bool operator>(real a, real b);
inline bool operator<=(real a, real b);
inline bool operator>=(real a, real b);
inline real min(real a, real b);
inline real max(real a, real b);
/// Requires |x| < 2^62.
inline real floor(real x);
inline real ceil(real x);
/// e^x.
/// Requires |x| < 2^20.
inline real exp(real x);
/// The natural logarithm.
/// Requires x > 0.
inline real log(real x);
/// Requires x >= 0.
inline real sqrt(real x);

namespace constant {
// 128 bits each, rounded to nearest. tests/arithmetic/test_real.cpp recomputes them.
inline constexpr real ln2{{0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af}, -1, false};
inline constexpr real pi{{0xc90fdaa22168c234, 0xc4c6628b80dc1cd1}, 1, false};
} // namespace constant

} // namespace YARN_ABI
} // namespace yarn

#include "detail/arithmetic/real.hpp"

#endif

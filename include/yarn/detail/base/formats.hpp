// SPDX-License-Identifier: MIT
// The table of element formats. A new format needs an enumerator in types.hpp and a format_traits
// here. All code that converts elements, or needs their name or size, uses this table, so a format
// without an entry does not compile.
//
// The conversions here convert one element with integer arithmetic and give the same bits on every
// processor. They round to nearest even and keep subnormals; `narrow` to 8 or 16 bits makes a quiet
// NaN of every NaN. The vector code in detail/simd/ is faster and gives the same results, except
// for the payload of a NaN.
#ifndef YARN_DETAIL_BASE_FORMATS_HPP
#define YARN_DETAIL_BASE_FORMATS_HPP

#include "../../types.hpp"
#include "bits.hpp"
#include "message.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// Widens a finite number, given as bits without the sign, from a format with `ExponentBits`
/// exponent bits and `FractionBits` fraction bits. Returns the bits of a float.
template <int ExponentBits, int FractionBits>
YARN_ALWAYS_INLINE std::uint32_t widen_magnitude(std::uint32_t bits) {
  constexpr std::uint32_t bias = (1u << (ExponentBits - 1)) - 1;
  constexpr std::uint32_t hidden_bit = 1u << FractionBits;
  std::uint32_t exponent = bits >> FractionBits;
  std::uint32_t fraction = bits & (hidden_bit - 1);
  if (exponent == 0) {
    if (fraction == 0)
      return 0;
    exponent = 1; // A subnormal: shift its leading bit to the place of the hidden bit.
    while ((fraction & hidden_bit) == 0) {
      fraction <<= 1;
      --exponent;
    }
    fraction &= hidden_bit - 1;
  }
  return (exponent + 127 - bias) << 23 | fraction << (23 - FractionBits);
}

/// Narrows a finite float, given as bits without the sign, rounded to nearest even. The exponent of
/// the result may be too large for the format; the caller handles this overflow.
template <int ExponentBits, int FractionBits>
YARN_ALWAYS_INLINE std::uint32_t narrow_magnitude(std::uint32_t magnitude) {
  constexpr std::uint32_t bias = (1u << (ExponentBits - 1)) - 1;
  constexpr int dropped = 23 - FractionBits;
  constexpr std::uint32_t smallest_normal = (128 - bias) << 23;
  constexpr std::uint32_t half_smallest_subnormal = (127 - bias - FractionBits) << 23;
  if (magnitude >= smallest_normal) {
    const std::uint32_t rebiased = magnitude - ((127 - bias) << 23);
    return (rebiased + ((1u << (dropped - 1)) - 1) + (rebiased >> dropped & 1)) >> dropped;
  }
  if (magnitude < half_smallest_subnormal)
    return 0;
  const std::uint32_t shift = dropped + (128 - bias) - (magnitude >> 23); // at most 24
  const std::uint32_t fraction = (magnitude & 0x7fffffu) | 0x800000u;
  const std::uint32_t kept = fraction >> shift;
  const std::uint32_t rest = fraction & ((1u << shift) - 1);
  const std::uint32_t tie = 1u << (shift - 1);
  return kept + (rest > tie || (rest == tie && (kept & 1) != 0) ? 1u : 0u);
}

inline constexpr std::uint32_t float_infinity = 0x7f800000u; // bits

/// One entry of the table:
///
///     type       the library's element type of this format
///     storage    a number type of the same size that holds the bits of an element
///     compute    float, or double if float cannot hold every value
///     digits     significant bits
///     name       the name in numpy and torch; torch's float8_e4m3fn is float8_e4m3 here
///     widen      storage -> compute, exact
///     narrow     compute -> storage, rounded once
template <element_format Format> struct format_traits;

template <> struct format_traits<element_format::binary64> {
  using type = double;
  using storage = double;
  using compute = double;
  static constexpr int digits = 53;
  static constexpr const char* name = "float64";
  YARN_ALWAYS_INLINE static double widen(double element) { return element; }
  YARN_ALWAYS_INLINE static double narrow(double value) { return value; }
};

template <> struct format_traits<element_format::binary32> {
  using type = float;
  using storage = float;
  using compute = float;
  static constexpr int digits = 24;
  static constexpr const char* name = "float32";
  YARN_ALWAYS_INLINE static float widen(float element) { return element; }
  YARN_ALWAYS_INLINE static float narrow(float value) { return value; }
};

template <> struct format_traits<element_format::binary16> {
  using type = float16;
  using storage = std::uint16_t;
  using compute = float;
  static constexpr int digits = 11;
  static constexpr const char* name = "float16";

  YARN_ALWAYS_INLINE static float widen(std::uint16_t element) {
    const std::uint32_t sign = static_cast<std::uint32_t>(element & 0x8000) << 16;
    const std::uint32_t magnitude = element & 0x7fffu;
    if (magnitude >= 0x7c00)
      return bit_cast<float>(sign | float_infinity | (magnitude & 0x3ff) << 13);
    return bit_cast<float>(sign | widen_magnitude<5, 10>(magnitude));
  }
  YARN_ALWAYS_INLINE static std::uint16_t narrow(float value) {
    const auto bits = bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = bits >> 16 & 0x8000;
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > float_infinity)
      return static_cast<std::uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x47800000u) // 65536. Smaller numbers may still round up to infinity below.
      return static_cast<std::uint16_t>(sign | 0x7c00);
    return static_cast<std::uint16_t>(sign | narrow_magnitude<5, 10>(magnitude));
  }
};

template <> struct format_traits<element_format::bfloat16> {
  using type = bfloat16;
  using storage = std::uint16_t;
  using compute = float;
  static constexpr int digits = 8;
  static constexpr const char* name = "bfloat16";

  YARN_ALWAYS_INLINE static float widen(std::uint16_t element) {
    return bit_cast<float>(static_cast<std::uint32_t>(element) << 16);
  }
  YARN_ALWAYS_INLINE static std::uint16_t narrow(float value) {
    const auto bits = bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffu) > float_infinity) // Rounding could turn a NaN into infinity or zero.
      return static_cast<std::uint16_t>(bits >> 16 | 0x40);
    return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
};

/// What the 8-bit floats share. `LargestCode` is the code of the largest number. Larger codes are
/// NaN, except that a code with fraction 0 is infinity.
template <int ExponentBits, int FractionBits, std::uint32_t LargestCode> struct float8_traits {
  using storage = std::uint8_t;
  using compute = float;
  static constexpr int digits = FractionBits + 1;
  static constexpr int fraction_bits = FractionBits;
  static constexpr std::uint32_t bias = (1u << (ExponentBits - 1)) - 1;
  static constexpr std::uint32_t largest_code = LargestCode;
  /// The largest number as the bits of a float.
  static constexpr std::uint32_t largest =
      (LargestCode << (23 - FractionBits)) + ((127 - bias) << 23);

  YARN_ALWAYS_INLINE static float widen(std::uint8_t element) {
    const std::uint32_t sign = static_cast<std::uint32_t>(element & 0x80) << 24;
    const std::uint32_t magnitude = element & 0x7fu;
    if (magnitude > LargestCode) {
      const bool is_infinity = (magnitude & ((1u << FractionBits) - 1)) == 0;
      return bit_cast<float>(sign | float_infinity | (is_infinity ? 0u : 0x400000u));
    }
    return bit_cast<float>(sign | widen_magnitude<ExponentBits, FractionBits>(magnitude));
  }
  /// Saturates. A NaN becomes the code with all bits set, apart from its sign.
  YARN_ALWAYS_INLINE static std::uint8_t narrow(float value) {
    const auto bits = bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = bits >> 24 & 0x80;
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > float_infinity)
      return static_cast<std::uint8_t>(sign | 0x7f);
    if (magnitude >= largest)
      return static_cast<std::uint8_t>(sign | LargestCode);
    return static_cast<std::uint8_t>(sign |
                                     narrow_magnitude<ExponentBits, FractionBits>(magnitude));
  }
};

template <> struct format_traits<element_format::float8_e4m3> : float8_traits<4, 3, 0x7e> {
  using type = float8_e4m3;
  static constexpr const char* name = "float8_e4m3";
};

template <> struct format_traits<element_format::float8_e5m2> : float8_traits<5, 2, 0x7b> {
  using type = float8_e5m2;
  static constexpr const char* name = "float8_e5m2";
};

/// The entry of an element type. Checks the requirements on every element type.
template <class T> struct element_traits_of {
  static constexpr element_format format = format_of_v<T>;
  static_assert(format != element_format::unknown,
                "yarn: unknown element type: specialise yarn::format_of for it");
  using type = format_traits<format>;
  static_assert(format == element_format::unknown || sizeof(T) == sizeof(typename type::storage),
                "yarn: the element type has another size than the format that yarn::format_of "
                "gives it");
  static_assert(format == element_format::unknown || std::is_trivially_copyable_v<T>,
                "yarn: an element type must be trivially copyable");
};
template <class T> using element_traits = typename element_traits_of<std::remove_const_t<T>>::type;

/// The value of an element, in the type of the computation.
template <class Compute, class T> YARN_ALWAYS_INLINE Compute widen(const T& element) {
  using traits = element_traits<T>;
  return static_cast<Compute>(traits::widen(bit_cast<typename traits::storage>(element)));
}

/// Rounds a double to float so that a second rounding, to at most 22 significant bits, gives the
/// same result as one rounding of the double. (Two roundings to nearest could differ from one: the
/// first could create a tie.) Returns the value itself if a float can hold it, else the
/// neighbouring float whose last bit is odd.
YARN_ALWAYS_INLINE float round_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  if (!(static_cast<double>(nearest) != value) || !is_finite(value))
    return nearest;
  auto bits = bit_cast<std::uint32_t>(nearest);
  const double magnitude = value < 0 ? -value : value;
  if (static_cast<double>(bit_cast<float>(bits & 0x7fffffffu)) > magnitude)
    --bits;
  return bit_cast<float>(bits | 1u);
}

/// Stores a computed value in an element, rounded once.
template <class T, class Compute> YARN_ALWAYS_INLINE void narrow(Compute value, T& element) {
  using traits = element_traits<T>;
  typename traits::storage bits;
  if constexpr (std::is_same_v<Compute, double> && traits::digits < 24)
    bits = traits::narrow(round_to_odd(value));
  else
    bits = traits::narrow(static_cast<typename traits::compute>(value));
  std::memcpy(static_cast<void*>(&element), &bits, sizeof bits);
}

/// The number of enumerators of element_format. The adapters have tables of this size, with the
/// codes that their libraries give the formats.
inline constexpr int n_formats = 7;

/// Calls f(format_traits<F>{}) for a format that is known only at run time. The switch has no
/// default, so compilers warn if a format is missing.
/// Errors   std::invalid_argument for `unknown`.
template <class F> decltype(auto) with_format(element_format format, F&& f) {
  switch (format) {
  case element_format::binary64:
    return f(format_traits<element_format::binary64>{});
  case element_format::binary32:
    return f(format_traits<element_format::binary32>{});
  case element_format::binary16:
    return f(format_traits<element_format::binary16>{});
  case element_format::bfloat16:
    return f(format_traits<element_format::bfloat16>{});
  case element_format::float8_e4m3:
    return f(format_traits<element_format::float8_e4m3>{});
  case element_format::float8_e5m2:
    return f(format_traits<element_format::float8_e5m2>{});
  case element_format::unknown:
    break;
  }
  fail_argument("yarn: the element format is unknown");
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

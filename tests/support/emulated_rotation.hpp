// SPDX-License-Identifier: MIT
// The expected result of a rotation, one pair at a time:
// * by the arithmetic that the library documents (one product, one fused multiply-add, elements of
//   8 or 16 bits rounded once), written again from the definitions of the formats;
// * in long double. The tests take this result as exact.
// The file also has the units in which results are compared. It uses only the names of the types
// and the flag for a fused multiply-add from the library.
#ifndef YARN_TESTS_SUPPORT_EMULATED_ROTATION_HPP
#define YARN_TESTS_SUPPORT_EMULATED_ROTATION_HPP

#include "bits.hpp"

#include <yarn/types.hpp>

#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace support {

// ---- Formats of 8 and 16 bits -----------------------------------------------------------------

/// A binary format of the size of Bits with `Digits` significant bits. Its smallest normal number
/// is 2^LeastExponent. `Largest` is the code of its largest number. Larger codes are NaN, except
/// that a code with fraction 0 is infinity. If `Saturates`, larger numbers are stored as the largest
/// one, otherwise as infinity.
template <class Bits, int Digits, int LeastExponent, unsigned Largest, bool Saturates>
struct small_format {
  static constexpr unsigned sign_bit = 1U << (8 * sizeof(Bits) - 1);
  static constexpr unsigned fraction = (1U << unsigned{Digits - 1}) - 1;

  static float widen(Bits bits) { return values()[bits]; }
  static bool is_nan(Bits bits) {
    return (bits & (sign_bit - 1)) > Largest && (bits & fraction) != 0;
  }

  /// Rounds to nearest, ties to even. All NaNs become the same NaN.
  static Bits narrow(float value) {
    const unsigned sign = std::signbit(value) ? sign_bit : 0U;
    const double size = std::fabs(static_cast<double>(value));
    const unsigned beyond = Saturates ? Largest : Largest + 1;
    if (std::isnan(value)) {
      return static_cast<Bits>(Saturates ? sign_bit - 1
                                         : Largest + 1 + (1U << unsigned{Digits - 2}));
    }
    if (std::isinf(value)) {
      return static_cast<Bits>(sign | beyond);
    }
    // Counts units in the last place of a number of this magnitude. Every operation is exact.
    const int exponent = exponent_of(size);
    const double scaled = size * power_of_2(Digits - 1 - exponent);
    auto units = static_cast<unsigned>(scaled);
    const double rest = scaled - units;
    units += rest > 0.5 || (rest >= 0.5 && units % 2 == 1) ? 1U : 0U;
    // Neighbouring numbers have neighbouring codes, from zero to infinity.
    const unsigned code =
        units + (static_cast<unsigned>(exponent - LeastExponent) << unsigned{Digits - 1});
    return static_cast<Bits>(sign | (code <= Largest ? code : beyond));
  }

private:
  static double power_of_2(int power) {
    return from_bits<double>(static_cast<std::uint64_t>(power + 1023) << 52U);
  }
  static int exponent_of(double size) {
    const int exponent = static_cast<int>(bits_of(size) >> 52U) - 1023;
    return exponent < LeastExponent ? LeastExponent : exponent;
  }
  static const std::vector<float>& values() {
    static const std::vector<float> all = [] {
      std::vector<float> list(2 * sign_bit);
      for (unsigned bits = 0; bits < list.size(); ++bits) {
        const unsigned field = (bits & (sign_bit - 1)) >> unsigned{Digits - 1};
        const unsigned units = (bits & fraction) + (field == 0 ? 0U : fraction + 1);
        const int exponent = LeastExponent + static_cast<int>(field == 0 ? 1U : field) - 1;
        float size = static_cast<float>(std::ldexp(units, exponent - Digits + 1));
        if ((bits & (sign_bit - 1)) > Largest) {
          size = is_nan(static_cast<Bits>(bits)) ? std::numeric_limits<float>::quiet_NaN()
                                                 : std::numeric_limits<float>::infinity();
        }
        list[bits] = (bits & sign_bit) != 0 ? -size : size;
      }
      return list;
    }();
    return all;
  }
};

using binary16_format = small_format<std::uint16_t, 11, -14, 0x7bff, false>;
using bfloat16_format = small_format<std::uint16_t, 8, -126, 0x7f7f, false>;
using e4m3_format = small_format<std::uint8_t, 4, -6, 0x7e, true>;
using e5m2_format = small_format<std::uint8_t, 3, -14, 0x7b, true>;

// ---- Elements ---------------------------------------------------------------------------------

/// An element type: the type in which the rotation computes, and the conversions between the two.
template <class T> struct element;

template <class T> struct wide_element {
  using compute = T;
  static constexpr int digits = std::numeric_limits<T>::digits;
  static constexpr int least_exponent = std::numeric_limits<T>::min_exponent - 1;
  static T widen(T value) { return value; }
  static T narrow(T value) { return value; }
  static bool is_quiet_nan(T value) {
    return std::isnan(value) && (bits_of(value) >> unsigned{digits - 2} & 1U) != 0;
  }
};
template <> struct element<float> : wide_element<float> {
  static constexpr const char* name = "float";
};
template <> struct element<double> : wide_element<double> {
  static constexpr const char* name = "double";
};

template <class T, class Format, int Digits, int LeastExponent> struct small_element {
  using compute = float;
  static constexpr int digits = Digits;
  static constexpr int least_exponent = LeastExponent;
  static float widen(T value) { return Format::widen(value.bits); }
  static T narrow(float value) { return T{Format::narrow(value)}; }
  static bool is_quiet_nan(T value) {
    return Format::is_nan(value.bits) && (value.bits >> unsigned{Digits - 2} & 1U) != 0;
  }
};
template <> struct element<yarn::float16> : small_element<yarn::float16, binary16_format, 11, -14> {
  static constexpr const char* name = "float16";
};
template <>
struct element<yarn::bfloat16> : small_element<yarn::bfloat16, bfloat16_format, 8, -126> {
  static constexpr const char* name = "bfloat16";
};
template <>
struct element<yarn::float8_e4m3> : small_element<yarn::float8_e4m3, e4m3_format, 4, -6> {
  static constexpr const char* name = "float8_e4m3";
};
template <>
struct element<yarn::float8_e5m2> : small_element<yarn::float8_e5m2, e5m2_format, 3, -14> {
  static constexpr const char* name = "float8_e5m2";
};

template <class T> using compute_type = typename element<T>::compute;

/// Rounds a double to the compute type, and then to the element.
template <class T> T element_of(double value) {
  return element<T>::narrow(static_cast<compute_type<T>>(value));
}
template <class T> bool is_nan(T value) { return std::isnan(element<T>::widen(value)); }

// ---- Rotations --------------------------------------------------------------------------------

template <class Number> struct pair_of {
  Number first;
  Number second;
};

/// The documented arithmetic. The compiler cannot fuse other operations: a build with a fused
/// multiply-add calls std::fma, and in other builds no fusion is possible.
template <class C> pair_of<C> emulated_rotation(C x0, C x1, C cos, C sin) {
#if YARN_HAS_FMA
  return {std::fma(-x1, sin, x0 * cos), std::fma(x0, sin, x1 * cos)};
#else
  return {-x1 * sin + x0 * cos, x0 * sin + x1 * cos};
#endif
}

/// Rotates two elements in place by the documented arithmetic.
template <class T> void emulate_in_place(T& x0, T& x1, compute_type<T> cos, compute_type<T> sin) {
  using type = element<T>;
  const auto rotated = emulated_rotation(type::widen(x0), type::widen(x1), cos, sin);
  x0 = type::narrow(rotated.first);
  x1 = type::narrow(rotated.second);
}

/// The indices of the two elements of pair i in a head.
inline pair_of<std::size_t> places_of_pair(yarn::pairing p, std::size_t i, std::size_t n_pairs) {
  return p == yarn::pairing::half_split ? pair_of<std::size_t>{i, i + n_pairs}
                                        : pair_of<std::size_t>{2 * i, 2 * i + 1};
}

/// Rotates one head in place by a row of n_pairs cosines and sines.
template <class T>
void emulate_head(T* head, yarn::pairing p, const compute_type<T>* cos, const compute_type<T>* sin,
                  std::size_t n_pairs) {
  for (std::size_t i = 0; i < n_pairs; ++i) {
    const auto at = places_of_pair(p, i, n_pairs);
    emulate_in_place(head[at.first], head[at.second], cos[i], sin[i]);
  }
}

/// The rotation in long double, which has 11 or 60 significant bits more than double if
/// has_wide_long_double is true.
inline pair_of<long double> exact_rotation(long double x0, long double x1, long double cos,
                                           long double sin) {
  return {x0 * cos - x1 * sin, x0 * sin + x1 * cos};
}
inline constexpr bool has_wide_long_double = LDBL_MANT_DIG >= 64;

/// The unit in the last place of a format at this magnitude. The unit is never below that of the
/// format's subnormal numbers.
inline double unit_at(double size, int digits, int least_exponent) {
  const int exponent = size > 0 ? std::ilogb(size) : least_exponent;
  return std::ldexp(1.0, (exponent < least_exponent ? least_exponent : exponent) - digits + 1);
}
template <class T> double unit_at(double size) {
  return unit_at(size, element<T>::digits, element<T>::least_exponent);
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_EMULATED_ROTATION_HPP

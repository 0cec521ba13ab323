// SPDX-License-Identifier: MIT
// The 16-bit formats by their definition. Tests compare the library with this definition.
//
// is_slow_build is true in builds without optimisation or with sanitizers. In these builds the
// tests take only a sample of the floats between two boundaries, and fewer random numbers.
#ifndef YARN_TESTS_SUPPORT_HALF_FORMATS_HPP
#define YARN_TESTS_SUPPORT_HALF_FORMATS_HPP

#include "bits.hpp"

#include <gtest/gtest.h>
#include <yarn/detail/base/formats.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
#define YARN_TEST_SLOW_BUILD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                         \
    __has_feature(thread_sanitizer)
#define YARN_TEST_SLOW_BUILD 1
#endif
#endif

namespace support {

#if defined(YARN_TEST_SLOW_BUILD)
constexpr bool is_slow_build = true;
#else
constexpr bool is_slow_build = false;
#endif

/// A 16-bit format: sign, exponent, fraction. An exponent field of all ones is infinity or NaN.
template <int ExponentBits> struct definition {
  static constexpr int fraction_bits = 15 - ExponentBits;
  static constexpr int bias = (1 << (ExponentBits - 1)) - 1;
  static constexpr unsigned infinity = ((1U << ExponentBits) - 1) << fraction_bits;
  static constexpr unsigned quiet_bit = 1U << (fraction_bits - 1);

  /// The value of a code without its sign bit. For the code of infinity the result is the number
  /// that would follow the largest number, because rounding treats infinity like this number.
  static double value(unsigned code) {
    const auto exponent = static_cast<int>(code >> fraction_bits);
    const auto fraction = static_cast<double>(code & ((1U << fraction_bits) - 1));
    const double hidden = exponent == 0 ? 0 : std::ldexp(1, fraction_bits);
    return std::ldexp(fraction + hidden, std::max(exponent, 1) - bias - fraction_bits);
  }
  /// The middle between code - 1 and code. A tie is rounded to the even code of the two.
  static double boundary(unsigned code) { return (value(code - 1) + value(code)) / 2; }

  static bool is_nan(unsigned code) { return (code & 0x7fffU) > infinity; }
  static bool is_quiet_nan(unsigned code) { return is_nan(code) && (code & quiet_bit) != 0; }
};

struct binary16_format {
  using defined = definition<5>;
  using element = yarn::float16;
  static float widen(std::uint16_t bits) {
    return yarn::detail::format_traits<yarn::element_format::binary16>::widen(bits);
  }
  static std::uint16_t narrow(float value) {
    return yarn::detail::format_traits<yarn::element_format::binary16>::narrow(value);
  }
};
struct bfloat16_format {
  using defined = definition<8>;
  using element = yarn::bfloat16;
  static float widen(std::uint16_t bits) {
    return yarn::detail::format_traits<yarn::element_format::bfloat16>::widen(bits);
  }
  static std::uint16_t narrow(float value) {
    return yarn::detail::format_traits<yarn::element_format::bfloat16>::narrow(value);
  }
};
using formats = ::testing::Types<binary16_format, bfloat16_format>;

struct format_names {
  template <class Format> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return std::is_same_v<Format, binary16_format> ? "binary16" : "bfloat16";
  }
};

/// The bits of the smallest positive float that rounds to a code.
template <class Format> std::uint32_t first_float_of(unsigned code) {
  if (code == 0) {
    return 0;
  }
  const double boundary = Format::defined::boundary(code);
  const auto single = static_cast<float>(boundary);
  EXPECT_EQ(static_cast<double>(single), boundary) << "a boundary is no float, code " << code;
  return bits_of(single) + (code % 2 == 0 ? 0 : 1);
}

/// A random double. Seven of eight have magnitudes that reach from below to above the range of both
/// formats. One of eight has random bits.
inline double random_double(random_source& random) {
  if (random.next() % 8 == 0) {
    const auto value = from_bits<double>(random.next());
    return std::isnan(value) ? 0 : value;
  }
  return std::ldexp(random.number(-1, 1), static_cast<int>(random.integer(-140, 130)));
}

} // namespace support

#endif

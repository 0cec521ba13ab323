// SPDX-License-Identifier: MIT
// Basic types of the library: shapes, slices, optional numbers, and the formats of element types.
#include <Eigen/Core>
#include <gtest/gtest.h>
#include <yarn/types.hpp>
#include <yarn/version.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#if __has_include(<stdfloat>)
#include <stdfloat>
#endif

namespace engine {

/// A 16-bit type of an engine.
struct registered_half {
  std::uint16_t bits;
};

} // namespace engine

namespace yarn {
template <> struct format_of<engine::registered_half> {
  static constexpr element_format value = element_format::binary16;
};
} // namespace yarn

namespace {

using yarn::element_format;
using yarn::format_of_v;

// ---- Plain data ---------------------------------------------------------------------------------

static_assert(std::is_aggregate_v<yarn::rope_shape>);
static_assert(std::is_aggregate_v<yarn::thread_slice>);
static_assert(std::is_trivially_copyable_v<yarn::rope_shape>);
static_assert(std::is_trivially_copyable_v<yarn::thread_slice>);
static_assert(std::is_trivially_copyable_v<yarn::optional_number>);
static_assert(std::is_trivial_v<yarn::float16> && sizeof(yarn::float16) == 2);
static_assert(std::is_trivial_v<yarn::bfloat16> && sizeof(yarn::bfloat16) == 2);
static_assert(!std::is_same_v<yarn::float16, yarn::bfloat16>);
static_assert(std::is_enum_v<yarn::pairing> && !std::is_convertible_v<yarn::pairing, int>);

TEST(rope_shape, has_no_default_base_and_rotates_the_whole_head) {
  constexpr yarn::rope_shape unset;
  EXPECT_EQ(unset.head_dim, 0);
  EXPECT_EQ(unset.rotary_dim, 0);
  EXPECT_EQ(unset.rope_theta, 0.0);
  yarn::rope_shape shape;
  shape.head_dim = 128;
  EXPECT_EQ(shape.rotated(), 128);
  shape.rotary_dim = 64;
  EXPECT_EQ(shape.rotated(), 64);
}

TEST(slice, covers_all_tokens_by_default) {
  constexpr yarn::thread_slice whole;
  EXPECT_EQ(whole.thread, 0);
  EXPECT_EQ(whole.n_threads, 1);
  const std::size_t threads = 7;
  const yarn::thread_slice slice{2, static_cast<std::int64_t>(threads)};
  EXPECT_EQ(slice.thread, 2);
  EXPECT_EQ(slice.n_threads, 7);
}

TEST(pairing, has_two_values) { EXPECT_NE(yarn::pairing::half_split, yarn::pairing::interleaved); }

TEST(optional_number, is_absent_until_it_is_set) {
  yarn::optional_number number;
  EXPECT_FALSE(number.has_value());
  EXPECT_EQ(number.value_or_zero(), 0.0);
  number = 1.25;
  EXPECT_TRUE(number.has_value());
  EXPECT_EQ(number.value(), 1.25);
  number = 0; // 0 is a value
  EXPECT_TRUE(number.has_value());
  EXPECT_EQ(number.value_or_zero(), 0.0);
  number = {};
  EXPECT_FALSE(number.has_value());
  constexpr yarn::optional_number fixed = 2.5;
  static_assert(fixed.has_value() && fixed.value() == 2.5);
  static_assert(!yarn::optional_number{}.has_value());
}

// ---- Formats ------------------------------------------------------------------------------------

static_assert(format_of_v<float> == element_format::binary32);
static_assert(format_of_v<double> == element_format::binary64);
static_assert(format_of_v<const float> == element_format::binary32);
static_assert(format_of_v<yarn::float16> == element_format::binary16);
static_assert(format_of_v<const yarn::bfloat16> == element_format::bfloat16);
static_assert(format_of_v<yarn::float8_e4m3> == element_format::float8_e4m3);
static_assert(format_of_v<const yarn::float8_e5m2> == element_format::float8_e5m2);
static_assert(format_of_v<engine::registered_half> == element_format::binary16);
static_assert(format_of_v<const engine::registered_half> == element_format::binary16);
static_assert(format_of_v<int> == element_format::unknown);
static_assert(format_of_v<std::uint16_t> ==
              element_format::unknown); // could be either 16-bit format
static_assert(format_of_v<long double> == element_format::unknown);

// The library declares Eigen's types by name. The assertions fail if Eigen renames a type or
// changes its class key.
static_assert(format_of_v<Eigen::half> == element_format::binary16);
static_assert(format_of_v<Eigen::bfloat16> == element_format::bfloat16);
static_assert(sizeof(Eigen::half) == 2 && std::is_trivially_copyable_v<Eigen::half>);
static_assert(sizeof(Eigen::bfloat16) == 2 && std::is_trivially_copyable_v<Eigen::bfloat16>);

#if defined(__FLT16_MANT_DIG__) &&                                                                 \
    (defined(__clang__) || __GNUC__ >= 13 || (__GNUC__ == 12 && defined(__SSE2__)))
static_assert(format_of_v<_Float16> == element_format::binary16);
#endif
#if defined(__BFLT16_MANT_DIG__)
static_assert(format_of_v<decltype(0.0bf16)> == element_format::bfloat16);
#endif
#if defined(__STDCPP_FLOAT16_T__)
static_assert(format_of_v<std::float16_t> == element_format::binary16);
#endif
#if defined(__STDCPP_BFLOAT16_T__)
static_assert(format_of_v<std::bfloat16_t> == element_format::bfloat16);
#endif

TEST(formats, match_the_bits_of_eigens_types) {
  // 1.5 is 0x3e00 in binary16 and 0x3fc0 in bfloat16.
  const Eigen::half half(1.5F);
  const Eigen::bfloat16 bfloat(1.5F);
  std::uint16_t bits = 0;
  std::memcpy(&bits, &half, 2);
  EXPECT_EQ(bits, 0x3e00);
  std::memcpy(&bits, &bfloat, 2);
  EXPECT_EQ(bits, 0x3fc0);
}

TEST(is_finite, tests_the_bits) {
  using limits = std::numeric_limits<double>;
  for (const double x : {0.0, -0.0, 1.0, limits::max(), limits::lowest(), limits::denorm_min()}) {
    EXPECT_TRUE(yarn::detail::is_finite(x)) << x;
  }
  for (const double x : {limits::infinity(), -limits::infinity(), limits::quiet_NaN(),
                         -limits::quiet_NaN(), limits::signaling_NaN()}) {
    EXPECT_FALSE(yarn::detail::is_finite(x)) << x;
  }
}

TEST(version, has_three_numbers) {
  constexpr std::array<int, 3> version{YARN_VERSION_MAJOR, YARN_VERSION_MINOR, YARN_VERSION_PATCH};
  EXPECT_GE(*std::min_element(version.begin(), version.end()), 0);
  EXPECT_GT(*std::max_element(version.begin(), version.end()), 0);
}

} // namespace

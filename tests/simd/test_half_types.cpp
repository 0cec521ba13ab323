// SPDX-License-Identifier: MIT
// Types of 16-bit elements: those of an engine, of Eigen and of the compiler, and raw bits.
// rope_apply gives the same bits for all of them as for our types.
#include "../support/bits.hpp"
#include "../support/half_formats.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstdint>
#include <cstring>
#include <vector>

#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#define YARN_TEST_EIGEN 1
#elif __has_include(<eigen3/Eigen/Core>)
#include <eigen3/Eigen/Core>
#define YARN_TEST_EIGEN 1
#else
#define YARN_TEST_EIGEN 0
#endif

/// Types of an engine, registered below: two bytes, without arithmetic.
struct engine_half {
  unsigned char bytes[2];
};
struct engine_bfloat16 {
  std::uint16_t payload;
};
template <> struct yarn::format_of<engine_half> {
  static constexpr yarn::element_format value = yarn::element_format::binary16;
};
template <> struct yarn::format_of<engine_bfloat16> {
  static constexpr yarn::element_format value = yarn::element_format::bfloat16;
};

namespace {

using support::bfloat16_format;
using support::binary16_format;
using support::random_source;

static_assert(yarn::format_of_v<engine_half> == yarn::element_format::binary16);
static_assert(yarn::format_of_v<const engine_bfloat16> == yarn::element_format::bfloat16);
static_assert(yarn::format_of_v<std::uint16_t> ==
              yarn::element_format::unknown); // could be either 16-bit format
static_assert(yarn::format_of_v<int> == yarn::element_format::unknown);
static_assert(sizeof(yarn::float16) == 2);
static_assert(sizeof(yarn::bfloat16) == 2);
static_assert(alignof(yarn::float16) == alignof(std::uint16_t)); // to view an engine's uint16_t
static_assert(alignof(yarn::bfloat16) == alignof(std::uint16_t));

constexpr std::int64_t n_tokens = 3;
constexpr std::int64_t n_heads = 2;

/// Random codes of a format: mostly numbers of ordinary size, and some infinities, NaNs and
/// subnormal numbers.
template <class Format> std::vector<std::uint16_t> random_codes(std::int64_t head_dim) {
  random_source random(4);
  std::vector<std::uint16_t> codes(static_cast<std::size_t>(n_tokens * n_heads * head_dim));
  for (std::uint16_t& code : codes) {
    code = random.next() % 16 == 0 ? static_cast<std::uint16_t>(random.next())
                                   : Format::narrow(static_cast<float>(random.number(-4, 4)));
  }
  return codes;
}

yarn::rotary_rows<float> rows_for(std::int64_t n_pairs) {
  yarn::rope_shape shape;
  shape.head_dim = 2 * n_pairs;
  shape.rope_theta = 10000;
  yarn::rotary_rows<float> rows;
  rows.assign(yarn::make_frequencies(shape, yarn::default_scaling{}),
              yarn::positions_from(1000, n_tokens));
  return rows;
}

/// The codes after rope_apply rotated their memory as elements of T.
template <class T>
std::vector<std::uint16_t> rotated(std::vector<std::uint16_t> codes, yarn::pairing order,
                                   std::int64_t head_dim, std::int64_t n_pairs) {
  std::vector<T> elements(codes.size());
  std::memcpy(static_cast<void*>(elements.data()), codes.data(), 2 * codes.size());
  const yarn::heads_view<T> x(elements.data(), n_tokens, n_heads, head_dim);
  yarn::rope_apply(x, rows_for(n_pairs), order);
  std::memcpy(codes.data(), static_cast<const void*>(elements.data()), 2 * codes.size());
  return codes;
}

template <class Format, class T> void expect_rotated_like_ours() {
  static_assert(yarn::format_of_v<T> == yarn::format_of_v<typename Format::element>);
  for (const yarn::pairing order : {yarn::pairing::half_split, yarn::pairing::interleaved}) {
    for (const std::int64_t n_pairs : {1, 2, 3, 7, 8, 15, 16, 31, 32, 37, 64}) {
      const std::int64_t head_dim = 2 * n_pairs + 3;
      const std::vector<std::uint16_t> codes = random_codes<Format>(head_dim);
      const auto ours = rotated<typename Format::element>(codes, order, head_dim, n_pairs);
      EXPECT_NE(ours, codes);
      EXPECT_EQ(rotated<T>(codes, order, head_dim, n_pairs), ours) << n_pairs << " pairs";
    }
  }
}

TEST(element_types, of_an_engine_are_rotated_like_ours) {
  expect_rotated_like_ours<binary16_format, engine_half>();
  expect_rotated_like_ours<bfloat16_format, engine_bfloat16>();
}

#if YARN_TEST_EIGEN
TEST(element_types, of_eigen_are_rotated_like_ours) {
  expect_rotated_like_ours<binary16_format, Eigen::half>();
  expect_rotated_like_ours<bfloat16_format, Eigen::bfloat16>();
}

// Rotates numbers of an Eigen type by a quarter turn and reads them with Eigen's conversion.
template <class T> void expect_eigens_numbers_turned() {
  const double quarter = 1.5707963267948966;
  const yarn::frequencies turn = yarn::frequencies_from(&quarter, 1);
  T pair[] = {T(0.75F), T(-2.5F)};
  yarn::rope_apply(yarn::heads_view<T>(pair, 1, 1, 2), yarn::rows_of(turn, yarn::positions_from(1)),
                   yarn::pairing::interleaved);
  EXPECT_EQ(static_cast<float>(pair[0]), 2.5F);
  EXPECT_EQ(static_cast<float>(pair[1]), 0.75F);
}
TEST(element_types, of_eigen_keep_their_numbers) {
  expect_eigens_numbers_turned<Eigen::half>();
  expect_eigens_numbers_turned<Eigen::bfloat16>();
}
#endif

#if defined(__FLT16_MANT_DIG__) &&                                                                 \
    (defined(__clang__) || __GNUC__ >= 13 || (__GNUC__ == 12 && defined(__SSE2__)))
TEST(element_types, binary16_of_the_compiler_is_rotated_like_ours) {
  expect_rotated_like_ours<binary16_format, _Float16>();
}
#endif
#if defined(__BFLT16_MANT_DIG__)
TEST(element_types, bfloat16_of_the_compiler_is_rotated_like_ours) {
  expect_rotated_like_ours<bfloat16_format, yarn::compiler_bfloat16>();
}
#endif

// Engines that store uint16_t may view the memory as our types. Nothing is converted.
template <class Format> void expect_raw_data_rotated() {
  using element = typename Format::element;
  constexpr std::int64_t head_dim = 70;
  const std::vector<std::uint16_t> codes = random_codes<Format>(head_dim);
  for (const yarn::pairing order : {yarn::pairing::half_split, yarn::pairing::interleaved}) {
    std::vector<std::uint16_t> raw = codes;
    const yarn::heads_view<element> x(reinterpret_cast<element*>(raw.data()), n_tokens, n_heads,
                                      head_dim);
    yarn::rope_apply(x, rows_for(33), order);
    EXPECT_EQ(raw, rotated<element>(codes, order, head_dim, 33));
  }
}
TEST(element_types, over_raw_bits_are_rotated_like_ours) {
  expect_raw_data_rotated<binary16_format>();
  expect_raw_data_rotated<bfloat16_format>();
}

} // namespace

// SPDX-License-Identifier: MIT
// Rotations by rows of another type than the tensor: all 16-bit entries, floats and doubles. Also
// rotations by the rows of float32_pipeline.
#include "../support/bits.hpp"
#include "../support/rows.hpp"
#include "../support/tensors.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/rope.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace {

using support::emulate;
using support::geometric;
using support::made_rows;
using support::random_elements;
using support::same_bits;
using yarn::pairing;

template <class T> class rope_stored_rows : public ::testing::Test {};
using elements = ::testing::Types<float, double>;
TYPED_TEST_SUITE(rope_stored_rows, elements, support::element_names);

template <class Stored> float stored_value(std::uint16_t bits);
template <> float stored_value<yarn::bfloat16>(std::uint16_t bits) {
  return support::from_bits<float>(static_cast<std::uint32_t>(bits) << 16U);
}
template <> float stored_value<yarn::float16>(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float size = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                   : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return (bits & 0x8000) != 0 ? -size : size;
}

TYPED_TEST(rope_stored_rows, entries_of_16_bits_are_widened_exactly) {
  using T = TypeParam;
  const auto check = [](auto format) {
    using stored = decltype(format);
    // Every finite bit pattern, subnormal numbers included, as cos and as sin.
    constexpr std::int64_t n_pairs = 64;
    std::vector<stored> cos, sin;
    std::vector<T> wide_cos, wide_sin;
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
      const auto exponent =
          std::is_same_v<stored, yarn::float16> ? bits >> 10U & 31U : bits >> 7U & 255U;
      if (exponent == (std::is_same_v<stored, yarn::float16> ? 31U : 255U)) {
        continue;
      }
      for (const bool is_cos : {true, false}) {
        const auto pattern = static_cast<std::uint16_t>(is_cos ? bits : bits * 40503U & 0x3fffU);
        (is_cos ? cos : sin).push_back({pattern});
        (is_cos ? wide_cos : wide_sin).push_back(static_cast<T>(stored_value<stored>(pattern)));
      }
    }
    const auto n_rows = static_cast<std::int64_t>(cos.size()) / n_pairs;
    const yarn::rows_view<stored> rows{cos.data(), sin.data(), n_rows, n_pairs, n_pairs};
    const yarn::table_view<stored> table{cos.data(), sin.data(), n_rows, n_pairs, n_pairs};
    const std::vector<T> values = random_elements<T>(static_cast<std::size_t>(n_rows * 130), 12);
    for (const pairing p : support::pairings) {
      std::vector<T> expected = values, from_rows = values, from_table = values;
      emulate(yarn::heads_view{expected.data(), n_rows, 1, 130}, static_cast<std::size_t>(n_pairs),
              p, [&](std::int64_t t) {
                return support::pair_of<const T*>{wide_cos.data() + t * n_pairs,
                                                  wide_sin.data() + t * n_pairs};
              });
      yarn::rope_apply(yarn::heads_view{from_rows.data(), n_rows, 1, 130}, rows, p);
      yarn::rope_apply(yarn::heads_view{from_table.data(), n_rows, 1, 130},
                       yarn::rows_of(table, yarn::positions_from(0)), p);
      EXPECT_TRUE(same_bits(from_rows, expected)) << "rows";
      EXPECT_TRUE(same_bits(from_table, expected)) << "table";
    }
  };
  check(yarn::float16{});
  check(yarn::bfloat16{});
}

TEST(rope_rows_of_another_type, are_widened_or_rounded) {
  const yarn::frequencies freqs = geometric(21, 1.277);
  const auto rows32 = made_rows<float>(freqs, yarn::positions_from(70, 5));
  const auto rows64 = made_rows<double>(freqs, yarn::positions_from(70, 5));
  for (const pairing p : support::pairings) {
    // For double tensors, float rows are widened. For float tensors, double rows are rounded; here
    // this gives the float rows.
    std::vector<double> doubles = random_elements<double>(5 * 42, 13), expected = doubles;
    yarn::rope_apply(yarn::heads_view{doubles.data(), 5, 1, 42}, rows32, p);
    std::vector<double> cos(21), sin(21);
    emulate(yarn::heads_view{expected.data(), 5, 1, 42}, 21, p, [&](std::int64_t t) {
      std::copy_n(rows32.cos(t), 21, cos.begin());
      std::copy_n(rows32.sin(t), 21, sin.begin());
      return support::pair_of<const double*>{cos.data(), sin.data()};
    });
    EXPECT_TRUE(same_bits(doubles, expected)) << "doubles by float rows";
    std::vector<float> a = random_elements<float>(5 * 42, 14), b = a;
    yarn::rope_apply(yarn::heads_view{a.data(), 5, 1, 42}, rows64, p);
    yarn::rope_apply(yarn::heads_view{b.data(), 5, 1, 42}, rows32, p);
    EXPECT_TRUE(same_bits(a, b)) << "floats by double rows";
  }
}

TEST(rope_of_float32_pipeline, has_the_bits_of_its_prepared_rows) {
  const yarn::frequencies freqs = yarn::float32_pipeline(geometric(70, 1.277));
  std::vector<float> a = random_elements<float>(40 * 140, 15), b = a;
  yarn::rope_apply(yarn::heads_view{a.data(), 40, 1, 140},
                   yarn::rows_of(freqs, yarn::positions_from(100000)), pairing::half_split);
  emulate(yarn::heads_view{b.data(), 40, 1, 140},
          made_rows<float>(freqs, yarn::positions_from(100000, 40)), pairing::half_split);
  EXPECT_TRUE(same_bits(a, b));
}

} // namespace

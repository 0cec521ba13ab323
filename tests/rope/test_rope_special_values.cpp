// SPDX-License-Identifier: MIT
// Values that other implementations get wrong: zeros with a sign, subnormal numbers, infinities,
// NaN, and all 16-bit elements.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/tensors.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace {

using support::dense;
using support::element;
using support::pairings;
using support::tensor;
using yarn::pairing;

template <class T> class rope_special_values : public ::testing::Test {};
TYPED_TEST_SUITE(rope_special_values, support::element_types, support::element_names);

/// Expects the bits of `expected`. If `expected` is NaN, any quiet NaN is accepted.
template <class T> void expect_element(T value, T expected, const std::string& where, bool& good) {
  const bool same = support::is_nan(expected) ? element<T>::is_quiet_nan(value)
                                              : std::memcmp(&value, &expected, sizeof(T)) == 0;
  if (!same) {
    ADD_FAILURE() << where << ": " << element<T>::widen(value) << " instead of "
                  << element<T>::widen(expected);
    good = false;
  }
}

template <class T> std::vector<T> special_elements() {
  const auto of_bits = [](std::uint64_t bits) {
    T value;
    const auto narrow = static_cast<std::uint16_t>(bits);
    const auto single = static_cast<std::uint32_t>(bits);
    if constexpr (sizeof(T) == 2) {
      std::memcpy(&value, &narrow, sizeof value);
    } else if constexpr (sizeof(T) == 4) {
      std::memcpy(&value, &single, sizeof value);
    } else {
      std::memcpy(&value, &bits, sizeof value);
    }
    return value;
  };
  constexpr unsigned width = 8 * sizeof(T);
  constexpr unsigned fraction = element<T>::digits - 1;
  const std::uint64_t sign = std::uint64_t{1} << (width - 1);
  const std::uint64_t infinity = (sign - 1) >> fraction << fraction;
  const std::uint64_t normal = std::uint64_t{1} << fraction;
  std::vector<T> list;
  for (const std::uint64_t bits :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3}, // subnormal
        normal / 2 + 1, normal - 1, normal, normal + 1,                         // and around
        infinity - 1, infinity,                                                 // the largest
        infinity + 1, infinity + normal / 4 + 1,                                // signalling NaN
        infinity + normal / 2, 2 * normal + infinity / 2 - normal / 3}) {
    list.push_back(of_bits(bits));
    list.push_back(of_bits(sign | bits));
  }
  for (const double value : {1.0, -1.0, 1.5, -0.75, 3.0, 1e-3}) {
    list.push_back(support::element_of<T>(value));
  }
  return list;
}

TYPED_TEST(rope_special_values, give_the_bits_of_scalar_arithmetic) {
  using compute = support::compute_type<TypeParam>;
  struct entry {
    double cos, sin;
  };
  // The table of an engine may also have infinities, subnormal numbers, and a NaN whose payload a
  // wrong rounding would carry into the sign.
  const double nan = support::from_bits<double>(UINT64_MAX >> 1U);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::vector<entry> row_entries{{1, 0},      {0, 1},        {-1, 0},        {0, -1},
                                       {0.5, 0.25}, {-0.6, 0.8},   {1.375, 0},     {1.25, 1.25},
                                       {1.5, -0.5}, {0x1p-20, 1},  {1, -0x1p-24},  {nan, 0.5},
                                       {0.5, -nan}, {infinity, 1}, {1, -infinity}, {0x1p-140, 1}};
  const std::vector<TypeParam> list = special_elements<TypeParam>();
  const std::size_t n_cases = list.size() * list.size() * row_entries.size();
  for (const pairing order : pairings) {
    for (const std::size_t rotary_dim : {2U, 6U, 14U, 30U, 62U, 64U, 126U, 128U}) {
      const std::size_t pairs = rotary_dim / 2;
      const std::size_t n_tokens = (n_cases + pairs - 1) / pairs;
      for (const std::size_t n_heads : {1U, 2U}) {
        tensor<TypeParam> x(dense(n_tokens, n_heads, rotary_dim));
        std::vector<compute> cos(n_tokens * pairs), sin(n_tokens * pairs);
        for (std::size_t at = 0; at < n_tokens * pairs; ++at) {
          // Neighbouring pairs have different elements and different row entries, so that the test
          // finds exchanged pairs.
          const std::size_t which = at * 7919 % n_cases;
          cos[at] = static_cast<compute>(row_entries[which % row_entries.size()].cos);
          sin[at] = static_cast<compute>(row_entries[which % row_entries.size()].sin);
          const auto places = support::places_of_pair(order, at % pairs, pairs);
          for (std::size_t h = 0; h < n_heads; ++h) {
            TypeParam* const head = x.head(at / pairs, h);
            head[places.first] = list[which / row_entries.size() % list.size()];
            head[places.second] = list[which / row_entries.size() / list.size()];
          }
        }
        tensor<TypeParam> expected = x;
        for (std::size_t t = 0; t < n_tokens; ++t) {
          for (std::size_t h = 0; h < n_heads; ++h) {
            support::emulate_head(expected.head(t, h), order, &cos[t * pairs], &sin[t * pairs],
                                  pairs);
          }
        }
        const yarn::rows_view<compute> rows{cos.data(), sin.data(), n_tokens, pairs, pairs};
        yarn::rope_apply(x.view(), rows, order);
        bool good = true;
        for (std::size_t at = 0; at < x.buffer.size() && good; ++at) {
          expect_element(
              x.buffer[at], expected.buffer[at],
              "rotary_dim " + std::to_string(rotary_dim) + ", element " + std::to_string(at), good);
        }
        ASSERT_TRUE(good);
      }
    }
  }
}

// All 16-bit elements, in every lane, multiplied by 1, 0.5 and other cosines with sine 0.
template <class T> class rope_16_bit_elements : public ::testing::Test {};
using small_elements = ::testing::Types<yarn::float16, yarn::bfloat16>;
TYPED_TEST_SUITE(rope_16_bit_elements, small_elements, support::element_names);

TYPED_TEST(rope_16_bit_elements, every_element_is_read_and_written_exactly) {
  for (const pairing order : pairings) {
    for (const std::size_t rotary_dim : {2U, 6U, 10U, 18U, 34U, 62U, 66U, 128U}) {
      const std::size_t pairs = rotary_dim / 2, n_tokens = (65536 + pairs - 1) / pairs;
      for (const float cosine : {1.0F, 0.5F, 1.3F, 0x1p-9F}) {
        const std::vector<float> cos(pairs, cosine), sin(pairs, 0.0F);
        tensor<TypeParam> x(dense(n_tokens, 1, rotary_dim));
        for (std::size_t at = 0; at < n_tokens * pairs; ++at) {
          const auto places = support::places_of_pair(order, at % pairs, pairs);
          x.head(at / pairs, 0)[places.first] = {static_cast<std::uint16_t>(at)};
          x.head(at / pairs, 0)[places.second] = {static_cast<std::uint16_t>(3 * (at % 32768))};
        }
        tensor<TypeParam> expected = x;
        for (std::size_t t = 0; t < n_tokens; ++t) {
          support::emulate_head(expected.head(t, 0), order, cos.data(), sin.data(), pairs);
        }
        // A table of one row gives every token the same row.
        const std::vector<std::int32_t> zeros(n_tokens);
        const yarn::table_view<float> table{cos.data(), sin.data(), 1, pairs, pairs};
        yarn::rope_apply(x.view(), yarn::rows_of(table, yarn::positions(zeros)), order);
        bool good = true;
        for (std::size_t at = 0; at < x.buffer.size() && good; ++at) {
          expect_element(x.buffer[at], expected.buffer[at],
                         "rotary_dim " + std::to_string(rotary_dim), good);
        }
        ASSERT_TRUE(good);
      }
    }
  }
}

TEST(rope_16_bit_range, binary16_overflows_to_infinity) {
  constexpr std::size_t dim = 64;
  for (const pairing order : pairings) {
    std::vector<yarn::float16> x(dim, yarn::float16{0x7bff}); // 65504
    x[3].bits = 0xfbff;
    const std::vector<float> cos(dim / 2, 1.375F), sin(dim / 2, 0.0F);
    yarn::rope_apply(yarn::heads_view{x.data(), 1, 1, dim},
                     yarn::rows_view<float>{cos.data(), sin.data(), 1, dim / 2, dim / 2}, order);
    for (std::size_t i = 0; i < dim; ++i) {
      EXPECT_EQ(x[i].bits, i == 3 ? 0xfc00 : 0x7c00) << i;
    }
    // 65504 + 15.99 rounds to 65504, 65504 + 16 rounds to infinity.
    x.assign(dim, yarn::float16{0x7bff});
    std::vector<float> close(dim / 2, std::nextafter(65520.0F / 65504.0F, 0.0F));
    close[1] = 65521.0F / 65504.0F;
    yarn::rope_apply(yarn::heads_view{x.data(), 1, 1, dim},
                     yarn::rows_view<float>{close.data(), sin.data(), 1, dim / 2, dim / 2}, order);
    const auto places = support::places_of_pair(order, 1, dim / 2);
    for (std::size_t i = 0; i < dim; ++i) {
      EXPECT_EQ(x[i].bits, i == places.first || i == places.second ? 0x7c00 : 0x7bff) << i;
    }
  }
}

} // namespace

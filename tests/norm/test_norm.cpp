// SPDX-License-Identifier: MIT
// Norms in the pass of a rotation: head sizes, numbers of heads, memory bounds, and the calls that
// must give the same bits. test_norm_matrix.cpp combines all options.
#include "../support/bits.hpp"
#include "../support/norms.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace {

using support::dense;
using support::exact_norm_rotation;
using support::fence;
using support::fenced_array;
using support::norm_options;
using support::pairings;
using support::random_elements;
using support::tensor_layout;
using yarn::bfloat16;
using yarn::normed;
using yarn::pairing;
using yarn::rms_norm;

yarn::frequencies frequencies_of(std::size_t n_pairs, double attention_factor = 1.25) {
  std::vector<double> inv_freq(n_pairs);
  for (std::size_t i = 0; i < n_pairs; ++i) {
    inv_freq[i] = 1.0 / static_cast<double>(1 + i);
  }
  return yarn::frequencies_from(inv_freq.data(), n_pairs, attention_factor);
}

template <class C> std::vector<long double> entries(const C* row, std::size_t n_pairs) {
  return {row, row + n_pairs};
}

/// Rotates fenced tensors with fenced weights, in place, and compares with the oracle.
template <class T>
void expect_exact(std::size_t n_heads, std::size_t head_dim, std::size_t rotary_dim,
                  const norm_options& options, pairing p, fence side) {
  SCOPED_TRACE(::testing::Message() << n_heads << " heads of " << head_dim << ", rotated "
                                    << rotary_dim << ", " << options);
  using C = support::compute_type<T>;
  constexpr std::size_t n_tokens = 2;
  const tensor_layout layout = dense(n_tokens, n_heads, head_dim);
  const std::vector<T> before = random_elements<T>(layout.size(), 11);
  const std::vector<float> weights =
      random_elements<float>((options.weighs_each_head() ? n_heads : 1) * head_dim, 12);
  fenced_array<T> data(before.size(), side);
  fenced_array<float> fenced_weights(weights.size(), side);
  std::copy(before.begin(), before.end(), data.data());
  std::copy(weights.begin(), weights.end(), fenced_weights.data());
  yarn::rotary_rows<C> rows;
  rows.assign(frequencies_of(rotary_dim / 2), yarn::positions_from(3, n_tokens));
  support::with_norm(options, fenced_weights.data(), [&](const auto& norm) {
    yarn::rope_apply(normed(layout.view(data.data()), norm), rows, p);
  });
  for (std::size_t t = 0; t < n_tokens; ++t) {
    const auto row = static_cast<std::int64_t>(t);
    const auto expected = exact_norm_rotation(
        support::heads_of_token(layout, before, t), options, support::numbers_of(weights),
        entries(rows.cos(row), rotary_dim / 2), entries(rows.sin(row), rotary_dim / 2), p, p,
        support::rounding_unit<C>);
    for (std::size_t h = 0; h < n_heads; ++h) {
      for (std::size_t e = 0; e < head_dim; ++e) {
        ASSERT_LE(support::error_share(data[layout.place(t, h) + e], expected[h][e]), 1)
            << "token " << t << ", head " << h << ", element " << e;
      }
    }
  }
  EXPECT_EQ(support::first_difference(fenced_weights.data(), weights.data(), weights.size()), -1);
}

template <class T> class fused_norm : public ::testing::Test {};
using three_elements = ::testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(fused_norm, three_elements, support::element_names);

TYPED_TEST(fused_norm, head_sizes_are_exact_and_nothing_beyond_the_memory_is_read) {
  for (const std::size_t dim : {2U, 6U, 40U, 64U, 80U, 96U, 100U, 128U, 192U, 256U, 576U}) {
    for (const std::size_t rotary : {dim, dim / 4 * 2, std::size_t{2}}) {
      for (const pairing p : pairings) {
        for (const fence side : {fence::before, fence::after}) {
          norm_options options;
          if (rotary == 0) {
            continue;
          }
          expect_exact<TypeParam>(2, dim, rotary, options, p, side);
          options.of_each_head = true;
          expect_exact<TypeParam>(2, dim, rotary, options, p, side);
          options.is_centred = true;
          expect_exact<TypeParam>(2, dim, rotary, options, p, side);
        }
      }
    }
  }
}

// The scales of 32 heads are computed together.
TYPED_TEST(fused_norm, numbers_of_heads_are_exact) {
  for (std::size_t n_heads = 1; n_heads <= 70; ++n_heads) {
    for (const std::size_t rotary : {6U, 12U}) {
      norm_options options;
      const auto p = n_heads % 2 == 0 ? pairing::half_split : pairing::interleaved;
      expect_exact<TypeParam>(n_heads, 12, rotary, options, p, fence::after);
      options.of_each_head = true;
      expect_exact<TypeParam>(n_heads, 12, rotary, options, p, fence::after);
      options.over_all_heads = true;
      expect_exact<TypeParam>(n_heads, 12, rotary, options, p, fence::after);
      options.is_centred = true;
      options.over_all_heads = false;
      expect_exact<TypeParam>(n_heads, 12, rotary, options, p, fence::after);
    }
  }
}

TEST(fused_norm_call, the_largest_rotation_is_exact) {
  for (const pairing p : pairings) {
    expect_exact<float>(3, 1030, 1024, {}, p, fence::after);
    expect_exact<double>(3, 1030, 1024, {}, p, fence::after);
  }
}

TEST(fused_norm_call, empty_tensors_are_accepted) {
  yarn::rotary_rows<float> no_rows, rows;
  const yarn::frequencies freqs = frequencies_of(4);
  no_rows.assign(freqs, yarn::positions_from(0, 0));
  rows.assign(freqs, yarn::positions_from(0, 2));
  const float weights[8] = {};
  float* const nothing = nullptr;
  const rms_norm w(weights, 1e-6);
  for (const pairing p : pairings) {
    yarn::rope_apply(normed(yarn::heads_view{nothing, 0, 3, 8}, w), no_rows, p);
    yarn::rope_apply(normed(yarn::heads_view{nothing, 2, 0, 8}, w), rows, p);
    yarn::rope_apply(normed(yarn::heads_view{nothing, 2, 0, 8}, w.over_all_heads()), rows, p);
  }
}

} // namespace

// SPDX-License-Identifier: MIT
// A rotation gives the same bits for all slices, strides, alignments and numbers of heads, for q
// and k together and alone, and in both orders of the elements.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/random_rows.hpp"
#include "../support/tensors.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

using support::dense;
using support::emulated;
using support::head_major;
using support::pairings;
using support::random_rows;
using support::same_bits;
using support::tensor;
using support::tensor_layout;
using yarn::pairing;

template <class T> class rope_identity : public ::testing::Test {};
TYPED_TEST_SUITE(rope_identity, support::element_types, support::element_names);

/// These values use several paths of the kernels: whole packs of every width, rows in registers and
/// in memory, and tails.
constexpr std::array<std::size_t, 9> rotary_dims{2, 8, 14, 32, 64, 70, 128, 138, 256};

// ---- Slices, strides, alignment, heads --------------------------------------------------------

TYPED_TEST(rope_identity, all_slices_equal_one_call) {
  using rows_type = random_rows<support::compute_type<TypeParam>>;
  for (const pairing order : pairings) {
    for (const std::size_t n_tokens : {0U, 1U, 5U, 32U, 37U, 70U}) {
      for (const std::size_t rotary_dim : {14U, 64U}) {
        const rows_type rows(std::max<std::size_t>(n_tokens, 1), rotary_dim / 2);
        const auto all = rows.view();
        const yarn::rows_view<support::compute_type<TypeParam>> view{
            all.cos(0), all.sin(0), n_tokens, rotary_dim / 2, all.row_stride()};
        const tensor<TypeParam> q(dense(n_tokens, 3, rotary_dim + 2), 1);
        const tensor<TypeParam> k(head_major(n_tokens, 2, rotary_dim), 2);
        tensor<TypeParam> whole_q = q, whole_k = k;
        yarn::rope_apply(whole_q.view(), whole_k.view(), view, order);
        EXPECT_TRUE(same_bits(whole_q.buffer, emulated(q, rows, order).buffer));
        EXPECT_TRUE(same_bits(whole_k.buffer, emulated(k, rows, order).buffer));
        for (const std::int64_t n_slices : {1, 2, 3, 4, 5, 6, 7, 40, 75, 1000}) {
          tensor<TypeParam> sliced_q = q, sliced_k = k, alone = k; // alone: rotated without q
          for (std::int64_t i = 0; i < n_slices; ++i) {
            yarn::rope_apply_unchecked(sliced_q.view(), sliced_k.view(), view, order,
                                       {i, n_slices});
            yarn::rope_apply_unchecked(alone.view(), view, order, {n_slices - 1 - i, n_slices});
          }
          ASSERT_TRUE(same_bits(sliced_q.buffer, whole_q.buffer))
              << n_tokens << " tokens in " << n_slices << " slices";
          ASSERT_TRUE(same_bits(sliced_k.buffer, whole_k.buffer))
              << n_tokens << " tokens in " << n_slices << " slices";
          ASSERT_TRUE(same_bits(alone.buffer, whole_k.buffer))
              << n_tokens << " tokens in " << n_slices << " slices, alone";
        }
      }
    }
  }
}

// Calls that touch more memory than the cache holds prefetch; small calls do not.
TYPED_TEST(rope_identity, large_call_equals_many_small_calls) {
  constexpr std::size_t rotary_dim = 96, dim = 104;
  constexpr std::size_t large = yarn::detail::far_bytes / sizeof(TypeParam) / rotary_dim + 9;
  constexpr std::size_t jumping =
      yarn::detail::far_jumping_bytes / sizeof(TypeParam) / rotary_dim + 9;
  const auto expect_same = [](const auto& layout, std::size_t n_tokens, pairing order) {
    const random_rows<support::compute_type<TypeParam>> rows(n_tokens, rotary_dim / 2);
    tensor<TypeParam> whole(layout), parts(layout);
    yarn::rope_apply(whole.view(), rows.view(), order);
    for (std::int64_t i = 0; i < 100; ++i) {
      yarn::rope_apply_unchecked(parts.view(), rows.view(), order, {i, 100});
    }
    EXPECT_TRUE(same_bits(whole.buffer, parts.buffer)) << n_tokens << " tokens";
  };
  for (const pairing order : pairings) {
    expect_same(dense(large / 5 + 1, 5, dim), large / 5 + 1, order);
    expect_same(dense(large, 1, dim), large, order);
    expect_same(head_major(jumping / 5 + 1, 5, dim), jumping / 5 + 1, order);
  }
}

// Every token belongs to exactly one slice, and the sizes of slices differ by at most one token.
TYPED_TEST(rope_identity, slices_are_disjoint_and_cover_all_tokens) {
  constexpr std::size_t n_tokens = 11, dim = 4;
  const random_rows<support::compute_type<TypeParam>> rows(n_tokens, dim / 2);
  const tensor<TypeParam> x(dense(n_tokens, 1, dim));
  for (std::int64_t n_slices = 1; n_slices <= 14; ++n_slices) {
    std::vector<int> n_rotations(n_tokens);
    for (std::int64_t i = 0; i < n_slices; ++i) {
      tensor<TypeParam> rotated = x;
      yarn::rope_apply_unchecked(rotated.view(), rows.view(), pairing::half_split, {i, n_slices});
      std::int64_t n_of_slice = 0;
      for (std::size_t t = 0; t < n_tokens; ++t) {
        const bool is_rotated =
            std::memcmp(rotated.head(t, 0), x.head(t, 0), dim * sizeof(TypeParam)) != 0;
        n_rotations[t] += is_rotated ? 1 : 0;
        n_of_slice += is_rotated ? 1 : 0;
      }
      EXPECT_GE(n_of_slice, static_cast<std::int64_t>(n_tokens) / n_slices);
      EXPECT_LE(n_of_slice, static_cast<std::int64_t>(n_tokens) / n_slices + 1);
    }
    EXPECT_EQ(n_rotations, std::vector<int>(n_tokens, 1)) << n_slices;
  }
}

TYPED_TEST(rope_identity, strides_and_alignment_do_not_matter) {
  constexpr std::size_t n_tokens = 35;
  for (const pairing order : pairings) {
    for (const std::size_t rotary_dim : rotary_dims) {
      const random_rows<support::compute_type<TypeParam>> rows(n_tokens, rotary_dim / 2);
      const std::size_t dim = rotary_dim + 4, row = 8 * dim;
      const tensor<TypeParam> x(dense(n_tokens, 3, dim));
      const tensor<TypeParam> expected = emulated(x, rows, order);
      const std::vector<tensor_layout> layouts{
          dense(n_tokens, 3, dim),
          head_major(n_tokens, 3, dim),
          {n_tokens, 3, dim, row, dim, 2 * dim},                // a section of packed rows
          {n_tokens, 3, dim, 3 * (dim + 64), dim + 64, 64},     // the last elements of longer heads
          {n_tokens, 3, dim, dim + 1, n_tokens * (dim + 3)},    // [heads][tokens], both padded
          {n_tokens, 3, dim, 2 * dim, 2 * dim * n_tokens, dim}, // [heads][tokens][k | v]
          {n_tokens, 3, dim, 3 * dim + 17, dim + 5, 1},
          {n_tokens, 3, dim, 3 * dim + 1, dim, 3},
      };
      for (std::size_t which = 0; which < layouts.size(); ++which) {
        tensor<TypeParam> moved = x.in(layouts[which]);
        yarn::rope_apply(moved.view(), rows.view(), order);
        ASSERT_TRUE(same_bits(moved.buffer, expected.in(layouts[which]).buffer))
            << "layout " << which << ", rotary_dim " << rotary_dim;
      }
      for (std::size_t first = 0; first < 64 / sizeof(TypeParam); ++first) {
        tensor_layout shifted = x.layout;
        shifted.first = first;
        tensor<TypeParam> moved = x.in(shifted);
        yarn::rope_apply(moved.view(), rows.view(), order);
        ASSERT_TRUE(same_bits(moved.buffer, expected.in(shifted).buffer))
            << first << " elements further, rotary_dim " << rotary_dim;
      }
    }
  }
}

// With one head the head stride is not used, and with one token the token stride is not used. An
// unused stride may have any value.
TYPED_TEST(rope_identity, strides_of_one_head_and_of_one_token_do_not_matter) {
  constexpr std::size_t rotary_dim = 38, dim = 40;
  constexpr std::int64_t wide = dim;
  for (const pairing order : pairings) {
    const random_rows<support::compute_type<TypeParam>> rows(3, rotary_dim / 2),
        row(1, rotary_dim / 2);
    const tensor<TypeParam> one_head(dense(3, 1, dim)), one_token(dense(1, 3, dim));
    for (const std::int64_t any : {std::int64_t{0}, std::int64_t{-1}, INT64_MAX, INT64_MIN}) {
      tensor<TypeParam> x = one_head;
      yarn::rope_apply(x.view().with_strides(wide, any), rows.view(), order);
      EXPECT_TRUE(same_bits(x.buffer, emulated(one_head, rows, order).buffer)) << any;
      x = one_token;
      yarn::rope_apply(x.view().with_strides(any, wide), row.view(), order);
      EXPECT_TRUE(same_bits(x.buffer, emulated(one_token, row, order).buffer)) << any;
    }
  }
}

TYPED_TEST(rope_identity, every_head_is_rotated_as_if_alone) {
  constexpr std::size_t n_tokens = 3;
  for (const pairing order : pairings) {
    for (const std::size_t rotary_dim : rotary_dims) {
      const random_rows<support::compute_type<TypeParam>> rows(n_tokens, rotary_dim / 2);
      for (const std::size_t n_heads : {1U, 2U, 3U, 4U, 5U, 8U}) {
        const tensor<TypeParam> x(dense(n_tokens, n_heads, rotary_dim));
        tensor<TypeParam> together = x, alone = x;
        yarn::rope_apply(together.view(), rows.view(), order);
        for (std::size_t h = 0; h < n_heads; ++h) {
          tensor_layout one_head = x.layout;
          one_head.first = h * rotary_dim;
          one_head.n_heads = 1;
          yarn::rope_apply(one_head.view(alone.buffer.data()), rows.view(), order);
        }
        ASSERT_TRUE(same_bits(together.buffer, alone.buffer)) << n_heads << " heads";
        ASSERT_TRUE(same_bits(together.buffer, emulated(x, rows, order).buffer)) << n_heads;
      }
    }
  }
}

// More heads than the kernel rotates together as one group.
TYPED_TEST(rope_identity, many_heads_are_rotated_as_if_alone) {
  for (const pairing order : pairings) {
    for (const std::size_t rotary_dim : {78U, 80U, 128U, 192U}) {
      const random_rows<support::compute_type<TypeParam>> rows(2, rotary_dim / 2);
      for (const std::size_t n_heads : {129U, 301U}) {
        const tensor<TypeParam> x(dense(2, n_heads, rotary_dim));
        tensor<TypeParam> together = x;
        yarn::rope_apply(together.view(), rows.view(), order);
        ASSERT_TRUE(same_bits(together.buffer, emulated(x, rows, order).buffer))
            << n_heads << " heads of " << rotary_dim;
      }
    }
  }
}

TYPED_TEST(rope_identity, q_and_k_are_rotated_as_if_alone) {
  constexpr std::size_t n_tokens = 33;
  struct head_counts {
    std::size_t q, k;
  };
  for (const pairing order : pairings) {
    for (const std::size_t rotary_dim : {6U, 32U, 66U}) {
      const random_rows<support::compute_type<TypeParam>> rows(n_tokens, rotary_dim / 2);
      for (const head_counts n : {head_counts{8, 2}, {8, 1}, {3, 3}, {1, 4}, {2, 0}, {0, 2}}) {
        // q and k also differ in head_dim, strides and order of the dimensions.
        const tensor<TypeParam> q(dense(n_tokens, n.q, rotary_dim + 6), 1);
        const tensor<TypeParam> k(head_major(n_tokens, n.k, rotary_dim), 2);
        tensor<TypeParam> q_with = q, k_with = k, q_alone = q, k_alone = k, k_first = k,
                          q_second = q;
        yarn::rope_apply(q_with.view(), k_with.view(), rows.view(), order);
        yarn::rope_apply(q_alone.view(), rows.view(), order);
        yarn::rope_apply(k_alone.view(), rows.view(), order);
        yarn::rope_apply(k_first.view(), q_second.view(), rows.view(), order);
        ASSERT_TRUE(same_bits(q_with.buffer, q_alone.buffer)) << n.q << " and " << n.k;
        ASSERT_TRUE(same_bits(k_with.buffer, k_alone.buffer)) << n.q << " and " << n.k;
        ASSERT_TRUE(same_bits(k_first.buffer, k_alone.buffer)) << n.q << " and " << n.k;
        ASSERT_TRUE(same_bits(q_second.buffer, q_alone.buffer)) << n.q << " and " << n.k;
      }
    }
  }
}

// q and k have different types. Both are rotated in float.
TEST(rope_identity_of_types, q_and_k_may_have_different_types) {
  constexpr std::size_t n_tokens = 5, dim = 38;
  const random_rows<float> rows(n_tokens, dim / 2);
  for (const pairing order : pairings) {
    const tensor<float> a(dense(n_tokens, 3, dim), 1);
    const tensor<yarn::bfloat16> b(dense(n_tokens, 2, dim + 2), 2);
    const tensor<yarn::float16> c(head_major(n_tokens, 2, dim), 3);
    tensor<float> a0 = a, a1 = a;
    tensor<yarn::bfloat16> b0 = b, b1 = b;
    tensor<yarn::float16> c0 = c, c1 = c;
    yarn::rope_apply(a0.view(), b0.view(), rows.view(), order);
    yarn::rope_apply(c0.view(), a1.view(), rows.view(), order);
    yarn::rope_apply(b1.view(), c1.view(), rows.view(), order);
    for (const tensor<float>* result : {&a0, &a1}) {
      EXPECT_TRUE(same_bits(result->buffer, emulated(a, rows, order).buffer));
    }
    for (const tensor<yarn::bfloat16>* result : {&b0, &b1}) {
      EXPECT_TRUE(same_bits(result->buffer, emulated(b, rows, order).buffer));
    }
    for (const tensor<yarn::float16>* result : {&c0, &c1}) {
      EXPECT_TRUE(same_bits(result->buffer, emulated(c, rows, order).buffer));
    }
  }
}

// ---- Batches ----------------------------------------------------------------------------------

// A decode step has one token per sequence. Equal sequences give equal results.
TYPED_TEST(rope_identity, every_sequence_of_a_batch_is_rotated) {
  constexpr std::size_t heads = 2, dim = 48;
  using compute = support::compute_type<TypeParam>;
  for (const pairing order : pairings) {
    for (const std::size_t batch : {1U, 2U, 3U, 17U}) {
      const random_rows<compute> row(1, dim / 2);
      std::vector<compute> cos, sin;
      for (std::size_t b = 0; b < batch; ++b) {
        cos.insert(cos.end(), row.cos(0), row.cos(0) + dim / 2);
        sin.insert(sin.end(), row.sin(0), row.sin(0) + dim / 2);
      }
      const tensor<TypeParam> single(dense(1, heads, dim));
      tensor<TypeParam> x(dense(batch, heads, dim));
      for (std::size_t b = 0; b < batch; ++b) {
        std::copy(single.buffer.begin(), single.buffer.end(), x.head(b, 0));
      }
      const yarn::rows_view<compute> rows{cos.data(), sin.data(), batch, dim / 2, dim / 2};
      yarn::rope_apply(x.view(), rows, order);
      const tensor<TypeParam> expected = emulated(single, row, order);
      for (std::size_t b = 0; b < batch; ++b) {
        EXPECT_EQ(support::first_difference(x.head(b, 0), expected.head(0, 0), heads * dim), -1)
            << "sequence " << b << " of " << batch;
      }
    }
  }
}

// [batch][heads][tokens][dim]: a loop over one view per sequence equals one view with batch * heads
// heads.
TYPED_TEST(rope_identity, loop_over_sequences_equals_one_view) {
  constexpr std::size_t batch = 3, heads = 4, tokens = 6, dim = 20, rotary_dim = 16;
  const random_rows<support::compute_type<TypeParam>> rows(tokens, rotary_dim / 2);
  for (const pairing order : pairings) {
    const tensor<TypeParam> x(head_major(tokens, batch * heads, dim));
    tensor<TypeParam> looped = x, whole = x;
    for (std::size_t b = 0; b < batch; ++b) {
      TypeParam* const sequence = looped.buffer.data() + b * heads * tokens * dim;
      yarn::rope_apply(
          yarn::heads_view{sequence, tokens, heads, dim}.with_strides(dim, tokens * dim),
          rows.view(), order);
    }
    yarn::rope_apply(whole.view(), rows.view(), order);
    EXPECT_TRUE(same_bits(looped.buffer, whole.buffer));
    EXPECT_TRUE(same_bits(looped.buffer, emulated(x, rows, order).buffer));
  }
}

// ---- Orders -----------------------------------------------------------------------------------

/// Reorders the elements of every head from half-split order to interleaved order.
template <class T> tensor<T> interleaved_from(const tensor<T>& x, std::size_t n_pairs) {
  tensor<T> permuted = x;
  for (std::size_t t = 0; t < x.layout.n_tokens; ++t) {
    for (std::size_t h = 0; h < x.layout.n_heads; ++h) {
      for (std::size_t i = 0; i < n_pairs; ++i) {
        permuted.head(t, h)[2 * i] = x.head(t, h)[i];
        permuted.head(t, h)[2 * i + 1] = x.head(t, h)[i + n_pairs];
      }
    }
  }
  return permuted;
}

TYPED_TEST(rope_identity, interleaved_is_half_split_permuted) {
  constexpr std::size_t n_tokens = 4;
  for (const std::size_t rotary_dim : rotary_dims) {
    const std::size_t pairs = rotary_dim / 2;
    const random_rows<support::compute_type<TypeParam>> rows(n_tokens, pairs);
    const tensor<TypeParam> q(dense(n_tokens, 6, rotary_dim + 2), 1);
    const tensor<TypeParam> k(dense(n_tokens, 2, rotary_dim), 2); // GQA
    tensor<TypeParam> split_q = q, split_k = k;
    yarn::rope_apply(split_q.view(), split_k.view(), rows.view(), pairing::half_split);
    tensor<TypeParam> mixed_q = interleaved_from(q, pairs), mixed_k = interleaved_from(k, pairs);
    yarn::rope_apply(mixed_q.view(), mixed_k.view(), rows.view(), pairing::interleaved);
    ASSERT_TRUE(same_bits(mixed_q.buffer, interleaved_from(split_q, pairs).buffer)) << rotary_dim;
    ASSERT_TRUE(same_bits(mixed_k.buffer, interleaved_from(split_k, pairs).buffer)) << rotary_dim;
    if (pairs > 1) { // the pairing has an effect
      tensor<TypeParam> other = q;
      yarn::rope_apply(other.view(), rows.view(), pairing::interleaved);
      EXPECT_FALSE(same_bits(other.buffer, split_q.buffer));
    }
  }
}

} // namespace

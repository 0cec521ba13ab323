// SPDX-License-Identifier: MIT
// q and k in one buffer, in the layouts of engines: packed rows, head-major tensors, the last
// elements of heads, grouped heads. Both rotated together and rotated alone, they have the bits of
// the documented arithmetic.
#include "../support/rows.hpp"
#include "../support/tensors.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/rope.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using yarn::pairing;

template <class T> class rope_layouts : public ::testing::Test {};
TYPED_TEST_SUITE(rope_layouts, support::element_types, support::element_names);

/// Rotates q and k of one buffer by rope_apply and by the documented arithmetic. Expects the same
/// bits in the whole buffer.
template <class T, class QView, class KView>
void expect_layout(std::size_t size, std::int64_t rotary, std::int64_t tokens, const QView& q_of,
                   const KView& k_of, const char* what) {
  const auto rows = support::made_rows<support::compute_type<T>>(
      support::geometric(static_cast<std::size_t>(rotary / 2), 1.277),
      yarn::positions_from(4000, tokens));
  for (const pairing order : support::pairings) {
    std::vector<T> together = support::random_elements<T>(size, 7);
    std::vector<T> expected = together, apart = together;
    yarn::rope_apply(q_of(together.data()), k_of(together.data()), rows, order);
    support::emulate(q_of(expected.data()), rows, order);
    support::emulate(k_of(expected.data()), rows, order);
    EXPECT_TRUE(support::same_bits(together, expected)) << what;
    yarn::rope_apply(k_of(apart.data()), rows, order);
    yarn::rope_apply(q_of(apart.data()), rows, order);
    EXPECT_TRUE(support::same_bits(apart, expected)) << what << ", apart";
  }
}

TYPED_TEST(rope_layouts, q_and_k_of_packed_qkv) {
  using T = TypeParam;
  // [token][q heads | k heads | v heads][dim]: 8 query heads, 2 of k and of v.
  constexpr std::int64_t tokens = 37, dim = 24, row = (8 + 2 + 2) * dim;
  expect_layout<T>(
      tokens * row, 16, tokens,
      [](T* data) {
        return yarn::heads_view{data, tokens, 8, dim}.with_strides(row, dim);
      },
      [](T* data) {
        return yarn::heads_view{data + 8 * dim, tokens, 2, dim}.with_strides(row, dim);
      },
      "packed");
}

TYPED_TEST(rope_layouts, q_and_k_of_head_major_tensors) {
  using T = TypeParam;
  // [head][token][dim], q before k, with a gap after each head of k.
  constexpr std::int64_t tokens = 70, dim = 34, k_head = tokens * dim + 5;
  expect_layout<T>(
      3 * tokens * dim + 2 * k_head, 34, tokens,
      [](T* data) {
        return yarn::heads_view{data, tokens, 3, dim}.with_strides(dim, tokens * dim);
      },
      [](T* data) {
        return yarn::heads_view{data + 3 * tokens * dim, tokens, 2, dim}.with_strides(dim, k_head);
      },
      "head-major");
}

TYPED_TEST(rope_layouts, last_elements_of_heads_as_in_mla) {
  using T = TypeParam;
  // MLA: the last 16 of 48 elements of a query head, and one key head of 16 after a latent of 80.
  constexpr std::int64_t tokens = 5, heads = 6, k_row = 96, q_size = tokens * heads * 48;
  expect_layout<T>(
      q_size + tokens * k_row, 16, tokens,
      [](T* data) {
        return yarn::heads_view{data + 32, tokens, heads, 16}.with_strides(heads * 48, 48);
      },
      [](T* data) {
        return yarn::heads_view{data + q_size + 80, tokens, 1, 16}.with_strides(k_row, k_row);
      },
      "last elements");
}

TYPED_TEST(rope_layouts, grouped_heads) {
  using T = TypeParam;
  for (const std::int64_t k_heads : {1, 2, 7, 32}) {
    constexpr std::int64_t tokens = 3, q_heads = 32, dim = 10;
    expect_layout<T>(
        static_cast<std::size_t>(tokens * (q_heads + k_heads) * dim), 10, tokens,
        [](T* data) {
          return yarn::heads_view{data, tokens, q_heads, dim};
        },
        [&](T* data) {
          return yarn::heads_view{data + tokens * q_heads * dim, tokens, k_heads, dim};
        },
        "grouped");
  }
}

} // namespace

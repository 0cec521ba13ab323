// SPDX-License-Identifier: MIT
// q and k in one buffer are rotated if they share no element, and refused if they overlap.
#include "support/expect_error.hpp"

#include <yarn/rope.hpp>

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace {

using support::expect_error;
using yarn::pairing;
using view = yarn::heads_view<float>;

constexpr std::int64_t dim = 8;

yarn::rotary_rows<float> rows_for(std::int64_t n_tokens) {
  yarn::rope_shape shape;
  shape.head_dim = dim;
  shape.rope_theta = 10000.0;
  yarn::rotary_rows<float> rows;
  rows.assign(yarn::make_frequencies(shape, yarn::default_scaling{}),
              yarn::positions_from(3, n_tokens));
  return rows;
}

class rope_overlap : public ::testing::Test {
protected:
  void SetUp() override {
    for (std::size_t i = 0; i < memory.size(); ++i)
      memory[i] = static_cast<float>(i) * 0.25F;
    before = memory;
  }
  view at(std::int64_t first, std::int64_t n_heads, std::int64_t token_stride,
          std::int64_t head_stride) {
    return view{memory.data() + first, n_tokens, n_heads, dim}.with_strides(token_stride,
                                                                            head_stride);
  }
  void expect_refused(const view& q, const view& k) {
    for (const pairing p : {pairing::half_split, pairing::interleaved}) {
      expect_error<std::invalid_argument>([&] { yarn::rope_check(q, k, rows, p); },
                                          {"q and k overlap"});
      expect_error<std::invalid_argument>([&] { yarn::rope_apply(q, k, rows, p); },
                                          {"q and k overlap"});
      expect_error<std::invalid_argument>([&] { yarn::rope_apply(k, q, rows, p); },
                                          {"q and k overlap"});
    }
    EXPECT_EQ(memory, before);
  }
  /// Expects that one call for q and k gives the same result as a call for each.
  void expect_rotated(const view& q, const view& k) {
    for (const pairing p : {pairing::half_split, pairing::interleaved}) {
      memory = before;
      yarn::rope_apply(q, rows, p);
      yarn::rope_apply(k, rows, p);
      const std::vector<float> expected = memory;
      memory = before;
      yarn::rope_apply(q, k, rows, p);
      EXPECT_EQ(memory, expected);
    }
    memory = before;
  }

  static constexpr std::int64_t n_tokens = 5;
  std::vector<float> memory = std::vector<float>(2000);
  std::vector<float> before;
  yarn::rotary_rows<float> rows = rows_for(n_tokens);
};

TEST_F(rope_overlap, same_view_as_q_and_k_is_refused) {
  const view v = at(0, 4, 4 * dim, dim);
  expect_refused(v, v);
  expect_refused(v, at(0, 2, 4 * dim, dim)); // the same with fewer heads
  expect_refused(v, at(0, 2, 2 * dim, dim)); // other strides
}

TEST_F(rope_overlap, section_of_q_as_k_is_refused) {
  const view q = at(100, 4, 4 * dim, dim);
  for (const std::int64_t shift : {1L, 7L, 8L, 9L, 24L, 31L, 32L, 4L * 32 + 31}) {
    expect_refused(q, at(100 + shift, 4, 4 * dim, dim));
    expect_refused(q, at(100 + shift, 1, dim, dim)); // dense k within q
  }
  expect_rotated(q, at(100 + 5 * 32, 4, 4 * dim, dim)); // k directly after q
  expect_rotated(q, at(100 - 5 * dim, 1, dim, dim));    // k directly before q
}

TEST_F(rope_overlap, sections_of_packed_rows_are_rotated) {
  constexpr std::int64_t row = (4 + 2 + 2) * dim; // [q | k | v]
  const view q = at(0, 4, row, dim), k = at(4 * dim, 2, row, dim), v = at(6 * dim, 2, row, dim);
  expect_rotated(q, k);
  expect_rotated(k, v);
  expect_rotated(v, q);
  expect_refused(q, at(3 * dim, 2, row, dim)); // begins a head too early
  expect_refused(q, at(7 * dim, 2, row, dim)); // runs into the next token
}

TEST_F(rope_overlap, sections_of_packed_heads_are_rotated) {
  constexpr std::int64_t head = 3 * dim; // [head][q | k | v]
  const view q = at(0, 4, 4 * head, head), k = at(dim, 4, 4 * head, head);
  expect_rotated(q, k);
  expect_rotated(q, at(2 * dim, 4, 4 * head, head));
  expect_rotated(q, at(dim, 2, 4 * head, head)); // fewer heads
  expect_refused(q, at(dim - 1, 4, 4 * head, head));
  expect_refused(q, at(head, 3, 4 * head, head));
}

TEST_F(rope_overlap, sections_of_a_head_major_buffer_are_rotated) {
  const std::int64_t plane = n_tokens * dim; // [q heads, k heads][tokens][dim]
  expect_rotated(at(0, 4, dim, plane), at(4 * plane, 2, dim, plane));
  expect_refused(at(0, 4, dim, plane), at(3 * plane, 2, dim, plane));
  // [heads][q | k][tokens][dim]
  expect_rotated(at(0, 4, dim, 2 * plane), at(plane, 4, dim, 2 * plane));
  expect_refused(at(0, 4, dim, 2 * plane), at(plane - 1, 4, dim, 2 * plane));
}

TEST_F(rope_overlap, k_without_heads_is_accepted) {
  const view v = at(0, 4, 4 * dim, dim);
  memory = before;
  yarn::rope_apply(v, rows, pairing::half_split);
  const std::vector<float> expected = memory;
  memory = before;
  yarn::rope_apply(v, at(0, 0, 4 * dim, dim), rows, pairing::half_split); // k has no heads
  EXPECT_EQ(memory, expected);
}

// Tensors with gaps and different strides.
TEST_F(rope_overlap, heads_in_the_gaps_of_other_strides_are_rotated) {
  const view q = at(0, 2, 20 * dim, dim);
  expect_rotated(q, at(2 * dim, 1, 5 * dim, dim)); // heads at 2, 7, 12, 17, 22
  expect_refused(q, at(dim + 1, 1, 5 * dim, dim)); // the first one overlaps
  expect_refused(q,
                 at(3 * dim + 1, 1, 4 * dim, dim)); // only the last one overlaps: 3, 7, 11, 15, 19
  expect_rotated(q, at(3 * dim, 1, 4 * dim, dim));
  expect_rotated(q, at(2 * dim, 3, dim, 20 * dim)); // tokens 2 to 6, in the gaps after three tokens
  expect_refused(q, at(20 * dim - 5 * dim + 1, 3, dim, 20 * dim));
}

// k has one head and the token stride of q: multi-query attention in one packed buffer.
TEST_F(rope_overlap, one_head_with_the_token_stride_of_q_is_found) {
  for (const std::int64_t n_heads : {1L, 2L, 4L}) {
    const std::int64_t row = (n_heads + 2) * dim; // [q | k | v]
    const view q = at(100, n_heads, row, dim);
    expect_rotated(q, at(100 + n_heads * dim, 1, row, dim));
    for (std::int64_t i = 1 - dim; i < n_heads * dim; ++i)
      expect_refused(q, at(100 + i, 1, row, dim));
    expect_rotated(q, at(100 - 2 * dim, 1, row, dim)); // after a token, before the next one
  }
}

// Compares all pairs of small tensors with the sets of their elements, at all distances.
TEST(tensors_overlap, agrees_with_the_sets_of_elements_of_all_small_tensors) {
  constexpr std::int64_t largest_stride = 7, middle = 24;
  struct sample {
    std::int64_t n_tokens, n_heads, head_dim, token_stride, head_stride;
    std::uint64_t elements;  ///< bit i: element i
    std::int64_t n_elements; ///< from the first to the last
  };
  static float memory[64];
  const auto view_of = [](const sample& s, std::int64_t first) {
    return view{memory + first, s.n_tokens, s.n_heads, s.head_dim}.with_strides(s.token_stride,
                                                                                s.head_stride);
  };
  std::vector<sample> samples;
  for (std::int64_t tokens = 1; tokens <= 3; ++tokens)
    for (std::int64_t heads = 1; heads <= 3; ++heads)
      for (std::int64_t size = 1; size <= 2; ++size)
        for (std::int64_t token_stride = 1; token_stride <= largest_stride; ++token_stride)
          for (std::int64_t head_stride = 1; head_stride <= largest_stride; ++head_stride) {
            // The stride of one token or one head has no meaning: two values are enough.
            if ((tokens == 1 && token_stride % 6 != 1) || (heads == 1 && head_stride % 6 != 1))
              continue;
            sample s{tokens, heads, size, token_stride, head_stride, 0, 0};
            try {
              yarn::detail::check_tensor("x", view_of(s, 0), 0);
            } catch (const std::invalid_argument&) {
              continue;
            }
            for (std::int64_t t = 0; t < tokens; ++t)
              for (std::int64_t h = 0; h < heads; ++h)
                for (std::int64_t d = 0; d < size; ++d)
                  s.elements |= std::uint64_t{1} << (t * token_stride + h * head_stride + d);
            s.n_elements = (tokens - 1) * token_stride + (heads - 1) * head_stride + size;
            samples.push_back(s);
          }
  std::int64_t n_shared = 0, n_interleaved = 0;
  for (const sample& a : samples)
    for (const sample& b : samples)
      for (std::int64_t first = middle - b.n_elements; first <= middle + a.n_elements; ++first) {
        const bool shared = ((a.elements << middle) & (b.elements << first)) != 0;
        ASSERT_EQ(yarn::detail::tensors_overlap(view_of(a, middle), view_of(b, first)), shared)
            << a.n_tokens << ' ' << a.n_heads << ' ' << a.head_dim << ' ' << a.token_stride << ' '
            << a.head_stride << ", " << b.n_tokens << ' ' << b.n_heads << ' ' << b.head_dim << ' '
            << b.token_stride << ' ' << b.head_stride << ", distance " << first - middle;
        n_shared += shared ? 1 : 0;
        const bool ranges_meet = first < middle + a.n_elements && middle < first + b.n_elements;
        n_interleaved += ranges_meet && !shared ? 1 : 0;
      }
  EXPECT_GT(n_shared, 100000);
  EXPECT_GT(n_interleaved, 100000);
}

// The same for random tensors that are larger.
TEST(tensors_overlap, agrees_with_the_sets_of_elements) {
  std::mt19937 random(7);
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(n));
  };
  static float memory[4096];
  struct sample {
    view x;
    std::set<const float*> elements;
  };
  const auto draw = [&](std::int64_t token_stride, std::int64_t head_stride) {
    const std::int64_t tokens = 1 + below(5), heads = 1 + below(5), size = 1 + below(6);
    sample s{view{memory + below(120), tokens, heads, size}.with_strides(token_stride, head_stride),
             {}};
    for (std::int64_t t = 0; t < tokens; ++t)
      for (std::int64_t h = 0; h < heads; ++h)
        for (std::int64_t d = 0; d < size; ++d)
          s.elements.insert(s.x.data() + t * token_stride + h * head_stride + d);
    return s;
  };
  const auto is_valid = [](const sample& s) {
    try {
      yarn::detail::check_tensor("x", s.x, 0);
      return true;
    } catch (const std::invalid_argument&) {
      return false;
    }
  };
  std::int64_t n_shared = 0, n_disjoint = 0;
  for (int i = 0; i < 200000; ++i) {
    std::int64_t strides[] = {1 + below(40), 1 + below(40), 1 + below(40), 1 + below(40)};
    if (below(2) != 0) {
      strides[2] = strides[0];
      strides[3] = strides[1];
    }
    const sample a = draw(strides[0], strides[1]), b = draw(strides[2], strides[3]);
    if (!is_valid(a) || !is_valid(b))
      continue;
    bool shared = false;
    for (const float* element : a.elements)
      shared = shared || b.elements.count(element) != 0;
    ASSERT_EQ(yarn::detail::tensors_overlap(a.x, b.x), shared) << i;
    ASSERT_EQ(yarn::detail::tensors_overlap(b.x, a.x), shared) << i;
    (shared ? n_shared : n_disjoint)++;
  }
  EXPECT_GT(n_shared, 2000);
  EXPECT_GT(n_disjoint, 2000);
}

} // namespace

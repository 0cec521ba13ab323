// SPDX-License-Identifier: MIT
// rope_copy refuses views of different shapes and views that overlap. If there are no tokens or no
// heads, rope_copy writes nothing.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/expect_error.hpp"
#include "../support/rope_copies.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using support::bf16;
using support::content;
using support::copy_shape;
using support::expect_error;
using support::f16;
using support::frequencies_for;
using support::random_heads;
using support::random_source;
using support::rows_for;
using support::same_bytes;
using yarn::pairing;

// ---- Refused calls ----------------------------------------------------------------------------

/// A buffer and a copy of it, which shows whether a refused call changes the buffer.
class rope_copy_refused : public ::testing::Test {
protected:
  static constexpr copy_shape s{4, 3, 8, 2};
  static constexpr std::int64_t dim = 18;

  rope_copy_refused() {
    for (std::size_t i = 0; i < memory.size(); ++i) {
      memory[i] = static_cast<float>(i) * 0.25F;
    }
    before = memory;
  }

  yarn::heads_view<float> view_at(std::int64_t first, std::int64_t token_stride = 3 * dim,
                                  std::int64_t head_stride = dim) {
    return yarn::heads_view<float>(memory.data() + first, s.n_tokens, s.n_heads, dim)
        .with_strides(token_stride, head_stride);
  }

  /// Expects an error with these words from rope_copy and from rope_copy_check, and no change of
  /// the buffer.
  template <class Error = std::invalid_argument, class... Argument>
  void expect_refused(std::initializer_list<std::string> words, pairing in, pairing out,
                      const Argument&... arguments) {
    expect_error<Error>([&] { yarn::rope_copy(arguments..., in, yarn::output_order{out}); }, words);
    expect_error<Error>([&] { yarn::rope_copy_check(arguments..., in, yarn::output_order{out}); },
                        words);
    EXPECT_EQ(std::memcmp(memory.data(), before.data(), sizeof(float) * memory.size()), 0);
  }
  void expect_overlap_refused(const yarn::heads_view<float>& source,
                              const yarn::heads_view<float>& target,
                              pairing out = pairing::half_split) {
    expect_refused({"overlap", "source.data", "target.data", "rope_copy"}, pairing::half_split, out,
                   source, target, rows);
  }

  std::vector<float> memory = std::vector<float>(2000);
  std::vector<float> before;
  yarn::rotary_rows<float> rows = rows_for<float>(s);
};

TEST_F(rope_copy_refused, views_that_overlap) {
  const auto source = view_at(500);
  for (const std::int64_t shift : {1L, 2L, 8L, 17L, 18L, 54L, 215L}) {
    expect_overlap_refused(source, view_at(500 + shift));
    expect_overlap_refused(source, view_at(500 - shift));
  }
  EXPECT_NO_THROW(yarn::rope_copy_check(source, view_at(500 + 216), rows, pairing::half_split,
                                        yarn::output_order{pairing::half_split}));
  EXPECT_NO_THROW(yarn::rope_copy_check(source, view_at(500 - 216), rows, pairing::half_split,
                                        yarn::output_order{pairing::half_split}));
}

TEST_F(rope_copy_refused, the_same_memory_with_another_order_stride_or_type) {
  expect_overlap_refused(view_at(0), view_at(0), pairing::interleaved); // another order
  expect_overlap_refused(view_at(0), view_at(0, 4 * dim));
  expect_overlap_refused(view_at(0, 60), view_at(0, 60, dim + 1));
  expect_overlap_refused(view_at(0), view_at(0, dim, 4 * dim)); // [heads][tokens]
  const yarn::heads_view<bf16> half_as_wide(reinterpret_cast<bf16*>(memory.data()), s.n_tokens,
                                            s.n_heads, dim); // elements of another size
  expect_refused({"overlap"}, pairing::half_split, pairing::half_split, view_at(0), half_as_wide,
                 rows);
  expect_refused({"overlap"}, pairing::half_split, pairing::half_split, half_as_wide, view_at(0),
                 rows);
  const auto in_step =
      half_as_wide.with_strides(2 * 3 * dim, dim); // tokens begin at the same bytes
  expect_refused({"overlap"}, pairing::half_split, pairing::half_split, view_at(0), in_step, rows);
}

// Sections of packed rows that begin at different elements, but overlap.
TEST_F(rope_copy_refused, sections_of_rows_that_overlap) {
  expect_overlap_refused(view_at(0, 8 * dim), view_at(2 * dim, 8 * dim));
  expect_overlap_refused(view_at(2 * dim, 8 * dim), view_at(0, 8 * dim));
  expect_overlap_refused(view_at(0, 8 * dim), view_at(6 * dim, 8 * dim)); // into the next row
  expect_overlap_refused(view_at(0, 8 * dim), view_at(8 * dim + 1, 8 * dim));
  expect_overlap_refused(view_at(8 * dim + 1, 8 * dim), view_at(0, 8 * dim));
}

TEST_F(rope_copy_refused, a_target_of_another_shape) {
  const auto source = view_at(0);
  float* const elsewhere = memory.data() + 1000;
  const auto refuse = [&](std::initializer_list<std::string> words, std::int64_t n_tokens,
                          std::int64_t n_heads, std::int64_t head_dim) {
    const yarn::heads_view<float> target(elsewhere, n_tokens, n_heads, head_dim);
    expect_refused(words, pairing::half_split, pairing::half_split, source, target, rows);
    expect_refused(words, pairing::interleaved, pairing::half_split, source, target,
                   yarn::rows_of(frequencies_for(s), yarn::positions_from(0)));
  };
  refuse({"target.n_tokens = 5", "n_tokens = 4"}, 5, 3, dim);
  refuse({"target.n_tokens = 0", "n_tokens = 4"}, 0, 3, dim);
  refuse({"target", "n_heads = 2", "3"}, 4, 2, dim);
  refuse({"target", "head_dim = 16", "18"}, 4, 3, 16);
  refuse({"target", "head_dim = 20", "18"}, 4, 3, 20);
  refuse({"target.head_dim = 15", "rotary_dim = 16"}, 4, 3, 15);
  refuse({"target", "n_heads = -1"}, 4, -1, dim);
}

TEST_F(rope_copy_refused, arguments_that_rope_apply_refuses) {
  const auto source = view_at(0);
  const auto target = view_at(1000);
  const pairing half_split = pairing::half_split;
  const auto bad = static_cast<pairing>(2);
  expect_refused({"pairing = 2"}, bad, half_split, source, target, rows);
  expect_refused({"pairing = 2"}, half_split, bad, source, target, rows);
  expect_refused({"rows.n_rows = 5", "n_tokens = 4"}, half_split, half_split, source, target,
                 rows_for<float>({5, 1, 8, 0}));
  expect_refused({"source.head_dim = 18", "rotary_dim = 20"}, half_split, half_split, source,
                 target, rows_for<float>({4, 1, 10, 0}));
  expect_refused({"source", "token_stride = 53", "overlap"}, half_split, half_split, view_at(0, 53),
                 target, rows);
  expect_refused({"target", "head_stride = 17", "overlap"}, half_split, half_split, source,
                 view_at(1000, 60, 17), rows);
  expect_refused({"target.data is null"}, half_split, half_split, source,
                 yarn::heads_view<float>(nullptr, s.n_tokens, s.n_heads, dim), rows);
  const yarn::rotary_table<float> table(frequencies_for(s), 6);
  expect_refused<std::out_of_range>(
      {"position 6", "[0, 6)"}, half_split, half_split, source, target,
      yarn::rows_of(table, yarn::positions(std::vector<int>{0, 1, 2, 6}.data(), 4)));
  expect_refused({"positions.size = 3", "n_tokens = 4"}, half_split, half_split, source, target,
                 yarn::rows_of(frequencies_for(s), yarn::positions_from(0, 3)));
}

// Random pairs of views in one small buffer. If rope_copy accepts a pair, the views share no byte,
// or they are the same view with the same order. It accepts every pair whose views lie in separate
// ranges of memory, or in separate sections of the same rows.
TEST(rope_copy_overlap, agrees_with_the_bytes_of_random_views) {
  alignas(8) static unsigned char memory[4096];
  constexpr std::int64_t n_tokens = 3;
  constexpr std::int64_t n_heads = 2;
  constexpr std::int64_t dim = 4;
  struct place {
    std::int64_t first, token_stride, head_stride;
    std::set<std::int64_t> bytes(std::int64_t size) const {
      std::set<std::int64_t> all;
      for (std::int64_t t = 0; t < n_tokens; ++t) {
        for (std::int64_t h = 0; h < n_heads; ++h) {
          for (std::int64_t i = 0; i < dim * size; ++i) {
            all.insert((first + t * token_stride + h * head_stride) * size + i);
          }
        }
      }
      return all;
    }
  };
  random_source random(11);
  const auto random_place = [&random] { // heads within tokens, or tokens within heads
    const bool is_token_major = random.next() % 2 == 0;
    const std::int64_t inner = random.integer(dim, 8);
    const std::int64_t run = ((is_token_major ? n_heads : n_tokens) - 1) * inner + dim;
    const std::int64_t outer = random.integer(run, 24);
    return place{random.integer(0, 40), is_token_major ? outer : inner,
                 is_token_major ? inner : outer};
  };
  yarn::rope_shape model;
  model.head_dim = dim;
  model.rope_theta = 10000;
  yarn::rotary_rows<float> rows;
  rows.assign(yarn::make_frequencies(model, yarn::default_scaling{}),
              yarn::positions_from(0, n_tokens));
  int n_accepted = 0;
  int n_interwoven = 0;
  for (int i = 0; i < 20000; ++i) {
    place p = random_place();
    place q = random_place();
    if (random.next() % 2 == 0) { // two places in the rows of one buffer
      q.token_stride = p.token_stride = 24;
      p.head_stride = q.head_stride = 4;
    }
    const bool is_wide = random.next() % 2 == 0;
    if (random.next() % 8 == 0) {
      q = p;
      q.token_stride /= is_wide && p.token_stride >= 16 && p.head_stride == dim ? 2 : 1;
    }
    const std::int64_t target_size = is_wide ? 4 : 2;
    const auto target_order = random.next() % 2 == 0 ? pairing::half_split : pairing::interleaved;
    const yarn::heads_view<bf16> source =
        yarn::heads_view<bf16>(reinterpret_cast<bf16*>(memory) + p.first, n_tokens, n_heads, dim)
            .with_strides(p.token_stride, p.head_stride);
    const auto is_accepted = [&](auto* data) {
      const auto target = yarn::heads_view(data + q.first, n_tokens, n_heads, dim)
                              .with_strides(q.token_stride, q.head_stride);
      try {
        yarn::rope_copy_check(source, target, rows, pairing::half_split,
                              yarn::output_order{target_order});
        return true;
      } catch (const std::invalid_argument&) {
        return false;
      }
    };
    const bool accepted = is_wide ? is_accepted(reinterpret_cast<float*>(memory))
                                  : is_accepted(reinterpret_cast<f16*>(memory));
    const std::set<std::int64_t> ours = p.bytes(2);
    const std::set<std::int64_t> theirs = q.bytes(target_size);
    std::vector<std::int64_t> common;
    std::set_intersection(ours.begin(), ours.end(), theirs.begin(), theirs.end(),
                          std::back_inserter(common));
    const bool is_one_view = !is_wide && target_order == pairing::half_split &&
                             p.first == q.first && p.token_stride == q.token_stride &&
                             p.head_stride == q.head_stride;
    const bool is_apart = *ours.rbegin() < *theirs.begin() || *theirs.rbegin() < *ours.begin();
    const bool is_in_other_places = common.empty() && !is_wide && p.token_stride == 24 &&
                                    q.token_stride == 24 && p.head_stride == 4 &&
                                    q.head_stride == 4;
    const bool must_be_accepted = is_one_view || is_apart || is_in_other_places;
    ASSERT_TRUE(!accepted || common.empty() || is_one_view)
        << common.size() << " common bytes: " << p.first << ", " << p.token_stride << ", "
        << p.head_stride << " and " << q.first << ", " << q.token_stride << ", " << q.head_stride;
    ASSERT_TRUE(accepted || !must_be_accepted)
        << p.first << ", " << p.token_stride << ", " << p.head_stride << " and " << q.first << ", "
        << q.token_stride << ", " << q.head_stride;
    n_accepted += accepted ? 1 : 0;
    n_interwoven += accepted && is_in_other_places && !is_apart ? 1 : 0;
  }
  EXPECT_GT(n_accepted, 1000); // enough pairs of each kind
  EXPECT_LT(n_accepted, 19000);
  EXPECT_GT(n_interwoven, 100);
}

// ---- Empty tensors ----------------------------------------------------------------------------

TEST(rope_copy_without_elements, writes_nothing) {
  const copy_shape s{2, 2, 4, 1};
  const std::vector<float> heads = random_heads<float>(s, content::ordinary);
  std::vector<bf16> memory(heads.size());
  const std::vector<bf16> before = memory;
  const yarn::frequencies freqs = frequencies_for(s);
  for (const auto& extents : {std::pair<int, int>{0, 2}, {2, 0}, {0, 0}}) {
    const auto [n_tokens, n_heads] = extents;
    const yarn::heads_view<const float> source(heads.data(), n_tokens, n_heads, 9);
    const yarn::heads_view<bf16> target(memory.data(), n_tokens, n_heads, 9);
    yarn::rotary_rows<float> rows;
    rows.assign(freqs, yarn::positions_from(0, n_tokens));
    yarn::rope_copy(source, target, rows, pairing::half_split);
    yarn::rope_copy(source, target, rows, pairing::half_split,
                    yarn::output_order{pairing::interleaved});
    yarn::rope_copy(source, target, yarn::rows_of(freqs, yarn::positions_from(0)),
                    pairing::half_split);
    yarn::rope_copy(source, target, yarn::rows_of(freqs, yarn::positions_from(0, n_tokens)),
                    pairing::interleaved);
    const yarn::heads_view<const float> no_source(nullptr, n_tokens, n_heads, 9);
    const yarn::heads_view<bf16> no_target(nullptr, n_tokens, n_heads, 9);
    yarn::rope_copy(no_source, no_target, rows, pairing::half_split);
    // Source and target without elements do not overlap. So they are accepted even at the same
    // address, with another order and element size.
    const yarn::heads_view<float> same(reinterpret_cast<float*>(memory.data()), n_tokens, n_heads,
                                       9);
    yarn::rope_copy(same, target, rows, pairing::half_split,
                    yarn::output_order{pairing::interleaved});
    yarn::rope_copy(same.with_strides(27, 9), target.with_strides(27, 9), rows, pairing::half_split,
                    yarn::output_order{pairing::interleaved});
  }
  EXPECT_TRUE(same_bytes(memory, before));
}

} // namespace

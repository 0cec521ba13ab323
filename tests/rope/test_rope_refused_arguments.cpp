// SPDX-License-Identifier: MIT
// The errors of rope_apply and rope_copy with float tensors. The message has the name and the value
// of the wrong argument, and the refused call does not change the tensors.
#include "../support/expect_error.hpp"
#include "../support/model_methods.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using support::expect_error;
using support::shape_of;
using invalid = std::invalid_argument;
using out_of_range = std::out_of_range;

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

constexpr auto half_split = yarn::pairing::half_split;

/// Correct arguments. Each test replaces one argument by a wrong one, and expects unchanged
/// tensors.
class rope_apply_error : public testing::Test {
protected:
  static constexpr std::int64_t n_tokens = 3;
  static constexpr std::int64_t n_heads = 2;
  static constexpr std::int64_t head_dim = 8;
  static constexpr std::size_t n_elements = 48;

  std::vector<float> q_memory = numbers();
  std::vector<float> k_memory = numbers();
  yarn::heads_view<float> q{q_memory.data(), n_tokens, n_heads, head_dim};
  yarn::heads_view<float> k{k_memory.data(), n_tokens, n_heads, head_dim};
  std::vector<std::int32_t> listed = {0, 5, 2};
  yarn::positions list{listed.data(), 3};
  yarn::frequencies freqs =
      yarn::make_frequencies(shape_of(head_dim, 1e4), yarn::default_scaling{});
  yarn::rotary_rows<float> rows = [this] {
    yarn::rotary_rows<float> made;
    made.assign(freqs, list);
    return made;
  }();
  yarn::rotary_table<float> table = yarn::make_table<float>(freqs, 6);

  static std::vector<float> numbers() {
    std::vector<float> values;
    for (std::size_t i = 0; i < n_elements; ++i) {
      values.push_back(0.25F * static_cast<float>(i) - 3.0F);
    }
    return values;
  }

  /// Expects that rope_check and rope_apply refuse these arguments and change no byte. If
  /// rope_check accepts the arguments, rope_apply is not called, because it might write outside the
  /// tensors.
  template <class Error, class... Arguments>
  void expect_refusal(std::initializer_list<std::string> words, const Arguments&... arguments) {
    if (expect_error<Error>([&] { yarn::rope_check(arguments...); }, words)) {
      expect_error<Error>([&] { yarn::rope_apply(arguments...); }, words);
    }
    const std::vector<float> before = numbers();
    EXPECT_EQ(std::memcmp(q_memory.data(), before.data(), n_elements * sizeof(float)), 0);
    EXPECT_EQ(std::memcmp(k_memory.data(), before.data(), n_elements * sizeof(float)), 0);
  }
};

// The tests below change one of these arguments. Here all are accepted as they are.
TEST_F(rope_apply_error, correct_arguments_are_accepted) {
  EXPECT_NO_THROW(yarn::rope_apply(q, k, yarn::rows_of(freqs, list), half_split));
  EXPECT_NO_THROW(yarn::rope_apply(q, k, rows, half_split));
  EXPECT_NO_THROW(yarn::rope_apply(q, k, yarn::rows_of(table, list), half_split));
  EXPECT_NO_THROW(yarn::rope_apply(q, k, rows.view(), half_split));
  EXPECT_NO_THROW(yarn::rope_apply(q, k, yarn::rows_of(table.view(), list), half_split));
  EXPECT_NE(q_memory, numbers());
}

TEST_F(rope_apply_error, n_tokens_of_q_and_k_that_differ_are_named) {
  const yarn::heads_view<float> fewer(k_memory.data(), 2, n_heads, head_dim);
  expect_refusal<invalid>({"n_tokens", "3", "2"}, q, fewer, yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"n_tokens", "3", "2"}, q, fewer, rows, half_split);
  expect_refusal<invalid>({"n_tokens", "3", "2"}, q, fewer, yarn::rows_of(table, list), half_split);
}

TEST_F(rope_apply_error, number_of_positions_other_than_n_tokens_is_named) {
  for (const std::int64_t n : {-2, -1, 2, 4}) {
    const yarn::positions run = yarn::positions_from(0, n);
    const yarn::positions other(listed.data(), n);
    const std::string count = "positions.size = " + std::to_string(n);
    expect_refusal<invalid>({count, "3"}, q, k, yarn::rows_of(freqs, run), half_split);
    expect_refusal<invalid>({count, "3"}, k, yarn::rows_of(freqs, run), half_split);
    expect_refusal<invalid>({count, "3"}, k, yarn::rows_of(freqs, other), half_split);
    expect_refusal<invalid>({count, "3"}, q, k, yarn::rows_of(table, run), half_split);
    expect_refusal<invalid>({count, "3"}, q, k, yarn::rows_of(table, other), half_split);
  }
}

TEST_F(rope_apply_error, n_rows_other_than_n_tokens_is_named) {
  for (const std::int64_t n : {2, 4}) {
    yarn::rotary_rows<float> others;
    others.assign(freqs, yarn::positions_from(0, n));
    const std::string count = std::to_string(n);
    expect_refusal<invalid>({"n_rows", count, "3"}, q, k, others, half_split);
    expect_refusal<invalid>({"n_rows", count, "3"}, q, others, half_split);
    expect_refusal<invalid>({"n_rows", count, "3"}, q, k, others.view(), half_split);
  }
}

TEST_F(rope_apply_error, head_dim_below_the_rotary_dim_is_named) {
  const yarn::frequencies wide = yarn::make_frequencies(shape_of(10, 1e4), yarn::default_scaling{});
  yarn::rotary_rows<float> wide_rows;
  wide_rows.assign(wide, list);
  const yarn::rotary_table<float> wide_table = yarn::make_table<float>(wide, 6);
  expect_refusal<invalid>({"head_dim", "8", "10"}, q, k, yarn::rows_of(wide, list), half_split);
  expect_refusal<invalid>({"head_dim", "8", "10"}, q, k, wide_rows, half_split);
  expect_refusal<invalid>({"head_dim", "8", "10"}, q, k, yarn::rows_of(wide_table, list),
                          half_split);
  // Only k is too narrow.
  const yarn::heads_view<float> narrow(k_memory.data(), n_tokens, n_heads, 6);
  expect_refusal<invalid>({"head_dim", "6", "8"}, q, narrow, rows, half_split);
}

TEST_F(rope_apply_error, negative_position_of_a_table_is_out_of_range) {
  listed[1] = -1;
  expect_refusal<out_of_range>({"position", "-1"}, q, k, yarn::rows_of(table, list), half_split);
  expect_refusal<out_of_range>({"position", "-1"}, k, yarn::rows_of(table.view(), list),
                               half_split);
  expect_refusal<out_of_range>({"position", "-2"}, q, k,
                               yarn::rows_of(table, yarn::positions_from(-2)), half_split);
}

TEST_F(rope_apply_error, position_after_a_table_is_out_of_range) {
  for (const std::int32_t position : {6, 7, std::numeric_limits<std::int32_t>::max()}) {
    listed[2] = position;
    const std::string text = std::to_string(position);
    expect_refusal<out_of_range>({"position", text, "6"}, q, k, yarn::rows_of(table, list),
                                 half_split);
    expect_refusal<out_of_range>({"position", text, "6"}, q, yarn::rows_of(table.view(), list),
                                 half_split);
  }
  // The run of positions 4, 5, 6 leaves the table at its end.
  expect_refusal<out_of_range>({"position", "6"}, q, k,
                               yarn::rows_of(table, yarn::positions_from(4)), half_split);
  listed[2] = 5;
  EXPECT_NO_THROW(yarn::rope_apply(q, k, yarn::rows_of(table, list), half_split)); // the last row
}

TEST_F(rope_apply_error, negative_position_without_a_table_is_accepted) {
  listed[1] = -1;
  EXPECT_NO_THROW(yarn::rope_apply(q, k, yarn::rows_of(freqs, list), half_split));
}

TEST_F(rope_apply_error, position_beyond_the_exact_range_is_out_of_range) {
  const std::vector<std::int64_t> far = {0, std::int64_t{1} << 40, 0};
  expect_refusal<out_of_range>({"position", "1099511627776"}, q, k,
                               yarn::rows_of(freqs, yarn::positions(far)), half_split);
}

TEST_F(rope_apply_error, negative_extent_is_named) {
  const auto view = [this](std::int64_t tokens, std::int64_t heads, std::int64_t dim) {
    return yarn::heads_view<float>(q_memory.data(), tokens, heads, dim);
  };
  expect_refusal<invalid>({"n_tokens", "-3"}, view(-3, 2, 8), k, yarn::rows_of(freqs, list),
                          half_split);
  expect_refusal<invalid>({"n_heads", "-2"}, view(3, -2, 8), k, yarn::rows_of(freqs, list),
                          half_split);
  expect_refusal<invalid>({"head_dim", "-8"}, view(3, 2, -8), k, yarn::rows_of(freqs, list),
                          half_split);
  expect_refusal<invalid>({"head_dim", "-8"}, q, view(3, 2, -8), rows, half_split);
}

TEST_F(rope_apply_error, extent_above_int64_is_named) {
  expect_error<invalid>(
      [&] { yarn::heads_view<float>(q_memory.data(), ~std::uint64_t{0}, n_heads, head_dim); },
      {"n_tokens", "18446744073709551615"});
}

// In 64 bits the address of the last element would wrap around and pass any check.
TEST_F(rope_apply_error, stride_whose_product_overflows_is_named) {
  expect_refusal<invalid>({"token_stride"}, q.with_strides(largest / 2, head_dim), k,
                          yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"head_stride"}, q.with_strides(16, largest - 2), k,
                          yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"token_stride"}, q, k.with_strides(largest, head_dim), rows, half_split);
  const std::int64_t many = std::int64_t{1} << 40;
  const yarn::heads_view<float> huge(q_memory.data(), many, many, head_dim);
  expect_refusal<invalid>({"token_stride"}, huge, yarn::rows_of(freqs, yarn::positions_from(0)),
                          half_split);
}

// Two heads at one address would be rotated twice.
TEST_F(rope_apply_error, stride_that_makes_heads_overlap_is_named) {
  expect_refusal<invalid>({"head_stride", "0"}, q.with_strides(16, 0), k,
                          yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"token_stride", "0"}, q.with_strides(0, 8), k,
                          yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"head_stride", "4"}, q.with_strides(16, 4), k,
                          yarn::rows_of(freqs, list), half_split);
  // The second head of a token is the first of the next one, in either order of the dimensions.
  expect_refusal<invalid>({"token_stride", "8"}, q.with_strides(8, 8), k,
                          yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"token_stride", "12"}, q.with_strides(12, 8), k,
                          yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"head_stride", "16"}, q, k.with_strides(8, 16), rows, half_split);
}

TEST_F(rope_apply_error, row_stride_below_n_pairs_is_named) {
  const yarn::rows_view<float> dense = rows.view();
  const yarn::rows_view<float> narrow(dense.cos(0), dense.sin(0), 3, 4, 3);
  expect_refusal<invalid>({"row_stride", "3"}, q, k, narrow, half_split);
  const yarn::table_view<float> narrow_table(dense.cos(0), dense.sin(0), 3, 4, 3);
  expect_refusal<invalid>({"row_stride", "3"}, q, k,
                          yarn::rows_of(narrow_table, yarn::positions_from(0)), half_split);
}

// A view may have any numbers that the caller wrote. In 64 bits, twice this n_pairs is negative.
TEST_F(rope_apply_error, extent_of_rows_out_of_range_is_named) {
  const yarn::rows_view<float> dense = rows.view();
  const yarn::heads_view<float> one(q_memory.data(), 1, n_heads, head_dim);
  const yarn::rows_view<float> wide(dense.cos(0), dense.sin(0), 1, largest, largest);
  expect_refusal<invalid>({"n_pairs"}, one, wide, half_split);
  const yarn::rows_view<float> none(dense.cos(0), dense.sin(0), 3, 0, 4);
  expect_refusal<invalid>({"n_pairs", "0"}, q, k, none, half_split);
  const yarn::rows_view<float> negative(dense.cos(0), dense.sin(0), 3, -4, 4);
  expect_refusal<invalid>({"n_pairs", "-4"}, q, k, negative, half_split);
  const yarn::rows_view<float> fewer_than_none(dense.cos(0), dense.sin(0), -3, 4, 4);
  expect_refusal<invalid>({"n_rows", "-3"}, q, k, fewer_than_none, half_split);
  const yarn::rows_view<float> far(dense.cos(0), dense.sin(0), 3, 4, largest / 2);
  expect_refusal<invalid>({"row_stride"}, q, k, far, half_split);
  const yarn::table_view<float> far_table(dense.cos(0), dense.sin(0), 6, 4, largest / 2);
  expect_refusal<invalid>({"row_stride"}, q, k, yarn::rows_of(far_table, list), half_split);
}

TEST_F(rope_apply_error, null_memory_is_named) {
  const yarn::heads_view<float> nowhere(static_cast<float*>(nullptr), n_tokens, n_heads, head_dim);
  expect_refusal<invalid>({"null"}, nowhere, k, yarn::rows_of(freqs, list), half_split);
  expect_refusal<invalid>({"null"}, q, nowhere, rows, half_split);
  const yarn::rows_view<float> no_sine(rows.cos(0), static_cast<const float*>(nullptr), 3, 4, 4);
  expect_refusal<invalid>({"null"}, q, k, no_sine, half_split);
}

TEST_F(rope_apply_error, unknown_pairing_is_named) {
  expect_refusal<invalid>({"pairing", "7"}, q, k, yarn::rows_of(freqs, list),
                          static_cast<yarn::pairing>(7));
}

// rope_copy from q to k. Neither tensor changes.
class rope_copy_error : public rope_apply_error {
protected:
  template <class Error, class... Arguments>
  void expect_copy_refusal(std::initializer_list<std::string> words,
                           const Arguments&... arguments) {
    expect_error<Error>([&] { yarn::rope_copy(arguments...); }, words);
    EXPECT_EQ(q_memory, numbers());
    EXPECT_EQ(k_memory, numbers());
  }
};

TEST_F(rope_copy_error, correct_arguments_are_accepted) {
  EXPECT_NO_THROW(yarn::rope_copy(q, k, rows, half_split));
  EXPECT_NO_THROW(yarn::rope_copy(q, k, yarn::rows_of(freqs, list), half_split));
  EXPECT_NO_THROW(yarn::rope_copy(q, k, yarn::rows_of(table, list), half_split));
  EXPECT_NO_THROW(
      yarn::rope_copy(q, k, rows, yarn::pairing::interleaved, yarn::output_order{half_split}));
  EXPECT_NO_THROW(yarn::rope_copy(q, q, rows, half_split)); // in place
}

TEST_F(rope_copy_error, target_of_another_shape_is_named) {
  const auto target = [this](std::int64_t tokens, std::int64_t heads, std::int64_t dim) {
    return yarn::heads_view<float>(k_memory.data(), tokens, heads, dim);
  };
  expect_copy_refusal<invalid>({"n_tokens", "2", "3"}, q, target(2, 2, 8), rows, half_split);
  expect_copy_refusal<invalid>({"n_heads", "1", "2"}, q, target(3, 1, 8), rows, half_split);
  expect_copy_refusal<invalid>({"head_dim", "10", "8"}, q, target(3, 2, 10).with_strides(20, 10),
                               rows, half_split);
}

TEST_F(rope_copy_error, source_and_target_that_overlap_are_named) {
  const yarn::heads_view<float> earlier(q_memory.data(), 2, n_heads, head_dim);
  const yarn::heads_view<float> later(q_memory.data() + 4, 2, n_heads, head_dim);
  const yarn::positions run = yarn::positions_from(0);
  expect_copy_refusal<invalid>({"source", "target"}, earlier, later, yarn::rows_of(freqs, run),
                               half_split);
  expect_copy_refusal<invalid>({"source", "target"}, later, earlier, yarn::rows_of(freqs, run),
                               half_split);
  // Source and target are the same view, but the order changes: some elements would be overwritten
  // before they are read.
  expect_copy_refusal<invalid>({"source", "target"}, q, q, rows, yarn::pairing::interleaved,
                               yarn::output_order{half_split});
}

TEST_F(rope_copy_error, wrong_arguments_of_rope_apply_are_refused_too) {
  listed[1] = -1;
  expect_copy_refusal<out_of_range>({"position", "-1"}, q, k, yarn::rows_of(table, list),
                                    half_split);
  listed[1] = 6;
  expect_copy_refusal<out_of_range>({"position", "6"}, q, k, yarn::rows_of(table, list),
                                    half_split);
  const yarn::frequencies wide = yarn::make_frequencies(shape_of(10, 1e4), yarn::default_scaling{});
  expect_copy_refusal<invalid>({"head_dim", "8", "10"}, q, k, yarn::rows_of(wide, list),
                               half_split);
  expect_copy_refusal<invalid>({"positions", "2", "3"}, q, k,
                               yarn::rows_of(freqs, yarn::positions_from(0, 2)), half_split);
}

TEST_F(rope_apply_error, empty_tensor_is_accepted) {
  const yarn::heads_view<float> no_tokens(q_memory.data(), 0, n_heads, head_dim);
  const yarn::heads_view<float> no_heads(q_memory.data(), n_tokens, 0, head_dim);
  EXPECT_NO_THROW(
      yarn::rope_apply(no_tokens, yarn::rows_of(freqs, yarn::positions_from(0)), half_split));
  EXPECT_NO_THROW(yarn::rope_apply(no_heads, yarn::rows_of(freqs, list), half_split));
  EXPECT_EQ(q_memory, numbers());
}

} // namespace

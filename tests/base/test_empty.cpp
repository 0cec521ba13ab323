// SPDX-License-Identifier: MIT
// Empty arguments and null pointers. Every function accepts empty tensors, rows and lists, also
// with null pointers, and refuses null pointers for arguments that are not empty.
#include "support/expect_error.hpp"

#include <yarn/yarn.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace {

using invalid = std::invalid_argument;
using support::expect_error;
constexpr yarn::pairing half_split = yarn::pairing::half_split;

yarn::frequencies small_frequencies() {
  yarn::rope_shape shape;
  shape.head_dim = 8;
  shape.rope_theta = 10000.0;
  return yarn::make_frequencies(shape, yarn::default_scaling{});
}

template <class Integer> yarn::positions null_list(std::int64_t n) {
  return {static_cast<const Integer*>(nullptr), n};
}

template <class Integer> class null_positions : public ::testing::Test {};
using position_types = ::testing::Types<std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(null_positions, position_types, );

TYPED_TEST(null_positions, are_a_list) {
  EXPECT_FALSE(null_list<TypeParam>(4).is_run());
  EXPECT_FALSE(null_list<TypeParam>(0).is_run());
  EXPECT_EQ(null_list<TypeParam>(4).size(), 4);
}

TYPED_TEST(null_positions, are_refused_by_every_function) {
  const yarn::frequencies freqs = small_frequencies();
  const yarn::positions list = null_list<TypeParam>(4);
  const auto table = yarn::make_table<float>(freqs, 16);
  std::vector<float> data(4 * 8, 0.5F), cos(16), sin(16);
  const std::vector<float> before = data;
  const yarn::heads_view x{data.data(), 4, 1, 8};
  const auto refused = [](const auto& call) {
    expect_error<invalid>(call, {"positions.data is null"});
  };
  yarn::rotary_rows<float> rows;
  refused([&] { rows.assign(freqs, list); });
  refused([&] { rows.append(freqs, list); });
  EXPECT_EQ(rows.n_rows(), 0);
  refused([&] { yarn::fill_rows(freqs, list, cos.data(), sin.data(), 4); });
  refused([&] { yarn::rope_check(x, yarn::rows_of(freqs, list), half_split); });
  refused([&] { yarn::rope_apply(x, yarn::rows_of(freqs, list), half_split); });
  refused([&] { yarn::rope_apply(x, yarn::rows_of(table, list), half_split); });
  refused([&] { yarn::rope_apply(x, yarn::rows_of(table.view(), list), half_split); });
  std::vector<float> target(data.size());
  refused([&] {
    yarn::rope_copy(x, yarn::heads_view{target.data(), 4, 1, 8}, yarn::rows_of(freqs, list),
                    half_split);
  });
  EXPECT_EQ(data, before);
}

TYPED_TEST(null_positions, of_size_0_are_accepted) {
  const yarn::frequencies freqs = small_frequencies();
  const yarn::positions list = null_list<TypeParam>(0);
  const auto table = yarn::make_table<float>(freqs, 16);
  const yarn::heads_view<float> x{static_cast<float*>(nullptr), 0, 1, 8};
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, list);
  yarn::fill_rows(freqs, list, static_cast<float*>(nullptr), static_cast<float*>(nullptr), 4);
  yarn::rope_apply(x, yarn::rows_of(freqs, list), half_split);
  yarn::rope_apply(x, yarn::rows_of(table, list), half_split);
  yarn::rope_apply(x, rows, half_split);
}

TEST(empty_rows, return_null) {
  yarn::rotary_rows<float> rows;
  EXPECT_EQ(rows.cos(0), nullptr);
  EXPECT_EQ(rows.sin(0), nullptr);
  EXPECT_EQ(rows.view().sin(0), nullptr);
  rows.assign(small_frequencies(), yarn::positions_from(0, 0)); // has pairs, but no rows
  EXPECT_EQ(rows.n_pairs(), 4);
  EXPECT_EQ(rows.sin(0), nullptr);
  EXPECT_EQ(rows.view().sin(0), nullptr);
  const auto table = yarn::make_table<double>(small_frequencies(), 0);
  EXPECT_EQ(table.cos(0), nullptr);
  EXPECT_EQ(table.sin(0), nullptr);
  EXPECT_EQ(table.view().sin(0), nullptr);
}

TEST(empty_rows, of_null_can_be_packed) {
  const auto rows = yarn::rows_view<float>::packed(static_cast<const float*>(nullptr), 0, 64);
  EXPECT_EQ(rows.cos(0), nullptr);
  EXPECT_EQ(rows.sin(0), nullptr);
  const auto table =
      yarn::table_view<float>::packed(static_cast<const float*>(nullptr), 0, 64, 200);
  EXPECT_EQ(table.sin(0), nullptr);
}

TEST(empty_rows, are_accepted_for_no_tokens_and_refused_for_one) {
  yarn::rotary_rows<float> rows;
  std::vector<float> data(16, 0.5F);
  yarn::rope_apply(yarn::heads_view{data.data(), 0, 2, 8}, rows, half_split);
  expect_error<invalid>(
      [&] {
        yarn::rope_apply(yarn::heads_view{data.data(), 1, 2, 8}, rows, half_split);
      },
      {"rows.n_rows = 0", "n_tokens = 1"});
  const auto table = yarn::make_table<float>(small_frequencies(), 0);
  expect_error<std::out_of_range>(
      [&] {
        yarn::rope_apply(yarn::heads_view{data.data(), 1, 2, 8},
                         yarn::rows_of(table, yarn::positions_from(0)), half_split);
      },
      {"position 0", "[0, 0)"});
}

TEST(null_rows, are_refused) {
  std::vector<float> data(16, 0.5F), entries(8);
  const yarn::heads_view x{data.data(), 2, 1, 8};
  const float* const null = nullptr;
  for (const yarn::rows_view<float>& rows : {yarn::rows_view<float>{null, entries.data(), 2, 4, 4},
                                             yarn::rows_view<float>{entries.data(), null, 2, 4, 4},
                                             yarn::rows_view<float>::packed(null, 2, 4)})
    expect_error<invalid>([&] { yarn::rope_apply(x, rows, half_split); }, {"cos or sin of rows"});
  const yarn::frequencies freqs = small_frequencies();
  float* const no_memory = nullptr;
  for (float* const cos : {no_memory, entries.data()})
    expect_error<invalid>(
        [&] { yarn::fill_rows(freqs, yarn::positions_from(0, 1), cos, no_memory, 4); },
        {"cos or sin of fill_rows is null"});
}

TEST(null_numbers, are_refused) {
  const double* const null = nullptr;
  expect_error<invalid>([&] { return yarn::frequencies_from(null, 4); }, {"inv_freq is null"});
  expect_error<invalid>([&] { yarn::factor_list(null, 4); }, {"factor_list", "null"});
  EXPECT_EQ(yarn::factor_list(null, 0).size(), 0U);
}

TEST(null_tensor, is_refused_unless_it_is_empty) {
  yarn::rotary_rows<float> rows;
  rows.assign(small_frequencies(), yarn::positions_from(0, 2));
  float* const null = nullptr;
  std::vector<float> data(16, 0.5F);
  const yarn::heads_view x{data.data(), 2, 1, 8};
  const yarn::heads_view no_memory{null, 2, 1, 8};
  expect_error<invalid>([&] { yarn::rope_apply(no_memory, rows, half_split); }, {"x.data is null"});
  expect_error<invalid>([&] { yarn::rope_apply(x, no_memory, rows, half_split); },
                        {"k.data is null"});
  expect_error<invalid>([&] { yarn::rope_copy(no_memory, x, rows, half_split); },
                        {"source.data is null"});
  expect_error<invalid>([&] { yarn::rope_copy(x, no_memory, rows, half_split); },
                        {"target.data is null"});
  const yarn::heads_view no_heads{null, 2, 0, 8};
  yarn::rope_apply(no_heads, rows, half_split);
  yarn::rope_apply(x, no_heads, rows, half_split);
  yarn::rope_copy(no_heads, no_heads, rows, half_split);
}

TEST(empty_frequencies, are_refused_by_every_function) {
  const yarn::frequencies no_pairs;
  std::vector<float> data(16, 0.5F);
  yarn::rotary_rows<float> rows;
  const auto refused = [](const auto& call) { expect_error<invalid>(call, {"n_pairs = 0"}); };
  refused([&] { rows.assign(no_pairs, yarn::positions_from(0, 1)); });
  refused([&] { return yarn::make_table<float>(no_pairs, 4); });
  refused([&] {
    yarn::fill_rows(no_pairs, yarn::positions_from(0, 1), data.data(), data.data() + 8, 8);
  });
  refused([&] {
    yarn::rope_apply(yarn::heads_view{data.data(), 2, 1, 8},
                     yarn::rows_of(no_pairs, yarn::positions_from(0)), half_split);
  });
  EXPECT_EQ(no_pairs.inv_freq().size(), 0U);
  EXPECT_EQ(no_pairs.inv_freq().begin(), no_pairs.inv_freq().end());
  EXPECT_EQ(no_pairs.phase_steps().size(), 0U);
}

} // namespace

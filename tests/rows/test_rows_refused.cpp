// SPDX-License-Identifier: MIT
// The errors of rows, tables and fill_rows. The message has the name and the value of the wrong
// argument, and the refused call writes nothing.
#include "../support/expect_error.hpp"
#include "../support/model_methods.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstdint>
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

class rows_error : public testing::Test {
protected:
  yarn::frequencies freqs = yarn::make_frequencies(shape_of(64, 1e4), yarn::default_scaling{});
  yarn::frequencies narrow = yarn::make_frequencies(shape_of(62, 1e4), yarn::default_scaling{});
};

TEST_F(rows_error, positions_without_a_length_are_named) {
  yarn::rotary_rows<float> rows;
  expect_error<invalid>([&] { rows.assign(freqs, yarn::positions_from(0)); }, {"positions"});
  expect_error<invalid>([&] { rows.append(freqs, yarn::positions_from(0)); }, {"positions"});
}

TEST_F(rows_error, negative_number_of_positions_is_named) {
  const std::int64_t listed[] = {0, 1};
  yarn::rotary_rows<float> rows;
  for (const std::int64_t n : {std::int64_t{-1}, std::int64_t{-2}, INT64_MIN}) {
    const std::string text = "positions.size = " + std::to_string(n) + " must be >= 0";
    expect_error<invalid>([&] { rows.assign(freqs, yarn::positions(listed, n)); }, {text.c_str()});
    expect_error<invalid>([&] { rows.assign(freqs, yarn::positions_from(0, n)); }, {text.c_str()});
    expect_error<invalid>([&] { rows.append(freqs, yarn::positions(listed, n)); }, {text.c_str()});
  }
}

TEST_F(rows_error, appending_other_n_pairs_is_refused_and_changes_nothing) {
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions_from(0, 3));
  expect_error<invalid>([&] { rows.append(narrow, yarn::positions_from(3, 1)); },
                        {"n_pairs", "31", "32"});
  EXPECT_EQ(rows.n_rows(), 3); // as it was
  EXPECT_EQ(rows.n_pairs(), 32);
  EXPECT_EQ(rows.cos(0)[31], 1.0F);
}

TEST_F(rows_error, negative_table_size_is_named) {
  expect_error<invalid>([&] { return yarn::make_table<float>(freqs, -1); }, {"n_positions", "-1"});
}

TEST_F(rows_error, row_stride_too_small_or_too_large_is_named_and_nothing_is_written) {
  std::vector<float> memory(2 * 64, 7.0F);
  const auto fill = [&](std::int64_t stride) {
    yarn::fill_rows(freqs, yarn::positions_from(0, 2), memory.data(), memory.data() + 64, stride);
  };
  expect_error<invalid>([&] { fill(31); }, {"row_stride", "31"});
  expect_error<invalid>([&] { fill(0); }, {"row_stride", "0"});
  expect_error<invalid>([&] { fill(-32); }, {"row_stride", "-32"});
  // 2^62 floats are 2^64 bytes, which is 0 in 64 bits: row 1 would be written over row 0.
  expect_error<invalid>([&] { fill(std::int64_t{1} << 62); }, {"row_stride"});
  EXPECT_EQ(memory, std::vector<float>(2 * 64, 7.0F));
}

TEST_F(rows_error, null_memory_is_named_and_nothing_is_written) {
  std::vector<float> memory(2 * 32, 7.0F);
  float* const nowhere = nullptr;
  expect_error<invalid>(
      [&] { yarn::fill_rows(freqs, yarn::positions_from(0, 2), nowhere, memory.data(), 32); },
      {"null"});
  expect_error<invalid>(
      [&] { yarn::fill_rows(freqs, yarn::positions_from(0, 2), memory.data(), nowhere, 32); },
      {"null"});
  EXPECT_EQ(memory, std::vector<float>(2 * 32, 7.0F));
}

TEST_F(rows_error, position_beyond_the_exact_range_is_out_of_range) {
  yarn::rotary_rows<float> rows;
  const std::vector<std::int64_t> far = {0, (std::int64_t{1} << 31) + 1};
  expect_error<out_of_range>([&] { rows.assign(freqs, yarn::positions(far)); },
                             {"position", "2147483649"});
  expect_error<out_of_range>([&] { rows.assign(freqs, yarn::positions_from(-largest, 2)); },
                             {"position", "-9223372036854775807"});
}

TEST_F(rows_error, slice_outside_the_rows_is_named_and_nothing_is_written) {
  std::vector<float> memory(2 * 64, 7.0F);
  const auto fill = [&](yarn::thread_slice slice) {
    yarn::fill_rows(freqs, yarn::positions_from(0, 2), memory.data(), memory.data() + 64, 32,
                    slice);
  };
  expect_error<invalid>([&] { fill({2, 2}); }, {"thread_slice.thread", "2"});
  expect_error<invalid>([&] { fill({-1, 2}); }, {"thread_slice.thread", "-1"});
  expect_error<invalid>([&] { fill({0, 0}); }, {"n_threads", "0"});
  expect_error<invalid>([&] { fill({0, -4}); }, {"n_threads", "-4"});
  EXPECT_EQ(memory, std::vector<float>(2 * 64, 7.0F));
}

} // namespace

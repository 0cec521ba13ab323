// SPDX-License-Identifier: MIT
// More than 10^8 row entries must have the same bits in every way of making rows: as a run, a list,
// a table, in memory of the caller, in slices, appended, and as single rows, with vectors and with
// scalars. A bug in one of these ways may change only one of 10^5 to 10^7 entries.
#include "../support/bits.hpp"
#include "../support/model_methods.hpp"

#include <gtest/gtest.h>
#include <yarn/rows.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using support::first_difference;
namespace detail = yarn::detail;

constexpr std::int64_t largest_position = std::int64_t{1} << 31;

/// Memory for rows [cos | sin] of consecutive positions.
struct block {
  block(std::int64_t n_rows, std::int64_t pairs)
      : n_pairs(pairs), stride(2 * pairs),
        values(static_cast<std::size_t>(n_rows) * static_cast<std::size_t>(stride)) {}
  float* cos(std::int64_t row) { return values.data() + row * stride; }
  float* sin(std::int64_t row) { return cos(row) + n_pairs; }

  std::int64_t n_pairs;
  std::int64_t stride;
  std::vector<float> values;
};

void expect_same(const block& a, const block& b, const std::string& what) {
  const std::ptrdiff_t at = first_difference(a.values.data(), b.values.data(), a.values.size());
  EXPECT_EQ(at, -1) << what << ": row " << at / a.stride << ", entry " << at % a.stride;
}

void expect_same(block& a, const yarn::rotary_rows<float>& rows, const std::string& what) {
  const auto n = static_cast<std::size_t>(a.n_pairs);
  for (std::int64_t row = 0; row < rows.n_rows(); ++row) {
    ASSERT_EQ(first_difference(a.cos(row), rows.cos(row), n), -1) << what << ", row " << row;
    ASSERT_EQ(first_difference(a.sin(row), rows.sin(row), n), -1) << what << ", row " << row;
  }
}

/// Compares all ways over n_rows positions from `first` on. Returns the number of entries.
std::int64_t compare_ways(const yarn::frequencies& freqs, std::int64_t first, std::int64_t n_rows,
                          const std::string& what) {
  const std::int64_t n_pairs = freqs.n_pairs();
  // The polynomial makes single rows. Entries that it cannot round with certainty are computed in
  // integers.
  block alone(n_rows, n_pairs);
  for (std::int64_t row = 0; row < n_rows; ++row) {
    yarn::fill_rows(freqs, yarn::positions_from(first + row, 1), alone.cos(row), alone.sin(row),
                    alone.stride);
  }

  block other(n_rows, n_pairs);
  const auto run = yarn::positions_from(first, n_rows);
  yarn::fill_rows(freqs, run, other.cos(0), other.sin(0), other.stride);
  expect_same(alone, other, what + ", run");
  detail::compute_rows<float, detail::scalar_arch>(freqs, 0, n_pairs, run, {0, n_rows},
                                                   other.cos(0), other.sin(0), other.stride);
  expect_same(alone, other, what + ", run by scalars");

  // In slices, recurrences begin at other rows.
  std::fill(other.values.begin(), other.values.end(), -7.0F);
  for (std::int64_t part = 0; part < 13; ++part) {
    yarn::fill_rows(freqs, run, other.cos(0), other.sin(0), other.stride, {part, 13});
  }
  expect_same(alone, other, what + ", slices");

  // A list of runs of 50 positions. Neighbouring runs are exchanged.
  std::vector<std::int64_t> list;
  std::vector<std::int32_t> list32;
  list32.reserve(static_cast<std::size_t>(n_rows));
  for (std::int64_t piece = 0; piece * 50 < n_rows; ++piece) {
    const std::int64_t swapped = (piece ^ 1) * 50 < n_rows ? piece ^ 1 : piece;
    for (std::int64_t i = 0; i < 50 && swapped * 50 + i < n_rows; ++i) {
      list.push_back(swapped * 50 + i);
    }
  }
  for (const std::int64_t row : list) {
    list32.push_back(static_cast<std::int32_t>(first + row));
  }
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions(list32));
  for (std::size_t t = 0; t < list.size(); ++t) {
    const auto row = static_cast<std::int64_t>(t);
    const auto n = static_cast<std::size_t>(n_pairs);
    if (first_difference(alone.cos(list[t]), rows.cos(row), n) != -1 ||
        first_difference(alone.sin(list[t]), rows.sin(row), n) != -1) {
      ADD_FAILURE() << what << ", list: position " << list32[t];
      break;
    }
  }

  rows.clear();
  for (std::int64_t row = 0, piece = 1; row < n_rows; piece = piece % 211 + 10) {
    const std::int64_t n = std::min(piece, n_rows - row);
    rows.append(freqs, yarn::positions_from(first + row, n));
    row += n;
  }
  expect_same(alone, rows, what + ", appended");

  if (first == 0) {
    const yarn::rotary_table<float> table = yarn::make_table<float>(freqs, n_rows);
    for (std::int64_t row = 0; row < n_rows; ++row) {
      const auto n = static_cast<std::size_t>(n_pairs);
      if (first_difference(alone.cos(row), table.cos(row), n) != -1 ||
          first_difference(alone.sin(row), table.sin(row), n) != -1) {
        ADD_FAILURE() << what << ", table: position " << row;
        break;
      }
    }
  }
  return 2 * n_rows * n_pairs;
}

TEST(rows, have_the_same_bits_in_every_way_over_10_to_the_8_entries) {
  std::int64_t n_entries = 0;
  constexpr std::int64_t n_rows = 9000;
  for (const support::model_method& model : support::model_methods()) {
    const yarn::frequencies freqs = model.frequencies();
    for (const std::int64_t first :
         {std::int64_t{0}, std::int64_t{-4500}, std::int64_t{126000},
          (std::int64_t{1} << 24) - 4500, largest_position - n_rows, 1 - largest_position}) {
      n_entries +=
          compare_ways(freqs, first, n_rows, model.name + " from " + std::to_string(first));
    }
  }
  std::printf("%lld entries\n", static_cast<long long>(n_entries));
  EXPECT_GE(n_entries, 100000000);
}

} // namespace

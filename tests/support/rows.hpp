// SPDX-License-Identifier: MIT
// Helpers for the tests of rows: single rows, frequencies and positions.
#ifndef YARN_TESTS_SUPPORT_ROWS_HPP
#define YARN_TESTS_SUPPORT_ROWS_HPP

#include "bits.hpp"

#include <gtest/gtest.h>
#include <yarn/rows.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

namespace support {

constexpr std::int64_t largest_position = std::int64_t{1} << 31;

/// One row, made by a call for its position only. Tests compare all other ways to make rows with
/// this one.
template <class T> struct single_row {
  single_row(const yarn::frequencies& freqs, std::int64_t position)
      : cos(static_cast<std::size_t>(freqs.n_pairs())), sin(cos.size()) {
    yarn::fill_rows(freqs, yarn::positions_from(position, 1), cos.data(), sin.data(),
                    freqs.n_pairs());
  }
  std::vector<T> cos;
  std::vector<T> sin;
};

template <class T>
yarn::rotary_rows<T> made_rows(const yarn::frequencies& freqs, const yarn::positions& list) {
  yarn::rotary_rows<T> rows;
  rows.assign(freqs, list);
  return rows;
}

template <class T>
void expect_row(const yarn::frequencies& freqs, std::int64_t position, const T* cos, const T* sin,
                const std::string& what) {
  const single_row<T> expected(freqs, position);
  const std::ptrdiff_t at_cos = first_difference(cos, expected.cos.data(), expected.cos.size());
  const std::ptrdiff_t at_sin = first_difference(sin, expected.sin.data(), expected.sin.size());
  EXPECT_EQ(at_cos, -1) << what << ": cos at position " << position << ", pair " << at_cos;
  EXPECT_EQ(at_sin, -1) << what << ": sin at position " << position << ", pair " << at_sin;
}

inline yarn::frequencies geometric(std::size_t n_pairs, double amplitude = 1) {
  std::vector<double> inv_freq(n_pairs);
  for (std::size_t i = 0; i < n_pairs; ++i) {
    inv_freq[i] = std::exp2(-13.28 * static_cast<double>(i) / static_cast<double>(n_pairs));
  }
  return yarn::frequencies_from(inv_freq.data(), n_pairs, amplitude);
}

/// Positions of prompts, of long contexts, and the largest ones, with both signs.
inline const std::vector<std::int64_t>& measured_positions() {
  static const std::vector<std::int64_t> positions = [] {
    std::vector<std::int64_t> all{0,
                                  1,
                                  40,
                                  2047,
                                  4095,
                                  32767,
                                  65535,
                                  131071,
                                  1048575,
                                  (std::int64_t{1} << 24) - 1,
                                  largest_position - 1};
    const std::size_t n = all.size();
    for (std::size_t i = 1; i < n; ++i) {
      all.push_back(-all[i]);
    }
    return all;
  }();
  return positions;
}

/// Lists like those of engines: one position, consecutive, descending, runs, equal positions,
/// scattered.
inline std::vector<std::vector<std::int64_t>> position_lists() {
  std::vector<std::vector<std::int64_t>> lists{{5}, {}, {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}};
  std::vector<std::int64_t> ascending(250), descending(250), runs, repeated, scattered;
  std::iota(ascending.begin(), ascending.end(), -100);
  std::iota(descending.rbegin(), descending.rend(), -100);
  for (std::int64_t length = 1; length < 24; ++length) { // shorter and longer than 8
    for (std::int64_t i = 0; i < length; ++i) {
      runs.push_back(1000 * length + i - 4000);
    }
  }
  random_source random(5);
  for (int i = 0; i < 100; ++i) {
    repeated.push_back(i / 2);
    scattered.push_back(random.integer(-largest_position, largest_position));
  }
  std::vector<std::int64_t> interrupted = ascending;
  interrupted[9] = 3;
  interrupted[130] = interrupted[129];
  for (auto* list : {&ascending, &descending, &runs, &repeated, &scattered, &interrupted}) {
    lists.push_back(*list);
  }
  return lists;
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_ROWS_HPP

// SPDX-License-Identifier: MIT
// More than 10^8 row entries of images, texts and videos, with every scaling method: each must have
// the bits of a one-axis row. A mistake in the recurrence over a grid would show in one of some
// 10^5 to 10^7 entries.
#include "../support/axis_lists.hpp"
#include "../support/bits.hpp"
#include "../support/model_methods.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using support::axis_list;
using support::bits_of;

TEST(axis_rows, have_the_bits_of_one_axis_rows_over_10_to_the_8_entries) {
  std::int64_t n_entries = 0;
  for (const support::model_method& model : support::model_methods()) {
    const yarn::frequencies plain = model.frequencies();
    std::vector<int> axes(plain.inv_freq().size());
    for (std::size_t i = 0; i < axes.size(); ++i) {
      axes[i] = static_cast<int>(i % 5 % 3); // 0 1 2 0 1 0 1 2 0 1 ...
    }
    const yarn::frequencies freqs = yarn::with_axes(plain, axes, 3);
    for (const std::int64_t start : {std::int64_t{0}, std::int64_t{-90}, std::int64_t{131071},
                                     support::largest_position - 3000}) {
      axis_list list{model.name, 3, {}};
      support::append_text(list, start, 500);
      for (const std::int64_t width : {7, 16, 24, 37, 48, 64, 90, 130}) {
        support::append_grid(list, start + width, 1, 70, width);
      }
      support::append_grid(list, start, 6, 20, 20);
      const std::vector<std::int64_t> ids = list.by_axis();
      yarn::rotary_rows<float> rows;
      rows.assign(freqs, yarn::axis_positions(ids.data(), list.size(), 3));

      // One-axis rows of all positions, each made alone.
      const auto n_pairs = static_cast<std::size_t>(freqs.n_pairs());
      constexpr std::int64_t n_positions = 700;
      std::vector<float> cos(n_pairs * n_positions), sin(cos.size());
      for (std::int64_t p = 0; p < n_positions; ++p) {
        const std::size_t offset = static_cast<std::size_t>(p) * n_pairs;
        yarn::fill_rows(plain, yarn::positions_from(start + p, 1), cos.data() + offset,
                        sin.data() + offset, n_pairs);
      }
      std::int64_t n_different = 0;
      for (std::int64_t t = 0; t < list.size(); ++t) {
        for (std::size_t i = 0; i < n_pairs; ++i) {
          const std::size_t entry =
              static_cast<std::size_t>(list.at(t, axes[i]) - start) * n_pairs + i;
          n_different += bits_of(rows.cos(t)[i]) != bits_of(cos[entry]) ? 1 : 0;
          n_different += bits_of(rows.sin(t)[i]) != bits_of(sin[entry]) ? 1 : 0;
        }
      }
      EXPECT_EQ(n_different, 0) << model.name << " from " << start;
      n_entries += 2 * list.size() * freqs.n_pairs();
    }
  }
  std::printf("%lld entries\n", static_cast<long long>(n_entries));
  EXPECT_GE(n_entries, 100000000);
}

} // namespace

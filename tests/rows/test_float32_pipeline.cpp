// SPDX-License-Identifier: MIT
// Rows of yarn::float32_pipeline. It computes angles in float, as the frameworks do.
#include "../support/model_methods.hpp"
#include "../support/oracle.hpp"
#include "../support/reference_tolerance.hpp"
#include "../support/rows.hpp"

#include <gtest/gtest.h>
#include <yarn/rows.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <vector>

namespace {

using reference::floats_between;
using support::expect_row;
using support::geometric;
using support::largest_position;
using support::measured_positions;
using support::position_lists;
using support::single_row;

TEST(float32_pipeline, is_within_one_ulp_of_the_frameworks) {
  // The frameworks compute angle = float(position) * float(inv_freq) in float, then cos(angle),
  // then the product with m. The library computes the same angle and rounds m cos(angle) once, so
  // this rounding is the only difference from the oracle. If m is 1, our result is also within one
  // ULP of libm in float, which the frameworks call.
  std::int64_t worst = 0, worst_float = 0, differing = 0, n = 0;
  for (const support::model_method& model : support::model_methods()) {
    const yarn::frequencies exact = model.frequencies();
    const yarn::frequencies freqs = yarn::float32_pipeline(exact);
    ASSERT_TRUE(freqs.is_float32_pipeline());
    const double m = freqs.attention_factor();
    for (const std::int64_t position : measured_positions()) {
      const single_row<float> row(freqs, position);
      const single_row<double> doubles(freqs, position);
      for (std::size_t pair = 0; pair < row.cos.size(); ++pair) {
        const auto inv_freq = static_cast<float>(exact.inv_freq()[pair]);
        ASSERT_EQ(freqs.inv_freq()[pair], static_cast<double>(inv_freq));
        const float angle = static_cast<float>(position) * inv_freq;
        const auto truth = oracle::sin_cos(oracle::real(static_cast<double>(angle)));
        const double cos = (truth.cosine * m).to_double(), sin = (truth.sine * m).to_double();
        worst = std::max({worst, floats_between(row.cos[pair], static_cast<float>(cos)),
                          floats_between(row.sin[pair], static_cast<float>(sin))});
        differing += row.cos[pair] == static_cast<float>(cos) ? 0 : 1;
        differing += row.sin[pair] == static_cast<float>(sin) ? 0 : 1;
        ++n;
        ASSERT_NEAR(doubles.cos[pair], cos, m * 0x1p-52) << angle;
        ASSERT_NEAR(doubles.sin[pair], sin, m * 0x1p-52) << angle;
        if (m == 1.0) {
          worst_float = std::max({worst_float, floats_between(row.cos[pair], std::cos(angle)),
                                  floats_between(row.sin[pair], std::sin(angle))});
        }
      }
    }
  }
  std::printf(
      "float32 pipeline: %lld ULP from the exact value (%lld of %lld not rounded to nearest), "
      "%lld ULP from libm in float\n",
      static_cast<long long>(worst), static_cast<long long>(differing),
      static_cast<long long>(2 * n), static_cast<long long>(worst_float));
  EXPECT_LE(worst, 1);
  EXPECT_LE(differing, n / 1000);
  EXPECT_LE(worst_float, 1);
}

TEST(float32_pipeline, differs_from_the_exact_rows_as_the_frameworks_do) {
  // docs/accuracy.md has 2.6e-3 for float32_pipeline at position 131071, and 4.2e-3 for Hugging
  // Face. If float32_pipeline were exact, the comparison with the frameworks would be meaningless.
  const yarn::frequencies exact =
      yarn::make_frequencies(support::shape_of(128, 1e4), yarn::default_scaling{});
  const single_row<float> ours(exact, 131071), theirs(yarn::float32_pipeline(exact), 131071);
  float worst = 0;
  for (std::size_t pair = 0; pair < ours.cos.size(); ++pair) {
    worst = std::max({worst, std::fabs(ours.cos[pair] - theirs.cos[pair]),
                      std::fabs(ours.sin[pair] - theirs.sin[pair])});
  }
  EXPECT_GT(worst, 1e-3F);
  EXPECT_LT(worst, 1e-2F);
}

TEST(float32_pipeline, has_the_same_bits_in_lists_and_runs) {
  const yarn::frequencies freqs =
      yarn::float32_pipeline(geometric(131, 1.277)); // the library processes 64 pairs at a time
  for (const std::vector<std::int64_t>& list : position_lists()) {
    yarn::rotary_rows<float> rows;
    rows.assign(freqs, yarn::positions(list));
    for (std::size_t t = 0; t < list.size(); ++t) {
      const auto row = static_cast<std::int64_t>(t);
      expect_row(freqs, list[t], rows.cos(row), rows.sin(row), "float32 list");
    }
  }
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions_from(-50, 200));
  for (std::int64_t row = 0; row < 200; ++row) {
    expect_row(freqs, row - 50, rows.cos(row), rows.sin(row), "float32 run");
  }
}

TEST(float32_pipeline, large_frequencies_are_exact_or_refused) {
  // Angles may be as large as 2^31 * 2^32 = 2^63.
  const std::vector<double> inv_freq{1.0, 1e3, 16777215.0, 4e8, 4294967040.0};
  const yarn::frequencies freqs =
      yarn::float32_pipeline(yarn::frequencies_from(inv_freq.data(), inv_freq.size()));
  for (const std::int64_t position :
       {std::int64_t{1000}, std::int64_t{1} << 20, largest_position}) {
    std::vector<float> cos(inv_freq.size()), sin(inv_freq.size());
    try {
      yarn::fill_rows(freqs, yarn::positions_from(position, 1), cos.data(), sin.data(), cos.size());
    } catch (const std::invalid_argument&) {
      continue;
    }
    for (std::size_t pair = 0; pair < inv_freq.size(); ++pair) {
      const float angle = static_cast<float>(position) * static_cast<float>(inv_freq[pair]);
      const auto truth = oracle::sin_cos(oracle::real(static_cast<double>(angle)));
      EXPECT_NEAR(cos[pair], truth.cosine.to_double(), 0x1p-24) << angle;
      EXPECT_NEAR(sin[pair], truth.sine.to_double(), 0x1p-24) << angle;
    }
  }
}

} // namespace

// SPDX-License-Identifier: MIT
// inverse, adjoint, unscaled, rerotation and float32_pipeline of frequencies.
#include "../support/frequencies.hpp"
#include "../support/model_methods.hpp"
#include "../support/oracle.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using support::expect_same_bits;
using support::shape_of;
using support::yarn_of;

/// The distance of two phases on the circle, in units of 2^-64 turns.
std::uint64_t phase_distance(std::uint64_t a, std::uint64_t b) {
  return a - b < b - a ? a - b : b - a;
}

class group : public testing::Test {
protected:
  yarn::frequencies plain = yarn::make_frequencies(shape_of(128, 1e4), yarn::default_scaling{});
  yarn::frequencies scaled = yarn::make_frequencies(shape_of(128, 1e4), yarn_of(16, 4096));
  yarn::frequencies more = yarn::make_frequencies(shape_of(128, 1e4), yarn_of(40, 4096));
};

/// Expects that `made` has `sign` times the frequencies and phases per token of `origin`.
void expect_frequencies_times(const yarn::frequencies& made, const yarn::frequencies& origin,
                              int sign) {
  ASSERT_EQ(made.n_pairs(), origin.n_pairs());
  for (std::int64_t pair = 0; pair < made.n_pairs(); ++pair) {
    EXPECT_EQ(made.inv_freq().data()[pair], sign * origin.inv_freq().data()[pair]);
    const std::uint64_t step = origin.phase_steps().data()[pair];
    EXPECT_EQ(made.phase_steps().data()[pair], sign < 0 ? 0U - step : step);
  }
}

TEST_F(group, inverse_negates_frequencies_and_inverts_the_factor) {
  const yarn::frequencies inverse = yarn::inverse(scaled);
  expect_frequencies_times(inverse, scaled, -1);
  EXPECT_EQ(inverse.attention_factor(), 1 / scaled.attention_factor());
  expect_frequencies_times(yarn::inverse(inverse), scaled, 1);
}

TEST_F(group, adjoint_negates_frequencies_and_keeps_the_factor) {
  const yarn::frequencies adjoint = yarn::adjoint(scaled);
  expect_frequencies_times(adjoint, scaled, -1);
  EXPECT_EQ(adjoint.attention_factor(), scaled.attention_factor());
  expect_same_bits(yarn::adjoint(adjoint), scaled);
}

TEST_F(group, unscaled_keeps_frequencies_and_has_factor_one) {
  const yarn::frequencies unscaled = yarn::unscaled(scaled);
  expect_frequencies_times(unscaled, scaled, 1);
  EXPECT_EQ(unscaled.attention_factor(), 1.0);
  EXPECT_GT(scaled.attention_factor(), 1.0); // otherwise the test could not fail
}

TEST_F(group, rerotation_is_the_difference_of_two_scalings) {
  const yarn::frequencies step = yarn::rerotation(scaled, more);
  ASSERT_EQ(step.n_pairs(), 64);
  EXPECT_LE(oracle::ulp_error(step.attention_factor(),
                              oracle::real(more.attention_factor()) / scaled.attention_factor()),
            1.0);
  for (std::int64_t pair = 0; pair < step.n_pairs(); ++pair) {
    const oracle::real difference =
        oracle::real(more.inv_freq().data()[pair]) - scaled.inv_freq().data()[pair];
    EXPECT_LE(oracle::ulp_error(step.inv_freq().data()[pair], difference), 1.0) << "pair " << pair;
    // The difference of two rounded phases is at most one unit from the rounded difference.
    const std::uint64_t expected =
        more.phase_steps().data()[pair] - scaled.phase_steps().data()[pair];
    EXPECT_LE(phase_distance(step.phase_steps().data()[pair], expected), 1U) << "pair " << pair;
  }
}

TEST_F(group, rerotation_to_the_same_frequencies_is_zero) {
  const yarn::frequencies itself = yarn::rerotation(scaled, scaled);
  EXPECT_EQ(itself.attention_factor(), 1.0);
  for (std::int64_t pair = 0; pair < itself.n_pairs(); ++pair) {
    EXPECT_EQ(itself.inv_freq().data()[pair], 0.0);
    EXPECT_EQ(itself.phase_steps().data()[pair], 0U);
  }
}

// Compares rows with the exact angle and amplitude. A double row has two errors: its rounding (half
// an ULP, at most 2^-53 up to amplitude 2) and the error of the phase, 2^-65 turns per token.
TEST_F(group, rows_have_the_exact_angle_and_factor) {
  const std::vector<std::int64_t> positions = {-4097, -1, 0, 1, 4095, 131071};
  const std::pair<yarn::frequencies, int> members[] = {
      {yarn::inverse(scaled), -1}, {yarn::adjoint(scaled), -1}, {yarn::unscaled(scaled), 1}};
  for (const auto& [freqs, sign] : members) {
    yarn::rotary_rows<double> rows;
    rows.assign(freqs, yarn::positions(positions.data(), positions.size()));
    const double amplitude = freqs.attention_factor();
    for (std::size_t row = 0; row < positions.size(); ++row) {
      const double phase_error = std::fabs(static_cast<double>(positions[row])) * 0x1p-65 * 6.2832;
      const double tolerance = 0.501 * 0x1p-52 + amplitude * phase_error;
      const auto at = static_cast<std::int64_t>(row);
      for (std::int64_t pair = 0; pair < freqs.n_pairs(); ++pair) {
        const oracle::sine_and_cosine exact =
            oracle::rotation(positions[row], sign * scaled.inv_freq().data()[pair]);
        EXPECT_LE(oracle::absolute_error(rows.cos(at)[pair], amplitude * exact.cosine), tolerance);
        EXPECT_LE(oracle::absolute_error(rows.sin(at)[pair], amplitude * exact.sine), tolerance);
      }
    }
  }
}

TEST_F(group, float32_pipeline_has_float32_frequencies) {
  const yarn::frequencies pipeline = yarn::float32_pipeline(scaled);
  EXPECT_TRUE(pipeline.is_float32_pipeline());
  EXPECT_FALSE(scaled.is_float32_pipeline());
  EXPECT_EQ(pipeline.attention_factor(), scaled.attention_factor());
  for (std::int64_t pair = 0; pair < pipeline.n_pairs(); ++pair) {
    EXPECT_EQ(pipeline.inv_freq().data()[pair],
              static_cast<double>(static_cast<float>(scaled.inv_freq().data()[pair])));
  }
}

TEST_F(group, float32_pipeline_is_refused) {
  const yarn::frequencies pipeline = yarn::float32_pipeline(scaled);
  EXPECT_THROW(static_cast<void>(yarn::inverse(pipeline)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(yarn::rerotation(pipeline, more)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(yarn::rerotation(scaled, pipeline)), std::invalid_argument);
}

} // namespace

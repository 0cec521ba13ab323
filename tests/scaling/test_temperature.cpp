// SPDX-License-Identifier: MIT
// Temperatures by position: the formulas of the models, at the steps of their floors.
#include "../support/expect_error.hpp"
#include "../support/oracle.hpp"

#include <gtest/gtest.h>
#include <yarn/temperature.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

namespace {

using support::expect_error;
using invalid = std::invalid_argument;

/// 1 + scale ln(1 + n) within half an ULP and a little.
void expect_value(double value, double scale, std::int64_t n, std::int64_t position) {
  const oracle::real exact = oracle::real(1) + oracle::real(scale) * log(oracle::real(1 + n));
  EXPECT_LE(oracle::ulp_error(value, exact), 0.51) << "position " << position;
}

TEST(temperature, of_llama_4) {
  const yarn::llama4_temperature temperature;
  for (const std::int64_t lengths : {0, 1, 2, 3, 7, 12, 100, 1279, 262143}) {
    // The step is at position + 1 = n * 8192.
    for (const std::int64_t offset : {-1, 0, 4000, 8190}) {
      const std::int64_t position = lengths * 8192 + offset;
      if (position >= 0) {
        expect_value(temperature(position), 0.1, (position + 1) / 8192, position);
      }
    }
  }
  EXPECT_EQ(temperature(0), 1.0);
  EXPECT_EQ(temperature(8190), 1.0);
  EXPECT_GT(temperature(8191), 1.0);
  EXPECT_EQ(temperature(100000), 1.2564949357461537);
  yarn::llama4_temperature other;
  other.attn_scale = 0.25;
  other.floor_scale = 3;
  for (std::int64_t position = 0; position < 2000; ++position) {
    expect_value(other(position), 0.25, (position + 1) / 3, position);
  }
}

TEST(temperature, of_ministral_3) {
  yarn::ministral_temperature temperature;
  temperature.original_max_position_embeddings = 16384;
  for (const std::int64_t position : {0, 1, 16383, 16384, 32767, 32768, 100000, 2147483647}) {
    expect_value(temperature(position), 0.1, position / 16384, position);
  }
  EXPECT_EQ(temperature(16383), 1.0);
  EXPECT_GT(temperature(16384), 1.0);
  EXPECT_EQ(temperature(100000), 1.1945910149055314);
}

TEST(temperature, of_log_n) {
  yarn::log_n_temperature temperature;
  temperature.original_length = 2048;
  EXPECT_EQ(temperature(0), 1.0);
  EXPECT_EQ(temperature(2047), 1.0);
  for (const std::int64_t position : {2048, 4095, 8191, 32767, 2147483647}) {
    const oracle::real exact = log(oracle::real(position + 1)) / log(oracle::real(2048));
    EXPECT_LE(oracle::ulp_error(temperature(position), exact), 0.51) << position;
  }
  EXPECT_EQ(temperature(4194303), 2.0); // 2048^2 tokens
}

TEST(temperature_refused, numbers_out_of_range) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double wrong : {-0.1, nan, HUGE_VAL}) {
    yarn::llama4_temperature llama4;
    llama4.attn_scale = wrong;
    expect_error<invalid>([&] { (void)llama4(1); }, {"llama4_temperature.attn_scale"});
    yarn::ministral_temperature ministral;
    ministral.original_max_position_embeddings = 16384;
    ministral.beta = wrong;
    expect_error<invalid>([&] { (void)ministral(1); }, {"ministral_temperature.beta"});
  }
  for (const double wrong : {0.0, -1.0, nan, HUGE_VAL}) {
    yarn::llama4_temperature llama4;
    llama4.floor_scale = wrong;
    expect_error<invalid>([&] { (void)llama4(1); }, {"llama4_temperature.floor_scale"});
    yarn::ministral_temperature ministral;
    ministral.original_max_position_embeddings = wrong;
    expect_error<invalid>([&] { (void)ministral(1); },
                          {"ministral_temperature.original_max_position_embeddings"});
    yarn::log_n_temperature log_n;
    log_n.original_length = wrong;
    expect_error<invalid>([&] { (void)log_n(1); }, {"log_n_temperature.original_length"});
  }
  yarn::log_n_temperature one;
  one.original_length = 1;
  expect_error<invalid>([&] { (void)one(1); }, {"original_length = 1", "> 1"});
}

} // namespace

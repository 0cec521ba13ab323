// SPDX-License-Identifier: MIT
// Temperatures by position: the formulas of the models, also at the positions where their floors
// jump, the next change, and what is refused.
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
    // The temperature changes at position + 1 = n * 8192.
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

// Lengths that are no integers, and numbers beyond 32 bits, take the path in `real`.
TEST(temperature, of_unusual_numbers_is_the_formula) {
  for (const double length : {0x1p-10, 0.5, 2.5, 1000.25, 0x1p40}) {
    const yarn::ministral_temperature temperature{0.7, length};
    for (const std::int64_t position : {0, 1, 2, 999, 1000, 1001, 2147483647}) {
      const auto n = static_cast<std::int64_t>(static_cast<double>(position) / length); // exact
      expect_value(temperature(position), 0.7, n, position);
    }
  }
  const std::int64_t far = (std::int64_t{1} << 40) + 5;
  expect_value(yarn::llama4_temperature{0.1, 8192}(far), 0.1, (far + 1) / 8192, far);
  expect_value(yarn::llama4_temperature{0.1, 1}(far), 0.1, far + 1, far);
  expect_value(yarn::ministral_temperature{1e-3, 3}(far), 1e-3, far / 3, far);
  expect_value(yarn::ministral_temperature{7.5, 16384}(40000), 7.5, 2, 40000);
  EXPECT_EQ((yarn::ministral_temperature{0.0, 16384}(40000)), 1.0);
  for (const double length : {2.0, 3.0, 100.0, 2500.0, 8192.0, 2048.5, 1.25}) {
    for (const std::int64_t position : {std::int64_t{1}, std::int64_t{9000}, far}) {
      const oracle::real n(position + 1), exact = log(n) / log(oracle::real(length));
      const double value = yarn::log_n_temperature{length}(position);
      if (n > oracle::real(length)) {
        EXPECT_LE(oracle::ulp_error(value, exact), 0.51) << position << " of " << length;
      } else {
        EXPECT_EQ(value, 1.0);
      }
    }
  }
}

// The temperature is the same from `first` up to next_change(first) - 1. At next_change(first) it
// differs if `changes` is true.
template <class Temperature>
void expect_next_change(const Temperature& temperature, std::int64_t first, bool changes) {
  const std::int64_t end = temperature.next_change(first);
  ASSERT_GT(end, first);
  EXPECT_EQ(temperature(end - 1), temperature(first)) << first;
  EXPECT_EQ(temperature(end) != temperature(first), changes) << first;
}

TEST(temperature, next_change_is_the_next_position_with_another_temperature) {
  for (const std::int64_t first : {0, 1, 8190, 8191, 8192, 16382, 16383, 100000, 2147483647}) {
    for (const double length : {8192.0, 3.0, 1.0, 1000.25, 2.5}) {
      expect_next_change(yarn::llama4_temperature{0.1, length}, first, true);
      expect_next_change(yarn::ministral_temperature{0.1, length}, first, true);
      expect_next_change(yarn::any_temperature{yarn::ministral_temperature{0.1, length}}, first,
                         true);
    }
    expect_next_change(yarn::log_n_temperature{4096.0}, first, true);
    expect_next_change(yarn::log_n_temperature{4096.5}, first, true);
  }
  EXPECT_EQ(yarn::log_n_temperature{4096.0}.next_change(7), 4096);
  EXPECT_EQ((yarn::ministral_temperature{0.1, 0x1p70}.next_change(7)), INT64_MAX);
  EXPECT_EQ(yarn::any_temperature{}.next_change(7), INT64_MAX);
}

TEST(temperature, any_temperature_equals_the_one_that_it_holds) {
  EXPECT_EQ(yarn::any_temperature{}(100000), 1.0);
  const yarn::llama4_temperature llama4;
  const yarn::ministral_temperature ministral{0.1, 16384};
  const yarn::log_n_temperature log_n{2048};
  for (const std::int64_t position : {0, 5000, 100000}) {
    EXPECT_EQ(yarn::any_temperature{llama4}(position), llama4(position));
    EXPECT_EQ(yarn::any_temperature{ministral}(position), ministral(position));
    EXPECT_EQ(yarn::any_temperature{log_n}(position), log_n(position));
    EXPECT_EQ(yarn::any_temperature{log_n}.next_change(position), log_n.next_change(position));
    EXPECT_EQ(yarn::any_temperature{llama4}.next_change(position), llama4.next_change(position));
  }
}

TEST(temperature_refused, positions_below_0_or_above_2_to_the_62) {
  using outside = std::out_of_range;
  for (const std::int64_t wrong : {std::int64_t{-1}, std::int64_t{-9000}, INT64_MIN, INT64_MAX}) {
    expect_error<outside>([&] { (void)yarn::llama4_temperature{}(wrong); },
                          {"[0, 2^62]", "llama4_temperature"});
    expect_error<outside>(
        [&] {
          (void)yarn::ministral_temperature{0.1, 16384}(wrong);
        },
        {"[0, 2^62]", "ministral_temperature"});
    expect_error<outside>([&] { (void)yarn::log_n_temperature{2048}(wrong); },
                          {"[0, 2^62]", "log_n_temperature"});
  }
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

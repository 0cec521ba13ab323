// SPDX-License-Identifier: MIT
// Compares frequencies with the oracle, and two frequencies with each other bit for bit.
#ifndef YARN_TESTS_SUPPORT_FREQUENCIES_HPP
#define YARN_TESTS_SUPPORT_FREQUENCIES_HPP

#include "oracle.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace support {

/// Bounds in ULP of double. frequencies.hpp promises 0.501 ULP for a frequency: there is only one
/// rounding, at the end. The attention factor has no promised bound. It
/// is a sum and a product of correctly rounded values, so its error is at most two ULP.
constexpr double frequency_ulp = 0.501;
constexpr double attention_ulp = 2.0;

inline void expect_matches(const yarn::frequencies& freqs, const oracle::result& exact,
                           const std::string& what) {
  ASSERT_EQ(static_cast<std::size_t>(freqs.inv_freq().size()), exact.inv_freq.size()) << what;
  EXPECT_EQ(static_cast<std::size_t>(freqs.n_pairs()), exact.inv_freq.size()) << what;
  double worst = 0;
  std::size_t worst_pair = 0;
  for (std::size_t pair = 0; pair < exact.inv_freq.size(); ++pair) {
    const double error = oracle::ulp_error(freqs.inv_freq().data()[pair], exact.inv_freq[pair]);
    if (error > worst) {
      worst = error;
      worst_pair = pair;
    }
  }
  EXPECT_LE(worst, frequency_ulp) << what << ": pair " << worst_pair << ", exact "
                                  << exact.inv_freq[worst_pair];
  EXPECT_LE(oracle::ulp_error(freqs.attention_factor(), exact.attention_factor), attention_ulp)
      << what << ": attention factor " << freqs.attention_factor();
}

template <class... Values> std::string describe(const char* name, Values... values) {
  std::string text = name;
  ((text += ", " + std::to_string(values)), ...);
  return text;
}

inline void expect_same_bits(const yarn::frequencies& a, const yarn::frequencies& b) {
  ASSERT_EQ(a.inv_freq().size(), b.inv_freq().size());
  const auto n = static_cast<std::size_t>(a.inv_freq().size());
  EXPECT_EQ(std::memcmp(a.inv_freq().data(), b.inv_freq().data(), n * sizeof(double)), 0);
  EXPECT_EQ(std::memcmp(a.phase_steps().data(), b.phase_steps().data(), n * sizeof(std::uint64_t)),
            0);
  EXPECT_EQ(a.attention_factor(), b.attention_factor());
  EXPECT_EQ(a.is_float32_pipeline(), b.is_float32_pipeline());
  EXPECT_EQ(a.n_axes(), b.n_axes());
  EXPECT_EQ(std::memcmp(a.axis_of_pair().data(), b.axis_of_pair().data(), n), 0);
}

inline yarn::yarn_scaling yarn_of(double factor, std::int64_t length) {
  yarn::yarn_scaling method;
  method.factor = factor;
  method.original_max_position_embeddings = length;
  return method;
}

/// A different divisor for each pair: start, start * 1.07, ...
inline std::vector<double> divisors(int n_pairs, double start) {
  std::vector<double> values;
  for (double value = start; n_pairs > 0; --n_pairs, value *= 1.07) {
    values.push_back(value);
  }
  return values;
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_FREQUENCIES_HPP

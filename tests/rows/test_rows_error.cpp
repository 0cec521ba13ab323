// SPDX-License-Identifier: MIT
// The error of rows against the oracle, for every scaling method at small, large and the largest
// positions.
//
// The bound. A float entry is m cos of the phase, rounded to nearest, and the phase is off by at
// most 2^-65 turns per token. So
//     |entry - m cos(p inv_freq)| <= h + m |p| 2 pi 2^-65,
// where h is half the spacing of floats at the entry. No entry is above m, so h is at most
// 2^j / 2^25 for 2^(j-1) < m <= 2^j. Hence the error is at most 0.501 units of 2^(j-24) up to
// |p| = 2^24, and 0.51 units up to 2^31.
#include "../support/model_methods.hpp"
#include "../support/oracle.hpp"
#include "../support/rows.hpp"

#include <gtest/gtest.h>
#include <yarn/rows.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

namespace {

using support::bits_of;
using support::first_difference;
using support::geometric;
using support::largest_position;
using support::measured_positions;
using support::single_row;

/// Measures the errors of rows against the oracle and against their bounds.
class error_meter {
public:
  explicit error_meter(const yarn::frequencies& freqs)
      : freqs_(freqs), m_(freqs.attention_factor()) {}

  /// Adds the errors of one row.
  template <class T> void add_row(std::int64_t position, const T* cos, const T* sin) {
    const double phase_error =
        m_ * std::fabs(static_cast<double>(position)) * 0x1.921fb54442d19p-63; // 2 pi 2^-65
    for (std::int64_t pair = 0; pair < freqs_.n_pairs(); ++pair) {
      const auto truth = oracle::rotation(position, freqs_.inv_freq()[pair]);
      add_entry(static_cast<double>(cos[pair]), truth.cosine * m_, phase_error, digits<T>);
      add_entry(static_cast<double>(sin[pair]), truth.sine * m_, phase_error, digits<T>);
    }
  }

  /// The largest error in units of 2^(j-24), 2^(j-1) < m <= 2^j.
  double worst_in_units() const {
    int j = 0;
    const double fraction = std::frexp(m_, &j);
    return std::ldexp(worst_, 24 - (fraction > 0.5 ? j : j - 1));
  }
  /// The largest error as a fraction of its bound, h + m |p| 2 pi 2^-65.
  double worst_fraction() const { return worst_fraction_; }

private:
  template <class T> static constexpr int digits = std::numeric_limits<T>::digits;

  void add_entry(double entry, const oracle::real& truth, double phase_error, int n_digits) {
    const double error = oracle::absolute_error(entry, truth);
    // The unrounded value is within phase_error of the exact value. The rounding error depends on
    // the binade of the unrounded value.
    const double size = abs(truth).to_double() + phase_error;
    const double bound =
        (size > 0 ? support::half_unit(size, n_digits) : 0) + phase_error * (1 + 0x1p-40);
    worst_ = std::max(worst_, error);
    if (error > 0) {
      worst_fraction_ = std::max(worst_fraction_, error / bound);
    }
  }

  const yarn::frequencies& freqs_;
  double m_;
  double worst_ = 0;
  double worst_fraction_ = 0;
};

bool prints_errors() { return std::getenv("YARN_PRINT_ERRORS") != nullptr; } // NOLINT: one thread

class rows_of_method : public ::testing::TestWithParam<support::model_method> {};

TEST_P(rows_of_method, float_entries_are_within_their_bound) {
  const yarn::frequencies freqs = GetParam().frequencies();
  if (prints_errors()) {
    std::printf("%-26s m = %-8.5g", GetParam().name.c_str(), freqs.attention_factor());
  }
  for (const std::int64_t position : measured_positions()) {
    error_meter all(freqs);
    const single_row<float> row(freqs, position);
    all.add_row(position, row.cos.data(), row.sin.data());
    const double limit = std::abs(position) <= std::int64_t{1} << 24 ? 0.501 : 0.51;
    EXPECT_LE(all.worst_in_units(), limit) << position;
    EXPECT_LE(all.worst_fraction(), 1) << position;
    RecordProperty("position_" + std::to_string(position), std::to_string(all.worst_in_units()));
    if (prints_errors()) {
      std::printf(" %.5f", all.worst_in_units());
    }
  }
  if (prints_errors()) {
    std::printf("\n");
  }
}

TEST_P(rows_of_method, double_entries_are_within_their_bound) {
  const yarn::frequencies freqs = GetParam().frequencies();
  if (prints_errors()) {
    std::printf("%-26s as share of the bound", GetParam().name.c_str());
  }
  for (const std::int64_t position : measured_positions()) {
    error_meter all(freqs);
    const single_row<double> row(freqs, position);
    all.add_row(position, row.cos.data(), row.sin.data());
    EXPECT_LE(all.worst_fraction(), 1) << position;
    RecordProperty("position_" + std::to_string(position), std::to_string(all.worst_fraction()));
    if (prints_errors()) {
      std::printf(" %.5f", all.worst_fraction());
    }
  }
  if (prints_errors()) {
    std::printf("\n");
  }
}

TEST_P(rows_of_method, runs_are_within_the_bound_too) {
  // The recurrence starts again at the 97th row.
  const yarn::frequencies freqs = GetParam().frequencies();
  const std::int64_t n_pairs = freqs.n_pairs();
  constexpr std::int64_t n_rows = 100;
  std::vector<float> cos(static_cast<std::size_t>(n_rows * n_pairs)), sin(cos.size());
  for (const std::int64_t first : {std::int64_t{-50}, std::int64_t{131071 - 95},
                                   (std::int64_t{1} << 24) - 98, largest_position - 99}) {
    yarn::fill_rows(freqs, yarn::positions_from(first, n_rows), cos.data(), sin.data(), n_pairs);
    error_meter all(freqs);
    for (const std::int64_t row : {0, 1, 50, 94, 95, 96, 97, 99}) {
      all.add_row(first + row, cos.data() + row * n_pairs, sin.data() + row * n_pairs);
    }
    EXPECT_LE(all.worst_in_units(), first < std::int64_t{1} << 24 ? 0.501 : 0.51) << first;
    EXPECT_LE(all.worst_fraction(), 1) << first;
  }
}

TEST_P(rows_of_method, are_a_pure_function) {
  // The same arguments give the same bits again, after calls with other arguments and with a copy
  // of the frequencies.
  const yarn::frequencies freqs = GetParam().frequencies();
  const yarn::frequencies copy = freqs;
  yarn::rotary_rows<float> rows, again;
  rows.assign(freqs, yarn::positions_from(-20, 300));
  for (const support::model_method& other : support::model_methods()) {
    again.assign(other.frequencies(), yarn::positions_from(other.seq_len, 17));
  }
  const yarn::frequencies anew = GetParam().frequencies();
  for (const yarn::frequencies* same_frequencies : {&copy, &anew}) {
    again.assign(*same_frequencies, yarn::positions_from(-20, 300));
    for (std::int64_t row = 0; row < rows.n_rows(); ++row) {
      const auto n = static_cast<std::size_t>(rows.n_pairs());
      ASSERT_EQ(first_difference(rows.cos(row), again.cos(row), n), -1) << row;
      ASSERT_EQ(first_difference(rows.sin(row), again.sin(row), n), -1) << row;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(all, rows_of_method, ::testing::ValuesIn(support::model_methods()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST(rows_of_method, list_is_complete) { EXPECT_TRUE(support::model_methods_are_complete()); }

TEST(rows, bounds_hold_at_any_amplitude_and_frequency) {
  const std::vector<double> inv_freq{
      0.0,
      -0.0,
      1.0,
      -1.0,
      0.5,
      -1e-4,
      1e-12,
      0x1p-62,
      0x1p-70, // less than half a unit of the phase, so the phase is 0
      -0x1p-1070,
      6.283185307179586, // almost one turn per token
      6.3,
      -100.0,
      1e6 / 3,
      0x1.fffffffffffffp+31};
  const double large = 4294967295.0; // exact in double, so the phase error is only 2^-65 turns
  std::vector<double> with_large = inv_freq;
  with_large.push_back(large);
  for (const double m : {1.0, 1.277, 0.5, 0x1p-60, 0x1p60, 1.9999999, 0.70710678}) {
    const auto freqs = yarn::frequencies_from(with_large.data(), with_large.size(), m);
    for (const std::int64_t position :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{-40}, std::int64_t{131071},
          std::int64_t{-16777215}, largest_position, -largest_position}) {
      error_meter floats(freqs), doubles(freqs);
      const single_row<float> row32(freqs, position);
      const single_row<double> row64(freqs, position);
      floats.add_row(position, row32.cos.data(), row32.sin.data());
      doubles.add_row(position, row64.cos.data(), row64.sin.data());
      EXPECT_LE(floats.worst_fraction(), 1) << m << " " << position;
      EXPECT_LE(doubles.worst_fraction(), 1) << m << " " << position;
      EXPECT_LE(floats.worst_in_units(), std::abs(position) <= std::int64_t{1} << 24 ? 0.501 : 0.51)
          << m << " " << position;
    }
  }
}

TEST(rows, at_frequency_0_and_position_0_equal_the_amplitude) {
  for (const double m : {1.0, 1.277, 0x1p-60}) {
    const std::vector<double> still(9, 0.0);
    const single_row<float> zero_frequency(yarn::frequencies_from(still.data(), 9, m), -12345);
    const single_row<float> zero_position(geometric(9, m), 0);
    for (std::size_t pair = 0; pair < 9; ++pair) {
      EXPECT_EQ(zero_frequency.cos[pair], static_cast<float>(m));
      EXPECT_EQ(zero_position.cos[pair], static_cast<float>(m));
      EXPECT_EQ(bits_of(zero_frequency.sin[pair]), 0U);
      EXPECT_EQ(bits_of(zero_position.sin[pair]), 0U);
    }
  }
}

TEST(rows, of_opposite_positions_have_opposite_sines) {
  const yarn::frequencies freqs = geometric(37, 1.25);
  for (const std::int64_t position : {1, 40, 131071, 16777215}) {
    const single_row<float> ahead(freqs, position), behind(freqs, -position);
    const single_row<float> inverse(yarn::adjoint(freqs), position);
    for (std::size_t pair = 0; pair < ahead.cos.size(); ++pair) {
      ASSERT_EQ(ahead.cos[pair], behind.cos[pair]);
      ASSERT_EQ(ahead.sin[pair], -behind.sin[pair]);
      ASSERT_EQ(bits_of(inverse.cos[pair]), bits_of(behind.cos[pair]));
      ASSERT_EQ(bits_of(inverse.sin[pair]), bits_of(behind.sin[pair]));
    }
  }
}

} // namespace

// SPDX-License-Identifier: MIT
// The check of an engine's inverse frequencies and attention factor. Opt-in.
#ifndef YARN_DETAIL_TESTING_INV_FREQ_HPP
#define YARN_DETAIL_TESTING_INV_FREQ_HPP

#include "judge.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

/// The relative error of one frequency, less `least`, because the format of the engine cannot
/// represent smaller numbers.
inline double frequency_error(double actual, double expected, double least = 0) {
  const double off = std::fabs(actual - expected);
  if (!(off > least))
    return 0;
  return expected > 0 ? (off - least) / expected : HUGE_VAL;
}

inline double largest_frequency_error(const std::vector<double>& actual,
                                      const std::vector<double>& expected, double least) {
  double largest = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double error = frequency_error(actual[i], expected[i], least);
    largest = error > largest ? error : largest;
  }
  return largest;
}

/// The narrower format that holds all these numbers exactly; binary64 if there is none.
inline element_format format_of_numbers(const std::vector<double>& numbers, int digits) {
  const auto holds = [&](element_format format) {
    std::int64_t n = 0;
    for (const double number : numbers) {
      const double rounded = rounded_to(format, number);
      if (rounded < number || rounded > number)
        return false;
      int exponent = 0;
      const double fraction = std::frexp(number, &exponent);
      n += fraction > 0.5 ? 1 : 0; // Powers of two, which every format has, do not count.
    }
    return n >= 8;
  };
  if (holds(element_format::bfloat16))
    return element_format::bfloat16;
  if (holds(element_format::binary16))
    return element_format::binary16;
  return digits > 24 && holds(element_format::binary32) ? element_format::binary32
                                                        : element_format::binary64;
}

// The relative error of powers, blends and roundings in the type. In float, frameworks have up to
// 13 ULP (YaRN without truncation).
inline double frequency_noise(element_format format, int digits) {
  switch (format) {
  case element_format::bfloat16:
    return 0x1p-8;
  case element_format::binary16:
    return 0x1p-11 + 2e-6;
  default:
    return format == element_format::binary32 || digits == 24 ? 16 * 0x1p-23 : double_angle_error;
  }
}

inline void explain_frequencies(report& r, const expectation& expected,
                                const std::vector<double>& actual, double noise, double least,
                                bool has_factor, double factor) {
  struct choice {
    bool found = false;
    candidate which;
    double error = 0;
    std::vector<finding> findings;
  } best;
  const auto attempt = [&](const candidate& guess, bool is_mistake) {
    if (best.found || guess.inv_freq.size() != actual.size())
      return;
    const double error = largest_frequency_error(actual, guess.inv_freq, least);
    if (!(error <= noise))
      return;
    best = {true, guess, error, {}};
    if (is_mistake)
      best.findings.push_back({guess.what, guess.text});
  };
  const double meant = expected.frequencies().attention_factor();
  attempt({diagnosis::unexplained, "", list_of(expected.frequencies()), meant}, false);
  const candidate_list others(expected, actual, HUGE_VAL);
  for (const candidate& guess : others.all())
    attempt(guess, true);
  if (!best.found) {
    observation none; // There are no rows.
    none.per_pair = 2;
    add_unexplained(r, expected, none);
    r.findings.back().text +=
        text_of("; pair {} should turn by {:.9} rad a token and turns by {:.9}", r.worst.pair,
                r.worst.expected, r.worst.actual);
    return;
  }
  if (has_factor)
    factor_reader(meant, best.which.attention_factor,
                  expected.method().numbers().factor > 1
                      ? 0.1 * std::log(expected.method().numbers().factor) + 1
                      : 0,
                  1e-6)
        .read(factor, factor, best.findings);
  r.explained_error = best.error;
  for (const finding& mistake : best.findings)
    add_finding(r, mistake);
}

/// Whether all numbers are finite. Adds a finding if not.
inline bool all_finite(report& r, const std::vector<double>& actual,
                       const optional_number& factor) {
  for (std::size_t i = 0; i < actual.size(); ++i)
    if (!is_finite(actual[i]))
      add_finding(r, {diagnosis::not_finite, text_of("NaN or infinity for pair {}", i)});
  if (r.findings.empty() && !is_finite(factor.value_or_zero()))
    add_finding(r, {diagnosis::not_finite, "the attention factor is not finite"});
  return r.findings.empty();
}

/// If all frequencies are negative, makes them positive and adds a finding: the engine rotates in
/// the other direction.
inline void turn_positive(report& r, std::vector<double>& actual) {
  for (const double f : actual)
    if (f > 0)
      return;
  if (!(actual[0] < 0))
    return;
  add_finding(r, {diagnosis::wrong_direction, "the frequencies are negative"});
  for (double& f : actual)
    f = -f;
}

/// The largest relative error of the frequencies, and its place.
inline void measure_frequencies(report& r, const std::vector<double>& actual,
                                const std::vector<double>& exact) {
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double error = frequency_error(actual[i], exact[i]);
    if (error > r.max_error) {
      r.max_error = error;
      r.worst = {-1, static_cast<std::int64_t>(i), -1, "inv_freq", exact[i], actual[i]};
    }
  }
}

inline void add_coarse_format(report& r, element_format format) {
  if (format == element_format::binary32)
    add_finding(r, {diagnosis::float32_inv_freq,
                    "the frequencies hold no more than float32 does: angles are off by up to 6e-8 "
                    "of themselves"});
  else if (format != element_format::binary64)
    add_finding(r, {diagnosis::inv_freq_16bit,
                    text_of("the frequencies hold no more than {} does",
                            format == element_format::bfloat16 ? "bfloat16" : "float16")});
}

inline report judge_inv_freq(const expectation& expected, std::vector<double> actual, int digits,
                             const optional_number& factor, const options& o) {
  check_options(o);
  report r;
  r.unit = "of the frequency";
  r.subject = text_of("{} inverse frequencies of {}", actual.size(),
                      digits > digits_of_v<float> ? "float64" : "float32");
  if (!all_finite(r, actual, factor)) {
    decide(r, false, 0, o);
    return r;
  }
  turn_positive(r, actual);
  const auto n = static_cast<std::int64_t>(actual.size());
  if (n != expected.n_pairs())
    add_finding(r, {diagnosis::rotary_dim,
                    text_of("there are {} frequencies where rotary_dim = {} makes {}", n,
                            expected.shape().rotated(), expected.n_pairs())});
  const expectation as_wide = n == expected.n_pairs() ? expected : expected.with_rotary_dim(2 * n);
  measure_frequencies(r, actual, list_of(as_wide.frequencies()));
  const double meant = as_wide.frequencies().attention_factor();
  const double factor_error =
      factor.has_value() ? std::fabs(factor.value_or_zero() - meant) / meant : 0;
  const double type_noise = frequency_noise(element_format::binary64, digits);
  const bool right = r.findings.empty() && r.max_error <= type_noise && factor_error <= 1e-6;
  if (factor_error > 1e-6 && factor_error > r.max_error) {
    r.max_error = factor_error;
    r.worst = {-1, -1, -1, "attention_factor", meant, factor.value_or_zero()};
  }
  r.max_error_ulp = std::ldexp(r.max_error, digits);
  if (!right) {
    const element_format format = format_of_numbers(actual, digits);
    add_coarse_format(r, format);
    const double least =
        format == element_format::binary16 ? 0x1p-25 : 0; // half its smallest subnormal
    explain_frequencies(r, as_wide, actual, frequency_noise(format, digits), least,
                        factor.has_value(), factor.value_or_zero());
  }
  decide(r, right, type_noise, o);
  return r;
}

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

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

/// The narrower format that holds all these numbers exactly; binary64 if there is none.
inline element_format format_of_numbers(const std::vector<double>& numbers, int digits) {
  const auto is_held_by = [&](element_format format) {
    std::int64_t n = 0;
    for (const double number : numbers) {
      if (rounded_to(format, number) != number)
        return false;
      int exponent = 0;
      n += std::frexp(number, &exponent) > 0.5
               ? 1
               : 0; // Powers of two, which every format has, do not count.
    }
    return n >= 8;
  };
  for (const element_format format :
       {element_format::bfloat16, element_format::binary16, element_format::binary32})
    if (digits_of(format) < digits && is_held_by(format))
      return format;
  return element_format::binary64;
}

/// The relative error of powers, blends and roundings in a type. In float, frameworks have up to 13
/// ULP (YaRN without truncation).
inline double frequency_noise(int digits) {
  return digits > 24    ? double_angle_error
         : digits == 24 ? 16 * 0x1p-23
                        : std::ldexp(1, -digits) + 2e-6;
}

/// Adds the mistake of the first candidate that gives these frequencies, and what is wrong with the
/// attention factor. `noise` is the relative error of right frequencies, `least` their absolute one.
inline void explain_frequencies(report& r, const expectation& expected,
                                const std::vector<double>& inv_freq, const optional_number& factor,
                                double noise, double least) {
  const double meant = expected.frequencies().attention_factor();
  const candidate_list others(expected, inv_freq, HUGE_VAL);
  std::vector<candidate> all = {
      {diagnosis::unexplained, "", list_of(expected.frequencies()), meant}};
  all.insert(all.end(), others.all().begin(), others.all().end());
  for (const candidate& guess : all) {
    double error = 0;
    for (std::size_t i = 0; i < inv_freq.size(); ++i)
      error = std::max(error, frequency_error(inv_freq[i], guess.inv_freq[i], least));
    if (error > noise)
      continue;
    r.explained_error = error;
    std::vector<finding> findings;
    if (guess.what != diagnosis::unexplained)
      findings.push_back({guess.what, guess.text});
    if (factor.has_value())
      explain_factors(expected, guess.attention_factor, factor.value_or_zero(),
                      factor.value_or_zero(), 1e-6, findings);
    for (const finding& mistake : findings)
      add_finding(r, mistake);
    return;
  }
  add_finding(r, {diagnosis::unexplained,
                  text_of("none of the known mistakes gives these numbers; pair {} should turn by "
                          "{:.9} rad a token and turns by {:.9}",
                          r.worst.pair, r.worst.expected, r.worst.actual)});
}

/// Whether all numbers are finite. Adds a finding if not.
inline bool are_finite(report& r, const std::vector<double>& inv_freq,
                       const optional_number& factor) {
  for (std::size_t i = 0; i < inv_freq.size(); ++i)
    if (!is_finite(inv_freq[i]))
      add_finding(r, {diagnosis::not_finite, text_of("NaN or infinity for pair {}", i)});
  if (!is_finite(factor.value_or_zero()))
    add_finding(r, {diagnosis::not_finite, "the attention factor is not finite"});
  return r.findings.empty();
}

/// If all frequencies are negative, makes them positive and adds a finding: the engine rotates in
/// the other direction.
inline void turn_positive(report& r, std::vector<double>& inv_freq) {
  if (!(inv_freq[0] < 0) ||
      std::any_of(inv_freq.begin(), inv_freq.end(), [](double f) { return f > 0; }))
    return;
  add_finding(r, {diagnosis::wrong_direction, "the frequencies are negative"});
  for (double& f : inv_freq)
    f = -f;
}

/// Adds a finding if a narrower format holds the frequencies.
inline void add_coarse_format(report& r, element_format format) {
  if (format == element_format::binary32)
    add_finding(r, {diagnosis::float32_inv_freq,
                    "the frequencies hold no more than float32 does: angles are off by up to 6e-8 "
                    "of themselves"});
  else if (format != element_format::binary64)
    add_finding(r, {diagnosis::inv_freq_16bit,
                    text_of("the frequencies hold no more than {} does", name_of(format))});
}

inline report judge_inv_freq(const expectation& expected, element_format format,
                             std::vector<double> inv_freq, const optional_number& factor,
                             const options& o) {
  check_options(o);
  report r;
  r.unit = "of the frequency";
  const int digits = digits_of(format);
  const auto n = static_cast<std::int64_t>(inv_freq.size());
  r.subject = text_of("{} inverse frequencies of {}", n, name_of(format));
  if (!are_finite(r, inv_freq, factor)) {
    decide(r, false, 0, o);
    return r;
  }
  turn_positive(r, inv_freq);
  if (n != expected.n_pairs())
    add_finding(r, {diagnosis::rotary_dim,
                    text_of("there are {} frequencies where rotary_dim = {} makes {}", n,
                            expected.shape().rotated(), expected.n_pairs())});
  const expectation as_wide = n == expected.n_pairs() ? expected : expected.with_rotary_dim(2 * n);
  const std::vector<double> exact = list_of(as_wide.frequencies());
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double error = frequency_error(inv_freq[i], exact[i]);
    if (error > r.max_error) {
      r.max_error = error;
      r.worst = {-1, static_cast<std::int64_t>(i), -1, "inv_freq", exact[i], inv_freq[i]};
    }
  }
  const double meant = as_wide.frequencies().attention_factor();
  const double factor_error =
      factor.has_value() ? std::fabs(factor.value_or_zero() - meant) / meant : 0;
  const double type_noise = frequency_noise(digits);
  const bool right = r.findings.empty() && r.max_error <= type_noise && factor_error <= 1e-6;
  if (!right) {
    const element_format held = format_of_numbers(inv_freq, digits);
    add_coarse_format(r, held);
    const double noise = frequency_noise(std::min(digits, digits_of(held)));
    const double least = held == element_format::binary16 ? 0x1p-25 : 0; // half its least subnormal
    explain_frequencies(r, as_wide, inv_freq, factor, noise, least);
  }
  if (factor_error > 1e-6 && factor_error > r.max_error) {
    r.unit = "of the attention factor";
    r.max_error = factor_error;
    r.worst = {-1, -1, -1, "attention_factor", meant, factor.value_or_zero()};
  }
  r.max_error_ulp = std::ldexp(r.max_error, digits);
  decide(r, right, type_noise, o);
  return r;
}

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

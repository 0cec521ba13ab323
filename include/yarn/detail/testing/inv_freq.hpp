// SPDX-License-Identifier: MIT
// The check of an engine's inverse frequencies and attention factor. Opt-in.
#ifndef YARN_DETAIL_TESTING_INV_FREQ_HPP
#define YARN_DETAIL_TESTING_INV_FREQ_HPP

#include "judge.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

/// The relative error of one frequency, after `absolute_tolerance` is subtracted from the absolute
/// error. absolute_tolerance is the rounding error of numbers that are subnormal in the format of
/// the engine.
inline double frequency_error(double actual, double expected, double absolute_tolerance = 0) {
  const double off = std::fabs(actual - expected);
  if (!(off > absolute_tolerance))
    return 0;
  return expected > 0 ? (off - absolute_tolerance) / expected : HUGE_VAL;
}

/// The first format with fewer than `digits` digits that represents all these numbers exactly;
/// binary64 if there is none, or if fewer than 8 of the numbers are not powers of two.
inline element_format format_of_numbers(const std::vector<double>& numbers, int digits) {
  const auto represents_all = [&](element_format format) {
    std::int64_t n = 0;
    for (const double number : numbers) {
      if (rounded_to(format, number) != number)
        return false;
      int exponent = 0;
      // Powers of two do not count, because every format represents them.
      n += std::frexp(number, &exponent) > 0.5 ? 1 : 0;
    }
    return n >= 8;
  };
  for (const element_format format :
       {element_format::bfloat16, element_format::binary16, element_format::binary32})
    if (digits_of(format) < digits && represents_all(format))
      return format;
  return element_format::binary64;
}

/// The relative error that right frequencies may have, from powers, blends and roundings in a type
/// with these digits. In float, frameworks have errors of up to 13 ULP (YaRN without truncation).
inline double frequency_noise(int digits) {
  return digits > 24    ? double_angle_error
         : digits == 24 ? 16 * 0x1p-23
                        : std::ldexp(1, -digits) + 2e-6;
}

/// Adds the mistake of the first candidate that gives these frequencies, and the mistake in the
/// attention factor. Right frequencies have a relative error of up to `noise`, after
/// `absolute_tolerance` is subtracted from the absolute error.
inline void explain_frequencies(report& r, const expectation& expected,
                                const std::vector<double>& inv_freq,
                                const optional_number& attention_factor, double noise,
                                double absolute_tolerance) {
  const double meant = expected.frequencies().attention_factor();
  const candidate_list others(expected, inv_freq, HUGE_VAL);
  std::vector<candidate> all = {
      {diagnosis::unexplained, "", list_of(expected.frequencies()), meant}};
  all.insert(all.end(), others.all().begin(), others.all().end());
  for (const candidate& guess : all) {
    double error = 0;
    for (std::size_t i = 0; i < inv_freq.size(); ++i)
      error = std::max(error, frequency_error(inv_freq[i], guess.inv_freq[i], absolute_tolerance));
    if (error > noise)
      continue;
    r.remaining_error = error;
    std::vector<finding> findings;
    if (guess.what != diagnosis::unexplained)
      findings.push_back({guess.what, guess.text});
    if (attention_factor.has_value())
      explain_factors(expected, guess.attention_factor, attention_factor.value_or_zero(),
                      attention_factor.value_or_zero(), 1e-6, findings);
    for (const finding& mistake : findings)
      add_finding(r, mistake);
    return;
  }
  add_finding(
      r, {diagnosis::unexplained, text_of("none of the known mistakes gives these numbers; pair {} "
                                          "should turn by {:.9} rad per token but turns by {:.9}",
                                          r.worst.pair, r.worst.expected, r.worst.actual)});
}

/// Whether all numbers are finite. Adds a finding if not.
inline bool are_finite(report& r, const std::vector<double>& inv_freq,
                       const optional_number& attention_factor) {
  for (std::size_t i = 0; i < inv_freq.size(); ++i)
    if (!is_finite(inv_freq[i]))
      add_finding(r, {diagnosis::not_finite, text_of("NaN or infinity for pair {}", i)});
  if (!is_finite(attention_factor.value_or_zero()))
    add_finding(r, {diagnosis::not_finite, "the attention factor is not finite"});
  return r.findings.empty();
}

/// If the first frequency is negative and none is positive, changes the sign of all frequencies and
/// adds a finding: the engine rotates in the other direction.
inline void make_positive(report& r, std::vector<double>& inv_freq) {
  if (!(inv_freq[0] < 0) ||
      std::any_of(inv_freq.begin(), inv_freq.end(), [](double f) { return f > 0; }))
    return;
  add_finding(r, {diagnosis::wrong_direction, "the frequencies are negative"});
  for (double& f : inv_freq)
    f = -f;
}

/// Adds a finding if `format`, which represents all the frequencies, is narrower than binary64.
inline void add_coarse_format(report& r, element_format format) {
  if (format == element_format::binary32)
    add_finding(r,
                {diagnosis::float32_inv_freq, "the frequencies have only the precision of float32: "
                                              "angles have a relative error of up to 6e-8"});
  else if (format != element_format::binary64)
    add_finding(r, {diagnosis::inv_freq_16bit,
                    text_of("the frequencies have only the precision of {}", name_of(format))});
}

inline report judge_inv_freq(const expectation& expected, element_format format,
                             std::vector<double> inv_freq, const optional_number& attention_factor,
                             const options& o) {
  check_options(o);
  report r;
  r.unit = "of the frequency";
  const int digits = digits_of(format);
  const auto n = static_cast<std::int64_t>(inv_freq.size());
  r.subject = text_of("{} inverse frequencies of {}", n, name_of(format));
  if (!are_finite(r, inv_freq, attention_factor)) {
    decide(r, false, 0, o);
    return r;
  }
  make_positive(r, inv_freq);
  if (n != expected.n_pairs())
    add_finding(r, {diagnosis::rotary_dim,
                    text_of("there are {} frequencies where there should be {} for rotary_dim = {}",
                            n, expected.n_pairs(), expected.shape().rotated())});
  const expectation resized = n == expected.n_pairs() ? expected : expected.with_rotary_dim(2 * n);
  const std::vector<double> exact = list_of(resized.frequencies());
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double error = frequency_error(inv_freq[i], exact[i]);
    if (error > r.max_error) {
      r.max_error = error;
      r.worst = {-1, static_cast<std::int64_t>(i), -1, "inv_freq", exact[i], inv_freq[i]};
    }
  }
  const double meant = resized.frequencies().attention_factor();
  const double factor_error = attention_factor.has_value()
                                  ? std::fabs(attention_factor.value_or_zero() - meant) / meant
                                  : 0;
  const double type_noise = frequency_noise(digits);
  const bool right = r.findings.empty() && r.max_error <= type_noise && factor_error <= 1e-6;
  if (!right) {
    const element_format precision = format_of_numbers(inv_freq, digits);
    add_coarse_format(r, precision);
    const double noise = frequency_noise(std::min(digits, digits_of(precision)));
    // Half of the smallest subnormal number.
    const double absolute_tolerance = precision == element_format::binary16 ? 0x1p-25 : 0;
    explain_frequencies(r, resized, inv_freq, attention_factor, noise, absolute_tolerance);
  }
  if (factor_error > 1e-6 && factor_error > r.max_error) {
    r.unit = "of the attention factor";
    r.max_error = factor_error;
    r.worst = {-1, -1, -1, "attention_factor", meant, attention_factor.value_or_zero()};
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

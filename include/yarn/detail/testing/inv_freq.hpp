// SPDX-License-Identifier: MIT
// Judges an engine's inverse frequencies and attention factor. Opt-in.
#ifndef YARN_DETAIL_TESTING_INV_FREQ_HPP
#define YARN_DETAIL_TESTING_INV_FREQ_HPP

#include "judge.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

/// Relative error of one frequency. `least` is what an engine's format cannot show.
inline double frequency_error(double actual, double expected, double least = 0) {
  const double off = std::fabs(actual - expected);
  if (!(off > least))
    return 0;
  return expected > 0 ? (off - least) / expected : HUGE_VAL;
}

/// An engine's frequencies, and its attention factor where it has it apart.
struct shown_frequencies {
  std::vector<double> inv_freq;
  optional_number factor;
  element_format format = not_rounded; ///< coarser than the numbers' own, and holds all of them
  double noise = 0;                    ///< relative, of that format
  double least = 0;                    ///< what the format cannot show
};

/// A format with fewer digits that holds all of the numbers.
inline element_format format_of_numbers(const std::vector<double>& numbers, int digits) {
  const auto is_held_by = [&](element_format format) {
    std::int64_t n = 0;
    for (const double number : numbers) {
      if (rounded_to(format, number) != number)
        return false;
      int exponent = 0;
      n += std::frexp(number, &exponent) > 0.5 ? 1 : 0; // a power of two is in every format
    }
    return n >= 8;
  };
  for (const element_format format :
       {element_format::bfloat16, element_format::binary16, element_format::binary32})
    if (digits_of(format) < digits && is_held_by(format))
      return format;
  return not_rounded;
}

/// What powers, blends and roundings in a type lose of a frequency. float: up to 13 ULP in the
/// frameworks (YaRN without truncation).
inline double frequency_noise(int digits) {
  return digits > 24    ? double_angle_error
         : digits == 24 ? 16 * 0x1p-23
                        : std::ldexp(1, -digits) + 2e-6;
}

/// Names the first candidate that gives the frequencies, and judges the attention factor by it.
inline void explain_frequencies(report& r, const expectation& expected,
                                const shown_frequencies& shown) {
  const double meant = expected.frequencies().attention_factor();
  const candidate_list others(expected, shown.inv_freq, HUGE_VAL);
  std::vector<candidate> all = {
      {diagnosis::unexplained, "", list_of(expected.frequencies()), meant}};
  all.insert(all.end(), others.all().begin(), others.all().end());
  for (const candidate& guess : all) {
    double error = 0;
    for (std::size_t i = 0; i < shown.inv_freq.size(); ++i)
      error = std::max(error, frequency_error(shown.inv_freq[i], guess.inv_freq[i], shown.least));
    if (error > shown.noise)
      continue;
    r.explained_error = error;
    std::vector<finding> findings;
    if (guess.what != diagnosis::unexplained)
      findings.push_back({guess.what, guess.text});
    if (shown.factor.has_value())
      factor_reader(meant, guess.attention_factor, formula_factor(expected), 1e-6)
          .read(shown.factor.value(), shown.factor.value(), findings);
    for (const finding& mistake : findings)
      add_finding(r, mistake);
    return;
  }
  add_finding(r, {diagnosis::unexplained,
                  text_of("none of the known mistakes gives these numbers; pair {} should turn by "
                          "{:.9} rad a token and turns by {:.9}",
                          r.worst.pair, r.worst.expected, r.worst.actual)});
}

/// Adds a finding for the first number that is NaN or infinite.
inline bool are_finite(report& r, const shown_frequencies& shown) {
  for (std::size_t i = 0; i < shown.inv_freq.size(); ++i)
    if (!is_finite(shown.inv_freq[i]))
      add_finding(r, {diagnosis::not_finite, text_of("NaN or infinity for pair {}", i)});
  if (!is_finite(shown.factor.value()))
    add_finding(r, {diagnosis::not_finite, "the attention factor is not finite"});
  return r.findings.empty();
}

/// Makes negative frequencies positive, with a finding: the engine turns the other way.
inline void turn_positive(report& r, std::vector<double>& inv_freq) {
  if (!(inv_freq[0] < 0) ||
      std::any_of(inv_freq.begin(), inv_freq.end(), [](double f) { return f > 0; }))
    return;
  add_finding(r, {diagnosis::wrong_direction, "the frequencies are negative"});
  for (double& f : inv_freq)
    f = -f;
}

/// Says that the frequencies hold no more digits than a format, if there is one.
inline void add_coarse_format(report& r, element_format format) {
  if (format == element_format::binary32)
    add_finding(r, {diagnosis::float32_inv_freq,
                    "the frequencies hold no more than float32 does: angles are off by up to 6e-8 "
                    "of themselves"});
  else if (format != not_rounded)
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
  shown_frequencies shown{std::move(inv_freq), factor};
  if (!are_finite(r, shown)) {
    decide(r, false, 0, o);
    return r;
  }
  turn_positive(r, shown.inv_freq);
  if (n != expected.n_pairs())
    add_finding(r, {diagnosis::rotary_dim,
                    text_of("there are {} frequencies where rotary_dim = {} makes {}", n,
                            expected.shape().rotated(), expected.n_pairs())});
  const expectation as_wide = n == expected.n_pairs() ? expected : expected.with_rotary_dim(2 * n);
  const std::vector<double> exact = list_of(as_wide.frequencies());
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double error = frequency_error(shown.inv_freq[i], exact[i]);
    if (error > r.max_error) {
      r.max_error = error;
      r.worst = {-1, static_cast<std::int64_t>(i), -1, "inv_freq", exact[i], shown.inv_freq[i]};
    }
  }
  const double meant = as_wide.frequencies().attention_factor();
  const double factor_error = factor.has_value() ? std::fabs(factor.value() - meant) / meant : 0;
  const double type_noise = frequency_noise(digits);
  const bool right = r.findings.empty() && r.max_error <= type_noise && factor_error <= 1e-6;
  if (!right) {
    shown.format = format_of_numbers(shown.inv_freq, digits);
    shown.noise = frequency_noise(shown.format == not_rounded ? digits : digits_of(shown.format));
    shown.least = shown.format == element_format::binary16 ? 0x1p-25 : 0; // its subnormals
    add_coarse_format(r, shown.format);
    explain_frequencies(r, as_wide, shown);
  }
  if (factor_error > 1e-6 && factor_error > r.max_error) {
    r.unit = "of the attention factor";
    r.max_error = factor_error;
    r.worst = {-1, -1, -1, "attention_factor", meant, factor.value()};
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

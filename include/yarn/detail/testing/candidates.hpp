// SPDX-License-Identifier: MIT
// Candidates: the frequencies that an engine gets by known mistakes. They are computed from the
// expected frequencies and from those that the rows of the engine show. Opt-in.
#ifndef YARN_DETAIL_TESTING_CANDIDATES_HPP
#define YARN_DETAIL_TESTING_CANDIDATES_HPP

#include "../../testing/expectation.hpp"
#include "../../testing/report.hpp"
#include "positions.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

/// Frequencies that an engine may have used, and the mistake that gives them.
struct candidate {
  diagnosis what;
  std::string text;
  std::vector<double> inv_freq;
  double attention_factor = 1;
};

inline std::vector<double> list_of(const frequencies& f) {
  return {f.inv_freq().begin(), f.inv_freq().end()};
}

/// Builds the list of candidates. shown[i] is the frequency of pair i, estimated from the rows of
/// the engine; 0 if it is unknown. Theta and the scaling factor are estimated from these
/// frequencies. `reach` is the largest position of the rows, or HUGE_VAL if the engine gave its
/// frequencies.
class candidate_list {
public:
  candidate_list(const expectation& expected, std::vector<double> shown, double reach)
      : expected_(expected), method_(expected.method()), intended_(expected.method().numbers()),
        shape_(expected.shape()), shown_(std::move(shown)), reach_(reach),
        exact_(list_of(expected.frequencies())),
        unscaled_(list_of(make_frequencies(shape_, default_scaling{}))),
        attention_factor_(expected.frequencies().attention_factor()) {
    add({diagnosis::rotated_twice, "the angles are twice as large: the rotation is applied twice",
         combined([](double f, double) { return 2 * f; }), attention_factor_ * attention_factor_});
    add_scaling_factors();
    add_ranges();
    add_lengths();
    if (expected.n_axes() > 1)
      add_series();
    add_other_methods();
    add_exponents();
    add_estimates();
  }

  const std::vector<candidate>& all() const { return all_; }

private:
  using numbers = std::vector<double>;

  // Skips a candidate that equals the expectation, because it explains no error, and one with a
  // frequency that is not finite or is above 1e9.
  void add(candidate added) {
    if (added.inv_freq.size() != exact_.size())
      return;
    bool differs = false, possible = true;
    for (std::size_t i = 0; i < exact_.size(); ++i) {
      differs = differs || std::fabs(added.inv_freq[i] - exact_[i]) > 1e-9 * exact_[i];
      possible = possible && is_finite(added.inv_freq[i]) && added.inv_freq[i] < 1e9;
    }
    if (differs && possible)
      all_.push_back(std::move(added));
  }
  void add(diagnosis what, std::string text, const frequencies& f) {
    add({what, std::move(text), list_of(f), f.attention_factor()});
  }
  void add(diagnosis what, std::string text, const changeable_method& method) {
    add(what, std::move(text), method.resolve(shape_, expected_.seq_len()));
  }
  void add(diagnosis what, std::string text, numbers inv_freq) {
    add({what, std::move(text), std::move(inv_freq), attention_factor_});
  }
  template <class Function> numbers combined(const Function& of) const {
    numbers result;
    for (std::size_t i = 0; i < exact_.size(); ++i)
      result.push_back(of(exact_[i], unscaled_[i]));
    return result;
  }

  void add_scaling_factors() {
    add(diagnosis::factor_twice, "each frequency is scaled twice",
        combined([](double f, double unscaled) { return f * f / unscaled; }));
    add(diagnosis::factor_inverted, "each frequency is multiplied where it should be divided",
        combined([](double f, double unscaled) { return f > 0 ? unscaled * unscaled / f : 0; }));
    if (!intended_.has_factor())
      return;
    const double s = intended_.factor;
    if (!(s < 1e6 && s > 1e-6))
      return;
    add(diagnosis::factor_twice,
        text_of("the frequencies are those of scaling factor {}^2 = {}", s, s * s),
        method_.with(&method_numbers::factor, s * s));
    add(diagnosis::factor_twice,
        text_of("scaled frequencies are divided by the scaling factor {} once more", s),
        combined([s](double f, double) { return f / s; }));
    add(diagnosis::factor_inverted,
        text_of("the frequencies are those of scaling factor 1/{}: the engine multiplies where it "
                "should divide",
                s),
        method_.with(&method_numbers::factor, 1 / s));
  }

  void add_ranges() {
    if (intended_.has_truncate)
      add(diagnosis::truncate,
          intended_.truncate ? "the correction range is not rounded (floor and ceil are missing)"
                             : "the correction range is rounded (truncate is true)",
          method_.with(&method_numbers::truncate, !intended_.truncate));
    if (!intended_.is_yarn)
      return;
    const pair_range range = expected_.frequencies().correction_range();
    if (range.has_value)
      for (const double low : {0.0, -1.0, 1.0})
        for (const double high : {0.0, -1.0, 1.0})
          if (low != 0.0 || high != 0.0)
            add(diagnosis::correction_range,
                text_of("the correction range is [{}, {}] where it should be "
                        "[{}, {}]",
                        range.low + low, range.high + high, range.low, range.high),
                ramped(range.low + low, range.high + high));
    if (range.has_value && intended_.has_truncate) {
      const pair_range raw = method_.with(&method_numbers::truncate, !intended_.truncate)
                                 .resolve(shape_, expected_.seq_len())
                                 .correction_range();
      add(diagnosis::truncate,
          text_of("low of the correction range is {} where it should be {}", raw.low, range.low),
          ramped(raw.low, range.high));
      add(diagnosis::truncate,
          text_of("high of the correction range is {} where it should be {}", raw.high, range.high),
          ramped(range.low, raw.high));
    }
    if (intended_.beta_fast != 32.0 || intended_.beta_slow != 1.0)
      add(diagnosis::correction_range,
          text_of("the correction range is that of the default betas, 32 and 1, where beta_fast is "
                  "{} and beta_slow {}",
                  intended_.beta_fast, intended_.beta_slow),
          method_.with(&method_numbers::beta_fast, 32).with(&method_numbers::beta_slow, 1));
    const bool by_pair = intended_.ramp == yarn_ramp::pair_index;
    add(diagnosis::wrong_method,
        by_pair ? "the ramp is linear in the rotations, as in the paper, where it should be linear "
                  "in the pair index"
                : "the ramp is linear in the pair index where it should be linear in the rotations",
        method_.with(&method_numbers::ramp,
                     by_pair ? yarn_ramp::rotations : yarn_ramp::pair_index));
  }

  // The frequencies of YaRN with another correction range.
  numbers ramped(double low, double high) const {
    const std::size_t last = exact_.size() - 1;
    const double s = exact_[last] > 0 ? interpolation() : 1;
    const double width = high > low ? high - low : 0.001;
    numbers result;
    for (std::size_t i = 0; i <= last; ++i) {
      const double ramp = std::min(std::max((static_cast<double>(i) - low) / width, 0.0), 1.0);
      const double kept = (1 - ramp) * intended_.extrapolation_factor;
      result.push_back(unscaled_[i] * kept + unscaled_[i] / s * (1 - kept));
    }
    return result;
  }
  // The scaling factor in use. A dynamic method computes it from the current length.
  double interpolation() const {
    const double s = intended_.factor > 0 ? intended_.factor : 1;
    if (!intended_.is_dynamic || intended_.length <= 0)
      return s;
    return std::max(s, static_cast<double>(expected_.seq_len()) /
                           static_cast<double>(intended_.length));
  }

  void add_lengths() {
    if (intended_.is_dynamic)
      add_current_lengths();
    if (!intended_.has_length)
      return;
    const std::int64_t length = intended_.length;
    std::vector<std::int64_t> others;
    const double s = intended_.factor;
    if (s > 1 && s < 1e6) {
      others.push_back(static_cast<std::int64_t>(static_cast<double>(length) * s));
      others.push_back(static_cast<std::int64_t>(static_cast<double>(length) / s));
    }
    for (std::int64_t power = 512; power <= std::int64_t{1} << 20; power *= 2)
      others.push_back(power);
    for (const std::int64_t other : others)
      if (other > 1 && other != length)
        add(diagnosis::wrong_original_length,
            text_of("the original length is {} where it should be {}", other, length),
            method_.with(&method_numbers::length, other));
  }
  void add_current_lengths() {
    const std::int64_t now = expected_.seq_len(), length = intended_.length;
    for (const std::int64_t other : {std::int64_t{0}, length, length + 1, now - 1, now + 1})
      if (other >= 0 && other != now)
        add(diagnosis::wrong_seq_len,
            text_of("the frequencies are those of a sequence of {} tokens{} where it should be "
                    "{}",
                    other, other <= length ? " (not scaled)" : "", now),
            method_.resolve(shape_, other));
  }

  // Another method with the same factor and length.
  template <class Method> void add_other(const Method& method) {
    const changeable_method other(method);
    if (other.numbers().name != intended_.name)
      add(diagnosis::wrong_method,
          "the frequencies are those of " + other.numbers().name + " scaling where it should be " +
              intended_.name,
          other.with(&method_numbers::factor, interpolation())
              .with(&method_numbers::length, intended_.length));
  }
  // The frequencies of engines in which each axis has its own series, or all axes share one series.
  void add_series() {
    const axis_list axes = axes_of(expected_.frequencies());
    numbers of_axis, of_head;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const auto n = std::count(axes.begin(), axes.end(), axes[i]);
      const auto before =
          std::count(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(i), axes[i]);
      of_axis.push_back(power(before, n));
      of_head.push_back(power(before, expected_.n_pairs()));
    }
    add(diagnosis::wrong_exponent,
        "the frequencies start again at each axis: pair k of an axis with n pairs has theta^(-k/n)",
        of_axis);
    add(diagnosis::wrong_exponent,
        text_of("the frequencies start again at each axis, and the exponents are divided by "
                "rotary_dim = {}",
                shape_.rotated()),
        of_head);
    if (intended_.is_unknown)
      add(diagnosis::wrong_exponent,
          text_of("the frequencies of all axes are one series with theta^(-2i/{})",
                  shape_.rotated()),
          unscaled_);
  }
  double power(std::ptrdiff_t i, std::int64_t n) const {
    return std::pow(shape_.rope_theta, -static_cast<double>(i) / static_cast<double>(n));
  }

  void add_other_methods() {
    if (!intended_.is_unknown)
      add(diagnosis::scaling_missing, "the frequencies are not scaled at all",
          changeable_method(default_scaling{}));
    const double s = interpolation();
    if (!(s < 1e6 && s != 1.0))
      return;
    add_other(linear_scaling{});
    const bool has_pairs = shape_.rotated() > 2;
    if (has_pairs) {
      add_other(ntk_scaling{});
      rope_shape shape = shape_;
      shape.rope_theta *= s;
      add(diagnosis::wrong_method,
          text_of("rope_theta is multiplied by the scaling factor {}, without NTK's exponent", s),
          make_frequencies(shape, default_scaling{}));
    }
    if (intended_.length <= 0 || !(shape_.rope_theta > 1))
      return;
    add_other(ntk_by_parts_scaling{});
    add_other(yarn_scaling{});
    add_other(llama3_scaling{});
    if (has_pairs)
      add_other(part_ntk_scaling{});
    if (has_pairs && expected_.seq_len() > intended_.length)
      add_other(dynamic_ntk_scaling{});
  }

  void add_exponents() {
    const double n = static_cast<double>(expected_.n_pairs());
    if (shape_.rotated() < shape_.head_dim) {
      rope_shape whole = shape_;
      whole.rotary_dim = shape_.head_dim;
      if (intended_.any_dim) {
        const frequencies f = method_.resolve(whole, expected_.seq_len());
        add({diagnosis::frequencies_over_head_dim, over_head_dim(), first_of(f),
             f.attention_factor()});
      }
      const numbers wide = first_of(make_frequencies(whole, default_scaling{}));
      numbers scaled;
      for (std::size_t i = 0; i < exact_.size(); ++i)
        scaled.push_back(wide[i] * (exact_[i] / unscaled_[i]));
      add(diagnosis::frequencies_over_head_dim, over_head_dim(), scaled);
    }
    add_theta(diagnosis::wrong_exponent, "the exponent is -i/d where it should be -2i/d",
              std::sqrt(shape_.rope_theta));
    add_theta(diagnosis::wrong_exponent, "the exponent is -4i/d where it should be -2i/d",
              shape_.rope_theta * shape_.rope_theta);
    if (n > 1)
      add_theta(diagnosis::wrong_exponent,
                "the exponent is -i/(n_pairs - 1) where it should be -i/n_pairs",
                std::pow(shape_.rope_theta, n / (n - 1)));
  }
  std::string over_head_dim() const {
    return text_of("the exponents are divided by head_dim = {} where they should be divided by "
                   "rotary_dim = {}",
                   shape_.head_dim, shape_.rotated());
  }
  numbers first_of(const frequencies& f) const {
    return {f.inv_freq().begin(), f.inv_freq().begin() + expected_.n_pairs()};
  }
  frequencies at_theta(double theta) const {
    rope_shape shape = shape_;
    shape.rope_theta = theta;
    return method_.resolve(shape, expected_.seq_len());
  }
  void add_theta(diagnosis what, std::string text, double theta) {
    if (theta > 1.001 && theta < 1e15)
      add(what, std::move(text), at_theta(theta));
  }

  // Estimates theta and the scaling factor from the slowest pair whose frequency is known, because
  // this pair changes most with each of the two, and in one direction. In 16-bit rows, a frequency
  // is imprecise if its pair turns by only some radians up to position `reach`, so faster pairs are
  // used, too.
  void add_estimates() {
    // Usual values are tried, too, because positions that are too far apart do not show theta.
    for (const double theta : {1e4, 5e5, 1e6, 1e5, 1.5e5, 1e7, 5e6, 2.5e5, 3e5, 8e6})
      add_theta(diagnosis::wrong_theta, theta_text(theta), theta);
    for (const double least_angle : {4.0, 0.5, 0.0})
      for (std::size_t pair = exact_.size(); pair-- > 1;)
        if (exact_[pair] > 0 && shown_[pair] > 0 && shown_[pair] * reach_ >= least_angle) {
          add_estimates_of(pair);
          break;
        }
  }
  std::string theta_text(double theta) const {
    return text_of("rope_theta is about {:.6} where it should be {}", theta, shape_.rope_theta);
  }
  void add_estimates_of(std::size_t pair) {
    const double theta = solved(pair, 1.01, 1e15, [&](double x) { return at_theta(x); });
    for (const double value : rounded_and_raw(theta))
      add_theta(diagnosis::wrong_theta, theta_text(value), value);
    if (!intended_.has_factor()) {
      const double ratio = exact_[pair] / shown_[pair];
      for (const double s : rounded_and_raw(ratio))
        add(diagnosis::wrong_factor, text_of("every frequency is divided by about {:.6}", s),
            combined([s](double f, double) { return f / s; }));
      return;
    }
    const double factor = solved(pair, 1e-6, 1e6, [&](double x) {
      return method_.with(&method_numbers::factor, x).resolve(shape_, expected_.seq_len());
    });
    for (const double value : rounded_and_raw(factor))
      add(diagnosis::wrong_factor,
          text_of("the scaling factor is about {:.6} where it should be {}", value,
                  intended_.factor),
          method_.with(&method_numbers::factor, value));
  }
  template <class Resolve>
  double solved(std::size_t pair, double low, double high, const Resolve& resolve) const {
    const auto at = [&](double x) {
      const frequencies f = resolve(x);
      return f.inv_freq()[pair];
    };
    const double target = shown_[pair];
    if (!(at(low) > target && at(high) < target))
      return 0;
    for (int i = 0; i < 64; ++i) {
      const double middle = std::sqrt(low * high);
      if (at(middle) > target)
        low = middle;
      else
        high = middle;
    }
    return std::sqrt(low * high);
  }
  /// The value rounded to one to four digits, because parameters are mostly round numbers, and then
  /// the value itself.
  static std::vector<double> rounded_and_raw(double value) {
    std::vector<double> values;
    if (!(value > 0))
      return values;
    for (const int digits : {1, 2, 3, 4}) {
      const double unit = std::pow(10, std::floor(std::log10(value)) - digits + 1);
      const double rounded = std::round(value / unit) * unit;
      // The rounded number must lie within the error of an estimate from 16-bit numbers.
      if (std::fabs(rounded - value) < 0.02 * value)
        values.push_back(unit < 1 ? std::round(value / unit) / std::round(1 / unit) : rounded);
    }
    values.push_back(value);
    return values;
  }

  const expectation& expected_;
  const changeable_method& method_;
  const method_numbers& intended_;
  const rope_shape& shape_;
  numbers shown_;
  double reach_;
  numbers exact_;
  numbers unscaled_;
  double attention_factor_;
  std::vector<candidate> all_;
};

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// The search for mistakes that explain the rows of an engine: mistakes in frequencies, positions,
// axes, attention factor and precision, in all combinations that are cheap to try. Opt-in.
#ifndef YARN_DETAIL_TESTING_SEARCH_HPP
#define YARN_DETAIL_TESTING_SEARCH_HPP

#include "axes.hpp"
#include "candidates.hpp"
#include "observation.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

struct explanation {
  bool found = false;
  std::vector<finding> findings;
  double error = 0;
  double cost = HUGE_VAL; ///< grows with the number of mistakes; the smallest cost is the likeliest
  std::vector<diagnosis> equal = {}; ///< other mistakes in axes that explain the rows equally well
};

inline bool about_axes(const finding& found) {
  return found.what >= diagnosis::axes_ignored && found.what <= diagnosis::whole_head_rotated;
}

/// Explains the factors on cos and sin that an engine shows. `of_candidate` is the attention factor
/// of the candidate whose frequencies the engine uses.
inline void explain_factors(const expectation& expected, double of_candidate, double on_cos,
                            double on_sin, double tolerance, std::vector<finding>& findings) {
  const auto near = [&](double a, double b) {
    return std::fabs(a - b) <= tolerance * std::fabs(b);
  };
  const double meant = expected.frequencies().attention_factor();
  for (const double right : {meant, of_candidate})
    if (near(on_cos, right) && near(on_sin, right))
      return;
  const double value = (on_cos + on_sin) / 2, s = expected.method().numbers().factor;
  const char* const reason = near(value, 1 / meant)
                                 ? ": the engine divides where it should multiply"
                             : s > 1 && near(value, 0.1 * std::log(s) + 1)
                                 ? ": this is 0.1 ln(factor) + 1, but the model sets another value"
                             : near(value, std::sqrt(meant)) ? ": this is the square root"
                                                             : "";
  if (!near(on_cos, on_sin))
    findings.push_back(
        {diagnosis::attention_factor_on_one_side,
         text_of(
             "the attention factor is {:.9} on cos and {:.9} on sin; it should be {:.9} on both",
             on_cos, on_sin, meant)});
  else if (near(value, 1))
    findings.push_back({diagnosis::attention_factor_missing,
                        text_of("cos and sin lack the attention factor {:.9}", meant)});
  else if (near(value, meant * meant))
    findings.push_back(
        {diagnosis::attention_factor_squared,
         text_of("the attention factor is squared: {:.9} where it should be {:.9}", value, meant)});
  else
    findings.push_back({diagnosis::attention_factor_value,
                        text_of("the attention factor is {:.9} where it should be {:.9}{}", value,
                                meant, reason)});
}

/// A computation of angles with coarse roundings, and the relative error that its angles may have
/// beyond these roundings.
struct coarse_pipeline {
  diagnosis what;
  pipeline way;
  double angle_error;
  std::string text;
};
inline std::vector<coarse_pipeline> coarse_pipelines() {
  // A relative error of angles that is allowed in addition to the roundings of a pipeline: four
  // roundings to float32, 2^-24 each.
  constexpr double last_bit_error = 2.5e-7;
  constexpr element_format f32 = element_format::binary32, f64 = element_format::binary64;
  std::vector<coarse_pipeline> all = {
      {diagnosis::float32_angles,
       {f32, f32, f32},
       1e-12,
       "angles are float32(position * float32(inv_freq)), as in the common frameworks: their error "
       "grows with the position"},
      {diagnosis::float32_inv_freq,
       {f32, f64, f64},
       1e-12,
       "frequencies are rounded to float32: the error grows with the position"}};
  for (const element_format f : {element_format::bfloat16, element_format::binary16}) {
    const auto add = [&](diagnosis what, pipeline way, double error, const char* text) {
      all.push_back({what, way, error, text_of(text, name_of(f), 1 << digits_of(f))});
    };
    add(diagnosis::inv_freq_16bit, {f, f64, f64}, last_bit_error, "frequencies are rounded to {}");
    add(diagnosis::positions_16bit, {f64, f, f64}, float_angle_error,
        "positions are rounded to {}, which is exact only up to {}");
    add(diagnosis::angles_16bit, {f, f, f}, last_bit_error,
        "positions, frequencies and angles are rounded to {}");
    add(diagnosis::angles_16bit, {f64, f64, f}, std::ldexp(1, -digits_of(f)),
        "angles are rounded to {}");
  }
  return all;
}

class row_search {
public:
  /// `has_findings`: a mistake was found before, so the expected numbers may explain the rows.
  row_search(const expectation& expected, const observation& seen, bool has_findings)
      : expected_(expected), seen_(seen), has_findings_(has_findings),
        exact_(list_of(expected.frequencies())),
        attention_factor_(expected.frequencies().attention_factor()),
        as_expected_{diagnosis::unexplained, "", exact_, attention_factor_},
        at_{seen.positions, axes_of(expected.frequencies())}, rows_(solved_rows(seen)) {}

  /// The likeliest explanation. `further` are candidates in addition to those of candidate_list.
  explanation run(const std::vector<candidate>& further = {}) {
    try_all(as_expected_, at_, {});
    try_pipelines();
    try_axes();
    try_positions();
    std::vector<candidate> all = further;
    add_smaller_rotary_dim(all);
    const std::vector<std::int64_t>& values = seen_.positions.values;
    const auto reach = std::max_element(values.begin(), values.end());
    const candidate_list others(expected_, shown_inv_freq(seen_, at_.axis_of_pair),
                                static_cast<double>(*reach));
    all.insert(all.end(), others.all().begin(), others.all().end());
    for (const candidate& guess : all)
      try_all(guess, at_, {{guess.what, guess.text}});
    if (!best_.found)
      for (const candidate& guess : all)
        for (const std::int64_t shift : {1, -1})
          try_all(guess, shifted(shift),
                  {{guess.what, guess.text}, {diagnosis::position_offset, about(shift)}});
    if (!best_.found && expected_.n_axes() > 1)
      try_axes_of_each_pair();
    if (!best_.found)
      try_axes_with(all);
    best_.equal = equal_mistakes();
    return best_;
  }

private:
  // Tries these frequencies and positions, exactly and in float32, with cos and sin exchanged or
  // not.
  void try_all(const candidate& guess, const pair_positions& at,
               const std::vector<finding>& mistakes) {
    const trig_rows t = trig_rows_of(guess.inv_freq, at);
    try_rows(t, guess, mistakes, double_angle_error, 0);
    std::vector<finding> coarse = mistakes;
    coarse.push_back({diagnosis::float32_angles,
                      "angles are computed in float32: their relative error is up to "
                      "about 1e-6, so the error grows with the position"});
    try_rows(t, guess, coarse, float_angle_error, -0.5);
  }

  void try_rows(const trig_rows& t, const candidate& guess, const std::vector<finding>& mistakes,
                double angle_error, double extra_cost) {
    for (const bool exchanged : {false, true}) {
      const fit f = fitted(seen_, t, angle_error, exchanged);
      if (!(f.ratio <= 1) || f.cos_factor < 0)
        continue;
      std::vector<finding> findings = mistakes;
      if (exchanged)
        findings.push_back(
            {diagnosis::cos_sin_exchanged, "sin is used in place of cos, and cos in place of sin"});
      if (f.sin_factor < 0)
        findings.push_back({diagnosis::wrong_direction,
                            "the engine rotates by the negative angle: sin has the wrong sign"});
      // The fit uses many elements, so its factors are more precise than one 8-bit element.
      explain_factors(expected_, guess.attention_factor, f.cos_factor, std::fabs(f.sin_factor),
                      std::min(4 * seen_.noise, 0x1p-4) + 1e-12, findings);
      // The error is too large, but every factor is as expected within the tolerance.
      if (findings.empty() && !has_findings_)
        findings.push_back({diagnosis::attention_factor_value,
                            text_of("the attention factor is {:.17} where it should be {:.17}",
                                    f.cos_factor, attention_factor_)});
      take(findings, f.error, extra_cost);
    }
  }

  void take(const std::vector<finding>& findings, double error, double extra_cost) {
    double cost = extra_cost;
    for (const finding& found : findings)
      cost += is_about_precision(found.what) ? 1.5 : 2;
    if (is_better(cost, error, best_))
      best_ = {true, findings, error, cost};
  }
  // Of explanations with equal costs the first one wins, because common mistakes are tried first,
  // unless a later one has less than half of its error.
  static bool is_better(double cost, double error, const explanation& than) {
    return cost < than.cost || (!(cost > than.cost) && error < than.error / 2);
  }

  void try_axes() {
    for (const axis_mistake& mistake : axis_mistakes(expected_, seen_.positions)) {
      candidate guess = as_expected_;
      guess.inv_freq = mistake.inv_freq;
      const explanation before = std::exchange(best_, {});
      try_all(guess, mistake.at, mistake.findings());
      if (best_.found && mistake.what)
        fitting_.push_back(best_);
      if (!is_better(best_.cost, best_.error, before))
        best_ = before;
    }
  }

  // The mistakes in axes that fit into the best explanation without making it worse: in place of
  // its mistake in axes, or in addition to its mistakes if none of them is about axes.
  std::vector<diagnosis> equal_mistakes() const {
    std::vector<diagnosis> list;
    const auto is_in_best = [&](diagnosis what) {
      return std::any_of(best_.findings.begin(), best_.findings.end(),
                         [&](const finding& found) { return found.what == what; });
    };
    const bool has_axes = std::any_of(best_.findings.begin(), best_.findings.end(), about_axes);
    for (const explanation& other : fitting_) {
      const diagnosis what = other.findings[0].what;
      const bool is_equal =
          has_axes ? !(other.cost > best_.cost)
                   : std::all_of(other.findings.begin() + 1, other.findings.end(),
                                 [&](const finding& found) { return is_in_best(found.what); });
      if (is_equal && !is_in_best(what) && std::count(list.begin(), list.end(), what) == 0)
        list.push_back(what);
    }
    return list;
  }

  // Finds the axis of each pair that explains the rows of this pair best.
  void try_axes_of_each_pair() {
    for (const double direction : {1.0, -1.0}) {
      axis_list axes;
      for (std::int64_t pair = 0; pair < seen_.n_pairs; ++pair) {
        // If the expected axis fits, it is kept, even if another axis fits, too.
        auto best = static_cast<std::int64_t>(at_.axis_of_pair[static_cast<std::size_t>(pair)]);
        double least = angle_misfit(pair, best, direction);
        const bool is_kept = least <= 1;
        for (std::int64_t axis = 0; !is_kept && axis < expected_.n_axes(); ++axis)
          if (const double misfit = angle_misfit(pair, axis, direction); misfit < least) {
            least = misfit;
            best = axis;
          }
        axes.push_back(static_cast<std::uint8_t>(best));
      }
      if (axes != at_.axis_of_pair)
        try_all(as_expected_, {seen_.positions, axes},
                {{diagnosis::wrong_sections, other_axes(axes, at_.axis_of_pair)}});
    }
  }
  // The largest error of the direction of (cos, sin) if the pair belongs to this axis, as a
  // multiple of the allowed error.
  double angle_misfit(std::int64_t pair, std::int64_t axis, double direction) const {
    double worst = 0;
    for (std::int64_t token = 0; token < seen_.n_tokens(); ++token) {
      const double angle = direction * static_cast<double>(seen_.positions.at(token, axis)) *
                           exact_[static_cast<std::size_t>(pair)];
      const solved_row& row = rows_[static_cast<std::size_t>(token * seen_.n_pairs + pair)];
      const double size = std::sqrt(row.cos * row.cos + row.sin * row.sin);
      const double c = std::cos(angle), s = std::sin(angle);
      const double off = std::hypot(row.cos - size * c, row.sin - size * s);
      worst =
          std::max(worst, off / (size * (8 * seen_.noise + float_angle_error * std::fabs(angle))));
    }
    return worst;
  }

  // Tries other frequencies together with other axes. Tokens of text do not depend on axes, so they
  // tell which frequencies are possible.
  void try_axes_with(const std::vector<candidate>& all) {
    observation text = seen_;
    text.positions.values.clear();
    text.equations.clear();
    for (std::int64_t token = 0; token < seen_.n_tokens(); ++token)
      if (seen_.positions.is_text(token)) {
        text.positions.push_back(seen_.positions.at(token, 0));
        text.equations.insert(text.equations.end(), seen_.at(token, 0), seen_.at(token + 1, 0));
      }
    if (text.positions.size() == 0)
      return;
    const std::vector<axis_mistake> mistakes = axis_mistakes(expected_, seen_.positions);
    for (const candidate& guess : all) {
      const trig_rows t = trig_rows_of(guess.inv_freq, {text.positions, at_.axis_of_pair});
      if (!(fitted(text, t, float_angle_error, false).ratio <= 1) &&
          !(fitted(text, t, float_angle_error, true).ratio <= 1))
        continue;
      for (const axis_mistake& mistake : mistakes)
        if (mistake.inv_freq == exact_) {
          std::vector<finding> findings = mistake.findings();
          findings.insert(findings.begin(), {guess.what, guess.text});
          try_all(guess, mistake.at, findings);
        }
    }
  }

  void try_pipelines() {
    for (const coarse_pipeline& coarse : coarse_pipelines()) {
      if (coarse.what == diagnosis::positions_16bit && !moves_a_position(coarse.way.position))
        continue; // The format represents all positions, so rounding changes none.
      const bool is_loose = coarse.angle_error >= 0x1p-11;
      try_rows(trig_rows_of(exact_, at_, coarse.way), as_expected_, {{coarse.what, coarse.text}},
               coarse.angle_error, is_loose ? 1.5 : -1);
    }
  }
  bool moves_a_position(element_format format) const {
    const std::vector<std::int64_t>& all = seen_.positions.values;
    return std::any_of(all.begin(), all.end(), [&](auto position) {
      const auto exact = static_cast<double>(position);
      return rounded_to(format, exact) != exact;
    });
  }

  pair_positions shifted(std::int64_t by) const {
    pair_positions list = at_;
    for (std::int64_t& position : list.tokens.values)
      position += by;
    return list;
  }
  static std::string about(std::int64_t shift) {
    return text_of("position p is rotated as position p {} {}", shift < 0 ? "-" : "+",
                   shift < 0 ? -shift : shift);
  }

  void try_positions() {
    const auto try_list = [&](diagnosis what, const std::string& text, const auto& position_of) {
      const token_positions list = seen_.positions.changed(position_of);
      if (!(list == seen_.positions))
        try_all(as_expected_, {list, at_.axis_of_pair}, {{what, text}});
    };
    using integer = std::int64_t;
    for (integer shift = -5000; shift <= 5000; ++shift)
      if (shift != 0 && may_be_shifted(shift))
        try_all(as_expected_, shifted(shift), {{diagnosis::position_offset, about(shift)}});
    if (expected_.n_axes() == 1) // try_axes tries the same for several axes
      try_list(diagnosis::positions_ignored, "the index in the batch is used as the position",
               [](integer token, integer, integer) { return token; });
    for (const integer token : {integer{0}, seen_.n_tokens() - 1})
      try_list(diagnosis::positions_ignored,
               text_of("every token is rotated as position {}", seen_.positions.at(token, 0)),
               [&](integer, integer axis, integer) { return seen_.positions.at(token, axis); });
    try_list(diagnosis::positions_limited, "positions wrap at 16 bits, signed",
             [](integer, integer, integer p) { return (p + 32768) % 65536 - 32768; });
    try_list(diagnosis::positions_limited, "positions wrap at 16 bits",
             [](integer, integer, integer p) { return p % 65536; });
    std::vector<std::int64_t> limits = {2048, 4096, 8192, 16384, 32768, 65536};
    if (expected_.method().numbers().length > 0)
      limits.insert(limits.begin(), expected_.method().numbers().length);
    for (const std::int64_t limit : limits) {
      try_list(diagnosis::positions_limited, text_of("positions are clamped to {}", limit - 1),
               [limit](integer, integer, integer p) { return p < limit ? p : limit - 1; });
      try_list(diagnosis::positions_limited, text_of("positions are taken modulo {}", limit),
               [limit](integer, integer, integer p) { return p % limit; });
    }
  }
  // A quick test, because there are thousands of shifts. The fit decides.
  bool may_be_shifted(std::int64_t shift) const {
    std::size_t i = 0;
    for (std::int64_t token = 0; token < seen_.n_tokens(); ++token)
      for (std::int64_t pair = 0; pair < seen_.n_pairs; ++pair) {
        const std::int64_t position = at_.at(token, pair);
        const double f = exact_[static_cast<std::size_t>(pair)];
        const double angle = static_cast<double>(position + shift) * f;
        const solved_row& row = rows_[i++];
        const double size = std::sqrt(row.cos * row.cos + row.sin * row.sin);
        // Only the direction of (cos, sin) is compared, because the attention factor is not known
        // yet.
        const double off = std::fabs(row.cos * std::sin(angle) - row.sin * std::cos(angle));
        if (off > size * (8 * seen_.noise + float_angle_error * std::fabs(angle)) ||
            (position + shift == 0 && row.cos < 0))
          return false;
      }
    return true;
  }

  // If the last pairs are not rotated, fewer elements are rotated than expected.
  void add_smaller_rotary_dim(std::vector<candidate>& all) const {
    std::size_t n = exact_.size();
    const auto is_unrotated = [&](std::size_t pair) {
      for (std::int64_t t = 0; t < seen_.n_tokens(); ++t) {
        const solved_row& row = rows_[static_cast<std::size_t>(t) * exact_.size() + pair];
        // Elements that are not rotated do not get the attention factor either.
        if (std::fabs(row.sin) > 4 * seen_.noise || std::fabs(row.cos - 1) > 4 * seen_.noise)
          return false;
      }
      return true;
    };
    while (n > 0 && is_unrotated(n - 1))
      --n;
    if (n == 0 || n == exact_.size())
      return;
    const auto rotated = static_cast<std::int64_t>(2 * n);
    const std::string text = rotary_dim_text(rotated, expected_.shape().rotated());
    all.push_back(
        {diagnosis::rotary_dim, text, expected_.continued(rotated / 2), attention_factor_});
    if (expected_.method().numbers().any_dim) {
      rope_shape shape = expected_.shape();
      shape.rotary_dim = rotated;
      const frequencies f = expected_.method().resolve(shape, expected_.seq_len());
      all.push_back({diagnosis::rotary_dim, text, list_of(f), attention_factor_});
    }
  }

  const expectation& expected_;
  const observation& seen_;
  bool has_findings_;
  std::vector<double> exact_;
  double attention_factor_;
  candidate as_expected_;
  pair_positions at_;
  std::vector<solved_row> rows_;
  explanation best_;
  std::vector<explanation> fitting_; // each has a mistake in axes, which is its first finding
};

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Makes a report of an observation: the error, the mistakes that explain it, and the verdict.
// Opt-in.
#ifndef YARN_DETAIL_TESTING_JUDGE_HPP
#define YARN_DETAIL_TESTING_JUDGE_HPP

#include "layout.hpp"
#include "notes.hpp"
#include "search.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

/// The positions at which a check compares the engine. The first ones are neighbours. Each further
/// one up to 131071 is so near to the previous one that a frequency can be followed from one to the
/// other, in float32 and in bfloat16: the number of whole turns between them is certain. Above 4,
/// no position is a power of two, because products with powers of two are exact in float32 and hide
/// the error of float32 angles. The last position is `largest`, or the position before it if
/// `largest` is a power of two above 4.
inline std::vector<std::int64_t> probe_positions(std::int64_t largest) {
  if (largest < 0 || largest > yarn::detail::largest_position)
    fail_argument("yarn: testing: the largest position = {} must be in [0, 2^31]", largest);
  std::vector<std::int64_t> list;
  for (const std::int64_t position : {0, 1, 2, 3, 61, 1021, 4095, 32767, 131071})
    if (position <= largest)
      list.push_back(position);
  const bool is_power = (largest & (largest - 1)) == 0;
  const std::int64_t last = largest > 4 && is_power ? largest - 1 : largest;
  if (last > list.back())
    list.push_back(last);
  return list;
}

/// The same for several axes. The tokens look like a prompt: text, then an image, then text. On
/// each axis, the tokens of the image run through all these positions. The axes begin at different
/// positions, so a token of the image has different positions on different axes.
inline token_positions probe_positions(std::int64_t largest, std::int64_t n_axes) {
  const std::vector<std::int64_t> list = probe_positions(largest);
  if (n_axes == 1)
    return {1, list};
  token_positions all{n_axes, {}};
  const std::size_t n_before = std::min<std::size_t>(list.size(), 4);
  for (std::size_t i = 0; i < n_before; ++i)
    all.push_back(list[i]);
  for (std::size_t i = 0; i < list.size(); ++i)
    for (std::int64_t axis = 0; axis < n_axes; ++axis)
      all.values.push_back(list[(i + static_cast<std::size_t>(axis)) % list.size()]);
  for (std::size_t i = n_before; i < list.size(); ++i)
    all.push_back(list[i]);
  return all;
}

/// The 16-bit format that represents all cos and sin of an engine, with or without the attention
/// factor; binary64 if there is none, or if fewer than 16 of the numbers tell formats apart.
inline element_format format_of_rows(const observation& seen, double attention_factor) {
  const std::vector<solved_row> rows = solved_rows(seen);
  for (const element_format format : {element_format::bfloat16, element_format::binary16})
    for (const double unit : {1.0, attention_factor}) {
      bool all = true;
      std::int64_t n = 0;
      for (const solved_row& row : rows)
        for (const double value : {row.cos / unit, row.sin / unit}) {
          all = all && std::fabs(value - rounded_to(format, value)) <= 4 * seen.noise;
          // Small numbers and 1 do not count, because they are near a number of every format.
          n += std::fabs(value) > 0.25 && std::fabs(value) < 0.99 ? 1 : 0;
        }
      if (all && n >= 16)
        return format;
    }
  return element_format::binary64;
}

inline void add_unexplained(report& r, const expectation& expected, const observation& seen) {
  std::string text = "none of the known mistakes gives these numbers";
  const std::vector<double> exact = list_of(expected.frequencies());
  const std::vector<double> shown = shown_inv_freq(seen, axes_of(expected.frequencies()));
  const auto ratio = [&](std::size_t i) {
    return shown[i] > 0 && exact[i] > 0 ? std::max(shown[i] / exact[i], exact[i] / shown[i]) : 1;
  };
  std::size_t worst = 0;
  for (std::size_t i = 1; i < shown.size(); ++i)
    worst = ratio(i) > ratio(worst) ? i : worst;
  if (ratio(worst) > 1.001)
    text += text_of("; pair {} turns by about {:.6} rad per token where it should turn by {:.6}",
                    worst, shown[worst], exact[worst]);
  add_finding(r, {diagnosis::unexplained, text});
}

/// Adds the findings that explain `seen` to those of the report.
inline void explain(report& r, const expectation& expected, observation seen,
                    const std::vector<candidate>& further = {}) {
  const double attention_factor = expected.frequencies().attention_factor();
  const element_format format =
      seen.digits > 11 ? format_of_rows(seen, attention_factor) : element_format::binary64;
  if (format != element_format::binary64) {
    seen.noise = std::ldexp(1.5, -digits_of(format));
    add_finding(r, {diagnosis::table_16bit,
                    text_of("cos and sin have only the precision of {}: an error of up to {:.2}",
                            name_of(format), std::ldexp(0.5, -digits_of(format)))});
  }
  const trig_rows exact = expected_rows(expected, seen.positions);
  const misfit plain = largest_error(seen, exact, attention_factor);
  r.remaining_error = plain.error;
  if (plain.ratio <= 1) {
    note_hidden_mistakes(r, expected, seen);
    return;
  }
  const explanation found = row_search(expected, seen, !r.findings.empty()).run(further);
  if (!found.found) {
    add_unexplained(r, expected, seen);
    return;
  }
  r.remaining_error = found.error;
  for (const finding& mistake : found.findings)
    add_finding(r, mistake);
  note_equal_mistakes(r, found);
}

/// Like explain, but `seen` may have another number of pairs than the expectation.
inline void explain_any_width(report& r, const expectation& expected, const observation& seen) {
  if (seen.n_pairs == expected.n_pairs())
    explain(r, expected, seen);
  else
    explain(r, expected.with_rotary_dim(2 * seen.n_pairs), seen,
            {{diagnosis::rotary_dim, "", expected.continued(seen.n_pairs),
              expected.frequencies().attention_factor()}});
}

/// Sets `passed`, `tolerance` and the final findings. `right`: the error is not larger than that of
/// correct arithmetic in the types of the engine.
inline void decide(report& r, bool right, double noise, const options& o) {
  const bool within = o.tolerance > 0 ? r.max_error <= o.tolerance : right;
  r.tolerance = o.tolerance > 0 ? o.tolerance : noise;
  const auto all_are = [&](const auto& is) {
    return std::all_of(r.findings.begin(), r.findings.end(),
                       [&](const finding& found) { return is(found.what); });
  };
  // A larger tolerance accepts errors without a known cause.
  if (within && all_are([](diagnosis what) { return what == diagnosis::unexplained; }))
    r.findings.clear();
  if (!within && r.findings.empty())
    r.findings.push_back(
        {diagnosis::unexplained, text_of("the error is above options.tolerance, but not above the "
                                         "rounding error of the type, {:.2}",
                                         noise)});
  r.passed = within ? all_are(is_about_precision)
                    : o.accept_float32_angles && all_are(is_float32_precision);
}

inline void check_options(const options& o) {
  if (!is_finite(o.tolerance) || !(o.tolerance >= 0))
    fail_argument("yarn: testing::options.tolerance = {} must be finite and >= 0 (0: by the type)",
                  o.tolerance);
  if (o.n_heads < 1 || o.n_heads > 1024)
    fail_argument("yarn: testing::options.n_heads = {} must be in [1, 1024]", o.n_heads);
}

/// Removes the tokens with NaN or infinity from two lists of numbers, and adds a finding. `text` is
/// the finding, with {} for the position and the index of the number modulo `period`.
inline void remove_not_finite(report& r, token_positions& tokens, std::vector<double>& a,
                              std::vector<double>& b, const char* text, std::size_t period) {
  const auto n_tokens = static_cast<std::size_t>(tokens.size());
  const auto n_axes = static_cast<std::size_t>(tokens.n_axes);
  const std::size_t width = a.size() / n_tokens;
  std::size_t n = 0; // the number of tokens that stay
  for (std::size_t t = 0; t < n_tokens; ++t) {
    std::size_t i = t * width;
    while (i < (t + 1) * width && is_finite(a[i]) && is_finite(b[i]))
      ++i;
    if (i < (t + 1) * width) {
      add_finding(r, {diagnosis::not_finite, text_of(text, tokens.values[t * n_axes], i % period)});
      continue;
    }
    std::copy_n(&tokens.values[t * n_axes], n_axes, &tokens.values[n * n_axes]);
    std::copy_n(&a[t * width], width, &a[n * width]);
    std::copy_n(&b[t * width], width, &b[n * width]);
    ++n;
  }
  tokens.values.resize(n * n_axes);
  a.resize(n * width);
  b.resize(n * width);
}

// ---- Rows -------------------------------------------------------------------------------------

/// The rows of an engine as doubles, [token][width].
struct row_values {
  element_format format = element_format::unknown;
  token_positions positions;
  std::int64_t width = 0;
  std::vector<double> cos;
  std::vector<double> sin;

  std::size_t at(std::int64_t token, std::int64_t i) const {
    return static_cast<std::size_t>(token * width + i);
  }
};

/// The indices of the entries of a pair in a row: pair i has the entry i * stride, and its copy is
/// `copy_distance` entries after this entry.
struct repetition {
  std::int64_t n_pairs;
  std::int64_t copy_distance; ///< 0: no copy
  std::int64_t stride;
};
inline bool repeats(const row_values& rows, const repetition& how) {
  bool any = false;
  for (std::int64_t t = 0; t < rows.positions.size(); ++t) {
    if (rows.positions.is_zero(t)) // All pairs have the same entries.
      continue;
    any = true;
    for (std::int64_t i = 0; i < how.n_pairs; ++i) {
      const std::size_t a = rows.at(t, i * how.stride);
      const std::size_t b = rows.at(t, i * how.stride + how.copy_distance);
      if (rows.cos[a] != rows.cos[b] || rows.sin[a] != rows.sin[b])
        return false;
    }
  }
  return any;
}
/// Finds duplicated halves (Hugging Face), duplicated neighbours (GPT-J), or single entries.
inline repetition repetition_of(const row_values& rows) {
  const std::int64_t half = rows.width / 2;
  for (const repetition how : {repetition{half, half, 1}, repetition{half, 1, 2}})
    if (rows.width % 2 == 0 && half > 1 && repeats(rows, how))
      return how;
  return {rows.width, 0, 1};
}

inline observation observed(const row_values& rows, const repetition& how) {
  observation seen;
  seen.positions = rows.positions;
  seen.n_pairs = how.n_pairs;
  seen.per_pair = 2;
  seen.digits = digits_of(rows.format);
  seen.noise = noise_of(seen.digits, 4, 1.5);
  for (std::int64_t t = 0; t < rows.positions.size(); ++t)
    for (std::int64_t i = 0; i < how.n_pairs; ++i) {
      seen.equations.push_back({1, 0, rows.cos[rows.at(t, i * how.stride)], 1});
      seen.equations.push_back({0, 1, rows.sin[rows.at(t, i * how.stride)], 1});
    }
  return seen;
}

/// Measures the error against the expected rows, for the pairs that the engine and the expectation
/// have.
inline misfit measure(report& r, const expectation& expected, const observation& seen) {
  const trig_rows t = expected_rows(expected, seen.positions);
  const misfit worst = largest_error(seen, t, expected.frequencies().attention_factor());
  r.max_error = worst.error;
  r.max_error_ulp = std::ldexp(worst.error, seen.digits);
  const std::int64_t axis = expected.frequencies().axis(worst.pair);
  r.worst = {seen.positions.at(worst.token, axis),
             worst.pair,
             -1,
             worst.index == 0 ? "cos" : "sin",
             worst.expected,
             seen.at(worst.token, worst.pair)[worst.index].y,
             expected.n_axes() == 1 ? -1 : axis};
  return worst;
}

/// Finds how the entries of a row repeat. If a row has twice the expected width and its entries do
/// not repeat, the row has either twice as many pairs or copies that differ. Copies that differ are
/// a finding. They are assumed if no mistake with twice as many pairs explains the numbers.
inline repetition repetition_in(report& r, const expectation& expected, const row_values& rows) {
  const repetition how = repetition_of(rows);
  if (how.copy_distance != 0 || rows.width != 2 * expected.n_pairs())
    return how;
  const std::vector<std::int64_t>& all = rows.positions.values;
  // Rows of position 0 alone do not show the difference.
  if (std::any_of(all.begin(), all.end(), [](std::int64_t position) { return position != 0; })) {
    report as_twice_the_pairs;
    add_finding(as_twice_the_pairs, {diagnosis::rotary_dim, ""});
    explain_any_width(as_twice_the_pairs, expected, observed(rows, how));
    if (!as_twice_the_pairs.has(diagnosis::unexplained))
      return how;
    add_finding(
        r, {diagnosis::halves_differ, "a row should have each entry twice, but the copies differ"});
  }
  return {expected.n_pairs(), 0, 1};
}

inline report judge_rows(const expectation& expected, row_values rows, const options& o) {
  check_options(o);
  report r;
  r.subject = text_of("table of {}, {} positions, {} entries each of cos and sin",
                      name_of(rows.format), rows.positions.size(), rows.width);
  remove_not_finite(r, rows.positions, rows.cos, rows.sin,
                    "NaN or infinity at position {}, entry {}",
                    static_cast<std::size_t>(rows.width));
  bool right = false;
  if (rows.positions.size() > 0) {
    const observation seen = observed(rows, repetition_in(r, expected, rows));
    const bool has_width = seen.n_pairs == expected.n_pairs();
    if (!has_width)
      add_finding(r, {diagnosis::rotary_dim,
                      text_of("a row has {} pairs where there should be {} for rotary_dim = {}",
                              seen.n_pairs, expected.n_pairs(), expected.shape().rotated())});
    const expectation resized = has_width ? expected : expected.with_rotary_dim(2 * seen.n_pairs);
    right = measure(r, resized, seen).ratio <= 1 && has_width;
    explain_any_width(r, expected, seen);
    name_whole_head(r, expected, seen.n_pairs);
  }
  decide(r, right, noise_of(digits_of(rows.format), 4, 1.5), o);
  return r;
}

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

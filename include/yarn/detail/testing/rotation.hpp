// SPDX-License-Identifier: MIT
// Calls the rotation of an engine with known elements, and checks the result. Opt-in.
#ifndef YARN_DETAIL_TESTING_ROTATION_HPP
#define YARN_DETAIL_TESTING_ROTATION_HPP

#include "element_sections.hpp"
#include "judge.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

/// Elements from 128/256 to 255/256, with either sign; formats with fewer than 8 digits round them.
/// No pair is near (0, 0), where it would not show its row. Each call gets other numbers.
inline double input_value(std::size_t index, std::uint64_t call_index) {
  std::uint64_t z = (index + 1) * 0x9e3779b97f4a7c15 + call_index * 0xd1b54a32d192ed03;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  z ^= z >> 31;
  const double size = static_cast<double>(128 + (z >> 8 & 127)) / 256;
  return (z & 1) != 0 ? -size : size;
}

/// Calls the engine with 64-bit positions, or with 32-bit ones if the engine accepts only those.
template <class... Views, class Engine>
void call(Engine& engine, const std::vector<std::int64_t>& list, const Views&... views) {
  if constexpr (std::is_invocable_v<Engine&, const Views&..., const std::vector<std::int64_t>&>) {
    engine(views..., list);
  } else {
    static_assert(
        std::is_invocable_v<Engine&, const Views&..., const std::vector<std::int32_t>&>,
        "yarn: the engine is called as f(heads_view, positions), or f(heads_view of the source, "
        "heads_view of the target, positions); positions are a const std::vector<std::int32_t>& or "
        "std::vector<std::int64_t>&");
    std::vector<std::int32_t> narrow;
    narrow.reserve(list.size());
    for (const std::int64_t position : list) // All positions of probe_positions fit.
      narrow.push_back(static_cast<std::int32_t>(position));
    engine(views..., narrow);
  }
}

/// Samples without elements. For 16-bit formats, the noise allows one rounding each of cos, sin,
/// the two products and their sum, as in the frameworks.
template <class From, class To> samples empty_samples(std::int64_t n_heads, std::int64_t head_dim) {
  samples s;
  s.format = format_of_v<To>;
  s.n_heads = n_heads;
  s.head_dim = head_dim;
  s.noise = noise_of(std::min(digits_of(format_of_v<From>), digits_of(s.format)), 8, 4);
  return s;
}

constexpr std::size_t n_calls = 2; // The second call shows state that the first one left.

/// Calls `rotate(before, after, n_tokens, positions)` n_calls times, and collects the inputs and
/// outputs.
template <class From, class To, class Rotate>
samples sampled(const expectation& expected, const options& o, const Rotate& rotate) {
  const std::int64_t head_dim = expected.shape().head_dim;
  samples s = empty_samples<From, To>(static_cast<std::int64_t>(n_calls) * o.n_heads, head_dim);
  s.positions = probe_positions(o.max_position, expected.n_axes());
  const std::vector<std::int64_t> list = s.positions.by_axis();
  const auto heads = static_cast<std::size_t>(o.n_heads * head_dim); // of one token and call
  const std::size_t n = static_cast<std::size_t>(s.positions.size()) * heads;
  s.before.resize(n_calls * n);
  s.after.resize(n_calls * n);
  for (std::size_t call_index = 0; call_index < n_calls; ++call_index) {
    std::vector<From> before(n);
    std::vector<To> after(n);
    for (std::size_t i = 0; i < n; ++i)
      yarn::detail::narrow(input_value(i, call_index), before[i]);
    const std::vector<From> kept = before;
    rotate(before, after, s.positions.size(), list);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t at = (i / heads * n_calls + call_index) * heads + i % heads;
      s.before[at] = yarn::detail::widen<double>(kept[i]);
      s.after[at] = yarn::detail::widen<double>(after[i]);
    }
  }
  return s;
}

/// The tensors of a rotation that was made elsewhere.
template <class From, class To>
samples recorded(const heads_view<From>& before, const heads_view<To>& after,
                 const token_positions& list) {
  samples s = empty_samples<From, To>(before.n_heads(), before.head_dim());
  const auto append = [](const auto& view, std::int64_t t, std::vector<double>& values) {
    for (std::int64_t h = 0; h < view.n_heads(); ++h)
      for (std::int64_t d = 0; d < view.head_dim(); ++d)
        values.push_back(yarn::detail::widen<double>(
            view.data()[t * view.token_stride() + h * view.head_stride() + d]));
  };
  s.positions = list;
  for (std::int64_t t = 0; t < before.n_tokens(); ++t) {
    append(before, t, s.before);
    append(after, t, s.after);
  }
  return s;
}

/// Measures the error against the expected rotation, element by element. Returns whether rounding
/// explains the error.
inline bool measure(report& r, const expectation& expected, const samples& s) {
  const layout right = expected_layout(expected);
  const misfit worst = measure(r, expected, observed(s, right));
  const bool is_first = worst.index % 2 == 0;
  r.worst.what = is_first ? "first element" : "second element";
  r.worst.element = is_first ? right.first(right.output_order, worst.pair)
                             : right.second(right.output_order, worst.pair);
  const std::ptrdiff_t changed = first_changed_outside(s, right);
  if (changed < 0)
    return worst.ratio <= 1;
  const auto at = static_cast<std::size_t>(changed);
  const double error = std::fabs(s.after[at] - s.before[at]) / std::fabs(s.before[at]);
  if (error > r.max_error) {
    r.max_error = error;
    r.max_error_ulp = std::ldexp(error, digits_of(s.format));
    r.worst = {s.positions.at(changed / (s.n_heads * s.head_dim), 0),
               -1,
               changed % s.head_dim,
               "element outside of the rotated part",
               s.before[at],
               s.after[at]};
  }
  return false;
}

/// The report, with the findings that explain the rows under a layout.
inline report explained_under(report r, const expectation& expected, const samples& s,
                              const layout& which) {
  for (const finding& mistake : which.findings)
    add_finding(r, mistake);
  explain_any_width(r, expected, observed(s, which));
  return r;
}

/// The report under the layout `which`. With a single head, every layout has rows. If the rows
/// under `which` are unexplained, `which` becomes the first layout whose rows can be explained.
/// Only layouts with right sin terms and at most one difference from the expected one are tried.
inline report explained_rotation(const report& so_far, const expectation& expected,
                                 const samples& s, layout& which) {
  report under = explained_under(so_far, expected, s, which);
  if (s.n_heads > 1 || !under.has(diagnosis::unexplained))
    return under;
  for (const layout& other : known_layouts(expected)) {
    if (other.findings.size() > 1 || other.kind != sin_terms::rotation ||
        first_changed_outside(s, other) >= 0)
      continue;
    report another = explained_under(so_far, expected, s, other);
    if (!another.has(diagnosis::unexplained)) {
      which = other;
      return another;
    }
  }
  return under;
}

/// A wrong sign in the second element looks like a wrong sign in the first element and the negative
/// angle. Replaces these two findings by one.
inline void name_wrong_sign(report& r, const layout& which) {
  if (which.kind != sin_terms::first_sign || !r.has(diagnosis::wrong_direction))
    return;
  std::vector<finding>& list = r.findings;
  list.erase(std::remove_if(list.begin(), list.end(),
                            [](const finding& f) { return f.what == diagnosis::wrong_direction; }),
             list.end());
  for (finding& found : list)
    if (found.what == diagnosis::sign_of_one_half)
      found.text = sign_text("second");
}

/// One rounding of a 16-bit or 8-bit result changes it by at most 2^-digits; a larger error is a
/// finding.
/// Errors of float32 angles are allowed, because they are not roundings of the data.
inline void find_repeated_rounding(report& r, const expectation& expected, const samples& s,
                                   const layout& which) {
  observation rounded_once = observed(s, which);
  if (!r.findings.empty() || rounded_once.digits > 11)
    return;
  rounded_once.noise = error_of_one_rounding(rounded_once.digits);
  const trig_rows t = expected_rows(expected, s.positions);
  const misfit worst =
      largest_error(rounded_once, t, expected.frequencies().attention_factor(), float_angle_error);
  if (worst.ratio > 1)
    add_finding(
        r, {diagnosis::rounded_often, text_of("results are rounded more than once: the error is "
                                              "{:.2}, that of one rounding is at most {:.2}",
                                              r.max_error, std::ldexp(1, -rounded_once.digits))});
}

inline report judge_rotation(const expectation& expected, samples s, const options& o) {
  report r;
  r.subject = text_of("rotation of {}, {} positions, {} heads of {} elements", name_of(s.format),
                      s.positions.size(), s.n_heads, s.head_dim);
  remove_not_finite(r, s.positions, s.before, s.after,
                    "NaN or infinity at position {}, element {} of a head",
                    static_cast<std::size_t>(s.head_dim));
  bool right = false;
  if (s.positions.size() > 0) {
    right = measure(r, expected, s);
    if (std::optional<layout> found = find_layout(s, expected)) {
      r = explained_rotation(r, expected, s, *found);
      name_wrong_sign(r, *found);
      name_whole_head(r, expected, found->n_pairs());
      find_repeated_rounding(r, expected, s, *found);
    } else if (!explain_element_sections(r, expected, s)) {
      add_finding(r, {diagnosis::unexplained, "no order of pairs explains the output as a rotation "
                                              "of all heads of a token by one row of cos and sin"});
    }
  }
  decide(r, right, s.noise, o);
  return r;
}

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Runs the rotation of an engine on buffers with known elements, and checks the result. Opt-in.
#ifndef YARN_DETAIL_TESTING_ROTATION_HPP
#define YARN_DETAIL_TESTING_ROTATION_HPP

#include "judge.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

/// Elements from 128/256 to 255/256, with either sign; formats with fewer digits round them. No
/// pair is short, so each pair shows its row. Each run has other numbers.
inline double input_value(std::size_t index, std::uint64_t run) {
  std::uint64_t z = (index + 1) * 0x9e3779b97f4a7c15 + run * 0xd1b54a32d192ed03;
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
    for (const std::int64_t position : list) // All positions of telling_positions fit.
      narrow.push_back(static_cast<std::int32_t>(position));
    engine(views..., narrow);
  }
}

// In 16 bits, cos, sin, two products and their sum may each be rounded, as in the frameworks.
template <class From, class To> double rotation_noise() {
  return noise_of(digits_of_v<To> < digits_of_v<From> ? digits_of_v<To> : digits_of_v<From>, 8, 4);
}

constexpr std::int64_t runs = 2; // The second run finds state that the first one left.

/// Calls `once(before, after, run)` for each run and collects the results.
template <class From, class To, class Once>
samples sampled(const expectation& expected, const options& o, const Once& once) {
  samples s;
  s.positions = telling_positions(o.max_position);
  s.n_heads = runs * o.n_heads;
  s.head_dim = expected.shape().head_dim;
  const auto n_tokens = static_cast<std::int64_t>(s.positions.size());
  const auto n = static_cast<std::size_t>(n_tokens * o.n_heads * s.head_dim);
  s.before.resize(static_cast<std::size_t>(runs) * n);
  s.after.resize(s.before.size());
  for (std::int64_t run = 0; run < runs; ++run) {
    std::vector<From> before(n);
    std::vector<To> after(n);
    for (std::size_t i = 0; i < n; ++i)
      yarn::detail::narrow(input_value(i, static_cast<std::uint64_t>(run)), before[i]);
    const std::vector<From> kept = before;
    once(before, after, s.positions);
    std::size_t i = 0;
    for (std::int64_t t = 0; t < n_tokens; ++t)
      for (std::int64_t h = 0; h < o.n_heads; ++h)
        for (std::int64_t d = 0; d < s.head_dim; ++d, ++i) {
          const std::size_t at = s.at(t, run * o.n_heads + h, d);
          s.before[at] = yarn::detail::widen<double>(kept[i]);
          s.after[at] = yarn::detail::widen<double>(after[i]);
        }
  }
  s.noise = rotation_noise<From, To>();
  return s;
}

/// The tensors of a rotation that was made elsewhere.
template <class From, class To>
samples recorded(const heads_view<From>& before, const heads_view<To>& after,
                 const positions& list) {
  samples s;
  s.n_heads = before.n_heads();
  s.head_dim = before.head_dim();
  s.noise = rotation_noise<std::remove_const_t<From>, std::remove_const_t<To>>();
  const auto append = [](const auto& view, std::int64_t t, std::vector<double>& values) {
    for (std::int64_t h = 0; h < view.n_heads(); ++h)
      for (std::int64_t d = 0; d < view.head_dim(); ++d)
        values.push_back(yarn::detail::widen<double>(
            view.data()[t * view.token_stride() + h * view.head_stride() + d]));
  };
  for (std::int64_t t = 0; t < before.n_tokens(); ++t) {
    s.positions.push_back(list[t]);
    append(before, t, s.before);
    append(after, t, s.after);
  }
  return s;
}

/// Removes the tokens with NaN or infinity.
inline samples finite_samples(const samples& s, report& r) {
  samples kept = s;
  kept.positions.clear();
  kept.before.clear();
  kept.after.clear();
  const auto size = static_cast<std::size_t>(s.n_heads * s.head_dim);
  for (std::size_t t = 0; t < s.positions.size(); ++t) {
    std::size_t i = t * size;
    while (i < (t + 1) * size && is_finite(s.before[i]) && is_finite(s.after[i]))
      ++i;
    if (i < (t + 1) * size) {
      add_finding(r, {diagnosis::not_finite,
                      text_of("NaN or infinity at position {}, element {} of a head",
                              s.positions[t], i % static_cast<std::size_t>(s.head_dim))});
      continue;
    }
    kept.positions.push_back(s.positions[t]);
    for (i = t * size; i < (t + 1) * size; ++i) {
      kept.before.push_back(s.before[i]);
      kept.after.push_back(s.after[i]);
    }
  }
  return kept;
}

/// Measures the error against the expected rotation, element by element. Returns whether rounding
/// explains the error.
inline bool measure(report& r, const expectation& expected, const samples& s, int digits) {
  const layout right = expected_layout(expected);
  const observation seen = observed(s, right);
  const bool fits = measure(r, expected, seen, digits);
  const turns t = turns_of(list_of(expected.frequencies()), s.positions);
  const misfit worst = largest_error(seen, t, expected.frequencies().attention_factor());
  r.worst.what = worst.index % 2 == 0 ? "first element" : "second element";
  r.worst.element = worst.index % 2 == 0 ? right.first(right.output_order, worst.pair)
                                         : right.second(right.output_order, worst.pair);
  const std::ptrdiff_t changed = changed_beyond(s, right);
  if (changed < 0)
    return fits;
  const auto at = static_cast<std::size_t>(changed);
  const double error = std::fabs(s.after[at] - s.before[at]) / std::fabs(s.before[at]);
  if (error > r.max_error) {
    r.max_error = error;
    r.max_error_ulp = std::ldexp(error, digits);
    r.worst = {s.positions[at / static_cast<std::size_t>(s.n_heads * s.head_dim)],
               -1,
               changed % s.head_dim,
               "element beyond the rotary part",
               s.before[at],
               s.after[at]};
  }
  return false;
}

/// The report, with the findings that explain the rows under a layout.
inline report explained_under(const report& sofar, const expectation& expected, const samples& s,
                              const layout& which, int digits) {
  report r = sofar;
  for (const finding& mistake : which.findings)
    add_finding(r, mistake);
  const observation seen = observed(s, which);
  if (which.rotary_dim == expected.shape().rotated())
    explain(r, expected, seen, digits);
  else
    explain(r, expected.with_rotary_dim(which.rotary_dim), seen, digits,
            {{diagnosis::rotary_dim, "", expected.continued(which.n_pairs()),
              expected.frequencies().attention_factor()}});
  return r;
}

/// The report under the layout that was found. With a single head, rows fit any order of pairs. The
/// layout is then the first one whose rows can be explained.
inline report explained_rotation(const report& sofar, const expectation& expected, const samples& s,
                                 layout& which, int digits) {
  report under = explained_under(sofar, expected, s, which, digits);
  if (s.n_heads > 1 || !under.has(diagnosis::unexplained))
    return under;
  for (const layout& other : layout_list(expected).all()) {
    if (other.findings.size() > 1 || other.kind != mixing::rotation ||
        changed_beyond(s, other) >= 0)
      continue;
    report another = explained_under(sofar, expected, s, other, digits);
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
  if (which.kind != mixing::first_sign || !r.has(diagnosis::wrong_direction))
    return;
  std::vector<finding> kept;
  for (finding& found : r.findings) {
    if (found.what == diagnosis::sign_of_one_half)
      found.text = sign_text("second");
    if (found.what != diagnosis::wrong_direction)
      kept.push_back(found);
  }
  r.findings = kept;
}

/// One rounding of a 16-bit result changes it by at most 2^-digits; a larger error is a finding.
/// Errors of float32 angles are allowed, because they are not roundings of the data.
inline void find_repeated_rounding(report& r, const expectation& expected, const samples& s,
                                   const layout& which, int digits) {
  if (!r.findings.empty() || digits > 11)
    return;
  observation rounded_once = observed(s, which);
  rounded_once.noise = 1.02 * std::ldexp(1, -digits);
  const turns t = turns_of(list_of(expected.frequencies()), s.positions);
  const misfit worst =
      largest_error(rounded_once, t, expected.frequencies().attention_factor(), float_angle_error);
  if (worst.ratio > 1)
    add_finding(r, {diagnosis::rounded_often,
                    text_of("results are rounded more than once on the way: the error is {:.2}, "
                            "where one rounding makes {:.2}",
                            r.max_error, std::ldexp(1, -digits))});
}

inline report judge_rotation(const expectation& expected, const samples& all, int digits,
                             const char* type, const options& o) {
  report r;
  r.subject = text_of("rotation of {}, {} positions, {} heads of {} elements", type,
                      all.positions.size(), all.n_heads, all.head_dim);
  const samples s = finite_samples(all, r);
  if (s.positions.empty()) {
    decide(r, false, s.noise, o);
    return r;
  }
  const bool right = measure(r, expected, s, digits);
  layout_result found = find_layout(s, expected);
  if (found.found) {
    r = explained_rotation(r, expected, s, found.which, digits);
    name_wrong_sign(r, found.which);
    find_repeated_rounding(r, expected, s, found.which, digits);
  } else {
    add_finding(r, {diagnosis::unexplained,
                    "no row of cos and sin turns the heads of a token into what came back, under "
                    "any order of pairs"});
  }
  decide(r, right, s.noise, o);
  return r;
}

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

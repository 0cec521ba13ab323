// SPDX-License-Identifier: MIT
// Finds one mistake of engines whose rows have cos and sin of half-split pairs twice: sections of
// double length run once through both copies, where the sections should run through each copy. So
// the two elements of a pair turn with positions on different axes, which is no rotation. Opt-in.
#ifndef YARN_DETAIL_TESTING_ELEMENT_SECTIONS_HPP
#define YARN_DETAIL_TESTING_ELEMENT_SECTIONS_HPP

#include "layout.hpp"
#include "notes.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

/// The equations of each rotated element alone, as if it were a pair: first elements, then second.
inline observation observed_elements(const samples& s, const layout& l) {
  observation seen = observed(s, l);
  const std::vector<equation> of_pairs = std::exchange(seen.equations, {});
  const auto per_pair = static_cast<std::size_t>(seen.per_pair);
  const auto per_token = static_cast<std::size_t>(seen.n_pairs) * per_pair;
  for (std::size_t token = 0; token < of_pairs.size(); token += per_token)
    for (const std::size_t which : {std::size_t{0}, std::size_t{1}})
      for (std::size_t i = which; i < per_token; i += 2)
        seen.equations.push_back(of_pairs[token + i]);
  seen.n_pairs *= 2;
  seen.per_pair /= 2;
  return seen;
}

/// The axis of each rotated element if the doubled sections run through all of them.
inline axis_list axes_of_elements(const expectation& expected) {
  axis_list axes = axes_of(expected.frequencies());
  axis_list of_elements;
  std::stable_sort(axes.begin(), axes.end());
  for (const std::uint8_t axis : axes)
    of_elements.insert(of_elements.end(), 2, axis);
  return of_elements;
}

/// Adds the findings if the engine has this mistake. Returns whether the engine has it.
inline bool explain_element_sections(report& r, const expectation& expected, const samples& s) {
  const layout right = expected_layout(expected);
  if (expected.n_axes() == 1 || right.order != pairing::half_split ||
      right.output_order != right.order)
    return false;
  const observation seen = observed_elements(s, right);
  std::vector<double> inv_freq = list_of(expected.frequencies());
  inv_freq.insert(inv_freq.end(), expected.frequencies().inv_freq().begin(),
                  expected.frequencies().inv_freq().end());
  const trig_rows rows = trig_rows_of(inv_freq, {seen.positions, axes_of_elements(expected)});
  for (const double angle_error : {double_angle_error, float_angle_error}) {
    const fit f = fitted(seen, rows, angle_error, false);
    if (!(f.ratio <= 1) || !(f.cos_factor > 0))
      continue;
    r.remaining_error = f.error;
    add_finding(r, {diagnosis::sections_in_elements,
                    "the doubled sections run once through all elements, so the two elements of a "
                    "pair turn with different axes; the sections should run through the first "
                    "elements of pairs, and again through the second"});
    if (angle_error > double_angle_error)
      add_finding(r, {diagnosis::float32_angles, "angles are computed in float32"});
    std::vector<finding> others;
    if (f.sin_factor < 0)
      others.push_back({diagnosis::wrong_direction,
                        "the engine rotates by the negative angle: sin has the wrong sign"});
    explain_factors(expected, expected.frequencies().attention_factor(), f.cos_factor,
                    std::fabs(f.sin_factor), std::min(4 * seen.noise, 0x1p-4) + 1e-12, others);
    for (const finding& found : others)
      add_finding(r, found);
    return true;
  }
  return false;
}

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

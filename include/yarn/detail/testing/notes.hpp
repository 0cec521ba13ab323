// SPDX-License-Identifier: MIT
// Findings and notes about the axes of pairs. Opt-in.
#ifndef YARN_DETAIL_TESTING_NOTES_HPP
#define YARN_DETAIL_TESTING_NOTES_HPP

#include "axes.hpp"
#include "observation.hpp"
#include "search.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

inline void add_finding(report& r, const finding& found) {
  if (!r.has(found.what))
    r.findings.push_back(found);
}

/// The position with which each pair should turn.
inline pair_positions expected_positions(const expectation& expected,
                                         const token_positions& tokens) {
  return {tokens, axes_of(expected.frequencies())};
}
inline trig_rows expected_rows(const expectation& expected, const token_positions& tokens) {
  return trig_rows_of(list_of(expected.frequencies()), expected_positions(expected, tokens));
}

inline void add_note(report& r, const std::string& note) {
  if (std::find(r.notes.begin(), r.notes.end(), note) == r.notes.end())
    r.notes.push_back(note);
}
inline std::string names_of(const std::vector<diagnosis>& list) {
  std::string names;
  for (const diagnosis what : list)
    names += (names.empty() ? "" : ", ") + std::string(name_of(what));
  return names;
}

inline void note_hidden(report& r, const std::vector<diagnosis>& hidden) {
  if (!hidden.empty())
    add_note(r, "the positions do not tell whether the engine has these mistakes: " +
                    names_of(hidden) + "; give tokens whose positions on the axes are far apart");
}
/// Adds a note about the mistakes in axes that would give the same numbers, because the positions
/// on the axes are equal or near each other.
inline void note_hidden_mistakes(report& r, const expectation& expected, const observation& seen) {
  std::vector<diagnosis> hidden;
  for (const axis_mistake& mistake : axis_mistakes(expected, seen.positions)) {
    if (!mistake.what || std::count(hidden.begin(), hidden.end(), *mistake.what) != 0)
      continue;
    const trig_rows rows = trig_rows_of(mistake.inv_freq, mistake.at);
    if (largest_error(seen, rows, expected.frequencies().attention_factor()).ratio <= 1)
      hidden.push_back(*mistake.what);
  }
  note_hidden(r, hidden);
}

/// Adds a note about the mistakes in axes that explain the numbers as well as the findings do.
inline void note_equal_mistakes(report& r, const explanation& found) {
  if (found.equal.empty())
    return;
  if (std::any_of(found.findings.begin(), found.findings.end(), about_axes))
    add_note(r, "these mistakes would give the same numbers at these positions: " +
                    names_of(found.equal));
  else
    note_hidden(r, found.equal);
}

/// If the expectation has sections, and the engine rotates the whole head in place of the rotated
/// part, replaces the finding rotary_dim by whole_head_rotated.
inline void name_whole_head(report& r, const expectation& expected, std::int64_t n_pairs) {
  const rope_shape& shape = expected.shape();
  if (expected.n_axes() == 1 || 2 * n_pairs != shape.head_dim || shape.rotated() == shape.head_dim)
    return;
  for (finding& found : r.findings)
    if (found.what == diagnosis::rotary_dim)
      found = {diagnosis::whole_head_rotated,
               text_of("all {} elements of a head are rotated; rotate {} elements, which have the "
                       "{} pairs of the sections",
                       shape.head_dim, shape.rotated(), expected.n_pairs())};
}

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

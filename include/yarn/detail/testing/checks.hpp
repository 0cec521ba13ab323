// SPDX-License-Identifier: MIT
// The implementation of testing.hpp: checks the arguments and collects the numbers of the engine.
#ifndef YARN_DETAIL_TESTING_CHECKS_HPP
#define YARN_DETAIL_TESTING_CHECKS_HPP

#include "../../testing.hpp"
#include "inv_freq.hpp"
#include "rotation.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

template <class View> void check_entries(const View& view) {
  if (view.n_pairs() < 1 || view.row_stride() < view.n_pairs())
    fail_argument("yarn: testing: n_pairs = {} must be > 0 and at most row_stride = {}",
                  view.n_pairs(), view.row_stride());
  if (view.cos(0) == nullptr || view.sin(0) == nullptr)
    fail_argument("yarn: testing: cos or sin is null");
}

/// Appends row `row` of the view to the values.
template <class View> void append_row(row_values& values, const View& view, std::int64_t row) {
  values.format = format_of_v<std::remove_reference_t<decltype(*view.cos(row))>>;
  values.width = view.n_pairs();
  for (std::int64_t i = 0; i < view.n_pairs(); ++i) {
    values.cos.push_back(yarn::detail::widen<double>(view.cos(row)[i]));
    values.sin.push_back(yarn::detail::widen<double>(view.sin(row)[i]));
  }
}

/// The number of positions for n tokens: that of the list, or n for an open run.
inline std::int64_t n_positions(const positions& list, std::int64_t n) {
  return list.is_open_run() ? n : list.size();
}
inline std::int64_t n_positions(const axis_positions& list, std::int64_t) { return list.size(); }

inline void check_list(const expectation&, const positions& list, std::int64_t n) {
  yarn::detail::check_positions(list, n);
}
inline void check_list(const expectation& expected, const axis_positions& list, std::int64_t) {
  yarn::detail::check_axes(list, expected.frequencies());
}

template <class T, class List>
report rows_report(const expectation& expected, const rows_view<T>& rows, const List& list,
                   const options& o) {
  const std::int64_t n = n_positions(list, rows.n_rows());
  if (n != rows.n_rows() || n < 1)
    fail_argument(
        "yarn: testing: {} positions for n_rows = {}; the two numbers must be equal and > 0", n,
        rows.n_rows());
  check_entries(rows);
  check_list(expected, list, n);
  row_values values;
  values.positions = positions_of(list, n, expected.n_axes());
  for (std::int64_t t = 0; t < n; ++t)
    append_row(values, rows, t);
  return judge_rows(expected, values, o);
}

template <class From, class To, class List>
report rotated_report(const expectation& expected, const heads_view<From>& before,
                      const heads_view<To>& after, const List& list, const options& o) {
  check_options(o);
  const std::int64_t n = n_positions(list, before.n_tokens());
  if (before.n_tokens() != after.n_tokens() || before.n_heads() != after.n_heads() ||
      before.head_dim() != after.head_dim() || n != before.n_tokens() || n < 1 ||
      before.n_heads() < 1)
    fail_argument(
        "yarn: testing: before is [{}][{}][{}], after [{}][{}][{}], with {} positions; the shapes "
        "must be equal and not empty, with one position per token",
        before.n_tokens(), before.n_heads(), before.head_dim(), after.n_tokens(), after.n_heads(),
        after.head_dim(), n);
  if (before.head_dim() != expected.shape().head_dim)
    fail_argument("yarn: testing: head_dim = {} must be rope_shape.head_dim = {}",
                  before.head_dim(), expected.shape().head_dim);
  if (before.data() == nullptr || after.data() == nullptr)
    fail_argument("yarn: testing: before or after is null");
  check_list(expected, list, n);
  const samples s = recorded(before, after, positions_of(list, n, expected.n_axes()));
  if (std::all_of(s.before.begin(), s.before.end(), [](double x) { return x == 0.0; }))
    fail_argument("yarn: testing: before is all zeros, which no rotation changes");
  return judge_rotation(expected, s, o);
}

} // namespace detail

template <class T>
report check_rows(const expectation& expected, const rows_view<T>& rows, const positions& list,
                  const options& o) {
  return detail::rows_report(expected, rows, list, o);
}
template <class T>
report check_rows(const expectation& expected, const rows_view<T>& rows, const axis_positions& list,
                  const options& o) {
  return detail::rows_report(expected, rows, list, o);
}

template <class T>
report check_table(const expectation& expected, const table_view<T>& table, const options& o) {
  const std::int64_t last = table.n_rows() - 1;
  if (last < 0)
    detail::fail_argument("yarn: testing: n_rows = {} of the table must be > 0", table.n_rows());
  detail::check_entries(table);
  detail::row_values values;
  values.positions.n_axes = expected.n_axes();
  for (const std::int64_t position : detail::probe_positions(std::min(last, o.max_position))) {
    values.positions.push_back(position);
    detail::append_row(values, table, position);
  }
  return detail::judge_rows(expected, values, o);
}

template <class Number, class Count>
report check_inv_freq(const expectation& expected, const Number* inv_freq, Count n_pairs,
                      const optional_number& attention_factor, const options& o) {
  static_assert(std::is_same_v<Number, double> || std::is_same_v<Number, float>,
                "yarn: inverse frequencies are float or double");
  const std::int64_t n = yarn::detail::to_index(n_pairs, "n_pairs");
  if (n < 1 || n > std::int64_t{1} << 23)
    detail::fail_argument("yarn: testing: n_pairs = {} must be in [1, 2^23]", n);
  if (inv_freq == nullptr)
    detail::fail_argument("yarn: testing: inv_freq is null");
  return detail::judge_inv_freq(expected, format_of_v<Number>, {inv_freq, inv_freq + n},
                                attention_factor, o);
}

template <class T, class Engine>
report check_rotation(const expectation& expected, Engine&& engine, const options& o) {
  detail::check_options(o);
  const detail::samples s = detail::sampled<T, T>(
      expected, o,
      [&](std::vector<T>& before, std::vector<T>& after, std::int64_t n_tokens, const auto& list) {
        after = before;
        const heads_view<T> x{after.data(), n_tokens, o.n_heads, expected.shape().head_dim};
        detail::call(engine, list, x);
      });
  return detail::judge_rotation(expected, s, o);
}

template <class From, class To, class Engine>
report check_copy(const expectation& expected, Engine&& engine, const options& o) {
  detail::check_options(o);
  const detail::samples s = detail::sampled<From, To>(
      expected, o,
      [&](std::vector<From>& before, std::vector<To>& after, std::int64_t n_tokens,
          const auto& list) {
        const std::int64_t dim = expected.shape().head_dim;
        const heads_view<const From> source{before.data(), n_tokens, o.n_heads, dim};
        const heads_view<To> target{after.data(), n_tokens, o.n_heads, dim};
        detail::call(engine, list, source, target);
      });
  return detail::judge_rotation(expected, s, o);
}

template <class From, class To>
report check_rotated(const expectation& expected, const heads_view<From>& before,
                     const heads_view<To>& after, const positions& list, const options& o) {
  return detail::rotated_report(expected, before, after, list, o);
}
template <class From, class To>
report check_rotated(const expectation& expected, const heads_view<From>& before,
                     const heads_view<To>& after, const axis_positions& list, const options& o) {
  return detail::rotated_report(expected, before, after, list, o);
}

template <class T, class QueryEngine, class KeyEngine>
report check_rotations(const expectation& expected, QueryEngine&& of_q, KeyEngine&& of_k,
                       const options& o) {
  const report q = check_rotation<T>(expected, of_q, o), k = check_rotation<T>(expected, of_k, o);
  const bool k_is_worse = k.max_error > q.max_error;
  report both = k_is_worse ? k : q;
  both.subject = "q and k, each " + q.subject;
  both.worst.what = (k_is_worse ? "k, " : "q, ") + both.worst.what;
  both.passed = q.passed && k.passed;
  both.remaining_error = std::max(q.remaining_error, k.remaining_error);
  both.findings.clear();
  both.notes = q.notes;
  for (const std::string& note : k.notes)
    detail::add_note(both, note);
  const auto add = [&](const report& of_one, const report& other, const char* name) {
    for (finding found : of_one.findings) {
      const bool same = other.has(found.what);
      if (same && &of_one == &k)
        continue; // added with q
      if (!same && found.what >= diagnosis::attention_factor_missing &&
          found.what <= diagnosis::attention_factor_value)
        found.what = diagnosis::attention_factor_on_one_side;
      found.text = (same ? "q and k: " : name) + found.text;
      both.findings.push_back(found);
    }
  };
  add(q, k, "q: ");
  add(k, q, "k: ");
  return both;
}

} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

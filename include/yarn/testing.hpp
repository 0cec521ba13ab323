// SPDX-License-Identifier: MIT
// For the unit tests of an engine: is its RoPE right, and if not, what is wrong? Opt-in, not in the
// umbrella; needs no test framework. docs/testing-your-engine.md shows its use.
//
//     check_table, check_rows   the engine's cos and sin
//     check_inv_freq            its inverse frequencies and attention factor
//     check_rotation(s)         a function that rotates a tensor in place; q and k together
//     check_copy                one that rotates from a source into a target
//     check_rotated             tensors that something has rotated: a dump, another process
//
// Each compares with the exact values, which come from double rows of the library, and where they
// differ computes what the engine would have given under each of some hundred mistakes, alone and
// combined. The likeliest that gives the engine's numbers to within rounding is named. What is
// found wrong is in the report; exceptions are for calls that make no sense.
#ifndef YARN_TESTING_HPP
#define YARN_TESTING_HPP

#include "detail/testing/inv_freq.hpp"
#include "detail/testing/rotation.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace testing {

/// An engine's rows of cos and sin: row t belongs to list[t].
/// Shape    rows of n_pairs entries, or of twice as many where each pair has two: as duplicated
///          halves (Hugging Face) or as neighbours (GPT-J). One array [cos | sin]:
///          rows_view<T>::packed. T: float, double or a 16-bit format; the attention factor is in
///          the values.
/// Needs    position 1 among the list, or no theta can be estimated; the larger the positions, the
///          more shows. Powers of two hide the error of float32 angles: rather 4095 than 4096.
/// Errors   std::invalid_argument: no rows, null data, counts of rows and positions that differ,
///          options out of range; std::out_of_range: a position beyond 2^31.
template <class T>
report check_rows(const expectation& expected, const rows_view<T>& rows, const positions& list,
                  const options& o = {}) {
  const std::int64_t n = list.is_run() && list.size() < 0 ? rows.n_rows() : list.size();
  if (n != rows.n_rows() || n < 1)
    detail::fail_argument(
        "yarn: testing: {} positions for n_rows = {}; they must be as many, and > 0", n,
        rows.n_rows());
  if (rows.n_pairs() < 1 || rows.row_stride() < rows.n_pairs())
    detail::fail_argument("yarn: testing: n_pairs = {} must be > 0 and at most row_stride = {}",
                          rows.n_pairs(), rows.row_stride());
  if (rows.cos(0) == nullptr || rows.sin(0) == nullptr)
    detail::fail_argument("yarn: testing: cos or sin is null");
  yarn::detail::check_positions(list, n);
  detail::row_values values;
  values.width = rows.n_pairs();
  for (std::int64_t t = 0; t < n; ++t) {
    values.positions.push_back(list[t]);
    for (std::int64_t i = 0; i < rows.n_pairs(); ++i) {
      values.cos.push_back(yarn::detail::widen<double>(rows.cos(t)[i]));
      values.sin.push_back(yarn::detail::widen<double>(rows.sin(t)[i]));
    }
  }
  return detail::judge_rows(expected, values, detail::digits_of<T>(), detail::type_name<T>(), o);
}

/// An engine's table: row p belongs to position p. Telling positions are looked at, up to
/// options.max_position and the end of the table.
/// Errors   as check_rows.
template <class T>
report check_table(const expectation& expected, const table_view<T>& table, const options& o = {}) {
  const std::int64_t last = table.n_rows() - 1;
  if (last < 0)
    detail::fail_argument("yarn: testing: n_rows = {} of the table must be > 0", table.n_rows());
  if (table.n_pairs() < 1 || table.row_stride() < table.n_pairs())
    detail::fail_argument("yarn: testing: n_pairs = {} must be > 0 and at most row_stride = {}",
                          table.n_pairs(), table.row_stride());
  if (table.cos(0) == nullptr || table.sin(0) == nullptr)
    detail::fail_argument("yarn: testing: cos or sin is null");
  detail::row_values values;
  values.width = table.n_pairs();
  values.positions = detail::telling_positions(last < o.max_position ? last : o.max_position);
  for (const std::int64_t position : values.positions)
    for (std::int64_t i = 0; i < table.n_pairs(); ++i) {
      values.cos.push_back(yarn::detail::widen<double>(table.cos(position)[i]));
      values.sin.push_back(yarn::detail::widen<double>(table.sin(position)[i]));
    }
  return detail::judge_rows(expected, values, detail::digits_of<T>(), detail::type_name<T>(), o);
}

/// An engine's inverse frequencies, rad/token, float or double, and its attention factor where it
/// has it apart. Errors are relative here.
/// Errors   std::invalid_argument: null, n_pairs not in [1, 2^23], options out of range.
template <class Number, class Count>
report check_inv_freq(const expectation& expected, const Number* inv_freq, Count n_pairs,
                      const optional_number& attention_factor = {}, const options& o = {}) {
  static_assert(std::is_same_v<Number, double> || std::is_same_v<Number, float>,
                "yarn: inverse frequencies are float or double");
  const std::int64_t n = yarn::detail::to_index(n_pairs, "n_pairs");
  if (n < 1 || n > std::int64_t{1} << 23)
    detail::fail_argument("yarn: testing: n_pairs = {} must be in [1, 2^23]", n);
  if (inv_freq == nullptr)
    detail::fail_argument("yarn: testing: inv_freq is null");
  return detail::judge_inv_freq(expected, {inv_freq, inv_freq + n}, detail::digits_of<Number>(),
                                attention_factor, o);
}

/// A function that rotates in place: engine(heads_view<T> x, positions), positions a
/// `const std::vector<std::int64_t>&` or of std::int32_t. It is called twice.
/// Shape    x[positions.size()][options.n_heads][head_dim], dense.
/// Types    T float, double or a 16-bit format.
/// Errors   std::invalid_argument: options out of range.
template <class T, class Engine>
report check_rotation(const expectation& expected, Engine&& engine, const options& o = {}) {
  detail::check_options(o);
  const detail::samples s = detail::sampled<T, T>(
      expected, o, [&](std::vector<T>& before, std::vector<T>& after, const auto& list) {
        after = before;
        const heads_view<T> x{after.data(), list.size(), o.n_heads, expected.shape().head_dim};
        detail::call(engine, list, x);
      });
  return detail::judge_rotation(expected, s, detail::digits_of<T>(), detail::type_name<T>(), o);
}

/// A function that rotates out of place: engine(heads_view<const From>, heads_view<To>, positions),
/// which writes all of the target. Otherwise as check_rotation.
template <class From, class To, class Engine>
report check_copy(const expectation& expected, Engine&& engine, const options& o = {}) {
  detail::check_options(o);
  const detail::samples s = detail::sampled<From, To>(
      expected, o, [&](std::vector<From>& before, std::vector<To>& after, const auto& list) {
        const std::int64_t dim = expected.shape().head_dim;
        const heads_view<const From> source{before.data(), list.size(), o.n_heads, dim};
        const heads_view<To> target{after.data(), list.size(), o.n_heads, dim};
        detail::call(engine, list, source, target);
      });
  return detail::judge_rotation(expected, s, detail::digits_of<To>(), detail::type_name<To>(), o);
}

/// Tensors before and after a rotation, wherever it was made; token t stands at list[t].
/// Shape    both [n_tokens][n_heads][head_dim], any strides. Two heads or more tell pairs from each
///          other; random numbers are best. The notes on positions of check_rows apply.
/// Errors   std::invalid_argument: shapes that differ, no token or head, null data, another
/// head_dim
///          than expected; std::out_of_range: a position beyond 2^31.
template <class From, class To>
report check_rotated(const expectation& expected, const heads_view<From>& before,
                     const heads_view<To>& after, const positions& list, const options& o = {}) {
  detail::check_options(o);
  const std::int64_t n = list.size() < 0 ? before.n_tokens() : list.size();
  if (before.n_tokens() != after.n_tokens() || before.n_heads() != after.n_heads() ||
      before.head_dim() != after.head_dim() || n != before.n_tokens() || n < 1 ||
      before.n_heads() < 1)
    detail::fail_argument("yarn: testing: before is [{}][{}][{}], after [{}][{}][{}], with {} "
                          "positions; they must agree, and be > 0",
                          before.n_tokens(), before.n_heads(), before.head_dim(), after.n_tokens(),
                          after.n_heads(), after.head_dim(), n);
  if (before.head_dim() != expected.shape().head_dim)
    detail::fail_argument("yarn: testing: head_dim = {} must be rope_shape.head_dim = {}",
                          before.head_dim(), expected.shape().head_dim);
  if (before.data() == nullptr || after.data() == nullptr)
    detail::fail_argument("yarn: testing: before or after is null");
  yarn::detail::check_positions(list, n);
  const detail::samples s = detail::recorded(before, after, list);
  bool is_zero = true;
  for (const double x : s.before)
    is_zero = is_zero && x == 0.0;
  if (is_zero)
    detail::fail_argument(
        "yarn: testing: before is all zeros, which every rotation leaves as they are");
  return detail::judge_rotation(expected, s, detail::digits_of<To>(), detail::type_name<To>(), o);
}

/// The rotations of q and of k, as check_rotation each: what differs between them shows only here.
template <class T, class QueryEngine, class KeyEngine>
report check_rotations(const expectation& expected, QueryEngine&& of_q, KeyEngine&& of_k,
                       const options& o = {}) {
  const report q = check_rotation<T>(expected, of_q, o), k = check_rotation<T>(expected, of_k, o);
  report both = k.max_error > q.max_error ? k : q;
  both.subject = "q and k, each " + q.subject;
  both.worst.what = (k.max_error > q.max_error ? "k, " : "q, ") + both.worst.what;
  both.passed = q.passed && k.passed;
  both.explained_error =
      q.explained_error > k.explained_error ? q.explained_error : k.explained_error;
  both.findings.clear();
  const auto is_of_factor = [](diagnosis what) {
    return what >= diagnosis::attention_factor_missing && what <= diagnosis::attention_factor_value;
  };
  for (const report* one : {&q, &k})
    for (const finding& each : one->findings) {
      const report& other = one == &q ? k : q;
      const bool same = other.has(each.what);
      finding named = each;
      if (is_of_factor(each.what) && !same)
        named.what = diagnosis::attention_factor_on_one_side;
      if (same && one == &k)
        continue; // said already
      named.text = (same ? "q and k: " : one == &q ? "q: " : "k: ") + each.text;
      both.findings.push_back(named);
    }
  return both;
}

} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// For the unit tests of an engine: checks whether its RoPE is right, and names the mistakes.
// Opt-in, not part of yarn.hpp. The header needs no test framework. docs/testing-your-engine.md
// shows how to use the checks.
//
//     check_table, check_rows   cos and sin of the engine
//     check_inv_freq            inverse frequencies and the attention factor of the engine
//     check_rotation            a function that rotates a tensor in place
//     check_rotations           two such functions, one for q and one for k
//     check_copy                a function that rotates from a source into a target
//     check_rotated             tensors before and after a rotation, such as a dump
//
// Each check compares the numbers of the engine with exact values: the library's frequencies, or
// its rows of type double. If the difference is larger than rounding explains, the check simulates
// about a hundred known mistakes, and combinations of them. The report names the likeliest mistakes
// that give the numbers of the engine. Only wrong arguments throw exceptions.
//
// For a model whose pairs turn with positions on several axes (M-RoPE, vision towers), give the
// expectation the axes. The checks then also find mistakes in axes and sections.
#ifndef YARN_TESTING_HPP
#define YARN_TESTING_HPP

#include "testing/expectation.hpp"
#include "testing/report.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace testing {

/// Checks an engine's rows of cos and sin: row t belongs to list[t].
/// Shape    Rows of n_pairs entries, or of 2 * n_pairs entries that contain each pair twice: as
///          duplicated halves (Hugging Face) or as neighbours (GPT-J). For one array [cos | sin],
///          use rows_view<T>::packed. The values include the attention factor.
/// Types    T: float, double or a smaller format.
/// Requires For a good diagnosis, the list must contain position 1, where the estimate of the
///          frequencies begins, and large positions, which make errors easier to see. Avoid powers
///          of two, which hide the error of float32 angles: use 4095, not 4096.
/// Errors   std::invalid_argument: no rows, no pairs, row_stride < n_pairs, null data, different
///          numbers of rows and positions, options out of range. std::out_of_range: a position
///          beyond 2^31.
template <class T>
report check_rows(const expectation& expected, const rows_view<T>& rows, const positions& list,
                  const options& o = {});

/// The same for positions on several axes, for expectations with axes.
/// Errors   Those above, and std::invalid_argument: the list has fewer axes than the expectation,
///          or several axes while the expectation has one.
template <class T>
report check_rows(const expectation& expected, const rows_view<T>& rows, const axis_positions& list,
                  const options& o = {});

/// Checks an engine's table: row p belongs to position p. The check compares at most ten rows, at
/// positions that show errors well, up to options.max_position and the end of the table.
/// Errors   Those of check_rows.
template <class T>
report check_table(const expectation& expected, const table_view<T>& table, const options& o = {});

/// Checks an engine's inverse frequencies, and its attention factor if the engine stores one. The
/// errors in the report are relative to the frequency or the attention factor (report::unit).
/// Shape    inv_freq[n_pairs].
/// Units    rad/token.
/// Types    float or double.
/// Errors   std::invalid_argument: inv_freq is null, n_pairs is not in [1, 2^23], options out of
///          range.
template <class Number, class Count>
report check_inv_freq(const expectation& expected, const Number* inv_freq, Count n_pairs,
                      const optional_number& attention_factor = {}, const options& o = {});

/// Checks a function that rotates in place: engine(heads_view<T> x, positions). The check calls the
/// function twice.
/// Shape    x[n_tokens][options.n_heads][head_dim], dense. positions[n_tokens]; for an expectation
///          with several axes, positions[n_axes][n_tokens], as `axis_positions` reads them.
/// Types    T: float, double or a smaller format. positions: const std::vector<std::int64_t>&, or a
///          vector of std::int32_t.
/// Errors   std::invalid_argument: options out of range.
template <class T, class Engine>
report check_rotation(const expectation& expected, Engine&& engine, const options& o = {});

/// Checks a function that rotates out of place: engine(heads_view<const From>, heads_view<To>,
/// positions). The function must write the whole target.
/// Errors   Those of check_rotation.
template <class From, class To, class Engine>
report check_copy(const expectation& expected, Engine&& engine, const options& o = {});

/// Checks tensors before and after a rotation that was made elsewhere. Token t has the position
/// list[t].
/// Shape    Both [n_tokens][n_heads][head_dim], any strides.
/// Requires For a good diagnosis: at least two heads, random elements, and positions as for
///          check_rows.
/// Errors   std::invalid_argument: different shapes, no token or head, null data, a head_dim other
///          than that of the expectation, all elements of `before` are 0, options out of range.
///          std::out_of_range: a position beyond 2^31.
template <class From, class To>
report check_rotated(const expectation& expected, const heads_view<From>& before,
                     const heads_view<To>& after, const positions& list, const options& o = {});

/// The same for positions on several axes, for expectations with axes.
/// Errors   Those above, and those of check_rows for lists with several axes.
template <class From, class To>
report check_rotated(const expectation& expected, const heads_view<From>& before,
                     const heads_view<To>& after, const axis_positions& list,
                     const options& o = {});

/// Checks the rotations of q and of k like check_rotation, and finds differences between the two.
/// Errors   Those of check_rotation.
template <class T, class QueryEngine, class KeyEngine>
report check_rotations(const expectation& expected, QueryEngine&& of_q, KeyEngine&& of_k,
                       const options& o = {});

} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#include "detail/testing/checks.hpp"

#endif

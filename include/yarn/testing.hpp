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

#include "testing/expectation.hpp"
#include "testing/report.hpp"

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
                  const options& o = {});

/// An engine's table: row p belongs to position p. Telling positions are looked at, up to
/// options.max_position and the end of the table.
/// Errors   as check_rows.
template <class T>
report check_table(const expectation& expected, const table_view<T>& table, const options& o = {});

/// An engine's inverse frequencies, rad/token, float or double, and its attention factor where it
/// has it apart. Errors are relative here.
/// Errors   std::invalid_argument: null, n_pairs not in [1, 2^23], options out of range.
template <class Number, class Count>
report check_inv_freq(const expectation& expected, const Number* inv_freq, Count n_pairs,
                      const optional_number& attention_factor = {}, const options& o = {});

/// A function that rotates in place: engine(heads_view<T> x, positions), positions a
/// `const std::vector<std::int64_t>&` or of std::int32_t. It is called twice.
/// Shape    x[positions.size()][options.n_heads][head_dim], dense.
/// Types    T float, double or a 16-bit format.
/// Errors   std::invalid_argument: options out of range.
template <class T, class Engine>
report check_rotation(const expectation& expected, Engine&& engine, const options& o = {});

/// A function that rotates out of place: engine(heads_view<const From>, heads_view<To>, positions),
/// which writes all of the target. Otherwise as check_rotation.
template <class From, class To, class Engine>
report check_copy(const expectation& expected, Engine&& engine, const options& o = {});

/// Tensors before and after a rotation, wherever it was made; token t stands at list[t].
/// Shape    both [n_tokens][n_heads][head_dim], any strides. Two heads or more tell pairs from each
///          other; random numbers are best. The notes on positions of check_rows apply.
/// Errors   std::invalid_argument: shapes that differ, no token or head, null data, another
///          head_dim than expected; std::out_of_range: a position beyond 2^31.
template <class From, class To>
report check_rotated(const expectation& expected, const heads_view<From>& before,
                     const heads_view<To>& after, const positions& list, const options& o = {});

/// The rotations of q and of k, as check_rotation each: what differs between them shows only here.
template <class T, class QueryEngine, class KeyEngine>
report check_rotations(const expectation& expected, QueryEngine&& of_q, KeyEngine&& of_k,
                       const options& o = {});

} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#include "detail/testing/checks.hpp"

#endif

// SPDX-License-Identifier: MIT
// rope_apply and rope_copy rotate the heads of whole tensors.
//
//     x0' = x0 c - x1 s      (x0, x1) is pair i of a head. (c, s) is entry i in the row of the
//     x1' = x0 s + x1 c      head's token: cos and sin, times the attention factor.
//
// A call takes tensors (q and k together, or one alone), the rows of their tokens, and a pairing:
//
//     tensor    a heads_view, or an engine's own type that has tensor_traits (views.hpp)
//     rows      rotary_rows or a rows_view: prepared once per step, row t belongs to token t;
//               or rows_of(frequencies or table, positions): this call makes the rows itself, or
//               reads them in the table
//
// rotary_rows and rows_of(frequencies, positions) give the same bits (for tensors of double:
// rotary_rows<double>). So do all slices, strides and alignments.
#ifndef YARN_ROPE_HPP
#define YARN_ROPE_HPP

#include "rows.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Rotates every pair of q and k (or of x) in place by the row of its token. The elements beyond
/// rotary_dim keep their bits. The function is not idempotent: a second call rotates again.
/// Shape    q[n_tokens][n_q_heads][head_dim], k[n_tokens][n_kv_heads][head_dim], any strides. q and
///          k may lie in one buffer, but must not share elements.
/// Types    Elements: float, double, and the 8-bit and 16-bit formats of types.hpp. Rows and tables
///          may have any of these formats, not only that of the elements. A call computes in double
///          if one of its tensors is double, else in float. Elements of 8 or 16 bits are rounded
///          once, to nearest even.
/// Errors   Those of rope_check. All checks come before the first write.
/// Accuracy 1 ULP of hypot(x0, x1) * m from the exact rotation by the rounded row, and 2 ULP from
///          the exact rotation by the true angle (1.25 and 2.25 ULP on processors without a fused
///          multiply-add). m is the attention factor. In double, the error of the angle (rows.hpp)
///          is added to the second bound.
/// Source   RoFormer, arXiv 2104.09864, equation 34.
template <class Q, class K, class Rows>
void rope_apply(const Q& q, const K& k, const Rows& rows, pairing p);
template <class X, class Rows> void rope_apply(const X& x, const Rows& rows, pairing p);

/// Checks a call of rope_apply with the same arguments. Reads and writes no element.
/// Errors   std::invalid_argument: an extent is negative, head_dim < 2 * n_pairs, heads overlap or
///          interweave, q and k overlap, an offset does not fit ptrdiff_t, data is null, token
///          counts differ, or row_stride < n_pairs. std::out_of_range: a position is outside the
///          table, or beyond 2^31.
template <class Q, class K, class Rows>
void rope_check(const Q& q, const K& k, const Rows& rows, pairing p);
template <class X, class Rows> void rope_check(const X& x, const Rows& rows, pairing p);

/// rope_apply without checks, for one slice of the tokens. Call rope_check once per step, then call
/// this function on each thread. All slices together give the same bits as one rope_apply.
/// Requires A call that rope_check accepts; part.thread in [0, part.n_threads).
/// Errors   None: it never throws. It allocates no memory and uses at most 28 KB of stack.
template <class Q, class K, class Rows>
void rope_apply_unchecked(const Q& q, const K& k, const Rows& rows, pairing p,
                          thread_slice part = {}) noexcept;
template <class X, class Rows>
void rope_apply_unchecked(const X& x, const Rows& rows, pairing p, thread_slice part = {}) noexcept;

/// Rotates `source` and writes the result to `target`. The target may have another element type
/// (that of a KV cache), other strides, and another order of the pairs (`order`): DeepSeek-V3 reads
/// interleaved pairs and writes half-split pairs. The elements beyond rotary_dim are copied, and
/// converted to the type of the target.
/// Shape    Both [n_tokens][n_heads][head_dim], any strides. Their memory must be disjoint, unless
///          both are the same view, with elements of the same size and the same order of pairs.
/// Types    Any two formats. The rotation is computed in double if either is double, else in float,
///          and rounded once.
/// Errors   Those of rope_copy_check. All checks come before the first write.
/// Accuracy That of rope_apply.
template <class From, class To, class Rows>
void rope_copy(const From& source, const To& target, const Rows& rows, pairing p,
               output_order order);
template <class From, class To, class Rows>
void rope_copy(const From& source, const To& target, const Rows& rows, pairing p);

/// Checks a call of rope_copy with the same arguments. Reads and writes no element.
/// Errors   Those of rope_check, and std::invalid_argument: source and target differ in shape, or
///          may overlap and are not the same view (see rope_copy).
template <class From, class To, class Rows>
void rope_copy_check(const From& source, const To& target, const Rows& rows, pairing p,
                     output_order order);
template <class From, class To, class Rows>
void rope_copy_check(const From& source, const To& target, const Rows& rows, pairing p);

/// rope_copy without checks, for one slice of the tokens.
/// Requires A call that rope_copy_check accepts; part.thread in [0, part.n_threads).
/// Errors   None, as for rope_apply_unchecked.
template <class From, class To, class Rows>
void rope_copy_unchecked(const From& source, const To& target, const Rows& rows, pairing p,
                         output_order order, thread_slice part = {}) noexcept;
template <class From, class To, class Rows>
void rope_copy_unchecked(const From& source, const To& target, const Rows& rows, pairing p,
                         thread_slice part = {}) noexcept;

} // namespace YARN_ABI
} // namespace yarn

#include "detail/rope/apply.hpp"

#endif

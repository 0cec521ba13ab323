// SPDX-License-Identifier: MIT
// rope_apply and rope_copy: the rotation of whole tensors.
//
//     x0' = x0 c - x1 s      (x0, x1) is pair i of a head, (c, s) are the entries of pair i in the
//     x1' = x0 s + x1 c      row of the head's token; the attention factor is in c and s
//
// A call takes tensors (q and k together, or one alone), the rows of their tokens, and a pairing:
//
//     tensor    heads_view, or an engine's own type with tensor_traits (views.hpp)
//     rows      rotary_rows or rows_view: row t belongs to token t, prepared once a step;
//               rows_of(frequencies or table, positions): made, or picked, by this call
//
// The bits are the same for prepared rows and rows_of, for any slice, stride or alignment.
#ifndef YARN_ROPE_HPP
#define YARN_ROPE_HPP

#include "rows.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Rotates every pair of q and k (or of x) in place by its token's row. Elements beyond rotary_dim
/// keep their bits. Not idempotent: a second call rotates again.
/// Shape    q[n_tokens][n_q_heads][head_dim], k[n_tokens][n_kv_heads][head_dim], any strides; q and
///          k must not overlap (they may be parts of one buffer).
/// Types    float, double, the 16-bit formats and float8_e4m3 of types.hpp; rows and tables of any
///          format, independently. Smaller formats are rotated in float and rounded once, to even.
/// Errors   as rope_check, before anything is touched.
/// Error    <= 1 ULP of hypot(x0, x1) * m of the exact rotation by the rounded row (1.25 without
///          a fused multiply-add), 2 of the exact rotation by the true angle.
/// Source   RoFormer, arXiv 2104.09864, equation 34.
template <class Q, class K, class Rows>
void rope_apply(const Q& q, const K& k, const Rows& rows, pairing p);
template <class X, class Rows> void rope_apply(const X& x, const Rows& rows, pairing p);

/// Checks a call of rope_apply with the same arguments, and touches nothing.
/// Errors   std::invalid_argument: an extent is negative, head_dim < 2 * n_pairs, heads overlap or
///          interweave, q and k overlap, a product is beyond ptrdiff_t, data is null, token counts
///          differ, row_stride < n_pairs; std::out_of_range: a position outside a table, or beyond
///          2^31. An overlap of q and k with different strides is seen only where the view that
///          begins first has no gaps.
template <class Q, class K, class Rows>
void rope_check(const Q& q, const K& k, const Rows& rows, pairing p);
template <class X, class Rows> void rope_check(const X& x, const Rows& rows, pairing p);

/// rope_apply without checks, for one slice of the tokens: call rope_check once a step, then this
/// on each thread. All slices together are one rope_apply, bit for bit.
/// Requires what rope_check requires; slice.index in [0, slice.count).
/// Errors   never throws; allocates nothing, uses at most 20 KB of stack.
template <class Q, class K, class Rows>
void rope_apply_unchecked(const Q& q, const K& k, const Rows& rows, pairing p,
                          slice part = {}) noexcept;
template <class X, class Rows>
void rope_apply_unchecked(const X& x, const Rows& rows, pairing p, slice part = {}) noexcept;

/// Rotates `source` into `target`: another type (a KV cache's), other strides, another order of the
/// rotated elements (`target_order`: DeepSeek reads interleaved pairs and writes half-split ones).
/// The elements behind the pairs are copied, and converted to the type of the target.
/// Shape    both [n_tokens][n_heads][head_dim], any strides; disjoint, or one view.
/// Types    any formats; computed in double if either is double, else in float; rounded once.
/// Errors   as rope_copy_check, before anything is touched.
/// Error    as rope_apply.
template <class From, class To, class Rows>
void rope_copy(const From& source, const To& target, const Rows& rows, pairing p,
               pairing target_order);
template <class From, class To, class Rows>
void rope_copy(const From& source, const To& target, const Rows& rows, pairing p);

/// Checks a call of rope_copy with the same arguments, and touches nothing.
/// Errors   as rope_check, and: source and target differ in shape, or may overlap without being one
///          view.
template <class From, class To, class Rows>
void rope_copy_check(const From& source, const To& target, const Rows& rows, pairing p,
                     pairing target_order);

/// rope_copy without checks, for one slice of the tokens, as rope_apply_unchecked.
template <class From, class To, class Rows>
void rope_copy_unchecked(const From& source, const To& target, const Rows& rows, pairing p,
                         pairing target_order, slice part = {}) noexcept;

} // namespace YARN_ABI
} // namespace yarn

#include "detail/rope/apply.hpp"

#endif

// SPDX-License-Identifier: MIT
// rope_apply and rope_copy: the rotation of whole tensors.
//
// Every function comes for q and k together and for one tensor alone, and with one of three
// sources:
//
//     rows                    rotary_rows or rows_view: row t belongs to token t
//     positions, frequencies  rows are made on the way, a few KB at a time, by each call anew
//     positions, table        rotary_table or table_view: the row of each token's position
//
// All three give the same bits for the same rows, and so does any slice, stride or alignment.
#ifndef YARN_ROPE_HPP
#define YARN_ROPE_HPP

#include "detail/rope/check.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Checks a call of rope_apply with the same arguments, and touches nothing.
/// Errors   std::invalid_argument: an extent is negative, head_dim < 2 * n_pairs, heads overlap or
///          interweave, a product is beyond ptrdiff_t, data is null, token counts differ,
///          row_stride < n_pairs; std::out_of_range: a position outside a table, or beyond 2^31.
template <class Q, class K, class Rows, class = detail::call_type<Rows>>
void rope_check(const heads_view<Q>& q, const heads_view<K>& k, const Rows& rows, pairing p) {
  detail::check_call(detail::call_of(rows), p, q, k);
}
template <class X, class Rows, class = detail::call_type<Rows>>
void rope_check(const heads_view<X>& x, const Rows& rows, pairing p) {
  detail::check_call(detail::call_of(rows), p, x);
}
template <class Q, class K, class Source, class = detail::call_type<positions, Source>>
void rope_check(const heads_view<Q>& q, const heads_view<K>& k, const positions& list,
                const Source& source, pairing p) {
  detail::check_call(detail::call_of(list, source), p, q, k);
}
template <class X, class Source, class = detail::call_type<positions, Source>>
void rope_check(const heads_view<X>& x, const positions& list, const Source& source, pairing p) {
  detail::check_call(detail::call_of(list, source), p, x);
}

/// Rotates every pair of q and k (or of x) in place by its token's row; the attention factor is in
/// the row. Not checked: call rope_check once a step, then this on each thread.
/// Part     the tokens of one slice; all slices together are one rope_apply, bit for bit.
/// Requires what rope_check requires; slice.index in [0, slice.count).
/// Never throws, allocates nothing, uses some 35 KB of stack.
template <class Q, class K, class Rows, class = detail::call_type<Rows>>
void rope_apply_unchecked(const heads_view<Q>& q, const heads_view<K>& k, const Rows& rows,
                          pairing p, slice part = {}) noexcept {
  YARN_ASSERT(part.index >= 0 && part.index < part.count);
  detail::rotate<detail::default_arch>(detail::call_of(rows).source(), p, part, q, k);
}
template <class X, class Rows, class = detail::call_type<Rows>>
void rope_apply_unchecked(const heads_view<X>& x, const Rows& rows, pairing p,
                          slice part = {}) noexcept {
  YARN_ASSERT(part.index >= 0 && part.index < part.count);
  detail::rotate<detail::default_arch>(detail::call_of(rows).source(), p, part, x);
}
template <class Q, class K, class Source, class = detail::call_type<positions, Source>>
void rope_apply_unchecked(const heads_view<Q>& q, const heads_view<K>& k, const positions& list,
                          const Source& source, pairing p, slice part = {}) noexcept {
  YARN_ASSERT(part.index >= 0 && part.index < part.count);
  detail::rotate<detail::default_arch>(detail::call_of(list, source).source(), p, part, q, k);
}
template <class X, class Source, class = detail::call_type<positions, Source>>
void rope_apply_unchecked(const heads_view<X>& x, const positions& list, const Source& source,
                          pairing p, slice part = {}) noexcept {
  YARN_ASSERT(part.index >= 0 && part.index < part.count);
  detail::rotate<detail::default_arch>(detail::call_of(list, source).source(), p, part, x);
}

/// Rotates every pair of q and k (or of x) in place by its token's row; the attention factor is in
/// the row. Elements beyond rotary_dim keep their bits.
/// Shape    q[n_tokens][n_q_heads][head_dim], k[n_tokens][n_kv_heads][head_dim], any strides; q and
///          k must not overlap (they may be parts of one buffer).
/// Types    float, double and the 16-bit formats of types.hpp; rows and tables of any format,
///          independently. 16-bit elements are rotated in float and rounded once, to even.
/// Formula  x0' = x0 c - x1 s, x1' = x0 s + x1 c for the pair (x0, x1) that `pairing` names.
/// Errors   as rope_check, before anything is touched.
/// Error    <= 1 ULP of hypot(x0, x1) * m of the exact rotation by the rounded row (1.25 without
///          a fused multiply-add), 2 of the exact rotation by the true angle; not idempotent.
/// Source   RoFormer, arXiv 2104.09864, equation 34.
template <class Q, class K, class Rows, class = detail::call_type<Rows>>
void rope_apply(const heads_view<Q>& q, const heads_view<K>& k, const Rows& rows, pairing p) {
  rope_check(q, k, rows, p);
  rope_apply_unchecked(q, k, rows, p);
}
template <class X, class Rows, class = detail::call_type<Rows>>
void rope_apply(const heads_view<X>& x, const Rows& rows, pairing p) {
  rope_check(x, rows, p);
  rope_apply_unchecked(x, rows, p);
}
template <class Q, class K, class Source, class = detail::call_type<positions, Source>>
void rope_apply(const heads_view<Q>& q, const heads_view<K>& k, const positions& list,
                const Source& source, pairing p) {
  rope_check(q, k, list, source, p);
  rope_apply_unchecked(q, k, list, source, p);
}
template <class X, class Source, class = detail::call_type<positions, Source>>
void rope_apply(const heads_view<X>& x, const positions& list, const Source& source, pairing p) {
  rope_check(x, list, source, p);
  rope_apply_unchecked(x, list, source, p);
}

/// Checks a call of rope_copy with the same arguments, and touches nothing.
/// Errors   as rope_check, and: source and target differ in shape, or overlap without being one
/// view.
template <class From, class To, class Rows, class = detail::call_type<Rows>>
void rope_copy_check(const heads_view<From>& source, const heads_view<To>& target, const Rows& rows,
                     pairing p, pairing target_order) {
  detail::check_copy(detail::call_of(rows), p, target_order, source, target);
}
template <class From, class To, class Source, class = detail::call_type<positions, Source>>
void rope_copy_check(const heads_view<From>& source, const heads_view<To>& target,
                     const positions& list, const Source& turns, pairing p, pairing target_order) {
  detail::check_copy(detail::call_of(list, turns), p, target_order, source, target);
}

/// rope_copy without checks, for one slice of the tokens. Never throws, allocates nothing.
template <class From, class To, class Rows, class = detail::call_type<Rows>>
void rope_copy_unchecked(const heads_view<From>& source, const heads_view<To>& target,
                         const Rows& rows, pairing p, pairing target_order,
                         slice part = {}) noexcept {
  YARN_ASSERT(part.index >= 0 && part.index < part.count);
  detail::rotate_copy<detail::default_arch>(detail::call_of(rows).source(), p, target_order, part,
                                            source, target);
}
template <class From, class To, class Source, class = detail::call_type<positions, Source>>
void rope_copy_unchecked(const heads_view<From>& source, const heads_view<To>& target,
                         const positions& list, const Source& turns, pairing p,
                         pairing target_order, slice part = {}) noexcept {
  YARN_ASSERT(part.index >= 0 && part.index < part.count);
  detail::rotate_copy<detail::default_arch>(detail::call_of(list, turns).source(), p, target_order,
                                            part, source, target);
}

/// Rotates `source` into `target`: another type (a KV cache's), other strides, another order of the
/// rotated elements (`target_order`: DeepSeek reads interleaved pairs and writes half-split ones).
/// The elements behind the pairs are copied, converted too.
/// Shape    both [n_tokens][n_heads][head_dim], any strides; disjoint, or one view.
/// Types    any formats; computed in double if either is double, else in float; rounded once.
/// Errors   as rope_copy_check, before anything is touched.
template <class From, class To, class Rows, class = detail::call_type<Rows>>
void rope_copy(const heads_view<From>& source, const heads_view<To>& target, const Rows& rows,
               pairing p, pairing target_order) {
  rope_copy_check(source, target, rows, p, target_order);
  rope_copy_unchecked(source, target, rows, p, target_order);
}
template <class From, class To, class Rows, class = detail::call_type<Rows>>
void rope_copy(const heads_view<From>& source, const heads_view<To>& target, const Rows& rows,
               pairing p) {
  rope_copy(source, target, rows, p, p);
}
template <class From, class To, class Source, class = detail::call_type<positions, Source>>
void rope_copy(const heads_view<From>& source, const heads_view<To>& target, const positions& list,
               const Source& turns, pairing p, pairing target_order) {
  rope_copy_check(source, target, list, turns, p, target_order);
  rope_copy_unchecked(source, target, list, turns, p, target_order);
}
template <class From, class To, class Source, class = detail::call_type<positions, Source>>
void rope_copy(const heads_view<From>& source, const heads_view<To>& target, const positions& list,
               const Source& turns, pairing p) {
  rope_copy(source, target, list, turns, p, p);
}

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// The definitions of rope_apply, rope_copy and their checks.
#ifndef YARN_DETAIL_ROPE_APPLY_HPP
#define YARN_DETAIL_ROPE_APPLY_HPP

#include "../../rope.hpp"
#include "check.hpp"
#include "loop.hpp"

namespace yarn {
inline namespace YARN_ABI {

template <class Q, class K, class Rows>
void rope_check(const Q& q, const K& k, const Rows& rows, pairing p) {
  if constexpr (detail::accepts<Rows, Q, K>())
    detail::check_call(detail::argument_of(rows), p, detail::heads_of(q), detail::heads_of(k));
}
template <class X, class Rows> void rope_check(const X& x, const Rows& rows, pairing p) {
  if constexpr (detail::accepts<Rows, X>())
    detail::check_call(detail::argument_of(rows), p, detail::heads_of(x));
}

// The functions that rotate are forced inline. If the pairing in a call is a constant, the compiler
// then drops the kernel of the other pairing.

template <class Q, class K, class Rows>
YARN_ALWAYS_INLINE void rope_apply_unchecked(const Q& q, const K& k, const Rows& rows, pairing p,
                                             thread_slice part) noexcept {
  YARN_ASSERT(part.thread >= 0 && part.thread < part.n_threads);
  if constexpr (detail::accepts<Rows, Q, K>())
    detail::rotate<detail::default_arch>(detail::argument_of(rows).source(), p, part,
                                         detail::heads_of(q), detail::heads_of(k));
}
template <class X, class Rows>
YARN_ALWAYS_INLINE void rope_apply_unchecked(const X& x, const Rows& rows, pairing p,
                                             thread_slice part) noexcept {
  YARN_ASSERT(part.thread >= 0 && part.thread < part.n_threads);
  if constexpr (detail::accepts<Rows, X>())
    detail::rotate<detail::default_arch>(detail::argument_of(rows).source(), p, part,
                                         detail::heads_of(x));
}

template <class Q, class K, class Rows>
YARN_ALWAYS_INLINE void rope_apply(const Q& q, const K& k, const Rows& rows, pairing p) {
  if constexpr (detail::accepts<Rows, Q, K>()) {
    rope_check(q, k, rows, p);
    rope_apply_unchecked(q, k, rows, p);
  }
}
template <class X, class Rows>
YARN_ALWAYS_INLINE void rope_apply(const X& x, const Rows& rows, pairing p) {
  if constexpr (detail::accepts<Rows, X>()) {
    rope_check(x, rows, p);
    rope_apply_unchecked(x, rows, p);
  }
}

template <class From, class To, class Rows>
void rope_copy_check(const From& source, const To& target, const Rows& rows, pairing p,
                     output_order order) {
  if constexpr (detail::accepts<Rows, From, To>())
    detail::check_copy(detail::argument_of(rows), p, order.value, detail::heads_of(source),
                       detail::heads_of(target));
}
template <class From, class To, class Rows>
void rope_copy_check(const From& source, const To& target, const Rows& rows, pairing p) {
  rope_copy_check(source, target, rows, p, output_order{p});
}

template <class From, class To, class Rows>
YARN_ALWAYS_INLINE void rope_copy_unchecked(const From& source, const To& target, const Rows& rows,
                                            pairing p, output_order order,
                                            thread_slice part) noexcept {
  YARN_ASSERT(part.thread >= 0 && part.thread < part.n_threads);
  if constexpr (detail::accepts<Rows, From, To>())
    detail::rotate_copy<detail::default_arch>(detail::argument_of(rows).source(), p, order.value,
                                              part, detail::heads_of(source),
                                              detail::heads_of(target));
}
template <class From, class To, class Rows>
YARN_ALWAYS_INLINE void rope_copy_unchecked(const From& source, const To& target, const Rows& rows,
                                            pairing p, thread_slice part) noexcept {
  rope_copy_unchecked(source, target, rows, p, output_order{p}, part);
}

template <class From, class To, class Rows>
YARN_ALWAYS_INLINE void rope_copy(const From& source, const To& target, const Rows& rows, pairing p,
                                  output_order order) {
  if constexpr (detail::accepts<Rows, From, To>()) {
    rope_copy_check(source, target, rows, p, order);
    rope_copy_unchecked(source, target, rows, p, order);
  }
}
template <class From, class To, class Rows>
YARN_ALWAYS_INLINE void rope_copy(const From& source, const To& target, const Rows& rows,
                                  pairing p) {
  rope_copy(source, target, rows, p, output_order{p});
}

} // namespace YARN_ABI
} // namespace yarn

#endif

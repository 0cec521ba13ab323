// SPDX-License-Identifier: MIT
// The run-time checks of rope_apply and rope_copy.
#ifndef YARN_DETAIL_ROPE_CHECK_HPP
#define YARN_DETAIL_ROPE_CHECK_HPP

#include "arguments.hpp"
#include "overlap.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Whether a * b > limit. All three are >= 0.
YARN_ALWAYS_INLINE bool product_exceeds(std::int64_t a, std::int64_t b, std::int64_t limit) {
  return a != 0 && b > limit / a;
}

// Checks one tensor. Returns the bytes from the start of its first element to the end of its last.
template <class T>
std::uintptr_t check_tensor(const char* name, const heads_view<T>& x, std::int64_t n_pairs) {
  const std::int64_t tokens = x.n_tokens(), heads = x.n_heads(), dim = x.head_dim();
  if (tokens < 0 || heads < 0 || dim < 0)
    fail_argument("yarn: {} has n_tokens = {}, n_heads = {}, head_dim = {}; none may be negative",
                  name, tokens, heads, dim);
  if (2 * n_pairs > dim)
    fail_argument("yarn: {}.head_dim = {} must be at least rotary_dim = {} (2 * n_pairs)", name,
                  dim, 2 * n_pairs);
  if (tokens == 0 || heads == 0)
    return 0;
  if (x.data() == nullptr)
    fail_argument("yarn: {}.data is null", name);
  // Heads must not overlap. An element in two heads would be rotated twice, and two threads could
  // write it at the same time.
  const bool token_major = x.token_stride() >= x.head_stride();
  const std::int64_t inner = token_major ? x.head_stride() : x.token_stride();
  const std::int64_t outer = token_major ? x.token_stride() : x.head_stride();
  const std::int64_t n_inner = token_major ? heads : tokens;
  const std::int64_t n_outer = token_major ? tokens : heads;
  constexpr std::int64_t limit = PTRDIFF_MAX / static_cast<std::int64_t>(sizeof(T));
  if ((n_inner > 1 && inner < dim) || (n_outer > 1 && outer < dim))
    fail_argument("yarn: {}.token_stride = {}, head_stride = {}: heads of head_dim = {} overlap",
                  name, x.token_stride(), x.head_stride(), dim);
  const bool is_inner_beyond =
      dim > limit || (n_inner > 1 && product_exceeds(n_inner - 1, inner, limit - dim));
  const std::int64_t inner_extent =
      n_inner > 1 && !is_inner_beyond ? (n_inner - 1) * inner + dim : dim;
  if (is_inner_beyond || (n_outer > 1 && product_exceeds(n_outer - 1, outer, limit - inner_extent)))
    fail_argument("yarn: {}: n_tokens = {}, n_heads = {}, head_dim = {}, token_stride = {}, "
                  "head_stride = {}: beyond ptrdiff_t",
                  name, tokens, heads, dim, x.token_stride(), x.head_stride());
  if (n_inner > 1 && n_outer > 1 && outer < inner_extent)
    fail_argument("yarn: {}.token_stride = {}, head_stride = {}: {} x {} heads of head_dim = {} "
                  "overlap or interweave",
                  name, x.token_stride(), x.head_stride(), tokens, heads, dim);
  const std::int64_t extent = n_outer > 1 ? (n_outer - 1) * outer + inner_extent : inner_extent;
  return static_cast<std::uintptr_t>(extent) * sizeof(T);
}

// Whether the memory ranges of two tensors are disjoint. Sizes are in bytes.
template <class A, class B>
YARN_ALWAYS_INLINE bool are_disjoint(const heads_view<A>& a, std::uintptr_t a_size,
                                     const heads_view<B>& b, std::uintptr_t b_size) {
  const auto a_begin = reinterpret_cast<std::uintptr_t>(a.data());
  const auto b_begin = reinterpret_cast<std::uintptr_t>(b.data());
  return a_begin + a_size <= b_begin || b_begin + b_size <= a_begin;
}

inline void check_pairing(pairing p) {
  if (p != pairing::half_split && p != pairing::interleaved)
    fail_argument("yarn: pairing = {} is neither half_split nor interleaved", static_cast<int>(p));
}

// `argument` is the rows argument of the call (argument_of).
template <class RowsArgument, class Q, class K>
void check_call(const RowsArgument& argument, pairing p, const Q& q, const K& k) {
  check_pairing(p);
  argument.check_source();
  const std::uintptr_t q_size = check_tensor("q", q, argument.n_pairs());
  const std::uintptr_t k_size = check_tensor("k", k, argument.n_pairs());
  check_token_count("k.n_tokens", k.n_tokens(), q.n_tokens());
  if (!are_disjoint(memory_of(q), q_size, memory_of(k), k_size) &&
      tensors_overlap(memory_of(q), memory_of(k)))
    fail_argument("yarn: q and k overlap: elements of both would be rotated twice");
  argument.check(q.n_tokens());
}
template <class RowsArgument, class X>
void check_call(const RowsArgument& argument, pairing p, const X& x) {
  check_pairing(p);
  argument.check_source();
  check_tensor("x", x, argument.n_pairs());
  argument.check(x.n_tokens());
}

// Checks the two tensors of a copy. `keeps_order` says whether pairs are written in the order in
// which they are read.
template <class From, class To>
void check_two_tensors(const From& source, const To& target, std::int64_t n_pairs,
                       bool keeps_order) {
  check_tensor("source", source, n_pairs);
  check_tensor("target", target, n_pairs);
  check_token_count("target.n_tokens", target.n_tokens(), source.n_tokens());
  if (target.n_heads() != source.n_heads() || target.head_dim() != source.head_dim())
    fail_argument(
        "yarn: target has n_heads = {}, head_dim = {}, source has {}, {}; they must agree",
        target.n_heads(), target.head_dim(), source.n_heads(), source.head_dim());
  if (!(keeps_order && is_same_view(memory_of(source), memory_of(target))) &&
      tensors_overlap(memory_of(source), memory_of(target)))
    fail_argument(
        "yarn: source.data and target.data overlap; rope_copy needs disjoint memory, or one and "
        "the same view where neither the element size nor the order changes");
}

template <class RowsArgument, class From, class To>
void check_copy(const RowsArgument& argument, pairing p, pairing order, const From& source,
                const To& target) {
  check_pairing(p);
  check_pairing(order);
  argument.check_source();
  check_two_tensors(source, target, argument.n_pairs(), p == order);
  argument.check(source.n_tokens());
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

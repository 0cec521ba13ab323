// SPDX-License-Identifier: MIT
// What a call of rope_apply or rope_copy requires of its arguments, and the words where it is not
// so.
#ifndef YARN_DETAIL_ROPE_CHECK_HPP
#define YARN_DETAIL_ROPE_CHECK_HPP

#include "loop.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Whether a * b is beyond `limit`; all three >= 0.
YARN_ALWAYS_INLINE bool exceeds(std::int64_t a, std::int64_t b, std::int64_t limit) {
  return a != 0 && b > limit / a;
}

template <class T>
void check_tensor(const char* name, const heads_view<T>& x, std::int64_t n_pairs) {
  const std::int64_t tokens = x.n_tokens(), heads = x.n_heads(), dim = x.head_dim();
  if (tokens < 0 || heads < 0 || dim < 0)
    fail_argument("yarn: {} has n_tokens = {}, n_heads = {}, head_dim = {}; none may be negative",
                  name, tokens, heads, dim);
  if (2 * n_pairs > dim)
    fail_argument("yarn: {}.head_dim = {} must be at least rotary_dim = {} (2 * n_pairs)", name,
                  dim, 2 * n_pairs);
  if (tokens == 0 || heads == 0)
    return;
  if (x.data() == nullptr)
    fail_argument("yarn: {}.data is null", name);
  // Heads must not overlap: what is rotated twice is wrong, and slices would race.
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
      dim > limit || (n_inner > 1 && exceeds(n_inner - 1, inner, limit - dim));
  const std::int64_t run = n_inner > 1 && !is_inner_beyond ? (n_inner - 1) * inner + dim : dim;
  if (is_inner_beyond || (n_outer > 1 && exceeds(n_outer - 1, outer, limit - run)))
    fail_argument("yarn: {}: n_tokens = {}, n_heads = {}, head_dim = {}, token_stride = {}, "
                  "head_stride = {}: beyond ptrdiff_t",
                  name, tokens, heads, dim, x.token_stride(), x.head_stride());
  if (n_inner > 1 && n_outer > 1 && outer < run)
    fail_argument("yarn: {}.token_stride = {}, head_stride = {}: {} x {} heads of head_dim = {} "
                  "overlap or interweave",
                  name, x.token_stride(), x.head_stride(), tokens, heads, dim);
}

// Whether two views may share elements that are not the same element. Memory ranges decide, and
// within one buffer of tokens (packed rows, say) the place within a token.
template <class From, class To>
bool may_clash(const heads_view<From>& a, const heads_view<To>& b, bool in_place) {
  if (a.n_tokens() == 0 || a.n_heads() == 0)
    return false;
  struct extent {
    std::uintptr_t begin, token, stride, size;
  };
  const auto extent_of = [](const auto& x) {
    const auto bytes = static_cast<std::uintptr_t>(sizeof(*x.data()));
    const auto number = [](std::int64_t n) { return static_cast<std::uintptr_t>(n); };
    const std::uintptr_t token =
        (number(x.n_heads() - 1) * number(x.head_stride()) + number(x.head_dim())) * bytes;
    const std::uintptr_t stride = number(x.token_stride()) * bytes;
    return extent{reinterpret_cast<std::uintptr_t>(x.data()), token, stride,
                  number(x.n_tokens() - 1) * stride + token};
  };
  const extent p = extent_of(a), q = extent_of(b);
  if (p.begin + p.size <= q.begin || q.begin + q.size <= p.begin)
    return false;
  if (p.begin == q.begin && p.stride == q.stride && sizeof(From) == sizeof(To) &&
      a.head_stride() == b.head_stride() && in_place)
    return false;
  if (p.stride != q.stride || p.token > p.stride || q.token > q.stride)
    return true;
  const std::uintptr_t distance = q.begin >= p.begin
                                      ? (q.begin - p.begin) % p.stride
                                      : p.stride - 1 - (p.begin - q.begin - 1) % p.stride;
  return distance < p.token || distance + q.token > p.stride;
}

inline void check_pairing(pairing p) {
  if (p != pairing::half_split && p != pairing::interleaved)
    fail_argument("yarn: pairing = {} is neither half_split nor interleaved", static_cast<int>(p));
}

// An engine's own arrays may be anything; ours pass at once.
template <class R, class Meaning>
void check_trig(const char* name, const trig_view<R, Meaning>& view) {
  if (view.n_pairs() < 0 || view.n_rows() < 0 || (view.n_pairs() == 0 && view.n_rows() != 0))
    fail_argument("yarn: {} has n_rows = {}, n_pairs = {}; rows are >= 0 and pairs >= 1", name,
                  view.n_rows(), view.n_pairs());
  check_row_extent<R>(name, view.n_rows(), view.n_pairs(), view.row_stride());
  if (view.n_rows() > 0 && (view.cos(0) == nullptr || view.sin(0) == nullptr))
    fail_argument("yarn: cos or sin of {} is null", name);
}

inline void check_token_count(const char* what, std::int64_t n, std::int64_t n_tokens) {
  if (n != n_tokens)
    fail_argument("yarn: {} = {} must be n_tokens = {}", what, n, n_tokens);
}

// A source with its positions, and what is known of a call before its tensors are: one type for
// each of the three, so that the functions below are written once.
template <class R> struct rows_call {
  rows_view<R> rows;

  std::int64_t n_pairs() const { return rows.n_pairs(); }
  void check_source() const { check_trig("rows", rows); }
  void check(std::int64_t n_tokens) const {
    check_token_count("rows.n_rows", rows.n_rows(), n_tokens);
  }
  YARN_ALWAYS_INLINE auto source() const { return source_of(rows, identity_row{}); }
};

template <class R> struct table_call {
  positions list;
  table_view<R> table;

  std::int64_t n_pairs() const { return table.n_pairs(); }
  void check_source() const { check_trig("table", table); }
  void check(std::int64_t n_tokens) const {
    if (list.size() >= 0)
      check_token_count("positions.size", list.size(), n_tokens);
    for (std::int64_t t = 0; t < n_tokens; ++t) {
      const bool ends_run = list.is_run() && t == 0 && n_tokens > 1;
      if (list[t] < 0 || list[t] >= table.n_rows())
        fail_range("yarn: position {} of token {} is outside the table's rows [0, {})", list[t], t,
                   table.n_rows());
      if (ends_run && n_tokens - 1 > table.n_rows() - 1 - list[0])
        fail_range("yarn: positions {} to {} + {} leave the table's rows [0, {})", list[0], list[0],
                   n_tokens - 1, table.n_rows());
      if (ends_run)
        return;
    }
  }
  YARN_ALWAYS_INLINE auto source() const { return source_of(table, position_row{list}); }
};

struct frequencies_call {
  positions list;
  const frequencies* freqs;

  std::int64_t n_pairs() const { return freqs->n_pairs(); }
  void check_source() const { check_frequencies(*freqs); }
  void check(std::int64_t n_tokens) const {
    if (list.size() >= 0)
      check_token_count("positions.size", list.size(), n_tokens);
    check_positions(list, n_tokens);
  }
  YARN_ALWAYS_INLINE frequency_source source() const { return {freqs, list, freqs->n_pairs()}; }
};

template <class R> rows_call<R> call_of(const rows_view<R>& rows) { return {rows}; }
template <class R> rows_call<R> call_of(const rotary_rows<R>& rows) { return {rows.view()}; }
template <class R> table_call<R> call_of(const positions& list, const table_view<R>& table) {
  return {list, table};
}
template <class R> table_call<R> call_of(const positions& list, const rotary_table<R>& table) {
  return {list, table.view()};
}
inline frequencies_call call_of(const positions& list, const frequencies& freqs) {
  return {list, &freqs};
}

template <class Call, class Q, class K>
void check_call(const Call& call, pairing p, const heads_view<Q>& q, const heads_view<K>& k) {
  check_pairing(p);
  call.check_source();
  check_tensor("q", q, call.n_pairs());
  check_tensor("k", k, call.n_pairs());
  check_token_count("k.n_tokens", k.n_tokens(), q.n_tokens());
  call.check(q.n_tokens());
}
template <class Call, class X>
void check_call(const Call& call, pairing p, const heads_view<X>& x) {
  check_pairing(p);
  call.check_source();
  check_tensor("x", x, call.n_pairs());
  call.check(x.n_tokens());
}

template <class Call, class From, class To>
void check_copy(const Call& call, pairing p, pairing order, const heads_view<From>& source,
                const heads_view<To>& target) {
  check_pairing(p);
  check_pairing(order);
  call.check_source();
  check_tensor("source", source, call.n_pairs());
  check_tensor("target", target, call.n_pairs());
  check_token_count("target.n_tokens", target.n_tokens(), source.n_tokens());
  if (target.n_heads() != source.n_heads() || target.head_dim() != source.head_dim())
    fail_argument(
        "yarn: target has n_heads = {}, head_dim = {}, source has {}, {}; they must agree",
        target.n_heads(), target.head_dim(), source.n_heads(), source.head_dim());
  if (may_clash(source, target, p == order))
    fail_argument(
        "yarn: source.data and target.data overlap; rope_copy needs disjoint memory, or one and "
        "the same view where neither the element size nor the order changes");
  call.check(source.n_tokens());
}

template <class... Source> using call_type = decltype(call_of(std::declval<const Source&>()...));

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

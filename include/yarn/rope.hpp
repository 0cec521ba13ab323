// SPDX-License-Identifier: MIT
// rope_apply: the rotation of whole tensors, in place. Checks, loop order, and nothing else. Floor 8.
//
// Every function comes for q and k together and for one tensor alone, and with one of three sources:
//
//     rows                    rotary_rows or rows_view: row t belongs to token t
//     positions, frequencies  rows are made on the way, a few KB at a time; there is no table
//     positions, table        rotary_table or table_view: the row of each token's position
//
// All three give the same bits for the same rows, and so does any slice, stride or alignment.
#ifndef YARN_ROPE_HPP
#define YARN_ROPE_HPP

#include "detail/half.hpp"
#include "detail/rotate.hpp"
#include "rows.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// What the rotation of elements T computes in.
template <class T> using compute_type = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class C> struct row_pointers {
  const C* cos;
  const C* sin;
};

// Scratch for the rows of a block of tokens: of a size that stays in any L1 beside the heads.
inline constexpr std::int64_t scratch_bytes = 16384;
inline constexpr std::int64_t largest_block = 32;

// ---- sources: rows of a block of tokens, pairs [pair, pair + n_pairs) -------------------------

// Rows that lie in memory: pointers to them where they serve as they are, else widened copies.
template <class R, class RowOf> struct memory_source {
  const R* cos;
  const R* sin;
  std::int64_t n_pairs;
  std::int64_t row_stride;
  RowOf row_of; // token -> row

  template <class C> static constexpr bool is_direct = std::is_same_v<R, C>;

  template <class C, class Arch>
  YARN_ALWAYS_INLINE void stage(std::int64_t token, std::int64_t n_tokens, std::int64_t pair,
                                std::int64_t pairs, row_pointers<C>* rows, C* scratch) const {
    for (std::int64_t t = 0; t < n_tokens; ++t) {
      const std::int64_t offset = row_of(token + t) * row_stride + pair;
      if constexpr (is_direct<C>) {
        static_cast<void>(pairs);
        static_cast<void>(scratch);
        rows[t] = {cos + offset, sin + offset};
      } else {
        C* const copy = scratch + t * 2 * pairs;
        for (std::int64_t i = 0; i < pairs; ++i) {
          copy[i] = widen<C>(cos[offset + i]);
          copy[pairs + i] = widen<C>(sin[offset + i]);
        }
        rows[t] = {copy, copy + pairs};
      }
    }
  }
};

struct identity_row {
  YARN_ALWAYS_INLINE std::int64_t operator()(std::int64_t token) const { return token; }
};
struct position_row {
  positions list;
  YARN_ALWAYS_INLINE std::int64_t operator()(std::int64_t token) const { return list[token]; }
};

struct frequency_source {
  const frequencies* freqs;
  positions list;
  std::int64_t n_pairs;

  template <class C> static constexpr bool is_direct = false;

  template <class C, class Arch>
  YARN_ALWAYS_INLINE void stage(std::int64_t token, std::int64_t n_tokens, std::int64_t pair,
                                std::int64_t pairs, row_pointers<C>* rows, C* scratch) const {
    compute_rows<C, Arch>(*freqs, pair, pairs, list, {token, token + n_tokens}, scratch,
                          scratch + pairs, 2 * pairs);
    for (std::int64_t t = 0; t < n_tokens; ++t)
      rows[t] = {scratch + t * 2 * pairs, scratch + t * 2 * pairs + pairs};
  }
};

template <class R, class Meaning, class RowOf>
YARN_ALWAYS_INLINE memory_source<R, RowOf> source_of(const trig_view<R, Meaning>& view,
                                                     RowOf row_of) {
  return {view.cos(0), view.sin(0), view.n_pairs(), view.row_stride(), row_of};
}

// ---- the loops ---------------------------------------------------------------------------------

template <pairing Pairing, class Arch, class T, class C>
YARN_ALWAYS_INLINE void rotate_head(T* head, std::int64_t half, std::int64_t pair,
                                    std::int64_t pairs, row_pointers<C> row) {
  if constexpr (Pairing == pairing::half_split)
    rotate_half_split<Arch>(head + pair, head + half + pair, row.cos, row.sin, pairs);
  else
    rotate_interleaved<Arch>(head + 2 * pair, row.cos, row.sin, pairs);
}

// Tokens outside, so that a row is loaded once for all heads and memory is walked in order; but
// heads outside within a block of tokens where heads are the farther apart ([heads][tokens][dim]).
template <pairing Pairing, class Arch, class T, class C>
void rotate_block(const heads_view<T>& x, std::int64_t token, std::int64_t n_tokens,
                  std::int64_t half, std::int64_t pair, std::int64_t pairs,
                  const row_pointers<C>* rows) {
  T* const first = x.data() + token * x.token_stride();
  if (x.head_stride() > x.token_stride()) {
    for (std::int64_t h = 0; h < x.n_heads(); ++h)
      for (std::int64_t t = 0; t < n_tokens; ++t)
        rotate_head<Pairing, Arch>(first + h * x.head_stride() + t * x.token_stride(), half, pair,
                                   pairs, rows[t]);
  } else {
    for (std::int64_t t = 0; t < n_tokens; ++t)
      for (std::int64_t h = 0; h < x.n_heads(); ++h)
        rotate_head<Pairing, Arch>(first + t * x.token_stride() + h * x.head_stride(), half, pair,
                                   pairs, rows[t]);
  }
}

template <pairing Pairing, class Arch, class C, class Source, class... T>
void rotate_tokens(const Source& source, token_range tokens, const heads_view<T>&... tensors) {
  constexpr bool spread = Pairing == pairing::interleaved;
  constexpr bool direct = Source::template is_direct<C>;
  constexpr std::int64_t room = scratch_bytes / static_cast<std::int64_t>(sizeof(C));
  constexpr std::int64_t largest_part = room / 2;
  alignas(64) C scratch[direct ? 1 : room];
  alignas(64) C spread_scratch[spread ? 2 * room : 1];
  row_pointers<C> rows[largest_block];

  const std::int64_t all = source.n_pairs;
  const std::int64_t part = all < largest_part ? all : largest_part;
  std::int64_t block = room / (2 * part);
  if (block > largest_block)
    block = largest_block;
  for (std::int64_t token = tokens.begin; token < tokens.end; token += block) {
    const std::int64_t n = tokens.end - token < block ? tokens.end - token : block;
    for (std::int64_t pair = 0; pair < all; pair += part) {
      const std::int64_t pairs = all - pair < part ? all - pair : part;
      source.template stage<C, Arch>(token, n, pair, pairs, rows, scratch);
      if constexpr (spread)
        for (std::int64_t t = 0; t < n; ++t) {
          C* const spread_row_of_token = spread_scratch + t * 4 * pairs;
          spread_row(rows[t].cos, rows[t].sin, pairs, spread_row_of_token,
                     spread_row_of_token + 2 * pairs);
          rows[t] = {spread_row_of_token, spread_row_of_token + 2 * pairs};
        }
      (rotate_block<Pairing, Arch>(tensors, token, n, all, pair, pairs, rows), ...);
    }
  }
}

template <class Arch, class Source, class First, class... T>
YARN_ALWAYS_INLINE void rotate(const Source& source, pairing p, slice part,
                               const heads_view<First>& first, const heads_view<T>&... rest) {
  static_assert((std::is_same_v<First, T> && ...), "yarn: q and k have the same element type");
  static_assert(!std::is_const_v<First>, "yarn: rope_apply rotates in place: the data is const");
  static_assert(std::is_same_v<First, float> || std::is_same_v<First, double>,
                "yarn: tensors are float or double");
  using C = compute_type<First>;
  const token_range tokens = part_of(first.n_tokens(), part);
  if (p == pairing::half_split)
    rotate_tokens<pairing::half_split, Arch, C>(source, tokens, first, rest...);
  else
    rotate_tokens<pairing::interleaved, Arch, C>(source, tokens, first, rest...);
}

// ---- checks ------------------------------------------------------------------------------------

// Whether a * b is beyond `limit`; all three >= 0.
YARN_ALWAYS_INLINE bool exceeds(std::int64_t a, std::int64_t b, std::int64_t limit) {
  return a != 0 && b > limit / a;
}

template <class T>
void check_tensor(const char* name, const heads_view<T>& x, std::int64_t n_pairs) {
  const auto number = [](std::int64_t value) { return static_cast<long long>(value); };
  const std::int64_t tokens = x.n_tokens(), heads = x.n_heads(), dim = x.head_dim();
  if (tokens < 0 || heads < 0 || dim < 0)
    fail(error_kind::invalid_argument,
         "yarn: %s has n_tokens = %lld, n_heads = %lld, head_dim = %lld; none may be negative",
         name, number(tokens), number(heads), number(dim));
  if (2 * n_pairs > dim)
    fail(error_kind::invalid_argument,
         "yarn: %s.head_dim = %lld must be at least rotary_dim = %lld (2 * n_pairs)", name,
         number(dim), number(2 * n_pairs));
  if (tokens == 0 || heads == 0)
    return;
  if (x.data() == nullptr)
    fail(error_kind::invalid_argument, "yarn: %s.data is null", name);
  // Heads must not overlap: what is rotated twice is wrong, and slices would race.
  const bool token_major = x.token_stride() >= x.head_stride();
  const std::int64_t inner = token_major ? x.head_stride() : x.token_stride();
  const std::int64_t outer = token_major ? x.token_stride() : x.head_stride();
  const std::int64_t n_inner = token_major ? heads : tokens;
  const std::int64_t n_outer = token_major ? tokens : heads;
  constexpr std::int64_t limit = PTRDIFF_MAX / static_cast<std::int64_t>(sizeof(T));
  if ((n_inner > 1 && inner < dim) || (n_outer > 1 && outer < dim))
    fail(error_kind::invalid_argument,
         "yarn: %s.token_stride = %lld, head_stride = %lld: heads of head_dim = %lld overlap", name,
         number(x.token_stride()), number(x.head_stride()), number(dim));
  if (dim > limit || (n_inner > 1 && exceeds(n_inner - 1, inner, limit - dim)))
    fail(error_kind::invalid_argument,
         "yarn: %s with n_tokens = %lld, n_heads = %lld and these strides is beyond ptrdiff_t",
         name, number(tokens), number(heads));
  const std::int64_t run = (n_inner > 1 ? (n_inner - 1) * inner : 0) + dim;
  if (n_outer > 1 && exceeds(n_outer - 1, outer, limit - run))
    fail(error_kind::invalid_argument,
         "yarn: %s with n_tokens = %lld, n_heads = %lld and these strides is beyond ptrdiff_t",
         name, number(tokens), number(heads));
  if (n_inner > 1 && n_outer > 1 && outer < run)
    fail(error_kind::invalid_argument,
         "yarn: %s.token_stride = %lld, head_stride = %lld: %lld x %lld heads of head_dim = %lld "
         "overlap",
         name, number(x.token_stride()), number(x.head_stride()), number(tokens), number(heads),
         number(dim));
}

inline void check_pairing(pairing p) {
  if (p != pairing::half_split && p != pairing::interleaved)
    fail(error_kind::invalid_argument,
         "yarn: pairing = %d is neither half_split nor interleaved", static_cast<int>(p));
}

// An engine's own arrays may be anything; ours pass at once.
template <class R, class Meaning>
void check_trig(const char* name, const trig_view<R, Meaning>& view) {
  if (view.n_pairs() < 1 || view.n_rows() < 0)
    fail(error_kind::invalid_argument,
         "yarn: %s has n_rows = %lld, n_pairs = %lld; rows are >= 0 and pairs >= 1", name,
         static_cast<long long>(view.n_rows()), static_cast<long long>(view.n_pairs()));
  if (view.n_rows() > 1 && view.row_stride() < view.n_pairs())
    fail(error_kind::invalid_argument, "yarn: %s.row_stride = %lld must be at least n_pairs = %lld",
         name, static_cast<long long>(view.row_stride()), static_cast<long long>(view.n_pairs()));
  if (view.n_rows() > 0 && (view.cos(0) == nullptr || view.sin(0) == nullptr))
    fail(error_kind::invalid_argument, "yarn: cos or sin of %s is null", name);
}

inline void check_token_count(const char* what, std::int64_t n, std::int64_t n_tokens) {
  if (n != n_tokens)
    fail(error_kind::invalid_argument, "yarn: %s = %lld must be n_tokens = %lld", what,
         static_cast<long long>(n), static_cast<long long>(n_tokens));
}

// A source with its positions, and what is known of a call before its tensors are: one type for each
// of the three, so that the functions below are written once.
template <class R> struct rows_call {
  rows_view<R> rows;

  std::int64_t n_pairs() const { return rows.n_pairs(); }
  void check(std::int64_t n_tokens) const {
    check_trig("rows", rows);
    check_token_count("rows.n_rows", rows.n_rows(), n_tokens);
  }
  YARN_ALWAYS_INLINE auto source() const { return source_of(rows, identity_row{}); }
};

template <class R> struct table_call {
  positions list;
  table_view<R> table;

  std::int64_t n_pairs() const { return table.n_pairs(); }
  void check(std::int64_t n_tokens) const {
    check_trig("table", table);
    if (list.size() >= 0)
      check_token_count("positions.size", list.size(), n_tokens);
    for (std::int64_t t = 0; t < n_tokens; ++t) {
      const bool ends_run = list.is_run() && t == 0 && n_tokens > 1;
      if (list[t] < 0 || list[t] >= table.n_rows())
        fail(error_kind::out_of_range,
             "yarn: position %lld of token %lld is outside the table's rows [0, %lld)",
             static_cast<long long>(list[t]), static_cast<long long>(t),
             static_cast<long long>(table.n_rows()));
      if (ends_run && n_tokens - 1 > table.n_rows() - 1 - list[0])
        fail(error_kind::out_of_range,
             "yarn: positions %lld to %lld + %lld leave the table's rows [0, %lld)",
             static_cast<long long>(list[0]), static_cast<long long>(list[0]),
             static_cast<long long>(n_tokens - 1), static_cast<long long>(table.n_rows()));
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
  check_tensor("q", q, call.n_pairs());
  check_tensor("k", k, call.n_pairs());
  check_token_count("k.n_tokens", k.n_tokens(), q.n_tokens());
  call.check(q.n_tokens());
}
template <class Call, class X>
void check_call(const Call& call, pairing p, const heads_view<X>& x) {
  check_pairing(p);
  check_tensor("x", x, call.n_pairs());
  call.check(x.n_tokens());
}

template <class... Source>
using call_type = decltype(call_of(std::declval<const Source&>()...));

} // namespace detail

/// Checks a call of rope_apply with the same arguments, and touches nothing.
/// Errors   std::invalid_argument: an extent is negative, head_dim < 2 * n_pairs, heads overlap, a
///          product is beyond ptrdiff_t, data is null, token counts differ, row_stride < n_pairs;
///          std::out_of_range: a position outside a table, or beyond 2^31.
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
/// Never throws, allocates nothing, uses some 50 KB of stack.
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
/// Types    float or double data; rows and tables of any format, independently.
/// Formula  x0' = x0 c - x1 s, x1' = x0 s + x1 c for the pair (x0, x1) that `pairing` names.
/// Errors   as rope_check, before anything is touched.
/// Error    <= 1 ULP of hypot(x0, x1) * m of the exact rotation by the rounded row, 2 of the exact
///          rotation by the true angle (tests/test_rope.cpp); not idempotent: twice is twice.
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

} // namespace YARN_ABI
} // namespace yarn

#endif

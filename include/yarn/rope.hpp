// SPDX-License-Identifier: MIT
// rope_apply: the rotation of whole tensors, in place. Checks, loop order, and nothing else.
// Floor 8.
//
// Every function comes for q and k together and for one tensor alone, and with one of three
// sources:
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

// What the rotation of elements of these types computes in.
template <class... T>
using compute_type =
    std::conditional_t<(std::is_same_v<std::remove_const_t<T>, double> || ...), double, float>;

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

// A tensor and where it goes: itself, or for rope_copy another one.
template <class From, class To> struct transfer {
  heads_view<From> source;
  heads_view<To> target;
};

// The elements of a head behind its pairs, where source and target differ.
template <class From, class To>
YARN_ALWAYS_INLINE void copy_rest(const From* source, To* target, std::int64_t n) {
  using C = compute_type<From, To>;
  if constexpr (std::is_same_v<std::remove_const_t<From>, To>) {
    if (n != 0 && source != target)
      std::memcpy(static_cast<void*>(target), source, static_cast<std::size_t>(n) * sizeof(To));
  } else {
    for (std::int64_t i = 0; i < n; ++i)
      narrow(widen<C>(source[i]), target[i]);
  }
}

// n_heads heads, each `stride` behind the last, all of one token.
template <pairing In, pairing Out, class Arch, class From, class To, class C>
YARN_ALWAYS_INLINE void rotate_token(const transfer<From, To>& x, std::int64_t source,
                                     std::int64_t target, std::int64_t n_heads, std::int64_t half,
                                     std::int64_t pair, std::int64_t pairs, row_pointers<C> row,
                                     C* scratch) {
  const std::int64_t in = In == pairing::half_split ? pair : 2 * pair;
  const std::int64_t out = Out == pairing::half_split ? pair : 2 * pair;
  const head_run<From, To> heads{x.source.data() + source + in,
                                 x.target.data() + target + out,
                                 x.source.head_stride(),
                                 x.target.head_stride(),
                                 n_heads,
                                 half};
  rotate_heads<In, Out, Arch>(heads, row, pairs, scratch);
  const std::int64_t rest = x.source.head_dim() - 2 * half;
  if (rest != 0 && pair + pairs == half)
    for (std::int64_t h = 0; h < n_heads; ++h)
      copy_rest(x.source.data() + source + h * x.source.head_stride() + 2 * half,
                x.target.data() + target + h * x.target.head_stride() + 2 * half, rest);
}

// Tokens outside, so that a row is loaded once for all heads and memory is walked in order; but
// heads outside within a block of tokens where heads are the farther apart ([heads][tokens][dim]).
template <pairing In, pairing Out, class Arch, class From, class To, class C>
void rotate_block(const transfer<From, To>& x, std::int64_t token, std::int64_t n_tokens,
                  std::int64_t half, std::int64_t pair, std::int64_t pairs,
                  const row_pointers<C>* rows, C* scratch) {
  const std::int64_t source = token * x.source.token_stride();
  const std::int64_t target = token * x.target.token_stride();
  const bool head_major = x.source.head_stride() > x.source.token_stride() && n_tokens > 1;
  const std::int64_t runs = head_major ? x.source.n_heads() : 1;
  const std::int64_t heads = head_major ? 1 : x.source.n_heads();
  for (std::int64_t run = 0; run < runs; ++run)
    for (std::int64_t t = 0; t < n_tokens; ++t)
      rotate_token<In, Out, Arch>(
          x, source + t * x.source.token_stride() + run * x.source.head_stride(),
          target + t * x.target.token_stride() + run * x.target.head_stride(), heads, half, pair,
          pairs, rows[t], scratch);
}

template <pairing In, pairing Out, class Arch, class C, class Source, class... Transfer>
void rotate_tokens(const Source& source, token_range tokens, const Transfer&... tensors) {
  constexpr bool direct = Source::template is_direct<C>;
  constexpr std::int64_t room = scratch_bytes / static_cast<std::int64_t>(sizeof(C));
  constexpr std::int64_t largest_part = room / 4;
  alignas(64) C row_scratch[direct ? 1 : room];
  alignas(64) C spread_scratch[room];
  row_pointers<C> rows[largest_block];

  const std::int64_t all = source.n_pairs;
  if (all == 0) // empty rows, and so no tokens
    return;
  const std::int64_t part = all < largest_part ? all : largest_part;
  const std::int64_t fitting = room / (2 * part);
  const std::int64_t block = fitting < largest_block ? fitting : largest_block;
  for (std::int64_t token = tokens.begin; token < tokens.end; token += block) {
    const std::int64_t n = tokens.end - token < block ? tokens.end - token : block;
    for (std::int64_t pair = 0; pair < all; pair += part) {
      const std::int64_t pairs = all - pair < part ? all - pair : part;
      source.template stage<C, Arch>(token, n, pair, pairs, rows, row_scratch);
      (rotate_block<In, Out, Arch>(tensors, token, n, all, pair, pairs, rows, spread_scratch), ...);
    }
  }
}

template <class T> constexpr void check_element_type() {
  static_assert(format_of_v<T> != element_format::unknown,
                "yarn: unknown element type: specialise yarn::format_of for it");
}

template <class Arch, class Source, class First, class... T>
YARN_ALWAYS_INLINE void rotate(const Source& source, pairing p, slice part,
                               const heads_view<First>& first, const heads_view<T>&... rest) {
  static_assert(!std::is_const_v<First> && (!std::is_const_v<T> && ...),
                "yarn: rope_apply rotates in place: the data is const");
  check_element_type<First>();
  (check_element_type<T>(), ...);
  using C = compute_type<First, T...>;
  const token_range tokens = part_of(first.n_tokens(), part);
  if (p == pairing::half_split)
    rotate_tokens<pairing::half_split, pairing::half_split, Arch, C>(
        source, tokens, transfer<First, First>{first, first}, transfer<T, T>{rest, rest}...);
  else
    rotate_tokens<pairing::interleaved, pairing::interleaved, Arch, C>(
        source, tokens, transfer<First, First>{first, first}, transfer<T, T>{rest, rest}...);
}

template <class Arch, class Source, class From, class To>
YARN_ALWAYS_INLINE void rotate_copy(const Source& source, pairing in, pairing out, slice part,
                                    const heads_view<From>& from, const heads_view<To>& to) {
  static_assert(!std::is_const_v<To>, "yarn: rope_copy writes its target: the data is const");
  check_element_type<From>();
  check_element_type<To>();
  using C = compute_type<From, To>;
  constexpr pairing half = pairing::half_split, inter = pairing::interleaved;
  const token_range tokens = part_of(from.n_tokens(), part);
  const transfer<From, To> x{from, to};
  if (in == half && out == half)
    rotate_tokens<half, half, Arch, C>(source, tokens, x);
  else if (in == half)
    rotate_tokens<half, inter, Arch, C>(source, tokens, x);
  else if (out == half)
    rotate_tokens<inter, half, Arch, C>(source, tokens, x);
  else
    rotate_tokens<inter, inter, Arch, C>(source, tokens, x);
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
         "yarn: %s: n_tokens = %lld, n_heads = %lld, head_dim = %lld, token_stride = %lld, "
         "head_stride = "
         "%lld: beyond ptrdiff_t",
         name, number(tokens), number(heads), number(dim), number(x.token_stride()),
         number(x.head_stride()));
  const std::int64_t run = (n_inner > 1 ? (n_inner - 1) * inner : 0) + dim;
  if (n_outer > 1 && exceeds(n_outer - 1, outer, limit - run))
    fail(error_kind::invalid_argument,
         "yarn: %s: n_tokens = %lld, n_heads = %lld, head_dim = %lld, token_stride = %lld, "
         "head_stride = "
         "%lld: beyond ptrdiff_t",
         name, number(tokens), number(heads), number(dim), number(x.token_stride()),
         number(x.head_stride()));
  if (n_inner > 1 && n_outer > 1 && outer < run)
    fail(error_kind::invalid_argument,
         "yarn: %s.token_stride = %lld, head_stride = %lld: %lld x %lld heads of head_dim = %lld "
         "overlap",
         name, number(x.token_stride()), number(x.head_stride()), number(tokens), number(heads),
         number(dim));
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
    fail(error_kind::invalid_argument, "yarn: pairing = %d is neither half_split nor interleaved",
         static_cast<int>(p));
}

// An engine's own arrays may be anything; ours pass at once.
template <class R, class Meaning>
void check_trig(const char* name, const trig_view<R, Meaning>& view) {
  if (view.n_pairs() < 0 || view.n_rows() < 0 || (view.n_pairs() == 0 && view.n_rows() != 0))
    fail(error_kind::invalid_argument,
         "yarn: %s has n_rows = %lld, n_pairs = %lld; rows are >= 0 and pairs >= 1", name,
         static_cast<long long>(view.n_rows()), static_cast<long long>(view.n_pairs()));
  check_row_extent<R>(name, view.n_rows(), view.n_pairs(), view.row_stride());
  if (view.n_rows() > 0 && (view.cos(0) == nullptr || view.sin(0) == nullptr))
    fail(error_kind::invalid_argument, "yarn: cos or sin of %s is null", name);
}

inline void check_token_count(const char* what, std::int64_t n, std::int64_t n_tokens) {
  if (n != n_tokens)
    fail(error_kind::invalid_argument, "yarn: %s = %lld must be n_tokens = %lld", what,
         static_cast<long long>(n), static_cast<long long>(n_tokens));
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
    fail(error_kind::invalid_argument,
         "yarn: target has n_heads = %lld, head_dim = %lld, source has %lld, %lld; they must agree",
         static_cast<long long>(target.n_heads()), static_cast<long long>(target.head_dim()),
         static_cast<long long>(source.n_heads()), static_cast<long long>(source.head_dim()));
  if (may_clash(source, target, p == order))
    fail(error_kind::invalid_argument,
         "yarn: source.data and target.data overlap; rope_copy needs disjoint memory, or one and "
         "the same view where neither the element size nor the order changes");
  call.check(source.n_tokens());
}

template <class... Source> using call_type = decltype(call_of(std::declval<const Source&>()...));

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
/// Types    float, double and the 16-bit formats of types.hpp; rows and tables of any format,
///          independently. 16-bit elements are rotated in float and rounded once, to even.
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

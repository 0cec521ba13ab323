// SPDX-License-Identifier: MIT
// The loops over tokens, heads and sections of pairs. They get the rows of a block of tokens from a
// source, then rotate the heads of the block. Nothing is checked here.
#ifndef YARN_DETAIL_ROPE_LOOP_HPP
#define YARN_DETAIL_ROPE_LOOP_HPP

#include "../base/formats.hpp"
#include "../rows/compute.hpp"
#include "rotate.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The type in which elements of these types are rotated.
template <class... T>
using compute_type =
    std::conditional_t<(std::is_same_v<std::remove_const_t<T>, double> || ...), double, float>;

// The size of the scratch buffer for the rows of a block of tokens. The buffer fits L1 together
// with the heads.
inline constexpr std::int64_t scratch_bytes = 16384;
inline constexpr std::int64_t largest_block = 32; // tokens

// A call that touches more memory than the caches hold prefetches the data 8 KB ahead: far enough
// that the data arrives in time, and near enough that it is not evicted before its use. Tensors
// that are read in order are prefetched above 32 MB; below that size the hardware prefetchers
// suffice and prefetch instructions only cost time. Tensors that are read in jumps are prefetched
// above 1 MB.
inline constexpr std::int64_t far_bytes = std::int64_t{32} << 20;
inline constexpr std::int64_t far_jumping_bytes = std::int64_t{1} << 20;
inline constexpr std::int64_t prefetch_bytes = 8192;

// ---- Sources of rows ---------------------------------------------------------------------------

// A source has a function `stage`, which sets `rows` to pointers to pairs [pair, pair + pairs) of
// the rows of a block of tokens.

// Rows in memory: prepared rows, or a table. C is the type of the computation. If the rows have
// this type, `stage` sets pointers to them, otherwise to widened copies in `scratch`.
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

// A table, for positions with several axes: each pair of a token may use another row.
template <class R> struct axis_table_source {
  table_view<R> table;
  axis_positions list;
  std::int64_t n_pairs;

  template <class C> static constexpr bool is_direct = false;

  template <class C, class Arch>
  YARN_ALWAYS_INLINE void stage(std::int64_t token, std::int64_t n_tokens, std::int64_t pair,
                                std::int64_t pairs, row_pointers<C>* rows, C* scratch) const {
    for (std::int64_t t = 0; t < n_tokens; ++t) {
      C* const cos = scratch + t * 2 * pairs;
      C* const sin = cos + pairs;
      for (std::int64_t i = 0; i < pairs; ++i) {
        const std::int64_t axis =
            table.axis_of_pair() == nullptr ? 0 : table.axis_of_pair()[pair + i];
        const std::int64_t row = list(token + t, axis);
        cos[i] = widen<C>(table.cos(row)[pair + i]);
        sin[i] = widen<C>(table.sin(row)[pair + i]);
      }
      rows[t] = {cos, sin};
    }
  }
};

// Rows that `stage` computes in `scratch`.
template <class Positions, class Temperature> struct frequency_source {
  const frequencies* freqs;
  Positions list;
  const Temperature* temperature;
  std::int64_t n_pairs;

  template <class C> static constexpr bool is_direct = false;

  template <class C, class Arch>
  YARN_ALWAYS_INLINE void stage(std::int64_t token, std::int64_t n_tokens, std::int64_t pair,
                                std::int64_t pairs, row_pointers<C>* rows, C* scratch) const {
    with_kind(*temperature, [&](const auto& kind) YARN_INLINE_LAMBDA {
      compute_rows<C, Arch>(*freqs, pair, pairs, list, amplitude_of(*freqs, kind),
                            {token, token + n_tokens}, scratch, scratch + pairs, 2 * pairs);
    });
    for (std::int64_t t = 0; t < n_tokens; ++t)
      rows[t] = {scratch + t * 2 * pairs, scratch + t * 2 * pairs + pairs};
  }
};

template <class R, class Meaning, class RowOf>
YARN_ALWAYS_INLINE memory_source<R, RowOf> source_of(const trig_view<R, Meaning>& view,
                                                     RowOf row_of) {
  return {view.cos(0), view.sin(0), view.n_pairs(), view.row_stride(), row_of};
}

// ---- Loops -------------------------------------------------------------------------------------

// A tensor and the target of its rotation: the same tensor, or another one for rope_copy. A wrapper
// of a tensor (norm.hpp, kv_cache.hpp) has a transfer of its own. Its header specialises
// element_of, and overloads transfer_in_place, transfer_between and rotate_block, which are found
// by argument-dependent lookup.
template <class From, class To> struct transfer {
  heads_view<From> source;
  heads_view<To> target;

  // The bytes of the elements of one token that are read for n_pairs pairs.
  YARN_ALWAYS_INLINE std::int64_t token_bytes(std::int64_t n_pairs) const {
    return source.n_heads() * 2 * n_pairs * static_cast<std::int64_t>(sizeof(From));
  }
};

template <class X> struct element_of;
template <class T> struct element_of<heads_view<T>> { using type = T; };

template <class T> YARN_ALWAYS_INLINE transfer<T, T> transfer_in_place(const heads_view<T>& x) {
  return {x, x};
}
template <class From, class To>
YARN_ALWAYS_INLINE transfer<From, To> transfer_between(const heads_view<From>& source,
                                                       const heads_view<To>& target) {
  return {source, target};
}

// Tokens [token, token + n_tokens) and pairs [pair, pair + n_pairs) of a call. A whole head has
// head_pairs pairs.
struct block {
  std::int64_t token;
  std::int64_t n_tokens;
  std::int64_t pair;
  std::int64_t n_pairs;
  std::int64_t head_pairs;
  std::int64_t bytes; // of all elements that the whole call rotates
};

template <class C> YARN_ALWAYS_INLINE void prefetch_row(row_pointers<C> row, std::int64_t n_pairs) {
  for (std::int64_t i = 0; i < n_pairs; i += 64 / static_cast<std::int64_t>(sizeof(C))) {
    YARN_PREFETCH(row.cos + i, 0);
    YARN_PREFETCH(row.sin + i, 0);
  }
}

// The strides of the source and of the target, in elements: from token to token, or from head to
// head.
struct transfer_strides {
  std::int64_t source, target;
};

// Copies n elements to other memory, and converts them.
template <class Arch, class C, class From, class To>
YARN_ALWAYS_INLINE void copy_elements(const From* from, std::int64_t n, To* to) {
  if constexpr (std::is_same_v<From, To>) {
    std::memcpy(static_cast<void*>(to), from, static_cast<std::size_t>(n) * sizeof(To));
  } else {
    using wide = pack<C, Arch>;
    constexpr auto size = static_cast<std::int64_t>(wide::size);
    std::int64_t e = 0;
    for (; e + size <= n; e += size)
      store_elements(load_elements(from + e, wide{}), to + e);
    if constexpr (size > 1)
      for (; e < n; ++e)
        narrow(widen<C>(from[e]), to[e]);
  }
}

// Copies the elements after the pairs of each head of a block, to a target in other memory.
template <class Arch, class From, class To>
YARN_ALWAYS_INLINE void copy_unpaired(const From* source, To* target, transfer_strides outer,
                                      std::int64_t n_outer, transfer_strides inner,
                                      std::int64_t n_inner, std::int64_t n_rest) {
  using C = compute_type<From, To>;
  for (std::int64_t i = 0; i < n_outer; ++i)
    for (std::int64_t j = 0; j < n_inner; ++j)
      copy_elements<Arch, C>(source + i * outer.source + j * inner.source, n_rest,
                             target + i * outer.target + j * inner.target);
}

// Rotates the heads of one tensor in a block; token t of the block has the row rows[t]. Usually the
// outer loop is over tokens: a row is then loaded once for all heads, and memory is read in order.
// The outer loop is over heads only if heads are farther apart than tokens ([heads][tokens][dim]),
// or if there is one head. (The loop variables are not collected in one struct, because then
// gcc 12 makes rope_copy 4 % slower.)
template <pairing In, pairing Out, class Arch, class From, class To, class C>
void rotate_block(const transfer<From, To>& x, const block& b, const row_pointers<C>* rows) {
  const std::int64_t n_heads = x.source.n_heads();
  if (n_heads == 0)
    return;
  const bool across_tokens =
      b.n_tokens > 1 && (x.source.head_stride() > x.source.token_stride() || n_heads == 1);
  const transfer_strides token{x.source.token_stride(), x.target.token_stride()};
  const transfer_strides head{x.source.head_stride(), x.target.head_stride()};
  const transfer_strides inner = across_tokens ? token : head, outer = across_tokens ? head : token;
  const std::int64_t n_inner = across_tokens ? b.n_tokens : n_heads;
  const std::int64_t n_outer = across_tokens ? n_heads : b.n_tokens;

  const From* const source = x.source.data() + b.token * token.source;
  To* const target = x.target.data() + b.token * token.target;
  const std::int64_t in = In == pairing::half_split ? b.pair : 2 * b.pair;
  const std::int64_t out = Out == pairing::half_split ? b.pair : 2 * b.pair;
  const std::int64_t head_bytes = 2 * b.n_pairs * static_cast<std::int64_t>(sizeof(From));
  const bool is_far = b.bytes > (n_heads > 1 && across_tokens ? far_jumping_bytes : far_bytes);
  const std::int64_t prefetch_distance = is_far ? 1 + prefetch_bytes / head_bytes : 0;

  for (std::int64_t i = 0; i < n_outer; ++i) {
    const From* const from = source + i * outer.source + in;
    const bool wraps = across_tokens && i + 1 == n_outer; // The next block of tokens follows.
    const strided_heads<From, To> heads{from,
                                        target + i * outer.target + out,
                                        inner.source,
                                        inner.target,
                                        n_inner,
                                        b.head_pairs,
                                        wraps ? address_of(source + in, b.n_tokens * token.source)
                                              : address_of(from, outer.source),
                                        prefetch_distance};
    if (across_tokens) {
      rotate_each_head<In, Out, Arch>(heads, rows, 1, b.n_pairs);
    } else {
      if (is_far && i + 1 < n_outer)
        prefetch_row(rows[i + 1], b.n_pairs);
      rotate_heads<In, Out, Arch>(heads, rows[i], b.n_pairs);
    }
  }

  const std::int64_t n_rest = x.source.head_dim() - 2 * b.head_pairs;
  const bool is_in_place = std::is_same_v<std::remove_const_t<From>, To> &&
                           static_cast<const void*>(source) == static_cast<const void*>(target);
  if (n_rest != 0 && !is_in_place && b.pair + b.n_pairs == b.head_pairs)
    copy_unpaired<Arch>(source + 2 * b.head_pairs, target + 2 * b.head_pairs, outer, n_outer, inner,
                        n_inner, n_rest);
}

template <pairing In, pairing Out, class Arch, class C, class Source, class... Transfer>
void rotate_tokens(const Source& source, token_range tokens, const Transfer&... tensors) {
  constexpr bool direct = Source::template is_direct<C>;
  constexpr std::int64_t capacity = scratch_bytes / static_cast<std::int64_t>(sizeof(C));
  constexpr std::int64_t largest_section = capacity / 4;
  alignas(64) C row_scratch[direct ? 1 : capacity];
  row_pointers<C> rows[largest_block];

  const std::int64_t all = source.n_pairs;
  if (all == 0) // The rows are empty, so there are no tokens.
    return;
  const std::int64_t token_bytes = (tensors.token_bytes(all) + ...);
  const std::int64_t n_tokens = tokens.end - tokens.begin;
  const std::int64_t bytes = token_bytes * n_tokens;
  const std::int64_t section = all < largest_section ? all : largest_section;
  // A single token needs no division.
  const std::int64_t fitting = n_tokens > 1 ? capacity / (2 * section) : 1;
  const std::int64_t size = fitting < largest_block ? fitting : largest_block;
  for (std::int64_t token = tokens.begin; token < tokens.end; token += size) {
    const std::int64_t n = tokens.end - token < size ? tokens.end - token : size;
    for (std::int64_t pair = 0; pair < all; pair += section) {
      const std::int64_t pairs = all - pair < section ? all - pair : section;
      const block b{token, n, pair, pairs, all, bytes};
      source.template stage<C, Arch>(token, n, pair, pairs, rows, row_scratch);
      (rotate_block<In, Out, Arch>(tensors, b, rows), ...);
    }
  }
}

template <class Arch, class Source, class First, class... Rest>
YARN_ALWAYS_INLINE void rotate(const Source& source, pairing p, thread_slice part,
                               const First& first, const Rest&... rest) {
  static_assert(!std::is_const_v<typename element_of<First>::type> &&
                    (!std::is_const_v<typename element_of<Rest>::type> && ...),
                "yarn: rope_apply rotates in place: the data is const");
  using C = compute_type<typename element_of<First>::type, typename element_of<Rest>::type...>;
  const token_range tokens = tokens_of(first.n_tokens(), part);
  if (p == pairing::half_split)
    rotate_tokens<pairing::half_split, pairing::half_split, Arch, C>(
        source, tokens, transfer_in_place(first), transfer_in_place(rest)...);
  else
    rotate_tokens<pairing::interleaved, pairing::interleaved, Arch, C>(
        source, tokens, transfer_in_place(first), transfer_in_place(rest)...);
}

template <class Arch, class Source, class From, class To>
YARN_ALWAYS_INLINE void rotate_copy(const Source& source, pairing in, pairing out,
                                    thread_slice part, const From& from, const To& to) {
  static_assert(!std::is_const_v<typename element_of<To>::type>,
                "yarn: rope_copy writes its target: the data is const");
  using C = compute_type<typename element_of<From>::type, typename element_of<To>::type>;
  constexpr pairing half_split = pairing::half_split, interleaved = pairing::interleaved;
  const token_range tokens = tokens_of(from.n_tokens(), part);
  const auto x = transfer_between(from, to);
  if (in == half_split && out == half_split)
    rotate_tokens<half_split, half_split, Arch, C>(source, tokens, x);
  else if (in == half_split)
    rotate_tokens<half_split, interleaved, Arch, C>(source, tokens, x);
  else if (out == half_split)
    rotate_tokens<interleaved, half_split, Arch, C>(source, tokens, x);
  else
    rotate_tokens<interleaved, interleaved, Arch, C>(source, tokens, x);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

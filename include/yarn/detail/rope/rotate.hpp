// SPDX-License-Identifier: MIT
// The rotation of heads by rows. This file includes nothing about frequencies.
//
//     x0' = fma(-x1, s, x0 c)
//     x1' = fma( x0, s, x1 c)
//
// Every element is one product and one multiply_add (fused if YARN_HAS_FMA): for both pairings, in
// vector code and in its tail. Each iteration loads all its elements before it stores the first, so
// source and target may be the same memory. Elements of smaller formats are widened to the type of
// the computation, rotated, and rounded once.
#ifndef YARN_DETAIL_ROPE_ROTATE_HPP
#define YARN_DETAIL_ROPE_ROTATE_HPP

#include "../simd/pack.hpp"

#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// The row of one token, in the type of the computation: float or double.
template <class C> struct row_pointers {
  const C* cos;
  const C* sin;
};

/// The address of p plus `elements`. There may be no object at this address.
template <class T> YARN_ALWAYS_INLINE std::uintptr_t address_of(const T* p, std::int64_t elements) {
  return reinterpret_cast<std::uintptr_t>(p) +
         static_cast<std::uintptr_t>(elements) * static_cast<std::uintptr_t>(sizeof(T));
}

/// Heads at equal distances: the heads of one token, or one head of consecutive tokens. Head h is
/// read at source + h * source_stride and written at target + h * target_stride. pair_distance is
/// the distance between the two elements of a half-split pair. While a head is rotated, the head
/// that is prefetch_distance heads ahead is prefetched; 0 turns prefetching off. After the last
/// head, prefetching continues with the heads at the address next_heads.
template <class From, class To> struct strided_heads {
  const From* source;
  To* target;
  std::int64_t source_stride;
  std::int64_t target_stride;
  std::int64_t n_heads;
  std::int64_t pair_distance;
  std::uintptr_t next_heads;
  std::int64_t prefetch_distance;

  YARN_ALWAYS_INLINE void next_head() {
    if (--n_heads > 0) { // A single head may have any stride, even an overflowing one.
      source += source_stride;
      target += target_stride;
    }
  }

  /// Prefetches the first `size` elements of the head that is prefetch_distance > 0 heads ahead.
  /// Only the source is prefetched; in place, the source is also the target.
  YARN_ALWAYS_INLINE void prefetch_ahead(std::int64_t size) const {
    const auto bytes = static_cast<std::uintptr_t>(source_stride) * sizeof(From);
    const auto heads = static_cast<std::uintptr_t>(prefetch_distance);
    const std::uintptr_t start =
        n_heads > prefetch_distance
            ? address_of(source, 0) + heads * bytes
            : next_heads + (heads - static_cast<std::uintptr_t>(n_heads)) * bytes;
    for (std::int64_t line = 0; line < size * static_cast<std::int64_t>(sizeof(From)); line += 64)
      YARN_PREFETCH(reinterpret_cast<const char*>(start) + line, 1); // NOLINT: nothing is read
  }
};

/// The rotated pairs, by the formula at the head of this file.
template <class Pack>
YARN_ALWAYS_INLINE two_packs<Pack> turned(Pack x0, Pack x1, Pack cos, Pack sin) {
  return {negated_multiply_add(x1, sin, x0 * cos), multiply_add(x0, sin, x1 * cos)};
}

/// The rotation of one pack of pairs. An object holds the row entries of these pairs in registers.
template <pairing In, pairing Out, class Arch, class C> class pack_rotation {
public:
  using wide = pack<C, Arch>;
  static constexpr auto pairs = static_cast<std::int64_t>(wide::size);
  /// Whether the row is spread to [c0 c0 c1 c1 ...] and [-s0 s0 -s1 s1 ...], once for all heads:
  /// yes if source and target are interleaved. A pack of a head then needs one permute instead of
  /// two.
  static constexpr bool spreads =
      In == pairing::interleaved && Out == pairing::interleaved && pairs > 1;
  static constexpr bool prepares = spreads; // Whether from_row does more than load the row.
  /// The number of objects of this class that fit the registers together with the operands of a
  /// rotation.
  static constexpr int packs_in_registers = has_32_registers_v<Arch> ? 8 : spreads ? 2 : 4;

  YARN_ALWAYS_INLINE static pack_rotation from_row(const C* cos, const C* sin) {
    const wide c = load_once(wide::load_unaligned(cos)), s = load_once(wide::load_unaligned(sin));
    if constexpr (spreads) {
      const two_packs<wide> twice_c = interleave(c, c), twice_s = interleave(s * wide(C(-1)), s);
      return {twice_c.first, twice_c.second, twice_s.first, twice_s.second};
    } else {
      return {c, c, s, s};
    }
  }

  /// Rotates pairs [pair, pair + pairs) of the first head of `x`.
  template <class From, class To>
  YARN_ALWAYS_INLINE void apply(const strided_heads<From, To>& x, std::int64_t pair) const {
    if constexpr (spreads) {
      const wide low = load_once(load_elements(x.source + 2 * pair, wide{}));
      const wide high = load_once(load_elements(x.source + 2 * pair + pairs, wide{}));
      store_neighbours({multiply_add(swap_neighbours(low), sin_, low * cos_),
                        multiply_add(swap_neighbours(high), sin_high_, high * cos_high_)},
                       x.target + 2 * pair);
    } else {
      const two_packs<wide> e = load_pairs(x, pair);
      const two_packs<wide> result = turned(e.first, e.second, cos_, sin_);
      if constexpr (Out == pairing::half_split) {
        store_elements(result, x.target + pair, x.target + x.pair_distance + pair);
      } else {
        store_neighbours(interleave(result.first, result.second), x.target + 2 * pair);
      }
    }
  }

private:
  template <class From, class To>
  YARN_ALWAYS_INLINE static two_packs<wide> load_pairs(const strided_heads<From, To>& x,
                                                       std::int64_t pair) {
    if constexpr (In == pairing::half_split)
      return {load_once(load_elements(x.source + pair, wide{})),
              load_once(load_elements(x.source + x.pair_distance + pair, wide{}))};
    else
      return deinterleave(load_elements(x.source + 2 * pair, wide{}),
                          load_elements(x.source + 2 * pair + pairs, wide{}));
  }
  template <class To>
  YARN_ALWAYS_INLINE static void store_neighbours(const two_packs<wide>& e, To* p) {
    store_elements(e, p, p + pairs);
  }

  YARN_ALWAYS_INLINE pack_rotation(wide cos, wide cos_high, wide sin, wide sin_high)
      : cos_(cos), cos_high_(cos_high), sin_(sin), sin_high_(sin_high) {}

  // Separate members, because compilers would keep an array in memory. The high packs are used only
  // if the row is spread.
  wide cos_, cos_high_, sin_, sin_high_;
};

#if !defined(YARN_NO_XSIMD)

/// Like pack_rotation, for source and target in bfloat16. The rotation works on 32-bit words, which
/// are two neighbouring elements (see pack.hpp). A word of an interleaved head is a pair, so
/// nothing is permuted. A word of a half-split head has elements of two neighbouring pairs, so the
/// row is sorted into even and odd pairs, once for all heads.
template <pairing Order, class Arch> class word_rotation {
public:
  using wide = pack<float, Arch>;
  using words = two_packs<wide>;
  static constexpr auto size = static_cast<std::int64_t>(wide::size);
  static constexpr bool sorts = Order == pairing::half_split;
  static constexpr std::int64_t pairs = 2 * size;
  static constexpr bool prepares = sorts;
  static constexpr int packs_in_registers = has_32_registers_v<Arch> ? 8 : 1;

  YARN_ALWAYS_INLINE static word_rotation from_row(const float* cos, const float* sin) {
    const wide c = wide::load_unaligned(cos), c_high = wide::load_unaligned(cos + size);
    const wide s = wide::load_unaligned(sin), s_high = wide::load_unaligned(sin + size);
    if constexpr (sorts) {
      const words sorted_c = deinterleave(c, c_high), sorted_s = deinterleave(s, s_high);
      return {sorted_c.first, sorted_c.second, sorted_s.first, sorted_s.second};
    } else {
      return {c, c_high, s, s_high};
    }
  }

  template <class From, class To>
  YARN_ALWAYS_INLINE void apply(const strided_heads<From, To>& x, std::int64_t pair) const {
    const std::int64_t p = sorts ? pair : 2 * pair;
    const std::int64_t q = sorts ? x.pair_distance + pair : 2 * pair + 2 * size;
    const words a = load_words(x.source + p, wide{}), b = load_words(x.source + q, wide{});
    if constexpr (sorts) {
      const words even = turned(a.first, b.first, cos_, sin_);
      const words odd = turned(a.second, b.second, cos_high_, sin_high_);
      store_words(words{even.first, odd.first}, x.target + p, words{even.second, odd.second},
                  x.target + q);
    } else {
      store_words(turned(a.first, a.second, cos_, sin_), x.target + p,
                  turned(b.first, b.second, cos_high_, sin_high_), x.target + q);
    }
  }

private:
  YARN_ALWAYS_INLINE word_rotation(wide cos, wide cos_high, wide sin, wide sin_high)
      : cos_(cos), cos_high_(cos_high), sin_(sin), sin_high_(sin_high) {}

  // For half-split heads, cos_ and sin_ belong to the even pairs, the high packs to the odd pairs.
  // For interleaved heads, cos_ and sin_ belong to the first pairs, the high packs to the last
  // pairs. (Four members, because gcc 12 would copy two_packs through memory.)
  wide cos_, cos_high_, sin_, sin_high_;
};

template <pairing In, pairing Out, class Arch, class C, class From, class To>
inline constexpr bool by_words_v =
    In == Out&& std::is_same_v<C, float>&& format_of_v<From> ==
    element_format::bfloat16&& format_of_v<To> == element_format::bfloat16&& has_words_v<Arch>;

template <pairing In, pairing Out, class Arch, class C, class From, class To>
using rotation_for = std::conditional_t<by_words_v<In, Out, Arch, C, From, To>,
                                        word_rotation<In, Arch>, pack_rotation<In, Out, Arch, C>>;
#else
template <pairing In, pairing Out, class Arch, class C, class From, class To>
using rotation_for = pack_rotation<In, Out, Arch, C>;
#endif

template <class Rotation> struct type_tag { using type = Rotation; };

/// Calls f(type_tag<rotation>{}, pair) for all packs of pairs from `pair` to n_pairs: packs of full
/// width first, then narrower packs for the tail.
template <pairing In, pairing Out, class Arch, class C, class From, class To, class F>
YARN_ALWAYS_INLINE void for_each_pack(std::int64_t pair, std::int64_t n_pairs, const F& f) {
  using rotation = rotation_for<In, Out, Arch, C, From, To>;
  for (; pair + rotation::pairs <= n_pairs; pair += rotation::pairs)
    f(type_tag<rotation>{}, pair);
  if constexpr (rotation::pairs > 1) {
    if (pair < n_pairs) {
      using narrow = narrower_arch<Arch>;
      using last = pack_rotation<In, Out, Arch, C>; // half as wide as a word_rotation
      if constexpr (std::is_same_v<narrow, scalar_arch> && last::pairs < rotation::pairs)
        if (pair + last::pairs <= n_pairs) {
          f(type_tag<last>{}, pair);
          pair += last::pairs;
        }
      for_each_pack<In, Out, narrow, C, From, To>(pair, n_pairs, f);
    }
  }
}

/// Rotates the first head of `x`.
template <pairing In, pairing Out, class Arch, class C, class From, class To>
YARN_ALWAYS_INLINE void rotate_by_row(const strided_heads<From, To>& x, row_pointers<C> row,
                                      std::int64_t n_pairs) {
  using widest = rotation_for<In, Out, Arch, C, From, To>;
  if constexpr (widest::pairs == 1) {
    YARN_UNROLL_4
    for (std::int64_t pair = 0; pair < n_pairs; ++pair)
      widest::from_row(row.cos + pair, row.sin + pair).apply(x, pair);
  } else {
    for_each_pack<In, Out, Arch, C, From, To>(
        0, n_pairs, [&](auto rotation, std::int64_t pair) YARN_INLINE_LAMBDA {
          decltype(rotation)::type::from_row(row.cos + pair, row.sin + pair).apply(x, pair);
        });
  }
}

/// Calls f for each head of x, with prefetches if x.prefetch_distance > 0. (There are two loops
/// because a test of the distance for each head takes as long as rotating a head in L1.)
template <class From, class To, class F>
YARN_ALWAYS_INLINE void for_each_head(strided_heads<From, To> x, std::int64_t size, const F& f) {
  if (x.prefetch_distance == 0) {
    for (; x.n_heads > 0; x.next_head())
      f(x);
  } else {
    for (; x.n_heads > 0; x.next_head()) {
      x.prefetch_ahead(size);
      f(x);
    }
  }
}

/// Rotates whole heads, one after the other: head h by rows[h * row_increment]. row_increment is 1
/// for one head of consecutive tokens, and 0 for the heads of one token.
template <pairing In, pairing Out, class Arch, class C, class From, class To>
void rotate_each_head(const strided_heads<From, To>& x, const row_pointers<C>* rows,
                      std::int64_t row_increment, std::int64_t n_pairs) {
  for_each_head(x, 2 * n_pairs, [&](const strided_heads<From, To>& head) YARN_INLINE_LAMBDA {
    rotate_by_row<In, Out, Arch>(head, *rows, n_pairs);
    rows += row_increment;
  });
}

/// Rotates heads of exactly sizeof...(I) packs of pairs. The row stays in registers for all heads.
template <class Rotation, class C, class From, class To, int... I>
YARN_ALWAYS_INLINE void rotate_whole(const strided_heads<From, To>& x, row_pointers<C> row,
                                     std::integer_sequence<int, I...>) {
  const Rotation rotations[] = {
      Rotation::from_row(row.cos + I * Rotation::pairs, row.sin + I * Rotation::pairs)...};
  for_each_head(x, 2 * static_cast<std::int64_t>(sizeof...(I)) * Rotation::pairs,
                [&](const strided_heads<From, To>& head)
                    YARN_INLINE_LAMBDA { (rotations[I].apply(head, I * Rotation::pairs), ...); });
}

/// Rotates a section of each head: sizeof...(I) packs of pairs, from `pair` on. This section of the
/// row stays in registers for all heads.
template <class Rotation, class C, class From, class To, int... I>
void rotate_section(const strided_heads<From, To>& x, row_pointers<C> row, std::int64_t pair,
                    std::integer_sequence<int, I...>) {
  const Rotation rotations[] = {Rotation::from_row(row.cos + pair + I * Rotation::pairs,
                                                   row.sin + pair + I * Rotation::pairs)...};
  for (strided_heads<From, To> head = x; head.n_heads > 0; head.next_head())
    (rotations[I].apply(head, pair + I * Rotation::pairs), ...);
}

/// Rotates the pairs from `pair` on, in sections of N packs while N packs remain, then in sections
/// of N/2, N/4 ... 1 packs. Returns the first pair that is not rotated.
template <class Rotation, int N, class C, class From, class To>
YARN_ALWAYS_INLINE std::int64_t rotate_sections_of(const strided_heads<From, To>& x,
                                                   row_pointers<C> row, std::int64_t pair,
                                                   std::int64_t n_pairs) {
  for (; n_pairs - pair >= N * Rotation::pairs; pair += N * Rotation::pairs)
    rotate_section<Rotation>(x, row, pair, std::make_integer_sequence<int, N>{});
  if constexpr (N > 1)
    return rotate_sections_of<Rotation, N / 2>(x, row, pair, n_pairs);
  else
    return pair;
}

/// Rotates pairs [pair, n_pairs) of each head in sections of up to `Packs` packs. In the tail, the
/// packs are narrower, and each pack is a section.
template <pairing In, pairing Out, class Arch, int Packs, class C, class From, class To>
void rotate_in_sections(const strided_heads<From, To>& x, row_pointers<C> row, std::int64_t pair,
                        std::int64_t n_pairs) {
  using rotation = rotation_for<In, Out, Arch, C, From, To>;
  pair = rotate_sections_of<rotation, Packs>(x, row, pair, n_pairs);
  if constexpr (rotation::pairs > 1) {
    using narrow = narrower_arch<Arch>;
    using last = pack_rotation<In, Out, Arch, C>; // half as wide as a word_rotation
    if constexpr (std::is_same_v<narrow, scalar_arch> && last::pairs < rotation::pairs)
      pair = rotate_sections_of<last, 1>(x, row, pair, n_pairs);
    if (pair < n_pairs)
      rotate_in_sections<In, Out, narrow, 1>(x, row, pair, n_pairs);
  }
}

/// Rotates the heads of one token in groups. A group has as many heads as stay in L1 while their
/// sections are rotated one after the other. Heads outside the caches are rotated in small groups;
/// the following heads are prefetched before each group.
template <pairing In, pairing Out, class Arch, class C, class From, class To>
void rotate_in_groups(const strided_heads<From, To>& x, row_pointers<C> row, std::int64_t n_pairs) {
  constexpr int packs = rotation_for<In, Out, Arch, C, From, To>::packs_in_registers;
  const std::int64_t group_bytes = x.prefetch_distance != 0 ? 2048 : 16384;
  const std::int64_t head_bytes = 2 * n_pairs * static_cast<std::int64_t>(sizeof(From));
  // If there is only one group, x is passed on without a copy. The fields of x were just stored one
  // by one. A copy would load them with vector loads, and stall for longer than a head takes.
  if (x.prefetch_distance == 0 && x.n_heads * head_bytes <= group_bytes)
    return rotate_in_sections<In, Out, Arch, packs>(x, row, 0, n_pairs);
  const std::int64_t size = 1 + group_bytes / head_bytes;
  for (strided_heads<From, To> rest = x; rest.n_heads > 0;) {
    strided_heads<From, To> group = rest;
    if (group.n_heads > size)
      group.n_heads = size;
    for (std::int64_t i = 0; i < group.n_heads; ++i) {
      if (rest.prefetch_distance != 0)
        rest.prefetch_ahead(2 * n_pairs);
      rest.next_head();
    }
    rotate_in_sections<In, Out, Arch, packs>(group, row, 0, n_pairs);
  }
}

/// Rotates the heads of one token. (Forced inline, like rotate_whole. A call would pass
/// strided_heads through memory, which takes longer than rotating a head.)
template <pairing In, pairing Out, class Arch, class C, class From, class To>
YARN_ALWAYS_INLINE void rotate_heads(const strided_heads<From, To>& x, row_pointers<C> row,
                                     std::int64_t n_pairs) {
  using rotation = rotation_for<In, Out, Arch, C, From, To>;
  if constexpr (has_32_registers_v<Arch>) {
    if (n_pairs == rotation::pairs)
      return rotate_whole<rotation>(x, row, std::make_integer_sequence<int, 1>{});
    if (n_pairs == 2 * rotation::pairs)
      return rotate_whole<rotation>(x, row, std::make_integer_sequence<int, 2>{});
    if (n_pairs == 4 * rotation::pairs)
      return rotate_whole<rotation>(x, row, std::make_integer_sequence<int, 4>{});
    if (n_pairs == 8 * rotation::pairs)
      return rotate_whole<rotation>(x, row, std::make_integer_sequence<int, 8>{});
  }
  // Heads outside the caches are rotated whole, so that memory is read in order. The row is then
  // loaded and prepared again for each head. Memory accesses hide the cost of preparing, except for
  // elements that are converted and for vectors of 128 bits. Scalar code always rotates whole
  // heads, because compilers vectorize that loop.
  if constexpr (!rotation::prepares ||
                (sizeof(typename rotation::wide) > 16 && sizeof(From) == sizeof(C)))
    if (rotation::pairs == 1 || x.prefetch_distance != 0)
      return rotate_each_head<In, Out, Arch>(x, &row, 0, n_pairs);
  rotate_in_groups<In, Out, Arch>(x, row, n_pairs);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

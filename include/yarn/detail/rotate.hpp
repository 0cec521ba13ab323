// SPDX-License-Identifier: MIT
// The rotation of the heads of one token by one row. It knows nothing of frequencies: rows come in.
// Floor 4.
//
//     x0' = fma(-x1, s, x0 c)        one product, one fused multiply-add, the same in the vector
//     x1' = fma( x0, s, x1 c)        body and in its tail, for both pairings
//
// Elements of a step are loaded before any is stored, so source and target may be the same memory.
// 16-bit elements are floats between load and store, rounded once.
#ifndef YARN_DETAIL_ROTATE_HPP
#define YARN_DETAIL_ROTATE_HPP

#include "simd_element.hpp"
#include "simd_permute.hpp"

#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// cos and sin of one token for the pairs of a call, as the rotation computes: float or double.
template <class C> struct row_pointers {
  const C* cos;
  const C* sin;
};

/// Heads of one token: head h at source + h * source_stride, to target + h * target_stride. `half`
/// is the distance between the elements of a half-split pair.
template <class From, class To> struct head_run {
  const From* source;
  To* target;
  std::int64_t source_stride;
  std::int64_t target_stride;
  std::int64_t n_heads;
  std::int64_t half;

  YARN_ALWAYS_INLINE void next_head() {
    if (--n_heads > 0) { // the stride of a last head may be anything
      source += source_stride;
      target += target_stride;
    }
  }
};

/// A pack of pairs: its part of the row, and what it does to one head.
template <pairing In, pairing Out, class Arch, class C> class rotation_step {
public:
  using wide = pack<C, Arch>;
  static constexpr auto pairs = static_cast<std::int64_t>(wide::size);
  /// Interleaved heads stay so: then the row is spread to [c0 c0 c1 c1 ...], [-s0 s0 -s1 s1 ...],
  /// once for all heads, and every pack of a head is permuted once instead of twice.
  static constexpr std::int64_t kept_per_pair = 4; // elements a pair in memory
  static constexpr bool spreads =
      In == pairing::interleaved && Out == pairing::interleaved && pairs > 1;

  YARN_ALWAYS_INLINE static rotation_step from_row(const C* cos, const C* sin) {
    const wide c = wide::load_unaligned(cos), s = wide::load_unaligned(sin);
    if constexpr (spreads) {
      const two_packs<wide> twice_c = interleave(c, c), twice_s = interleave(s * wide(C(-1)), s);
      return {twice_c.first, twice_c.second, twice_s.first, twice_s.second};
    } else {
      return {c, c, s, s};
    }
  }

  /// A spread row is kept in memory where registers do not suffice: 4 * pairs elements a step.
  YARN_ALWAYS_INLINE static rotation_step from_memory(const C* kept) {
    return {wide::load_unaligned(kept), wide::load_unaligned(kept + pairs),
            wide::load_unaligned(kept + 2 * pairs), wide::load_unaligned(kept + 3 * pairs)};
  }
  YARN_ALWAYS_INLINE void to_memory(C* kept) const {
    cos_.store_unaligned(kept);
    cos_high_.store_unaligned(kept + pairs);
    sin_.store_unaligned(kept + 2 * pairs);
    sin_high_.store_unaligned(kept + 3 * pairs);
  }

  /// Pairs [pair, pair + pairs) of the one head of `x`.
  template <class From, class To>
  YARN_ALWAYS_INLINE void apply(const head_run<From, To>& x, std::int64_t pair) const {
    if constexpr (spreads) {
      const wide low = load_elements(x.source + 2 * pair, wide{});
      const wide high = load_elements(x.source + 2 * pair + pairs, wide{});
      store_elements(multiply_add(swap_neighbours(low), sin_, low * cos_), x.target + 2 * pair);
      store_elements(multiply_add(swap_neighbours(high), sin_high_, high * cos_high_),
                     x.target + 2 * pair + pairs);
    } else {
      two_packs<wide> e = load_pairs(x, pair);
      const wide first = negated_multiply_add(e.second, sin_, e.first * cos_);
      const wide second = multiply_add(e.first, sin_, e.second * cos_);
      if constexpr (Out == pairing::half_split) {
        store_elements(first, x.target + pair);
        store_elements(second, x.target + x.half + pair);
      } else {
        const two_packs<wide> out = interleave(first, second);
        store_elements(out.first, x.target + 2 * pair);
        store_elements(out.second, x.target + 2 * pair + pairs);
      }
    }
  }

private:
  template <class From, class To>
  YARN_ALWAYS_INLINE static two_packs<wide> load_pairs(const head_run<From, To>& x,
                                                       std::int64_t pair) {
    if constexpr (In == pairing::half_split)
      return {load_elements(x.source + pair, wide{}),
              load_elements(x.source + x.half + pair, wide{})};
    else
      return deinterleave(load_elements(x.source + 2 * pair, wide{}),
                          load_elements(x.source + 2 * pair + pairs, wide{}));
  }

  YARN_ALWAYS_INLINE rotation_step(wide cos, wide cos_high, wide sin, wide sin_high)
      : cos_(cos), cos_high_(cos_high), sin_(sin), sin_high_(sin_high) {}

  // Members of their own: compilers keep an array in memory where a loop fills it. The high packs
  // are those of a spread row, and unused otherwise.
  wide cos_, cos_high_, sin_, sin_high_;
};

#if !defined(YARN_NO_XSIMD)

/// The same for bfloat16 that stays bfloat16: a word holds an even and an odd element. Of
/// interleaved heads they are a pair, and nothing is permuted at all; of half-split ones they are
/// neighbours, and the row is sorted into even and odd pairs, once for all heads.
template <pairing Order, class Arch> class word_step {
public:
  using wide = pack<float, Arch>;
  static constexpr auto size = static_cast<std::int64_t>(wide::size);
  static constexpr bool sorts = Order == pairing::half_split;
  static constexpr bool spreads = sorts; // a prepared row is worth keeping
  static constexpr std::int64_t pairs = sorts ? 2 * size : size;
  static constexpr std::int64_t kept_per_pair = 4 * size / pairs; // elements a pair in memory

  YARN_ALWAYS_INLINE static word_step from_row(const float* cos, const float* sin) {
    const wide c = wide::load_unaligned(cos), s = wide::load_unaligned(sin);
    if constexpr (sorts) {
      const two_packs<wide> cs = deinterleave(c, wide::load_unaligned(cos + size));
      const two_packs<wide> ss = deinterleave(s, wide::load_unaligned(sin + size));
      return {cs.first, cs.second, ss.first, ss.second};
    } else {
      return {c, c, s, s};
    }
  }
  YARN_ALWAYS_INLINE static word_step from_memory(const float* kept) {
    return {wide::load_unaligned(kept), wide::load_unaligned(kept + size),
            wide::load_unaligned(kept + 2 * size), wide::load_unaligned(kept + 3 * size)};
  }
  YARN_ALWAYS_INLINE void to_memory(float* kept) const {
    cos_.store_unaligned(kept);
    cos_odd_.store_unaligned(kept + size);
    sin_.store_unaligned(kept + 2 * size);
    sin_odd_.store_unaligned(kept + 3 * size);
  }

  template <class From, class To>
  YARN_ALWAYS_INLINE void apply(const head_run<From, To>& x, std::int64_t pair) const {
    if constexpr (sorts) {
      const two_packs<wide> a = load_words(x.source + pair, wide{});
      const two_packs<wide> b = load_words(x.source + x.half + pair, wide{});
      store_words(negated_multiply_add(b.first, sin_, a.first * cos_),
                  negated_multiply_add(b.second, sin_odd_, a.second * cos_odd_), x.target + pair);
      store_words(multiply_add(a.first, sin_, b.first * cos_),
                  multiply_add(a.second, sin_odd_, b.second * cos_odd_), x.target + x.half + pair);
    } else {
      const two_packs<wide> e = load_words(x.source + 2 * pair, wide{});
      store_words(negated_multiply_add(e.second, sin_, e.first * cos_),
                  multiply_add(e.first, sin_, e.second * cos_), x.target + 2 * pair);
    }
  }

private:
  YARN_ALWAYS_INLINE word_step(wide cos, wide cos_odd, wide sin, wide sin_odd)
      : cos_(cos), cos_odd_(cos_odd), sin_(sin), sin_odd_(sin_odd) {}

  wide cos_, cos_odd_, sin_, sin_odd_;
};

template <pairing In, pairing Out, class Arch, class C, class From, class To>
inline constexpr bool by_words_v =
    In == Out&& std::is_same_v<C, float>&& format_of_v<From> ==
    element_format::bfloat16&& format_of_v<To> == element_format::bfloat16&& has_words_v<Arch>;

template <pairing In, pairing Out, class Arch, class C, class From, class To>
using step_for = std::conditional_t<by_words_v<In, Out, Arch, C, From, To>, word_step<In, Arch>,
                                    rotation_step<In, Out, Arch, C>>;
#else
template <pairing In, pairing Out, class Arch, class C, class From, class To>
using step_for = rotation_step<In, Out, Arch, C>;
#endif

/// What is left of a head from `pair` on, with narrower packs each time.
template <pairing In, pairing Out, class Arch, class C, class From, class To>
YARN_ALWAYS_INLINE void rotate_rest(const head_run<From, To>& x, row_pointers<C> row,
                                    std::int64_t pair, std::int64_t n_pairs) {
  using step = step_for<In, Out, Arch, C, From, To>;
  for (; pair + step::pairs <= n_pairs; pair += step::pairs)
    step::from_row(row.cos + pair, row.sin + pair).apply(x, pair);
  if constexpr (step::pairs > 1)
    if (pair < n_pairs)
      rotate_rest<In, Out, narrower_arch<Arch>>(x, row, pair, n_pairs);
}

/// Heads whose pairs are exactly `Count` packs: the row stays in registers for all of them.
template <pairing In, pairing Out, class Arch, class C, class From, class To, int... I>
void rotate_in_registers(head_run<From, To> x, row_pointers<C> row,
                         std::integer_sequence<int, I...>) {
  using step = step_for<In, Out, Arch, C, From, To>;
  const step steps[] = {step::from_row(row.cos + I * step::pairs, row.sin + I * step::pairs)...};
  for (; x.n_heads > 0; x.next_head())
    (steps[I].apply(x, I * step::pairs), ...);
}

/// Any other number of pairs: the row is read from L1 for every head; a spread row is kept there,
/// unless it serves one head only.
template <pairing In, pairing Out, class Arch, class C, class From, class To>
void rotate_from_memory(head_run<From, To> x, row_pointers<C> row, std::int64_t n_pairs,
                        C* scratch) {
  using step = step_for<In, Out, Arch, C, From, To>;
  const std::int64_t whole = n_pairs / step::pairs * step::pairs;
  const bool keeps = step::spreads && x.n_heads > 1;
  if (keeps)
    for (std::int64_t pair = 0; pair < whole; pair += step::pairs)
      step::from_row(row.cos + pair, row.sin + pair)
          .to_memory(scratch + step::kept_per_pair * pair);
  for (; x.n_heads > 0; x.next_head()) {
    if (keeps)
      for (std::int64_t pair = 0; pair < whole; pair += step::pairs)
        step::from_memory(scratch + step::kept_per_pair * pair).apply(x, pair);
    else
      for (std::int64_t pair = 0; pair < whole; pair += step::pairs)
        step::from_row(row.cos + pair, row.sin + pair).apply(x, pair);
    if constexpr (step::pairs > 1)
      if (whole < n_pairs)
        rotate_rest<In, Out, narrower_arch<Arch>>(x, row, whole, n_pairs);
  }
}

/// All heads of one token; `scratch` has room for 4 * n_pairs values.
template <pairing In, pairing Out, class Arch, class C, class From, class To>
void rotate_heads(const head_run<From, To>& x, row_pointers<C> row, std::int64_t n_pairs,
                  C* scratch) {
  using step = step_for<In, Out, Arch, C, From, To>;
  // With 16 registers a row would only be spilled again.
  if constexpr (has_32_registers_v<Arch>) {
    if (n_pairs == step::pairs)
      return rotate_in_registers<In, Out, Arch>(x, row, std::make_integer_sequence<int, 1>{});
    if (n_pairs == 2 * step::pairs)
      return rotate_in_registers<In, Out, Arch>(x, row, std::make_integer_sequence<int, 2>{});
    if (n_pairs == 4 * step::pairs)
      return rotate_in_registers<In, Out, Arch>(x, row, std::make_integer_sequence<int, 4>{});
    if (n_pairs == 8 * step::pairs)
      return rotate_in_registers<In, Out, Arch>(x, row, std::make_integer_sequence<int, 8>{});
  }
  rotate_from_memory<In, Out, Arch>(x, row, n_pairs, scratch);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

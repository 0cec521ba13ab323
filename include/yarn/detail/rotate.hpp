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

  YARN_ALWAYS_INLINE head_run head(std::int64_t h) const {
    return {source + h * source_stride, target + h * target_stride, 0, 0, 1, half};
  }
};

/// A pack of pairs: its part of the row, and what it does to one head.
template <pairing In, pairing Out, class Arch, class C> class rotation_step {
public:
  using wide = pack<C, Arch>;
  static constexpr auto pairs = static_cast<std::int64_t>(wide::size);
  /// Interleaved heads stay so: then the row is spread to [c0 c0 c1 c1 ...], [-s0 s0 -s1 s1 ...],
  /// once for all heads, and every pack of a head is permuted once instead of twice.
  static constexpr bool spreads =
      In == pairing::interleaved && Out == pairing::interleaved && pairs > 1;
  static constexpr int row_packs = spreads ? 4 : 2;

  YARN_ALWAYS_INLINE static rotation_step from_row(const C* cos, const C* sin) {
    const wide c = wide::load_unaligned(cos), s = wide::load_unaligned(sin);
    rotation_step step;
    if constexpr (spreads) {
      const two_packs<wide> twice_c = interleave(c, c), twice_s = interleave(s * wide(C(-1)), s);
      step.row_[0] = twice_c.first, step.row_[1] = twice_c.second;
      step.row_[2] = twice_s.first, step.row_[3] = twice_s.second;
    } else {
      step.row_[0] = c, step.row_[1] = s;
    }
    return step;
  }

  /// A spread part is kept in memory where registers do not suffice: 4 * pairs elements.
  YARN_ALWAYS_INLINE static rotation_step from_memory(const C* kept) {
    rotation_step step;
    for (int i = 0; i < row_packs; ++i)
      step.row_[i] = wide::load_unaligned(kept + i * pairs);
    return step;
  }
  YARN_ALWAYS_INLINE void to_memory(C* kept) const {
    for (int i = 0; i < row_packs; ++i)
      row_[i].store_unaligned(kept + i * pairs);
  }

  /// Pairs [pair, pair + pairs) of the one head of `x`.
  template <class From, class To>
  YARN_ALWAYS_INLINE void apply(const head_run<From, To>& x, std::int64_t pair) const {
    if constexpr (spreads) {
      const wide low = load_elements(x.source + 2 * pair, wide{});
      const wide high = load_elements(x.source + 2 * pair + pairs, wide{});
      store_elements(multiply_add(swap_neighbours(low), row_[2], low * row_[0]),
                     x.target + 2 * pair);
      store_elements(multiply_add(swap_neighbours(high), row_[3], high * row_[1]),
                     x.target + 2 * pair + pairs);
    } else {
      two_packs<wide> e = load_pairs(x, pair);
      const wide first = negated_multiply_add(e.second, row_[1], e.first * row_[0]);
      const wide second = multiply_add(e.first, row_[1], e.second * row_[0]);
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

  wide row_[row_packs];
};

/// What is left of a head from `pair` on, with narrower packs each time.
template <pairing In, pairing Out, class Arch, class C, class From, class To>
YARN_ALWAYS_INLINE void rotate_rest(const head_run<From, To>& x, row_pointers<C> row,
                                    std::int64_t pair, std::int64_t n_pairs) {
  using step = rotation_step<In, Out, Arch, C>;
  for (; pair + step::pairs <= n_pairs; pair += step::pairs)
    step::from_row(row.cos + pair, row.sin + pair).apply(x, pair);
  if constexpr (step::pairs > 1)
    if (pair < n_pairs)
      rotate_rest<In, Out, narrower_arch<Arch>>(x, row, pair, n_pairs);
}

/// Heads whose pairs are exactly `Count` packs: the row stays in registers for all of them.
template <pairing In, pairing Out, class Arch, class C, class From, class To, int... I>
void rotate_in_registers(const head_run<From, To>& x, row_pointers<C> row,
                         std::integer_sequence<int, I...>) {
  using step = rotation_step<In, Out, Arch, C>;
  const step steps[] = {step::from_row(row.cos + I * step::pairs, row.sin + I * step::pairs)...};
  for (std::int64_t h = 0; h < x.n_heads; ++h) {
    const head_run<From, To> head = x.head(h);
    (steps[I].apply(head, I * step::pairs), ...);
  }
}

/// Any other number of pairs: the row is read from L1 for every head; a spread row is kept there,
/// unless it serves one head only.
template <pairing In, pairing Out, class Arch, class C, class From, class To>
void rotate_from_memory(const head_run<From, To>& x, row_pointers<C> row, std::int64_t n_pairs,
                        C* scratch) {
  using step = rotation_step<In, Out, Arch, C>;
  const std::int64_t whole = n_pairs / step::pairs * step::pairs;
  const bool keeps = step::spreads && x.n_heads > 1;
  if (keeps)
    for (std::int64_t pair = 0; pair < whole; pair += step::pairs)
      step::from_row(row.cos + pair, row.sin + pair).to_memory(scratch + 4 * pair);
  for (std::int64_t h = 0; h < x.n_heads; ++h) {
    const head_run<From, To> head = x.head(h);
    if (keeps)
      for (std::int64_t pair = 0; pair < whole; pair += step::pairs)
        step::from_memory(scratch + 4 * pair).apply(head, pair);
    else
      for (std::int64_t pair = 0; pair < whole; pair += step::pairs)
        step::from_row(row.cos + pair, row.sin + pair).apply(head, pair);
    if constexpr (step::pairs > 1)
      if (whole < n_pairs)
        rotate_rest<In, Out, narrower_arch<Arch>>(head, row, whole, n_pairs);
  }
}

/// All heads of one token; `scratch` has room for 4 * n_pairs values.
template <pairing In, pairing Out, class Arch, class C, class From, class To>
void rotate_heads(const head_run<From, To>& x, row_pointers<C> row, std::int64_t n_pairs,
                  C* scratch) {
  using step = rotation_step<In, Out, Arch, C>;
  // Half of 32 registers may hold a row (AVX-512); with 16 it would only be spilled again.
  if constexpr (has_32_registers_v<Arch>) {
    constexpr int most = 16 / step::row_packs;
    if (n_pairs == step::pairs)
      return rotate_in_registers<In, Out, Arch>(x, row, std::make_integer_sequence<int, 1>{});
    if (n_pairs == 2 * step::pairs)
      return rotate_in_registers<In, Out, Arch>(x, row, std::make_integer_sequence<int, 2>{});
    if (n_pairs == 4 * step::pairs)
      return rotate_in_registers<In, Out, Arch>(x, row, std::make_integer_sequence<int, 4>{});
    if constexpr (most >= 8)
      if (n_pairs == 8 * step::pairs)
        return rotate_in_registers<In, Out, Arch>(x, row, std::make_integer_sequence<int, 8>{});
  }
  rotate_from_memory<In, Out, Arch>(x, row, n_pairs, scratch);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

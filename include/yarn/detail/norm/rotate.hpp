// SPDX-License-Identifier: MIT
// The rotation of heads that are normalised: the counterpart of detail/rope/rotate.hpp.
//
//     x0' = (x0 (w0 c) - x1 (w1 s)) scale
//     x1' = (x1 (w1 c) + x0 (w0 s)) scale
//
// The products in parentheses are the same for all heads of a token that share a weight. So they
// are computed once per token (a folded row), and a head takes only one more product per
// element than a rotation.
#ifndef YARN_DETAIL_NORM_ROTATE_HPP
#define YARN_DETAIL_NORM_ROTATE_HPP

#include "../rope/rotate.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// Heads at equal distances, like strided_heads, with the scale (LayerNorm: and the mean) of each.
template <class From, class To, class C> struct normed_group {
  const From* source;
  To* target;
  std::int64_t source_stride;
  std::int64_t target_stride;
  std::int64_t n_heads;
  std::int64_t pair_distance;
  const C* scales;
  const C* means;

  template <bool IsCentred> YARN_ALWAYS_INLINE void next_head() {
    ++scales;
    if constexpr (IsCentred)
      ++means;
    if (--n_heads > 0) { // A single head may have any stride, even an overflowing one.
      source += source_stride;
      target += target_stride;
    }
  }
};

/// The weight of a norm: w[e] + offset, or 1 if `data` is null.
template <class W, class C> struct weight_source {
  const W* data;
  C offset;

  template <class Pack> YARN_ALWAYS_INLINE Pack load(std::int64_t e, Pack like) const {
    return data == nullptr ? Pack(C(1)) : load_elements(data + e, like) + Pack(offset);
  }
};

/// The rotation of a pack of pairs by its four packs of the folded row: w0 c, w1 c, w1 s and w0 s.
/// With `spreads`, they are interleaved like the elements, and w1 s is negated.
template <pairing In, pairing Out, class Arch, class C> class normed_rotation {
public:
  using wide = pack<C, Arch>;
  static constexpr auto pairs = static_cast<std::int64_t>(wide::size);
  /// As in pack_rotation: whether the folded row is spread to the order of interleaved elements.
  static constexpr bool spreads =
      In == pairing::interleaved && Out == pairing::interleaved && pairs > 1;
  static constexpr int packs_in_registers = has_32_registers_v<Arch> ? 4 : 2;

  /// Writes the folded row of pairs [pair, pair + pairs) to folded[0, 4 * pairs).
  template <class W>
  YARN_ALWAYS_INLINE static void fold(row_pointers<C> row, const weight_source<W, C>& weight,
                                      std::int64_t pair, std::int64_t n_pairs, C* folded) {
    const wide c = wide::load_unaligned(row.cos + pair), s = wide::load_unaligned(row.sin + pair);
    if constexpr (spreads) {
      const wide low = weight.load(2 * pair, wide{}), high = weight.load(2 * pair + pairs, wide{});
      const two_packs<wide> twice_c = interleave(c, c), twice_s = interleave(s * wide(C(-1)), s);
      store(low * twice_c.first, high * twice_c.second, swap_neighbours(low) * twice_s.first,
            swap_neighbours(high) * twice_s.second, folded);
    } else if constexpr (In == pairing::half_split) {
      const wide w0 = weight.load(pair, wide{}), w1 = weight.load(n_pairs + pair, wide{});
      store(w0 * c, w1 * c, w1 * s, w0 * s, folded);
    } else {
      const two_packs<wide> w =
          deinterleave(weight.load(2 * pair, wide{}), weight.load(2 * pair + pairs, wide{}));
      store(w.first * c, w.second * c, w.second * s, w.first * s, folded);
    }
  }

  YARN_ALWAYS_INLINE static normed_rotation from_folded(const C* folded) {
    return {load_once(wide::load_unaligned(folded)),
            load_once(wide::load_unaligned(folded + pairs)),
            load_once(wide::load_unaligned(folded + 2 * pairs)),
            load_once(wide::load_unaligned(folded + 3 * pairs))};
  }

  /// Rotates pairs [pair, pair + pairs) of a head.
  template <bool IsCentred, class From, class To>
  YARN_ALWAYS_INLINE void apply(const From* source, To* target, std::int64_t pair_distance,
                                std::int64_t pair, wide scale, wide mean) const {
    const auto centred = [&](wide e) YARN_INLINE_LAMBDA {
      if constexpr (IsCentred)
        return e - mean;
      else
        return e;
    };
    if constexpr (spreads) {
      const wide low = centred(load_once(load_elements(source + 2 * pair, wide{})));
      const wide high = centred(load_once(load_elements(source + 2 * pair + pairs, wide{})));
      store_neighbours({multiply_add(swap_neighbours(low), sin0_, low * cos0_) * scale,
                        multiply_add(swap_neighbours(high), sin1_, high * cos1_) * scale},
                       target + 2 * pair);
    } else {
      const two_packs<wide> e = load_pairs(source, pair_distance, pair);
      const wide x0 = centred(e.first), x1 = centred(e.second);
      const wide y0 = negated_multiply_add(x1, sin0_, x0 * cos0_) * scale;
      const wide y1 = multiply_add(x0, sin1_, x1 * cos1_) * scale;
      if constexpr (Out == pairing::half_split)
        store_elements(two_packs<wide>{y0, y1}, target + pair, target + pair_distance + pair);
      else
        store_neighbours(interleave(y0, y1), target + 2 * pair);
    }
  }

private:
  template <class From>
  YARN_ALWAYS_INLINE static two_packs<wide>
  load_pairs(const From* source, std::int64_t pair_distance, std::int64_t pair) {
    if constexpr (In == pairing::half_split)
      return {load_once(load_elements(source + pair, wide{})),
              load_once(load_elements(source + pair_distance + pair, wide{}))};
    else
      return deinterleave(load_elements(source + 2 * pair, wide{}),
                          load_elements(source + 2 * pair + pairs, wide{}));
  }
  template <class To>
  YARN_ALWAYS_INLINE static void store_neighbours(const two_packs<wide>& e, To* p) {
    store_elements(e, p, p + pairs);
  }
  YARN_ALWAYS_INLINE static void store(wide a, wide b, wide c, wide d, C* folded) {
    a.store_unaligned(folded);
    b.store_unaligned(folded + pairs);
    c.store_unaligned(folded + 2 * pairs);
    d.store_unaligned(folded + 3 * pairs);
  }

  YARN_ALWAYS_INLINE normed_rotation(wide cos0, wide cos1, wide sin0, wide sin1)
      : cos0_(cos0), cos1_(cos1), sin0_(sin0), sin1_(sin1) {}

  wide cos0_, cos1_, sin0_, sin1_;
};

/// Folds the row of a token with a weight, for pairs [pair, n_pairs).
template <pairing In, pairing Out, class Arch, class W, class C>
YARN_ALWAYS_INLINE void fold_row(row_pointers<C> row, const weight_source<W, C>& weight,
                                 std::int64_t pair, std::int64_t n_pairs, C* folded) {
  using rotation = normed_rotation<In, Out, Arch, C>;
  for (; pair + rotation::pairs <= n_pairs; pair += rotation::pairs)
    rotation::fold(row, weight, pair, n_pairs, folded + 4 * pair);
  if constexpr (rotation::pairs > 1)
    if (pair < n_pairs)
      fold_row<In, Out, narrower_arch<Arch>>(row, weight, pair, n_pairs, folded);
}

/// Rotates sizeof...(I) packs of pairs of each head. Their folded row stays in registers.
template <class Rotation, bool IsCentred, class From, class To, class C, int... I>
YARN_ALWAYS_INLINE void rotate_normed_section(const normed_group<From, To, C>& x, const C* folded,
                                              std::int64_t pair, std::integer_sequence<int, I...>) {
  using wide = typename Rotation::wide;
  const Rotation rotations[] = {
      Rotation::from_folded(folded + 4 * (pair + I * Rotation::pairs))...};
  // Copies of the fields, because the compiler would load them again after each store.
  const C* const scales = x.scales;
  const C* const means = x.means;
  const std::int64_t n_heads = x.n_heads, distance = x.pair_distance;
  const std::int64_t source_stride = x.source_stride, target_stride = x.target_stride;
  const From* source = x.source;
  To* target = x.target;
  for (std::int64_t h = 0;;) {
    const wide scale(scales[h]), mean(IsCentred ? means[h] : C(0));
    (rotations[I].template apply<IsCentred>(source, target, distance, pair + I * Rotation::pairs,
                                            scale, mean),
     ...);
    if (++h >= n_heads)
      return; // A single head may have any stride, even an overflowing one.
    source += source_stride;
    target += target_stride;
  }
}

/// Rotates pairs [pair, n_pairs) of each head, in sections of N packs, then of N/2 ... 1 packs,
/// then in narrower packs.
template <pairing In, pairing Out, class Arch, bool IsCentred, int N, class From, class To, class C>
void rotate_normed(const normed_group<From, To, C>& x, const C* folded, std::int64_t pair,
                   std::int64_t n_pairs) {
  using rotation = normed_rotation<In, Out, Arch, C>;
  for (; n_pairs - pair >= N * rotation::pairs; pair += N * rotation::pairs)
    rotate_normed_section<rotation, IsCentred>(x, folded, pair,
                                               std::make_integer_sequence<int, N>{});
  if (pair == n_pairs)
    return;
  if constexpr (N > 1)
    rotate_normed<In, Out, Arch, IsCentred, N / 2>(x, folded, pair, n_pairs);
  else if constexpr (rotation::pairs > 1)
    rotate_normed<In, Out, narrower_arch<Arch>, IsCentred, 1>(x, folded, pair, n_pairs);
}

/// Normalises elements [e, end) of the first head of x, which are not rotated.
template <class Arch, bool IsCentred, class From, class To, class W, class C>
YARN_ALWAYS_INLINE void normalise_unpaired(const normed_group<From, To, C>& x,
                                           const weight_source<W, C>& weight, std::int64_t e,
                                           std::int64_t end) {
  using wide = pack<C, Arch>;
  constexpr auto size = static_cast<std::int64_t>(wide::size);
  const wide scale(*x.scales), mean(IsCentred ? *x.means : C(0));
  for (; e + size <= end; e += size) {
    wide value = load_elements(x.source + e, wide{});
    if constexpr (IsCentred)
      value = value - mean;
    store_elements(value * weight.load(e, wide{}) * scale, x.target + e);
  }
  if constexpr (size > 1)
    if (e < end)
      normalise_unpaired<narrower_arch<Arch>, IsCentred>(x, weight, e, end);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

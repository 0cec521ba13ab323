// SPDX-License-Identifier: MIT
// Sums over the elements of a head, and the scale of a norm.
//
// Element e of a head is added in lane e % 32. The lanes are then added in halves: lane l and lane
// l + 16, then l and l + 8, and so on. So the order of the additions, and the result, depend
// neither on the width of a pack nor on the alignment of the head.
//
// Error bounds, to first order in u (half an ULP of 1), if every operation rounds by a relative
// error of at most u. d is head_dim, h the number of heads in the mean.
// * Sum of squares: a lane has at most d/32 + 1 additions (a fused multiply-add rounds once), then
//   5 halvings, then h - 1 sums of heads. All terms are positive, so the relative error is at most
//   (d/32 + 5 + h) u. Without a fused multiply-add, the squares add 1 u.
// * scale = 1 / sqrt(sum / n + eps): the division adds 1 u, the rounding of the sum with eps 1 u.
//   The root halves all this and adds 1 u, the reciprocal 1 u. In total d/64 + h/2 + 2.5 + 3 = d/64
//   + h/2 + 5.5, and 0.5 more without a fused multiply-add.
// * x0 (w0 c) - x1 (w1 s): w + 1 rounds by 1 u, the product with the entry of the row 1 u, the
//   first product 1 u, the fused multiply-add 1 u, the product with the scale 1 u. In total 5 u of
//   each term. (Without a fused multiply-add, the second product rounds, too. The second term then
//   has as many roundings as the first.) With the error of the scale, the total is at most d/64 +
//   h/2 + 11, with or without a fused multiply-add.
// * LayerNorm: each distance from the mean rounds by 1 u, which adds 1 u to the term and 1 u to the
//   scale (h = 1). The mean has d/32 + 5 additions and a division: its error is at most (d/32 + 6)
//   u mean(|x|), and moves every distance. The variance moves only by the square of this error,
//   which is negligible while mean(|x|) is less than 100 standard deviations.
#ifndef YARN_DETAIL_NORM_STATISTICS_HPP
#define YARN_DETAIL_NORM_STATISTICS_HPP

#include "../simd/pack.hpp"

#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline constexpr std::int64_t sum_lanes = 32;

// The sum of packs[0, N), in halves.
template <std::size_t N, class Pack> YARN_ALWAYS_INLINE Pack sum_of_packs(const Pack* packs) {
  if constexpr (N == 1) {
    return packs[0];
  } else {
    Pack half[N / 2];
    for (std::size_t i = 0; i < N / 2; ++i)
      half[i] = packs[i] + packs[i + N / 2];
    return sum_of_packs<N / 2>(half);
  }
}

// The sum of f(x[e]) for e in [0, n), as a pack whose lanes are still to be added. `add(sum, x)`
// returns sum + f(x). f(padding) must be 0.
template <class Arch, class C, class T, class Add, std::size_t... I>
YARN_ALWAYS_INLINE pack<C, Arch> sum_over(const T* x, std::int64_t n, C padding, const Add& add,
                                          std::index_sequence<I...>) {
  using wide = pack<C, Arch>;
  constexpr auto size = static_cast<std::int64_t>(wide::size);
  constexpr auto zero = [](std::size_t) { return C(0); };
  wide sums[] = {wide(zero(I))...};
  std::int64_t e = 0;
  for (; e + sum_lanes <= n; e += sum_lanes)
    ((sums[I] = add(sums[I], load_elements(x + e + static_cast<std::int64_t>(I) * size, wide{}))),
     ...);
  if (e < n) {
    C rest[sum_lanes];
    for (std::int64_t lane = 0; lane < sum_lanes; ++lane)
      rest[lane] = e + lane < n ? widen<C>(x[e + lane]) : padding;
    ((sums[I] = add(sums[I], wide::load_unaligned(rest + static_cast<std::int64_t>(I) * size))),
     ...);
  }
  return sum_of_packs<sizeof...(I)>(sums);
}

template <class C, class Arch>
using packs_of_sum =
    std::make_index_sequence<static_cast<std::size_t>(sum_lanes) / pack<C, Arch>::size>;

template <class Arch, class C, class T>
YARN_ALWAYS_INLINE pack<C, Arch> sum_of_squares(const T* x, std::int64_t n, C mean) {
  using wide = pack<C, Arch>;
  if (mean == C(0)) // The compiler knows this, except for LayerNorm.
    return sum_over<Arch>(
        x, n, mean, [](wide sum, wide e) YARN_INLINE_LAMBDA { return multiply_add(e, e, sum); },
        packs_of_sum<C, Arch>{});
  return sum_over<Arch>(
      x, n, mean,
      [mean](wide sum, wide e) YARN_INLINE_LAMBDA {
        const wide distance = e - wide(mean);
        return multiply_add(distance, distance, sum);
      },
      packs_of_sum<C, Arch>{});
}

template <class Arch, class C, class T> YARN_ALWAYS_INLINE C mean_of(const T* x, std::int64_t n) {
  using wide = pack<C, Arch>;
  const wide sum = sum_over<Arch>(
      x, n, C(0), [](wide lanes, wide e) YARN_INLINE_LAMBDA { return lanes + e; },
      packs_of_sum<C, Arch>{});
  return sum_of_lanes(sum) / static_cast<C>(n);
}

// Replaces sums of squares of n elements by 1 / sqrt(sum / n + eps). The array has a whole number
// of packs.
template <class Arch, class C>
YARN_ALWAYS_INLINE void sums_to_scales(C* sums, std::int64_t n_sums, std::int64_t n, C eps) {
  using wide = pack<C, Arch>;
  constexpr auto size = static_cast<std::int64_t>(wide::size);
  for (std::int64_t i = 0; i < n_sums; i += size) {
    const wide mean = quotient(wide::load_unaligned(sums + i), wide(static_cast<C>(n)));
    quotient(wide(C(1)), square_root(mean + wide(eps))).store_unaligned(sums + i);
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

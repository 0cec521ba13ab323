// SPDX-License-Identifier: MIT
// Sums over the elements of a head, and the scale of a norm.
//
// Element e of a head is added in lane e % 32. The lanes are then added in halves: lane l and lane
// l + 16, then l and l + 8, and so on. So the order of the additions, and the result, depend neither
// on the width of a pack nor on the alignment of the head.
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
  if (mean == C(0)) // A constant, except for LayerNorm.
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

// Replaces sums of squares of n elements by 1 / sqrt(sum / n + eps). The array has a whole number of
// packs.
template <class Arch, class C>
YARN_ALWAYS_INLINE void sums_to_scales(C* sums, std::int64_t n_sums, std::int64_t n, C eps) {
  using wide = pack<C, Arch>;
  constexpr auto size = static_cast<std::int64_t>(wide::size);
  for (std::int64_t i = 0; i < n_sums; i += size) {
    const wide mean = wide::load_unaligned(sums + i) / wide(static_cast<C>(n));
    (wide(C(1)) / square_root(mean + wide(eps))).store_unaligned(sums + i);
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

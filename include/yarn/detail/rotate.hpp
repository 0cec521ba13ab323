// SPDX-License-Identifier: MIT
// The rotation of one head by one row. It knows nothing of frequencies: rows come in. Floor 4.
//
//     x0' = fma(-x1, s, x0 c)        one product, one fused multiply-add, the same in the vector
//     x1' = fma( x0, s, x1 c)        body and in its tail, for both pairings
//
// Both elements are loaded before either is stored: the two halves of a head never overlap, but the
// compiler cannot know.
#ifndef YARN_DETAIL_ROTATE_HPP
#define YARN_DETAIL_ROTATE_HPP

#include "../types.hpp"
#include "simd.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class Pack, class T>
YARN_ALWAYS_INLINE void rotate_pack(T* x0, T* x1, const T* cos, const T* sin) {
  const Pack a = Pack::load_unaligned(x0), b = Pack::load_unaligned(x1);
  const Pack c = Pack::load_unaligned(cos), s = Pack::load_unaligned(sin);
  const Pack first = negated_multiply_add(b, s, a * c);
  const Pack second = multiply_add(a, s, b * c);
  first.store_unaligned(x0);
  second.store_unaligned(x1);
}

/// Pairs (x0[i], x1[i]) by (cos[i], sin[i]), i < n_pairs.
template <class Arch, class T>
YARN_ALWAYS_INLINE void rotate_half_split(T* x0, T* x1, const T* cos, const T* sin,
                                          std::int64_t n_pairs) {
  using wide = pack<T, Arch>;
  constexpr auto width = static_cast<std::int64_t>(wide::size);
  std::int64_t i = 0;
  for (; i + width <= n_pairs; i += width)
    rotate_pack<wide>(x0 + i, x1 + i, cos + i, sin + i);
  for (; i < n_pairs; ++i)
    rotate_pack<scalar_pack<T>>(x0 + i, x1 + i, cos + i, sin + i);
}

/// Pairs (x[2i], x[2i+1]) by a row as `spread_row` makes it.
template <class Arch, class T>
YARN_ALWAYS_INLINE void rotate_interleaved(T* x, const T* cos, const T* sin,
                                           std::int64_t n_pairs) {
  using wide = pack<T, Arch>;
  constexpr auto width = static_cast<std::int64_t>(wide::size);
  std::int64_t i = 0;
  if constexpr (width > 1)
    for (; i + width <= 2 * n_pairs; i += width) {
      const wide a = wide::load_unaligned(x + i);
      const wide c = wide::load_unaligned(cos + i), s = wide::load_unaligned(sin + i);
      multiply_add(swap_neighbours(a), s, a * c).store_unaligned(x + i);
    }
  for (; i < 2 * n_pairs; i += 2)
    rotate_pack<scalar_pack<T>>(x + i, x + i + 1, cos + i + 1, sin + i + 1);
}

/// [c0 c0 c1 c1 …] and [-s0 s0 -s1 s1 …], so that the interleaved rotation permutes the data once
/// and the row not at all. One row serves all heads of a token.
template <class T>
YARN_ALWAYS_INLINE void spread_row(const T* cos, const T* sin, std::int64_t n_pairs, T* spread_cos,
                                   T* spread_sin) {
  for (std::int64_t i = 0; i < n_pairs; ++i) {
    spread_cos[2 * i] = cos[i];
    spread_cos[2 * i + 1] = cos[i];
    spread_sin[2 * i] = -sin[i];
    spread_sin[2 * i + 1] = sin[i];
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

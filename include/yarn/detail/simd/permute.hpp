// SPDX-License-Identifier: MIT
// Packs of neighbours exchanged, interleaved and sorted into even and odd places. (xsimd's zip
// means lanes in some versions and whole packs in others.)
#ifndef YARN_DETAIL_SIMD_PERMUTE_HPP
#define YARN_DETAIL_SIMD_PERMUTE_HPP

#include "pack.hpp"

#if !defined(YARN_NO_XSIMD)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// [b a d c …] of [a b c d …].
template <class T, class A> YARN_ALWAYS_INLINE batch<T, A> swap_neighbours(batch<T, A> x) {
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm512_maskz_permute_ps(0xffff, x, 0xb1));
  else if constexpr (is_avx512_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm512_maskz_permute_pd(all_lanes, x, 0x55));
  else
#endif
#if defined(__AVX__)
      if constexpr (is_avx_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm256_permute_ps(x, 0xb1));
  else if constexpr (is_avx_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm256_permute_pd(x, 0x5));
  else
#endif
#if defined(__SSE2__)
      if constexpr (is_sse_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm_shuffle_ps(x, x, 0xb1));
  else if constexpr (is_sse_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm_shuffle_pd(x, x, 1));
  else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(vrev64q_f32(x));
  else if constexpr (is_neon64_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(vextq_f64(x, x, 1));
  else
#endif
  {
    T values[batch<T, A>::size + 1], swapped[batch<T, A>::size + 1];
    x.store_unaligned(values);
    for (std::size_t i = 0; i + 1 < batch<T, A>::size; i += 2)
      swapped[i] = values[i + 1], swapped[i + 1] = values[i];
    return batch<T, A>::load_unaligned(swapped);
  }
}

// For processors without a branch below.
template <class Pack> YARN_ALWAYS_INLINE two_packs<Pack> interleave_by_memory(Pack a, Pack b) {
  using T = typename Pack::value_type;
  T from[2 * Pack::size], to[2 * Pack::size];
  a.store_unaligned(from);
  b.store_unaligned(from + Pack::size);
  for (std::size_t i = 0; i < Pack::size; ++i)
    to[2 * i] = from[i], to[2 * i + 1] = from[Pack::size + i];
  return {Pack::load_unaligned(to), Pack::load_unaligned(to + Pack::size)};
}
template <class Pack> YARN_ALWAYS_INLINE two_packs<Pack> deinterleave_by_memory(Pack a, Pack b) {
  using T = typename Pack::value_type;
  T from[2 * Pack::size], to[2 * Pack::size];
  a.store_unaligned(from);
  b.store_unaligned(from + Pack::size);
  for (std::size_t i = 0; i < Pack::size; ++i)
    to[i] = from[2 * i], to[Pack::size + i] = from[2 * i + 1];
  return {Pack::load_unaligned(to), Pack::load_unaligned(to + Pack::size)};
}

/// [a0 b0 a1 b1 …] of [a0 a1 …] and [b0 b1 …].
template <class T, class A>
YARN_ALWAYS_INLINE two_packs<batch<T, A>> interleave(batch<T, A> a, batch<T, A> b) {
  using pack = batch<T, A>;
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A> && std::is_same_v<T, float>) {
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    return {pack(_mm512_permutex2var_ps(a, low, b)), pack(_mm512_permutex2var_ps(a, high, b))};
  } else if constexpr (is_avx512_v<A> && std::is_same_v<T, double>) {
    const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const __m512i high = _mm512_add_epi64(low, _mm512_set1_epi64(4));
    return {pack(_mm512_permutex2var_pd(a, low, b)), pack(_mm512_permutex2var_pd(a, high, b))};
  } else
#endif
#if defined(__AVX__)
      if constexpr (is_avx_v<A> && std::is_same_v<T, float>) {
    const __m256 low = _mm256_unpacklo_ps(a, b), high = _mm256_unpackhi_ps(a, b);
    return {pack(_mm256_permute2f128_ps(low, high, 0x20)),
            pack(_mm256_permute2f128_ps(low, high, 0x31))};
  } else if constexpr (is_avx_v<A> && std::is_same_v<T, double>) {
    const __m256d low = _mm256_unpacklo_pd(a, b), high = _mm256_unpackhi_pd(a, b);
    return {pack(_mm256_permute2f128_pd(low, high, 0x20)),
            pack(_mm256_permute2f128_pd(low, high, 0x31))};
  } else
#endif
#if defined(__SSE2__)
      if constexpr (is_sse_v<A> && std::is_same_v<T, float>)
    return {pack(_mm_unpacklo_ps(a, b)), pack(_mm_unpackhi_ps(a, b))};
  else if constexpr (is_sse_v<A> && std::is_same_v<T, double>)
    return {pack(_mm_unpacklo_pd(a, b)), pack(_mm_unpackhi_pd(a, b))};
  else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A> && std::is_same_v<T, float>)
    return {pack(vzip1q_f32(a, b)), pack(vzip2q_f32(a, b))};
  else if constexpr (is_neon64_v<A> && std::is_same_v<T, double>)
    return {pack(vzip1q_f64(a, b)), pack(vzip2q_f64(a, b))};
  else
#endif
    return interleave_by_memory(a, b);
}

/// [a0 a1 …] and [b0 b1 …] of [a0 b0 a1 b1 …].
template <class T, class A>
YARN_ALWAYS_INLINE two_packs<batch<T, A>> deinterleave(batch<T, A> low, batch<T, A> high) {
  using pack = batch<T, A>;
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A> && std::is_same_v<T, float>) {
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    return {pack(_mm512_permutex2var_ps(low, even, high)),
            pack(_mm512_permutex2var_ps(low, odd, high))};
  } else if constexpr (is_avx512_v<A> && std::is_same_v<T, double>) {
    const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    const __m512i odd = _mm512_add_epi64(even, _mm512_set1_epi64(1));
    return {pack(_mm512_permutex2var_pd(low, even, high)),
            pack(_mm512_permutex2var_pd(low, odd, high))};
  } else
#endif
#if defined(__AVX__)
      if constexpr (is_avx_v<A> && std::is_same_v<T, float>) {
    const __m256 left = _mm256_permute2f128_ps(low, high, 0x20);
    const __m256 right = _mm256_permute2f128_ps(low, high, 0x31);
    return {pack(_mm256_shuffle_ps(left, right, 0x88)), pack(_mm256_shuffle_ps(left, right, 0xdd))};
  } else if constexpr (is_avx_v<A> && std::is_same_v<T, double>) {
    const __m256d left = _mm256_permute2f128_pd(low, high, 0x20);
    const __m256d right = _mm256_permute2f128_pd(low, high, 0x31);
    return {pack(_mm256_unpacklo_pd(left, right)), pack(_mm256_unpackhi_pd(left, right))};
  } else
#endif
#if defined(__SSE2__)
      if constexpr (is_sse_v<A> && std::is_same_v<T, float>)
    return {pack(_mm_shuffle_ps(low, high, 0x88)), pack(_mm_shuffle_ps(low, high, 0xdd))};
  else if constexpr (is_sse_v<A> && std::is_same_v<T, double>)
    return {pack(_mm_unpacklo_pd(low, high)), pack(_mm_unpackhi_pd(low, high))};
  else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A> && std::is_same_v<T, float>)
    return {pack(vuzp1q_f32(low, high)), pack(vuzp2q_f32(low, high))};
  else if constexpr (is_neon64_v<A> && std::is_same_v<T, double>)
    return {pack(vuzp1q_f64(low, high)), pack(vuzp2q_f64(low, high))};
  else
#endif
    return deinterleave_by_memory(low, high);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

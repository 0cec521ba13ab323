// SPDX-License-Identifier: MIT
// Packs from and to memory of any element format: load_elements, store_elements.
//
// 16-bit formats become floats and back. Rounding is to nearest even, once; the results are those
// of half.hpp bit for bit but for the payload of a NaN. What no branch here knows goes through
// arrays.
#ifndef YARN_DETAIL_SIMD_ELEMENT_HPP
#define YARN_DETAIL_SIMD_ELEMENT_HPP

#include "../base/formats.hpp"
#include "bfloat16.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class C, class T>
YARN_ALWAYS_INLINE scalar_pack<C> load_elements(const T* p, scalar_pack<C>) {
  return scalar_pack<C>(widen<C>(*p));
}
template <class C, class T> YARN_ALWAYS_INLINE void store_elements(scalar_pack<C> x, T* p) {
  narrow(x.value, *p);
}

#if !defined(YARN_NO_XSIMD)

template <class C, class A, class T>
YARN_ALWAYS_INLINE batch<C, A> load_elements(const T* p, batch<C, A>) {
  constexpr element_format format = format_of_v<T>;
  constexpr std::size_t size = batch<C, A>::size;
  if constexpr (std::is_same_v<C, T>)
    return batch<C, A>::load_unaligned(p);
  else
#if defined(__AVX512F__)
      if constexpr (is_avx512_v<A> && std::is_same_v<C, float> && sizeof(T) == 2) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    if constexpr (format == element_format::binary16)
      return batch<C, A>(_mm512_maskz_cvtph_ps(0xffff, bits));
    else
      return batch<C, A>(_mm512_castsi512_ps(
          _mm512_maskz_slli_epi32(0xffff, _mm512_maskz_cvtepu16_epi32(0xffff, bits), 16)));
  } else
#endif
#if defined(__F16C__)
      if constexpr (is_avx_v<A> && format == element_format::binary16 && std::is_same_v<C, float>)
    return batch<C, A>(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  else if constexpr (is_sse_v<A> && format == element_format::binary16 && std::is_same_v<C, float>)
    return batch<C, A>(_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  else
#endif
#if defined(__AVX2__)
      if constexpr (is_avx_v<A> && format == element_format::bfloat16 && std::is_same_v<C, float>) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return batch<C, A>(_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16)));
  } else
#endif
#if defined(__SSE2__)
      if constexpr (is_sse_v<A> && format == element_format::bfloat16 && std::is_same_v<C, float>) {
    const __m128i bits = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return batch<C, A>(_mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), bits)));
  } else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A> && std::is_same_v<C, float> && sizeof(T) == 2) {
    std::uint16_t copy[4];
    std::memcpy(copy, p, sizeof copy);
    const uint16x4_t bits = vld1_u16(copy);
    if constexpr (format == element_format::binary16)
      return batch<C, A>(vcvt_f32_f16(vreinterpret_f16_u16(bits)));
    else
      return batch<C, A>(vreinterpretq_f32_u32(vshll_n_u16(bits, 16)));
  } else
#endif
  {
    C values[size];
    for (std::size_t i = 0; i < size; ++i)
      values[i] = widen<C>(p[i]);
    return batch<C, A>::load_unaligned(values);
  }
}

template <class C, class A, class T> YARN_ALWAYS_INLINE void store_elements(batch<C, A> x, T* p) {
  constexpr element_format format = format_of_v<T>;
  constexpr std::size_t size = batch<C, A>::size;
  if constexpr (std::is_same_v<C, T>)
    x.store_unaligned(p);
  else
#if defined(__AVX512F__)
      if constexpr (is_avx512_v<A> && std::is_same_v<C, float> && sizeof(T) == 2) {
    __m256i narrowed;
    if constexpr (format == element_format::binary16) {
      narrowed = _mm512_maskz_cvtps_ph(0xffff, x, _MM_FROUND_TO_NEAREST_INT);
    } else {
      narrowed = _mm512_maskz_cvtepi32_epi16(0xffff,
                                             _mm512_maskz_srli_epi32(0xffff, bfloat16_bits(x), 16));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrowed);
  } else
#endif
#if defined(__F16C__)
      if constexpr (is_avx_v<A> && format == element_format::binary16 && std::is_same_v<C, float>)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
  else if constexpr (is_sse_v<A> && format == element_format::binary16 && std::is_same_v<C, float>)
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
  else
#endif
#if defined(__AVX2__)
      if constexpr (is_avx_v<A> && format == element_format::bfloat16 && std::is_same_v<C, float>) {
    const __m256i kept = _mm256_srli_epi32(bfloat16_bits(x), 16);
    const __m256i packed = _mm256_packus_epi32(kept, kept);
    const __m256i ordered = _mm256_permute4x64_epi64(packed, 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(ordered));
  } else
#endif
#if defined(__SSE2__)
      if constexpr (is_sse_v<A> && format == element_format::bfloat16 && std::is_same_v<C, float>) {
    // SSE2 packs with signed saturation only: an arithmetic shift makes every value fit.
    const __m128i upper = _mm_srai_epi32(bfloat16_bits(x), 16);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(upper, upper));
  } else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A> && std::is_same_v<C, float> && sizeof(T) == 2) {
    uint16x4_t narrowed;
    if constexpr (format == element_format::binary16)
      narrowed = vreinterpret_u16_f16(vcvt_f16_f32(x));
    else
      narrowed = vshrn_n_u32(bfloat16_bits(x), 16);
    std::uint16_t copy[4];
    vst1_u16(copy, narrowed);
    std::memcpy(static_cast<void*>(p), copy, sizeof copy);
  } else
#endif
  {
    C values[size];
    x.store_unaligned(values);
    for (std::size_t i = 0; i < size; ++i)
      narrow(values[i], p[i]);
  }
}

#endif

/// Two packs, to p and to q: the bits of storing each.
template <class Pack, class T>
YARN_ALWAYS_INLINE void store_elements(const two_packs<Pack>& x, T* p, T* q) {
#if !defined(YARN_NO_XSIMD)
  if constexpr (format_of_v<T> == element_format::bfloat16 && Pack::size > 1 &&
                std::is_same_v<typename Pack::value_type, float>)
    if (YARN_LIKELY(store_quickly(x.first, p, x.second, q)))
      return;
#endif
  store_elements(x.first, p);
  store_elements(x.second, q);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

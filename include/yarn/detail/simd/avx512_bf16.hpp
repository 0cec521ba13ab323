// SPDX-License-Identifier: MIT
// Stores of bfloat16 with the instruction of AVX512_BF16, for registers of 128, 256 and 512 bits.
//
// The instruction is faster than integer rounding, but it flushes subnormals to zero; the other
// functions keep them. If the result contains no zero, nothing was flushed. So the arguments are
// tested for subnormals only if the result contains a zero.
#ifndef YARN_DETAIL_SIMD_AVX512_BF16_HPP
#define YARN_DETAIL_SIMD_AVX512_BF16_HPP

#include "pack.hpp"

#if !defined(YARN_NO_XSIMD) && defined(__AVX512BF16__) && defined(__AVX512VL__) &&                 \
    defined(__AVX512BW__) && defined(__AVX512DQ__)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline constexpr int subnormal_class = 0x20; // for fpclass

/// The rounded floats of `low`, then those of `high`. Subnormals are flushed to zero.
YARN_ALWAYS_INLINE __m128i flushed_bfloat16(__m128 low, __m128 high) {
  return bit_cast<__m128i>(_mm_cvtne2ps_pbh(high, low));
}
YARN_ALWAYS_INLINE __m256i flushed_bfloat16(__m256 low, __m256 high) {
  return bit_cast<__m256i>(_mm256_cvtne2ps_pbh(high, low));
}
YARN_ALWAYS_INLINE __m512i flushed_bfloat16(__m512 low, __m512 high) {
  return bit_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

YARN_ALWAYS_INLINE unsigned zeros_in(__m128i elements) {
  return _mm_testn_epi16_mask(elements, _mm_set1_epi16(0x7fff));
}
YARN_ALWAYS_INLINE unsigned zeros_in(__m256i elements) {
  return _mm256_testn_epi16_mask(elements, _mm256_set1_epi16(0x7fff));
}
YARN_ALWAYS_INLINE unsigned zeros_in(__m512i elements) {
  return _mm512_testn_epi16_mask(elements, _mm512_set1_epi16(0x7fff));
}

YARN_ALWAYS_INLINE unsigned subnormals_in(__m128 x) {
  return _mm_fpclass_ps_mask(x, subnormal_class);
}
YARN_ALWAYS_INLINE unsigned subnormals_in(__m256 x) {
  return _mm256_fpclass_ps_mask(x, subnormal_class);
}
YARN_ALWAYS_INLINE unsigned subnormals_in(__m512 x) {
  return _mm512_fpclass_ps_mask(x, subnormal_class);
}

/// Stores elements in memory order. `elements` has those of even places first, then those of odd
/// places.
YARN_ALWAYS_INLINE void store_in_order(__m128i elements, void* p) {
  const __m128i order = _mm_set_epi16(7, 3, 6, 2, 5, 1, 4, 0);
  _mm_storeu_si128(static_cast<__m128i*>(p),
                   _mm_maskz_permutexvar_epi16(__mmask8{0xff}, order, elements));
}
YARN_ALWAYS_INLINE void store_in_order(__m256i elements, void* p) {
  const __m256i order = _mm256_set_epi16(15, 7, 14, 6, 13, 5, 12, 4, 11, 3, 10, 2, 9, 1, 8, 0);
  _mm256_storeu_si256(static_cast<__m256i*>(p),
                      _mm256_maskz_permutexvar_epi16(__mmask16{0xffff}, order, elements));
}
YARN_ALWAYS_INLINE void store_in_order(__m512i elements, void* p) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  _mm512_storeu_si512(p, _mm512_maskz_permutexvar_epi16(~__mmask32{0}, order, elements));
}

// ---- Elements of 16 bits ------------------------------------------------------------------------

template <class A, class T>
YARN_ALWAYS_INLINE bool try_store_bfloat16(floats<A> first, T* p, floats<A> second, T* q,
                                           avx512_isa) {
  const __m512 x = first, y = second;
  const __m512i elements = flushed_bfloat16(x, y);
  if (zeros_in(elements) != 0 && (subnormals_in(x) | subnormals_in(y)) != 0)
    return false;
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_maskz_extracti64x4_epi64(__mmask8{0xff}, elements, 0));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(q),
                      _mm512_maskz_extracti64x4_epi64(__mmask8{0xff}, elements, 1));
  return true;
}

// ---- bfloat16 by words -------------------------------------------------------------------------

template <class A, class T>
YARN_ALWAYS_INLINE void store_words_by_instruction(const two_packs<floats<A>>& first, T* p,
                                                   const two_packs<floats<A>>& second, T* q) {
  using native = typename floats<A>::register_type;
  const native e0 = first.first, o0 = first.second, e1 = second.first, o1 = second.second;
  const auto words0 = flushed_bfloat16(e0, o0), words1 = flushed_bfloat16(e1, o1);
  if (YARN_LIKELY((zeros_in(words0) | zeros_in(words1)) == 0) ||
      (subnormals_in(e0) | subnormals_in(o0) | subnormals_in(e1) | subnormals_in(o1)) == 0) {
    store_in_order(words0, p);
    store_in_order(words1, q);
    return;
  }
  round_words(first.first, first.second, p);
  round_words(second.first, second.second, q);
}

template <class A, class T>
YARN_ALWAYS_INLINE void store_words(const two_packs<floats<A>>& first, T* p,
                                    const two_packs<floats<A>>& second, T* q, sse2_isa) {
  store_words_by_instruction(first, p, second, q);
}
template <class A, class T>
YARN_ALWAYS_INLINE void store_words(const two_packs<floats<A>>& first, T* p,
                                    const two_packs<floats<A>>& second, T* q, avx2_isa) {
  store_words_by_instruction(first, p, second, q);
}
template <class A, class T>
YARN_ALWAYS_INLINE void store_words(const two_packs<floats<A>>& first, T* p,
                                    const two_packs<floats<A>>& second, T* q, avx512_isa) {
  store_words_by_instruction(first, p, second, q);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

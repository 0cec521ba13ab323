// SPDX-License-Identifier: MIT
// bfloat16 in packs: it is the upper half of a float's bits.
//
// Words: 2 * size elements as the floats of the even and of the odd places. A shift and a mask
// widen them and a blend narrows them, where elements in order would be permuted, so rotations of
// bfloat16 work on words throughout.
#ifndef YARN_DETAIL_SIMD_BFLOAT16_HPP
#define YARN_DETAIL_SIMD_BFLOAT16_HPP

#include "pack.hpp"

#if !defined(YARN_NO_XSIMD)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// bfloat16_bits: the rounded value in the upper half of every lane; the lower half is anything. To
// nearest even, denormals kept, a NaN kept a quiet NaN. Without `AnyFloat` halves go up, which is
// less work and the same for all but suspects: a tie, whose lower half is the least 16-bit integer,
// or a NaN. Ties are as rare as one float in 65536, so that asking for all at once pays.
//
// suspects: not 0 if a lane of either is one.
#if defined(__AVX512F__)
template <bool AnyFloat = true> YARN_ALWAYS_INLINE __m512i bfloat16_bits(__m512 x) {
  const __m512i bits = _mm512_castps_si512(x);
  if constexpr (!AnyFloat)
    return _mm512_add_epi32(bits, _mm512_set1_epi32(0x8000));
  const __m512i odd =
      _mm512_and_si512(_mm512_maskz_srli_epi32(0xffff, bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 is_nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return _mm512_mask_or_epi32(rounded, is_nan, bits, _mm512_set1_epi32(0x400000));
}
#endif
#if defined(__AVX512BW__)
YARN_ALWAYS_INLINE unsigned suspects(__m512 x, __m512 y) {
  const __m512i least = _mm512_min_epi16(_mm512_castps_si512(x), _mm512_castps_si512(y));
  return _mm512_mask_cmpeq_epi16_mask(0x55555555u, least, _mm512_set1_epi16(-0x8000)) |
         _mm512_cmp_ps_mask(x, y, _CMP_UNORD_Q);
}
#endif
#if defined(__AVX2__)
template <bool AnyFloat = true> YARN_ALWAYS_INLINE __m256i bfloat16_bits(__m256 x) {
  const __m256i bits = _mm256_castps_si256(x);
  if constexpr (!AnyFloat)
    return _mm256_add_epi32(bits, _mm256_set1_epi32(0x8000));
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  const __m256 is_nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
  return _mm256_castps_si256(
      _mm256_blendv_ps(_mm256_castsi256_ps(rounded), _mm256_castsi256_ps(quiet), is_nan));
}
YARN_ALWAYS_INLINE unsigned suspects(__m256 x, __m256 y) {
  const __m256i least = _mm256_min_epi16(_mm256_castps_si256(x), _mm256_castps_si256(y));
  const __m256i tie = _mm256_cmpeq_epi16(least, _mm256_set1_epi16(-0x8000));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, y, _CMP_UNORD_Q));
  return static_cast<unsigned>(_mm256_movemask_epi8(_mm256_or_si256(tie, nan))) & 0x33333333u;
}
#endif
#if defined(__SSE2__)
template <bool AnyFloat = true> YARN_ALWAYS_INLINE __m128i bfloat16_bits(__m128 x) {
  const __m128i bits = _mm_castps_si128(x);
  if constexpr (!AnyFloat)
    return _mm_add_epi32(bits, _mm_set1_epi32(0x8000));
  const __m128i odd = _mm_and_si128(_mm_srli_epi32(bits, 16), _mm_set1_epi32(1));
  const __m128i rounded = _mm_add_epi32(bits, _mm_add_epi32(odd, _mm_set1_epi32(0x7fff)));
  const __m128i quiet = _mm_or_si128(bits, _mm_set1_epi32(0x400000));
  const __m128i is_nan = _mm_castps_si128(_mm_cmpunord_ps(x, x));
  return _mm_or_si128(_mm_and_si128(is_nan, quiet), _mm_andnot_si128(is_nan, rounded));
}
YARN_ALWAYS_INLINE unsigned suspects(__m128 x, __m128 y) {
  const __m128i least = _mm_min_epi16(_mm_castps_si128(x), _mm_castps_si128(y));
  const __m128i tie = _mm_cmpeq_epi16(least, _mm_set1_epi16(-0x8000));
  const __m128i nan = _mm_castps_si128(_mm_cmpunord_ps(x, y));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(tie, nan))) & 0x3333u;
}
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
YARN_ALWAYS_INLINE uint32x4_t bfloat16_bits(float32x4_t x) {
  const uint32x4_t bits = vreinterpretq_u32_f32(x);
  const uint32x4_t odd = vandq_u32(bits, vdupq_n_u32(0x10000));
  const uint32x4_t rounded = vsraq_n_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd, 16);
  return vbslq_u32(vceqq_f32(x, x), rounded, vorrq_u32(bits, vdupq_n_u32(0x400000)));
}
#endif

template <class A>
inline constexpr bool has_words_v =
#if defined(__AVX512BW__)
    is_avx512_v<A> ||
#endif
#if defined(__AVX2__)
    is_avx_v<A> ||
#endif
#if defined(__SSE2__)
    is_sse_v<A> ||
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
    is_neon64_v<A> ||
#endif
    false;

/// 2 * size elements from p: those of the even places first.
template <class A, class T>
YARN_ALWAYS_INLINE two_packs<batch<float, A>> load_words(const T* p, batch<float, A>) {
  using wide = batch<float, A>;
  static_assert(has_words_v<A> && sizeof(T) == 2, "guarded by the caller");
  [[maybe_unused]] constexpr auto upper = static_cast<int>(0xffff0000u);
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A>) {
    const __m512i words = _mm512_loadu_si512(p);
    return {wide(_mm512_castsi512_ps(_mm512_maskz_slli_epi32(0xffff, words, 16))),
            wide(_mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32(upper))))};
  }
#endif
#if defined(__AVX2__)
  if constexpr (is_avx_v<A>) {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {wide(_mm256_castsi256_ps(_mm256_slli_epi32(words, 16))),
            wide(_mm256_castsi256_ps(_mm256_and_si256(words, _mm256_set1_epi32(upper))))};
  }
#endif
#if defined(__SSE2__)
  if constexpr (is_sse_v<A>) {
    const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {wide(_mm_castsi128_ps(_mm_slli_epi32(words, 16))),
            wide(_mm_castsi128_ps(_mm_and_si128(words, _mm_set1_epi32(upper))))};
  }
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
  if constexpr (is_neon64_v<A>) {
    std::uint32_t copy[4];
    std::memcpy(copy, p, sizeof copy);
    const uint32x4_t words = vld1q_u32(copy);
    return {wide(vreinterpretq_f32_u32(vshlq_n_u32(words, 16))),
            wide(vreinterpretq_f32_u32(vandq_u32(words, vdupq_n_u32(0xffff0000u))))};
  }
#endif
}

/// The way back by integers: each float rounded once.
template <bool AnyFloat = true, class A, class T>
YARN_ALWAYS_INLINE void round_words(batch<float, A> even, batch<float, A> odd, T* p) {
  static_assert(has_words_v<A> && sizeof(T) == 2, "guarded by the caller");
#if defined(__AVX512BW__)
  if constexpr (is_avx512_v<A>) {
    const __m512i low = _mm512_maskz_srli_epi32(0xffff, bfloat16_bits<AnyFloat>(even), 16);
    _mm512_storeu_si512(p, _mm512_mask_blend_epi16(0xaaaaaaaau, low, bfloat16_bits<AnyFloat>(odd)));
  }
#endif
#if defined(__AVX2__)
  if constexpr (is_avx_v<A>) {
    const __m256i low = _mm256_srli_epi32(bfloat16_bits<AnyFloat>(even), 16);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm256_blend_epi16(low, bfloat16_bits<AnyFloat>(odd), 0xaa));
  }
#endif
#if defined(__SSE2__)
  if constexpr (is_sse_v<A>) {
    const __m128i upper = _mm_set1_epi32(static_cast<int>(0xffff0000u));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm_or_si128(_mm_srli_epi32(bfloat16_bits<AnyFloat>(even), 16),
                                  _mm_and_si128(bfloat16_bits<AnyFloat>(odd), upper)));
  }
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
  if constexpr (is_neon64_v<A>) {
    const uint32x4_t words = vsriq_n_u32(bfloat16_bits(odd), bfloat16_bits(even), 16);
    std::uint32_t copy[4];
    vst1q_u32(copy, words);
    std::memcpy(static_cast<void*>(p), copy, sizeof copy);
  }
#endif
}

// The processor's own instruction is faster, but flushes denormals, which others keep. What it
// flushed is among the zeros in its result.
#if defined(__AVX512BF16__) && defined(__AVX512VL__) && defined(__AVX512BW__) &&                   \
    defined(__AVX512DQ__)

template <class A> inline constexpr bool has_word_instruction_v = has_words_v<A>;
inline constexpr int denormal_class = 0x20;

// flushed_words: the even ones, then the odd ones; store_in_order: as they belong in memory.
YARN_ALWAYS_INLINE __m512i flushed_words(__m512 even, __m512 odd) {
  return bit_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even));
}
YARN_ALWAYS_INLINE __m256i flushed_words(__m256 even, __m256 odd) {
  return bit_cast<__m256i>(_mm256_cvtne2ps_pbh(odd, even));
}
YARN_ALWAYS_INLINE __m128i flushed_words(__m128 even, __m128 odd) {
  return bit_cast<__m128i>(_mm_cvtne2ps_pbh(odd, even));
}
YARN_ALWAYS_INLINE unsigned zeros_in(__m512i words) {
  return _mm512_testn_epi16_mask(words, _mm512_set1_epi16(0x7fff));
}
YARN_ALWAYS_INLINE unsigned zeros_in(__m256i words) {
  return _mm256_testn_epi16_mask(words, _mm256_set1_epi16(0x7fff));
}
YARN_ALWAYS_INLINE unsigned zeros_in(__m128i words) {
  return _mm_testn_epi16_mask(words, _mm_set1_epi16(0x7fff));
}
YARN_ALWAYS_INLINE unsigned denormals_in(__m512 x) {
  return _mm512_fpclass_ps_mask(x, denormal_class);
}
YARN_ALWAYS_INLINE unsigned denormals_in(__m256 x) {
  return _mm256_fpclass_ps_mask(x, denormal_class);
}
YARN_ALWAYS_INLINE unsigned denormals_in(__m128 x) {
  return _mm_fpclass_ps_mask(x, denormal_class);
}
YARN_ALWAYS_INLINE void store_in_order(__m512i words, void* p) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  _mm512_storeu_si512(p, _mm512_maskz_permutexvar_epi16(~__mmask32{0}, order, words));
}
YARN_ALWAYS_INLINE void store_in_order(__m256i words, void* p) {
  const __m256i order = _mm256_set_epi16(15, 7, 14, 6, 13, 5, 12, 4, 11, 3, 10, 2, 9, 1, 8, 0);
  _mm256_storeu_si256(static_cast<__m256i*>(p),
                      _mm256_maskz_permutexvar_epi16(__mmask16{0xffff}, order, words));
}
YARN_ALWAYS_INLINE void store_in_order(__m128i words, void* p) {
  const __m128i order = _mm_set_epi16(7, 3, 6, 2, 5, 1, 4, 0);
  _mm_storeu_si128(static_cast<__m128i*>(p), _mm_maskz_permutexvar_epi16(all_lanes, order, words));
}

#else

template <class A> inline constexpr bool has_word_instruction_v = false;

#endif

/// Whether one of the four may be a suspect: always, where nothing above tells.
template <class A>
YARN_ALWAYS_INLINE bool may_have_suspects(const two_packs<batch<float, A>>& a,
                                          const two_packs<batch<float, A>>& b) {
  static_assert(has_words_v<A>, "guarded by the caller");
#if defined(__SSE2__)
  using native = typename batch<float, A>::register_type;
  return (suspects(native(a.first), native(a.second)) |
          suspects(native(b.first), native(b.second))) != 0;
#else
  static_cast<void>(a), static_cast<void>(b);
  return true;
#endif
}

/// Two packs of words, to p and to q, with the fastest that gives the bits of round_words.
template <class A, class T>
YARN_ALWAYS_INLINE void store_words(const two_packs<batch<float, A>>& first, T* p,
                                    const two_packs<batch<float, A>>& second, T* q) {
  if constexpr (has_word_instruction_v<A>) {
#if defined(__AVX512F__)
    using native = typename batch<float, A>::register_type;
    const native e0 = first.first, o0 = first.second, e1 = second.first, o1 = second.second;
    const auto words0 = flushed_words(e0, o0), words1 = flushed_words(e1, o1);
    if (YARN_LIKELY((zeros_in(words0) | zeros_in(words1)) == 0) ||
        (denormals_in(e0) | denormals_in(o0) | denormals_in(e1) | denormals_in(o1)) == 0) {
      store_in_order(words0, p);
      store_in_order(words1, q);
      return;
    }
#endif
  } else if (YARN_LIKELY(!may_have_suspects(first, second))) {
    round_words<false>(first.first, first.second, p);
    round_words<false>(second.first, second.second, q);
    return;
  }
  round_words(first.first, first.second, p);
  round_words(second.first, second.second, q);
}

/// Elements in order, a pack to p and a pack to q, with the bits of bfloat16_bits. False, and
/// nothing stored, if a quick way may not give them, or none is known here.
template <class A, class T>
YARN_ALWAYS_INLINE bool store_quickly(batch<float, A> first, T* p, batch<float, A> second, T* q) {
  static_assert(sizeof(T) == 2, "guarded by the caller");
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A> && has_word_instruction_v<A>) {
    using native = typename batch<float, A>::register_type;
    const native x = first, y = second;
    const auto words = flushed_words(x, y);
    if (zeros_in(words) != 0 && (denormals_in(x) | denormals_in(y)) != 0)
      return false;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_maskz_extracti64x4_epi64(0xff, words, 0));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(q),
                        _mm512_maskz_extracti64x4_epi64(0xff, words, 1));
    return true;
  }
#endif
#if defined(__AVX2__)
  if constexpr (is_avx_v<A>) {
    const __m256 x = first, y = second;
    if (suspects(x, y) != 0)
      return false;
    const __m256i low = _mm256_srli_epi32(bfloat16_bits<false>(x), 16);
    const __m256i high = _mm256_srli_epi32(bfloat16_bits<false>(y), 16);
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(words));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q), _mm256_extracti128_si256(words, 1));
    return true;
  }
#endif
#if defined(__SSE2__)
  if constexpr (is_sse_v<A>) {
    const __m128 x = first, y = second;
    if (suspects(x, y) != 0)
      return false;
    // SSE2 packs with signed saturation only: an arithmetic shift makes every value fit.
    const __m128i low = _mm_srai_epi32(bfloat16_bits<false>(x), 16);
    const __m128i high = _mm_srai_epi32(bfloat16_bits<false>(y), 16);
    const __m128i words = _mm_packs_epi32(low, high);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), words);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(q), _mm_unpackhi_epi64(words, words));
    return true;
  }
#endif
  static_cast<void>(first), static_cast<void>(p), static_cast<void>(second), static_cast<void>(q);
  return false;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

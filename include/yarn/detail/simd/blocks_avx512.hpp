// SPDX-License-Identifier: MIT
// The operations of blocks_generic.hpp on the 512-bit registers of x86. The operations on bytes are
// those of blocks_sse2.hpp.
#ifndef YARN_DETAIL_SIMD_BLOCKS_AVX512_HPP
#define YARN_DETAIL_SIMD_BLOCKS_AVX512_HPP

#include "blocks_sse2.hpp"

#if !defined(YARN_NO_XSIMD) && defined(__AVX512F__)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

#if defined(__GNUC__) && defined(__FMA__)
YARN_ALWAYS_INLINE __m512 rounded_product(__m512 product) {
  asm("" : "+v"(product));
  return product;
}
#else
YARN_ALWAYS_INLINE __m512 rounded_product(__m512 product) { return product; }
#endif

// ---- Range of a block ---------------------------------------------------------------------------

YARN_ALWAYS_INLINE __m512 magnitude(__m512 x) { return _mm512_abs_ps(x); }
template <int Half> YARN_ALWAYS_INLINE __m256 half_of(__m512 x) {
  return _mm256_castpd_ps(_mm512_maskz_extractf64x4_pd(all_8_lanes, _mm512_castps_pd(x), Half));
}
YARN_ALWAYS_INLINE float largest_of(__m512 x) {
  const __m256 y = _mm256_max_ps(half_of<0>(x), half_of<1>(x));
  return largest_of(_mm_max_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1)));
}
YARN_ALWAYS_INLINE float smallest_of(__m512 x) {
  const __m256 y = _mm256_min_ps(half_of<0>(x), half_of<1>(x));
  return smallest_of(_mm_min_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1)));
}

// The second operand of a minimum and a maximum is the result so far, as in blocks_sse2.hpp.
YARN_ALWAYS_INLINE __m512 largest_in_lanes(const float* x, avx512_isa) {
  const __m512 first =
      _mm512_maskz_max_ps(all_16_lanes, magnitude(_mm512_loadu_ps(x)), _mm512_setzero_ps());
  return _mm512_maskz_max_ps(all_16_lanes, magnitude(_mm512_loadu_ps(x + 16)), first);
}
YARN_ALWAYS_INLINE float largest_magnitude(const float* x, avx512_isa isa) {
  return largest_of(largest_in_lanes(x, isa));
}
YARN_ALWAYS_INLINE __m128 largest_magnitudes(const float* x, avx512_isa isa) {
  const auto halves = [isa](const float* p) YARN_INLINE_LAMBDA {
    const __m512 lanes = largest_in_lanes(p, isa);
    return _mm256_max_ps(half_of<0>(lanes), half_of<1>(lanes));
  };
  const __m256 a = halves(x), b = halves(x + 32), c = halves(x + 64), d = halves(x + 96);
  const __m256 ab = _mm256_max_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)); // a b a b
  const __m256 cd = _mm256_max_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
  const __m256 abcd =
      _mm256_max_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
  return _mm_max_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps(abcd, 1));
}

YARN_ALWAYS_INLINE float first_of_magnitude(const float* x, float wanted, avx512_isa) {
  const __m512 all = _mm512_set1_ps(wanted);
  const auto sixteen = [=](const float* p) YARN_INLINE_LAMBDA {
    return static_cast<unsigned>(
        _mm512_cmp_ps_mask(magnitude(_mm512_loadu_ps(p)), all, _CMP_EQ_OQ));
  };
  return x[lowest_bit(sixteen(x) | sixteen(x + 16) << 16)];
}

YARN_ALWAYS_INLINE float_range range_of(const float* x, avx512_isa) {
  const __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
  const __m512 low = _mm512_maskz_min_ps(
      all_16_lanes, b, _mm512_maskz_min_ps(all_16_lanes, a, _mm512_set1_ps(FLT_MAX)));
  const __m512 high = _mm512_maskz_max_ps(
      all_16_lanes, b, _mm512_maskz_max_ps(all_16_lanes, a, _mm512_set1_ps(-FLT_MAX)));
  return {smallest_of(low), largest_of(high)};
}

// ---- Codes --------------------------------------------------------------------------------------

YARN_ALWAYS_INLINE x86_bytes truncated(const float* x, float minus, float times, float plus,
                                       avx512_isa) {
  const __m512 minus16 = _mm512_set1_ps(minus), times16 = _mm512_set1_ps(times);
  const __m512 plus16 = _mm512_set1_ps(plus);
  const auto sixteen = [=](const float* p) YARN_INLINE_LAMBDA {
    const __m512 product = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(p), minus16), times16);
    // Keeps the lowest byte, so the smallest integer becomes 0.
    return _mm512_maskz_cvtepi32_epi8(
        all_16_lanes,
        _mm512_maskz_cvttps_epi32(all_16_lanes, _mm512_add_ps(rounded_product(product), plus16)));
  };
  return {sixteen(x), sixteen(x + 16)};
}

YARN_ALWAYS_INLINE x86_bytes rounded_away(const float* x, float times, avx512_isa) {
  const __m512 times16 = _mm512_set1_ps(times);
  const __m512i half = _mm512_castps_si512(_mm512_set1_ps(nearly_half));
  const __m512i sign = _mm512_set1_epi32(INT32_MIN);
  const auto sixteen = [=](const float* p) YARN_INLINE_LAMBDA {
    const __m512 product = rounded_product(_mm512_mul_ps(_mm512_loadu_ps(p), times16));
    const __m512i signed_half = // half, with the sign of the product
        _mm512_ternarylogic_epi32(sign, _mm512_castps_si512(product), half, 0xca);
    return _mm512_maskz_cvtepi32_epi8(
        all_16_lanes, _mm512_maskz_cvttps_epi32(
                          all_16_lanes, _mm512_add_ps(product, _mm512_castsi512_ps(signed_half))));
  };
  return {sixteen(x), sixteen(x + 16)};
}

YARN_ALWAYS_INLINE x86_bytes rounded_even(const float* x, float times, avx512_isa) {
  const __m512 times16 = _mm512_set1_ps(times);
  const auto sixteen = [=](const float* p) YARN_INLINE_LAMBDA {
    return _mm512_maskz_cvtsepi32_epi8(
        all_16_lanes,
        _mm512_maskz_cvtps_epi32(all_16_lanes, _mm512_mul_ps(_mm512_loadu_ps(p), times16)));
  };
  return {sixteen(x), sixteen(x + 16)};
}

YARN_ALWAYS_INLINE x86_bytes count_reached(const float* x, float times, const float* limits,
                                           avx512_isa) {
  // A binary search. The last entry of the register is never compared.
  const __m512 all = _mm512_maskz_loadu_ps(0x7fff, limits), times16 = _mm512_set1_ps(times);
  const auto sixteen = [=](const float* p) YARN_INLINE_LAMBDA {
    const __m512 value = _mm512_mul_ps(_mm512_loadu_ps(p), times16);
    __m512i count = _mm512_setzero_si512();
    for (int step = 8; step > 0; step /= 2) {
      const __m512i next = _mm512_add_epi32(count, _mm512_set1_epi32(step));
      const __m512 limit = _mm512_maskz_permutexvar_ps(
          all_16_lanes, _mm512_sub_epi32(next, _mm512_set1_epi32(1)), all);
      // "not less" is also true for NaN
      count = _mm512_mask_mov_epi32(count, _mm512_cmp_ps_mask(value, limit, _CMP_NLT_UQ), next);
    }
    return _mm512_maskz_cvtepi32_epi8(all_16_lanes, count);
  };
  return {sixteen(x), sixteen(x + 16)};
}

// ---- Floats of codes ----------------------------------------------------------------------------

YARN_ALWAYS_INLINE __m512 floats_of_16(__m128i codes) {
  return _mm512_maskz_cvtepi32_ps(all_16_lanes, _mm512_maskz_cvtepi8_epi32(all_16_lanes, codes));
}
YARN_ALWAYS_INLINE void store_scaled(x86_bytes codes, float scale, float* out, avx512_isa) {
  const __m512 scale16 = _mm512_set1_ps(scale);
  _mm512_storeu_ps(out, _mm512_mul_ps(floats_of_16(codes.low), scale16));
  _mm512_storeu_ps(out + 16, _mm512_mul_ps(floats_of_16(codes.high), scale16));
}
YARN_ALWAYS_INLINE void store_scaled_plus(x86_bytes codes, float scale, float plus, float* out,
                                          avx512_isa) {
  const __m512 scale16 = _mm512_set1_ps(scale), plus16 = _mm512_set1_ps(plus);
  const __m512 low = _mm512_mul_ps(floats_of_16(codes.low), scale16);
  const __m512 high = _mm512_mul_ps(floats_of_16(codes.high), scale16);
  _mm512_storeu_ps(out, _mm512_add_ps(low, plus16));
  _mm512_storeu_ps(out + 16, _mm512_add_ps(high, plus16));
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

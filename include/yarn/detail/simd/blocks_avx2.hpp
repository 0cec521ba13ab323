// SPDX-License-Identifier: MIT
// The operations of blocks_generic.hpp on the 256-bit registers of x86. AVX without AVX2 uses those
// of blocks_sse2.hpp, which also has the operations on bytes.
#ifndef YARN_DETAIL_SIMD_BLOCKS_AVX2_HPP
#define YARN_DETAIL_SIMD_BLOCKS_AVX2_HPP

#include "blocks_sse2.hpp"

#if !defined(YARN_NO_XSIMD) && defined(__AVX2__)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

#if defined(__GNUC__) && defined(__FMA__)
YARN_ALWAYS_INLINE __m256 rounded_product(__m256 product) {
  asm("" : "+x"(product));
  return product;
}
#else
YARN_ALWAYS_INLINE __m256 rounded_product(__m256 product) { return product; }
#endif

// ---- Range of a block ---------------------------------------------------------------------------

YARN_ALWAYS_INLINE __m256 magnitude(__m256 x) {
  return _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff)));
}
// The second operand of a minimum and a maximum is the result so far, as in blocks_sse2.hpp.
YARN_ALWAYS_INLINE __m256 largest_in_lanes(const float* x, avx2_isa) {
  const __m256 zero = _mm256_setzero_ps();
  __m256 a = _mm256_max_ps(magnitude(_mm256_loadu_ps(x)), zero);
  __m256 b = _mm256_max_ps(magnitude(_mm256_loadu_ps(x + 8)), zero);
  a = _mm256_max_ps(magnitude(_mm256_loadu_ps(x + 16)), a);
  b = _mm256_max_ps(magnitude(_mm256_loadu_ps(x + 24)), b);
  return _mm256_max_ps(a, b);
}
YARN_ALWAYS_INLINE float largest_magnitude(const float* x, avx2_isa isa) {
  const __m256 lanes = largest_in_lanes(x, isa);
  return largest_of(_mm_max_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1)));
}
YARN_ALWAYS_INLINE __m128 largest_magnitudes(const float* x, avx2_isa isa) {
  const __m256 a = largest_in_lanes(x, isa), b = largest_in_lanes(x + 32, isa);
  const __m256 c = largest_in_lanes(x + 64, isa), d = largest_in_lanes(x + 96, isa);
  const __m256 ab = _mm256_max_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)); // a b a b
  const __m256 cd = _mm256_max_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
  const __m256 abcd =
      _mm256_max_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
  return _mm_max_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps(abcd, 1));
}

YARN_ALWAYS_INLINE float first_of_magnitude(const float* x, float wanted, avx2_isa) {
  const __m256 all = _mm256_set1_ps(wanted);
  const auto eight = [=](int i) YARN_INLINE_LAMBDA {
    const __m256 equal = _mm256_cmp_ps(magnitude(_mm256_loadu_ps(x + i)), all, _CMP_EQ_OQ);
    return static_cast<unsigned>(_mm256_movemask_ps(equal)) << i;
  };
  return x[lowest_bit(eight(0) | eight(8) | eight(16) | eight(24))];
}

YARN_ALWAYS_INLINE float_range range_of(const float* x, avx2_isa) {
  __m256 low = _mm256_set1_ps(FLT_MAX), high = _mm256_set1_ps(-FLT_MAX);
  for (int i = 0; i < block_size; i += 8) {
    const __m256 eight = _mm256_loadu_ps(x + i);
    low = _mm256_min_ps(eight, low);
    high = _mm256_max_ps(eight, high);
  }
  return {smallest_of(_mm_min_ps(_mm256_castps256_ps128(low), _mm256_extractf128_ps(low, 1))),
          largest_of(_mm_max_ps(_mm256_castps256_ps128(high), _mm256_extractf128_ps(high, 1)))};
}

// ---- Codes --------------------------------------------------------------------------------------

// The instructions that pack 256-bit registers work within their halves. After two of them, the
// groups of four bytes have the order 0 2 4 6 1 3 5 7.
YARN_ALWAYS_INLINE x86_bytes in_order(__m256i packed) {
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const __m256i codes = _mm256_permutevar8x32_epi32(packed, order);
  return {_mm256_castsi256_si128(codes), _mm256_extracti128_si256(codes, 1)};
}
YARN_ALWAYS_INLINE __m256i pack_signed(__m256i a, __m256i b, __m256i c, __m256i d) {
  return _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
}

YARN_ALWAYS_INLINE x86_bytes truncated(const float* x, float minus, float times, float plus,
                                       avx2_isa) {
  const __m256 minus8 = _mm256_set1_ps(minus), times8 = _mm256_set1_ps(times);
  const __m256 plus8 = _mm256_set1_ps(plus);
  const auto eight = [=](const float* p) YARN_INLINE_LAMBDA {
    const __m256 product = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(p), minus8), times8);
    return _mm256_cvttps_epi32(_mm256_add_ps(rounded_product(product), plus8));
  };
  // Unsigned saturation turns the smallest integer into 0.
  return in_order(_mm256_packus_epi16(_mm256_packs_epi32(eight(x), eight(x + 8)),
                                      _mm256_packs_epi32(eight(x + 16), eight(x + 24))));
}

YARN_ALWAYS_INLINE x86_bytes rounded_away(const float* x, float times, avx2_isa) {
  const __m256 times8 = _mm256_set1_ps(times), half = _mm256_set1_ps(nearly_half);
  const __m256 sign = _mm256_set1_ps(-0.0F);
  const auto eight = [=](const float* p) YARN_INLINE_LAMBDA {
    const __m256 product = rounded_product(_mm256_mul_ps(_mm256_loadu_ps(p), times8));
    const __m256 signed_half = _mm256_or_ps(_mm256_and_ps(product, sign), half);
    return _mm256_cvttps_epi32(_mm256_add_ps(product, signed_half));
  };
  const __m256i codes = pack_signed(eight(x), eight(x + 8), eight(x + 16), eight(x + 24));
  const __m256i smallest = _mm256_cmpeq_epi8(codes, _mm256_set1_epi8(-128));
  return in_order(_mm256_andnot_si256(smallest, codes));
}

YARN_ALWAYS_INLINE x86_bytes rounded_even(const float* x, float times, avx2_isa) {
  const __m256 times8 = _mm256_set1_ps(times);
  const auto eight = [=](const float* p) YARN_INLINE_LAMBDA {
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(p), times8));
  };
  return in_order(pack_signed(eight(x), eight(x + 8), eight(x + 16), eight(x + 24)));
}

YARN_ALWAYS_INLINE x86_bytes count_reached(const float* x, float times, const float* limits,
                                           avx2_isa) {
  const __m256 times8 = _mm256_set1_ps(times);
  __m256 value[4];
  __m256i count[4];
  for (int i = 0; i < 4; ++i) {
    value[i] = _mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), times8);
    count[i] = _mm256_setzero_si256();
  }
  for (int k = 0; k < 15; ++k) {
    const __m256 limit = _mm256_set1_ps(limits[k]);
    for (int i = 0; i < 4; ++i) { // "not less" is also true for NaN
      const __m256 reached = _mm256_cmp_ps(value[i], limit, _CMP_NLT_UQ);
      count[i] = _mm256_sub_epi32(count[i], _mm256_castps_si256(reached));
    }
  }
  return in_order(pack_signed(count[0], count[1], count[2], count[3]));
}

// ---- Floats of codes ----------------------------------------------------------------------------

/// Calls f(eight floats, place) for all codes, as signed bytes.
template <class F> YARN_ALWAYS_INLINE void for_each_eight(x86_bytes codes, F f) {
  const auto eight = [f](__m128i bytes, int at) YARN_INLINE_LAMBDA {
    f(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), at);
  };
  eight(codes.low, 0);
  eight(_mm_unpackhi_epi64(codes.low, codes.low), 8);
  eight(codes.high, 16);
  eight(_mm_unpackhi_epi64(codes.high, codes.high), 24);
}
YARN_ALWAYS_INLINE void store_scaled(x86_bytes codes, float scale, float* out, avx2_isa) {
  const __m256 scale8 = _mm256_set1_ps(scale);
  for_each_eight(codes, [=](__m256 eight, int at) YARN_INLINE_LAMBDA {
    _mm256_storeu_ps(out + at, _mm256_mul_ps(eight, scale8));
  });
}
YARN_ALWAYS_INLINE void store_scaled_plus(x86_bytes codes, float scale, float plus, float* out,
                                          avx2_isa) {
  const __m256 scale8 = _mm256_set1_ps(scale), plus8 = _mm256_set1_ps(plus);
  for_each_eight(codes, [=](__m256 eight, int at) YARN_INLINE_LAMBDA {
    _mm256_storeu_ps(out + at, _mm256_add_ps(_mm256_mul_ps(eight, scale8), plus8));
  });
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

// SPDX-License-Identifier: MIT
// The operations of pack.hpp on 512-bit registers. Operations that need more than AVX512F come from
// generic.hpp if the extension is off.
#ifndef YARN_DETAIL_SIMD_AVX512_HPP
#define YARN_DETAIL_SIMD_AVX512_HPP

#include "pack.hpp"

#if !defined(YARN_NO_XSIMD) && defined(__AVX512F__)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class A> struct arch_traits<A, std::enable_if_t<std::is_base_of_v<xsimd::avx512f, A>>> {
  using isa = avx512_isa;
  using narrower = own_arch<xsimd::avx2>;
};

// gcc 12 warns about many unmasked AVX-512 intrinsics, because its own headers read an
// uninitialised value. With a mask of all lanes there is no warning, and the instructions are the
// same.
inline constexpr __mmask8 all_8_lanes = 0xff;
inline constexpr __mmask16 all_16_lanes = 0xffff;

// ---- Arithmetic -------------------------------------------------------------------------------

template <class A>
YARN_ALWAYS_INLINE floats<A> multiply_add(floats<A> a, floats<A> b, floats<A> c, avx512_isa) {
  return floats<A>(_mm512_fmadd_ps(a, b, c));
}
template <class A>
YARN_ALWAYS_INLINE doubles<A> multiply_add(doubles<A> a, doubles<A> b, doubles<A> c, avx512_isa) {
  return doubles<A>(_mm512_fmadd_pd(a, b, c));
}
template <class A>
YARN_ALWAYS_INLINE floats<A> negated_multiply_add(floats<A> a, floats<A> b, floats<A> c,
                                                  avx512_isa) {
  return floats<A>(_mm512_fnmadd_ps(a, b, c));
}
template <class A>
YARN_ALWAYS_INLINE doubles<A> negated_multiply_add(doubles<A> a, doubles<A> b, doubles<A> c,
                                                   avx512_isa) {
  return doubles<A>(_mm512_fnmadd_pd(a, b, c));
}

template <class A> YARN_ALWAYS_INLINE floats<A> square_root(floats<A> x, avx512_isa) {
  return floats<A>(_mm512_maskz_sqrt_ps(all_16_lanes, x));
}
template <class A> YARN_ALWAYS_INLINE doubles<A> square_root(doubles<A> x, avx512_isa) {
  return doubles<A>(_mm512_maskz_sqrt_pd(all_8_lanes, x));
}

template <class A> YARN_ALWAYS_INLINE float sum_of_lanes(floats<A> x, avx512_isa) {
  x = x + floats<A>(_mm512_maskz_shuffle_f32x4(all_16_lanes, x, x, 0x4e));
  x = x + floats<A>(_mm512_maskz_shuffle_f32x4(all_16_lanes, x, x, 0xb1));
  x = x + floats<A>(_mm512_maskz_permute_ps(all_16_lanes, x, 0x4e));
  return _mm512_cvtss_f32(x + floats<A>(_mm512_maskz_permute_ps(all_16_lanes, x, 0xb1)));
}
template <class A> YARN_ALWAYS_INLINE double sum_of_lanes(doubles<A> x, avx512_isa) {
  x = x + doubles<A>(_mm512_maskz_shuffle_f64x2(all_8_lanes, x, x, 0x4e));
  x = x + doubles<A>(_mm512_maskz_shuffle_f64x2(all_8_lanes, x, x, 0xb1));
  return _mm512_cvtsd_f64(x + doubles<A>(_mm512_maskz_permute_pd(all_8_lanes, x, 0x55)));
}

// Adds the halves of a and b. The result has the sums of a in its lower half, those of b in its
// upper half.
YARN_ALWAYS_INLINE __m512 add_halves(__m512 a, __m512 b, avx512_isa) {
  return _mm512_add_ps(_mm512_maskz_shuffle_f32x4(all_16_lanes, a, b, 0x44),
                       _mm512_maskz_shuffle_f32x4(all_16_lanes, a, b, 0xee));
}
template <class A>
YARN_ALWAYS_INLINE void store_sums_of_lanes(const floats<A> (&x)[4], float* out, avx512_isa isa) {
  const __m512 first = add_halves(x[0], x[1], isa), second = add_halves(x[2], x[3], isa);
  floats<A> sums = floats<A>(_mm512_maskz_shuffle_f32x4(all_16_lanes, first, second, 0x88)) +
                   floats<A>(_mm512_maskz_shuffle_f32x4(all_16_lanes, first, second, 0xdd));
  sums = sums + floats<A>(_mm512_maskz_permute_ps(all_16_lanes, sums, 0x4e));
  sums = sums + floats<A>(_mm512_maskz_permute_ps(all_16_lanes, sums, 0xb1));
  const __m512i every_fourth = _mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  _mm512_mask_storeu_ps(out, 0xf, _mm512_maskz_permutexvar_ps(all_16_lanes, every_fourth, sums));
}

// ---- Permutes ---------------------------------------------------------------------------------

template <class A> YARN_ALWAYS_INLINE floats<A> swap_neighbours(floats<A> x, avx512_isa) {
  return floats<A>(_mm512_maskz_permute_ps(all_16_lanes, x, 0xb1));
}
template <class A> YARN_ALWAYS_INLINE doubles<A> swap_neighbours(doubles<A> x, avx512_isa) {
  return doubles<A>(_mm512_maskz_permute_pd(all_8_lanes, x, 0x55));
}

template <class A>
YARN_ALWAYS_INLINE two_packs<floats<A>> interleave(floats<A> a, floats<A> b, avx512_isa) {
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
  return {floats<A>(_mm512_permutex2var_ps(a, low, b)),
          floats<A>(_mm512_permutex2var_ps(a, high, b))};
}
template <class A>
YARN_ALWAYS_INLINE two_packs<doubles<A>> interleave(doubles<A> a, doubles<A> b, avx512_isa) {
  const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
  const __m512i high = _mm512_add_epi64(low, _mm512_set1_epi64(4));
  return {doubles<A>(_mm512_permutex2var_pd(a, low, b)),
          doubles<A>(_mm512_permutex2var_pd(a, high, b))};
}

template <class A>
YARN_ALWAYS_INLINE two_packs<floats<A>> deinterleave(floats<A> low, floats<A> high, avx512_isa) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  return {floats<A>(_mm512_permutex2var_ps(low, even, high)),
          floats<A>(_mm512_permutex2var_ps(low, odd, high))};
}
template <class A>
YARN_ALWAYS_INLINE two_packs<doubles<A>> deinterleave(doubles<A> low, doubles<A> high, avx512_isa) {
  const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
  const __m512i odd = _mm512_add_epi64(even, _mm512_set1_epi64(1));
  return {doubles<A>(_mm512_permutex2var_pd(low, even, high)),
          doubles<A>(_mm512_permutex2var_pd(low, odd, high))};
}

// ---- Elements of 16 bits ------------------------------------------------------------------------

template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_binary16(const T* p, floats<A>, avx512_isa) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return floats<A>(_mm512_maskz_cvtph_ps(all_16_lanes, bits));
}
template <class A, class T> YARN_ALWAYS_INLINE void store_binary16(floats<A> x, T* p, avx512_isa) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_maskz_cvtps_ph(all_16_lanes, x, _MM_FROUND_TO_NEAREST_INT));
}

YARN_ALWAYS_INLINE __m512i round_bfloat16(__m512 x, avx512_isa) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i odd =
      _mm512_and_si512(_mm512_maskz_srli_epi32(all_16_lanes, bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 is_nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return _mm512_mask_or_epi32(rounded, is_nan, bits, _mm512_set1_epi32(0x400000));
}

template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_bfloat16(const T* p, floats<A>, avx512_isa) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return floats<A>(_mm512_castsi512_ps(
      _mm512_maskz_slli_epi32(all_16_lanes, _mm512_maskz_cvtepu16_epi32(all_16_lanes, bits), 16)));
}
template <class A, class T>
YARN_ALWAYS_INLINE void store_bfloat16(floats<A> x, T* p, avx512_isa isa) {
  const __m512i kept = _mm512_maskz_srli_epi32(all_16_lanes, round_bfloat16(x, isa), 16);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_maskz_cvtepi32_epi16(all_16_lanes, kept));
}

// ---- Elements of 8 bits -------------------------------------------------------------------------

/// The codes of x in the lower bytes of the lanes. The other bytes are undefined.
template <class T> YARN_ALWAYS_INLINE __m512i float8_codes(__m512 x, avx512_isa) {
  using rounding = float8_rounding<T>;
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i magnitude = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff));
  const __m512i bounded =
      _mm512_maskz_min_epi32(all_16_lanes, magnitude, _mm512_set1_epi32(rounding::largest));
  const __m512i normal =
      _mm512_maskz_max_epi32(all_16_lanes, bounded, _mm512_set1_epi32(rounding::smallest_normal));
  const __m512i exponent = _mm512_and_si512(normal, _mm512_set1_epi32(0x7f800000));
  const __m512i magic = _mm512_add_epi32(exponent, _mm512_set1_epi32(rounding::offset));
  const __m512i sum =
      _mm512_castps_si512(_mm512_add_ps(_mm512_castsi512_ps(bounded), _mm512_castsi512_ps(magic)));
  const __m512i code =
      _mm512_add_epi32(sum, _mm512_maskz_srli_epi32(all_16_lanes, sum, rounding::dropped));
  // 0xee: the largest float, whose lower bits are ones, where x is a quiet or a signalling NaN.
  const __m512i or_nan = _mm512_castps_si512(
      _mm512_fixupimm_ps(_mm512_castsi512_ps(code), x, _mm512_set1_epi32(0xee), 0));
  // 0xca: the sign from `bits`, the other bits from `or_nan`.
  return _mm512_ternarylogic_epi32(_mm512_set1_epi32(0x80),
                                   _mm512_maskz_srli_epi32(all_16_lanes, bits, 24), or_nan, 0xca);
}
template <class A, class T>
YARN_ALWAYS_INLINE void store_float8(floats<A> x, T* p, avx512_isa isa) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm512_maskz_cvtepi32_epi8(all_16_lanes, float8_codes<T>(x, isa)));
}

// E5M2 is the upper byte of binary16. E4M3 has one exponent bit less, so its codes, read as
// binary16, have 2^-8 of their value. Its NaN gets the exponent of a NaN in binary16: of all codes,
// only that of NaN, 0x3f80, has a carry when 0x80 is added.
template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_float8(const T* p, floats<A>, avx512_isa) {
  const __m256i codes = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  if constexpr (element_traits<T>::fraction_bits == 2) {
    return floats<A>(_mm512_maskz_cvtph_ps(all_16_lanes, _mm256_slli_epi16(codes, 8)));
  } else {
    const __m256i shifted =
        _mm256_and_si256(_mm256_slli_epi16(codes, 7), _mm256_set1_epi16(-0x4001));
    const __m256i carry = _mm256_add_epi16(shifted, _mm256_set1_epi16(0x80));
    const __m256i halves =
        _mm256_or_si256(shifted, _mm256_and_si256(carry, _mm256_set1_epi16(0x4000)));
    return floats<A>(
        _mm512_mul_ps(_mm512_maskz_cvtph_ps(all_16_lanes, halves), _mm512_set1_ps(0x1p8F)));
  }
}

template <class A>
YARN_ALWAYS_INLINE floats<A> load_int8(const std::int8_t* p, floats<A>, avx512_isa) {
  const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return floats<A>(
      _mm512_maskz_cvtepi32_ps(all_16_lanes, _mm512_maskz_cvtepi8_epi32(all_16_lanes, codes)));
}
YARN_ALWAYS_INLINE __m512i magnitude_bits(__m512 x) {
  return _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff));
}
YARN_ALWAYS_INLINE __mmask16 is_number(__m512i magnitude) {
  return _mm512_cmple_epi32_mask(magnitude, _mm512_set1_epi32(0x7f800000));
}
template <class A> YARN_ALWAYS_INLINE void store_int8(floats<A> x, std::int8_t* p, avx512_isa) {
  const __mmask16 numbers = is_number(magnitude_bits(x));
  const __m512 bounded = _mm512_maskz_max_ps(
      numbers, _mm512_maskz_min_ps(numbers, x, _mm512_set1_ps(127.0F)), _mm512_set1_ps(-128.0F));
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(p),
      _mm512_maskz_cvtepi32_epi8(all_16_lanes, _mm512_maskz_cvtps_epi32(numbers, bounded)));
}
template <class A>
YARN_ALWAYS_INLINE floats<A> larger_magnitude(floats<A> magnitude, floats<A> x, avx512_isa) {
  const __m512i found = _mm512_castps_si512(magnitude), other = magnitude_bits(x);
  return floats<A>(
      _mm512_castsi512_ps(_mm512_mask_max_epi32(found, is_number(other), found, other)));
}

// ---- bfloat16 by words -------------------------------------------------------------------------

#if defined(__AVX512BW__)
YARN_ALWAYS_INLINE __m512i round_half_up_bfloat16(__m512 x, avx512_isa) {
  return _mm512_add_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x8000));
}
YARN_ALWAYS_INLINE unsigned half_up_may_differ(__m512 x, __m512 y, avx512_isa) {
  const __m512i least = _mm512_min_epi16(_mm512_castps_si512(x), _mm512_castps_si512(y));
  return _mm512_mask_cmpeq_epi16_mask(0x55555555u, least, _mm512_set1_epi16(-0x8000)) |
         _mm512_cmp_ps_mask(x, y, _CMP_UNORD_Q);
}

template <class A, class T>
YARN_ALWAYS_INLINE two_packs<floats<A>> load_words(const T* p, floats<A>, avx512_isa) {
  const __m512i words = _mm512_loadu_si512(p);
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  return {floats<A>(_mm512_castsi512_ps(_mm512_maskz_slli_epi32(all_16_lanes, words, 16))),
          floats<A>(_mm512_castsi512_ps(_mm512_and_si512(words, upper)))};
}
YARN_ALWAYS_INLINE void store_upper_halves(__m512i even, __m512i odd, void* p, avx512_isa) {
  const __m512i low = _mm512_maskz_srli_epi32(all_16_lanes, even, 16);
  _mm512_storeu_si512(p, _mm512_mask_blend_epi16(0xaaaaaaaau, low, odd));
}
#endif

// ---- Rows -------------------------------------------------------------------------------------

#if defined(__AVX512DQ__)
template <class A>
YARN_ALWAYS_INLINE octant<doubles<A>>
load_octant(const std::uint64_t* phases, std::uint64_t multiplier, doubles<A>, avx512_isa) {
  const __m512i phase = _mm512_mullo_epi64(_mm512_loadu_si512(phases),
                                           _mm512_set1_epi64(static_cast<long long>(multiplier)));
  const __m512i shifted = _mm512_add_epi64(phase, _mm512_set1_epi64(1LL << 61));
  const __m512i top = _mm512_set1_epi64(static_cast<long long>(std::uint64_t{1} << 63));
  const __m512i quarter =
      _mm512_and_si512(shifted, _mm512_set1_epi64(static_cast<long long>(std::uint64_t{3} << 62)));
  const __m512d eighths =
      _mm512_mul_pd(_mm512_cvtepi64_pd(_mm512_sub_epi64(phase, quarter)), _mm512_set1_pd(0x1p-61));
  const __m512i next = _mm512_maskz_slli_epi64(all_8_lanes, shifted, 1);
  const __m512i swap = _mm512_maskz_srai_epi64(all_8_lanes, next, 63);
  const __m512i cos_sign = _mm512_and_si512(_mm512_xor_si512(shifted, next), top);
  const __m512i sin_sign = _mm512_and_si512(shifted, top);
  return {doubles<A>(eighths), doubles<A>(_mm512_castsi512_pd(swap)),
          doubles<A>(_mm512_castsi512_pd(cos_sign)), doubles<A>(_mm512_castsi512_pd(sin_sign))};
}
#endif

#if defined(__AVX512VL__)
YARN_ALWAYS_INLINE unsigned different_lanes(__m256 a, __m256 b) {
  return _mm256_cmp_ps_mask(a, b, _CMP_NEQ_UQ);
}
#else
YARN_ALWAYS_INLINE unsigned different_lanes(__m256 a, __m256 b) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_NEQ_UQ)));
}
#endif

template <bool Streams, class A>
YARN_ALWAYS_INLINE unsigned round_both(doubles<A> low, doubles<A> high, float* out, avx512_isa) {
  const __m256 first = _mm512_maskz_cvtpd_ps(all_8_lanes, low),
               second = _mm512_maskz_cvtpd_ps(all_8_lanes, high);
  if constexpr (Streams)
    _mm256_stream_ps(out, first);
  else
    _mm256_storeu_ps(out, first);
  return different_lanes(first, second);
}
YARN_ALWAYS_INLINE void finish_streaming(avx512_isa) { _mm_sfence(); }

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

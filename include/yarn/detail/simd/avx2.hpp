// SPDX-License-Identifier: MIT
// The operations of pack.hpp on the 256-bit registers of x86: AVX2, or AVX alone. AVX has no
// integer instructions for these registers; the operations that need them come from generic.hpp.
#ifndef YARN_DETAIL_SIMD_AVX2_HPP
#define YARN_DETAIL_SIMD_AVX2_HPP

#include "pack.hpp"

#if !defined(YARN_NO_XSIMD) && defined(__AVX__)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class A> struct arch_traits<A, std::enable_if_t<std::is_base_of_v<xsimd::avx, A>>> {
  using isa = avx2_isa;
  using narrower = own_arch<xsimd::sse4_2>;
};

// ---- Arithmetic -------------------------------------------------------------------------------

#if defined(__FMA__)
template <class A>
YARN_ALWAYS_INLINE floats<A> multiply_add(floats<A> a, floats<A> b, floats<A> c, avx2_isa) {
  return floats<A>(_mm256_fmadd_ps(a, b, c));
}
template <class A>
YARN_ALWAYS_INLINE doubles<A> multiply_add(doubles<A> a, doubles<A> b, doubles<A> c, avx2_isa) {
  return doubles<A>(_mm256_fmadd_pd(a, b, c));
}
template <class A>
YARN_ALWAYS_INLINE floats<A> negated_multiply_add(floats<A> a, floats<A> b, floats<A> c, avx2_isa) {
  return floats<A>(_mm256_fnmadd_ps(a, b, c));
}
template <class A>
YARN_ALWAYS_INLINE doubles<A> negated_multiply_add(doubles<A> a, doubles<A> b, doubles<A> c,
                                                   avx2_isa) {
  return doubles<A>(_mm256_fnmadd_pd(a, b, c));
}
#endif

YARN_ALWAYS_INLINE float sum_of_8_lanes(__m256 x) {
  return sum_of_4_lanes(_mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1)));
}
YARN_ALWAYS_INLINE double sum_of_4_lanes(__m256d x) {
  return sum_of_2_lanes(_mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1)));
}
template <class A> YARN_ALWAYS_INLINE float sum_of_lanes(floats<A> x, avx2_isa) {
  return sum_of_8_lanes(x);
}
template <class A> YARN_ALWAYS_INLINE double sum_of_lanes(doubles<A> x, avx2_isa) {
  return sum_of_4_lanes(x);
}

template <class A>
YARN_ALWAYS_INLINE void store_sums_of_lanes(const floats<A> (&x)[4], float* out, avx2_isa) {
  // Adds the halves of each pack. `first` gets the sums of x[0] and x[1], `second` the others.
  const __m256 first = _mm256_add_ps(_mm256_permute2f128_ps(x[0], x[1], 0x20),
                                     _mm256_permute2f128_ps(x[0], x[1], 0x31));
  const __m256 second = _mm256_add_ps(_mm256_permute2f128_ps(x[2], x[3], 0x20),
                                      _mm256_permute2f128_ps(x[2], x[3], 0x31));
  const __m256 sums =
      _mm256_add_ps(_mm256_shuffle_ps(first, second, 0x44), _mm256_shuffle_ps(first, second, 0xee));
  const __m256 twice = _mm256_add_ps(sums, _mm256_permute_ps(sums, 0xb1));
  // The halves are [s0 s0 s2 s2] and [s1 s1 s3 s3].
  _mm_storeu_ps(out,
                _mm_blend_ps(_mm256_castps256_ps128(twice), _mm256_extractf128_ps(twice, 1), 0xa));
}

// ---- Permutes ---------------------------------------------------------------------------------

template <class A> YARN_ALWAYS_INLINE floats<A> swap_neighbours(floats<A> x, avx2_isa) {
  return floats<A>(_mm256_permute_ps(x, 0xb1));
}
template <class A> YARN_ALWAYS_INLINE doubles<A> swap_neighbours(doubles<A> x, avx2_isa) {
  return doubles<A>(_mm256_permute_pd(x, 0x5));
}

template <class A>
YARN_ALWAYS_INLINE two_packs<floats<A>> interleave(floats<A> a, floats<A> b, avx2_isa) {
  const __m256 low = _mm256_unpacklo_ps(a, b), high = _mm256_unpackhi_ps(a, b);
  return {floats<A>(_mm256_permute2f128_ps(low, high, 0x20)),
          floats<A>(_mm256_permute2f128_ps(low, high, 0x31))};
}
template <class A>
YARN_ALWAYS_INLINE two_packs<doubles<A>> interleave(doubles<A> a, doubles<A> b, avx2_isa) {
  const __m256d low = _mm256_unpacklo_pd(a, b), high = _mm256_unpackhi_pd(a, b);
  return {doubles<A>(_mm256_permute2f128_pd(low, high, 0x20)),
          doubles<A>(_mm256_permute2f128_pd(low, high, 0x31))};
}

template <class A>
YARN_ALWAYS_INLINE two_packs<floats<A>> deinterleave(floats<A> low, floats<A> high, avx2_isa) {
  const __m256 left = _mm256_permute2f128_ps(low, high, 0x20);
  const __m256 right = _mm256_permute2f128_ps(low, high, 0x31);
  return {floats<A>(_mm256_shuffle_ps(left, right, 0x88)),
          floats<A>(_mm256_shuffle_ps(left, right, 0xdd))};
}
template <class A>
YARN_ALWAYS_INLINE two_packs<doubles<A>> deinterleave(doubles<A> low, doubles<A> high, avx2_isa) {
  const __m256d left = _mm256_permute2f128_pd(low, high, 0x20);
  const __m256d right = _mm256_permute2f128_pd(low, high, 0x31);
  return {doubles<A>(_mm256_unpacklo_pd(left, right)), doubles<A>(_mm256_unpackhi_pd(left, right))};
}

// ---- Elements of 16 bits ------------------------------------------------------------------------

#if defined(__F16C__)
template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_binary16(const T* p, floats<A>, avx2_isa) {
  return floats<A>(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
template <class A, class T> YARN_ALWAYS_INLINE void store_binary16(floats<A> x, T* p, avx2_isa) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
#endif

#if defined(__AVX2__)
YARN_ALWAYS_INLINE __m256i round_bfloat16(__m256 x, avx2_isa) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  const __m256 is_nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
  return _mm256_castps_si256(
      _mm256_blendv_ps(_mm256_castsi256_ps(rounded), _mm256_castsi256_ps(quiet), is_nan));
}
YARN_ALWAYS_INLINE __m256i round_half_up_bfloat16(__m256 x, avx2_isa) {
  return _mm256_add_epi32(_mm256_castps_si256(x), _mm256_set1_epi32(0x8000));
}
YARN_ALWAYS_INLINE unsigned half_up_may_differ(__m256 x, __m256 y, avx2_isa) {
  const __m256i least = _mm256_min_epi16(_mm256_castps_si256(x), _mm256_castps_si256(y));
  const __m256i tie = _mm256_cmpeq_epi16(least, _mm256_set1_epi16(-0x8000));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, y, _CMP_UNORD_Q));
  return static_cast<unsigned>(_mm256_movemask_epi8(_mm256_or_si256(tie, nan))) & 0x33333333u;
}

template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_bfloat16(const T* p, floats<A>, avx2_isa) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return floats<A>(_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16)));
}
template <class A, class T>
YARN_ALWAYS_INLINE void store_bfloat16(floats<A> x, T* p, avx2_isa isa) {
  const __m256i kept = _mm256_srli_epi32(round_bfloat16(x, isa), 16);
  const __m256i packed = _mm256_packus_epi32(kept, kept);
  const __m256i ordered = _mm256_permute4x64_epi64(packed, 0x08);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(ordered));
}
template <class A, class T>
YARN_ALWAYS_INLINE bool try_store_bfloat16(floats<A> first, T* p, floats<A> second, T* q,
                                           avx2_isa isa) {
  if (half_up_may_differ(first, second, isa) != 0)
    return false;
  const __m256i low = _mm256_srli_epi32(round_half_up_bfloat16(first, isa), 16);
  const __m256i high = _mm256_srli_epi32(round_half_up_bfloat16(second, isa), 16);
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(words));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(q), _mm256_extracti128_si256(words, 1));
  return true;
}

// ---- Elements of 8 bits -------------------------------------------------------------------------

/// The codes of x in the upper bytes of the lanes. The other bytes are undefined.
template <class T> YARN_ALWAYS_INLINE __m256i float8_codes(__m256 x, avx2_isa) {
  using rounding = float8_rounding<T>;
  const __m256i bits = _mm256_castps_si256(x), rest = _mm256_set1_epi32(0x7fffffff);
  const __m256i magnitude = _mm256_and_si256(bits, rest);
  const __m256i bounded = _mm256_min_epi32(magnitude, _mm256_set1_epi32(rounding::largest));
  const __m256i normal = _mm256_max_epi32(bounded, _mm256_set1_epi32(rounding::smallest_normal));
  const __m256i exponent = _mm256_and_si256(normal, _mm256_set1_epi32(0x7f800000));
  const __m256i magic = _mm256_add_epi32(exponent, _mm256_set1_epi32(rounding::offset));
  const __m256i sum =
      _mm256_castps_si256(_mm256_add_ps(_mm256_castsi256_ps(bounded), _mm256_castsi256_ps(magic)));
  const __m256i code = _mm256_add_epi32(sum, _mm256_srli_epi32(sum, rounding::dropped));
  const __m256i is_nan = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7f800000));
  const __m256i raised = _mm256_slli_epi32(_mm256_or_si256(code, is_nan), 24);
  return _mm256_or_si256(_mm256_and_si256(raised, rest), _mm256_andnot_si256(rest, bits));
}
template <class A, class T> YARN_ALWAYS_INLINE void store_float8(floats<A> x, T* p, avx2_isa isa) {
  const __m256i upper =
      _mm256_setr_epi8(3, 7, 11, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 3, 7, 11, 15,
                       -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i bytes = _mm256_shuffle_epi8(float8_codes<T>(x, isa), upper);
  _mm_storel_epi64(
      reinterpret_cast<__m128i*>(p),
      _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)));
}

#if defined(__F16C__)
// As on AVX-512, in avx512.hpp.
template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_float8(const T* p, floats<A>, avx2_isa) {
  const __m128i codes = _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  if constexpr (element_traits<T>::fraction_bits == 2) {
    return floats<A>(_mm256_cvtph_ps(_mm_slli_epi16(codes, 8)));
  } else {
    const __m128i shifted = _mm_and_si128(_mm_slli_epi16(codes, 7), _mm_set1_epi16(-0x4001));
    const __m128i carry = _mm_add_epi16(shifted, _mm_set1_epi16(0x80));
    const __m128i halves = _mm_or_si128(shifted, _mm_and_si128(carry, _mm_set1_epi16(0x4000)));
    return floats<A>(_mm256_mul_ps(_mm256_cvtph_ps(halves), _mm256_set1_ps(0x1p8F)));
  }
}
#endif

template <class A>
YARN_ALWAYS_INLINE floats<A> load_int8(const std::int8_t* p, floats<A>, avx2_isa) {
  const __m128i codes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return floats<A>(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes)));
}
// |x|, or 0 where x is NaN.
YARN_ALWAYS_INLINE __m256i magnitude_or_zero(__m256 x) {
  const __m256i magnitude = _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7fffffff));
  const __m256i is_nan = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7f800000));
  return _mm256_andnot_si256(is_nan, magnitude);
}
template <class A> YARN_ALWAYS_INLINE void store_int8(floats<A> x, std::int8_t* p, avx2_isa) {
  const __m256 sign = _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(INT32_MIN)));
  const __m256 number = _mm256_or_ps(_mm256_castsi256_ps(magnitude_or_zero(x)), sign);
  const __m256 bounded =
      _mm256_max_ps(_mm256_min_ps(number, _mm256_set1_ps(127.0F)), _mm256_set1_ps(-128.0F));
  const __m256i whole = _mm256_cvtps_epi32(bounded);
  const __m128i words =
      _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(words, words));
}
template <class A>
YARN_ALWAYS_INLINE floats<A> larger_magnitude(floats<A> magnitude, floats<A> x, avx2_isa) {
  return floats<A>(
      _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(magnitude), magnitude_or_zero(x))));
}

// ---- bfloat16 by words -------------------------------------------------------------------------

template <class A, class T>
YARN_ALWAYS_INLINE two_packs<floats<A>> load_words(const T* p, floats<A>, avx2_isa) {
  const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  return {floats<A>(_mm256_castsi256_ps(_mm256_slli_epi32(words, 16))),
          floats<A>(_mm256_castsi256_ps(_mm256_and_si256(words, upper)))};
}
YARN_ALWAYS_INLINE void store_upper_halves(__m256i even, __m256i odd, void* p, avx2_isa) {
  _mm256_storeu_si256(static_cast<__m256i*>(p),
                      _mm256_blend_epi16(_mm256_srli_epi32(even, 16), odd, 0xaa));
}
#endif

// ---- Rows -------------------------------------------------------------------------------------

#if defined(__AVX2__)
// The vectors are made from integer registers. Scalar stores and then a vector load would stall.
YARN_ALWAYS_INLINE __m256d doubles_of(std::uint64_t a, std::uint64_t b, std::uint64_t c,
                                      std::uint64_t d) {
  return _mm256_castsi256_pd(_mm256_set_epi64x(static_cast<long long>(d), static_cast<long long>(c),
                                               static_cast<long long>(b),
                                               static_cast<long long>(a)));
}
template <class A>
YARN_ALWAYS_INLINE octant<doubles<A>> load_octant(const std::uint64_t* phases,
                                                  std::uint64_t multiplier, doubles<A>, avx2_isa) {
  using wide = doubles<A>;
  octant_bits o[4];
  for (int lane = 0; lane < 4; ++lane)
    o[lane] = octant_of(phases[lane] * multiplier);
  return {wide(_mm256_set_pd(o[3].eighths, o[2].eighths, o[1].eighths, o[0].eighths)),
          wide(doubles_of(o[0].swap, o[1].swap, o[2].swap, o[3].swap)),
          wide(doubles_of(o[0].cos_sign, o[1].cos_sign, o[2].cos_sign, o[3].cos_sign)),
          wide(doubles_of(o[0].sin_sign, o[1].sin_sign, o[2].sin_sign, o[3].sin_sign))};
}
#endif

template <bool Streams, class A>
YARN_ALWAYS_INLINE unsigned round_both(doubles<A> low, doubles<A> high, float* out, avx2_isa) {
  const __m128 first = _mm256_cvtpd_ps(low), second = _mm256_cvtpd_ps(high);
  if constexpr (Streams)
    _mm_stream_ps(out, first);
  else
    _mm_storeu_ps(out, first);
  return static_cast<unsigned>(_mm_movemask_ps(_mm_cmpneq_ps(first, second)));
}
YARN_ALWAYS_INLINE void finish_streaming(avx2_isa) { _mm_sfence(); }

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

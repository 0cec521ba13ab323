// SPDX-License-Identifier: MIT
// The operations of pack.hpp on the 128-bit registers of x86: SSE2 and later.
#ifndef YARN_DETAIL_SIMD_SSE2_HPP
#define YARN_DETAIL_SIMD_SSE2_HPP

#include "pack.hpp"

#if !defined(YARN_NO_XSIMD) && defined(__SSE2__)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class A> struct arch_traits<A, std::enable_if_t<std::is_base_of_v<xsimd::sse2, A>>> {
  using isa = sse2_isa;
  using narrower = scalar_arch;
};

// ---- Arithmetic -------------------------------------------------------------------------------

#if defined(__FMA__)
template <class A>
YARN_ALWAYS_INLINE floats<A> multiply_add(floats<A> a, floats<A> b, floats<A> c, sse2_isa) {
  return floats<A>(_mm_fmadd_ps(a, b, c));
}
template <class A>
YARN_ALWAYS_INLINE doubles<A> multiply_add(doubles<A> a, doubles<A> b, doubles<A> c, sse2_isa) {
  return doubles<A>(_mm_fmadd_pd(a, b, c));
}
template <class A>
YARN_ALWAYS_INLINE floats<A> negated_multiply_add(floats<A> a, floats<A> b, floats<A> c, sse2_isa) {
  return floats<A>(_mm_fnmadd_ps(a, b, c));
}
template <class A>
YARN_ALWAYS_INLINE doubles<A> negated_multiply_add(doubles<A> a, doubles<A> b, doubles<A> c,
                                                   sse2_isa) {
  return doubles<A>(_mm_fnmadd_pd(a, b, c));
}
#endif

YARN_ALWAYS_INLINE float sum_of_4_lanes(__m128 x) {
  const __m128 half = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_shuffle_ps(half, half, 0x55)));
}
YARN_ALWAYS_INLINE double sum_of_2_lanes(__m128d x) {
  return _mm_cvtsd_f64(_mm_add_sd(x, _mm_unpackhi_pd(x, x)));
}
template <class A> YARN_ALWAYS_INLINE float sum_of_lanes(floats<A> x, sse2_isa) {
  return sum_of_4_lanes(x);
}
template <class A> YARN_ALWAYS_INLINE double sum_of_lanes(doubles<A> x, sse2_isa) {
  return sum_of_2_lanes(x);
}

// ---- Permutes ---------------------------------------------------------------------------------

template <class A> YARN_ALWAYS_INLINE floats<A> swap_neighbours(floats<A> x, sse2_isa) {
  return floats<A>(_mm_shuffle_ps(x, x, 0xb1));
}
template <class A> YARN_ALWAYS_INLINE doubles<A> swap_neighbours(doubles<A> x, sse2_isa) {
  return doubles<A>(_mm_shuffle_pd(x, x, 1));
}

template <class A>
YARN_ALWAYS_INLINE two_packs<floats<A>> interleave(floats<A> a, floats<A> b, sse2_isa) {
  return {floats<A>(_mm_unpacklo_ps(a, b)), floats<A>(_mm_unpackhi_ps(a, b))};
}
template <class A>
YARN_ALWAYS_INLINE two_packs<doubles<A>> interleave(doubles<A> a, doubles<A> b, sse2_isa) {
  return {doubles<A>(_mm_unpacklo_pd(a, b)), doubles<A>(_mm_unpackhi_pd(a, b))};
}

template <class A>
YARN_ALWAYS_INLINE two_packs<floats<A>> deinterleave(floats<A> low, floats<A> high, sse2_isa) {
  return {floats<A>(_mm_shuffle_ps(low, high, 0x88)), floats<A>(_mm_shuffle_ps(low, high, 0xdd))};
}
template <class A>
YARN_ALWAYS_INLINE two_packs<doubles<A>> deinterleave(doubles<A> low, doubles<A> high, sse2_isa) {
  return {doubles<A>(_mm_unpacklo_pd(low, high)), doubles<A>(_mm_unpackhi_pd(low, high))};
}

// ---- Elements of 16 bits ------------------------------------------------------------------------

#if defined(__F16C__)
template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_binary16(const T* p, floats<A>, sse2_isa) {
  return floats<A>(_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
template <class A, class T> YARN_ALWAYS_INLINE void store_binary16(floats<A> x, T* p, sse2_isa) {
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
#endif

YARN_ALWAYS_INLINE __m128i round_bfloat16(__m128 x, sse2_isa) {
  const __m128i bits = _mm_castps_si128(x);
  const __m128i odd = _mm_and_si128(_mm_srli_epi32(bits, 16), _mm_set1_epi32(1));
  const __m128i rounded = _mm_add_epi32(bits, _mm_add_epi32(odd, _mm_set1_epi32(0x7fff)));
  const __m128i quiet = _mm_or_si128(bits, _mm_set1_epi32(0x400000));
  const __m128i is_nan = _mm_castps_si128(_mm_cmpunord_ps(x, x));
  return _mm_or_si128(_mm_and_si128(is_nan, quiet), _mm_andnot_si128(is_nan, rounded));
}
YARN_ALWAYS_INLINE __m128i round_half_up_bfloat16(__m128 x, sse2_isa) {
  return _mm_add_epi32(_mm_castps_si128(x), _mm_set1_epi32(0x8000));
}
YARN_ALWAYS_INLINE unsigned half_up_may_differ(__m128 x, __m128 y, sse2_isa) {
  const __m128i least = _mm_min_epi16(_mm_castps_si128(x), _mm_castps_si128(y));
  const __m128i tie = _mm_cmpeq_epi16(least, _mm_set1_epi16(-0x8000));
  const __m128i nan = _mm_castps_si128(_mm_cmpunord_ps(x, y));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(tie, nan))) & 0x3333u;
}

template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_bfloat16(const T* p, floats<A>, sse2_isa) {
  const __m128i bits = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return floats<A>(_mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), bits)));
}
template <class A, class T>
YARN_ALWAYS_INLINE void store_bfloat16(floats<A> x, T* p, sse2_isa isa) {
  // SSE2 packs 32-bit integers with signed saturation only. An arithmetic shift makes every value
  // fit 16 bits.
  const __m128i upper = _mm_srai_epi32(round_bfloat16(x, isa), 16);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(upper, upper));
}
template <class A, class T>
YARN_ALWAYS_INLINE bool try_store_bfloat16(floats<A> first, T* p, floats<A> second, T* q,
                                           sse2_isa isa) {
  if (half_up_may_differ(first, second, isa) != 0)
    return false;
  // For signed saturation, as in store_bfloat16.
  const __m128i low = _mm_srai_epi32(round_half_up_bfloat16(first, isa), 16);
  const __m128i high = _mm_srai_epi32(round_half_up_bfloat16(second, isa), 16);
  const __m128i words = _mm_packs_epi32(low, high);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), words);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(q), _mm_unpackhi_epi64(words, words));
  return true;
}

// ---- Elements of 8 bits -------------------------------------------------------------------------

template <class A, class T> YARN_ALWAYS_INLINE void store_float8(floats<A> x, T* p, sse2_isa) {
  using rounding = float8_rounding<T>;
  const __m128i bits = _mm_castps_si128(x), rest = _mm_set1_epi32(0x7fffffff);
  const __m128i magnitude = _mm_and_si128(bits, rest);
  // The minimum and maximum of floats, because SSE2 has none of 32-bit integers. Both may have any
  // result for a NaN.
  const __m128 bounded =
      _mm_min_ps(_mm_castsi128_ps(magnitude), _mm_castsi128_ps(_mm_set1_epi32(rounding::largest)));
  const __m128 normal =
      _mm_max_ps(bounded, _mm_castsi128_ps(_mm_set1_epi32(rounding::smallest_normal)));
  const __m128i exponent = _mm_and_si128(_mm_castps_si128(normal), _mm_set1_epi32(0x7f800000));
  const __m128i magic = _mm_add_epi32(exponent, _mm_set1_epi32(rounding::offset));
  const __m128i sum = _mm_castps_si128(_mm_add_ps(bounded, _mm_castsi128_ps(magic)));
  const __m128i code = _mm_add_epi32(sum, _mm_srli_epi32(sum, rounding::dropped));
  const __m128i is_nan = _mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x7f800000));
  const __m128i raised = _mm_slli_epi32(_mm_or_si128(code, is_nan), 24);
  const __m128i with_sign = _mm_or_si128(_mm_and_si128(raised, rest), _mm_andnot_si128(rest, bits));
  const __m128i words = _mm_packs_epi32(_mm_srai_epi32(with_sign, 24), with_sign);
  const int bytes = _mm_cvtsi128_si32(_mm_packs_epi16(words, words));
  std::memcpy(static_cast<void*>(p), &bytes, sizeof bytes);
}

template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_float8(const T* p, floats<A>, sse2_isa) {
  using rounding = float8_rounding<T>;
  using traits = element_traits<T>;
  int bytes;
  std::memcpy(&bytes, static_cast<const void*>(p), sizeof bytes);
  const __m128i zero = _mm_setzero_si128(), hidden = _mm_set1_epi32(0x800000);
  const __m128i words = _mm_unpacklo_epi8(zero, _mm_cvtsi32_si128(bytes));
  const __m128i raised = _mm_unpacklo_epi16(zero, words); // the code in the upper byte
  const __m128i rest = _mm_set1_epi32(0x7fffffff);
  const __m128i code = _mm_and_si128(raised, rest);
  const __m128i number = _mm_add_epi32(_mm_srli_epi32(code, 24 - rounding::dropped),
                                       _mm_set1_epi32(rounding::smallest_normal - 0x800000));
  // A subnormal: read with the smallest exponent and a hidden bit, which is then subtracted.
  const __m128i is_subnormal =
      _mm_cmplt_epi32(code, _mm_set1_epi32(1 << (24 + traits::fraction_bits)));
  const __m128 added = _mm_and_ps(_mm_castsi128_ps(is_subnormal),
                                  _mm_castsi128_ps(_mm_set1_epi32(rounding::smallest_normal)));
  const __m128 finite = _mm_sub_ps(
      _mm_castsi128_ps(_mm_add_epi32(number, _mm_and_si128(is_subnormal, hidden))), added);
  const __m128i is_special =
      _mm_cmpgt_epi32(code, _mm_set1_epi32(static_cast<int>(traits::largest_code << 24)));
  const __m128i exponent = _mm_and_si128(is_special, _mm_set1_epi32(0x7f800000));
  const __m128i sign = _mm_andnot_si128(rest, raised);
  return floats<A>(_mm_or_ps(finite, _mm_castsi128_ps(_mm_or_si128(exponent, sign))));
}

template <class A>
YARN_ALWAYS_INLINE floats<A> load_int8(const std::int8_t* p, floats<A>, sse2_isa) {
  int bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  const __m128i zero = _mm_setzero_si128();
  const __m128i words = _mm_unpacklo_epi8(zero, _mm_cvtsi32_si128(bytes));
  return floats<A>(_mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpacklo_epi16(zero, words), 24)));
}
// |x|, or 0 where x is NaN.
YARN_ALWAYS_INLINE __m128 magnitude_or_zero(__m128 x) {
  const __m128i magnitude = _mm_and_si128(_mm_castps_si128(x), _mm_set1_epi32(0x7fffffff));
  const __m128i is_nan = _mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x7f800000));
  return _mm_castsi128_ps(_mm_andnot_si128(is_nan, magnitude));
}
template <class A> YARN_ALWAYS_INLINE void store_int8(floats<A> x, std::int8_t* p, sse2_isa) {
  const __m128 sign = _mm_and_ps(x, _mm_castsi128_ps(_mm_set1_epi32(INT32_MIN)));
  const __m128 number = _mm_or_ps(magnitude_or_zero(x), sign);
  const __m128i whole =
      _mm_cvtps_epi32(_mm_max_ps(_mm_min_ps(number, _mm_set1_ps(127.0F)), _mm_set1_ps(-128.0F)));
  const __m128i words = _mm_packs_epi32(whole, whole);
  const int bytes = _mm_cvtsi128_si32(_mm_packs_epi16(words, words));
  std::memcpy(p, &bytes, sizeof bytes);
}
template <class A>
YARN_ALWAYS_INLINE floats<A> larger_magnitude(floats<A> magnitude, floats<A> x, sse2_isa) {
  return floats<A>(_mm_max_ps(magnitude, magnitude_or_zero(x)));
}

// ---- bfloat16 by words -------------------------------------------------------------------------

template <class A, class T>
YARN_ALWAYS_INLINE two_packs<floats<A>> load_words(const T* p, floats<A>, sse2_isa) {
  const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i upper = _mm_set1_epi32(static_cast<int>(0xffff0000u));
  return {floats<A>(_mm_castsi128_ps(_mm_slli_epi32(words, 16))),
          floats<A>(_mm_castsi128_ps(_mm_and_si128(words, upper)))};
}
YARN_ALWAYS_INLINE void store_upper_halves(__m128i even, __m128i odd, void* p, sse2_isa) {
  const __m128i upper = _mm_set1_epi32(static_cast<int>(0xffff0000u));
  _mm_storeu_si128(static_cast<__m128i*>(p),
                   _mm_or_si128(_mm_srli_epi32(even, 16), _mm_and_si128(odd, upper)));
}

// ---- Rows -------------------------------------------------------------------------------------

template <bool Streams, class A>
YARN_ALWAYS_INLINE unsigned round_both(doubles<A> low, doubles<A> high, float* out, sse2_isa) {
  const __m128 first = _mm_cvtpd_ps(low), second = _mm_cvtpd_ps(high);
  _mm_storel_pi(reinterpret_cast<__m64*>(out), first);
  return static_cast<unsigned>(_mm_movemask_ps(_mm_cmpneq_ps(first, second)));
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

// SPDX-License-Identifier: MIT
// The operations of blocks_generic.hpp on the 128-bit registers of x86. The files for wider
// registers use the operations on bytes from here.
#ifndef YARN_DETAIL_SIMD_BLOCKS_SSE2_HPP
#define YARN_DETAIL_SIMD_BLOCKS_SSE2_HPP

#include "blocks_generic.hpp"

#if !defined(YARN_NO_XSIMD) && defined(__SSE2__)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

struct x86_bytes {
  __m128i low, high; // codes 0 to 15, and 16 to 31
};

#if defined(__GNUC__) && defined(__FMA__)
YARN_ALWAYS_INLINE __m128 rounded_product(__m128 product) {
  asm("" : "+x"(product));
  return product;
}
#else
YARN_ALWAYS_INLINE __m128 rounded_product(__m128 product) { return product; }
#endif

YARN_ALWAYS_INLINE unsigned lowest_bit(unsigned mask) {
#if defined(__GNUC__)
  return static_cast<unsigned>(__builtin_ctz(mask));
#else
  unsigned i = 0;
  while ((mask >> i & 1) == 0)
    ++i;
  return i;
#endif
}

// ---- Range of a block ---------------------------------------------------------------------------

YARN_ALWAYS_INLINE __m128 magnitude(__m128 x) {
  return _mm_and_ps(x, _mm_castsi128_ps(_mm_set1_epi32(0x7fffffff)));
}
YARN_ALWAYS_INLINE float largest_of(__m128 x) {
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps(x, x, 1)));
}
YARN_ALWAYS_INLINE float smallest_of(__m128 x) {
  x = _mm_min_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_min_ss(x, _mm_shuffle_ps(x, x, 1)));
}

// The instructions for minimum and maximum return their second operand if one of both is NaN. So
// the second operand is the result so far.
YARN_ALWAYS_INLINE float largest_magnitude(const float* x, x86_isa) {
  __m128 a = _mm_setzero_ps(), b = a;
  for (int i = 0; i < block_size; i += 8) {
    a = _mm_max_ps(magnitude(_mm_loadu_ps(x + i)), a);
    b = _mm_max_ps(magnitude(_mm_loadu_ps(x + i + 4)), b);
  }
  return largest_of(_mm_max_ps(a, b));
}

YARN_ALWAYS_INLINE float first_of_magnitude(const float* x, float wanted, x86_isa) {
  const __m128 all = _mm_set1_ps(wanted);
  unsigned mask = 0;
  for (int i = 0; i < block_size; i += 4)
    mask |=
        static_cast<unsigned>(_mm_movemask_ps(_mm_cmpeq_ps(magnitude(_mm_loadu_ps(x + i)), all)))
        << i;
  return x[lowest_bit(mask)];
}

YARN_ALWAYS_INLINE float_range range_of(const float* x, x86_isa) {
  __m128 low = _mm_set1_ps(FLT_MAX), high = _mm_set1_ps(-FLT_MAX);
  for (int i = 0; i < block_size; i += 4) {
    const __m128 four = _mm_loadu_ps(x + i);
    low = _mm_min_ps(four, low);
    high = _mm_max_ps(four, high);
  }
  return {smallest_of(low), largest_of(high)};
}

// ---- Scales of four blocks ----------------------------------------------------------------------

/// The largest of each of four registers.
YARN_ALWAYS_INLINE __m128 largest_of_each(__m128 a, __m128 b, __m128 c, __m128 d) {
  const __m128 ab = _mm_max_ps(_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b)); // a b a b
  const __m128 cd = _mm_max_ps(_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
  return _mm_max_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab));
}
YARN_ALWAYS_INLINE __m128 largest_magnitudes(const float* x, x86_isa) {
  const auto block = [](const float* p) YARN_INLINE_LAMBDA {
    __m128 largest = _mm_setzero_ps();
    for (int i = 0; i < block_size; i += 4)
      largest = _mm_max_ps(magnitude(_mm_loadu_ps(p + i)), largest);
    return largest;
  };
  return largest_of_each(block(x), block(x + 32), block(x + 64), block(x + 96));
}
YARN_ALWAYS_INLINE __m128 divided(__m128 x, float divisor) {
  return _mm_div_ps(x, _mm_set1_ps(divisor));
}
YARN_ALWAYS_INLINE __m128 quotient_or_zero(float numerator, __m128 x) {
  return _mm_and_ps(_mm_div_ps(_mm_set1_ps(numerator), x), _mm_cmpneq_ps(x, _mm_setzero_ps()));
}
YARN_ALWAYS_INLINE void store_four(__m128 x, float* out) { _mm_storeu_ps(out, x); }
YARN_ALWAYS_INLINE void store_four_scales(__m128 x, std::uint16_t* out) {
#if defined(__F16C__)
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
#else
  generic_four list;
  store_four(x, list.at);
  store_four_scales(list, out);
#endif
}

// ---- Codes --------------------------------------------------------------------------------------

YARN_ALWAYS_INLINE x86_bytes truncated(const float* x, float minus, float times, float plus,
                                       x86_isa) {
  const __m128 minus4 = _mm_set1_ps(minus), times4 = _mm_set1_ps(times), plus4 = _mm_set1_ps(plus);
  const auto four = [=](const float* p) YARN_INLINE_LAMBDA {
    const __m128 product = _mm_mul_ps(_mm_sub_ps(_mm_loadu_ps(p), minus4), times4);
    return _mm_cvttps_epi32(_mm_add_ps(rounded_product(product), plus4));
  };
  // Unsigned saturation turns the smallest integer into 0.
  const auto sixteen = [=](const float* p) YARN_INLINE_LAMBDA {
    return _mm_packus_epi16(_mm_packs_epi32(four(p), four(p + 4)),
                            _mm_packs_epi32(four(p + 8), four(p + 12)));
  };
  return {sixteen(x), sixteen(x + 16)};
}

YARN_ALWAYS_INLINE __m128i without_smallest(__m128i codes) {
  return _mm_andnot_si128(_mm_cmpeq_epi8(codes, _mm_set1_epi8(-128)), codes);
}
YARN_ALWAYS_INLINE x86_bytes rounded_away(const float* x, float times, x86_isa) {
  const __m128 times4 = _mm_set1_ps(times), half = _mm_set1_ps(nearly_half);
  const __m128 sign = _mm_set1_ps(-0.0F);
  const auto four = [=](const float* p) YARN_INLINE_LAMBDA {
    const __m128 product = rounded_product(_mm_mul_ps(_mm_loadu_ps(p), times4));
    return _mm_cvttps_epi32(_mm_add_ps(product, _mm_or_ps(_mm_and_ps(product, sign), half)));
  };
  const auto sixteen = [=](const float* p) YARN_INLINE_LAMBDA {
    return without_smallest(_mm_packs_epi16(_mm_packs_epi32(four(p), four(p + 4)),
                                            _mm_packs_epi32(four(p + 8), four(p + 12))));
  };
  return {sixteen(x), sixteen(x + 16)};
}

YARN_ALWAYS_INLINE x86_bytes rounded_even(const float* x, float times, x86_isa) {
  const __m128 times4 = _mm_set1_ps(times);
  const auto four = [=](const float* p) YARN_INLINE_LAMBDA {
    return _mm_cvtps_epi32(_mm_mul_ps(_mm_loadu_ps(p), times4));
  };
  const auto sixteen = [=](const float* p) YARN_INLINE_LAMBDA {
    return _mm_packs_epi16(_mm_packs_epi32(four(p), four(p + 4)),
                           _mm_packs_epi32(four(p + 8), four(p + 12)));
  };
  return {sixteen(x), sixteen(x + 16)};
}

YARN_ALWAYS_INLINE x86_bytes count_reached(const float* x, float times, const float* limits,
                                           x86_isa) {
  const __m128 times4 = _mm_set1_ps(times);
  const auto four = [=](const float* p) YARN_INLINE_LAMBDA {
    const __m128 value = _mm_mul_ps(_mm_loadu_ps(p), times4);
    __m128i count = _mm_setzero_si128();
    for (int k = 0; k < 15; ++k) // "not less" is also true for NaN
      count = _mm_sub_epi32(count, _mm_castps_si128(_mm_cmpnlt_ps(value, _mm_set1_ps(limits[k]))));
    return count;
  };
  const auto sixteen = [=](const float* p) YARN_INLINE_LAMBDA {
    return _mm_packs_epi16(_mm_packs_epi32(four(p), four(p + 4)),
                           _mm_packs_epi32(four(p + 8), four(p + 12)));
  };
  return {sixteen(x), sixteen(x + 16)};
}

// ---- Bytes --------------------------------------------------------------------------------------

YARN_ALWAYS_INLINE __m128i load_16_bytes(const void* p) {
  return _mm_loadu_si128(static_cast<const __m128i*>(p));
}
YARN_ALWAYS_INLINE x86_bytes load_bytes(const void* p, x86_isa) {
  return {load_16_bytes(p), load_16_bytes(static_cast<const char*>(p) + 16)};
}
YARN_ALWAYS_INLINE void store_bytes(x86_bytes codes, void* p) {
  _mm_storeu_si128(static_cast<__m128i*>(p), codes.low);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(static_cast<char*>(p) + 16), codes.high);
}
YARN_ALWAYS_INLINE x86_bytes at_most(x86_bytes codes, int limit) {
  const __m128i all = _mm_set1_epi8(static_cast<char>(limit));
  return {_mm_min_epu8(codes.low, all), _mm_min_epu8(codes.high, all)};
}
YARN_ALWAYS_INLINE x86_bytes minus(x86_bytes codes, int subtrahend) {
  const __m128i all = _mm_set1_epi8(static_cast<char>(subtrahend));
  return {_mm_sub_epi8(codes.low, all), _mm_sub_epi8(codes.high, all)};
}
YARN_ALWAYS_INLINE x86_bytes entries(x86_bytes codes, const std::int8_t* table) {
#if defined(__SSSE3__)
  const __m128i all = load_16_bytes(table);
  return {_mm_shuffle_epi8(all, codes.low), _mm_shuffle_epi8(all, codes.high)};
#else
  generic_bytes list;
  store_bytes(codes, list.at);
  return load_bytes(entries(list, table).at, x86_isa{});
#endif
}

YARN_ALWAYS_INLINE void store_nibbles(x86_bytes codes, void* p) {
  // A shift of 16-bit words by 4. The mask removes the bits that came from the lower byte.
  const __m128i low = _mm_set1_epi8(15);
  const __m128i upper = _mm_andnot_si128(low, _mm_slli_epi16(codes.high, 4));
  _mm_storeu_si128(static_cast<__m128i*>(p), _mm_or_si128(_mm_and_si128(codes.low, low), upper));
}
YARN_ALWAYS_INLINE x86_bytes load_nibbles(const void* p, x86_isa) {
  const __m128i packed = load_16_bytes(p), low = _mm_set1_epi8(15);
  return {_mm_and_si128(packed, low), _mm_and_si128(_mm_srli_epi16(packed, 4), low)};
}

YARN_ALWAYS_INLINE std::uint32_t fifth_bits(x86_bytes codes) {
  // Shifts bit 4 of each byte to its sign bit.
  const int low = _mm_movemask_epi8(_mm_slli_epi16(codes.low, 3));
  const int high = _mm_movemask_epi8(_mm_slli_epi16(codes.high, 3));
  return static_cast<std::uint32_t>(low) | static_cast<std::uint32_t>(high) << 16;
}
YARN_ALWAYS_INLINE __m128i spread_bits(__m128i words) {
  // `words` has 8 copies of a byte, then 8 copies of the next byte. Byte i becomes 16 if its bit
  // i % 8 is set, else 0.
  const __m128i bit = _mm_set1_epi64x(static_cast<long long>(0x8040201008040201u));
  return _mm_and_si128(_mm_cmpeq_epi8(_mm_and_si128(words, bit), bit), _mm_set1_epi8(16));
}
YARN_ALWAYS_INLINE x86_bytes with_fifth_bits(x86_bytes codes, std::uint32_t bits) {
  __m128i all = _mm_cvtsi32_si128(static_cast<int>(bits));
  all = _mm_unpacklo_epi8(all, all);  // each of the 4 bytes twice
  all = _mm_unpacklo_epi16(all, all); // 4 times
  return {_mm_or_si128(codes.low, spread_bits(_mm_shuffle_epi32(all, 0x50))),
          _mm_or_si128(codes.high, spread_bits(_mm_shuffle_epi32(all, 0xfa)))};
}

// ---- Floats of codes ----------------------------------------------------------------------------

/// Calls f(four floats, place) for all codes, as signed bytes.
template <class F> YARN_ALWAYS_INLINE void for_each_four(x86_bytes codes, F f) {
  const auto eight = [f](__m128i words, int at) YARN_INLINE_LAMBDA {
    // Each 32-bit lane has four copies of a code. The shift keeps one and extends its sign.
    f(_mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpacklo_epi16(words, words), 24)), at);
    f(_mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpackhi_epi16(words, words), 24)), at + 4);
  };
  eight(_mm_unpacklo_epi8(codes.low, codes.low), 0);
  eight(_mm_unpackhi_epi8(codes.low, codes.low), 8);
  eight(_mm_unpacklo_epi8(codes.high, codes.high), 16);
  eight(_mm_unpackhi_epi8(codes.high, codes.high), 24);
}
YARN_ALWAYS_INLINE void store_scaled(x86_bytes codes, float scale, float* out, x86_isa) {
  const __m128 scale4 = _mm_set1_ps(scale);
  for_each_four(codes, [=](__m128 four, int at) YARN_INLINE_LAMBDA {
    _mm_storeu_ps(out + at, _mm_mul_ps(four, scale4));
  });
}
YARN_ALWAYS_INLINE void store_scaled_plus(x86_bytes codes, float scale, float plus, float* out,
                                          x86_isa) {
  const __m128 scale4 = _mm_set1_ps(scale), plus4 = _mm_set1_ps(plus);
  for_each_four(codes, [=](__m128 four, int at) YARN_INLINE_LAMBDA {
    _mm_storeu_ps(out + at, _mm_add_ps(_mm_mul_ps(four, scale4), plus4));
  });
}

// ---- Scales -------------------------------------------------------------------------------------

#if defined(__F16C__)
YARN_ALWAYS_INLINE std::uint16_t narrow_scale(float scale, x86_isa) {
  const __m128i bits = _mm_cvtps_ph(_mm_set_ss(scale), _MM_FROUND_TO_NEAREST_INT);
  return static_cast<std::uint16_t>(_mm_cvtsi128_si32(bits));
}
YARN_ALWAYS_INLINE float widen_scale(std::uint16_t bits, x86_isa) {
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
}
#endif

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

// SPDX-License-Identifier: MIT
// What the rows' kernel asks of packs of doubles beside arithmetic: phases as angles within an
// octant, sign bits, and the rounding to float that is tested.
#ifndef YARN_DETAIL_SIMD_OCTANT_HPP
#define YARN_DETAIL_SIMD_OCTANT_HPP

#include "pack.hpp"

#if !defined(YARN_NO_XSIMD)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class A>
YARN_ALWAYS_INLINE octant<batch<double, A>>
load_octant(const std::uint64_t* phases, std::uint64_t multiplier, batch<double, A>) {
  using pack = batch<double, A>;
#if defined(__AVX512DQ__)
  if constexpr (is_avx512_v<A>) {
    const __m512i phase = _mm512_mullo_epi64(_mm512_loadu_si512(phases),
                                             _mm512_set1_epi64(static_cast<long long>(multiplier)));
    const __m512i shifted = _mm512_add_epi64(phase, _mm512_set1_epi64(1LL << 61));
    const __m512i top = _mm512_set1_epi64(static_cast<long long>(std::uint64_t{1} << 63));
    const __m512i quarter = _mm512_and_si512(
        shifted, _mm512_set1_epi64(static_cast<long long>(std::uint64_t{3} << 62)));
    const __m512d eighths = _mm512_mul_pd(_mm512_cvtepi64_pd(_mm512_sub_epi64(phase, quarter)),
                                          _mm512_set1_pd(0x1p-61));
    const __m512i next = _mm512_maskz_slli_epi64(all_lanes, shifted, 1);
    return {pack(eighths), pack(_mm512_castsi512_pd(_mm512_maskz_srai_epi64(all_lanes, next, 63))),
            pack(_mm512_castsi512_pd(_mm512_and_si512(_mm512_xor_si512(shifted, next), top))),
            pack(_mm512_castsi512_pd(_mm512_and_si512(shifted, top)))};
  } else
#endif
#if defined(__AVX2__)
    // Vectors are put together from words: scalar stores would stall the vector loads behind them.
    if constexpr (is_avx_v<A>) {
      octant_bits o[4];
      for (int lane = 0; lane < 4; ++lane)
        o[lane] = octant_of(phases[lane] * multiplier);
      const auto gather = [](std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
        return _mm256_castsi256_pd(
            _mm256_set_epi64x(static_cast<long long>(d), static_cast<long long>(c),
                              static_cast<long long>(b), static_cast<long long>(a)));
      };
      return {pack(_mm256_set_pd(o[3].eighths, o[2].eighths, o[1].eighths, o[0].eighths)),
              pack(gather(o[0].swap, o[1].swap, o[2].swap, o[3].swap)),
              pack(gather(o[0].cos_sign, o[1].cos_sign, o[2].cos_sign, o[3].cos_sign)),
              pack(gather(o[0].sin_sign, o[1].sin_sign, o[2].sin_sign, o[3].sin_sign))};
    } else
#endif
    {
      double eighths[pack::size], swap[pack::size], cos_sign[pack::size], sin_sign[pack::size];
      for (std::size_t lane = 0; lane < pack::size; ++lane) {
        const octant_bits o = octant_of(phases[lane] * multiplier);
        eighths[lane] = o.eighths;
        std::memcpy(&swap[lane], &o.swap, 8);
        std::memcpy(&cos_sign[lane], &o.cos_sign, 8);
        std::memcpy(&sin_sign[lane], &o.sin_sign, 8);
      }
      return {pack::load_unaligned(eighths), pack::load_unaligned(swap),
              pack::load_unaligned(cos_sign), pack::load_unaligned(sin_sign)};
    }
}

template <class A>
YARN_ALWAYS_INLINE batch<double, A> bit_and(batch<double, A> a, batch<double, A> b) {
  return a & b;
}
template <class A>
YARN_ALWAYS_INLINE batch<double, A> bit_xor(batch<double, A> a, batch<double, A> b) {
  return a ^ b;
}

/// Whether round_both<true> writes past the caches: then `out` is aligned to the pack, and
/// finish_streaming() comes before anybody else reads.
template <class A>
inline constexpr bool can_stream_v =
#if defined(__AVX512F__)
    is_avx512_v<A> ||
#endif
#if defined(__AVX__)
    is_avx_v<A> ||
#endif
    false;

YARN_ALWAYS_INLINE void finish_streaming() {
#if defined(__AVX__)
  _mm_sfence();
#endif
}

/// Stores `low` rounded to float, and returns zero where `high` rounds to the same in every lane.
template <bool Streams, class A>
YARN_ALWAYS_INLINE unsigned round_both(batch<double, A> low, batch<double, A> high, float* out) {
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A>) {
    const __m256 first = _mm512_maskz_cvtpd_ps(all_lanes, low),
                 second = _mm512_maskz_cvtpd_ps(all_lanes, high);
    if constexpr (Streams)
      _mm256_stream_ps(out, first);
    else
      _mm256_storeu_ps(out, first);
#if defined(__AVX512VL__)
    return _mm256_cmp_ps_mask(first, second, _CMP_NEQ_UQ);
#else
    return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(first, second, _CMP_NEQ_UQ)));
#endif
  } else
#endif
#if defined(__AVX__)
      if constexpr (is_avx_v<A>) {
    const __m128 first = _mm256_cvtpd_ps(low), second = _mm256_cvtpd_ps(high);
    if constexpr (Streams)
      _mm_stream_ps(out, first);
    else
      _mm_storeu_ps(out, first);
    return static_cast<unsigned>(_mm_movemask_ps(_mm_cmpneq_ps(first, second)));
  } else
#endif
#if defined(__SSE2__)
      if constexpr (is_sse_v<A>) {
    const __m128 first = _mm_cvtpd_ps(low), second = _mm_cvtpd_ps(high);
    _mm_storel_pi(reinterpret_cast<__m64*>(out), first);
    return static_cast<unsigned>(_mm_movemask_ps(_mm_cmpneq_ps(first, second)));
  } else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A>) {
    const float32x2_t first = vcvt_f32_f64(low), second = vcvt_f32_f64(high);
    vst1_f32(out, first);
    return vget_lane_u64(vreinterpret_u64_u32(vceq_f32(first, second)), 0) != ~std::uint64_t{0};
  } else
#endif
  {
    double lows[batch<double, A>::size], highs[batch<double, A>::size];
    low.store_unaligned(lows);
    high.store_unaligned(highs);
    unsigned differences = 0;
    for (std::size_t lane = 0; lane < batch<double, A>::size; ++lane) {
      out[lane] = static_cast<float>(lows[lane]);
      differences += out[lane] != static_cast<float>(highs[lane]);
    }
    return differences;
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

// SPDX-License-Identifier: MIT
// The only header that includes xsimd. Packs are xsimd batches; what is here beside their arithmetic
// is what xsimd's versions 8 to 14 do differently or not at all (fused multiply-add on AVX-512 came
// after 8.1; zip means lanes there and elements elsewhere), by intrinsics where we know the
// processor and through memory where we do not. Floor 3.
#ifndef YARN_DETAIL_SIMD_HPP
#define YARN_DETAIL_SIMD_HPP

#include "simd_scalar.hpp"

#if defined(YARN_NO_XSIMD)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

using default_arch = scalar_arch;
template <class T, class Arch> struct pack_of {
  using type = scalar_pack<T>;
};
template <class T, class Arch> using pack = typename pack_of<T, Arch>::type;

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#else

#include <type_traits>
#include <xsimd/xsimd.hpp>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

using default_arch = xsimd::default_arch;

template <class T, class Arch> struct pack_of {
  using type = xsimd::batch<T, Arch>;
};
template <class T> struct pack_of<T, scalar_arch> {
  using type = scalar_pack<T>;
};
template <class T, class Arch> using pack = typename pack_of<T, Arch>::type;

template <class T, class A> using batch = xsimd::batch<T, A>;

// Whose registers a batch of this architecture has. (By the tag: gcc warns about a comparison with
// __m512d, and the size alone would take xsimd's emulated batches for real ones.)
#if defined(__AVX512F__)
template <class A> inline constexpr bool is_avx512_v = std::is_base_of_v<xsimd::avx512f, A>;
// gcc 12 says of many unmasked AVX-512 intrinsics that they read an uninitialised value of its own
// headers. With a mask of all lanes they do not, and the same instructions come out.
inline constexpr __mmask8 all_lanes = 0xff;
#endif
#if defined(__AVX__)
template <class A> inline constexpr bool is_avx_v = std::is_base_of_v<xsimd::avx, A>;
#endif
#if defined(__SSE2__)
template <class A> inline constexpr bool is_sse_v = std::is_base_of_v<xsimd::sse2, A>;
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
template <class A> inline constexpr bool is_neon64_v = std::is_base_of_v<xsimd::neon64, A>;
#endif

/// a * b + c, rounded once where the processor can (YARN_HAS_FMA), else twice.
template <class T, class A>
YARN_ALWAYS_INLINE batch<T, A> multiply_add(batch<T, A> a, batch<T, A> b, batch<T, A> c) {
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm512_fmadd_ps(a, b, c));
  else if constexpr (is_avx512_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm512_fmadd_pd(a, b, c));
  else
#endif
    return xsimd::fma(a, b, c);
}
/// c - a * b, likewise.
template <class T, class A>
YARN_ALWAYS_INLINE batch<T, A> negated_multiply_add(batch<T, A> a, batch<T, A> b, batch<T, A> c) {
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm512_fnmadd_ps(a, b, c));
  else if constexpr (is_avx512_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm512_fnmadd_pd(a, b, c));
  else
#endif
    return xsimd::fnma(a, b, c);
}

/// [b a d c …] of [a b c d …].
template <class T, class A> YARN_ALWAYS_INLINE batch<T, A> swap_neighbours(batch<T, A> x) {
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm512_maskz_permute_ps(0xffff, x, 0xb1));
  else if constexpr (is_avx512_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm512_maskz_permute_pd(all_lanes, x, 0x55));
  else
#endif
#if defined(__AVX__)
      if constexpr (is_avx_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm256_permute_ps(x, 0xb1));
  else if constexpr (is_avx_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm256_permute_pd(x, 0x5));
  else
#endif
#if defined(__SSE2__)
      if constexpr (is_sse_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm_shuffle_ps(x, x, 0xb1));
  else if constexpr (is_sse_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm_shuffle_pd(x, x, 1));
  else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(vrev64q_f32(x));
  else if constexpr (is_neon64_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(vextq_f64(x, x, 1));
  else
#endif
  {
    T values[batch<T, A>::size + 1], swapped[batch<T, A>::size + 1];
    x.store_unaligned(values);
    for (std::size_t i = 0; i + 1 < batch<T, A>::size; i += 2)
      swapped[i] = values[i + 1], swapped[i + 1] = values[i];
    return batch<T, A>::load_unaligned(swapped);
  }
}

template <class A>
YARN_ALWAYS_INLINE octant<batch<double, A>> load_octant(const std::uint64_t* phases,
                                                        std::uint64_t multiplier,
                                                        batch<double, A>) {
  using pack = batch<double, A>;
#if defined(__AVX512DQ__)
  if constexpr (is_avx512_v<A>) {
    const __m512i phase = _mm512_mullo_epi64(
        _mm512_loadu_si512(phases), _mm512_set1_epi64(static_cast<long long>(multiplier)));
    const __m512i shifted = _mm512_add_epi64(phase, _mm512_set1_epi64(1LL << 61));
    const __m512i top = _mm512_set1_epi64(static_cast<long long>(std::uint64_t{1} << 63));
    const __m512i quarter = _mm512_and_si512(
        shifted, _mm512_set1_epi64(static_cast<long long>(std::uint64_t{3} << 62)));
    const __m512d eighths =
        _mm512_mul_pd(_mm512_cvtepi64_pd(_mm512_sub_epi64(phase, quarter)), _mm512_set1_pd(0x1p-61));
    const __m512i next = _mm512_maskz_slli_epi64(all_lanes, shifted, 1);
    return {pack(eighths), pack(_mm512_castsi512_pd(_mm512_maskz_srai_epi64(all_lanes, next, 63))),
            pack(_mm512_castsi512_pd(_mm512_and_si512(_mm512_xor_si512(shifted, next), top))),
            pack(_mm512_castsi512_pd(_mm512_and_si512(shifted, top)))};
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

/// Stores `low` rounded to float, and tells whether `high` rounds to the same in every lane.
template <class A>
YARN_ALWAYS_INLINE bool round_both(batch<double, A> low, batch<double, A> high, float* out) {
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A>) {
    const __m256 first = _mm512_maskz_cvtpd_ps(all_lanes, low),
                 second = _mm512_maskz_cvtpd_ps(all_lanes, high);
    _mm256_storeu_ps(out, first);
    return _mm256_movemask_ps(_mm256_cmp_ps(first, second, _CMP_NEQ_UQ)) == 0;
  } else
#endif
#if defined(__AVX__)
      if constexpr (is_avx_v<A>) {
    const __m128 first = _mm256_cvtpd_ps(low), second = _mm256_cvtpd_ps(high);
    _mm_storeu_ps(out, first);
    return _mm_movemask_ps(_mm_cmpneq_ps(first, second)) == 0;
  } else
#endif
#if defined(__SSE2__)
      if constexpr (is_sse_v<A>) {
    const __m128 first = _mm_cvtpd_ps(low), second = _mm_cvtpd_ps(high);
    _mm_storel_pi(reinterpret_cast<__m64*>(out), first);
    return _mm_movemask_ps(_mm_cmpneq_ps(first, second)) == 0;
  } else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A>) {
    const float32x2_t first = vcvt_f32_f64(low), second = vcvt_f32_f64(high);
    vst1_f32(out, first);
    return vget_lane_u64(vreinterpret_u64_u32(vceq_f32(first, second)), 0) == ~std::uint64_t{0};
  } else
#endif
  {
    double lows[batch<double, A>::size], highs[batch<double, A>::size];
    low.store_unaligned(lows);
    high.store_unaligned(highs);
    bool same = true;
    for (std::size_t lane = 0; lane < batch<double, A>::size; ++lane) {
      out[lane] = static_cast<float>(lows[lane]);
      same = same && out[lane] == static_cast<float>(highs[lane]);
    }
    return same;
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

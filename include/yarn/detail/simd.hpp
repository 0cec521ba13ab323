// SPDX-License-Identifier: MIT
// The only header that includes xsimd. Packs are xsimd batches; what is here beside their
// arithmetic is what xsimd's versions 8 to 14 do differently or not at all (fused multiply-add on
// AVX-512 came after 8.1; zip means lanes there and elements elsewhere), by intrinsics where we
// know the processor and through memory where we do not. Floor 3.
#ifndef YARN_DETAIL_SIMD_HPP
#define YARN_DETAIL_SIMD_HPP

#include "simd_scalar.hpp"

#if defined(YARN_NO_XSIMD)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

using default_arch = scalar_arch;
template <class T, class Arch> struct pack_of { using type = scalar_pack<T>; };
template <class T, class Arch> using pack = typename pack_of<T, Arch>::type;
template <class Arch> using narrower_arch = scalar_arch;
template <class Arch> inline constexpr bool has_32_registers_v = false;

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#else

#include <type_traits>
#include <xsimd/xsimd.hpp>

// xsimd's functions carry their architecture in their names, but two sources may share one: the
// tail of an AVX-512 loop uses `sse4_2`, which is another source's widest, and armv8-a with and
// without SVE are both `neon64`. Where they are not inlined (-O0), the linker would mix them. So we
// hand xsimd architectures of our own, which inherit everything and carry YARN_ABI in their names.
namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class Base> struct own_arch : Base { using base = Base; };
#if defined(__SSE2__)
using default_arch = own_arch<xsimd::default_arch>;
#else
using default_arch = xsimd::default_arch;
#endif

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

namespace xsimd {
namespace types {

template <class T, class Base> struct simd_register<T, yarn::detail::own_arch<Base>> {
  using register_type = typename simd_register<T, Base>::register_type;
  register_type data;

  simd_register() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): as xsimd's own registers
  YARN_ALWAYS_INLINE simd_register(register_type value) noexcept : data(value) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  YARN_ALWAYS_INLINE operator register_type() const noexcept { return data; }
};
template <class T, class Base>
struct has_simd_register<T, yarn::detail::own_arch<Base>> : has_simd_register<T, Base> {};
template <class T, class Base>
struct get_bool_simd_register<T, yarn::detail::own_arch<Base>> : get_bool_simd_register<T, Base> {};

} // namespace types
} // namespace xsimd

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class T, class Arch> struct pack_of { using type = xsimd::batch<T, Arch>; };
template <class T> struct pack_of<T, scalar_arch> { using type = scalar_pack<T>; };
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

template <class A>
inline constexpr bool has_32_registers_v =
#if defined(__AVX512F__)
    is_avx512_v<A>;
#elif defined(__aarch64__) && defined(__ARM_NEON)
    is_neon64_v<A>;
#else
    false;
#endif

/// a * b + c, rounded once where the processor can (YARN_HAS_FMA), else twice. Not xsimd's where we
/// can help it: some of its versions write x * y + z, and a compiler that fuses that on its own may
/// fuse the product inside z instead.
template <class T, class A>
YARN_ALWAYS_INLINE batch<T, A> multiply_add(batch<T, A> a, batch<T, A> b, batch<T, A> c) {
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm512_fmadd_ps(a, b, c));
  else if constexpr (is_avx512_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm512_fmadd_pd(a, b, c));
  else
#endif
#if defined(__FMA__)
      if constexpr (is_avx_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm256_fmadd_ps(a, b, c));
  else if constexpr (is_avx_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm256_fmadd_pd(a, b, c));
  else if constexpr (is_sse_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm_fmadd_ps(a, b, c));
  else if constexpr (is_sse_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm_fmadd_pd(a, b, c));
  else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(vfmaq_f32(c, a, b));
  else if constexpr (is_neon64_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(vfmaq_f64(c, a, b));
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
#if defined(__FMA__)
      if constexpr (is_avx_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm256_fnmadd_ps(a, b, c));
  else if constexpr (is_avx_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm256_fnmadd_pd(a, b, c));
  else if constexpr (is_sse_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm_fnmadd_ps(a, b, c));
  else if constexpr (is_sse_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm_fnmadd_pd(a, b, c));
  else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(vfmsq_f32(c, a, b));
  else if constexpr (is_neon64_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(vfmsq_f64(c, a, b));
  else
#endif
    return xsimd::fma(a * batch<T, A>(T(-1)), b, c);
}

// narrower_arch: the same instructions on narrower registers, for what is left of a loop, and one
// element at a time behind the last.
#if defined(__AVX512F__)
template <class A>
using narrower_arch =
    std::conditional_t<is_avx512_v<A>, own_arch<xsimd::avx2>,
                       std::conditional_t<is_avx_v<A>, own_arch<xsimd::sse4_2>, scalar_arch>>;
#elif defined(__AVX__)
template <class A>
using narrower_arch = std::conditional_t<is_avx_v<A>, own_arch<xsimd::sse4_2>, scalar_arch>;
#else
template <class A> using narrower_arch = scalar_arch;
#endif

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

// For processors without a branch below.
template <class Pack> YARN_ALWAYS_INLINE two_packs<Pack> interleave_by_memory(Pack a, Pack b) {
  using T = typename Pack::value_type;
  T from[2 * Pack::size], to[2 * Pack::size];
  a.store_unaligned(from);
  b.store_unaligned(from + Pack::size);
  for (std::size_t i = 0; i < Pack::size; ++i)
    to[2 * i] = from[i], to[2 * i + 1] = from[Pack::size + i];
  return {Pack::load_unaligned(to), Pack::load_unaligned(to + Pack::size)};
}
template <class Pack> YARN_ALWAYS_INLINE two_packs<Pack> deinterleave_by_memory(Pack a, Pack b) {
  using T = typename Pack::value_type;
  T from[2 * Pack::size], to[2 * Pack::size];
  a.store_unaligned(from);
  b.store_unaligned(from + Pack::size);
  for (std::size_t i = 0; i < Pack::size; ++i)
    to[i] = from[2 * i], to[Pack::size + i] = from[2 * i + 1];
  return {Pack::load_unaligned(to), Pack::load_unaligned(to + Pack::size)};
}

/// [a0 b0 a1 b1 …] of [a0 a1 …] and [b0 b1 …].
template <class T, class A>
YARN_ALWAYS_INLINE two_packs<batch<T, A>> interleave(batch<T, A> a, batch<T, A> b) {
  using pack = batch<T, A>;
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A> && std::is_same_v<T, float>) {
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    return {pack(_mm512_permutex2var_ps(a, low, b)), pack(_mm512_permutex2var_ps(a, high, b))};
  } else if constexpr (is_avx512_v<A> && std::is_same_v<T, double>) {
    const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const __m512i high = _mm512_add_epi64(low, _mm512_set1_epi64(4));
    return {pack(_mm512_permutex2var_pd(a, low, b)), pack(_mm512_permutex2var_pd(a, high, b))};
  } else
#endif
#if defined(__AVX__)
      if constexpr (is_avx_v<A> && std::is_same_v<T, float>) {
    const __m256 low = _mm256_unpacklo_ps(a, b), high = _mm256_unpackhi_ps(a, b);
    return {pack(_mm256_permute2f128_ps(low, high, 0x20)),
            pack(_mm256_permute2f128_ps(low, high, 0x31))};
  } else if constexpr (is_avx_v<A> && std::is_same_v<T, double>) {
    const __m256d low = _mm256_unpacklo_pd(a, b), high = _mm256_unpackhi_pd(a, b);
    return {pack(_mm256_permute2f128_pd(low, high, 0x20)),
            pack(_mm256_permute2f128_pd(low, high, 0x31))};
  } else
#endif
#if defined(__SSE2__)
      if constexpr (is_sse_v<A> && std::is_same_v<T, float>)
    return {pack(_mm_unpacklo_ps(a, b)), pack(_mm_unpackhi_ps(a, b))};
  else if constexpr (is_sse_v<A> && std::is_same_v<T, double>)
    return {pack(_mm_unpacklo_pd(a, b)), pack(_mm_unpackhi_pd(a, b))};
  else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A> && std::is_same_v<T, float>)
    return {pack(vzip1q_f32(a, b)), pack(vzip2q_f32(a, b))};
  else if constexpr (is_neon64_v<A> && std::is_same_v<T, double>)
    return {pack(vzip1q_f64(a, b)), pack(vzip2q_f64(a, b))};
  else
#endif
    return interleave_by_memory(a, b);
}

/// [a0 a1 …] and [b0 b1 …] of [a0 b0 a1 b1 …].
template <class T, class A>
YARN_ALWAYS_INLINE two_packs<batch<T, A>> deinterleave(batch<T, A> low, batch<T, A> high) {
  using pack = batch<T, A>;
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A> && std::is_same_v<T, float>) {
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    return {pack(_mm512_permutex2var_ps(low, even, high)),
            pack(_mm512_permutex2var_ps(low, odd, high))};
  } else if constexpr (is_avx512_v<A> && std::is_same_v<T, double>) {
    const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    const __m512i odd = _mm512_add_epi64(even, _mm512_set1_epi64(1));
    return {pack(_mm512_permutex2var_pd(low, even, high)),
            pack(_mm512_permutex2var_pd(low, odd, high))};
  } else
#endif
#if defined(__AVX__)
      if constexpr (is_avx_v<A> && std::is_same_v<T, float>) {
    const __m256 left = _mm256_permute2f128_ps(low, high, 0x20);
    const __m256 right = _mm256_permute2f128_ps(low, high, 0x31);
    return {pack(_mm256_shuffle_ps(left, right, 0x88)), pack(_mm256_shuffle_ps(left, right, 0xdd))};
  } else if constexpr (is_avx_v<A> && std::is_same_v<T, double>) {
    const __m256d left = _mm256_permute2f128_pd(low, high, 0x20);
    const __m256d right = _mm256_permute2f128_pd(low, high, 0x31);
    return {pack(_mm256_unpacklo_pd(left, right)), pack(_mm256_unpackhi_pd(left, right))};
  } else
#endif
#if defined(__SSE2__)
      if constexpr (is_sse_v<A> && std::is_same_v<T, float>)
    return {pack(_mm_shuffle_ps(low, high, 0x88)), pack(_mm_shuffle_ps(low, high, 0xdd))};
  else if constexpr (is_sse_v<A> && std::is_same_v<T, double>)
    return {pack(_mm_unpacklo_pd(low, high)), pack(_mm_unpackhi_pd(low, high))};
  else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A> && std::is_same_v<T, float>)
    return {pack(vuzp1q_f32(low, high)), pack(vuzp2q_f32(low, high))};
  else if constexpr (is_neon64_v<A> && std::is_same_v<T, double>)
    return {pack(vuzp1q_f64(low, high)), pack(vuzp2q_f64(low, high))};
  else
#endif
    return deinterleave_by_memory(low, high);
}

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

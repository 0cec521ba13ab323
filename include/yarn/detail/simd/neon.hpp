// SPDX-License-Identifier: MIT
// The operations of pack.hpp on the 128-bit registers of AArch64.
#ifndef YARN_DETAIL_SIMD_NEON_HPP
#define YARN_DETAIL_SIMD_NEON_HPP

#include "pack.hpp"

#if !defined(YARN_NO_XSIMD) && defined(__aarch64__) && defined(__ARM_NEON)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class A> struct arch_traits<A, std::enable_if_t<std::is_base_of_v<xsimd::neon64, A>>> {
  using isa = neon_isa;
  using narrower = scalar_arch;
};

// ---- Arithmetic -------------------------------------------------------------------------------

template <class A>
YARN_ALWAYS_INLINE floats<A> multiply_add(floats<A> a, floats<A> b, floats<A> c, neon_isa) {
  return floats<A>(vfmaq_f32(c, a, b));
}
template <class A>
YARN_ALWAYS_INLINE doubles<A> multiply_add(doubles<A> a, doubles<A> b, doubles<A> c, neon_isa) {
  return doubles<A>(vfmaq_f64(c, a, b));
}
template <class A>
YARN_ALWAYS_INLINE floats<A> negated_multiply_add(floats<A> a, floats<A> b, floats<A> c, neon_isa) {
  return floats<A>(vfmsq_f32(c, a, b));
}
template <class A>
YARN_ALWAYS_INLINE doubles<A> negated_multiply_add(doubles<A> a, doubles<A> b, doubles<A> c,
                                                   neon_isa) {
  return doubles<A>(vfmsq_f64(c, a, b));
}

template <class A> YARN_ALWAYS_INLINE floats<A> quotient(floats<A> a, floats<A> b, neon_isa) {
  return floats<A>(vdivq_f32(a, b));
}
template <class A> YARN_ALWAYS_INLINE doubles<A> quotient(doubles<A> a, doubles<A> b, neon_isa) {
  return doubles<A>(vdivq_f64(a, b));
}
template <class A> YARN_ALWAYS_INLINE floats<A> square_root(floats<A> x, neon_isa) {
  return floats<A>(vsqrtq_f32(x));
}
template <class A> YARN_ALWAYS_INLINE doubles<A> square_root(doubles<A> x, neon_isa) {
  return doubles<A>(vsqrtq_f64(x));
}

// ---- Permutes ---------------------------------------------------------------------------------

template <class A> YARN_ALWAYS_INLINE floats<A> swap_neighbours(floats<A> x, neon_isa) {
  return floats<A>(vrev64q_f32(x));
}
template <class A> YARN_ALWAYS_INLINE doubles<A> swap_neighbours(doubles<A> x, neon_isa) {
  return doubles<A>(vextq_f64(x, x, 1));
}

template <class A>
YARN_ALWAYS_INLINE two_packs<floats<A>> interleave(floats<A> a, floats<A> b, neon_isa) {
  return {floats<A>(vzip1q_f32(a, b)), floats<A>(vzip2q_f32(a, b))};
}
template <class A>
YARN_ALWAYS_INLINE two_packs<doubles<A>> interleave(doubles<A> a, doubles<A> b, neon_isa) {
  return {doubles<A>(vzip1q_f64(a, b)), doubles<A>(vzip2q_f64(a, b))};
}

template <class A>
YARN_ALWAYS_INLINE two_packs<floats<A>> deinterleave(floats<A> low, floats<A> high, neon_isa) {
  return {floats<A>(vuzp1q_f32(low, high)), floats<A>(vuzp2q_f32(low, high))};
}
template <class A>
YARN_ALWAYS_INLINE two_packs<doubles<A>> deinterleave(doubles<A> low, doubles<A> high, neon_isa) {
  return {doubles<A>(vuzp1q_f64(low, high)), doubles<A>(vuzp2q_f64(low, high))};
}

// ---- Elements of 16 bits ------------------------------------------------------------------------

template <class T> YARN_ALWAYS_INLINE uint16x4_t load_four(const T* p) {
  std::uint16_t copy[4];
  std::memcpy(copy, p, sizeof copy);
  return vld1_u16(copy);
}
YARN_ALWAYS_INLINE void store_four(uint16x4_t elements, void* p) {
  std::uint16_t copy[4];
  vst1_u16(copy, elements);
  std::memcpy(p, copy, sizeof copy);
}

template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_binary16(const T* p, floats<A>, neon_isa) {
  return floats<A>(vcvt_f32_f16(vreinterpret_f16_u16(load_four(p))));
}
template <class A, class T> YARN_ALWAYS_INLINE void store_binary16(floats<A> x, T* p, neon_isa) {
  store_four(vreinterpret_u16_f16(vcvt_f16_f32(x)), p);
}

YARN_ALWAYS_INLINE uint32x4_t round_bfloat16(float32x4_t x, neon_isa) {
  const uint32x4_t bits = vreinterpretq_u32_f32(x);
  const uint32x4_t odd = vandq_u32(bits, vdupq_n_u32(0x10000));
  const uint32x4_t rounded = vsraq_n_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd, 16);
  return vbslq_u32(vceqq_f32(x, x), rounded, vorrq_u32(bits, vdupq_n_u32(0x400000)));
}
template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_bfloat16(const T* p, floats<A>, neon_isa) {
  return floats<A>(vreinterpretq_f32_u32(vshll_n_u16(load_four(p), 16)));
}
template <class A, class T>
YARN_ALWAYS_INLINE void store_bfloat16(floats<A> x, T* p, neon_isa isa) {
  store_four(vshrn_n_u32(round_bfloat16(x, isa), 16), p);
}

// ---- Elements of 8 bits -------------------------------------------------------------------------

template <class A, class T> YARN_ALWAYS_INLINE void store_float8(floats<A> x, T* p, neon_isa) {
  using rounding = float8_rounding<T>;
  const uint32x4_t bits = vreinterpretq_u32_f32(x), exponents = vdupq_n_u32(0x7f800000u);
  const uint32x4_t magnitude = vandq_u32(bits, vdupq_n_u32(0x7fffffffu));
  const uint32x4_t bounded = vminq_u32(magnitude, vdupq_n_u32(rounding::largest));
  const uint32x4_t normal = vmaxq_u32(bounded, vdupq_n_u32(rounding::smallest_normal));
  const uint32x4_t magic = vaddq_u32(vandq_u32(normal, exponents), vdupq_n_u32(rounding::offset));
  const uint32x4_t sum = vreinterpretq_u32_f32(
      vaddq_f32(vreinterpretq_f32_u32(bounded), vreinterpretq_f32_u32(magic)));
  const uint32x4_t code =
      vorrq_u32(vsraq_n_u32(sum, sum, rounding::dropped), vcgtq_u32(magnitude, exponents));
  const uint16x4_t words = vshrn_n_u32(vsriq_n_u32(bits, vshlq_n_u32(code, 25), 1), 16);
  const uint8x8_t bytes = vshrn_n_u16(vcombine_u16(words, words), 8);
  const std::uint32_t copy = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
  std::memcpy(static_cast<void*>(p), &copy, sizeof copy);
}

// As on AVX-512, in avx512.hpp.
template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_float8(const T* p, floats<A>, neon_isa) {
  std::uint32_t copy;
  std::memcpy(&copy, static_cast<const void*>(p), sizeof copy);
  const int8x8_t bytes = vreinterpret_s8_u32(vdup_n_u32(copy));
  if constexpr (element_traits<T>::fraction_bits == 2) {
    const uint16x4_t halves = vreinterpret_u16_s16(vget_low_s16(vshll_n_s8(bytes, 8)));
    return floats<A>(vcvt_f32_f16(vreinterpret_f16_u16(halves)));
  } else {
    const uint16x4_t shifted =
        vand_u16(vreinterpret_u16_s16(vget_low_s16(vshll_n_s8(bytes, 7))), vdup_n_u16(0xbfff));
    const uint16x4_t carry = vadd_u16(shifted, vdup_n_u16(0x80));
    const uint16x4_t halves = vorr_u16(shifted, vand_u16(carry, vdup_n_u16(0x4000)));
    return floats<A>(vmulq_n_f32(vcvt_f32_f16(vreinterpret_f16_u16(halves)), 0x1p8F));
  }
}

template <class A>
YARN_ALWAYS_INLINE floats<A> load_int8(const std::int8_t* p, floats<A>, neon_isa) {
  std::uint32_t copy;
  std::memcpy(&copy, p, sizeof copy);
  const int16x8_t words = vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(copy)));
  return floats<A>(vcvtq_f32_s32(vmovl_s16(vget_low_s16(words))));
}
template <class A> YARN_ALWAYS_INLINE void store_int8(floats<A> x, std::int8_t* p, neon_isa) {
  const int16x4_t words = vqmovn_s32(vcvtnq_s32_f32(x)); // saturates, and a NaN becomes 0
  const int8x8_t bytes = vqmovn_s16(vcombine_s16(words, words));
  const std::uint32_t copy = vget_lane_u32(vreinterpret_u32_s8(bytes), 0);
  std::memcpy(p, &copy, sizeof copy);
}
template <class A>
YARN_ALWAYS_INLINE floats<A> larger_magnitude(floats<A> magnitude, floats<A> x, neon_isa) {
  const uint32x4_t other = vandq_u32(vreinterpretq_u32_f32(x), vdupq_n_u32(0x7fffffffu));
  const uint32x4_t is_nan = vcgtq_u32(other, vdupq_n_u32(0x7f800000u));
  return floats<A>(
      vreinterpretq_f32_u32(vmaxq_u32(vreinterpretq_u32_f32(magnitude), vbicq_u32(other, is_nan))));
}

// ---- bfloat16 by words -------------------------------------------------------------------------

template <class A, class T>
YARN_ALWAYS_INLINE two_packs<floats<A>> load_words(const T* p, floats<A>, neon_isa) {
  std::uint32_t copy[4];
  std::memcpy(copy, p, sizeof copy);
  const uint32x4_t words = vld1q_u32(copy);
  return {floats<A>(vreinterpretq_f32_u32(vshlq_n_u32(words, 16))),
          floats<A>(vreinterpretq_f32_u32(vandq_u32(words, vdupq_n_u32(0xffff0000u))))};
}
YARN_ALWAYS_INLINE void store_upper_halves(uint32x4_t even, uint32x4_t odd, void* p, neon_isa) {
  std::uint32_t copy[4];
  vst1q_u32(copy, vsriq_n_u32(odd, even, 16));
  std::memcpy(p, copy, sizeof copy);
}

// ---- Rows -------------------------------------------------------------------------------------

template <bool Streams, class A>
YARN_ALWAYS_INLINE unsigned round_both(doubles<A> low, doubles<A> high, float* out, neon_isa) {
  const float32x2_t first = vcvt_f32_f64(low), second = vcvt_f32_f64(high);
  vst1_f32(out, first);
  return vget_lane_u64(vreinterpret_u64_u32(vceq_f32(first, second)), 0) != ~std::uint64_t{0};
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

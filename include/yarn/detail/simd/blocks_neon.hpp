// SPDX-License-Identifier: MIT
// The operations of blocks_generic.hpp on the 128-bit registers of AArch64.
#ifndef YARN_DETAIL_SIMD_BLOCKS_NEON_HPP
#define YARN_DETAIL_SIMD_BLOCKS_NEON_HPP

#include "blocks_generic.hpp"

#if !defined(YARN_NO_XSIMD) && defined(__aarch64__) && defined(__ARM_NEON)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

struct neon_bytes {
  uint8x16_t low, high; // codes 0 to 15, and 16 to 31
};

#if defined(__GNUC__)
YARN_ALWAYS_INLINE float32x4_t rounded_product(float32x4_t product) {
  asm("" : "+w"(product));
  return product;
}
#else
YARN_ALWAYS_INLINE float32x4_t rounded_product(float32x4_t product) { return product; }
#endif

// ---- Range of a block ---------------------------------------------------------------------------

// The instructions vmaxnm and vminnm ignore a quiet NaN, but a signalling NaN replaces the result
// so far. So the elements are compared by their bits, or by comparisons, which are false for NaN.
YARN_ALWAYS_INLINE float largest_magnitude(const float* x, neon_isa) {
  uint32x4_t a = vdupq_n_u32(0), b = a;
  const auto bits_at = [x](int i) YARN_INLINE_LAMBDA {
    const uint32x4_t bits = vreinterpretq_u32_f32(vabsq_f32(vld1q_f32(x + i)));
    return vbicq_u32(bits, vcgtq_u32(bits, vdupq_n_u32(float_infinity)));
  };
  for (int i = 0; i < block_size; i += 8) {
    a = vmaxq_u32(a, bits_at(i));
    b = vmaxq_u32(b, bits_at(i + 4));
  }
  return bit_cast<float>(vmaxvq_u32(vmaxq_u32(a, b)));
}

YARN_ALWAYS_INLINE float_range range_of(const float* x, neon_isa) {
  float32x4_t low = vdupq_n_f32(FLT_MAX), high = vdupq_n_f32(-FLT_MAX);
  for (int i = 0; i < block_size; i += 4) {
    const float32x4_t four = vld1q_f32(x + i);
    low = vbslq_f32(vcltq_f32(four, low), four, low);
    high = vbslq_f32(vcgtq_f32(four, high), four, high);
  }
  return {vminnmvq_f32(low), vmaxnmvq_f32(high)};
}

// ---- Codes --------------------------------------------------------------------------------------

/// The smallest integer where x is infinite, NaN or beyond the integers, as on x86.
YARN_ALWAYS_INLINE int32x4_t smallest_if_invalid(int32x4_t integers, float32x4_t x) {
  const uint32x4_t valid = vcaltq_f32(x, vdupq_n_f32(0x1p31F));
  return vbslq_s32(valid, integers, vdupq_n_s32(INT32_MIN));
}

/// The lowest bytes of 32 integers. `four(place)` returns the four integers from `place` on.
template <class Four> YARN_ALWAYS_INLINE neon_bytes low_bytes(Four four) {
  const auto eight = [four](int i) YARN_INLINE_LAMBDA {
    return vuzp1q_u16(vreinterpretq_u16_s32(four(i)), vreinterpretq_u16_s32(four(i + 4)));
  };
  const auto sixteen = [eight](int i) YARN_INLINE_LAMBDA {
    return vuzp1q_u8(vreinterpretq_u8_u16(eight(i)), vreinterpretq_u8_u16(eight(i + 8)));
  };
  return {sixteen(0), sixteen(16)};
}

YARN_ALWAYS_INLINE neon_bytes truncated(const float* x, float minus, float times, float plus,
                                        neon_isa) {
  const float32x4_t minus4 = vdupq_n_f32(minus), plus4 = vdupq_n_f32(plus);
  return low_bytes([=](int i) YARN_INLINE_LAMBDA {
    const float32x4_t product = vmulq_n_f32(vsubq_f32(vld1q_f32(x + i), minus4), times);
    const float32x4_t sum = vaddq_f32(rounded_product(product), plus4);
    return smallest_if_invalid(vcvtq_s32_f32(sum), sum);
  });
}

YARN_ALWAYS_INLINE neon_bytes rounded_away(const float* x, float times, neon_isa) {
  return low_bytes([=](int i) YARN_INLINE_LAMBDA {
    const float32x4_t product = vmulq_n_f32(vld1q_f32(x + i), times);
    return smallest_if_invalid(vcvtaq_s32_f32(product), product);
  });
}

YARN_ALWAYS_INLINE neon_bytes rounded_even(const float* x, float times, neon_isa) {
  return low_bytes([=](int i) YARN_INLINE_LAMBDA {
    const float32x4_t product = vmulq_n_f32(vld1q_f32(x + i), times);
    const int32x4_t integers = smallest_if_invalid(vcvtnq_s32_f32(product), product);
    return vmaxq_s32(integers, vdupq_n_s32(-128));
  });
}

YARN_ALWAYS_INLINE neon_bytes count_reached(const float* x, float times, const float* limits,
                                            neon_isa) {
  return low_bytes([=](int i) YARN_INLINE_LAMBDA {
    const float32x4_t value = vmulq_n_f32(vld1q_f32(x + i), times);
    int32x4_t count = vdupq_n_s32(15); // NaN is not below a limit
    for (int k = 0; k < 15; ++k)
      count = vaddq_s32(count, vreinterpretq_s32_u32(vcltq_f32(value, vdupq_n_f32(limits[k]))));
    return count;
  });
}

// ---- Bytes --------------------------------------------------------------------------------------

YARN_ALWAYS_INLINE neon_bytes load_bytes(const void* p, neon_isa) {
  const auto* bytes = static_cast<const std::uint8_t*>(p);
  return {vld1q_u8(bytes), vld1q_u8(bytes + 16)};
}
YARN_ALWAYS_INLINE void store_bytes(neon_bytes codes, void* p) {
  auto* bytes = static_cast<std::uint8_t*>(p);
  vst1q_u8(bytes, codes.low);
  vst1q_u8(bytes + 16, codes.high);
}
YARN_ALWAYS_INLINE neon_bytes at_most(neon_bytes codes, int limit) {
  const uint8x16_t all = vdupq_n_u8(static_cast<std::uint8_t>(limit));
  return {vminq_u8(codes.low, all), vminq_u8(codes.high, all)};
}
YARN_ALWAYS_INLINE neon_bytes minus(neon_bytes codes, int subtrahend) {
  const uint8x16_t all = vdupq_n_u8(static_cast<std::uint8_t>(subtrahend));
  return {vsubq_u8(codes.low, all), vsubq_u8(codes.high, all)};
}
YARN_ALWAYS_INLINE neon_bytes entries(neon_bytes codes, const std::int8_t* table) {
  const uint8x16_t all = vreinterpretq_u8_s8(vld1q_s8(table));
  return {vqtbl1q_u8(all, codes.low), vqtbl1q_u8(all, codes.high)};
}

YARN_ALWAYS_INLINE void store_nibbles(neon_bytes codes, void* p) {
  const uint8x16_t low = vandq_u8(codes.low, vdupq_n_u8(15));
  vst1q_u8(static_cast<std::uint8_t*>(p), vsliq_n_u8(low, codes.high, 4));
}
YARN_ALWAYS_INLINE neon_bytes load_nibbles(const void* p, neon_isa) {
  const uint8x16_t packed = vld1q_u8(static_cast<const std::uint8_t*>(p));
  return {vandq_u8(packed, vdupq_n_u8(15)), vshrq_n_u8(packed, 4)};
}

YARN_ALWAYS_INLINE uint8x16_t bit_of_each_byte() {
  return vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201u));
}
YARN_ALWAYS_INLINE std::uint32_t fifth_bits(neon_bytes codes) {
  const auto bits = [](uint8x16_t sixteen) YARN_INLINE_LAMBDA {
    const uint8x16_t chosen = vandq_u8(vtstq_u8(sixteen, vdupq_n_u8(16)), bit_of_each_byte());
    const std::uint32_t low = vaddv_u8(vget_low_u8(chosen)), high = vaddv_u8(vget_high_u8(chosen));
    return low | high << 8;
  };
  return bits(codes.low) | bits(codes.high) << 16;
}
YARN_ALWAYS_INLINE neon_bytes with_fifth_bits(neon_bytes codes, std::uint32_t bits) {
  const auto spread = [](std::uint32_t sixteen) YARN_INLINE_LAMBDA {
    const uint8x16_t copies =
        vcombine_u8(vdup_n_u8(static_cast<std::uint8_t>(sixteen & 0xff)),
                    vdup_n_u8(static_cast<std::uint8_t>(sixteen >> 8 & 0xff)));
    return vandq_u8(vtstq_u8(copies, bit_of_each_byte()), vdupq_n_u8(16));
  };
  return {vorrq_u8(codes.low, spread(bits)), vorrq_u8(codes.high, spread(bits >> 16))};
}

// ---- Floats of codes ----------------------------------------------------------------------------

/// Calls f(four floats, place) for all codes, as signed bytes.
template <class F> YARN_ALWAYS_INLINE void for_each_four(neon_bytes codes, F f) {
  const auto eight = [f](int8x8_t bytes, int at) YARN_INLINE_LAMBDA {
    const int16x8_t words = vmovl_s8(bytes);
    f(vcvtq_f32_s32(vmovl_s16(vget_low_s16(words))), at);
    f(vcvtq_f32_s32(vmovl_s16(vget_high_s16(words))), at + 4);
  };
  const int8x16_t low = vreinterpretq_s8_u8(codes.low), high = vreinterpretq_s8_u8(codes.high);
  eight(vget_low_s8(low), 0);
  eight(vget_high_s8(low), 8);
  eight(vget_low_s8(high), 16);
  eight(vget_high_s8(high), 24);
}
YARN_ALWAYS_INLINE void store_scaled(neon_bytes codes, float scale, float* out, neon_isa) {
  for_each_four(codes, [=](float32x4_t four, int at)
                           YARN_INLINE_LAMBDA { vst1q_f32(out + at, vmulq_n_f32(four, scale)); });
}
YARN_ALWAYS_INLINE void store_scaled_plus(neon_bytes codes, float scale, float plus, float* out,
                                          neon_isa) {
  const float32x4_t plus4 = vdupq_n_f32(plus);
  for_each_four(codes, [=](float32x4_t four, int at) YARN_INLINE_LAMBDA {
    vst1q_f32(out + at, vaddq_f32(vmulq_n_f32(four, scale), plus4));
  });
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

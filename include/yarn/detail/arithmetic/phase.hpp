// SPDX-License-Identifier: MIT
// Phases: angles in units of 2^-64 turns, and the cos and sin of a phase, as `real`.
//
// A frequency f (radians per token) becomes F = round(f / 2pi * 2^64). The product position * F in
// wrapping 64-bit arithmetic is the angle modulo one turn. So range reduction has no error for any
// position, positive or negative. The only error is the rounding of F: at most 2^-65 turns per
// token.
#ifndef YARN_DETAIL_ARITHMETIC_PHASE_HPP
#define YARN_DETAIL_ARITHMETIC_PHASE_HPP

#include "../../real.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// radians / 2pi * 2^64, rounded to the nearest integer, modulo 2^64. Requires |radians| < 2^64.
inline std::uint64_t phase_of(double radians) {
  // C = c2 * 2^128 + c1 * 2^64 + c0 is 2^194 / 2pi, with an error below 2^-7. The result is
  // m * C * 2^-shift. m < 2^53 and shift > 118, so the error of the result before its rounding is
  // below 2^-73.
  constexpr std::uint64_t c2 = 0xa2f9836e4e441529, c1 = 0xfc2757d1f534ddc0, c0 = 0xdb6295993c439042;
  const auto bits = bit_cast<std::uint64_t>(radians);
  const int biased = static_cast<int>(bits >> 52 & 0x7ff);
  const std::uint64_t m = (bits & 0xfffffffffffffu) | std::uint64_t{biased != 0} << 52;
  const int shift = 1205 - (biased == 0 ? 1 : biased);
  if (shift >= 246)
    return 0; // The result is below one half.

  // `twice` is m * C * 2^(1 - shift), twice the result, rounded down and modulo 2^128.
  const u128 low = multiply(m, c0);
  const u128 middle = multiply(m, c1) + u128{0, low.hi};
  const u128 high = multiply(m, c2) + u128{0, middle.hi};
  const u128 twice = shift >= 129 ? high >> (shift - 129)
                                  : (high << (129 - shift)) + u128{0, middle.lo >> (shift - 65)};
  const std::uint64_t magnitude = (twice >> 1).lo + (twice.lo & 1);
  return bits >> 63 != 0 ? 0 - magnitude : magnitude;
}

/// cos and sin of an angle.
struct circle_point {
  real cos;
  real sin;
};

/// cos and sin of phase * 2^-64 turns. Relative error: 2^-120 (tests/arithmetic/test_phase.cpp).
inline circle_point exact_point(std::uint64_t phase) {
  // (pi/2)^(2k) / (2k)! and (pi/2)^(2k+1) / (2k+1)! in units of 2^-127: the coefficients of
  // Taylor's series in quarter turns. At an eighth of a turn the first omitted term is below
  // 2^-128.
  static constexpr u128 cos_terms[16] = {
      {0x8000000000000000, 0x0000000000000000}, {0x9de9e64df22ef2d2, 0x56e26cd9808c1ac7},
      {0x20783e1036b58766, 0xa6603c01f5db44a7}, {0x02aba78fc797ff3f, 0x8a9f5b7db2276b63},
      {0x001e1f506891baba, 0xf464e85b51fb497d}, {0x0000d368f9510254, 0x5d4d3db9bb12413d},
      {0x000003f3a7146ec7, 0x9851baf59ba14a1e}, {0x0000000db7127a25, 0x894796de1e0a0c24},
      {0x000000002418c585, 0xe5afe952e1972f72}, {0x00000000004a8316, 0x46be0c51215803b0},
      {0x0000000000007bdb, 0x8c235b470e3a0888}, {0x00000000000000a9, 0x5720907ef1351246},
      {0x0000000000000000, 0xc1c6c7a190bfff5d}, {0x0000000000000000, 0x00bc4eb315daa410},
      {0x0000000000000000, 0x00009d55c2dd611b}, {0x0000000000000000, 0x000000723b42a02b},
  };
  static constexpr u128 sin_terms[16] = {
      {0xc90fdaa22168c234, 0xc4c6628b80dc1cd1}, {0x52aef39896f94afa, 0xaee397b895792413},
      {0x0a335e33bad570e9, 0x23f34224f03d1861}, {0x009969667315ec2d, 0xf32f70bfb232e0b1},
      {0x000541e0d21fb9e0, 0x6e41eb19177ab63d}, {0x00001e3074fde887, 0x1f623bc80ec28cd6},
      {0x0000007a3d0d3406, 0x358cca341592b893}, {0x000000016fadb9f1, 0x557439151a0ebd2d},
      {0x000000000355d865, 0x5f266b253f954144}, {0x0000000000062901, 0x0847e551c16d424c},
      {0x0000000000000943, 0xb8106a9677c6c49a}, {0x000000000000000b, 0x90afc3cf0d644ba6},
      {0x0000000000000000, 0x0c2ce2ca5d22b994}, {0x0000000000000000, 0x000af48d5624946d},
      {0x0000000000000000, 0x00000885a921712b}, {0x0000000000000000, 0x00000005c9c7e49c},
  };
  const std::uint64_t shifted = phase + (std::uint64_t{1} << 61);
  const auto quadrant = static_cast<unsigned>(shifted >> 62);
  const std::uint64_t remainder = phase - (shifted & std::uint64_t{3} << 62); // signed, |.| <= 2^61
  const bool negative = remainder >> 63 != 0;
  const std::uint64_t quarters = (negative ? 0 - remainder : remainder) << 2; // units of 2^-64

  const u128 square = multiply(quarters, quarters);
  u128 c = cos_terms[15], s = sin_terms[15];
  for (int k = 14; k >= 0; --k) {
    c = cos_terms[k] - multiply_high(square, c);
    s = sin_terms[k] - multiply_high(square, s);
  }
  const real cosine(c, 0, false);
  const real sine = real(u128{0, quarters}, 63, negative) * real(s, 0, false);
  switch (quadrant) {
  case 0:
    return {cosine, sine};
  case 1:
    return {-sine, cosine};
  case 2:
    return {-cosine, -sine};
  default:
    return {sine, -cosine};
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

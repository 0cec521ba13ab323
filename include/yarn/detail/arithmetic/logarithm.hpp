// SPDX-License-Identifier: MIT
// The natural logarithm of integers of 32 bits, in fixed point. It takes 4 ns, that of real.hpp
// takes 100 ns. Only integers are used, so every processor gets the same bits.
#ifndef YARN_DETAIL_ARITHMETIC_LOGARITHM_HPP
#define YARN_DETAIL_ARITHMETIC_LOGARITHM_HPP

#include "../base/bits.hpp"
#include "u128.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// reciprocal: 2^16 / x, rounded up, for the smallest x of an interval.
/// logarithm: ln(2^16 / reciprocal) in units of 2^-70.
struct logarithm_entry {
  u128 logarithm;
  std::uint32_t reciprocal;
};

/// Entry i is for x in [1 + i/128, 1 + (i+1)/128). tests/arithmetic/test_logarithm.cpp recomputes
/// the table.
inline constexpr logarithm_entry logarithm_table[128] = {
    {{0x00, 0x0000000000000000}, 0x10000}, {{0x00, 0x7f7ea9ac499e23c6}, 0x0fe04},
    {{0x00, 0xfdf54589e01ec928}, 0x0fc10}, {{0x01, 0x7b5bb0942304da1b}, 0x0fa24},
    {{0x01, 0xf7ebb1058b1c9fb3}, 0x0f83f}, {{0x02, 0x739e7753c4217a13}, 0x0f661},
    {{0x02, 0xee6d1ecd639d5647}, 0x0f48a}, {{0x03, 0x6850ae242037bc97}, 0x0f2ba},
    {{0x03, 0xe14218024c54cada}, 0x0f0f1}, {{0x04, 0x593a3babd7379f9f}, 0x0ef2f},
    {{0x04, 0xd031e5ab145a8e10}, 0x0ed74}, {{0x05, 0x46accfc4f80f195a}, 0x0ebbe},
    {{0x05, 0xbc1aa2bea2d178cf}, 0x0ea0f}, {{0x06, 0x30ba759088c73ff1}, 0x0e866},
    {{0x06, 0xa4864e9627581853}, 0x0e6c3}, {{0x07, 0x177823dd83cec95c}, 0x0e526},
    {{0x07, 0x8989dba33cab2fd9}, 0x0e38f}, {{0x07, 0xfafdcc828f2a05aa}, 0x0e1fd},
    {{0x08, 0x6b863e81a91da126}, 0x0e071}, {{0x08, 0xdb666aa8f5c7a18d}, 0x0deea},
    {{0x09, 0x4a997c11fa9150ae}, 0x0dd68}, {{0x09, 0xb8d0101fcfb23216}, 0x0dbec},
    {{0x0a, 0x264eb68d20721387}, 0x0da75}, {{0x0a, 0x935bf1d4fc1ad3f8}, 0x0d902},
    {{0x0a, 0xff5c386fe9d85046}, 0x0d795}, {{0x0b, 0x6ae1f3983109cf82}, 0x0d62c},
    {{0x0b, 0xd59c8114ec7f589f}, 0x0d4c8}, {{0x0c, 0x3f86b2ba98e7f7fa}, 0x0d369},
    {{0x0c, 0xa8e94e9e4b40a48a}, 0x0d20e}, {{0x0d, 0x11c08ff8272f75c5}, 0x0d0b7},
    {{0x0d, 0x79b9a74ed1f2f405}, 0x0cf65}, {{0x0d, 0xe11eba212ee71fee}, 0x0ce17},
    {{0x0e, 0x47ebe3cf4d1080be}, 0x0cccd}, {{0x0e, 0xadccb5cbfdaf1732}, 0x0cb88},
    {{0x0f, 0x135db720c16e7dcd}, 0x0ca46}, {{0x0f, 0x784ae5ef4c9b050c}, 0x0c908},
    {{0x0f, 0xdc3e36dea6eea84e}, 0x0c7cf}, {{0x10, 0x3fd714e4f4997d2e}, 0x0c699},
    {{0x10, 0xa312e27618e2e5f4}, 0x0c566}, {{0x11, 0x0547f9d26abb8209}, 0x0c438},
    {{0x11, 0x6718abcfc5f46d07}, 0x0c30d}, {{0x11, 0xc882416d8e7a0e79}, 0x0c1e5},
    {{0x12, 0x292cfbd2eb64e153}, 0x0c0c1}, {{0x12, 0x8914940443080cfe}, 0x0bfa1},
    {{0x12, 0xe8e0bae125309c02}, 0x0be83}, {{0x13, 0x478c9acbbf2996be}, 0x0bd6a},
    {{0x13, 0xa617557f37dda99c}, 0x0bc53}, {{0x14, 0x042806873863b041}, 0x0bb3f},
    {{0x14, 0x6163c228debd47b9}, 0x0ba2f}, {{0x14, 0xbe1e95987a8a8203}, 0x0b922},
    {{0x15, 0x1a55876a77f594ad}, 0x0b818}, {{0x15, 0x765f1749da6b349b}, 0x0b710},
    {{0x15, 0xd185bf7089bc05ec}, 0x0b60c}, {{0x16, 0x2c79f2ba6995203f}, 0x0b50a},
    {{0x16, 0x86841ebf34952dac}, 0x0b40c}, {{0x16, 0xe056aa4421d54172}, 0x0b310},
    {{0x17, 0x3993f6dfefed064c}, 0x0b217}, {{0x17, 0x92955fdf47a226c1}, 0x0b120},
    {{0x17, 0xea9f3bc0918a0615}, 0x0b02d}, {{0x18, 0x42c55a1fc397208a}, 0x0af3b},
    {{0x18, 0x99ed86e78a3ecbe9}, 0x0ae4d}, {{0x18, 0xf0d0076687202063}, 0x0ad61},
    {{0x19, 0x476b1c2e38f51e75}, 0x0ac77}, {{0x19, 0x9d5d8130607c8108}, 0x0ab90},
    {{0x19, 0xf303ecc79849480d}, 0x0aaab}, {{0x1a, 0x47fc110a637003d6}, 0x0a9c9},
    {{0x1a, 0x9ca39ac3aa29e4de}, 0x0a8e9}, {{0x1a, 0xf0f8b259d8e1c878}, 0x0a80b},
    {{0x1b, 0x44977c148f1a8d10}, 0x0a730}, {{0x1b, 0x9841969732fa5c15}, 0x0a656},
    {{0x1b, 0xeb309dadad79fb6c}, 0x0a57f}, {{0x1c, 0x3dc4a7d07f4ce4cf}, 0x0a4aa},
    {{0x1c, 0x8f97c7e299d9ac77}, 0x0a3d8}, {{0x1c, 0xe16f8ba57456a538}, 0x0a307},
    {{0x1d, 0x32e67e056bd441df}, 0x0a238}, {{0x1d, 0x839525beb71171a7}, 0x0a16c},
    {{0x1d, 0xd44404cd0c9c47bd}, 0x0a0a1}, {{0x1e, 0x24259ac838585744}, 0x09fd9},
    {{0x1e, 0x740461f48f747e61}, 0x09f12}, {{0x1e, 0xc378524f513d0821}, 0x09e4d},
    {{0x1f, 0x127f5fb106ec5e07}, 0x09d8a}, {{0x1f, 0x61177a71612c3895}, 0x09cc9},
    {{0x1f, 0xaf3e8f7e3b1d6b85}, 0x09c0a}, {{0x1f, 0xfcf288739d073134}, 0x09b4d},
    {{0x20, 0x4a9b4b4c69fd7863}, 0x09a91}, {{0x20, 0x97633b946d656d93}, 0x099d8},
    {{0x20, 0xe41cb881be389d00}, 0x09920}, {{0x21, 0x30c71eb2bac063e1}, 0x09869},
    {{0x21, 0x7c89c88c74c60ecb}, 0x097b5}, {{0x21, 0xc83a0be17ade8f37}, 0x09702},
    {{0x22, 0x13d73c5c992da673}, 0x09650}, {{0x22, 0x5e85ab6c2bb6211e}, 0x095a1},
    {{0x22, 0xa91da641737266c1}, 0x094f3}, {{0x22, 0xf39e77c8d533f570}, 0x09446},
    {{0x23, 0x3d9868e584d17b26}, 0x0939b}, {{0x23, 0x87093f3559f08c70}, 0x092f2},
    {{0x23, 0xd05ebd2881587c2a}, 0x0924a}, {{0x24, 0x1998232e1b581765}, 0x091a3},
    {{0x24, 0x6243af848682d33d}, 0x090fe}, {{0x24, 0xaa5f1d6f1fde0f8d}, 0x0905b},
    {{0x24, 0xf25a255e69e93f1e}, 0x08fb9}, {{0x25, 0x3a33fda18103fcc6}, 0x08f18},
    {{0x25, 0x8178dac9ceda1fd1}, 0x08e79}, {{0x25, 0xc899edf8292922f4}, 0x08ddb},
    {{0x26, 0x0f9666a2a17b1f6b}, 0x08d3e}, {{0x26, 0x55f8f234675ab9a2}, 0x08ca3},
    {{0x26, 0x9c343b4055a431bd}, 0x08c09}, {{0x26, 0xe1d1ead2dba906d6}, 0x08b71},
    {{0x27, 0x27bba6ac9c334f09}, 0x08ad9}, {{0x27, 0x6d05140010c55e39}, 0x08a43},
    {{0x27, 0xb1abd5208fbbe969}, 0x089af}, {{0x27, 0xf69c89a85b0332ea}, 0x0891b},
    {{0x28, 0x3ae7d0a5654e7e28}, 0x08889}, {{0x28, 0x7f03c60fbcbd60f1}, 0x087f8},
    {{0x28, 0xc2ef84453d7fc4c4}, 0x08768}, {{0x29, 0x0630a443b335c4f0}, 0x086da},
    {{0x29, 0x49b8bb78fd67b9ae}, 0x0864c}, {{0x29, 0x8c935fe1dc2b6323}, 0x085c0},
    {{0x29, 0xcf3923dd58d816a6}, 0x08535}, {{0x2a, 0x12249802e2d69706}, 0x084aa},
    {{0x2a, 0x53e24d280ac93db5}, 0x08422}, {{0x2a, 0x95e3cf82dadb79f3}, 0x0839a},
    {{0x2a, 0xd7acab8f491561d6}, 0x08313}, {{0x2b, 0x193beba2b38fd5fd}, 0x0828d},
    {{0x2b, 0x5a1298c9c5eda5b4}, 0x08209}, {{0x2b, 0x9b2b38f11f3a6c6c}, 0x08185},
    {{0x2b, 0xdb8852c23e4bf07a}, 0x08103}, {{0x2c, 0x1c2668ae921cbeb4}, 0x08081}};

/// ln(n) in units of 2^-59, rounded.
inline constexpr std::uint64_t logarithms_of_small[128] = {
    0x0000000000000000, 0x0000000000000000, 0x058b90bfbe8e7bcd, 0x08c9f53d5681854c,
    0x0b17217f7d1cf79b, 0x0ce020fbf6c699b5, 0x0e5585fd15100119, 0x0f913957192d2baa,
    0x10a2b23f3bab7368, 0x1193ea7aad030a97, 0x126bb1bbb5551583, 0x132ee3b77f374bb8,
    0x13e116bcd39e7ce6, 0x1485042b318c50ff, 0x151cca16d7bba778, 0x15aa16394d481f01,
    0x162e42fefa39ef35, 0x16aa6bc1fa7f79cf, 0x171f7b3a6b918665, 0x178e360604b32c72,
    0x17f7427b73e39150, 0x185b2e946faeb0f6, 0x18ba74773dc5c785, 0x19157dfdd1b3f009,
    0x196ca77c922cf8b4, 0x19c041f7ed8d336b, 0x1a1094eaf01acccc, 0x1a5ddfb803848fe3,
    0x1aa85ad6964a2345, 0x1af038cbcdfe1ebd, 0x1b35a6f90bd69acf, 0x1b78ce48912b59f1,
    0x1bb9d3beb8c86b03, 0x1bf8d8f4d5b8d103, 0x1c35fc81b90df59c, 0x1c715a530ff3c560,
    0x1cab0bfa2a200232, 0x1ce328ee3ac7bd38, 0x1d19c6c5c341a83f, 0x1d4ef968880dd64a,
    0x1d82d33b32720d1e, 0x1db565458eac4dac, 0x1de6bf542e3d2cc3, 0x1e16f01614ec1116,
    0x1e460536fc544352, 0x1e740b76a3c9a44d, 0x1ea10ebd90426bd6, 0x1ecd1a2f90f0b65a,
    0x1ef8383c50bb7481, 0x1f2272ae325a5754, 0x1f4bd2b7ac1baf38, 0x1f7460ff5100ff1b,
    0x1f9c25aaaea94899, 0x1fc32868223caab4, 0x1fe97077c2130bb0, 0x200f04b375fde56d,
    0x2033eb9654d89f12, 0x20582b435b34b1be, 0x207bc98b8c8c9a8b, 0x209ecbf38e52f16d,
    0x20c137b8ca65169c, 0x20e311d624d819c3, 0x21045f084fb9d5be, 0x212523d1c6303642,
    0x2145647e7756e6d0, 0x216525272852eab4, 0x218469b494474cd1, 0x21a335e250225ac1,
    0x21c18d41779c716a, 0x21df733b28357555, 0x21fceb12ce82412d, 0x2219f7e849ad91eb,
    0x22369cb9e8ae7e00, 0x2252dc66445fcc67, 0x226eb9adf9563905, 0x228a3735440eb8b7,
    0x22a5578581d0240d, 0x22c01d0e98647762, 0x22da8a28469c5218, 0x22f4a1135f62e5fe,
    0x230e63faf10088eb, 0x2327d4f55a06152f, 0x2340f6054d3ac979, 0x2359c91ac5c9033c,
    0x23725013eccba891, 0x238a8cbdf1461384, 0x23a280d5d37a8ce4, 0x23ba2e09247fa409,
    0x23d195f6bae2bf20, 0x23e8ba2f5d15ec71, 0x23ff9c366258201a, 0x24163d824ab97ca9,
    0x242c9f7d4ed0e7a4, 0x2442c385e7acdf3d, 0x2458aaef4f7f3227, 0x246e5701fb79c627,
    0x2483c8fc0f49f04f, 0x24990211ca97f002, 0x24ae036df0e8d322, 0x24c2ce322c3a564f,
    0x24d763776aaa2b06, 0x24ebc44e3774617c, 0x24fff1bf0f8f7ae8, 0x2513eccab227d7cd,
    0x2527b66a6d37c467, 0x253b4f9066754aab, 0x254eb927e0cb2682, 0x2561f4157e8eb6e4,
    0x2575013780a1877e, 0x2587e16602aa0c90, 0x259a9573348c613b, 0x25ad1e2b91494283,
    0x25bf7c5613671ae0, 0x25d1b0b46706b771, 0x25e3bc0319c32d8b, 0x25f59ef9c87a89bf,
    0x26075a4b4b1b1658, 0x2618eea5de8f5b96, 0x262a5cb34ce16d3b, 0x263ba51913aca579,
    0x264cc87888f39269, 0x265dc76efe6e976f, 0x266ea295e3669591, 0x267f5a82e52dd2f7,
    0x268fefc80e48518c, 0x26a062f3e453cd20, 0x26b0b49184beb20f, 0x26c0e528c05c842c};

/// ln(n) in units of 2^-70. Relative error: 2^-64.
/// Requires n >= 1.
YARN_ALWAYS_INLINE u128 logarithm_of(std::uint32_t n) {
  // n = 2^k x with x in [1, 2), and ln(n) = k ln(2) + ln(2^16 / reciprocal) + ln(1 + z), where
  // 1 + z = x * reciprocal / 2^16. z is exact, and in [0, 2^-7 + 2^-15].
  constexpr u128 ln2{0x2c, 0x5c85fdf473de6af2};
  const int zeros = leading_zeros(std::uint64_t{n}) - 32;
  const std::uint32_t x = n << zeros; // in units of 2^-31
  const auto k = static_cast<std::uint64_t>(31 - zeros);
  const logarithm_entry& entry = logarithm_table[x >> 24 & 127];
  const std::uint64_t one = std::uint64_t{1} << 47;
  const std::uint64_t z = (std::uint64_t{x} * entry.reciprocal - one) << 23; // units of 2^-70

  // ln(1 + z) = z - z^2 (1/2 - z/3) - z^4 (1/4 - z/5 + z^2 (1/6 - z/7 + z^2/8)) + ... The next
  // term is below 2^-66. The inner sums need 32 bits, whose products fit 64 bits. Sums are in units
  // of 2^-64 or 2^-32.
  const std::uint64_t z2 = multiply(z, z).hi;   // units of 2^-76
  const std::uint64_t z4 = multiply(z2, z2).hi; // units of 2^-88
  const std::uint64_t short_z = z >> 31;        // units of 2^-39
  const std::uint64_t short_z2 = z2 >> 31;      // units of 2^-45
  const std::uint64_t from_2 = 0x8000000000000000 - (multiply(z, 0x5555555555555555).hi >> 6);
  const std::uint64_t from_6 = 0x2aaaaaab - (short_z * 0x24924925 >> 39) + (short_z2 >> 16);
  const std::uint64_t from_4 =
      0x4000000000000000 - (short_z * 0x33333333 >> 7) + (short_z2 * from_6 >> 13);
  const std::uint64_t of_z = z - ((multiply(z2, from_2).hi + (multiply(z4, from_4).hi >> 12)) >> 6);
  return entry.logarithm + u128{0, of_z} + multiply(k, ln2.lo) + u128{k * ln2.hi, 0};
}

/// x shifted left by n, the upper half.
/// Requires 0 < n < 64.
YARN_ALWAYS_INLINE std::uint64_t shifted_top(u128 x, int n) { return x.hi << n | x.lo >> (64 - n); }

/// The nearest double to top * 2^(exponent - 63). Ties are rounded up.
/// Requires The top bit of `top` is set, and |exponent| < 1000.
YARN_ALWAYS_INLINE double double_of(std::uint64_t top, int exponent) {
  // The leading bit of the 53 bits adds 1 to the exponent.
  const std::uint64_t significand = ((top >> 10) + 1) >> 1;
  return bit_cast<double>((static_cast<std::uint64_t>(1022 + exponent) << 52) + significand);
}

// For n >= 2, logarithm_of(n) is in [2^69, 2^75).

/// ln(n) as a double.
/// Requires n >= 2.
YARN_ALWAYS_INLINE double double_of_logarithm(std::uint32_t n) {
  const u128 logarithm = logarithm_of(n);
  const int zeros = leading_zeros(logarithm.hi);
  return double_of(shifted_top(logarithm, zeros), 57 - zeros);
}

/// 1 + scale * ln(n).
/// Requires n >= 2, 0 <= scale < 2^32.
YARN_ALWAYS_INLINE double one_plus_logarithm(double scale, std::uint32_t n) {
  const auto bits = bit_cast<std::uint64_t>(scale);
  const std::uint64_t significand = (bits & 0xfffffffffffffu) << 11 | std::uint64_t{1} << 63;
  const int exponent = static_cast<int>(bits >> 52 & 0x7ff) - 1017;
  if (YARN_LIKELY(n < 128 && exponent >= 0 && exponent < 5)) { // scale in [2^-6, 2^-1)
    const std::uint64_t product = multiply(logarithms_of_small[n], significand).hi;
    if (YARN_LIKELY(product >> (63 - exponent) <= 1)) { // below 1
      constexpr std::uint64_t bits_of_1 = std::uint64_t{1023} << 52;
      return bit_cast<double>(bits_of_1 + (((product << exponent >> 11) + 1) >> 1));
    }
  }
  const u128 logarithm = logarithm_of(n);
  const int zeros = leading_zeros(logarithm.hi);
  const u128 product = multiply(shifted_top(logarithm, zeros), significand);
  // If the scale is zero or subnormal, the product is shifted out.
  const u128 sum = (product >> (11 + zeros - exponent)) + u128{1, 0};
  const int sum_zeros = leading_zeros(sum.hi);
  return double_of((sum << sum_zeros).hi, 63 - sum_zeros);
}

/// 1 / ln(2^k) in units of 2^-65, for k >= 4.
struct reciprocal_logarithms {
  std::uint64_t of_power[32];
  constexpr reciprocal_logarithms() : of_power{} {
    constexpr u128 of_2{0x5c551d94ae0bf85d, 0xdf43ff68348e9f44}; // units of 2^-126
    for (std::uint64_t k = 4; k < 32; ++k)
      of_power[k] = (divide(of_2, k) >> 61).lo;
  }
};
inline constexpr reciprocal_logarithms reciprocals;

/// ln(n) / ln(2^k), without a division.
/// Requires n > 2^k, 4 <= k < 32.
YARN_ALWAYS_INLINE double ratio_to_power_of_2(std::uint32_t n, int k) {
  const std::uint64_t logarithm = shifted_top(logarithm_of(n), 53);            // units of 2^-59
  const std::uint64_t ratio = multiply(logarithm, reciprocals.of_power[k]).hi; // units of 2^-60
  if (YARN_LIKELY(ratio >> 60 == 1))
    return double_of(ratio << 3, 0);
  const int zeros = leading_zeros(ratio);
  return double_of(ratio << zeros, 3 - zeros);
}

/// ln(n) / ln(length).
/// Requires n >= length >= 2.
YARN_ALWAYS_INLINE double ratio_of_logarithms(std::uint32_t n, std::uint32_t length) {
  // The quotient is below 32, so its integer in units of 2^-59 has at most 64 bits.
  const u128 numerator = logarithm_of(n), denominator = logarithm_of(length);
  const int zeros = leading_zeros(denominator.hi); // at least 53
  const std::uint64_t quotient =
      divide_wide({shifted_top(numerator, zeros - 5), numerator.lo << (zeros - 5)},
                  shifted_top(denominator, zeros));
  const int quotient_zeros = leading_zeros(quotient);
  return double_of(quotient << quotient_zeros, 4 - quotient_zeros);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

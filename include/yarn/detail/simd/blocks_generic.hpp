// SPDX-License-Identifier: MIT
// Operations on blocks: 32 floats, or their 32 codes of one byte each. The block formats of ggml
// are made of these operations (detail/cache/ggml_blocks.hpp). This file has them for every
// processor; the files blocks_<instruction set>.hpp overload them, with the same results, also for
// infinity and NaN.
//
// Infinity, NaN and numbers beyond the integers are converted to the smallest integer, as by the
// instructions of x86, so that the results for these numbers are those of ggml on x86.
//
// Products must be rounded before something is added to them, as ggml's are. keep_rounded() stops
// compilers from fusing a product and a sum.
#ifndef YARN_DETAIL_SIMD_BLOCKS_GENERIC_HPP
#define YARN_DETAIL_SIMD_BLOCKS_GENERIC_HPP

#include "pack.hpp"

#include <cfloat>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline constexpr int block_size = 32;

/// The codes of a block. Instruction sets with vectors of bytes have their own types.
struct generic_bytes {
  std::uint8_t at[block_size];
};

struct float_range {
  float low;
  float high;
};

/// The sums by which iq4_nl chooses its scale, over the elements x and their table entries.
struct fit_sums {
  float products; // of x * x * entry * x
  float squares;  // of x * x * entry * entry
};

#if defined(__GNUC__) && YARN_HAS_FMA
YARN_ALWAYS_INLINE void keep_rounded(const float* products) {
  asm volatile("" : : "r"(products) : "memory");
}
#else
YARN_ALWAYS_INLINE void keep_rounded(const float*) {}
#endif

/// The integer part of x. Has no branch, so that compilers vectorise loops with it.
YARN_ALWAYS_INLINE std::int32_t truncate(float x) {
  const auto bits = bit_cast<std::uint32_t>(x);
  const std::uint32_t too_large = (bits & 0x7fffffffu) < 0x4f000000u ? 0u : 0xffffffffu; // 2^31
  const auto whole = static_cast<std::int32_t>(bit_cast<float>(bits & ~too_large));
  return bit_cast<std::int32_t>(bit_cast<std::uint32_t>(whole) | (too_large & 0x80000000u));
}
/// The largest float below 0.5. For x in [0, 2^22), the integer part of x + nearly_half is
/// std::round(x): the sum reaches the next integer if and only if the fraction of x is at least one
/// half. With 0.5 in its place, 0.49999997 would become 1.
inline constexpr float nearly_half = 0x1.fffffep-2F;

// ---- Range of a block ---------------------------------------------------------------------------

/// The largest magnitude of the elements. NaN is ignored.
YARN_ALWAYS_INLINE float largest_magnitude(const float* x, generic_isa) {
  std::uint32_t largest[4] = {0, 0, 0, 0}; // bits; they have the order of the magnitudes
  for (int i = 0; i < block_size; i += 4)
    for (int k = 0; k < 4; ++k) {
      const std::uint32_t bits = bit_cast<std::uint32_t>(x[i + k]) & 0x7fffffffu;
      const std::uint32_t kept = bits > float_infinity ? 0 : bits;
      largest[k] = kept > largest[k] ? kept : largest[k];
    }
  const std::uint32_t a = largest[0] > largest[1] ? largest[0] : largest[1];
  const std::uint32_t b = largest[2] > largest[3] ? largest[2] : largest[3];
  return bit_cast<float>(a > b ? a : b);
}

/// The first element with this magnitude.
/// Requires There is one.
YARN_ALWAYS_INLINE float first_of_magnitude(const float* x, float magnitude, generic_isa) {
  const auto wanted = bit_cast<std::uint32_t>(magnitude);
  int i = 0;
  while (i < block_size - 1 && (bit_cast<std::uint32_t>(x[i]) & 0x7fffffffu) != wanted)
    ++i;
  return x[i];
}

/// The smallest and the largest element. As ggml's, the search begins at FLT_MAX and -FLT_MAX, so
/// `low` is at most FLT_MAX and `high` at least -FLT_MAX, even for infinities. NaN is ignored.
YARN_ALWAYS_INLINE float_range range_of(const float* x, generic_isa) {
  float low[4] = {FLT_MAX, FLT_MAX, FLT_MAX, FLT_MAX};
  float high[4] = {-FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX};
  for (int i = 0; i < block_size; i += 4)
    for (int k = 0; k < 4; ++k) {
      low[k] = x[i + k] < low[k] ? x[i + k] : low[k];
      high[k] = x[i + k] > high[k] ? x[i + k] : high[k];
    }
  for (int k = 1; k < 4; ++k) {
    low[0] = low[k] < low[0] ? low[k] : low[0];
    high[0] = high[k] > high[0] ? high[k] : high[0];
  }
  return {low[0], high[0]};
}

// ---- Scales of four blocks ----------------------------------------------------------------------

/// A number for each of four blocks. Instruction sets have their own types.
struct generic_four {
  float at[4];
};

/// largest_magnitude of four blocks, which follow each other.
YARN_ALWAYS_INLINE generic_four largest_magnitudes(const float* x, generic_isa isa) {
  generic_four result;
  for (int k = 0; k < 4; ++k)
    result.at[k] = largest_magnitude(x + std::ptrdiff_t{k} * block_size, isa);
  return result;
}
YARN_ALWAYS_INLINE generic_four divided(generic_four x, float divisor) {
  for (float& number : x.at)
    number /= divisor;
  return x;
}
/// numerator / x, or 0 where x is 0.
YARN_ALWAYS_INLINE generic_four quotient_or_zero(float numerator, generic_four x) {
  for (float& number : x.at)
    number = number > 0 || number < 0 ? numerator / number : 0.0F;
  return x;
}
YARN_ALWAYS_INLINE void store_four(generic_four x, float* out) {
  std::memcpy(out, x.at, sizeof x.at);
}
/// The same in binary16.
YARN_ALWAYS_INLINE void store_four_scales(generic_four x, std::uint16_t* out) {
  for (int k = 0; k < 4; ++k)
    out[k] = format_traits<element_format::binary16>::narrow(x.at[k]);
}

// ---- Codes --------------------------------------------------------------------------------------

/// The integer parts of (x - minus) * times + plus.
/// Requires They are in [0, 255], or the elements are not finite.
YARN_ALWAYS_INLINE generic_bytes truncated(const float* x, float minus, float times, float plus,
                                           generic_isa) {
  float product[block_size];
  for (int i = 0; i < block_size; ++i)
    product[i] = (x[i] - minus) * times;
  keep_rounded(product);
  generic_bytes codes;
  for (int i = 0; i < block_size; ++i)
    codes.at[i] = static_cast<std::uint8_t>(truncate(product[i] + plus));
  return codes;
}

/// x, rounded to the nearest integer. Halves are rounded away from zero.
YARN_ALWAYS_INLINE std::int32_t round_away(float x) {
  const std::uint32_t sign = bit_cast<std::uint32_t>(x) & 0x80000000u;
  return truncate(x + bit_cast<float>(bit_cast<std::uint32_t>(nearly_half) | sign));
}
/// x, rounded to the nearest integer. Halves are rounded to the even one.
YARN_ALWAYS_INLINE std::int32_t round_even(float x) {
  const std::int32_t away = round_away(x);
  const auto rest = bit_cast<std::uint32_t>(x - static_cast<float>(away)); // exact
  const std::int32_t is_half = (rest & 0x7fffffffu) == 0x3f000000u ? 1 : 0;
  const std::int32_t back = (rest >> 31) != 0 ? -1 : 1;
  return away + (is_half & away) * back;
}

/// x * times, rounded to the nearest integer. Halves are rounded away from zero.
/// Requires The results are in [-127, 127]; those that are not finite become 0.
YARN_ALWAYS_INLINE generic_bytes rounded_away(const float* x, float times, generic_isa) {
  float product[block_size];
  for (int i = 0; i < block_size; ++i)
    product[i] = x[i] * times;
  keep_rounded(product);
  generic_bytes codes;
  for (int i = 0; i < block_size; ++i)
    codes.at[i] = static_cast<std::uint8_t>(round_away(product[i]));
  return codes;
}

/// x * times, rounded to the nearest integer. Halves are rounded to the even one.
/// Requires The results are in [-127, 127]; those that are not finite become -128.
YARN_ALWAYS_INLINE generic_bytes rounded_even(const float* x, float times, generic_isa) {
  float product[block_size];
  for (int i = 0; i < block_size; ++i)
    product[i] = x[i] * times;
  keep_rounded(product);
  generic_bytes codes;
  for (int i = 0; i < block_size; ++i) {
    const std::int32_t nearest = round_even(product[i]);
    codes.at[i] = static_cast<std::uint8_t>(nearest < -127 ? -128 : nearest);
  }
  return codes;
}

/// For each element, the number of limits (of 15, in ascending order) that x * times reaches.
YARN_ALWAYS_INLINE generic_bytes count_reached(const float* x, float times, const float* limits,
                                               generic_isa) {
  generic_bytes codes = {};
  for (int k = 0; k < 15; ++k)
    for (int i = 0; i < block_size; ++i)
      codes.at[i] = static_cast<std::uint8_t>(codes.at[i] + (x[i] * times < limits[k] ? 0 : 1));
  return codes;
}

// ---- Bytes --------------------------------------------------------------------------------------

YARN_ALWAYS_INLINE generic_bytes load_bytes(const void* p, generic_isa) {
  generic_bytes codes;
  std::memcpy(codes.at, p, sizeof codes.at);
  return codes;
}
YARN_ALWAYS_INLINE void store_bytes(const generic_bytes& codes, void* p) {
  std::memcpy(p, codes.at, sizeof codes.at);
}

YARN_ALWAYS_INLINE generic_bytes at_most(const generic_bytes& codes, int limit) {
  generic_bytes result;
  for (int i = 0; i < block_size; ++i)
    result.at[i] = codes.at[i] > limit ? static_cast<std::uint8_t>(limit) : codes.at[i];
  return result;
}
YARN_ALWAYS_INLINE generic_bytes minus(const generic_bytes& codes, int subtrahend) {
  generic_bytes result;
  for (int i = 0; i < block_size; ++i)
    result.at[i] = static_cast<std::uint8_t>(codes.at[i] - subtrahend);
  return result;
}
/// The entries table[code] of a table with 16 entries.
YARN_ALWAYS_INLINE generic_bytes entries(const generic_bytes& codes, const std::int8_t* table) {
  generic_bytes result;
  for (int i = 0; i < block_size; ++i)
    result.at[i] = static_cast<std::uint8_t>(table[codes.at[i]]);
  return result;
}

/// Stores the lower 4 bits of all codes. Byte i gets those of code i, then those of code i + 16.
YARN_ALWAYS_INLINE void store_nibbles(const generic_bytes& codes, void* p) {
  std::uint8_t packed[block_size / 2];
  for (int i = 0; i < block_size / 2; ++i)
    packed[i] = static_cast<std::uint8_t>((codes.at[i] & 15) | codes.at[i + block_size / 2] << 4);
  std::memcpy(p, packed, sizeof packed);
}
YARN_ALWAYS_INLINE generic_bytes load_nibbles(const void* p, generic_isa) {
  std::uint8_t packed[block_size / 2];
  std::memcpy(packed, p, sizeof packed);
  generic_bytes codes;
  for (int i = 0; i < block_size / 2; ++i) {
    codes.at[i] = packed[i] & 15;
    codes.at[i + block_size / 2] = packed[i] >> 4;
  }
  return codes;
}

/// Bit i is bit 4 of code i.
YARN_ALWAYS_INLINE std::uint32_t fifth_bits(const generic_bytes& codes) {
  std::uint32_t bits = 0;
  for (int i = 0; i < block_size; ++i)
    bits |= static_cast<std::uint32_t>(codes.at[i] >> 4 & 1) << i;
  return bits;
}
/// Codes of 4 bits, and a fifth bit of each.
YARN_ALWAYS_INLINE generic_bytes with_fifth_bits(const generic_bytes& codes, std::uint32_t bits) {
  generic_bytes result;
  for (int i = 0; i < block_size; ++i)
    result.at[i] = static_cast<std::uint8_t>(codes.at[i] | (bits >> i & 1) << 4);
  return result;
}

// ---- Floats of codes ----------------------------------------------------------------------------

/// Stores the products of the codes, as signed bytes, and a scale.
YARN_ALWAYS_INLINE void store_scaled(const generic_bytes& codes, float scale, float* out,
                                     generic_isa) {
  for (int i = 0; i < block_size; ++i)
    out[i] = static_cast<float>(static_cast<std::int8_t>(codes.at[i])) * scale;
}
/// The same, plus a number. For codes of 5 bits and a scale of 11 bits, the product is exact, so a
/// fused multiply-add gives the same sum.
YARN_ALWAYS_INLINE void store_scaled_plus(const generic_bytes& codes, float scale, float plus,
                                          float* out, generic_isa) {
  for (int i = 0; i < block_size; ++i)
    out[i] = static_cast<float>(static_cast<std::int8_t>(codes.at[i])) * scale + plus;
}

/// The sums of x * x * entry * x and of x * x * entry * entry, added in the order of the elements.
template <class Isa> YARN_ALWAYS_INLINE fit_sums sums_of(const float* x, const float* entry, Isa) {
  float products[block_size], squares[block_size];
  for (int i = 0; i < block_size; ++i) {
    products[i] = x[i] * x[i] * entry[i] * x[i];
    squares[i] = x[i] * x[i] * entry[i] * entry[i];
  }
  keep_rounded(products);
  keep_rounded(squares);
  fit_sums sums = {0, 0};
  for (int i = 0; i < block_size; ++i) {
    sums.products += products[i];
    sums.squares += squares[i];
  }
  return sums;
}

// ---- Scales -------------------------------------------------------------------------------------

/// The bits of a scale in binary16.
YARN_ALWAYS_INLINE std::uint16_t narrow_scale(float scale, generic_isa) {
  return format_traits<element_format::binary16>::narrow(scale);
}
YARN_ALWAYS_INLINE float widen_scale(std::uint16_t bits, generic_isa) {
  return format_traits<element_format::binary16>::widen(bits);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

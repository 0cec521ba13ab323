// SPDX-License-Identifier: MIT
// The implementation of ggml_blocks.hpp: how each format stores a block of 32 elements.
//
// Every format does the operations of ggml in ggml's order, because the last bit of a scale or of a
// product decides about bytes.
#ifndef YARN_DETAIL_CACHE_GGML_BLOCKS_HPP
#define YARN_DETAIL_CACHE_GGML_BLOCKS_HPP

#include "../base/message.hpp"
#include "../simd/blocks.hpp"
#include "place.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

YARN_ALWAYS_INLINE float inverse_or_zero(float scale) {
  return scale < 0 || scale > 0 ? 1.0F / scale : 0.0F;
}

template <class Arch> YARN_ALWAYS_INLINE void store_scale(float scale, unsigned char* out) {
  const std::uint16_t bits = narrow_scale(scale, isa_tag<Arch>{});
  std::memcpy(out, &bits, sizeof bits);
}
template <class Arch> YARN_ALWAYS_INLINE float load_scale(const unsigned char* block) {
  std::uint16_t bits;
  std::memcpy(&bits, block, sizeof bits);
  return widen_scale(bits, isa_tag<Arch>{});
}

template <class Bytes> YARN_ALWAYS_INLINE void store_fifth_bits(Bytes codes, unsigned char* out) {
  const std::uint32_t bits = fifth_bits(codes);
  std::memcpy(out, &bits, sizeof bits);
}
template <class Arch> YARN_ALWAYS_INLINE auto load_five_bits(const unsigned char* block) {
  std::uint32_t fifths;
  std::memcpy(&fifths, block, sizeof fifths);
  return with_fifth_bits(load_nibbles(block + sizeof fifths, isa_tag<Arch>{}), fifths);
}

/// The element of the largest magnitude, the first one if there are several. 0 if all are 0.
template <class Arch> YARN_ALWAYS_INLINE float extreme_of(const float* x) {
  const float magnitude = largest_magnitude(x, isa_tag<Arch>{});
  return magnitude > 0 ? first_of_magnitude(x, magnitude, isa_tag<Arch>{}) : 0.0F;
}

/// The smallest and the largest element. A smallest element of 0 has the sign of the first zero.
template <class Arch> YARN_ALWAYS_INLINE float_range signed_range_of(const float* x) {
  float_range range = range_of(x, isa_tag<Arch>{});
  if (YARN_LIKELY(range.low < 0 || range.low > 0))
    return range;
  for (int i = block_size - 1; i >= 0; --i)
    if (x[i] <= 0 && x[i] >= 0) // not NaN
      range.low = x[i];
  return {range.low, range.high > 0 ? range.high : range.low};
}

// ---- q8_0: scale, 32 codes ----------------------------------------------------------------------

struct q8_0_block {
  static constexpr const char* name = "q8_0";
  static constexpr std::int64_t bytes = 34;

  template <class Arch>
  YARN_ALWAYS_INLINE static void encode(const float* x, unsigned char* block) {
    const float scale = largest_magnitude(x, isa_tag<Arch>{}) / 127.0F;
    store_scale<Arch>(scale, block);
    store_bytes(rounded_away(x, inverse_or_zero(scale), isa_tag<Arch>{}), block + 2);
  }
  /// Four blocks. Each division, and the conversion to binary16, is done for the scales of all four
  /// blocks together.
  template <class Arch>
  YARN_ALWAYS_INLINE static void encode_four(const float* x, unsigned char* blocks) {
    const auto scale = divided(largest_magnitudes(x, isa_tag<Arch>{}), 127.0F);
    store_codes<Arch>(x, scale, quotient_or_zero(1.0F, scale), blocks,
                      [](const float* p, float times)
                          YARN_INLINE_LAMBDA { return rounded_away(p, times, isa_tag<Arch>{}); });
  }
  template <class Arch>
  YARN_ALWAYS_INLINE static void decode(const unsigned char* block, float* x) {
    store_scaled(load_bytes(block + 2, isa_tag<Arch>{}), load_scale<Arch>(block), x,
                 isa_tag<Arch>{});
  }

protected:
  template <class Arch, class Four, class Round>
  YARN_ALWAYS_INLINE static void store_codes(const float* x, Four scale, Four times,
                                             unsigned char* blocks, Round round) {
    std::uint16_t scales[4];
    float factors[4];
    store_four_scales(scale, scales);
    store_four(times, factors);
    for (int k = 0; k < 4; ++k) {
      std::memcpy(blocks + k * bytes, &scales[k], sizeof scales[k]);
      store_bytes(round(x + std::ptrdiff_t{k} * block_size, factors[k]), blocks + k * bytes + 2);
    }
  }
};

/// q8_0 as ggml's kernels for AVX write it.
struct q8_0_avx_block : q8_0_block {
  template <class Arch>
  YARN_ALWAYS_INLINE static void encode(const float* x, unsigned char* block) {
    const float largest = largest_magnitude(x, isa_tag<Arch>{});
    store_scale<Arch>(largest / 127.0F, block);
    const float times = largest > 0 ? 127.0F / largest : 0.0F;
    store_bytes(rounded_even(x, times, isa_tag<Arch>{}), block + 2);
  }
  template <class Arch>
  YARN_ALWAYS_INLINE static void encode_four(const float* x, unsigned char* blocks) {
    const auto largest = largest_magnitudes(x, isa_tag<Arch>{});
    store_codes<Arch>(x, divided(largest, 127.0F), quotient_or_zero(127.0F, largest), blocks,
                      [](const float* p, float times)
                          YARN_INLINE_LAMBDA { return rounded_even(p, times, isa_tag<Arch>{}); });
  }
};

// ---- q4_0 and q5_0: scale, fifth bits, nibbles --------------------------------------------------

/// The extreme element has the code -8 or -16, because these codes have no positive counterparts:
/// the largest code is 7 or 15.
struct q4_0_block {
  static constexpr const char* name = "q4_0";
  static constexpr std::int64_t bytes = 18;

  template <class Arch>
  YARN_ALWAYS_INLINE static void encode(const float* x, unsigned char* block) {
    const float scale = extreme_of<Arch>(x) / -8.0F;
    store_scale<Arch>(scale, block);
    const auto codes = truncated(x, 0.0F, inverse_or_zero(scale), 8.5F, isa_tag<Arch>{});
    store_nibbles(at_most(codes, 15), block + 2);
  }
  template <class Arch>
  YARN_ALWAYS_INLINE static void decode(const unsigned char* block, float* x) {
    store_scaled(minus(load_nibbles(block + 2, isa_tag<Arch>{}), 8), load_scale<Arch>(block), x,
                 isa_tag<Arch>{});
  }
};

struct q5_0_block {
  static constexpr const char* name = "q5_0";
  static constexpr std::int64_t bytes = 22;

  template <class Arch>
  YARN_ALWAYS_INLINE static void encode(const float* x, unsigned char* block) {
    const float scale = extreme_of<Arch>(x) / -16.0F;
    store_scale<Arch>(scale, block);
    const auto codes =
        at_most(truncated(x, 0.0F, inverse_or_zero(scale), 16.5F, isa_tag<Arch>{}), 31);
    store_fifth_bits(codes, block + 2);
    store_nibbles(codes, block + 6);
  }
  template <class Arch>
  YARN_ALWAYS_INLINE static void decode(const unsigned char* block, float* x) {
    store_scaled(minus(load_five_bits<Arch>(block + 2), 16), load_scale<Arch>(block), x,
                 isa_tag<Arch>{});
  }
};

// ---- q4_1 and q5_1: scale, minimum, fifth bits, nibbles -----------------------------------------

struct q4_1_block {
  static constexpr const char* name = "q4_1";
  static constexpr std::int64_t bytes = 20;

  template <class Arch>
  YARN_ALWAYS_INLINE static void encode(const float* x, unsigned char* block) {
    const float_range range = signed_range_of<Arch>(x);
    const float scale = (range.high - range.low) / 15.0F;
    store_scale<Arch>(scale, block);
    store_scale<Arch>(range.low, block + 2);
    const auto codes = truncated(x, range.low, inverse_or_zero(scale), 0.5F, isa_tag<Arch>{});
    store_nibbles(at_most(codes, 15), block + 4);
  }
  template <class Arch>
  YARN_ALWAYS_INLINE static void decode(const unsigned char* block, float* x) {
    store_scaled_plus(load_nibbles(block + 4, isa_tag<Arch>{}), load_scale<Arch>(block),
                      load_scale<Arch>(block + 2), x, isa_tag<Arch>{});
  }
};

struct q5_1_block {
  static constexpr const char* name = "q5_1";
  static constexpr std::int64_t bytes = 24;

  template <class Arch>
  YARN_ALWAYS_INLINE static void encode(const float* x, unsigned char* block) {
    const float_range range = signed_range_of<Arch>(x);
    const float scale = (range.high - range.low) / 31.0F;
    store_scale<Arch>(scale, block);
    store_scale<Arch>(range.low, block + 2);
    const auto codes = truncated(x, range.low, inverse_or_zero(scale), 0.5F, isa_tag<Arch>{});
    store_fifth_bits(codes, block + 4);
    store_nibbles(codes, block + 8);
  }
  template <class Arch>
  YARN_ALWAYS_INLINE static void decode(const unsigned char* block, float* x) {
    store_scaled_plus(load_five_bits<Arch>(block + 4), load_scale<Arch>(block),
                      load_scale<Arch>(block + 2), x, isa_tag<Arch>{});
  }
};

// ---- iq4_nl: scale, nibbles that are indices of a table -----------------------------------------

inline constexpr std::int8_t iq4_nl_entries[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                   1,    13,   25,  38,  53,  69,  89,  113};
/// The midpoints of neighbouring entries. A number at a midpoint belongs to the larger entry.
inline constexpr float iq4_nl_limits[15] = {-115.5F, -93.5F, -74.0F, -57.0F, -42.0F,
                                            -28.5F,  -16.0F, -4.5F,  7.0F,   19.0F,
                                            31.5F,   45.5F,  61.0F,  79.0F,  101.0F};
inline constexpr std::uint8_t iq4_nl_zeros[16] = {0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88,
                                                  0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88};

struct iq4_nl_block {
  static constexpr const char* name = "iq4_nl";
  static constexpr std::int64_t bytes = 18;

  template <class Arch>
  YARN_ALWAYS_INLINE static void encode(const float* x, unsigned char* block) {
    const float extreme = extreme_of<Arch>(x);
    if (extreme < 1e-15F && extreme > -1e-15F) {
      store_scale<Arch>(0.0F, block);
      std::memcpy(block + 2, iq4_nl_zeros, sizeof iq4_nl_zeros);
      return;
    }
    // The codes are those of a first scale. The stored scale is then fitted to the codes.
    const float first_scale = extreme / -127.0F;
    const auto codes = count_reached(x, 1.0F / first_scale, iq4_nl_limits, isa_tag<Arch>{});
    store_nibbles(codes, block + 2);
    float entry[block_size];
    store_scaled(entries(codes, iq4_nl_entries), 1.0F, entry, isa_tag<Arch>{});
    const fit_sums sums = sums_of(x, entry, isa_tag<Arch>{});
    const float scale = sums.squares > 0 ? sums.products / sums.squares : 0.0F;
    // The result of infinity / infinity on x86. Other processors give a NaN without the sign.
    const bool is_nan = (bit_cast<std::uint32_t>(scale) & 0x7fffffffu) > float_infinity;
    store_scale<Arch>(is_nan ? bit_cast<float>(0xffc00000u) : scale, block);
  }
  template <class Arch>
  YARN_ALWAYS_INLINE static void decode(const unsigned char* block, float* x) {
    store_scaled(entries(load_nibbles(block + 2, isa_tag<Arch>{}), iq4_nl_entries),
                 load_scale<Arch>(block), x, isa_tag<Arch>{});
  }
};

// ---- Heads --------------------------------------------------------------------------------------

template <class Block, class Arch = default_arch>
inline void encode_blocks(const float* values, std::int64_t head_dim, void* head) noexcept {
  auto* block = static_cast<unsigned char*>(head);
  std::int64_t i = 0;
  constexpr std::int64_t four_blocks = std::int64_t{4} * block_size;
  if constexpr (std::is_base_of_v<q8_0_block, Block>)
    for (; i + four_blocks <= head_dim; i += four_blocks, block += 4 * Block::bytes)
      Block::template encode_four<Arch>(values + i, block);
  for (; i < head_dim; i += block_size, block += Block::bytes)
    Block::template encode<Arch>(values + i, block);
}
template <class Block, class Arch = default_arch>
inline void decode_blocks(const void* head, std::int64_t head_dim, float* values) noexcept {
  const auto* block = static_cast<const unsigned char*>(head);
  for (std::int64_t i = 0; i < head_dim; i += block_size, block += Block::bytes)
    Block::template decode<Arch>(block, values + i);
}

inline void check_blocks(const char* name, std::int64_t head_dim) {
  if (head_dim <= 0 || head_dim % block_size != 0)
    fail_argument("yarn: head_dim = {} must be a multiple of {}, the elements of a block of {}",
                  head_dim, block_size, name);
}

/// A format whose heads are blocks (ggml_blocks.hpp describes the members).
template <class Block> struct block_format {
  std::int64_t head_bytes(std::int64_t head_dim) const noexcept {
    return head_dim / block_size * Block::bytes;
  }
  void check(std::int64_t head_dim) const { check_blocks(Block::name, head_dim); }
  void encode(const float* values, std::int64_t head_dim, void* head, cache_place) const noexcept {
    encode_blocks<Block>(values, head_dim, head);
  }
  void decode(const void* head, std::int64_t head_dim, float* values, cache_place) const noexcept {
    decode_blocks<Block>(head, head_dim, values);
  }
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

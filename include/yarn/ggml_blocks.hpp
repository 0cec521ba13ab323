// SPDX-License-Identifier: MIT
// ggml's block formats, for KV caches: q8_0, q4_0, q4_1, q5_0, q5_1, iq4_nl. Opt-in. Needs neither
// the headers nor the libraries of ggml.
//
// A head is stored as blocks of 32 elements. A block has a scale in binary16 and a code for each
// element; q4_1 and q5_1 also store the minimum of the block. head_dim must be a multiple of 32.
//
//              bytes   elements are stored as      largest |decoded - element|
//     q8_0      34     scale * (-127 … 127)        m / 254 + m / 2^11
//     q5_1      24     minimum + scale * (0 … 31)  r / 62  + r / 2^11 + |minimum| / 2^11
//     q5_0      22     scale * (-16 … 15)          m / 16  + m / 2^11
//     q4_1      20     minimum + scale * (0 … 15)  r / 30  + r / 2^11 + |minimum| / 2^11
//     q4_0      18     scale * (-8 … 7)            m / 8   + m / 2^11
//     iq4_nl    18     scale * (16 fixed numbers)  0.204 m
//
// m is the largest magnitude of the block, r the difference of its largest and smallest element.
// The bounds are those of tests/cache/test_ggml_blocks_error.cpp. They hold if scale and minimum
// are normal numbers of binary16: magnitudes from 2^-14 to 65504. A subnormal scale adds an error
// of 2^-25 times the largest code, a subnormal minimum adds 2^-25.
//
// For the same floats, the bytes are those that ggml writes on x86 (q8_0: see q8_0_writer). They
// are the same on every processor and with every instruction set, except with -ffast-math. (Tested
// with ggml 0.27. On other processors, ggml may fuse products and sums.) Special values:
//
// * A scale or minimum with a magnitude of 65520 or more is stored as infinity. The block is then
//   decoded to infinity and NaN.
// * If an element is infinite, the scale is infinite, too, or NaN (iq4_nl).
// * NaN is ignored when the scale is chosen, and is then stored as some code, so it is lost. (q8_0
//   blocks with NaN may differ from ggml, where their scale depends on the place of the NaN.)
#ifndef YARN_GGML_BLOCKS_HPP
#define YARN_GGML_BLOCKS_HPP

#include "detail/cache/ggml_blocks.hpp"

namespace yarn {
inline namespace YARN_ABI {

// Every format has the members:
//
//     std::int64_t head_bytes(std::int64_t head_dim) const noexcept; // bytes of a stored head
//     void check(std::int64_t head_dim) const;
//     void encode(const float* values, std::int64_t head_dim, void* head,
//                 cache_place) const noexcept;
//     void decode(const void* head, std::int64_t head_dim, float* values,
//                 cache_place) const noexcept;
//
// `check` throws std::invalid_argument if head_dim is not a multiple of 32. `head` needs no
// alignment. `values` and `head` must not overlap. The place is not used.

/// ggml has two ways to write q8_0. Both store the same scale, but they may round an element to
/// different codes if element / scale is near n + 1/2: in about one of 8000 blocks of random
/// numbers, and more often if the elements have few bits (bfloat16).
enum class q8_0_writer {
  /// The definition of the format: quantize_row_q8_0_ref, ggml_quantize_chunk, CUDA. Divides by the
  /// scale and rounds halves away from zero.
  reference,
  /// ggml's CPU backend on x86 with AVX, when it writes a KV cache (ggml_cpy, ggml_set_rows).
  /// Multiplies by 127 / m and rounds halves to even. For 0 < m < 3.7e-37, 127 / m is infinite, and
  /// all codes are -128.
  avx
};

/// 8 bits. The default writer is the reference, which ggml has on every processor. Use
/// `q8_0{q8_0_writer::avx}` to get the bytes of ggml's CPU backend on x86.
/// Accuracy |decoded - element| <= m / 254 + m / 2^11, with both writers.
/// Source   ggml, src/ggml-quants.c and src/ggml-cpu/arch/x86/quants.c.
struct q8_0 : detail::block_format<detail::q8_0_block> {
  q8_0() = default;
  explicit q8_0(q8_0_writer which) : writer(which) {}

  void encode(const float* values, std::int64_t head_dim, void* head, cache_place) const noexcept {
    if (writer == q8_0_writer::avx)
      detail::encode_blocks<detail::q8_0_avx_block>(values, head_dim, head);
    else
      detail::encode_blocks<detail::q8_0_block>(values, head_dim, head);
  }

  q8_0_writer writer = q8_0_writer::reference;
};

/// 4 bits. The element of the largest magnitude has the code -8, so the scale is negative if this
/// element is positive. An element of the same magnitude and the other sign has the code 7.
/// Accuracy |decoded - element| <= m / 8 + m / 2^11.
/// Source   ggml, src/ggml-quants.c.
struct q4_0 : detail::block_format<detail::q4_0_block> {};

/// 4 bits and the minimum of the block.
/// Accuracy |decoded - element| <= r / 30 + r / 2^11 + |minimum| / 2^11.
/// Source   ggml, src/ggml-quants.c.
struct q4_1 : detail::block_format<detail::q4_1_block> {};

/// 5 bits. As q4_0, with the codes -16 and 15 in place of -8 and 7.
/// Accuracy |decoded - element| <= m / 16 + m / 2^11.
/// Source   ggml, src/ggml-quants.c.
struct q5_0 : detail::block_format<detail::q5_0_block> {};

/// 5 bits and the minimum of the block.
/// Accuracy |decoded - element| <= r / 62 + r / 2^11 + |minimum| / 2^11.
/// Source   ggml, src/ggml-quants.c.
struct q5_1 : detail::block_format<detail::q5_1_block> {};

/// 4 bits: 16 numbers that are not equally spaced. The bytes are those of ggml's KV caches.
/// ggml_quantize_chunk tries 15 more scales, which takes longer and gives other bytes. If m is
/// below 1e-15, the scale is 0 and ggml leaves the codes undefined; here they are 8, as on CUDA.
/// Accuracy |decoded - element| <= 0.204 m.
/// Source   ggml, src/ggml-quants.c (quantize_row_iq4_nl_ref).
struct iq4_nl : detail::block_format<detail::iq4_nl_block> {};

} // namespace YARN_ABI
} // namespace yarn

#endif

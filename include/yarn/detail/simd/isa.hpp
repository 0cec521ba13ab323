// SPDX-License-Identifier: MIT
// Instruction sets as tag types. pack.hpp passes a tag as the last argument of the operations that
// differ between instruction sets. Overload resolution chooses the function of this instruction
// set, or that of a base class of the tag.
#ifndef YARN_DETAIL_SIMD_ISA_HPP
#define YARN_DETAIL_SIMD_ISA_HPP

#include "../base/abi.hpp"
#include "scalar.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// The base of all tags, and the tag of instruction sets without a file of their own: generic.hpp.
struct generic_isa {
  static constexpr bool has_32_registers = false;
  /// Whether round_both<true> bypasses the caches. Its argument `out` must then be aligned to the
  /// size of the store, and finish_streaming() must be called before another thread reads the data.
  static constexpr bool can_stream = false;
  /// Whether load_words, round_words and store_words exist.
  static constexpr bool has_words = false;
};

/// The base of the three instruction sets of x86.
struct x86_isa : generic_isa {};

/// 128-bit registers: sse2.hpp.
struct sse2_isa : x86_isa {
  static constexpr bool has_words = true;
};

/// 256-bit registers: avx2.hpp. AVX without AVX2 has no integer instructions for these registers.
struct avx2_isa : x86_isa {
  static constexpr bool can_stream = true;
#if defined(__AVX2__)
  static constexpr bool has_words = true;
#endif
};

/// 512-bit registers: avx512.hpp.
struct avx512_isa : x86_isa {
  static constexpr bool has_32_registers = true;
  static constexpr bool can_stream = true;
#if defined(__AVX512BW__)
  static constexpr bool has_words = true;
#endif
};

/// 128-bit registers of AArch64: neon.hpp.
struct neon_isa : generic_isa {
  static constexpr bool has_32_registers = true;
  static constexpr bool has_words = true;
};

/// The instruction set of an xsimd architecture, and the architecture of the next narrower packs,
/// for the tail of a loop. The file of each instruction set specialises arch_traits.
template <class Arch, class = void> struct arch_traits {
  using isa = generic_isa;
  using narrower = scalar_arch;
};
template <class Arch> using isa_tag = typename arch_traits<Arch>::isa;
template <class Arch> using narrower_arch = typename arch_traits<Arch>::narrower;

template <class Arch> inline constexpr bool has_32_registers_v = isa_tag<Arch>::has_32_registers;
template <class Arch> inline constexpr bool can_stream_v = isa_tag<Arch>::can_stream;
template <class Arch> inline constexpr bool has_words_v = isa_tag<Arch>::has_words;

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

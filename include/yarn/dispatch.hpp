// SPDX-License-Identifier: MIT
// Run-time choice among parts of a program that were compiled from one source, each for its own
// instruction set, by yarn_add_dispatch of the CMake package. Opt-in, without xsimd.
//
//     kernels.hpp    struct rope_kernels { void (*rotate)(...); };    pointers to functions
//                    YARN_DISPATCH_DECLARE(rope_kernels)
//     kernels.cpp    YARN_DISPATCH_PART(rope_kernels, &rotate)        compiled once a part
//     elsewhere      yarn::dispatch<rope_kernels>().rotate(...);
//
// Between parts and the rest of the program only plain data may pass: numbers, pointers, and from
// this library views, positions, slices, pairings and 16-bit elements (detail/base/abi.hpp). What
// is made of frequencies stays in its part, behind a pointer; examples/dispatch shows it.
#ifndef YARN_DISPATCH_HPP
#define YARN_DISPATCH_HPP

#include "views.hpp"

#include <initializer_list>

#if (defined(__x86_64__) || defined(_M_X64)) && !defined(_M_ARM64EC)
#define YARN_DISPATCH_X86_64 1
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#else
#define YARN_DISPATCH_X86_64 0
#endif

namespace yarn {
inline namespace v0 {

/// Instruction sets of parts; each contains those before it.
enum class isa {
  baseline,   ///< what the whole program is compiled for
  avx2,       ///< x86-64-v3: AVX2, FMA, F16C, BMI, LZCNT, MOVBE
  avx512,     ///< x86-64-v4: AVX-512 F, BW, CD, DQ, VL
  avx512_bf16 ///< and AVX512_BF16
};

// The kernels of one part; defined by YARN_DISPATCH_PART.
template <class Kernels, isa Part> const Kernels& dispatch_part();
// The kernels of the part for `wanted`, without a look at the processor; null where the program has
// no such part. Defined by YARN_DISPATCH_PART in the baseline part, which knows the others.
template <class Kernels> const Kernels* dispatch_find(isa wanted);

} // namespace v0

inline namespace YARN_ABI {
namespace detail {

inline const char* isa_name(isa set) {
  switch (set) {
  case isa::baseline:
    return "baseline";
  case isa::avx2:
    return "avx2";
  case isa::avx512:
    return "avx512";
  case isa::avx512_bf16:
    return "avx512_bf16";
  }
  return "unknown";
}

// What a processor and its system say of themselves, in the words of cpuid and xgetbv.
struct cpu_words {
  std::uint32_t leaf_1_ecx = 0;
  std::uint32_t leaf_7_ebx = 0;
  std::uint32_t leaf_7_1_eax = 0;
  std::uint32_t leaf_80000001_ecx = 0;
  std::uint32_t xcr0 = 0; // registers that the system saves; 0 where it does not say
};

constexpr bool has_bits(std::uint32_t word, std::uint32_t bits) { return (word & bits) == bits; }
constexpr std::uint32_t bit(int n) { return std::uint32_t{1} << n; }

/// The largest set whose every instruction the processor has and whose registers the system saves.
constexpr isa isa_of(const cpu_words& cpu) {
  const bool has_avx2 =
      has_bits(cpu.leaf_1_ecx, bit(12) | bit(22) | bit(23) | bit(27) | bit(28) |
                                   bit(29)) &&              // FMA MOVBE POPCNT OSXSAVE AVX F16C
      has_bits(cpu.leaf_7_ebx, bit(3) | bit(5) | bit(8)) && // BMI1 AVX2 BMI2
      has_bits(cpu.leaf_80000001_ecx, bit(5)) &&            // LZCNT
      has_bits(cpu.xcr0, bit(1) | bit(2));                  // xmm, ymm
  if (!has_avx2)
    return isa::baseline;
  const bool has_avx512 =
      has_bits(cpu.leaf_7_ebx, bit(16) | bit(17) | bit(28) | bit(30) | bit(31)) && // F DQ CD BW VL
      has_bits(cpu.xcr0, bit(5) | bit(6) | bit(7)); // masks, upper halves, zmm16 to zmm31
  if (!has_avx512)
    return isa::avx2;
  return has_bits(cpu.leaf_7_1_eax, bit(5)) ? isa::avx512_bf16 : isa::avx512;
}

inline cpu_words read_cpu() {
  cpu_words cpu;
#if YARN_DISPATCH_X86_64
  struct registers {
    std::uint32_t eax, ebx, ecx, edx;
  };
  const auto cpuid = [](std::uint32_t leaf, std::uint32_t subleaf) {
    registers r = {};
#if defined(_MSC_VER) && !defined(__clang__)
    int words[4];
    __cpuidex(words, static_cast<int>(leaf), static_cast<int>(subleaf));
    std::memcpy(&r, words, sizeof r);
#else
    __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
#endif
    return r;
  };
  const std::uint32_t last_leaf = cpuid(0, 0).eax;
  if (last_leaf >= 1)
    cpu.leaf_1_ecx = cpuid(1, 0).ecx;
  if (last_leaf >= 7) {
    const registers leaf_7 = cpuid(7, 0);
    cpu.leaf_7_ebx = leaf_7.ebx;
    if (leaf_7.eax >= 1)
      cpu.leaf_7_1_eax = cpuid(7, 1).eax;
  }
  if (cpuid(0x80000000U, 0).eax >= 0x80000001U)
    cpu.leaf_80000001_ecx = cpuid(0x80000001U, 0).ecx;
  if (has_bits(cpu.leaf_1_ecx, bit(27))) { // without OSXSAVE the instruction does not exist
#if defined(_MSC_VER) && !defined(__clang__)
    cpu.xcr0 = static_cast<std::uint32_t>(_xgetbv(0));
#else
    std::uint32_t high = 0; // the intrinsic wants a compiler flag
    asm volatile("xgetbv" : "=a"(cpu.xcr0), "=d"(high) : "c"(0));
#endif
  }
#endif
  return cpu;
}

// What this source's flags allow: a part whose flags got lost is refused.
inline constexpr isa isa_of_flags =
#if !defined(__AVX2__) || (!defined(_MSC_VER) && !(defined(__FMA__) && defined(__F16C__) &&        \
                                                   defined(__BMI__) && defined(__BMI2__)))
    isa::baseline;
#elif !(defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512CD__) &&                  \
        defined(__AVX512DQ__) && defined(__AVX512VL__))
    isa::avx2;
#elif !defined(__AVX512BF16__)
    isa::avx512;
#else
    isa::avx512_bf16;
#endif

template <class Kernels, isa Part, bool Compiled> const Kernels* part_if_compiled() {
  if constexpr (Compiled)
    return &dispatch_part<Kernels, Part>();
  else
    return nullptr;
}

// On a processor that supports `supported`.
template <class Kernels> const Kernels& part_for(isa part, isa supported) {
  const Kernels* const kernels = dispatch_find<Kernels>(part);
  if (kernels == nullptr)
    fail_argument(
        "yarn: isa = {}: this program has no such part; ISAS of yarn_add_dispatch names them, and "
        "the compiler must know their flags",
        isa_name(part));
  if (part > supported)
    fail_argument("yarn: isa = {} is beyond this processor, which supports {} at most",
                  isa_name(part), isa_name(supported));
  return *kernels;
}
template <class Kernels> isa best_for(isa supported) {
  for (const isa set : {isa::avx512_bf16, isa::avx512, isa::avx2})
    if (set <= supported && dispatch_find<Kernels>(set) != nullptr)
      return set;
  return isa::baseline;
}

} // namespace detail

/// The name of an instruction set as yarn_add_dispatch has it, for logs.
inline const char* name_of(isa set) { return detail::isa_name(set); }

/// The largest instruction set that this processor and its operating system support. Asked once,
/// since cpuid is slow under a hypervisor; any thread may be first.
inline isa supported_isa() {
  static const isa supported = detail::isa_of(detail::read_cpu());
  return supported;
}

/// Whether the program has a part for `set`, and this processor runs it.
template <class Kernels> bool has_isa(isa set) {
  return set <= supported_isa() && dispatch_find<Kernels>(set) != nullptr;
}

/// The largest instruction set for which has_isa is true.
template <class Kernels> isa best_isa() { return detail::best_for<Kernels>(supported_isa()); }

/// The kernels of one part, for tests and measurements.
/// Errors   std::invalid_argument: the program has no such part, or this processor cannot run it.
template <class Kernels> const Kernels& dispatch(isa part) {
  return detail::part_for<Kernels>(part, supported_isa());
}

/// The kernels of the part for best_isa. Chosen by the first call, on any thread; later calls cost
/// a load and a branch.
template <class Kernels> const Kernels& dispatch() {
  static const Kernels& best = dispatch<Kernels>(best_isa<Kernels>());
  return best;
}

} // namespace YARN_ABI
} // namespace yarn

/// In the header that declares the kernels, in no namespace: a struct of pointers to functions.
#define YARN_DISPATCH_DECLARE(Kernels)                                                             \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::baseline>();                  \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::avx2>();                      \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::avx512>();                    \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::avx512_bf16>();               \
  template <> const Kernels* yarn::dispatch_find<Kernels>(yarn::isa wanted);

// yarn_add_dispatch defines YARN_DISPATCH_ISA in every part but the baseline, and there it says
// which others the program has.
#if !defined(YARN_DISPATCH_WITH_AVX2)
#define YARN_DISPATCH_WITH_AVX2 false
#endif
#if !defined(YARN_DISPATCH_WITH_AVX512)
#define YARN_DISPATCH_WITH_AVX512 false
#endif
#if !defined(YARN_DISPATCH_WITH_AVX512_BF16)
#define YARN_DISPATCH_WITH_AVX512_BF16 false
#endif

#if defined(YARN_DISPATCH_ISA)
#define YARN_DISPATCH_FIND(Kernels)
#else
#define YARN_DISPATCH_ISA baseline
#define YARN_DISPATCH_FIND(Kernels)                                                                \
  template <> const Kernels* yarn::dispatch_find<Kernels>(yarn::isa wanted) {                      \
    switch (wanted) {                                                                              \
    case yarn::isa::baseline:                                                                      \
      return &yarn::dispatch_part<Kernels, yarn::isa::baseline>();                                 \
    case yarn::isa::avx2:                                                                          \
      return yarn::detail::part_if_compiled<Kernels, yarn::isa::avx2, YARN_DISPATCH_WITH_AVX2>();  \
    case yarn::isa::avx512:                                                                        \
      return yarn::detail::part_if_compiled<Kernels, yarn::isa::avx512,                            \
                                            YARN_DISPATCH_WITH_AVX512>();                          \
    case yarn::isa::avx512_bf16:                                                                   \
      return yarn::detail::part_if_compiled<Kernels, yarn::isa::avx512_bf16,                       \
                                            YARN_DISPATCH_WITH_AVX512_BF16>();                     \
    }                                                                                              \
    return nullptr;                                                                                \
  }
#endif

/// In the source of the kernels, once, in no namespace: the members of Kernels in their order. They
/// are constants; the functions belong into an anonymous namespace, or parts would share them.
#define YARN_DISPATCH_PART(Kernels, ...)                                                           \
  static_assert(yarn::isa::YARN_DISPATCH_ISA <= yarn::detail::isa_of_flags,                        \
                "yarn: this part is compiled without the flags of its instruction set");           \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::YARN_DISPATCH_ISA>() {        \
    static constexpr Kernels kernels = {__VA_ARGS__};                                              \
    return kernels;                                                                                \
  }                                                                                                \
  YARN_DISPATCH_FIND(Kernels)

#endif

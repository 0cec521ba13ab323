// SPDX-License-Identifier: MIT
// The definitions of dispatch.hpp, and the detection of instruction sets by cpuid.
#ifndef YARN_DETAIL_DISPATCH_PARTS_HPP
#define YARN_DETAIL_DISPATCH_PARTS_HPP

#include "../../dispatch.hpp"

#include <initializer_list>

#if (defined(__x86_64__) || defined(_M_X64)) && !defined(_M_ARM64EC)
#define YARN_DISPATCH_X86_64
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The registers that cpuid and xgetbv return.
struct cpu_registers {
  std::uint32_t leaf_1_ecx = 0;
  std::uint32_t leaf_7_ebx = 0;
  std::uint32_t leaf_7_1_eax = 0;
  std::uint32_t leaf_80000001_ecx = 0;
  std::uint32_t xcr0 = 0; // the registers that the operating system saves; 0 if unknown
};

constexpr bool has_bits(std::uint32_t word, std::uint32_t bits) { return (word & bits) == bits; }
constexpr std::uint32_t bit(int n) { return std::uint32_t{1} << n; }

inline cpu_registers read_cpu() {
  cpu_registers cpu;
#if defined(YARN_DISPATCH_X86_64)
  struct registers {
    std::uint32_t eax, ebx, ecx, edx;
  };
  // Returns zeros for a leaf above the last one. Intel's processors would return another leaf.
  const auto cpuid = [](std::uint32_t leaf, std::uint32_t subleaf) {
    registers r = {};
#if defined(_MSC_VER) && !defined(__clang__)
    int last[4]; // last[0]: the number of the last basic leaf, or of the last extended leaf.
    __cpuidex(last, static_cast<int>(leaf & 0x80000000U), 0);
    if (static_cast<std::uint32_t>(last[0]) >= leaf)
      __cpuidex(reinterpret_cast<int*>(&r), static_cast<int>(leaf), static_cast<int>(subleaf));
#else
    __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
#endif
    return r;
  };
  cpu.leaf_1_ecx = cpuid(1, 0).ecx;
  const registers leaf_7 = cpuid(7, 0);
  cpu.leaf_7_ebx = leaf_7.ebx;
  if (leaf_7.eax >= 1)
    cpu.leaf_7_1_eax = cpuid(7, 1).eax;
  cpu.leaf_80000001_ecx = cpuid(0x80000001U, 0).ecx;
  if (has_bits(cpu.leaf_1_ecx, bit(27))) { // OSXSAVE: xgetbv exists
#if defined(_MSC_VER) && !defined(__clang__)
    cpu.xcr0 = static_cast<std::uint32_t>(_xgetbv(0));
#else
    std::uint32_t high = 0; // Assembly, because the intrinsic needs a compiler flag.
    asm volatile("xgetbv" : "=a"(cpu.xcr0), "=d"(high) : "c"(0));
#endif
  }
#endif
  return cpu;
}

// The largest instruction set that the processor has in full, and whose registers the operating
// system saves.
constexpr isa isa_of(const cpu_registers& cpu) {
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

// The instruction set that the compiler flags of this source allow. YARN_DISPATCH_PART rejects a
// part that is compiled without the flags of its instruction set.
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

// The implementation of dispatch_find in a program with these parts.
template <class Kernels, isa... Parts> const Kernels* find_part(isa wanted) {
  const Kernels* found = nullptr;
  ((wanted == Parts ? void(found = &dispatch_part<Kernels, Parts>()) : void()), ...);
  return found;
}

// The kernels of `part`. Rejects a part that a processor with the instruction set `supported`
// cannot run.
template <class Kernels> const Kernels& part_for(isa part, isa supported) {
  const Kernels* const kernels = dispatch_find<Kernels>(part);
  if (kernels == nullptr)
    fail_argument("yarn: isa = {}: this program has no such part; ISAS of yarn_add_dispatch names "
                  "the parts, and the compiler must know their flags",
                  name_of(part));
  if (part > supported)
    fail_argument("yarn: isa = {} is beyond this processor, which supports {} at most",
                  name_of(part), name_of(supported));
  return *kernels;
}
template <class Kernels> isa best_for(isa supported) {
  for (const isa set : {isa::avx512_bf16, isa::avx512, isa::avx2})
    if (set <= supported && dispatch_find<Kernels>(set) != nullptr)
      return set;
  return isa::baseline;
}

} // namespace detail

inline const char* name_of(isa set) {
  constexpr const char* names[] = {"baseline", "avx2", "avx512", "avx512_bf16"};
  return set >= isa::baseline && set <= isa::avx512_bf16 ? names[static_cast<int>(set)] : "unknown";
}

inline isa supported_isa() {
  static const isa supported = detail::isa_of(detail::read_cpu());
  return supported;
}

template <class Kernels> isa best_isa() { return detail::best_for<Kernels>(supported_isa()); }

template <class Kernels> const Kernels& dispatch(isa part) {
  return detail::part_for<Kernels>(part, supported_isa());
}

} // namespace YARN_ABI
} // namespace yarn

// yarn_add_dispatch defines YARN_DISPATCH_ISA in every part except the baseline. In the baseline it
// defines which other parts the program has.
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
    using yarn::isa;                                                                               \
    return yarn::detail::find_part < Kernels, isa::baseline,                                       \
           YARN_DISPATCH_WITH_AVX2 ? isa::avx2 : isa::baseline,                                    \
           YARN_DISPATCH_WITH_AVX512 ? isa::avx512 : isa::baseline,                                \
           YARN_DISPATCH_WITH_AVX512_BF16 ? isa::avx512_bf16 : isa::baseline > (wanted);           \
  }
#endif

#endif

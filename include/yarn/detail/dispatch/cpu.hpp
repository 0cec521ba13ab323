// SPDX-License-Identifier: MIT
// What a processor and its operating system say of themselves.
#ifndef YARN_DETAIL_DISPATCH_CPU_HPP
#define YARN_DETAIL_DISPATCH_CPU_HPP

#include "../base/abi.hpp"

#include <cstdint>
#include <cstring>

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
inline namespace YARN_ABI {
namespace detail {

// The words of cpuid and xgetbv.
struct cpu_words {
  std::uint32_t leaf_1_ecx = 0;
  std::uint32_t leaf_7_ebx = 0;
  std::uint32_t leaf_7_1_eax = 0;
  std::uint32_t leaf_80000001_ecx = 0;
  std::uint32_t xcr0 = 0; // registers that the system saves; 0 where it does not say
};

constexpr bool has_bits(std::uint32_t word, std::uint32_t bits) { return (word & bits) == bits; }
constexpr std::uint32_t bit(int n) { return std::uint32_t{1} << n; }

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

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

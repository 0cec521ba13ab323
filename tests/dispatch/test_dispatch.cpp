// SPDX-License-Identifier: MIT
// The choice among parts: what a processor must have for each, that each was compiled for what it
// is called by, and that the best one is taken. examples/dispatch rotates with them.
#include <yarn/dispatch.hpp>

#include "../support/expect_error.hpp"
#include "dispatch_parts.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace {

using support::lone_kernels;
using support::speaking_kernels;
using yarn::isa;
using yarn::detail::bit;
using yarn::detail::cpu_registers;
using yarn::detail::isa_of;

struct requirement {
  const char* name;
  std::uint32_t cpu_registers::*word;
  int bit;
  isa without; ///< what a processor with everything else gets
};

// From Intel's and AMD's manuals (cpuid; the state components of XCR0), not from the header.
const requirement requirements[] = {
    {"fma", &cpu_registers::leaf_1_ecx, 12, isa::baseline},
    {"movbe", &cpu_registers::leaf_1_ecx, 22, isa::baseline},
    {"popcnt", &cpu_registers::leaf_1_ecx, 23, isa::baseline},
    {"osxsave", &cpu_registers::leaf_1_ecx, 27, isa::baseline},
    {"avx", &cpu_registers::leaf_1_ecx, 28, isa::baseline},
    {"f16c", &cpu_registers::leaf_1_ecx, 29, isa::baseline},
    {"bmi1", &cpu_registers::leaf_7_ebx, 3, isa::baseline},
    {"avx2", &cpu_registers::leaf_7_ebx, 5, isa::baseline},
    {"bmi2", &cpu_registers::leaf_7_ebx, 8, isa::baseline},
    {"lzcnt", &cpu_registers::leaf_80000001_ecx, 5, isa::baseline},
    {"xmm saved", &cpu_registers::xcr0, 1, isa::baseline},
    {"ymm saved", &cpu_registers::xcr0, 2, isa::baseline},
    {"avx512f", &cpu_registers::leaf_7_ebx, 16, isa::avx2},
    {"avx512dq", &cpu_registers::leaf_7_ebx, 17, isa::avx2},
    {"avx512cd", &cpu_registers::leaf_7_ebx, 28, isa::avx2},
    {"avx512bw", &cpu_registers::leaf_7_ebx, 30, isa::avx2},
    {"avx512vl", &cpu_registers::leaf_7_ebx, 31, isa::avx2},
    {"masks saved", &cpu_registers::xcr0, 5, isa::avx2},
    {"upper halves saved", &cpu_registers::xcr0, 6, isa::avx2},
    {"zmm16-31 saved", &cpu_registers::xcr0, 7, isa::avx2},
    {"avx512_bf16", &cpu_registers::leaf_7_1_eax, 5, isa::avx512},
};

TEST(isa_of_cpu, needs_every_extension_and_the_systems_support) {
  cpu_registers exact;
  for (const requirement& r : requirements)
    exact.*r.word |= bit(r.bit);
  EXPECT_EQ(isa_of(exact), isa::avx512_bf16);
  cpu_registers everything;
  for (const requirement& r : requirements)
    everything.*r.word = ~0U;
  for (const requirement& r : requirements) {
    cpu_registers cpu = everything;
    cpu.*r.word &= ~bit(r.bit);
    EXPECT_EQ(isa_of(cpu), r.without) << "without " << r.name;
  }
  EXPECT_EQ(isa_of(cpu_registers{}), isa::baseline);
}

#if defined(__x86_64__) && defined(__GNUC__)
// The compiler's runtime asks the processor in its own way.
TEST(isa_of_cpu, is_what_the_compilers_runtime_finds) {
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  const bool bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
  EXPECT_EQ(yarn::supported_isa(), bf16     ? isa::avx512_bf16
                                   : avx512 ? isa::avx512
                                   : avx2   ? isa::avx2
                                            : isa::baseline);
}
#endif

constexpr isa all[] = {isa::baseline, isa::avx2, isa::avx512, isa::avx512_bf16};

// gcc since 10 and clang since 11 know all flags.
#if defined(__x86_64__) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 10))
#define YARN_TEST_HAS_ALL_PARTS
TEST(parts, are_there_for_every_instruction_set) {
  for (const isa set : all) {
    EXPECT_NE(yarn::dispatch_find<speaking_kernels>(set), nullptr) << yarn::name_of(set);
    EXPECT_EQ(yarn::dispatch_find<lone_kernels>(set) != nullptr, set == isa::baseline);
  }
}

#if !defined(__FMA__) // else the program's own flags are in the parts, too
TEST(parts, are_compiled_for_what_they_are_called_by) {
  const char* const expected[] = {YARN_TEST_TEXT(YARN_ABI), "abi_avx2_mhboooo_",
                                  "abi_avx512_mhbvooo_", "abi_avx512_mhbvfoo_"};
  for (const isa set : all)
    if (yarn::has_isa<speaking_kernels>(set)) {
      const std::string abi = yarn::dispatch<speaking_kernels>(set).abi();
      EXPECT_EQ(abi.find(expected[static_cast<int>(set)]), 0U) << yarn::name_of(set) << ": " << abi;
    }
}
#endif
#endif

TEST(parts, take_views_from_the_baseline) {
  const std::int32_t list[] = {3, 1, 4};
  for (const isa set : all) {
    if (!yarn::has_isa<speaking_kernels>(set))
      continue;
    const speaking_kernels& kernels = yarn::dispatch<speaking_kernels>(set);
    EXPECT_EQ(kernels.last_position(yarn::positions(list, 3)), 4);
    EXPECT_EQ(kernels.last_position(yarn::positions_from(std::int64_t{1} << 40, 3)),
              (std::int64_t{1} << 40) + 2);
  }
}

TEST(dispatch, takes_the_best_part_that_runs_here) {
  const isa best = yarn::best_isa<speaking_kernels>();
  EXPECT_EQ(&yarn::dispatch<speaking_kernels>(), &yarn::dispatch<speaking_kernels>(best));
  for (const isa set : all)
    if (set > best) {
      EXPECT_FALSE(yarn::has_isa<speaking_kernels>(set)) << yarn::name_of(set);
    }
  EXPECT_TRUE(yarn::has_isa<speaking_kernels>(best));
  EXPECT_EQ(yarn::best_isa<lone_kernels>(), isa::baseline);
  EXPECT_EQ(yarn::dispatch<lone_kernels>().seven(), 7);
}

TEST(dispatch, names_a_part_that_the_program_does_not_have) {
  support::expect_error<std::invalid_argument>([] { yarn::dispatch<lone_kernels>(isa::avx2); },
                                               {"isa = avx2", "no such part", "ISAS"});
}

#if defined(YARN_TEST_HAS_ALL_PARTS)
TEST(dispatch, on_a_lesser_processor) {
  using yarn::detail::best_for;
  using yarn::detail::part_for;
  for (const isa supported : all) {
    EXPECT_EQ(best_for<speaking_kernels>(supported), supported);
    EXPECT_EQ(best_for<lone_kernels>(supported), isa::baseline);
    for (const isa part : all) {
      if (part <= supported)
        EXPECT_EQ(&part_for<speaking_kernels>(part, supported),
                  yarn::dispatch_find<speaking_kernels>(part));
      else
        support::expect_error<std::invalid_argument>(
            [&] { part_for<speaking_kernels>(part, supported); },
            {std::string("isa = ") + yarn::name_of(part), "beyond this processor",
             std::string("supports ") + yarn::name_of(supported)});
    }
  }
}
#endif

} // namespace

// SPDX-License-Identifier: MIT
// Run-time dispatch: the extensions that a processor needs for each part, the flags of each part,
// and the choice of the best part. (examples/dispatch rotates with such parts.)
#include <yarn/dispatch.hpp>

#include "../support/expect_error.hpp"
#include "dispatch_parts.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace {

using support::baseline_kernels;
using support::reporting_kernels;
using yarn::isa;
using yarn::detail::bit;
using yarn::detail::cpu_registers;
using yarn::detail::isa_of;

struct requirement {
  const char* name;
  std::uint32_t cpu_registers::*word;
  int bit;
  isa without; ///< the part for a processor that lacks this extension and no other
};

// The bits are from the manuals of Intel and AMD (cpuid; the state components of XCR0), not copied
// from the header.
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

TEST(isa_of_cpu, needs_every_extension_and_support_by_the_system) {
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
// The runtime of the compiler has its own code for cpuid.
TEST(isa_of_cpu, agrees_with_the_compilers_runtime) {
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

// gcc from 10 on and clang from 11 on know all flags.
#if defined(__x86_64__) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 10))
#define YARN_TEST_HAS_ALL_PARTS
TEST(parts, exist_for_every_instruction_set) {
  for (const isa set : all) {
    EXPECT_NE(yarn::dispatch_find<reporting_kernels>(set), nullptr) << yarn::name_of(set);
    EXPECT_EQ(yarn::dispatch_find<baseline_kernels>(set) != nullptr, set == isa::baseline);
  }
}

#if !defined(__FMA__) // with __FMA__ the flags of the program are in all parts, too
TEST(parts, have_the_flags_of_their_instruction_set) {
  const char* const expected[] = {YARN_TEST_TEXT(YARN_ABI), "abi_avx2_mhboooo_",
                                  "abi_avx512_mhbvooo_", "abi_avx512_mhbvfoo_"};
  for (const isa set : all)
    if (yarn::has_isa<reporting_kernels>(set)) {
      const std::string abi = yarn::dispatch<reporting_kernels>(set).abi();
      EXPECT_EQ(abi.find(expected[static_cast<int>(set)]), 0U) << yarn::name_of(set) << ": " << abi;
    }
}
#endif
#endif

TEST(parts, accept_views_made_by_the_baseline) {
  const std::int32_t list[] = {3, 1, 4};
  for (const isa set : all) {
    if (!yarn::has_isa<reporting_kernels>(set))
      continue;
    const reporting_kernels& kernels = yarn::dispatch<reporting_kernels>(set);
    EXPECT_EQ(kernels.last_position(yarn::positions(list, 3)), 4);
    EXPECT_EQ(kernels.last_position(yarn::positions_from(std::int64_t{1} << 40, 3)),
              (std::int64_t{1} << 40) + 2);
  }
}

TEST(dispatch, takes_the_best_part_for_this_processor) {
  const isa best = yarn::best_isa<reporting_kernels>();
  EXPECT_EQ(&yarn::dispatch<reporting_kernels>(), &yarn::dispatch<reporting_kernels>(best));
  for (const isa set : all)
    if (set > best) {
      EXPECT_FALSE(yarn::has_isa<reporting_kernels>(set)) << yarn::name_of(set);
    }
  EXPECT_TRUE(yarn::has_isa<reporting_kernels>(best));
  EXPECT_EQ(yarn::best_isa<baseline_kernels>(), isa::baseline);
  EXPECT_EQ(yarn::dispatch<baseline_kernels>().seven(), 7);
}

TEST(dispatch, names_a_part_that_the_program_does_not_have) {
  support::expect_error<std::invalid_argument>([] { yarn::dispatch<baseline_kernels>(isa::avx2); },
                                               {"isa = avx2", "no such part", "ISAS"});
}

#if defined(YARN_TEST_HAS_ALL_PARTS)
TEST(dispatch, refuses_parts_beyond_the_processor) {
  using yarn::detail::best_for;
  using yarn::detail::part_for;
  for (const isa supported : all) {
    EXPECT_EQ(best_for<reporting_kernels>(supported), supported);
    EXPECT_EQ(best_for<baseline_kernels>(supported), isa::baseline);
    for (const isa part : all) {
      if (part <= supported)
        EXPECT_EQ(&part_for<reporting_kernels>(part, supported),
                  yarn::dispatch_find<reporting_kernels>(part));
      else
        support::expect_error<std::invalid_argument>(
            [&] { part_for<reporting_kernels>(part, supported); },
            {std::string("isa = ") + yarn::name_of(part), "beyond this processor",
             std::string("supports ") + yarn::name_of(supported)});
    }
  }
}
#endif

} // namespace

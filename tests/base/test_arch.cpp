// SPDX-License-Identifier: MIT
// Checks the instruction set of this build. An AVX-512 build that is compiled for SSE2 by mistake
// would pass all tests and prove nothing about AVX-512.
#include <gtest/gtest.h>
#include <yarn/detail/simd/pack.hpp>

#include <cstdio>
#include <string>
#include <type_traits>

namespace {

std::string arch_name() {
#if defined(YARN_NO_XSIMD)
  static_assert(std::is_same_v<yarn::detail::default_arch, yarn::detail::scalar_arch>);
  return "scalar";
#else
  return yarn::detail::default_arch::name();
#endif
}

TEST(arch, equals_the_expected_instruction_set) {
  const std::string expected = YARN_TEST_EXPECTED_ARCH; // empty: any instruction set
  std::printf("instruction set: %s\n", arch_name().c_str());
  if (!expected.empty()) {
    EXPECT_EQ(arch_name(), expected);
  }
}

} // namespace

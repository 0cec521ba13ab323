// SPDX-License-Identifier: MIT
// Which instruction set the tests of this build speak for. A build that was meant for AVX-512 and
// came out as SSE2 would pass everything and prove nothing.
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

TEST(arch, is_the_expected_one) {
  const std::string expected = YARN_TEST_EXPECTED_ARCH; // empty: any
  std::printf("instruction set: %s\n", arch_name().c_str());
  if (!expected.empty()) {
    EXPECT_EQ(arch_name(), expected);
  }
}

} // namespace

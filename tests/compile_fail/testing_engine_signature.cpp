// SPDX-License-Identifier: MIT
// An engine is called with heads and a list of positions.
// expect: the engine is called as f\(heads_view, positions\)
#include <yarn/testing.hpp>

yarn::testing::report check(const yarn::testing::expectation& expected) {
#ifdef YARN_EXPECT_FAILURE
  const auto engine = [](yarn::heads_view<float>, int) {};
#else
  const auto engine = [](yarn::heads_view<float>, const std::vector<std::int32_t>&) {};
#endif
  return yarn::testing::check_rotation<float>(expected, engine);
}

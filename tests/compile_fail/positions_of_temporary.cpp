// SPDX-License-Identifier: MIT
// Positions of a temporary list would dangle.
// expect: temporary|deleted
#include <yarn/views.hpp>

#include <vector>

std::int64_t first(const std::vector<int>& list) {
#ifdef YARN_EXPECT_FAILURE
  return yarn::positions(std::vector<int>{list})[0];
#else
  return yarn::positions(list)[0];
#endif
}

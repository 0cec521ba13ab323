// SPDX-License-Identifier: MIT
// A list must be wrapped in yarn::positions, which shows that the call refers to the list.
// expect: yarn: rows_of\(source, positions\): the second argument is yarn::positions\(list\),
// errors: 1
#include <yarn/rope.hpp>

#include <vector>

void rotate(yarn::heads_view<float> q, const yarn::frequencies& frequencies,
            const std::vector<int>& list) {
#ifdef YARN_EXPECT_FAILURE
  yarn::rope_apply(q, yarn::rows_of(frequencies, list), yarn::pairing::half_split);
#else
  yarn::rope_apply(q, yarn::rows_of(frequencies, yarn::positions(list)), yarn::pairing::half_split);
#endif
}

// SPDX-License-Identifier: MIT
// There is no default pairing, because confusing the two pairings is a very common error.
// expect: no matching function
#include <yarn/rope.hpp>

void rotate(yarn::heads_view<float> q, yarn::heads_view<float> k,
            const yarn::frequencies& frequencies) {
#ifdef YARN_EXPECT_FAILURE
  yarn::rope_apply(q, k, yarn::rows_of(frequencies, yarn::positions_from(0)));
#else
  yarn::rope_apply(q, k, yarn::rows_of(frequencies, yarn::positions_from(0)),
                   yarn::pairing::half_split);
#endif
}

// SPDX-License-Identifier: MIT
// The order of the target has its own type, so the two pairings of rope_copy cannot be exchanged.
// expect: no matching function
#include <yarn/rope.hpp>

void rotate(yarn::heads_view<float> k, yarn::heads_view<float> cache,
            const yarn::rotary_rows<float>& rows) {
  const auto read = yarn::pairing::interleaved;
  const yarn::output_order written{yarn::pairing::half_split};
#ifdef YARN_EXPECT_FAILURE
  yarn::rope_copy(k, cache, rows, written, read);
#else
  yarn::rope_copy(k, cache, rows, read, written);
#endif
}

// SPDX-License-Identifier: MIT
// Rows belong to tokens and a table to positions: rows given with positions are a mistake.
// expect: no matching function
#include <yarn/rope.hpp>

void rotate(yarn::heads_view<float> q, yarn::positions positions,
            const yarn::rotary_rows<float>& rows, const yarn::rotary_table<float>& table) {
#ifdef YARN_EXPECT_FAILURE
  yarn::rope_apply(q, positions, rows, yarn::pairing::half_split);
#else
  yarn::rope_apply(q, rows, yarn::pairing::half_split);
  yarn::rope_apply(q, positions, table, yarn::pairing::half_split);
#endif
}

// SPDX-License-Identifier: MIT
// Rows belong to tokens, tables to positions. A table passed without positions is a mistake.
// expect: yarn: the rows of a call are rotary_rows, a rows_view, or rows_of
// errors: 1
#include <yarn/rope.hpp>

void rotate(yarn::heads_view<float> q, yarn::heads_view<float> k, yarn::positions positions,
            yarn::rows_view<float> rows, yarn::table_view<float> table) {
#ifdef YARN_EXPECT_FAILURE
  yarn::rope_apply(q, k, table, yarn::pairing::half_split);
#else
  yarn::rope_apply(q, k, rows, yarn::pairing::half_split);
  yarn::rope_apply(q, k, yarn::rows_of(table, positions), yarn::pairing::half_split);
#endif
}

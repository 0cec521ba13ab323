// SPDX-License-Identifier: MIT
// Rows belong to tokens, tables to positions. Rows passed together with positions are a mistake.
// expect: yarn: rows_of\(source, positions\): the source is frequencies, a rotary_table or a
// errors: 1
#include <yarn/rope.hpp>

void rotate(yarn::heads_view<float> q, yarn::positions positions,
            const yarn::rotary_rows<float>& rows, const yarn::rotary_table<float>& table) {
#ifdef YARN_EXPECT_FAILURE
  yarn::rope_apply(q, yarn::rows_of(rows, positions), yarn::pairing::half_split);
#else
  yarn::rope_apply(q, rows, yarn::pairing::half_split);
  yarn::rope_apply(q, yarn::rows_of(table, positions), yarn::pairing::half_split);
#endif
}

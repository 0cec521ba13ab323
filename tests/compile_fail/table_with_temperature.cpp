// SPDX-License-Identifier: MIT
// expect: The entries of a table are rounded already
#include <yarn/yarn.hpp>

void rotate(const yarn::heads_view<float>& q, const yarn::frequencies& f,
            const yarn::rotary_table<float>& table) {
#if defined(YARN_EXPECT_FAILURE)
  const auto& source = table;
#else
  static_cast<void>(table);
  const auto& source = f;
#endif
  yarn::rope_apply(q, yarn::rows_of(source, yarn::positions_from(0), yarn::llama4_temperature{}),
                   yarn::pairing::half_split);
}

// SPDX-License-Identifier: MIT
// expect: rows with a temperature are made from yarn::positions
#include <yarn/yarn.hpp>

void make(yarn::rotary_rows<float>& rows, const yarn::frequencies& f) {
#if defined(YARN_EXPECT_FAILURE)
  const std::int32_t ids[3] = {0, 0, 0};
  const yarn::axis_positions list(ids, 1, 3);
#else
  const yarn::positions list = yarn::positions_from(0, 1);
#endif
  rows.assign(f, list, yarn::llama4_temperature{});
}

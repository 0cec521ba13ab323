// SPDX-License-Identifier: MIT
// expect: a temperature is a type of yarn/temperature.hpp, or a callable
#include <yarn/yarn.hpp>

void make(yarn::rotary_rows<float>& rows, const yarn::frequencies& f) {
#if defined(YARN_EXPECT_FAILURE)
  rows.assign(f, yarn::positions_from(0, 1), 1.5);
#else
  rows.assign(f, yarn::positions_from(0, 1), [](std::int64_t) { return 1.5; });
#endif
}

// SPDX-License-Identifier: MIT
// with_strides returns a new view and does not change the old one, so ignoring the result is a
// mistake.
// expect: with_strides
// flags: -Werror=unused-result
#include <yarn/rope.hpp>

yarn::heads_view<float> strided(yarn::heads_view<float> q) {
#ifdef YARN_EXPECT_FAILURE
  q.with_strides(9, 9);
  return q;
#else
  return q.with_strides(9, 9);
#endif
}

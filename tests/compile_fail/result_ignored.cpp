// SPDX-License-Identifier: MIT
// Making something and dropping it is a mistake: with_strides changes nothing, it returns a view.
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

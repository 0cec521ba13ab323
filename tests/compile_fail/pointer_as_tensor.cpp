// SPDX-License-Identifier: MIT
// A tensor is a heads_view, or a type with tensor_traits.
// expect: yarn: a tensor of a call is a heads_view, or of a type for which
// errors: 1
#include <yarn/rope.hpp>

void rotate(float* q, const yarn::rotary_rows<float>& rows) {
#ifdef YARN_EXPECT_FAILURE
  yarn::rope_apply(q, rows, yarn::pairing::half_split);
#else
  yarn::rope_apply(yarn::heads_view{q, 1, 1, 8}, rows, yarn::pairing::half_split);
#endif
}

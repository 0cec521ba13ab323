// SPDX-License-Identifier: MIT
// normed takes a tensor, not a pointer.
// expect: yarn: normed takes a heads_view, or a type for which
#include <yarn/norm.hpp>

void rotate(float* q, const float* weight, const yarn::rotary_rows<float>& rows) {
  const yarn::rms_norm norm(weight, 1e-6);
#ifdef YARN_EXPECT_FAILURE
  yarn::rope_apply(yarn::normed(q, norm), rows, yarn::pairing::half_split);
#else
  yarn::rope_apply(yarn::normed(yarn::heads_view{q, 1, 1, 8}, norm), rows,
                   yarn::pairing::half_split);
#endif
}

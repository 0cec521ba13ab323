// SPDX-License-Identifier: MIT
// The weight of a norm has a known element format.
// expect: yarn: the weight of a norm has an unknown element type
#include <yarn/norm.hpp>

#ifdef YARN_EXPECT_FAILURE
using weight = int;
#else
using weight = float;
#endif
void rotate(yarn::heads_view<float> q, const weight* w, const yarn::rotary_rows<float>& rows) {
  yarn::rope_apply(yarn::normed(q, yarn::rms_norm<weight>(w, 1e-6)), rows,
                   yarn::pairing::half_split);
}

// SPDX-License-Identifier: MIT
// The softmax scale of dynamic YaRN depends on the current length, so the call needs the length.
// expect: yarn: this method depends on the current length
// errors: 1
#include <yarn/softmax_scale.hpp>

double make(const yarn::dynamic_yarn_scaling& method) {
#ifdef YARN_EXPECT_FAILURE
  return yarn::softmax_scale(192, method, yarn::softmax_convention::mscale_all_dim_squared);
#else
  return yarn::softmax_scale(192, method, yarn::softmax_convention::mscale_all_dim_squared, 40960);
#endif
}

// SPDX-License-Identifier: MIT
// any_scaling may hold a dynamic method, so make_frequencies needs the current length.
// expect: yarn: this method depends on the current length
#include <yarn/frequencies.hpp>

yarn::frequencies make(const yarn::rope_shape& shape) {
  const yarn::any_scaling method = yarn::linear_scaling{2.0};
#ifdef YARN_EXPECT_FAILURE
  return yarn::make_frequencies(shape, method);
#else
  return yarn::make_frequencies(shape, method, 8192);
#endif
}

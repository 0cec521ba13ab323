// SPDX-License-Identifier: MIT
// A method chosen at run time may be a dynamic one, so it always takes the current length.
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

// SPDX-License-Identifier: MIT
// A dynamic method needs the current length.
// expect: yarn: this method depends on the current length
#include <yarn/frequencies.hpp>

yarn::frequencies make(const yarn::rope_shape& shape) {
  yarn::dynamic_ntk_scaling method;
  method.factor = 2.0;
  method.max_position_embeddings = 4096;
#ifdef YARN_EXPECT_FAILURE
  return yarn::make_frequencies(shape, method);
#else
  return yarn::make_frequencies(shape, method, 8192);
#endif
}

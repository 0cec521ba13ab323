// SPDX-License-Identifier: MIT
// A type that is no scaling method is refused with one clear message, not pages of template errors.
// expect: yarn: a scaling method needs
#include <yarn/frequencies.hpp>

struct not_a_method {
  double factor = 2.0;
};

yarn::frequencies make(const yarn::rope_shape& shape) {
#ifdef YARN_EXPECT_FAILURE
  return yarn::make_frequencies(shape, not_a_method{});
#else
  return yarn::make_frequencies(shape, yarn::linear_scaling{2.0});
#endif
}

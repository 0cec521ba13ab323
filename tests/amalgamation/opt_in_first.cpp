// SPDX-License-Identifier: MIT
// The opt-in headers first: then the single header must leave out what came with them.
#include "../../include/yarn/dispatch.hpp"
#include "../../include/yarn/gguf.hpp"
#include "../../include/yarn/testing.hpp"

#include "yarn.hpp"

yarn::frequencies frequencies_of_the_other_source();

yarn::frequencies frequencies_of_the_other_source() {
  yarn::rope_shape shape;
  shape.head_dim = 64;
  shape.rope_theta = 10000.0;
  return yarn::make_frequencies(shape, yarn::default_scaling{});
}

// SPDX-License-Identifier: MIT
// Includes the opt-in headers first. The single header must then skip the headers that are already
// included.
#include "../../include/yarn/dispatch.hpp"
#include "../../include/yarn/gguf.hpp"
#include "../../include/yarn/prompt_positions.hpp"
#include "../../include/yarn/scaled_elements.hpp"
#include "../../include/yarn/testing.hpp"

#include "yarn.hpp"

yarn::frequencies frequencies_of_the_other_source();

yarn::frequencies frequencies_of_the_other_source() {
  yarn::rope_shape shape;
  shape.head_dim = 64;
  shape.rope_theta = 10000.0;
  return yarn::make_frequencies(shape, yarn::default_scaling{});
}

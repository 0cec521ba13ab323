// SPDX-License-Identifier: MIT
// The rotation that both sources of the umbrella tests do.
#ifndef YARN_TESTS_UMBRELLA_HPP
#define YARN_TESTS_UMBRELLA_HPP

#include <yarn/yarn.hpp>

struct rotated {
  float first;
  float second;
};

// The function is static, not inline, so that each source instantiates the library itself.
static inline rotated rotate_one_pair(float x0, float x1, int position) {
  yarn::rope_shape shape;
  shape.head_dim = 2;
  shape.rope_theta = 10000.0;
  const yarn::frequencies frequencies = yarn::make_frequencies(shape, yarn::default_scaling{});
  float head[2] = {x0, x1};
  yarn::rope_apply(yarn::heads_view{head, 1, 1, 2},
                   yarn::rows_of(frequencies, yarn::positions_from(position)),
                   yarn::pairing::interleaved);
  return {head[0], head[1]};
}

rotated rotate_in_the_other_source(float x0, float x1, int position);

#endif

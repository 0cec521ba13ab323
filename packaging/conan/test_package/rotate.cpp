// SPDX-License-Identifier: MIT
// The package rotates: (1, 0) by one radian is (cos 1, sin 1).
#include <yarn/yarn.hpp>

#include <cmath>

int main() {
  yarn::rope_shape shape;
  shape.head_dim = 2;
  shape.rope_theta = 10000.0;
  float head[2] = {1.0F, 0.0F};
  yarn::rope_apply(yarn::heads_view{head, 1, 1, 2},
                   yarn::rows_of(yarn::make_frequencies(shape, yarn::default_scaling{}),
                                 yarn::positions_from(1)),
                   yarn::pairing::interleaved);
  return std::fabs(head[0] - 0.540302F) < 1e-6F && std::fabs(head[1] - 0.841471F) < 1e-6F ? 0 : 1;
}

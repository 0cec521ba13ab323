// SPDX-License-Identifier: MIT
#include <yarn/yarn.hpp>

#include "mixed.hpp"

yarn::frequencies frequencies_by_include() {
  yarn::rope_shape shape;
  shape.head_dim = 64;
  shape.rope_theta = 10000.0;
  return yarn::make_frequencies(shape, yarn::linear_scaling{4.0});
}

void rotate_by_include(yarn::heads_view<float> x, const yarn::frequencies& freqs) {
  yarn::rope_apply(x, yarn::rows_of(freqs, yarn::positions_from(7)), yarn::pairing::interleaved);
}

const void* on_error_by_include() { return &yarn::on_error; }

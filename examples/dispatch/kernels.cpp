// SPDX-License-Identifier: MIT
// The rotation of the engine. yarn_add_dispatch compiles this file once for each instruction set;
// each result is a part. The file uses no containers and no algorithms of the standard library,
// because the linker would share their functions between parts with different flags.
#include "kernels.hpp"

#include <yarn/yarn.hpp>

namespace { // anonymous, because parts must not share functions

constexpr yarn::pairing order = yarn::pairing::half_split;

struct part_rope : engine::rope {
  yarn::frequencies freqs;
  yarn::rotary_rows<float> rows;
};

engine::rope* make(const engine::rope_parameters& parameters) {
  yarn::rope_shape shape;
  shape.head_dim = parameters.head_dim;
  shape.rope_theta = parameters.rope_theta;
  yarn::yarn_scaling method;
  method.factor = parameters.factor;
  method.original_max_position_embeddings = parameters.original_max_position_embeddings;
  return new part_rope{{}, yarn::make_frequencies(shape, method), {}};
}

void free(engine::rope* rope) { delete static_cast<part_rope*>(rope); }

void begin_step(engine::rope& rope, const yarn::positions& positions) {
  auto& self = static_cast<part_rope&>(rope);
  self.rows.assign(self.freqs, positions);
}

void check(const engine::rope& rope, const yarn::heads_view<float>& q,
           const yarn::heads_view<float>& k) {
  yarn::rope_check(q, k, static_cast<const part_rope&>(rope).rows, order);
}

void rotate(const engine::rope& rope, const yarn::heads_view<float>& q,
            const yarn::heads_view<float>& k, yarn::thread_slice slice) {
  yarn::rope_apply_unchecked(q, k, static_cast<const part_rope&>(rope).rows, order, slice);
}

} // namespace

YARN_DISPATCH_PART(engine::rope_kernels, &make, &free, &begin_step, &check, &rotate)

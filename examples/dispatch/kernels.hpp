// SPDX-License-Identifier: MIT
// What the engine knows of its rotation. Included everywhere: no xsimd, no instruction set.
#ifndef YARN_EXAMPLES_DISPATCH_KERNELS_HPP
#define YARN_EXAMPLES_DISPATCH_KERNELS_HPP

#include <yarn/dispatch.hpp>

#include <cstdint>

namespace engine {

/// The model's numbers. Plain data, for yarn's own shapes and methods must not leave a part.
struct rope_parameters {
  std::int64_t head_dim;
  double rope_theta;
  double factor;
  std::int64_t original_max_position_embeddings;
};

/// Frequencies, and the rows of the current step. A part makes, uses and frees its own.
struct rope {};

// [kernels]
struct rope_kernels {
  rope* (*make)(const rope_parameters&);
  void (*free)(rope*);
  /// Rows for the tokens of this step.
  void (*begin_step)(rope&, const yarn::positions&);
  /// Throws where `rotate` with the same tensors would not be defined.
  void (*check)(const rope&, const yarn::heads_view<float>& q, const yarn::heads_view<float>& k);
  /// Once a layer, on each thread with a slice of its own.
  void (*rotate)(const rope&, const yarn::heads_view<float>& q, const yarn::heads_view<float>& k,
                 yarn::slice part);
};
// [/kernels]

} // namespace engine

YARN_DISPATCH_DECLARE(engine::rope_kernels)

#endif

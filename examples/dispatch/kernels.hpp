// SPDX-License-Identifier: MIT
// The interface between the engine and its rotation. Every source may include this header, because
// it needs no xsimd and does not depend on the instruction set.
#ifndef YARN_EXAMPLES_DISPATCH_KERNELS_HPP
#define YARN_EXAMPLES_DISPATCH_KERNELS_HPP

#include <yarn/dispatch.hpp>

#include <cstdint>

namespace engine {

/// The numbers of the model, as plain data: rope_shape and methods must not be passed to a part.
struct rope_parameters {
  std::int64_t head_dim;
  double rope_theta;
  double factor;
  std::int64_t original_max_position_embeddings;
};

/// The base of the object with the frequencies and the rows of the current step. Each part makes,
/// uses and frees its own object.
struct rope {};

// [kernels]
struct rope_kernels {
  rope* (*make)(const rope_parameters&);
  void (*free)(rope*);
  /// Rows for the tokens of this step.
  void (*begin_step)(rope&, const yarn::positions&);
  /// Throws if `rotate` must not be called with these tensors.
  void (*check)(const rope&, const yarn::heads_view<float>& q, const yarn::heads_view<float>& k);
  /// Called once per layer on each thread, with the slice of the thread.
  void (*rotate)(const rope&, const yarn::heads_view<float>& q, const yarn::heads_view<float>& k,
                 yarn::thread_slice slice);
};
// [/kernels]

} // namespace engine

YARN_DISPATCH_DECLARE(engine::rope_kernels)

#endif

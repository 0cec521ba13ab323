// SPDX-License-Identifier: MIT
// An engine that builds a ggml graph: ggml's own node in each layer, and ours.
#ifndef YARN_EXAMPLES_MOVING_GGML_GRAPH_HPP
#define YARN_EXAMPLES_MOVING_GGML_GRAPH_HPP

#include "model.hpp"

#include <ggml.h>
#include <yarn/ggml.hpp>

#include <vector>

namespace moving::ggml_graph {

/// x[head_dim, n_heads, n_tokens] of each layer. In a model, the layers compute them.
using layers = std::vector<ggml_tensor*>;

namespace before {

/// Replaces each x by the node that rotates it.
inline void rotate(ggml_context* ctx, layers& all, ggml_tensor* positions, const model& m,
                   int mode) {
  const auto n_dims = static_cast<int>(m.rotary_dim);
  const auto n_ctx_orig = static_cast<int>(m.original_length);
  const auto freq_base = static_cast<float>(m.rope_theta);
  const auto freq_scale = static_cast<float>(1 / m.factor);
  for (ggml_tensor*& x : all)
    x = ggml_rope_ext(ctx, x, positions, nullptr, n_dims, mode, n_ctx_orig, freq_base, freq_scale,
                      /* ext_factor */ 1.0F, /* attn_factor */ 1.0F,
                      /* beta_fast */ 32.0F, /* beta_slow */ 1.0F);
}

} // namespace before

namespace after {

/// freqs must outlive the graph.
inline void rotate(ggml_context* ctx, layers& all, ggml_tensor* positions,
                   const yarn::frequencies& freqs, int mode) {
  ggml_tensor* const rows = yarn::rope_rows_node(ctx, positions, freqs); // once per graph
  for (ggml_tensor*& x : all)
    x = yarn::rope_inplace_node(ctx, x, rows, yarn::pairing_from_mode(mode));
}

} // namespace after

} // namespace moving::ggml_graph

#endif // YARN_EXAMPLES_MOVING_GGML_GRAPH_HPP

// SPDX-License-Identifier: MIT
// GGML_OP_ROPE and GGML_OP_ROPE_BACK: which nodes the library can compute, and their computation.
#ifndef YARN_EXAMPLES_GGML_BACKEND_ROPE_NODE_HPP
#define YARN_EXAMPLES_GGML_BACKEND_ROPE_NODE_HPP

#include "rows_cache.hpp"

#include <cstddef>

namespace ggml_yarn {

/// Computes nodes with up to n_threads threads.
class rope_node {
public:
  rope_node(const ggml_tensor* node, const yarn::rotary_rows<float>& rows, int n_threads)
      : node_(node), x_(node->src[0]), rows_(rows.view()), n_offs_(node->op_params[15]),
        pairing_(yarn::pairing_from_mode(node->op_params[2])),
        n_threads_(threads_for(node, n_threads)) {}

  /// Errors   Those of rope_apply and rope_copy.
  void compute() const {
    if (node_->type == GGML_TYPE_F32)
      compute_as<float>();
    else
      compute_as<yarn::float16>();
  }

private:
  // The heads of a sequence, from the first rotated element on.
  template <class T> yarn::heads_view<T> heads(const ggml_tensor* x, std::int64_t s) const {
    const auto stride = [&](int i) { return static_cast<std::int64_t>(x->nb[i] / sizeof(T)); };
    return yarn::heads_view<T>(static_cast<T*>(x->data) + s * stride(3) + n_offs_, x->ne[2],
                               x->ne[1], x->ne[0] - n_offs_)
        .with_strides(stride(2), stride(1));
  }

  template <class T> void compute_as() const {
    for (std::int64_t s = 0; s < node_->ne[3]; ++s) {
      const yarn::heads_view<T> target = heads<T>(node_, s);
      // ggml computes in place if it can, also for nodes that were not made as in-place nodes.
      if (x_->data == node_->data) {
        yarn::rope_check(target, rows_, pairing_);
        fork([&](yarn::thread_slice slice) {
          yarn::rope_apply_unchecked(target, rows_, pairing_, slice);
        });
        continue;
      }
      const yarn::heads_view<const T> source = heads<const T>(x_, s);
      yarn::rope_copy_check(source, target, rows_, pairing_);
      fork([&](yarn::thread_slice slice) {
        yarn::rope_copy_unchecked(source, target, rows_, pairing_, slice);
      });
      copy_elements_before(source, target);
    }
  }

  template <class T>
  void copy_elements_before(const yarn::heads_view<const T>& source,
                            const yarn::heads_view<T>& target) const {
    for (std::int64_t t = 0; n_offs_ > 0 && t < source.n_tokens(); ++t)
      for (std::int64_t h = 0; h < source.n_heads(); ++h)
        std::memcpy(target.data() + t * target.token_stride() + h * target.head_stride() - n_offs_,
                    source.data() + t * source.token_stride() + h * source.head_stride() - n_offs_,
                    static_cast<std::size_t>(n_offs_) * sizeof(T));
  }

  // OpenMP, because the CPU backend of ggml uses it too: both share the threads of one pool.
  template <class Call> void fork(const Call& call) const {
#ifdef _OPENMP
    if (n_threads_ > 1) {
#pragma omp parallel for num_threads(n_threads_) schedule(static)
      for (int i = 0; i < n_threads_; ++i)
        call(yarn::thread_slice{i, n_threads_});
      return;
    }
#endif
    call(yarn::thread_slice{});
  }

  // Starting the threads takes some µs. A thread rotates bytes_per_thread in about as much time.
  static int threads_for(const ggml_tensor* node, int n_threads) {
    constexpr std::size_t bytes_per_thread = 128 * 1024;
    const std::size_t n = ggml_nbytes(node) / bytes_per_thread;
    return std::max(
        1, static_cast<int>(std::min<std::size_t>(
               {n, static_cast<std::size_t>(n_threads), static_cast<std::size_t>(node->ne[2])})));
  }

  const ggml_tensor* node_;
  const ggml_tensor* x_;
  yarn::rows_view<float> rows_;
  std::int64_t n_offs_;
  yarn::pairing pairing_;
  int n_threads_;
};

/// Whether rope_node computes this node. The data of the node may be missing. The caller checks
/// that the buffers are in host memory.
inline bool is_supported_rope(const ggml_tensor* node, rope_frequencies& all) {
  const ggml_tensor* const x = node->src[0];
  const ggml_tensor* const ids = node->src[1];
  const auto element = static_cast<std::size_t>(ggml_type_size(node->type));
  if ((node->type != GGML_TYPE_F32 && node->type != GGML_TYPE_F16) || x->type != node->type ||
      ids->type != GGML_TYPE_I32 || !ggml_is_contiguous(ids) || ids->ne[0] != ggml_nelements(ids))
    return false;
  for (const ggml_tensor* const t : {node, x}) {
    if (t->nb[0] != element)
      return false;
    for (const std::size_t stride : t->nb)
      if (stride % element != 0)
        return false;
  }
  try {
    yarn::ggml_rope_parameters p = yarn::rope_parameters_from(node);
    // The factors have no data yet. Without them, `find` would not reject VISION with factors.
    if (node->src[2] != nullptr && p.mode == GGML_ROPE_TYPE_VISION)
      return false;
    p.freq_factors = nullptr;
    const frequencies_ptr freqs = all.find(node, p);
    const bool has_axes = p.mode != GGML_ROPE_TYPE_NORMAL && p.mode != GGML_ROPE_TYPE_NEOX;
    return freqs != nullptr && p.n_offs >= 0 && p.n_offs + 2 * freqs->n_pairs() <= node->ne[0] &&
           ids->ne[0] == (has_axes ? GGML_MROPE_SECTIONS : 1) * node->ne[2];
  } catch (const std::exception&) {
    return false;
  }
}

} // namespace ggml_yarn

#endif // YARN_EXAMPLES_GGML_BACKEND_ROPE_NODE_HPP

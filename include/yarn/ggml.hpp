// SPDX-License-Identifier: MIT
// ggml: its tensors as views, our rotation as nodes of its graphs, its GGUF files for
// gguf_config_from. Opt-in; needs ggml's headers and libraries (0.27 is what the tests run).
//
//     ggml_tensor* rows = yarn::rope_rows_node(ctx, positions, freqs);   // once a graph
//     for (every layer) {
//       q = yarn::rope_inplace_node(ctx, q, rows, yarn::pairing::half_split);
//       k = yarn::rope_inplace_node(ctx, k, rows, yarn::pairing::half_split);
//     }
//
// The nodes are ggml's custom operators: they run on the processor, in as many threads as the graph
// does, and give the same bits with any number of them. Everything is checked when a node is built,
// and nothing when it is computed, for an exception cannot pass through ggml's threads.
#ifndef YARN_GGML_HPP
#define YARN_GGML_HPP

#include "rope.hpp"

#include <ggml-backend.h>
#include <ggml.h>
#include <gguf.h>

#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {

/// The heads of a tensor [head_dim, n_heads, n_tokens] (ggml's order: the fastest first), as it
/// lies: views and permuted tensors keep their strides.
/// Types    T is float for f32, double for f64, a 16-bit format of types.hpp for f16 and bf16.
/// Errors   std::invalid_argument naming the tensor: another type, elements of a head apart,
///          strides that are no multiple of the element, no memory yet or none that the processor
///          reads, a fourth dimension (then name the sequence).
template <class T> heads_view<T> heads_from(const ggml_tensor* x);
/// The same of one sequence of [head_dim, n_heads, n_tokens, n_sequences].
template <class T, class Integer> heads_view<T> heads_from(const ggml_tensor* x, Integer sequence);

/// What ggml calls a mode: NEOX is half_split, NORMAL is interleaved.
/// Errors   std::invalid_argument for M-RoPE, vision and unknown modes, which have several
///          positions a token.
inline pairing pairing_from_mode(int mode);

/// A node that makes the rows of a graph's tokens: f32 [2 * n_pairs, n_tokens].
/// Shape    positions is i32 [n_tokens], contiguous, as for ggml_rope_ext.
/// Requires freqs alive and unchanged whenever the graph is computed; a dynamic method's are
///          changed between two computations, by assigning to them.
/// Errors   std::invalid_argument, here; computing the graph has none.
inline ggml_tensor* rope_rows_node(ggml_context* context, ggml_tensor* positions,
                                   const frequencies& freqs);
ggml_tensor* rope_rows_node(ggml_context*, ggml_tensor*, const frequencies&&) = delete; // dangles

/// Rows into a tensor of the caller's, an input of a graph instead of a node: positions of any
/// kind.
/// Shape    rows is f32 [2 * n_pairs, n_tokens], in memory that the processor reads.
/// Errors   std::invalid_argument, std::out_of_range, as fill_rows; nothing is written then.
inline void fill_rope_rows(ggml_tensor* rows, const frequencies& freqs, const positions& list);

/// A node that rotates x in place by rows, and is x rotated: what ggml_rope_ext_inplace is, for
/// rows that all layers share.
/// Shape    x is f32, f16 or bf16 [head_dim, n_heads, n_tokens, n_sequences], any strides, head_dim
///          >= 2 * n_pairs; rows from rope_rows_node or fill_rope_rows, one a token. Elements
///          behind 2 * n_pairs stay, and sequences have the same positions, as with ggml_rope_ext.
/// Error    as rope_apply.
/// Errors   std::invalid_argument, here; computing the graph has none.
inline ggml_tensor* rope_inplace_node(ggml_context* context, ggml_tensor* x, ggml_tensor* rows,
                                      pairing p);

/// A GGUF file read by ggml, for gguf_config_from. `tensors` is the context that
/// gguf_init_from_file has made for gguf_init_params.ctx; it may be null for files without
/// frequency factors. Both must outlive the reader.
/// Errors   std::invalid_argument: a factor tensor whose data is not loaded (no_alloc), or which is
///          neither f32 nor f16.
class ggml_gguf_reader {
public:
  explicit ggml_gguf_reader(const gguf_context* file, ggml_context* tensors = nullptr);

  std::optional<double> number(const std::string& key) const;
  std::optional<std::vector<double>> numbers(const std::string& key) const;
  std::optional<std::string> text(const std::string& key) const;
  std::vector<std::string> keys() const;
  std::optional<std::vector<float>> tensor(const std::string& name) const;

private:
  const gguf_context* file_;
  ggml_context* tensors_;
};

} // namespace YARN_ABI
} // namespace yarn

#include "detail/adapters/ggml.hpp"

#endif

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

#include "detail/adapters/ggml.hpp"

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
template <class T> heads_view<T> heads_from(const ggml_tensor* x) {
  detail::check_not_null("ggml tensor", x);
  if (x->ne[3] != 1)
    detail::fail_argument(
        "yarn: ggml tensor {} has ne[3] = {} sequences; heads_from(x, sequence) is one",
        detail::name_of(x), x->ne[3]);
  return detail::heads_at<T>(x, 0, detail::host_data_of(x));
}
/// The same of one sequence of [head_dim, n_heads, n_tokens, n_sequences].
template <class T, class Integer> heads_view<T> heads_from(const ggml_tensor* x, Integer sequence) {
  detail::check_not_null("ggml tensor", x);
  const std::int64_t s = detail::to_index(sequence, "sequence");
  if (s < 0 || s >= x->ne[3])
    detail::fail_range("yarn: ggml tensor {}: sequence = {} must be in [0, ne[3] = {})",
                       detail::name_of(x), s, x->ne[3]);
  return detail::heads_at<T>(x, s, detail::host_data_of(x));
}

/// What ggml calls a mode: NEOX is half_split, NORMAL is interleaved.
/// Errors   std::invalid_argument for M-RoPE, vision and unknown modes, which have several
///          positions a token.
inline pairing pairing_from_mode(int mode) {
  if (mode != GGML_ROPE_TYPE_NEOX && mode != GGML_ROPE_TYPE_NORMAL)
    detail::fail_argument("yarn: ggml's rope mode = {} must be GGML_ROPE_TYPE_NORMAL = 0 or "
                          "GGML_ROPE_TYPE_NEOX = 2",
                          mode);
  return mode == GGML_ROPE_TYPE_NEOX ? pairing::half_split : pairing::interleaved;
}

/// A node that makes the rows of a graph's tokens: f32 [2 * n_pairs, n_tokens].
/// Shape    positions is i32 [n_tokens], contiguous, as for ggml_rope_ext.
/// Requires freqs alive and unchanged whenever the graph is computed; a dynamic method's are
///          changed between two computations, by assigning to them.
/// Errors   std::invalid_argument, here; computing the graph has none.
inline ggml_tensor* rope_rows_node(ggml_context* context, ggml_tensor* positions,
                                   const frequencies& freqs) {
  detail::check_not_null("context", context);
  detail::check_rope_positions(positions);
  detail::check_frequencies(freqs);
  return ggml_custom_4d(context, GGML_TYPE_F32, 2 * freqs.n_pairs(), positions->ne[0], 1, 1,
                        &positions, 1, detail::compute_rope_rows, GGML_N_TASKS_MAX,
                        const_cast<frequencies*>(&freqs));
}
ggml_tensor* rope_rows_node(ggml_context*, ggml_tensor*, const frequencies&&) = delete; // dangles

/// Rows into a tensor of the caller's, an input of a graph instead of a node: positions of any
/// kind.
/// Shape    rows is f32 [2 * n_pairs, n_tokens], in memory that the processor reads.
/// Errors   std::invalid_argument, std::out_of_range, as fill_rows; nothing is written then.
inline void fill_rope_rows(ggml_tensor* rows, const frequencies& freqs, const positions& list) {
  detail::check_rope_rows(rows);
  if (rows->ne[0] != 2 * freqs.n_pairs())
    detail::fail_argument("yarn: ggml tensor {}: ne[0] = {} must be 2 * n_pairs = {}",
                          detail::name_of(rows), rows->ne[0], 2 * freqs.n_pairs());
  if (list.size() != rows->ne[1])
    detail::fail_argument("yarn: positions.size = {} must be n_tokens = {}", list.size(),
                          rows->ne[1]);
  float* const cos = static_cast<float*>(detail::host_data_of(rows));
  fill_rows(freqs, list, cos, cos + freqs.n_pairs(), detail::elements_of<float>(rows, 1));
}

/// A node that rotates x in place by rows, and is x rotated: what ggml_rope_ext_inplace is, for
/// rows that all layers share.
/// Shape    x is f32, f16 or bf16 [head_dim, n_heads, n_tokens, n_sequences], any strides, head_dim
///          >= 2 * n_pairs; rows from rope_rows_node or fill_rope_rows, one a token. Elements
///          behind 2 * n_pairs stay, and sequences have the same positions, as with ggml_rope_ext.
/// Error    as rope_apply.
/// Errors   std::invalid_argument, here; computing the graph has none.
inline ggml_tensor* rope_inplace_node(ggml_context* context, ggml_tensor* x, ggml_tensor* rows,
                                      pairing p) {
  detail::check_not_null("context", context);
  detail::check_not_null("x", x);
  detail::check_rope_rows(rows);
  if (x->type == GGML_TYPE_F32)
    return detail::make_rope_node<float>(context, x, rows, p);
  if (x->type == GGML_TYPE_F16)
    return detail::make_rope_node<float16>(context, x, rows, p);
  if (x->type == GGML_TYPE_BF16)
    return detail::make_rope_node<bfloat16>(context, x, rows, p);
  detail::fail_argument("yarn: ggml tensor {} holds {}; f32, f16 and bf16 can be rotated",
                        detail::name_of(x), ggml_type_name(x->type));
}

/// A GGUF file read by ggml, for gguf_config_from. `tensors` is the context that
/// gguf_init_from_file has made for gguf_init_params.ctx; it may be null for files without
/// frequency factors. Both must outlive the reader.
/// Errors   std::invalid_argument: a factor tensor whose data is not loaded (no_alloc), or which is
///          neither f32 nor f16.
class ggml_gguf_reader {
public:
  explicit ggml_gguf_reader(const gguf_context* file, ggml_context* tensors = nullptr)
      : file_(file), tensors_(tensors) {
    detail::check_not_null("gguf_context", file);
  }

  std::optional<double> number(const std::string& key) const {
    const std::int64_t id = gguf_find_key(file_, key.c_str());
    const auto read = id < 0 ? nullptr : detail::gguf_numbers[gguf_get_kv_type(file_, id)];
    if (read == nullptr)
      return std::nullopt;
    return read(gguf_get_val_data(file_, id), 0);
  }
  std::optional<std::vector<double>> numbers(const std::string& key) const {
    const std::int64_t id = gguf_find_key(file_, key.c_str());
    const bool is_array = id >= 0 && gguf_get_kv_type(file_, id) == GGUF_TYPE_ARRAY;
    const auto read = is_array ? detail::gguf_numbers[gguf_get_arr_type(file_, id)] : nullptr;
    if (read == nullptr)
      return std::nullopt;
    std::vector<double> values(gguf_get_arr_n(file_, id));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = read(gguf_get_arr_data(file_, id), i);
    return values;
  }
  std::optional<std::string> text(const std::string& key) const {
    const std::int64_t id = gguf_find_key(file_, key.c_str());
    if (id < 0 || gguf_get_kv_type(file_, id) != GGUF_TYPE_STRING)
      return std::nullopt;
    return gguf_get_val_str(file_, id);
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> all;
    for (std::int64_t id = 0; id < gguf_get_n_kv(file_); ++id)
      all.emplace_back(gguf_get_key(file_, id));
    return all;
  }
  std::optional<std::vector<float>> tensor(const std::string& name) const {
    if (gguf_find_tensor(file_, name.c_str()) < 0)
      return std::nullopt;
    return detail::gguf_factors(
        name, tensors_ == nullptr ? nullptr : ggml_get_tensor(tensors_, name.c_str()));
  }

private:
  const gguf_context* file_;
  ggml_context* tensors_;
};

} // namespace YARN_ABI
} // namespace yarn

#endif

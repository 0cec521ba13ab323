// SPDX-License-Identifier: MIT
// For ggml: views of ggml tensors, nodes that rotate in ggml graphs, and a reader of GGUF files for
// gguf_config_from. Opt-in; needs the headers and libraries of ggml (tested with 0.27).
//
//     ggml_tensor* rows = yarn::rope_rows_node(ctx, positions, freqs);   // once per graph
//     for (every layer) {
//       q = yarn::rope_inplace_node(ctx, q, rows, yarn::pairing::half_split);
//       k = yarn::rope_inplace_node(ctx, k, rows, yarn::pairing::half_split);
//     }
//
// The nodes are custom operators of ggml. They run on the CPU, in the threads of the graph, and
// give the same bits with any number of threads. All checks are made when a node is built. There
// are no checks when the graph is computed, because exceptions cannot pass through the threads of
// ggml.
//
// In place of ggml_rope_multi (M-RoPE, vision towers), give the pairs the axes of ggml's mode, and
// pass the number of tokens with the positions:
//
//     auto freqs = yarn::with_axes_of_mode(text, GGML_ROPE_TYPE_MROPE, sections);
//     ggml_tensor* rows = yarn::rope_rows_node(ctx, positions, freqs, n_tokens);
#ifndef YARN_GGML_HPP
#define YARN_GGML_HPP

#include "detail/adapters/ggml.hpp"

#include <optional>
#include <string>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {

/// The heads of a tensor. Views and permuted tensors keep their strides.
/// Shape    [head_dim, n_heads, n_tokens] in the order of ggml, which names the fastest dimension
///          first.
/// Types    T: float for f32, double for f64, a 16-bit format of types.hpp for f16 and bf16.
/// Errors   std::invalid_argument, with the name of the tensor: another type; the elements of a
///          head are not contiguous; a stride is not a multiple of the element size; no memory, or
///          memory that the CPU cannot read; several sequences (use the overload below).
template <class T> heads_view<T> heads_from(const ggml_tensor* x) {
  detail::check_not_null("ggml tensor", x);
  if (x->ne[3] != 1)
    detail::fail_argument("yarn: ggml tensor {} has ne[3] = {} sequences; heads_from(x, sequence) "
                          "returns one of them",
                          detail::name_of(x), x->ne[3]);
  return detail::heads_at<T>(x, 0, detail::host_data_of(x));
}
/// The heads of one sequence of a tensor [head_dim, n_heads, n_tokens, n_sequences].
/// Errors   Those of the overload above, and std::out_of_range: the sequence does not exist.
template <class T, class Integer> heads_view<T> heads_from(const ggml_tensor* x, Integer sequence) {
  detail::check_not_null("ggml tensor", x);
  const std::int64_t s = detail::to_index(sequence, "sequence");
  if (s < 0 || s >= x->ne[3])
    detail::fail_range("yarn: ggml tensor {}: sequence = {} must be in [0, ne[3] = {})",
                       detail::name_of(x), s, x->ne[3]);
  return detail::heads_at<T>(x, s, detail::host_data_of(x));
}

/// The pairing of a mode of ggml: NORMAL is interleaved. NEOX, MROPE, IMROPE and VISION are
/// half_split.
/// Errors   std::invalid_argument: an unknown mode.
inline pairing pairing_from_mode(int mode) {
  if (mode != GGML_ROPE_TYPE_NORMAL && mode != GGML_ROPE_TYPE_NEOX && !detail::has_axes(mode))
    detail::fail_argument(
        "yarn: ggml's rope mode = {} must be GGML_ROPE_TYPE_NORMAL = 0, NEOX = 2, "
        "MROPE = 8, VISION = 24 or IMROPE = 40",
        mode);
  return mode == GGML_ROPE_TYPE_NORMAL ? pairing::interleaved : pairing::half_split;
}

/// The same frequencies with the axes that ggml_rope_multi gives the pairs. The result has four
/// axes, because ggml has four positions per token. The axes that f has are replaced.
///
///     MROPE   the first sections[0] pairs have axis 0, the next sections[1] pairs have axis 1, ...
///     IMROPE  pair i has axis a = i mod 3 if i < 3 * sections[a], and axis 3 otherwise
///     VISION  the pairs of f twice: first with axis 0, then with axis 1
///
/// If the sum of the sections is smaller than the number of pairs, MROPE and IMROPE start again
/// from the first section, as ggml does. For VISION, f has the n_dims / 2 frequencies of one
/// section, where n_dims is the argument of ggml_rope_multi. The head has four times as many
/// elements as f has pairs.
///
/// IMROPE and interleaved_sections (axes.hpp, as in Hugging Face) differ for the last pairs. In
/// Qwen3-VL (64 pairs, sections 24, 20, 20 and 0), pairs 61 and 62 have axis 3 in ggml and axis 0
/// in Hugging Face. The position of text on axis 3 is 0 in llama.cpp.
/// Shape    sections[4], as for ggml_rope_multi. They count pairs. VISION: sections[0] and
///          sections[1] are f.n_pairs(), and the others are not read.
/// Errors   std::invalid_argument: another mode; sections is null; a section is negative. MROPE and
///          IMROPE: the first three sections are 0, or the sum is larger than f.n_pairs(). VISION:
///          other sections, or frequencies with a ramp (YaRN), because the ramp of ggml does not
///          start again with the second section.
[[nodiscard]] inline frequencies with_axes_of_mode(const frequencies& f, int mode,
                                                   const int* sections) {
  return detail::with_axes_of_mode(f, mode, sections);
}

/// The arguments of ggml_rope_ext and ggml_rope_multi, under their names.
struct ggml_rope_parameters {
  int n_dims = 0; ///< no default
  int mode = GGML_ROPE_TYPE_NORMAL;
  int sections[GGML_MROPE_SECTIONS] = {}; ///< not read for NORMAL and NEOX
  int n_ctx_orig = 0;                     ///< not read if ext_factor is 0
  float freq_base = 0.0F;                 ///< no default
  float freq_scale = 1.0F;
  float ext_factor = 0.0F;
  float attn_factor = 1.0F;
  float beta_fast = 32.0F;             ///< not read if ext_factor is 0
  float beta_slow = 1.0F;              ///< not read if ext_factor is 0
  const float* freq_factors = nullptr; ///< n_dims / 2 divisors of the frequencies, or null: all 1
  int n_offs = 0;                      ///< the first element that is rotated (ggml_rope_set_offset)
};

/// The arguments with which a node GGML_OP_ROPE or GGML_OP_ROPE_BACK was made. freq_factors points
/// to the data of node->src[2], which is null until the data is loaded.
/// Errors   std::invalid_argument: another node; freq_factors are not f32, or are fewer than
///          n_dims / 2.
[[nodiscard]] inline ggml_rope_parameters rope_parameters_from(const ggml_tensor* node) {
  return detail::rope_parameters_from<ggml_rope_parameters>(node);
}

/// The frequencies with which ggml rotates, with the axes of the mode. Their attention factor is
/// the factor with which ggml multiplies cos and sin: attn_factor, times 1 - 0.1 ln(freq_scale) if
/// ext_factor is not 0. A node GGML_OP_ROPE_BACK rotates by the `adjoint` of these frequencies.
/// freq_factors are copied, n_offs is not read.
/// Errors   std::invalid_argument: a field is out of range (the message may have the name of the
///          field of rope_shape or yarn_scaling that gets the number); an unknown mode; those of
///          with_axes_of_mode, except that the sum of the sections may be larger than the number of
///          pairs; VISION with freq_factors (ggml requires n_dims / 2 of them, but reads n_dims).
/// Accuracy As for every method. ggml computes the same formula in float.
[[nodiscard]] inline frequencies make_frequencies(const ggml_rope_parameters& p) {
  static_cast<void>(pairing_from_mode(p.mode)); // knows all modes
  return detail::frequencies_of_rope(p);
}

/// A node that makes the rows of the tokens of a graph. If freqs has several axes, each token has
/// the same position on all of them.
/// Shape    positions: i32 [n_tokens], contiguous, as for ggml_rope_ext. Result: f32 [2 * n_pairs,
///          n_tokens].
/// Requires freqs must outlive the graph and must not change while the graph is computed. For a
///          dynamic method, assign new frequencies between two computations.
/// Errors   std::invalid_argument: positions of another type or shape, frequencies without pairs.
///          The computation of the graph has no errors.
inline ggml_tensor* rope_rows_node(ggml_context* context, ggml_tensor* positions,
                                   const frequencies& freqs) {
  detail::check_rope_positions(positions);
  return detail::make_rows_node(context, positions, freqs, positions->ne[0]);
}
ggml_tensor* rope_rows_node(ggml_context*, ggml_tensor*, const frequencies&&) = delete; // dangles

/// The same for the positions of ggml_rope_multi, with four axes.
/// Shape    positions: i32 [4 * n_tokens], contiguous, all positions on axis 0 first; or
///          [n_tokens], if each token has the same position on all axes. Result: f32 [2 * n_pairs,
///          n_tokens].
/// Requires What the function above requires.
/// Errors   Those above, and std::invalid_argument: the number of positions is neither n_tokens nor
///          4 * n_tokens; there are four axes of positions, and freqs has one axis or more than 4.
template <class Integer>
ggml_tensor* rope_rows_node(ggml_context* context, ggml_tensor* positions, const frequencies& freqs,
                            Integer n_tokens) {
  const std::int64_t n = detail::to_index(n_tokens, "n_tokens");
  detail::check_rope_positions(positions);
  detail::check_rope_axes(positions, freqs, n);
  return detail::make_rows_node(context, positions, freqs, n);
}
template <class Integer>
ggml_tensor* rope_rows_node(ggml_context*, ggml_tensor*, const frequencies&&, Integer) = delete;

/// Writes rows into a tensor of the caller. A graph with this tensor as an input needs no
/// rope_rows_node. The positions may be a list of 32 or 64 bits, a run of positions, or
/// axis_positions.
/// Shape    rows: f32 [2 * n_pairs, n_tokens], in memory that the CPU can read.
/// Errors   Those of fill_rows, and std::invalid_argument: a tensor of another type or shape. All
///          checks come before the first write.
inline void fill_rope_rows(ggml_tensor* rows, const frequencies& freqs, const positions& list) {
  detail::fill_rope_rows(rows, freqs, list);
}
inline void fill_rope_rows(ggml_tensor* rows, const frequencies& freqs,
                           const axis_positions& list) {
  detail::fill_rope_rows(rows, freqs, list);
}

/// A node that rotates x in place, like ggml_rope_ext_inplace, with rows that all layers share.
/// Elements from 2 * n_pairs on keep their values. All sequences have the same positions, as in
/// ggml_rope_ext.
/// Shape    x: [head_dim, n_heads, n_tokens, n_sequences], any strides, head_dim >= 2 * n_pairs.
///          rows: the result of rope_rows_node, or a tensor that fill_rope_rows writes; one row per
///          token.
/// Types    x: f32, f16 or bf16.
/// Errors   std::invalid_argument: tensors of other types or shapes. The computation of the graph
///          has no errors.
/// Accuracy That of rope_apply.
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

/// A reader for gguf_config_from, of a GGUF file that ggml has opened. `tensors` is the context
/// that gguf_init_from_file made for gguf_init_params.ctx. `tensors` may be null for files without
/// frequency factors. The file and the context must outlive the reader.
/// Errors   std::invalid_argument: the data of a factor tensor is not loaded (no_alloc), or its
///          type is neither f32 nor f16.
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

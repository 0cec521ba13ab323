// SPDX-License-Identifier: MIT
// GGUF metadata: reads shape, method and lengths from the keys of a file, as llama.cpp understands
// them. Opt-in: not in yarn.hpp.
//
//     const yarn::gguf_config config = yarn::gguf_config_from(reader);
//     const yarn::frequencies freqs = yarn::make_frequencies(config, seq_len);
//
// This header does not parse the file: `reader` gives it the values of the keys. gguf_config_from
// lists the functions of a reader; yarn/ggml.hpp has one for ggml's gguf.h.
//
// The name of a key begins with the value of general.architecture and a dot. In brackets: Hugging
// Face's name.
//
//   attention.key_length        elements of a head [head_dim]; missing: embedding_length /
//                               attention.head_count
//   attention.kv_lora_rank      there: MLA. The last dimension_count elements of a head are
//                               rotated, and the shape is that of those alone
//   attention.key_length_mla    MLA's whole head [qk_nope_head_dim + qk_rope_head_dim]
//   context_length              [max_position_embeddings]
//   rope.dimension_count        rotated elements [partial_rotary_factor * head_dim,
//                               qk_rope_head_dim]; missing: all
//   rope.freq_base              [rope_theta]
//   rope.dimension_sections     M-RoPE [mrope_section]: reported
//   ..._swa                     the same in layers with a sliding window: of key_length,
//                               dimension_count, freq_base
//   rope.scaling.type           none, linear, yarn, longrope; missing: linear
//   rope.scaling.factor         s [factor]: frequencies are divided by it; 0: by nothing. In older
//                               files rope.scale_linear
//   rope.scaling.original_context_length
//                               L [original_max_position_embeddings]; missing: context_length
//   rope.scaling.attn_factor    multiplies the attention factor, of any type. LongRoPE's is this
//                               alone [attention_factor, computed when the file was made]
//   rope.scaling.yarn_ext_factor
//                               share of extrapolation; missing or < 0: 1 for yarn, else 0. Where
//                               it is not 0 there is a ramp, whatever the type
//   rope.scaling.yarn_beta_fast, rope.scaling.yarn_beta_slow
//                               [beta_fast, beta_slow]; missing: 32, 1
//   rope.scaling.yarn_attn_factor
//                               replaced by the formula where there is a ramp, else a multiplier
//   rope.scaling.yarn_log_multiplier
//                               [mscale_all_dim] by architecture: 0.1 times that (DeepSeek-V2 and
//                               its kin), that itself (Mistral 3), or not used
//   rope.scaling.alpha          Hunyuan: the base becomes b * alpha^(d/(d-2))
//   rope.scaling.finetuned      about the training; Granite: false rotates nothing
//
// Tensors: rope_freqs.weight, divisors of the frequencies (Llama 3's scaling, Gemma 4's);
// rope_factors_short.weight and rope_factors_long.weight [short_factor, long_factor].
//
// YaRN's attention factor comes out as Hugging Face's: llama.cpp divides by 1 + 0.1 ln s what ggml
// then multiplies by it. mscale is not in the file: llama.cpp takes 1, and for deepseek2
// mscale_all_dim. Neither is truncate: ggml rounds the ramp's ends always, and so do we, where
// Hugging Face's gpt-oss does not (up to 76 % of a frequency). LongRoPE's long list is for lengths
// above L: of the context it has allocated in llama.cpp, of `seq_len` here.
#ifndef YARN_GGUF_HPP
#define YARN_GGUF_HPP

#include "frequencies.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {

/// Which layers of a model: those with attention to all tokens, or those with a sliding window.
enum class gguf_layers { global, sliding_window };

struct gguf_options {
  gguf_layers layers = gguf_layers::global;
  /// For files without freq_base; 0: that is an error. llama.cpp takes 10000.
  double default_rope_theta = 0.0;
};

struct gguf_config {
  rope_shape shape; ///< of the rotated part alone where the heads are MLA's
  any_scaling method;
  factor_list freq_factors; ///< divisors on top of the method; empty: none
  std::string architecture; ///< general.architecture
  std::string rope_type;    ///< "default", "linear", "ntk", "yarn", "longrope": what is in force
  std::int64_t max_position_embeddings = 0;          ///< context_length; 0: not given
  std::int64_t original_max_position_embeddings = 0; ///< L in force for the method; 0: not given
  std::int64_t qk_head_dim = 0;   ///< the whole width of a query head, for softmax_scale
  std::int64_t rotary_offset = 0; ///< where in a query head the rotated part begins: 0 but for MLA
  std::vector<std::int64_t>
      dimension_sections;          ///< M-RoPE: pairs of each position axis; empty: none
  std::vector<std::string> unused; ///< keys with ".rope." in them that nothing read
  std::vector<std::string> notes;  ///< what was derived or is contradictory, in words for a log
};

/// Shape, method and lengths of a model from a GGUF file's metadata.
///
/// Reader   anything with these const members (a std::map behind them will do), which return
///          nothing where there is no such key, or it is of another type:
///            std::optional<double> number(const std::string& key), any integer, float or bool
///            std::optional<std::vector<double>> numbers(const std::string& key), an array of them
///            std::optional<std::string> text(const std::string& key)
///            std::vector<std::string> keys()
///            std::optional<std::vector<float>> tensor(const std::string& name)
/// Errors   std::invalid_argument naming the key: missing, of another type, not finite, out of
///          range; a tensor with another number of values than pairs; an architecture whose
///          sliding windows are not known here. Nothing is guessed: what was derived is in `notes`.
template <class Reader>
gguf_config gguf_config_from(const Reader& reader, const gguf_options& options = {});

/// The frequencies of a file, with its divisors. seq_len: the current length in tokens, which
/// decides between LongRoPE's two lists and changes nothing else.
/// Errors   as make_frequencies of the method.
inline frequencies make_frequencies(const gguf_config& config, std::int64_t seq_len);

/// Which elements of a head form a pair, as llama.cpp rotates this architecture. The file does not
/// say it, and it is not always what Hugging Face's weights of the same model want: converters of
/// Llama and others permute the weights.
/// Returns  nothing for names that are not listed (detail/gguf/architectures.hpp) and for models
///          that llama.cpp does not rotate. with_sections: whether dimension_sections are given,
///          which decides for GLM-4.
inline std::optional<pairing> gguf_pairing(std::string_view architecture,
                                           bool with_sections = false);
inline std::optional<pairing> gguf_pairing(const gguf_config& config) {
  return gguf_pairing(config.architecture, !config.dimension_sections.empty());
}

} // namespace YARN_ABI
} // namespace yarn

#include "detail/gguf/read.hpp"

#endif

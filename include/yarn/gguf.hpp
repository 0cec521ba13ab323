// SPDX-License-Identifier: MIT
// Reads shape, method and lengths from the metadata of a GGUF file, as llama.cpp interprets its
// keys. Opt-in: not in yarn.hpp.
//
//     const yarn::gguf_config config = yarn::gguf_config_from(reader);
//     const yarn::frequencies freqs = yarn::make_frequencies(config, seq_len);
//
//     const yarn::gguf_layer_ropes model = yarn::gguf_layers(reader); // if layers differ
//     const std::int64_t rope = model.rope_of_layer[layer];           // -1: does not rotate
//
// This header does not parse the file: `reader` returns the values of keys. gguf_config_from lists
// the functions of a reader; yarn/ggml.hpp has a reader that uses gguf.h of ggml.
//
// The name of a key begins with the value of general.architecture and a dot. Names in brackets are
// those of Hugging Face.
//
//   attention.key_length        elements of a head [head_dim]; missing: embedding_length /
//                               attention.head_count
//   attention.kv_lora_rank      if given: multi-head latent attention (MLA). The last
//                               dimension_count elements of a head are rotated, and
//                               gguf_config.shape is the shape of these elements
//   attention.key_length_mla    the whole head of MLA [qk_nope_head_dim + qk_rope_head_dim]
//   context_length              [max_position_embeddings]
//   rope.dimension_count        rotated elements [partial_rotary_factor * head_dim,
//                               qk_rope_head_dim]; missing: all
//   rope.freq_base              [rope_theta]
//   rope.dimension_sections     M-RoPE [mrope_section]: how many pairs each axis has. The
//                               architecture decides whether the pairs of an axis are side by side
//                               or alternate with those of the others
//   ..._swa                     key_length, dimension_count and freq_base of layers with a
//                               sliding window
//   block_count, nextn_predict_layers
//                               layers, and how many of them predict further tokens
//   attention.sliding_window_pattern
//                               which layers have a window: a list with a value for each layer, or
//                               n: one of n layers has none; missing: n depends on the architecture
//   attention.rope_pattern      which layers rotate: a list (granite_swa)
//   attention.compress_ratios, attention.compress_rope_freq_base
//                               DeepSeek-V4: layers whose ratio is not 0 have this base, and the
//                               other layers have no scaling
//   attention.recurrent_layers, full_attention_interval, attention.head_count_kv
//                               layers without attention (Qwen3-Next, LFM2, Granite 4)
//   attention.temperature_scale, attention.temperature_length
//                               [llama_4_scaling_beta, original_max_position_embeddings]: factor
//                               on q that depends on the position
//   rope.scaling.type           none, linear, yarn, longrope; missing: linear
//   rope.scaling.factor         s [factor]; frequencies are divided by s; 0: no scaling. Older
//                               files have rope.scale_linear
//   rope.scaling.original_context_length
//                               L [original_max_position_embeddings]; missing: context_length
//   rope.scaling.attn_factor    multiplies the attention factor; missing: 1. For longrope it is the
//                               factor itself [attention_factor, or what the converter computed]
//   rope.scaling.yarn_ext_factor
//                               share of extrapolation; missing or < 0: 1 for yarn, else 0. If the
//                               result is not 0, YaRN's ramp is used with every rope.scaling.type
//   rope.scaling.yarn_beta_fast, rope.scaling.yarn_beta_slow
//                               [beta_fast, beta_slow]; missing: 32, 1
//   rope.scaling.yarn_attn_factor
//                               ignored if there is a ramp, else multiplies the attention factor
//   rope.scaling.yarn_log_multiplier
//                               by architecture: 0.1 * [mscale_all_dim] (DeepSeek-V2 and similar
//                               ones), [mscale_all_dim] (Mistral 3), or ignored
//   rope.scaling.alpha          Hunyuan: the base becomes b * alpha^(d/(d-2))
//   rope.scaling.finetuned      whether the model was trained with the scaling; not used. If it is
//                               false, llama.cpp does not rotate Granite, and `notes` says so
//
// Tensors: rope_freqs.weight has divisors of the frequencies (the scaling of Llama 3 and Gemma 4);
// rope_factors_short.weight and rope_factors_long.weight are [short_factor] and [long_factor].
//
// YaRN's attention factor equals that of Hugging Face, although llama.cpp divides it by
// 1 + 0.1 ln s: ggml multiplies the quotient by the same number.
//
// Differences from Hugging Face and llama.cpp:
// * The file has no mscale. As in llama.cpp, it is 1, and for deepseek2 it is mscale_all_dim.
// * The file has no truncate. The bounds of the ramp are always rounded, as in ggml. Hugging Face's
//   gpt-oss does not round them, which changes frequencies by up to 76 %.
// * If the axes alternate, ggml gives the pairs that are in no section (Qwen3-VL: 61 and 62) to the
//   fourth position of a token. llama.cpp sets this position to 0, so that these pairs do not turn.
//   Here they belong to time, as in Hugging Face, unless the fourth section of the file is > 0.
//   with_axes_of_mode (ggml.hpp) gives the axes of ggml.
// * LongRoPE's long list is used if `seq_len` is above L. In llama.cpp, the allocated context
//   decides.
#ifndef YARN_GGUF_HPP
#define YARN_GGUF_HPP

#include "gguf_types.hpp" // gguf_options, gguf_config, gguf_layer_ropes

#include <cstdint>
#include <optional>
#include <string_view>

namespace yarn {
inline namespace YARN_ABI {

/// Reads shape, method and lengths of a model from the metadata of a GGUF file. `notes` of the
/// result lists contradictions, keys that have no effect, and a missing base or original length for
/// which another value was taken.
/// Types    Reader: a type with these const functions. An optional is empty if there is no such
///          key, or if the key has another type:
///            std::optional<double> number(const std::string& key), any integer, float or bool
///            std::optional<std::vector<double>> numbers(const std::string& key), an array of these
///            std::optional<std::string> text(const std::string& key)
///            std::vector<std::string> keys()
///            std::optional<std::vector<float>> tensor(const std::string& name)
/// Errors   std::invalid_argument with the name of the key: a key is missing, has another type, is
///          not finite or out of range; a tensor does not have one value per pair; there are more
///          than four sections, or more pairs in them than in the model; it is not known how the
///          architecture rotates layers with a sliding window.
template <class Reader>
gguf_config gguf_config_from(const Reader& reader, const gguf_options& options = {});

/// Reads the ropes of all layers, and which layer has which. options.layer_type must be global.
/// Types    Reader: as for gguf_config_from.
/// Errors   Those of gguf_config_from, and std::invalid_argument: a list has another length than
///          the model has layers, or the list is missing that says which layers have a window.
template <class Reader>
gguf_layer_ropes gguf_layers(const Reader& reader, const gguf_options& options = {});

/// The frequencies of a file, with its divisors and axes. The current length decides between the
/// two lists of LongRoPE, and has no other effect.
/// Units    seq_len in tokens.
/// Errors   Those of make_frequencies and with_axes.
inline frequencies make_frequencies(const gguf_config& config, std::int64_t seq_len);

/// The pairing with which llama.cpp rotates this architecture. The file does not contain the
/// pairing. The Hugging Face weights of the same model may need the other pairing, because
/// converters permute the weights of Llama and others. `with_sections`: whether the first two
/// dimension_sections of the file are not 0. The pairing of GLM-4 depends on them.
/// Returns  Empty for architectures that are not listed in detail/gguf/architectures.hpp, and for
///          those of LLAMA_ROPE_TYPE_NONE, which llama.cpp does not rotate.
/// Errors   None.
inline std::optional<pairing> gguf_pairing(std::string_view architecture,
                                           bool with_sections = false);
inline std::optional<pairing> gguf_pairing(const gguf_config& config) {
  return gguf_pairing(config.architecture, config.n_axes > 1);
}

} // namespace YARN_ABI
} // namespace yarn

#include "detail/gguf/read.hpp"

#endif

// SPDX-License-Identifier: MIT
// Reads shape, method and lengths from a Hugging Face config.json. Opt-in: not in yarn.hpp.
//
//     const yarn::hf_config config = yarn::hf_config_from_file("Llama-3.1-8B/config.json");
//     const yarn::frequencies freqs = yarn::make_frequencies(config, seq_len);
//
// This header needs nlohmann-json 3.7 or newer: call find_package(nlohmann_json) and link
// nlohmann_json::nlohmann_json, or put nlohmann-json on the include path.
//
// The reader understands the keys of transformers 5 (`rope_parameters`), those of transformers 4
// (`rope_scaling` and `rope_theta`), and the spellings of single models. The frequencies are those
// that transformers computes: tests/hf/test_hf_config.cpp compares the two for over a hundred model
// families, and lists the families that differ.
//
// The reader guesses nothing silently. `notes` lists the values that were derived, that contradict
// each other, or that are defaults of the model's class. `unused` lists the keys that this reader
// does not know. A missing key that has no default and cannot be derived is an error. Most
// configurations do not give the pairing: `pairing` is then that of the model's class, and is empty
// for a model type that this reader does not know.
//
// The layers of some models have different ropes, or none. hf_layers reads them all:
//
//     const yarn::hf_layer_ropes layers = yarn::hf_layers(nlohmann::json::parse(text));
//     std::vector<yarn::rotary_rows<float>> rows(layers.ropes.size());
//     for (std::size_t i = 0; i < rows.size(); ++i) // in each step
//       rows[i].assign(yarn::make_frequencies(layers.ropes[i], seq_len), positions);
//
// Models whose tokens have several positions (M-RoPE: time, height, width) give frequencies with
// axes (axes.hpp). The vision tower of a multimodal configuration has a RoPE of its own:
//
//     yarn::hf_options options;
//     options.tower = yarn::hf_tower::vision;
//     const auto tower = yarn::hf_config_from_file("Qwen3-VL-8B/config.json", options);
#ifndef YARN_HF_CONFIG_HPP
#define YARN_HF_CONFIG_HPP

#include "axes.hpp"
#include "frequencies.hpp"
#include "softmax_scale.hpp"
#include "temperature.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {

/// The part of a multimodal model.
enum class hf_tower { text, vision };

struct hf_options {
  /// The type of layers to read, for models whose layers differ (Gemma 3: "full_attention" or
  /// "sliding_attention"). hf_layer_types lists the types. Empty: all layers must have the same
  /// RoPE.
  std::string layer_type;
  /// The theta of models whose configuration does not give one and whose model type this reader
  /// does not know. 0: a missing theta is an error.
  double default_rope_theta = 0.0;
  /// vision: reads `vision_config` in place of the language model. detail/hf/towers.hpp lists the
  /// towers that the reader knows; every other tower is an error.
  hf_tower tower = hf_tower::text;
};

/// The RoPE of a configuration.
struct hf_config {
  /// Names the rope among those of hf_layers: the type of its layers ("sliding_attention"), or
  /// "rope" if all layers that rotate have the same one.
  std::string name = "rope";
  /// For multi-head latent attention, head_dim is the length of the rotated part
  /// (qk_rope_head_dim): rotate a view of that part. For vision towers, rotary_dim is twice the
  /// number of frequencies, and frequency_of_pair has the frequency of each pair of a head.
  rope_shape shape;
  any_scaling method;
  /// The name in transformers 5: "default", "linear", "dynamic", "yarn", "llama3", "longrope" or
  /// "proportional". HunYuan's "dynamic" with an alpha is "ntk".
  std::string rope_type;
  /// Tokens. The length before an extension in some files, after it in others. 0: not given.
  std::int64_t max_position_embeddings = 0;
  /// L of the method, tokens. 0: not needed, or not given.
  std::int64_t original_max_position_embeddings = 0;
  /// That of a key (rope_interleave), else that of the class of the model type. Empty: not known.
  std::optional<yarn::pairing> pairing;
  /// The number of positions that a token has.
  std::int64_t n_axes = 1;
  /// A letter for each axis, in order: t time, h height, w width, p position in the text. "thw":
  /// positions are [t, h, w]. Empty: one axis, or a model type that this reader does not know.
  std::string axis_names;
  /// The axis of each pair, as in frequencies::axis_of_pair. Empty: one axis.
  std::vector<std::uint8_t> axis_of_pair;
  /// Vision towers: pair i of a head has the frequency that shape and method give to pair
  /// frequency_of_pair[i]. Most towers start again for each axis: 0 1 ... 19, 0 1 ... 19. Empty: i.
  std::vector<std::int64_t> frequency_of_pair;
  /// The temperature of the model, and the layers that have it.
  any_temperature temperature;
  temperature_scope temperature_layers = temperature_scope::none;
  /// The convention of the class of the model type, for softmax_scale (softmax_scale.hpp). Empty:
  /// the reader does not know the convention.
  std::optional<softmax_convention> softmax;
  /// Tokens. > 0: the model has dual chunk attention, which folds positions into chunks of this
  /// size. Rows of plain positions equal those of the model only below position dual_chunk_size.
  std::int64_t dual_chunk_size = 0;
  /// The model rotates the output of the attention back by the position of the query, with the
  /// same pairs (DeepSeek-V4): rotate it with the rows of inverse(frequencies).
  bool derotates_output = false;
  /// The keys that this reader does not know, with their full names ("rope_parameters.foo"): all
  /// such keys of the RoPE dictionaries, and those about RoPE outside of them. A key with the value
  /// null counts as absent.
  std::vector<std::string> unused;
  std::vector<std::string> notes; ///< sentences for a log
};

/// The ropes of all layers of a model.
struct hf_layer_ropes {
  /// The distinct ropes, in the order of the first layer that has them. Each has a name.
  std::vector<hf_config> ropes;
  /// For each layer the index of its rope in `ropes`; -1: the layer does not rotate (NoPE). Empty:
  /// the file does not say how many layers there are, or which layer has which rope; a note says
  /// what is missing.
  std::vector<std::int64_t> rope_of_layer;
  std::vector<std::string> notes; ///< about the layers; each rope has notes of its own
};

/// Reads the ropes of all layers, however the file says which layer has which: dictionaries by type
/// of layers, lists by layer, patterns and intervals, second thetas. options.layer_type must be
/// empty.
/// Errors   Those of hf_config_from, and std::invalid_argument: a list has another length than the
///          model has layers, or holds a value that is not known.
inline hf_layer_ropes hf_layers(const nlohmann::json& config, const hf_options& options = {});

/// Reads a parsed configuration. A configuration whose layers have different ropes needs
/// options.layer_type, or hf_layers.
/// Errors   std::invalid_argument: a value is wrong, a key is missing that the shape, the method or
///          the axes need, or the vision tower is not known. The message names the key, its value
///          and what is allowed. Values that make_frequencies rejects are errors here. No other
///          exception, except for std::bad_alloc.
inline hf_config hf_config_from(const nlohmann::json& config, const hf_options& options = {});

/// Reads the text of a config.json.
/// Errors   Those of hf_config_from, and std::invalid_argument: the text is not JSON, or a number
///          is beyond the range of double. (NaN and Infinity, which Python writes, are not JSON.)
inline hf_config hf_config_from_text(std::string_view text, const hf_options& options = {});

/// Reads a file.
/// Errors   Those of hf_config_from_text, and std::invalid_argument with the path: the file cannot
///          be read, or is a directory.
inline hf_config hf_config_from_file(const std::string& path, const hf_options& options = {});

/// The types of layers that have their own RoPE parameters, for hf_options.layer_type. Empty: all
/// layers have the same parameters.
/// Errors   std::invalid_argument: the value is not a configuration.
inline std::vector<std::string> hf_layer_types(const nlohmann::json& config);

/// The frequencies of a configuration: make_frequencies(config.shape, config.method, seq_len), in
/// the order of frequency_of_pair, with axes.
/// Errors   Those of make_frequencies and with_axes, and std::invalid_argument: frequency_of_pair
///          names a frequency that the shape does not have.
template <class Integer> frequencies make_frequencies(const hf_config& config, Integer seq_len);

} // namespace YARN_ABI
} // namespace yarn

#include "detail/hf/read.hpp"

#endif

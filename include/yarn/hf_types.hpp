// SPDX-License-Identifier: MIT
// What the reader of hf_config.hpp takes and gives: options, a rope, and the ropes of all layers.
// Opt-in: not in yarn.hpp. Needs no nlohmann-json.
#ifndef YARN_HF_TYPES_HPP
#define YARN_HF_TYPES_HPP

#include "axes.hpp"
#include "frequencies.hpp"
#include "softmax_scale.hpp"
#include "temperature.hpp"

#include <cstdint>
#include <optional>
#include <string>
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
  /// number of frequencies, and frequency_of_pair maps the pairs of a head to frequencies.
  rope_shape shape;
  any_scaling method;
  /// The name in transformers 5: "default", "linear", "dynamic", "yarn", "llama3", "longrope" or
  /// "proportional". HunYuan's "dynamic" with an alpha is "ntk". Qwen 1, TeleChat: "stepped_ntk".
  std::string rope_type;
  /// Tokens. The length before an extension in some files, after it in others. 0: not given.
  std::int64_t max_position_embeddings = 0;
  /// L of the method, tokens. 0: not needed, or not given.
  std::int64_t original_max_position_embeddings = 0;
  /// From a key (rope_interleave), else from the class of the model type. Empty: not known.
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
  /// Tokens. > 0: chunk_size of a model with dual chunk attention, which folds positions into
  /// chunks of chunk_size - local_size tokens. Rows of plain positions give the logits of the model
  /// only at positions below chunk_size.
  std::int64_t dual_chunk_size = 0;
  /// The model rotates the output of the attention back by the position of the query, with the
  /// same pairs (DeepSeek-V4): rotate it with the rows of inverse(frequencies).
  bool derotates_output = false;
  /// The keys that this reader does not use, with their full names ("rope_parameters.foo"): all
  /// such keys of the RoPE dictionaries, and those about RoPE outside of them. A key with the value
  /// null counts as absent.
  std::vector<std::string> unused;
  std::vector<std::string> notes; ///< sentences for a log
};

/// The ropes of all layers of a model.
struct hf_layer_ropes {
  /// The distinct ropes, in the order of the first layer that has them. Each has a name. Empty: no
  /// layer rotates.
  std::vector<hf_config> ropes;
  /// For each layer the index of its rope in `ropes`; -1: the layer does not rotate (NoPE). Empty:
  /// the file does not say how many layers there are, or which layer has which rope; a note says
  /// what is missing.
  std::vector<std::int64_t> rope_of_layer;
  std::vector<std::string> notes; ///< about the layers; each rope has notes of its own
};

} // namespace YARN_ABI
} // namespace yarn

#endif

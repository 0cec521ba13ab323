// SPDX-License-Identifier: MIT
// What the reader of gguf.hpp takes and gives: options, a rope, and the ropes of all layers.
// Opt-in: not in yarn.hpp.
#ifndef YARN_GGUF_TYPES_HPP
#define YARN_GGUF_TYPES_HPP

#include "axes.hpp"
#include "frequencies.hpp"
#include "temperature.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {

/// The layers of a model that have the same rope.
enum class gguf_layer_type {
  global,         ///< attends to all tokens. DeepSeek-V4: layers whose compress_ratios value is 0
  sliding_window, ///< attends to the tokens of a window
  compressed,     ///< DeepSeek-V4: layers whose compress_ratios value is not 0
};

struct gguf_options {
  /// The layers that gguf_config_from reads. gguf_layers reads all layers.
  gguf_layer_type layer_type = gguf_layer_type::global;
  /// The base for files without freq_base. 0: a missing base is an error. (llama.cpp uses 10000.
  /// For window layers of some architectures, 10000 is used here, too.)
  double default_rope_theta = 0.0;
};

struct gguf_config {
  /// Names the rope among those of gguf_layers: "global", "sliding_window", "compressed", or "rope"
  /// if all layers that rotate have the same one.
  std::string name = "rope";
  rope_shape shape; ///< for MLA and DeepSeek-V4: the shape of the rotated part
  any_scaling method;
  factor_list freq_factors;                 ///< divisors in addition to the method; empty: none
  std::string architecture;                 ///< general.architecture
  std::string rope_type;                    ///< "default", "linear", "ntk", "yarn" or "longrope"
  std::int64_t max_position_embeddings = 0; ///< context_length; 0: not given
  std::int64_t original_max_position_embeddings = 0; ///< L of the method; 0: not given
  std::int64_t qk_head_dim = 0; ///< the whole width of a query head, for softmax_scale
  /// The first rotated element of a query head; 0 except for MLA and DeepSeek-V4.
  std::int64_t rotary_offset = 0;
  /// M-RoPE: the sections of the file. Empty: none.
  std::vector<std::int64_t> dimension_sections;
  /// M-RoPE: 3 (time, height, width), or 4 if the fourth section of the file is > 0. Else 1.
  std::int64_t n_axes = 1;
  /// The axis of each pair, as in frequencies::axis_of_pair. Empty: one axis.
  std::vector<std::uint8_t> axis_of_pair;
  /// The temperature of the model, and the layers that have it.
  any_temperature temperature;
  temperature_scope temperature_layers = temperature_scope::none;
  /// The model rotates the output of the attention back by the position of the query, with the
  /// same pairs (DeepSeek-V4): rotate it with the rows of inverse(frequencies).
  bool derotates_output = false;
  std::vector<std::string> unused; ///< keys with names about RoPE that have no effect
  std::vector<std::string> notes;  ///< sentences for a log: see gguf_config_from
};

/// The ropes of all layers of a model.
struct gguf_layer_ropes {
  /// The distinct ropes, in the order of the first layer that has them. Each has a name.
  std::vector<gguf_config> ropes;
  /// For each layer the index of its rope in `ropes`; -1: the layer does not rotate. Empty: the
  /// file does not say how many layers there are, or the architecture is not known; a note says
  /// which.
  std::vector<std::int64_t> rope_of_layer;
  std::vector<std::string> notes; ///< about the layers; each rope has notes of its own
};

} // namespace YARN_ABI
} // namespace yarn

#endif

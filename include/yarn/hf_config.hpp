// SPDX-License-Identifier: MIT
// Reads shape, method and lengths from a Hugging Face config.json. Opt-in: not in yarn.hpp.
//
//     const yarn::hf_config config = yarn::hf_config_from_file("Llama-3.1-8B/config.json");
//     const yarn::frequencies freqs = yarn::make_frequencies(config, seq_len);
//
// Needs nlohmann-json, 3.7 or newer: find_package(nlohmann_json) and link
// nlohmann_json::nlohmann_json, or put it on the include path. It reads what transformers 5 writes
// (`rope_parameters`), what transformers 4 wrote (`rope_scaling` beside `rope_theta`), and the
// spellings of single models. The frequencies are those that transformers computes
// (tests/hf/test_hf_config.cpp, over a hundred model families; exceptions in its ledger).
//
// The reader guesses nothing silently. `notes` says which values were derived, contradict each
// other or are defaults of the model's class; `unused` lists the keys that this reader does not
// know; a missing key is an error. Most configurations do not say which elements form a pair:
// `pairing` is set only where a key says it.
#ifndef YARN_HF_CONFIG_HPP
#define YARN_HF_CONFIG_HPP

#include "frequencies.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {

struct hf_options {
  /// Which of the dictionaries of a model whose layers differ (Gemma 3: "full_attention",
  /// "sliding_attention"); hf_layer_types lists them. Empty: there must be only one.
  std::string layer_type;
  /// For configurations without theta, of models that leave it to code outside transformers
  /// (Baichuan 2 and MiniCPM: 10000); 0: that is an error. A class's own default comes before it.
  double default_rope_theta = 0.0;
};

/// What a configuration says about RoPE.
struct hf_config {
  /// head_dim is the rotated part alone for multi-head latent attention (qk_rope_head_dim): rotate
  /// a view of that part.
  rope_shape shape;
  any_scaling method;
  /// As transformers 5 calls it: "default", "linear", "dynamic", "yarn", "llama3", "longrope",
  /// "proportional"; and "ntk" for HunYuan's "dynamic" with an alpha.
  std::string rope_type;
  std::int64_t max_position_embeddings = 0; ///< tokens, after any extension; 0: not given
  /// L of the method, tokens; 0: it needs none, or none is given.
  std::int64_t original_max_position_embeddings = 0;
  std::optional<yarn::pairing> pairing; ///< where a key says it (rope_interleave)
  /// Keys that this reader does not know, with their full names ("rope_parameters.foo"): all of the
  /// RoPE dictionaries, and those about RoPE beside them. null counts as absent.
  std::vector<std::string> unused;
  std::vector<std::string> notes; ///< sentences for a log
};

/// Reads a parsed configuration.
/// Errors   std::invalid_argument naming the key, its value and what is allowed, or the key that is
///          missing: theta, the head's width, and what the method needs (original length, factor,
///          ...); also for values that make_frequencies would refuse. No other exception, but for
///          memory. With exceptions disabled the message goes to yarn::on_error, as everywhere.
inline hf_config hf_config_from(const nlohmann::json& config, const hf_options& options = {});

/// Reads the text of a config.json.
/// Errors   as hf_config_from; std::invalid_argument for text that is not JSON (NaN and Infinity,
///          which Python writes, are not) or has numbers beyond the range of double.
inline hf_config hf_config_from_text(std::string_view text, const hf_options& options = {});

/// Reads a file.
/// Errors   as hf_config_from_text; std::invalid_argument with the path for what cannot be read, a
///          directory, say.
inline hf_config hf_config_from_file(const std::string& path, const hf_options& options = {});

/// The kinds of layers that have RoPE parameters of their own, to choose one for hf_options; empty:
/// one set for all layers.
/// Errors   std::invalid_argument for a value that is no configuration.
inline std::vector<std::string> hf_layer_types(const nlohmann::json& config);

/// make_frequencies(config.shape, config.method, seq_len), as for a GGUF file.
template <class Integer> frequencies make_frequencies(const hf_config& config, Integer seq_len) {
  return make_frequencies(config.shape, config.method, seq_len);
}

} // namespace YARN_ABI
} // namespace yarn

#include "detail/hf/read.hpp"

#endif

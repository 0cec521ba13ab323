// SPDX-License-Identifier: MIT
// From a Hugging Face config.json to shape, method and lengths. Opt-in: not in yarn.hpp.
//
//     const yarn::hf_config config = yarn::hf_config_from_file("Llama-3.1-8B/config.json");
//     const yarn::frequencies freqs = yarn::make_frequencies(config, seq_len);
//
// Needs nlohmann-json, 3.7 or newer: find_package(nlohmann_json) and link
// nlohmann_json::nlohmann_json, or put it on the include path. It reads what transformers 5 writes
// (`rope_parameters`), what transformers 4 wrote (`rope_scaling` beside `rope_theta`), and the
// spellings of single models; the frequencies are those that transformers computes
// (tests/hf/test_hf_config.cpp, over a hundred model families; exceptions in its ledger).
//
// Nothing is guessed in silence. What is derived, contradictory or taken from the defaults of the
// model's class is in `notes`, what nothing has read is in `unused`, and what is missing is an
// error. The pairing is no part of most configurations: `pairing` is set only where a key says it.
#ifndef YARN_HF_CONFIG_HPP
#define YARN_HF_CONFIG_HPP

#include "detail/hf/method.hpp"
#include "detail/hf/shape.hpp"

#include <fstream>
#include <iterator>
#include <string_view>

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
  /// Full names ("rope_parameters.foo") of the keys of RoPE dictionaries, and of keys about RoPE
  /// beside them, that nothing has read; null counts as absent.
  std::vector<std::string> unused;
  std::vector<std::string> notes; ///< sentences for a log
};

namespace detail {

inline std::optional<pairing> hf_pairing(const hf_object& config, std::vector<std::string>& notes) {
  std::optional<pairing> result;
  // transformers' DeepSeek-V3 and its kin; nomic-bert; MLX.
  for (const char* key : {"rope_interleave", "rotary_emb_interleaved", "rope_traditional"}) {
    const auto value = config.boolean(key);
    if (!value)
      continue;
    const pairing said = *value ? pairing::interleaved : pairing::half_split;
    if (result && *result != said)
      hf_note(notes, "{} = {} contradicts another key about the pairing: the former is taken",
              config.name_of(key), *value ? "true" : "false");
    if (!result)
      result = said;
  }
  return result;
}

// Models of the same classes that rotate nothing say so here.
inline void hf_note_unrotated(const hf_object& config, std::vector<std::string>& notes) {
  const hf_object attention = config.object("attn_config"); // MPT, DBRX
  const std::string kind = config.string("position_embedding_type");
  const bool is_nope = kind == "nope" || kind == "alibi" || kind == "absolute";
  if (is_nope || config.boolean("alibi").value_or(false) ||
      config.boolean("mla_use_nope").value_or(false) ||
      attention.boolean("alibi").value_or(false) || !attention.boolean("rope").value_or(true))
    hf_note(notes, "{}: this model does not rotate its heads at all",
            is_nope ? config.name_of("position_embedding_type").c_str()
                    : "alibi, mla_use_nope or attn_config.rope");
}

inline hf_object hf_whole(const nlohmann::json& config) {
  if (!config.is_object())
    hf_wrong("the configuration", config, "an object");
  return {&config, ""};
}

} // namespace detail

/// The kinds of layers that have RoPE parameters of their own, to choose one for hf_options; empty:
/// one set for all layers.
/// Errors   std::invalid_argument for a value that is no configuration.
inline std::vector<std::string> hf_layer_types(const nlohmann::json& config) {
  std::vector<std::string> notes;
  const detail::hf_object text = detail::hf_text_config(detail::hf_whole(config), notes);
  const detail::hf_model model = detail::hf_find_model(text.string("model_type"));
  return detail::hf_layers_of(text, detail::hf_dictionary(text), model);
}

/// Reads a parsed configuration.
/// Errors   std::invalid_argument naming the key, its value and what is allowed, or the key that is
///          missing: theta, the head's width, and what the method needs (original length, factor,
///          ...); also for values that make_frequencies would refuse. No other exception, but for
///          memory. With exceptions disabled the message goes to yarn::on_error, as everywhere.
inline hf_config hf_config_from(const nlohmann::json& config, const hf_options& options = {}) {
  hf_config result;
  const detail::hf_object text = detail::hf_text_config(detail::hf_whole(config), result.notes);
  const detail::hf_model model = detail::hf_find_model(text.string("model_type"));
  const detail::hf_object whole = detail::hf_dictionary(text);
  const detail::hf_layer layer = detail::hf_choose_layer(text, whole, model, options.layer_type);
  if (model.scaled && !whole)
    detail::fail_argument(
        "yarn: {} is missing; model_type {} has a scaling of its own that is not known "
        "without it",
        text.name_of("rope_parameters"), model.model_type);

  detail::hf_lengths lengths;
  lengths.max_position_embeddings = detail::hf_max_length(text);
  lengths.original_max_position_embeddings =
      text.length("original_max_position_embeddings").value_or(0);
  const detail::hf_object nothing;
  detail::hf_method read = detail::hf_method_reader(layer.is_unscaled ? nothing : layer.dictionary,
                                                    lengths, result.notes)
                               .read();

  result.shape.rope_theta =
      detail::hf_rope_theta(text, layer, model, options.default_rope_theta, result.notes);
  result.shape.head_dim = detail::hf_head_dim(text, model, options.layer_type, result.notes);
  const detail::hf_share share =
      detail::hf_partial_rotary(text, layer.dictionary, model, result.notes);
  if (auto* proportional = std::get_if<proportional_scaling>(&read.method)) {
    if (!share.name.empty())
      proportional->partial_rotary_factor = share.value;
  } else {
    result.shape.rotary_dim =
        detail::hf_rotary_dim(text, share, result.shape.head_dim, result.notes);
  }

  result.method = std::move(read.method);
  result.rope_type = std::move(read.rope_type);
  result.max_position_embeddings = lengths.max_position_embeddings;
  result.original_max_position_embeddings = read.original_max_position_embeddings;
  result.pairing = detail::hf_pairing(text, result.notes);
  detail::hf_note_unrotated(text, result.notes);

  for (const char* key : {"mrope_section", "xdrope_section"})
    if (layer.dictionary.has(key))
      detail::hf_note(result.notes,
                      "{}: sections for positions with several axes are not applied; the "
                      "frequencies are right, and for text so are the rotations",
                      layer.dictionary.name_of(key));
  const auto any = [](const std::string&) { return true; };
  if (!layer.is_unscaled)
    layer.dictionary.report_unread(result.unused, any);
  if (layer.is_one_of_several) // beside the dictionaries, where transformers adds a "default"
    whole.report_unread(result.unused, [&](const std::string& key) {
      const bool is_added = key == "rope_type" && *whole.json().find(key) == "default";
      return !is_added && !whole.has_object(key.c_str());
    });
  text.report_unread(result.unused, detail::hf_is_about_rope);
  const detail::hf_object attention = text.object("attn_config"); // a theta is read of it
  for (const char* key : {"rope", "rope_theta"})
    attention.find(key);
  attention.report_unread(result.unused, detail::hf_is_about_rope);

  // Whatever the formulas would refuse is refused here, at either side of the original length.
  static_cast<void>(make_frequencies(result.shape, result.method, 0));
  static_cast<void>(
      make_frequencies(result.shape, result.method, result.original_max_position_embeddings + 1));
  return result;
}

/// make_frequencies(config.shape, config.method, seq_len), as for a GGUF file.
template <class Integer> frequencies make_frequencies(const hf_config& config, Integer seq_len) {
  return make_frequencies(config.shape, config.method, seq_len);
}

/// Reads the text of a config.json.
/// Errors   as hf_config_from; std::invalid_argument for text that is not JSON (NaN and Infinity,
///          which Python writes, are not) or has numbers beyond the range of double.
inline hf_config hf_config_from_text(std::string_view text, const hf_options& options = {}) {
#if YARN_EXCEPTIONS
  nlohmann::json config;
  std::string reason;
  try {
    config = nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& error) {
    reason = error.what();
    reason.erase(0, reason.find(']') + 2); // its own error number
  }
  if (!reason.empty())
    detail::fail_argument("yarn: the configuration is not JSON: {}", reason);
#else
  const nlohmann::json config = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (config.is_discarded())
    detail::fail_argument("yarn: the configuration is not JSON");
#endif
  return hf_config_from(config, options);
}

/// Reads a file.
/// Errors   as hf_config_from_text; std::invalid_argument with the path for what cannot be read, a
///          directory, say.
inline hf_config hf_config_from_file(const std::string& path, const hf_options& options = {}) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char part[4096];
  // A directory opens, and fails when it is read.
  while (file.read(part, sizeof part) || file.gcount() > 0)
    text.append(part, static_cast<std::size_t>(file.gcount()));
  if (!file.eof())
    detail::fail_argument("yarn: the file {} cannot be read", path);
  return hf_config_from_text(text, options);
}

} // namespace YARN_ABI
} // namespace yarn

#endif

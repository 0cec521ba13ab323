// SPDX-License-Identifier: MIT
// From a config.json of Hugging Face's format to shape, method and lengths. Opt-in; needs
// nlohmann-json 3.7 or newer. Floor 10.
#ifndef YARN_HF_CONFIG_HPP
#define YARN_HF_CONFIG_HPP

#include "detail/hf_method.hpp"

#include <fstream>
#include <iterator>
#include <string_view>

namespace yarn {
inline namespace YARN_ABI {

struct hf_options {
  std::string layer_type;
};

struct hf_config {
  rope_shape shape;
  any_scaling method;
  std::string rope_type;
  std::int64_t max_position_embeddings = 0;
  std::int64_t original_max_position_embeddings = 0;
  std::optional<yarn::pairing> pairing;
  std::vector<std::string> unused;
  std::vector<std::string> notes;
};

namespace detail {

inline hf_object hf_text_config(const hf_object& config, std::vector<std::string>& notes) {
  for (const char* key : {"text_config", "llm_config", "language_config", "thinker_config",
                          "language_model", "llm", "decoder"}) {
    if (!config.has(key) || !config.find(key)->is_object())
      continue;
    const hf_object inner = config.object(key);
    notes.push_back(inner.name() + " was taken");
    return hf_text_config(inner, notes);
  }
  return config;
}

inline bool hf_is_layered(const hf_object& dictionary) {
  bool layered = dictionary && dictionary.json().size() > 0;
  if (layered)
    for (const auto& value : dictionary.json())
      layered = layered && (value.is_object() || value.is_null());
  return layered;
}

} // namespace detail

inline std::vector<std::string> hf_layer_types(const nlohmann::json& config) {
  std::vector<std::string> types;
  std::vector<std::string> notes;
  if (!config.is_object())
    detail::hf_wrong("the configuration", config, "an object");
  const detail::hf_object text = detail::hf_text_config({&config, ""}, notes);
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    const detail::hf_object dictionary = text.object(key);
    if (detail::hf_is_layered(dictionary)) {
      for (auto it = dictionary.json().begin(); it != dictionary.json().end(); ++it)
        if (it->is_object())
          types.push_back(it.key());
      return types;
    }
  }
  if (text.has("rope_local_base_freq") || text.has("local_rope_theta"))
    types = {"full_attention", "sliding_attention"};
  return types;
}

inline hf_config hf_config_from(const nlohmann::json& config, const hf_options& options = {}) {
  using detail::error_kind;
  using detail::fail;
  hf_config result;
  const std::vector<std::string> types = hf_layer_types(config);
  const detail::hf_object text = detail::hf_text_config({&config, ""}, result.notes);
  detail::hf_object dictionary = text.object("rope_scaling");
  if (!dictionary)
    dictionary = text.object("rope_parameters");
  std::optional<double> theta;
  if (!types.empty()) {
    bool known = false;
    std::string names;
    for (const std::string& type : types) {
      known = known || type == options.layer_type;
      names += (names.empty() ? "" : ", ") + type;
    }
    if (!known)
      fail(error_kind::invalid_argument,
           "yarn: hf_options.layer_type = \"%s\" must be one of the configuration's: %s",
           options.layer_type.c_str(), names.c_str());
    if (detail::hf_is_layered(dictionary)) {
      dictionary = dictionary.object(options.layer_type.c_str());
    } else if (options.layer_type == "sliding_attention") {
      dictionary = {};
      theta = text.number("rope_local_base_freq");
      if (!theta)
        theta = text.number("local_rope_theta");
    }
  } else if (!options.layer_type.empty()) {
    fail(error_kind::invalid_argument,
         "yarn: hf_options.layer_type = \"%s\", but the configuration has one set of parameters "
         "for all layers",
         options.layer_type.c_str());
  }

  for (const char* key : {"rope_theta", "rotary_emb_base", "rope_base", "global_rope_theta"}) {
    if (!theta)
      theta = dictionary.number(key);
    if (!theta)
      theta = text.number(key);
  }
  if (!theta)
    fail(error_kind::invalid_argument, "yarn: rope_theta is missing");
  result.shape.rope_theta = *theta;

  auto head_dim = text.length("qk_rope_head_dim");
  if (!head_dim)
    head_dim = text.length("head_dim");
  if (!head_dim) {
    const auto width = text.length("hidden_size");
    const auto heads = text.length("num_attention_heads");
    if (!width || !heads)
      fail(error_kind::invalid_argument,
           "yarn: head_dim is missing, and hidden_size or num_attention_heads to derive it from");
    head_dim = *width / *heads;
    result.notes.push_back("head_dim is hidden_size / num_attention_heads");
  }
  result.shape.head_dim = *head_dim;
  result.max_position_embeddings = text.length("max_position_embeddings").value_or(0);
  const detail::hf_lengths lengths{result.max_position_embeddings,
                                   text.length("original_max_position_embeddings").value_or(0)};
  detail::hf_method method = detail::hf_method_from(dictionary, lengths, result.notes);
  std::optional<double> part = dictionary.number("partial_rotary_factor");
  for (const char* key : {"partial_rotary_factor", "rotary_pct", "rope_pct"})
    if (!part)
      part = text.number(key);
  if (part) {
    if (auto* whole = std::get_if<proportional_scaling>(&method.method))
      whole->partial_rotary_factor = *part;
    else
      result.shape.rotary_dim = static_cast<std::int64_t>(static_cast<double>(*head_dim) * *part);
  } else if (const auto rotary_dim = text.length("rotary_dim")) {
    result.shape.rotary_dim = *rotary_dim;
  }
  result.method = method.method;
  result.rope_type = method.rope_type;
  result.original_max_position_embeddings = method.original_max_position_embeddings;
  dictionary.report_unread(result.unused);
  static_cast<void>(make_frequencies(result.shape, result.method, 0));
  return result;
}

inline hf_config hf_config_from_text(std::string_view text, const hf_options& options = {}) {
#if YARN_EXCEPTIONS
  nlohmann::json config;
  std::string reason;
  try {
    config = nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& error) {
    reason = error.what();
  }
  if (!reason.empty())
    detail::fail(detail::error_kind::invalid_argument, "yarn: the configuration is not JSON: %s",
                 reason.c_str());
#else
  const nlohmann::json config = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (config.is_discarded())
    detail::fail(detail::error_kind::invalid_argument, "yarn: the configuration is not JSON");
#endif
  return hf_config_from(config, options);
}

inline hf_config hf_config_from_file(const std::string& path, const hf_options& options = {}) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file)
    text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  if (!file || text.empty())
    detail::fail(detail::error_kind::invalid_argument, "yarn: %s cannot be read, or is empty",
                 path.c_str());
  return hf_config_from_text(text, options);
}

} // namespace YARN_ABI
} // namespace yarn

#endif

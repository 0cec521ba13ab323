// SPDX-License-Identifier: MIT
// Where the RoPE parameters of a config.json stand: in which nested configuration, under which key,
// for which kind of layer. Floor 10.
#ifndef YARN_DETAIL_HF_LAYERS_HPP
#define YARN_DETAIL_HF_LAYERS_HPP

#include "hf_model.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The configuration of the language model within that of a multimodal one.
inline hf_object hf_text_config(hf_object config, std::vector<std::string>& notes) {
  for (bool is_nested = true; is_nested;) {
    is_nested = false;
    for (const char* key : {"text_config", "llm_config", "language_config", "thinker_config",
                            "language_model_config", "decoder"}) {
      if (!config.has_object(key))
        continue;
      config = config.object(key);
      hf_note(notes, "%s was taken for the language model", config.name().c_str());
      is_nested = true;
      break;
    }
  }
  return config;
}

// A dictionary in the place of a number is for a kind of layer, whose name it has: unless the name
// is that of a number, which is then wrong and for its reader to refuse.
inline bool hf_is_layer(const nlohmann::json::const_iterator& entry) {
  if (!entry->is_object())
    return false;
  for (const char* parameter : {"rope_type",
                                "type",
                                "rope_theta",
                                "factor",
                                "original_max_position_embeddings",
                                "partial_rotary_factor",
                                "attention_factor",
                                "attn_factor",
                                "mscale",
                                "mscale_all_dim",
                                "beta_fast",
                                "beta_slow",
                                "truncate",
                                "low_freq_factor",
                                "high_freq_factor",
                                "short_factor",
                                "long_factor",
                                "short_mscale",
                                "long_mscale",
                                "alpha"})
    if (entry.key() == parameter)
      return false;
  return true;
}

inline std::vector<std::string> hf_layers_in(const hf_object& dictionary) {
  std::vector<std::string> types;
  if (dictionary)
    for (auto it = dictionary.json().begin(); it != dictionary.json().end(); ++it)
      if (hf_is_layer(it))
        types.push_back(it.key());
  return types;
}

// The dictionary under today's or the older key; an empty one says as little as none.
// transformers takes rope_scaling where both are there. Here they must not contradict each other.
inline hf_object hf_dictionary(const hf_object& config) {
  hf_object now = config.object("rope_parameters");
  hf_object old = config.object("rope_scaling");
  if (!old || old.json().empty())
    return now && !now.json().empty() ? now : hf_object();
  if (!now || now.json().empty())
    return old;
  for (auto it = old.json().begin(); it != old.json().end(); ++it) {
    const auto same = now.json().find(it.key());
    if (!it->is_null() && it.key() != "type" && (same == now.json().end() || *same != *it))
      fail(error_kind::invalid_argument,
           "yarn: %s and %s are both given and differ in %s: it is not clear which is meant",
           now.name().c_str(), old.name().c_str(), it.key().c_str());
  }
  return now;
}

// Before rope_parameters had a dictionary a kind of layer, the bases stood apart (Gemma 3,
// ModernBERT).
inline bool hf_has_local_theta(const hf_object& config, const hf_model& model) {
  return model.local_theta != 0.0 || config.has("rope_local_base_freq") ||
         config.has("local_rope_theta");
}

inline std::vector<std::string> hf_layers_of(const hf_object& config, const hf_object& dictionary,
                                             const hf_model& model) {
  std::vector<std::string> types = hf_layers_in(dictionary);
  if (types.empty() && hf_has_local_theta(config, model))
    types = {"full_attention", "sliding_attention"};
  return types;
}

// What holds for one kind of layer.
struct hf_layer {
  hf_object dictionary;
  bool is_one_of_several = false; // the dictionary is one of those of several kinds of layers
  bool is_local = false;          // its base stands apart, in the older spelling
};

inline hf_layer hf_choose_layer(const hf_object& config, const hf_object& dictionary,
                                const hf_model& model, const std::string& wanted) {
  const std::vector<std::string> types = hf_layers_of(config, dictionary, model);
  if (types.empty()) {
    if (!wanted.empty())
      fail(error_kind::invalid_argument,
           "yarn: hf_options.layer_type = \"%s\": this configuration has one set of RoPE "
           "parameters for all layers; leave it empty",
           wanted.c_str());
    return {dictionary, false, false};
  }
  std::string names;
  bool is_known = false;
  for (const std::string& type : types) {
    names += (names.empty() ? "" : ", ") + type;
    is_known = is_known || type == wanted;
  }
  const bool is_only_one = wanted.empty() && types.size() == 1;
  if (!is_known && !is_only_one)
    fail(error_kind::invalid_argument,
         "yarn: hf_options.layer_type = \"%s\" must be one of this configuration's: %s",
         wanted.c_str(), names.c_str());
  if (!hf_layers_in(dictionary).empty())
    return {dictionary.object((is_only_one ? types.front() : wanted).c_str()), true, false};
  if (wanted == "full_attention")
    return {dictionary, false, false};
  // Gemma 3 scales its global layers only, ModernBERT both (as transformers reads them).
  const bool is_scaled = config.has("local_rope_theta") ||
                         std::string(model.model_type == nullptr ? "" : model.model_type)
                                 .compare(0, 10, "modernbert") == 0;
  return {is_scaled ? dictionary : hf_object(), false, true};
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Where the RoPE parameters of a config.json stand: in which nested configuration, under which key,
// for which kind of layer.
#ifndef YARN_DETAIL_HF_LAYERS_HPP
#define YARN_DETAIL_HF_LAYERS_HPP

#include "model.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Keys that would be about RoPE.
inline bool hf_is_about_rope(const std::string& key) {
  for (const char* word : {"rope", "rotary", "theta", "ntk", "yarn", "mscale"})
    if (key.find(word) != std::string::npos)
      return true;
  return false;
}

// Keys about RoPE beside the nested configuration are nobody's: what that has not is a note.
inline void hf_note_outer(const hf_object& outer, const hf_object& inner,
                          std::vector<std::string>& notes) {
  for (auto it = outer.json().begin(); it != outer.json().end(); ++it)
    if (!it->is_null() && hf_is_about_rope(it.key()) && !inner.has(it.key().c_str()))
      hf_note(notes, "{} is not read: the parameters are those of {}",
              outer.name_of(it.key().c_str()), inner.name());
}

// The configuration of the language model within that of a multimodal one.
inline hf_object hf_text_config(hf_object config, std::vector<std::string>& notes) {
  for (bool is_nested = true; is_nested;) {
    is_nested = false;
    for (const char* key : {"text_config", "llm_config", "language_config", "thinker_config",
                            "language_model_config", "decoder"}) {
      if (!config.has_object(key))
        continue;
      const hf_object outer = config;
      config = outer.object(key);
      hf_note_outer(outer, config, notes);
      hf_note(notes, "{} was taken for the language model", config.name());
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

// Whether two parameters are equal. Deeper than a list they are not compared: operator== recurses.
inline bool hf_same(const nlohmann::json& a, const nlohmann::json& b) {
  if (!a.is_array() || !b.is_array())
    return !a.is_structured() && !b.is_structured() && a == b;
  bool same = a.size() == b.size();
  for (std::size_t i = 0; same && i < a.size(); ++i)
    same = !a[i].is_structured() && !b[i].is_structured() && a[i] == b[i];
  return same;
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
    auto same = now.json().find(it.key());
    if (it.key() == "type" && same == now.json().end())
      same = now.json().find("rope_type");
    if (!it->is_null() && (same == now.json().end() || !hf_same(*same, *it)))
      fail_argument(
          "yarn: {} and {} are both given and differ in {}: it is not clear which is meant",
          now.name(), old.name(), it.key());
  }
  return now;
}

// Before rope_parameters had a dictionary a kind of layer, the bases stood apart (Gemma 3,
// ModernBERT).
inline bool hf_has_local_theta(const hf_object& config, const hf_model& model) {
  return model.local_theta != 0.0 || config.has("rope_local_base_freq") ||
         config.has("local_rope_theta");
}

// OLMo 3 scales its global layers only, with one dictionary: transformers 4.57 and 5.13, vLLM,
// llama.cpp. (transformers 5.0 to 5.12 scale all, which is their bug.)
inline bool hf_scales_global_only(const hf_object& dictionary, const hf_model& model) {
  return model.model_type != nullptr && std::string(model.model_type) == "olmo3" &&
         dictionary.has("factor");
}

inline std::vector<std::string> hf_layers_of(const hf_object& config, const hf_object& dictionary,
                                             const hf_model& model) {
  std::vector<std::string> types = hf_layers_in(dictionary);
  if (types.empty() &&
      (hf_has_local_theta(config, model) || hf_scales_global_only(dictionary, model)))
    types = {"full_attention", "sliding_attention"};
  return types;
}

// What holds for one kind of layer.
struct hf_layer {
  hf_object dictionary;
  bool is_one_of_several = false; // the dictionary is one of those of several kinds of layers
  bool is_local = false;          // its base stands apart, in the older spelling
  bool is_unscaled = false;       // the dictionary's base, and none of its scaling
};

inline hf_layer hf_choose_layer(const hf_object& config, const hf_object& dictionary,
                                const hf_model& model, const std::string& wanted) {
  const std::vector<std::string> types = hf_layers_of(config, dictionary, model);
  if (types.empty()) {
    if (!wanted.empty())
      fail_argument("yarn: hf_options.layer_type = \"{}\": this configuration has one set of RoPE "
                    "parameters for all layers; leave it empty",
                    wanted);
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
    fail_argument("yarn: hf_options.layer_type = \"{}\" must be one of this configuration's: {}",
                  wanted, names);
  if (!hf_layers_in(dictionary).empty()) {
    for (const char* key : {"rope_type", "type"})
      if (dictionary.has(key) && *dictionary.json().find(key) != "default")
        hf_wrong(
            dictionary.name_of(key), *dictionary.json().find(key),
            ("default, or not there, beside dictionaries of kinds of layers: " + names).c_str());
    return {dictionary.object((is_only_one ? types.front() : wanted).c_str()), true, false};
  }
  if (wanted == "full_attention")
    return {dictionary, false, false};
  if (hf_scales_global_only(dictionary, model))
    return {dictionary, false, false, true};
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

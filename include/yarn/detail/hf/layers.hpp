// SPDX-License-Identifier: MIT
// Finds the RoPE parameters of a config.json: in which nested configuration, under which key, for
// which kind of layer.
#ifndef YARN_DETAIL_HF_LAYERS_HPP
#define YARN_DETAIL_HF_LAYERS_HPP

#include "model.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Whether the name of a key says that it is about RoPE.
inline bool hf_is_about_rope(const std::string& key) {
  for (const char* word : {"rope", "rotary", "theta", "ntk", "yarn", "mscale"})
    if (key.find(word) != std::string::npos)
      return true;
  return false;
}

// The parameters are those of the nested configuration. Keys about RoPE that only the outer one has
// are not read: a note names them.
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

// The parameters that method.hpp and shape.hpp read from a dictionary.
// clang-format off
inline constexpr const char* hf_parameters[] = {
    "rope_type", "type", "rope_theta", "factor", "original_max_position_embeddings",
    "partial_rotary_factor", "attention_factor", "attn_factor", "mscale", "mscale_all_dim",
    "beta_fast", "beta_slow", "truncate", "low_freq_factor", "high_freq_factor", "short_factor",
    "long_factor", "short_mscale", "long_mscale", "alpha"};
// clang-format on

// Whether an entry of the dictionary is the dictionary of a kind of layer, which its key names. An
// object under the name of a parameter is a wrong value: the reader of that parameter refuses it.
inline bool hf_is_layer(const nlohmann::json::const_iterator& entry) {
  for (const char* parameter : hf_parameters)
    if (entry.key() == parameter)
      return false;
  return entry->is_object();
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

// The dictionary under today's or the older key; an empty one counts as absent. transformers takes
// rope_scaling where both are there. Here they must not contradict each other.
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
// llama.cpp. (transformers 5.0 to 5.12 scale all layers, which is their bug.)
inline bool hf_scales_global_only(const hf_object& dictionary, const hf_model& model) {
  return model.scales_global_layers_only && dictionary.has("factor");
}

inline std::vector<std::string> hf_layers_of(const hf_object& config, const hf_object& dictionary,
                                             const hf_model& model) {
  std::vector<std::string> types = hf_layers_in(dictionary);
  if (types.empty() &&
      (hf_has_local_theta(config, model) || hf_scales_global_only(dictionary, model)))
    types = {"full_attention", "sliding_attention"};
  return types;
}

// Where one kind of layer has its parameters.
enum class hf_layer_source {
  shared_dictionary, // the dictionary holds for all layers, or for all global ones
  own_dictionary,    // the dictionary is one of those of several kinds of layers
  own_theta,         // older spelling: theta has a key of its own; the rest is of the dictionary
  theta_only,        // theta is that of the dictionary, and its scaling does not hold
};

struct hf_layer {
  hf_object dictionary;
  hf_layer_source source = hf_layer_source::shared_dictionary;
};

inline std::string hf_joined(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ", ") + name;
  return list;
}

// A type beside the dictionaries of kinds of layers would be that of none of them.
inline void hf_check_no_type(const hf_object& dictionary, const std::string& layer_names) {
  for (const char* key : {"rope_type", "type"})
    if (dictionary.has(key) && *dictionary.json().find(key) != "default")
      hf_wrong(dictionary.name_of(key), *dictionary.json().find(key),
               ("default, or not there, beside dictionaries of kinds of layers: " + layer_names)
                   .c_str());
}

inline hf_layer hf_choose_layer(const hf_object& config, const hf_object& dictionary,
                                const hf_model& model, const std::string& wanted) {
  const std::vector<std::string> types = hf_layers_of(config, dictionary, model);
  if (types.empty()) {
    if (!wanted.empty())
      fail_argument("yarn: hf_options.layer_type = \"{}\": this configuration has one set of RoPE "
                    "parameters for all layers; leave it empty",
                    wanted);
    return {dictionary, hf_layer_source::shared_dictionary};
  }
  const bool is_known = std::find(types.begin(), types.end(), wanted) != types.end();
  const bool is_only_one = wanted.empty() && types.size() == 1;
  if (!is_known && !is_only_one)
    fail_argument("yarn: hf_options.layer_type = \"{}\" must be one of this configuration's: {}",
                  wanted, hf_joined(types));
  if (!hf_layers_in(dictionary).empty()) {
    hf_check_no_type(dictionary, hf_joined(types));
    const std::string& chosen = is_only_one ? types.front() : wanted;
    return {dictionary.object(chosen.c_str()), hf_layer_source::own_dictionary};
  }
  if (wanted == "full_attention")
    return {dictionary, hf_layer_source::shared_dictionary};
  if (hf_scales_global_only(dictionary, model))
    return {dictionary, hf_layer_source::theta_only};
  // Gemma 3 scales its global layers only, ModernBERT both (as transformers reads them).
  const bool is_scaled = config.has("local_rope_theta") || model.scales_local_layers;
  return {is_scaled ? dictionary : hf_object(), hf_layer_source::own_theta};
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

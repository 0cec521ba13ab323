// SPDX-License-Identifier: MIT
// Finds the RoPE parameters of a config.json: the nested configuration, the key and the type of
// layers that they belong to.
#ifndef YARN_DETAIL_HF_LAYERS_HPP
#define YARN_DETAIL_HF_LAYERS_HPP

#include "model.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Whether a key is about RoPE, by its name.
inline bool hf_is_about_rope(const std::string& key) {
  for (const char* word : {"rope", "rotary", "theta", "ntk", "yarn", "mscale"})
    if (key.find(word) != std::string::npos)
      return true;
  return false;
}

// The configuration of the language model inside the configuration of a multimodal model.
inline hf_object hf_nested_config(const hf_object& config) {
  for (const char* key : {"text_config", "llm_config", "language_config", "thinker_config",
                          "language_model_config", "decoder", "talker_config"})
    if (config.has_object(key))
      return config.object(key);
  return {};
}

// The innermost configuration of the language model. Keys about RoPE that only an outer
// configuration has are not read; a note names them.
inline hf_object hf_text_config(const nlohmann::json& whole, std::vector<std::string>& notes) {
  if (!whole.is_object())
    hf_wrong("the configuration", whole, "an object");
  hf_object config(&whole, "");
  while (const hf_object inner = hf_nested_config(config)) {
    for (auto it = config.json().begin(); it != config.json().end(); ++it)
      if (!it->is_null() && hf_is_about_rope(it.key()) && !inner.has(it.key()))
        hf_note(notes, "{} is not read: the parameters are those of {}", config.name_of(it.key()),
                inner.name());
    hf_note(notes, "{} is taken for the language model", inner.name());
    config = inner;
  }
  return config;
}

// The parameters that method.hpp and shape.hpp read from a dictionary.
// clang-format off
inline constexpr const char* hf_parameters[] = {
    "rope_type", "type", "rope_theta", "factor", "original_max_position_embeddings",
    "partial_rotary_factor", "attention_factor", "attn_factor", "mscale", "mscale_all_dim",
    "beta_fast", "beta_slow", "truncate", "low_freq_factor", "high_freq_factor", "short_factor",
    "long_factor", "short_mscale", "long_mscale", "alpha", "extrapolation_factor",
    "apply_yarn_scaling", "mrope_section", "mrope_interleaved", "interleaved", "xdrope_section"};
// clang-format on

// The types of layers that have their own dictionary. An object whose key is the name of a
// parameter is not a type of layers but a wrong value, which the reader of that parameter rejects.
inline std::vector<std::string> hf_layers_in(const hf_object& dictionary) {
  std::vector<std::string> types;
  if (!dictionary)
    return types;
  const auto* end = std::end(hf_parameters);
  for (auto it = dictionary.json().begin(); it != dictionary.json().end(); ++it)
    if (it->is_object() && std::find(std::begin(hf_parameters), end, it.key()) == end)
      types.push_back(it.key());
  return types;
}

// Whether two parameters are equal. Values that are nested deeper than a list are not compared,
// because operator== is recursive.
inline bool hf_same(const nlohmann::json& a, const nlohmann::json& b) {
  const auto same_value = [](const nlohmann::json& x, const nlohmann::json& y) {
    return !x.is_structured() && !y.is_structured() && x == y;
  };
  return a.is_array() && b.is_array()
             ? std::equal(a.begin(), a.end(), b.begin(), b.end(), same_value)
             : same_value(a, b);
}

// The dictionary under the key of transformers 5 or 4. An empty dictionary counts as absent. If
// both keys are given, transformers uses rope_scaling; here the two dictionaries must not
// contradict each other.
inline hf_object hf_dictionary(const hf_object& config) {
  hf_object now = config.object("rope_parameters");
  hf_object old = config.object("rope_scaling");
  const bool has_old = old && !old.json().empty();
  if (!now || now.json().empty())
    return has_old ? old : hf_object();
  if (!has_old)
    return now;
  for (auto it = old.json().begin(); it != old.json().end(); ++it) {
    const nlohmann::json* same = now.peek(it.key());
    if (same == nullptr && it.key() == "type")
      same = now.peek("rope_type");
    if (!it->is_null() && (same == nullptr || !hf_same(*same, *it)))
      fail_argument(
          "yarn: {} and {} are both given and differ in {}: it is not clear which one is meant",
          now.name(), old.name(), it.key());
  }
  return now;
}

// Whether theta of the local layers has its own key, as in files from before rope_parameters had a
// dictionary per type of layers (Gemma 3, ModernBERT).
inline bool hf_has_local_theta(const hf_object& config, const hf_model& model) {
  return model.local_theta != 0.0 || config.has("rope_local_base_freq") ||
         config.has("local_rope_theta");
}

// OLMo 3 has one dictionary. transformers 4.57 and 5.13, vLLM and llama.cpp apply its scaling to
// the global layers only. (transformers 5.0 to 5.12 scale all layers, which is a bug.)
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

// Where the parameters of a type of layers are.
enum class hf_layer_source {
  shared_dictionary, // one dictionary for all layers, or for all global layers
  own_dictionary,    // each type of layers has its own dictionary
  own_theta,         // older spelling: theta has its own key, the rest is in the dictionary
  theta_only,        // theta is in the dictionary, but the scaling there is not for these layers
};

struct hf_layer {
  hf_object dictionary;
  hf_layer_source source = hf_layer_source::shared_dictionary;
};

inline hf_layer hf_choose_layer(const hf_object& config, const hf_object& dictionary,
                                const hf_model& model, const std::string& wanted) {
  const std::vector<std::string> types = hf_layers_of(config, dictionary, model);
  if (types.empty()) {
    if (!wanted.empty())
      fail_argument("yarn: hf_options.layer_type = \"{}\": this configuration has one set of RoPE "
                    "parameters for all layers; leave layer_type empty",
                    wanted);
    return {dictionary, hf_layer_source::shared_dictionary};
  }
  std::string names;
  for (const std::string& name : types)
    names += (names.empty() ? "" : ", ") + name;
  const std::string& chosen = wanted.empty() && types.size() == 1 ? types.front() : wanted;
  if (std::find(types.begin(), types.end(), chosen) == types.end())
    fail_argument(
        "yarn: hf_options.layer_type = \"{}\" must be one of the types of this configuration: {}",
        wanted, names);
  if (!hf_layers_in(dictionary).empty()) {
    // A rope_type next to the dictionaries of types of layers would belong to none of them.
    for (const char* key : {"rope_type", "type"})
      if (dictionary.has(key) && *dictionary.peek(key) != "default")
        dictionary.refuse(key,
                          "default or absent beside the dictionaries of layer types: " + names);
    return {dictionary.object(chosen), hf_layer_source::own_dictionary};
  }
  if (wanted == "full_attention")
    return {dictionary, hf_layer_source::shared_dictionary};
  if (hf_scales_global_only(dictionary, model))
    return {dictionary, hf_layer_source::theta_only};
  // transformers scales the global layers of Gemma 3 only, and all layers of ModernBERT.
  const bool is_scaled = config.has("local_rope_theta") || model.scales_local_layers;
  return {is_scaled ? dictionary : hf_object(), hf_layer_source::own_theta};
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

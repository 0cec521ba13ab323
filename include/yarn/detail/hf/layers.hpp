// SPDX-License-Identifier: MIT
// Finds the RoPE parameters of a config.json: in which nested configuration, under which key, for
// which type of layers.
#ifndef YARN_DETAIL_HF_LAYERS_HPP
#define YARN_DETAIL_HF_LAYERS_HPP

#include "keys.hpp"
#include "model.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

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

// The types of layers that have their own dictionary. An object whose key is the name of a
// parameter is not a type of layers but a wrong value, which the reader of that parameter rejects.
inline std::vector<std::string> hf_types_with_dictionary(const hf_object& dictionary) {
  std::vector<std::string> types;
  if (!dictionary)
    return types;
  for (auto it = dictionary.json().begin(); it != dictionary.json().end(); ++it)
    if (it->is_object() && hf_find_parameter(it.key()) == nullptr)
      types.push_back(it.key());
  return types;
}

// Whether two parameters are equal. Objects, and lists that contain lists or objects, count as
// different, because operator== is recursive.
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

// The keys of theta of the layers with a window, in files from before rope_parameters had a
// dictionary per type of layers: Gemma 3, ModernBERT, MiMo-V2, PLaMo 3.
inline constexpr const char* hf_local_theta_keys[] = {"rope_local_base_freq", "local_rope_theta",
                                                      "swa_rope_theta", "rope_local_theta"};

inline bool hf_has_local_theta(const hf_object& config, const hf_model& model) {
  return model.local_theta != 0.0 ||
         std::any_of(std::begin(hf_local_theta_keys), std::end(hf_local_theta_keys),
                     [&](const char* key) { return config.has(key); });
}

// OLMo 3 has one dictionary. transformers 4.57 and 5.13, vLLM and llama.cpp apply its scaling to
// the global layers only. (transformers 5.0 to 5.12 scale all layers, which is a bug.)
inline bool hf_scales_global_only(const hf_object& dictionary, const hf_model& model) {
  return model.scales_global_layers_only && dictionary.has("factor");
}

// DeepSeek-V4: layers with compressed keys have a theta of their own; only they are scaled.
inline bool hf_has_compressed_layers(const hf_object& config, const hf_model& model) {
  return model.compress_theta != 0.0 || config.has("compress_rope_theta");
}

// The types that have RoPE parameters of their own. Empty: all layers have the same parameters, or
// lists by layer have them (schedule.hpp).
inline std::vector<std::string> hf_types_with_parameters(const hf_object& config,
                                                         const hf_object& dictionary,
                                                         const hf_model& model) {
  std::vector<std::string> types = hf_types_with_dictionary(dictionary);
  if (!types.empty())
    return types;
  if (hf_has_compressed_layers(config, model))
    return {"main", "compress"};
  if (hf_has_local_theta(config, model) || hf_scales_global_only(dictionary, model))
    return {"full_attention", "sliding_attention"};
  return types;
}

// Where the parameters of a type of layers are.
enum class hf_layer_source {
  shared_dictionary, // one dictionary for all layers, or for all global layers
  own_dictionary,    // each type of layers has its own dictionary
  own_theta,         // older spelling: theta has its own key, the rest is in the dictionary
  theta_only,        // theta is in the dictionary, but the scaling there is not for these layers
  compressed,        // DeepSeek-V4: as shared_dictionary, and theta has its own key
};

struct hf_layer_parameters {
  hf_object dictionary;
  hf_layer_source source = hf_layer_source::shared_dictionary;
};

// The parameters of a type of layers. `type` is one of hf_types_with_parameters. If these are
// empty, `type` has no effect.
inline hf_layer_parameters hf_find_layer_parameters(const hf_object& config,
                                                    const hf_object& dictionary,
                                                    const hf_model& model,
                                                    const std::string& type) {
  const std::vector<std::string> types = hf_types_with_dictionary(dictionary);
  if (!types.empty()) {
    std::string names;
    for (const std::string& name : types)
      names += (names.empty() ? "" : ", ") + name;
    // A rope_type next to the dictionaries of types of layers would belong to none of them.
    for (const char* key : {"rope_type", "type"})
      if (dictionary.has(key) && *dictionary.peek(key) != "default")
        dictionary.refuse(key,
                          "default or absent beside the dictionaries of layer types: " + names);
    return {dictionary.object(type), hf_layer_source::own_dictionary};
  }
  if (type == "compress")
    return {dictionary, hf_layer_source::compressed};
  if (type == "main" || (type == "sliding_attention" && hf_scales_global_only(dictionary, model)))
    return {dictionary, hf_layer_source::theta_only};
  if (type != "sliding_attention" || !hf_has_local_theta(config, model))
    return {dictionary, hf_layer_source::shared_dictionary};
  // transformers scales the global layers of Gemma 3 only, and all layers of ModernBERT.
  const bool is_scaled = config.has("local_rope_theta") || model.scales_local_layers;
  return {is_scaled ? dictionary : hf_object(), hf_layer_source::own_theta};
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

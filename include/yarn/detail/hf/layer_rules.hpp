// SPDX-License-Identifier: MIT
// How the class of a model chooses the type of each layer if the file has no list of types, and
// which layers rotate. Each row names the files it was read from, below transformers/models/ of
// transformers 5.12.1 or in another repository.
#ifndef YARN_DETAIL_HF_LAYER_RULES_HPP
#define YARN_DETAIL_HF_LAYER_RULES_HPP

#include "tables.hpp"
#include "value.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The layers that rotate. Two switches of MiniCPM-SALA exclude further types of layers
// (rotating_layers.hpp).
enum class hf_rotates {
  attention_layers,      // all except linear_attention and those of hf_has_no_rope
  sliding_layers,        // those of type sliding_attention
  sliding_layers_if_any, // as sliding_layers; all layers if sliding_window is null
  windowed_layers,       // as sliding_layers; no layer if sliding_window is null
  windowed_or_dense,     // as windowed_layers; and dense layers, by rotates_as_dense (cohere2_moe)
  by_no_rope_layers,     // no_rope_layers = 1; if absent, all but each no_rope_layer_interval-th
  attention_and_linear,  // also linear_attention, by linear_rotates_ (bailing_hybrid and similar)
};

struct hf_layer_rule {
  const char* model_type = nullptr; // null: an unknown type
  const char* period_key = nullptr; // null: the class reads no key
  int period = 0;                   // the default of the key; 0: all layers have full_attention
  const char* other = "sliding_attention"; // the type of the layers without full_attention
  bool full_comes_first = false;           // in a period; else it comes last
  bool last_is_full = false;               // the last layer of the model has full_attention
  bool rest_is_full = false;               // the layers after the last whole period have it
  hf_rotates rotates = hf_rotates::attention_layers;
};

// Each member function sets one column of the table below.
struct hf_layer_columns : hf_layer_rule {
  template <class Value>
  constexpr hf_layer_columns with(Value hf_layer_rule::*column, Value value) const {
    hf_layer_columns changed = *this;
    changed.*column = value;
    return changed;
  }
  constexpr hf_layer_columns key(const char* name) const {
    return with(&hf_layer_rule::period_key, name);
  }
  constexpr hf_layer_columns full_each(int layers) const {
    return with(&hf_layer_rule::period, layers);
  }
  constexpr hf_layer_columns others(const char* type) const {
    return with(&hf_layer_rule::other, type);
  }
  constexpr hf_layer_columns full_first() const {
    return with(&hf_layer_rule::full_comes_first, true);
  }
  constexpr hf_layer_columns full_at_end() const {
    return with(&hf_layer_rule::last_is_full, true);
  }
  constexpr hf_layer_columns full_after_periods() const {
    return with(&hf_layer_rule::rest_is_full, true);
  }
  constexpr hf_layer_columns only(hf_rotates which) const {
    return with(&hf_layer_rule::rotates, which);
  }
};

inline constexpr hf_layer_columns hf_windows = hf_layer_columns().key("sliding_window_pattern");
inline constexpr hf_layer_columns hf_linear =
    hf_layer_columns().key("full_attention_interval").others("linear_attention");
// clang-format off
inline constexpr hf_table_row<hf_layer_rule> hf_layer_rules[] = {
    // gemma3/configuration_gemma3.py, t5gemma2/configuration_t5gemma2.py
    {hf_windows.full_each(6), {"gemma3_text", "t5gemma2_decoder", "t5gemma2_text"}},
    // gemma3n/configuration_gemma3n.py
    {hf_layer_columns().full_each(5), {"gemma3n_text"}},
    // gemma4/configuration_gemma4.py, and the configurations that inherit from it
    {hf_layer_columns().full_each(6).full_at_end(), {
        "diffusion_gemma_text", "gemma4_text", "gemma4_unified_text"}},
    // modernbert/configuration_modernbert.py, modernbert_decoder (the same rule)
    {hf_layer_columns().key("global_attn_every_n_layers").full_each(3).full_first(), {
        "modernbert", "modernbert-decoder"}},
    // olmo3/configuration_olmo3.py
    {hf_layer_columns().full_each(4), {"olmo3"}},
    // cohere2/configuration_cohere2.py, modeling_cohere2.py (Cohere2Attention.forward)
    {hf_windows.full_each(4).only(hf_rotates::windowed_layers), {"cohere2"}},
    // cohere2_moe/configuration_cohere2_moe.py, modeling_cohere2_moe.py (Cohere2MoeAttention)
    {hf_windows.full_each(4).only(hf_rotates::windowed_or_dense), {"cohere2_moe"}},
    // exaone4/modeling_exaone4.py, exaone_moe/modeling_exaone_moe.py (forward of the attention)
    {hf_windows.full_each(4).only(hf_rotates::sliding_layers_if_any), {
        "exaone4", "exaone4_5_text", "exaone_moe"}},
    // afmoe/configuration_afmoe.py, modeling_afmoe.py (AfmoeAttention.forward)
    {hf_layer_columns().key("global_attn_every_n_layers").full_each(4)
         .only(hf_rotates::sliding_layers), {"afmoe"}},
    // llama4/configuration_llama4.py, smollm3/configuration_smollm3.py
    {hf_layer_columns().only(hf_rotates::by_no_rope_layers), {"llama4_text", "smollm3"}},
    // qwen3_next/configuration_qwen3_next.py, qwen3_5_moe/configuration_qwen3_5_moe.py
    {hf_linear.full_each(4), {"qwen3_5_moe_text", "qwen3_5_text", "qwen3_next"}},
    // olmo_hybrid/configuration_olmo_hybrid.py
    {hf_layer_columns().full_each(4).others("linear_attention").full_at_end(), {"olmo_hybrid"}},
    // minimax/configuration_minimax.py: full_attention if (i + 1) % 2
    {hf_layer_columns().full_each(2).others("linear_attention").full_first(), {"minimax"}},
    // github.com/inclusionAI/Ring-V2.5, models/modeling_bailing_moe_v2_5.py; sglang,
    // models/bailing_moe_linear.py
    {hf_layer_columns().key("layer_group_size").full_each(5).others("linear_attention")
         .full_after_periods().only(hf_rotates::attention_and_linear), {
        "bailing_hybrid", "bailing_moe_linear"}},
};
// clang-format on

// Whether layers of this type have no attention at all, or a linear one that never rotates.
inline bool hf_has_no_rope(const std::string& layer_type) {
  for (const char* name : {"conv", "jet", "mamba", "mamba2", "recurrent", "moe", "mlp"})
    if (layer_type == name)
      return true;
  return false;
}

// Whether the model has a window. The classes have a default, so an absent key means a window.
inline bool hf_has_window(const hf_object& config) {
  return config.has("sliding_window") ||
         config.json().find("sliding_window") == config.json().end();
}

// Cohere2Moe: the first n layers have a dense MLP. Every period-th of them has full attention.
struct hf_dense_layers {
  std::int64_t n = 0;
  std::int64_t period = 1;
};
inline hf_dense_layers hf_find_dense_layers(const hf_object& config, std::int64_t n_layers) {
  const double n = config.number("first_k_dense_replace").value_or(0.0);
  if (!(n >= 0.0 && n <= static_cast<double>(n_layers)) || n != std::floor(n))
    config.refuse("first_k_dense_replace", "a number of layers");
  return {static_cast<std::int64_t>(n),
          config.length("prefix_dense_sliding_window_pattern").value_or(1)};
}

inline hf_layer_rule hf_find_layer_rule(const std::string& model_type) {
  return hf_find_facts(hf_layer_rules, model_type);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// The defaults of transformers' configuration classes, for keys that a config.json lacks.
//
// Old configurations omit keys that have the default of their class, and transformers still fills
// them in. The published Gemma 3 cannot be read without this table. The reader notes each default
// that it uses. A model type that is not in the table has no defaults, so a missing key is an
// error. Source: the classes of transformers 5.12.1 (`default_theta`, `head_dim`, `__post_init__`).
#ifndef YARN_DETAIL_HF_MODEL_HPP
#define YARN_DETAIL_HF_MODEL_HPP

#include "tables.hpp"
#include "value.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The defaults of a model type.
struct hf_model {
  const char* model_type = nullptr;   // null: an unknown type, without defaults
  double rope_theta = 0.0;            // 0: no default
  double local_theta = 0.0;           // theta of sliding_attention; 0: all layers have one theta
  double compress_theta = 0.0;        // theta of layers with compressed keys; 0: there are none
  double partial_rotary_factor = 0.0; // 0: all of head_dim is rotated
  int head_dim = 0;                   // 0: hidden_size / num_attention_heads
  int nested_head_dim = 0;            // of a text_config without these two keys; 0: an error
  // The class always scales, but only a dictionary has the numbers. A missing dictionary is an
  // error.
  bool scales_by_itself = false;
  // Whether layers with local_theta have the scaling of the dictionary, too.
  bool scales_local_layers = false;
  // All layers have the same theta, and only the global ones have the scaling of the dictionary.
  bool scales_global_layers_only = false;
  bool reads_rope_ratio = false;   // theta is rope_theta * rope_ratio
  bool extends_by_default = false; // use_dynamic_ntk and use_logn_attn are true if absent
};

// Each member function sets one column of the table below.
struct hf_columns : hf_model {
  // This function is defined before its uses: otherwise clang 14 instantiates the function too late
  // for a constant.
  template <class Value> constexpr hf_columns with(Value hf_model::*column, Value value) const {
    hf_columns changed = *this;
    changed.*column = value;
    return changed;
  }
  constexpr hf_columns theta(double value) const { return with(&hf_model::rope_theta, value); }
  constexpr hf_columns local_theta(double value) const {
    return with(&hf_model::local_theta, value);
  }
  constexpr hf_columns compress_theta(double value) const {
    return with(&hf_model::compress_theta, value);
  }
  constexpr hf_columns partial_rotary_factor(double value) const {
    return with(&hf_model::partial_rotary_factor, value);
  }
  constexpr hf_columns head_dim(int value) const { return with(&hf_model::head_dim, value); }
  constexpr hf_columns nested_head_dim(int value) const {
    return with(&hf_model::nested_head_dim, value);
  }
  constexpr hf_columns scales_by_itself() const { return with(&hf_model::scales_by_itself, true); }
  constexpr hf_columns scales_local_layers() const {
    return with(&hf_model::scales_local_layers, true);
  }
  constexpr hf_columns scales_global_layers_only() const {
    return with(&hf_model::scales_global_layers_only, true);
  }
  constexpr hf_columns reads_rope_ratio() const { return with(&hf_model::reads_rope_ratio, true); }
  constexpr hf_columns extends_by_default() const {
    return with(&hf_model::extends_by_default, true);
  }
};

// Most classes have only theta 10000.
inline constexpr hf_columns hf_plain = hf_columns().theta(10e3);
// clang-format off
inline constexpr hf_table_row<hf_model> hf_models[] = {
    {hf_plain, {
        "arcee", "aria_text", "chameleon", "codegen", "cohere2", "dbrx", "deepseek_v2",
        "deepseek_v3", "deepseek_v32", "diffllama", "doge", "dots1", "eurobert", "exaone4",
        "exaone_moe", "falcon", "falcon_h1", "glm4_moe_lite", "glm4v_text", "glm_moe_dsa",
        "glm_ocr_text", "gpt_neox_japanese", "gptj", "granite", "granitemoe", "granitemoehybrid",
        "granitemoeshared", "hunyuan_v1_dense", "hunyuan_v1_moe", "hyperclovax", "jais2",
        "ministral", "moshi", "nanochat", "olmo", "olmo2", "olmo_hybrid", "olmoe", "phi3",
        "phi4_multimodal", "qwen2", "qwen2_moe", "qwen3_moe", "starcoder2", "youtu", "zamba2"}},
    {hf_plain.nested_head_dim(128), {"llama", "mistral"}}, // 4096 / 32
    // Constants in the code beside the models, not in transformers. pairings.hpp names the files;
    // that of xverse is in vLLM, models/xverse.py.
    {hf_plain, {
        "RefinedWeb", "RefinedWebModel", "baichuan", "internlm", "minicpm", "neobert", "phi-msft",
        "telechat", "xverse", "yuan"}},
    {hf_plain.extends_by_default(), {"qwen"}}, // configuration_qwen.py beside the model
    {hf_plain.head_dim(128), {"plamo2"}},
    {hf_plain.partial_rotary_factor(0.5).reads_rope_ratio(), {"chatglm"}},
    {hf_plain, {"esm"}}, // a constant of transformers/models/esm/modeling_esm.py
    {hf_plain.theta(1000), {"nomic_bert"}},
    {hf_plain.head_dim(128), {"afmoe", "cohere2_moe", "hrm_text", "jetmoe", "qwen3", "seed_oss"}},
    {hf_plain.head_dim(256), {"gemma", "gemma2", "t5_gemma_module", "vaultgemma"}},
    {hf_plain.scales_global_layers_only(), {"olmo3"}},
    {hf_plain.partial_rotary_factor(0.25), {"gpt_neox", "stablelm"}},
    {hf_plain.partial_rotary_factor(0.25).head_dim(256), {
        "qwen3_5_moe_text", "qwen3_5_text", "qwen3_next"}},
    {hf_plain.partial_rotary_factor(0.5), {
        "bamba", "glm4_moe", "glm4v_moe_text", "nemotron", "persimmon", "phi", "recurrent_gemma"}},
    {hf_plain.partial_rotary_factor(0.5).head_dim(128), {"glm", "glm4"}},
    {hf_plain.partial_rotary_factor(0.8), {"moonshine_streaming"}},
    {hf_plain.partial_rotary_factor(0.9), {"moonshine"}},
    {hf_plain.theta(20e3), {"jina_embeddings_v3"}},
    {hf_plain.theta(25e3).partial_rotary_factor(0.5), {"fuyu"}},
    {hf_plain.theta(100e3).head_dim(128), {"helium"}},
    {hf_plain.theta(160e3).local_theta(10e3).scales_local_layers(), {
        "modernbert", "modernbert-decoder"}},
    {hf_plain.theta(500e3), {
        "bitnet", "cohere", "csm", "ernie4_5_moe", "ernie4_5_vl_moe_text", "evolla", "flex_olmo",
        "mllama_text_model", "qwen3_vl_moe_text"}},
    {hf_plain.theta(500e3).head_dim(128), {
        "ernie4_5", "llama4_text", "paddleocr_vl_text", "qwen3_vl_text"}},
    {hf_plain.theta(1e6), {
        "emu3_text_model", "lfm2", "lfm2_moe", "minimax", "mixtral", "phimoe", "qwen2_5_omni_text",
        "qwen2_5_vl_text", "qwen2_vl_text", "qwen3_omni_moe_text"}},
    {hf_plain.theta(1e6).head_dim(128), {"solar_open"}},
    {hf_plain.theta(1e6).local_theta(10e3).head_dim(256), {
        "gemma3_text", "gemma3n_text", "t5gemma2_decoder", "t5gemma2_text"}},
    {hf_plain.theta(2e6), {"smollm3"}},
    {hf_plain.theta(5e6).head_dim(128), {"minimax_m2", "minimax_m3_vl_text"}},
    {hf_plain.theta(10e6), {"longcat_flash"}},
    {hf_plain.theta(11158840).head_dim(128), {"hy_v3"}},
    {hf_plain.head_dim(128).scales_by_itself(), {"laguna", "mellum", "ministral3"}},
    {hf_plain.head_dim(256).scales_by_itself(), {
        "diffusion_gemma_text", "gemma4_text", "gemma4_unified_text"}},
    {hf_plain.head_dim(512).scales_by_itself().compress_theta(160e3), {"deepseek_v4"}},
    {hf_plain.scales_by_itself(), {"mistral4"}},
    {hf_plain.theta(150e3).head_dim(64).scales_by_itself(), {"gpt_oss", "openai_privacy_filter"}},
    {hf_plain.theta(1e6).head_dim(128).scales_by_itself(), {"cwm"}},
    {hf_plain.theta(12e6).scales_by_itself(), {"apertus"}},
};
// clang-format on

inline hf_model hf_find_model(const std::string& model_type) {
  return hf_find_facts(hf_models, model_type);
}

// The length in training, if `key`, a switch of Qwen 1, is on. For longer texts, use_dynamic_ntk
// changes the frequencies and use_logn_attn scales q.
inline std::optional<std::int64_t> hf_original_length_if(const hf_object& config,
                                                         const hf_model& model, const char* key,
                                                         std::vector<std::string>& notes) {
  const auto given = config.boolean(key);
  if (!given && model.extends_by_default)
    hf_note(notes, "{} is not given: true, the default of model_type {}", config.name_of(key),
            model.model_type);
  if (!given.value_or(model.extends_by_default))
    return std::nullopt;
  const auto length = config.length("seq_length");
  if (!length)
    fail_argument("yarn: {} is missing; {} needs it", config.name_of("seq_length"), key);
  return length;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

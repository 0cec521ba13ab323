// SPDX-License-Identifier: MIT
// What transformers' configuration classes assume where a config.json leaves a key out.
//
// Old configurations omit what was the default of their class, and transformers still fills it in;
// without this table a published Gemma 3 could not be read. Every use of it is a note. A model type
// that is not here has no defaults, and a key that is missing is an error.
// Source: the classes of transformers 5.12.1 (`default_theta`, `head_dim`, `__post_init__`).
#ifndef YARN_DETAIL_HF_MODEL_HPP
#define YARN_DETAIL_HF_MODEL_HPP

#include "value.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

struct hf_model {
  const char* model_type;
  double rope_theta;
  double local_theta;           // of sliding_attention; 0: one set for all layers
  double partial_rotary_factor; // 0: all of head_dim
  int head_dim;                 // 0: hidden_size / num_attention_heads
  bool scaled; // the class scales by itself: without a dictionary the method is not known
};

// clang-format off
inline constexpr hf_model hf_models[] = {
    {"afmoe", 10000.0, 0.0, 0.0, 128, false},
    {"apertus", 12000000.0, 0.0, 0.0, 0, true},
    {"bamba", 10000.0, 0.0, 0.5, 0, false},
    {"bitnet", 500000.0, 0.0, 0.0, 0, false},
    {"cohere", 500000.0, 0.0, 0.0, 0, false},
    {"csm", 500000.0, 0.0, 0.0, 0, false},
    {"cwm", 1000000.0, 0.0, 0.0, 128, true},
    {"deepseek_v4", 10000.0, 0.0, 0.0, 512, true},
    {"diffusion_gemma_text", 10000.0, 0.0, 0.0, 256, true},
    {"emu3_text_model", 1000000.0, 0.0, 0.0, 0, false},
    {"ernie4_5", 500000.0, 0.0, 0.0, 128, false},
    {"ernie4_5_moe", 500000.0, 0.0, 0.0, 0, false},
    {"ernie4_5_vl_moe_text", 500000.0, 0.0, 0.0, 0, false},
    {"evolla", 500000.0, 0.0, 0.0, 0, false},
    {"flex_olmo", 500000.0, 0.0, 0.0, 0, false},
    {"fuyu", 25000.0, 0.0, 0.5, 0, false},
    {"gemma", 10000.0, 0.0, 0.0, 256, false},
    {"gemma2", 10000.0, 0.0, 0.0, 256, false},
    {"gemma3_text", 1000000.0, 10000.0, 0.0, 256, false},
    {"gemma3n_text", 1000000.0, 10000.0, 0.0, 256, false},
    {"gemma4_text", 10000.0, 0.0, 0.0, 256, true},
    {"gemma4_unified_text", 10000.0, 0.0, 0.0, 256, true},
    {"glm", 10000.0, 0.0, 0.5, 128, false},
    {"glm4", 10000.0, 0.0, 0.5, 128, false},
    {"glm4_moe", 10000.0, 0.0, 0.5, 0, false},
    {"glm4v_moe_text", 10000.0, 0.0, 0.5, 0, false},
    {"gpt_neox", 10000.0, 0.0, 0.25, 0, false},
    {"gpt_oss", 150000.0, 0.0, 0.0, 64, true},
    {"helium", 100000.0, 0.0, 0.0, 128, false},
    {"hrm_text", 10000.0, 0.0, 0.0, 128, false},
    {"hy_v3", 11158840.0, 0.0, 0.0, 128, false},
    {"jetmoe", 10000.0, 0.0, 0.0, 128, false},
    {"jina_embeddings_v3", 20000.0, 0.0, 0.0, 0, false},
    {"laguna", 10000.0, 0.0, 0.0, 128, true},
    {"lfm2", 1000000.0, 0.0, 0.0, 0, false},
    {"lfm2_moe", 1000000.0, 0.0, 0.0, 0, false},
    {"llama4_text", 500000.0, 0.0, 0.0, 128, false},
    {"longcat_flash", 10000000.0, 0.0, 0.0, 0, false},
    {"mellum", 10000.0, 0.0, 0.0, 128, true},
    {"minimax", 1000000.0, 0.0, 0.0, 0, false},
    {"minimax_m2", 5000000.0, 0.0, 0.0, 128, false},
    {"minimax_m3_vl_text", 5000000.0, 0.0, 0.0, 128, false},
    {"ministral3", 10000.0, 0.0, 0.0, 128, true},
    {"mistral4", 10000.0, 0.0, 0.0, 0, true},
    {"mixtral", 1000000.0, 0.0, 0.0, 0, false},
    {"mllama_text_model", 500000.0, 0.0, 0.0, 0, false},
    {"modernbert", 160000.0, 10000.0, 0.0, 0, false},
    {"modernbert-decoder", 160000.0, 10000.0, 0.0, 0, false},
    {"moonshine", 10000.0, 0.0, 0.9, 0, false},
    {"moonshine_streaming", 10000.0, 0.0, 0.8, 0, false},
    {"nemotron", 10000.0, 0.0, 0.5, 0, false},
    {"nomic_bert", 1000.0, 0.0, 0.0, 0, false},
    {"openai_privacy_filter", 150000.0, 0.0, 0.0, 64, true},
    {"paddleocr_vl_text", 500000.0, 0.0, 0.0, 128, false},
    {"persimmon", 10000.0, 0.0, 0.5, 0, false},
    {"phi", 10000.0, 0.0, 0.5, 0, false},
    {"phimoe", 1000000.0, 0.0, 0.0, 0, false},
    {"qwen2_5_omni_text", 1000000.0, 0.0, 0.0, 0, false},
    {"qwen2_5_vl_text", 1000000.0, 0.0, 0.0, 0, false},
    {"qwen2_vl_text", 1000000.0, 0.0, 0.0, 0, false},
    {"qwen3", 10000.0, 0.0, 0.0, 128, false},
    {"qwen3_5_moe_text", 10000.0, 0.0, 0.25, 256, false},
    {"qwen3_5_text", 10000.0, 0.0, 0.25, 256, false},
    {"qwen3_next", 10000.0, 0.0, 0.25, 256, false},
    {"qwen3_omni_moe_text", 1000000.0, 0.0, 0.0, 0, false},
    {"qwen3_vl_moe_text", 500000.0, 0.0, 0.0, 0, false},
    {"qwen3_vl_text", 500000.0, 0.0, 0.0, 128, false},
    {"recurrent_gemma", 10000.0, 0.0, 0.5, 0, false},
    {"seed_oss", 10000.0, 0.0, 0.0, 128, false},
    {"smollm3", 2000000.0, 0.0, 0.0, 0, false},
    {"solar_open", 1000000.0, 0.0, 0.0, 128, false},
    {"stablelm", 10000.0, 0.0, 0.25, 0, false},
    {"t5_gemma_module", 10000.0, 0.0, 0.0, 256, false},
    {"t5gemma2_decoder", 1000000.0, 10000.0, 0.0, 256, false},
    {"t5gemma2_text", 1000000.0, 10000.0, 0.0, 256, false},
    {"vaultgemma", 10000.0, 0.0, 0.0, 256, false},
};

// rope_theta 10000, head_dim hidden_size / num_attention_heads, all of it rotated, not scaled.
inline constexpr const char* hf_plain_models[] = {
    "arcee", "aria_text", "chameleon", "codegen", "cohere2", "dbrx", "deepseek_v2", "deepseek_v3",
    "deepseek_v32", "diffllama", "doge", "dots1", "eurobert", "exaone4", "exaone_moe", "falcon",
    "falcon_h1", "glm4_moe_lite", "glm4v_text", "glm_moe_dsa", "glm_ocr_text",
    "gpt_neox_japanese", "gptj", "granite", "granitemoe", "granitemoehybrid", "granitemoeshared",
    "hunyuan_v1_dense", "hunyuan_v1_moe", "hyperclovax", "jais2", "llama", "ministral", "mistral",
    "nanochat", "olmo", "olmo2", "olmo3", "olmoe", "phi3", "phi4_multimodal",
    "qwen2", "qwen2_moe", "qwen3_moe", "starcoder2", "youtu", "zamba2"};
// clang-format on

// The row of a model type; one without a model type where there is none.
inline hf_model hf_find_model(const std::string& model_type) {
  for (const hf_model& model : hf_models)
    if (model_type == model.model_type)
      return model;
  for (const char* plain : hf_plain_models)
    if (model_type == plain)
      return {plain, 10000.0, 0.0, 0.0, 0, false};
  return {nullptr, 0.0, 0.0, 0.0, 0, false};
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// What transformers' configuration classes assume where a config.json leaves a key out.
//
// Old configurations omit keys that had the default of their class, and transformers still fills
// them in: a published Gemma 3 cannot be read without this table. The reader writes a note wherever
// it uses a default. A model type that is not here has no defaults, and a missing key is an error.
// Source: the classes of transformers 5.12.1 (`default_theta`, `head_dim`, `__post_init__`).
#ifndef YARN_DETAIL_HF_MODEL_HPP
#define YARN_DETAIL_HF_MODEL_HPP

#include "value.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The defaults of one model type.
struct hf_model {
  const char* model_type = nullptr;       // null: the type is not known and has no defaults
  double rope_theta = 0.0;                // 0: no default
  double local_theta = 0.0;               // of sliding_attention; 0: one theta for all layers
  double partial_rotary_factor = 0.0;     // 0: all of head_dim is rotated
  int head_dim = 0;                       // 0: hidden_size / num_attention_heads
  bool scales_by_itself = false;          // the class has a scaling, which only a dictionary tells
  bool scales_local_layers = false;       // where theta is local, the scaling holds all the same
  bool scales_global_layers_only = false; // where theta is shared, too
};

// A row of the table. Most classes have theta 10000, and nothing else.
class hf_row {
  // Above its uses: clang 14 instantiates it too late for a constant otherwise.
  template <class Value> constexpr hf_row with(Value hf_model::*column, Value value) const {
    hf_row changed = *this;
    changed.model_.*column = value;
    return changed;
  }

public:
  constexpr explicit hf_row(const char* model_type) {
    model_.model_type = model_type;
    model_.rope_theta = 10000.0;
  }
  constexpr hf_row theta(double value) const { return with(&hf_model::rope_theta, value); }
  constexpr hf_row local_theta(double value) const { return with(&hf_model::local_theta, value); }
  constexpr hf_row partial_rotary_factor(double value) const {
    return with(&hf_model::partial_rotary_factor, value);
  }
  constexpr hf_row head_dim(int value) const { return with(&hf_model::head_dim, value); }
  constexpr hf_row scales_by_itself() const { return with(&hf_model::scales_by_itself, true); }
  constexpr hf_row scales_local_layers() const {
    return with(&hf_model::scales_local_layers, true);
  }
  constexpr hf_row scales_global_layers_only() const {
    return with(&hf_model::scales_global_layers_only, true);
  }
  // NOLINTNEXTLINE(google-explicit-constructor): the table is one of hf_model
  constexpr operator hf_model() const { return model_; }

private:
  hf_model model_;
};

// clang-format off
inline constexpr hf_model hf_models[] = {
    hf_row("afmoe").head_dim(128),
    hf_row("apertus").theta(12e6).scales_by_itself(),
    hf_row("bamba").partial_rotary_factor(0.5),
    hf_row("bitnet").theta(500e3),
    hf_row("cohere").theta(500e3),
    hf_row("csm").theta(500e3),
    hf_row("cwm").theta(1e6).head_dim(128).scales_by_itself(),
    hf_row("deepseek_v4").head_dim(512).scales_by_itself(),
    hf_row("diffusion_gemma_text").head_dim(256).scales_by_itself(),
    hf_row("emu3_text_model").theta(1e6),
    hf_row("ernie4_5").theta(500e3).head_dim(128),
    hf_row("ernie4_5_moe").theta(500e3),
    hf_row("ernie4_5_vl_moe_text").theta(500e3),
    hf_row("evolla").theta(500e3),
    hf_row("flex_olmo").theta(500e3),
    hf_row("fuyu").theta(25e3).partial_rotary_factor(0.5),
    hf_row("gemma").head_dim(256),
    hf_row("gemma2").head_dim(256),
    hf_row("gemma3_text").theta(1e6).local_theta(10e3).head_dim(256),
    hf_row("gemma3n_text").theta(1e6).local_theta(10e3).head_dim(256),
    hf_row("gemma4_text").head_dim(256).scales_by_itself(),
    hf_row("gemma4_unified_text").head_dim(256).scales_by_itself(),
    hf_row("glm").partial_rotary_factor(0.5).head_dim(128),
    hf_row("glm4").partial_rotary_factor(0.5).head_dim(128),
    hf_row("glm4_moe").partial_rotary_factor(0.5),
    hf_row("glm4v_moe_text").partial_rotary_factor(0.5),
    hf_row("gpt_neox").partial_rotary_factor(0.25),
    hf_row("gpt_oss").theta(150e3).head_dim(64).scales_by_itself(),
    hf_row("helium").theta(100e3).head_dim(128),
    hf_row("hrm_text").head_dim(128),
    hf_row("hy_v3").theta(11158840).head_dim(128),
    hf_row("jetmoe").head_dim(128),
    hf_row("jina_embeddings_v3").theta(20e3),
    hf_row("laguna").head_dim(128).scales_by_itself(),
    hf_row("lfm2").theta(1e6),
    hf_row("lfm2_moe").theta(1e6),
    hf_row("llama4_text").theta(500e3).head_dim(128),
    hf_row("longcat_flash").theta(10e6),
    hf_row("mellum").head_dim(128).scales_by_itself(),
    hf_row("minimax").theta(1e6),
    hf_row("minimax_m2").theta(5e6).head_dim(128),
    hf_row("minimax_m3_vl_text").theta(5e6).head_dim(128),
    hf_row("ministral3").head_dim(128).scales_by_itself(),
    hf_row("mistral4").scales_by_itself(),
    hf_row("mixtral").theta(1e6),
    hf_row("mllama_text_model").theta(500e3),
    hf_row("modernbert").theta(160e3).local_theta(10e3).scales_local_layers(),
    hf_row("modernbert-decoder").theta(160e3).local_theta(10e3).scales_local_layers(),
    hf_row("moonshine").partial_rotary_factor(0.9),
    hf_row("moonshine_streaming").partial_rotary_factor(0.8),
    hf_row("nemotron").partial_rotary_factor(0.5),
    hf_row("nomic_bert").theta(1000),
    hf_row("olmo3").scales_global_layers_only(),
    hf_row("openai_privacy_filter").theta(150e3).head_dim(64).scales_by_itself(),
    hf_row("paddleocr_vl_text").theta(500e3).head_dim(128),
    hf_row("persimmon").partial_rotary_factor(0.5),
    hf_row("phi").partial_rotary_factor(0.5),
    hf_row("phimoe").theta(1e6),
    hf_row("qwen2_5_omni_text").theta(1e6),
    hf_row("qwen2_5_vl_text").theta(1e6),
    hf_row("qwen2_vl_text").theta(1e6),
    hf_row("qwen3").head_dim(128),
    hf_row("qwen3_5_moe_text").partial_rotary_factor(0.25).head_dim(256),
    hf_row("qwen3_5_text").partial_rotary_factor(0.25).head_dim(256),
    hf_row("qwen3_next").partial_rotary_factor(0.25).head_dim(256),
    hf_row("qwen3_omni_moe_text").theta(1e6),
    hf_row("qwen3_vl_moe_text").theta(500e3),
    hf_row("qwen3_vl_text").theta(500e3).head_dim(128),
    hf_row("recurrent_gemma").partial_rotary_factor(0.5),
    hf_row("seed_oss").head_dim(128),
    hf_row("smollm3").theta(2e6),
    hf_row("solar_open").theta(1e6).head_dim(128),
    hf_row("stablelm").partial_rotary_factor(0.25),
    hf_row("t5_gemma_module").head_dim(256),
    hf_row("t5gemma2_decoder").theta(1e6).local_theta(10e3).head_dim(256),
    hf_row("t5gemma2_text").theta(1e6).local_theta(10e3).head_dim(256),
    hf_row("vaultgemma").head_dim(256),
};

// Models whose row would have a name only.
inline constexpr const char* hf_plain_models[] = {
    "arcee", "aria_text", "chameleon", "codegen", "cohere2", "dbrx", "deepseek_v2", "deepseek_v3",
    "deepseek_v32", "diffllama", "doge", "dots1", "eurobert", "exaone4", "exaone_moe", "falcon",
    "falcon_h1", "glm4_moe_lite", "glm4v_text", "glm_moe_dsa", "glm_ocr_text",
    "gpt_neox_japanese", "gptj", "granite", "granitemoe", "granitemoehybrid", "granitemoeshared",
    "hunyuan_v1_dense", "hunyuan_v1_moe", "hyperclovax", "jais2", "llama", "ministral", "mistral",
    "nanochat", "olmo", "olmo2", "olmoe", "phi3", "phi4_multimodal",
    "qwen2", "qwen2_moe", "qwen3_moe", "starcoder2", "youtu", "zamba2"};
// clang-format on

// The defaults of a model type.
inline hf_model hf_find_model(const std::string& model_type) {
  for (const hf_model& model : hf_models)
    if (model_type == model.model_type)
      return model;
  for (const char* plain : hf_plain_models)
    if (model_type == plain)
      return hf_row(plain);
  return {};
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

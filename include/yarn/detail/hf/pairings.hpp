// SPDX-License-Identifier: MIT
// Which elements of a head the class of a model type rotates together. A configuration hardly ever
// says so. tests/reference/hf_pairings.json has what the classes of transformers 5.12.1 do, found
// by running them. The rows about code beside a model are not verified in that way: the code was
// neither run nor read, except that of Step-3.5 and a transcription of that of ChatGLM. The model
// types with several axes are in axes.hpp.
#ifndef YARN_DETAIL_HF_PAIRINGS_HPP
#define YARN_DETAIL_HF_PAIRINGS_HPP

#include "value.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

struct hf_pairing_row {
  yarn::pairing pairing;
  std::initializer_list<const char*> model_types;
};

// <type> stands for the package of the model type: modeling_<type>.py is there.
// clang-format off
inline constexpr hf_pairing_row hf_pairings[] = {
    // transformers/models/<type>: rotate_half takes halves
    {pairing::half_split, {
        "afmoe", "apertus", "arcee", "aria_text", "bamba", "bitnet", "chameleon", "csm", "cwm",
        "dbrx", "diffllama", "doge", "dots1", "emu3_text_model", "eurobert", "exaone4",
        "exaone_moe", "falcon", "falcon_h1", "flex_olmo", "gemma", "gemma2", "gemma3_text",
        "gemma3n_text", "gemma4_text", "glm4_moe", "gpt_neox", "gpt_neox_japanese", "gpt_oss",
        "granite", "granitemoe", "granitemoehybrid", "granitemoeshared", "hrm_text",
        "hunyuan_v1_dense", "hunyuan_v1_moe", "hy_v3", "hyperclovax", "jais2",
        "jetmoe", "jina_embeddings_v3", "laguna", "lfm2", "lfm2_moe", "llama", "mellum",
        "minimax", "minimax_m2", "minimax_m3_vl_text", "ministral", "ministral3", "mistral",
        "mixtral", "mllama_text_model", "modernbert", "modernbert-decoder", "moshi", "nanochat",
        "nemotron", "nomic_bert", "olmo", "olmo2", "olmo3", "olmo_hybrid", "olmoe", "persimmon",
        "phi", "phi3", "phi4_multimodal", "phimoe", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe",
        "qwen3_next", "recurrent_gemma", "seed_oss", "smollm3", "solar_open", "stablelm",
        "starcoder2", "t5_gemma_module", "t5gemma2_decoder", "vaultgemma", "zamba2"}},
    // transformers/models/<type>: even and odd elements
    {pairing::interleaved, {
        "codegen", "cohere", "cohere2", "cohere2_moe", "deepseek_v2", "deepseek_v32",
        "deepseek_v4", "ernie4_5", "ernie4_5_moe", "glm", "glm4", "glm_moe_dsa", "gptj",
        "helium", "llama4_text", "longcat_flash", "moonshine", "moonshine_streaming",
        "openai_privacy_filter"}},
    // transformers/models/<type>: the class reads rope_interleave, whose default is true
    {pairing::interleaved, {
        "deepseek_v3", "glm4_moe_lite", "mistral4", "youtu"}},
    // modeling_<type>.py beside the model (not verified): rotate_half takes halves
    {pairing::half_split, {
        "RefinedWeb", "RefinedWebModel", "baichuan", "bailing_moe", "internlm", "internlm2",
        "internlm3", "mimo", "mimo_v2", "mimo_v2_flash", "minicpm", "minicpm3", "nemotron-nas",
        "orion", "phi-msft", "qwen",
        "stablelm_epoch", "telechat", "telechat3", "xverse"}},
    // vLLM, step3p5.py: get_rope(is_neox_style = true)
    {pairing::half_split, {"step3p5"}},
    // transformers/models/esm: rotate_half takes halves
    {pairing::half_split, {"esm"}},
    // modeling_chatglm.py beside the model
    {pairing::interleaved, {"chatglm"}},
    // modeling_deepseek.py beside the model (not verified)
    {pairing::interleaved, {"kimi_k2"}},
    // rotary.py beside the model (not verified): view_as_complex
    {pairing::interleaved, {"neobert"}},
};
// clang-format on

inline const hf_pairing_row* hf_find_pairing(const std::string& model_type) {
  for (const hf_pairing_row& row : hf_pairings)
    for (const char* name : row.model_types)
      if (model_type == name)
        return &row;
  return nullptr;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

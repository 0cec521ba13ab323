// SPDX-License-Identifier: MIT
// Which elements of a head the class of a model type rotates together. A configuration hardly ever
// says so. tests/reference/hf_pairings.json has what the classes of transformers 5.12.1 do, found
// by running them. The other rows name the file that was read: the code of the vendor, a copy of it
// in another project, or an engine that loads the same weights. The model types with several axes
// are in axes.hpp.
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
    // The code of the vendor or a copy of it: rotate_half takes halves. In this order:
    // Decentralised-AI/falcon-40b, modelling_RW.py (both); baichuan-inc/Baichuan-7B,
    // models/modeling_baichuan.py; inclusionAI/Ling, models/modeling_bailing_moe.py;
    // yangulei/internlm-20b, modeling_internlm.py; OpenGVLab/InternVL,
    // internvl/model/internlm2/modeling_internlm2.py; oshersidi/OCD, modeling_minicpm.py;
    // MiniMax-AI/MiniMax-M1, modeling_minimax_m1.py; DeltaVector1/Chat-Prompters,
    // modeling_decilm.py; Zumwaltboi68/stable-code-3b, modeling_stablelm_epoch.py;
    // Tele-AI/Telechat, models/7B/modeling_telechat.py; and of
    // intel/intel-extension-for-pytorch, tests/cpu/hf_configs: phi4/modeling_phi4mm.py,
    // qwen/modeling_qwen.py, yuan/yuan_hf_model.py
    {pairing::half_split, {
        "RefinedWeb", "RefinedWebModel", "baichuan", "bailing_moe", "internlm", "internlm2",
        "minicpm", "minimax_m1", "nemotron-nas", "stablelm_epoch", "telechat", "phi4mm", "qwen",
        "yuan"}},
    // ml-explore/mlx-lm, mlx_lm/models/<type>.py: traditional is false (mimo_v2: as mimo_v2_flash)
    {pairing::half_split, {
        "bailing_moe_linear", "exaone", "internlm3", "mimo", "mimo_v2", "mimo_v2_flash", "minicpm3",
        "plamo2", "step3p5", "telechat3"}},
    // vLLM: get_rope without is_neox_style, whose default is true. MiniCPM-SALA has two files:
    // models/minicpm_sala.py, and layers/mamba/sala_simple_gla.py for the linear attention.
    {pairing::half_split, {"minicpm_sala"}},
    // A copy of PowerInfer/SmallThinker-4BA0.6B-Instruct, modeling_smallthinker.py: rotate_half
    // takes halves. llama.cpp has the same, in llama_model_rope_type.
    {pairing::half_split, {"smallthinker"}},
    // inclusionAI/Ring-V2.5, models/modeling_bailing_moe_v2_5.py: the latent attention reads
    // rope_interleave, whose default is true. kind.hpp has the linear attention.
    {pairing::interleaved, {"bailing_hybrid"}},
    // vLLM, models/<type>.py (neuralmagic/nm-vllm; phi3v.py, phi3_small.py): get_rope without
    // is_neox_style, whose default is true
    {pairing::half_split, {"deepseek", "orion", "phi3_v", "phi3small", "xverse"}},
    // mlc-ai/mlc-llm, python/mlc_llm/model/phi/phi_model.py: the mode of GPT-NeoX
    {pairing::half_split, {"phi-msft"}},
    // huggingface/text-embeddings-inference, backends/candle/src/layers/rotary.rs: apply_rotary
    {pairing::half_split, {"new"}}, // GTE
    // Engines load the weights as those of a Llama; the code of the vendor was not found.
    {pairing::half_split, {"PanguEmbedded"}},
    // transformers/models/esm: rotate_half takes halves
    {pairing::half_split, {"esm"}},
    // DracoUnion/chatglm3-6b-int4-lora, model/modeling_chatglm.py: apply_rotary_pos_emb
    {pairing::interleaved, {"chatglm"}},
    // A copy of the file of Kimi K2: mfarisadip/Kimi-K2-Mini, k2-mini-broken/modeling_deepseek.py,
    // apply_rotary_pos_emb
    {pairing::interleaved, {"kimi_k2"}},
    // ml-explore/mlx-lm, mlx_lm/models/longcat_flash.py, which longcat_flash_ngram.py extends
    {pairing::interleaved, {"longcat_flash_ngram"}},
    // chandar-lab/NeoBERT, src/neobert/model/rotary.py: view_as_complex
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

// SPDX-License-Identifier: MIT
// Facts that a GGUF file does not contain and that llama.cpp decides by the name of the
// architecture. The reader assumes nothing about names that are in no list here. Source:
// ggml-org/llama.cpp src/llama-model.cpp (llama_model_rope_type, load_hparams), llama-context.cpp,
// src/models/*.cpp.
#ifndef YARN_DETAIL_GGUF_ARCHITECTURES_HPP
#define YARN_DETAIL_GGUF_ARCHITECTURES_HPP

#include "../base/abi.hpp"

#include <cstddef>
#include <string_view>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <std::size_t N>
constexpr bool is_listed(const std::string_view (&list)[N], std::string_view name) {
  for (const std::string_view listed : list)
    if (listed == name)
      return true;
  return false;
}

// LLAMA_ROPE_TYPE_NORM. Converters permute the weights of Llama and similar models, so that the
// elements of a pair are neighbours.

// clang-format off
inline constexpr std::string_view gguf_interleaved[] = {
    "arcee", "arctic", "baichuan", "bailingmoe", "chameleon", "chatglm", "cohere2", "cohere2moe",
    "command-r", "deci", "deepseek", "deepseek2", "deepseek32", "deepseek2-ocr", "deepseek4",
    "eagle3", "ernie4_5", "ernie4_5-moe", "glm-dsa", "granite", "granite_swa", "granitehybrid",
    "granitemoe",
    "internlm2", "llada", "llama", "llama-embed", "llama4", "maincoder", "minicpm", "mistral3",
    "mistral4", "neo-bert", "olmo", "plm", "smollm3", "starcoder", "xverse"};

// LLAMA_ROPE_TYPE_NEOX, and the two forms of M-RoPE, which have the same pairing.
inline constexpr std::string_view gguf_half_split[] = {
    "afmoe", "apertus", "bailingmoe2", "bert", "bitnet", "codeshell", "cogvlm", "dbrx", "dflash",
    "dots1", "dream", "eurobert", "exaone", "exaone-moe", "exaone4", "falcon", "falcon-h1", "gemma",
    "gemma-embedding", "gemma2", "gemma3", "gemma3n", "gemma4", "gemma4-assistant", "glm4moe",
    "gpt-oss", "gptneox", "grok", "grovemoe", "hunyuan-dense", "hunyuan-moe", "hunyuan_vl", "hy_v3",
    "jais2", "jina-bert-v3", "laguna", "lfm2", "lfm2moe", "llada-moe", "mellum", "mimo2",
    "minicpm3", "minimax-m2", "modern-bert", "nemotron", "nomic-bert", "nomic-bert-moe", "olmo2",
    "olmoe", "openelm", "orion", "paddleocr", "pangu-embedded", "phi2", "phi3", "phimoe", "plamo",
    "plamo2", "plamo3", "qwen", "qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen35", "qwen35moe",
    "qwen3moe", "qwen3next", "qwen3vl", "qwen3vlmoe", "rnd1", "seed_oss", "smallthinker",
    "stablelm", "starcoder2", "step35", "talkie"};
// clang-format on

// Architectures whose layers do not rotate. LLAMA_ROPE_TYPE_NONE, and graphs that call no ggml_rope
// although the type is another one (starcoder).
inline constexpr std::string_view gguf_unrotated[] = {
    "arwkv7", "bloom",  "gpt2",      "gptj",           "jais",      "jamba",     "jina-bert-v2",
    "mamba",  "mamba2", "mpt",       "nemotron_h",     "refact",    "rwkv6",     "kimi-linear",
    "rwkv7",  "t5",     "starcoder", "nemotron_h_moe", "t5encoder", "rwkv6qwen2"};

// Whether the architecture is in a list above. (The pairing of glm4 depends on the file.)
constexpr bool is_known_gguf(std::string_view architecture) {
  return architecture == "glm4" || is_listed(gguf_interleaved, architecture) ||
         is_listed(gguf_half_split, architecture) || is_listed(gguf_unrotated, architecture);
}

// The meaning of `rope.scaling.yarn_log_multiplier`. The converter of DeepSeek-V2 and similar
// models writes a tenth of mscale_all_dim. The converter of Mistral 3 writes mscale_all_dim.
// llama.cpp ignores the key for all other architectures.
enum class gguf_log_multiplier { ignored, tenth, whole };
constexpr gguf_log_multiplier gguf_log_multiplier_of(std::string_view architecture) {
  constexpr std::string_view tenths[] = {"deepseek2", "deepseek32", "mistral4"};
  if (is_listed(tenths, architecture))
    return gguf_log_multiplier::tenth;
  return architecture == "mistral3" ? gguf_log_multiplier::whole : gguf_log_multiplier::ignored;
}

// The axes of positions in a file with `rope.dimension_sections`.
// LLAMA_ROPE_TYPE_VISION, whose frequencies start again for each axis, belongs to vision towers,
// which are in files of their own (general.architecture "clip"). This reader does not read them.
enum class gguf_axes {
  unknown,     // an architecture that is in no list here, or that does not rotate
  one,         // llama.cpp ignores the sections
  contiguous,  // LLAMA_ROPE_TYPE_MROPE: the pairs of t, then those of h, then those of w
  alternating, // LLAMA_ROPE_TYPE_IMROPE: t h w t h w ...
};
// `uses_sections`: use_mrope() of llama-hparams.cpp, that is, the first two sections are not 0.
constexpr gguf_axes gguf_axes_of(std::string_view architecture, bool uses_sections) {
  constexpr std::string_view contiguous[] = {"paddleocr", "qwen2vl"};
  constexpr std::string_view contiguous_if_used[] = {"glm4", "glm4moe", "hunyuan_vl"};
  constexpr std::string_view alternating[] = {"qwen35", "qwen35moe", "qwen3vl", "qwen3vlmoe"};
  if (is_listed(contiguous, architecture))
    return gguf_axes::contiguous;
  if (is_listed(alternating, architecture))
    return gguf_axes::alternating;
  if (is_listed(contiguous_if_used, architecture))
    return uses_sections ? gguf_axes::contiguous : gguf_axes::one;
  const bool is_known =
      is_listed(gguf_interleaved, architecture) || is_listed(gguf_half_split, architecture);
  return is_known ? gguf_axes::one : gguf_axes::unknown;
}

// Architectures for which `rope.scaling.alpha` changes the base, as NTK-aware scaling does.
inline constexpr std::string_view gguf_ntk_alpha[] = {"hunyuan-dense", "hunyuan_vl"};

// Architectures for which `rope.scaling.finetuned` = false turns the rotation off.
inline constexpr std::string_view gguf_rope_switch[] = {"granite", "granitehybrid", "granitemoe"};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Names files that are no configuration of a language model with RoPE: tokenizers, parts of
// diffusion pipelines, vision towers alone, models with other position encodings.
#ifndef YARN_DETAIL_HF_OTHER_FILES_HPP
#define YARN_DETAIL_HF_OTHER_FILES_HPP

#include "towers.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// A key by which a file without the keys of a model is recognised, and what this file is.
struct hf_file_mark {
  const char* key;
  const char* file;
};
// clang-format off
inline constexpr hf_file_mark hf_file_marks[] = {
    {"added_tokens_decoder", "the configuration of a tokenizer (tokenizer_config.json)"},
    {"tokenizer_class", "the configuration of a tokenizer (tokenizer_config.json)"},
    {"pre_tokenizer", "a tokenizer (tokenizer.json)"},
    {"image_processor_type", "the configuration of an image processor (preprocessor_config.json)"},
    {"feature_extractor_type", "the configuration of a processor (preprocessor_config.json)"},
    {"processor_class", "the configuration of a processor"},
    {"peft_type", "the configuration of an adapter (adapter_config.json); the RoPE is in "
                  "config.json of its base model"},
    {"weight_map", "the index of the files of weights (model.safetensors.index.json)"},
    {"do_sample", "the parameters of generation (generation_config.json)"},
};

// Models without RoPE, and what encodes positions in them.
struct hf_unrotated_row {
  const char* positions;
  std::initializer_list<const char*> model_types;
};
inline constexpr hf_unrotated_row hf_unrotated_models[] = {
    {"learned positions", {
        "bart", "bert", "biogpt", "blenderbot", "camembert", "codegen2", "distilbert", "electra",
        "ernie", "gpt2", "gpt_bigcode", "gpt_neo", "mbart", "openai-gpt", "opt", "pegasus",
        "roberta", "whisper", "xlm-roberta"}},
    {"ALiBi", {"bloom"}},
    {"relative positions", {"deberta", "deberta-v2", "mt5", "t5", "umt5", "xlnet"}},
    {"recurrent layers without positions", {
        "falcon_mamba", "mamba", "mamba2", "rwkv", "rwkv5", "rwkv6", "rwkv7", "xlstm"}},
    {"no positions in its attention", {"zamba"}},
};
// clang-format on

// Whether a configuration has a key that a language model with RoPE needs.
inline bool hf_has_model(const hf_object& config) {
  for (const char* key :
       {"hidden_size", "n_embd", "d_model", "head_dim", "text_config", "llm_config",
        "language_config", "thinker_config", "decoder", "language_model_config", "talker_config",
        "rope_theta", "rope_scaling", "rope_parameters"})
    if (config.has(key))
      return true;
  return false;
}

[[noreturn]] inline void hf_refuse_diffusers(const hf_object& config) {
  const std::string name = hf_shown(*config.peek("_class_name"));
  std::string axes;
  if (config.has("axes_dims_rope") && config.peek("axes_dims_rope")->is_array())
    for (const double width : config.numbers("axes_dims_rope"))
      axes += text_of(axes.empty() ? "{}" : ", {}", width);
  if (axes.empty())
    fail_argument(
        "yarn: _class_name = {}: this is a part of a diffusers pipeline, no language model", name);
  fail_argument("yarn: _class_name = {}: this is an image transformer of diffusers, no language "
                "model. Its heads have axes of {} elements: make frequencies with each number as "
                "head_dim and the theta of the class (10000 in FLUX), and join them (yarn::joined)",
                name, axes);
}

// Refuses a file that is not the configuration of a language model.
inline void hf_refuse_other_file(const nlohmann::json& whole) {
  const hf_object config(&whole, "");
  if (config.has("_class_name"))
    hf_refuse_diffusers(config);
  const auto* type = config.peek("model_type");
  const std::string model_type =
      type != nullptr && type->is_string() ? type->get<std::string>() : "";
  if (!hf_has_model(config))
    for (const hf_file_mark& mark : hf_file_marks)
      if (config.has(mark.key))
        fail_argument("yarn: {} is given, and no key of a model: this is {}, no configuration of a "
                      "language model",
                      mark.key, mark.file);
  for (const char* key : {"text_config", "llm_config", "language_config", "thinker_config"})
    if (config.has(key))
      return;
  if (hf_find_tower(hf_tower_family(model_type)).is_whole_model ||
      (model_type.size() > 7 && model_type.compare(model_type.size() - 7, 7, "_vision") == 0) ||
      (config.has("image_size") && config.has("patch_size") && !config.has("vocab_size") &&
       !config.has("max_position_embeddings")))
    fail_argument("yarn: model_type {} is a vision tower, no language model; hf_options.tower = "
                  "hf_tower::vision reads towers",
                  model_type.empty() ? "(missing)" : model_type);
  const auto* kind = config.peek("position_embedding_type");
  const bool is_rotary = kind != nullptr && kind->is_string() &&
                         kind->get_ref<const std::string&>().rfind("ro", 0) == 0; // rotary, rope
  for (const hf_unrotated_row& row : hf_unrotated_models)
    for (const char* name : row.model_types)
      if (model_type == name && config.peek("rope_theta") == nullptr &&
          config.peek("rope_parameters") == nullptr && config.peek("rope_scaling") == nullptr &&
          !is_rotary)
        fail_argument("yarn: model_type {} has {} and no RoPE", model_type, row.positions);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

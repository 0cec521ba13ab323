// SPDX-License-Identifier: MIT
// Finds models that do not rotate, and models that rotate in a way that is not supported.
#ifndef YARN_DETAIL_HF_UNROTATED_HPP
#define YARN_DETAIL_HF_UNROTATED_HPP

#include "model.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The key, or its absence, that makes the model not rotate at all, although its class has RoPE.
// Empty: the model rotates.
inline std::string hf_unrotated_by(const hf_object& config) {
  const std::string model_type = config.string("model_type");
  const nlohmann::json* latent = config.peek("qk_rope_head_dim"); // GLM-5-Next
  if (latent != nullptr && *latent == 0 && config.boolean("use_mla").value_or(true))
    return config.name_of("qk_rope_head_dim") + " = 0";
  // zamba2/modeling_zamba2.py (Zamba2Attention)
  if (model_type == "zamba2" && !config.boolean("use_mem_rope").value_or(false))
    return config.name_of("use_mem_rope") + " is not true";
  for (const char* key : {"alibi", "mla_use_nope"})
    if (config.boolean(key).value_or(false))
      return config.name_of(key);
  if (model_type == "kimi_linear") // vLLM, models/kimi_linear.py: mla_use_nope must be true
    return config.name_of("model_type") + " kimi_linear";
  const hf_object attention = config.object("attn_config"); // MPT, DBRX
  if (attention.boolean("alibi").value_or(false))
    return attention.name_of("alibi");
  if (!attention.boolean("rope").value_or(true))
    return attention.name_of("rope");
  // The default of BERT and similar models is "absolute". ModernBERT has it, too, and rotates.
  const std::string kind = config.string("position_embedding_type");
  const bool has_theta = hf_find_model(model_type).rope_theta != 0.0 || config.has("rope_theta") ||
                         config.has("rope_parameters");
  if (kind == "nope" || kind == "alibi" || (kind == "absolute" && !has_theta))
    return config.name_of("position_embedding_type");
  // granitemoehybrid/modeling_granitemoehybrid.py (GraniteMoeHybridModel)
  if (model_type == "granitemoehybrid" && kind != "rope")
    return config.name_of("position_embedding_type") + " is not rope";
  return {};
}

// Notes that the model does not rotate. If it has no parameters of RoPE either, that is an error.
inline void hf_note_unrotated(const hf_object& config, std::vector<std::string>& notes) {
  const std::string key = hf_unrotated_by(config);
  if (key.empty())
    return;
  for (const char* parameter : {"rope_theta", "rope_scaling", "rope_parameters", "rotary_emb_base"})
    if (config.has(parameter) || config.object("attn_config").has(parameter))
      return hf_note(notes, "{}: this model does not rotate its heads at all", key);
  fail_argument("yarn: {}: this model does not rotate its heads at all, and has no parameters of "
                "RoPE",
                key);
}

// Models whose code rotates no head, whatever their configuration says. Jamba and Nemotron-H import
// the rotation and do not call it.
inline bool hf_never_rotates(const std::string& model_type) {
  return model_type == "jamba" || model_type == "nemotron_h";
}

// Refuses models without RoPE or with an unsupported rotation, by what is known of their code.
inline void hf_refuse_by_code(const hf_object& config) {
  const std::string model_type = config.string("model_type");
  if (hf_never_rotates(model_type))
    fail_argument(
        "yarn: model_type {} has no RoPE: its code calls no rotation, and rope_theta has no "
        "effect",
        model_type);
  const auto width = config.length("hidden_size");
  if (model_type == "baichuan" && width &&
      *width != 4096) // vLLM, models/baichuan.py, has this rule
    fail_argument(
        "yarn: hidden_size = {} of model_type baichuan: Baichuan 13B has ALiBi and no RoPE",
        *width);
  if (model_type == "chatglm" && config.boolean("position_encoding_2d").value_or(false))
    fail_argument("yarn: {} is true: ChatGLM-6B rotates each half of a head by a position of its "
                  "own (in the text, and in the block); later versions of ChatGLM are supported",
                  config.name_of("position_encoding_2d"));
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

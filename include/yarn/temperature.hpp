// SPDX-License-Identifier: MIT
// Factors on q that depend on the position of the token (temperature by position). Some models
// multiply q by such a factor, so that attention stays sharp in long texts.
//
// Each type is a function of the position: `double factor = temperature(position);`. An engine
// multiplies all elements of q, the unrotated ones included, by the factor of their token. These
// factors do not belong to YaRN: its attention factor is the same at all positions
// (frequencies::attention_factor).
#ifndef YARN_TEMPERATURE_HPP
#define YARN_TEMPERATURE_HPP

#include "scaling/require.hpp"
#include "views.hpp"

#include <variant>

namespace yarn {
inline namespace YARN_ABI {

/// Llama 4, for the layers without RoPE (attn_temperature_tuning).
/// Requires position >= 0.
/// Formula  1 + attn_scale * ln(floor((position + 1) / floor_scale) + 1)
/// Errors   std::invalid_argument: attn_scale is negative or not finite, floor_scale is not > 0.
/// Accuracy 0.51 ULP, with the same bits on every processor.
/// Source   transformers 5.12, models/llama4/modeling_llama4.py, Llama4TextAttention.
struct llama4_temperature {
  double attn_scale = 0.1;
  double floor_scale = 8192.0;

  double operator()(std::int64_t position) const;
};

/// Ministral 3 and similar models, for all layers (`llama_4_scaling_beta`).
/// Requires position >= 0.
/// Formula  1 + beta * ln(1 + floor(position / original_max_position_embeddings))
/// Errors   std::invalid_argument: beta is negative or not finite,
///          original_max_position_embeddings is not > 0.
/// Accuracy 0.51 ULP, with the same bits on every processor.
/// Source   transformers 5.12, models/ministral3/modeling_ministral3.py, get_llama_4_attn_scale.
struct ministral_temperature {
  double beta = 0.1;
  double original_max_position_embeddings = 0.0;

  double operator()(std::int64_t position) const;
};

/// Log-n scaling: Qwen 1 (use_logn_attn).
/// Requires position >= 0.
/// Formula  ln(position + 1) / ln(original_length) if position + 1 > original_length, else 1
/// Errors   std::invalid_argument: original_length is not > 1.
/// Accuracy 0.51 ULP, with the same bits on every processor.
/// Source   Qwen-7B, modeling_qwen.py, QWenAttention (seq_length, use_logn_attn).
struct log_n_temperature {
  double original_length = 0.0;

  double operator()(std::int64_t position) const;
};

/// The temperature that a configuration describes (hf_config.hpp, gguf.hpp). std::monostate: none.
using any_temperature =
    std::variant<std::monostate, llama4_temperature, ministral_temperature, log_n_temperature>;

/// The layers whose q a temperature multiplies.
enum class temperature_scope {
  none,
  all,
  unrotated, ///< only the layers that do not rotate (Llama 4)
};

} // namespace YARN_ABI
} // namespace yarn

#include "detail/scaling/temperature.hpp"

#endif

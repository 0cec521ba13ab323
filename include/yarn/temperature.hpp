// SPDX-License-Identifier: MIT
// Factors on q that depend on the position of the token (temperature by position). Some models
// multiply q by such a factor, so that attention stays sharp in long texts.
//
// A temperature is a function of the position: `double factor = temperature(position);`. It has a
// type of this file, or it is your own callable. rotary_rows, rows_of and fill_rows (rows.hpp)
// accept a temperature as their third argument, and multiply the rows by the factors. q and k then
// need rows of their own. These factors do not belong to YaRN: its attention factor is the same at
// all positions (frequencies::attention_factor).
//
// A model multiplies whole heads of q, but rows reach only the rotated elements. For the other
// elements, and for layers without RoPE, make rows of frequencies 0. Their cos is the factor, and
// their sin is 0:
//
//     const std::vector<double> zeros(n_unrotated / 2);
//     const auto still = frequencies_from(zeros.data(), zeros.size());
//     rope_apply(unrotated_elements_of_q, rows_of(still, list, temperature), p);
//
// where the heads of unrotated_elements_of_q begin at the first unrotated element.
#ifndef YARN_TEMPERATURE_HPP
#define YARN_TEMPERATURE_HPP

#include "scaling/require.hpp"
#include "views.hpp"

#include <variant>

namespace yarn {
inline namespace YARN_ABI {

// A callable of your own takes a std::int64_t and returns a double. It must be a pure function: a
// call that makes rows may call it several times for a position, and your threads may make rows at
// the same time. It may have a member `std::int64_t next_change(std::int64_t position) const`, like
// the types below. Rows then take less time if many positions have the same factor.

/// Llama 4, for the layers without RoPE (attn_temperature_tuning).
/// Formula  1 + attn_scale * ln(floor((position + 1) / floor_scale) + 1)
/// Errors   std::invalid_argument: attn_scale is negative or not finite, floor_scale is not > 0.
///          std::out_of_range: position < 0 or > 2^62.
/// Accuracy 0.51 ULP, with the same bits on every processor.
/// Source   transformers 5.12, models/llama4/modeling_llama4.py, Llama4TextAttention.
struct llama4_temperature {
  double attn_scale = 0.1;
  double floor_scale = 8192.0;

  double operator()(std::int64_t position) const;
  /// The first position after this one at which the factor may differ.
  std::int64_t next_change(std::int64_t position) const;
};

/// Ministral 3 and similar models, for all layers (`llama_4_scaling_beta`).
/// Formula  1 + beta * ln(1 + floor(position / original_max_position_embeddings))
/// Errors   std::invalid_argument: beta is negative or not finite, original_max_position_embeddings
///          is not > 0.
///          std::out_of_range: position < 0 or > 2^62.
/// Accuracy 0.51 ULP, with the same bits on every processor.
/// Source   transformers 5.12, models/ministral3/modeling_ministral3.py, get_llama_4_attn_scale.
struct ministral_temperature {
  double beta = 0.1;
  double original_max_position_embeddings = 0.0;

  double operator()(std::int64_t position) const;
  std::int64_t next_change(std::int64_t position) const; ///< as that of llama4_temperature
};

/// Log-n scaling: Qwen 1 (use_logn_attn).
/// Formula  ln(position + 1) / ln(original_length) if position + 1 > original_length, else 1
/// Errors   std::invalid_argument: original_length is not > 1.
///          std::out_of_range: position < 0 or > 2^62.
/// Accuracy 0.51 ULP, with the same bits on every processor.
/// Source   Qwen-7B, modeling_qwen.py, QWenAttention (seq_length, use_logn_attn).
struct log_n_temperature {
  double original_length = 0.0;

  double operator()(std::int64_t position) const;
  std::int64_t next_change(std::int64_t position) const; ///< as that of llama4_temperature
};

/// The temperature that a configuration describes (hf_config.hpp, gguf.hpp). std::monostate: none,
/// the factor is 1.
class any_temperature : public std::variant<std::monostate, llama4_temperature,
                                            ministral_temperature, log_n_temperature> {
public:
  using variant::variant;

  /// Errors   Those of the temperature.
  double operator()(std::int64_t position) const;
  std::int64_t next_change(std::int64_t position) const; ///< as that of llama4_temperature
};

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

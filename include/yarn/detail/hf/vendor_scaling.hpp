// SPDX-License-Identifier: MIT
// Scaling that the code of a vendor has beside `rope_scaling`: TeleChat and Phi-3-small.
#ifndef YARN_DETAIL_HF_VENDOR_SCALING_HPP
#define YARN_DETAIL_HF_VENDOR_SCALING_HPP

#include "../../hf_types.hpp"
#include "value.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The length from which TeleChat's base grows. TeleChat2 has a key for it. Before, it was a number
// in modeling_telechat.py, which differs between the models: Tele-AI/Telechat, models/7B and 12B.
inline std::int64_t hf_telechat_base_length(const hf_object& config) {
  if (const auto given = config.length("base_seqlen"))
    return *given;
  const auto width = config.length("hidden_size");
  if (width && *width == 4096) // TeleChat-7B
    return 4096;
  if (width && *width == 5120) // TeleChat-12B
    return 8192;
  fail_argument("yarn: {} is missing; it is known for the widths of TeleChat-7B and TeleChat-12B "
                "(hidden_size = 4096 and 5120) only",
                config.name_of("base_seqlen"));
}

// TeleChat: modeling_telechat.py, RotaryEmbedding. A text counts as at least training_seqlen
// tokens, so TeleChat-7B has NTK-aware scaling by 3 at every length up to 8192.
inline void hf_read_telechat(const hf_object& config, hf_config& result) {
  const std::int64_t base = hf_telechat_base_length(config);
  const std::int64_t trained = config.length("training_seqlen").value_or(8192);
  config.find("logn");
  result.method = stepped_ntk_scaling{base, trained};
  result.rope_type = "stepped_ntk";
  result.original_max_position_embeddings = base;
  hf_note(result.notes,
          "model_type telechat scales by itself (stepped_ntk_scaling): a text counts as at least "
          "training_seqlen = {} tokens; above, frequencies and attention factor depend on the "
          "length",
          trained);
  if (config.has("logn"))
    hf_note(result.notes, "{}: no code of TeleChat uses it", config.name_of("logn"));
}

// Phi-3-small: positions are divided by rope_position_scale. vLLM, models/phi3_small.py.
inline void hf_read_position_scale(const hf_object& config, hf_config& result) {
  const auto scale = config.number("rope_position_scale");
  if (!scale || *scale == 1.0)
    return;
  if (!(*scale > 0.0))
    config.refuse("rope_position_scale", "> 0");
  result.method = linear_scaling{*scale};
  result.rope_type = "linear";
}

inline void hf_read_vendor_scaling(const hf_object& config, const hf_object& dictionary,
                                   hf_config& result) {
  const bool is_telechat = config.string("model_type") == "telechat";
  if (dictionary) { // rope_position_scale stays unread
    if (is_telechat)
      hf_note(
          result.notes,
          "{}: the code of TeleChat does not read it, and scales by itself; here it is taken in "
          "place of that scaling",
          dictionary.name());
    return;
  }
  if (is_telechat)
    hf_read_telechat(config, result);
  hf_read_position_scale(config, result);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

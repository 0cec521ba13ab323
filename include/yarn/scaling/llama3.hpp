// SPDX-License-Identifier: MIT
// The scaling of Llama 3.1.
#ifndef YARN_SCALING_LLAMA3_HPP
#define YARN_SCALING_LLAMA3_HPP

#include "correction_range.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// The scaling of Llama 3.1. Hugging Face: rope_type "llama3".
/// Formula  g theta_i + (1 - g) theta_i / s, with g = clamp((r - low_freq_factor) /
///          (high_freq_factor - low_freq_factor), 0, 1) and r = L theta_i / 2 pi, the turns within
///          L tokens. Attention factor: 1.
/// Errors   std::invalid_argument from make_frequencies: a field is out of range.
/// Source   transformers, _compute_llama3_parameters.
struct llama3_scaling {
  double factor = 0.0;           ///< s > 0; no default
  double low_freq_factor = 1.0;  ///< a pair that turns at most this often within L is interpolated
  double high_freq_factor = 4.0; ///< a pair that turns at least this often keeps its frequency
  std::int64_t original_max_position_embeddings = 0; ///< L, tokens, > 0

  void resolve(spectrum& s) const {
    require_positive("llama3_scaling.factor", factor);
    require_positive("llama3_scaling.low_freq_factor", low_freq_factor);
    require_positive("llama3_scaling.high_freq_factor", high_freq_factor);
    require_order("llama3_scaling.low_freq_factor", low_freq_factor,
                  "llama3_scaling.high_freq_factor", high_freq_factor);
    require_length("llama3_scaling.original_max_position_embeddings",
                   original_max_position_embeddings);
    const detail::rotations_ramp ramp(original_max_position_embeddings, low_freq_factor,
                                      high_freq_factor);
    detail::blend(s, factor, [&](std::int64_t i) { return ramp.fast_share(s.inv_freq(i)); });
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

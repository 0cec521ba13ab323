// SPDX-License-Identifier: MIT
// Llama 3.1's scaling: by r = L / wavelength_i, the turns within the original context: kept above
// high_freq_factor, divided by s below low_freq_factor, linear in r between.
// Hugging Face: rope_type "llama3". Source: transformers _compute_llama3_parameters.
#ifndef YARN_SCALING_LLAMA3_HPP
#define YARN_SCALING_LLAMA3_HPP

#include "correction_range.hpp"

namespace yarn {
inline namespace YARN_ABI {

struct llama3_scaling {
  double factor = 0.0;                               ///< s > 0; no default
  double low_freq_factor = 1.0;                      ///< turns up to which a pair is interpolated
  double high_freq_factor = 4.0;                     ///< turns from which on it is kept
  std::int64_t original_max_position_embeddings = 0; ///< L, tokens, > 0

  void resolve(spectrum& s) const {
    require_positive("llama3_scaling.factor", factor);
    require_positive("llama3_scaling.low_freq_factor", low_freq_factor);
    require_positive("llama3_scaling.high_freq_factor", high_freq_factor);
    require_order("llama3_scaling.low_freq_factor", low_freq_factor,
                  "llama3_scaling.high_freq_factor", high_freq_factor);
    require_length("llama3_scaling.original_max_position_embeddings",
                   original_max_position_embeddings);
    const detail::rotation_ramp keep(original_max_position_embeddings, low_freq_factor,
                                     high_freq_factor);
    detail::blend(s, factor, [&](std::int64_t i) { return keep(s.inv_freq(i)); });
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// NTK-by-parts as the YaRN paper gives it: with r = L / wavelength_i turns within the original
// context, g = clamp((r - beta_slow) / (beta_fast - beta_slow), 0, 1) of theta_i is kept and the
// rest interpolated: g theta_i + (1 - g) theta_i / s.
// Source: arXiv 2309.00071 section 3.2 (alpha = beta_slow, beta = beta_fast).
#ifndef YARN_SCALING_NTK_BY_PARTS_HPP
#define YARN_SCALING_NTK_BY_PARTS_HPP

#include "correction_range.hpp"

namespace yarn {
inline namespace YARN_ABI {

struct ntk_by_parts_scaling {
  double factor = 0.0;                               ///< s > 0; no default
  std::int64_t original_max_position_embeddings = 0; ///< L, tokens, > 0
  double beta_fast = 32.0; ///< the paper's beta: turns from which on a pair is kept
  double beta_slow = 1.0;  ///< the paper's alpha: turns up to which it is interpolated

  void resolve(spectrum& s) const {
    require_positive("ntk_by_parts_scaling.factor", factor);
    require_length("ntk_by_parts_scaling.original_max_position_embeddings",
                   original_max_position_embeddings);
    require_positive("ntk_by_parts_scaling.beta_fast", beta_fast);
    require_positive("ntk_by_parts_scaling.beta_slow", beta_slow);
    require_order("ntk_by_parts_scaling.beta_slow", beta_slow, "ntk_by_parts_scaling.beta_fast",
                  beta_fast);
    const detail::rotation_ramp keep(original_max_position_embeddings, beta_slow, beta_fast);
    detail::blend(s, factor, [&](std::int64_t i) { return keep(s.inv_freq(i)); });
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// NTK-by-parts.
#ifndef YARN_SCALING_NTK_BY_PARTS_HPP
#define YARN_SCALING_NTK_BY_PARTS_HPP

#include "correction_range.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// NTK-by-parts, as the YaRN paper defines it: pairs that turn often within the original context
/// keep their frequency, pairs that turn rarely are interpolated, and the others are blended.
/// Formula  g theta_i + (1 - g) theta_i / s, with g = clamp((r - beta_slow) / (beta_fast -
///          beta_slow), 0, 1) and r = L theta_i / 2 pi, the turns within L tokens. Attention
///          factor: 1.
/// Errors   std::invalid_argument from make_frequencies: a field is out of range.
/// Source   YaRN paper, arXiv 2309.00071, section 3.2 (alpha is beta_slow, beta is beta_fast).
struct ntk_by_parts_scaling {
  double factor = 0.0;                               ///< s > 0; no default
  std::int64_t original_max_position_embeddings = 0; ///< L, tokens, > 0
  double beta_fast = 32.0; ///< a pair that turns at least this often within L keeps its frequency
  double beta_slow = 1.0;  ///< a pair that turns at most this often within L is interpolated

  void resolve(spectrum& s) const {
    require_positive("ntk_by_parts_scaling.factor", factor);
    require_length("ntk_by_parts_scaling.original_max_position_embeddings",
                   original_max_position_embeddings);
    require_positive("ntk_by_parts_scaling.beta_fast", beta_fast);
    require_positive("ntk_by_parts_scaling.beta_slow", beta_slow);
    require_order("ntk_by_parts_scaling.beta_slow", beta_slow, "ntk_by_parts_scaling.beta_fast",
                  beta_fast);
    const detail::rotations_ramp ramp(original_max_position_embeddings, beta_slow, beta_fast);
    detail::blend(s, factor, [&](std::int64_t i) { return ramp.fast_share(s.inv_freq(i)); });
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

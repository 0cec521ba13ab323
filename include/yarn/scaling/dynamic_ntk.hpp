// SPDX-License-Identifier: MIT
// Dynamic NTK: NTK-aware scaling that grows with the current length l, base
// b * (s*l/L - (s-1))^(d/(d-2)) for l > L, and b up to L. Hugging Face: rope_type "dynamic".
// Source: transformers modeling_rope_utils.py, _compute_dynamic_ntk_parameters; factor 1
// is the paper's form (arXiv 2309.00071, section 3.3). transformers 5.12.1 stays at the longest
// length it has seen; that is a bug there, and here the result depends on nothing but the
// arguments.
#ifndef YARN_SCALING_DYNAMIC_NTK_HPP
#define YARN_SCALING_DYNAMIC_NTK_HPP

#include "ntk.hpp"

namespace yarn {
inline namespace YARN_ABI {

struct dynamic_ntk_scaling {
  double factor = 1.0;                      ///< s > 0
  std::int64_t max_position_embeddings = 0; ///< L, tokens, > 0: the length of the training

  /// Cached keys were rotated with the frequencies of their own step: move them with `rerotation`.
  void resolve(spectrum& s, std::int64_t seq_len) const {
    require_positive("dynamic_ntk_scaling.factor", factor);
    require_length("dynamic_ntk_scaling.max_position_embeddings", max_position_embeddings);
    require_sequence_length(seq_len);
    detail::check_base_can_change(s, "dynamic_ntk_scaling");
    if (seq_len <= max_position_embeddings)
      return;
    const real growth = real(seq_len) / real(max_position_embeddings) - real(1);
    detail::set_ntk_base(s, real(factor) * growth + real(1));
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

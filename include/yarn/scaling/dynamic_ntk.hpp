// SPDX-License-Identifier: MIT
// Dynamic NTK.
#ifndef YARN_SCALING_DYNAMIC_NTK_HPP
#define YARN_SCALING_DYNAMIC_NTK_HPP

#include "ntk.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Dynamic NTK: NTK-aware scaling that grows with the current length l. Hugging Face: rope_type
/// "dynamic". (transformers 5.12.1 keeps the frequencies of the longest length that a model object
/// has seen, which is a bug. The result of this method depends only on the arguments.)
/// Formula  B^(-2i/d) with B = b * (s l/L - s + 1)^(d/(d-2)) for l > L, else B = b. Attention
///          factor: 1.
/// Errors   std::invalid_argument from make_frequencies: a field is out of range.
/// Source   transformers, _compute_dynamic_ntk_parameters. With factor 1: YaRN paper, arXiv
///          2309.00071, section 3.3.
struct dynamic_ntk_scaling {
  double factor = 1.0;                      ///< s > 0
  std::int64_t max_position_embeddings = 0; ///< L, tokens, > 0: the original length

  // Keys in a cache keep the frequencies of the step that wrote them. A rotation by `rerotation`
  // (frequencies.hpp) brings them to the current frequencies.
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

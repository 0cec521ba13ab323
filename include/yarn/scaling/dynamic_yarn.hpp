// SPDX-License-Identifier: MIT
// Dynamic YaRN: YaRN with the scale of the current length l, s = max(factor, l/L).
// Source: jquesnelle/yarn LlamaDynamicYaRNScaledRotaryEmbedding (which never shrinks again).
#ifndef YARN_SCALING_DYNAMIC_YARN_HPP
#define YARN_SCALING_DYNAMIC_YARN_HPP

#include "yarn.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// The fields of yarn_scaling, where `factor` is the smallest scale: 1 (also when unset) for a
/// model that was not fine-tuned, max_position / original length for one that was. Frequencies and
/// the attention factor follow the scale.
struct dynamic_yarn_scaling : yarn_scaling {
  void resolve(spectrum& s, std::int64_t seq_len) const {
    require_at_least_zero("dynamic_yarn_scaling.factor", factor);
    require_length("dynamic_yarn_scaling.original_max_position_embeddings",
                   original_max_position_embeddings);
    require_sequence_length(seq_len);
    const real least = factor == 0.0 ? real(1) : real(factor);
    resolve_with(s, max(least, real(seq_len) / real(original_max_position_embeddings)),
                 "dynamic_yarn_scaling");
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

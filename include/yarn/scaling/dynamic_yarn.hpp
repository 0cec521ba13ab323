// SPDX-License-Identifier: MIT
// Dynamic YaRN.
#ifndef YARN_SCALING_DYNAMIC_YARN_HPP
#define YARN_SCALING_DYNAMIC_YARN_HPP

#include "yarn.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// YaRN whose factor s grows with the current length l. The fields are those of yarn_scaling, but
/// `factor` is the smallest s: 1 (or unset) for a model that was not fine-tuned, and
/// max_position_embeddings / L for a fine-tuned model.
/// Formula  That of yarn_scaling with s = max(factor, l/L), for frequencies and attention factor.
/// Errors   std::invalid_argument from make_frequencies: a field is out of range.
/// Source   jquesnelle/yarn, LlamaDynamicYaRNScaledRotaryEmbedding. (There s never decreases. Here
///          s depends only on the arguments.)
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

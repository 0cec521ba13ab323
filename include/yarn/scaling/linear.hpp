// SPDX-License-Identifier: MIT
// Position interpolation.
#ifndef YARN_SCALING_LINEAR_HPP
#define YARN_SCALING_LINEAR_HPP

#include "spectrum.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Position interpolation (PI): every frequency is divided by the factor s. Hugging Face: rope_type
/// "linear".
/// Formula  theta_i / s. Attention factor: 1, or attention_factor.
/// Errors   std::invalid_argument from make_frequencies: a field is out of range.
/// Source   arXiv 2306.15595. The authors divide the position, Hugging Face divides the frequency.
struct linear_scaling {
  double factor = 0.0; ///< s: new length / original length, > 0; no default
  /// The factor on cos and sin; absent: 1. (llama.cpp has this factor with every method.)
  optional_number attention_factor = {};

  void resolve(spectrum& s) const {
    require_positive("linear_scaling.factor", factor);
    const real compression = real(1) / real(factor);
    for (std::int64_t i = 0; i < s.n_pairs(); ++i)
      s.set(i, s.inv_freq(i) * compression, frequency_zone::interpolated);
    if (attention_factor.has_value()) {
      require_positive("linear_scaling.attention_factor", attention_factor.value());
      s.attention_factor = attention_factor.value();
    }
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Position interpolation (PI): theta_i / factor. Hugging Face: rope_type "linear".
// Source: arXiv 2306.15595. Hugging Face divides the frequency, the authors the position.
#ifndef YARN_SCALING_LINEAR_HPP
#define YARN_SCALING_LINEAR_HPP

#include "spectrum.hpp"

namespace yarn {
inline namespace YARN_ABI {

struct linear_scaling {
  double factor = 0.0; ///< s: new length / original length, > 0; no default
  /// The final factor on cos and sin (llama.cpp has one beside every type); absent: 1.
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

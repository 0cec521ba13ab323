// SPDX-License-Identifier: MIT
// Proportional RoPE (Gemma 4): pairs span the whole head; the first share of them turns with
// rope_theta^(-2i/head_dim) / factor, the others not at all. Hugging Face: "proportional".
// Unlike partial rotary, which shortens the rotated block and takes its frequencies over that
// block. Source: transformers _compute_proportional_rope_parameters.
#ifndef YARN_SCALING_PROPORTIONAL_HPP
#define YARN_SCALING_PROPORTIONAL_HPP

#include "spectrum.hpp"

namespace yarn {
inline namespace YARN_ABI {

struct proportional_scaling {
  double partial_rotary_factor = 1.0; ///< share of the pairs that turns, in (0, 1]
  double factor = 1.0;                ///< s > 0

  void resolve(spectrum& s) const {
    require_positive("proportional_scaling.factor", factor);
    require_positive("proportional_scaling.partial_rotary_factor", partial_rotary_factor);
    if (partial_rotary_factor > 1.0)
      detail::fail_argument("yarn: proportional_scaling.partial_rotary_factor = {} must be <= 1",
                            partial_rotary_factor);
    if (s.rotary_dim() != s.shape().head_dim)
      detail::fail_argument("yarn: rope_shape.rotary_dim = {} must be head_dim = {} (or 0) for "
                            "proportional_scaling, whose pairs span the whole head",
                            s.rotary_dim(), s.shape().head_dim);
    // The product is rounded to double before it is halved, as in Python.
    const double rotated =
        static_cast<double>(real(partial_rotary_factor) * real(s.shape().head_dim));
    const std::int64_t turning = detail::floor_to_integer(real(rotated) / real(2));
    const auto zone = factor == 1.0 ? frequency_zone::extrapolated : frequency_zone::interpolated;
    for (std::int64_t i = 0; i < s.n_pairs(); ++i)
      if (i < turning)
        s.set(i, s.inv_freq(i) / real(factor), zone);
      else
        s.set(i, 0, frequency_zone::unrotated);
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

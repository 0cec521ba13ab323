// SPDX-License-Identifier: MIT
// Proportional RoPE.
#ifndef YARN_SCALING_PROPORTIONAL_HPP
#define YARN_SCALING_PROPORTIONAL_HPP

#include "spectrum.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Proportional RoPE (Gemma 4): pairs span the whole head, and only the first ones turn.
/// partial_rotary_factor is the share of pairs that turn. Hugging Face: rope_type "proportional".
/// (Partial rotary is different: pairs span only the rotated part of the head, and d in the
/// exponent is the length of that part.)
/// Formula  b^(-2i/head_dim) / s for i < floor(partial_rotary_factor * head_dim / 2), else 0.
///          Attention factor: 1.
/// Errors   std::invalid_argument from make_frequencies: a field is out of range, or rotary_dim is
///          less than head_dim.
/// Source   transformers, _compute_proportional_rope_parameters.
struct proportional_scaling {
  double partial_rotary_factor = 1.0; ///< the share of pairs that turn, in (0, 1]
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

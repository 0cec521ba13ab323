// SPDX-License-Identifier: MIT
// YaRN: frequencies interpolated by s where a pair turns rarely within the original context, kept
// where it turns often, blended between, and an attention temperature.
//   blend   g_i * theta_i + (1 - g_i) * theta_i / s,  g_i = (1 - ramp_i) * extrapolation_factor
//   ramp    linear in the pair index from low = floor(c(beta_fast)) to high = ceil(c(beta_slow)),
//           c(n) = d ln(L / 2 pi n) / (2 ln b): the pair that turns n times within L tokens
// Source: arXiv 2309.00071; jquesnelle/yarn; transformers modeling_rope_utils.py.
#ifndef YARN_SCALING_YARN_HPP
#define YARN_SCALING_YARN_HPP

#include "correction_range.hpp"

namespace yarn {
inline namespace v0 {

/// What YaRN's ramp is linear in.
enum class yarn_ramp {
  pair_index, ///< as every implementation does it
  rotations,  ///< the paper's section 3.2: turns within the original context
};

} // namespace v0

inline namespace YARN_ABI {

struct yarn_scaling {
  double factor = 0.0;                               ///< s > 0; no default
  std::int64_t original_max_position_embeddings = 0; ///< L, tokens, > 0: before the extension
  double beta_fast = 32.0; ///< turns within L from which on a pair is extrapolated
  double beta_slow = 1.0;  ///< turns within L up to which a pair is interpolated, <= beta_fast
  optional_number attention_factor;  ///< the final factor on cos and sin, in place of the formula
  double attn_factor = 1.0;          ///< multiplies the formula (llama.cpp, the authors' code)
  optional_number mscale;            ///< DeepSeek: with mscale_all_dim, both non-zero, the formula
  optional_number mscale_all_dim;    ///< is m(mscale) / m(mscale_all_dim), m(a) = 0.1 a ln s + 1
  double extrapolation_factor = 1.0; ///< share of extrapolation (llama.cpp: ext_factor), >= 0
  bool truncate = true;              ///< round low down and high up; gpt-oss: false
  yarn_ramp ramp = yarn_ramp::pair_index;

  void resolve(spectrum& s) const {
    require_positive("yarn_scaling.factor", factor);
    require_length("yarn_scaling.original_max_position_embeddings",
                   original_max_position_embeddings);
    resolve_with(s, factor, "yarn_scaling");
  }

  /// m(coefficient) = 0.1 * coefficient * ln(scale) + 1, and 1 for scale <= 1.
  static real temperature(real scale, real coefficient) {
    if (scale <= real(1))
      return 1;
    return coefficient * log(scale) / real(10) + real(1);
  }

protected:
  // What the static and the dynamic form share. The caller has checked `factor` and the original
  // length. Messages name the fields of `type`, the type that the user wrote.
  void resolve_with(spectrum& s, real scale, const char* type) const {
    require_positive(type, "beta_fast", beta_fast);
    require_positive(type, "beta_slow", beta_slow);
    require_order(type, "beta_slow", beta_slow, "beta_fast", beta_fast);
    require_at_least_zero(type, "extrapolation_factor", extrapolation_factor);
    const real length = original_max_position_embeddings;
    if (ramp == yarn_ramp::rotations) {
      detail::rotation_ramp keep(length, beta_slow, beta_fast);
      detail::blend(s, scale, [&](std::int64_t i) {
        return keep(s.inv_freq(i)) * real(extrapolation_factor);
      });
    } else {
      const auto range = detail::find_correction_range(s, length, beta_fast, beta_slow, truncate);
      s.correction_range = range.report();
      detail::blend(s, scale, [&](std::int64_t i) {
        return (real(1) - range.ramp(i)) * real(extrapolation_factor);
      });
    }
    s.attention_factor = attention(scale, type);
  }

private:
  real attention(real scale, const char* type) const {
    require_positive(type, "attn_factor", attn_factor);
    require_at_least_zero(type, "mscale", mscale.value());
    require_at_least_zero(type, "mscale_all_dim", mscale_all_dim.value());
    if (attention_factor.has_value()) {
      require_positive(type, "attention_factor", attention_factor.value());
      return attention_factor.value();
    }
    // As in Hugging Face, one of the two alone, or a zero, leaves the plain formula.
    if (mscale.value() != 0.0 && mscale_all_dim.value() != 0.0)
      return real(attn_factor) * temperature(scale, mscale.value()) /
             temperature(scale, mscale_all_dim.value());
    return real(attn_factor) * temperature(scale, 1);
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

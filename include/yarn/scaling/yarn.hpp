// SPDX-License-Identifier: MIT
// YaRN.
#ifndef YARN_SCALING_YARN_HPP
#define YARN_SCALING_YARN_HPP

#include "correction_range.hpp"

namespace yarn {
inline namespace v0 {

/// The variable in which the ramp of YaRN is linear.
enum class yarn_ramp {
  pair_index, ///< the index of the pair, as in every implementation
  rotations,  ///< the turns within the original context, as in section 3.2 of the paper
};

} // namespace v0

inline namespace YARN_ABI {

/// YaRN: pairs that turn often within the original context keep their frequency, pairs that turn
/// rarely are interpolated by the factor s, and the others are blended. cos and sin are multiplied
/// by an attention factor. Hugging Face: rope_type "yarn".
/// Formula  g theta_i + (1 - g) theta_i / s, with g = (1 - ramp_i) * extrapolation_factor. ramp_i
///          is linear in i, from 0 at low = floor(c(beta_fast)) to 1 at high = ceil(c(beta_slow)).
///          c(n) = d ln(L / 2 pi n) / (2 ln b) is the pair that turns n times within L tokens. With
///          yarn_ramp::rotations, ramp_i is linear in the turns within L, from 0 at beta_fast to 1
///          at beta_slow. Attention factor: (0.1 ln s + 1) * attn_factor for s > 1, else
///          attn_factor. If mscale and mscale_all_dim are both non-zero: m(mscale) /
///          m(mscale_all_dim) * attn_factor, where m(a) = 0.1 a ln s + 1 for s > 1, else 1.
/// Errors   std::invalid_argument from make_frequencies: a field is out of range.
/// Source   YaRN paper, arXiv 2309.00071; jquesnelle/yarn; transformers, _compute_yarn_parameters.
struct yarn_scaling {
  double factor = 0.0;                               ///< s > 0; no default
  std::int64_t original_max_position_embeddings = 0; ///< L, tokens, > 0: before the extension
  double beta_fast = 32.0; ///< a pair that turns at least this often within L keeps its frequency
  double beta_slow = 1.0;  ///< a pair that turns at most this often is interpolated; <= beta_fast
  optional_number attention_factor;  ///< the factor on cos and sin, in place of the formula
  double attn_factor = 1.0;          ///< multiplies the formula (llama.cpp and jquesnelle/yarn)
  optional_number mscale;            ///< DeepSeek: see the formula
  optional_number mscale_all_dim;    ///< DeepSeek: see the formula
  double extrapolation_factor = 1.0; ///< multiplies 1 - ramp_i, >= 0 (llama.cpp: ext_factor)
  bool truncate = true;              ///< round low down and high up (gpt-oss: false)
  yarn_ramp ramp = yarn_ramp::pair_index;

  void resolve(spectrum& s) const {
    require_positive("yarn_scaling.factor", factor);
    require_length("yarn_scaling.original_max_position_embeddings",
                   original_max_position_embeddings);
    resolve_with(s, factor, "yarn_scaling");
  }

  /// m(coefficient) = 0.1 * coefficient * ln(scale) + 1, and 1 for scale <= 1.
  static real get_mscale(real scale, real coefficient) {
    if (scale <= real(1))
      return 1;
    return coefficient * log(scale) / real(10) + real(1);
  }

protected:
  // The code that the static and the dynamic form share. The caller has checked `factor` and the
  // original length. Messages name the fields of `type`, the type that the user wrote.
  void resolve_with(spectrum& s, real scale, const char* type) const {
    require_positive(type, "beta_fast", beta_fast);
    require_positive(type, "beta_slow", beta_slow);
    require_order(type, "beta_slow", beta_slow, "beta_fast", beta_fast);
    require_at_least_zero(type, "extrapolation_factor", extrapolation_factor);
    const real length = original_max_position_embeddings;
    if (ramp == yarn_ramp::rotations) {
      const detail::rotations_ramp by_turns(length, beta_slow, beta_fast);
      detail::blend(s, scale, [&](std::int64_t i) {
        return by_turns.fast_share(s.inv_freq(i)) * real(extrapolation_factor);
      });
    } else {
      const auto by_index =
          detail::find_correction_range(s, length, beta_fast, beta_slow, truncate);
      s.correction_range = by_index.report();
      detail::blend(s, scale, [&](std::int64_t i) {
        return by_index.fast_share(i) * real(extrapolation_factor);
      });
    }
    s.attention_factor = attention(scale, type);
  }

private:
  real attention(real scale, const char* type) const {
    require_positive(type, "attn_factor", attn_factor);
    require_at_least_zero(type, "mscale", mscale.value_or_zero());
    require_at_least_zero(type, "mscale_all_dim", mscale_all_dim.value_or_zero());
    if (attention_factor.has_value()) {
      require_positive(type, "attention_factor", attention_factor.value());
      return attention_factor.value();
    }
    // As in Hugging Face: if mscale or mscale_all_dim is absent or zero, the plain formula holds.
    if (mscale.value_or_zero() != 0.0 && mscale_all_dim.value_or_zero() != 0.0)
      return real(attn_factor) * get_mscale(scale, mscale.value_or_zero()) /
             get_mscale(scale, mscale_all_dim.value_or_zero());
    return real(attn_factor) * get_mscale(scale, 1);
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

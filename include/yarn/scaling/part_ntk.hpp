// SPDX-License-Identifier: MIT
// NTK-by-parts as the authors of YaRN first wrote it, before the paper.
#ifndef YARN_SCALING_PART_NTK_HPP
#define YARN_SCALING_PART_NTK_HPP

#include "correction_range.hpp"
#include "ntk.hpp"

namespace yarn {
inline namespace YARN_ABI {

namespace detail {

inline void resolve_part_ntk(spectrum& s, real scale, std::int64_t original_length, real ntk_factor,
                             real extrapolation_factor, const char* method) {
  check_base_can_change(s, method);
  const real length = original_length;
  const auto ntk_ramp = find_correction_range(s, length, 1.25, 0.75, true);
  const auto extrapolation_ramp = find_correction_range(s, length, 16, 2, true);
  s.correction_range = extrapolation_ramp.report();
  spectrum ntk = s;
  set_ntk_base(ntk, scale);
  const real compression = real(1) / scale;
  for (std::int64_t i = 0; i < s.n_pairs(); ++i) {
    const real kept = extrapolation_ramp.fast_share(i) * extrapolation_factor;
    if (kept == real(1)) {
      s.set(i, s.inv_freq(i), frequency_zone::extrapolated);
      continue;
    }
    const real theta = s.inv_freq(i);
    const real linear = theta * compression;
    const real ntk_share = ntk_ramp.fast_share(i) * ntk_factor;
    const real scaled = linear * (real(1) - ntk_share) + ntk.inv_freq(i) * ntk_share;
    s.set(i, scaled * (real(1) - kept) + theta * kept,
          kept.is_zero() && ntk_share.is_zero() ? frequency_zone::interpolated
                                                : frequency_zone::blended);
  }
}

} // namespace detail

/// The first form of NTK-by-parts, with two blends that are linear in the pair index. The first
/// blend goes from the NTK-aware frequency, at the pair that turns 1.25 times within L, to the
/// interpolated frequency, at the pair that turns 0.75 times. The second blend goes from the
/// unscaled frequency, at the pair that turns 16 times, to the result of the first blend, at the
/// pair that turns twice.
/// Formula  k theta_i + (1 - k) (a ntk_i + (1 - a) theta_i / s), where k = (1 - ramp(16, 2)) *
///          extrapolation_factor, a = (1 - ramp(1.25, 0.75)) * ntk_factor. ramp(fast, slow) is
///          ramp_i of yarn_scaling with beta_fast = fast, beta_slow = slow; ntk_i is the frequency
///          of ntk_scaling. Attention factor: 1.
/// Errors   std::invalid_argument from make_frequencies: a field is out of range.
/// Source   jquesnelle/yarn, LlamaPartNTKScaledRotaryEmbedding.
struct part_ntk_scaling {
  double factor = 0.0;                               ///< s > 0; no default
  std::int64_t original_max_position_embeddings = 0; ///< L, tokens, > 0
  double ntk_factor = 1.0;                           ///< multiplies the share of ntk_i, >= 0
  double extrapolation_factor = 1.0;                 ///< multiplies the share of theta_i, >= 0

  void resolve(spectrum& s) const {
    require_positive("part_ntk_scaling.factor", factor);
    require_length("part_ntk_scaling.original_max_position_embeddings",
                   original_max_position_embeddings);
    require_at_least_zero("part_ntk_scaling.ntk_factor", ntk_factor);
    require_at_least_zero("part_ntk_scaling.extrapolation_factor", extrapolation_factor);
    detail::resolve_part_ntk(s, factor, original_max_position_embeddings, ntk_factor,
                             extrapolation_factor, "part_ntk_scaling");
  }
};

/// part_ntk_scaling whose factor depends on the current length l: s = max(1, l/L).
/// Errors   std::invalid_argument from make_frequencies: a field is out of range.
/// Source   jquesnelle/yarn, LlamaDynamicPartNTKScaledRotaryEmbedding.
struct dynamic_part_ntk_scaling {
  std::int64_t original_max_position_embeddings = 0; ///< L, tokens, > 0
  double ntk_factor = 1.0;
  double extrapolation_factor = 1.0;

  void resolve(spectrum& s, std::int64_t seq_len) const {
    require_length("dynamic_part_ntk_scaling.original_max_position_embeddings",
                   original_max_position_embeddings);
    require_sequence_length(seq_len);
    require_at_least_zero("dynamic_part_ntk_scaling.ntk_factor", ntk_factor);
    require_at_least_zero("dynamic_part_ntk_scaling.extrapolation_factor", extrapolation_factor);
    const real scale = max(1, real(seq_len) / real(original_max_position_embeddings));
    detail::resolve_part_ntk(s, scale, original_max_position_embeddings, ntk_factor,
                             extrapolation_factor, "dynamic_part_ntk_scaling");
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

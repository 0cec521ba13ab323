// SPDX-License-Identifier: MIT
// NTK-aware scaling.
#ifndef YARN_SCALING_NTK_HPP
#define YARN_SCALING_NTK_HPP

#include "spectrum.hpp"

namespace yarn {
inline namespace YARN_ABI {

namespace detail {

inline void check_base_can_change(const spectrum& s, const char* method) {
  if (s.rotary_dim() == 2)
    fail_argument(
        "yarn: {} needs rotary_dim > 2: the only pair of rotary_dim = 2 has the same frequency for "
        "every base",
        method);
}

// Changes the base to b * scale^(d/(d-2)).
inline void set_ntk_base(spectrum& s, real scale) {
  const std::int64_t d = s.rotary_dim();
  s.set_base(s.log_theta() + log(scale) * real(d) / real(d - 2));
  for (std::int64_t i = 1; i < s.n_pairs(); ++i)
    s.set(i, s.inv_freq(i),
          i == s.n_pairs() - 1 ? frequency_zone::interpolated : frequency_zone::blended);
}

} // namespace detail

/// NTK-aware scaling: the unscaled frequencies of a larger base B. The first pair keeps its
/// frequency, and that of the last pair is divided by the factor s. (vLLM's "ntk" has another
/// formula: (b s)^(-2i/d) / s^(2/d).)
/// Formula  B^(-2i/d) with B = b * s^(d/(d-2)). Attention factor: 1.
/// Errors   std::invalid_argument from make_frequencies: a field is out of range.
/// Source   YaRN paper, arXiv 2309.00071, section 3.1; jquesnelle/yarn,
///          LlamaNTKScaledRotaryEmbedding.
struct ntk_scaling {
  double factor = 0.0; ///< s (alpha in some projects), > 0; no default

  void resolve(spectrum& s) const {
    require_positive("ntk_scaling.factor", factor);
    detail::check_base_can_change(s, "ntk_scaling");
    detail::set_ntk_base(s, factor);
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

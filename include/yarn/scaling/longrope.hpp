// SPDX-License-Identifier: MIT
// LongRoPE.
#ifndef YARN_SCALING_LONGROPE_HPP
#define YARN_SCALING_LONGROPE_HPP

#include "spectrum.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// LongRoPE: each frequency has its own divisor, from one list while the current length l is at
/// most L, and from another list above. Hugging Face: rope_type "longrope" (formerly "su"). When a
/// sequence becomes longer than L, its cached keys still have the frequencies of the short list;
/// `rerotation` changes them.
/// Formula  theta_i / short_factor[i] for l <= L, theta_i / long_factor[i] for l > L. Attention
///          factor: attention_factor, if it is set. Else short_mscale, if l <= L and it is set, or
///          long_mscale, if l > L and it is set (PhiMoE). Else sqrt(1 + ln s / ln L) for s > 1, and
///          1 for s <= 1.
/// Errors   std::invalid_argument from make_frequencies: a field is out of range.
/// Source   arXiv 2402.13753; transformers, _compute_longrope_parameters; microsoft/LongRoPE.
struct longrope_scaling {
  factor_list short_factor;                          ///< one divisor per pair, > 0, for l <= L
  factor_list long_factor;                           ///< one divisor per pair, > 0, for l > L
  std::int64_t original_max_position_embeddings = 0; ///< L, tokens, > 0
  optional_number factor;                            ///< s, usually max_position_embeddings / L
  optional_number attention_factor;                  ///< overrides the formula
  optional_number short_mscale;                      ///< PhiMoE: the attention factor for l <= L
  optional_number long_mscale;                       ///< PhiMoE: the attention factor for l > L

  void resolve(spectrum& s, std::int64_t seq_len) const {
    require_length("longrope_scaling.original_max_position_embeddings",
                   original_max_position_embeddings);
    require_sequence_length(seq_len);
    detail::check_factors("longrope_scaling.short_factor", short_factor, s.n_pairs());
    detail::check_factors("longrope_scaling.long_factor", long_factor, s.n_pairs());
    const bool longer = seq_len > original_max_position_embeddings;
    const factor_list& divisors = longer ? long_factor : short_factor;
    for (std::int64_t i = 0; i < s.n_pairs(); ++i) {
      const double divisor = divisors[static_cast<std::size_t>(i)];
      s.set(i, s.inv_freq(i) / real(divisor),
            divisor == 1.0 ? frequency_zone::extrapolated : frequency_zone::interpolated);
    }
    s.attention_factor = attention(longer);
  }

private:
  real attention(bool longer) const {
    const auto check = [](const char* field, const optional_number& number) {
      if (number.has_value())
        require_positive(field, number.value());
    };
    check("longrope_scaling.factor", factor);
    check("longrope_scaling.attention_factor", attention_factor);
    check("longrope_scaling.short_mscale", short_mscale);
    check("longrope_scaling.long_mscale", long_mscale);
    if (attention_factor.has_value())
      return attention_factor.value();
    const optional_number& mscale = longer ? long_mscale : short_mscale;
    if (mscale.has_value())
      return mscale.value();
    if (!factor.has_value())
      detail::fail_argument(
          "yarn: longrope_scaling.factor is not set; the attention factor needs it "
          "(max_position_embeddings / original_max_position_embeddings), or give "
          "attention_factor");
    if (factor.value() <= 1.0)
      return 1;
    if (original_max_position_embeddings == 1)
      detail::fail_argument(
          "yarn: longrope_scaling.original_max_position_embeddings = 1 must be > 1 for "
          "the attention factor's formula");
    return sqrt(real(1) + log(factor.value()) / log(original_max_position_embeddings));
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

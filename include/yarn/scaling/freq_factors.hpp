// SPDX-License-Identifier: MIT
// One divisor per pair, applied to the frequencies of any other method.
#ifndef YARN_SCALING_FREQ_FACTORS_HPP
#define YARN_SCALING_FREQ_FACTORS_HPP

#include "spectrum.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Divides the frequencies of a method by a list, one divisor per pair (ggml: freq_factors). GGUF
/// has such lists for Llama 3 (rope_freqs.weight) and LongRoPE (rope_factors_short, _long.weight).
/// freq_factors_scaling is dynamic exactly if `method` is dynamic.
/// Types    Method: any scaling method.
/// Formula  f_i / freq_factors[i], where f_i is the frequency of `method`. Attention factor: that
///          of `method`.
/// Errors   std::invalid_argument from make_frequencies: those of `method`, a list of another
///          length than n_pairs, or a divisor that is not finite or not > 0.
/// Source   llama.cpp; ggml, ggml_rope_ext.
template <class Method> struct freq_factors_scaling {
  Method method;            ///< the method whose frequencies are divided
  factor_list freq_factors; ///< one divisor per pair, > 0

  template <class M = Method, class = std::enable_if_t<is_dynamic_scaling_v<M>>>
  void resolve(spectrum& s, std::int64_t seq_len) const {
    detail::resolve(method, s, seq_len);
    divide(s);
  }
  template <class M = Method, class = std::enable_if_t<is_static_scaling_v<M>>>
  void resolve(spectrum& s) const {
    detail::resolve(method, s, 0);
    divide(s);
  }

private:
  void divide(spectrum& s) const {
    detail::check_factors("freq_factors_scaling.freq_factors", freq_factors, s.n_pairs());
    for (std::int64_t i = 0; i < s.n_pairs(); ++i) {
      const double divisor = freq_factors[static_cast<std::size_t>(i)];
      if (divisor != 1.0)
        s.set(i, s.inv_freq(i) / real(divisor),
              s.zone(i) == frequency_zone::unrotated ? frequency_zone::unrotated
                                                     : frequency_zone::interpolated);
    }
  }
};

} // namespace YARN_ABI
} // namespace yarn

#endif

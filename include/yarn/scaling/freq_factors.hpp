// SPDX-License-Identifier: MIT
// Explicit divisors on top of any method: frequency_i / freq_factors[i]. llama.cpp carries Llama
// 3's and LongRoPE's scaling in such a tensor (`rope_freqs.weight`, ggml's freq_factors).
#ifndef YARN_SCALING_FREQ_FACTORS_HPP
#define YARN_SCALING_FREQ_FACTORS_HPP

#include "spectrum.hpp"

namespace yarn {
inline namespace YARN_ABI {

template <class Method> struct freq_factors_scaling {
  Method method;            ///< resolved first; its attention factor stays
  factor_list freq_factors; ///< one divisor a pair, > 0

  // Dynamic exactly when the method is.
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

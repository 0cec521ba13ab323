// SPDX-License-Identifier: MIT
// The definitions of spectrum, and the call of a method's `resolve`.
#ifndef YARN_DETAIL_SCALING_RESOLVE_HPP
#define YARN_DETAIL_SCALING_RESOLVE_HPP

#include "../../scaling/spectrum.hpp"

namespace yarn {
inline namespace YARN_ABI {

inline spectrum::spectrum(const rope_shape& shape) : shape_(shape) {
  constexpr std::int64_t largest = std::int64_t{1} << 24;
  const std::int64_t d = shape.rotated();
  if (shape.head_dim < 1 || shape.head_dim > largest)
    detail::fail_argument("yarn: rope_shape.head_dim = {} must be in [1, {}]", shape.head_dim,
                          largest);
  if (d < 2 || d > shape.head_dim || d % 2 != 0)
    detail::fail_argument("yarn: rope_shape.rotary_dim = {} must be even and in [2, head_dim = {}] "
                          "(0: all of head_dim)",
                          shape.rotary_dim, shape.head_dim);
  if (shape.rope_theta == 0.0)
    detail::fail_argument(
        "yarn: rope_shape.rope_theta is not set; it must be > 0 and has no default");
  require_positive("rope_shape.rope_theta", shape.rope_theta);

  inv_freq_.resize_discarding(static_cast<std::size_t>(d / 2));
  zones_.resize_discarding(inv_freq_.size());
  base_ = shape.rope_theta;
  log_theta_ = log(base_);
  fill(log_theta_);
}

inline void spectrum::fill(real log_base) {
  // The frequencies are powers of one ratio, whose relative error is that of exp, at most about
  // 2^-118 (real.hpp). The i-th power has about i times this error, which is far below the rounding
  // error of a double.
  const real ratio = exp(real(-2) * log_base / real(rotary_dim()));
  real power = 1;
  for (std::int64_t i = 0; i < n_pairs(); ++i) {
    set(i, power, frequency_zone::extrapolated);
    power = power * ratio;
  }
}

namespace detail {

inline void check_factors(const char* field, const factor_list& list, std::int64_t n_pairs) {
  if (static_cast<std::int64_t>(list.size()) != n_pairs)
    fail_argument("yarn: {} has {} values; it must have one for each of the {} pairs", field,
                  list.size(), n_pairs);
  for (std::size_t i = 0; i < list.size(); ++i)
    if (!is_finite(list[i]) || !(list[i] > 0.0))
      fail_argument("yarn: {}[{}] = {} must be finite and > 0", field, i, list[i]);
}

template <class Method>
void resolve(const Method& method, spectrum& s, [[maybe_unused]] std::int64_t seq_len) {
  static_assert(is_scaling_v<Method>,
                "yarn: a scaling method needs `void resolve(yarn::spectrum&) const`, or, when it "
                "depends on the current length, `void resolve(yarn::spectrum&, std::int64_t "
                "seq_len) const`");
  if constexpr (is_dynamic_scaling_v<Method>)
    method.resolve(s, seq_len);
  else if constexpr (is_scaling_v<Method>)
    method.resolve(s);
}

template <class... Methods>
void resolve(const std::variant<Methods...>& method, spectrum& s, std::int64_t seq_len) {
  std::visit([&](const auto& chosen) { resolve(chosen, s, seq_len); }, method);
}

} // namespace detail

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// The definition of softmax_scale.
#ifndef YARN_DETAIL_SCALING_SOFTMAX_SCALE_HPP
#define YARN_DETAIL_SCALING_SOFTMAX_SCALE_HPP

#include "../../softmax_scale.hpp"

namespace yarn {
inline namespace YARN_ABI {

namespace detail {

// m(mscale_all_dim) of a YaRN method, and 1 for every other method.
template <class Method>
real softmax_mscale(const freq_factors_scaling<Method>& divided, std::int64_t seq_len);
template <class... Methods>
real softmax_mscale(const std::variant<Methods...>& method, std::int64_t seq_len);

template <class Method> real softmax_mscale(const Method& method, std::int64_t seq_len) {
  if constexpr (std::is_base_of_v<yarn_scaling, Method>) {
    constexpr const char* type =
        is_dynamic_scaling_v<Method> ? "dynamic_yarn_scaling" : "yarn_scaling";
    real scale = method.factor;
    if constexpr (is_dynamic_scaling_v<Method>) {
      require_at_least_zero("dynamic_yarn_scaling.factor", method.factor);
      require_length("dynamic_yarn_scaling.original_max_position_embeddings",
                     method.original_max_position_embeddings);
      scale = max(scale, real(seq_len) / real(method.original_max_position_embeddings));
    } else {
      require_positive("yarn_scaling.factor", method.factor);
    }
    require_at_least_zero(type, "mscale_all_dim", method.mscale_all_dim.value_or_zero());
    return yarn_scaling::get_mscale(scale, method.mscale_all_dim.value_or_zero());
  } else {
    static_cast<void>(method);
    static_cast<void>(seq_len);
    return 1;
  }
}
template <class Method>
real softmax_mscale(const freq_factors_scaling<Method>& divided, std::int64_t seq_len) {
  return softmax_mscale(divided.method, seq_len);
}
template <class... Methods>
real softmax_mscale(const std::variant<Methods...>& method, std::int64_t seq_len) {
  return std::visit([&](const auto& chosen) { return softmax_mscale(chosen, seq_len); }, method);
}

template <class Method>
double softmax_scale_at(std::int64_t qk_head_dim, const Method& method,
                        softmax_convention convention, std::int64_t seq_len) {
  if (qk_head_dim < 1)
    fail_argument("yarn: qk_head_dim = {} must be >= 1", qk_head_dim);
  require_sequence_length(seq_len);
  real mscale = 1;
  if (convention == softmax_convention::mscale_all_dim_squared)
    mscale = softmax_mscale(method, seq_len);
  return static_cast<double>(mscale * mscale / sqrt(qk_head_dim));
}

} // namespace detail

template <class Integer, class Method>
double softmax_scale(Integer qk_head_dim, const Method& method, softmax_convention convention) {
  static_assert(is_scaling_v<Method>, "yarn: softmax_scale takes a scaling method");
  static_assert(!is_dynamic_scaling_v<Method>,
                "yarn: this method depends on the current length (any_scaling may): call "
                "softmax_scale(qk_head_dim, method, convention, seq_len)");
  return detail::softmax_scale_at(detail::to_index(qk_head_dim, "qk_head_dim"), method, convention,
                                  0);
}

template <class Integer, class Method, class Length>
double softmax_scale(Integer qk_head_dim, const Method& method, softmax_convention convention,
                     Length seq_len) {
  static_assert(is_scaling_v<Method>, "yarn: softmax_scale takes a scaling method");
  return detail::softmax_scale_at(detail::to_index(qk_head_dim, "qk_head_dim"), method, convention,
                                  detail::to_index(seq_len, "seq_len"));
}

} // namespace YARN_ABI
} // namespace yarn

#endif

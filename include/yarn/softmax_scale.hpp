// SPDX-License-Identifier: MIT
// The scale of the attention logits, where a model family puts part of YaRN's temperature.
//
// YaRN's attention factor is in cos and sin, hence in q and k, hence in the logits: most models
// need nothing else. DeepSeek-V2/V3 make that factor 1 (mscale = mscale_all_dim) and multiply the
// softmax scale by m(mscale_all_dim)^2 instead; others give the same two numbers (Ministral-3: 1/1)
// and do not. No configuration says which, so the caller must.
#ifndef YARN_SOFTMAX_SCALE_HPP
#define YARN_SOFTMAX_SCALE_HPP

#include "scaling.hpp"
#include "views.hpp"

namespace yarn {
inline namespace v0 {

/// A model family's convention for the scale of its logits.
enum class softmax_convention {
  inverse_sqrt,           ///< 1 / sqrt(head_dim), whatever the scaling
  mscale_all_dim_squared, ///< times m(mscale_all_dim)^2, m(a) = 0.1 a ln s + 1: DeepSeek-V2, V3
};

} // namespace v0

inline namespace YARN_ABI {

namespace detail {

template <class Method>
real softmax_temperature(const freq_factors_scaling<Method>& divided, std::int64_t seq_len);
template <class... Methods>
real softmax_temperature(const std::variant<Methods...>& method, std::int64_t seq_len);

template <class Method> real softmax_temperature(const Method& method, std::int64_t seq_len) {
  if constexpr (std::is_base_of_v<yarn_scaling, Method>) {
    real scale = method.factor;
    if constexpr (is_dynamic_scaling_v<Method>) {
      require_length("dynamic_yarn_scaling.original_max_position_embeddings",
                     method.original_max_position_embeddings);
      scale = max(scale, real(seq_len) / real(method.original_max_position_embeddings));
    } else {
      require_positive("yarn_scaling.factor", method.factor);
    }
    require_at_least_zero("yarn_scaling.mscale_all_dim", method.mscale_all_dim.value());
    return yarn_scaling::temperature(scale, method.mscale_all_dim.value());
  } else {
    static_cast<void>(method);
    static_cast<void>(seq_len);
    return 1;
  }
}
template <class Method>
real softmax_temperature(const freq_factors_scaling<Method>& divided, std::int64_t seq_len) {
  return softmax_temperature(divided.method, seq_len);
}
template <class... Methods>
real softmax_temperature(const std::variant<Methods...>& method, std::int64_t seq_len) {
  return std::visit([&](const auto& chosen) { return softmax_temperature(chosen, seq_len); },
                    method);
}

template <class Method>
double softmax_scale_at(std::int64_t qk_head_dim, const Method& method,
                        softmax_convention convention, std::int64_t seq_len) {
  require_length("qk_head_dim", qk_head_dim);
  require_sequence_length(seq_len);
  real temperature = 1;
  if (convention == softmax_convention::mscale_all_dim_squared)
    temperature = softmax_temperature(method, seq_len);
  return static_cast<double>(temperature * temperature / sqrt(qk_head_dim));
}

} // namespace detail

/// What to multiply q.k by before the softmax.
/// Shape    qk_head_dim is the whole width of a query head: for MLA the rotated and the unrotated
///          part together (192 in DeepSeek-V3).
/// Returns  1/sqrt(qk_head_dim), times the convention's factor, which is 1 for methods other than
///          YaRN, without mscale_all_dim, and for factor <= 1. Correctly rounded to 2^-100.
/// Errors   std::invalid_argument for qk_head_dim < 1 or a broken method. A dynamic method, which
///          any_scaling may hold, does not compile without the current length.
template <class Integer, class Method>
[[nodiscard]] double softmax_scale(Integer qk_head_dim, const Method& method,
                                   softmax_convention convention) {
  static_assert(is_scaling_v<Method>, "yarn: softmax_scale takes a scaling method");
  static_assert(!is_dynamic_scaling_v<Method>,
                "yarn: this method depends on the current length (any_scaling may): call "
                "softmax_scale(qk_head_dim, method, convention, seq_len)");
  return detail::softmax_scale_at(detail::to_index(qk_head_dim, "qk_head_dim"), method, convention,
                                  0);
}

/// The same at the current length of the sequence in tokens, which static methods ignore.
/// Errors   also seq_len < 0.
template <class Integer, class Method, class Length>
[[nodiscard]] double softmax_scale(Integer qk_head_dim, const Method& method,
                                   softmax_convention convention, Length seq_len) {
  static_assert(is_scaling_v<Method>, "yarn: softmax_scale takes a scaling method");
  return detail::softmax_scale_at(detail::to_index(qk_head_dim, "qk_head_dim"), method, convention,
                                  detail::to_index(seq_len, "seq_len"));
}

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// The softmax scale of the attention logits. Some model families put YaRN's change of the
// logits into this scale, not into cos and sin.
//
// YaRN's attention factor is in cos and sin of q and of k, so the logits contain its square. Most
// models use the plain scale 1 / sqrt(qk_head_dim). DeepSeek-V2 and V3 set mscale = mscale_all_dim,
// which makes the attention factor 1, and multiply the scale by m(mscale_all_dim)^2 instead. Other
// models (Ministral 3) set the same two numbers and do not multiply. The numbers do not say which
// convention a model has, so the caller must choose the convention (hf_config::softmax has it for
// the model types that the reader of config.json knows).
#ifndef YARN_SOFTMAX_SCALE_HPP
#define YARN_SOFTMAX_SCALE_HPP

#include "scaling.hpp"
#include "views.hpp"

namespace yarn {
inline namespace v0 {

/// The convention of a model family for the scale of its logits. m(a) = 0.1 a ln s + 1, where s is
/// the factor of YaRN.
enum class softmax_convention {
  inverse_sqrt,           ///< 1 / sqrt(qk_head_dim), for every scaling method
  mscale_all_dim_squared, ///< inverse_sqrt times m(mscale_all_dim)^2: DeepSeek-V2 and V3
};

} // namespace v0

inline namespace YARN_ABI {

/// The number by which the product q.k is multiplied before the softmax.
/// Shape    qk_head_dim: all elements of a query head. For MLA these are the rotated and the
///          unrotated elements together (192 in DeepSeek-V3).
/// Types    Method: a static method. (A dynamic method or any_scaling needs the overload below.)
/// Returns  1/sqrt(qk_head_dim), times m(mscale_all_dim)^2 for mscale_all_dim_squared. m is 1
///          unless the method is YaRN, has mscale_all_dim, and has a factor s > 1.
/// Errors   std::invalid_argument: qk_head_dim < 1, or a field that m needs is out of range.
/// Accuracy 0.5 ULP + a relative error of 2^-100.
template <class Integer, class Method>
[[nodiscard]] double softmax_scale(Integer qk_head_dim, const Method& method,
                                   softmax_convention convention);

/// The same at the current length of the sequence, in tokens. Static methods ignore the length.
/// Errors   The same, and std::invalid_argument: seq_len < 0.
template <class Integer, class Method, class Length>
[[nodiscard]] double softmax_scale(Integer qk_head_dim, const Method& method,
                                   softmax_convention convention, Length seq_len);

} // namespace YARN_ABI
} // namespace yarn

#include "detail/scaling/softmax_scale.hpp"

#endif

// SPDX-License-Identifier: MIT
// The softmax scale of the attention logits. Some model families put YaRN's temperature here, not
// in cos and sin.
//
// YaRN's attention factor is in cos and sin, so q, k and the logits contain it, and most models
// need nothing else. DeepSeek-V2 and V3 set mscale = mscale_all_dim, which makes the factor 1, and
// multiply the softmax scale by m(mscale_all_dim)^2 instead. Other models (Ministral 3) set the
// same two numbers and do not multiply. The configuration does not tell them apart, so the caller
// must.
#ifndef YARN_SOFTMAX_SCALE_HPP
#define YARN_SOFTMAX_SCALE_HPP

#include "scaling.hpp"
#include "views.hpp"

namespace yarn {
inline namespace v0 {

/// The convention of a model family for the scale of its logits.
enum class softmax_convention {
  inverse_sqrt,           ///< 1 / sqrt(qk_head_dim), for every scaling method
  mscale_all_dim_squared, ///< times m(mscale_all_dim)^2, m(a) = 0.1 a ln s + 1: DeepSeek-V2 and V3
};

} // namespace v0

inline namespace YARN_ABI {

/// The factor of q.k before the softmax.
/// Shape    qk_head_dim: the whole width of a query head. For MLA that is the rotated and the
///          unrotated part together (192 in DeepSeek-V3).
/// Types    A dynamic method, or any_scaling, compiles only with the current length (below).
/// Returns  1/sqrt(qk_head_dim), times the factor of the convention. This factor is 1 unless the
///          method is YaRN, has mscale_all_dim, and its scale s is > 1.
/// Errors   std::invalid_argument: qk_head_dim < 1, or a field of the method is out of range.
/// Accuracy 0.5 ULP + 2^-100.
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

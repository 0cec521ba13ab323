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

/// What to multiply q.k by before the softmax.
/// Shape    qk_head_dim is the whole width of a query head: for MLA the rotated and the unrotated
///          part together (192 in DeepSeek-V3).
/// Returns  1/sqrt(qk_head_dim), times the convention's factor, which is 1 for methods other than
///          YaRN, without mscale_all_dim, and for factor <= 1. Correctly rounded to 2^-100.
/// Errors   std::invalid_argument for qk_head_dim < 1 or a broken method. A dynamic method, which
///          any_scaling may hold, does not compile without the current length.
template <class Integer, class Method>
[[nodiscard]] double softmax_scale(Integer qk_head_dim, const Method& method,
                                   softmax_convention convention);

/// The same at the current length of the sequence in tokens, which static methods ignore.
/// Errors   also seq_len < 0.
template <class Integer, class Method, class Length>
[[nodiscard]] double softmax_scale(Integer qk_head_dim, const Method& method,
                                   softmax_convention convention, Length seq_len);

} // namespace YARN_ABI
} // namespace yarn

#include "detail/scaling/softmax_scale.hpp"

#endif

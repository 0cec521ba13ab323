// SPDX-License-Identifier: MIT
// Norms that are computed together with the rotation. Many models normalise each head of q and k
// right before they rotate it (QK-norm). `normed` wraps a tensor, so that rope_apply and rope_copy
// do both in one pass over the memory:
//
//     rope_apply(normed(q, rms_norm(q_weight, eps)), normed(k, rms_norm(k_weight, eps)), rows, p);
//
// A call treats the whole head: all head_dim elements are normalised, and the first rotary_dim of
// them are rotated. Everything else that a call accepts works with norms, too: all element types,
// both pairings, strides, slices, positions with several axes, and targets of rope_copy.
//
//     y = x * scale * w,  scale = 1 / sqrt(mean(x^2) + eps)         rms_norm
//     y = (x - mean(x)) * scale * w,  scale = 1 / sqrt(mean((x - mean(x))^2) + eps)   layer_norm
//
// Accuracy. The computation is in float (in double if an element type is double; eps and the weight
// are rounded to this type first), and each result is rounded once to the element type. Let u be
// 2^-24 (2^-53 in double), (x0, x1) a pair with the weights (w0, w1) and the result (x0', x1'),
// (c, s) its cos and sin in the row, and h the number of heads in the mean: n_heads if the mean is
// over all heads, else 1. The error of x0' before it is rounded to 16 or 8 bits is at most
//
//     (head_dim / 64 + h / 2 + 11) u scale (|x0 w0 c| + |x1 w1 s|)                    rms_norm
//
// For x1', the last sum is |x1 w1 c| + |x0 w0 s|. For layer_norm, 11 becomes 13, x0 and x1 are the
// differences from the mean, and the error of the mean adds (head_dim / 32 + 6) u scale mean(|x|)
// (|w0 c| + |w1 s|). Elements that are not rotated have c = 1 and s = 0. The derivation is in
// detail/norm/statistics.hpp. tests/norm/test_norm_error.cpp measures at most 43 % of the bounds
// over 10^7 elements. In float, the bounds need elements between about 10^-18 and 10^18. The sum of
// squares of larger elements overflows, and the result is 0. Squares of smaller elements lose bits,
// and below 10^-23 they are 0, so that only eps remains. Frameworks do the same.
//
// Frameworks that compute in 16 bits round after the norm, after the weight, and in the rotation.
// Their results differ from those of this library by these roundings; see docs/norms.md.
//
// The results have the same bits on all processors with a fused multiply-add, except with
// -ffast-math: each sum is computed in 32 lanes, which are added in a fixed order.
#ifndef YARN_NORM_HPP
#define YARN_NORM_HPP

#include "rope.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// RMSNorm: `weight * x / sqrt(mean(x^2) + eps)`. By default, the mean is over one head, and all
/// heads have the same weight (Qwen3, GLM-4.5).
/// Shape    weight[head_dim], or weight[n_heads][head_dim] after with_weight_of_each_head or
///          over_all_heads. The memory must outlive the object, and must not overlap the
///          targets of a call.
/// Types    W: any format of types.hpp.
/// Errors   None here. The call that uses the norm throws std::invalid_argument: the weight is
///          null, eps is negative or above 2^127, or more than 1024 elements of a head are
///          rotated.
/// Source   transformers 5.12, models/qwen3/modeling_qwen3.py, Qwen3RMSNorm.
template <class W> class rms_norm {
public:
  using weight_type = W;
  static constexpr bool is_centred = false;

  YARN_ALWAYS_INLINE rms_norm(const W* weight, double eps) : weight_(weight), eps_(eps) {}

  /// Multiplies by `1 + weight` (Gemma 3, Qwen3-Next).
  [[nodiscard]] YARN_ALWAYS_INLINE rms_norm with_weight_plus_one() const {
    rms_norm other = *this;
    other.weight_offset_ = 1.0;
    return other;
  }
  /// Each head has a weight of its own: weight[n_heads][head_dim].
  [[nodiscard]] YARN_ALWAYS_INLINE rms_norm with_weight_of_each_head() const {
    rms_norm other = *this;
    other.has_weight_of_each_head_ = true;
    return other;
  }
  /// The mean is over all heads of a token: weight[n_heads][head_dim] (OLMo 2, MiniMax-M2).
  [[nodiscard]] YARN_ALWAYS_INLINE rms_norm over_all_heads() const {
    rms_norm other = with_weight_of_each_head();
    other.is_over_all_heads_ = true;
    return other;
  }
  /// No weight (the L2 norm of Llama 4).
  [[nodiscard]] YARN_ALWAYS_INLINE static rms_norm without_weight(double eps) {
    rms_norm other(nullptr, eps);
    other.has_weight_ = false;
    return other;
  }

  YARN_ALWAYS_INLINE const W* weight() const { return weight_; }
  YARN_ALWAYS_INLINE double eps() const { return eps_; }
  YARN_ALWAYS_INLINE bool has_weight() const { return has_weight_; }
  YARN_ALWAYS_INLINE double weight_offset() const { return weight_offset_; } ///< 0 or 1
  YARN_ALWAYS_INLINE bool has_weight_of_each_head() const { return has_weight_of_each_head_; }
  YARN_ALWAYS_INLINE bool is_over_all_heads() const { return is_over_all_heads_; }

private:
  const W* weight_;
  double eps_;
  double weight_offset_ = 0.0;
  bool has_weight_ = true;
  bool has_weight_of_each_head_ = false;
  bool is_over_all_heads_ = false;
};

/// RMSNorm without a weight.
/// Errors   None here. The call that uses the norm has the errors of rms_norm.
[[nodiscard]] YARN_ALWAYS_INLINE rms_norm<float> rms_norm_without_weight(double eps) {
  return rms_norm<float>::without_weight(eps);
}

/// LayerNorm without a bias: `weight * (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps)`, with the
/// means over one head. Each head has a weight of its own (Cohere, StableLM 2).
/// Shape    weight[n_heads][head_dim].
/// Types    W: any format of types.hpp.
/// Errors   Those of rms_norm.
/// Source   transformers 5.12, models/cohere/modeling_cohere.py, CohereLayerNorm.
template <class W> class layer_norm {
public:
  using weight_type = W;
  static constexpr bool is_centred = true;

  YARN_ALWAYS_INLINE layer_norm(const W* weight, double eps) : weight_(weight), eps_(eps) {}

  YARN_ALWAYS_INLINE const W* weight() const { return weight_; }
  YARN_ALWAYS_INLINE double eps() const { return eps_; }
  YARN_ALWAYS_INLINE bool has_weight() const { return true; }
  YARN_ALWAYS_INLINE double weight_offset() const { return 0.0; }
  YARN_ALWAYS_INLINE bool has_weight_of_each_head() const { return true; }
  YARN_ALWAYS_INLINE bool is_over_all_heads() const { return false; }

private:
  const W* weight_;
  double eps_;
};

/// The tensor x with a norm. Pass it as a tensor to rope_apply, or as the source to rope_copy or
/// copy_heads (kv_cache.hpp). The checks and unchecked forms of these take it, too. With a norm,
/// the unchecked forms of rope_apply and rope_copy use at most 40 KB of stack (cache: 64 KB).
/// Types    x: a heads_view, or a type that has tensor_traits. norm: rms_norm or layer_norm.
/// Errors   None here. The call that uses the result has the errors of the norm.
/// Example  rope_apply(normed(q, rms_norm(weight, 1e-6)), rows, pairing::half_split);
template <class X, class Norm>
[[nodiscard]] YARN_ALWAYS_INLINE auto normed(const X& x, const Norm& norm);

} // namespace YARN_ABI
} // namespace yarn

#include "detail/norm/transfer.hpp"

#endif

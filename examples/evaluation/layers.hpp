// SPDX-License-Identifier: MIT
// RMSNorm, SwiGLU and the loss, with their gradients. A gradient dx of x is the derivative of the
// loss by x.
#ifndef YARN_EXAMPLES_EVALUATION_LAYERS_HPP
#define YARN_EXAMPLES_EVALUATION_LAYERS_HPP

#include "tensors.hpp"

#include <cmath>
#include <cstdint>

namespace evaluation {

/// y[t] = x[t] * weight / rms(x[t]). Writes 1 / rms(x[t]), which the gradient needs. x and y may be
/// the same.
template <class T>
void rms_norm(view<const T> weight, detail::same<view<const T>> x, view<T> y, vector<T>& inv_rms,
              Index first = 0) {
  constexpr T epsilon = static_cast<T>(1e-6);
  const auto source = x.map();
  auto target = y.map();
  for (Index t = 0; t < x.rows; ++t) {
    const T mean_square = source.row(t).squaredNorm() / static_cast<T>(x.cols);
    const T inverse = 1 / std::sqrt(mean_square + epsilon);
    inv_rms[first + t] = inverse;
    target.row(t) = source.row(t).cwiseProduct(weight.map().row(0)) * inverse;
  }
}

/// dx (assigned or added) and d_weight (added) of rms_norm. dy and dx may be the same.
template <class T>
void rms_norm_gradient(detail::same<view<const T>> weight, detail::same<view<const T>> x,
                       const vector<T>& inv_rms, detail::same<view<const T>> dy, view<T> dx,
                       view<T> d_weight, update how, Index first = 0) {
  const auto w = weight.map();
  for (Index t = 0; t < x.rows; ++t) {
    const auto x_row = x.map().row(t), dy_row = dy.map().row(t);
    const T inverse = inv_rms[first + t];
    const T dot = x_row.cwiseProduct(dy_row).cwiseProduct(w.row(0)).sum();
    const T share = dot * inverse * inverse * inverse / static_cast<T>(x.cols);
    d_weight.map().row(0) += x_row.cwiseProduct(dy_row) * inverse;
    auto target = dx.map().row(t);
    const auto change = dy_row.cwiseProduct(w.row(0)) * inverse - x_row * share;
    if (how == update::add)
      target += change;
    else
      target = change;
  }
}

/// y[t] = silu(gate) * up, where gate_up[t] = [gate | up].
template <class T> void swiglu(const matrix<T>& gate_up, matrix<T>& y) {
  const Index n = gate_up.cols() / 2;
  y.resize(gate_up.rows(), n);
  for (Index t = 0; t < y.rows(); ++t) {
    const auto gate = gate_up.row(t).head(n).array();
    y.row(t).array() = gate / (1 + (-gate).exp()) * gate_up.row(t).tail(n).array();
  }
}

/// Replaces gate_up by its gradient.
template <class T> void swiglu_gradient(matrix<T>& gate_up, const matrix<T>& dy) {
  const Index n = gate_up.cols() / 2;
  Eigen::Array<T, 1, Eigen::Dynamic> sigmoid(n), silu(n);
  for (Index t = 0; t < dy.rows(); ++t) {
    auto gate = gate_up.row(t).head(n).array();
    auto up = gate_up.row(t).tail(n).array();
    sigmoid = 1 / (1 + (-gate).exp());
    silu = gate * sigmoid;
    gate = dy.row(t).array() * up * (sigmoid + silu * (1 - sigmoid));
    up = dy.row(t).array() * silu;
  }
}

/// The loss of each token, in nats: -ln of the probability of its target. best[t] is the token with
/// the largest logit; if several are equal, the first of them. Logits become probabilities.
template <class T>
void softmax_loss(matrix<T>& logits, const std::uint8_t* targets, vector<T>& nats,
                  std::vector<std::uint8_t>& best) {
  nats.resize(logits.rows());
  best.resize(static_cast<std::size_t>(logits.rows()));
  for (Index t = 0; t < logits.rows(); ++t) {
    auto row = logits.row(t).array();
    Index top = 0;
    const T largest = row.maxCoeff(&top);
    best[static_cast<std::size_t>(t)] = static_cast<std::uint8_t>(top);
    const T of_target = row[targets[t]] - largest;
    row = (row - largest).exp();
    const T sum = row.sum();
    nats[t] = std::log(sum) - of_target;
    row /= sum;
  }
}

/// Turns the probabilities of softmax_loss into the gradient of the sum of weight[t] * nats[t].
template <class T>
void softmax_loss_gradient(matrix<T>& probabilities, const std::uint8_t* targets,
                           const vector<T>& weight) {
  for (Index t = 0; t < probabilities.rows(); ++t) {
    probabilities(t, targets[t]) -= 1;
    probabilities.row(t) *= weight[t];
  }
}

} // namespace evaluation

#endif

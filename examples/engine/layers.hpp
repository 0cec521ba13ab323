// SPDX-License-Identifier: MIT
// The layers that do not depend on positions: projections, RMSNorm, SwiGLU.
//
// They work token by token. Therefore the numbers of a token do not depend on the other tokens of
// the step, not even in the last bit. Eigen's product of two matrices does not have this property,
// because its order of summation depends on the number of rows. An engine for long prompts needs
// faster matrix products than these.
#ifndef YARN_EXAMPLES_ENGINE_LAYERS_HPP
#define YARN_EXAMPLES_ENGINE_LAYERS_HPP

#include "model.hpp"

namespace engine {

/// y[t] = W x[t].
template <class T> void project(const matrix<T>& weight, const matrix<T>& x, matrix<T>& y) {
  y.resize(x.rows(), weight.rows());
  for (Eigen::Index t = 0; t < x.rows(); ++t)
    y.row(t).transpose().noalias() = weight * x.row(t).transpose();
}

/// y[t] = x[t] / rms(x[t]) * weight.
template <class T> void rms_norm(const vector<T>& weight, const matrix<T>& x, matrix<T>& y) {
  constexpr T epsilon = static_cast<T>(1e-6);
  y.resize(x.rows(), x.cols());
  for (Eigen::Index t = 0; t < x.rows(); ++t) {
    const T mean_square = x.row(t).squaredNorm() / static_cast<T>(x.cols());
    y.row(t) = x.row(t).cwiseProduct(weight.transpose()) / std::sqrt(mean_square + epsilon);
  }
}

/// y[t] = silu(gate) * up, where gate_up[t] = [gate | up].
template <class T> void swiglu(const matrix<T>& gate_up, matrix<T>& y) {
  const Eigen::Index n = gate_up.cols() / 2;
  y.resize(gate_up.rows(), n);
  for (Eigen::Index t = 0; t < y.rows(); ++t)
    for (Eigen::Index i = 0; i < n; ++i) {
      const T gate = gate_up(t, i);
      y(t, i) = gate / (1 + std::exp(-gate)) * gate_up(t, n + i);
    }
}

} // namespace engine

#endif

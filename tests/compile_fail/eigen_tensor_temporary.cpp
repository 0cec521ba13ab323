// SPDX-License-Identifier: MIT
// A view of a temporary Tensor would dangle. A temporary TensorMap is accepted.
// expect: a view of a temporary Tensor would dangle
#include <unsupported/Eigen/CXX11/Tensor>
#include <yarn/eigen.hpp>

yarn::heads_view<float> heads(float* data) {
#ifdef YARN_EXPECT_FAILURE
  return yarn::heads_from(Eigen::Tensor<float, 3>(8, 4, static_cast<int>(*data)));
#else
  return yarn::heads_from(Eigen::TensorMap<Eigen::Tensor<float, 3>>(data, 8, 4, 2));
#endif
}

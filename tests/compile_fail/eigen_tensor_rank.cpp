// SPDX-License-Identifier: MIT
// A tensor of heads has three dimensions. With four, the call also needs the index of a sequence.
// expect: a Tensor of heads has rank 3; for rank 4, pass a sequence index, too
#include <unsupported/Eigen/CXX11/Tensor>
#include <yarn/eigen.hpp>

yarn::heads_view<float> heads(Eigen::Tensor<float, 4>& x) {
#ifdef YARN_EXPECT_FAILURE
  return yarn::heads_from(x);
#else
  return yarn::heads_from(x, 0);
#endif
}

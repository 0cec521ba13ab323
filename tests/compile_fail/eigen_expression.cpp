// SPDX-License-Identifier: MIT
// An Eigen expression has no memory of its own, so there is nothing to view.
// expect: an Eigen expression has no memory to view
#include <yarn/eigen.hpp>

yarn::heads_view<float> heads(Eigen::MatrixXf& q, Eigen::MatrixXf& sum) {
#ifdef YARN_EXPECT_FAILURE
  static_cast<void>(sum);
  return yarn::heads_from(q + q, 4);
#else
  sum = q + q;
  return yarn::heads_from(sum, 4);
#endif
}

// SPDX-License-Identifier: MIT
// A view of a temporary matrix would dangle. A temporary block of a named matrix is accepted.
// expect: a view of a temporary Matrix, Array or Ref<const ...> would dangle
#include <yarn/eigen.hpp>

yarn::heads_view<float> heads(Eigen::MatrixXf& q) {
#ifdef YARN_EXPECT_FAILURE
  return yarn::heads_from(Eigen::MatrixXf(q.leftCols(2)), 4);
#else
  return yarn::heads_from(q.leftCols(2), 4);
#endif
}

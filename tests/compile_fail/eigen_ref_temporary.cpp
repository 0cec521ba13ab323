// SPDX-License-Identifier: MIT
// A Ref<const ...> may own a copy of the matrix, so a view of a temporary Ref would dangle.
// expect: a view of a temporary Matrix, Array or Ref<const ...> would dangle
#include <yarn/eigen.hpp>

yarn::heads_view<const float> heads(const Eigen::MatrixXf& q) {
#ifdef YARN_EXPECT_FAILURE
  return yarn::heads_from(Eigen::Ref<const Eigen::MatrixXf>(q), 4);
#else
  const Eigen::Ref<const Eigen::MatrixXf> ref(q);
  return yarn::heads_from(ref, 4);
#endif
}

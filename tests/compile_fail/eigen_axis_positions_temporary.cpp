// SPDX-License-Identifier: MIT
// A view of a temporary matrix of positions would dangle.
// expect: a view of a temporary Matrix, Array or Ref<const ...> would dangle
#include <yarn/eigen.hpp>

yarn::axis_positions list(Eigen::MatrixXi& ids) {
#ifdef YARN_EXPECT_FAILURE
  return yarn::axis_positions_in(Eigen::MatrixXi(ids.topRows(3)));
#else
  return yarn::axis_positions_in(ids.topRows(3));
#endif
}

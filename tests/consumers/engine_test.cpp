// SPDX-License-Identifier: MIT
// A user's first test of an engine: it passes the frequencies of the engine to yarn/testing.hpp.
#include <yarn/testing.hpp>

#include <cstdio>

int main() {
  yarn::rope_shape shape;
  shape.head_dim = 4;
  shape.rope_theta = 10000.0;
  const yarn::testing::expectation expected(shape, yarn::linear_scaling{4.0},
                                            yarn::pairing::half_split);
  const double right[] = {0.25, 0.0025};
  const double unscaled[] = {1.0, 0.01};
  const yarn::testing::report passes = yarn::testing::check_inv_freq(expected, right, 2);
  const yarn::testing::report fails = yarn::testing::check_inv_freq(expected, unscaled, 2);
  std::printf("%s%s", passes.text().c_str(), fails.text().c_str());
  return passes && fails.has(yarn::testing::diagnosis::scaling_missing) ? 0 : 1;
}

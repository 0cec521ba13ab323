// SPDX-License-Identifier: MIT
// Includes opt-in headers that the module does not contain, and then imports the module.
#include <yarn/testing.hpp>
#include <yarn/version.hpp>

#include <cstdint>
#include <cstdio>
#include <vector>
import yarn;

int main() {
  yarn::rope_shape shape;
  shape.head_dim = 64;
  shape.rope_theta = 10000.0;
  const yarn::default_scaling method;
  const yarn::testing::expectation expected(shape, method, yarn::pairing::half_split);
  const yarn::frequencies freqs = yarn::make_frequencies(shape, method);
  const yarn::testing::report report = yarn::testing::check_rotation<float>(
      expected, [&](yarn::heads_view<float> x, const std::vector<std::int64_t>& list) {
        yarn::rope_apply(x, yarn::rows_of(freqs, yarn::positions(list)), yarn::pairing::half_split);
      });
  std::printf("yarn %d.%d\n", YARN_VERSION_MAJOR, YARN_VERSION_MINOR);
  return report ? 0 : 1;
}

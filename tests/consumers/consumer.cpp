// SPDX-License-Identifier: MIT
// A user's first program: it includes the umbrella header, rotates, and links.
#include <yarn/yarn.hpp>

#include <cstdio>

#if defined(YARN_NO_XSIMD) != EXPECT_NO_XSIMD
#error "YARN_NO_XSIMD is not what the target of the package should define"
#endif

int main() {
  yarn::rope_shape shape;
  shape.head_dim = 4;
  shape.rope_theta = 10000.0;
  const yarn::frequencies frequencies = yarn::make_frequencies(shape, yarn::linear_scaling{2.0});
  float head[4] = {1.0F, 2.0F, 3.0F, 4.0F};
  yarn::rope_apply(yarn::heads_view{head, 1, 1, 4},
                   yarn::rows_of(frequencies, yarn::positions_from(5)), yarn::pairing::half_split);
  std::printf("yarn %d.%d.%d: %g %g %g %g\n", YARN_VERSION_MAJOR, YARN_VERSION_MINOR,
              YARN_VERSION_PATCH, static_cast<double>(head[0]), static_cast<double>(head[1]),
              static_cast<double>(head[2]), static_cast<double>(head[3]));
  return head[0] != 1.0F && head[2] != 3.0F ? 0 : 1;
}

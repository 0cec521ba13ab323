// SPDX-License-Identifier: MIT
// Includes the umbrella header in two sources of one program. CMakeLists.txt builds the program
// with several standards and flags.
#include "umbrella.hpp"

#include <cstdio>

int main() {
  // cos 3 = -0.98999 and sin 3 = 0.14112, so (1, 2) rotated by 3 rad is (-1.27223, -1.83886).
  const rotated here = rotate_one_pair(1.0F, 2.0F, 3);
  const rotated there = rotate_in_the_other_source(1.0F, 2.0F, 3);
  std::printf("%.9g %.9g\n", static_cast<double>(here.first), static_cast<double>(here.second));
  const bool is_right = here.first > -1.27224F && here.first < -1.27222F &&
                        here.second > -1.83887F && here.second < -1.83885F;
  const bool is_same = here.first == there.first && here.second == there.second;
  return is_right && is_same ? 0 : 1;
}

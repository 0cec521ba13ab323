// SPDX-License-Identifier: MIT
#include "umbrella.hpp"

rotated rotate_in_the_other_source(float x0, float x1, int position) {
  return rotate_one_pair(x0, x1, position);
}

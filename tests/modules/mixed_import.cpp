// SPDX-License-Identifier: MIT
// One program in which this source imports the module and mixed_include.cpp includes the headers.
// The types, functions and variables must be the same in both.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>
import yarn;

#include "mixed.hpp"

int main() {
  std::vector<float> here(5 * 2 * 64, 0.25F), there(here);
  const yarn::frequencies freqs = frequencies_by_include();
  yarn::rope_apply(yarn::heads_view{here.data(), 5, 2, 64},
                   yarn::rows_of(freqs, yarn::positions_from(7)), yarn::pairing::interleaved);
  rotate_by_include(yarn::heads_view{there.data(), 5, 2, 64}, freqs);
  const bool is_same = std::memcmp(here.data(), there.data(), here.size() * sizeof(float)) == 0;
  const bool is_rotated = here[0] != 0.25F;
  const bool is_one_variable = on_error_by_include() == &yarn::on_error;
  std::printf("%d %d %d\n", is_same, is_rotated, is_one_variable);
  return is_same && is_rotated && is_one_variable ? 0 : 1;
}

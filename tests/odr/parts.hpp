// SPDX-License-Identifier: MIT
#ifndef YARN_TESTS_ODR_PARTS_HPP
#define YARN_TESTS_ODR_PARTS_HPP

#include <cstdint>

// The results of a part. Rows have the same bits on every instruction set. Rotations have the same
// bits on all instruction sets with a fused multiply-add.
struct part_result {
  double inv_freq[64];
  float cos_sin[2 * 64];
  float rotated[128];
  std::uint16_t rotated_bfloat16[128];
};

part_result baseline_part();
part_result v3_part();
part_result v4_part();
part_result v4_bf16_part();

#endif

// SPDX-License-Identifier: MIT
#ifndef YARN_TESTS_ODR_HALVES_HPP
#define YARN_TESTS_ODR_HALVES_HPP

// What a half computes. Rows have the same bits on every instruction set; rotations have them only
// where both have a fused multiply-add, so theirs are not compared.
struct half_result {
  double inv_freq[64];
  float cos_sin[2 * 64];
  float rotated[128];
};

half_result baseline_half();
half_result wide_half();

#endif

// SPDX-License-Identifier: MIT
// C++ rotations that are compiled for each instruction set. The tests compare the results of the C
// API with their results.
#ifndef YARN_TESTS_C_API_DISPATCH_PARTS_HPP
#define YARN_TESTS_C_API_DISPATCH_PARTS_HPP

#include <yarn/dispatch.hpp>

struct cpp_kernels {
  /// Rotates x by `inv_freq`, with interleaved pairs. Token t has position 1000 + t.
  void (*rotate)(const yarn::heads_view<float>& x, const double* inv_freq, std::int64_t n_pairs);
  /// Applies RMSNorm with `weight`, then rotates in the same way, with half-split pairs.
  void (*rotate_normed)(const yarn::heads_view<yarn::bfloat16>& x, const yarn::bfloat16* weight,
                        const double* inv_freq, std::int64_t n_pairs);
};
YARN_DISPATCH_DECLARE(cpp_kernels)

#endif

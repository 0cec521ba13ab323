// SPDX-License-Identifier: MIT
// Rotations of C++ that are compiled for each instruction set, to compare the parts of the C API
// with.
#ifndef YARN_TESTS_C_API_DISPATCH_PARTS_HPP
#define YARN_TESTS_C_API_DISPATCH_PARTS_HPP

#include <yarn/dispatch.hpp>

struct cpp_kernels {
  /// Rotates the tokens of x by `inv_freq` and normalises k by `weight`. The first position is
  /// 1000.
  void (*rotate)(const yarn::heads_view<float>& x, const double* inv_freq, std::int64_t n_pairs);
  void (*rotate_normed)(const yarn::heads_view<yarn::bfloat16>& x, const yarn::bfloat16* weight,
                        const double* inv_freq, std::int64_t n_pairs);
};
YARN_DISPATCH_DECLARE(cpp_kernels)

#endif

// SPDX-License-Identifier: MIT
// A part that is compiled without the flags of its instruction set would contain the baseline's
// code.
// expect: compiled without the flags of its instruction set
#ifdef YARN_EXPECT_FAILURE
#define YARN_DISPATCH_ISA avx512_bf16
#endif
#include <yarn/dispatch.hpp>

struct kernels {
  int (*seven)();
};
YARN_DISPATCH_DECLARE(kernels)

namespace {
int seven() { return 7; }
} // namespace
YARN_DISPATCH_PART(kernels, &seven)

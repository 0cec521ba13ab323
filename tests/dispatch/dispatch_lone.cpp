// SPDX-License-Identifier: MIT
// Compiled without yarn_add_dispatch, so the program has only the baseline part of these kernels.
#include "dispatch_parts.hpp"

namespace {

int seven() { return 7; }

} // namespace

YARN_DISPATCH_PART(support::baseline_kernels, &seven)

// SPDX-License-Identifier: MIT
// Compiled like any other source: without yarn_add_dispatch there is the baseline part.
#include "dispatch_parts.hpp"

namespace {

int seven() { return 7; }

} // namespace

YARN_DISPATCH_PART(support::lone_kernels, &seven)

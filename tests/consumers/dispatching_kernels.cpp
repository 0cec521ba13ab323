// SPDX-License-Identifier: MIT
#include "dispatching.hpp"

namespace {
int seven() { return SEVEN; }
} // namespace

YARN_DISPATCH_PART(consumer_kernels, yarn::isa::YARN_DISPATCH_ISA, &seven)

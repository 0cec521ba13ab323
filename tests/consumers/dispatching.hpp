// SPDX-License-Identifier: MIT
#ifndef YARN_TESTS_DISPATCHING_HPP
#define YARN_TESTS_DISPATCHING_HPP

#include <yarn/dispatch.hpp>

struct consumer_kernels {
  yarn::isa part;
  int (*seven)();
};
YARN_DISPATCH_DECLARE(consumer_kernels)

#endif

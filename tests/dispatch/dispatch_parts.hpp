// SPDX-License-Identifier: MIT
// Kernels that report the flags that they were compiled with.
#ifndef YARN_TESTS_SUPPORT_DISPATCH_PARTS_HPP
#define YARN_TESTS_SUPPORT_DISPATCH_PARTS_HPP

#include <yarn/dispatch.hpp>

namespace support {

/// Compiled for every instruction set that the compiler knows.
struct reporting_kernels {
  const char* (*abi)(); ///< YARN_ABI of the part, a name made from its flags
  std::int64_t (*last_position)(const yarn::positions&);
};

/// Compiled for the baseline only.
struct baseline_kernels {
  int (*seven)();
};

} // namespace support

YARN_DISPATCH_DECLARE(support::reporting_kernels)
YARN_DISPATCH_DECLARE(support::baseline_kernels)

#define YARN_TEST_TEXT(name) YARN_TEST_TEXT_2(name)
#define YARN_TEST_TEXT_2(name) #name

#endif // YARN_TESTS_SUPPORT_DISPATCH_PARTS_HPP

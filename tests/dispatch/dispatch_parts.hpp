// SPDX-License-Identifier: MIT
// Kernels that say what they were compiled for.
#ifndef YARN_TESTS_SUPPORT_DISPATCH_PARTS_HPP
#define YARN_TESTS_SUPPORT_DISPATCH_PARTS_HPP

#include <yarn/dispatch.hpp>

namespace support {

/// Of every instruction set that the compiler knows.
struct speaking_kernels {
  const char* (*abi)(); ///< the part's YARN_ABI, which spells its flags
  std::int64_t (*last_position)(const yarn::positions&);
};

/// Of the baseline only.
struct lone_kernels {
  int (*seven)();
};

} // namespace support

YARN_DISPATCH_DECLARE(support::speaking_kernels)
YARN_DISPATCH_DECLARE(support::lone_kernels)

#define YARN_TEST_TEXT(name) YARN_TEST_TEXT_2(name)
#define YARN_TEST_TEXT_2(name) #name

#endif // YARN_TESTS_SUPPORT_DISPATCH_PARTS_HPP

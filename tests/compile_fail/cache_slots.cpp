// SPDX-License-Identifier: MIT
// Slots are signed: -1 marks a token that is not stored.
// expect: yarn: slots are signed integers of 32 or 64 bits
// errors: 1
#include <yarn/kv_cache.hpp>

#ifdef YARN_EXPECT_FAILURE
using slot = unsigned;
#else
using slot = int;
#endif

void write(float* data, const slot* slots) {
  static_cast<void>(yarn::paged_view{data, 4, 16, 1, 8}.at(slots, 1));
}

// SPDX-License-Identifier: MIT
// A cache of const elements can be read, but not written.
// expect: yarn: rope_copy writes its target: the data is const
#include <yarn/kv_cache.hpp>

#ifdef YARN_EXPECT_FAILURE
using element = const float;
#else
using element = float;
#endif

void write(const float* k, element* data, const int* slots, const yarn::rotary_rows<float>& rows) {
  yarn::rope_copy(yarn::heads_view{k, 1, 1, 8}, yarn::paged_view{data, 4, 16, 1, 8}.at(slots, 1),
                  rows, yarn::pairing::half_split);
}

// SPDX-License-Identifier: MIT
// Values are not written into a cache of const bytes.
// expect: yarn: copy_heads writes its target: the data is const
#include <yarn/ggml_blocks.hpp>
#include <yarn/kv_cache.hpp>

#ifdef YARN_EXPECT_FAILURE
using unit = const unsigned char;
#else
using unit = unsigned char;
#endif

void write(const float* v, unit* data, const int* slots) {
  const yarn::paged_view<unit> cache(data, 4, 16, 1, 34);
  yarn::copy_heads(yarn::heads_view{v, 1, 1, 32},
                   yarn::stored(cache.at(slots, 1), yarn::q8_0{}, 32));
}

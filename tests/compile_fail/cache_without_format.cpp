// SPDX-License-Identifier: MIT
// The bytes of a cache need a format.
// expect: yarn: unless the elements of a cache have a type of types.hpp, pass yarn::stored
// errors: 1
#include <yarn/ggml_blocks.hpp>
#include <yarn/kv_cache.hpp>

void write(const float* k, unsigned char* data, const int* slots,
           const yarn::rotary_rows<float>& rows) {
  const auto cache = yarn::paged_view{data, 4, 16, 1, 34}.at(slots, 1);
#ifdef YARN_EXPECT_FAILURE
  yarn::rope_copy(yarn::heads_view{k, 1, 1, 32}, cache, rows, yarn::pairing::half_split);
#else
  yarn::rope_copy(yarn::heads_view{k, 1, 1, 32}, yarn::stored(cache, yarn::q8_0{}, 32), rows,
                  yarn::pairing::half_split);
#endif
}

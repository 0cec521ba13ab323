// SPDX-License-Identifier: MIT
// A type without format_of cannot be an element type.
// expect: unknown element type: specialise yarn::format_of for it
#include <yarn/yarn.hpp>

struct fixed_point {
  short value;
};

#ifdef YARN_EXPECT_FAILURE
using element = fixed_point;
#else
using element = yarn::bfloat16;
#endif

void rotate(element* data, const yarn::rotary_rows<float>& rows) {
  yarn::rope_apply(yarn::heads_view<element>(data, 1, 1, 8), rows, yarn::pairing::half_split);
}

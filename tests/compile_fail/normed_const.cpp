// SPDX-License-Identifier: MIT
// rope_apply does not write a const tensor, even if it is normed.
// expect: yarn: rope_apply rotates in place: the data is const
#include <yarn/norm.hpp>

template <class T>
void rotate(const yarn::heads_view<T>& q, const float* weight,
            const yarn::rotary_rows<float>& rows) {
  yarn::rope_apply(yarn::normed(q, yarn::rms_norm(weight, 1e-6)), rows, yarn::pairing::half_split);
}
#ifdef YARN_EXPECT_FAILURE
template void rotate<const float>(const yarn::heads_view<const float>&, const float*,
                                  const yarn::rotary_rows<float>&);
#else
template void rotate<float>(const yarn::heads_view<float>&, const float*,
                            const yarn::rotary_rows<float>&);
#endif

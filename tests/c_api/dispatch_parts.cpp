// SPDX-License-Identifier: MIT
#include "dispatch_parts.hpp"

#include <yarn/norm.hpp>
#include <yarn/yarn.hpp>

namespace {

void rotate(const yarn::heads_view<float>& x, const double* inv_freq, std::int64_t n_pairs) {
  rope_apply(x, rows_of(yarn::frequencies_from(inv_freq, n_pairs), yarn::positions_from(1000)),
             yarn::pairing::interleaved);
}
void rotate_normed(const yarn::heads_view<yarn::bfloat16>& x, const yarn::bfloat16* weight,
                   const double* inv_freq, std::int64_t n_pairs) {
  rope_apply(normed(x, yarn::rms_norm<yarn::bfloat16>(weight, 1e-5)),
             rows_of(yarn::frequencies_from(inv_freq, n_pairs), yarn::positions_from(1000)),
             yarn::pairing::half_split);
}

} // namespace

YARN_DISPATCH_PART(cpp_kernels, &rotate, &rotate_normed)

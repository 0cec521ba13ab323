// SPDX-License-Identifier: MIT
// Runs the baseline half on any processor, and the wide half where there is one for it.
#include "halves.hpp"

#include <cstdio>
#include <cstring>

int main() {
  const half_result baseline = baseline_half();
  if (!(baseline.rotated[127] > -1e6F && baseline.rotated[127] < 1e6F))
    return 1;
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    std::puts("baseline half only: this processor cannot run the wide one");
    return 0;
  }
  const half_result wide = wide_half();
  const bool same = std::memcmp(baseline.inv_freq, wide.inv_freq, sizeof wide.inv_freq) == 0 &&
                    std::memcmp(baseline.cos_sin, wide.cos_sin, sizeof wide.cos_sin) == 0;
  std::puts(same ? "both halves, same bits" : "both halves, different bits");
  return same ? 0 : 1;
}

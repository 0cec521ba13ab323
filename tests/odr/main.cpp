// SPDX-License-Identifier: MIT
// Runs the baseline part, and every other part that the processor supports.
#include "parts.hpp"

#include <cstdio>
#include <cstring>

namespace {

bool same_rows(const part_result& a, const part_result& b) {
  return std::memcmp(a.inv_freq, b.inv_freq, sizeof a.inv_freq) == 0 &&
         std::memcmp(a.cos_sin, b.cos_sin, sizeof a.cos_sin) == 0;
}

bool have_equal_bits(const part_result& a, const part_result& b) {
  return same_rows(a, b) && std::memcmp(a.rotated, b.rotated, sizeof a.rotated) == 0 &&
         std::memcmp(a.rotated_bfloat16, b.rotated_bfloat16, sizeof a.rotated_bfloat16) == 0;
}

} // namespace

int main() {
  const bool has_v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                      __builtin_cpu_supports("bmi2");
  const bool has_v4 = has_v3 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  const bool has_v4_bf16 = has_v4 && __builtin_cpu_supports("avx512bf16");

  const part_result baseline = baseline_part();
  bool good = baseline.rotated[127] > -1e6F && baseline.rotated[127] < 1e6F;
  if (has_v3) {
    const part_result v3 = v3_part();
    good = good && same_rows(v3, baseline);
    good = good && (!has_v4 || have_equal_bits(v4_part(), v3));
    good = good && (!has_v4_bf16 || have_equal_bits(v4_bf16_part(), v3));
  }
  std::printf("baseline%s%s%s: %s\n", has_v3 ? ", v3" : "", has_v4 ? ", v4" : "",
              has_v4_bf16 ? ", v4_bf16" : "", good ? "same bits" : "different bits");
  return good ? 0 : 1;
}

// SPDX-License-Identifier: MIT
// An engine in one binary for all x86-64 processors. It rotates with the best instruction set of
// the processor that it runs on.
//
//     dispatch          rotates with every part (kernels.cpp, compiled for one instruction set)
//                       that this processor supports, and compares the results
//     dispatch avx2     does the same, and fails unless dispatch chooses the part avx2
#include "kernels.hpp"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <vector>

namespace {

using engine::rope_kernels;

constexpr int n_tokens = 61, n_q_heads = 4, n_kv_heads = 2, head_dim = 128;

struct activations {
  std::vector<float> q, k;
};

activations before_rotation() {
  activations x{std::vector<float>(std::size_t{n_tokens} * n_q_heads * head_dim),
                std::vector<float>(std::size_t{n_tokens} * n_kv_heads * head_dim)};
  std::uint32_t state = 1;
  for (std::vector<float>* values : {&x.q, &x.k})
    for (float& value : *values) {
      state = state * 1664525U + 1013904223U;
      value = static_cast<float>(state >> 8U) * 0x1p-23F - 1.0F;
    }
  return x;
}

/// One step of the engine. This code does not depend on the instruction set.
activations rotated_with(const rope_kernels& kernels) {
  const std::unique_ptr<engine::rope, void (*)(engine::rope*)> rope(
      kernels.make({head_dim, 10000.0, 32.0, 4096}), kernels.free);
  kernels.begin_step(*rope, yarn::positions_from(100000, n_tokens));
  activations x = before_rotation();
  const yarn::heads_view q{x.q.data(), n_tokens, n_q_heads, head_dim};
  const yarn::heads_view k{x.k.data(), n_tokens, n_kv_heads, head_dim};
  kernels.check(*rope, q, k);
  kernels.rotate(*rope, q, k, {0, 2}); // two slices, as for two threads
  kernels.rotate(*rope, q, k, {1, 2});
  return x;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Whether a and b differ by no more than the error bounds of both: 1 ULP with a fused
/// multiply-add, 1.25 ULP without (SSE2).
bool agree_but_for_rounding(const std::vector<float>& a, const std::vector<float>& b) {
  // A rotated pair has a length below 2 (sqrt(2) times the attention factor 1.35): ULP <= 2^-23.
  constexpr double ulp = 0x1p-23;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])) <= 2.25 * ulp))
      return false;
  return true;
}

bool compare_parts(yarn::isa best) {
  const activations reference = rotated_with(yarn::dispatch<rope_kernels>());
  bool good = !same_bits(reference.q, before_rotation().q);
  for (const yarn::isa part :
       {yarn::isa::baseline, yarn::isa::avx2, yarn::isa::avx512, yarn::isa::avx512_bf16}) {
    if (!yarn::has_isa<rope_kernels>(part))
      continue;
    const activations x = rotated_with(yarn::dispatch<rope_kernels>(part));
    const char* result = "DIFFERENT";
    if (same_bits(x.q, reference.q) && same_bits(x.k, reference.k))
      result = "same bits";
    else if (part == yarn::isa::baseline && agree_but_for_rounding(x.q, reference.q) &&
             agree_but_for_rounding(x.k, reference.k))
      result = "the last bits differ";
    else
      good = false;
    std::printf("%-12s %s%s\n", yarn::name_of(part), result, part == best ? ", in use" : "");
  }
  return good;
}

} // namespace

int main(int argc, char** argv) {
  try {
    const yarn::isa best = yarn::best_isa<rope_kernels>();
    if (argc > 1 && std::strcmp(argv[1], yarn::name_of(best)) != 0) {
      std::fprintf(stderr, "dispatch: %s is in use, not %s\n", yarn::name_of(best), argv[1]);
      return 1;
    }
    return compare_parts(best) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dispatch: %s\n", error.what());
    return 2;
  }
}

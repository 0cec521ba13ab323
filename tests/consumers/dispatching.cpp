// SPDX-License-Identifier: MIT
// Runs every part that the processor supports, and checks the instruction set of each.
#include "dispatching.hpp"

#include <cstdio>

int main() {
  for (const yarn::isa part :
       {yarn::isa::baseline, yarn::isa::avx2, yarn::isa::avx512, yarn::isa::avx512_bf16}) {
    if (!yarn::has_isa<consumer_kernels>(part))
      continue;
    const consumer_kernels& kernels = yarn::dispatch<consumer_kernels>(part);
    std::printf("%s\n", yarn::name_of(kernels.part));
    if (kernels.part != part || kernels.seven() != 7)
      return 1;
  }
  return yarn::dispatch<consumer_kernels>().part == yarn::best_isa<consumer_kernels>() ? 0 : 1;
}

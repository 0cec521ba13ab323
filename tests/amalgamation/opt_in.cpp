// SPDX-License-Identifier: MIT
// Includes the single header first. The opt-in headers of the source tree then include other
// headers of the tree, which must have no effect.
#include "yarn.hpp"

#include "../../include/yarn/dispatch.hpp"
#include "../../include/yarn/gguf.hpp"
#include "../../include/yarn/prompt_positions.hpp"
#include "../../include/yarn/scaled_elements.hpp"
#include "../../include/yarn/testing.hpp"

#include <cstdio>

yarn::frequencies frequencies_of_the_other_source();

int main() {
  const yarn::frequencies freqs = frequencies_of_the_other_source();
  std::printf("%lld pairs, %s\n", static_cast<long long>(freqs.n_pairs()),
              yarn::name_of(yarn::supported_isa()));
  return freqs.n_pairs() == 32 ? 0 : 1;
}

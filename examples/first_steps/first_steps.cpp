// SPDX-License-Identifier: MIT
// The program of README.md, word for word between the two marks. The test first_steps compares its
// output with the output in README.md.
// NOLINTBEGIN(bugprone-exception-escape,bugprone-implicit-widening-of-multiplication-result): short
// [readme]
#include <yarn/yarn.hpp>

#include <cstdio>
#include <vector>

int main() {
  // The numbers of the model's config.json, here of Yarn-Llama-2-7b-128k.
  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rope_theta = 10000.0;
  yarn::yarn_scaling method; // or llama3_scaling, longrope_scaling, ...
  method.factor = 32.0;
  method.original_max_position_embeddings = 4096;
  const yarn::frequencies freqs = yarn::make_frequencies(shape, method); // once per model

  // Three tokens. q has 32 heads, k has 8.
  const std::vector<std::int32_t> token_positions = {0, 4095, 131071};
  std::vector<float> q_data(3 * 32 * 128, 1.0F), k_data(3 * 8 * 128, 1.0F);
  const yarn::heads_view q{q_data.data(), 3, 32, 128}; // [token][head][element]
  const yarn::heads_view k{k_data.data(), 3, 8, 128};

  yarn::rotary_rows<float> rows;                           // cos and sin of these tokens
  rows.assign(freqs, yarn::positions(token_positions));    // once per step
  yarn::rope_apply(q, k, rows, yarn::pairing::half_split); // once per layer, in place

  for (std::size_t token = 0; token < 3; ++token) {
    const float* head = q_data.data() + token * 32 * 128;
    std::printf("position %6d: pair 40 of q is (%.4f, %.4f)\n", token_positions[token],
                static_cast<double>(head[40]), static_cast<double>(head[40 + 64]));
  }
}
// [/readme]
// NOLINTEND(bugprone-exception-escape,bugprone-implicit-widening-of-multiplication-result)

// SPDX-License-Identifier: MIT
// Checks the RoPE of an engine with yarn/testing.hpp and prints the findings, first with a bug,
// then without the bug. The program fails if the findings are not the expected ones.
#include "naive_engine.hpp"

#include <yarn/testing.hpp>

#include <cstdio>
#include <exception>
#include <vector>

namespace {

/// Returns whether the findings are the expected ones.
bool run() {
  // The numbers of the model's config.json.
  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rope_theta = 10000.0;
  yarn::yarn_scaling method;
  method.factor = 16.0;
  method.original_max_position_embeddings = 4096;
  const yarn::testing::expectation expected(shape, method, yarn::pairing::half_split);

  // The engine computes angles in float32, as frameworks do. This test accepts such angles.
  yarn::testing::options options;
  options.accept_float32_angles = true;

  naive::engine engine;
  const auto rotation = [&](yarn::heads_view<float> x, const std::vector<std::int32_t>& positions) {
    engine.rotate(x.data(), positions.data(), positions.size(),
                  static_cast<std::size_t>(x.n_heads()));
  };
  const yarn::testing::report wrong =
      yarn::testing::check_rotation<float>(expected, rotation, options);
  std::printf("with the bug:\n%s\n", wrong.text().c_str());

  engine.factor_on_sin = true;
  const yarn::testing::report right =
      yarn::testing::check_rotation<float>(expected, rotation, options);
  std::printf("without the bug:\n%s\n", right.text().c_str());

  const std::vector<float> list = engine.inv_freq();
  const yarn::testing::report frequencies = yarn::testing::check_inv_freq(
      expected, list.data(), list.size(), engine.attention_factor(), options);
  std::printf("frequencies and attention factor of the engine:\n%s", frequencies.text().c_str());

  return !wrong && wrong.has(yarn::testing::diagnosis::attention_factor_on_one_side) && right &&
         frequencies;
}

} // namespace

int main() {
  try {
    return run() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

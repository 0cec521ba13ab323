// SPDX-License-Identifier: MIT
// The tests of docs/testing-your-engine.md, word for word, on right engines.
#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <cstdint>
#include <vector>

namespace {

/// The engine that the page assumes.
namespace engine {

yarn::frequencies model() {
  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rope_theta = 10000.0;
  yarn::yarn_scaling method;
  method.factor = 16.0;
  method.original_max_position_embeddings = 4096;
  return yarn::make_frequencies(shape, method);
}
void rope(float* x, const std::int32_t* positions, std::int64_t n_tokens, std::int64_t n_heads) {
  yarn::rope_apply(
      yarn::heads_view<float>(x, n_tokens, n_heads, 128),
      yarn::rows_of(yarn::float32_pipeline(model()), yarn::positions(positions, n_tokens)),
      yarn::pairing::half_split);
}
void mrope(float* x, const std::int32_t* positions, std::int64_t n_tokens, std::int64_t n_heads) {
  const yarn::frequencies f =
      yarn::with_axes(yarn::make_frequencies({128, 0, 1e6}, yarn::default_scaling{}),
                      yarn::axis_sections{16, 24, 24});
  yarn::rope_apply(yarn::heads_view<float>(x, n_tokens, n_heads, 128),
                   yarn::rows_of(f, yarn::axis_positions(positions, n_tokens, 3)),
                   yarn::pairing::half_split);
}
struct cache {
  std::vector<float> cos, sin;
};
cache make_cache(std::int64_t n_positions) {
  cache made;
  made.cos.resize(static_cast<std::size_t>(n_positions * 64));
  made.sin.resize(made.cos.size());
  yarn::fill_rows(model(), yarn::positions_from(0, n_positions), made.cos.data(), made.sin.data(),
                  64);
  return made;
}
std::vector<float> inv_freq() {
  const yarn::frequencies f = model();
  std::vector<float> list;
  for (const double value : f.inv_freq())
    list.push_back(static_cast<float>(value));
  return list;
}
double attention_factor() { return model().attention_factor(); }

} // namespace engine

// [testing]
yarn::testing::expectation expected() { // what the model's config.json says
  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rope_theta = 10000.0;
  yarn::yarn_scaling method;
  method.factor = 16.0;
  method.original_max_position_embeddings = 4096;
  return {shape, method, yarn::pairing::half_split};
}

TEST(rope, rotates_as_the_model_wants) {
  const auto rotate = [](yarn::heads_view<float> x, const std::vector<std::int32_t>& positions) {
    engine::rope(x.data(), positions.data(), x.n_tokens(), x.n_heads()); // in place, dense
  };
  yarn::testing::options options;
  options.accept_float32_angles = true; // this engine has them, as the frameworks do
  const auto r = yarn::testing::check_rotation<float>(expected(), rotate, options);
  EXPECT_TRUE(r) << r;
}

TEST(rope, caches_cos_and_sin) {
  const engine::cache cache = engine::make_cache(4096); // [4096][64] each
  const yarn::table_view<float> table{cache.cos.data(), cache.sin.data(), 4096, 64, 64};
  const auto r = yarn::testing::check_table(expected(), table);
  EXPECT_TRUE(r) << r;
}
// [/testing]

// [testing-axes]
TEST(rope, gives_each_pair_the_position_on_its_axis) {
  const auto expected =
      yarn::testing::expectation({128, 0, 1e6}, yarn::default_scaling{}, yarn::pairing::half_split)
          .with_axes(yarn::axis_sections{16, 24, 24}); // mrope_section of Qwen2-VL
  const auto rotate = [](yarn::heads_view<float> x, const std::vector<std::int32_t>& positions) {
    engine::mrope(x.data(), positions.data(), x.n_tokens(), x.n_heads()); // [3][n_tokens]
  };
  const auto r = yarn::testing::check_rotation<float>(expected, rotate);
  EXPECT_TRUE(r) << r;
}
// [/testing-axes]

TEST(rope, has_the_models_frequencies) {
  const std::vector<float> list = engine::inv_freq();
  const auto r = yarn::testing::check_inv_freq(expected(), list.data(), list.size(),
                                               engine::attention_factor());
  EXPECT_TRUE(r) << r;
}

} // namespace

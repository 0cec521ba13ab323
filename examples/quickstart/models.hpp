// SPDX-License-Identifier: MIT
// Five published models, with the numbers of their config.json.
#ifndef YARN_EXAMPLES_QUICKSTART_MODELS_HPP
#define YARN_EXAMPLES_QUICKSTART_MODELS_HPP

#include <yarn/yarn.hpp>

#include <array>
#include <cstdint>
#include <vector>

namespace quickstart {

struct model {
  const char* name;
  yarn::rope_shape shape;
  yarn::any_scaling method;
  std::int64_t seq_len;     ///< the current length; only Phi's method depends on it
  std::int64_t qk_head_dim; ///< the whole width of a query head, for the softmax scale
  yarn::softmax_convention convention = yarn::softmax_convention::inverse_sqrt;

  yarn::frequencies frequencies() const { return make_frequencies(shape, method, seq_len); }
  double softmax_scale() const {
    return yarn::softmax_scale(qk_head_dim, method, convention, seq_len);
  }
};

inline yarn::rope_shape shape_of(std::int64_t dim, double theta) {
  yarn::rope_shape shape;
  shape.head_dim = dim;
  shape.rope_theta = theta;
  return shape;
}

inline yarn::yarn_scaling yarn_of(double factor, std::int64_t original_length) {
  yarn::yarn_scaling method;
  method.factor = factor;
  method.original_max_position_embeddings = original_length;
  return method;
}

inline model llama_2() {
  return {"Yarn-Llama-2-7b-128k", shape_of(128, 1e4), yarn_of(32, 4096), 131072, 128};
}

inline model qwen_2_5() {
  return {"Qwen2.5-7B, YaRN x4", shape_of(128, 1e6), yarn_of(4, 32768), 131072, 128};
}

inline model llama_3_1() {
  yarn::llama3_scaling method;
  method.factor = 8;
  method.low_freq_factor = 1;
  method.high_freq_factor = 4;
  method.original_max_position_embeddings = 8192;
  return {"Llama-3.1-8B", shape_of(128, 5e5), method, 131072, 128};
}

// A query head has 192 elements. The last 64 are rotated, with interleaved pairs. The attention
// factor is 1, because mscale equals mscale_all_dim. The softmax scale is multiplied instead.
inline model deepseek_v3() {
  yarn::yarn_scaling method = yarn_of(40, 4096);
  method.mscale = 1.0;
  method.mscale_all_dim = 1.0;
  return {"DeepSeek-V3, 64 of 192",
          shape_of(64, 1e4),
          method,
          163840,
          192,
          yarn::softmax_convention::mscale_all_dim_squared};
}

// One divisor per pair, in float32 as published: the short list up to 4096 tokens, the long list
// above.
inline model phi_3_5(const char* name, std::int64_t seq_len) {
  constexpr std::array<float, 48> short_factors = {
      1.0F,       1.02F,      1.03F,      1.03F,      1.05F,      1.05F,      1.05F,
      1.05F,      1.05F,      1.0699999F, 1.0999999F, 1.1099999F, 1.1599998F, 1.1599998F,
      1.1699998F, 1.2899998F, 1.3399998F, 1.6799998F, 1.7899998F, 1.8199998F, 1.8499998F,
      1.8799998F, 1.9099997F, 1.9399997F, 1.9899997F, 2.0199997F, 2.0199997F, 2.0199997F,
      2.0199997F, 2.0199997F, 2.0199997F, 2.0299997F, 2.0299997F, 2.0299997F, 2.0299997F,
      2.0299997F, 2.0299997F, 2.0299997F, 2.0299997F, 2.0299997F, 2.0799997F, 2.0899997F,
      2.1899996F, 2.2199996F, 2.5899994F, 2.7299995F, 2.7499995F, 2.8399994F};
  constexpr std::array<float, 48> long_factors = {
      1.08F,      1.11F,      1.14F,      1.34F,      1.5899999F, 1.6F,       1.62F,
      2.6200001F, 3.23F,      3.23F,      4.79F,      7.4F,       7.7000003F, 9.09F,
      12.2F,      17.67F,     24.460001F, 28.570002F, 30.420002F, 30.840002F, 32.590004F,
      32.930004F, 42.320004F, 44.960003F, 50.340004F, 50.450005F, 57.550003F, 57.930004F,
      58.210003F, 60.140003F, 62.610004F, 62.620003F, 62.710003F, 63.140003F, 63.140003F,
      63.770004F, 63.930004F, 63.960003F, 63.97F,     64.03F,     64.07F,     64.08F,
      64.12F,     64.41F,     64.48F,     64.51F,     64.53F,     64.84F};
  yarn::longrope_scaling method;
  method.short_factor = short_factors;
  method.long_factor = long_factors;
  method.original_max_position_embeddings = 4096;
  method.factor = 131072.0 / 4096.0;
  return {name, shape_of(96, 1e4), method, seq_len, 96};
}

inline std::vector<model> published_models() {
  return {llama_2(),
          qwen_2_5(),
          llama_3_1(),
          deepseek_v3(),
          phi_3_5("Phi-3.5-mini to 4096", 4096),
          phi_3_5("Phi-3.5-mini above", 131072)};
}

} // namespace quickstart

#endif

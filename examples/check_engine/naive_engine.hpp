// SPDX-License-Identifier: MIT
// A RoPE for a YaRN model, written from the paper. It computes in float, and has a bug.
#ifndef YARN_EXAMPLES_CHECK_ENGINE_NAIVE_ENGINE_HPP
#define YARN_EXAMPLES_CHECK_ENGINE_NAIVE_ENGINE_HPP

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace naive {

struct engine {
  std::size_t head_dim = 128;
  double theta = 10000.0;
  double factor = 16.0;
  double original_length = 4096.0;
  // The bug: the attention factor is on cos, but not on sin.
  bool factor_on_sin = false;

  std::vector<float> inv_freq() const {
    const auto d = static_cast<double>(head_dim);
    const auto pair_that_turns = [&](double turns) {
      return d * std::log(original_length / (turns * 6.283185307179586)) / (2 * std::log(theta));
    };
    const double low = std::floor(pair_that_turns(32));
    const double high = std::ceil(pair_that_turns(1));
    std::vector<float> list;
    for (std::size_t i = 0; i < head_dim / 2; ++i) {
      const auto pair = static_cast<double>(i);
      const double plain = std::pow(theta, -2 * pair / d);
      const double ramp = std::fmin(std::fmax((pair - low) / (high - low), 0.0), 1.0);
      list.push_back(static_cast<float>(plain / factor * ramp + plain * (1 - ramp)));
    }
    return list;
  }
  double attention_factor() const { return 0.1 * std::log(factor) + 1; }

  /// Rotates x[n_tokens][n_heads][head_dim] in place, pairs (i, i + head_dim / 2).
  void rotate(float* x, const std::int32_t* positions, std::size_t n_tokens,
              std::size_t n_heads) const {
    const std::vector<float> frequencies = inv_freq();
    const std::size_t half = head_dim / 2;
    const auto on_cos = static_cast<float>(attention_factor());
    const float on_sin = factor_on_sin ? on_cos : 1.0F;
    for (std::size_t t = 0; t < n_tokens; ++t)
      for (std::size_t h = 0; h < n_heads; ++h, x += head_dim)
        for (std::size_t i = 0; i < half; ++i) {
          const float angle = static_cast<float>(positions[t]) * frequencies[i];
          const float c = on_cos * std::cos(angle), s = on_sin * std::sin(angle);
          const float x0 = x[i], x1 = x[i + half];
          x[i] = x0 * c - x1 * s;
          x[i + half] = x0 * s + x1 * c;
        }
  }
};

} // namespace naive

#endif // YARN_EXAMPLES_CHECK_ENGINE_NAIVE_ENGINE_HPP

// SPDX-License-Identifier: MIT
// An engine that decodes one token at a time with scalar code, as llama2.c does: interleaved pairs,
// and a power, a cosine and a sine for each pair of each head in each layer.
#ifndef YARN_EXAMPLES_MOVING_SCALAR_LOOP_HPP
#define YARN_EXAMPLES_MOVING_SCALAR_LOOP_HPP

#include "model.hpp"

#include <cmath>
#include <cstdint>

namespace moving::scalar_loop {

struct shape {
  std::int64_t n_layers, n_q_heads, n_kv_heads, head_dim;
  std::int64_t q_size() const { return n_q_heads * head_dim; }
  std::int64_t k_size() const { return n_kv_heads * head_dim; }
};

namespace before {

struct rope {
  shape s;
  float theta;

  rope(const shape& sizes, const model& m) : s(sizes), theta(static_cast<float>(m.rope_theta)) {}

  void turn(float* x, std::int64_t i, std::int64_t pos) const {
    const float frequency =
        1.0F / std::pow(theta, static_cast<float>(i) / static_cast<float>(s.head_dim));
    const float angle = static_cast<float>(pos) * frequency;
    const float x0 = x[i], x1 = x[i + 1];
    x[i] = x0 * std::cos(angle) - x1 * std::sin(angle);
    x[i + 1] = x0 * std::sin(angle) + x1 * std::cos(angle);
  }
  /// Rotates q[n_layers][n_q_heads][head_dim] and k[n_layers][n_kv_heads][head_dim] of one token.
  void forward(float* q, float* k, std::int64_t pos) const {
    for (std::int64_t layer = 0; layer < s.n_layers; ++layer, q += s.q_size(), k += s.k_size())
      for (std::int64_t i = 0; i < s.head_dim; i += 2) {
        for (std::int64_t h = 0; h < s.n_q_heads; ++h)
          turn(q + h * s.head_dim, i, pos);
        for (std::int64_t h = 0; h < s.n_kv_heads; ++h)
          turn(k + h * s.head_dim, i, pos);
      }
  }
};

} // namespace before

namespace after {

struct rope {
  shape s;
  yarn::frequencies freqs;
  yarn::rotary_rows<float> rows; // of the current token

  rope(const shape& sizes, const model& m) : s(sizes), freqs(frequencies_of(m)) {}

  void forward(float* q, float* k, std::int64_t pos) {
    rows.assign(freqs, yarn::positions_from(pos, 1)); // once per token
    for (std::int64_t layer = 0; layer < s.n_layers; ++layer, q += s.q_size(), k += s.k_size())
      yarn::rope_apply(yarn::heads_view{q, 1, s.n_q_heads, s.head_dim},
                       yarn::heads_view{k, 1, s.n_kv_heads, s.head_dim}, rows,
                       yarn::pairing::interleaved);
  }
};

} // namespace after

} // namespace moving::scalar_loop

#endif // YARN_EXAMPLES_MOVING_SCALAR_LOOP_HPP

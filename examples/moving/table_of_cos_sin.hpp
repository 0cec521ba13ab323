// SPDX-License-Identifier: MIT
// An engine with a table of cos and sin, half-split pairs: its own loop, our rotation with its
// table, and our rotation without a table.
#ifndef YARN_EXAMPLES_MOVING_TABLE_OF_COS_SIN_HPP
#define YARN_EXAMPLES_MOVING_TABLE_OF_COS_SIN_HPP

#include "model.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

namespace moving::table_of_cos_sin {

namespace before {

struct rope {
  std::int64_t n_positions, half; // half is head_dim / 2
  std::vector<float> cos, sin;    // [n_positions][half], made once when the model is loaded

  rope(const model& m, std::int64_t n) : n_positions(n), half(m.head_dim / 2) {
    const std::vector<float> inv_freq = inv_freq_of<float>(m);
    for (std::int64_t p = 0; p < n; ++p)
      for (const float frequency : inv_freq) {
        cos.push_back(std::cos(static_cast<float>(p) * frequency));
        sin.push_back(std::sin(static_cast<float>(p) * frequency));
      }
  }

  /// Rotates x[n_tokens][n_heads][2 * half] in place.
  void rotate(float* x, const std::int32_t* positions, std::int64_t n_tokens,
              std::int64_t n_heads) const {
    for (std::int64_t t = 0; t < n_tokens; ++t) {
      const float* c = cos.data() + positions[t] * half;
      const float* s = sin.data() + positions[t] * half;
      for (std::int64_t h = 0; h < n_heads; ++h, x += 2 * half)
        for (std::int64_t i = 0; i < half; ++i) {
          const float x0 = x[i], x1 = x[i + half];
          x[i] = x0 * c[i] - x1 * s[i];
          x[i + half] = x0 * s[i] + x1 * c[i];
        }
    }
  }
};

} // namespace before

namespace same_table {

struct rope : before::rope {
  using before::rope::rope;

  void rotate(float* x, const std::int32_t* positions, std::int64_t n_tokens,
              std::int64_t n_heads) const {
    const yarn::table_view<float> table{cos.data(), sin.data(), n_positions, half, half};
    yarn::rope_apply(yarn::heads_view{x, n_tokens, n_heads, 2 * half},
                     yarn::rows_of(table, yarn::positions(positions, n_tokens)),
                     yarn::pairing::half_split);
  }
};

} // namespace same_table

namespace after {

struct rope {
  yarn::frequencies freqs;

  explicit rope(const model& m) : freqs(frequencies_of(m)) {}

  void rotate(float* x, const std::int32_t* positions, std::int64_t n_tokens,
              std::int64_t n_heads) const {
    yarn::rope_apply(yarn::heads_view{x, n_tokens, n_heads, 2 * freqs.n_pairs()},
                     yarn::rows_of(freqs, yarn::positions(positions, n_tokens)),
                     yarn::pairing::half_split);
  }
};

} // namespace after

} // namespace moving::table_of_cos_sin

#endif // YARN_EXAMPLES_MOVING_TABLE_OF_COS_SIN_HPP

// SPDX-License-Identifier: MIT
// An engine that computes as Hugging Face's eager code does: cos and sin of each token over the
// whole head, with every entry twice, and tensors [batch][head][token][dim].
#ifndef YARN_EXAMPLES_MOVING_EAGER_HPP
#define YARN_EXAMPLES_MOVING_EAGER_HPP

#include "model.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

namespace moving::eager {

struct shape {
  std::int64_t n_batch, n_heads, n_tokens, dim;
};

/// The heads of sequence b of x[n_batch][n_heads][n_tokens][dim].
template <class T> yarn::heads_view<T> sequence(T* x, std::int64_t b, const shape& s) {
  const std::int64_t head_size = s.n_tokens * s.dim;
  return yarn::heads_view{x + b * s.n_heads * head_size, s.n_tokens, s.n_heads, s.dim}.with_strides(
      s.dim, head_size);
}

namespace before {

/// cos and sin, [batch * token][dim]: entry i + dim / 2 is entry i again.
struct embedding {
  std::vector<float> cos, sin;
};

struct rope {
  std::vector<float> inv_freq;
  float attention_scaling;

  explicit rope(const model& m)
      : inv_freq(inv_freq_of<float>(m)),
        attention_scaling(static_cast<float>(attention_factor_of(m))) {}

  embedding forward(const std::int64_t* position_ids, std::int64_t n) const { // once per step
    embedding made;
    for (std::int64_t t = 0; t < n; ++t)
      for (int copy = 0; copy < 2; ++copy)
        for (const float frequency : inv_freq) {
          const float angle = static_cast<float>(position_ids[t]) * frequency;
          made.cos.push_back(std::cos(angle) * attention_scaling);
          made.sin.push_back(std::sin(angle) * attention_scaling);
        }
    return made;
  }
};

/// y = x * cos + rotate_half(x) * sin. Each layer calls this function for q and for k.
inline void apply(const float* x, float* y, const embedding& e, const shape& s) {
  for (std::int64_t b = 0; b < s.n_batch; ++b)
    for (std::int64_t h = 0; h < s.n_heads; ++h)
      for (std::int64_t t = 0; t < s.n_tokens; ++t, x += s.dim, y += s.dim)
        for (std::int64_t i = 0, half = s.dim / 2; i < s.dim; ++i) {
          const float rotated = i < half ? -x[i + half] : x[i - half];
          const std::int64_t at = (b * s.n_tokens + t) * s.dim + i;
          y[i] = x[i] * e.cos.data()[at] + rotated * e.sin.data()[at];
        }
}

} // namespace before

namespace same_rows {

using before::embedding;
using before::rope;

inline void apply(const float* x, float* y, const embedding& e, const shape& s) {
  for (std::int64_t b = 0; b < s.n_batch; ++b) {
    const std::int64_t at = b * s.n_tokens * s.dim;
    // Row t has s.dim entries, of which the first half is used.
    const yarn::rows_view rows{e.cos.data() + at, e.sin.data() + at, s.n_tokens, s.dim / 2, s.dim};
    yarn::rope_copy(sequence(x, b, s), sequence(y, b, s), rows, yarn::pairing::half_split);
  }
}

} // namespace same_rows

namespace after {

using embedding = yarn::rotary_rows<float>;

struct rope {
  yarn::frequencies freqs;

  explicit rope(const model& m) : freqs(frequencies_of(m)) {}

  embedding forward(const std::int64_t* position_ids, std::int64_t n) const {
    embedding rows;
    rows.assign(freqs, yarn::positions(position_ids, n)); // with the attention factor
    return rows;
  }
};

inline void apply(const float* x, float* y, const embedding& e, const shape& s) {
  for (std::int64_t b = 0; b < s.n_batch; ++b) {
    const std::int64_t at = b * s.n_tokens;
    const yarn::rows_view rows{e.cos(at), e.sin(at), s.n_tokens, e.n_pairs(),
                               e.view().row_stride()};
    yarn::rope_copy(sequence(x, b, s), sequence(y, b, s), rows, yarn::pairing::half_split);
  }
}

} // namespace after

} // namespace moving::eager

#endif // YARN_EXAMPLES_MOVING_EAGER_HPP

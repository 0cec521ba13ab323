// SPDX-License-Identifier: MIT
// An engine with a cache of rows [cos | sin] and an operator that rotates in place, as vLLM has
// them: partial rotary, both pairings, positions of 64 bits.
#ifndef YARN_EXAMPLES_MOVING_COS_SIN_CACHE_HPP
#define YARN_EXAMPLES_MOVING_COS_SIN_CACHE_HPP

#include "model.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

namespace moving::cos_sin_cache {

struct shape {
  std::int64_t n_tokens, n_q_heads, n_kv_heads, head_size, rot_dim, max_position;
};

namespace before {

/// [max_position][rot_dim]: in each row cos of all pairs, then sin of all pairs.
inline std::vector<float> make_cache(const model& m, std::int64_t max_position) {
  const std::vector<float> inv_freq = inv_freq_of<float>(m);
  const auto mscale = static_cast<float>(attention_factor_of(m));
  std::vector<float> cache;
  for (std::int64_t p = 0; p < max_position; ++p) {
    for (const float frequency : inv_freq)
      cache.push_back(std::cos(static_cast<float>(p) * frequency) * mscale);
    for (const float frequency : inv_freq)
      cache.push_back(std::sin(static_cast<float>(p) * frequency) * mscale);
  }
  return cache;
}

inline void rotate_head(float* x, const float* cos, const float* sin, std::int64_t half,
                        bool is_neox) {
  for (std::int64_t i = 0; i < half; ++i) {
    float& first = x[is_neox ? i : 2 * i];
    float& second = x[is_neox ? i + half : 2 * i + 1];
    const float x0 = first, x1 = second;
    first = x0 * cos[i] - x1 * sin[i];
    second = x1 * cos[i] + x0 * sin[i];
  }
}
/// Rotates query[n_tokens][n_q_heads * head_size] and key[n_tokens][n_kv_heads * head_size].
inline void rotary_embedding(const std::int64_t* positions, float* query, float* key,
                             const float* cache, const shape& s, bool is_neox) {
  for (std::int64_t t = 0; t < s.n_tokens; ++t) {
    const float* cos = cache + positions[t] * s.rot_dim;
    const float* sin = cos + s.rot_dim / 2;
    for (std::int64_t h = 0; h < s.n_q_heads; ++h, query += s.head_size)
      rotate_head(query, cos, sin, s.rot_dim / 2, is_neox);
    for (std::int64_t h = 0; h < s.n_kv_heads; ++h, key += s.head_size)
      rotate_head(key, cos, sin, s.rot_dim / 2, is_neox);
  }
}

} // namespace before

namespace same_cache {

inline void rotary_embedding(const std::int64_t* positions, float* query, float* key,
                             const float* cache, const shape& s, bool is_neox) {
  const auto table = yarn::table_view<float>::packed(cache, s.max_position, s.rot_dim / 2);
  yarn::rope_apply(yarn::heads_view{query, s.n_tokens, s.n_q_heads, s.head_size},
                   yarn::heads_view{key, s.n_tokens, s.n_kv_heads, s.head_size},
                   yarn::rows_of(table, yarn::positions(positions, s.n_tokens)),
                   is_neox ? yarn::pairing::half_split : yarn::pairing::interleaved);
}

} // namespace same_cache

namespace exact_cache {

inline std::vector<float> make_cache(const model& m, std::int64_t max_position) {
  const yarn::frequencies freqs = frequencies_of(m);
  std::vector<float> cache(static_cast<std::size_t>(max_position * m.rotary_dim));
  yarn::fill_rows(freqs, yarn::positions_from(0, max_position), cache.data(),
                  cache.data() + freqs.n_pairs(), m.rotary_dim);
  return cache;
}

using before::rotary_embedding; // the operator of the engine does not change

} // namespace exact_cache

namespace after {

inline void rotary_embedding(const std::int64_t* positions, float* query, float* key,
                             const yarn::frequencies& freqs, const shape& s, bool is_neox) {
  yarn::rope_apply(yarn::heads_view{query, s.n_tokens, s.n_q_heads, s.head_size},
                   yarn::heads_view{key, s.n_tokens, s.n_kv_heads, s.head_size},
                   yarn::rows_of(freqs, yarn::positions(positions, s.n_tokens)),
                   is_neox ? yarn::pairing::half_split : yarn::pairing::interleaved);
}

} // namespace after

} // namespace moving::cos_sin_cache

#endif // YARN_EXAMPLES_MOVING_COS_SIN_CACHE_HPP

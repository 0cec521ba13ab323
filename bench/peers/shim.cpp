// SPDX-License-Identifier: MIT
// C functions for peers.py: our rotation, and the error of a rotation against the exact result.
#include "../support.hpp"
#include "exact.hpp"

#include <cstddef>
#include <cstdint>

namespace {

template <class T>
void rotate(T* x, int n_layers, int n_tokens, int n_q_heads, int n_k_heads,
            const std::int32_t* positions) {
  static const yarn::frequencies freqs =
      yarn::make_frequencies(support::shape_of(peers::head_dim), yarn::default_scaling{});
  const std::ptrdiff_t head = static_cast<std::ptrdiff_t>(n_tokens) * peers::head_dim;
  for (int layer = 0; layer < n_layers; ++layer) {
    const yarn::heads_view<T> q(x, n_tokens, n_q_heads, peers::head_dim);
    const yarn::heads_view<T> k(x + n_q_heads * head, n_tokens, n_k_heads, peers::head_dim);
    yarn::rope_apply(q, k, yarn::rows_of(freqs, yarn::positions(positions, n_tokens)),
                     yarn::pairing::half_split);
    x += (n_q_heads + n_k_heads) * head;
  }
}

template <class T>
double error(const void* before, const void* after, const std::int32_t* positions, int n_tokens,
             int n_heads) {
  return peers::max_error(static_cast<const T*>(before), static_cast<const T*>(after), positions,
                          n_tokens, n_heads, yarn::pairing::half_split, false);
}

} // namespace

// The parameter `type` is 0 for float, 1 for float16, 2 for bfloat16.
extern "C" {

/// Rotates x, which has for each layer q[n_tokens][n_q_heads][128], then
/// k[n_tokens][n_k_heads][128]. Each layer makes its own rows.
void peers_rotate(void* x, int type, int n_layers, int n_tokens, int n_q_heads, int n_k_heads,
                  const std::int32_t* positions) {
  if (type == 0)
    rotate(static_cast<float*>(x), n_layers, n_tokens, n_q_heads, n_k_heads, positions);
  else if (type == 1)
    rotate(static_cast<yarn::float16*>(x), n_layers, n_tokens, n_q_heads, n_k_heads, positions);
  else
    rotate(static_cast<yarn::bfloat16*>(x), n_layers, n_tokens, n_q_heads, n_k_heads, positions);
}

double peers_error(const void* before, const void* after, int type, const std::int32_t* positions,
                   int n_tokens, int n_heads) {
  if (type == 0)
    return error<float>(before, after, positions, n_tokens, n_heads);
  return type == 1 ? error<yarn::float16>(before, after, positions, n_tokens, n_heads)
                   : error<yarn::bfloat16>(before, after, positions, n_tokens, n_heads);
}
}

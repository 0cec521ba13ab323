// SPDX-License-Identifier: MIT
// Compares RMSNorm and rotation in one pass with a pass for the norm and then rope_apply, and with
// rope_apply alone.
#include "support.hpp"

#include <yarn/norm.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using support::contender;
using support::warm_array;
using yarn::pairing;

constexpr std::int64_t head_dim = 128, n_q_heads = 32, n_kv_heads = 8;

/// RMSNorm as a pass of its own, with the vectors that the library uses. 4 sums hide the latency of
/// the additions. head_dim is a multiple of 64.
template <class T> void norm_pass(const yarn::heads_view<T>& x, const float* weight, float eps) {
  using namespace yarn::detail;
  using wide = support::widest_pack<float>;
  constexpr auto size = static_cast<std::int64_t>(wide::size);
  for (std::int64_t h = 0; h < x.n_tokens() * x.n_heads(); ++h) {
    T* const head = x.data() + h * head_dim;
    wide sums[4] = {wide(0.0F), wide(0.0F), wide(0.0F), wide(0.0F)};
    for (std::int64_t e = 0; e < head_dim; e += 4 * size)
      for (std::int64_t i = 0; i < 4; ++i) {
        const wide value = load_elements(head + e + i * size, wide{});
        sums[i] = multiply_add(value, value, sums[i]);
      }
    const float sum = sum_of_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
    const wide scale(1.0F / std::sqrt(sum / static_cast<float>(head_dim) + eps));
    for (std::int64_t e = 0; e < head_dim; e += size)
      store_elements(load_elements(head + e, wide{}) * scale * wide::load_unaligned(weight + e),
                     head + e);
  }
}

template <class T> void compare_norm(benchmark::State& state, std::int64_t n_tokens, pairing p) {
  const auto n_q = static_cast<std::size_t>(n_tokens * n_q_heads * head_dim);
  const auto n_k = static_cast<std::size_t>(n_tokens * n_kv_heads * head_dim);
  const warm_array<T> data(n_q + n_k);
  const yarn::heads_view<T> q(data.data(), n_tokens, n_q_heads, head_dim);
  const yarn::heads_view<T> k(data.data() + n_q, n_tokens, n_kv_heads, head_dim);
  const std::vector<float> weight(static_cast<std::size_t>(head_dim), 1.0F);
  constexpr double eps = 1e-6;
  yarn::rotary_rows<float> rows;
  rows.assign(support::steady_frequencies(), yarn::positions_from(100000, n_tokens));
  const yarn::rms_norm norm(weight.data(), eps);
  support::compare(
      state, 2 * data.bytes(),
      [&] { yarn::rope_apply(yarn::normed(q, norm), yarn::normed(k, norm), rows, p); },
      contender{"apart",
                [&] {
                  norm_pass(q, weight.data(), static_cast<float>(eps));
                  norm_pass(k, weight.data(), static_cast<float>(eps));
                  yarn::rope_apply(q, k, rows, p);
                }},
      contender{"rotation", [&] { yarn::rope_apply(q, k, rows, p); }});
}

template <class T> void add_norms() {
  for (const pairing p : {pairing::half_split, pairing::interleaved})
    for (const std::int64_t n_tokens : {1, 256, 4096})
      support::add_comparison(
          std::string("norm/rms/") + support::type_name<T>() + "/" + support::pairing_name(p) +
              "/kept_rows/" + std::to_string(n_tokens) + "x32+8x128/" + support::arch_name(),
          [=](benchmark::State& state) { compare_norm<T>(state, n_tokens, p); });
}

const bool added = (add_norms<float>(), add_norms<yarn::bfloat16>(), true);

} // namespace

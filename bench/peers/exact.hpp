// SPDX-License-Identifier: MIT
// The numbers of the work that all peers do, and its exact result, computed without the library.
#ifndef YARN_BENCH_PEERS_EXACT_HPP
#define YARN_BENCH_PEERS_EXACT_HPP

#include <yarn/yarn.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace peers {

constexpr int head_dim = 128;
constexpr int n_pairs = head_dim / 2;
constexpr double rope_theta = 10000;
constexpr int n_layers = 32; ///< of a decode step, each with its own memory

// Yarn-Llama-2-7b-128k without its attention factor, because the elements of a tensor that is
// rotated many times must keep their size.
constexpr double yarn_factor = 32;
constexpr int yarn_original_length = 4096;

inline double value_of(float x) { return static_cast<double>(x); }
inline double value_of(yarn::bfloat16 x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return static_cast<double>(value);
}
inline double value_of(yarn::float16 x) {
  const int exponent = x.bits >> 10 & 31, fraction = x.bits & 1023;
  const double size =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (x.bits & 0x8000) != 0 ? -size : size;
}

/// Frequencies in rad per token. With 64 significant bits an angle at position 131071 is exact to
/// 2^-46 rad.
inline std::array<long double, n_pairs> exact_inv_freq(bool with_yarn) {
  static_assert(sizeof(long double) > sizeof(double), "the exact side needs long double");
  const long double two_pi = 2 * std::acos(-1.0L), base = rope_theta;
  // The index of the pair that makes `turns` full turns within the original length.
  const auto pair_of = [&](long double turns) {
    return head_dim * std::log(yarn_original_length / (turns * two_pi)) / (2 * std::log(base));
  };
  const long double low = std::max(std::floor(pair_of(32)), 0.0L);
  const long double high = std::min(std::ceil(pair_of(1)), head_dim - 1.0L);
  std::array<long double, n_pairs> inv_freq;
  for (int i = 0; i < n_pairs; ++i) {
    const long double plain = std::pow(base, -2.0L * i / head_dim);
    const long double kept = 1 - std::clamp((i - low) / (high - low), 0.0L, 1.0L);
    const auto slot = static_cast<std::size_t>(i);
    inv_freq[slot] = with_yarn
                         ? plain * kept + plain / static_cast<long double>(yarn_factor) * (1 - kept)
                         : plain;
  }
  return inv_freq;
}

/// The largest distance of `after` from the exact rotation of `before`, both
/// [n_tokens][n_heads][128], in units of the pair's length.
template <class T>
double max_error(const T* before, const T* after, const std::int32_t* positions, int n_tokens,
                 int n_heads, yarn::pairing order, bool with_yarn) {
  const std::array<long double, n_pairs> inv_freq = exact_inv_freq(with_yarn);
  const bool half_split = order == yarn::pairing::half_split;
  long double worst = 0;
  for (int token = 0; token < n_tokens; ++token)
    for (int i = 0; i < n_pairs; ++i) {
      const long double angle = positions[token] * inv_freq[static_cast<std::size_t>(i)];
      const long double c = std::cos(angle), s = std::sin(angle);
      const int first = half_split ? i : 2 * i, second = half_split ? i + n_pairs : 2 * i + 1;
      for (int head = 0; head < n_heads; ++head) {
        const std::ptrdiff_t start =
            (static_cast<std::ptrdiff_t>(token) * n_heads + head) * head_dim;
        const long double x0 = value_of(before[start + first]);
        const long double x1 = value_of(before[start + second]);
        const long double off0 = value_of(after[start + first]) - (x0 * c - x1 * s);
        const long double off1 = value_of(after[start + second]) - (x0 * s + x1 * c);
        worst = std::max(
            {worst, std::abs(off0) / std::hypot(x0, x1), std::abs(off1) / std::hypot(x0, x1)});
      }
    }
  return static_cast<double>(worst);
}

} // namespace peers

#endif

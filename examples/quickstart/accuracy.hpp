// SPDX-License-Identifier: MIT
// Errors of rows, elements and scores, against exact values that are computed in long double. If
// long double is double, the exact values still have 10 digits at position 131071.
#ifndef YARN_EXAMPLES_QUICKSTART_ACCURACY_HPP
#define YARN_EXAMPLES_QUICKSTART_ACCURACY_HPP

#include "tensors.hpp"

#include <yarn/yarn.hpp>

#include <cmath>
#include <cstdint>
#include <limits>

namespace quickstart {

/// The larger of two errors. NaN counts as infinite.
inline double worse(double a, double b) {
  if (b <= a)
    return a;
  return b > a ? b : std::numeric_limits<double>::infinity();
}

/// The bound of include/yarn/rows.hpp: half the spacing of floats between 1 and 2, because entries
/// with an attention factor above 1 may be larger than 1, and a small share for the angle.
constexpr double allowed_row_error = 0.501 * 0x1p-23;

/// The largest error of cos and sin of a row, relative to the attention factor. The exact values
/// are cos and sin of position * inv_freq.
inline double row_error(const yarn::frequencies& computed, const yarn::frequencies& truth,
                        std::int64_t position) {
  yarn::rotary_rows<float> row;
  row.assign(computed, yarn::positions_from(position, 1));
  const double m = truth.attention_factor();
  double worst = 0;
  for (std::int64_t pair = 0; pair < truth.n_pairs(); ++pair) {
    const long double angle =
        static_cast<long double>(position) * static_cast<long double>(truth.inv_freq()[pair]);
    const auto cos = static_cast<double>(std::cos(angle));
    const auto sin = static_cast<double>(std::sin(angle));
    worst = worse(worst, std::fabs(static_cast<double>(row.cos(0)[pair]) / m - cos));
    worst = worse(worst, std::fabs(static_cast<double>(row.sin(0)[pair]) / m - sin));
  }
  return worst;
}

/// The error of a rotated element: at most 2.25 ULP of the length of its pair (rope.hpp), and an
/// ULP is at most 2^-23 of the length. Rounding to bfloat16 adds at most 2^-8 of the element.
template <class T> inline constexpr double allowed_element_error = 2.25 * 0x1p-23;
template <> inline constexpr double allowed_element_error<yarn::bfloat16> = 1.01 * 0x1p-8;

/// 2 * sqrt(2) element errors: sqrt(2) each for q and k, because both elements of a pair have an
/// error.
template <class T> inline constexpr double allowed_score_error = 2.83 * allowed_element_error<T>;

/// The largest error of the elements of some heads at this position, relative to the length of
/// their pair times the attention factor.
template <class T>
double element_error(const T* rotated, const T* unrotated, std::size_t n_heads,
                     const yarn::frequencies& freqs, std::int64_t position) {
  const long double m = freqs.attention_factor();
  double worst = 0;
  for (std::size_t i = 0; i < n_pairs; ++i) {
    const long double angle =
        static_cast<long double>(position) * static_cast<long double>(freqs.inv_freq()[i]);
    const long double cos = std::cos(angle) * m, sin = std::sin(angle) * m;
    for (std::size_t at = i; at < n_heads * head_dim; at += head_dim) {
      const long double x0 = value_of(unrotated[at]), x1 = value_of(unrotated[at + n_pairs]);
      const auto length = static_cast<double>(std::hypot(x0, x1) * m);
      const auto first = static_cast<double>(value_of(rotated[at]) - (x0 * cos - x1 * sin));
      const auto second =
          static_cast<double>(value_of(rotated[at + n_pairs]) - (x0 * sin + x1 * cos));
      worst = worse(worst, worse(std::fabs(first), std::fabs(second)) / length);
    }
  }
  return worst;
}

/// The exact score of two heads at this distance: the sum over all pairs of the real part of q *
/// conj(k) * exp(i * distance * inv_freq), times the square of the attention factor.
template <class T>
double exact_score(const T* q, const T* k, const yarn::frequencies& freqs, std::int64_t distance) {
  long double sum = 0;
  for (std::size_t i = 0; i < n_pairs; ++i) {
    const long double angle =
        static_cast<long double>(distance) * static_cast<long double>(freqs.inv_freq()[i]);
    const long double q0 = value_of(q[i]), q1 = value_of(q[i + n_pairs]);
    const long double k0 = value_of(k[i]), k1 = value_of(k[i + n_pairs]);
    sum += (q0 * k0 + q1 * k1) * std::cos(angle) - (q1 * k0 - q0 * k1) * std::sin(angle);
  }
  return static_cast<double>(sum) * freqs.attention_factor() * freqs.attention_factor();
}

template <class T> double dot(const T* a, const T* b) {
  double sum = 0;
  for (std::size_t i = 0; i < head_dim; ++i)
    sum += static_cast<double>(value_of(a[i])) * static_cast<double>(value_of(b[i]));
  return sum;
}

/// The largest error of scores over all heads, relative to the lengths of q and k. The queries are
/// the tokens [first, last) of `rotated`. The key of each is `tokens_back` tokens and `distance`
/// positions earlier. Before the rotation, all tokens of `rotated` and `unrotated` have the same q
/// and k.
template <class T>
double score_error(const layer_of<T>& unrotated, const layer_of<T>& rotated,
                   const yarn::frequencies& freqs, std::int64_t distance, std::size_t tokens_back,
                   std::size_t first, std::size_t last) {
  const double m = freqs.attention_factor();
  double worst = 0;
  for (std::size_t h = 0; h < n_q_heads; ++h) {
    const std::size_t q_offset = h * head_dim;
    const std::size_t k_offset =
        h / (n_q_heads / n_kv_heads) * head_dim; // several heads share a key
    const T* const q = unrotated.q() + q_offset;
    const T* const k = unrotated.k() + k_offset;
    const double exact = exact_score(q, k, freqs, distance);
    const double length = std::sqrt(dot(q, q) * dot(k, k)) * m * m;
    for (std::size_t t = first; t < last; ++t) {
      const double score = dot(rotated.q() + t * q_size + q_offset,
                               rotated.k() + (t - tokens_back) * k_size + k_offset);
      worst = worse(worst, std::fabs(score - exact) / length);
    }
  }
  return worst;
}

} // namespace quickstart

#endif

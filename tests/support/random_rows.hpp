// SPDX-License-Identifier: MIT
// Rows with random cosines and sines, and the result of the documented arithmetic with such rows.
#ifndef YARN_TESTS_SUPPORT_RANDOM_ROWS_HPP
#define YARN_TESTS_SUPPORT_RANDOM_ROWS_HPP

#include "bits.hpp"
#include "emulated_rotation.hpp"
#include "tensors.hpp"

#include <yarn/rows.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace support {

/// Packed rows with a different cosine and sine for each pair and token.
template <class C> class random_rows {
public:
  random_rows(std::size_t n_tokens, std::size_t n_pairs, std::uint64_t seed = 7)
      : n_tokens_(n_tokens), n_pairs_(n_pairs), entries_(2 * n_tokens * n_pairs) {
    random_source random(seed);
    for (std::size_t at = 0; at < n_tokens * n_pairs; ++at) {
      const double angle = random.number(0, 6.283185307179586), m = random.number(1, 1.5);
      C* const row = entries_.data() + at / n_pairs * 2 * n_pairs + at % n_pairs;
      row[0] = static_cast<C>(m * std::cos(angle));
      row[n_pairs] = static_cast<C>(m * std::sin(angle));
    }
  }
  yarn::rows_view<C> view() const {
    return yarn::rows_view<C>::packed(entries_.data(), n_tokens_, n_pairs_);
  }
  const C* cos(std::size_t token) const { return entries_.data() + token * 2 * n_pairs_; }
  const C* sin(std::size_t token) const { return cos(token) + n_pairs_; }
  std::size_t n_pairs() const { return n_pairs_; }

private:
  std::size_t n_tokens_;
  std::size_t n_pairs_;
  std::vector<C> entries_;
};

/// A tensor rotated by the documented arithmetic.
template <class T, class C>
tensor<T> emulated(tensor<T> x, const random_rows<C>& rows, yarn::pairing order) {
  for (std::size_t t = 0; t < x.layout.n_tokens; ++t) {
    for (std::size_t h = 0; h < x.layout.n_heads; ++h) {
      emulate_head(x.head(t, h), order, rows.cos(t), rows.sin(t), rows.n_pairs());
    }
  }
  return x;
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_RANDOM_ROWS_HPP

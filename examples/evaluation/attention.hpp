// SPDX-License-Identifier: MIT
// Causal attention of one head over one sequence, and its gradient. Queries are processed in
// blocks: the scores of a block need little memory, and no scores are computed for keys after the
// block.
#ifndef YARN_EXAMPLES_EVALUATION_ATTENTION_HPP
#define YARN_EXAMPLES_EVALUATION_ATTENTION_HPP

#include "tensors.hpp"

#include <algorithm>
#include <cmath>

namespace evaluation {

/// Buffers, so that their memory is reused.
template <class T> struct attention_scratch { matrix<T> shares, d_shares; };

inline constexpr Index attention_block = 64; ///< queries

/// out = softmax(scale q k^T) v, where query t sees the keys [0, past + t]. Writes ln of the sum of
/// exp(score) of each query to log_sum[t], which the gradient needs.
/// visit(query, shares) is called with the shares of attention of each query, after the softmax.
template <class T, class Visit>
void attend(detail::same<view<const T>> q, detail::same<view<const T>> k,
            detail::same<view<const T>> v, T scale, Index past, view<T> out, T* log_sum,
            attention_scratch<T>& scratch, const Visit& visit) {
  for (Index first = 0; first < q.rows; first += attention_block) {
    const Index n = std::min(attention_block, q.rows - first), n_keys = past + first + n;
    scratch.shares.resize(n, n_keys);
    multiply_by_transpose(q.part(first, 0, n, q.cols), k.top(n_keys), all(scratch.shares));
    for (Index i = 0; i < n; ++i) {
      const Index n_visible = past + first + i + 1;
      auto row = scratch.shares.row(i).array();
      auto visible = row.head(n_visible);
      const T largest = visible.maxCoeff();
      visible = ((visible - largest) * scale).exp();
      const T sum = visible.sum();
      visible /= sum;
      row.tail(n_keys - n_visible).setZero();
      log_sum[first + i] = largest * scale + std::log(sum);
      visit(first + i, visible);
    }
    multiply(all(scratch.shares), v.top(n_keys), out.part(first, 0, n, out.cols));
  }
}

/// The gradients of attend for past = 0. dq is assigned; dk and dv are added, because several heads
/// of q share them.
template <class T>
void attend_gradient(detail::same<view<const T>> q, detail::same<view<const T>> k,
                     detail::same<view<const T>> v, T scale, detail::same<view<const T>> out,
                     const T* log_sum, detail::same<view<const T>> d_out, view<T> dq, view<T> dk,
                     view<T> dv, attention_scratch<T>& scratch) {
  for (Index first = 0; first < q.rows; first += attention_block) {
    const Index n = std::min(attention_block, q.rows - first), n_keys = first + n;
    const auto q_block = q.part(first, 0, n, q.cols);
    const auto d_out_block = d_out.part(first, 0, n, d_out.cols);
    scratch.shares.resize(n, n_keys);
    scratch.d_shares.resize(n, n_keys);
    multiply_by_transpose(q_block, k.top(n_keys), all(scratch.shares));
    multiply_by_transpose(d_out_block, v.top(n_keys), all(scratch.d_shares));
    for (Index i = 0; i < n; ++i) {
      const Index n_visible = first + i + 1;
      auto shares = scratch.shares.row(i).array();
      auto d_scores = scratch.d_shares.row(i).array();
      shares.head(n_visible) = (shares.head(n_visible) * scale - log_sum[first + i]).exp();
      shares.tail(n_keys - n_visible).setZero();
      const T mean = d_out_block.map().row(i).cwiseProduct(out.map().row(first + i)).sum();
      d_scores = shares * (d_scores - mean) * scale;
    }
    const view<T> shares = all(scratch.shares), d_scores = all(scratch.d_shares);
    multiply_transpose(shares, d_out_block, dv.top(n_keys), update::add);
    multiply(d_scores, k.top(n_keys), dq.part(first, 0, n, dq.cols));
    multiply_transpose(d_scores, q_block, dk.top(n_keys), update::add);
  }
}

} // namespace evaluation

#endif

// SPDX-License-Identifier: MIT
// Causal attention: each token of a step attends to all keys of its sequence up to its own
// position.
#ifndef YARN_EXAMPLES_ENGINE_ATTENTION_HPP
#define YARN_EXAMPLES_ENGINE_ATTENTION_HPP

#include "model.hpp"

#include <cmath>

namespace engine {

/// out = softmax(scale K q) V for one head. Keys and values of a smaller type are converted to T
/// first.
template <class T, class Query, class Keys, class Values, class Out>
void attend(const Query& q, const Keys& keys, const Values& values, T scale, vector<T>& scores,
            Out&& out) {
  scores.noalias() = keys.template cast<T>() * q.transpose();
  scores *= scale;
  scores = (scores.array() - scores.maxCoeff()).exp();
  scores /= scores.sum();
  out.transpose().noalias() = values.template cast<T>().transpose() * scores;
}

/// Shape    q and out [token][n_heads * head_dim]. key_head(h) and value_head(h) return
///          [past + token][head_dim] of key head h. The first token of the step has the position
///          `past`.
template <class T, class Queries, class KeyHead, class ValueHead, class Out>
void attention(const model_config& config, T scale, const Queries& q, Eigen::Index past,
               const KeyHead& key_head, const ValueHead& value_head, Out&& out) {
  const Eigen::Index group = config.n_heads / config.n_kv_heads, dim = config.head_dim;
  vector<T> scores;
  for (Eigen::Index h = 0; h < config.n_heads; ++h) {
    const auto keys = key_head(h / group);
    const auto values = value_head(h / group);
    for (Eigen::Index t = 0; t < q.rows(); ++t) {
      const Eigen::Index n_visible = past + t + 1;
      attend<T>(q.row(t).segment(h * dim, dim), keys.topRows(n_visible), values.topRows(n_visible),
                scale, scores, out.row(t).segment(h * dim, dim));
    }
  }
}

} // namespace engine

#endif

// SPDX-License-Identifier: MIT
// The model run forward over some sequences of one length, and the gradient of its loss. yarn
// rotates q and k. The gradient of a rotation is the transposed rotation, which has the frequencies
// adjoint(f): it turns back, and has the same attention factor.
#ifndef YARN_EXAMPLES_EVALUATION_DECODER_HPP
#define YARN_EXAMPLES_EVALUATION_DECODER_HPP

#include "attention.hpp"
#include "layers.hpp"
#include "model.hpp"

#include <yarn/yarn.hpp>

#include <cstdint>
#include <functional>

namespace evaluation {

/// What an evaluation may observe or change while the model runs.
template <class T> struct observer {
  /// Called with the rotated keys of a layer, [token][n_kv_heads * head_dim]. May change them, as a
  /// cache does that stores them in a smaller format.
  std::function<void(Index layer, view<T> keys)> on_keys;
  /// Called with the shares of attention of a query, which sum to 1.
  std::function<void(Index layer, Index head, Index query,
                     const Eigen::Ref<const Eigen::Array<T, 1, Eigen::Dynamic>>& shares)>
      on_shares;
};

/// Keys and values of one sequence, for runs that continue it. Keys are rotated.
template <class T> struct key_cache {
  std::vector<matrix<T>> keys, values; ///< [layer]: [token][n_kv_heads * head_dim]
  Index n_tokens = 0;

  key_cache(const model_config& c, Index capacity)
      : keys(static_cast<std::size_t>(c.n_layers), matrix<T>(capacity, c.kv_size())), values(keys) {
  }
};

/// The buffers of a run over n_sequences sequences of `length` tokens. Not for several threads at a
/// time.
template <class T> class decoder {
public:
  /// with_gradient: keeps the numbers of all layers, as `add_gradient` needs them.
  decoder(const model_config& config, Index n_sequences, Index length, bool with_gradient = false)
      : config_(config), n_sequences_(n_sequences), length_(length), with_gradient_(with_gradient),
        scale_(static_cast<T>(1 / std::sqrt(static_cast<double>(config.head_dim)))),
        layers_(static_cast<std::size_t>(with_gradient ? config.n_layers : 1)) {
    if (n_sequences < 1 || length < 1)
      complain("a run needs sequences and tokens");
  }

  /// Sets the rotation of the following runs: token t of each sequence has the position first + t.
  void rotate_by(const yarn::frequencies& f, Index first = 0) {
    rows_.clear();
    adjoint_rows_.clear();
    for (Index i = 0; i < n_sequences_; ++i) {
      rows_.append(f, yarn::positions_from(first, length_));
      if (with_gradient_)
        adjoint_rows_.append(yarn::adjoint(f), yarn::positions_from(first, length_));
    }
  }
  /// The same with frequencies by position, as if each token were rotated when it came, with the
  /// frequencies of that time, and never again. Only without a gradient.
  void rotate_each_by(const std::function<yarn::frequencies(Index position)>& frequencies_at) {
    if (with_gradient_)
      complain("rotate_each_by is for runs without a gradient");
    rows_.clear();
    for (Index i = 0; i < n_sequences_; ++i)
      for (Index t = 0; t < length_; ++t)
        rows_.append(frequencies_at(t), yarn::positions_from(t, 1));
  }
  void observe(const observer<T>& o) { observer_ = o; }
  /// Each following run continues the sequence of a cache and adds its tokens to the cache. Only
  /// for one sequence, without a gradient.
  void continue_from(key_cache<T>& cache) {
    if (with_gradient_ || n_sequences_ != 1)
      complain("continue_from is for runs over one sequence without a gradient");
    cache_ = &cache;
  }

  Index n_tokens() const { return n_sequences_ * length_; }
  /// The loss of each token of the last run, in nats.
  const vector<T>& nats() const { return nats_; }
  /// The most probable token after each token of the last run.
  const std::vector<std::uint8_t>& best() const { return best_; }

  /// Shape    tokens and targets [n_sequences][length].
  void run(const model<T>& m, const std::uint8_t* tokens, const std::uint8_t* targets) {
    if (rows_.n_rows() != n_tokens())
      complain("a run needs a rotation");
    if (cache_ != nullptr && cache_->n_tokens + length_ > cache_->keys.front().rows())
      complain("the cache has no room for the tokens of the run");
    const auto embedding = m.values[m.tensors.embedding].map();
    x_.resize(n_tokens(), config_.hidden_size);
    for (Index t = 0; t < n_tokens(); ++t)
      x_.row(t) = embedding.row(tokens[t]);
    for (Index l = 0; l < config_.n_layers; ++l)
      run_layer(m, l);
    if (cache_ != nullptr)
      cache_->n_tokens += length_;
    resize(normed_, config_.hidden_size);
    inv_rms_.resize(n_tokens());
    rms_norm(m.values[m.tensors.final_norm], all(x_), all(normed_), inv_rms_);
    resize(probabilities_, vocab_size);
    multiply_by_transpose(all(normed_), m.values[m.tensors.head], all(probabilities_));
    softmax_loss(probabilities_, targets, nats_, best_);
  }

  /// Adds the gradient of the sum of weight[t] * nats()[t]. Call `run` with the same model, tokens
  /// and targets before.
  void add_gradient(const model<T>& m, const std::uint8_t* tokens, const std::uint8_t* targets,
                    const vector<T>& weight, weights<T>& gradient) {
    if (!with_gradient_)
      complain("this decoder keeps no layers for a gradient");
    softmax_loss_gradient(probabilities_, targets, weight);
    const view<T> d_logits = all(probabilities_);
    multiply_transpose(d_logits, all(normed_), gradient[m.tensors.head], update::add);
    multiply(d_logits, m.values[m.tensors.head], all(normed_));
    dx_.resize(n_tokens(), config_.hidden_size);
    rms_norm_gradient(m.values[m.tensors.final_norm], all(x_), inv_rms_, all(normed_), all(dx_),
                      gradient[m.tensors.final_norm], update::assign);
    for (Index l = config_.n_layers; l-- > 0;)
      add_layer_gradient(m, l, gradient);
    auto embedding = gradient[m.tensors.embedding].map();
    for (Index t = 0; t < n_tokens(); ++t)
      embedding.row(tokens[t]) += dx_.row(t);
  }

private:
  /// What a layer computed.
  struct layer_state {
    matrix<T> x, normed, qkv, before_norm, attended, x_mlp, normed_mlp, gate_up, activated;
    vector<T> inv_rms, inv_rms_mlp, inv_rms_q, inv_rms_k;
    matrix<T> log_sum; ///< [head][token]
  };

  void resize(matrix<T>& m, Index cols) const { m.resize(n_tokens(), cols); }
  layer_state& state(Index l) { return layers_[with_gradient_ ? static_cast<std::size_t>(l) : 0]; }

  yarn::heads_view<T> heads(matrix<T>& qkv, Index column, Index n_heads) const {
    return yarn::heads_view<T>{qkv.data() + column, qkv.rows(), n_heads, config_.head_dim}
        .with_strides(qkv.cols(), config_.head_dim);
  }
  void rotate(matrix<T>& qkv, const yarn::rotary_rows<T>& rows) const {
    yarn::rope_apply(heads(qkv, 0, config_.n_heads),
                     heads(qkv, config_.q_size(), config_.n_kv_heads), rows, config_.pairing);
  }

  void run_layer(const model<T>& m, Index l) {
    const layer_tensors& w = m.tensors.layers[static_cast<std::size_t>(l)];
    layer_state& s = state(l);
    s.x = x_;
    resize(s.normed, config_.hidden_size);
    s.inv_rms.resize(n_tokens());
    rms_norm(m.values[w.attention_norm], all(s.x), all(s.normed), s.inv_rms);
    resize(s.qkv, config_.qkv_size());
    multiply_by_transpose(all(s.normed), m.values[w.qkv], all(s.qkv));
    if (config_.qk_norm)
      norm_heads(m, w, s);
    rotate(s.qkv, rows_);
    if (observer_.on_keys)
      observer_.on_keys(l, all(s.qkv).part(0, config_.q_size(), n_tokens(), config_.kv_size()));
    run_attention(l, s);
    multiply_by_transpose(all(s.attended), m.values[w.output], all(x_), update::add);

    s.x_mlp = x_;
    resize(s.normed_mlp, config_.hidden_size);
    s.inv_rms_mlp.resize(n_tokens());
    rms_norm(m.values[w.mlp_norm], all(s.x_mlp), all(s.normed_mlp), s.inv_rms_mlp);
    resize(s.gate_up, 2 * config_.intermediate_size);
    multiply_by_transpose(all(s.normed_mlp), m.values[w.gate_up], all(s.gate_up));
    swiglu(s.gate_up, s.activated);
    multiply_by_transpose(all(s.activated), m.values[w.down], all(x_), update::add);
  }

  void norm_heads(const model<T>& m, const layer_tensors& w, layer_state& s) const {
    s.before_norm = s.qkv.leftCols(config_.q_size() + config_.kv_size());
    s.inv_rms_q.resize(n_tokens() * config_.n_heads);
    s.inv_rms_k.resize(n_tokens() * config_.n_kv_heads);
    for_each_head([&](Index column, Index head, bool is_key) {
      const view<T> x = all(s.qkv).part(0, column, n_tokens(), config_.head_dim);
      rms_norm(m.values[is_key ? w.k_norm : w.q_norm], x, x, is_key ? s.inv_rms_k : s.inv_rms_q,
               head * n_tokens());
    });
  }
  /// Calls visit(first column, head, is_key) for the heads of q, then of k.
  template <class Visit> void for_each_head(const Visit& visit) const {
    for (Index h = 0; h < config_.n_heads; ++h)
      visit(h * config_.head_dim, h, false);
    for (Index h = 0; h < config_.n_kv_heads; ++h)
      visit(config_.q_size() + h * config_.head_dim, h, true);
  }

  /// q, k and v of a head of q in one sequence, and the same part of a matrix [token][q_size].
  struct head_views {
    view<T> q, k, v;
  };
  head_views views_of(matrix<T>& qkv, Index sequence, Index head) const {
    const Index dim = config_.head_dim, kv = head / (config_.n_heads / config_.n_kv_heads);
    const auto part = [&](Index column) {
      return all(qkv).part(sequence * length_, column, length_, dim);
    };
    return {part(head * dim), part(config_.q_size() + kv * dim),
            part(config_.q_size() + config_.kv_size() + kv * dim)};
  }
  view<T> part_of(matrix<T>& attended, Index sequence, Index head) const {
    return all(attended).part(sequence * length_, head * config_.head_dim, length_,
                              config_.head_dim);
  }

  /// Stores k and v of the run in the cache. Returns those of all tokens of the sequence.
  head_views with_cache(Index l, Index head, const head_views& x) {
    const Index past = cache_->n_tokens, dim = config_.head_dim;
    const Index column = head / (config_.n_heads / config_.n_kv_heads) * dim;
    const auto store = [&](matrix<T>& cached, const view<T>& added) {
      const view<T> column_of_head = all(cached).part(0, column, past + length_, dim);
      column_of_head.part(past, 0, length_, dim).map() = added.map();
      return column_of_head;
    };
    const auto layer = static_cast<std::size_t>(l);
    return {x.q, store(cache_->keys[layer], x.k), store(cache_->values[layer], x.v)};
  }

  void run_attention(Index l, layer_state& s) {
    resize(s.attended, config_.q_size());
    s.log_sum.resize(config_.n_heads, n_tokens());
    for (Index sequence = 0; sequence < n_sequences_; ++sequence)
      for (Index head = 0; head < config_.n_heads; ++head) {
        head_views x = views_of(s.qkv, sequence, head);
        if (cache_ != nullptr)
          x = with_cache(l, head, x);
        attend(x.q, x.k, x.v, scale_, x.k.rows - length_, part_of(s.attended, sequence, head),
               &s.log_sum(head, sequence * length_), scratch_, [&](Index query, const auto& row) {
                 if (observer_.on_shares)
                   observer_.on_shares(l, head, query, row);
               });
      }
  }

  // When the call starts, dx_ is the gradient of the layer's output. When it ends, dx_ is the
  // gradient of the layer's input.
  void add_layer_gradient(const model<T>& m, Index l, weights<T>& gradient) {
    const layer_tensors& w = m.tensors.layers[static_cast<std::size_t>(l)];
    layer_state& s = state(l);
    resize(d_inner_, config_.intermediate_size);
    multiply_transpose(all(dx_), all(s.activated), gradient[w.down], update::add);
    multiply(all(dx_), m.values[w.down], all(d_inner_));
    swiglu_gradient(s.gate_up, d_inner_); // s.gate_up is its gradient from here on
    multiply_transpose(all(s.gate_up), all(s.normed_mlp), gradient[w.gate_up], update::add);
    resize(d_normed_, config_.hidden_size);
    multiply(all(s.gate_up), m.values[w.gate_up], all(d_normed_));
    rms_norm_gradient(m.values[w.mlp_norm], all(s.x_mlp), s.inv_rms_mlp, all(d_normed_), all(dx_),
                      gradient[w.mlp_norm], update::add);

    resize(d_inner_, config_.q_size());
    multiply_transpose(all(dx_), all(s.attended), gradient[w.output], update::add);
    multiply(all(dx_), m.values[w.output], all(d_inner_));
    add_attention_gradient(s);
    rotate(d_qkv_, adjoint_rows_);
    if (config_.qk_norm)
      norm_heads_gradient(m, w, s, gradient);
    multiply_transpose(all(d_qkv_), all(s.normed), gradient[w.qkv], update::add);
    multiply(all(d_qkv_), m.values[w.qkv], all(d_normed_));
    rms_norm_gradient(m.values[w.attention_norm], all(s.x), s.inv_rms, all(d_normed_), all(dx_),
                      gradient[w.attention_norm], update::add);
  }

  void add_attention_gradient(layer_state& s) {
    resize(d_qkv_, config_.qkv_size());
    d_qkv_.setZero();
    for (Index sequence = 0; sequence < n_sequences_; ++sequence)
      for (Index head = 0; head < config_.n_heads; ++head) {
        const head_views x = views_of(s.qkv, sequence, head);
        const head_views d = views_of(d_qkv_, sequence, head);
        attend_gradient(x.q, x.k, x.v, scale_, part_of(s.attended, sequence, head),
                        &s.log_sum(head, sequence * length_), part_of(d_inner_, sequence, head),
                        d.q, d.k, d.v, scratch_);
      }
  }

  void norm_heads_gradient(const model<T>& m, const layer_tensors& w, layer_state& s,
                           weights<T>& gradient) {
    for_each_head([&](Index column, Index head, bool is_key) {
      const tensor& norm = is_key ? w.k_norm : w.q_norm;
      const view<T> d = all(d_qkv_).part(0, column, n_tokens(), config_.head_dim);
      rms_norm_gradient(m.values[norm],
                        all(s.before_norm).part(0, column, n_tokens(), config_.head_dim),
                        is_key ? s.inv_rms_k : s.inv_rms_q, d, d, gradient[norm], update::assign,
                        head * n_tokens());
    });
  }

  model_config config_;
  Index n_sequences_;
  Index length_;
  bool with_gradient_;
  T scale_; // q and k contain the attention factor
  yarn::rotary_rows<T> rows_, adjoint_rows_;
  observer<T> observer_;
  key_cache<T>* cache_ = nullptr;
  std::vector<layer_state> layers_;
  attention_scratch<T> scratch_;
  matrix<T> x_, normed_, probabilities_, dx_, d_normed_, d_inner_, d_qkv_;
  vector<T> inv_rms_, nats_;
  std::vector<std::uint8_t> best_;
};

} // namespace evaluation

#endif

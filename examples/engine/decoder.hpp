// SPDX-License-Identifier: MIT
// The engine. A step passes the new tokens of some sequences through all layers, for example the
// prompt of one sequence and a single token of another. The engine calls yarn at these points:
//
//     once per model         frequencies of a static method              frequencies.hpp
//     once per step          frequencies of each sequence, if dynamic    begin_step
//                            rerotation of the cached keys, if dynamic   kv_cache.hpp, begin_step
//                            rows of all new tokens                      prepare
//     once per layer         rope_apply on q, and on k if the cache      rotate_and_store
//                            has rotated keys of type T
//                            rope_copy of k into a cache of rotated      rotate_and_store
//                            keys of another type
//                            rope_copy of unrotated keys into a          kv_cache.hpp,
//                            scratch buffer                              rotate_to_scratch
//     when tokens are        rotation of the cached keys that move       kv_cache.hpp, drop
//     dropped
#ifndef YARN_EXAMPLES_ENGINE_DECODER_HPP
#define YARN_EXAMPLES_ENGINE_DECODER_HPP

#include "attention.hpp"
#include "kv_cache.hpp"
#include "layers.hpp"

#include <chrono>
#include <stdexcept>
#include <string>

namespace engine {

/// Counters and times of a decoder.
struct account {
  std::int64_t n_tokens = 0;
  std::int64_t n_frequency_changes = 0; ///< over all sequences
  std::int64_t n_keys_rerotated = 0;    ///< tokens; a token counts once for all layers
  double seconds = 0;
  double rope_seconds = 0; ///< the share of `seconds` that yarn takes
};

/// Adds the time between its construction and its destruction to a counter.
class stopwatch {
public:
  explicit stopwatch(double& seconds) : seconds_(seconds) {}
  stopwatch(const stopwatch&) = delete;
  stopwatch& operator=(const stopwatch&) = delete;
  ~stopwatch() {
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

private:
  double& seconds_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// T is float or double. Cached is T or a 16-bit type of Eigen. The model must outlive the decoder.
template <class T, class Cached = T> class decoder {
public:
  using cache = kv_cache<T, Cached>;

  /// The new tokens of one sequence.
  struct input {
    std::size_t sequence;
    std::vector<int> tokens;
  };

  explicit decoder(const model<T>& m, key_storage storage = key_storage::rotated)
      : model_(&m), rope_(m.config.rope(), m.config.rope_scaling),
        softmax_scale_(static_cast<T>(yarn::softmax_scale(
            m.config.head_dim, m.config.rope_scaling, yarn::softmax_convention::inverse_sqrt, 0))),
        storage_(storage) {}

  /// Starts a sequence and returns its number.
  std::size_t add_sequence(const length_policy& policy = {}) {
    sequences_.push_back({cache(model_->config, storage_, rope_.at_start()), policy});
    return sequences_.size() - 1;
  }

  /// Runs a step. Returns the logits [input][vocabulary] of the last token of each input.
  const matrix<T>& step(const std::vector<input>& batch) {
    const stopwatch time(account_.seconds);
    prepare(batch);
    for (std::size_t l = 0; l < model_->layers.size(); ++l) {
      const layer_weights<T>& w = model_->layers[l];
      rms_norm(w.attention_norm, x_, normed_);
      project(w.qkv, normed_, qkv_);
      rotate_and_store(l);
      attend_to_caches(l);
      project(w.output, attended_, normed_);
      x_ += normed_;
      rms_norm(w.mlp_norm, x_, normed_);
      project(w.gate_up, normed_, gate_up_);
      swiglu(gate_up_, activated_);
      project(w.down, activated_, normed_);
      x_ += normed_;
    }
    return compute_logits();
  }

  /// Drops n tokens of a sequence, from `first` on. Later tokens move to the positions that become
  /// free. Keys and values of later tokens in deeper layers still depend on the dropped tokens.
  void drop(std::size_t sequence, Eigen::Index first, Eigen::Index n) {
    const stopwatch time(account_.seconds), in_rope(account_.rope_seconds);
    cache& c = sequences_.at(sequence).keys_and_values;
    if (first < 0 || n < 0 || first + n > c.n_tokens())
      throw std::invalid_argument("engine: tokens to drop must be among the " +
                                  std::to_string(c.n_tokens()) + " of the sequence");
    c.drop(first, n);
  }

  const cache& cache_of(std::size_t sequence) const {
    return sequences_.at(sequence).keys_and_values;
  }
  const account& so_far() const { return account_; }

private:
  struct sequence_state {
    cache keys_and_values;
    length_policy policy;
  };
  /// Where the tokens of an input are in the buffers of the step.
  struct token_range {
    sequence_state* sequence;
    Eigen::Index first;
    Eigen::Index n;
    Eigen::Index past; ///< position of the first token
  };

  // Prepares everything that does not depend on the layer: embeddings, room in the caches, rows.
  void prepare(const std::vector<input>& batch) {
    check(batch);
    ranges_.clear();
    rows_.clear();
    Eigen::Index n_tokens = 0;
    for (const input& in : batch) {
      sequence_state& s = sequences_[in.sequence];
      const auto n = static_cast<Eigen::Index>(in.tokens.size());
      const Eigen::Index past = s.keys_and_values.n_tokens();
      begin_step(s, n);
      {
        // Each sequence has its own positions and, with a dynamic method, its own frequencies.
        const stopwatch in_rope(account_.rope_seconds);
        rows_.append(s.keys_and_values.frequencies(), yarn::positions_from(past, n));
      }
      ranges_.push_back({&s, n_tokens, n, past});
      n_tokens += n;
    }
    x_.resize(n_tokens, model_->config.hidden_size);
    Eigen::Index t = 0;
    for (const input& in : batch)
      for (const int token : in.tokens)
        x_.row(t++) = model_->embedding.row(token);
    account_.n_tokens += n_tokens;
  }

  void begin_step(sequence_state& s, Eigen::Index n) {
    const stopwatch in_rope(account_.rope_seconds);
    cache& c = s.keys_and_values;
    if (!rope_.is_dynamic()) {
      c.begin_step(n, rope_.at_start());
      return;
    }
    // The length includes the new tokens. Therefore the queries of a chunk and all keys that they
    // attend to, old or new, have the same frequencies.
    const yarn::frequencies wanted = rope_.at(s.policy(c.n_tokens() + n));
    account_.n_frequency_changes += same_rotation(c.frequencies(), wanted) ? 0 : 1;
    account_.n_keys_rerotated += c.begin_step(n, wanted);
  }

  void rotate_and_store(std::size_t l) {
    const model_config& sizes = model_->config;
    const Eigen::Index q_size = sizes.q_size(), kv_size = sizes.kv_size();
    const auto view_of = [&](Eigen::Index column, Eigen::Index n_heads, Eigen::Index first,
                             Eigen::Index n) {
      return yarn::heads_view{&qkv_(first, column), n, n_heads, sizes.head_dim}.with_strides(
          qkv_.cols(), sizes.head_dim);
    };
    const auto q = view_of(0, sizes.n_heads, 0, qkv_.rows());
    const auto k = view_of(q_size, sizes.n_kv_heads, 0, qkv_.rows());
    const bool keys_in_place = storage_ == key_storage::rotated && std::is_same_v<T, Cached>;
    {
      const stopwatch in_rope(account_.rope_seconds);
      if (keys_in_place)
        yarn::rope_apply(q, k, rows_, rope_pairing);
      else
        yarn::rope_apply(q, rows_, rope_pairing);
    }
    for (const token_range& r : ranges_) {
      cache& c = r.sequence->keys_and_values;
      c.store_values(l, r.past, qkv_.block(r.first, q_size + kv_size, r.n, kv_size));
      if (keys_in_place || storage_ == key_storage::unrotated) {
        c.store_keys(l, r.past, qkv_.block(r.first, q_size, r.n, kv_size));
      } else {
        // The cache has another element type: keys are rotated in float, and rounded once when
        // they are stored.
        const stopwatch in_rope(account_.rope_seconds);
        yarn::rope_copy(view_of(q_size, sizes.n_kv_heads, r.first, r.n), c.keys(l, r.past, r.n),
                        rows_of(r), rope_pairing);
      }
    }
  }

  /// The rows of the tokens of one sequence.
  yarn::rows_view<row_type<T>> rows_of(const token_range& r) const {
    return {rows_.cos(r.first), rows_.sin(r.first), r.n, rows_.n_pairs(),
            rows_.view().row_stride()};
  }

  void attend_to_caches(std::size_t l) {
    const model_config& sizes = model_->config;
    attended_.resize(qkv_.rows(), sizes.q_size());
    for (const token_range& r : ranges_) {
      cache& c = r.sequence->keys_and_values;
      const auto q = qkv_.block(r.first, 0, r.n, sizes.q_size());
      auto out = attended_.middleRows(r.first, r.n);
      const auto values = [&](Eigen::Index head) { return c.value_head(l, head); };
      if (storage_ == key_storage::rotated) {
        const auto keys = [&](Eigen::Index head) { return c.key_head(l, head); };
        attention<T>(sizes, softmax_scale_, q, r.past, keys, values, out);
      } else {
        {
          const stopwatch in_rope(account_.rope_seconds);
          c.rotate_to_scratch(l);
        }
        const auto keys = [&](Eigen::Index head) { return c.scratch_key_head(head); };
        attention<T>(sizes, softmax_scale_, q, r.past, keys, values, out);
      }
    }
  }

  const matrix<T>& compute_logits() {
    last_.resize(static_cast<Eigen::Index>(ranges_.size()), x_.cols());
    for (std::size_t i = 0; i < ranges_.size(); ++i)
      last_.row(static_cast<Eigen::Index>(i)) = x_.row(ranges_[i].first + ranges_[i].n - 1);
    rms_norm(model_->final_norm, last_, normed_);
    project(model_->embedding, normed_, logits_);
    return logits_;
  }

  void check(const std::vector<input>& batch) const {
    const auto complain = [](const std::string& what) {
      throw std::invalid_argument("engine: " + what);
    };
    if (batch.empty())
      complain("a step needs an input");
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const std::string name = "sequence " + std::to_string(batch[i].sequence);
      if (batch[i].sequence >= sequences_.size())
        complain(name + " does not exist");
      if (batch[i].tokens.empty())
        complain(name + " has no tokens");
      for (std::size_t j = 0; j < i; ++j)
        if (batch[j].sequence == batch[i].sequence)
          complain(name + " is twice in one step");
      for (const int token : batch[i].tokens)
        if (token < 0 || token >= model_->config.vocab_size)
          complain("token " + std::to_string(token) + " of " + name + " is not in the vocabulary");
    }
  }

  const model<T>* model_;
  rope_frequencies rope_;
  // q and k contain the attention factor, so the scale is 1/sqrt(head_dim). (DeepSeek needs another
  // scale, which yarn::softmax_scale can also compute.)
  T softmax_scale_;
  key_storage storage_;
  std::vector<sequence_state> sequences_;
  account account_;
  // Buffers of the step. They are members so that their memory is reused.
  std::vector<token_range> ranges_;
  rope_rows<T> rows_;
  matrix<T> x_, normed_, qkv_, attended_, gate_up_, activated_, last_, logits_;
};

/// The token with the largest logit. If several are equal, the first of them.
template <class Row> int greedy(const Row& logits) {
  Eigen::Index token = 0;
  logits.maxCoeff(&token);
  return static_cast<int>(token);
}

} // namespace engine

#endif

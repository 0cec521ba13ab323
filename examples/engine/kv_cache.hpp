// SPDX-License-Identifier: MIT
// Keys and values of one sequence, and what happens to cached keys when the frequencies change or
// old tokens go. The key at index i always stands at position i.
//
//     rotated    as attention needs them. They are touched when a dynamic method changes its
//                frequencies (rerotation) and when tokens are dropped (unscaled).
//     unrotated  as the projection made them, rotated into a scratch buffer at every step: dearer,
//                and nothing ever happens to the cache, hence to its precision.
#ifndef YARN_EXAMPLES_ENGINE_KV_CACHE_HPP
#define YARN_EXAMPLES_ENGINE_KV_CACHE_HPP

#include "frequencies.hpp"
#include "model.hpp"

#include <type_traits>

namespace engine {

enum class key_storage { rotated, unrotated };

/// Rows for elements of type T: double for double, float for all that is computed in float.
template <class T> using row_type = std::conditional_t<std::is_same_v<T, double>, double, float>;
template <class T> using rope_rows = yarn::rotary_rows<row_type<T>>;

/// T is what the model computes in, Cached what is stored.
template <class T, class Cached> class kv_cache {
public:
  template <class Element>
  using rows_of_heads = Eigen::Map<const matrix<Element>, 0, Eigen::OuterStride<>>;

  kv_cache(const model_config& config, key_storage storage, const yarn::frequencies& at_start)
      : n_heads_(config.n_kv_heads), head_dim_(config.head_dim), storage_(storage), now_(at_start),
        layers_(static_cast<std::size_t>(config.n_layers)) {}

  Eigen::Index n_tokens() const { return n_tokens_; }
  key_storage storage() const { return storage_; }
  /// What the cached keys are rotated with, or will be for attention.
  const yarn::frequencies& now() const { return now_; }

  /// Makes room for n tokens behind those held, whose keys must be as `now` would have rotated
  /// them. Returns how many keys had to be turned for that, in each layer.
  Eigen::Index begin_step(Eigen::Index n, const yarn::frequencies& now) {
    const bool changed = !same_rotation(now_, now);
    Eigen::Index n_turned = 0;
    if (storage_ == key_storage::rotated) {
      if (changed && n_tokens_ > 0) {
        // From what they were rotated with, whenever that was: now_ goes with the keys.
        rows_.assign(yarn::rerotation(now_, now), yarn::positions_from(0, n_tokens_));
        turn(0, n_tokens_);
        n_turned = n_tokens_;
      }
    } else if (changed) {
      rows_.assign(now, yarn::positions_from(0, n_tokens_ + n));
    } else {
      rows_.append(now, yarn::positions_from(rows_.n_rows(), n_tokens_ + n - rows_.n_rows()));
    }
    now_ = now;
    n_tokens_ += n;
    for (layer_cache& l : layers_) {
      l.keys.resize(size_of(n_tokens_));
      l.values.resize(size_of(n_tokens_));
    }
    return n_turned;
  }

  /// Forgets n tokens from `first` on; those behind them move up.
  void drop(Eigen::Index first, Eigen::Index n) {
    const Eigen::Index n_moved = n_tokens_ - first - n;
    for (layer_cache& l : layers_) {
      erase(l.keys, first, n);
      erase(l.values, first, n);
    }
    n_tokens_ -= n;
    if (storage_ == key_storage::rotated && n_moved > 0) {
      // Positions are distances here. The keys have their attention factor already: unscaled.
      const std::vector<std::int64_t> moved_by(static_cast<std::size_t>(n_moved), -n);
      rows_.assign(yarn::unscaled(now_), yarn::positions(moved_by));
      turn(first, n_moved);
    } else if (storage_ == key_storage::unrotated) {
      rows_.assign(now_, yarn::positions_from(0, n_tokens_));
    }
  }

  /// The keys of n tokens in one layer, for yarn.
  yarn::heads_view<Cached> keys(std::size_t layer, Eigen::Index first, Eigen::Index n) {
    return {layers_[layer].keys.data() + first * n_heads_ * head_dim_, n, n_heads_, head_dim_};
  }

  /// Puts tokens of the step into the room that begin_step made: keys as they are, or values.
  template <class Rows> void store_keys(std::size_t layer, Eigen::Index first, const Rows& rows) {
    store(layers_[layer].keys, first, rows);
  }
  template <class Rows> void store_values(std::size_t layer, Eigen::Index first, const Rows& rows) {
    store(layers_[layer].values, first, rows);
  }

  /// Rotates all keys of a layer into the scratch buffer, which attention reads then. Wider there:
  /// a key of 16 bits is rounded once, when it is stored, and never again.
  void rotate_to_scratch(std::size_t layer) {
    scratch_.resize(size_of(n_tokens_));
    yarn::rope_copy(keys(layer, 0, n_tokens_),
                    yarn::heads_view{scratch_.data(), n_tokens_, n_heads_, head_dim_}, rows_,
                    rope_pairing);
  }

  /// One head of what attention reads: [token][head_dim].
  rows_of_heads<Cached> key_head(std::size_t layer, Eigen::Index head) const {
    return head_of(layers_[layer].keys, head);
  }
  rows_of_heads<T> scratch_key_head(Eigen::Index head) const { return head_of(scratch_, head); }
  rows_of_heads<Cached> value_head(std::size_t layer, Eigen::Index head) const {
    return head_of(layers_[layer].values, head);
  }

private:
  struct layer_cache {
    std::vector<Cached> keys;   ///< [token][head][dim]
    std::vector<Cached> values; ///< the same
  };

  std::size_t size_of(Eigen::Index n_tokens) const {
    return static_cast<std::size_t>(n_tokens * n_heads_ * head_dim_);
  }

  // Rows are made once, whatever the number of layers.
  void turn(Eigen::Index first, Eigen::Index n) {
    for (std::size_t l = 0; l < layers_.size(); ++l)
      yarn::rope_apply(keys(l, first, n), rows_, rope_pairing);
  }

  void erase(std::vector<Cached>& list, Eigen::Index first, Eigen::Index n) const {
    const auto from = list.begin() + first * n_heads_ * head_dim_;
    list.erase(from, from + n * n_heads_ * head_dim_);
  }

  template <class Rows>
  void store(std::vector<Cached>& list, Eigen::Index first, const Rows& rows) const {
    const Eigen::Index width = n_heads_ * head_dim_;
    Eigen::Map<matrix<Cached>>(list.data() + first * width, rows.rows(), width) =
        rows.template cast<Cached>();
  }

  template <class Element>
  rows_of_heads<Element> head_of(const std::vector<Element>& list, Eigen::Index head) const {
    return {list.data() + head * head_dim_, n_tokens_, head_dim_,
            Eigen::OuterStride<>(n_heads_ * head_dim_)};
  }

  Eigen::Index n_heads_;
  Eigen::Index head_dim_;
  key_storage storage_;
  yarn::frequencies now_;
  std::vector<layer_cache> layers_;
  Eigen::Index n_tokens_ = 0;
  rope_rows<T> rows_;
  std::vector<T> scratch_;
};

} // namespace engine

#endif

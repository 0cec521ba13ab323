// SPDX-License-Identifier: MIT
// The keys and values of one sequence. The key at index i always has position i. The rotation of
// cached keys changes when the frequencies change and when old tokens are dropped. There are two
// kinds of caches:
//
//     rotated    Keys are stored as attention needs them. All keys are rotated once more when a
//                dynamic method changes its frequencies (yarn::rerotation). When tokens are
//                dropped, the keys that move are rotated once more (yarn::unscaled).
//     unrotated  Keys are stored as the projection made them, and rotated into a scratch buffer in
//                every step. Each step takes longer, but stored keys neither change nor lose
//                precision.
#ifndef YARN_EXAMPLES_ENGINE_KV_CACHE_HPP
#define YARN_EXAMPLES_ENGINE_KV_CACHE_HPP

#include "frequencies.hpp"
#include "model.hpp"

#include <type_traits>

namespace engine {

enum class key_storage { rotated, unrotated };

/// Rows for elements of type T: double for double, float for all types that are computed in float.
template <class T> using row_type = std::conditional_t<std::is_same_v<T, double>, double, float>;
template <class T> using rope_rows = yarn::rotary_rows<row_type<T>>;

/// T is the type of the computation, Cached is the type of the stored keys and values.
template <class T, class Cached> class kv_cache {
public:
  template <class Element>
  using head_matrix = Eigen::Map<const matrix<Element>, 0, Eigen::OuterStride<>>;

  kv_cache(const model_config& config, key_storage storage, const yarn::frequencies& at_start)
      : n_heads_(config.n_kv_heads), head_dim_(config.head_dim), storage_(storage),
        frequencies_(at_start), layers_(static_cast<std::size_t>(config.n_layers)) {}

  Eigen::Index n_tokens() const { return n_tokens_; }
  key_storage storage() const { return storage_; }
  /// The frequencies by which the cached keys are rotated. Unrotated keys are rotated by these
  /// frequencies before attention reads them.
  const yarn::frequencies& frequencies() const { return frequencies_; }

  /// Makes room for n new tokens, and rotates the cached keys to the frequencies `wanted`. Returns
  /// the number of keys per layer that were rotated once more.
  Eigen::Index begin_step(Eigen::Index n, const yarn::frequencies& wanted) {
    const bool changed = !same_rotation(frequencies_, wanted);
    Eigen::Index n_rerotated = 0;
    if (storage_ == key_storage::rotated) {
      if (changed && n_tokens_ > 0) {
        rows_.assign(yarn::rerotation(frequencies_, wanted), yarn::positions_from(0, n_tokens_));
        rotate_again(0, n_tokens_);
        n_rerotated = n_tokens_;
      }
    } else if (changed) {
      rows_.assign(wanted, yarn::positions_from(0, n_tokens_ + n));
    } else {
      rows_.append(wanted, yarn::positions_from(rows_.n_rows(), n_tokens_ + n - rows_.n_rows()));
    }
    frequencies_ = wanted;
    n_tokens_ += n;
    for (layer_cache& l : layers_) {
      l.keys.resize(size_of(n_tokens_));
      l.values.resize(size_of(n_tokens_));
    }
    return n_rerotated;
  }

  /// Drops n tokens from `first` on. Later tokens move to the positions that become free.
  void drop(Eigen::Index first, Eigen::Index n) {
    const Eigen::Index n_moved = n_tokens_ - first - n;
    for (layer_cache& l : layers_) {
      erase(l.keys, first, n);
      erase(l.values, first, n);
    }
    n_tokens_ -= n;
    if (storage_ == key_storage::rotated && n_moved > 0) {
      // The positions of this call are the distances by which the keys move. The frequencies are
      // unscaled, because the keys contain the attention factor already.
      const std::vector<std::int64_t> moved_by(static_cast<std::size_t>(n_moved), -n);
      rows_.assign(yarn::unscaled(frequencies_), yarn::positions(moved_by));
      rotate_again(first, n_moved);
    } else if (storage_ == key_storage::unrotated) {
      rows_.assign(frequencies_, yarn::positions_from(0, n_tokens_));
    }
  }

  /// The keys of n tokens in one layer, as a view.
  yarn::heads_view<Cached> keys(std::size_t layer, Eigen::Index first, Eigen::Index n) {
    return {layers_[layer].keys.data() + first * n_heads_ * head_dim_, n, n_heads_, head_dim_};
  }

  /// Stores keys or values of the step in the room that begin_step has made.
  template <class Rows> void store_keys(std::size_t layer, Eigen::Index first, const Rows& rows) {
    store(layers_[layer].keys, first, rows);
  }
  template <class Rows> void store_values(std::size_t layer, Eigen::Index first, const Rows& rows) {
    store(layers_[layer].values, first, rows);
  }

  /// Rotates all keys of a layer into the scratch buffer, which attention reads. The buffer has the
  /// type of the computation, so a 16-bit key is rounded only once, when it is stored.
  void rotate_to_scratch(std::size_t layer) {
    scratch_.resize(size_of(n_tokens_));
    yarn::rope_copy(keys(layer, 0, n_tokens_),
                    yarn::heads_view{scratch_.data(), n_tokens_, n_heads_, head_dim_}, rows_,
                    rope_pairing);
  }

  /// The keys of one head, as attention reads them: [token][head_dim].
  head_matrix<Cached> key_head(std::size_t layer, Eigen::Index head) const {
    return head_of(layers_[layer].keys, head);
  }
  head_matrix<T> scratch_key_head(Eigen::Index head) const { return head_of(scratch_, head); }
  head_matrix<Cached> value_head(std::size_t layer, Eigen::Index head) const {
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

  // Rotates n cached keys of every layer by rows_.
  void rotate_again(Eigen::Index first, Eigen::Index n) {
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
  head_matrix<Element> head_of(const std::vector<Element>& list, Eigen::Index head) const {
    return {list.data() + head * head_dim_, n_tokens_, head_dim_,
            Eigen::OuterStride<>(n_heads_ * head_dim_)};
  }

  Eigen::Index n_heads_;
  Eigen::Index head_dim_;
  key_storage storage_;
  yarn::frequencies frequencies_;
  std::vector<layer_cache> layers_;
  Eigen::Index n_tokens_ = 0;
  rope_rows<T> rows_;
  std::vector<T> scratch_;
};

} // namespace engine

#endif

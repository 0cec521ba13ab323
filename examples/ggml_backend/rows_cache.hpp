// SPDX-License-Identifier: MIT
// The rows of cos and sin that the nodes of a graph share. All layers of a model rotate q and k at
// the same positions, so the first node of a step makes the rows and the others find them.
#ifndef YARN_EXAMPLES_GGML_BACKEND_ROWS_CACHE_HPP
#define YARN_EXAMPLES_GGML_BACKEND_ROWS_CACHE_HPP

#include "rope_frequencies.hpp"

#include <yarn/yarn.hpp>

#include <cstdint>

namespace ggml_yarn {

/// Rows by frequencies and by the contents of the tensor of positions. The address of the tensor
/// does not count: ggml writes new positions into the same tensor at the next step, and a backend
/// does not learn where a step begins.
class rows_cache {
public:
  explicit rows_cache(rope_frequencies& all) : all_(all) {}

  struct counts {
    std::uint64_t made = 0, found = 0;
  };

  /// The rows of a node. The pointer is valid until the next call. Null: the library rejects the
  /// arguments or the factors of the node.
  const yarn::rotary_rows<float>* find(const ggml_tensor* node) {
    const yarn::ggml_rope_parameters p = yarn::rope_parameters_from(node);
    const ggml_tensor* const ids = node->src[1];
    const auto* const list = static_cast<const std::int32_t*>(ids->data);
    const auto n = static_cast<std::size_t>(ids->ne[0]);
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const entry& e) {
      return e.positions.size() == n &&
             std::memcmp(e.positions.data(), list, n * sizeof *list) == 0 &&
             e.key.belongs_to(node, p);
    });
    if (found != entries_.end()) {
      ++counts_.found;
      std::rotate(entries_.begin(), found, found + 1);
      return &entries_.front().rows;
    }
    const frequencies_ptr freqs = all_.find(node, p);
    if (freqs == nullptr)
      return nullptr;
    ++counts_.made;
    // Replaces the least recently used rows. Their memory is used again.
    if (entries_.size() < n_entries)
      entries_.emplace_back();
    std::rotate(entries_.begin(), entries_.end() - 1, entries_.end());
    entry& e = entries_.front();
    e.key = rope_key::of(node, p);
    e.positions.assign(list, list + n);
    const std::int64_t n_tokens = node->ne[2];
    if (ids->ne[0] == n_tokens)
      e.rows.assign(*freqs, yarn::positions(list, n_tokens));
    else
      e.rows.assign(*freqs, yarn::axis_positions(list, n_tokens, GGML_MROPE_SECTIONS));
    return &e.rows;
  }

  const counts& statistics() const { return counts_; }

private:
  struct entry {
    rope_key key;
    std::vector<std::int32_t> positions;
    yarn::rotary_rows<float> rows;
  };
  // Gemma 3 has two ropes, and a K-shift two more. The rows of 2048 tokens and 64 pairs take 1 MB.
  static constexpr std::size_t n_entries = 4;

  rope_frequencies& all_;
  std::vector<entry> entries_;
  counts counts_;
};

} // namespace ggml_yarn

#endif // YARN_EXAMPLES_GGML_BACKEND_ROWS_CACHE_HPP

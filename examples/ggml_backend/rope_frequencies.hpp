// SPDX-License-Identifier: MIT
// The frequencies of the ROPE nodes of ggml graphs. Making frequencies takes longer than rotating
// one token (up to 10 µs for 64 pairs, bench/results.md), so they are made once for all nodes with
// the same arguments.
#ifndef YARN_EXAMPLES_GGML_BACKEND_ROPE_FREQUENCIES_HPP
#define YARN_EXAMPLES_GGML_BACKEND_ROPE_FREQUENCIES_HPP

#include <yarn/ggml.hpp>

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

namespace ggml_yarn {

/// What decides the frequencies of a node: its operator, its arguments, and the contents of its
/// freq_factors.
struct rope_key {
  ggml_op op = GGML_OP_NONE;
  char params[GGML_MAX_OP_PARAMS] = {};
  std::vector<float> factors;

  bool belongs_to(const ggml_tensor* node, const yarn::ggml_rope_parameters& p) const {
    const std::size_t n = n_factors(p);
    return op == node->op && std::memcmp(params, node->op_params, sizeof params) == 0 &&
           factors.size() == n &&
           (n == 0 || std::memcmp(factors.data(), p.freq_factors, n * sizeof(float)) == 0);
  }
  static rope_key of(const ggml_tensor* node, const yarn::ggml_rope_parameters& p) {
    rope_key key;
    key.op = node->op;
    std::memcpy(key.params, node->op_params, sizeof key.params);
    key.factors.assign(p.freq_factors, p.freq_factors + n_factors(p));
    return key;
  }

private:
  static std::size_t n_factors(const yarn::ggml_rope_parameters& p) {
    return p.freq_factors == nullptr ? 0 : static_cast<std::size_t>(p.n_dims / 2);
  }
};

/// The frequencies of a node, or null if the library rejects its arguments.
using frequencies_ptr = std::shared_ptr<const yarn::frequencies>;

/// The frequencies of the most recent arguments. Several threads may call find.
class rope_frequencies {
public:
  frequencies_ptr find(const ggml_tensor* node, const yarn::ggml_rope_parameters& p) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const entry& e) { return e.key.belongs_to(node, p); });
    if (found != entries_.end()) {
      std::rotate(entries_.begin(), found, found + 1);
      return entries_.front().freqs;
    }
    if (entries_.size() == n_entries)
      entries_.pop_back();
    entries_.insert(entries_.begin(), {rope_key::of(node, p), make(node->op, p)});
    return entries_.front().freqs;
  }

private:
  struct entry {
    rope_key key;
    frequencies_ptr freqs;
  };
  // A model has one to three ropes, each also in its K-shift. One process may run several models.
  static constexpr std::size_t n_entries = 64;

  static frequencies_ptr make(ggml_op op, const yarn::ggml_rope_parameters& p) {
    try {
      const yarn::frequencies f = yarn::make_frequencies(p);
      return std::make_shared<yarn::frequencies>(op == GGML_OP_ROPE_BACK ? yarn::adjoint(f) : f);
    } catch (const std::exception&) {
      return nullptr;
    }
  }

  std::mutex mutex_;
  std::vector<entry> entries_;
};

} // namespace ggml_yarn

#endif // YARN_EXAMPLES_GGML_BACKEND_ROPE_FREQUENCIES_HPP

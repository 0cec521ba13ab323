// SPDX-License-Identifier: MIT
// The model: a decoder over bytes. Its configuration, and its weights, which lie in one array, so
// that the optimiser and checkpoints need not know the layers.
#ifndef YARN_EXAMPLES_EVALUATION_MODEL_HPP
#define YARN_EXAMPLES_EVALUATION_MODEL_HPP

#include "random.hpp"
#include "settings.hpp"
#include "tensors.hpp"

#include <yarn/yarn.hpp>

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace evaluation {

inline constexpr Index vocab_size = 256; ///< a token is a byte

struct model_config {
  Index n_layers = 5;
  Index hidden_size = 192;
  Index intermediate_size = 384;
  Index n_heads = 4;
  Index n_kv_heads = 2; ///< grouped-query attention: n_heads / n_kv_heads queries per key
  Index head_dim = 64;
  Index rotary_dim = 64; ///< rotated elements of a head
  double rope_theta = 10000.0;
  yarn::pairing pairing = yarn::pairing::half_split;
  bool qk_norm = true;   ///< RMSNorm of each head of q and k, before the rotation
  bool tied_head = true; ///< the output head is the embedding
  Index context = 256;   ///< tokens of a text in training: the original length

  Index q_size() const { return n_heads * head_dim; }
  Index kv_size() const { return n_kv_heads * head_dim; }
  Index qkv_size() const { return q_size() + 2 * kv_size(); }
  yarn::rope_shape rope() const {
    yarn::rope_shape shape;
    shape.head_dim = head_dim;
    shape.rotary_dim = rotary_dim;
    shape.rope_theta = rope_theta;
    return shape;
  }
};

template <class Visit> void for_each_setting(model_config& c, const Visit& visit) {
  visit("n_layers", c.n_layers);
  visit("hidden_size", c.hidden_size);
  visit("intermediate_size", c.intermediate_size);
  visit("n_heads", c.n_heads);
  visit("n_kv_heads", c.n_kv_heads);
  visit("head_dim", c.head_dim);
  visit("rotary_dim", c.rotary_dim);
  visit("rope_theta", c.rope_theta);
  visit("pairing", c.pairing);
  visit("qk_norm", c.qk_norm);
  visit("tied_head", c.tied_head);
  visit("context", c.context);
}

/// Throws if there is no such model. make_frequencies checks the shape of the rotation.
inline void check(const model_config& c) {
  const auto require_size = [](const char* name, Index value) {
    if (value < 1 || value > 65536)
      complain(std::string(name) + " = " + std::to_string(value) + " must be in [1, 65536]");
  };
  require_size("n_layers", c.n_layers);
  require_size("hidden_size", c.hidden_size);
  require_size("intermediate_size", c.intermediate_size);
  require_size("n_heads", c.n_heads);
  require_size("n_kv_heads", c.n_kv_heads);
  require_size("head_dim", c.head_dim);
  require_size("rotary_dim", c.rotary_dim);
  require_size("context", c.context);
  if (c.n_heads % c.n_kv_heads != 0)
    complain("n_heads = " + std::to_string(c.n_heads) +
             " must be a multiple of n_kv_heads = " + std::to_string(c.n_kv_heads));
}

/// A weight of a model: its place in the array of all weights. A norm is a matrix of one row.
struct tensor {
  std::string name;
  Index rows = 0;
  Index cols = 0;
  Index offset = 0;
  bool is_norm = false;

  Index size() const { return rows * cols; }
};

struct layer_tensors {
  tensor attention_norm;
  tensor qkv;            ///< [q | k | v] in one matrix, so q and k are in one buffer
  tensor q_norm, k_norm; ///< of all heads; empty without qk_norm
  tensor output;
  tensor mlp_norm;
  tensor gate_up; ///< [gate | up]
  tensor down;
};

/// Where the weights of a model are.
class layout {
public:
  explicit layout(const model_config& config) {
    check(config);
    embedding = add("embedding", vocab_size, config.hidden_size);
    for (Index i = 0; i < config.n_layers; ++i) {
      const std::string name = "layers." + std::to_string(i) + '.';
      layer_tensors l;
      l.attention_norm = add_norm(name + "attention_norm", config.hidden_size);
      l.qkv = add(name + "qkv", config.qkv_size(), config.hidden_size);
      if (config.qk_norm) {
        l.q_norm = add_norm(name + "q_norm", config.head_dim);
        l.k_norm = add_norm(name + "k_norm", config.head_dim);
      }
      l.output = add(name + "output", config.hidden_size, config.q_size());
      l.mlp_norm = add_norm(name + "mlp_norm", config.hidden_size);
      l.gate_up = add(name + "gate_up", 2 * config.intermediate_size, config.hidden_size);
      l.down = add(name + "down", config.hidden_size, config.intermediate_size);
      layers.push_back(l);
    }
    final_norm = add_norm("final_norm", config.hidden_size);
    head = config.tied_head ? embedding : add("head", vocab_size, config.hidden_size);
  }

  tensor embedding;
  std::vector<layer_tensors> layers;
  tensor final_norm;
  tensor head;

  /// All tensors, in the order of the array. Each begins at the next multiple of 16 elements, which
  /// is a multiple of 64 bytes for float and double.
  const std::vector<tensor>& tensors() const { return tensors_; }
  /// Elements of the array.
  Index size() const { return size_; }
  /// Weights, without the gaps.
  Index n_weights() const {
    Index n = 0;
    for (const tensor& t : tensors_)
      n += t.size();
    return n;
  }

private:
  tensor add(const std::string& name, Index rows, Index cols, bool is_norm = false) {
    tensors_.push_back({name, rows, cols, size_, is_norm});
    size_ += (rows * cols + 15) / 16 * 16;
    return tensors_.back();
  }
  tensor add_norm(const std::string& name, Index size) { return add(name, 1, size, true); }

  std::vector<tensor> tensors_;
  Index size_ = 0;
};

/// Weights of a model, or their gradients, or another number for each of them.
template <class T> struct weights {
  vector<T> values;

  weights() = default;
  explicit weights(const layout& l) : values(vector<T>::Zero(l.size())) {}
  view<T> operator[](const tensor& t) { return {values.data() + t.offset, t.rows, t.cols, t.cols}; }
  view<const T> operator[](const tensor& t) const {
    return {values.data() + t.offset, t.rows, t.cols, t.cols};
  }
};

template <class T> struct model {
  model_config config;
  layout tensors;
  weights<T> values;

  explicit model(const model_config& c) : config(c), tensors(c), values(tensors) {}
};

/// Random weights. The loss of a model with these weights is near ln 256, because its logits are
/// small.
template <class T> model<T> random_model(const model_config& config, std::uint64_t seed) {
  model<T> m(config);
  random_numbers random(seed);
  // Uniform numbers with variance gain^2 / (number of inputs).
  const auto fill = [&](const tensor& t, double gain) {
    const double limit = gain * std::sqrt(3.0 / static_cast<double>(t.cols));
    for (auto& element : m.values[t].map().reshaped())
      element = static_cast<T>(limit * (2 * random.unit() - 1));
  };
  // The sum of all residual branches should not grow with the number of layers.
  const double branch = 1 / std::sqrt(2.0 * static_cast<double>(config.n_layers));
  for (const tensor& t : m.tensors.tensors())
    if (t.is_norm)
      m.values[t].map().setOnes();
  fill(m.tensors.embedding, config.tied_head ? 0.1 : 1.0);
  for (const layer_tensors& l : m.tensors.layers) {
    fill(l.qkv, 1);
    fill(l.output, branch);
    fill(l.gate_up, 1);
    fill(l.down, branch);
  }
  if (!config.tied_head)
    fill(m.tensors.head, 0.1);
  return m;
}

} // namespace evaluation

#endif

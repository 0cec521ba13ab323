// SPDX-License-Identifier: MIT
// A model: sizes, weights, and the parameters of its RoPE. The weights are random numbers, the same
// on every processor.
#ifndef YARN_EXAMPLES_ENGINE_MODEL_HPP
#define YARN_EXAMPLES_ENGINE_MODEL_HPP

#include <Eigen/Core>
#include <yarn/yarn.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace engine {

/// A matrix whose rows are tokens, or the outputs of a weight.
template <class T> using matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T> using vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

/// The numbers of a config.json.
struct model_config {
  Eigen::Index n_layers = 4;
  Eigen::Index hidden_size = 256;
  Eigen::Index intermediate_size = 512;
  Eigen::Index vocab_size = 1024;
  Eigen::Index n_heads = 4;
  Eigen::Index n_kv_heads = 2; ///< grouped-query attention: n_heads / n_kv_heads queries per key
  Eigen::Index head_dim = 64;
  double rope_theta = 10000.0;
  yarn::any_scaling rope_scaling = yarn::default_scaling{};

  Eigen::Index q_size() const { return n_heads * head_dim; }
  Eigen::Index kv_size() const { return n_kv_heads * head_dim; }
  Eigen::Index qkv_size() const { return q_size() + 2 * kv_size(); }
  yarn::rope_shape rope() const {
    yarn::rope_shape shape;
    shape.head_dim = head_dim;
    shape.rope_theta = rope_theta;
    return shape;
  }
};

/// The pairing of Llama in Hugging Face.
inline constexpr yarn::pairing rope_pairing = yarn::pairing::half_split;

template <class T> struct layer_weights {
  vector<T> attention_norm;
  matrix<T> qkv; ///< [q | k | v] in one matrix, so q and k are in one buffer
  matrix<T> output;
  vector<T> mlp_norm;
  matrix<T> gate_up; ///< [gate | up]
  matrix<T> down;
};

template <class T> struct model {
  model_config config;
  matrix<T> embedding; ///< [vocabulary][hidden]; also the output head
  std::vector<layer_weights<T>> layers;
  vector<T> final_norm;
};

/// Random numbers by splitmix64, which are the same with every standard library.
class weight_source {
public:
  explicit weight_source(std::uint64_t seed) : state_(seed) {}

  /// Independent numbers with mean 0 and variance gain^2 / (number of inputs).
  template <class T> matrix<T> weight(Eigen::Index outputs, Eigen::Index inputs, double gain) {
    const double limit = gain * std::sqrt(3.0 / static_cast<double>(inputs));
    matrix<T> w(outputs, inputs);
    for (T& element : w.reshaped())
      element = static_cast<T>(limit * (2 * unit() - 1));
    return w;
  }
  /// Numbers near 1.
  template <class T> vector<T> norm_weight(Eigen::Index size) {
    vector<T> w(size);
    for (T& element : w)
      element = static_cast<T>(0.75 + 0.5 * unit());
    return w;
  }

private:
  double unit() { return static_cast<double>(next() >> 11U) * 0x1p-53; }
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  std::uint64_t state_;
};

template <class T> model<T> random_model(const model_config& config, std::uint64_t seed) {
  weight_source source(seed);
  // Queries and keys are larger than the other weights. Otherwise all scores would be nearly equal,
  // and the rotation of a key would hardly matter.
  constexpr double sharp = 1.5;
  model<T> m;
  m.config = config;
  m.embedding = source.weight<T>(config.vocab_size, config.hidden_size, 1.0);
  for (Eigen::Index i = 0; i < config.n_layers; ++i) {
    layer_weights<T> l;
    l.attention_norm = source.norm_weight<T>(config.hidden_size);
    l.qkv.resize(config.qkv_size(), config.hidden_size);
    l.qkv.topRows(config.q_size() + config.kv_size()) =
        source.weight<T>(config.q_size() + config.kv_size(), config.hidden_size, sharp);
    l.qkv.bottomRows(config.kv_size()) =
        source.weight<T>(config.kv_size(), config.hidden_size, 1.0);
    l.output = source.weight<T>(config.hidden_size, config.q_size(), 1.0);
    l.mlp_norm = source.norm_weight<T>(config.hidden_size);
    l.gate_up = source.weight<T>(2 * config.intermediate_size, config.hidden_size, 1.0);
    l.down = source.weight<T>(config.hidden_size, config.intermediate_size, 1.0);
    m.layers.push_back(l);
  }
  m.final_norm = source.norm_weight<T>(config.hidden_size);
  return m;
}

} // namespace engine

#endif

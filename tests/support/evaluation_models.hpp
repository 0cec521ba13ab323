// SPDX-License-Identifier: MIT
// Small models for the tests of examples/evaluation, in every form that the model has.
#ifndef YARN_TESTS_SUPPORT_EVALUATION_MODELS_HPP
#define YARN_TESTS_SUPPORT_EVALUATION_MODELS_HPP

#include <evaluation/checkpoint.hpp>

#include <string>
#include <vector>

namespace support {

struct named_model {
  std::string name;
  evaluation::model_config config;
  yarn::any_scaling scaling = yarn::default_scaling{};
};

inline evaluation::model_config small_evaluation_config() {
  evaluation::model_config c;
  c.n_layers = 2;
  c.hidden_size = 12;
  c.intermediate_size = 10;
  c.n_heads = 4;
  c.n_kv_heads = 2;
  c.head_dim = 8;
  c.rotary_dim = 8;
  c.rope_theta = 100.0;
  c.qk_norm = false;
  c.tied_head = false;
  c.context = 16;
  return c;
}

inline yarn::any_scaling small_yarn() {
  yarn::yarn_scaling method;
  method.factor = 4.0;
  method.original_max_position_embeddings = 16;
  method.beta_fast = 4.0;
  return method; // attention factor 1.139
}

/// Each pairing, partial rotation, an attention factor that is not 1, norms of q and k, a tied
/// head, one head of k for each head of q.
inline std::vector<named_model> evaluation_models() {
  using yarn::pairing;
  const evaluation::model_config plain = small_evaluation_config();
  std::vector<named_model> models;
  for (const auto p : {pairing::half_split, pairing::interleaved})
    for (const evaluation::Index rotated : {8, 4})
      for (const bool scaled : {false, true}) {
        evaluation::model_config c = plain;
        c.pairing = p;
        c.rotary_dim = rotated;
        models.push_back({evaluation::to_text(p) + ", rotary_dim " + std::to_string(rotated) +
                              (scaled ? ", YaRN" : ""),
                          c, scaled ? small_yarn() : yarn::default_scaling{}});
      }
  evaluation::model_config c = plain;
  c.qk_norm = true;
  models.push_back({"QK-norm, YaRN", c, small_yarn()});
  c = plain;
  c.tied_head = true;
  models.push_back({"tied head", c});
  c = plain;
  c.n_kv_heads = 4;
  models.push_back({"n_kv_heads = n_heads", c});
  return models;
}

inline yarn::frequencies frequencies_of(const named_model& m) {
  return yarn::make_frequencies(m.config.rope(), m.scaling, 0);
}

/// A random model whose weights are all different from their values at the start of a training,
/// norms included, and whose attention is not nearly equal for all keys.
template <class T>
evaluation::model<T> random_evaluation_model(const evaluation::model_config& c,
                                             std::uint64_t seed) {
  auto m = evaluation::random_model<T>(c, seed);
  evaluation::random_numbers random(seed + 1);
  for (const evaluation::tensor& t : m.tensors.tensors())
    for (T& element : m.values[t].map().reshaped())
      element = static_cast<T>(static_cast<double>(element) * 1.5 + 0.4 * (random.unit() - 0.5));
  return m;
}

/// A model that is large enough for several blocks and packs.
inline evaluation::model_config training_config() {
  evaluation::model_config c;
  c.n_layers = 2;
  c.hidden_size = 32;
  c.intermediate_size = 40;
  c.n_heads = 2;
  c.n_kv_heads = 1;
  c.head_dim = 16;
  c.rotary_dim = 16;
  c.context = 128;
  return c;
}

/// Documents of words, which repeat.
inline const evaluation::texts& some_texts() {
  static const evaluation::texts made = [] {
    evaluation::random_numbers random(7);
    const char* const words[] = {"one ", "two ", "three ", "four\n", "five "};
    std::string text;
    for (int i = 0; i < 4000; ++i) {
      text += words[random.below(5)];
      if (i % 400 == 399)
        text += '\0';
    }
    return evaluation::texts(text);
  }();
  return made;
}

inline std::vector<std::uint8_t> random_bytes(std::size_t n, std::uint64_t seed) {
  evaluation::random_numbers random(seed);
  std::vector<std::uint8_t> bytes(n);
  for (auto& byte : bytes)
    byte = static_cast<std::uint8_t>(random.below(256));
  return bytes;
}

} // namespace support

#endif

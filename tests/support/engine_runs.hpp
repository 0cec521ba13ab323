// SPDX-License-Identifier: MIT
// Helpers for the tests of examples/engine: a small model with every kind of scaling, functions
// that run the model, a second implementation of the model from its formulas, and a bound for the
// error of the logits.
//
// The bound says how far an error of the keys may move the logits. A bound derived by hand through
// softmax and norms would be five orders of magnitude too large, so the tests measure it. They
// change all weights by a relative +-delta, in double; the logits then move by `condition` * delta.
// Such weights give every number that enters attention, including the keys, a relative error of
// this size. Hence keys with a relative error of `epsilon` move the logits by at most
// condition * epsilon. If one number differs between two runs, the model also rounds other numbers
// differently; these differences are smaller than the bound. If a key is rotated n times, epsilon
// is n * rotation_error. test_engine_cache.cpp shows why epsilon is not less.
#ifndef YARN_TESTS_SUPPORT_ENGINE_RUNS_HPP
#define YARN_TESTS_SUPPORT_ENGINE_RUNS_HPP

#include "bits.hpp"
#include "emulated_rotation.hpp"

#include <engine/decoder.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace support {

using real = long double;

/// The relative rounding error of the type in which T is computed: half a unit in the last place.
template <class T> constexpr real half_unit_of = std::is_same_v<T, double> ? 0x1p-53L : 0x1p-24L;
/// The relative error of a rotated head: the roundings of rows, products and results, and for
/// 16-bit elements the rounding of the elements (derived in test_rope_properties.cpp).
template <class T> constexpr real rotation_error = 4 * half_unit_of<T>;
template <> inline constexpr real rotation_error<Eigen::bfloat16> = 4 * 0x1p-24L + 1.01L * 0x1p-8L;

inline constexpr std::int64_t original_length = 24;

struct scaled_model {
  std::string name;
  yarn::any_scaling method;
  bool is_dynamic = false;
};
/// Static methods, and dynamic methods whose frequencies change within some 60 tokens.
inline std::vector<scaled_model> scaled_models() {
  yarn::yarn_scaling yarn;
  yarn.factor = 4;
  yarn.original_max_position_embeddings = original_length;
  yarn::llama3_scaling llama3;
  llama3.factor = 8;
  llama3.low_freq_factor = 1;
  llama3.high_freq_factor = 4;
  llama3.original_max_position_embeddings = original_length;
  yarn::dynamic_ntk_scaling ntk;
  ntk.factor = 2;
  ntk.max_position_embeddings = original_length;
  yarn::dynamic_yarn_scaling dynamic_yarn;
  dynamic_yarn.original_max_position_embeddings = original_length;
  yarn::longrope_scaling longrope;
  longrope.short_factor = {1, 1, 1.1, 1.2, 1.3, 1.5, 1.7, 2};
  longrope.long_factor = {1, 1.2, 1.5, 2, 3, 5, 7, 8};
  longrope.original_max_position_embeddings = original_length;
  longrope.factor = 8.0;
  return {{"yarn", yarn},
          {"llama3", llama3},
          {"dynamic NTK", ntk, true},
          {"dynamic YaRN", dynamic_yarn, true},
          {"longrope", longrope, true}};
}

inline engine::model_config small_config(const yarn::any_scaling& method, int n_layers = 2) {
  engine::model_config config;
  config.n_layers = n_layers;
  config.hidden_size = 32;
  config.intermediate_size = 40;
  config.vocab_size = 64;
  config.n_heads = 4;
  config.n_kv_heads = 2;
  config.head_dim = 16;
  config.rope_theta = 1000;
  config.rope_scaling = method;
  return config;
}
template <class T> engine::model<T> small_model(const yarn::any_scaling& method, int n_layers = 2) {
  return engine::random_model<T>(small_config(method, n_layers), 7);
}

inline std::vector<int> random_tokens(std::size_t n, std::uint64_t seed) {
  random_source random(seed);
  std::vector<int> tokens(n);
  std::generate(tokens.begin(), tokens.end(),
                [&] { return static_cast<int>(random.integer(0, 63)); });
  return tokens;
}

// ---- Runs -------------------------------------------------------------------------------------

template <class T> using logits = std::vector<T>;
template <class T> logits<T> row_of(const engine::matrix<T>& all, std::size_t row) {
  const auto r = all.row(static_cast<Eigen::Index>(row));
  return {r.data(), r.data() + r.size()};
}

/// Runs one step of one sequence. Returns the logits after the last token.
template <class Decoder> auto step(Decoder& d, std::size_t sequence, std::vector<int> tokens) {
  return row_of(d.step({{sequence, std::move(tokens)}}), 0);
}

/// Runs the tokens of a list from `first` on, one per step. Returns the logits after each token.
template <class Decoder>
auto decode(Decoder& d, std::size_t sequence, const std::vector<int>& tokens, std::size_t first) {
  std::vector<decltype(step(d, sequence, tokens))> all;
  for (std::size_t t = first; t < tokens.size(); ++t) {
    all.push_back(step(d, sequence, {tokens[t]}));
  }
  return all;
}

template <class A, class B> real distance(const logits<A>& a, const logits<B>& b) {
  real largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const real difference = std::fabs(static_cast<real>(a[i]) - static_cast<real>(b[i]));
    largest = std::isnan(difference) ? HUGE_VALL : std::max(largest, difference);
  }
  return a.size() == b.size() ? largest : HUGE_VALL;
}
template <class A, class B>
real distance(const std::vector<logits<A>>& a, const std::vector<logits<B>>& b) {
  real largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, distance(a[i], b[i]));
  }
  return a.size() == b.size() ? largest : HUGE_VALL;
}

/// The largest change of the logits after each of the tokens [n_prompt, n), divided by the relative
/// change of the weights that causes it. (The head of this file explains the use.)
inline real condition(const yarn::any_scaling& method, const std::vector<int>& tokens,
                      std::size_t n_prompt, int n_layers = 2) {
  constexpr double delta = 0x1p-30;
  const engine::model<double> exact = small_model<double>(method, n_layers);
  engine::model<double> disturbed = exact;
  random_source random(11);
  const auto disturb = [&random](auto& weights) {
    for (double& w : weights.reshaped()) {
      w *= 1 + (random.integer(0, 1) == 0 ? -delta : delta);
    }
  };
  disturb(disturbed.embedding);
  disturb(disturbed.final_norm);
  for (engine::layer_weights<double>& l : disturbed.layers) {
    disturb(l.attention_norm);
    disturb(l.qkv);
    disturb(l.output);
    disturb(l.mlp_norm);
    disturb(l.gate_up);
    disturb(l.down);
  }
  const auto run = [&](const engine::model<double>& m) {
    engine::decoder<double> d(m, engine::key_storage::unrotated);
    d.add_sequence();
    if (n_prompt > 0) {
      step(d, 0, {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(n_prompt)});
    }
    return decode(d, 0, tokens, n_prompt);
  };
  return distance(run(exact), run(disturbed)) / static_cast<real>(delta);
}

// ---- The model from its formulas --------------------------------------------------------------

namespace detail {

using real_vector = std::vector<real>;

template <class Row> real_vector widened(const Row& row) {
  real_vector v;
  for (Eigen::Index i = 0; i < row.size(); ++i) {
    v.push_back(static_cast<real>(row(i)));
  }
  return v;
}
inline real_vector product(const engine::matrix<double>& weight, const real_vector& x) {
  real_vector y(static_cast<std::size_t>(weight.rows()), 0);
  for (Eigen::Index r = 0; r < weight.rows(); ++r) {
    for (Eigen::Index c = 0; c < weight.cols(); ++c) {
      y[static_cast<std::size_t>(r)] +=
          static_cast<real>(weight(r, c)) * x[static_cast<std::size_t>(c)];
    }
  }
  return y;
}
inline real_vector normed(const engine::vector<double>& weight, real_vector x) {
  real squares = 0;
  for (const real element : x) {
    squares += element * element;
  }
  const real rms = std::sqrt(squares / static_cast<real>(x.size()) + 1e-6);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] *= static_cast<real>(weight(static_cast<Eigen::Index>(i))) / rms;
  }
  return x;
}
inline void add(real_vector& x, const real_vector& y) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] += y[i];
  }
}

} // namespace detail

/// Rotates the half-split pairs of one head, x[0, 2 * n_pairs), by the formula.
inline void rotate_head(real* x, std::int64_t position, const yarn::frequencies& freqs) {
  const auto n_pairs = static_cast<std::size_t>(freqs.n_pairs());
  const auto m = static_cast<real>(freqs.attention_factor());
  for (std::size_t i = 0; i < n_pairs; ++i) {
    const real angle = static_cast<real>(position) * static_cast<real>(freqs.inv_freq()[i]);
    const auto turned =
        exact_rotation(x[i], x[i + n_pairs], m * std::cos(angle), m * std::sin(angle));
    x[i] = turned.first;
    x[i + n_pairs] = turned.second;
  }
}

/// The logits after every token. All tokens are computed together, without a cache, and every query
/// and key is rotated with `freqs`.
inline std::vector<logits<real>> plain_logits(const engine::model<double>& m,
                                              const std::vector<int>& tokens,
                                              const yarn::frequencies& freqs) {
  using detail::real_vector;
  const engine::model_config& c = m.config;
  const auto n_heads = static_cast<std::size_t>(c.n_heads),
             dim = static_cast<std::size_t>(c.head_dim);
  const auto n_kv_heads = static_cast<std::size_t>(c.n_kv_heads);
  const std::size_t k_at = n_heads * dim, v_at = k_at + n_kv_heads * dim;
  std::vector<real_vector> x;
  x.reserve(tokens.size());
  for (const int token : tokens) {
    x.push_back(detail::widened(m.embedding.row(token)));
  }
  for (const engine::layer_weights<double>& l : m.layers) {
    std::vector<real_vector> qkv;
    for (std::size_t t = 0; t < x.size(); ++t) {
      qkv.push_back(detail::product(l.qkv, detail::normed(l.attention_norm, x[t])));
      for (std::size_t h = 0; h < n_heads + n_kv_heads; ++h) {
        rotate_head(&qkv[t][h * dim], static_cast<std::int64_t>(t), freqs);
      }
    }
    for (std::size_t t = 0; t < x.size(); ++t) {
      real_vector out(n_heads * dim, 0);
      for (std::size_t h = 0; h < n_heads; ++h) {
        const std::size_t kv_head = h / (n_heads / n_kv_heads);
        real_vector weights;
        real total = 0;
        for (std::size_t s = 0; s <= t; ++s) {
          real score = 0;
          for (std::size_t i = 0; i < dim; ++i) {
            score += qkv[t][h * dim + i] * qkv[s][k_at + kv_head * dim + i];
          }
          weights.push_back(std::exp(score / std::sqrt(static_cast<real>(dim))));
          total += weights.back();
        }
        for (std::size_t s = 0; s <= t; ++s) {
          for (std::size_t i = 0; i < dim; ++i) {
            out[h * dim + i] += weights[s] / total * qkv[s][v_at + kv_head * dim + i];
          }
        }
      }
      detail::add(x[t], detail::product(l.output, out));
      real_vector gated = detail::product(l.gate_up, detail::normed(l.mlp_norm, x[t]));
      const std::size_t n = gated.size() / 2;
      for (std::size_t i = 0; i < n; ++i) {
        gated[i] *= gated[n + i] / (1 + std::exp(-gated[i]));
      }
      gated.resize(n);
      detail::add(x[t], detail::product(l.down, gated));
    }
  }
  std::vector<logits<real>> all;
  all.reserve(x.size());
  for (const real_vector& hidden : x) {
    all.push_back(detail::product(m.embedding, detail::normed(m.final_norm, hidden)));
  }
  return all;
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_ENGINE_RUNS_HPP

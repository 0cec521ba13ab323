// SPDX-License-Identifier: MIT
// Parameters of ggml_rope_ext, tensors and graphs, for the tests of ggml.hpp.
#ifndef YARN_TESTS_ENGINES_GGML_GRAPHS_HPP
#define YARN_TESTS_ENGINES_GGML_GRAPHS_HPP

#include "ggml_cpu_backend.hpp"
#include "support/tensors.hpp"

#include <ggml.h>
#include <yarn/ggml.hpp>
#include <yarn/yarn.hpp>

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <type_traits>
#include <vector>

namespace engines {

inline constexpr int thread_counts[] = {1, 2, 4};
inline constexpr std::size_t memory = std::size_t{64} << 20;

// ---- Parameters of ggml_rope_ext, and those of the library --------------------------------------

struct parameters {
  const char* name;
  int n_dims;
  float freq_base;
  float factor; // a power of two: 1 / factor is exact in float
  float ext_factor;
  float attn_factor;
  int n_ctx_orig;
  bool has_freq_factors;
};
inline constexpr parameters all_parameters[] = {
    {"default", 128, 10000.0F, 1.0F, 0.0F, 1.0F, 4096, false},
    {"theta 5e5", 128, 500000.0F, 1.0F, 0.0F, 1.0F, 8192, false},
    {"rotary_dim 64", 64, 10000.0F, 1.0F, 0.0F, 1.0F, 4096, false},
    {"linear", 128, 10000.0F, 8.0F, 0.0F, 1.0F, 4096, false},
    {"YaRN", 128, 10000.0F, 16.0F, 1.0F, 1.0F, 4096, false},
    {"YaRN, half extrapolated", 128, 1000000.0F, 4.0F, 0.5F, 0.75F, 32768, false},
    {"freq factors", 128, 500000.0F, 1.0F, 0.0F, 1.0F, 8192, true},
    {"YaRN, freq factors", 128, 10000.0F, 8.0F, 1.0F, 1.0F, 4096, true},
};

inline float freq_factor(int pair) {
  return pair < 20 ? 1.0F : 1.0F + 0.125F * static_cast<float>(pair - 20);
}

inline yarn::frequencies our_frequencies(const parameters& p) {
  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rotary_dim = p.n_dims;
  shape.rope_theta = static_cast<double>(p.freq_base);
  yarn::yarn_scaling yarn;
  yarn.factor = static_cast<double>(p.factor);
  yarn.original_max_position_embeddings = p.n_ctx_orig;
  yarn.extrapolation_factor = static_cast<double>(p.ext_factor);
  yarn.attn_factor = static_cast<double>(p.attn_factor);
  if (p.ext_factor == 0.0F)
    yarn.attention_factor = static_cast<double>(p.attn_factor);
  if (!p.has_freq_factors)
    return yarn::make_frequencies(shape, yarn);
  std::vector<float> factors(static_cast<std::size_t>(p.n_dims / 2));
  for (std::size_t i = 0; i < factors.size(); ++i)
    factors[i] = freq_factor(static_cast<int>(i));
  return yarn::make_frequencies(shape,
                                yarn::freq_factors_scaling<yarn::yarn_scaling>{yarn, factors});
}

// ---- Tensors -----------------------------------------------------------------------------------

template <class T> constexpr ggml_type type_in_ggml() {
  return std::is_same_v<T, float>           ? GGML_TYPE_F32
         : std::is_same_v<T, yarn::float16> ? GGML_TYPE_F16
                                            : GGML_TYPE_BF16;
}

template <class T> void fill(T* data, std::size_t n, std::uint64_t seed) {
  support::random_source random(seed);
  for (std::size_t i = 0; i < n; ++i)
    data[i] = support::element_of<T>(random.number(-0.5, 0.5));
}
template <class T>
ggml_tensor* new_tensor(ggml_context* context, std::int64_t heads, std::int64_t tokens,
                        std::uint64_t seed = 7, std::int64_t sequences = 1) {
  ggml_tensor* const x =
      ggml_new_tensor_4d(context, type_in_ggml<T>(), 128, heads, tokens, sequences);
  fill(static_cast<T*>(x->data), static_cast<std::size_t>(ggml_nelements(x)), seed);
  return x;
}
inline ggml_tensor* new_positions(ggml_context* context, const std::vector<std::int32_t>& list) {
  ggml_tensor* const x =
      ggml_new_tensor_1d(context, GGML_TYPE_I32, static_cast<std::int64_t>(list.size()));
  std::memcpy(x->data, list.data(), list.size() * sizeof(std::int32_t));
  return x;
}
template <class T> std::vector<T> values_of(const ggml_tensor* x) {
  const auto* const data = static_cast<const T*>(x->data);
  return {data, data + ggml_nelements(x)};
}
inline void compute(ggml_context* context, std::initializer_list<ggml_tensor*> results,
                    int n_threads) {
  ggml_cgraph* const graph = ggml_new_graph(context);
  for (ggml_tensor* const x : results)
    ggml_build_forward_expand(graph, x);
  cpu_backend(n_threads).compute(graph);
}

} // namespace engines

#endif // YARN_TESTS_ENGINES_GGML_GRAPHS_HPP

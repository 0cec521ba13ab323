// SPDX-License-Identifier: MIT
// yarn/testing.hpp checks ggml_rope_ext in both modes, with and without YaRN, for float and
// binary16. With correct arguments the only finding is float32 angles. Wrong arguments are named.
#include "ggml_cpu_backend.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace {

using yarn::pairing;
using yarn::testing::diagnosis;
using yarn::testing::expectation;
using yarn::testing::options;
using yarn::testing::report;

/// The arguments of ggml_rope_ext that a test varies.
struct arguments {
  int mode = GGML_ROPE_TYPE_NEOX;
  int n_dims = 128;
  float freq_base = 10000.0F;
  float factor = 16.0F;
  float ext_factor = 1.0F;
  float attn_factor = 1.0F;
  int n_ctx_orig = 4096;
};

/// ggml as an engine that rotates in place.
template <class T> struct ggml_engine {
  arguments with;

  void operator()(const yarn::heads_view<T>& x, const std::vector<std::int32_t>& positions) const {
    static const engines::cpu_backend cpu(1);
    const engines::context_ptr context = engines::make_context(std::size_t{16} << 20);
    ggml_tensor* const tensor =
        ggml_new_tensor_3d(context.get(), std::is_same_v<T, float> ? GGML_TYPE_F32 : GGML_TYPE_F16,
                           x.head_dim(), x.n_heads(), x.n_tokens());
    ggml_tensor* const list = ggml_new_tensor_1d(context.get(), GGML_TYPE_I32, x.n_tokens());
    std::memcpy(list->data, positions.data(), positions.size() * sizeof(std::int32_t));
    std::memcpy(tensor->data, x.data(), ggml_nbytes(tensor));
    ggml_tensor* const rotated = ggml_rope_ext(
        context.get(), tensor, list, nullptr, with.n_dims, with.mode, with.n_ctx_orig,
        with.freq_base, 1 / with.factor, with.ext_factor, with.attn_factor, 32.0F, 1.0F);
    ggml_cgraph* const graph = ggml_new_graph(context.get());
    ggml_build_forward_expand(graph, rotated);
    cpu.compute(graph);
    std::memcpy(static_cast<void*>(x.data()), rotated->data, ggml_nbytes(rotated));
  }
};

expectation expected(pairing order, bool with_yarn = true, std::int64_t rotary_dim = 128) {
  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rotary_dim = rotary_dim;
  shape.rope_theta = 10000.0;
  if (!with_yarn)
    return {shape, yarn::default_scaling{}, order};
  yarn::yarn_scaling method;
  method.factor = 16;
  method.original_max_position_embeddings = 4096;
  return {shape, method, order};
}

template <class T> report check(const expectation& e, const arguments& a, bool accept = false) {
  options o;
  o.accept_float32_angles = accept;
  return yarn::testing::check_rotation<T>(e, ggml_engine<T>{a}, o);
}

std::vector<diagnosis> found(const report& r) {
  std::vector<diagnosis> list;
  for (const yarn::testing::finding& entry : r.findings)
    if (!yarn::testing::is_float32_precision(entry.what))
      list.push_back(entry.what);
  std::sort(list.begin(), list.end());
  return list;
}

TEST(testing_ggml, is_right_except_for_float32_angles) {
  for (const pairing order : {pairing::half_split, pairing::interleaved})
    for (const bool with_yarn : {false, true})
      for (const int dims : {128, 64}) {
        arguments a;
        a.mode = order == pairing::half_split ? GGML_ROPE_TYPE_NEOX : GGML_ROPE_TYPE_NORMAL;
        a.n_dims = dims;
        if (!with_yarn)
          a.factor = 1, a.ext_factor = 0;
        const expectation e = expected(order, with_yarn, dims);
        const report accepted = check<float>(e, a, true);
        EXPECT_TRUE(accepted) << accepted;
        const report strict = check<float>(e, a);
        EXPECT_FALSE(strict);
        EXPECT_EQ(strict.findings.size(), 1U) << strict;
        EXPECT_TRUE(strict.has(diagnosis::float32_angles)) << strict;
        const report half = check<yarn::float16>(e, a, true);
        EXPECT_TRUE(half) << half;
      }
}

TEST(testing_ggml, wrong_arguments_are_named) {
  const expectation e = expected(pairing::half_split);
  const auto names = [&](const arguments& a, diagnosis what) {
    for (const report& r : {check<float>(e, a), check<yarn::float16>(e, a)})
      EXPECT_EQ(found(r), std::vector<diagnosis>{what}) << r;
  };
  arguments a;
  a.mode = GGML_ROPE_TYPE_NORMAL;
  names(a, diagnosis::wrong_pairing);
  a = {};
  a.ext_factor = 0; // linear scaling: ggml then applies no attention factor
  names(a, diagnosis::wrong_method);
  a = {};
  a.freq_base = 500000.0F;
  names(a, diagnosis::wrong_theta);
  a = {};
  a.attn_factor = 1 / 1.2772589F; // cancels the attention factor
  names(a, diagnosis::attention_factor_missing);
  a = {};
  a.attn_factor = 1.2772589F; // applies the attention factor twice
  names(a, diagnosis::attention_factor_squared);
  a = {};
  a.n_ctx_orig = 65536;
  names(a, diagnosis::wrong_original_length);
  a = {};
  a.n_dims = 64;
  const report r = check<float>(e, a);
  EXPECT_TRUE(r.has(diagnosis::rotary_dim)) << r;
}

} // namespace

// SPDX-License-Identifier: MIT
// Our rotation as nodes of graphs that ggml computes. Compares our nodes and ggml_rope_ext, on the
// same tensors, with the exact rotation, and checks every refusal.
#include "ggml_processor.hpp"
#include "support/emulated_rotation.hpp"
#include "support/expect_error.hpp"
#include "support/tensors.hpp"

#include <ggml-alloc.h>
#include <gtest/gtest.h>
#include <yarn/ggml.hpp>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using yarn::pairing;

constexpr std::initializer_list<int> thread_counts = {1, 2, 4};
constexpr std::size_t memory = std::size_t{64} << 20;

// ---- The arguments of ggml_rope_ext, and ours ---------------------------------------------------

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
constexpr parameters all_parameters[] = {
    {"default", 128, 10000.0F, 1.0F, 0.0F, 1.0F, 4096, false},
    {"theta 5e5", 128, 500000.0F, 1.0F, 0.0F, 1.0F, 8192, false},
    {"a part of the head", 64, 10000.0F, 1.0F, 0.0F, 1.0F, 4096, false},
    {"linear", 128, 10000.0F, 8.0F, 0.0F, 1.0F, 4096, false},
    {"YaRN", 128, 10000.0F, 16.0F, 1.0F, 1.0F, 4096, false},
    {"YaRN, half extrapolated", 128, 1000000.0F, 4.0F, 0.5F, 0.75F, 32768, false},
    {"freq factors", 128, 500000.0F, 1.0F, 0.0F, 1.0F, 8192, true},
    {"YaRN, freq factors", 128, 10000.0F, 8.0F, 1.0F, 1.0F, 4096, true},
};

float freq_factor(int pair) {
  return pair < 20 ? 1.0F : 1.0F + 0.125F * static_cast<float>(pair - 20);
}

yarn::frequencies our_frequencies(const parameters& p) {
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

// The same formulas, written again from ggml.h and the papers in long double.
struct exact_rope {
  explicit exact_rope(const parameters& p) {
    const long double pi = std::acos(-1.0L);
    const long double d = p.n_dims, base = static_cast<long double>(p.freq_base);
    const auto pair_of = [&](long double turns) {
      return d * std::log(static_cast<long double>(p.n_ctx_orig) / (2 * pi * turns)) /
             (2 * std::log(base));
    };
    const long double low = std::max(0.0L, std::floor(pair_of(32)));
    const long double high = std::min(d - 1, std::ceil(pair_of(1)));
    const long double ext = static_cast<long double>(p.ext_factor);
    for (int i = 0; i < p.n_dims / 2; ++i) {
      long double theta = std::pow(base, -2 * static_cast<long double>(i) / d);
      if (p.has_freq_factors)
        theta /= static_cast<long double>(freq_factor(i));
      const long double y = (i - low) / std::max(0.001L, high - low);
      const long double kept = (1 - std::min(1.0L, std::max(0.0L, y))) * ext;
      inv_freq.push_back(theta / static_cast<long double>(p.factor) * (1 - kept) + theta * kept);
    }
    attention_factor = static_cast<long double>(p.attn_factor);
    if (ext != 0)
      attention_factor *= 1 + 0.1L * std::log(static_cast<long double>(p.factor));
  }
  std::vector<long double> inv_freq;
  long double attention_factor = 1;
};

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
ggml_tensor* new_positions(ggml_context* context, const std::vector<std::int32_t>& list) {
  ggml_tensor* const x =
      ggml_new_tensor_1d(context, GGML_TYPE_I32, static_cast<std::int64_t>(list.size()));
  std::memcpy(x->data, list.data(), list.size() * sizeof(std::int32_t));
  return x;
}
const std::vector<std::int32_t> telling_positions = {0,    1,    2,     3,     40,    511,   1000,
                                                     4095, 4096, 16385, 32767, 65535, 131071};

template <class T> std::vector<T> values_of(const ggml_tensor* x) {
  const auto* const data = static_cast<const T*>(x->data);
  return {data, data + ggml_nelements(x)};
}
template <class T> bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

void compute(ggml_context* context, std::initializer_list<ggml_tensor*> results, int n_threads) {
  ggml_cgraph* const graph = ggml_new_graph(context);
  for (ggml_tensor* const x : results)
    ggml_build_forward_expand(graph, x);
  engines::processor(n_threads).compute(graph);
}

template <class T>
std::vector<T> by_ggml(const parameters& p, pairing order, int n_heads, int n_threads) {
  const engines::context_ptr context = engines::make_context(memory);
  const auto n_tokens = static_cast<std::int64_t>(telling_positions.size());
  ggml_tensor* const x = new_tensor<T>(context.get(), n_heads, n_tokens);
  ggml_tensor* factors = nullptr;
  if (p.has_freq_factors) {
    factors = ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, p.n_dims / 2);
    for (int i = 0; i < p.n_dims / 2; ++i)
      static_cast<float*>(factors->data)[i] = freq_factor(i);
  }
  ggml_tensor* const y = ggml_rope_ext(
      context.get(), x, new_positions(context.get(), telling_positions), factors, p.n_dims,
      order == pairing::half_split ? GGML_ROPE_TYPE_NEOX : GGML_ROPE_TYPE_NORMAL, p.n_ctx_orig,
      p.freq_base, 1 / p.factor, p.ext_factor, p.attn_factor, 32.0F, 1.0F);
  compute(context.get(), {y}, n_threads);
  return values_of<T>(y);
}
template <class T>
std::vector<T> by_us(const parameters& p, pairing order, int n_heads, int n_threads) {
  const engines::context_ptr context = engines::make_context(memory);
  const auto n_tokens = static_cast<std::int64_t>(telling_positions.size());
  const auto freqs = our_frequencies(p);
  ggml_tensor* const rows =
      yarn::rope_rows_node(context.get(), new_positions(context.get(), telling_positions), freqs);
  ggml_tensor* const y = yarn::rope_inplace_node(
      context.get(), new_tensor<T>(context.get(), n_heads, n_tokens), rows, order);
  compute(context.get(), {y}, n_threads);
  return values_of<T>(y);
}

/// The largest distances from the exact rotation.
struct distances {
  long double largest = 0;
  long double beyond_bound = 0; // in units of ggml's bound, 4e-6 * angle * m + rounding
};
template <class T>
distances distances_of(const std::vector<T>& rotated, const parameters& p, pairing order,
                       int n_heads) {
  using type = support::element<T>;
  const exact_rope exact(p);
  const std::size_t n_pairs = exact.inv_freq.size();
  std::vector<T> before(rotated.size());
  fill(before.data(), before.size(), 7);
  distances result;
  for (std::size_t head = 0; head < rotated.size() / 128; ++head) {
    const auto position =
        static_cast<long double>(telling_positions[head / static_cast<std::size_t>(n_heads)]);
    const T* const x = before.data() + head * 128;
    const T* const y = rotated.data() + head * 128;
    for (std::size_t i = 0; i < n_pairs; ++i) {
      const long double angle = position * exact.inv_freq[i], m = exact.attention_factor;
      const auto at = support::places_of_pair(order, i, n_pairs);
      const auto wanted =
          support::exact_rotation(static_cast<long double>(type::widen(x[at.first])),
                                  static_cast<long double>(type::widen(x[at.second])),
                                  m * std::cos(angle), m * std::sin(angle));
      const long double off =
          std::max(std::fabs(wanted.first - static_cast<long double>(type::widen(y[at.first]))),
                   std::fabs(wanted.second - static_cast<long double>(type::widen(y[at.second]))));
      const long double rounding = std::is_same_v<T, float> ? 3e-7L : 3e-7L + 1e-3L * m;
      result.largest = std::max(result.largest, off);
      result.beyond_bound = std::max(result.beyond_bound, off / (4e-6L * angle * m + rounding));
    }
    for (std::size_t i = 2 * n_pairs; i < 128; ++i)
      EXPECT_EQ(std::memcmp(&x[i], &y[i], sizeof(T)), 0) << "element " << i << " was touched";
  }
  return result;
}

// ---- Comparison with ggml_rope_ext -------------------------------------------------------------

template <class T> void compare_with_ggml() {
  constexpr int n_heads = 5;
  for (const parameters& p : all_parameters) {
    for (const pairing order : {pairing::half_split, pairing::interleaved}) {
      SCOPED_TRACE(std::string(p.name) +
                   (order == pairing::half_split ? ", half_split" : ", interleaved"));
      const auto theirs = by_ggml<T>(p, order, n_heads, 1);
      const auto ours = by_us<T>(p, order, n_heads, 1);
      for (const int n_threads : thread_counts)
        EXPECT_TRUE(same_bits(by_us<T>(p, order, n_heads, n_threads), ours))
            << n_threads << " threads";

      const distances their = distances_of(theirs, p, order, n_heads);
      const distances our = distances_of(ours, p, order, n_heads);
      const exact_rope exact(p);
      // |x| <= 0.5, so the length of a pair is at most 0.71 * m. Each element has the error of a
      // float row and of one rounding to float, or of one rounding to 11 bits.
      const long double longest = 0.7072L * exact.attention_factor;
      const long double bound = std::is_same_v<T, float> ? 0x1p-23L * longest : 0x1p-11L * longest;
      EXPECT_LE(static_cast<double>(our.largest), static_cast<double>(bound));
      EXPECT_LE(static_cast<double>(their.beyond_bound), 1.0) << "ggml is off by more than known";
      // The angles of ggml are products of floats: at position 131071 their error is some 1e-2.
      const double times = std::is_same_v<T, float> ? 1e3 : 2; // f16: mostly its rounding
      EXPECT_GT(static_cast<double>(their.largest), times * static_cast<double>(our.largest));
      if (std::getenv("YARN_PRINT_ERRORS") != nullptr)
        std::printf("%s, %s, pairing %d: ours %.2e, ggml %.2e\n", support::element<T>::name, p.name,
                    static_cast<int>(order), static_cast<double>(our.largest),
                    static_cast<double>(their.largest));
    }
  }
}
TEST(ggml_graph, is_nearer_to_the_exact_rotation_than_ggml_f32) { compare_with_ggml<float>(); }
TEST(ggml_graph, is_nearer_to_the_exact_rotation_than_ggml_f16) {
  compare_with_ggml<yarn::float16>();
}

// ggml cannot rotate these types.
TEST(ggml_graph, rotates_bfloat16) {
  const parameters& p = all_parameters[4];
  for (const pairing order : {pairing::half_split, pairing::interleaved}) {
    const auto ours = by_us<yarn::bfloat16>(p, order, 3, 2);
    const exact_rope exact(p);
    EXPECT_LE(static_cast<double>(distances_of(ours, p, order, 3).largest),
              static_cast<double>(0x1p-8L * 0.7072L * exact.attention_factor));
  }
}

// ---- Graphs ------------------------------------------------------------------------------------

/// The rotation without ggml.
template <class T>
std::vector<T> rotated(const std::vector<T>& x, const std::vector<std::int32_t>& positions,
                       const yarn::frequencies& freqs, pairing order) {
  std::vector<T> y = x;
  const auto tokens = static_cast<std::int64_t>(positions.size());
  yarn::rope_apply(yarn::heads_view<T>(y.data(), tokens,
                                       static_cast<std::int64_t>(y.size()) / tokens / 128, 128),
                   yarn::rows_of(freqs, yarn::positions(positions)), order);
  return y;
}

TEST(ggml_graph, shares_rows_between_layers_and_computes_again) {
  for (const int n_threads : thread_counts) {
    const engines::context_ptr context = engines::make_context(memory);
    std::vector<std::int32_t> list = {7, 8, 9, 100000, 5};
    yarn::frequencies freqs = our_frequencies(all_parameters[0]);
    ggml_tensor* const positions = new_positions(context.get(), list);
    ggml_tensor* const rows = yarn::rope_rows_node(context.get(), positions, freqs);
    ggml_cgraph* const graph = ggml_new_graph(context.get());
    std::vector<ggml_tensor*> layers;
    for (std::uint64_t layer = 0; layer < 6; ++layer) {
      ggml_tensor* const x = new_tensor<float>(context.get(), layer % 2 == 0 ? 8 : 2, 5, layer);
      layers.push_back(yarn::rope_inplace_node(context.get(), x, rows, pairing::half_split));
      ggml_build_forward_expand(graph, layers.back());
    }
    // Six rotations, and one node with the rows for all of them.
    EXPECT_EQ(ggml_graph_n_nodes(graph), 7);
    const engines::processor processor(n_threads);
    for (int step = 0; step < 3; ++step) {
      std::vector<std::vector<float>> expected;
      expected.reserve(layers.size());
      for (ggml_tensor* const x : layers)
        expected.push_back(rotated(values_of<float>(x), list, freqs, pairing::half_split));
      processor.compute(graph);
      for (std::size_t i = 0; i < layers.size(); ++i)
        EXPECT_TRUE(same_bits(values_of<float>(layers[i]), expected[i]))
            << "layer " << i << ", step " << step << ", " << n_threads << " threads";
      for (std::int32_t& position : list)
        position += 1000;
      std::memcpy(positions->data, list.data(), list.size() * sizeof(std::int32_t));
      freqs = our_frequencies(all_parameters[step + 3]); // as a dynamic method changes them
    }
  }
}

TEST(ggml_graph, takes_rows_from_an_input_tensor) {
  const engines::context_ptr context = engines::make_context(memory);
  const auto freqs = our_frequencies(all_parameters[4]);
  const std::vector<std::int64_t> list = {3, 70000, -2};
  ggml_tensor* const rows = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, 128, 3);
  yarn::fill_rope_rows(rows, freqs, yarn::positions(list));
  ggml_tensor* const x = new_tensor<yarn::float16>(context.get(), 4, 3);
  const auto expected =
      rotated(values_of<yarn::float16>(x), {3, 70000, -2}, freqs, pairing::interleaved);
  ggml_tensor* const y = yarn::rope_inplace_node(context.get(), x, rows, pairing::interleaved);
  EXPECT_EQ(y->data, x->data); // in place
  compute(context.get(), {y}, 2);
  EXPECT_TRUE(same_bits(values_of<yarn::float16>(y), expected));
}

TEST(ggml_graph, rotates_a_part_of_packed_rows) {
  // Each token has heads [q 4 | k 2 | v 2]; k is a view.
  for (const int n_threads : thread_counts) {
    const engines::context_ptr context = engines::make_context(memory);
    ggml_tensor* const qkv = new_tensor<float>(context.get(), 8, 6);
    const auto before = values_of<float>(qkv);
    ggml_tensor* const k =
        ggml_view_3d(context.get(), qkv, 128, 2, 6, qkv->nb[1], qkv->nb[2], 4 * qkv->nb[1]);
    const std::vector<std::int32_t> list = {1, 2, 3, 4, 5, 6};
    const auto freqs = our_frequencies(all_parameters[2]); // rotates 64 of 128 elements
    ggml_tensor* const rows =
        yarn::rope_rows_node(context.get(), new_positions(context.get(), list), freqs);
    compute(context.get(), {yarn::rope_inplace_node(context.get(), k, rows, pairing::half_split)},
            n_threads);
    auto expected = before;
    yarn::rope_apply(
        yarn::heads_view<float>(expected.data() + 4 * 128, 6, 2, 128).with_strides(8 * 128, 128),
        yarn::rows_of(freqs, yarn::positions(list)), pairing::half_split);
    EXPECT_TRUE(same_bits(values_of<float>(qkv), expected)) << n_threads << " threads";
    EXPECT_FALSE(same_bits(values_of<float>(qkv), before));
  }
}

TEST(ggml_graph, rotates_permuted_tensors_and_sequences) {
  const engines::context_ptr context = engines::make_context(memory);
  // [token][head][dim] permuted: the memory is [head][token][dim]. Two sequences.
  ggml_tensor* const x = new_tensor<float>(context.get(), 3, 4, 9, 2);
  ggml_tensor* const swapped = ggml_permute(context.get(), x, 0, 2, 1, 3);
  const auto before = values_of<float>(x);
  const auto freqs = our_frequencies(all_parameters[0]);
  const std::vector<std::int32_t> list = {10, 20, 30}; // the tokens are the heads of x
  ggml_tensor* const rows =
      yarn::rope_rows_node(context.get(), new_positions(context.get(), list), freqs);
  compute(context.get(),
          {yarn::rope_inplace_node(context.get(), swapped, rows, pairing::half_split)}, 2);
  auto expected = before;
  for (int sequence = 0; sequence < 2; ++sequence)
    yarn::rope_apply(yarn::heads_view<float>(expected.data() + sequence * 3 * 4 * 128, 3, 4, 128)
                         .with_strides(128, 3 * 128),
                     yarn::rows_of(freqs, yarn::positions(list)), pairing::half_split);
  EXPECT_TRUE(same_bits(values_of<float>(x), expected));
}

// As llama.cpp builds its graphs: the tensors have no memory until an allocator assigns it.
TEST(ggml_graph, is_built_before_its_memory) {
  const engines::context_ptr context(ggml_init({1 << 20, nullptr, true}));
  const auto freqs = our_frequencies(all_parameters[4]);
  ggml_tensor* const x = ggml_new_tensor_3d(context.get(), GGML_TYPE_F32, 128, 4, 5);
  ggml_tensor* const positions = ggml_new_tensor_1d(context.get(), GGML_TYPE_I32, 5);
  ggml_set_input(x);
  ggml_set_input(positions);
  ggml_tensor* const rows = yarn::rope_rows_node(context.get(), positions, freqs);
  // A node before the rotation, in place of the product with the weights.
  ggml_tensor* const doubled = ggml_scale(context.get(), x, 2.0F);
  ggml_tensor* const y = yarn::rope_inplace_node(context.get(), doubled, rows, pairing::half_split);
  ggml_set_output(y);
  ggml_cgraph* const graph = ggml_new_graph(context.get());
  ggml_build_forward_expand(graph, y);
  const engines::processor processor(2);
  const std::unique_ptr<ggml_gallocr, decltype(&ggml_gallocr_free)> allocator(
      ggml_gallocr_new(ggml_backend_get_default_buffer_type(processor.backend())),
      ggml_gallocr_free);
  ASSERT_TRUE(ggml_gallocr_alloc_graph(allocator.get(), graph));
  const std::vector<std::int32_t> list = {5, 4, 3, 2, 99999};
  std::vector<float> values(5 * 4 * 128);
  fill(values.data(), values.size(), 3);
  ggml_backend_tensor_set(x, values.data(), 0, ggml_nbytes(x));
  ggml_backend_tensor_set(positions, list.data(), 0, ggml_nbytes(positions));
  processor.compute(graph);
  for (float& value : values)
    value *= 2;
  std::vector<float> found(values.size());
  ggml_backend_tensor_get(y, found.data(), 0, ggml_nbytes(y));
  EXPECT_TRUE(same_bits(found, rotated(values, list, freqs, pairing::half_split)));
}

// ---- Views -------------------------------------------------------------------------------------

TEST(ggml_heads, are_where_the_tensor_says) {
  const engines::context_ptr context = engines::make_context(memory);
  ggml_tensor* const x = new_tensor<float>(context.get(), 3, 4, 1, 2);
  const auto second = yarn::heads_from<float>(x, 1);
  EXPECT_EQ(second.data(), static_cast<float*>(x->data) + 4 * 3 * 128);
  EXPECT_EQ(second.n_tokens(), 4);
  EXPECT_EQ(second.n_heads(), 3);
  EXPECT_EQ(second.head_dim(), 128);
  EXPECT_EQ(second.token_stride(), 3 * 128);
  EXPECT_EQ(second.head_stride(), 128);

  ggml_tensor* const half = new_tensor<yarn::float16>(context.get(), 6, 5);
  ggml_tensor* const part =
      ggml_view_3d(context.get(), half, 64, 2, 5, half->nb[1], half->nb[2], 3 * half->nb[1] + 128);
  const auto view = yarn::heads_from<const yarn::float16>(part);
  EXPECT_EQ(view.data(), static_cast<yarn::float16*>(half->data) + 3 * 128 + 64);
  EXPECT_EQ(view.head_dim(), 64);
  EXPECT_EQ(view.n_heads(), 2);
  EXPECT_EQ(view.token_stride(), 6 * 128);
  EXPECT_EQ(view.head_stride(), 128);
}

template <class Call> void expect_refusal(Call&& call, std::initializer_list<std::string> words) {
  support::expect_error<std::invalid_argument>(call, words);
}

TEST(ggml_heads, are_refused_by_name) {
  const engines::context_ptr context = engines::make_context(memory);
  ggml_tensor* const x = new_tensor<float>(context.get(), 3, 4);
  ggml_set_name(x, "Qcur");
  expect_refusal([&] { static_cast<void>(yarn::heads_from<yarn::float16>(x)); },
                 {"Qcur holds f32", "f16 is asked for"});
  expect_refusal(
      [&] {
        static_cast<void>(
            yarn::heads_from<yarn::bfloat16>(new_tensor<yarn::float16>(context.get(), 3, 4)));
      },
      {"holds f16", "bf16 is asked for"});
  expect_refusal([&] { static_cast<void>(yarn::heads_from<float>(nullptr)); }, {"is null"});
  expect_refusal(
      [&] {
        static_cast<void>(yarn::heads_from<float>(ggml_permute(context.get(), x, 1, 0, 2, 3)));
      },
      {"nb[0] = 512", "4 bytes"});
  ggml_tensor* const crooked = ggml_view_3d(context.get(), x, 8, 2, 2, 126, 512, 0);
  expect_refusal([&] { static_cast<void>(yarn::heads_from<float>(crooked)); },
                 {"nb[1] = 126", "multiple of the 4 bytes"});
  crooked->nb[1] = 128;
  crooked->nb[2] = 513;
  expect_refusal([&] { static_cast<void>(yarn::heads_from<float>(crooked)); }, {"nb[2] = 513"});
  ggml_tensor* const batch = new_tensor<float>(context.get(), 3, 4, 1, 2);
  expect_refusal([&] { static_cast<void>(yarn::heads_from<float>(batch)); },
                 {"ne[3] = 2 sequences"});
  for (const int sequence : {-1, 2}) {
    support::expect_error<std::out_of_range>(
        [&] { static_cast<void>(yarn::heads_from<float>(batch, sequence)); },
        {"sequence = " + std::to_string(sequence), "[0, ne[3] = 2)"});
  }
  const engines::context_ptr empty(ggml_init({1 << 16, nullptr, true}));
  expect_refusal(
      [&] {
        static_cast<void>(
            yarn::heads_from<float>(ggml_new_tensor_3d(empty.get(), GGML_TYPE_F32, 128, 3, 4)));
      },
      {"has no memory yet"});
}

TEST(ggml_graph, is_refused_where_it_is_built) {
  const engines::context_ptr context = engines::make_context(memory);
  ggml_context* const c = context.get();
  const auto freqs = our_frequencies(all_parameters[0]);
  ggml_tensor* const positions = new_positions(c, {1, 2, 3});
  ggml_tensor* const rows = yarn::rope_rows_node(c, positions, freqs);
  ggml_tensor* const x = new_tensor<float>(c, 2, 3);
  const auto node = [&](ggml_tensor* tensor, ggml_tensor* with) {
    return
        [=] { static_cast<void>(yarn::rope_inplace_node(c, tensor, with, pairing::half_split)); };
  };
  ASSERT_NE(yarn::rope_inplace_node(c, x, rows, pairing::half_split), nullptr);
  expect_refusal(
      [&] { static_cast<void>(yarn::rope_inplace_node(nullptr, x, rows, pairing::half_split)); },
      {"context is null"});
  expect_refusal(node(nullptr, rows), {"x is null"});
  expect_refusal(node(x, nullptr), {"rows is null"});
  expect_refusal(
      [&] { static_cast<void>(yarn::rope_inplace_node(c, x, rows, static_cast<pairing>(7))); },
      {"pairing = 7"});
  ggml_tensor* const quantised = ggml_new_tensor_3d(c, GGML_TYPE_Q8_0, 128, 2, 3);
  ggml_set_name(quantised, "k_cache");
  expect_refusal(node(quantised, rows), {"k_cache holds q8_0", "f32, f16 and bf16"});
  expect_refusal(node(new_tensor<float>(c, 2, 4), rows), {"rows.n_rows = 3", "n_tokens = 4"});
  expect_refusal(node(ggml_new_tensor_3d(c, GGML_TYPE_F32, 64, 2, 3), rows),
                 {"x.head_dim = 64", "rotary_dim = 128"});
  expect_refusal(node(ggml_permute(c, x, 1, 0, 2, 3), rows), {"nb[0] = 512"});
  expect_refusal(node(ggml_view_3d(c, x, 128, 2, 3, 256, 1024, 0), rows), {"overlap"});
  ggml_tensor* const woven =
      ggml_view_4d(c, new_tensor<float>(c, 4, 3), 128, 2, 3, 2, 512, 2048, 1024, 0);
  expect_refusal(node(woven, rows), {"nb[3] = 1024", "overlap or interweave"});
  for (ggml_tensor* const wrong :
       {ggml_new_tensor_2d(c, GGML_TYPE_F16, 128, 3), ggml_new_tensor_2d(c, GGML_TYPE_F32, 127, 3),
        ggml_new_tensor_3d(c, GGML_TYPE_F32, 128, 3, 2)}) {
    expect_refusal(node(x, wrong), {"must be f32 [2 * n_pairs, n_tokens]"});
  }
  expect_refusal(node(x, ggml_view_2d(c, rows, 128, 3, 510, 0)), {"nb[1] = 510"});

  const auto rows_of = [&](ggml_tensor* list) {
    return [&, list] { static_cast<void>(yarn::rope_rows_node(c, list, freqs)); };
  };
  expect_refusal(rows_of(nullptr), {"positions is null"});
  expect_refusal(rows_of(ggml_new_tensor_1d(c, GGML_TYPE_I64, 3)), {"i64 [3, 1, 1, 1]"});
  expect_refusal(rows_of(ggml_new_tensor_2d(c, GGML_TYPE_I32, 3, 4)), {"i32 [3, 4, 1, 1]"});
  const yarn::frequencies none;
  expect_refusal([&] { static_cast<void>(yarn::rope_rows_node(c, positions, none)); },
                 {"n_pairs = 0"});

  ggml_tensor* const input = ggml_new_tensor_2d(c, GGML_TYPE_F32, 128, 3);
  expect_refusal([&] { yarn::fill_rope_rows(input, freqs, yarn::positions_from(0, 4)); },
                 {"positions.size = 4", "3"});
  expect_refusal([&] { yarn::fill_rope_rows(input, freqs, yarn::positions_from(0)); },
                 {"positions.size = -1"});
  expect_refusal(
      [&] {
        yarn::fill_rope_rows(ggml_new_tensor_2d(c, GGML_TYPE_F32, 64, 3), freqs,
                             yarn::positions_from(0, 3));
      },
      {"ne[0] = 64", "2 * n_pairs = 128"});
  support::expect_error<std::out_of_range>(
      [&] { yarn::fill_rope_rows(input, freqs, yarn::positions_from(std::int64_t{1} << 31, 3)); },
      {"2147483650"});
}

TEST(ggml_mode, is_a_pairing) {
  EXPECT_EQ(yarn::pairing_from_mode(GGML_ROPE_TYPE_NEOX), pairing::half_split);
  EXPECT_EQ(yarn::pairing_from_mode(GGML_ROPE_TYPE_NORMAL), pairing::interleaved);
  for (const int mode : {GGML_ROPE_TYPE_MROPE, GGML_ROPE_TYPE_VISION, GGML_ROPE_TYPE_IMROPE, 1})
    expect_refusal([&] { static_cast<void>(yarn::pairing_from_mode(mode)); },
                   {"mode = " + std::to_string(mode)});
}

} // namespace

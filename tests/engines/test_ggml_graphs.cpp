// SPDX-License-Identifier: MIT
// Graphs of ggml with our nodes give the bits of rope_apply: with shared rows, views, several
// sequences, and tensors whose memory is allocated later.
#include "ggml_graphs.hpp"

#include <ggml-alloc.h>
#include <gtest/gtest.h>

#include <memory>

namespace {

using engines::all_parameters;
using engines::compute;
using engines::fill;
using engines::memory;
using engines::new_positions;
using engines::new_tensor;
using engines::our_frequencies;
using engines::thread_counts;
using engines::values_of;
using support::same_bits;
using yarn::pairing;

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
    // Six rotations, and one node that makes the rows for all of them.
    EXPECT_EQ(ggml_graph_n_nodes(graph), 7);
    const engines::cpu_backend cpu(n_threads);
    for (int step = 0; step < 3; ++step) {
      std::vector<std::vector<float>> expected;
      expected.reserve(layers.size());
      for (ggml_tensor* const x : layers)
        expected.push_back(rotated(values_of<float>(x), list, freqs, pairing::half_split));
      cpu.compute(graph);
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

TEST(ggml_graph, rotates_a_section_of_packed_rows) {
  // [q 4 | k 2 | v 2] heads in a row; k is a view.
  for (const int n_threads : thread_counts) {
    const engines::context_ptr context = engines::make_context(memory);
    ggml_tensor* const qkv = new_tensor<float>(context.get(), 8, 6);
    const auto before = values_of<float>(qkv);
    ggml_tensor* const k =
        ggml_view_3d(context.get(), qkv, 128, 2, 6, qkv->nb[1], qkv->nb[2], 4 * qkv->nb[1]);
    const std::vector<std::int32_t> list = {1, 2, 3, 4, 5, 6};
    const auto freqs = our_frequencies(all_parameters[2]); // 64 of 128 elements
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
  // Two sequences, each [head][token][dim] in memory.
  ggml_tensor* const x = new_tensor<float>(context.get(), 3, 4, 9, 2);
  ggml_tensor* const swapped = ggml_permute(context.get(), x, 0, 2, 1, 3);
  const auto before = values_of<float>(x);
  const auto freqs = our_frequencies(all_parameters[0]);
  const std::vector<std::int32_t> list = {10, 20, 30}; // the 3 heads of x become the tokens
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

// llama.cpp builds a graph of tensors without memory, and an allocator assigns the memory later.
TEST(ggml_graph, is_built_before_its_memory) {
  const engines::context_ptr context(ggml_init({1 << 20, nullptr, true}));
  const auto freqs = our_frequencies(all_parameters[4]);
  ggml_tensor* const x = ggml_new_tensor_3d(context.get(), GGML_TYPE_F32, 128, 4, 5);
  ggml_tensor* const positions = ggml_new_tensor_1d(context.get(), GGML_TYPE_I32, 5);
  ggml_set_input(x);
  ggml_set_input(positions);
  ggml_tensor* const rows = yarn::rope_rows_node(context.get(), positions, freqs);
  // An operation before the rotation, like the product with the weights.
  ggml_tensor* const doubled = ggml_scale(context.get(), x, 2.0F);
  ggml_tensor* const y = yarn::rope_inplace_node(context.get(), doubled, rows, pairing::half_split);
  ggml_set_output(y);
  ggml_cgraph* const graph = ggml_new_graph(context.get());
  ggml_build_forward_expand(graph, y);
  const engines::cpu_backend cpu(2);
  const std::unique_ptr<ggml_gallocr, decltype(&ggml_gallocr_free)> allocator(
      ggml_gallocr_new(ggml_backend_get_default_buffer_type(cpu.backend())), ggml_gallocr_free);
  ASSERT_TRUE(ggml_gallocr_alloc_graph(allocator.get(), graph));
  const std::vector<std::int32_t> list = {5, 4, 3, 2, 99999};
  std::vector<float> values(5 * 4 * 128);
  fill(values.data(), values.size(), 3);
  ggml_backend_tensor_set(x, values.data(), 0, ggml_nbytes(x));
  ggml_backend_tensor_set(positions, list.data(), 0, ggml_nbytes(positions));
  cpu.compute(graph);
  for (float& value : values)
    value *= 2;
  std::vector<float> found(values.size());
  ggml_backend_tensor_get(y, found.data(), 0, ggml_nbytes(y));
  EXPECT_TRUE(same_bits(found, rotated(values, list, freqs, pairing::half_split)));
}

} // namespace

// SPDX-License-Identifier: MIT
// Slices on many threads give the result of one call, and simultaneous calls with different
// configurations do not affect each other. Run the program with the thread sanitizer to find data
// races that do not change the results:
//   g++ -std=c++17 -O1 -g -fsanitize=thread -I include -I tests tests/rope/test_rope_threads.cpp
//       -lgtest -lgtest_main -pthread
#include "../support/emulated_rotation.hpp"
#include "../support/model_methods.hpp"
#include "../support/tensors.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace {

using support::pairings;
using support::tensor;
using yarn::pairing;

template <class T> class rope_threads : public ::testing::Test {};
TYPED_TEST_SUITE(rope_threads, support::element_types, support::element_names);

yarn::frequencies yarn_frequencies(double factor, std::int64_t head_dim, double theta) {
  yarn::yarn_scaling method;
  method.factor = factor;
  method.original_max_position_embeddings = 4096;
  return yarn::make_frequencies(support::shape_of(head_dim, theta), method);
}

/// Runs work(0), …, work(n - 1), each on its own thread. All threads start work together.
template <class Work> void on_threads(std::int64_t n, const Work& work) {
  std::atomic<std::int64_t> waiting{n};
  std::vector<std::thread> threads;
  for (std::int64_t i = 0; i < n; ++i) {
    threads.emplace_back([&waiting, &work, i] {
      --waiting;
      while (waiting != 0) {
        std::this_thread::yield();
      }
      work(i);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

// At the borders of slices, tokens of 2-byte elements share cache lines. In a head-major tensor
// this happens once per head.
TYPED_TEST(rope_threads, slices_on_threads_equal_one_call) {
  constexpr std::size_t n_tokens = 45, dim = 34;
  const yarn::frequencies freqs = yarn_frequencies(16, dim, 1e4);
  std::vector<std::int32_t> list(n_tokens);
  for (std::size_t t = 0; t < n_tokens; ++t) {
    list[t] = static_cast<std::int32_t>(t < 30 ? t + 100 : 400 - 7 * t);
  }
  const yarn::positions list_view(list);
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, list_view);
  const auto table = yarn::make_table<float>(freqs, 512);
  const tensor<TypeParam> q(support::dense(n_tokens, 3, dim + 1), 1);
  const tensor<TypeParam> k(support::head_major(n_tokens, 2, dim), 2);

  for (const pairing order : pairings) {
    tensor<TypeParam> whole_q = q, whole_k = k;
    yarn::rope_apply(whole_q.view(), whole_k.view(), rows, order);
    // For double elements, rows_of makes rows of doubles, which differ from the rows of floats.
    tensor<TypeParam> made_q = q, made_k = k;
    yarn::rope_apply(made_q.view(), made_k.view(), yarn::rows_of(freqs, list_view), order);

    for (const std::int64_t n_threads : {2, 3, 8, 64}) {
      tensor<TypeParam> a_q = q, a_k = k, b_q = q, b_k = k, c_q = q, c_k = k;
      yarn::rope_check(a_q.view(), a_k.view(), rows, order);
      on_threads(n_threads, [&](std::int64_t i) {
        const yarn::thread_slice part{i, n_threads};
        yarn::rope_apply_unchecked(a_q.view(), a_k.view(), rows, order, part);
        yarn::rope_apply_unchecked(b_q.view(), b_k.view(), yarn::rows_of(freqs, list_view), order,
                                   part);
        yarn::rope_apply_unchecked(c_q.view(), yarn::rows_of(table, list_view), order, part);
        yarn::rope_apply_unchecked(c_k.view(), yarn::rows_of(table, list_view), order, part);
      });
      EXPECT_TRUE(support::same_bits(a_q.buffer, whole_q.buffer)) << n_threads;
      EXPECT_TRUE(support::same_bits(a_k.buffer, whole_k.buffer)) << n_threads;
      EXPECT_TRUE(support::same_bits(b_q.buffer, made_q.buffer)) << n_threads;
      EXPECT_TRUE(support::same_bits(b_k.buffer, made_k.buffer)) << n_threads;
      EXPECT_TRUE(support::same_bits(c_q.buffer, whole_q.buffer)) << n_threads;
      EXPECT_TRUE(support::same_bits(c_k.buffer, whole_k.buffer)) << n_threads;
    }
  }
}

// Two models in one process, or two kinds of layers in one model, run at the same time. Neither
// gets the numbers of the other.
TYPED_TEST(rope_threads, two_configurations_at_once) {
  constexpr std::size_t n_tokens = 12, heads = 2, dim = 64;
  constexpr int n_rounds = 40;
  struct configuration {
    yarn::frequencies freqs;
    pairing order;
    std::int64_t first_position;
  };
  const std::array<configuration, 2> models{
      configuration{yarn_frequencies(32, dim, 1e4), pairing::half_split, 5000},
      configuration{yarn_frequencies(4, 48, 1e6), pairing::interleaved, 3}};
  const tensor<TypeParam> start(support::dense(n_tokens, heads, dim));
  std::vector<tensor<TypeParam>> alone;
  for (const configuration& model : models) {
    alone.push_back(start);
    yarn::rope_apply(alone.back().view(),
                     yarn::rows_of(model.freqs, yarn::positions_from(model.first_position)),
                     model.order);
  }
  EXPECT_FALSE(support::same_bits(alone[0].buffer, alone[1].buffer));

  std::array<int, 2> failures{};
  on_threads(2, [&](std::int64_t i) {
    const auto which = static_cast<std::size_t>(i);
    const configuration& model = models[which];
    for (int round = 0; round < n_rounds; ++round) {
      tensor<TypeParam> x = start;
      const auto list_view = yarn::positions_from(model.first_position, n_tokens);
      if (round % 2 == 0) {
        yarn::rope_apply(x.view(), yarn::rows_of(model.freqs, list_view), model.order);
      } else { // also makes the frequencies and rows again
        using compute = support::compute_type<TypeParam>;
        yarn::rotary_rows<compute> rows;
        rows.assign(which == 0 ? yarn_frequencies(32, dim, 1e4) : yarn_frequencies(4, 48, 1e6),
                    list_view);
        yarn::rope_apply(x.view(), rows, model.order);
      }
      failures[which] += support::same_bits(x.buffer, alone[which].buffer) ? 0 : 1;
    }
  });
  EXPECT_EQ(failures[0], 0);
  EXPECT_EQ(failures[1], 0);
}

// All layers use the rows of the same step, while the threads may be in different layers.
TYPED_TEST(rope_threads, layers_share_rows) {
  constexpr std::size_t n_tokens = 4, heads = 2, dim = 64, n_layers = 16;
  const yarn::frequencies freqs = yarn_frequencies(32, dim, 1e4);
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions_from(77, n_tokens));
  std::vector<tensor<TypeParam>> layers, expected;
  for (std::size_t layer = 0; layer < n_layers; ++layer) {
    layers.emplace_back(support::dense(n_tokens, heads, dim), layer);
    expected.push_back(layers.back());
    yarn::rope_apply(expected.back().view(), rows, pairing::interleaved);
  }
  on_threads(n_layers, [&](std::int64_t i) {
    yarn::rope_apply(layers[static_cast<std::size_t>(i)].view(), rows, pairing::interleaved);
  });
  for (std::size_t layer = 0; layer < n_layers; ++layer) {
    EXPECT_TRUE(support::same_bits(layers[layer].buffer, expected[layer].buffer)) << layer;
  }
}

} // namespace

// SPDX-License-Identifier: MIT
// Calls that engines write must compile and run.
#include <yarn/yarn.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace {

struct engine_tensor {
  float* data;
  int tokens, heads, dim;
};

} // namespace

template <> struct yarn::tensor_traits<engine_tensor> {
  static yarn::heads_view<float> heads(const engine_tensor& x) {
    return {x.data, x.tokens, x.heads, x.dim};
  }
};

namespace {

TEST(call_sites, compile_and_run) {
  constexpr int n_tokens = 5, n_q_heads = 32, n_kv_heads = 8, n_threads = 2;
  constexpr std::int64_t seq_len = 6000, past_tokens = 17;
  std::vector<float> q_storage(std::size_t{n_tokens} * n_q_heads * 128, 0.5f);
  std::vector<float> kv_storage(std::size_t{n_tokens} * 3 * 4096, -0.25f);
  float* q_data = q_storage.data();
  float* k_data = kv_storage.data();
  const std::vector<std::int32_t> positions32{3, 1, 4, 1, 5};
  const std::vector<std::int64_t> delta{7, -7, 0, 1, 2};
  const std::int32_t* pos = positions32.data();

  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rope_theta = 10000.0;
  yarn::yarn_scaling method;
  method.factor = 16.0;
  method.original_max_position_embeddings = 4096;
  yarn::frequencies freqs = yarn::make_frequencies(shape, method);
  yarn::dynamic_ntk_scaling dynamic;
  dynamic.factor = 2.0;
  dynamic.max_position_embeddings = 4096;
  yarn::frequencies now = yarn::make_frequencies(shape, dynamic, seq_len);
  const std::vector<double> inv_freq(64, 0.01);
  const std::vector<float> inv_freq32(64, 0.01f);
  const std::size_t n_pairs = inv_freq.size();
  const double attention_factor = 1.25;
  yarn::frequencies own = yarn::frequencies_from(inv_freq.data(), n_pairs, attention_factor);
  yarn::frequencies own32 = yarn::frequencies_from(inv_freq32.data(), n_pairs, attention_factor);
  EXPECT_EQ(freqs.inv_freq().data()[0], 1.0);
  EXPECT_EQ(freqs.inv_freq().size(), 64u);
  EXPECT_NEAR(freqs.attention_factor(), 0.1 * std::log(16.0) + 1.0, 1e-15);
  EXPECT_EQ(own.attention_factor(), own32.attention_factor());

  yarn::heads_view q{q_data, n_tokens, n_q_heads, 128};
  auto k = yarn::heads_view{k_data, n_tokens, n_kv_heads, 128}.with_strides(3 * 4096, 128);
  yarn::rope_apply(q, k, yarn::rows_of(freqs, yarn::positions(pos, n_tokens)),
                   yarn::pairing::half_split);
  yarn::rope_apply(q, k, yarn::rows_of(freqs, yarn::positions_from(past_tokens)),
                   yarn::pairing::half_split);
  yarn::rope_apply(k, yarn::rows_of(freqs, yarn::positions_from(0)), yarn::pairing::interleaved);

  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions(pos, n_tokens));
  yarn::rope_apply(q, k, rows, yarn::pairing::half_split);
  yarn::rope_check(q, k, rows, yarn::pairing::half_split);
  for (int i = 0; i < n_threads; ++i)
    yarn::rope_apply_unchecked(q, k, rows, yarn::pairing::half_split,
                               yarn::thread_slice{i, n_threads});
  rows.append(now, yarn::positions_from(17, 5));
  EXPECT_EQ(rows.n_rows(), 10);

  yarn::rotary_table<float> table = yarn::make_table<float>(freqs, 4096);
  yarn::rope_apply(q, k, yarn::rows_of(table, yarn::positions(pos, n_tokens)),
                   yarn::pairing::half_split);
  const float* cos_data = table.cos(0);
  const float* sin_data = table.sin(0);
  const int n_rows = 4096;
  const std::ptrdiff_t row_stride = table.cos(1) - table.cos(0);
  yarn::table_view<float> theirs{cos_data, sin_data, n_rows, n_pairs, row_stride};
  yarn::rope_apply(q, k, yarn::rows_of(theirs, yarn::positions(pos, n_tokens)),
                   yarn::pairing::half_split);

  yarn::rope_apply(k, yarn::rows_of(yarn::inverse(freqs), yarn::positions(pos, n_tokens)),
                   yarn::pairing::half_split);
  yarn::rope_apply(k, yarn::rows_of(yarn::adjoint(freqs), yarn::positions(pos, n_tokens)),
                   yarn::pairing::half_split);
  yarn::rope_apply(k, yarn::rows_of(yarn::unscaled(freqs), yarn::positions(delta.data(), n_tokens)),
                   yarn::pairing::half_split);
  yarn::rope_apply(k, yarn::rows_of(yarn::rerotation(freqs, now), yarn::positions(pos, n_tokens)),
                   yarn::pairing::half_split);

  // All calls together only rotate a pair and multiply it by attention factors, so its norm is
  // known.
  const double m = freqs.attention_factor();
  const double expected_q = std::hypot(0.5, 0.5) * std::pow(m, 6.0);
  EXPECT_NEAR(std::hypot(q_data[0], q_data[64]) / expected_q, 1.0, 1e-5);
}

TEST(call_sites, engine_tensor_gives_the_bits_of_its_heads_view) {
  yarn::rope_shape shape;
  shape.head_dim = 8;
  shape.rope_theta = 10000.0;
  const yarn::frequencies freqs = yarn::make_frequencies(shape, yarn::default_scaling{});
  const auto rows = yarn::rows_of(freqs, yarn::positions_from(3));
  std::vector<float> data(2 * 3 * 8), expected, target(data.size());
  for (std::size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<float>(i);
  expected = data;
  yarn::rope_apply(yarn::heads_view{expected.data(), 2, 3, 8}, rows, yarn::pairing::interleaved);
  yarn::rope_copy(engine_tensor{data.data(), 2, 3, 8}, engine_tensor{target.data(), 2, 3, 8}, rows,
                  yarn::pairing::interleaved);
  EXPECT_EQ(target, expected);
  yarn::rope_check(engine_tensor{data.data(), 2, 3, 8}, rows, yarn::pairing::interleaved);
  yarn::rope_apply(engine_tensor{data.data(), 2, 3, 8}, rows, yarn::pairing::interleaved);
  EXPECT_EQ(data, expected);
}

} // namespace

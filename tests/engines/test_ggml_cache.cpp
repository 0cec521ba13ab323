// SPDX-License-Identifier: MIT
// K-shift of a q8_0 cache: rope_apply in place, compared with ggml's way, which casts the cache to
// float, rotates, and copies the result back. Prints how much faster rope_apply is.
#include "ggml_graphs.hpp"

#include <yarn/ggml_blocks.hpp>
#include <yarn/kv_cache.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace {

using bytes = std::vector<unsigned char>;
constexpr std::int64_t n_tokens = 4096, n_heads = 8, dim = 128, head_size = 136;
constexpr std::int64_t distance = -512;
constexpr float theta = 500000.0F;

yarn::frequencies frequencies() {
  yarn::rope_shape shape;
  shape.head_dim = dim;
  shape.rope_theta = static_cast<double>(theta);
  return yarn::make_frequencies(shape, yarn::default_scaling{});
}
auto cache_of(bytes& memory) {
  return yarn::stored(yarn::heads_view<unsigned char>(memory.data(), n_tokens, n_heads, head_size),
                      yarn::q8_0(yarn::q8_0_writer::avx), dim);
}

/// ggml's graph of a K-shift, as llama.cpp builds it for quantised caches.
class shift_in_ggml {
public:
  shift_in_ggml(const bytes& cache, int n_threads) : cpu_(n_threads) {
    ggml_context* const c = context_.get();
    cache_ = ggml_new_tensor_3d(c, GGML_TYPE_Q8_0, dim, n_heads, n_tokens);
    ggml_tensor* const list = ggml_new_tensor_1d(c, GGML_TYPE_I32, n_tokens);
    std::fill_n(static_cast<std::int32_t*>(list->data), n_tokens,
                static_cast<std::int32_t>(distance));
    ggml_tensor* const wide = ggml_cast(c, cache_, GGML_TYPE_F32);
    ggml_tensor* const rotated = ggml_rope_ext_inplace(
        c, wide, list, nullptr, dim, GGML_ROPE_TYPE_NEOX, 0, theta, 1.0F, 0.0F, 1.0F, 32.0F, 1.0F);
    graph_ = ggml_new_graph(c);
    ggml_build_forward_expand(graph_, ggml_cpy(c, rotated, cache_));
    set(cache);
  }
  void set(const bytes& cache) { std::copy(cache.begin(), cache.end(), data()); }
  bytes get() { return {data(), data() + ggml_nbytes(cache_)}; }
  void run() { cpu_.compute(graph_); }

private:
  unsigned char* data() { return static_cast<unsigned char*>(cache_->data); }

  engines::cpu_backend cpu_;
  engines::context_ptr context_ = engines::make_context(std::size_t{64} << 20U);
  ggml_tensor* cache_ = nullptr;
  ggml_cgraph* graph_ = nullptr;
};

bytes random_cache() {
  std::vector<float> x = support::random_elements<float>(n_tokens * n_heads * dim, 3);
  bytes memory(n_tokens * n_heads * head_size);
  yarn::copy_heads(yarn::heads_view<float>(x.data(), n_tokens, n_heads, dim), cache_of(memory));
  return memory;
}
std::vector<float> decoded(bytes& memory) {
  std::vector<float> x(n_tokens * n_heads * dim);
  yarn::copy_heads(cache_of(memory), yarn::heads_view<float>(x.data(), n_tokens, n_heads, dim));
  return x;
}

// Both round the rotated floats to q8_0. The floats differ in their last bits, so a code may differ
// by 1, but few do.
TEST(ggml_cache, moved_keys_are_those_of_ggml) {
  bytes ours = random_cache(), before = ours;
  shift_in_ggml ggml(ours, 2);
  ggml.run();
  const std::vector<std::int64_t> distances(n_tokens, distance);
  yarn::rope_apply(cache_of(ours), yarn::rows_of(frequencies(), yarn::positions(distances)),
                   yarn::pairing::half_split);
  bytes theirs = ggml.get();
  ASSERT_NE(theirs, before);
  const std::vector<float> a = decoded(ours), b = decoded(theirs);
  std::size_t n_different = 0;
  for (std::size_t block = 0; block < a.size() / 32; ++block) {
    float largest = 0;
    for (std::size_t i = 32 * block; i < 32 * block + 32; ++i)
      largest = std::max(largest, std::fabs(a[i]));
    for (std::size_t i = 32 * block; i < 32 * block + 32; ++i) {
      ASSERT_LE(std::fabs(a[i] - b[i]), largest * (1.0F / 127 + 0x1p-10F)) << "element " << i;
      n_different += a[i] == b[i] ? 0 : 1;
    }
  }
  std::printf("%.3f %% of the elements differ, by one step\n",
              100.0 * static_cast<double>(n_different) / static_cast<double>(a.size()));
  EXPECT_LT(n_different, a.size() / 100);
}

// Interleaved runs in one process, one thread each.
TEST(ggml_cache, moving_keys_is_faster_than_in_ggml) {
  bytes memory = random_cache();
  shift_in_ggml ggml(memory, 1);
  const std::vector<std::int64_t> distances(n_tokens, distance);
  const yarn::frequencies f = frequencies();
  const auto seconds = [](const auto& call) {
    const auto start = std::chrono::steady_clock::now();
    call();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  std::vector<double> ours, theirs, ratios;
  for (int i = 0; i < 41; ++i) {
    theirs.push_back(seconds([&] { ggml.run(); }));
    ours.push_back(seconds([&] {
      yarn::rope_apply(cache_of(memory), yarn::rows_of(f, yarn::positions(distances)),
                       yarn::pairing::half_split);
    }));
    ratios.push_back(theirs.back() / ours.back());
  }
  const auto median = [](std::vector<double>& x) {
    std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2), x.end());
    return x[x.size() / 2];
  };
  const double ratio = median(ratios);
  const auto fastest = [](const std::vector<double>& x) {
    return 1e3 * *std::min_element(x.begin(), x.end());
  };
  std::printf("K-shift of %d x %d q8_0 rows: %.1f times faster; fastest runs: ggml %.2f ms, yarn "
              "%.2f ms\n",
              static_cast<int>(n_tokens), static_cast<int>(n_heads), ratio, fastest(theirs),
              fastest(ours));
  EXPECT_GT(ratio, 2.0); // far below the usual ratio, because other programs may run
}

} // namespace

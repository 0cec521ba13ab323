// SPDX-License-Identifier: MIT
// The GPU kernel of docs/gpus.md, compiled as C++, gives the bits of rope_apply. So the CPU and the
// GPU may share the work of one model. This file defines CUDA's names for the grid
// and for the arithmetic of IEEE 754.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/tensors.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

namespace cuda {

// NOLINTBEGIN(readability-identifier-naming,bugprone-reserved-identifier): CUDA's names
struct dim {
  int x, y;
};
dim gridDim, blockIdx, threadIdx;

float __fmul_rn(float a, float b) { return a * b; } // an argument of fma, so it cannot be fused
float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
template <class T> float load(T value) { return support::element<T>::widen(value); }
template <class T> T store(float value) { return support::element<T>::narrow(value); }

#define __global__
// NOLINTEND(readability-identifier-naming,bugprone-reserved-identifier)

// [kernel]
// Grid (n_tokens, n_heads), one thread per pair. load and store are casts for float. For 16 bits
// they are __bfloat162float and __float2bfloat16_rn, or __half2float and __float2half_rn.
template <class T>
__global__ void rotate(T* x, const float* rows, int head_dim, int n_pairs, bool interleaved) {
  const long long token = blockIdx.x, head = blockIdx.y, i = threadIdx.x;
  const float* cos_sin = rows + token * 2 * n_pairs;
  const float c = cos_sin[i], s = cos_sin[n_pairs + i];
  T* pairs = x + (token * gridDim.y + head) * head_dim;
  T& a = pairs[interleaved ? 2 * i : i];
  T& b = pairs[interleaved ? 2 * i + 1 : i + n_pairs];
  const float x0 = load(a), x1 = load(b);
  a = store<T>(__fmaf_rn(-x1, s, __fmul_rn(x0, c))); // x0 * c is rounded, x1 * s is not
  b = store<T>(__fmaf_rn(x0, s, __fmul_rn(x1, c)));
}
// [/kernel]

template <class T>
void launch(int n_tokens, int n_heads, T* x, const float* rows, int head_dim, int n_pairs,
            bool interleaved) {
  gridDim = {n_tokens, n_heads};
  for (blockIdx.x = 0; blockIdx.x < n_tokens; ++blockIdx.x)
    for (blockIdx.y = 0; blockIdx.y < n_heads; ++blockIdx.y)
      for (threadIdx.x = 0; threadIdx.x < n_pairs; ++threadIdx.x)
        rotate(x, rows, head_dim, n_pairs, interleaved);
}

} // namespace cuda

namespace {

using support::element;
using support::random_source;
using yarn::pairing;

constexpr int n_heads = 6, head_dim = 96, n_pairs = 40; // 16 elements of a head are not rotated

yarn::frequencies frequencies_with_an_attention_factor() {
  yarn::rope_shape shape;
  shape.head_dim = head_dim;
  shape.rotary_dim = 2 * n_pairs;
  shape.rope_theta = 10000.0;
  yarn::yarn_scaling method;
  method.factor = 32.0;
  method.original_max_position_embeddings = 4096;
  return yarn::make_frequencies(shape, method);
}

/// The positions of a prompt, and some single positions.
std::vector<std::int32_t> token_positions() {
  std::vector<std::int32_t> list(25);
  std::iota(list.begin(), list.end(), 131000);
  list.insert(list.end(), {7, 0, 131071, 64});
  return list;
}

template <class T> std::vector<T> random_tensor(std::size_t n_tokens) {
  std::vector<T> x(n_tokens * n_heads * head_dim);
  random_source random(5);
  for (T& value : x)
    value = support::element_of<T>(random.number(-4.0, 4.0));
  return x;
}

template <class T> bool have_equal_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <class T> class gpu_rows : public ::testing::Test {};
using elements = ::testing::Types<float, yarn::float16, yarn::bfloat16>;
TYPED_TEST_SUITE(gpu_rows, elements, support::element_names);

TYPED_TEST(gpu_rows, give_the_bits_of_rope_apply) {
  const yarn::frequencies freqs = frequencies_with_an_attention_factor();
  const std::vector<std::int32_t> positions = token_positions();
  const std::size_t n_tokens = positions.size();
  // An engine fills its pinned buffer in this way: row t is [cos | sin], dense.
  std::vector<float> staging(n_tokens * 2 * n_pairs);
  yarn::fill_rows(freqs, yarn::positions(positions), staging.data(), staging.data() + n_pairs,
                  2 * n_pairs);
  for (const pairing p : {pairing::half_split, pairing::interleaved}) {
    const std::vector<TypeParam> before = random_tensor<TypeParam>(n_tokens);
    std::vector<TypeParam> on_cpu = before, on_gpu = before;
    yarn::rope_apply(yarn::heads_view{on_cpu.data(), n_tokens, n_heads, head_dim},
                     yarn::rows_of(freqs, yarn::positions(positions)), p);
    cuda::launch(static_cast<int>(n_tokens), n_heads, on_gpu.data(), staging.data(), head_dim,
                 n_pairs, p == pairing::interleaved);
    EXPECT_FALSE(have_equal_bits(on_cpu, before));
#if YARN_HAS_FMA
    EXPECT_TRUE(have_equal_bits(on_cpu, on_gpu));
#else
    // Without a fused multiply-add the CPU's result is within 1.25 ULP of the exact rotation by the
    // row, and the kernel's within 1 ULP. Pairs are at most 4 sqrt(2) * 1.35 long, below 8. Elements
    // of 16 bits are rounded once more.
    const double bound = 2.25 * std::ldexp(1.0, -21) +
                         (sizeof(TypeParam) == 2 ? support::unit_at<TypeParam>(7.9) : 0.0);
    for (std::size_t i = 0; i < on_cpu.size(); ++i)
      ASSERT_LE(std::fabs(static_cast<double>(element<TypeParam>::widen(on_cpu[i])) -
                          static_cast<double>(element<TypeParam>::widen(on_gpu[i]))),
                bound)
          << i;
#endif
  }
}

// The CPU rotates one half of the heads and the GPU the other, as in tensor parallelism.
TYPED_TEST(gpu_rows, heads_split_between_cpu_and_gpu_give_the_same_bits) {
  const yarn::frequencies freqs = frequencies_with_an_attention_factor();
  const std::vector<std::int32_t> positions = token_positions();
  const std::size_t n_tokens = positions.size();
  yarn::rotary_rows<float> rows; // the CPU and the GPU use the same rows
  rows.assign(freqs, yarn::positions(positions));
  const yarn::rows_view<float> view = rows.view();
  std::vector<float> staging; // a dense copy, because rotary_rows pads rows to cache lines
  for (std::int64_t t = 0; t < view.n_rows(); ++t) {
    staging.insert(staging.end(), view.cos(t), view.cos(t) + n_pairs);
    staging.insert(staging.end(), view.sin(t), view.sin(t) + n_pairs);
  }
  const std::vector<TypeParam> before = random_tensor<TypeParam>(n_tokens);
  std::vector<TypeParam> whole = before, shared = before;
  yarn::rope_apply(yarn::heads_view{whole.data(), n_tokens, n_heads, head_dim}, rows,
                   pairing::half_split);

  constexpr int n_heads_per_side = n_heads / 2;
  yarn::rope_apply(
      yarn::heads_view{shared.data(), n_tokens, n_heads_per_side, head_dim}.with_strides(
          n_heads * head_dim, head_dim),
      rows, pairing::half_split);
  std::vector<TypeParam> sent; // the memory of the GPU, with only the GPU's heads
  const auto gpu_heads = [&](std::size_t t) {
    return shared.begin() +
           static_cast<std::ptrdiff_t>((t * n_heads + n_heads_per_side) * head_dim);
  };
  for (std::size_t t = 0; t < n_tokens; ++t)
    sent.insert(sent.end(), gpu_heads(t), gpu_heads(t) + n_heads_per_side * head_dim);
  cuda::launch(static_cast<int>(n_tokens), n_heads_per_side, sent.data(), staging.data(), head_dim,
               n_pairs, false);
  for (std::size_t t = 0; t < n_tokens; ++t)
    std::copy_n(sent.begin() + static_cast<std::ptrdiff_t>(t * n_heads_per_side * head_dim),
                n_heads_per_side * head_dim, gpu_heads(t));
#if YARN_HAS_FMA
  EXPECT_TRUE(have_equal_bits(whole, shared));
#else
  EXPECT_FALSE(have_equal_bits(before, shared)); // give_the_bits_of_rope_apply checks the bound
#endif
}

#if YARN_HAS_FMA
// The kernel on the page uses intrinsics, because a compiler might otherwise fuse the other
// product. Some elements would then have another last bit.
TEST(gpu_rows_arithmetic, fusing_the_other_product_changes_last_bits) {
  const yarn::frequencies freqs = frequencies_with_an_attention_factor();
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions_from(131000, 1));
  const std::vector<float> before = random_tensor<float>(1);
  std::vector<float> x = before;
  yarn::rope_apply(yarn::heads_view{x.data(), 1, n_heads, head_dim}, rows, pairing::half_split);
  int n_different = 0;
  for (std::size_t h = 0; h < n_heads; ++h)
    for (std::size_t i = 0; i < n_pairs; ++i) {
      const std::size_t at = h * head_dim + i;
      const float c = rows.cos(0)[i], s = rows.sin(0)[i];
      n_different += std::fma(before[at], c, -(before[at + n_pairs] * s)) != x[at] ? 1 : 0;
    }
  EXPECT_GT(n_different, n_heads * n_pairs / 20);
}
#endif

// Several threads share the work of a large step. Each thread fills the rows of its slice.
TEST(gpu_rows_staging, slices_give_the_rows_of_one_call) {
  const yarn::frequencies freqs = frequencies_with_an_attention_factor();
  const std::vector<std::int32_t> positions = token_positions();
  std::vector<float> whole(positions.size() * 2 * n_pairs, -9.0F), parts = whole;
  const yarn::positions list(positions);
  yarn::fill_rows(freqs, list, whole.data(), whole.data() + n_pairs, 2 * n_pairs);
  for (int i = 2; i >= 0; --i)
    yarn::fill_rows(freqs, list, parts.data(), parts.data() + n_pairs, 2 * n_pairs,
                    yarn::thread_slice{i, 3});
  EXPECT_TRUE(have_equal_bits(whole, parts));
}

} // namespace

// SPDX-License-Identifier: MIT
// Our block formats store floats in the bytes that ggml's CPU backend writes into a KV cache
// (ggml_cpy, ggml_set_rows) and, except iq4_nl, in those that ggml_quantize_chunk gives. Decoding
// gives the floats of ggml.
#include "ggml_cpu_backend.hpp"
#include "support/ggml_blocks.hpp"

#include <yarn/ggml_blocks.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace {

using bytes = std::vector<unsigned char>;
constexpr std::int64_t head_dim = 128;
constexpr std::int64_t n_rows = 4000; // heads of each kind

std::vector<float> rows_of_kind(support::block_kind kind) {
  support::random_source random(static_cast<std::uint64_t>(kind) + 100);
  std::vector<float> x;
  while (x.size() < n_rows * head_dim) {
    const support::block_of_floats block = support::random_block(kind, random);
    x.insert(x.end(), block.begin(), block.end());
  }
  return x;
}

template <class Format> bytes encoded(const Format& format, const std::vector<float>& x) {
  const auto size = static_cast<std::size_t>(format.head_bytes(head_dim));
  bytes result(n_rows * size);
  for (std::int64_t row = 0; row < n_rows; ++row)
    format.encode(x.data() + row * head_dim, head_dim, result.data() + row * size, {row, 0});
  return result;
}
template <class Format> std::vector<float> decoded(const Format& format, const bytes& heads) {
  const auto size = static_cast<std::size_t>(format.head_bytes(head_dim));
  std::vector<float> x(n_rows * head_dim);
  for (std::int64_t row = 0; row < n_rows; ++row)
    format.decode(heads.data() + row * size, head_dim, x.data() + row * head_dim, {row, 0});
  return x;
}

bytes quantised(ggml_type type, const std::vector<float>& x) {
  bytes result(n_rows * ggml_row_size(type, head_dim));
  ggml_quantize_chunk(type, x.data(), result.data(), 0, n_rows, head_dim, nullptr);
  return result;
}

/// What a graph of ggml writes into a cache of this type, and what it reads from it.
struct cache_of_ggml {
  bytes heads;
  std::vector<float> floats;
};
cache_of_ggml cached(ggml_type type, const std::vector<float>& x, bool by_rows) {
  const engines::context_ptr context = engines::make_context(std::size_t{64} << 20U);
  ggml_tensor* const source = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, head_dim, n_rows);
  std::memcpy(source->data, x.data(), x.size() * sizeof(float));
  ggml_tensor* const cache = ggml_new_tensor_2d(context.get(), type, head_dim, n_rows);
  std::memset(cache->data, 0x55, ggml_nbytes(cache));
  ggml_tensor* written = nullptr;
  if (by_rows) {
    ggml_tensor* const list = ggml_new_tensor_1d(context.get(), GGML_TYPE_I64, n_rows);
    for (std::int64_t row = 0; row < n_rows; ++row)
      static_cast<std::int64_t*>(list->data)[row] = row;
    written = ggml_set_rows(context.get(), cache, source, list);
  } else {
    written = ggml_cpy(context.get(), source, cache);
  }
  ggml_tensor* const floats = ggml_cast(context.get(), written, GGML_TYPE_F32);
  ggml_cgraph* const graph = ggml_new_graph(context.get());
  ggml_build_forward_expand(graph, floats);
  engines::cpu_backend(2).compute(graph);
  const auto* const heads = static_cast<const unsigned char*>(cache->data);
  const auto* const values = static_cast<const float*>(floats->data);
  return {bytes(heads, heads + ggml_nbytes(cache)), {values, values + ggml_nelements(floats)}};
}

template <class T> void expect_same(const std::vector<T>& ours, const std::vector<T>& theirs) {
  ASSERT_EQ(ours.size(), theirs.size());
  const std::ptrdiff_t at = support::first_difference(ours.data(), theirs.data(), ours.size());
  if (at >= 0) {
    EXPECT_EQ(+ours[static_cast<std::size_t>(at)], +theirs[static_cast<std::size_t>(at)])
        << "row " << at / (static_cast<std::ptrdiff_t>(ours.size()) / n_rows) << ", place "
        << at % (static_cast<std::ptrdiff_t>(ours.size()) / n_rows);
    ADD_FAILURE() << "the bits differ";
  }
}

/// The bits of floats, with one NaN for all NaN.
std::vector<std::uint32_t> bits_of_all(const std::vector<float>& x) {
  std::vector<std::uint32_t> bits;
  for (const float value : x)
    bits.push_back(std::isnan(value) ? 0x7fc00000U : support::bits_of(value));
  return bits;
}

/// Blocks of iq4_nl whose magnitudes are all below 1e-15 have the scale 0. ggml leaves the codes
/// undefined: they are those of the block before, or what was in memory. Ours are 8.
void set_undefined_codes(bytes& heads, const std::vector<float>& x) {
  for (std::size_t block = 0; block < x.size() / 32; ++block) {
    float largest = 0;
    for (std::size_t i = 0; i < 32; ++i)
      largest = std::fmax(largest, std::fabs(x[block * 32 + i]));
    if (largest < 1e-15F)
      std::memset(&heads[block * 18 + 2], 0x88, 16);
  }
}

class ggml_blocks : public ::testing::TestWithParam<int> {
protected:
  const std::vector<float> x_ = rows_of_kind(static_cast<support::block_kind>(GetParam()));

  template <class Format>
  void compare(const Format& chunk, const Format& cache, ggml_type type) const {
    SCOPED_TRACE(ggml_type_name(type));
    ASSERT_EQ(static_cast<std::size_t>(cache.head_bytes(head_dim)), ggml_row_size(type, head_dim));
    if (type != GGML_TYPE_IQ4_NL) // ggml_quantize_chunk tries more scales than a cache
      expect_same(encoded(chunk, x_), quantised(type, x_));
    for (const bool by_rows : {false, true}) {
      cache_of_ggml theirs = cached(type, x_, by_rows);
      expect_same(bits_of_all(decoded(cache, theirs.heads)), bits_of_all(theirs.floats));
      if (type == GGML_TYPE_IQ4_NL)
        set_undefined_codes(theirs.heads, x_);
      expect_same(encoded(cache, x_), theirs.heads);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(kind, ggml_blocks, ::testing::Range(0, support::n_block_kinds));

TEST_P(ggml_blocks, q8_0_has_the_bytes_of_ggml) {
  compare(yarn::q8_0{}, yarn::q8_0(yarn::q8_0_writer::avx), GGML_TYPE_Q8_0);
}
TEST_P(ggml_blocks, q4_0_has_the_bytes_of_ggml) {
  compare(yarn::q4_0{}, yarn::q4_0{}, GGML_TYPE_Q4_0);
}
TEST_P(ggml_blocks, q4_1_has_the_bytes_of_ggml) {
  compare(yarn::q4_1{}, yarn::q4_1{}, GGML_TYPE_Q4_1);
}
TEST_P(ggml_blocks, q5_0_has_the_bytes_of_ggml) {
  compare(yarn::q5_0{}, yarn::q5_0{}, GGML_TYPE_Q5_0);
}
TEST_P(ggml_blocks, q5_1_has_the_bytes_of_ggml) {
  compare(yarn::q5_1{}, yarn::q5_1{}, GGML_TYPE_Q5_1);
}
TEST_P(ggml_blocks, iq4_nl_has_the_bytes_of_ggml) {
  compare(yarn::iq4_nl{}, yarn::iq4_nl{}, GGML_TYPE_IQ4_NL);
}

// How often the two writers of q8_0 differ (the comment of q8_0_writer says it).
TEST(ggml_blocks_writers, differ_in_few_blocks) {
  const std::vector<float> x = rows_of_kind(support::block_kind::uniform);
  const bytes a = quantised(GGML_TYPE_Q8_0, x), b = cached(GGML_TYPE_Q8_0, x, false).heads;
  std::size_t n_different = 0;
  for (std::size_t i = 0; i < a.size(); i += 34)
    n_different += std::memcmp(&a[i], &b[i], 34) != 0 ? 1 : 0;
  RecordProperty("different", std::to_string(n_different) + " of " + std::to_string(a.size() / 34));
  EXPECT_GT(n_different, 0U);
  EXPECT_LT(n_different, a.size() / 34 / 100);
}

} // namespace

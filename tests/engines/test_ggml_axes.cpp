// SPDX-License-Identifier: MIT
// Our rotation in graphs of ggml, beside ggml_rope_multi on the same tensors and positions: the
// modes MROPE, IMROPE and VISION, forward and back.
#include "ggml_graphs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using engines::compute;
using engines::fill;
using engines::freq_factor;
using engines::memory;
using engines::new_positions;
using engines::parameters;
using engines::thread_counts;
using engines::values_of;
using support::same_bits;
using yarn::pairing;

struct multi {
  parameters base;
  int mode;
  int head_dim;
  int sections[4];

  int n_pairs() const { return mode == GGML_ROPE_TYPE_VISION ? base.n_dims : base.n_dims / 2; }
  yarn::frequencies freqs() const {
    return yarn::with_axes_of_mode(engines::our_frequencies(base), mode, sections);
  }
};
constexpr int mrope = GGML_ROPE_TYPE_MROPE, imrope = GGML_ROPE_TYPE_IMROPE,
              vision = GGML_ROPE_TYPE_VISION;
const multi all_multi[] = {
    {{"Qwen2-VL", 128, 1e6F, 1, 0, 1, 32768, false}, mrope, 128, {16, 24, 24, 0}},
    {{"Qwen2-VL, YaRN", 128, 1e6F, 4, 1, 1, 32768, false}, mrope, 128, {16, 24, 24, 0}},
    {{"freq factors", 128, 5e5F, 1, 0, 1, 8192, true}, mrope, 128, {16, 24, 24, 0}},
    {{"YaRN, freq factors", 128, 1e4F, 8, 1, 1, 4096, true}, imrope, 128, {24, 20, 20, 0}},
    {{"GLM-4V, half of the head", 64, 1e4F, 1, 0, 1, 32768, false}, mrope, 128, {8, 12, 12, 0}},
    {{"sections that repeat", 128, 1e4F, 2, 0, 1, 4096, false}, mrope, 128, {7, 0, 11, 5}},
    {{"four axes", 128, 1e4F, 1, 0, 1, 4096, false}, mrope, 128, {16, 16, 16, 16}},
    {{"Qwen3-VL", 128, 5e6F, 1, 0, 1, 262144, false}, imrope, 128, {24, 20, 20, 0}},
    {{"Qwen3.5", 64, 1e7F, 1, 0, 1, 262144, false}, imrope, 256, {11, 11, 10, 0}},
    {{"IMROPE that repeats", 128, 1e4F, 1, 0, 1, 4096, false}, imrope, 128, {9, 7, 8, 2}},
    {{"vision tower, 80", 40, 1e4F, 1, 0, 1, 32768, false}, vision, 80, {20, 20, 20, 20}},
    {{"vision tower, 128", 64, 1e4F, 1, 0, 1, 32768, false}, vision, 128, {32, 32, 0, 0}},
};

// Text, an image of 2 x 3 patches, text, and some tokens with very different positions.
constexpr std::int64_t n_tokens = 13;
const std::vector<std::int32_t> all_positions = {
    0, 1, 2, 3, 3, 3, 3, 3, 3, 6, 700, 4095, 30000, // axis 0
    0, 1, 2, 3, 3, 3, 4, 4, 4, 6, 31,  5,    12345, // axis 1
    0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 2,   900,  77,    // axis 2
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11,  4000, 1};    // axis 3

template <class T>
ggml_tensor* new_heads(ggml_context* context, int head_dim, std::int64_t heads,
                       std::int64_t tokens) {
  ggml_tensor* const x =
      ggml_new_tensor_3d(context, engines::type_in_ggml<T>(), head_dim, heads, tokens);
  fill(static_cast<T*>(x->data), static_cast<std::size_t>(ggml_nelements(x)), 7);
  return x;
}

enum class direction { forward, back };

ggml_tensor* ggml_node(ggml_context* context, const multi& m, ggml_tensor* x,
                       ggml_tensor* positions, direction d) {
  const parameters& p = m.base;
  ggml_tensor* factors = nullptr;
  if (p.has_freq_factors) {
    factors = ggml_new_tensor_1d(context, GGML_TYPE_F32, m.head_dim / 2);
    for (int i = 0; i < m.head_dim / 2; ++i)
      static_cast<float*>(factors->data)[i] = freq_factor(i);
  }
  int sections[4];
  std::copy(m.sections, m.sections + 4, sections);
  return (d == direction::forward ? ggml_rope_multi : ggml_rope_multi_back)(
      context, x, positions, factors, p.n_dims, sections, m.mode, p.n_ctx_orig, p.freq_base,
      1 / p.factor, p.ext_factor, p.attn_factor, 32.0F, 1.0F);
}

template <class T> std::vector<T> by_ggml(const multi& m, direction d, std::int64_t n_heads) {
  const engines::context_ptr context = engines::make_context(memory);
  ggml_tensor* const y =
      ggml_node(context.get(), m, new_heads<T>(context.get(), m.head_dim, n_heads, n_tokens),
                new_positions(context.get(), all_positions), d);
  compute(context.get(), {y}, 1);
  return values_of<T>(y);
}
template <class T>
std::vector<T> by_us(const multi& m, const yarn::frequencies& freqs, std::int64_t n_heads,
                     int n_threads = 1) {
  const engines::context_ptr context = engines::make_context(memory);
  ggml_tensor* const rows = yarn::rope_rows_node(
      context.get(), new_positions(context.get(), all_positions), freqs, n_tokens);
  ggml_tensor* const y = yarn::rope_inplace_node(
      context.get(), new_heads<T>(context.get(), m.head_dim, n_heads, n_tokens), rows,
      yarn::pairing_from_mode(m.mode));
  compute(context.get(), {y}, n_threads);
  return values_of<T>(y);
}

// ---- Beside ggml_rope_multi --------------------------------------------------------------------

/// The largest difference of two results, and the largest fraction of its bound. The bound is the
/// known error of ggml: 4e-6 * angle * attention factor, and the rounding.
struct differences {
  double largest = 0, of_bound = 0;
};
template <class T>
differences differences_of(const std::vector<T>& ours, const std::vector<T>& theirs, const multi& m,
                           const yarn::frequencies& f, std::int64_t n_heads) {
  using type = support::element<T>;
  differences result;
  const auto dim = static_cast<std::size_t>(m.head_dim), n = static_cast<std::size_t>(m.n_pairs());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const std::size_t token = i / dim / static_cast<std::size_t>(n_heads), d = i % dim;
    const double off = std::fabs(static_cast<double>(type::widen(ours[i])) -
                                 static_cast<double>(type::widen(theirs[i])));
    if (d >= 2 * n) {
      EXPECT_EQ(off, 0) << "element " << d << " is not rotated";
      continue;
    }
    const auto pair = static_cast<std::int64_t>(d % n);
    const auto axis = static_cast<std::size_t>(f.axis(pair));
    const double angle = std::fabs(all_positions[axis * n_tokens + token] * f.inv_freq()[pair]);
    const double rounding = std::is_same_v<T, float> ? 3e-7 : 3e-7 + 1e-3 * f.attention_factor();
    result.largest = std::max(result.largest, off);
    result.of_bound =
        std::max(result.of_bound, off / (4e-6 * angle * f.attention_factor() + rounding));
  }
  return result;
}

template <class T> void compare_with_ggml(direction d) {
  constexpr std::int64_t n_heads = 3;
  for (const multi& m : all_multi) {
    SCOPED_TRACE(m.base.name);
    const yarn::frequencies freqs = d == direction::forward ? m.freqs() : yarn::adjoint(m.freqs());
    ASSERT_EQ(freqs.n_pairs(), m.n_pairs());
    const auto theirs = by_ggml<T>(m, d, n_heads);
    const auto ours = by_us<T>(m, freqs, n_heads);
    for (const int n_threads : thread_counts)
      EXPECT_TRUE(same_bits(by_us<T>(m, freqs, n_heads, n_threads), ours)) << n_threads;
    const differences off = differences_of(ours, theirs, m, freqs, n_heads);
    EXPECT_LE(off.of_bound, 1.0);
    if (std::getenv("YARN_PRINT_ERRORS") != nullptr)
      std::printf("%s, %s, %s: %.2e, %.2f of the bound\n", support::element<T>::name, m.base.name,
                  d == direction::forward ? "forward" : "back", off.largest, off.of_bound);
  }
}
TEST(ggml_axes, rotate_as_ggml_rope_multi_f32) { compare_with_ggml<float>(direction::forward); }
TEST(ggml_axes, rotate_as_ggml_rope_multi_f16) {
  compare_with_ggml<yarn::float16>(direction::forward);
}
TEST(ggml_axes, of_the_adjoint_rotate_back_as_ggml) { compare_with_ggml<float>(direction::back); }

// Each pair is (1, 0) at position 1 on one axis and 0 on the others. The pairs that turn are those
// of the axis, and their angles are the frequencies.
TEST(ggml_axes, are_those_that_ggml_gives_each_pair) {
  constexpr int all_sections[][4] = {{16, 24, 24, 0}, {16, 16, 16, 16}, {5, 3, 2, 1},
                                     {0, 9, 4, 0},    {0, 0, 1, 6},     {24, 20, 20, 0},
                                     {22, 21, 21, 0}, {12, 10, 10, 0},  {30, 17, 17, 0},
                                     {64, 0, 0, 0},   {4, 0, 0, 3}};
  for (const int mode : {mrope, imrope})
    for (const auto& sections : all_sections) {
      multi m{{"axes", 128, 1e4F, 1, 0, 1, 4096, false}, mode, 128, {}};
      std::copy(sections, sections + 4, m.sections);
      const yarn::frequencies freqs = m.freqs();
      EXPECT_EQ(freqs.n_axes(), 4);
      for (std::int32_t axis = 0; axis < 4; ++axis) {
        const engines::context_ptr context = engines::make_context(memory);
        ggml_tensor* const x = ggml_new_tensor_3d(context.get(), GGML_TYPE_F32, 128, 1, 1);
        auto* const data = static_cast<float*>(x->data);
        std::fill(data, data + 64, 1.0F);
        std::fill(data + 64, data + 128, 0.0F);
        ggml_tensor* const positions =
            new_positions(context.get(), {axis == 0, axis == 1, axis == 2, axis == 3});
        ggml_tensor* const y = ggml_node(context.get(), m, x, positions, direction::forward);
        compute(context.get(), {y}, 1);
        const auto turned = values_of<float>(y);
        for (std::size_t i = 0; i < 64; ++i) {
          const auto pair = static_cast<std::int64_t>(i);
          const double angle = freqs.axis(pair) == axis ? freqs.inv_freq()[pair] : 0.0;
          EXPECT_NEAR(turned[64 + i], std::sin(angle), 2e-5 * angle)
              << "mode " << mode << ", sections " << sections[0] << " " << sections[1] << " "
              << sections[2] << " " << sections[3] << ", axis " << axis << ", pair " << i;
        }
      }
    }
}

// ---- Positions ---------------------------------------------------------------------------------

std::vector<float> rows_by_node(const yarn::frequencies& freqs,
                                const std::vector<std::int32_t>& list) {
  const engines::context_ptr context = engines::make_context(memory);
  ggml_tensor* const rows =
      yarn::rope_rows_node(context.get(), new_positions(context.get(), list), freqs, n_tokens);
  compute(context.get(), {rows}, 2);
  return values_of<float>(rows);
}

TEST(ggml_axes, may_have_the_same_position) {
  const auto freqs = all_multi[0].freqs();
  const std::vector<std::int32_t> list(all_positions.begin(), all_positions.begin() + n_tokens);
  std::vector<std::int32_t> repeated;
  for (int axis = 0; axis < 4; ++axis)
    repeated.insert(repeated.end(), list.begin(), list.end());
  const auto rows = rows_by_node(freqs, repeated);
  EXPECT_TRUE(same_bits(rows_by_node(freqs, list), rows));
  EXPECT_FALSE(same_bits(rows_by_node(freqs, all_positions), rows));
  const engines::context_ptr context = engines::make_context(memory);
  ggml_tensor* const short_form =
      yarn::rope_rows_node(context.get(), new_positions(context.get(), list), freqs);
  compute(context.get(), {short_form}, 2);
  EXPECT_TRUE(same_bits(values_of<float>(short_form), rows));
}

TEST(ggml_axes, may_be_fewer_than_four) {
  const auto text = engines::our_frequencies(all_multi[0].base);
  const auto three = yarn::with_axes(text, yarn::axis_sections{16, 24, 24});
  ASSERT_EQ(three.n_axes(), 3);
  EXPECT_TRUE(same_bits(rows_by_node(three, all_positions),
                        rows_by_node(all_multi[0].freqs(), all_positions)));
}

TEST(ggml_axes, of_a_filled_input_tensor_equal_those_of_a_node) {
  const auto freqs = all_multi[7].freqs();
  const std::vector<std::int64_t> wide(all_positions.begin(), all_positions.end());
  const engines::context_ptr context = engines::make_context(memory);
  ggml_tensor* const rows = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, 128, n_tokens);
  yarn::fill_rope_rows(rows, freqs, yarn::axis_positions(wide.data(), n_tokens, 4));
  EXPECT_TRUE(same_bits(values_of<float>(rows), rows_by_node(freqs, all_positions)));
}

} // namespace

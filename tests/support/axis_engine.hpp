// SPDX-License-Identifier: MIT
// Models whose tokens have positions on several axes, and an engine for them in plain loops. The
// engine has its own formulas, and uses only the views and the 16-bit conversions of the library.
#ifndef YARN_TESTS_SUPPORT_AXIS_ENGINE_HPP
#define YARN_TESTS_SUPPORT_AXIS_ENGINE_HPP

#include "engine_reports.hpp"

#include <yarn/testing.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace support {

/// Rows of cos and sin, as a table of an engine has them.
struct float_rows {
  std::vector<float> cos;
  std::vector<float> sin;
  std::int64_t n_rows = 0;

  yarn::rows_view<float> view() const {
    const std::int64_t width = static_cast<std::int64_t>(cos.size()) / n_rows;
    return {cos.data(), sin.data(), n_rows, width, width};
  }
};

/// Elements before and after a rotation, [token][head][element].
template <class T> struct dump {
  std::vector<T> before;
  std::vector<T> after;
  std::int64_t n_tokens = 0;
  std::int64_t n_heads = 0;
  std::int64_t head_dim = 0;

  yarn::heads_view<const T> in() const { return {before.data(), n_tokens, n_heads, head_dim}; }
  yarn::heads_view<const T> out() const { return {after.data(), n_tokens, n_heads, head_dim}; }
};

struct axis_engine {
  int head_dim = 0;
  int n_axes = 0;
  bool half_split = true;
  std::vector<double> inv_freq; // one for each pair
  std::function<int(int pair)> axis_of;
  std::function<int(int pair)> axis_of_second; // of the second element of a pair, if it differs
  /// The position with which a token turns on an axis, from its positions on all axes.
  std::function<std::int64_t(int token, const std::vector<std::int64_t>& on_axes, int axis)>
      position_of = [](int, const std::vector<std::int64_t>& on_axes, int axis) {
        return on_axes[static_cast<std::size_t>(axis)];
      };
  bool float32_angles = false;
  double direction = 1;
  double factor = 1;

  int n_pairs() const { return static_cast<int>(inv_freq.size()); }
  void rotate_whole_head(double theta) { inv_freq = powers(theta, head_dim / 2, head_dim); }

  /// cos and sin of a pair. The positions are [axis][token].
  std::pair<double, double> entry(const std::vector<std::int64_t>& ids, std::int64_t n_tokens,
                                  std::int64_t token, int pair, bool is_second = false) const {
    std::vector<std::int64_t> on_axes;
    for (std::int64_t a = 0; a < n_axes; ++a) {
      on_axes.push_back(ids[static_cast<std::size_t>(a * n_tokens + token)]);
    }
    const int axis = is_second && axis_of_second ? axis_of_second(pair) : axis_of(pair);
    const auto position = static_cast<double>(position_of(static_cast<int>(token), on_axes, axis));
    const double frequency = direction * inv_freq[static_cast<std::size_t>(pair)];
    double angle = position * frequency;
    if (float32_angles) {
      angle = static_cast<double>(static_cast<float>(position) * static_cast<float>(frequency));
    }
    return {factor * std::cos(angle), factor * std::sin(angle)};
  }

  template <class T>
  void operator()(const yarn::heads_view<T>& x, const std::vector<std::int64_t>& ids) const {
    for (std::int64_t t = 0; t < x.n_tokens(); ++t) {
      for (int pair = 0; pair < n_pairs(); ++pair) {
        const auto [c0, s0] = entry(ids, x.n_tokens(), t, pair);
        const auto [c1, s1] = entry(ids, x.n_tokens(), t, pair, true);
        const int first = half_split ? pair : 2 * pair;
        const int second = half_split ? pair + n_pairs() : 2 * pair + 1;
        for (std::int64_t h = 0; h < x.n_heads(); ++h) {
          T* const head = x.data() + t * x.token_stride() + h * x.head_stride();
          const double x0 = yarn::detail::widen<double>(head[first]);
          const double x1 = yarn::detail::widen<double>(head[second]);
          yarn::detail::narrow(x0 * c0 - x1 * s0, head[first]);
          yarn::detail::narrow(x1 * c1 + x0 * s1, head[second]);
        }
      }
    }
  }

  /// Rows with each entry once, or twice as two halves.
  float_rows rows(const std::vector<std::int64_t>& ids, std::int64_t n_tokens, int copies) const {
    float_rows table;
    table.n_rows = n_tokens;
    for (std::int64_t t = 0; t < n_tokens; ++t) {
      for (int i = 0; i < copies * n_pairs(); ++i) {
        const auto [c, s] = entry(ids, n_tokens, t, i % n_pairs(), i >= n_pairs());
        table.cos.push_back(static_cast<float>(c));
        table.sin.push_back(static_cast<float>(s));
      }
    }
    return table;
  }

  dump<float> rotated(const std::vector<std::int64_t>& ids, std::int64_t n_tokens,
                      std::int64_t n_heads) const {
    dump<float> d;
    d.n_tokens = n_tokens;
    d.n_heads = n_heads;
    d.head_dim = head_dim;
    for (std::int64_t i = 0; i < n_tokens * n_heads * head_dim; ++i) {
      d.before.push_back(static_cast<float>(i * 37 % 101 + 40) / (i % 3 == 0 ? -64.0F : 64.0F));
    }
    d.after = d.before;
    (*this)(yarn::heads_view<float>(d.after.data(), n_tokens, n_heads, head_dim), ids);
    return d;
  }
};

struct axis_model {
  std::string name;
  int head_dim;
  int rotary_dim;
  double theta;
  int n_axes;
  std::vector<int> sections; // pairs of each axis
  bool is_interleaved;       // the axes alternate
  bool half_split;
  bool is_joined = false; // each axis has a series of frequencies of its own

  int axis(int pair) const {
    if (is_interleaved) {
      const int a = pair % 3;
      return a > 0 && pair < 3 * sections[static_cast<std::size_t>(a)] ? a : 0;
    }
    int a = 0;
    for (int end = sections[0]; pair >= end; end += sections[static_cast<std::size_t>(a)]) {
      ++a;
    }
    return a;
  }
  std::vector<double> inv_freq(double with_theta) const {
    if (!is_joined) {
      return powers(with_theta, rotary_dim / 2, rotary_dim);
    }
    std::vector<double> all;
    for (const int n : sections) {
      for (const double f : powers(with_theta, n, 2 * n)) {
        all.push_back(f);
      }
    }
    return all;
  }
  axis_engine engine() const {
    axis_engine right;
    right.head_dim = head_dim;
    right.n_axes = n_axes;
    right.half_split = half_split;
    right.inv_freq = inv_freq(theta);
    right.axis_of = [of = *this](int pair) { return of.axis(pair); };
    return right;
  }
  yarn::testing::expectation expected() const { return expected(half_split); }
  yarn::testing::expectation expected(bool as_half_split) const {
    const auto order = as_half_split ? yarn::pairing::half_split : yarn::pairing::interleaved;
    yarn::rope_shape shape;
    shape.head_dim = head_dim;
    shape.rotary_dim = rotary_dim;
    shape.rope_theta = theta;
    if (is_joined) {
      yarn::rope_shape half;
      half.head_dim = rotary_dim / 2;
      half.rope_theta = theta;
      const yarn::frequencies f = yarn::make_frequencies(half, yarn::default_scaling{});
      return {shape, yarn::joined(f, f), order};
    }
    const yarn::testing::expectation text(shape, yarn::default_scaling{}, order);
    if (is_interleaved) {
      return text.with_axes(yarn::interleaved_sections{sections[0], sections[1], sections[2]});
    }
    return text.with_axes(yarn::axis_sections{sections[0], sections[1], sections[2]});
  }
  /// The positions of a prompt: 5 tokens of text, an image of 6 x 9 tokens, 4 tokens of text. For
  /// two axes: the image alone. [axis][token]
  std::vector<std::int64_t> image_ids() const {
    const bool has_text = n_axes == 3;
    std::vector<std::int64_t> ids;
    for (int a = 0; a < n_axes; ++a) {
      const std::int64_t start = has_text ? 5 : 0;
      for (std::int64_t t = 0; t < start; ++t) {
        ids.push_back(t);
      }
      for (std::int64_t i = 0; i < 54; ++i) {
        ids.push_back(start + (a == n_axes - 1 ? i % 9 : a == n_axes - 2 ? i / 9 : 0));
      }
      for (std::int64_t t = 0; has_text && t < 4; ++t) {
        ids.push_back(start + 9 + t);
      }
    }
    return ids;
  }
};

inline std::vector<axis_model> axis_models() {
  return {{"qwen2_vl", 128, 128, 1e6, 3, {16, 24, 24}, false, true},
          {"qwen3_vl", 128, 128, 5e6, 3, {24, 20, 20}, true, true},
          {"glm4v", 128, 64, 1e4, 3, {8, 12, 12}, false, false},
          {"vision_tower", 80, 80, 1e4, 2, {20, 20}, false, true, true}};
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_AXIS_ENGINE_HPP

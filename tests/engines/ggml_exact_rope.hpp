// SPDX-License-Identifier: MIT
// The exact result of GGML_OP_ROPE: ggml's definition of the operator, computed in long double from
// the stored arguments. Independent of the library.
#ifndef YARN_TESTS_ENGINES_GGML_EXACT_ROPE_HPP
#define YARN_TESTS_ENGINES_GGML_EXACT_ROPE_HPP

#include <ggml.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace engines {

/// The arguments and inputs of a ROPE node, copied before the node is computed, because ggml often
/// computes it in place.
class exact_rope {
public:
  explicit exact_rope(const ggml_tensor* node)
      : mode_(stored(node, 2)), n_dims_(stored(node, 1)), n_offs_(stored(node, 15)) {
    if (node->op != GGML_OP_ROPE)
      throw std::runtime_error("not a node ROPE");
    std::copy_n(node->ne, 4, ne_);
    visit(node->src[0], [&](std::int64_t, double x) { x_.push_back(x); });
    const auto* const list = static_cast<const std::int32_t*>(node->src[1]->data);
    positions_.assign(list, list + node->src[1]->ne[0]);
    for (int a = 0; a < 4; ++a)
      sections_[a] = stored(node, 11 + a);
    const long double n_ctx_orig = stored(node, 4), base = number(node, 5), scale = number(node, 6),
                      ext_factor = number(node, 7), fast = number(node, 9), slow = number(node, 10),
                      d = n_dims_;
    attention_ = number(node, 8);
    if (ext_factor != 0)
      attention_ *= 1 + 0.1L * std::log(1 / scale);
    const auto pair_of = [&](long double turns) {
      return d * std::log(n_ctx_orig / (2 * pi * turns)) / (2 * std::log(base));
    };
    const long double low = std::max(0.0L, std::floor(pair_of(fast))),
                      high = std::min(d - 1, std::ceil(pair_of(slow)));
    const auto* const factors =
        node->src[2] == nullptr ? nullptr : static_cast<const float*>(node->src[2]->data);
    for (int i = 0; i < n_pairs(); ++i) {
      const int k = mode_ == GGML_ROPE_TYPE_VISION ? i % (n_dims_ / 2) : i;
      const long double theta = std::pow(base, -2 * k / d) /
                                (factors == nullptr ? 1 : static_cast<long double>(factors[i]));
      long double kept = 0;
      if (ext_factor != 0)
        kept = (1 - std::clamp((i - low) / std::max(0.001L, high - low), 0.0L, 1.0L)) * ext_factor;
      theta_.push_back(theta * scale * (1 - kept) + theta * kept);
    }
  }

  /// The exact elements, in the order of the indices of the node.
  std::vector<double> elements() const {
    std::vector<double> y = x_;
    const std::int64_t n_heads = ne_[1], n_tokens = ne_[2];
    for (std::int64_t row = 0; row < n_heads * n_tokens * ne_[3]; ++row)
      for (int i = 0; i < n_pairs(); ++i) {
        const std::int64_t token = row / n_heads % n_tokens;
        const long double angle = theta_[static_cast<std::size_t>(i)] *
                                  positions_[static_cast<std::size_t>(axis(i) * n_tokens + token)];
        const long double c = std::cos(angle) * attention_, s = std::sin(angle) * attention_;
        const auto [first, second] = pair(row, i);
        y[first] = static_cast<double>(x_[first] * c - x_[second] * s);
        y[second] = static_cast<double>(x_[first] * s + x_[second] * c);
      }
    return y;
  }

  /// The length of the pair of each element, times the attention factor: the unit of errors. 0 for
  /// elements that are not rotated.
  std::vector<double> lengths() const {
    std::vector<double> l(x_.size(), 0.0);
    for (std::int64_t row = 0; row < ne_[1] * ne_[2] * ne_[3]; ++row)
      for (int i = 0; i < n_pairs(); ++i) {
        const auto [first, second] = pair(row, i);
        l[first] = l[second] = std::hypot(x_[first], x_[second]) * static_cast<double>(attention_);
      }
    return l;
  }

  /// Calls f(index, value) for the elements of a tensor in f32 or f16 with any strides.
  template <class Call> static void visit(const ggml_tensor* x, const Call& f) {
    std::int64_t index = 0;
    each(x, [&](char* p) {
      f(index++, x->type == GGML_TYPE_F32
                     ? static_cast<double>(load<float>(p))
                     : static_cast<double>(ggml_fp16_to_fp32(load<ggml_fp16_t>(p))));
    });
  }
  /// Writes elements into a tensor, each rounded to its type.
  static void write(ggml_tensor* x, const std::vector<double>& y) {
    std::size_t index = 0;
    each(x, [&](char* p) {
      const auto value = static_cast<float>(y[index++]);
      if (x->type == GGML_TYPE_F32) {
        std::memcpy(p, &value, sizeof value);
      } else {
        const ggml_fp16_t half = ggml_fp32_to_fp16(value);
        std::memcpy(p, &half, sizeof half);
      }
    });
  }

  long double largest_angle() const {
    const std::int32_t last = *std::max_element(positions_.begin(), positions_.end());
    return last * *std::max_element(theta_.begin(), theta_.end());
  }

private:
  static constexpr long double pi = 3.141592653589793238462643383279502884L;

  static int stored(const ggml_tensor* node, int i) { return node->op_params[i]; }
  static long double number(const ggml_tensor* node, int i) {
    return load<float>(reinterpret_cast<const char*>(node->op_params + i));
  }
  template <class T> static T load(const char* p) {
    T value;
    std::memcpy(&value, p, sizeof value);
    return value;
  }
  template <class Call> static void each(const ggml_tensor* x, const Call& f) {
    for (std::int64_t i3 = 0; i3 < x->ne[3]; ++i3)
      for (std::int64_t i2 = 0; i2 < x->ne[2]; ++i2)
        for (std::int64_t i1 = 0; i1 < x->ne[1]; ++i1)
          for (std::int64_t i0 = 0; i0 < x->ne[0]; ++i0)
            f(static_cast<char*>(x->data) + static_cast<std::size_t>(i0) * x->nb[0] +
              static_cast<std::size_t>(i1) * x->nb[1] + static_cast<std::size_t>(i2) * x->nb[2] +
              static_cast<std::size_t>(i3) * x->nb[3]);
  }

  int n_pairs() const { return mode_ == GGML_ROPE_TYPE_VISION ? n_dims_ : n_dims_ / 2; }

  std::pair<std::size_t, std::size_t> pair(std::int64_t row, int i) const {
    const auto start = static_cast<std::size_t>(row * ne_[0] + n_offs_);
    const auto k = static_cast<std::size_t>(i);
    if (mode_ == GGML_ROPE_TYPE_NORMAL)
      return {start + 2 * k, start + 2 * k + 1};
    return {start + k, start + k + static_cast<std::size_t>(n_pairs())};
  }

  int axis(int i) const {
    if (mode_ == GGML_ROPE_TYPE_NORMAL || mode_ == GGML_ROPE_TYPE_NEOX)
      return 0;
    const int sector = i % (sections_[0] + sections_[1] + sections_[2] + sections_[3]);
    if (mode_ == GGML_ROPE_TYPE_IMROPE)
      return sector < 3 * sections_[sector % 3] ? sector % 3 : 3;
    int end = 0;
    for (int a = 0; a < 3; ++a)
      if (sector < (end += sections_[a]))
        return a;
    return 3;
  }

  int mode_, n_dims_, n_offs_;
  int sections_[4];
  std::int64_t ne_[4];
  std::vector<double> x_;
  std::vector<std::int32_t> positions_;
  std::vector<long double> theta_;
  long double attention_ = 1;
};

} // namespace engines

#endif // YARN_TESTS_ENGINES_GGML_EXACT_ROPE_HPP

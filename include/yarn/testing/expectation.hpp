// SPDX-License-Identifier: MIT
// expectation: the RoPE that an engine should compute. Opt-in.
#ifndef YARN_TESTING_EXPECTATION_HPP
#define YARN_TESTING_EXPECTATION_HPP

#include "../detail/testing/method.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace testing {

/// The RoPE that an engine should compute: shape, method, pairing of input and output, the offset
/// of the rotated part in the head, and the axis of each pair.
class expectation {
public:
  /// The pairing of the input and the output is `order_of_pairs`.
  /// Units    current_length in tokens. Static methods ignore the length.
  /// Errors   Those of make_frequencies.
  /// Example  expectation expected(shape, method, pairing::half_split);
  template <class Method, class Integer = std::int64_t>
  expectation(const rope_shape& shape_of_model, const Method& method, pairing order_of_pairs,
              Integer current_length = 0)
      : shape_(shape_of_model), order_(order_of_pairs), output_order_(order_of_pairs),
        seq_len_(yarn::detail::to_index(current_length, "seq_len")), method_(method),
        exact_(method_.resolve(shape_, seq_len_)), n_pairs_of_model_(exact_.n_pairs()) {}

  /// The same for frequencies that exist already, such as those of `joined` (vision towers, FLUX)
  /// or of a reader of configurations. They keep their axes. The report names no scaling method.
  /// Errors   std::invalid_argument: f is a float32_pipeline, or f.n_pairs() is not half of the
  ///          rotated part of the shape.
  expectation(const rope_shape& shape_of_model, const yarn::frequencies& f, pairing order_of_pairs)
      : shape_(shape_of_model), order_(order_of_pairs), output_order_(order_of_pairs),
        method_(f, shape_of_model), exact_(f), n_pairs_of_model_(f.n_pairs()) {
    if (f.is_float32_pipeline())
      yarn::detail::fail_argument("yarn: testing: the expected frequencies are a float32_pipeline; "
                                  "the exact ones are needed");
    if (2 * f.n_pairs() != shape_.rotated())
      yarn::detail::fail_argument("yarn: testing: n_pairs = {} of the frequencies must be half of "
                                  "rotary_dim = {}",
                                  f.n_pairs(), shape_.rotated());
  }

  /// A copy in which each pair has an axis, as after with_axes (axes.hpp). The checks then pass
  /// positions on all axes to the engine.
  /// Types    Sections: axis_sections or interleaved_sections.
  /// Errors   Those of with_axes (axes.hpp).
  /// Example  expectation(shape, method, order).with_axes(axis_sections{16, 24, 24})
  template <class Sections> expectation with_axes(const Sections& sections) const {
    expectation other = *this;
    other.exact_ = yarn::with_axes(exact_, sections);
    return other;
  }
  /// The same for a list with the axis of each pair.
  template <class List, class Count> expectation with_axes(const List& list, Count n_axes) const {
    expectation other = *this;
    other.exact_ = yarn::with_axes(exact_, list, n_axes);
    return other;
  }

  /// A copy with another pairing of the output, as in DeepSeek-V3.
  expectation with_output_order(pairing order) const {
    expectation other = *this;
    other.output_order_ = order;
    return other;
  }

  /// A copy in which the rotated part begins at this element of the head, as in MLA. The default is
  /// 0.
  /// Errors   std::invalid_argument: the rotated part does not fit into the head.
  template <class Integer> expectation with_rotary_offset(Integer offset) const {
    expectation other = *this;
    other.rotary_offset_ = yarn::detail::to_index(offset, "rotary_offset");
    const std::int64_t last = shape_.head_dim - shape_.rotated();
    if (other.rotary_offset_ < 0 || other.rotary_offset_ > last)
      yarn::detail::fail_argument(
          "yarn: testing: rotary_offset = {} must be in [0, head_dim - rotary_dim = {}]",
          other.rotary_offset_, last);
    return other;
  }

  /// A copy with another number of rotated elements; the head becomes larger if necessary. If the
  /// method cannot be used with this rotary_dim, the pairs of this expectation keep their
  /// frequencies, and further pairs get unscaled ones. The axes of further pairs begin again with
  /// that of pair 0.
  expectation with_rotary_dim(std::int64_t rotary_dim) const {
    expectation other = *this;
    other.shape_.rotary_dim = rotary_dim;
    other.shape_.head_dim = std::max(shape_.head_dim, rotary_dim);
    other.rotary_offset_ = std::min(rotary_offset_, other.shape_.head_dim - rotary_dim);
    if (method_.numbers().any_dim && rotary_dim > 2) { // NTK needs more than one pair.
      other.exact_ = method_.resolve(other.shape_, seq_len_);
    } else {
      other.method_ = detail::changeable_method(default_scaling{}); // takes any rotary_dim
      const std::vector<double> list = continued(rotary_dim / 2);
      other.exact_ = frequencies_from(list.data(), list.size(), exact_.attention_factor());
    }
    if (exact_.n_axes() > 1) {
      std::vector<std::int64_t> axes;
      for (std::int64_t i = 0; i < other.n_pairs(); ++i)
        axes.push_back(exact_.axis(i % n_pairs()));
      other.exact_ = yarn::with_axes(other.exact_, axes, exact_.n_axes());
    }
    return other;
  }

  /// The first n expected frequencies. Pairs from n_pairs() on get unscaled frequencies.
  std::vector<double> continued(std::int64_t n) const {
    std::vector<double> list;
    const auto rotated = static_cast<double>(shape_.rotated());
    for (std::int64_t i = 0; i < n; ++i)
      list.push_back(i < n_pairs()
                         ? exact_.inv_freq()[i]
                         : std::pow(shape_.rope_theta, -2 * static_cast<double>(i) / rotated));
    return list;
  }

  const rope_shape& shape() const { return shape_; }
  pairing order() const { return order_; }
  pairing output_order() const { return output_order_; }
  std::int64_t rotary_offset() const { return rotary_offset_; }
  std::int64_t seq_len() const { return seq_len_; }
  std::int64_t n_pairs() const { return exact_.n_pairs(); }
  std::int64_t n_axes() const { return exact_.n_axes(); }
  /// The number of pairs of the model: n_pairs() before with_rotary_dim.
  std::int64_t n_pairs_of_model() const { return n_pairs_of_model_; }
  /// The frequencies that the engine should use.
  const yarn::frequencies& frequencies() const { return exact_; }
  const detail::changeable_method& method() const { return method_; }

private:
  rope_shape shape_;
  pairing order_;
  pairing output_order_;
  std::int64_t rotary_offset_ = 0;
  std::int64_t seq_len_ = 0;
  detail::changeable_method method_;
  yarn::frequencies exact_;
  std::int64_t n_pairs_of_model_;
};

} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

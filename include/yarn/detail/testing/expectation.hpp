// SPDX-License-Identifier: MIT
// The implementation of testing/expectation.hpp.
#ifndef YARN_DETAIL_TESTING_EXPECTATION_HPP
#define YARN_DETAIL_TESTING_EXPECTATION_HPP

#include "../../testing/expectation.hpp"
#include "report.hpp"

#include <cmath>

namespace yarn {
inline namespace YARN_ABI {
namespace testing {

template <class Method, class Integer>
expectation::expectation(const rope_shape& shape_of_model, const Method& method,
                         pairing order_of_pairs, Integer current_length)
    : shape_(shape_of_model), order_(order_of_pairs), output_order_(order_of_pairs),
      seq_len_(yarn::detail::to_index(current_length, "seq_len")), method_(method),
      exact_(method_.resolve(shape_, seq_len_)) {}

inline expectation expectation::with_output_order(pairing order) const {
  expectation other = *this;
  other.output_order_ = order;
  return other;
}

template <class Integer> expectation expectation::with_rotary_offset(Integer offset) const {
  const std::int64_t first = yarn::detail::to_index(offset, "rotary_offset");
  if (first < 0 || first > shape_.head_dim - shape_.rotated())
    detail::fail_argument(
        "yarn: testing: rotary_offset = {} must be in [0, head_dim - rotary_dim = "
        "{}]",
        first, shape_.head_dim - shape_.rotated());
  expectation other = *this;
  other.rotary_offset_ = first;
  return other;
}

inline expectation expectation::with_rotary_dim(std::int64_t rotary_dim) const {
  expectation other = *this;
  other.shape_.rotary_dim = rotary_dim;
  if (other.shape_.head_dim < rotary_dim)
    other.shape_.head_dim = rotary_dim;
  if (other.rotary_offset_ > other.shape_.head_dim - rotary_dim)
    other.rotary_offset_ = other.shape_.head_dim - rotary_dim;
  if (method_.numbers().any_dim && rotary_dim > 2) { // NTK needs more than one pair.
    other.exact_ = method_.resolve(other.shape_, seq_len_);
  } else {
    other.method_ = detail::changeable_method(default_scaling{}); // takes any rotary_dim
    const std::vector<double> list = continued(rotary_dim / 2);
    other.exact_ = frequencies_from(list.data(), list.size(), exact_.attention_factor());
  }
  return other;
}

inline std::vector<double> expectation::continued(std::int64_t n) const {
  std::vector<double> list;
  for (std::int64_t i = 0; i < n; ++i)
    list.push_back(i < n_pairs()
                       ? exact_.inv_freq()[i]
                       : std::pow(shape_.rope_theta, -2 * static_cast<double>(i) /
                                                         static_cast<double>(shape_.rotated())));
  return list;
}

} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

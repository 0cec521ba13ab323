// SPDX-License-Identifier: MIT
// The frequencies of a configuration.
#ifndef YARN_DETAIL_HF_FREQUENCIES_HPP
#define YARN_DETAIL_HF_FREQUENCIES_HPP

#include "../../hf_types.hpp"

#include <cstdint>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The frequencies that the list names, in the order of the list.
inline frequencies hf_select(const frequencies& f, const std::vector<std::int64_t>& list) {
  std::vector<double> selected;
  for (const std::int64_t i : list) {
    if (i < 0 || i >= f.n_pairs())
      fail_argument("yarn: hf_config.frequency_of_pair holds {}; it must be in [0, {})", i,
                    f.n_pairs());
    selected.push_back(f.inv_freq()[i]);
  }
  return frequencies_from(selected.data(), selected.size(), f.attention_factor());
}

} // namespace detail

template <class Integer> frequencies make_frequencies(const hf_config& config, Integer seq_len) {
  frequencies f = make_frequencies(config.shape, config.method, seq_len);
  if (!config.frequency_of_pair.empty())
    f = detail::hf_select(f, config.frequency_of_pair);
  return config.axis_of_pair.empty() ? f : with_axes(f, config.axis_of_pair, config.n_axes);
}

} // namespace YARN_ABI
} // namespace yarn

#endif

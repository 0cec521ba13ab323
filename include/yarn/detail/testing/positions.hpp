// SPDX-License-Identifier: MIT
// The positions of tokens on one or more axes, and the axis of each pair. Opt-in.
#ifndef YARN_DETAIL_TESTING_POSITIONS_HPP
#define YARN_DETAIL_TESTING_POSITIONS_HPP

#include "../../yarn.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

/// The positions of tokens, [token][axis].
struct token_positions {
  std::int64_t n_axes = 1;
  std::vector<std::int64_t> values;

  std::int64_t size() const { return static_cast<std::int64_t>(values.size()) / n_axes; }
  std::size_t index(std::int64_t token, std::int64_t axis) const {
    return static_cast<std::size_t>(token * n_axes + axis);
  }
  std::int64_t at(std::int64_t token, std::int64_t axis) const {
    return values[index(token, axis)];
  }
  /// Whether the token has the same position on all axes, as the tokens of text have.
  bool is_text(std::int64_t token) const {
    for (std::int64_t axis = 1; axis < n_axes; ++axis)
      if (at(token, axis) != at(token, 0))
        return false;
    return true;
  }
  bool is_zero(std::int64_t token) const { return is_text(token) && at(token, 0) == 0; }
  /// Appends a token with this position on all axes.
  void push_back(std::int64_t position) {
    values.insert(values.end(), static_cast<std::size_t>(n_axes), position);
  }
  /// The same positions as an engine gets them: [axis][token].
  std::vector<std::int64_t> by_axis() const {
    std::vector<std::int64_t> list;
    list.reserve(values.size());
    for (std::int64_t axis = 0; axis < n_axes; ++axis)
      for (std::int64_t token = 0; token < size(); ++token)
        list.push_back(at(token, axis));
    return list;
  }
  /// A copy in which each position is what `of` returns for (token, axis, position).
  template <class Function> token_positions changed(const Function& of) const {
    token_positions other = *this;
    for (std::int64_t token = 0; token < size(); ++token)
      for (std::int64_t axis = 0; axis < n_axes; ++axis)
        other.values[index(token, axis)] = of(token, axis, at(token, axis));
    return other;
  }
  bool operator==(const token_positions& other) const { return values == other.values; }
};

/// The positions of tokens that the caller of a check gave.
inline token_positions positions_of(const positions& list, std::int64_t n_tokens,
                                    std::int64_t n_axes) {
  token_positions copy{n_axes, {}};
  for (std::int64_t token = 0; token < n_tokens; ++token)
    copy.push_back(list[token]);
  return copy;
}
inline token_positions positions_of(const axis_positions& list, std::int64_t n_tokens,
                                    std::int64_t n_axes) {
  token_positions copy{n_axes, {}};
  for (std::int64_t token = 0; token < n_tokens; ++token)
    for (std::int64_t axis = 0; axis < n_axes; ++axis)
      copy.values.push_back(list(token, axis));
  return copy;
}

using axis_list = std::vector<std::uint8_t>; ///< the axis of each pair

inline axis_list axes_of(const frequencies& f) {
  return {f.axis_of_pair().begin(), f.axis_of_pair().end()};
}

/// The position with which each pair of each token turns.
struct pair_positions {
  token_positions tokens;
  axis_list axis_of_pair;

  std::int64_t at(std::int64_t token, std::int64_t pair) const {
    return tokens.at(token, axis_of_pair[static_cast<std::size_t>(pair)]);
  }
  bool operator==(const pair_positions& other) const {
    return tokens == other.tokens && axis_of_pair == other.axis_of_pair;
  }
};

/// Writes the exact rows of these frequencies, [token][inv_freq.size()].
inline void fill_exact_rows(const std::vector<double>& inv_freq, const pair_positions& of,
                            double* cos, double* sin) {
  const frequencies f = frequencies_from(inv_freq.data(), inv_freq.size());
  if (of.tokens.n_axes == 1) {
    fill_rows(f, positions(of.tokens.values), cos, sin, inv_freq.size());
    return;
  }
  const array_view<const std::uint8_t> axes(of.axis_of_pair.data(), inv_freq.size());
  fill_rows(with_axes(f, axes, of.tokens.n_axes),
            axis_positions(of.tokens.values.data(), of.tokens.size(), of.tokens.n_axes)
                .with_strides(1, of.tokens.n_axes),
            cos, sin, inv_freq.size());
}

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

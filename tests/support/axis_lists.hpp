// SPDX-License-Identifier: MIT
// Positions with several axes, and the rows that they must have: each entry is that of a one-axis
// row at the position on the pair's axis.
#ifndef YARN_TESTS_SUPPORT_AXIS_LISTS_HPP
#define YARN_TESTS_SUPPORT_AXIS_LISTS_HPP

#include "bits.hpp"
#include "rows.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace support {

/// Positions of tokens on n_axes axes.
struct axis_list {
  std::string name;
  std::int64_t n_axes;
  std::vector<std::vector<std::int64_t>> tokens; // [token][axis]

  std::int64_t size() const { return static_cast<std::int64_t>(tokens.size()); }
  std::int64_t at(std::int64_t token, std::int64_t axis) const {
    return tokens[static_cast<std::size_t>(token)][static_cast<std::size_t>(axis)];
  }
  /// The positions as [axis][token].
  template <class Integer = std::int64_t> std::vector<Integer> by_axis() const {
    std::vector<Integer> values;
    for (std::int64_t axis = 0; axis < n_axes; ++axis) {
      for (std::int64_t token = 0; token < size(); ++token) {
        values.push_back(static_cast<Integer>(at(token, axis)));
      }
    }
    return values;
  }
};

/// Appends an image or a video of t x h x w tokens that begins at `start` on all axes.
inline void append_grid(axis_list& list, std::int64_t start, std::int64_t t, std::int64_t h,
                        std::int64_t w) {
  for (std::int64_t i = 0; i < t * h * w; ++i) {
    list.tokens.push_back({start + i / (h * w), start + i / w % h, start + i % w});
  }
}
inline void append_text(axis_list& list, std::int64_t first, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    list.tokens.push_back({first + i, first + i, first + i});
  }
}

/// Lists of three axes like those of prompts, and lists around the largest grid that one recurrence
/// can make: the number of its lines and the length of a line are at most 97 in sum.
inline std::vector<axis_list> axis_lists() {
  std::vector<axis_list> lists;
  const auto add = [&](const std::string& name) -> axis_list& {
    lists.push_back({name, 3, {}});
    return lists.back();
  };
  for (const auto& [h, w] : std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1},
                                                                               {2, 2},
                                                                               {3, 5},
                                                                               {16, 16},
                                                                               {4, 64},
                                                                               {50, 2},
                                                                               {120, 1},
                                                                               {3, 95},
                                                                               {3, 96},
                                                                               {3, 97},
                                                                               {48, 48},
                                                                               {49, 49},
                                                                               {2, 200}}) {
    append_grid(add(std::to_string(h) + " x " + std::to_string(w)), 17, 1, h, w);
  }
  append_grid(add("video"), -40, 5, 6, 7);
  append_grid(add("near the largest position"), largest_position - 20, 1, 20, 20);
  append_grid(add("near the smallest position"), -largest_position, 1, 20, 20);
  axis_list& prompt = add("text, image, text, image, video, text");
  append_text(prompt, 0, 13);
  append_grid(prompt, 13, 1, 10, 12);
  append_text(prompt, 25, 1);
  append_grid(prompt, 26, 1, 9, 9);
  append_grid(prompt, 35, 4, 5, 9);
  append_text(prompt, 44, 130);
  axis_list& merged = add("blocks of 2 x 2");
  for (std::int64_t i = 0; i < 144; ++i) {
    merged.tokens.push_back({0, i / 24 * 2 + i % 4 / 2, i / 4 % 6 * 2 + i % 2});
  }
  axis_list& padding = add("the same position");
  padding.tokens.assign(30, {5, 6, 7});
  axis_list& falling = add("falling and steep");
  for (std::int64_t i = 0; i < 200; ++i) {
    falling.tokens.push_back({-i, 1000 * i, 7 - 3 * i});
  }
  axis_list& scattered = add("scattered");
  axis_list interrupted{"interrupted grid", 3, {}};
  random_source random(23);
  for (int i = 0; i < 60; ++i) {
    scattered.tokens.push_back({random.integer(-largest_position, largest_position),
                                random.integer(0, 100), random.integer(-9, 9)});
  }
  append_grid(interrupted, 3, 1, 20, 20);
  for (const std::size_t token : {7U, 61U, 140U, 399U}) {
    interrupted.tokens[token][token % 3] += 1;
  }
  lists.push_back(interrupted);
  add("empty");
  return lists;
}

/// Expects that row t has the entries of the one-axis rows at the positions of token t.
template <class T> class expected_rows {
public:
  explicit expected_rows(const yarn::frequencies& freqs) : freqs_(freqs) {}

  void expect(const axis_list& list, std::int64_t token, const T* cos, const T* sin,
              const std::string& what) {
    for (std::int64_t pair = 0; pair < freqs_.n_pairs(); ++pair) {
      const std::int64_t position = list.at(token, freqs_.axis(pair));
      const auto found = rows_.try_emplace(position, freqs_, position).first;
      const auto i = static_cast<std::size_t>(pair);
      ASSERT_TRUE(bits_of(cos[pair]) == bits_of(found->second.cos[i]) &&
                  bits_of(sin[pair]) == bits_of(found->second.sin[i]))
          << what << ", " << list.name << ": token " << token << ", pair " << pair << ", axis "
          << freqs_.axis(pair) << ", position " << position;
    }
  }

private:
  const yarn::frequencies& freqs_;
  std::map<std::int64_t, single_row<T>> rows_;
};

} // namespace support

#endif // YARN_TESTS_SUPPORT_AXIS_LISTS_HPP

// SPDX-License-Identifier: MIT
// Compares a tensor of another library with the view that an adapter makes of it: both must refer
// to the same elements.
#ifndef YARN_TESTS_SUPPORT_ADAPTED_HPP
#define YARN_TESTS_SUPPORT_ADAPTED_HPP

#include "bits.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <vector>

namespace support {

struct head_counts {
  int tokens;
  int heads;
  int dim;
};

/// Fills a tensor by its own indices and rotates it through `view`. A dense array with the same
/// values is rotated through a view written by hand. Expects the same bits in both.
/// `at(token, head, i)` returns a reference to an element, through the tensor's own indexing.
template <class T, class At>
void expect_rotated_alike(const yarn::heads_view<T>& view, head_counts n, At at) {
  static_assert(std::is_same_v<decltype(at(0, 0, 0)), T&>);
  ASSERT_EQ(view.n_tokens(), n.tokens);
  ASSERT_EQ(view.n_heads(), n.heads);
  ASSERT_EQ(view.head_dim(), n.dim);
  yarn::rope_shape shape;
  shape.head_dim = n.dim;
  shape.rope_theta = 10000.0;
  yarn::rotary_rows<float> rows;
  rows.assign(yarn::make_frequencies(shape, yarn::default_scaling{}),
              yarn::positions_from(7, n.tokens));

  random_source random(5);
  std::vector<T> dense(static_cast<std::size_t>(n.tokens) * static_cast<std::size_t>(n.heads) *
                       static_cast<std::size_t>(n.dim));
  const auto for_each_element = [&](auto&& call) {
    std::size_t i = 0;
    for (int t = 0; t < n.tokens; ++t)
      for (int h = 0; h < n.heads; ++h)
        for (int d = 0; d < n.dim; ++d)
          call(at(t, h, d), dense[i++]);
  };
  for (const yarn::pairing p : {yarn::pairing::half_split, yarn::pairing::interleaved}) {
    for_each_element([&](T& theirs, T& ours) {
      yarn::detail::narrow(random.number(-4, 4), ours);
      theirs = ours;
    });
    yarn::rope_apply(view, rows, p);
    yarn::rope_apply(yarn::heads_view{dense.data(), n.tokens, n.heads, n.dim}, rows, p);
    int n_different = 0;
    for_each_element(
        [&](T& theirs, T& ours) { n_different += std::memcmp(&theirs, &ours, sizeof(T)) != 0; });
    EXPECT_EQ(n_different, 0);
  }
}

/// Compares a read-only view in the same way: copies it with rope_copy into a dense array.
template <class T, class At>
void expect_copied_alike(const yarn::heads_view<const T>& view, head_counts n, At at) {
  ASSERT_EQ(view.n_tokens(), n.tokens);
  ASSERT_EQ(view.n_heads(), n.heads);
  ASSERT_EQ(view.head_dim(), n.dim);
  yarn::rope_shape shape;
  shape.head_dim = n.dim;
  shape.rope_theta = 10000.0;
  const auto freqs = yarn::make_frequencies(shape, yarn::default_scaling{});
  std::vector<T> expected, copied;
  for (int t = 0; t < n.tokens; ++t)
    for (int h = 0; h < n.heads; ++h)
      for (int d = 0; d < n.dim; ++d)
        expected.push_back(at(t, h, d));
  copied.resize(expected.size());
  const auto dense = [&](std::vector<T>& list) {
    return yarn::heads_view{list.data(), n.tokens, n.heads, n.dim};
  };
  yarn::rope_apply(dense(expected), yarn::rows_of(freqs, yarn::positions_from(7)),
                   yarn::pairing::half_split);
  yarn::rope_copy(view, dense(copied), yarn::rows_of(freqs, yarn::positions_from(7)),
                  yarn::pairing::half_split);
  EXPECT_EQ(first_difference(copied.data(), expected.data(), copied.size()), -1);
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_ADAPTED_HPP

// SPDX-License-Identifier: MIT
// Tensors that own their memory, for the tests of rotations: layouts, random elements, and
// comparisons bit for bit that report the first difference.
#ifndef YARN_TESTS_SUPPORT_TENSORS_HPP
#define YARN_TESTS_SUPPORT_TENSORS_HPP

#include "bits.hpp"
#include "emulated_rotation.hpp"

#include <gtest/gtest.h>
#include <yarn/rows.hpp>
#include <yarn/views.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace support {

template <class T> std::vector<T> random_elements(std::size_t n, std::uint64_t seed) {
  random_source random(seed);
  std::vector<T> elements(n);
  std::generate(elements.begin(), elements.end(),
                [&] { return element_of<T>(random.number(-4, 4)); });
  return elements;
}

/// Whether two arrays have the same bits. A failure names the first difference.
template <class T>
::testing::AssertionResult same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) {
    return ::testing::AssertionFailure() << a.size() << " and " << b.size() << " elements";
  }
  const std::ptrdiff_t at = first_difference(a.data(), b.data(), a.size());
  if (at < 0) {
    return ::testing::AssertionSuccess();
  }
  const auto index = static_cast<std::size_t>(at);
  return ::testing::AssertionFailure()
         << "element " << at << " of " << a.size() << ": " << element<T>::widen(a[index]) << " and "
         << element<T>::widen(b[index]);
}

/// Extents and strides of a tensor, in elements. `first` is the index of the first element in the
/// buffer.
struct tensor_layout {
  std::size_t n_tokens;
  std::size_t n_heads;
  std::size_t head_dim;
  std::size_t token_stride;
  std::size_t head_stride;
  std::size_t first = 0;

  std::size_t place(std::size_t token, std::size_t head) const {
    return first + token * token_stride + head * head_stride;
  }
  std::size_t size() const {
    return n_tokens * n_heads == 0 ? first : place(n_tokens - 1, n_heads - 1) + head_dim;
  }
  template <class T> yarn::heads_view<T> view(T* buffer) const {
    return yarn::heads_view{buffer + first, n_tokens, n_heads, head_dim}.with_strides(token_stride,
                                                                                      head_stride);
  }
};

/// [tokens][heads][dim].
inline tensor_layout dense(std::size_t n_tokens, std::size_t n_heads, std::size_t head_dim) {
  return {n_tokens, n_heads, head_dim, n_heads * head_dim, head_dim};
}
/// [heads][tokens][dim].
inline tensor_layout head_major(std::size_t n_tokens, std::size_t n_heads, std::size_t head_dim) {
  return {n_tokens, n_heads, head_dim, head_dim, n_tokens * head_dim};
}

/// A tensor with random elements. The elements between its heads are random, too, and a rotation
/// must not change them.
template <class T> struct tensor {
  tensor_layout layout;
  std::vector<T> buffer;

  explicit tensor(const tensor_layout& shape, std::uint64_t seed = 1)
      : layout(shape), buffer(random_elements<T>(shape.size(), seed)) {}

  yarn::heads_view<T> view() { return layout.view(buffer.data()); }
  T* head(std::size_t token, std::size_t at) { return buffer.data() + layout.place(token, at); }
  const T* head(std::size_t token, std::size_t at) const {
    return buffer.data() + layout.place(token, at);
  }

  /// The same heads in another layout. The elements between the heads depend only on the layout.
  tensor in(const tensor_layout& other) const {
    tensor moved(other, 99);
    for (std::size_t t = 0; t < layout.n_tokens; ++t) {
      for (std::size_t h = 0; h < layout.n_heads; ++h) {
        std::copy_n(head(t, h), layout.head_dim, moved.head(t, h));
      }
    }
    return moved;
  }
};

/// Rotates heads in place by the documented arithmetic. row_of(token) returns {cos, sin}.
template <class T, class RowOf>
void emulate(const yarn::heads_view<T>& x, std::size_t n_pairs, yarn::pairing order,
             const RowOf& row_of) {
  for (std::int64_t t = 0; t < x.n_tokens(); ++t) {
    const pair_of<const compute_type<T>*> row = row_of(t);
    for (std::int64_t h = 0; h < x.n_heads(); ++h) {
      emulate_head(x.data() + t * x.token_stride() + h * x.head_stride(), order, row.first,
                   row.second, n_pairs);
    }
  }
}
template <class T>
void emulate(const yarn::heads_view<T>& x, const yarn::rotary_rows<compute_type<T>>& rows,
             yarn::pairing order) {
  emulate(x, static_cast<std::size_t>(rows.n_pairs()), order, [&](std::int64_t t) {
    return pair_of<const compute_type<T>*>{rows.cos(t), rows.sin(t)};
  });
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_TENSORS_HPP

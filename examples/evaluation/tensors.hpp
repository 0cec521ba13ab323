// SPDX-License-Identifier: MIT
// Matrices, views of parts of them, and the three matrix products of a layer and its gradient.
//
// Results must have the same bits in every run. Eigen sums a row in an order that depends on the
// alignment of its memory, so all memory of sums is owned by a matrix or vector of Eigen, which
// aligns it.
#ifndef YARN_EXAMPLES_EVALUATION_TENSORS_HPP
#define YARN_EXAMPLES_EVALUATION_TENSORS_HPP

#include <Eigen/Core>

#include <type_traits>

namespace evaluation {

using Eigen::Index;

/// A matrix whose rows are tokens, or the outputs of a weight.
template <class T> using matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T> using vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

/// A part of a matrix: rows [0, rows) and columns [0, cols) from `data` on.
template <class T> struct view {
  T* data = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index stride = 0; ///< elements from row to row

  using element = std::remove_const_t<T>;
  using map_type =
      Eigen::Map<std::conditional_t<std::is_const_v<T>, const matrix<element>, matrix<element>>, 0,
                 Eigen::OuterStride<>>;

  map_type map() const { return {data, rows, cols, Eigen::OuterStride<>(stride)}; }
  view part(Index row, Index col, Index n_rows, Index n_cols) const {
    return {data + row * stride + col, n_rows, n_cols, stride};
  }
  view top(Index n_rows) const { return {data, n_rows, cols, stride}; }
  // NOLINTNEXTLINE(google-explicit-constructor): as a pointer converts to a pointer to const
  operator view<const T>() const { return {data, rows, cols, stride}; }
};

template <class T> view<T> all(matrix<T>& m) { return {m.data(), m.rows(), m.cols(), m.cols()}; }
template <class T> view<const T> all(const matrix<T>& m) {
  return {m.data(), m.rows(), m.cols(), m.cols()};
}

enum class update { assign, add };

namespace detail {
template <class C, class Product> void store(C&& c, const Product& product, update how) {
  if (how == update::add)
    c.noalias() += product;
  else
    c.noalias() = product;
}
template <class T> using same = std::enable_if_t<true, T>; // not deduced
} // namespace detail

/// c = a b, or c += a b.
template <class T>
void multiply(detail::same<view<const T>> a, detail::same<view<const T>> b, view<T> c,
              update how = update::assign) {
  detail::store(c.map(), a.map() * b.map(), how);
}
/// The same with the transpose of b: the outputs of a layer, where b is its weight.
template <class T>
void multiply_by_transpose(detail::same<view<const T>> a, detail::same<view<const T>> b, view<T> c,
                           update how = update::assign) {
  detail::store(c.map(), a.map() * b.map().transpose(), how);
}
/// The same with the transpose of a: the gradient of a weight.
template <class T>
void multiply_transpose(detail::same<view<const T>> a, detail::same<view<const T>> b, view<T> c,
                        update how = update::assign) {
  detail::store(c.map(), a.map().transpose() * b.map(), how);
}

} // namespace evaluation

#endif

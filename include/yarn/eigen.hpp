// SPDX-License-Identifier: MIT
// Views of Eigen's matrices and tensors. Opt-in; needs Eigen 3.4 or newer.
//
// A matrix has no dimension for heads, so the number of heads is an argument. The storage order
// decides which index counts the tokens:
//
//     column-major  [heads * dim] x [tokens]    a column is a token
//     row-major     [tokens] x [heads * dim]    a row is a token
//     vector        one token
//
// If data() of the object is const, the view has const elements: a const Matrix, a const Map or a
// Ref<const ...> gives heads_view<const T>, a source for rope_copy. The memory must outlive the
// view. The compiler rejects a temporary Matrix, but cannot detect a block of a temporary.
#ifndef YARN_EIGEN_HPP
#define YARN_EIGEN_HPP

#include "detail/adapters/eigen.hpp"
#include "dim_order.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// The heads in a Matrix, Array, Map, Ref, Block, or another Eigen type with data() and strides.
/// Shape    Tokens by storage order (see the head of this file), each with n_heads contiguous
///          heads.
/// Types    float, double, Eigen::half, Eigen::bfloat16, and types with yarn::format_of.
/// Errors   std::invalid_argument: n_heads < 1, or not a divisor of the elements of a token; the
///          elements of a token are not contiguous (innerStride); tokens are not at least 1 element
///          apart (outerStride). Does not compile: an expression without memory, a temporary that
///          owns its memory.
template <class X, class Heads, class = std::enable_if_t<detail::is_eigen_dense_v<X>>>
heads_view<detail::eigen_element<X>> heads_from(X&& x, Heads n_heads) {
  return detail::eigen_heads<X>(x, detail::to_index(n_heads, "n_heads"));
}

/// The default order of the dimensions of a tensor: [dim, heads, tokens] for a column-major tensor,
/// [tokens, heads, dim] for a row-major one.
/// Errors   None.
template <class X>
inline constexpr dim_order default_dim_order = int(X::Layout) == int(Eigen::ColMajor)
                                                   ? dim_order::dim_heads_tokens
                                                   : dim_order::tokens_heads_dim;

/// The heads in a Tensor, TensorFixedSize or TensorMap of rank 3.
/// Errors   std::invalid_argument: the elements of a head are not contiguous in this order of
///          dimensions. Does not compile: a temporary that owns its memory, another rank.
template <class X, class = std::enable_if_t<detail::is_eigen_tensor_v<X>>>
heads_view<detail::eigen_element<X>>
heads_from(X&& x, dim_order order = default_dim_order<detail::plain_type<X>>) {
  return detail::eigen_tensor_heads<X>(x, order, 0, std::make_index_sequence<3>{});
}

/// The heads of one sequence in a Tensor of rank 4: [dim, heads, tokens, sequences] column-major,
/// [sequences, tokens, heads, dim] row-major.
/// Errors   Those of rank 3, and std::out_of_range: the sequence does not exist.
template <class X, class Sequence,
          class = std::enable_if_t<detail::is_eigen_tensor_v<X> && std::is_integral_v<Sequence>>>
heads_view<detail::eigen_element<X>>
heads_from(X&& x, Sequence sequence, dim_order order = default_dim_order<detail::plain_type<X>>) {
  return detail::eigen_tensor_heads<X>(x, order, detail::to_index(sequence, "sequence"),
                                       std::make_index_sequence<4>{});
}

/// An engine's own cos and sin as rows (row t for token t) or as a table (row p for position p).
/// Shape    Two objects, [pairs] x [rows] column-major or [rows] x [pairs] row-major. They may be
///          the halves of one object.
/// Errors   std::invalid_argument: the shapes or strides of cos and sin differ, the pairs of a row
///          are not contiguous, or rows are not at least 1 element apart (outerStride).
/// Example  rows_from(m.topRows(n), m.bottomRows(n)) for a column-major m
template <class Cos, class Sin,
          class = std::enable_if_t<detail::is_eigen_dense_v<Cos> && detail::is_eigen_dense_v<Sin>>>
rows_view<detail::eigen_scalar<Cos>> rows_from(Cos&& cos, Sin&& sin) {
  return detail::eigen_trig<rows_view, Cos, Sin>("rows_from", cos, sin);
}
template <class Cos, class Sin,
          class = std::enable_if_t<detail::is_eigen_dense_v<Cos> && detail::is_eigen_dense_v<Sin>>>
table_view<detail::eigen_scalar<Cos>> table_from(Cos&& cos, Sin&& sin) {
  return detail::eigen_trig<table_view, Cos, Sin>("table_from", cos, sin);
}

/// The positions in a vector of 32- or 64-bit integers. The vector must outlive the view.
/// Errors   std::invalid_argument: the elements are not contiguous (innerStride).
template <class X, class = std::enable_if_t<detail::is_eigen_dense_v<X>>>
positions positions_in(X&& x) {
  return detail::eigen_positions<X>(x);
}
/// The positions on several axes in a matrix of 32- or 64-bit integers. The matrix must outlive the
/// view.
/// Shape    [axes] x [tokens], for both storage orders. Pass x.transpose() for [tokens] x [axes].
/// Errors   None. Does not compile: an expression without memory, a temporary that owns its memory.
template <class X, class = std::enable_if_t<detail::is_eigen_dense_v<X>>>
axis_positions axis_positions_in(X&& x) {
  return detail::eigen_axis_positions<X>(x);
}

} // namespace YARN_ABI
} // namespace yarn

#endif

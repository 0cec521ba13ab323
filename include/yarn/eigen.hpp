// SPDX-License-Identifier: MIT
// Eigen's matrices and tensors as views. Opt-in; Eigen 3.4 or newer.
//
// A matrix has no dimension for heads, so their number is an argument. The storage order says which
// index counts the tokens:
//
//     column-major  [heads * dim] x [tokens]    a column is a token
//     row-major     [tokens] x [heads * dim]    a row is a token
//     vector        one token
//
// The view is of const elements where data() of the object is: a const Matrix, a const Map or a
// Ref<const ...> gives heads_view<const T>, which rope_copy reads from. The memory must outlive the
// view. A temporary Matrix is refused; a block of a temporary cannot be detected.
#ifndef YARN_EIGEN_HPP
#define YARN_EIGEN_HPP

#include "detail/adapters/eigen.hpp"
#include "dim_order.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// The heads in a Matrix, Array, Map, Ref, Block or whatever else of Eigen has data() and strides.
/// Shape    tokens by storage order (head of the file), each of n_heads heads side by side.
/// Types    float, double, Eigen::half, Eigen::bfloat16, and what yarn::format_of knows.
/// Errors   std::invalid_argument: n_heads < 1 or no divisor of a token's elements, these not side
///          by side (innerStride), tokens 0 or less apart (outerStride). Does not compile: an
///          expression without memory, a temporary that owns its memory.
template <class X, class Heads, class = std::enable_if_t<detail::is_eigen_dense_v<X>>>
heads_view<detail::eigen_element<X>> heads_from(X&& x, Heads n_heads) {
  return detail::eigen_heads<X>(x, detail::to_index(n_heads, "n_heads"));
}

/// The order of a tensor's dimensions unless told otherwise: [dim, heads, tokens] in a column-major
/// tensor, [tokens, heads, dim] in a row-major one.
template <class X>
inline constexpr dim_order default_dim_order = int(X::Layout) == int(Eigen::ColMajor)
                                                   ? dim_order::dim_heads_tokens
                                                   : dim_order::tokens_heads_dim;

/// The heads in a Tensor, TensorFixedSize or TensorMap of rank 3.
/// Errors   std::invalid_argument: the elements of a head are not side by side in this order of
///          dimensions. Does not compile: a temporary that owns its memory, another rank.
template <class X, class = std::enable_if_t<detail::is_eigen_tensor_v<X>>>
heads_view<detail::eigen_element<X>>
heads_from(X&& x, dim_order order = default_dim_order<detail::plain_type<X>>) {
  return detail::eigen_tensor_heads<X>(x, order, 0, std::make_index_sequence<3>{});
}

/// The heads of one sequence in a Tensor of rank 4: [dim, heads, tokens, sequences] column-major,
/// [sequences, tokens, heads, dim] row-major.
/// Errors   as with rank 3, and std::out_of_range: no such sequence.
template <class X, class Sequence,
          class = std::enable_if_t<detail::is_eigen_tensor_v<X> && std::is_integral_v<Sequence>>>
heads_view<detail::eigen_element<X>>
heads_from(X&& x, Sequence sequence, dim_order order = default_dim_order<detail::plain_type<X>>) {
  return detail::eigen_tensor_heads<X>(x, order, detail::to_index(sequence, "sequence"),
                                       std::make_index_sequence<4>{});
}

/// An engine's own cos and sin as rows (row t belongs to token t) or as a table (row p belongs to
/// position p): two objects [pairs] x [rows] column-major or [rows] x [pairs] row-major, or the two
/// halves of one: `rows_from(m.topRows(n), m.bottomRows(n))` of a column-major m.
/// Errors   std::invalid_argument: shapes or strides that differ, pairs not side by side.
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

/// The positions in a vector of 32- or 64-bit integers, which must outlive the view.
/// Errors   std::invalid_argument: they are not side by side (innerStride).
template <class X, class = std::enable_if_t<detail::is_eigen_dense_v<X>>>
positions positions_in(X&& x) {
  return detail::eigen_positions<X>(x);
}

} // namespace YARN_ABI
} // namespace yarn

#endif

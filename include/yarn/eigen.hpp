// SPDX-License-Identifier: MIT
// Eigen's matrices and tensors as views. Opt-in; Eigen 3.4 or newer.
//
// A matrix has no axis of heads, so their number is an argument, and storage order says which index
// counts the tokens:
//
//     column-major  [heads * dim] x [tokens]    a column is a token
//     row-major     [tokens] x [heads * dim]    a row is a token
//     vector        one token
//
// Constness is what data() of the object says: a const Matrix, a const Map or a Ref<const ...>
// gives heads_view<const T>, which rope_copy reads from. The memory must outlive the view: a
// temporary Matrix is refused, but nobody can see that a block is of one.
#ifndef YARN_EIGEN_HPP
#define YARN_EIGEN_HPP

#include "detail/adapters/axes.hpp"

#include <Eigen/Core>

#include <utility>

namespace Eigen { // <unsupported/Eigen/CXX11/Tensor> is for whoever has tensors to include
template <typename PlainObject, int Options, template <class> class MakePointer> class TensorMap;
} // namespace Eigen

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class Derived> std::true_type is_eigen_dense(const Eigen::DenseBase<Derived>*);
std::false_type is_eigen_dense(const void*);

template <class Derived> std::true_type has_own_memory(const Eigen::PlainObjectBase<Derived>*);
// It copies what it cannot refer to.
template <class Plain, int Options, class Stride>
std::true_type has_own_memory(const Eigen::Ref<const Plain, Options, Stride>*);
std::false_type has_own_memory(const void*);

template <class X> struct is_tensor_map : std::false_type {};
template <class Plain, int Options, template <class> class MakePointer>
struct is_tensor_map<Eigen::TensorMap<Plain, Options, MakePointer>> : std::true_type {};

// A tensor in memory, not an expression.
template <class X, class = void> struct is_eigen_tensor : std::false_type {};
template <class X>
struct is_eigen_tensor<X, std::void_t<decltype(X::NumDimensions), decltype(X::Layout),
                                      decltype(std::declval<const X&>().dimension(0)),
                                      decltype(std::declval<X&>().data())>> : std::true_type {};

template <class X> using plain_type = std::remove_cv_t<std::remove_reference_t<X>>;
template <class X>
inline constexpr bool is_eigen_dense_v =
    decltype(is_eigen_dense(static_cast<plain_type<X>*>(nullptr)))::value;
template <class X>
inline constexpr bool is_eigen_tensor_v =
    !is_eigen_dense_v<X> && is_eigen_tensor<plain_type<X>>::value;

template <class X> constexpr void check_eigen_type() {
  using plain = plain_type<X>;
  if constexpr (is_eigen_dense_v<X>) {
    static_assert((int(plain::Flags) & int(Eigen::DirectAccessBit)) != 0,
                  "yarn: an Eigen expression has no memory to view; evaluate it into a Matrix");
    static_assert(std::is_lvalue_reference_v<X> ||
                      !decltype(has_own_memory(static_cast<plain*>(nullptr)))::value,
                  "yarn: a view of a temporary Matrix, Array or Ref<const ...> would dangle");
  } else {
    static_assert(std::is_lvalue_reference_v<X> || is_tensor_map<plain>::value,
                  "yarn: a view of a temporary Tensor would dangle");
  }
}

// A matrix as rows of elements that lie side by side, whatever its storage order.
template <class X> struct eigen_rows {
  decltype(std::declval<X&>().data()) data;
  std::int64_t n_rows, size, row_stride;
};
template <class X> auto eigen_rows_of(const char* what, X& x) {
  if (x.innerSize() > 1 && x.innerStride() != 1)
    fail_argument("yarn: {}: innerStride = {} must be 1: {} elements of a {} lie side by side",
                  what, x.innerStride(), x.innerSize(), bool(X::IsRowMajor) ? "row" : "column");
  return eigen_rows<X>{x.data(), x.outerSize(), x.innerSize(), x.outerStride()};
}

template <template <class> class View, class Cos, class Sin>
auto eigen_trig(const char* what, const Cos& cos, const Sin& sin) {
  using scalar = typename Cos::Scalar;
  static_assert(std::is_same_v<scalar, typename Sin::Scalar>,
                "yarn: cos and sin have one element type");
  const auto c = eigen_rows_of("cos", cos);
  const auto s = eigen_rows_of("sin", sin);
  if (c.n_rows != s.n_rows || c.size != s.size || (c.n_rows > 1 && c.row_stride != s.row_stride))
    fail_argument("yarn: {}: cos has {} rows of {}, {} apart, and sin {} of {}, {} apart; they "
                  "must agree",
                  what, c.n_rows, c.size, c.row_stride, s.n_rows, s.size, s.row_stride);
  check_stride(what, "rows", "rows, pairs", c.n_rows, c.row_stride);
  const scalar* const cos_data = c.data;
  const scalar* const sin_data = s.data;
  return View<scalar>(cos_data, sin_data, c.n_rows, c.size, c.n_rows > 1 ? c.row_stride : c.size);
}

} // namespace detail

/// The heads in a Matrix, Array, Map, Ref, Block or whatever else of Eigen has data() and strides.
/// Shape    tokens by storage order (head of the file), each of n_heads heads side by side.
/// Types    float, double, Eigen::half, Eigen::bfloat16, and what yarn::format_of knows.
/// Errors   std::invalid_argument: n_heads < 1 or no divisor of a token's elements, these not side
///          by side (innerStride), tokens 0 or less apart (outerStride). Does not compile: an
///          expression without memory, a temporary that owns its memory.
template <class X, class Heads, class = std::enable_if_t<detail::is_eigen_dense_v<X>>>
auto heads_from(X&& x, Heads n_heads) {
  detail::check_eigen_type<X>();
  const auto rows = detail::eigen_rows_of("heads_from", x);
  const std::int64_t heads = detail::to_index(n_heads, "n_heads");
  if (heads < 1 || rows.size % heads != 0)
    detail::fail_argument(
        "yarn: heads_from: n_heads = {} must be >= 1 and divide the {} elements of a "
        "token (a {} of the matrix)",
        heads, rows.size, bool(detail::plain_type<X>::IsRowMajor) ? "row" : "column");
  const std::int64_t dim = rows.size / heads;
  return detail::heads_along("heads_from", rows.data,
                             {{rows.n_rows, heads, dim, 0}, {rows.row_stride, dim, 1, 0}},
                             axes::tokens_heads_dim);
}

/// The order of a tensor's axes unless told otherwise: [dim, heads, tokens] in a column-major
/// tensor, [tokens, heads, dim] in a row-major one.
template <class X>
inline constexpr axes default_axes = int(X::Layout) == int(Eigen::ColMajor)
                                         ? axes::dim_heads_tokens
                                         : axes::tokens_heads_dim;

namespace detail {

// Constants as indices: Tensor takes them unsigned, TensorMap signed.
template <class X, std::size_t... Axis>
auto eigen_tensor_heads(X& x, axes order, std::int64_t sequence, std::index_sequence<Axis...>) {
  constexpr int rank = int(sizeof...(Axis));
  static_assert(rank == int(X::NumDimensions),
                "yarn: a Tensor of heads has rank 3, or 4 and the index of a sequence");
  axis_list list{{static_cast<std::int64_t>(x.dimension(Axis))...}, {}};
  std::uint64_t stride = 1;
  for (int i = 0; i < rank; ++i) {
    const int axis = int(X::Layout) == int(Eigen::ColMajor) ? i : rank - 1 - i;
    list.stride[axis] = static_cast<std::int64_t>(stride);
    stride *= static_cast<std::uint64_t>(list.extent[axis]); // no object is beyond 64 bits
  }
  return heads_along("heads_from", x.data(), list, order, rank == 4, sequence);
}

} // namespace detail

/// The heads in a Tensor, TensorFixedSize or TensorMap of rank 3.
/// Errors   std::invalid_argument: the elements of a head are not side by side in this order of
///          axes. Does not compile: a temporary that owns its memory, another rank.
template <class X, class = std::enable_if_t<detail::is_eigen_tensor_v<X>>>
auto heads_from(X&& x, axes order = default_axes<detail::plain_type<X>>) {
  detail::check_eigen_type<X>();
  return detail::eigen_tensor_heads(x, order, 0, std::make_index_sequence<3>{});
}

/// The heads of one sequence in a Tensor of rank 4: [dim, heads, tokens, sequences] column-major,
/// [sequences, tokens, heads, dim] row-major.
/// Errors   as with rank 3, and std::out_of_range: no such sequence.
template <class X, class Sequence,
          class = std::enable_if_t<detail::is_eigen_tensor_v<X> && std::is_integral_v<Sequence>>>
auto heads_from(X&& x, Sequence sequence, axes order = default_axes<detail::plain_type<X>>) {
  detail::check_eigen_type<X>();
  return detail::eigen_tensor_heads(x, order, detail::to_index(sequence, "sequence"),
                                    std::make_index_sequence<4>{});
}

/// An engine's own cos and sin as rows (row t belongs to token t) or as a table (row p belongs to
/// position p): two objects [pairs] x [rows] column-major or [rows] x [pairs] row-major, or the two
/// halves of one: `rows_from(m.topRows(n), m.bottomRows(n))` of a column-major m.
/// Errors   std::invalid_argument: shapes or strides that differ, pairs not side by side.
template <class Cos, class Sin,
          class = std::enable_if_t<detail::is_eigen_dense_v<Cos> && detail::is_eigen_dense_v<Sin>>>
auto rows_from(Cos&& cos, Sin&& sin) {
  detail::check_eigen_type<Cos>();
  detail::check_eigen_type<Sin>();
  return detail::eigen_trig<rows_view>("rows_from", cos, sin);
}
template <class Cos, class Sin,
          class = std::enable_if_t<detail::is_eigen_dense_v<Cos> && detail::is_eigen_dense_v<Sin>>>
auto table_from(Cos&& cos, Sin&& sin) {
  detail::check_eigen_type<Cos>();
  detail::check_eigen_type<Sin>();
  return detail::eigen_trig<table_view>("table_from", cos, sin);
}

/// The positions in a vector of 32- or 64-bit integers, which must outlive the view.
/// Errors   std::invalid_argument: they are not side by side (innerStride).
template <class X, class = std::enable_if_t<detail::is_eigen_dense_v<X>>>
positions positions_in(X&& x) {
  static_assert(bool(detail::plain_type<X>::IsVectorAtCompileTime),
                "yarn: positions are a vector at compile time");
  detail::check_eigen_type<X>();
  const auto list = detail::eigen_rows_of("positions_in", x);
  return {list.data, list.size};
}

} // namespace YARN_ABI
} // namespace yarn

#endif

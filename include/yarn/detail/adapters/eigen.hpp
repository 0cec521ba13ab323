// SPDX-License-Identifier: MIT
// The implementation of eigen.hpp: which types belong to Eigen, whether their memory outlives a
// view, and their dimensions.
#ifndef YARN_DETAIL_ADAPTERS_EIGEN_HPP
#define YARN_DETAIL_ADAPTERS_EIGEN_HPP

#include "strided.hpp"

#include <Eigen/Core>

namespace Eigen { // Declared only: users of tensors include <unsupported/Eigen/CXX11/Tensor>.
template <typename PlainObject, int Options, template <class> class MakePointer> class TensorMap;
} // namespace Eigen

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class Derived> std::true_type is_eigen_dense(const Eigen::DenseBase<Derived>*);
std::false_type is_eigen_dense(const void*);

template <class Derived> std::true_type has_own_memory(const Eigen::PlainObjectBase<Derived>*);
// A Ref<const ...> copies an object that it cannot refer to.
template <class Plain, int Options, class Stride>
std::true_type has_own_memory(const Eigen::Ref<const Plain, Options, Stride>*);
std::false_type has_own_memory(const void*);

template <class X> struct is_tensor_map : std::false_type {};
template <class Plain, int Options, template <class> class MakePointer>
struct is_tensor_map<Eigen::TensorMap<Plain, Options, MakePointer>> : std::true_type {};

// Whether X is a tensor with memory, not an expression.
template <class X, class = void> struct is_eigen_tensor : std::false_type {};
template <class X>
struct is_eigen_tensor<X, std::void_t<decltype(X::NumDimensions), decltype(X::Layout),
                                      decltype(std::declval<const X&>().dimension(0)),
                                      decltype(std::declval<X&>().data())>> : std::true_type {};

template <class X> using plain_type = std::remove_cv_t<std::remove_reference_t<X>>;
template <class X>
inline constexpr bool is_eigen_dense_v =
    decltype(is_eigen_dense(static_cast<plain_type<X>*>(nullptr)))::value;
template <class X> inline constexpr bool is_eigen_tensor_v = is_eigen_tensor<plain_type<X>>::value;

// The type of an element: const if data() is const, void if there is no data().
template <class X, class = void> struct eigen_element_of { using type = void; };
template <class X> struct eigen_element_of<X, std::void_t<decltype(std::declval<X&>().data())>> {
  using type = std::remove_pointer_t<decltype(std::declval<X&>().data())>;
};
template <class X> using eigen_element = typename eigen_element_of<X>::type;
template <class X> using eigen_scalar = typename plain_type<X>::Scalar;

// Below, X is the type that a forwarding reference deduces: a reference, or for a temporary the
// plain type.
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

// A matrix as rows of contiguous elements, for both storage orders.
template <class X> struct eigen_rows {
  eigen_element<X>* data;
  std::int64_t n_rows, size, row_stride;
  static constexpr const char* row_name = bool(plain_type<X>::IsRowMajor) ? "row" : "column";
};
template <class X> eigen_rows<X> eigen_rows_of(const char* what, X& x) {
  check_eigen_type<X>();
  if (x.innerSize() > 1 && x.innerStride() != 1)
    fail_argument(
        "yarn: {}: innerStride = {} must be 1: the {} elements of a {} must be contiguous", what,
        x.innerStride(), x.innerSize(), eigen_rows<X>::row_name);
  return {x.data(), x.outerSize(), x.innerSize(), x.outerStride()};
}

template <class X> heads_view<eigen_element<X>> eigen_heads(X& x, std::int64_t heads) {
  const auto rows = eigen_rows_of<X>("heads_from", x);
  if (heads < 1 || rows.size % heads != 0)
    fail_argument("yarn: heads_from: n_heads = {} must be >= 1 and divide the {} elements of a "
                  "token (a {} of the matrix)",
                  heads, rows.size, rows.row_name);
  const std::int64_t dim = rows.size / heads;
  return heads_along("heads_from", rows.data,
                     {3, {rows.n_rows, heads, dim}, {rows.row_stride, dim, 1}},
                     dim_order::tokens_heads_dim, 0);
}

// The indices are constants, because Tensor takes unsigned indices and TensorMap signed ones.
template <class X, std::size_t... I>
heads_view<eigen_element<X>> eigen_tensor_heads(X& x, dim_order order, std::int64_t sequence,
                                                std::index_sequence<I...>) {
  using plain = plain_type<X>;
  check_eigen_type<X>();
  constexpr int rank = int(sizeof...(I));
  static_assert(rank == int(plain::NumDimensions),
                "yarn: a Tensor of heads has rank 3; for rank 4, pass a sequence index, too");
  dimension_list list{rank, {static_cast<std::int64_t>(x.dimension(I))...}, {}};
  std::uint64_t stride = 1;
  for (int i = 0; i < rank; ++i) {
    const int dimension = int(plain::Layout) == int(Eigen::ColMajor) ? i : rank - 1 - i;
    list.stride[dimension] = static_cast<std::int64_t>(stride);
    stride *= static_cast<std::uint64_t>(list.extent[dimension]); // No object has 2^64 elements.
  }
  return heads_along("heads_from", x.data(), list, order, sequence);
}

template <template <class> class View, class Cos, class Sin>
View<eigen_scalar<Cos>> eigen_trig(const char* what, Cos& cos, Sin& sin) {
  static_assert(std::is_same_v<eigen_scalar<Cos>, eigen_scalar<Sin>>,
                "yarn: cos and sin must have the same element type");
  const auto c = eigen_rows_of<Cos>("cos", cos);
  const auto s = eigen_rows_of<Sin>("sin", sin);
  if (c.n_rows != s.n_rows || c.size != s.size || (c.n_rows > 1 && c.row_stride != s.row_stride))
    fail_argument("yarn: {}: cos has {} rows of {} pairs, {} apart, and sin has {} rows of {} "
                  "pairs, {} apart; the two must agree",
                  what, c.n_rows, c.size, c.row_stride, s.n_rows, s.size, s.row_stride);
  check_stride(what, "rows", "rows, pairs", c.n_rows, c.row_stride);
  return {c.data, s.data, c.n_rows, c.size, c.n_rows > 1 ? c.row_stride : c.size};
}

template <class X> positions eigen_positions(X& x) {
  static_assert(bool(plain_type<X>::IsVectorAtCompileTime),
                "yarn: positions must be a vector at compile time");
  const auto list = eigen_rows_of<X>("positions_in", x);
  return {list.data, list.size};
}
template <class X> axis_positions eigen_axis_positions(X& x) {
  check_eigen_type<X>();
  return axis_positions(x.data(), x.cols(), x.rows()).with_strides(x.rowStride(), x.colStride());
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

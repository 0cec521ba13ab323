// SPDX-License-Identifier: MIT
// What eigen.hpp declares.
#ifndef YARN_DETAIL_ADAPTERS_EIGEN_HPP
#define YARN_DETAIL_ADAPTERS_EIGEN_HPP

#include "../../eigen.hpp"
#include "strided.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

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
  eigen_element<X>* data;
  std::int64_t n_rows, size, row_stride;
};
template <class X> eigen_rows<X> eigen_rows_of(const char* what, X& x) {
  if (x.innerSize() > 1 && x.innerStride() != 1)
    fail_argument("yarn: {}: innerStride = {} must be 1: {} elements of a {} lie side by side",
                  what, x.innerStride(), x.innerSize(), bool(X::IsRowMajor) ? "row" : "column");
  return {x.data(), x.outerSize(), x.innerSize(), x.outerStride()};
}

template <template <class> class View, class Cos, class Sin>
View<typename Cos::Scalar> eigen_trig(const char* what, const Cos& cos, const Sin& sin) {
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
  return {cos_data, sin_data, c.n_rows, c.size, c.n_rows > 1 ? c.row_stride : c.size};
}

// Constants as indices: Tensor takes them unsigned, TensorMap signed.
template <class X, std::size_t... Axis>
heads_view<eigen_element<X>> eigen_tensor_heads(X& x, dim_order order, std::int64_t sequence,
                                                std::index_sequence<Axis...>) {
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

template <class X, class Heads, class>
heads_view<detail::eigen_element<X>> heads_from(X&& x, Heads n_heads) {
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
                             dim_order::tokens_heads_dim);
}

template <class X, class> heads_view<detail::eigen_element<X>> heads_from(X&& x, dim_order order) {
  detail::check_eigen_type<X>();
  return detail::eigen_tensor_heads(x, order, 0, std::make_index_sequence<3>{});
}
template <class X, class Sequence, class>
heads_view<detail::eigen_element<X>> heads_from(X&& x, Sequence sequence, dim_order order) {
  detail::check_eigen_type<X>();
  return detail::eigen_tensor_heads(x, order, detail::to_index(sequence, "sequence"),
                                    std::make_index_sequence<4>{});
}

template <class Cos, class Sin, class>
rows_view<typename detail::plain_type<Cos>::Scalar> rows_from(Cos&& cos, Sin&& sin) {
  detail::check_eigen_type<Cos>();
  detail::check_eigen_type<Sin>();
  return detail::eigen_trig<rows_view>("rows_from", cos, sin);
}
template <class Cos, class Sin, class>
table_view<typename detail::plain_type<Cos>::Scalar> table_from(Cos&& cos, Sin&& sin) {
  detail::check_eigen_type<Cos>();
  detail::check_eigen_type<Sin>();
  return detail::eigen_trig<table_view>("table_from", cos, sin);
}

template <class X, class> positions positions_in(X&& x) {
  static_assert(bool(detail::plain_type<X>::IsVectorAtCompileTime),
                "yarn: positions are a vector at compile time");
  detail::check_eigen_type<X>();
  const auto list = detail::eigen_rows_of("positions_in", x);
  return {list.data, list.size};
}

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// The implementation of mdspan.hpp. Every type with the members of an mdspan counts as one.
#ifndef YARN_DETAIL_ADAPTERS_MDSPAN_HPP
#define YARN_DETAIL_ADAPTERS_MDSPAN_HPP

#include "strided.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class X>
using if_mdspan =
    std::void_t<typename X::mapping_type, typename X::element_type, typename X::reference,
                typename X::rank_type, decltype(std::declval<const X&>().data_handle()),
                decltype(X::rank()), decltype(X::is_always_strided())>;

template <class Mapping, class = void> struct has_strides : std::false_type {};
template <class Mapping>
struct has_strides<Mapping, std::void_t<decltype(std::declval<const Mapping&>().stride(0))>>
    : std::true_type {};

// Checks that a view of the mdspan is possible, and returns its dimensions.
template <class X> dimension_list mdspan_dimensions(const X& x) {
  using element = typename X::element_type;
  using rank_type = typename X::rank_type;
  // An accessor that scales, conjugates or locks returns no plain references.
  static_assert(std::is_same_v<typename X::reference, element&> &&
                    std::is_convertible_v<decltype(x.data_handle()), element*>,
                "yarn: the mdspan's accessor must give plain references to memory");
  static_assert(has_strides<typename X::mapping_type>::value,
                "yarn: the mdspan's layout has no strides");
  if (!x.is_strided())
    fail_argument("yarn: mdspan: is_strided() is false; this layout cannot be viewed");
  dimension_list list{static_cast<int>(X::rank()), {}, {}};
  for (int i = 0; i < list.rank; ++i) {
    list.extent[i] = to_index(x.extent(static_cast<rank_type>(i)), "mdspan.extent");
    list.stride[i] = to_index(x.stride(static_cast<rank_type>(i)), "mdspan.stride");
  }
  return list;
}

template <int Rank, class X>
heads_view<typename X::element_type> mdspan_heads(const X& x, dim_order order,
                                                  std::int64_t sequence) {
  static_assert(X::rank() == Rank,
                "yarn: an mdspan of heads has rank 3; for rank 4, pass a sequence index, too");
  typename X::element_type* const data = x.data_handle();
  return heads_along("mdspan", data, mdspan_dimensions(x), order, sequence);
}

template <class X> positions mdspan_positions(const X& x) {
  static_assert(X::rank() == 1, "yarn: an mdspan of positions has rank 1");
  const dimension_list list = mdspan_dimensions(x);
  if (list.extent[0] > 1 && list.stride[0] != 1)
    fail_argument("yarn: mdspan: stride {} of positions must be 1", list.stride[0]);
  return {static_cast<const typename X::element_type*>(x.data_handle()), list.extent[0]};
}
template <class X> axis_positions mdspan_axis_positions(const X& x) {
  static_assert(X::rank() == 2, "yarn: an mdspan of positions on several axes has rank 2");
  const dimension_list list = mdspan_dimensions(x);
  const typename X::element_type* const data = x.data_handle();
  return axis_positions(data, list.extent[1], list.extent[0])
      .with_strides(list.stride[0], list.stride[1]);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

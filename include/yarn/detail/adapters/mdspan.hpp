// SPDX-License-Identifier: MIT
// What mdspan.hpp declares.
#ifndef YARN_DETAIL_ADAPTERS_MDSPAN_HPP
#define YARN_DETAIL_ADAPTERS_MDSPAN_HPP

#include "../../mdspan.hpp"
#include "strided.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class X> void check_mdspan(const X& x) {
  using element = typename X::element_type;
  // An accessor that scales, conjugates or locks gives no plain references.
  static_assert(std::is_same_v<typename X::reference, element&> &&
                    std::is_convertible_v<decltype(x.data_handle()), element*>,
                "yarn: the mdspan's accessor must give plain references to memory");
  static_assert(has_strides<typename X::mapping_type>::value,
                "yarn: the mdspan's layout has no strides");
  if (!x.is_strided())
    fail_argument("yarn: mdspan: is_strided() is false; this layout cannot be viewed");
}

template <class X>
heads_view<typename X::element_type> mdspan_heads(const X& x, dim_order order, bool is_batch,
                                                  std::int64_t sequence) {

  check_mdspan(x);
  axis_list list{};
  for (std::size_t i = 0; i < X::rank(); ++i) {
    list.extent[i] = to_index(x.extent(static_cast<typename X::rank_type>(i)), "mdspan.extent");
    list.stride[i] = to_index(x.stride(static_cast<typename X::rank_type>(i)), "mdspan.stride");
  }
  return heads_along<typename X::element_type>("mdspan", x.data_handle(), list, order, is_batch,
                                               sequence);
}

} // namespace detail

template <class X, class>
heads_view<typename X::element_type> heads_from(const X& x, dim_order order) {
  static_assert(X::rank() == 3,
                "yarn: an mdspan of heads has rank 3, or 4 and the index of a sequence");
  return detail::mdspan_heads(x, order, false, 0);
}
template <class X, class Sequence, class>
heads_view<typename X::element_type> heads_from(const X& x, Sequence sequence, dim_order order) {
  static_assert(X::rank() == 4,
                "yarn: an mdspan of heads has rank 3, or 4 and the index of a sequence");
  return detail::mdspan_heads(x, order, true, detail::to_index(sequence, "sequence"));
}

template <class X>
std::enable_if_t<detail::is_mdspan<X>::value, positions> positions_in(const X& x) {
  static_assert(X::rank() == 1, "yarn: an mdspan of positions has rank 1");
  detail::check_mdspan(x);
  const std::int64_t n = detail::to_index(x.extent(0), "mdspan.extent");
  const std::int64_t stride = detail::to_index(x.stride(0), "mdspan.stride");
  if (n > 1 && stride != 1)
    detail::fail_argument("yarn: mdspan: stride {} of positions must be 1", stride);
  const typename X::element_type* const data = x.data_handle();
  return {data, n};
}

} // namespace YARN_ABI
} // namespace yarn

#endif

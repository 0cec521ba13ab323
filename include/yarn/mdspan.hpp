// SPDX-License-Identifier: MIT
// mdspan as views: std::mdspan (C++23), Kokkos' reference implementation, or any type with the same
// members. Includes neither: whoever has one has included it. Opt-in.
//
//     std::mdspan x(data, n_tokens, n_heads, head_dim);          // layout_right
//     yarn::rope_apply(yarn::heads_from(x), rows, p);
//     std::mdspan y(data, std::layout_left::mapping(             // column-major: dim first
//                             std::dextents<int, 3>(head_dim, n_heads, n_tokens)));
//     yarn::rope_apply(yarn::heads_from(y, yarn::axes::dim_heads_tokens), rows, p);
#ifndef YARN_MDSPAN_HPP
#define YARN_MDSPAN_HPP

#include "detail/adapters/axes.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class X, class = void> struct is_mdspan : std::false_type {};
template <class X>
struct is_mdspan<
    X, std::void_t<typename X::mapping_type, typename X::element_type, typename X::reference,
                   typename X::rank_type, decltype(std::declval<const X&>().data_handle()),
                   decltype(X::rank()), decltype(X::is_always_strided())>> : std::true_type {};

template <class Mapping, class = void> struct has_strides : std::false_type {};
template <class Mapping>
struct has_strides<Mapping, std::void_t<decltype(std::declval<const Mapping&>().stride(0))>>
    : std::true_type {};

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

template <class X> auto mdspan_heads(const X& x, axes order, bool is_batch, std::int64_t sequence) {
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

/// The heads in an mdspan of rank 3, whose axes stand in this order; extents static or dynamic, any
/// layout with strides. Elements const or not, of a type that yarn::format_of knows.
/// Errors   std::invalid_argument: the elements of a head are not side by side in this order of
///          axes, a stride is 0 or negative, the layout is not strided.
///          Does not compile: an accessor that does more than to point, another rank.
template <class X, class = std::enable_if_t<detail::is_mdspan<X>::value>>
heads_view<typename X::element_type> heads_from(const X& x, axes order = axes::tokens_heads_dim) {
  static_assert(X::rank() == 3,
                "yarn: an mdspan of heads has rank 3, or 4 and the index of a sequence");
  return detail::mdspan_heads(x, order, false, 0);
}

/// The heads of one sequence in an mdspan of rank 4, whose first axis (or last, where the tokens
/// are last) counts the sequences.
/// Errors   as with rank 3, and std::out_of_range: no such sequence.
template <class X, class Sequence,
          class = std::enable_if_t<detail::is_mdspan<X>::value && std::is_integral_v<Sequence>>>
heads_view<typename X::element_type> heads_from(const X& x, Sequence sequence,
                                                axes order = axes::tokens_heads_dim) {
  static_assert(X::rank() == 4,
                "yarn: an mdspan of heads has rank 3, or 4 and the index of a sequence");
  return detail::mdspan_heads(x, order, true, detail::to_index(sequence, "sequence"));
}

/// The positions in an mdspan of rank 1 of 32- or 64-bit integers.
/// Errors   std::invalid_argument: they are not side by side.
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

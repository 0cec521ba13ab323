// SPDX-License-Identifier: MIT
// Views of mdspan: std::mdspan (C++23), Kokkos' reference implementation, or any type with the same
// members. Opt-in. This header does not include an mdspan: include yours before the calls.
//
//     std::mdspan x(data, n_tokens, n_heads, head_dim);          // layout_right
//     yarn::rope_apply(yarn::heads_from(x), rows, p);
//     std::mdspan y(data, std::layout_left::mapping(             // column-major: dim first
//                             std::dextents<int, 3>(head_dim, n_heads, n_tokens)));
//     yarn::rope_apply(yarn::heads_from(y, yarn::dim_order::dim_heads_tokens), rows, p);
#ifndef YARN_MDSPAN_HPP
#define YARN_MDSPAN_HPP

#include "detail/adapters/mdspan.hpp"
#include "dim_order.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// The heads in an mdspan of rank 3 with this order of dimensions. Extents may be static or
/// dynamic; any layout with strides is possible.
/// Types    Elements: types with yarn::format_of, const or not.
/// Errors   std::invalid_argument: the elements of a head are not contiguous in this order, a
///          stride is 0 or negative, the layout has no strides. Does not compile: an accessor that
///          returns no plain references, another rank.
template <class X, class = detail::if_mdspan<X>>
heads_view<typename X::element_type> heads_from(const X& x,
                                                dim_order order = dim_order::tokens_heads_dim) {
  return detail::mdspan_heads<3>(x, order, 0);
}

/// The heads of one sequence in an mdspan of rank 4. The sequences are the first dimension, or the
/// last one if tokens or heads come last in `order`.
/// Errors   Those of rank 3, and std::out_of_range: the sequence does not exist.
template <class X, class Sequence, class = detail::if_mdspan<X>,
          class = std::enable_if_t<std::is_integral_v<Sequence>>>
heads_view<typename X::element_type> heads_from(const X& x, Sequence sequence,
                                                dim_order order = dim_order::tokens_heads_dim) {
  return detail::mdspan_heads<4>(x, order, detail::to_index(sequence, "sequence"));
}

/// The positions in an mdspan of rank 1 of 32- or 64-bit integers.
/// Errors   std::invalid_argument: the elements are not contiguous, or the layout has no strides.
template <class X, class = detail::if_mdspan<X>, class = void> positions positions_in(const X& x) {
  return detail::mdspan_positions(x);
}
/// The positions on several axes in an mdspan [axes][tokens] of 32- or 64-bit integers. Any layout
/// with strides is possible.
/// Errors   std::invalid_argument: the layout has no strides.
template <class X, class = detail::if_mdspan<X>, class = void>
axis_positions axis_positions_in(const X& x) {
  return detail::mdspan_axis_positions(x);
}

} // namespace YARN_ABI
} // namespace yarn

#endif

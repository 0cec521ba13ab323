// SPDX-License-Identifier: MIT
// Which types are an mdspan: those with its members.
#ifndef YARN_DETAIL_ADAPTERS_MDSPAN_TRAITS_HPP
#define YARN_DETAIL_ADAPTERS_MDSPAN_TRAITS_HPP

#include "../base/abi.hpp"

#include <type_traits>
#include <utility>

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

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

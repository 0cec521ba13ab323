// SPDX-License-Identifier: MIT
// Traits that find the forms of `resolve` in a type. The form makes the type a static or a dynamic
// scaling method.
#ifndef YARN_DETAIL_SCALING_METHOD_TRAITS_HPP
#define YARN_DETAIL_SCALING_METHOD_TRAITS_HPP

#include "../base/abi.hpp"

#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>

namespace yarn {
inline namespace YARN_ABI {
class spectrum;

namespace detail {

template <class Method, class = void> struct has_static_resolve : std::false_type {};
template <class Method>
struct has_static_resolve<
    Method, std::void_t<decltype(std::declval<const Method&>().resolve(std::declval<spectrum&>()))>>
    : std::true_type {};

template <class Method, class = void> struct has_dynamic_resolve : std::false_type {};
template <class Method>
struct has_dynamic_resolve<Method, std::void_t<decltype(std::declval<const Method&>().resolve(
                                       std::declval<spectrum&>(), std::int64_t{}))>>
    : std::true_type {};

// A variant of methods is a method. It counts as dynamic, because it may hold a dynamic method.
template <class... Methods>
struct has_dynamic_resolve<std::variant<Methods...>, void> : std::true_type {};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

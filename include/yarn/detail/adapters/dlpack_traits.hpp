// SPDX-License-Identifier: MIT
// Which types hold a DLTensor.
#ifndef YARN_DETAIL_ADAPTERS_DLPACK_TRAITS_HPP
#define YARN_DETAIL_ADAPTERS_DLPACK_TRAITS_HPP

#include "../base/abi.hpp"

#include <dlpack/dlpack.h>

#include <type_traits>
#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The tensor in x, for a view of elements T.
// Errors   it is read-only, and T is not const; an unknown version.
#if defined(DLPACK_FLAG_BITMASK_READ_ONLY) // since DLPack 0.8
template <class T> const DLTensor& tensor_of(const DLManagedTensorVersioned& x);
#endif
template <class T> const DLTensor& tensor_of(const DLTensor& x);

template <class X, class = void> struct is_dlpack : std::false_type {};
template <class X>
struct is_dlpack<X, std::void_t<decltype(tensor_of<const float>(std::declval<const X&>()))>>
    : std::true_type {};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

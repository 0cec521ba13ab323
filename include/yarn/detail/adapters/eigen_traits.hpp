// SPDX-License-Identifier: MIT
// Which types are Eigen's, and whether their memory outlives a view.
#ifndef YARN_DETAIL_ADAPTERS_EIGEN_TRAITS_HPP
#define YARN_DETAIL_ADAPTERS_EIGEN_TRAITS_HPP

#include "../base/abi.hpp"

#include <Eigen/Core>

#include <type_traits>
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

// The type of an element, const where data() says so; void where there is no data().
template <class X, class = void> struct eigen_element_of { using type = void; };
template <class X> struct eigen_element_of<X, std::void_t<decltype(std::declval<X&>().data())>> {
  using type = std::remove_pointer_t<decltype(std::declval<X&>().data())>;
};
template <class X> using eigen_element = typename eigen_element_of<X>::type;

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

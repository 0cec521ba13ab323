// SPDX-License-Identifier: MIT
// Views of DLPack tensors in host memory, as torch, numpy, jax and TVM export them. Opt-in; needs
// dlpack.h 0.6 or newer.
//
//     yarn::rope_apply(yarn::heads_from<float>(tensor), rows, p);               // known dtype
//     yarn::visit_heads(tensor, [&](auto x) { yarn::rope_apply(x, rows, p); }); // any dtype
//
// A DLTensor has no read-only flag. If you have a DLManagedTensorVersioned (DLPack 1.0 or newer),
// pass it instead, because it has the flag.
#ifndef YARN_DLPACK_HPP
#define YARN_DLPACK_HPP

#include "detail/adapters/dlpack.hpp"
#include "dim_order.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// The heads in a DLTensor (or DLManagedTensorVersioned) of rank 3 with this order of dimensions.
/// Types    T: an element type with the format of the dtype; const T for reading only.
/// Errors   std::invalid_argument: another dtype, lanes other than 1, another rank, memory that is
///          not host memory, the elements of a head are not contiguous, a stride is 0 (a broadcast)
///          or negative, null or misaligned data, a read-only tensor with a T that is not const.
template <class T, class X, class = detail::if_dlpack<X>>
heads_view<T> heads_from(const X& x, dim_order order = dim_order::tokens_heads_dim) {
  return detail::dlpack_heads<T>(detail::tensor_of<T>(x), order, 3, 0);
}

/// The heads of one sequence in a tensor of rank 4. The sequences are the first dimension, or the
/// last one if tokens or heads come last in `order`.
/// Errors   Those of rank 3, and std::out_of_range: the sequence does not exist.
template <class T, class X, class Sequence, class = detail::if_dlpack<X>,
          class = std::enable_if_t<std::is_integral_v<Sequence>>>
heads_view<T> heads_from(const X& x, Sequence sequence,
                         dim_order order = dim_order::tokens_heads_dim) {
  return detail::dlpack_heads<T>(detail::tensor_of<T>(x), order, 4,
                                 detail::to_index(sequence, "sequence"));
}

/// Calls f with heads_from<T>(x, where...) for the T of the dtype, and returns the result of f,
/// which must have the same type for all T. `where` is the order of the dimensions, or the index of
/// a sequence and optionally the order.
/// Types    T: double, float, yarn::float16, yarn::bfloat16, or with dlpack.h 1.1 also
///          yarn::float8_e4m3 and yarn::float8_e5m2.
/// Errors   Those of heads_from, and std::invalid_argument: a dtype that is none of these.
template <class X, class F, class... Where, class = detail::if_dlpack<X>>
std::invoke_result_t<F&, heads_view<float>> visit_heads(const X& x, F&& f, Where... where) {
  return detail::with_format_of(x, [&](auto traits) -> decltype(auto) {
    return f(heads_from<typename decltype(traits)::type>(x, where...));
  });
}
/// The same with heads_from<const T>, which accepts read-only tensors.
/// Errors   Those of visit_heads.
template <class X, class F, class... Where, class = detail::if_dlpack<X>>
std::invoke_result_t<F&, heads_view<const float>> visit_const_heads(const X& x, F&& f,
                                                                    Where... where) {
  return detail::with_format_of(x, [&](auto traits) -> decltype(auto) {
    return f(heads_from<const typename decltype(traits)::type>(x, where...));
  });
}

/// The positions in a tensor of rank 1, or those of one sequence in a tensor of rank 2
/// (position_ids of transformers). The memory must outlive the view.
/// Types    int32 or int64.
/// Errors   std::invalid_argument: another dtype or rank, memory that is not host memory, a stride
///          other than 1, null or misaligned data. std::out_of_range: the sequence does not exist.
template <class X, class = detail::if_dlpack<X>> positions positions_in(const X& x) {
  return detail::dlpack_positions(detail::tensor_of<const void>(x), 1, 0);
}
template <class X, class Sequence, class = detail::if_dlpack<X>,
          class = std::enable_if_t<std::is_integral_v<Sequence>>>
positions positions_in(const X& x, Sequence sequence) {
  return detail::dlpack_positions(detail::tensor_of<const void>(x), 2,
                                  detail::to_index(sequence, "sequence"));
}

/// The positions in a tensor [axes, tokens], or those of one sequence in a tensor [axes, sequences,
/// tokens] (position_ids of transformers for models with M-RoPE). Axes and tokens may have any
/// strides. The memory must outlive the view.
/// Types    int32 or int64.
/// Errors   std::invalid_argument: another dtype or rank, a negative extent, memory that is not
///          host memory, null or misaligned data. std::out_of_range: the sequence does not exist.
template <class X, class = detail::if_dlpack<X>> axis_positions axis_positions_in(const X& x) {
  return detail::dlpack_axis_positions(detail::tensor_of<const void>(x), 2, 0);
}
template <class X, class Sequence, class = detail::if_dlpack<X>,
          class = std::enable_if_t<std::is_integral_v<Sequence>>>
axis_positions axis_positions_in(const X& x, Sequence sequence) {
  return detail::dlpack_axis_positions(detail::tensor_of<const void>(x), 3,
                                       detail::to_index(sequence, "sequence"));
}

} // namespace YARN_ABI
} // namespace yarn

#endif

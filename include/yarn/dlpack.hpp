// SPDX-License-Identifier: MIT
// DLPack tensors in host memory as views: what torch, numpy, jax and TVM hand over. Opt-in;
// dlpack.h 0.6 or newer.
//
//     yarn::rope_apply(yarn::heads_from<float>(tensor), rows, p);        // its dtype is known
//     yarn::visit_heads(tensor, [&](auto x) { yarn::rope_apply(x, rows, p); }); // or is asked for
//
// A DLTensor does not say that it is read-only. A DLManagedTensorVersioned (DLPack 0.8 or newer)
// does, so pass that where there is one.
#ifndef YARN_DLPACK_HPP
#define YARN_DLPACK_HPP

#include "detail/adapters/dlpack.hpp"
#include "dim_order.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// The heads in a DLTensor (or DLManagedTensorVersioned) of rank 3 with this order of dimensions.
/// T        the type of the elements: its format must be that of dtype; const T to read only.
/// Errors   std::invalid_argument: another dtype or lanes other than 1, another rank, memory that
///          is not the host's, the elements of a head not side by side, a stride of 0 (a broadcast)
///          or less, null or misaligned data, a read-only tensor where T is not const.
template <class T, class X, class = detail::if_dlpack<X>>
heads_view<T> heads_from(const X& x, dim_order order = dim_order::tokens_heads_dim) {
  return detail::dlpack_heads<T>(detail::tensor_of<T>(x), order, 3, 0);
}

/// The heads of one sequence in a tensor of rank 4, whose first dimension (or last, where the
/// tokens are last) counts the sequences.
/// Errors   as with rank 3, and std::out_of_range: no such sequence.
template <class T, class X, class Sequence, class = detail::if_dlpack<X>,
          class = std::enable_if_t<std::is_integral_v<Sequence>>>
heads_view<T> heads_from(const X& x, Sequence sequence,
                         dim_order order = dim_order::tokens_heads_dim) {
  return detail::dlpack_heads<T>(detail::tensor_of<T>(x), order, 4,
                                 detail::to_index(sequence, "sequence"));
}

/// Calls f with heads_from<T>(x, where...) and returns what f returns, one type for all T.
/// T        double, float, yarn::float16, yarn::bfloat16 or yarn::float8_e4m3, as dtype says; the
///          last one needs dlpack.h 1.1.
/// Where    the order of the dimensions, or the index of a sequence and, where needed, that order.
/// Errors   as heads_from, and a dtype that is none of these.
template <class X, class F, class... Where, class = detail::if_dlpack<X>>
std::invoke_result_t<F&, heads_view<float>> visit_heads(const X& x, F&& f, Where... where) {
  return detail::with_format_of(x, [&](auto traits) -> decltype(auto) {
    return f(heads_from<typename decltype(traits)::type>(x, where...));
  });
}
/// The same with heads_from<const T>: read-only tensors are welcome.
template <class X, class F, class... Where, class = detail::if_dlpack<X>>
std::invoke_result_t<F&, heads_view<const float>> visit_const_heads(const X& x, F&& f,
                                                                    Where... where) {
  return detail::with_format_of(x, [&](auto traits) -> decltype(auto) {
    return f(heads_from<const typename decltype(traits)::type>(x, where...));
  });
}

/// The positions in a tensor of rank 1, int32 or int64, or those of one sequence in a tensor of
/// rank 2 (transformers' position_ids). The memory must outlive the view.
/// Errors   std::invalid_argument: another dtype or rank, memory that is not the host's, a stride
///          other than 1, null or misaligned data; std::out_of_range: no such sequence.
template <class X, class = detail::if_dlpack<X>> positions positions_in(const X& x) {
  return detail::dlpack_positions(detail::tensor_of<const void>(x), 1, 0);
}
template <class X, class Sequence, class = detail::if_dlpack<X>,
          class = std::enable_if_t<std::is_integral_v<Sequence>>>
positions positions_in(const X& x, Sequence sequence) {
  return detail::dlpack_positions(detail::tensor_of<const void>(x), 2,
                                  detail::to_index(sequence, "sequence"));
}

} // namespace YARN_ABI
} // namespace yarn

#endif

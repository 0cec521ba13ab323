// SPDX-License-Identifier: MIT
// Views of the tensors of PyTorch (at::Tensor, torch::Tensor) in the memory of the CPU. Opt-in;
// needs the headers of libtorch 2.1 or newer, and includes only ATen/core/TensorBase.h.
//
//     yarn::rope_apply(yarn::heads_from<float>(tensor), rows, p);               // known dtype
//     yarn::visit_heads(tensor, [&](auto x) { yarn::rope_apply(x, rows, p); }); // any dtype
//
// The tensors of transformers are [batch, heads, tokens, dim]: make one view for each sequence,
//
//     for (std::int64_t s = 0; s < q.size(0); ++s)
//       visit_heads(q, f, s, yarn::dim_order::heads_tokens_dim);
//
// Autograd does not see what is written through a view. examples/torch_extension has operators with
// gradients.
#ifndef YARN_TORCH_HPP
#define YARN_TORCH_HPP

#include "detail/adapters/torch.hpp"
#include "dim_order.hpp"

namespace yarn {
inline namespace v0 {

// The element types of PyTorch.
template <> struct format_of<c10::Half> {
  static constexpr element_format value = element_format::binary16;
};
template <> struct format_of<c10::BFloat16> {
  static constexpr element_format value = element_format::bfloat16;
};
template <> struct format_of<c10::Float8_e4m3fn> {
  static constexpr element_format value = element_format::float8_e4m3;
};
template <> struct format_of<c10::Float8_e5m2> {
  static constexpr element_format value = element_format::float8_e5m2;
};

} // namespace v0

inline namespace YARN_ABI {

/// The heads in a tensor of rank 3 with this order of dimensions.
/// Types    T: an element type with the format of the dtype; const T for reading only.
/// Errors   std::invalid_argument: an undefined tensor, another dtype, another rank, a layout other
///          than torch.strided, memory that is not the CPU's, a lazy negation (is_neg), the
///          elements of a head are not contiguous, a stride is 0 (expand), null or misaligned data.
template <class T>
heads_view<T> heads_from(const at::TensorBase& x, dim_order order = dim_order::tokens_heads_dim) {
  return detail::torch_heads<T>(x, order, 3, 0);
}

/// The heads of one sequence in a tensor of rank 4. The sequences are the first dimension, or the
/// last one if tokens or heads come last in `order`.
/// Errors   Those of rank 3, and std::out_of_range: the sequence does not exist.
template <class T, class Sequence, class = std::enable_if_t<std::is_integral_v<Sequence>>>
heads_view<T> heads_from(const at::TensorBase& x, Sequence sequence,
                         dim_order order = dim_order::tokens_heads_dim) {
  return detail::torch_heads<T>(x, order, 4, detail::to_index(sequence, "sequence"));
}

/// Calls f with heads_from<T>(x, where...) for the T of the dtype, and returns the result of f,
/// which must have the same type for all T. `where` is the order of the dimensions, or the index of
/// a sequence and optionally the order.
/// Types    T: double, float, yarn::float16, yarn::bfloat16, yarn::float8_e4m3, yarn::float8_e5m2.
/// Errors   Those of heads_from, and std::invalid_argument: a dtype that is none of these.
template <class F, class... Where>
std::invoke_result_t<F&, heads_view<float>> visit_heads(const at::TensorBase& x, F&& f,
                                                        Where... where) {
  return detail::with_torch_format(x, [&](auto traits) -> decltype(auto) {
    return f(heads_from<typename decltype(traits)::type>(x, where...));
  });
}
/// The same with heads_from<const T>.
/// Errors   Those of visit_heads.
template <class F, class... Where>
std::invoke_result_t<F&, heads_view<const float>> visit_const_heads(const at::TensorBase& x, F&& f,
                                                                    Where... where) {
  return detail::with_torch_format(x, [&](auto traits) -> decltype(auto) {
    return f(heads_from<const typename decltype(traits)::type>(x, where...));
  });
}

/// The positions in a tensor of rank 1, or those of one sequence in a tensor of rank 2
/// (position_ids of transformers). The memory must outlive the view.
/// Types    torch.int32 or torch.int64.
/// Errors   std::invalid_argument: an undefined tensor, another dtype or rank, a layout other than
///          torch.strided, memory that is not the CPU's, a stride other than 1, null or misaligned
///          data. std::out_of_range: the sequence does not exist.
inline positions positions_in(const at::TensorBase& x) { return detail::torch_positions(x, 1, 0); }
template <class Sequence, class = std::enable_if_t<std::is_integral_v<Sequence>>>
positions positions_in(const at::TensorBase& x, Sequence sequence) {
  return detail::torch_positions(x, 2, detail::to_index(sequence, "sequence"));
}

/// The positions in a tensor [axes, tokens], or those of one sequence in a tensor [axes, sequences,
/// tokens] (position_ids of transformers for models with M-RoPE). Axes and tokens may have any
/// strides. The memory must outlive the view.
/// Types    torch.int32 or torch.int64.
/// Errors   Those of positions_in; any stride is allowed.
inline axis_positions axis_positions_in(const at::TensorBase& x) {
  return detail::torch_axis_positions(x, 2, 0);
}
template <class Sequence, class = std::enable_if_t<std::is_integral_v<Sequence>>>
axis_positions axis_positions_in(const at::TensorBase& x, Sequence sequence) {
  return detail::torch_axis_positions(x, 3, detail::to_index(sequence, "sequence"));
}

} // namespace YARN_ABI
} // namespace yarn

#endif

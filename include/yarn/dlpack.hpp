// SPDX-License-Identifier: MIT
// DLPack tensors in host memory as views: what torch, numpy, jax and TVM hand over. Opt-in;
// dlpack.h 0.6 or newer.
//
//     yarn::rope_apply(yarn::heads_from<float>(tensor), rows, p);        // its dtype is known
//     yarn::visit_heads(tensor, [&](auto x) { yarn::rope_apply(x, rows, p); }); // or is asked for
//
// A DLTensor does not say that it is read-only; a DLManagedTensorVersioned (DLPack 0.8 or newer)
// does, so pass that where there is one.
#ifndef YARN_DLPACK_HPP
#define YARN_DLPACK_HPP

#include "detail/adapters/axes.hpp"

#include <dlpack/dlpack.h>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The format of a dtype; unknown where it is none of ours.
inline element_format dlpack_format(DLDataType type) {
  if (type.lanes != 1)
    return element_format::unknown;
  if (type.code == kDLFloat)
    return type.bits == 64   ? element_format::binary64
           : type.bits == 32 ? element_format::binary32
           : type.bits == 16 ? element_format::binary16
                             : element_format::unknown;
  if (type.code == kDLBfloat && type.bits == 16)
    return element_format::bfloat16;
  return element_format::unknown;
}
inline const char* name_of(element_format format) {
  return format == element_format::binary64   ? "float64"
         : format == element_format::binary32 ? "float32"
         : format == element_format::binary16 ? "float16"
         : format == element_format::bfloat16 ? "bfloat16"
                                              : "another type";
}

// The axes of a tensor of this rank, after what any use of it requires.
inline axis_list dlpack_axes(const DLTensor& x, int rank, const char* meaning) {
  if (x.ndim != rank)
    fail_argument("yarn: DLTensor.ndim = {} must be {}: {}", static_cast<int>(x.ndim), rank,
                  meaning);
  if (x.shape == nullptr)
    fail_argument("yarn: DLTensor.shape is null");
  const auto device = x.device.device_type;
  if (device != kDLCPU && device != kDLCUDAHost && device != kDLROCMHost)
    fail_argument(
        "yarn: DLTensor.device.device_type = {}: memory of the host is needed: kDLCPU (1), "
        "kDLCUDAHost (3), kDLROCMHost (11)",
        static_cast<int>(device));
  axis_list list{};
  std::int64_t compact = 1;
  bool is_beyond = false;
  for (int i = rank - 1; i >= 0; --i) {
    list.extent[i] = x.shape[i];
    list.stride[i] = x.strides != nullptr ? x.strides[i] : compact;
    is_beyond = is_beyond || (x.shape[i] > 0 && compact > PTRDIFF_MAX / x.shape[i]);
    if (!is_beyond && x.shape[i] > 0)
      compact *= x.shape[i];
  }
  if (x.strides == nullptr && is_beyond)
    fail_argument("yarn: DLTensor.shape: its product is beyond ptrdiff_t");
  return list;
}

// The first element. Null is left null: what an empty tensor has.
inline void* dlpack_data(const DLTensor& x, const axis_list& list, int rank, std::size_t size) {
  bool is_empty = false;
  for (int i = 0; i < rank; ++i)
    is_empty = is_empty || list.extent[i] == 0;
  if (x.data == nullptr) {
    if (!is_empty)
      fail_argument("yarn: DLTensor.data is null");
    return nullptr;
  }
  const auto address =
      static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(x.data)) + x.byte_offset;
  if (x.byte_offset > PTRDIFF_MAX || address < x.byte_offset)
    fail_argument("yarn: DLTensor.byte_offset = {} is beyond ptrdiff_t", x.byte_offset);
  if (address % size != 0)
    fail_argument("yarn: DLTensor.data + byte_offset ({}) is {} bytes behind a multiple of {}, the "
                  "size of an element",
                  x.byte_offset, address % size, size);
  return static_cast<char*>(x.data) + x.byte_offset;
}

template <class T>
heads_view<T> dlpack_heads(const DLTensor& x, axes order, bool is_batch, std::int64_t sequence) {
  constexpr element_format wanted = format_of_v<T>;
  if (dlpack_format(x.dtype) != wanted)
    fail_argument(
        "yarn: DLTensor.dtype has code {}, bits {}, lanes {} ({}), and heads_from was asked for "
        "{}",
        x.dtype.code, x.dtype.bits, x.dtype.lanes, name_of(dlpack_format(x.dtype)),
        name_of(wanted));
  const int rank = is_batch ? 4 : 3;
  const axis_list list = dlpack_axes(x, rank,
                                     is_batch ? "tokens, heads, dim, and sequences"
                                              : "tokens, heads, dim; with 4 axes say which "
                                                "sequence");
  T* const data = static_cast<T*>(dlpack_data(x, list, rank, sizeof(T)));
  return heads_along<T>("DLTensor", data, list, order, is_batch, sequence);
}

// Calls f with a null pointer to the type that dtype names: a type passed as an argument.
template <template <class> class Qualified, class F>
auto with_dlpack_type(const DLTensor& x, F&& f)
    -> decltype(f(static_cast<Qualified<float>*>(nullptr))) {
  switch (dlpack_format(x.dtype)) {
  case element_format::binary64:
    return f(static_cast<Qualified<double>*>(nullptr));
  case element_format::binary32:
    return f(static_cast<Qualified<float>*>(nullptr));
  case element_format::binary16:
    return f(static_cast<Qualified<float16>*>(nullptr));
  case element_format::bfloat16:
    return f(static_cast<Qualified<bfloat16>*>(nullptr));
  case element_format::unknown:
    break;
  }
  fail_argument(
      "yarn: DLTensor.dtype has code {}, bits {}, lanes {}; heads are float64, float32, float16 "
      "or bfloat16 with one lane",
      x.dtype.code, x.dtype.bits, x.dtype.lanes);
}
template <class T> using as_it_is = T;

#if defined(DLPACK_FLAG_BITMASK_READ_ONLY) // since DLPack 0.8
template <class T> const DLTensor& tensor_of(const DLManagedTensorVersioned& x) {
  // A newer major version has another layout behind the flags.
  if (x.version.major > 1)
    fail_argument("yarn: DLManagedTensorVersioned.version = {}.{}; versions 0 and 1 are known",
                  static_cast<unsigned>(x.version.major), static_cast<unsigned>(x.version.minor));
  if (!std::is_const_v<T> && (x.flags & DLPACK_FLAG_BITMASK_READ_ONLY) != 0)
    fail_argument(
        "yarn: DLManagedTensorVersioned.flags: the tensor is read-only; it can be rotated into "
        "another one: rope_copy from heads_from<const T> or visit_const_heads");
  return x.dl_tensor;
}
#endif
template <class T> const DLTensor& tensor_of(const DLTensor& x) { return x; }

template <class X, class = void> struct is_dlpack : std::false_type {};
template <class X>
struct is_dlpack<X, std::void_t<decltype(tensor_of<const float>(std::declval<const X&>()))>>
    : std::true_type {};

} // namespace detail

/// The heads in a DLTensor (or DLManagedTensorVersioned) of rank 3, whose axes stand in this order.
/// T        the type of the elements: its format must be that of dtype; const T to read only.
/// Errors   std::invalid_argument: another dtype or lanes other than 1, another rank, memory that
///          is not the host's, the elements of a head not side by side, a stride of 0 (a broadcast)
///          or less, null or misaligned data, a read-only tensor where T is not const.
template <class T, class X, class = std::enable_if_t<detail::is_dlpack<X>::value>>
heads_view<T> heads_from(const X& x, axes order = axes::tokens_heads_dim) {
  return detail::dlpack_heads<T>(detail::tensor_of<T>(x), order, false, 0);
}

/// The heads of one sequence in a tensor of rank 4, whose first axis (or last, where the tokens are
/// last) counts the sequences.
/// Errors   as with rank 3, and std::out_of_range: no such sequence.
template <class T, class X, class Sequence,
          class = std::enable_if_t<detail::is_dlpack<X>::value && std::is_integral_v<Sequence>>>
heads_view<T> heads_from(const X& x, Sequence sequence, axes order = axes::tokens_heads_dim) {
  return detail::dlpack_heads<T>(detail::tensor_of<T>(x), order, true,
                                 detail::to_index(sequence, "sequence"));
}

/// Calls f with heads_from<T>(x, where...), T being double, float, yarn::float16 or yarn::bfloat16
/// as dtype says, and returns what f returns, one type for all: `where` is the order of the axes,
/// or the index of a sequence and, where needed, that order.
/// Errors   as heads_from, and a dtype that is none of these.
template <class X, class F, class... Where, class = std::enable_if_t<detail::is_dlpack<X>::value>>
decltype(auto) visit_heads(const X& x, F&& f, Where... where) {
  return detail::with_dlpack_type<detail::as_it_is>(
      detail::tensor_of<const void>(x), [&](auto* type) -> decltype(auto) {
        return f(heads_from<std::remove_pointer_t<decltype(type)>>(x, where...));
      });
}
/// The same with heads_from<const T>: read-only tensors are welcome.
template <class X, class F, class... Where, class = std::enable_if_t<detail::is_dlpack<X>::value>>
decltype(auto) visit_const_heads(const X& x, F&& f, Where... where) {
  return detail::with_dlpack_type<std::add_const_t>(
      detail::tensor_of<const void>(x), [&](auto* type) -> decltype(auto) {
        return f(heads_from<std::remove_pointer_t<decltype(type)>>(x, where...));
      });
}

namespace detail {

inline positions dlpack_positions(const DLTensor& x, bool is_batch, std::int64_t sequence) {
  if (x.dtype.code != kDLInt || (x.dtype.bits != 32 && x.dtype.bits != 64) || x.dtype.lanes != 1)
    fail_argument(
        "yarn: DLTensor.dtype has code {}, bits {}, lanes {}; positions are int32 or int64 with "
        "one lane",
        x.dtype.code, x.dtype.bits, x.dtype.lanes);
  const int rank = is_batch ? 2 : 1;
  const axis_list list = dlpack_axes(
      x, rank, is_batch ? "sequences and their positions" : "positions; with 2 say which sequence");
  const std::int64_t n = list.extent[rank - 1], stride = list.stride[rank - 1];
  const std::size_t size = x.dtype.bits / 8U;
  const char* const words = is_batch ? "sequences, positions" : "positions";
  if (n < 0)
    fail_argument("yarn: DLTensor: extent {} of the positions must be >= 0", n);
  if (n > 1 && stride != 1)
    fail_argument("yarn: DLTensor: stride {} of the positions must be 1", stride);
  const std::int64_t offset = is_batch ? offset_along("DLTensor", "sequence", words, list.extent[0],
                                                      list.stride[0], sequence, size)
                                       : 0;
  const void* const data = dlpack_data(x, list, rank, size);
  const std::int64_t first = n == 0 ? 0 : offset;
  if (size == 4)
    return {static_cast<const std::int32_t*>(data) + first, n};
  return {static_cast<const std::int64_t*>(data) + first, n};
}

} // namespace detail

/// The positions in a tensor of rank 1, int32 or int64, or those of one sequence in a tensor of
/// rank 2 (transformers' position_ids). The memory must outlive the view. Errors
/// std::invalid_argument: another dtype or rank, memory that is not the host's, a stride
///          other than 1, null or misaligned data; std::out_of_range: no such sequence.
template <class X, class = std::enable_if_t<detail::is_dlpack<X>::value>>
positions positions_in(const X& x) {
  return detail::dlpack_positions(detail::tensor_of<const void>(x), false, 0);
}
template <class X, class Sequence,
          class = std::enable_if_t<detail::is_dlpack<X>::value && std::is_integral_v<Sequence>>>
positions positions_in(const X& x, Sequence sequence) {
  return detail::dlpack_positions(detail::tensor_of<const void>(x), true,
                                  detail::to_index(sequence, "sequence"));
}

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// What dlpack.hpp declares.
#ifndef YARN_DETAIL_ADAPTERS_DLPACK_HPP
#define YARN_DETAIL_ADAPTERS_DLPACK_HPP

#include "../../dlpack.hpp"
#include "formats.hpp"
#include "strided.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The dtype of a format; that of no tensor, with 0 lanes, where DLPack has none.
constexpr DLDataType dlpack_type(element_format format) {
  switch (format) {
  case element_format::binary64:
    return {kDLFloat, 64, 1};
  case element_format::binary32:
    return {kDLFloat, 32, 1};
  case element_format::binary16:
    return {kDLFloat, 16, 1};
  case element_format::bfloat16:
    return {kDLBfloat, 16, 1};
  case element_format::float8_e4m3:
#if defined(DLPACK_MAJOR_VERSION)
#if DLPACK_MAJOR_VERSION > 1 || (DLPACK_MAJOR_VERSION == 1 && DLPACK_MINOR_VERSION >= 1)
    return {kDLFloat8_e4m3fn, 8, 1};
#endif
#endif
  case element_format::unknown:
    break;
  }
  return {0, 0, 0};
}

// The format of a dtype; unknown where it is none of ours.
inline element_format dlpack_format(DLDataType type) {
  return find_format([&](element_format format) {
    const DLDataType known = dlpack_type(format);
    return type.lanes == 1 && known.lanes == 1 && type.code == known.code &&
           type.bits == known.bits;
  });
}
inline const char* format_name(element_format format) {
  if (format == element_format::unknown)
    return "another type";
  return with_format(format, [](auto traits) { return decltype(traits)::name; });
}

#if defined(DLPACK_FLAG_BITMASK_READ_ONLY)
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
heads_view<T> dlpack_heads(const DLTensor& x, dim_order order, bool is_batch,
                           std::int64_t sequence) {
  const element_format wanted = format_of_v<T>, found = dlpack_format(x.dtype);
  if (found != wanted)
    fail_argument(
        "yarn: DLTensor.dtype has code {}, bits {}, lanes {} ({}), and heads_from was asked for "
        "{}",
        x.dtype.code, x.dtype.bits, x.dtype.lanes, format_name(found), format_name(wanted));
  const int rank = is_batch ? 4 : 3;
  const axis_list list = dlpack_axes(x, rank,
                                     is_batch ? "tokens, heads, dim, and sequences"
                                              : "tokens, heads, dim; with 4 axes say which "
                                                "sequence");
  T* const data = static_cast<T*>(dlpack_data(x, list, rank, sizeof(T)));
  return heads_along<T>("DLTensor", data, list, order, is_batch, sequence);
}

// Calls f with the format_traits of x.
template <class F> decltype(auto) with_format_of(const DLTensor& x, F&& f) {
  const element_format format = dlpack_format(x.dtype);
  if (format == element_format::unknown)
    fail_argument(
        "yarn: DLTensor.dtype has code {}, bits {}, lanes {}; heads are float64, float32, float16, "
        "bfloat16 or, where dlpack.h has it, float8_e4m3fn, with one lane",
        x.dtype.code, x.dtype.bits, x.dtype.lanes);
  return with_format(format, f);
}

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

template <class T, class X, class> heads_view<T> heads_from(const X& x, dim_order order) {
  return detail::dlpack_heads<T>(detail::tensor_of<T>(x), order, false, 0);
}
template <class T, class X, class Sequence, class>
heads_view<T> heads_from(const X& x, Sequence sequence, dim_order order) {
  return detail::dlpack_heads<T>(detail::tensor_of<T>(x), order, true,
                                 detail::to_index(sequence, "sequence"));
}

template <class X, class F, class... Where, class>
std::invoke_result_t<F&, heads_view<float>> visit_heads(const X& x, F&& f, Where... where) {
  return detail::with_format_of(
      detail::tensor_of<const void>(x), [&](auto traits) -> decltype(auto) {
        return f(heads_from<typename decltype(traits)::type>(x, where...));
      });
}
template <class X, class F, class... Where, class>
std::invoke_result_t<F&, heads_view<const float>> visit_const_heads(const X& x, F&& f,
                                                                    Where... where) {
  return detail::with_format_of(
      detail::tensor_of<const void>(x), [&](auto traits) -> decltype(auto) {
        return f(heads_from<const typename decltype(traits)::type>(x, where...));
      });
}

template <class X, class> positions positions_in(const X& x) {
  return detail::dlpack_positions(detail::tensor_of<const void>(x), false, 0);
}
template <class X, class Sequence, class> positions positions_in(const X& x, Sequence sequence) {
  return detail::dlpack_positions(detail::tensor_of<const void>(x), true,
                                  detail::to_index(sequence, "sequence"));
}

} // namespace YARN_ABI
} // namespace yarn

#endif

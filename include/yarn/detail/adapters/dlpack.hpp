// SPDX-License-Identifier: MIT
// The implementation of dlpack.hpp.
#ifndef YARN_DETAIL_ADAPTERS_DLPACK_HPP
#define YARN_DETAIL_ADAPTERS_DLPACK_HPP

#include "strided.hpp"

#include <dlpack/dlpack.h>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

#if defined(DLPACK_MAJOR_VERSION) &&                                                               \
    (DLPACK_MAJOR_VERSION > 1 || (DLPACK_MAJOR_VERSION == 1 && DLPACK_MINOR_VERSION >= 1))
inline constexpr DLDataType dlpack_float8_e4m3 = {kDLFloat8_e4m3fn, 8, 1};
inline constexpr DLDataType dlpack_float8_e5m2 = {kDLFloat8_e5m2, 8, 1};
#else
inline constexpr DLDataType dlpack_float8_e4m3 = {0, 0, 0};
inline constexpr DLDataType dlpack_float8_e5m2 = {0, 0, 0};
#endif
// The dtype of each format. Formats that DLPack lacks have a dtype with 0 lanes, which no tensor
// has.
inline constexpr DLDataType dlpack_types[] = {
    {0, 0, 0},          {kDLFloat, 64, 1},  {kDLFloat, 32, 1}, {kDLFloat, 16, 1},
    {kDLBfloat, 16, 1}, dlpack_float8_e4m3, dlpack_float8_e5m2};
inline element_format dlpack_format(DLDataType type) {
  return find_format(dlpack_types, [&](DLDataType known) {
    return type.lanes == 1 && known.lanes == 1 && type.code == known.code &&
           type.bits == known.bits;
  });
}
[[noreturn]] inline void fail_dtype(DLDataType type, const char* wanted, const char* name = "") {
  fail_argument("yarn: DLTensor.dtype has code {}, bits {}, lanes {} ({}); {}{}", type.code,
                type.bits, type.lanes, format_name(dlpack_format(type)), wanted, name);
}

// The DLTensor in x, for a view with elements T.
#if defined(DLPACK_FLAG_BITMASK_READ_ONLY)
template <class T> const DLTensor& tensor_of(const DLManagedTensorVersioned& x) {
  // Another major version may have another layout after the flags.
  if (x.version.major > 1)
    fail_argument("yarn: DLManagedTensorVersioned.version = {}.{}; versions 0 and 1 are known",
                  static_cast<unsigned>(x.version.major), static_cast<unsigned>(x.version.minor));
  if (!std::is_const_v<T> && (x.flags & DLPACK_FLAG_BITMASK_READ_ONLY) != 0)
    fail_argument("yarn: DLManagedTensorVersioned.flags: the tensor is read-only; rotate it into "
                  "another tensor: rope_copy from heads_from<const T> or visit_const_heads");
  return x.dl_tensor;
}
#endif
template <class T> const DLTensor& tensor_of(const DLTensor& x) { return x; }

// Whether X is one of the types that contain a DLTensor.
template <class X>
using if_dlpack = std::void_t<decltype(tensor_of<const float>(std::declval<const X&>()))>;

// Checks what every use of a tensor requires, and returns the dimensions of a tensor of this rank.
// `meaning` names these dimensions in messages.
inline dimension_list dlpack_dimensions(const DLTensor& x, int rank, const char* meaning) {
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
  dimension_list list{rank, {}, {}};
  std::int64_t compact = 1;
  for (int i = rank - 1; i >= 0; --i) {
    list.extent[i] = x.shape[i];
    list.stride[i] = x.strides != nullptr ? x.strides[i] : compact;
    const std::int64_t n = x.strides == nullptr && x.shape[i] > 0 ? x.shape[i] : 1;
    if (compact > PTRDIFF_MAX / n)
      fail_argument("yarn: DLTensor.shape: the product of the extents is beyond ptrdiff_t");
    compact *= n;
  }
  return list;
}

// The first element. Null stays null; an empty tensor may have null data.
inline void* dlpack_data(const DLTensor& x, const dimension_list& list, std::size_t size) {
  if (x.data == nullptr) {
    if (!list.is_empty())
      fail_argument("yarn: DLTensor.data is null");
    return nullptr;
  }
  const auto address =
      static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(x.data)) + x.byte_offset;
  if (x.byte_offset > PTRDIFF_MAX || address < x.byte_offset)
    fail_argument("yarn: DLTensor.byte_offset = {} is beyond ptrdiff_t", x.byte_offset);
  if (address % size != 0)
    fail_argument("yarn: DLTensor.byte_offset = {}: data + byte_offset must be a multiple of {}, "
                  "the size of an element; the remainder is {}",
                  x.byte_offset, size, address % size);
  return static_cast<char*>(x.data) + x.byte_offset;
}

template <class T>
heads_view<T> dlpack_heads(const DLTensor& x, dim_order order, int rank, std::int64_t sequence) {
  if (dlpack_format(x.dtype) != format_of_v<T>)
    fail_dtype(x.dtype, "the element type of heads_from is ", format_name(format_of_v<T>));
  const dimension_list list = dlpack_dimensions(
      x, rank,
      rank == 3 ? "tokens, heads, dim (if there are 4 dimensions, pass the index of a "
                  "sequence)"
                : "sequences, tokens, heads, dim, in the given order");
  T* const data = static_cast<T*>(dlpack_data(x, list, sizeof(T)));
  return heads_along("DLTensor", data, list, order, sequence);
}

// Calls f with the format_traits of the dtype of x.
template <class X, class F> decltype(auto) with_format_of(const X& x, F&& f) {
  const DLDataType type = tensor_of<const void>(x).dtype;
  const element_format format = dlpack_format(type);
  if (format == element_format::unknown)
    fail_dtype(type, "heads are float64, float32, float16, bfloat16 or, where dlpack.h has them, "
                     "float8_e4m3fn and float8_e5m2, with one lane");
  return with_format(format, f);
}

inline void check_dlpack_integers(const DLTensor& x) {
  if (x.dtype.code != kDLInt || (x.dtype.bits != 32 && x.dtype.bits != 64) || x.dtype.lanes != 1)
    fail_dtype(x.dtype, "positions are int32 or int64 with one lane");
}
inline positions dlpack_positions(const DLTensor& x, int rank, std::int64_t sequence) {
  check_dlpack_integers(x);
  const dimension_list list = dlpack_dimensions(
      x, rank,
      rank == 1 ? "positions (if there are 2 dimensions, pass the index of a sequence, or use "
                  "axis_positions_in)"
                : "sequences, positions");
  const std::size_t size = x.dtype.bits / 8U;
  return positions_along("DLTensor", dlpack_data(x, list, size), size, list, sequence);
}
inline axis_positions dlpack_axis_positions(const DLTensor& x, int rank, std::int64_t sequence) {
  check_dlpack_integers(x);
  const dimension_list list = dlpack_dimensions(
      x, rank,
      rank == 2 ? "axes, tokens (if there are 3 dimensions, pass the index of a sequence)"
                : "axes, sequences, tokens");
  const std::size_t size = x.dtype.bits / 8U;
  return axis_positions_along("DLTensor", dlpack_data(x, list, size), size, list, sequence);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

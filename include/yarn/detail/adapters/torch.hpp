// SPDX-License-Identifier: MIT
// The implementation of torch.hpp.
#ifndef YARN_DETAIL_ADAPTERS_TORCH_HPP
#define YARN_DETAIL_ADAPTERS_TORCH_HPP

#include "strided.hpp"

#include <ATen/core/TensorBase.h>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The dtype of each format.
inline constexpr c10::ScalarType torch_types[] = {
    c10::ScalarType::Undefined,  c10::ScalarType::Double,   c10::ScalarType::Float,
    c10::ScalarType::Half,       c10::ScalarType::BFloat16, c10::ScalarType::Float8_e4m3fn,
    c10::ScalarType::Float8_e5m2};
inline element_format torch_format(c10::ScalarType type) {
  return find_format(torch_types, [&](c10::ScalarType known) { return known == type; });
}

inline void check_torch_is_defined(const at::TensorBase& x) {
  if (!x.defined())
    fail_argument("yarn: at::Tensor is undefined");
}
[[noreturn]] inline void fail_torch_dtype(const at::TensorBase& x, const char* wanted,
                                          const char* name = "") {
  fail_argument("yarn: at::Tensor.dtype is {}; {}{}", c10::toString(x.scalar_type()), wanted, name);
}

// Checks what every use of a tensor requires, and returns the dimensions of a tensor of this rank.
// `meaning` names these dimensions in messages.
inline dimension_list torch_dimensions(const at::TensorBase& x, int rank, const char* meaning) {
  if (!x.device().is_cpu())
    fail_argument("yarn: at::Tensor.device is {}; memory of the CPU is needed", x.device().str());
  if (x.layout() != c10::kStrided || x.is_nested())
    fail_argument("yarn: at::Tensor.layout is {}; a dense tensor is needed (torch.strided)",
                  x.is_nested() ? "nested" : "sparse or opaque");
  if (x.is_neg())
    fail_argument("yarn: at::Tensor.is_neg() is true: the memory has the opposite signs; call "
                  "resolve_neg() first");
  if (x.dim() != rank)
    fail_argument("yarn: at::Tensor.dim() = {} must be {}: {}", x.dim(), rank, meaning);
  dimension_list list{rank, {}, {}};
  const auto extents = x.sizes(), strides = x.strides();
  for (int i = 0; i < rank; ++i) {
    list.extent[i] = extents[static_cast<std::size_t>(i)];
    list.stride[i] = strides[static_cast<std::size_t>(i)];
  }
  return list;
}

// The first element. Only an empty tensor may have null data.
template <class T>
T* torch_data(const at::TensorBase& x, const dimension_list& list, std::size_t size) {
  T* data;
  if constexpr (std::is_const_v<T>)
    data = static_cast<T*>(x.const_data_ptr());
  else
    data = static_cast<T*>(x.mutable_data_ptr()); // ends a lazy copy (torch._lazy_clone)
  if (data == nullptr && !list.is_empty())
    fail_argument("yarn: at::Tensor has no memory (a fake or zero tensor)");
  const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(data));
  if (address % size != 0)
    fail_argument(
        "yarn: the address of the data of at::Tensor must be a multiple of {}, the size of "
        "an element; the remainder is {}",
        size, address % size);
  return data;
}

template <class T>
heads_view<T> torch_heads(const at::TensorBase& x, dim_order order, int rank,
                          std::int64_t sequence) {
  check_torch_is_defined(x);
  if (torch_format(x.scalar_type()) != format_of_v<T>)
    fail_torch_dtype(x, "the element type of heads_from is ", format_name(format_of_v<T>));
  const dimension_list list = torch_dimensions(
      x, rank,
      rank == 3 ? "tokens, heads, dim (if there are 4 dimensions, pass the index of a "
                  "sequence)"
                : "sequences, tokens, heads, dim, in the given order");
  return heads_along("at::Tensor", torch_data<T>(x, list, sizeof(T)), list, order, sequence);
}

// Calls f with the format_traits of the dtype of x.
template <class F> decltype(auto) with_torch_format(const at::TensorBase& x, F&& f) {
  check_torch_is_defined(x);
  const element_format format = torch_format(x.scalar_type());
  if (format == element_format::unknown)
    fail_torch_dtype(x, "heads are float64, float32, float16, bfloat16, float8_e4m3fn or "
                        "float8_e5m2");
  return with_format(format, f);
}

// The size of the integers in x, in bytes.
inline std::size_t torch_integer_size(const at::TensorBase& x) {
  check_torch_is_defined(x);
  if (x.scalar_type() != c10::ScalarType::Int && x.scalar_type() != c10::ScalarType::Long)
    fail_torch_dtype(x, "positions are int32 or int64");
  return x.scalar_type() == c10::ScalarType::Int ? 4 : 8;
}
inline positions torch_positions(const at::TensorBase& x, int rank, std::int64_t sequence) {
  const std::size_t size = torch_integer_size(x);
  const dimension_list list = torch_dimensions(
      x, rank,
      rank == 1 ? "positions (if there are 2 dimensions, pass the index of a sequence, or use "
                  "axis_positions_in)"
                : "sequences, positions");
  return positions_along("at::Tensor", torch_data<const void>(x, list, size), size, list, sequence);
}
inline axis_positions torch_axis_positions(const at::TensorBase& x, int rank,
                                           std::int64_t sequence) {
  const std::size_t size = torch_integer_size(x);
  const dimension_list list = torch_dimensions(
      x, rank,
      rank == 2 ? "axes, tokens (if there are 3 dimensions, pass the index of a sequence)"
                : "axes, sequences, tokens");
  return axis_positions_along("at::Tensor", torch_data<const void>(x, list, size), size, list,
                              sequence);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

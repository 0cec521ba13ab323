// SPDX-License-Identifier: MIT
// Tensors of PyTorch, or of the stand-in for it, over memory of their own.
#ifndef YARN_TESTS_SUPPORT_TORCH_TENSOR_HPP
#define YARN_TESTS_SUPPORT_TORCH_TENSOR_HPP

#include <ATen/core/TensorBase.h>
#if !defined(YARN_TEST_ATEN_STAND_IN)
#include <ATen/ops/_neg_view.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#endif
#include <yarn/torch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace support {

template <class T> constexpr c10::ScalarType torch_type_of() {
  if (std::is_same_v<T, std::int32_t>)
    return c10::ScalarType::Int;
  if (std::is_same_v<T, std::int64_t>)
    return c10::ScalarType::Long;
  switch (yarn::format_of_v<T>) {
  case yarn::element_format::binary64:
    return c10::ScalarType::Double;
  case yarn::element_format::binary32:
    return c10::ScalarType::Float;
  case yarn::element_format::binary16:
    return c10::ScalarType::Half;
  case yarn::element_format::bfloat16:
    return c10::ScalarType::BFloat16;
  case yarn::element_format::float8_e4m3:
    return c10::ScalarType::Float8_e4m3fn;
  case yarn::element_format::float8_e5m2:
    return c10::ScalarType::Float8_e5m2;
  case yarn::element_format::unknown:
    break;
  }
  return c10::ScalarType::Undefined;
}

/// A tensor, and the memory to which it points. The tensor begins at element `first`.
template <class T> struct torch_owned {
  std::vector<T> memory = std::vector<T>(20000);
  std::vector<std::int64_t> strides;
  std::size_t first;
  at::Tensor tensor;

  explicit torch_owned(const std::vector<std::int64_t>& extents,
                       std::vector<std::int64_t> given_strides = {}, std::size_t offset = 0)
      : strides(std::move(given_strides)), first(offset) {
    if (strides.empty()) {
      strides.assign(extents.size(), 1);
      for (std::size_t i = extents.size(); i-- > 1;)
        strides[i - 1] = strides[i] * extents[i];
    }
    tensor = at::from_blob(memory.data() + first, extents, strides, torch_type_of<T>());
  }
  torch_owned(const torch_owned&) = delete;
  torch_owned& operator=(const torch_owned&) = delete;

  /// The element at an index, by the definition of strides.
  T& at(const std::vector<std::int64_t>& index) {
    std::int64_t place = static_cast<std::int64_t>(first);
    for (std::size_t i = 0; i < index.size(); ++i)
      place += index[i] * strides[i];
    return memory[static_cast<std::size_t>(place)];
  }
};

// Tensors [5, 3, 8]. Those after torch_tensor_of_type cannot be viewed.
#if defined(YARN_TEST_ATEN_STAND_IN)
inline at::Tensor torch_tensor_of_type(c10::ScalarType type) {
  static std::array<double, 120> memory;
  return at::from_blob(memory.data(), {5, 3, 8}, {24, 8, 1}, type);
}
inline at::Tensor torch_on_meta() {
  at::Tensor x = torch_tensor_of_type(c10::ScalarType::Float);
  x.place = {"meta"};
  return x;
}
inline at::Tensor torch_sparse() {
  at::Tensor x = torch_tensor_of_type(c10::ScalarType::Float);
  x.order = c10::Layout::Sparse;
  return x;
}
inline at::Tensor torch_negated() {
  at::Tensor x = torch_tensor_of_type(c10::ScalarType::Float);
  x.is_negated = true;
  return x;
}
#else
inline at::Tensor torch_tensor_of_type(c10::ScalarType type) { return at::empty({5, 3, 8}, type); }
inline at::Tensor torch_on_meta() {
  return at::empty({5, 3, 8}, at::TensorOptions(at::kMeta).dtype(at::kFloat));
}
inline at::Tensor torch_sparse() {
  return at::empty({5, 3, 8}, at::TensorOptions(at::kFloat).layout(at::kSparse));
}
inline at::Tensor torch_negated() { return at::_neg_view(torch_tensor_of_type(at::kFloat)); }
#endif

} // namespace support

#endif // YARN_TESTS_SUPPORT_TORCH_TENSOR_HPP

// SPDX-License-Identifier: MIT
// DLPack tensors that own their memory, shape and strides.
#ifndef YARN_TESTS_SUPPORT_DLPACK_TENSOR_HPP
#define YARN_TESTS_SUPPORT_DLPACK_TENSOR_HPP

#include <dlpack/dlpack.h>
#include <yarn/types.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace support {

#if defined(DLPACK_MAJOR_VERSION) &&                                                               \
    (DLPACK_MAJOR_VERSION > 1 || (DLPACK_MAJOR_VERSION == 1 && DLPACK_MINOR_VERSION >= 1))
#define YARN_TEST_DLPACK_HAS_FLOAT8 1
#endif

template <class T> DLDataType dtype_of() {
  constexpr yarn::element_format format = yarn::format_of_v<T>;
  std::uint8_t code = format == yarn::element_format::bfloat16 ? kDLBfloat : kDLFloat;
#if defined(YARN_TEST_DLPACK_HAS_FLOAT8)
  if (format == yarn::element_format::float8_e4m3)
    code = kDLFloat8_e4m3fn;
  if (format == yarn::element_format::float8_e5m2)
    code = kDLFloat8_e5m2;
#endif
  return {code, static_cast<std::uint8_t>(8 * sizeof(T)), 1};
}

/// A DLTensor together with the memory, shape and strides to which it points.
template <class T, int Rank> struct owned {
  std::vector<T> memory = std::vector<T>(20000);
  std::array<std::int64_t, Rank> shape;
  std::array<std::int64_t, Rank> strides{};
  DLTensor tensor{};

  explicit owned(const std::array<std::int64_t, Rank>& extents) : shape(extents) {
    tensor.data = memory.data();
    tensor.device = {kDLCPU, 0};
    tensor.ndim = Rank;
    if constexpr (std::is_integral_v<T>)
      tensor.dtype = {kDLInt, static_cast<std::uint8_t>(8 * sizeof(T)), 1};
    else
      tensor.dtype = dtype_of<T>();
    tensor.shape = shape.data();
    tensor.strides = nullptr;
  }
  owned(const std::array<std::int64_t, Rank>& extents,
        const std::array<std::int64_t, Rank>& given_strides)
      : owned(extents) {
    strides = given_strides;
    tensor.strides = strides.data();
  }
  owned(const owned&) = delete;
  owned& operator=(const owned&) = delete;

  /// The element at an index, by the definition of DLPack: byte_offset counts bytes, and the sum of
  /// index * stride counts elements.
  T& at(const std::array<std::int64_t, Rank>& index) {
    std::int64_t place = 0;
    for (std::size_t i = 0; i < Rank; ++i) {
      std::int64_t stride = 1;
      for (std::size_t j = i + 1; j < Rank; ++j)
        stride *= shape[j];
      place += index[i] * (tensor.strides == nullptr ? stride : strides[i]);
    }
    return *reinterpret_cast<T*>(static_cast<char*>(tensor.data) + tensor.byte_offset +
                                 place * static_cast<std::int64_t>(sizeof(T)));
  }
};

} // namespace support

#endif // YARN_TESTS_SUPPORT_DLPACK_TENSOR_HPP

// SPDX-License-Identifier: MIT
// A stand-in for what yarn/torch.hpp uses of PyTorch, with the names and the meaning of PyTorch.
// tests/engines/run compiles test_torch with PyTorch itself.
#ifndef YARN_TESTS_SUPPORT_ATEN_TENSOR_BASE_H
#define YARN_TESTS_SUPPORT_ATEN_TENSOR_BASE_H
#define YARN_TEST_ATEN_STAND_IN 1

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace c10 {

struct Half {
  std::uint16_t x;
};
struct BFloat16 {
  std::uint16_t x;
};
struct Float8_e4m3fn {
  std::uint8_t x;
};
struct Float8_e5m2 {
  std::uint8_t x;
};

enum class ScalarType : std::int8_t {
  Byte,
  Short,
  Int,
  Long,
  Half,
  Float,
  Double,
  ComplexFloat,
  Bool,
  BFloat16,
  Float8_e5m2,
  Float8_e4m3fn,
  Undefined
};
inline const char* toString(ScalarType type) {
  static constexpr const char* names[] = {
      "Byte",         "Short", "Int",      "Long",        "Half",          "Float",    "Double",
      "ComplexFloat", "Bool",  "BFloat16", "Float8_e5m2", "Float8_e4m3fn", "Undefined"};
  return names[static_cast<int>(type)];
}

enum class Layout : std::int8_t { Strided, Sparse };
constexpr Layout kStrided = Layout::Strided;

struct Device {
  std::string name;
  bool is_cpu() const { return name == "cpu"; }
  std::string str() const { return name; }
};

} // namespace c10

namespace at {

using c10::kStrided;
using IntArrayRef = const std::vector<std::int64_t>&;

struct TensorBase {
  void* data = nullptr;
  std::vector<std::int64_t> extents, distances;
  c10::ScalarType type = c10::ScalarType::Undefined;
  c10::Layout order = c10::kStrided;
  c10::Device place{"cpu"};
  bool is_negated = false;

  bool defined() const { return type != c10::ScalarType::Undefined; }
  c10::ScalarType scalar_type() const { return type; }
  c10::Device device() const { return place; }
  c10::Layout layout() const { return order; }
  bool is_nested() const { return false; }
  bool is_neg() const { return is_negated; }
  std::int64_t dim() const { return static_cast<std::int64_t>(extents.size()); }
  IntArrayRef sizes() const { return extents; }
  IntArrayRef strides() const {
    if (order != c10::kStrided)
      throw std::runtime_error("a sparse tensor has no strides");
    return distances;
  }
  const void* const_data_ptr() const { return data; }
  void* mutable_data_ptr() const { return data; }
};
using Tensor = TensorBase;

inline Tensor from_blob(void* data, IntArrayRef sizes, IntArrayRef strides, c10::ScalarType type) {
  Tensor x;
  x.data = data;
  x.extents = sizes;
  x.distances = strides;
  x.type = type;
  return x;
}

} // namespace at

#endif // YARN_TESTS_SUPPORT_ATEN_TENSOR_BASE_H

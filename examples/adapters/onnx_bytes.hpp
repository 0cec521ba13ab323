// SPDX-License-Identifier: MIT
// Writes the bytes of an .onnx file in memory. The graph objects of onnxruntime (Ort::Model) cannot
// be used: in version 1.23, CreateSessionFromModel ignores the domains of custom operators in the
// options, and fails with "is not a registered function/op".
#ifndef YARN_EXAMPLES_ONNX_BYTES_HPP
#define YARN_EXAMPLES_ONNX_BYTES_HPP

#include <cstdint>
#include <string>

namespace examples {

/// A message of protocol buffers, with the two field types that ONNX needs: varint, and
/// length-delimited.
class message {
public:
  message& add(unsigned field, std::int64_t value) {
    varint(field << 3U);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  message& add(unsigned field, const std::string& text) {
    varint(field << 3U | 2U);
    varint(text.size());
    bytes_ += text;
    return *this;
  }
  message& add(unsigned field, const message& inner) { return add(field, inner.bytes_); }
  const std::string& bytes() const { return bytes_; }

private:
  void varint(std::uint64_t value) {
    for (; value > 127; value >>= 7U)
      bytes_ += static_cast<char>(value | 128U);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

} // namespace examples

#endif // YARN_EXAMPLES_ONNX_BYTES_HPP

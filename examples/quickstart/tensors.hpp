// SPDX-License-Identifier: MIT
// Query and key tensors of a 7B model: 32 and 8 heads of 128 elements, any number of tokens, float
// or bfloat16.
#ifndef YARN_EXAMPLES_QUICKSTART_TENSORS_HPP
#define YARN_EXAMPLES_QUICKSTART_TENSORS_HPP

#include <yarn/yarn.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

namespace quickstart {

constexpr std::size_t n_q_heads = 32;
constexpr std::size_t n_kv_heads = 8;
constexpr std::size_t head_dim = 128;
constexpr std::size_t n_pairs = head_dim / 2;
constexpr std::size_t q_size = n_q_heads * head_dim; ///< elements of a token
constexpr std::size_t k_size = n_kv_heads * head_dim;

inline float value_of(float element) { return element; }
inline float value_of(yarn::bfloat16 element) { // the upper half of a float
  const std::uint32_t bits = std::uint32_t{element.bits} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline void assign(float& element, float value) { element = value; }
inline void assign(yarn::bfloat16& element, float value) { // truncated, because any numbers will do
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  element.bits = static_cast<std::uint16_t>(bits >> 16);
}

/// An array that is aligned to cache lines, as engines allocate their tensors.
template <class T> class elements {
public:
  explicit elements(std::size_t n)
      : data_(static_cast<T*>(::operator new(n * sizeof(T), alignment))), size_(n) {}
  T* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

private:
  static constexpr std::align_val_t alignment{64};
  struct release {
    void operator()(T* data) const { ::operator delete(data, alignment); }
  };
  std::unique_ptr<T, release> data_;
  std::size_t size_;
};

/// The tensors of one layer for the tokens of a step, q[n_tokens][32][128] and k[n_tokens][8][128].
template <class T> struct layer_of {
  explicit layer_of(std::size_t n_tokens)
      : q_memory(n_tokens * q_size), k_memory(n_tokens * k_size) {
    // q and k are the same at every token, so that scores depend only on positions.
    fill(q_memory, q_size, 1);
    fill(k_memory, k_size, 2);
  }

  T* q() const { return q_memory.data(); }
  T* k() const { return k_memory.data(); }

  elements<T> q_memory;
  elements<T> k_memory;

private:
  // Uniform in [-1, 1), repeated after `period` elements.
  static void fill(const elements<T>& memory, std::size_t period, std::uint32_t seed) {
    for (std::size_t i = 0; i < memory.size(); ++i) {
      if (i < period) {
        seed = seed * 1664525 + 1013904223;
        assign(memory.data()[i], static_cast<float>(static_cast<std::int32_t>(seed)) * 0x1p-31F);
      } else {
        memory.data()[i] = memory.data()[i - period];
      }
    }
  }
};

} // namespace quickstart

#endif

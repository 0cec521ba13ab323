// SPDX-License-Identifier: MIT
// Query and key tensors of a 7B model: 32 and 8 heads of 128 elements, any number of tokens.
#ifndef YARN_EXAMPLES_QUICKSTART_TENSORS_HPP
#define YARN_EXAMPLES_QUICKSTART_TENSORS_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace quickstart {

constexpr std::size_t n_q_heads = 32;
constexpr std::size_t n_kv_heads = 8;
constexpr std::size_t head_dim = 128;
constexpr std::size_t n_pairs = head_dim / 2;
constexpr std::size_t q_size = n_q_heads * head_dim; ///< elements of a token
constexpr std::size_t k_size = n_kv_heads * head_dim;

/// An array on a cache-line boundary, as engines allocate their tensors.
class floats {
public:
  explicit floats(std::size_t n)
      : data_(static_cast<float*>(::operator new(n * sizeof(float), alignment))), size_(n) {}
  float* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

private:
  static constexpr std::align_val_t alignment{64};
  struct release {
    void operator()(float* data) const { ::operator delete(data, alignment); }
  };
  std::unique_ptr<float, release> data_;
  std::size_t size_;
};

/// The tensors of one layer for the tokens of a step, q[n_tokens][32][128] and k[n_tokens][8][128].
struct layer {
  explicit layer(std::size_t n_tokens) : q_memory(n_tokens * q_size), k_memory(n_tokens * k_size) {
    // The same q and k at every token, so that scores show the positions and nothing else.
    fill(q_memory, q_size, 1);
    fill(k_memory, k_size, 2);
  }

  float* q() const { return q_memory.data(); }
  float* k() const { return k_memory.data(); }

  floats q_memory;
  floats k_memory;

private:
  // Uniform in [-1, 1), repeated after `period` elements.
  static void fill(const floats& memory, std::size_t period, std::uint32_t seed) {
    for (std::size_t i = 0; i < memory.size(); ++i) {
      if (i < period) {
        seed = seed * 1664525 + 1013904223;
        memory.data()[i] = static_cast<float>(static_cast<std::int32_t>(seed)) * 0x1p-31F;
      } else {
        memory.data()[i] = memory.data()[i - period];
      }
    }
  }
};

} // namespace quickstart

#endif

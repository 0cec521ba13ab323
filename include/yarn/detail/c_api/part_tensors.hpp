// SPDX-License-Identifier: MIT
// Tensors of the C API in a part: where the heads lie, and how they are read and written. The types
// are known at run time only.
#ifndef YARN_DETAIL_C_API_PART_TENSORS_HPP
#define YARN_DETAIL_C_API_PART_TENSORS_HPP

#include "../rope/loop.hpp"
#include "elements.hpp"
#include "kernels.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Reads n elements.
template <class C>
void load_elements_of(yarn_element_type type, const void* from, std::int64_t n, C* values) {
  with_element(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    copy_elements<default_arch, C>(static_cast<const T*>(from), n, values);
  });
}
// Writes n elements.
template <class C>
void store_elements_of(const C* values, std::int64_t n, yarn_element_type type, void* to) {
  with_element(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    copy_elements<default_arch, C>(values, n, static_cast<T*>(to));
  });
}

template <class C> inline constexpr yarn_element_type element_type_of = YARN_FLOAT32;
template <> inline constexpr yarn_element_type element_type_of<double> = YARN_FLOAT64;

// A tensor: heads of elements of one type, one after another in memory.
class element_heads {
public:
  explicit element_heads(const yarn_tensor& x) : x_(&x), bytes_(bytes_of_element(x.type)) {}

  yarn_element_type type() const { return x_->type; }
  std::int64_t n_tokens() const { return x_->n_tokens; }
  std::int64_t n_heads() const { return x_->n_heads; }
  std::int64_t head_dim() const { return x_->head_dim; }
  std::int64_t token_stride() const { return x_->token_stride; }
  std::int64_t head_stride() const { return x_->head_stride; }
  std::int64_t token_bytes(std::int64_t n_pairs) const {
    return x_->n_heads * 2 * n_pairs * bytes_;
  }

  // The address of an element.
  unsigned char* at(std::int64_t token, std::int64_t head, std::int64_t element = 0) const {
    return static_cast<unsigned char*>(x_->data) +
           (token * x_->token_stride + head * x_->head_stride + element) * bytes_;
  }
  template <class T> heads_view<T> view() const {
    return heads_view<T>(static_cast<T*>(x_->data), x_->n_tokens, x_->n_heads, x_->head_dim)
        .with_strides(x_->token_stride, x_->head_stride);
  }

private:
  const yarn_tensor* x_;
  std::int64_t bytes_;
};

// Writes the pairs in another order: values[2 * n_pairs] to reordered[2 * n_pairs].
template <class C>
void reorder_pairs(pairing from, const C* values, std::int64_t n_pairs, C* reordered) {
  for (std::int64_t i = 0; i < n_pairs; ++i) {
    if (from == pairing::half_split) {
      reordered[2 * i] = values[i];
      reordered[2 * i + 1] = values[n_pairs + i];
    } else {
      reordered[i] = values[2 * i];
      reordered[n_pairs + i] = values[2 * i + 1];
    }
  }
}

// A tensor of a call with the function that rotates its heads in a block. rotate_tokens is then
// compiled once for each type of the computation.
template <class C> struct erased_transfer {
  element_heads source;
  element_heads target;
  pairing in;
  pairing out;
  const yarn_norm* norm; // of the source, or null
  void (*rotate)(const erased_transfer& x, const block& b, const row_pointers<C>* rows);

  std::int64_t token_bytes(std::int64_t n_pairs) const { return source.token_bytes(n_pairs); }
};

template <pairing, pairing, class, class C>
void rotate_block(const erased_transfer<C>& x, const block& b, const row_pointers<C>* rows) {
  x.rotate(x, b, rows);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

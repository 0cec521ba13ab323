// SPDX-License-Identifier: MIT
// Tensors of the C API in a part: where the heads lie, and how they are read and written. The types
// are known at run time only.
#ifndef YARN_DETAIL_C_API_PART_TENSORS_HPP
#define YARN_DETAIL_C_API_PART_TENSORS_HPP

#include "../cache/stored.hpp"
#include "../rope/loop.hpp"
#include "cache_formats.hpp"
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

// The heads of a tensor or of a cache.
class stored_tensor {
public:
  explicit stored_tensor(const c_api::tensor_argument& argument)
      : argument_(&argument),
        unit_(argument.x.format != nullptr ? 1 : bytes_of_element(argument.x.type)) {}

  yarn_element_type type() const { return argument_->x.type; }
  std::int64_t n_tokens() const { return argument_->x.n_tokens; }
  std::int64_t n_heads() const { return argument_->x.n_heads; }
  std::int64_t head_dim() const { return argument_->x.head_dim; }
  std::int64_t token_stride() const { return argument_->x.token_stride; }
  std::int64_t head_stride() const { return argument_->x.head_stride; }
  std::int64_t token_bytes(std::int64_t n_pairs) const { return n_heads() * 2 * n_pairs * unit_; }

  bool is_paged() const { return argument_->x.paging != nullptr; }
  bool has_chunks() const { return is_paged() && argument_->paging.chunk != 0; }
  bool has_format() const { return argument_->x.format != nullptr; }
  // Whether a head is contiguous elements, without a format.
  bool is_plain() const { return !has_chunks() && !has_format(); }
  const yarn_cache_format& format() const { return argument_->format; }

  // The row of the cache; < 0: the token is skipped.
  std::int64_t row(std::int64_t token) const {
    return is_paged() ? load_integer(argument_->paging.slots, token,
                                     argument_->paging.slot_type == YARN_INT64)
                      : token;
  }
  // The address of an element (of a byte, with a format).
  unsigned char* at(std::int64_t token, std::int64_t head, std::int64_t element = 0) const {
    const yarn_paging& p = argument_->paging;
    const std::int64_t r = row(token);
    const std::int64_t of_row =
        is_paged() ? r / p.block_size * p.block_stride + r % p.block_size * p.slot_stride
                   : r * token_stride();
    return static_cast<unsigned char*>(argument_->x.data) +
           (of_row + head * head_stride() + element) * unit_;
  }
  template <class T> heads_view<T> view() const {
    return heads_view<T>(static_cast<T*>(argument_->x.data), n_tokens(), n_heads(), head_dim())
        .with_strides(token_stride(), head_stride());
  }
  template <class T> heads_view<T> view_of_token(std::int64_t token) const {
    return heads_view<T>(reinterpret_cast<T*>(at(token, 0)), 1, n_heads(), head_dim()) // NOLINT
        .with_strides(0, head_stride());
  }

  std::int64_t bytes_of_head() const {
    if (!has_format())
      return head_dim() * unit_;
    return with_cache_format(format(), [&](const auto& f) { return f.head_bytes(head_dim()); });
  }
  // Copies the chunks of a head to contiguous bytes, or back.
  void move_chunks(std::int64_t token, std::int64_t head, unsigned char* bytes, bool writes) const {
    const yarn_paging& p = argument_->paging;
    const std::int64_t size = p.chunk * unit_, n = bytes_of_head() / size;
    for (std::int64_t i = 0; i < n; ++i) {
      unsigned char* const chunk = at(token, head, i * p.chunk_stride);
      std::memcpy(writes ? chunk : bytes + i * size, writes ? bytes + i * size : chunk,
                  static_cast<std::size_t>(size));
    }
  }

private:
  const c_api::tensor_argument* argument_;
  std::int64_t unit_; // strides count units of this many bytes
};

// ---- Whole heads -------------------------------------------------------------------------------

template <class C>
void decode_bytes(const stored_tensor& x, const void* bytes, cache_place place, C* values) {
  const std::int64_t dim = x.head_dim();
  if (!x.has_format())
    return load_elements_of(x.type(), bytes, dim, values);
  with_cache_format(x.format(), [&](const auto& format) {
    if constexpr (std::is_same_v<C, float>) {
      format.decode(bytes, dim, values, place);
    } else {
      alignas(64) float decoded[largest_cached_dim];
      format.decode(bytes, dim, decoded, place);
      copy_elements<default_arch, double>(decoded, dim, values);
    }
  });
}
template <class C>
void encode_bytes(const C* values, const stored_tensor& x, void* bytes, cache_place place) {
  const std::int64_t dim = x.head_dim();
  if (!x.has_format())
    return store_elements_of(values, dim, x.type(), bytes);
  with_cache_format(x.format(), [&](const auto& format) {
    if constexpr (std::is_same_v<C, float>) {
      format.encode(values, dim, bytes, place);
    } else {
      alignas(64) float rounded[largest_cached_dim];
      copy_elements<default_arch, double>(values, dim, rounded);
      format.encode(rounded, dim, bytes, place);
    }
  });
}

template <class C>
void load_head(const stored_tensor& x, std::int64_t token, std::int64_t head, C* values) {
  const cache_place place{x.row(token), head};
  if (!x.has_chunks())
    return decode_bytes(x, x.at(token, head), place, values);
  alignas(64) unsigned char bytes[chunk_scratch_bytes];
  x.move_chunks(token, head, bytes, false);
  decode_bytes(x, bytes, place, values);
}
template <class C>
void store_head(const C* values, const stored_tensor& x, std::int64_t token, std::int64_t head) {
  const cache_place place{x.row(token), head};
  if (!x.has_chunks())
    return encode_bytes(values, x, x.at(token, head), place);
  alignas(64) unsigned char bytes[chunk_scratch_bytes];
  encode_bytes(values, x, bytes, place);
  x.move_chunks(token, head, bytes, true);
}

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
  stored_tensor source;
  stored_tensor target;
  pairing in;
  pairing out;
  const yarn_norm* norm; // of the source, or null
  void (*rotate)(const erased_transfer& x, const block& b, const row_pointers<C>* rows);

  std::int64_t token_bytes(std::int64_t n_pairs) const { return source.token_bytes(n_pairs); }
  bool skips(std::int64_t token) const { return source.row(token) < 0 || target.row(token) < 0; }
};

template <pairing, pairing, class, class C>
void rotate_block(const erased_transfer<C>& x, const block& b, const row_pointers<C>* rows) {
  x.rotate(x, b, rows);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

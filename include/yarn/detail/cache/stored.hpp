// SPDX-License-Identifier: MIT
// stored_heads: an addressing with a format, as an operand of a call, and its checks.
#ifndef YARN_DETAIL_CACHE_STORED_HPP
#define YARN_DETAIL_CACHE_STORED_HPP

#include "../../paged_view.hpp"
#include "../rope/check.hpp"
#include "../rope/loop.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The largest head_dim of a cache. A head of so many doubles fits the scratch memory, and
// rotate_tokens (rope/loop.hpp) rotates all its pairs at once. Otherwise, the head would be decoded
// again for each group of pairs.
inline constexpr std::int64_t largest_cached_dim = 1024;

// The scratch memory of a call: some heads of one token, in the type of the computation.
inline constexpr std::int64_t head_scratch_bytes = 8192;
template <class C>
inline constexpr std::int64_t head_scratch_size = head_scratch_bytes /
                                                  static_cast<std::int64_t>(sizeof(C));
static_assert(head_scratch_size<double> >= largest_cached_dim);

// Heads with chunks are collected in memory of this size.
inline constexpr std::int64_t chunk_scratch_bytes = 8192;

// The format of a cache of elements of type T.
template <class T> struct plain_elements {
  std::int64_t head_bytes(std::int64_t head_dim) const {
    return head_dim * static_cast<std::int64_t>(sizeof(T));
  }
  void check(std::int64_t /*head_dim*/) const {}
  template <class C>
  YARN_ALWAYS_INLINE void encode(const C* values, std::int64_t head_dim, void* head,
                                 cache_place /*at*/) const noexcept {
    copy_elements<default_arch, C>(values, head_dim, static_cast<T*>(head));
  }
  template <class C>
  YARN_ALWAYS_INLINE void decode(const void* head, std::int64_t head_dim, C* values,
                                 cache_place /*at*/) const noexcept {
    copy_elements<default_arch, C>(static_cast<const T*>(head), head_dim, values);
  }
};

// Unsigned, because the product may overflow. The check of the addressing reports the overflow.
template <class T> YARN_ALWAYS_INLINE std::int64_t bytes_of(std::int64_t n) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(n) * sizeof(T));
}

// What the loops and the checks need of an addressing. The primary template is for a struct of the
// user, whose members kv_cache.hpp describes.
template <class Addressing> struct addressing_traits {
  static constexpr bool is_const = false;
  static std::int64_t row(const Addressing& x, std::int64_t token) { return x.row(token); }
  static void* head(const Addressing& x, cache_place place) { return x.head(place); }
  static std::int64_t head_bytes(const Addressing& x) { return x.head_bytes(); }
  static void check(const char* /*name*/, const Addressing& x) { x.check(); }
  // Where the memory of the cache begins and ends is not known, so overlaps are not found.
  static const void* memory(const Addressing& /*x*/) { return nullptr; }
  static std::int64_t extent(const Addressing& /*x*/) { return 0; }
};

template <class T> struct addressing_traits<heads_view<T>> {
  static constexpr bool is_const = std::is_const_v<T>;
  static std::int64_t row(const heads_view<T>& /*x*/, std::int64_t token) { return token; }
  static T* head(const heads_view<T>& x, cache_place place) {
    return x.data() + place.row * x.token_stride() + place.head * x.head_stride();
  }
  static std::int64_t head_bytes(const heads_view<T>& x) { return bytes_of<T>(x.head_dim()); }
  static void check(const char* name, const heads_view<T>& x) { check_tensor(name, x, 0); }
  static const void* memory(const heads_view<T>& x) { return x.data(); }
  static std::int64_t extent(const heads_view<T>& x) {
    return static_cast<std::int64_t>(check_tensor("cache", x, 0));
  }
};

template <class T> struct addressing_traits<paged_view<T>> {
  static constexpr bool is_const = std::is_const_v<T>;
  static std::int64_t row(const paged_view<T>& x, std::int64_t token) { return x.row(token); }
  static T* head(const paged_view<T>& x, cache_place place) { return x.head(place); }
  static std::int64_t head_bytes(const paged_view<T>& x) { return bytes_of<T>(x.head_dim()); }
  static void check(const char* name, const paged_view<T>& x);
  static const void* memory(const paged_view<T>& x) { return x.data(); }
  static std::int64_t extent(const paged_view<T>& x) { return checked_bytes("cache", x); }
  static std::int64_t checked_bytes(const char* name, const paged_view<T>& x);
};

// A dimension of the memory of a cache: `count` parts, `stride` elements apart.
struct memory_dimension {
  const char* name; // of the stride
  std::int64_t count;
  std::int64_t stride;
};

// The size in elements of memory with these dimensions. A part of the innermost dimension has
// `size` elements. Refuses parts that overlap, and memory that is too large for ptrdiff_t.
inline std::int64_t checked_extent(const char* name, memory_dimension (&dimensions)[4],
                                   std::int64_t size, std::int64_t limit) {
  for (int i = 1; i < 4; ++i) // Sorts the dimensions by their strides.
    for (int j = i; j > 0 && dimensions[j].stride < dimensions[j - 1].stride; --j) {
      const memory_dimension other = dimensions[j];
      dimensions[j] = dimensions[j - 1];
      dimensions[j - 1] = other;
    }
  if (size > limit)
    fail_argument("yarn: {}: {} contiguous elements are beyond ptrdiff_t", name, size);
  for (const memory_dimension& d : dimensions) {
    if (d.count <= 1)
      continue;
    if (d.stride < size)
      fail_argument("yarn: {}.{} = {}: parts of {} elements overlap", name, d.name, d.stride, size);
    if (product_exceeds(d.count - 1, d.stride, limit - size))
      fail_argument("yarn: {}.{} = {}, {} times: beyond ptrdiff_t", name, d.name, d.stride,
                    d.count);
    size += (d.count - 1) * d.stride;
  }
  return size;
}

// The size of the memory in bytes, or 0 if the call reads and writes nothing.
template <class T>
std::int64_t addressing_traits<paged_view<T>>::checked_bytes(const char* name,
                                                             const paged_view<T>& x) {
  if (x.n_tokens() == 0 || x.n_heads() == 0 || x.n_blocks() == 0 || x.head_dim() == 0)
    return 0;
  memory_dimension dimensions[4] = {{"chunk_stride", x.head_dim() / x.chunk(), x.chunk_stride()},
                                    {"head_stride", x.n_heads(), x.head_stride()},
                                    {"slot_stride", x.block_size(), x.slot_stride()},
                                    {"block_stride", x.n_blocks(), x.block_stride()}};
  constexpr auto bytes = static_cast<std::int64_t>(sizeof(T));
  return checked_extent(name, dimensions, x.chunk(), PTRDIFF_MAX / bytes) * bytes;
}

template <class T>
void addressing_traits<paged_view<T>>::check(const char* name, const paged_view<T>& x) {
  if (x.n_blocks() < 0 || x.block_size() < 1 || x.n_heads() < 0 || x.head_dim() < 0)
    fail_argument("yarn: {} has n_blocks = {}, block_size = {}, n_heads = {}, head_dim = {}; "
                  "block_size must be >= 1, and the others >= 0",
                  name, x.n_blocks(), x.block_size(), x.n_heads(), x.head_dim());
  if (x.n_tokens() < 0)
    fail_argument("yarn: {} has n_tokens = {}: pass the slots of the tokens to at(slots, n_tokens)",
                  name, x.n_tokens());
  if (x.has_chunks() && (x.chunk() < 1 || x.head_dim() % x.chunk() != 0))
    fail_argument("yarn: {}.chunk = {} must divide head_dim = {}", name, x.chunk(), x.head_dim());
  if (x.has_chunks() && head_bytes(x) > chunk_scratch_bytes)
    fail_argument("yarn: {}: a head has {} bytes; with chunks, it must have at most {}", name,
                  head_bytes(x), chunk_scratch_bytes);
  if (x.n_tokens() == 0 || x.n_heads() == 0)
    return;
  if (x.has_null_slots())
    fail_argument("yarn: the slots of {} are null", name);
  if (x.n_blocks() > INT64_MAX / x.block_size())
    fail_argument("yarn: {}: too many slots: {} blocks of {}", name, x.n_blocks(), x.block_size());
  const std::int64_t n_slots = x.n_blocks() * x.block_size();
  for (std::int64_t t = 0; t < x.n_tokens(); ++t)
    if (x.row(t) < -1 || x.row(t) >= n_slots)
      fail_range("yarn: slot {} of token {} must be -1, or in [0, {})", x.row(t), t, n_slots);
  if (x.data() == nullptr && n_slots != 0 && x.head_dim() != 0)
    fail_argument("yarn: {}.data is null", name);
  static_cast<void>(checked_bytes(name, x));
}

// The result of stored(addressing, format, head_dim).
template <class Addressing, class Format> struct stored_heads {
  Addressing where;
  Format format;
  std::int64_t dim;

  using traits = addressing_traits<Addressing>;
  YARN_ALWAYS_INLINE std::int64_t n_tokens() const { return where.n_tokens(); }
  YARN_ALWAYS_INLINE std::int64_t n_heads() const { return where.n_heads(); }
  YARN_ALWAYS_INLINE std::int64_t head_dim() const { return dim; }
};

// The type of the values of a format. Plain elements are encoded from any type, other formats from
// float.
template <class Format> struct value_of_format { using type = float; };
template <class T> struct value_of_format<plain_elements<T>> {
  using type = std::remove_const_t<T>;
};
template <class Format> inline constexpr bool is_plain_v = false;
template <class T> inline constexpr bool is_plain_v<plain_elements<T>> = true;

template <class Addressing, class Format> struct element_of<stored_heads<Addressing, Format>> {
  using value = typename value_of_format<Format>::type;
  using type =
      std::conditional_t<addressing_traits<Addressing>::is_const, std::add_const_t<value>, value>;
};

template <class Addressing, class Format>
std::uintptr_t check_tensor(const char* name, const stored_heads<Addressing, Format>& x,
                            std::int64_t n_pairs) {
  if (x.dim < 0 || 2 * n_pairs > x.dim)
    fail_argument("yarn: {}.head_dim = {} must be at least rotary_dim = {} (2 * n_pairs)", name,
                  x.dim, 2 * n_pairs);
  if (x.dim > largest_cached_dim)
    fail_argument("yarn: {}.head_dim = {} must be at most {} in a cache", name, x.dim,
                  largest_cached_dim);
  x.format.check(x.dim);
  const std::int64_t size = addressing_traits<Addressing>::head_bytes(x.where);
  if (size != x.format.head_bytes(x.dim))
    fail_argument("yarn: {}: the memory of a head has {} bytes, and its format needs {} bytes for "
                  "head_dim = {}",
                  name, size, x.format.head_bytes(x.dim), x.dim);
  addressing_traits<Addressing>::check(name, x.where);
  return static_cast<std::uintptr_t>(addressing_traits<Addressing>::extent(x.where));
}

// A byte of a cache, for the checks of overlaps.
struct cache_byte {
  unsigned char bits;
};
// The memory of a cache, from the first to the last byte.
template <class Addressing, class Format>
heads_view<const cache_byte> memory_of(const stored_heads<Addressing, Format>& x) {
  using traits = addressing_traits<Addressing>;
  return {static_cast<const cache_byte*>(traits::memory(x.where)), 1, 1, traits::extent(x.where)};
}
// A cache is never rotated in place by rope_copy, only by rope_apply.
template <class A>
bool is_same_view(const heads_view<A>& /*a*/, const heads_view<const cache_byte>& /*b*/) {
  return false;
}
template <class B>
bool is_same_view(const heads_view<const cache_byte>& /*a*/, const heads_view<B>& /*b*/) {
  return false;
}
inline bool is_same_view(const heads_view<const cache_byte>& /*a*/,
                         const heads_view<const cache_byte>& /*b*/) {
  return false;
}

template <class Addressing, class Format>
YARN_ALWAYS_INLINE stored_heads<Addressing, Format>
stored_of(const Addressing& where, const Format& format, std::int64_t head_dim) {
  return {where, format, head_dim};
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

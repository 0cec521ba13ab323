// SPDX-License-Identifier: MIT
// KV caches as tensors: paged caches, and caches that store elements in blocks or with scales.
//
//     rope_copy(k, target, rows, p)    rotates new keys and writes them into a cache
//     copy_heads(v, target)            writes new values, which are not rotated
//     rope_apply(target, rows, p)      moves cached keys in place (K-shift): no float copy of the
//                                      cache exists at any time
//     rope_copy(target, x, rows, p)    reads keys, rotates them, and writes them to a tensor
//
// A cache has an addressing, which says where the bytes of a head lie, and a format, which says how
// the elements of a head are stored. Each addressing works with each format:
//
//     addressing    heads_view: [token][head]; paged_view: slots in blocks; or your own struct
//     format        an element type; float8 and int8 with scales (scaled_elements.hpp); the blocks
//                   of ggml (ggml_blocks.hpp); or your own struct
//
//     // bfloat16 keys in a cache with pages of 16 slots
//     const yarn::paged_view k_cache(data, n_blocks, 16, n_heads, head_dim);
//     yarn::rope_copy(k, k_cache.at(slots, n_tokens), rows, p);
//     // the same cache with the q8_0 blocks of ggml: each head takes 136 bytes
//     const yarn::paged_view bytes(data, n_blocks, 16, n_heads, q8_0{}.head_bytes(head_dim));
//     yarn::rope_copy(k, yarn::stored(bytes.at(slots, n_tokens), q8_0{}, head_dim), rows, p);
//
// A head is rotated in float in L1, and then encoded: one rounding by the rotation to float, one by
// the format. If the format is an element type, there is only the second rounding.
#ifndef YARN_KV_CACHE_HPP
#define YARN_KV_CACHE_HPP

#include "detail/cache/place.hpp"
#include "rope.hpp"

namespace yarn {
inline namespace v0 {

/// A paged cache: blocks of slots, each with the same heads, and the slot of each token of a call.
/// Slot s lies in block s / block_size. The slot of a token that is not stored is -1.
/// Shape    [n_blocks][block_size][n_heads][head_dim] (the NHD layout of FlashInfer) unless
///          with_strides sets other strides.
/// Units    head_dim counts elements of T, and so do strides. If `stored` gives the cache a format,
///          T is a byte or another unit of storage, and head_dim counts the units of one head.
/// Types    T: an element type of types.hpp, or any trivially copyable type for `stored`. Slots:
///          signed integers of 32 or 64 bits.
/// Errors   std::invalid_argument: an extent or stride does not fit a signed 64-bit integer. The
///          call that uses the view checks the rest.
/// Example  FlashInfer's HND: paged_view(x, blocks, size, heads, dim).with_strides(heads * size *
///          dim, dim, size * dim)
///          keys of vLLM's CPU backend, [blocks][heads][dim / c][size][c]: paged_view(…)
///          .with_strides(heads * dim * size, c, dim * size).with_chunks(c, size * c)
///          values, [blocks][heads][dim][size]: c = 1
template <class T> class paged_view {
public:
  template <class Blocks, class Size, class Heads, class Dim>
  YARN_ALWAYS_INLINE paged_view(T* data, Blocks n_blocks, Size block_size, Heads n_heads,
                                Dim head_dim)
      : data_(data), n_blocks_(detail::to_index(n_blocks, "n_blocks")),
        block_size_(detail::to_index(block_size, "block_size")),
        n_heads_(detail::to_index(n_heads, "n_heads")),
        head_dim_(detail::to_index(head_dim, "head_dim")), head_stride_(head_dim_),
        chunk_(head_dim_) {
    // Unsigned, because a product may overflow. The call that uses the view reports the overflow.
    const auto slot = static_cast<std::uint64_t>(n_heads_) * static_cast<std::uint64_t>(head_dim_);
    slot_stride_ = static_cast<std::int64_t>(slot);
    block_stride_ = static_cast<std::int64_t>(slot * static_cast<std::uint64_t>(block_size_));
  }

  /// The same cache with other strides, in elements, from block to block, from slot to slot, and
  /// from head to head.
  template <class Block, class Slot, class Head>
  [[nodiscard]] YARN_ALWAYS_INLINE paged_view with_strides(Block block, Slot slot,
                                                           Head head) const {
    paged_view other = *this;
    other.block_stride_ = detail::to_index(block, "block_stride");
    other.slot_stride_ = detail::to_index(slot, "slot_stride");
    other.head_stride_ = detail::to_index(head, "head_stride");
    return other;
  }
  /// The same cache with heads that are not contiguous: element e of a head lies at
  /// (e / chunk) * chunk_stride + e % chunk.
  template <class Chunk, class Stride>
  [[nodiscard]] YARN_ALWAYS_INLINE paged_view with_chunks(Chunk chunk, Stride chunk_stride) const {
    paged_view other = *this;
    other.chunk_ = detail::to_index(chunk, "chunk");
    other.chunk_stride_ = detail::to_index(chunk_stride, "chunk_stride");
    return other;
  }
  /// The cache at the slots of n tokens. The list must outlive the view. No slot except -1 may
  /// appear twice.
  template <class Integer, class Count>
  [[nodiscard]] YARN_ALWAYS_INLINE paged_view at(const Integer* slots, Count n) const {
    static_assert(std::is_integral_v<Integer> && std::is_signed_v<Integer> &&
                      (sizeof(Integer) == 4 || sizeof(Integer) == 8),
                  "yarn: slots are signed integers of 32 or 64 bits");
    paged_view other = *this;
    other.slots_ = slots;
    other.n_tokens_ = detail::to_index(n, "n_tokens");
    other.has_64_bits_ = sizeof(Integer) == 8;
    return other;
  }

  YARN_ALWAYS_INLINE T* data() const { return data_; }
  YARN_ALWAYS_INLINE std::int64_t n_blocks() const { return n_blocks_; }
  YARN_ALWAYS_INLINE std::int64_t block_size() const { return block_size_; }
  YARN_ALWAYS_INLINE std::int64_t n_heads() const { return n_heads_; }
  YARN_ALWAYS_INLINE std::int64_t head_dim() const { return head_dim_; }
  YARN_ALWAYS_INLINE std::int64_t block_stride() const { return block_stride_; }
  YARN_ALWAYS_INLINE std::int64_t slot_stride() const { return slot_stride_; }
  YARN_ALWAYS_INLINE std::int64_t head_stride() const { return head_stride_; }
  YARN_ALWAYS_INLINE std::int64_t chunk() const { return chunk_; }
  YARN_ALWAYS_INLINE std::int64_t chunk_stride() const { return chunk_stride_; }
  YARN_ALWAYS_INLINE bool has_chunks() const { return chunk_ != head_dim_; }
  YARN_ALWAYS_INLINE bool is_null() const { return slots_ == nullptr; }
  /// The number of slots that `at` has got; -1 without `at`.
  YARN_ALWAYS_INLINE std::int64_t n_tokens() const { return n_tokens_; }

  /// The slot of a token, or -1.
  /// Requires 0 <= token < n_tokens(), not is_null().
  YARN_ALWAYS_INLINE std::int64_t row(std::int64_t token) const {
    YARN_ASSERT(token >= 0 && token < n_tokens_ && !is_null());
    return detail::load_integer(slots_, token, has_64_bits_);
  }
  /// The first element of a head.
  /// Requires 0 <= place.row < n_blocks() * block_size(), 0 <= place.head < n_heads().
  YARN_ALWAYS_INLINE T* head(cache_place place) const {
    return data_ + place.row / block_size_ * block_stride_ +
           place.row % block_size_ * slot_stride_ + place.head * head_stride_;
  }

private:
  T* data_;
  std::int64_t n_blocks_;
  std::int64_t block_size_;
  std::int64_t n_heads_;
  std::int64_t head_dim_;
  std::int64_t block_stride_ = 0;
  std::int64_t slot_stride_ = 0;
  std::int64_t head_stride_;
  std::int64_t chunk_;
  std::int64_t chunk_stride_ = 0;
  const void* slots_ = nullptr;
  std::int64_t n_tokens_ = -1;
  bool has_64_bits_ = false;
};

} // namespace v0

inline namespace YARN_ABI {

/// A cache whose heads are stored in a format.
/// Types    Addressing: a heads_view or a paged_view of bytes or other units of storage, or a
///          struct with these members, which are called with 0 <= token < n_tokens() and so on:
///              std::int64_t n_tokens() const, n_heads() const;
///              std::int64_t head_bytes() const;              // of the memory of one head
///              std::int64_t row(std::int64_t token) const;   // < 0: the token is skipped
///              void* head(yarn::cache_place place) const;    // the memory of a head
///              void check() const;                           // throws if a field is wrong
///          Format: q8_0 and the other structs of ggml_blocks.hpp, scaled<T> of
///          scaled_elements.hpp, or a struct with these members (`encode` writes all bytes of the
///          head):
///              std::int64_t head_bytes(std::int64_t head_dim) const;
///              void check(std::int64_t head_dim) const;      // throws if a field is wrong
///              void encode(const float* values, std::int64_t head_dim, void* head,
///                          yarn::cache_place at) const noexcept;
///              void decode(const void* head, std::int64_t head_dim, float* values,
///                          yarn::cache_place at) const noexcept;
/// Errors   None here. The call that uses the result throws std::invalid_argument: the memory of a
///          head has another size than the format needs, head_dim > 1024, or a head with chunks has
///          more than 8192 bytes; and what `check` of the addressing and of the format throw.
template <class Addressing, class Format, class Dim>
[[nodiscard]] YARN_ALWAYS_INLINE auto stored(const Addressing& where, const Format& format,
                                             Dim head_dim);

/// Copies heads without rotating them, and converts their elements: values to a cache, or from one.
/// Shape    Both [n_tokens][n_heads][head_dim]. Tokens with slot -1 are skipped. The memory of a
///          cache, from its first byte to its last, must not overlap the other tensor.
/// Types    source: a heads_view, a normed tensor, or a cache. target: a heads_view or a cache.
/// Errors   Those of copy_heads_check. All checks come before the first write.
/// Accuracy Each element is rounded once to the format of the target, but doubles are rounded to
///          float before they are encoded in a format of `stored`.
template <class From, class To> void copy_heads(const From& source, const To& target);

/// Checks a call of copy_heads with the same arguments. Reads and writes no element.
/// Errors   std::invalid_argument: as rope_copy_check.
template <class From, class To> void copy_heads_check(const From& source, const To& target);

/// copy_heads without checks, for one slice of the tokens.
/// Requires A call that copy_heads_check accepts; part.thread in [0, part.n_threads).
/// Errors   None: it never throws. It allocates no memory. Like all calls with a cache, it uses at
///          most 64 KB of stack (in builds with optimisation).
template <class From, class To>
void copy_heads_unchecked(const From& source, const To& target, thread_slice part = {}) noexcept;

} // namespace YARN_ABI
} // namespace yarn

#include "detail/cache/transfer.hpp"

#endif

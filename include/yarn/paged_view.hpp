// SPDX-License-Identifier: MIT
// paged_view: a view of a paged KV cache. kv_cache.hpp has the calls that use the view.
#ifndef YARN_PAGED_VIEW_HPP
#define YARN_PAGED_VIEW_HPP

#include "detail/cache/place.hpp"
#include "views.hpp"

namespace yarn {
inline namespace v0 {

/// A paged cache: blocks (pages) of slots, and the slot of each token of a call. A slot holds the
/// heads of one token. Slot s lies in block s / block_size. A token that is not stored has slot -1.
/// Shape    [n_blocks][block_size][n_heads][head_dim] (the NHD layout of FlashInfer) unless
///          with_strides sets other strides.
/// Units    head_dim counts elements of T, and so do strides. If `stored` gives the cache a format,
///          T is a byte or another unit of storage, and head_dim counts the units of one head.
/// Types    T: an element type of types.hpp, or any trivially copyable type for `stored`. Slots:
///          signed integers of 32 or 64 bits.
/// Errors   std::invalid_argument: an extent or stride does not fit a signed 64-bit integer. A call
///          with the view checks the rest. std::out_of_range: a slot is neither -1 nor in a block.
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
  /// The same cache with heads that are not contiguous: element e lies at
  /// (e / chunk) * chunk_stride + e % chunk from the start of the head.
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
  /// Whether the list of slots is null, as it is before `at` is called.
  YARN_ALWAYS_INLINE bool has_null_slots() const { return slots_ == nullptr; }
  /// The number of tokens, the n of `at`. -1 if `at` was not called.
  YARN_ALWAYS_INLINE std::int64_t n_tokens() const { return n_tokens_; }

  /// The slot of a token, or -1.
  /// Requires 0 <= token < n_tokens(), not has_null_slots().
  YARN_ALWAYS_INLINE std::int64_t row(std::int64_t token) const {
    YARN_ASSERT(token >= 0 && token < n_tokens_ && !has_null_slots());
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

} // namespace yarn

#endif

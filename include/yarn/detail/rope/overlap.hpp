// SPDX-License-Identifier: MIT
// Whether two tensors share elements.
#ifndef YARN_DETAIL_ROPE_OVERLAP_HPP
#define YARN_DETAIL_ROPE_OVERLAP_HPP

#include "../../views.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The memory of a tensor, for the checks of overlaps. Wrappers of tensors overload this function.
template <class T> YARN_ALWAYS_INLINE const heads_view<T>& memory_of(const heads_view<T>& x) {
  return x;
}

// The bytes of a tensor, as blocks within blocks. The block of level 0 is the whole tensor; blocks
// of level 2 are heads. A block of level i consists of count[i] blocks of level i + 1, which are
// stride[i] bytes apart and do not overlap.
struct footprint {
  std::uintptr_t begin;
  std::int64_t count[2];
  std::int64_t stride[2];
  std::int64_t size[3]; // of one block, from its first byte to its last
};

// Whether tokens are at least as far apart as heads (token_major) or heads are farther apart than
// tokens (head_major). For a tensor with one token or with one head, either answer is right.
enum class memory_order { token_major, head_major, any };

template <class T> memory_order order_of(const heads_view<T>& x) {
  if (x.n_tokens() == 1 || x.n_heads() == 1)
    return memory_order::any;
  return x.token_stride() >= x.head_stride() ? memory_order::token_major : memory_order::head_major;
}

template <class T>
YARN_NOINLINE footprint footprint_of(const heads_view<T>& x, memory_order order) {
  constexpr auto bytes = static_cast<std::int64_t>(sizeof(T));
  const bool token_major = order == memory_order::token_major;
  footprint f{};
  f.begin = reinterpret_cast<std::uintptr_t>(x.data());
  f.count[0] = token_major ? x.n_tokens() : x.n_heads();
  f.count[1] = token_major ? x.n_heads() : x.n_tokens();
  f.stride[0] = (token_major ? x.token_stride() : x.head_stride()) * (f.count[0] > 1 ? bytes : 0);
  f.stride[1] = (token_major ? x.head_stride() : x.token_stride()) * (f.count[1] > 1 ? bytes : 0);
  f.size[2] = x.head_dim() * bytes;
  f.size[1] = (f.count[1] - 1) * f.stride[1] + f.size[2];
  f.size[0] = (f.count[0] - 1) * f.stride[0] + f.size[1];
  return f;
}

// Whether a block of p and a block of q, both of this level, share elements. The block of q begins
// `offset` bytes after the block of p.
// NOLINTNEXTLINE(misc-no-recursion): three levels deep
YARN_NOINLINE inline bool blocks_overlap(const footprint& p, const footprint& q, int level,
                                         std::int64_t offset) {
  if (offset >= p.size[level] || -offset >= q.size[level])
    return false;
  if (level == 2 || offset == 0)
    return true;
  const std::int64_t n_p = p.count[level], n_q = q.count[level];
  const int next = level + 1;
  if (n_p == 1 && n_q == 1)
    return blocks_overlap(p, q, next, offset);
  const std::int64_t stride = n_p > 1 ? p.stride[level] : q.stride[level];
  if ((n_p == 1 || n_q == 1 || p.stride[level] == q.stride[level]) && p.size[next] <= stride &&
      q.size[next] <= stride) {
    // All pairs of blocks that can meet are `rest` or `rest - stride` bytes apart: block j of q
    // begins `rest` bytes after block j + block_distance of p; 0 <= rest < stride.
    const std::int64_t block_distance = offset / stride - (offset % stride < 0 ? 1 : 0); // NOLINT
    const std::int64_t rest = offset - block_distance * stride;
    // Whether there is an i such that p has block i and q has block i - shift.
    const auto meets = [&](std::int64_t shift) {
      return (shift > 0 ? shift : 0) < (shift + n_q < n_p ? shift + n_q : n_p);
    };
    return (meets(block_distance) && blocks_overlap(p, q, next, rest)) ||
           (meets(block_distance + 1) && blocks_overlap(p, q, next, rest - stride));
  }
  // For different strides, each block of p is compared with the blocks of q in its range.
  for (std::int64_t i = 0; i < n_p; ++i) {
    const std::int64_t first = i * p.stride[level] - offset; // of block i, in bytes after q
    // The first block of q that ends after this byte.
    std::int64_t j = 0;
    if (n_q > 1 && first >= q.size[next])
      j = (first - q.size[next]) / q.stride[level] + 1;
    for (; j < n_q && j * q.stride[level] < first + p.size[next]; ++j)
      if (blocks_overlap(p, q, next, j * q.stride[level] - first))
        return true;
  }
  return false;
}

// Whether two tensors share elements. Requires that check_tensor has accepted both. For q, k and v
// packed in one buffer, the answer costs a few divisions; for tensors with different strides whose
// memory ranges overlap, at most one comparison for each pair of neighboring blocks.
template <class A, class B>
YARN_NOINLINE bool tensors_overlap(const heads_view<A>& a, const heads_view<B>& b) {
  if (a.n_tokens() == 0 || a.n_heads() == 0 || a.head_dim() == 0 || b.n_tokens() == 0 ||
      b.n_heads() == 0 || b.head_dim() == 0)
    return false;
  // A tensor with one token or one head takes the order of the other: then equal strides stand at
  // the same level.
  const memory_order a_order = order_of(a), b_order = order_of(b);
  const footprint p = footprint_of(a, a_order != memory_order::any ? a_order : b_order);
  const footprint q = footprint_of(b, b_order != memory_order::any ? b_order : a_order);
  return blocks_overlap(p, q, 0, static_cast<std::int64_t>(q.begin - p.begin));
}

// Whether both views have the same elements in the same order, so that a copy from one to the other
// works in place.
template <class A, class B> bool is_same_view(const heads_view<A>& a, const heads_view<B>& b) {
  return static_cast<const void*>(a.data()) == static_cast<const void*>(b.data()) &&
         sizeof(A) == sizeof(B) && (a.n_tokens() == 1 || a.token_stride() == b.token_stride()) &&
         (a.n_heads() == 1 || a.head_stride() == b.head_stride());
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

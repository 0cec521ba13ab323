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
// stride[i] bytes apart.
struct footprint {
  std::uintptr_t begin;
  std::int64_t count[2];
  std::int64_t stride[2];
  std::int64_t size[3]; // of one block, from its first byte to its last
};

template <class T> YARN_NOINLINE footprint footprint_of(const heads_view<T>& x) {
  constexpr auto bytes = static_cast<std::int64_t>(sizeof(T));
  const bool token_major =
      x.n_tokens() == 1 || (x.n_heads() > 1 && x.token_stride() >= x.head_stride());
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

// The answer to the question whether two tensors share elements. For different strides it may be
// `undecided`.
enum class overlap { none, undecided, certain };

// Whether a block of p and a block of q, both of this level, share elements. The block of q begins
// `offset` bytes after the block of p.
// NOLINTNEXTLINE(misc-no-recursion): three levels deep
YARN_NOINLINE inline overlap overlap_of(const footprint& p, const footprint& q, int level,
                                        std::int64_t offset) {
  if (offset >= p.size[level] || -offset >= q.size[level])
    return overlap::none;
  if (level == 2 || offset == 0)
    return overlap::certain;
  const std::int64_t n_p = p.count[level], n_q = q.count[level];
  const int next = level + 1;
  if (n_p == 1 && n_q == 1)
    return overlap_of(p, q, next, offset);
  if (n_p > 1 && n_q > 1 && p.stride[level] != q.stride[level])
    return overlap::undecided;
  const std::int64_t stride = n_p > 1 ? p.stride[level] : q.stride[level];
  if (p.size[next] > stride || q.size[next] > stride) // A block is larger than the stride.
    return next == 2 ? overlap::certain : overlap::undecided;
  // Block j of q begins `rest` bytes after block j + block_distance of p; 0 <= rest < stride.
  const std::int64_t block_distance = offset / stride - (offset % stride < 0 ? 1 : 0); // NOLINT
  const std::int64_t rest = offset - block_distance * stride;
  // Whether there is an i such that p has block i and q has block i - shift.
  const auto meets = [&](std::int64_t shift) {
    return (shift > 0 ? shift : 0) < (shift + n_q < n_p ? shift + n_q : n_p);
  };
  const overlap after = meets(block_distance) ? overlap_of(p, q, next, rest) : overlap::none;
  const overlap before =
      meets(block_distance + 1) ? overlap_of(p, q, next, rest - stride) : overlap::none;
  return after > before ? after : before;
}

// Whether two tensors share elements. Requires that check_tensor has accepted both. For q, k and v
// packed in one buffer, the answer costs a few divisions.
template <class A, class B>
YARN_NOINLINE overlap overlap_of(const heads_view<A>& a, const heads_view<B>& b) {
  if (a.n_tokens() == 0 || a.n_heads() == 0 || a.head_dim() == 0 || b.n_tokens() == 0 ||
      b.n_heads() == 0 || b.head_dim() == 0)
    return overlap::none;
  const footprint p = footprint_of(a), q = footprint_of(b);
  const auto offset = static_cast<std::int64_t>(q.begin - p.begin);
  const overlap found = overlap_of(p, q, 0, offset);
  if (found != overlap::undecided)
    return found;
  // The memory ranges overlap. If the tensor that begins first has no gaps, it contains the first
  // element of the other tensor.
  const auto is_dense = [](const footprint& f) {
    return (f.count[1] == 1 || f.stride[1] == f.size[2]) &&
           (f.count[0] == 1 || f.stride[0] == f.size[1]);
  };
  const bool q_begins_in_p = offset >= 0, certain = is_dense(q_begins_in_p ? p : q);
  return certain ? overlap::certain : overlap::undecided;
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

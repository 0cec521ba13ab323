// SPDX-License-Identifier: MIT
// KV caches as tensors: paged caches, and caches that store elements in blocks or with scales.
//
//     rope_copy(k, cache, rows, p)    rotates new keys and writes them into a cache
//     copy_heads(v, cache)            writes new values, which are not rotated
//     rope_apply(cache, rows, p)      moves cached keys in place (K-shift): no float copy of the
//                                     cache exists at any time
//     rope_copy(cache, x, rows, p)    reads keys, rotates them, and writes them to a tensor x
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
//     // keys in the q8_0 blocks of ggml: a head of 128 elements takes 136 bytes
//     const yarn::paged_view bytes(data, n_blocks, 16, n_heads, q8_0{}.head_bytes(head_dim));
//     yarn::rope_copy(k, yarn::stored(bytes.at(slots, n_tokens), q8_0{}, head_dim), rows, p);
//
// If the format is an element type, the result has the accuracy of rope_copy to a tensor. For other
// formats, a head is rotated in L1 and rounded to float, and then encoded, which rounds it again.
#ifndef YARN_KV_CACHE_HPP
#define YARN_KV_CACHE_HPP

#include "paged_view.hpp"
#include "rope.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// A cache whose heads are stored in a format.
/// Types    Addressing: a heads_view or a paged_view of bytes or other units of storage, or a
///          struct with these members, which are called with indices inside the cache. A
///          cache_place has a `row` of the cache (of a paged_view: a slot) and a `head`.
///              std::int64_t n_tokens() const, n_heads() const;
///              std::int64_t head_bytes() const;              // of the memory of one head
///              std::int64_t row(std::int64_t token) const;   // of the cache; < 0: skips token
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
/// Errors   std::invalid_argument: head_dim does not fit a signed 64-bit integer. The call that
///          uses the result throws std::invalid_argument: the memory of a head has another size
///          than the format needs, head_dim > 1024, or a head with chunks (paged_view) has more
///          than 8192 bytes. Also what `check` of the addressing and of the format throw.
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
/// Errors   Those of rope_copy_check. std::out_of_range: a slot is neither -1 nor in the cache.
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

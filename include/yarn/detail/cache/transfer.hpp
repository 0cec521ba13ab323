// SPDX-License-Identifier: MIT
// How rope_apply, rope_copy and copy_heads read and write caches (see transfer in
// detail/rope/loop.hpp). Each token is handled alone. A format that is not a plain element type is
// decoded to, or encoded from, scratch memory in L1.
#ifndef YARN_DETAIL_CACHE_TRANSFER_HPP
#define YARN_DETAIL_CACHE_TRANSFER_HPP

#include "../norm/transfer.hpp"
#include "stored.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Source and target of a call, of which at least one is a cache. Each is a heads_view, normed_heads
// (source only) or stored_heads.
template <class Source, class Target> struct cache_transfer {
  Source source;
  Target target;

  YARN_ALWAYS_INLINE std::int64_t token_bytes(std::int64_t n_pairs) const {
    return source.n_heads() * 2 * n_pairs *
           static_cast<std::int64_t>(sizeof(typename element_of<Source>::type));
  }
};
// A cache whose heads are rotated in place.
template <class Cache> struct cache_in_place {
  Cache cache;

  YARN_ALWAYS_INLINE std::int64_t token_bytes(std::int64_t n_pairs) const {
    return cache_transfer<Cache, Cache>{cache, cache}.token_bytes(n_pairs);
  }
};

template <class A, class F>
YARN_ALWAYS_INLINE cache_in_place<stored_heads<A, F>>
transfer_in_place(const stored_heads<A, F>& x) {
  return {x};
}
template <class Source, class A, class F>
YARN_ALWAYS_INLINE cache_transfer<Source, stored_heads<A, F>>
transfer_between(const Source& source, const stored_heads<A, F>& target) {
  return {source, target};
}
template <class A, class F, class To>
YARN_ALWAYS_INLINE cache_transfer<stored_heads<A, F>, heads_view<To>>
transfer_between(const stored_heads<A, F>& source, const heads_view<To>& target) {
  return {source, target};
}

// ---- Some heads of one token -------------------------------------------------------------------

// Whether the token has a row. Only tokens of a cache may have none.
template <class X> YARN_ALWAYS_INLINE bool has_row(const X& /*x*/, std::int64_t /*token*/) {
  return true;
}
template <class A, class F>
YARN_ALWAYS_INLINE bool has_row(const stored_heads<A, F>& x, std::int64_t token) {
  return addressing_traits<A>::row(x.where, token) >= 0;
}

template <class X> inline constexpr bool is_cache_v = false;
template <class A, class F> inline constexpr bool is_cache_v<stored_heads<A, F>> = true;

// is_direct: whether the heads of a token can be read and written where they lie. can_be_direct_v
// is false for types for which is_direct is always false.
template <class X> inline constexpr bool can_be_direct_v = true;
template <class A, class F> inline constexpr bool can_be_direct_v<stored_heads<A, F>> = false;
template <class T>
inline constexpr bool can_be_direct_v<stored_heads<paged_view<T>, plain_elements<T>>> = true;

template <class X> YARN_ALWAYS_INLINE bool is_direct(const X& /*x*/) { return can_be_direct_v<X>; }
template <class T>
YARN_ALWAYS_INLINE bool is_direct(const stored_heads<paged_view<T>, plain_elements<T>>& x) {
  return !x.where.has_chunks();
}

// Heads [head, head + n) of a token, where they lie.
template <class T>
YARN_ALWAYS_INLINE heads_view<T> heads_at(const heads_view<T>& x, std::int64_t token,
                                          std::int64_t head, std::int64_t n) {
  return heads_view<T>(x.data() + token * x.token_stride() + head * x.head_stride(), 1, n,
                       x.head_dim())
      .with_strides(x.token_stride(), x.head_stride());
}
template <class T>
YARN_ALWAYS_INLINE heads_view<T> heads_at(const stored_heads<paged_view<T>, plain_elements<T>>& x,
                                          std::int64_t token, std::int64_t head, std::int64_t n) {
  return heads_view<T>(x.where.head({x.where.row(token), head}), 1, n, x.dim)
      .with_strides(0, x.where.head_stride());
}
// A normed tensor keeps the whole token, because the norm may be over all heads.
template <class T, class Norm> struct normed_part {
  heads_view<T> heads;
  heads_view<T> all_heads;
  Norm norm;
  std::int64_t first_head;
};
template <class T, class Norm>
YARN_ALWAYS_INLINE normed_part<T, Norm> heads_at(const normed_heads<T, Norm>& x, std::int64_t token,
                                                 std::int64_t head, std::int64_t n) {
  return {heads_at(x.heads, token, head, n), heads_at(x.heads, token, 0, x.n_heads()), x.norm,
          head};
}
template <class From, class Norm, class To>
YARN_ALWAYS_INLINE normed_transfer<From, To, Norm>
transfer_between(const normed_part<From, Norm>& source, const heads_view<To>& target) {
  return {source.heads, target, source.norm, source.all_heads, source.first_head};
}

// ---- Scratch memory ----------------------------------------------------------------------------

// The functions of this section that have scratch memory are not inlined. So their memory is on the
// stack only while it is used.

// Calls use(bytes) with contiguous bytes for a head with chunks. The bytes are copied from the head
// before the call or, if the call writes them, to the head after the call.
template <class T, class Use>
YARN_NOINLINE void with_collected_chunks(const paged_view<T>& where, cache_place place, bool writes,
                                         const Use& use) {
  T* const head = where.head(place);
  alignas(64) unsigned char bytes[chunk_scratch_bytes];
  const std::int64_t size = where.chunk(), n = where.head_dim() / size;
  const auto chunk_bytes = static_cast<std::size_t>(size) * sizeof(T);
  if (!writes)
    for (std::int64_t i = 0; i < n; ++i)
      std::memcpy(bytes + static_cast<std::size_t>(i) * chunk_bytes,
                  head + i * where.chunk_stride(), chunk_bytes);
  use(static_cast<void*>(bytes));
  if constexpr (!std::is_const_v<T>)
    if (writes)
      for (std::int64_t i = 0; i < n; ++i)
        std::memcpy(static_cast<void*>(head + i * where.chunk_stride()),
                    bytes + static_cast<std::size_t>(i) * chunk_bytes, chunk_bytes);
}

// Calls use(memory of the head). A head with chunks gets contiguous bytes.
template <class A, class Use>
YARN_ALWAYS_INLINE void with_contiguous(const A& where, cache_place place, bool /*writes*/,
                                        const Use& use) {
  use(addressing_traits<A>::head(where, place));
}
template <class T, class Use>
YARN_ALWAYS_INLINE void with_contiguous(const paged_view<T>& where, cache_place place, bool writes,
                                        const Use& use) {
  if (!where.has_chunks())
    return use(where.head(place));
  with_collected_chunks(where, place, writes, use);
}

// If C is double, a format that is not plain elements gets floats.
template <class F>
YARN_NOINLINE void decode_to_doubles(const F& format, const void* bytes, std::int64_t head_dim,
                                     double* values, cache_place place) {
  alignas(64) float decoded[largest_cached_dim];
  format.decode(bytes, head_dim, decoded, place);
  copy_elements<default_arch, double>(decoded, head_dim, values);
}
template <class F>
YARN_NOINLINE void encode_doubles(const double* values, const F& format, std::int64_t head_dim,
                                  void* bytes, cache_place place) {
  alignas(64) float rounded[largest_cached_dim];
  copy_elements<default_arch, double>(values, head_dim, rounded);
  format.encode(rounded, head_dim, bytes, place);
}
template <class C, class F>
YARN_ALWAYS_INLINE void decode_head(const F& format, const void* bytes, std::int64_t head_dim,
                                    C* values, cache_place place) {
  if constexpr (is_plain_v<F> || std::is_same_v<C, float>)
    format.decode(bytes, head_dim, values, place);
  else
    decode_to_doubles(format, bytes, head_dim, values, place);
}
template <class C, class F>
YARN_ALWAYS_INLINE void encode_head(const C* values, const F& format, std::int64_t head_dim,
                                    void* bytes, cache_place place) {
  if constexpr (is_plain_v<F> || std::is_same_v<C, float>)
    format.encode(values, head_dim, bytes, place);
  else
    encode_doubles(values, format, head_dim, bytes, place);
}

template <class C, class A, class F>
YARN_ALWAYS_INLINE void decode_heads(const stored_heads<A, F>& x, std::int64_t token,
                                     std::int64_t head, std::int64_t n, C* values) {
  const std::int64_t row = addressing_traits<A>::row(x.where, token);
  for (std::int64_t h = 0; h < n; ++h) {
    const cache_place place{row, head + h};
    with_contiguous(x.where, place, false, [&](const void* bytes) YARN_INLINE_LAMBDA {
      decode_head<C>(x.format, bytes, x.dim, values + h * x.dim, place);
    });
  }
}
template <class C, class A, class F>
YARN_ALWAYS_INLINE void encode_heads(const C* values, const stored_heads<A, F>& x,
                                     std::int64_t token, std::int64_t head, std::int64_t n) {
  const std::int64_t row = addressing_traits<A>::row(x.where, token);
  for (std::int64_t h = 0; h < n; ++h) {
    const cache_place place{row, head + h};
    with_contiguous(x.where, place, true, [&](void* bytes) YARN_INLINE_LAMBDA {
      encode_head<C>(values + h * x.dim, x.format, x.dim, bytes, place);
    });
  }
}

// ---- Blocks ------------------------------------------------------------------------------------

// Rotates heads of one token, or copies them if they have no pairs.
template <pairing In, pairing Out, class Arch, class From, class To, class C>
YARN_ALWAYS_INLINE void move_heads(const transfer<From, To>& x, const block& b,
                                   const row_pointers<C>* row) {
  if (b.head_pairs != 0)
    return rotate_block<In, Out, Arch>(x, b, row);
  copy_unpaired<Arch>(x.source.data(), x.target.data(), {0, 0}, 1,
                      {x.source.head_stride(), x.target.head_stride()}, x.source.n_heads(),
                      x.source.head_dim());
}
template <pairing In, pairing Out, class Arch, class From, class To, class Norm, class C>
YARN_ALWAYS_INLINE void move_heads(const normed_transfer<From, To, Norm>& x, const block& b,
                                   const row_pointers<C>* row) {
  rotate_block<In, Out, Arch>(x, b, row);
}

// The number of heads of a token that are moved together: all if they need no scratch memory, else
// as many as fit.
template <class C>
YARN_ALWAYS_INLINE std::int64_t heads_that_fit(std::int64_t n_heads, std::int64_t head_dim,
                                               bool is_direct) {
  if (is_direct || head_dim == 0)
    return n_heads;
  const std::int64_t fitting = head_scratch_size<C> / head_dim;
  return n_heads < fitting ? n_heads : fitting;
}

// Moves `n` heads of a token, from `head` on, to the target. `from` has these heads.
template <pairing In, pairing Out, class Arch, class From, class Target, class C>
YARN_ALWAYS_INLINE void move_to_target(const From& from, const Target& target, std::int64_t token,
                                       std::int64_t head, std::int64_t n, const block& b,
                                       const row_pointers<C>* row) {
  if constexpr (can_be_direct_v<Target>)
    if (is_direct(target))
      return move_heads<In, Out, Arch>(transfer_between(from, heads_at(target, token, head, n)), b,
                                       row);
  if constexpr (is_cache_v<Target>) {
    alignas(64) C rotated[head_scratch_size<C>];
    move_heads<In, Out, Arch>(
        transfer_between(from, heads_view<C>(rotated, 1, n, target.head_dim())), b, row);
    encode_heads<C>(rotated, target, token, head, n);
  }
}

// One token of a call. Heads that cannot be read or written where they lie go through scratch
// memory.
template <pairing In, pairing Out, class Arch, class Source, class Target, class C>
void move_token(const Source& source, const Target& target, std::int64_t token, const block& b,
                const row_pointers<C>* row) {
  const std::int64_t n_heads = source.n_heads(), dim = source.head_dim();
  const std::int64_t size = heads_that_fit<C>(n_heads, dim, is_direct(source) && is_direct(target));
  for (std::int64_t head = 0; head < n_heads; head += size) {
    const std::int64_t n = n_heads - head < size ? n_heads - head : size;
    if constexpr (can_be_direct_v<Source>) {
      if (is_direct(source)) {
        move_to_target<In, Out, Arch>(heads_at(source, token, head, n), target, token, head, n, b,
                                      row);
        continue;
      }
    }
    if constexpr (is_cache_v<Source>) {
      alignas(64) C decoded[head_scratch_size<C>];
      decode_heads<C>(source, token, head, n, decoded);
      move_to_target<In, Out, Arch>(heads_view<const C>(decoded, 1, n, dim), target, token, head, n,
                                    b, row);
    }
  }
}

template <pairing In, pairing Out, class Arch, class Cache, class C>
void move_token_in_place(const Cache& cache, std::int64_t token, const block& b,
                         const row_pointers<C>* row) {
  const std::int64_t n_heads = cache.n_heads(), dim = cache.head_dim();
  if constexpr (can_be_direct_v<Cache>)
    if (is_direct(cache))
      return rotate_block<In, Out, Arch>(transfer_in_place(heads_at(cache, token, 0, n_heads)), b,
                                         row);
  const std::int64_t size = heads_that_fit<C>(n_heads, dim, false);
  for (std::int64_t head = 0; head < n_heads; head += size) {
    const std::int64_t n = n_heads - head < size ? n_heads - head : size;
    alignas(64) C values[head_scratch_size<C>];
    decode_heads<C>(cache, token, head, n, values);
    rotate_block<In, Out, Arch>(transfer_in_place(heads_view<C>(values, 1, n, dim)), b, row);
    encode_heads<C>(values, cache, token, head, n);
  }
}

template <pairing In, pairing Out, class Arch, class Source, class Target, class C>
void rotate_block(const cache_transfer<Source, Target>& x, const block& b,
                  const row_pointers<C>* rows) {
  const block one{0, 1, b.pair, b.n_pairs, b.head_pairs, b.bytes};
  for (std::int64_t t = 0; t < b.n_tokens; ++t)
    if (has_row(x.source, b.token + t) && has_row(x.target, b.token + t))
      move_token<In, Out, Arch>(x.source, x.target, b.token + t, one, rows + t);
}

template <pairing In, pairing Out, class Arch, class Cache, class C>
void rotate_block(const cache_in_place<Cache>& x, const block& b, const row_pointers<C>* rows) {
  const block one{0, 1, b.pair, b.n_pairs, b.head_pairs, b.bytes};
  for (std::int64_t t = 0; t < b.n_tokens; ++t)
    if (has_row(x.cache, b.token + t))
      move_token_in_place<In, Out, Arch>(x.cache, b.token + t, one, rows + t);
}

// The tokens of a copy without rotation.
template <class Arch, class Source, class Target>
void copy_tokens(const Source& source, const Target& target, token_range tokens) {
  using C = compute_type<typename element_of<Source>::type, typename element_of<Target>::type>;
  constexpr pairing any = pairing::half_split;
  const block one{0, 1, 0, 0, 0, 0};
  const row_pointers<C> no_row{nullptr, nullptr};
  for (std::int64_t t = tokens.begin; t < tokens.end; ++t)
    if (has_row(source, t) && has_row(target, t))
      move_token<any, any, Arch>(source, target, t, one, &no_row);
}

} // namespace detail

template <class Addressing, class Format, class Dim>
[[nodiscard]] YARN_ALWAYS_INLINE auto stored(const Addressing& where, const Format& format,
                                             Dim head_dim) {
  return detail::stored_of(where, format, detail::to_index(head_dim, "head_dim"));
}

template <class From, class To> void copy_heads_check(const From& source, const To& target) {
  if constexpr (detail::are_tensors<From, To>())
    detail::check_two_tensors(detail::heads_of(source), detail::heads_of(target), 0, true);
}

template <class From, class To>
void copy_heads_unchecked(const From& source, const To& target, thread_slice part) noexcept {
  YARN_ASSERT(part.thread >= 0 && part.thread < part.n_threads);
  if constexpr (detail::are_tensors<From, To>()) {
    decltype(auto) from = detail::heads_of(source);
    decltype(auto) to = detail::heads_of(target);
    static_assert(!std::is_const_v<typename detail::element_of<std::decay_t<decltype(to)>>::type>,
                  "yarn: copy_heads writes its target: the data is const");
    detail::copy_tokens<detail::default_arch>(from, to, detail::tokens_of(from.n_tokens(), part));
  }
}

template <class From, class To> void copy_heads(const From& source, const To& target) {
  copy_heads_check(source, target);
  copy_heads_unchecked(source, target);
}

} // namespace YARN_ABI

template <class T>
inline constexpr bool detail::has_format_v<paged_view<T>> =
    format_of_v<std::remove_const_t<T>> != element_format::unknown;

template <class T> struct tensor_traits<paged_view<T>> {
  YARN_ALWAYS_INLINE static auto heads(const paged_view<T>& x) {
    return detail::stored_of(x, detail::plain_elements<T>{}, x.head_dim());
  }
};
template <class A, class F> struct tensor_traits<detail::stored_heads<A, F>> {
  YARN_ALWAYS_INLINE static const detail::stored_heads<A, F>&
  heads(const detail::stored_heads<A, F>& x) {
    return x;
  }
};

} // namespace yarn

#endif

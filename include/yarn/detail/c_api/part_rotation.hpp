// SPDX-License-Identifier: MIT
// The rotation of a part of the C API.
//
// In C++, each combination of element types and order of pairs has a kernel of its own: some 200,
// which take minutes to compile. Here only the common combinations have one. Other tensors are
// read into scratch memory of the type of the computation, rotated there, and written. This takes
// longer, and gives the same bits: reading is exact, and each element is rounded once, when it is
// written.
#ifndef YARN_DETAIL_C_API_PART_ROTATION_HPP
#define YARN_DETAIL_C_API_PART_ROTATION_HPP

#include "part_tensors.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <pairing Order, class From, class To, class C>
void rotate_directly(const erased_transfer<C>& x, const block& b, const row_pointers<C>* rows) {
  if (!x.source.is_paged() && !x.target.is_paged())
    return rotate_block<Order, Order, default_arch>(
        transfer<const From, To>{x.source.template view<const From>(),
                                 x.target.template view<To>()},
        b, rows);
  const block one_token{0, 1, b.pair, b.n_pairs, b.head_pairs, b.bytes};
  for (std::int64_t t = 0; t < b.n_tokens; ++t)
    if (!x.skips(b.token + t))
      rotate_block<Order, Order, default_arch>(
          transfer<const From, To>{x.source.template view_of_token<const From>(b.token + t),
                                   x.target.template view_of_token<To>(b.token + t)},
          one_token, rows + t);
}

// Scratch memory for some pairs of a head.
inline constexpr std::int64_t staged_pairs = 256;

// Where the two elements of pair i are: at `first` + i and `second` + i, or, if interleaved, at
// `first` + 2i and `first` + 2i + 1.
struct pair_places {
  std::int64_t first;
  std::int64_t second;
  bool is_interleaved;
};
inline pair_places places_of(pairing order, std::int64_t pair, std::int64_t head_pairs) {
  if (order == pairing::interleaved)
    return {2 * pair, 0, true};
  return {pair, head_pairs + pair, false};
}

template <class C>
void load_pairs(const stored_tensor& x, std::int64_t token, std::int64_t head, pair_places at,
                std::int64_t n, C* values) {
  if (at.is_interleaved)
    return load_elements_of(x.type(), x.at(token, head, at.first), 2 * n, values);
  load_elements_of(x.type(), x.at(token, head, at.first), n, values);
  load_elements_of(x.type(), x.at(token, head, at.second), n, values + n);
}
template <class C>
void store_pairs(const C* values, const stored_tensor& x, std::int64_t token, std::int64_t head,
                 pair_places at, std::int64_t n) {
  if (at.is_interleaved)
    return store_elements_of(values, 2 * n, x.type(), x.at(token, head, at.first));
  store_elements_of(values, n, x.type(), x.at(token, head, at.first));
  store_elements_of(values + n, n, x.type(), x.at(token, head, at.second));
}

// Copies the elements of a head from `first` on, unless source and target are the same memory.
template <class C>
void copy_rest(const erased_transfer<C>& x, std::int64_t token, std::int64_t head,
               std::int64_t first) {
  const unsigned char* from = x.source.at(token, head, first);
  unsigned char* to = x.target.at(token, head, first);
  std::int64_t n = x.source.head_dim() - first;
  if (x.source.type() == x.target.type()) {
    if (from != to)
      std::memcpy(to, from, static_cast<std::size_t>(n * bytes_of_element(x.source.type())));
    return;
  }
  C scratch[2 * staged_pairs];
  while (n > 0) {
    const std::int64_t size = n < 2 * staged_pairs ? n : 2 * staged_pairs;
    load_elements_of(x.source.type(), from, size, scratch);
    store_elements_of(scratch, size, x.target.type(), to);
    from += size * bytes_of_element(x.source.type());
    to += size * bytes_of_element(x.target.type());
    n -= size;
  }
}

template <pairing In, class C>
void rotate_staged(const erased_transfer<C>& x, const block& b, const row_pointers<C>* rows) {
  alignas(64) C values[2 * staged_pairs];
  alignas(64) C reordered[2 * staged_pairs];
  for (std::int64_t t = 0; t < b.n_tokens; ++t) {
    const std::int64_t token = b.token + t;
    if (x.skips(token))
      continue;
    for (std::int64_t head = 0; head < x.source.n_heads(); ++head) {
      for (std::int64_t i = 0; i < b.n_pairs; i += staged_pairs) {
        const std::int64_t n = b.n_pairs - i < staged_pairs ? b.n_pairs - i : staged_pairs;
        const std::int64_t pair = b.pair + i;
        load_pairs(x.source, token, head, places_of(In, pair, b.head_pairs), n, values);
        const row_pointers<C> row{rows[t].cos + i, rows[t].sin + i};
        const heads_view<C> scratch(values, 1, 1, 2 * n);
        rotate_block<In, In, default_arch>(transfer<C, C>{scratch, scratch},
                                           block{0, 1, 0, n, n, 0}, &row);
        if (x.out != In)
          reorder_pairs(In, values, n, reordered);
        store_pairs(x.out == In ? values : reordered, x.target, token, head,
                    places_of(x.out, pair, b.head_pairs), n);
      }
      if (b.pair + b.n_pairs == b.head_pairs)
        copy_rest(x, token, head, 2 * b.head_pairs);
    }
  }
}

// For caches whose heads are not contiguous elements: rotates whole heads, of at most
// largest_cached_dim elements.
template <pairing In, class C>
void rotate_whole_heads(const erased_transfer<C>& x, const block& b, const row_pointers<C>* rows) {
  alignas(64) C values[largest_cached_dim];
  for (std::int64_t t = 0; t < b.n_tokens; ++t) {
    const std::int64_t token = b.token + t;
    if (x.skips(token))
      continue;
    for (std::int64_t head = 0; head < x.source.n_heads(); ++head) {
      load_head(x.source, token, head, values);
      const heads_view<C> scratch(values, 1, 1, x.source.head_dim());
      rotate_block<In, In, default_arch>(transfer<C, C>{scratch, scratch},
                                         block{0, 1, 0, b.head_pairs, b.head_pairs, 0}, rows + t);
      if (x.out != In) {
        C reordered[largest_cached_dim];
        reorder_pairs(In, values, b.head_pairs, reordered);
        std::memcpy(values, reordered, static_cast<std::size_t>(2 * b.head_pairs) * sizeof(C));
      }
      store_head(values, x.target, token, head);
    }
  }
}

// Copies heads without rotation.
template <class C>
void copy_whole_heads(const erased_transfer<C>& x, const block& b, const row_pointers<C>*) {
  alignas(64) C values[largest_cached_dim];
  const bool is_plain = x.source.is_plain() && x.target.is_plain();
  for (std::int64_t token = b.token; token < b.token + b.n_tokens; ++token) {
    if (x.skips(token))
      continue;
    for (std::int64_t head = 0; head < x.source.n_heads(); ++head) {
      if (is_plain) {
        copy_rest(x, token, head, 0);
        continue;
      }
      load_head(x.source, token, head, values);
      store_head(values, x.target, token, head);
    }
  }
}

template <class C> using rotate_function = decltype(erased_transfer<C>::rotate);

// The kernel for these types, or null.
template <pairing Order, class C>
rotate_function<C> direct_rotation(yarn_element_type from, yarn_element_type to) {
  if constexpr (std::is_same_v<C, double>) {
    if (from == YARN_FLOAT64 && to == YARN_FLOAT64)
      return &rotate_directly<Order, double, double, C>;
  } else {
    constexpr auto code = [](yarn_element_type a, yarn_element_type b) constexpr {
      return a * 16 + b;
    };
    switch (code(from, to)) {
    case code(YARN_FLOAT32, YARN_FLOAT32):
      return &rotate_directly<Order, float, float, C>;
    case code(YARN_FLOAT32, YARN_FLOAT16):
      return &rotate_directly<Order, float, float16, C>;
    case code(YARN_FLOAT32, YARN_BFLOAT16):
      return &rotate_directly<Order, float, bfloat16, C>;
    case code(YARN_FLOAT16, YARN_FLOAT16):
      return &rotate_directly<Order, float16, float16, C>;
    case code(YARN_BFLOAT16, YARN_BFLOAT16):
      return &rotate_directly<Order, bfloat16, bfloat16, C>;
    default:
      break;
    }
  }
  return nullptr;
}

template <class C>
rotate_function<C> rotation_of(pairing in, pairing out, const stored_tensor& from,
                               const stored_tensor& to) {
  const bool is_half_split = in == pairing::half_split;
  if (!from.is_plain() || !to.is_plain())
    return is_half_split ? &rotate_whole_heads<pairing::half_split, C>
                         : &rotate_whole_heads<pairing::interleaved, C>;
  if (in == out) {
    const rotate_function<C> direct =
        is_half_split ? direct_rotation<pairing::half_split, C>(from.type(), to.type())
                      : direct_rotation<pairing::interleaved, C>(from.type(), to.type());
    if (direct != nullptr)
      return direct;
  }
  return is_half_split ? &rotate_staged<pairing::half_split, C>
                       : &rotate_staged<pairing::interleaved, C>;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

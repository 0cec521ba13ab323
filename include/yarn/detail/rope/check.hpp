// SPDX-License-Identifier: MIT
// What a call of rope_apply or rope_copy requires of its arguments, and the texts of its errors.
#ifndef YARN_DETAIL_ROPE_CHECK_HPP
#define YARN_DETAIL_ROPE_CHECK_HPP

#include "../../rows.hpp"
#include "loop.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Whether a * b is beyond `limit`; all three >= 0.
YARN_ALWAYS_INLINE bool product_exceeds(std::int64_t a, std::int64_t b, std::int64_t limit) {
  return a != 0 && b > limit / a;
}

template <class T>
void check_tensor(const char* name, const heads_view<T>& x, std::int64_t n_pairs) {
  const std::int64_t tokens = x.n_tokens(), heads = x.n_heads(), dim = x.head_dim();
  if (tokens < 0 || heads < 0 || dim < 0)
    fail_argument("yarn: {} has n_tokens = {}, n_heads = {}, head_dim = {}; none may be negative",
                  name, tokens, heads, dim);
  if (2 * n_pairs > dim)
    fail_argument("yarn: {}.head_dim = {} must be at least rotary_dim = {} (2 * n_pairs)", name,
                  dim, 2 * n_pairs);
  if (tokens == 0 || heads == 0)
    return;
  if (x.data() == nullptr)
    fail_argument("yarn: {}.data is null", name);
  // Heads must not overlap. An element in two heads would be rotated twice, and two threads could
  // write it at the same time.
  const bool token_major = x.token_stride() >= x.head_stride();
  const std::int64_t inner = token_major ? x.head_stride() : x.token_stride();
  const std::int64_t outer = token_major ? x.token_stride() : x.head_stride();
  const std::int64_t n_inner = token_major ? heads : tokens;
  const std::int64_t n_outer = token_major ? tokens : heads;
  constexpr std::int64_t limit = PTRDIFF_MAX / static_cast<std::int64_t>(sizeof(T));
  if ((n_inner > 1 && inner < dim) || (n_outer > 1 && outer < dim))
    fail_argument("yarn: {}.token_stride = {}, head_stride = {}: heads of head_dim = {} overlap",
                  name, x.token_stride(), x.head_stride(), dim);
  const bool is_inner_beyond =
      dim > limit || (n_inner > 1 && product_exceeds(n_inner - 1, inner, limit - dim));
  const std::int64_t run = n_inner > 1 && !is_inner_beyond ? (n_inner - 1) * inner + dim : dim;
  if (is_inner_beyond || (n_outer > 1 && product_exceeds(n_outer - 1, outer, limit - run)))
    fail_argument("yarn: {}: n_tokens = {}, n_heads = {}, head_dim = {}, token_stride = {}, "
                  "head_stride = {}: beyond ptrdiff_t",
                  name, tokens, heads, dim, x.token_stride(), x.head_stride());
  if (n_inner > 1 && n_outer > 1 && outer < run)
    fail_argument("yarn: {}.token_stride = {}, head_stride = {}: {} x {} heads of head_dim = {} "
                  "overlap or interweave",
                  name, x.token_stride(), x.head_stride(), tokens, heads, dim);
}

// The bytes that a view touches: blocks of blocks of elements that lie side by side. Block `level`
// holds count[level] blocks of the next level, stride[level] apart; level 2 is a head.
struct footprint {
  std::uintptr_t begin;
  std::int64_t count[2];
  std::int64_t stride[2];
  std::int64_t size[3]; // of one block, from its first byte to its last
};

template <class T> footprint footprint_of(const heads_view<T>& x) {
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

// How two views stand to each other. Different strides can leave it undecided.
enum class overlap { none, undecided, certain };

// Of block `level` of p and that of q, which begins `offset` bytes behind it.
inline overlap overlap_of(const footprint& p, const footprint& q, int level, std::int64_t offset) {
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
  if (p.size[next] > stride || q.size[next] > stride) // one block covers the gaps of the other
    return next == 2 ? overlap::certain : overlap::undecided;
  // Block j of q begins at offset + j * stride: `rest` behind block j + ahead of p.
  const std::int64_t ahead = offset / stride - (offset % stride < 0 ? 1 : 0);
  const std::int64_t rest = offset - ahead * stride;
  const auto meets = [&](std::int64_t shift) { // whether blocks i of p and i - shift of q exist
    return (shift > 0 ? shift : 0) < (shift + n_q < n_p ? shift + n_q : n_p);
  };
  const overlap behind = meets(ahead) ? overlap_of(p, q, next, rest) : overlap::none;
  const overlap before = meets(ahead + 1) ? overlap_of(p, q, next, rest - stride) : overlap::none;
  return behind > before ? behind : before;
}

// Whether two checked views share elements. Costs three comparisons where their memory is apart, a
// few divisions where they are parts of one buffer (packed q, k and v).
template <class A, class B> overlap overlap_of(const heads_view<A>& a, const heads_view<B>& b) {
  if (a.n_tokens() == 0 || a.n_heads() == 0 || a.head_dim() == 0 || b.n_tokens() == 0 ||
      b.n_heads() == 0 || b.head_dim() == 0)
    return overlap::none;
  const footprint p = footprint_of(a), q = footprint_of(b);
  const auto offset = static_cast<std::int64_t>(q.begin - p.begin);
  const overlap found = overlap_of(p, q, 0, offset);
  if (found != overlap::undecided)
    return found;
  // A view without gaps shares every byte of its range.
  const auto is_dense = [](const footprint& f) {
    return (f.count[1] == 1 || f.stride[1] == f.size[2]) &&
           (f.count[0] == 1 || f.stride[0] == f.size[1]);
  };
  const bool q_begins_in_p = offset >= 0, certain = is_dense(q_begins_in_p ? p : q);
  return certain ? overlap::certain : overlap::undecided;
}

// Whether both are the same elements in the same order, so that a rotation into the other is one in
// place.
template <class A, class B> bool is_same_view(const heads_view<A>& a, const heads_view<B>& b) {
  return static_cast<const void*>(a.data()) == static_cast<const void*>(b.data()) &&
         sizeof(A) == sizeof(B) && (a.n_tokens() == 1 || a.token_stride() == b.token_stride()) &&
         (a.n_heads() == 1 || a.head_stride() == b.head_stride());
}

inline void check_pairing(pairing p) {
  if (p != pairing::half_split && p != pairing::interleaved)
    fail_argument("yarn: pairing = {} is neither half_split nor interleaved", static_cast<int>(p));
}

// An engine's own arrays may be anything; ours pass at once.
template <class R, class Meaning>
void check_trig(const char* name, const trig_view<R, Meaning>& view) {
  if (view.n_pairs() < 0 || view.n_rows() < 0 || (view.n_pairs() == 0 && view.n_rows() != 0))
    fail_argument("yarn: {} has n_rows = {}, n_pairs = {}; rows are >= 0 and pairs >= 1", name,
                  view.n_rows(), view.n_pairs());
  check_row_extent<R>(name, view.n_rows(), view.n_pairs(), view.row_stride());
  if (view.n_rows() > 0 && (view.cos(0) == nullptr || view.sin(0) == nullptr))
    fail_argument("yarn: cos or sin of {} is null", name);
}

inline void check_token_count(const char* what, std::int64_t n, std::int64_t n_tokens) {
  if (n != n_tokens)
    fail_argument("yarn: {} = {} must be n_tokens = {}", what, n, n_tokens);
}

// The rows that a call is given: what to check before anything is touched, and the source that the
// rotation stages rows from. One type for each kind of rows, found by `given`.
template <class R> struct given_rows {
  rows_view<R> rows;

  std::int64_t n_pairs() const { return rows.n_pairs(); }
  void check_source() const { check_trig("rows", rows); }
  void check(std::int64_t n_tokens) const {
    check_token_count("rows.n_rows", rows.n_rows(), n_tokens);
  }
  YARN_ALWAYS_INLINE auto source() const { return source_of(rows, identity_row{}); }
};

template <class R> struct given_table {
  positions list;
  table_view<R> table;

  std::int64_t n_pairs() const { return table.n_pairs(); }
  void check_source() const { check_trig("table", table); }
  void check(std::int64_t n_tokens) const {
    if (list.size() >= 0)
      check_token_count("positions.size", list.size(), n_tokens);
    if (n_tokens == 0)
      return;
    check_list(list);
    if (list.is_run())
      check_run(n_tokens);
    else
      for (std::int64_t t = 0; t < n_tokens; ++t)
        check_position(t);
  }
  YARN_ALWAYS_INLINE auto source() const { return source_of(table, position_row{list}); }

private:
  void check_position(std::int64_t token) const {
    if (list[token] < 0 || list[token] >= table.n_rows())
      fail_range("yarn: position {} of token {} is outside the table's rows [0, {})", list[token],
                 token, table.n_rows());
  }
  void check_run(std::int64_t n_tokens) const {
    check_position(0);
    if (n_tokens - 1 > table.n_rows() - 1 - list[0])
      fail_range("yarn: positions {} to {} + {} leave the table's rows [0, {})", list[0], list[0],
                 n_tokens - 1, table.n_rows());
  }
};

struct given_frequencies {
  positions list;
  const frequencies* freqs;

  std::int64_t n_pairs() const { return freqs->n_pairs(); }
  void check_source() const { check_frequencies(*freqs); }
  void check(std::int64_t n_tokens) const {
    if (list.size() >= 0)
      check_token_count("positions.size", list.size(), n_tokens);
    check_positions(list, n_tokens);
  }
  YARN_ALWAYS_INLINE frequency_source source() const { return {freqs, list, freqs->n_pairs()}; }
};

template <class R> YARN_ALWAYS_INLINE given_rows<R> given(const rows_view<R>& rows) {
  return {rows};
}
template <class R> YARN_ALWAYS_INLINE given_rows<R> given(const rotary_rows<R>& rows) {
  return {rows.view()};
}
YARN_ALWAYS_INLINE given_frequencies given_at(const frequencies& f, const positions& list) {
  return {list, &f};
}
template <class R>
YARN_ALWAYS_INLINE given_table<R> given_at(const table_view<R>& table, const positions& list) {
  return {list, table};
}
template <class R>
YARN_ALWAYS_INLINE given_table<R> given_at(const rotary_table<R>& table, const positions& list) {
  return {list, table.view()};
}
template <class Source> YARN_ALWAYS_INLINE auto given(const lazy_rows<Source>& rows) {
  return given_at(rows.source(), rows.list());
}

// ---- what a call accepts, and the one sentence where it does not --------------------------------

template <class Rows, class = void> struct is_rows : std::false_type {};
template <class Rows>
struct is_rows<Rows, std::void_t<decltype(given(std::declval<const Rows&>()))>> : std::true_type {};

template <class X, class = void> struct is_tensor : std::false_type {};
template <class X>
struct is_tensor<X, std::void_t<decltype(tensor_traits<X>::heads(std::declval<const X&>()))>>
    : std::true_type {};

// True, or an error of the compiler.
template <class Rows, class... Tensors> constexpr bool accepts() {
  constexpr bool is_named = std::is_same_v<Rows, rejected_rows>;
  constexpr bool rows = is_rows<Rows>::value;
  constexpr bool tensors = (is_tensor<Tensors>::value && ...);
  static_assert(rows || is_named, "yarn: the rows of a call are rotary_rows, a rows_view, or "
                      "rows_of(frequencies or table, positions)");
  static_assert(tensors, "yarn: a tensor of a call is a heads_view, or of a type for which "
                         "yarn::tensor_traits gives one");
  return rows && tensors;
}

template <class X> YARN_ALWAYS_INLINE auto heads_of(const X& x) {
  return tensor_traits<X>::heads(x);
}

// ---- the checks of whole calls ------------------------------------------------------------------

template <class Call, class Q, class K>
void check_call(const Call& call, pairing p, const heads_view<Q>& q, const heads_view<K>& k) {
  check_pairing(p);
  call.check_source();
  check_tensor("q", q, call.n_pairs());
  check_tensor("k", k, call.n_pairs());
  check_token_count("k.n_tokens", k.n_tokens(), q.n_tokens());
  if (overlap_of(q, k) == overlap::certain)
    fail_argument("yarn: q and k overlap: elements of both would be rotated twice");
  call.check(q.n_tokens());
}
template <class Call, class X>
void check_call(const Call& call, pairing p, const heads_view<X>& x) {
  check_pairing(p);
  call.check_source();
  check_tensor("x", x, call.n_pairs());
  call.check(x.n_tokens());
}

template <class Call, class From, class To>
void check_copy(const Call& call, pairing p, pairing order, const heads_view<From>& source,
                const heads_view<To>& target) {
  check_pairing(p);
  check_pairing(order);
  call.check_source();
  check_tensor("source", source, call.n_pairs());
  check_tensor("target", target, call.n_pairs());
  check_token_count("target.n_tokens", target.n_tokens(), source.n_tokens());
  if (target.n_heads() != source.n_heads() || target.head_dim() != source.head_dim())
    fail_argument(
        "yarn: target has n_heads = {}, head_dim = {}, source has {}, {}; they must agree",
        target.n_heads(), target.head_dim(), source.n_heads(), source.head_dim());
  if (!(p == order && is_same_view(source, target)) && overlap_of(source, target) != overlap::none)
    fail_argument(
        "yarn: source.data and target.data overlap; rope_copy needs disjoint memory, or one and "
        "the same view where neither the element size nor the order changes");
  call.check(source.n_tokens());
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// The arguments of rope_apply and rope_copy: the kinds of rows and tensors that these functions
// accept, and the static_assert that rejects all others with one message.
#ifndef YARN_DETAIL_ROPE_ARGUMENTS_HPP
#define YARN_DETAIL_ROPE_ARGUMENTS_HPP

#include "../../rows.hpp"
#include "../rows/check.hpp"
#include "loop.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Checks a rows_view or a table_view. The engine may have made the view, so all its fields are
// checked.
template <class R, class Meaning>
void check_trig(const char* name, const trig_view<R, Meaning>& view) {
  if (view.n_pairs() < 0 || view.n_rows() < 0 || (view.n_pairs() == 0 && view.n_rows() != 0))
    fail_argument("yarn: {} has n_rows = {}, n_pairs = {}; n_rows must be >= 0, n_pairs >= 1", name,
                  view.n_rows(), view.n_pairs());
  check_row_extent<R>(name, view.n_rows(), view.n_pairs(), view.row_stride());
  if (view.n_rows() > 0 && (view.cos(0) == nullptr || view.sin(0) == nullptr))
    fail_argument("yarn: cos or sin of {} is null", name);
}

inline void check_token_count(const char* what, std::int64_t n, std::int64_t n_tokens) {
  if (n != n_tokens)
    fail_argument("yarn: {} = {} must be n_tokens = {}", what, n, n_tokens);
}

// The rows argument of a call: its checks, and the source from which the rotation gets rows. There
// is one such type for each kind of rows; argument_of(rows) makes an object of it.
template <class R> struct prepared_rows_argument {
  rows_view<R> rows;

  std::int64_t n_pairs() const { return rows.n_pairs(); }
  void check_source() const { check_trig("rows", rows); }
  void check(std::int64_t n_tokens) const {
    check_token_count("rows.n_rows", rows.n_rows(), n_tokens);
  }
  YARN_ALWAYS_INLINE auto source() const { return source_of(rows, identity_row{}); }
};

template <class R> struct table_argument {
  positions list;
  table_view<R> table;

  std::int64_t n_pairs() const { return table.n_pairs(); }
  void check_source() const { check_trig("table", table); }
  void check(std::int64_t n_tokens) const {
    if (!list.is_open_run())
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

// A table, for positions with several axes: each pair of a token may use another row.
template <class R> struct axis_table_argument {
  axis_positions list;
  table_view<R> table;

  std::int64_t n_pairs() const { return table.n_pairs(); }
  void check_source() const {
    check_trig("table", table);
    for (std::int64_t i = 0; table.axis_of_pair() != nullptr && i < table.n_pairs(); ++i)
      if (table.axis_of_pair()[i] >= table.n_axes())
        fail_argument("yarn: axis {} of pair {} of the table must be below n_axes = {}",
                      table.axis_of_pair()[i], i, table.n_axes());
  }
  void check(std::int64_t n_tokens) const {
    check_token_count("axis_positions.size", list.size(), n_tokens);
    // Without axis_of_pair, all pairs turn with axis 0.
    const std::int64_t n_axes = table.axis_of_pair() == nullptr ? 1 : table.n_axes();
    check_axes(list, n_axes, "table");
    for (std::int64_t axis = 0; axis < n_axes; ++axis)
      for (std::int64_t t = 0; t < n_tokens; ++t)
        if (list(t, axis) < 0 || list(t, axis) >= table.n_rows())
          fail_range("yarn: position {} of token {} on axis {} is outside the table's rows [0, {})",
                     list(t, axis), t, axis, table.n_rows());
  }
  YARN_ALWAYS_INLINE axis_table_source<R> source() const { return {table, list, table.n_pairs()}; }
};

template <class Positions, class Temperature> struct frequencies_argument {
  Positions list;
  const frequencies* freqs;
  const Temperature* temperature;

  std::int64_t n_pairs() const { return freqs->n_pairs(); }
  void check_source() const { check_frequencies(*freqs); }
  void check(std::int64_t n_tokens) const {
    if constexpr (std::is_same_v<Positions, axis_positions>) {
      check_token_count("axis_positions.size", list.size(), n_tokens);
      check_axes(list, *freqs);
    } else {
      if (!list.is_open_run())
        check_token_count("positions.size", list.size(), n_tokens);
      check_positions(list, n_tokens);
      check_temperature(*freqs, list, n_tokens, *temperature);
    }
  }
  YARN_ALWAYS_INLINE frequency_source<Positions, Temperature> source() const {
    return {freqs, list, temperature, freqs->n_pairs()};
  }
};

template <class R>
YARN_ALWAYS_INLINE prepared_rows_argument<R> argument_of(const rows_view<R>& rows) {
  return {rows};
}
template <class R>
YARN_ALWAYS_INLINE prepared_rows_argument<R> argument_of(const rotary_rows<R>& rows) {
  return {rows.view()};
}
template <class Positions, class Temperature>
YARN_ALWAYS_INLINE frequencies_argument<Positions, Temperature>
argument_at(const frequencies& f, const Positions& list, const Temperature& temperature) {
  return {list, &f, &temperature};
}
template <class R>
YARN_ALWAYS_INLINE axis_table_argument<R>
argument_at(const table_view<R>& table, const axis_positions& list, const no_temperature&) {
  return {list, table};
}
template <class R>
YARN_ALWAYS_INLINE table_argument<R> argument_at(const table_view<R>& table, const positions& list,
                                                 const no_temperature&) {
  return {list, table};
}
template <class R, class Positions>
YARN_ALWAYS_INLINE auto argument_at(const rotary_table<R>& table, const Positions& list,
                                    const no_temperature& none) {
  return argument_at(table.view(), list, none);
}
template <class Source, class Positions, class Temperature>
YARN_ALWAYS_INLINE auto argument_of(const lazy_rows<Source, Positions, Temperature>& rows) {
  return argument_at(rows.source(), rows.list(), rows.temperature());
}

// ---- Accepted types ----------------------------------------------------------------------------

template <class Rows, class = void> struct is_rows : std::false_type {};
template <class Rows>
struct is_rows<Rows, std::void_t<decltype(argument_of(std::declval<const Rows&>()))>>
    : std::true_type {};

template <class X, class = void> struct is_tensor : std::false_type {};
template <class X>
struct is_tensor<X, std::void_t<decltype(tensor_traits<X>::heads(std::declval<const X&>()))>>
    : std::true_type {};

// False for a cache whose elements have no known format: detail/cache/transfer.hpp specialises it.
template <class X> inline constexpr bool has_format_v = true;

// True if these are tensors. If not, a static_assert says what a tensor is.
template <class... X> constexpr bool are_tensors() {
  constexpr bool tensors = (is_tensor<X>::value && ...), formats = (has_format_v<X> && ...);
  static_assert(tensors, "yarn: a tensor of a call is a heads_view, or of a type for which "
                         "yarn::tensor_traits gives one");
  static_assert(formats, "yarn: unless the elements of a cache have a type of types.hpp, "
                         "pass yarn::stored(cache, format, head_dim)");
  return tensors && formats;
}

// True if a call accepts these types. If not, a static_assert says which types a call accepts.
template <class Rows, class... Tensors> constexpr bool accepts() {
  constexpr bool is_reported = std::is_same_v<Rows, rejected_rows>;
  constexpr bool rows = is_rows<Rows>::value;
  static_assert(rows || is_reported, "yarn: the rows of a call are rotary_rows, a rows_view, or "
                                     "rows_of(frequencies or table, positions)");
  return are_tensors<Tensors...>() && rows;
}

template <class X> YARN_ALWAYS_INLINE decltype(auto) heads_of(const X& x) {
  return tensor_traits<X>::heads(x);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

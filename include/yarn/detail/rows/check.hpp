// SPDX-License-Identifier: MIT
// The checks of functions that make rows.
#ifndef YARN_DETAIL_ROWS_CHECK_HPP
#define YARN_DETAIL_ROWS_CHECK_HPP

#include "../../frequencies.hpp"
#include "../../views.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline constexpr std::int64_t largest_position = std::int64_t{1} << 31;

// Refuses a list that has positions but null data.
inline void check_list(const positions& list) {
  if (list.is_null() && list.size() != 0)
    fail_argument("yarn: positions.data is null, and positions.size = {}", list.size());
}

// Refuses positions beyond 2^31 in magnitude, because the accuracy of rows is stated up to 2^31
// only. Larger positions are mistakes, for example a list of 32-bit numbers that is read as 64-bit
// numbers.
inline void check_positions(const positions& list, std::int64_t n) {
  const auto check = [](std::int64_t index, std::int64_t position) {
    if (position < -largest_position || position > largest_position)
      fail_range("yarn: position {} of token {} must be in [-2^31, 2^31]", position, index);
  };
  if (n == 0)
    return;
  check_list(list);
  if (list.is_run()) {
    check(0, list[0]);
    if (n > 2 * largest_position)
      check(n - 1, largest_position + 1); // Always throws: list[n - 1] could overflow.
    check(n - 1, list[n - 1]);
  } else {
    for (std::int64_t i = 0; i < n; ++i)
      check(i, list[i]);
  }
}

// Refuses wrong counts, null data, and strides beyond ptrdiff_t. The range of the positions is
// checked below, or for a table by axis_table_argument.
inline void check_axis_list(const axis_positions& list) {
  constexpr std::int64_t limit = PTRDIFF_MAX / 32;
  const std::int64_t n = list.size(), n_axes = list.n_axes();
  if (n < 0 || n_axes < 1)
    fail_argument("yarn: axis_positions.size = {} must be >= 0, and n_axes = {} >= 1", n, n_axes);
  if (n == 0)
    return;
  if (list.is_null())
    fail_argument("yarn: axis_positions.data is null, and axis_positions.size = {}", n);
  const auto is_beyond = [&](std::int64_t count, std::int64_t stride) {
    return count > 1 && (stride > limit / (count - 1) || stride < -limit / (count - 1));
  };
  if (is_beyond(n, list.token_stride()) || is_beyond(n_axes, list.axis_stride()))
    fail_argument("yarn: axis_positions: size = {}, n_axes = {}, axis_stride = {}, token_stride = "
                  "{}: beyond ptrdiff_t",
                  n, n_axes, list.axis_stride(), list.token_stride());
}

// Refuses positions with fewer axes than the frequencies (or the table). Refuses positions with
// several axes for frequencies with one, which would use the first axis and ignore the others. The
// overload for frequencies also refuses positions beyond 2^31 in magnitude.
inline void check_axes(const axis_positions& list, std::int64_t n_axes, const char* source) {
  check_axis_list(list);
  if (n_axes == 1 && list.n_axes() > 1)
    fail_argument("yarn: axis_positions with n_axes = {} for {} with one axis: the other axes "
                  "would be ignored; give the pairs their axes by with_axes or joined",
                  list.n_axes(), source);
  if (list.n_axes() < n_axes)
    fail_argument("yarn: axis_positions.n_axes = {} must be at least n_axes = {} of the {}",
                  list.n_axes(), n_axes, source);
}
inline void check_axes(const axis_positions& list, const frequencies& f) {
  check_axes(list, f.n_axes(), "frequencies");
  const auto is_beyond = [&](std::int64_t t, std::int64_t axis) {
    return static_cast<std::uint64_t>(list(t, axis)) + largest_position > 2 * largest_position;
  };
  bool fails = false; // The loop has no branch, and so the compiler vectorises it.
  for (std::int64_t axis = 0; axis < f.n_axes(); ++axis)
    for (std::int64_t t = 0; t < list.size(); ++t)
      fails |= is_beyond(t, axis);
  for (std::int64_t t = 0; fails && t < list.size(); ++t)
    for (std::int64_t axis = 0; axis < f.n_axes(); ++axis)
      if (is_beyond(t, axis))
        fail_range("yarn: position {} of token {} on axis {} must be in [-2^31, 2^31]",
                   list(t, axis), t, axis);
}

// Refuses default-constructed frequencies, which have no pairs. An engine may have such a member
// before its model is loaded.
inline void check_frequencies(const frequencies& f) {
  if (f.n_pairs() == 0)
    fail_argument(
        "yarn: frequencies have n_pairs = 0: make them by make_frequencies or frequencies_from");
}

// Refuses an open run, null data, and positions beyond 2^31 in magnitude.
inline void check_counted_positions(const frequencies&, const positions& list) {
  if (list.is_open_run())
    fail_argument("yarn: positions: an open run (positions_from without a count) needs a tensor "
                  "that gives the number of tokens; pass a count to positions_from");
  if (list.size() < 0)
    fail_argument("yarn: positions.size = {} must be >= 0", list.size());
  check_positions(list, list.size());
}
inline void check_counted_positions(const frequencies& f, const axis_positions& list) {
  check_axes(list, f);
}

inline void check_slice(thread_slice part) {
  if (part.n_threads < 1 || part.thread < 0 || part.thread >= part.n_threads)
    fail_argument(
        "yarn: thread_slice.thread = {} must be in [0, n_threads = {}), and n_threads >= 1",
        part.thread, part.n_threads);
}

// Refuses rows that overlap, or whose offsets do not fit ptrdiff_t. `stride` is the distance of
// rows in elements.
template <class T>
void check_row_extent(const char* name, std::int64_t n_rows, std::int64_t n_pairs,
                      std::int64_t stride) {
  constexpr std::int64_t limit = PTRDIFF_MAX / static_cast<std::int64_t>(sizeof(T)) / 4;
  if (n_rows > 1 && stride < n_pairs)
    fail_argument("yarn: {}: row_stride = {} must be at least n_pairs = {}", name, stride, n_pairs);
  if (n_pairs > limit || (n_rows > 1 && stride > (limit - n_pairs) / (n_rows - 1)))
    fail_argument("yarn: {}: n_rows = {}, n_pairs = {}, row_stride = {}: beyond ptrdiff_t", name,
                  n_rows, n_pairs, stride);
}

template <class T>
inline constexpr bool is_row_type_v = std::is_same_v<T, float> || std::is_same_v<T, double>;

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

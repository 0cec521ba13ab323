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
      fail_range("yarn: position {} of token {} is outside [-2^31, 2^31], for which rows are exact",
                 position, index);
  };
  if (n == 0)
    return;
  check_list(list);
  if (list.is_run()) {
    check(0, list[0]);
    if (n > 2 * largest_position)
      check(n - 1, largest_position + 1);
    check(n - 1, list[n - 1]);
  } else {
    for (std::int64_t i = 0; i < n; ++i)
      check(i, list[i]);
  }
}

// Refuses default-constructed frequencies, which have no pairs. An engine may have such a member
// before its model is loaded.
inline void check_frequencies(const frequencies& f) {
  if (f.n_pairs() == 0)
    fail_argument(
        "yarn: frequencies with n_pairs = 0 must come from make_frequencies or frequencies_from");
}

// Refuses an open run, and what check_positions refuses.
inline void check_counted_positions(const positions& list) {
  if (list.size() < 0)
    fail_argument(
        "yarn: positions.size = {}: an open run (positions_from without a count) has no length "
        "of its own, and here nothing else gives one",
        list.size());
  check_positions(list, list.size());
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

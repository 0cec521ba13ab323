// SPDX-License-Identifier: MIT
// The definitions of fill_rows and rows_of.
#ifndef YARN_DETAIL_ROWS_FILL_HPP
#define YARN_DETAIL_ROWS_FILL_HPP

#include "../../rows.hpp"

namespace yarn {
inline namespace YARN_ABI {

namespace detail {

template <class Positions, class Temperature, class T>
void fill_rows(const frequencies& f, const Positions& list, const Temperature& temperature, T* cos,
               T* sin, std::int64_t stride, thread_slice part) {
  static_assert(is_row_type_v<T>, "yarn: rows are float or double");
  check_frequencies(f);
  check_counted_positions(f, list);
  check_temperature(f, list, list.size(), temperature);
  check_slice(part);
  if (list.size() == 0)
    return;
  if (cos == nullptr || sin == nullptr)
    fail_argument("yarn: cos or sin of fill_rows is null");
  check_row_extent<T>("fill_rows", list.size(), f.n_pairs(), stride);
  const token_range range = tokens_of(list.size(), part);
  with_kind(temperature, [&](const auto& kind) YARN_INLINE_LAMBDA {
    compute_rows(f, 0, f.n_pairs(), list, amplitude_of(f, kind), range, cos + range.begin * stride,
                 sin + range.begin * stride, stride);
  });
}

} // namespace detail

template <class T, class Stride>
void fill_rows(const frequencies& f, const positions& list, T* cos, T* sin, Stride row_stride,
               thread_slice part) {
  detail::fill_rows(f, list, detail::no_temperature{}, cos, sin,
                    detail::to_index(row_stride, "row_stride"), part);
}
template <class T, class Stride>
void fill_rows(const frequencies& f, const axis_positions& list, T* cos, T* sin, Stride row_stride,
               thread_slice part) {
  detail::fill_rows(f, list, detail::no_temperature{}, cos, sin,
                    detail::to_index(row_stride, "row_stride"), part);
}

template <class Positions, class Temperature, class T, class Stride>
void fill_rows(const frequencies& f, const Positions& list, const Temperature& temperature, T* cos,
               T* sin, Stride row_stride, thread_slice part) {
  if constexpr (detail::accepts_temperature<Positions, Temperature>())
    detail::fill_rows(f, list, temperature, cos, sin, detail::to_index(row_stride, "row_stride"),
                      part);
}

namespace detail {

// The type in which lazy_rows stores a source: a reference for lvalues, a value for temporaries and
// views, and `void` for a type that is not a source.
template <class Source, class Plain> struct source_holder { using type = void; };
template <class Source> struct source_holder<Source, frequencies> {
  using type =
      std::conditional_t<std::is_lvalue_reference_v<Source>, const frequencies&, frequencies>;
};
template <class Source, class T> struct source_holder<Source, rotary_table<T>> {
  using type = std::conditional_t<std::is_lvalue_reference_v<Source>, const rotary_table<T>&,
                                  rotary_table<T>>;
};
template <class Source, class T> struct source_holder<Source, table_view<T>> {
  using type = table_view<T>;
};

// The result of rows_of with wrong arguments. A static_assert has reported the mistake already, so
// rope_apply reports no second error for this type.
struct rejected_rows {};

} // namespace detail

template <class Source, class Positions>
YARN_ALWAYS_INLINE auto rows_of(Source&& source, const Positions& list) noexcept(
    std::is_lvalue_reference_v<Source> ||
    std::is_nothrow_constructible_v<std::decay_t<Source>, Source>) {
  using plain = std::remove_cv_t<std::remove_reference_t<Source>>;
  using holder = typename detail::source_holder<Source, plain>::type;
  static_assert(!std::is_void_v<holder>,
                "yarn: rows_of(source, positions): the source is frequencies, a rotary_table or a "
                "table_view");
  constexpr bool has_positions =
      std::is_same_v<Positions, positions> || std::is_same_v<Positions, axis_positions>;
  static_assert(has_positions,
                "yarn: rows_of(source, positions): the second argument is yarn::positions(list), "
                "yarn::positions_from(first) or yarn::axis_positions(list, n_tokens, n_axes)");
  if constexpr (!std::is_void_v<holder> && has_positions)
    return lazy_rows<holder, Positions>(static_cast<Source&&>(source), list);
  else
    return detail::rejected_rows{};
}

template <class Source, class Positions, class Temperature>
YARN_ALWAYS_INLINE auto
rows_of(Source&& source, const Positions& list, Temperature temperature) noexcept(
    std::is_nothrow_move_constructible_v<Temperature>&& noexcept(
        rows_of(static_cast<Source&&>(source), list))) {
  using plain = std::remove_cv_t<std::remove_reference_t<Source>>;
  constexpr bool is_frequencies = std::is_same_v<plain, frequencies>;
  static_assert(is_frequencies,
                "yarn: rows_of(source, positions, temperature): the source is frequencies. The "
                "entries of a table are rounded already");
  constexpr bool is_accepted = detail::accepts_temperature<Positions, Temperature>();
  if constexpr (is_frequencies && is_accepted) {
    using holder = typename detail::source_holder<Source, plain>::type;
    return lazy_rows<holder, Positions, Temperature>(static_cast<Source&&>(source), list,
                                                     static_cast<Temperature&&>(temperature));
  } else {
    return detail::rejected_rows{};
  }
}

} // namespace YARN_ABI
} // namespace yarn

#endif

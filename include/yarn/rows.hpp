// SPDX-License-Identifier: MIT
// Rows: the cos and sin, times the attention factor, that the rotation of a token reads.
//
//     rotary_rows    one row per token of this step, shared by all layers, threads, and by q and k
//     rows_of        the same rows, made (or looked up in a table) by the call that uses them
//     rotary_table   one row per position, for engines that are built around a table
//     fill_rows      rows in memory of the caller
//
// Float entries are correctly rounded for the rounded phase. |entry - m cos(position * inv_freq)|,
// with m the attention factor, is at most 0.501 * 2^-24 * M for |position| <= 2^24, and 0.51 *
// 2^-24 * M up to 2^31. M is the smallest power of two that is not below m. The excess over 0.5
// comes from the phase: the frequency is rounded to a multiple of 2^-64 turns, so at position p the
// angle has an error of at most |p| * 2^-65 turns (|p| * 2^-62.3 rad). Double entries are correctly
// rounded for the rounded phase; each pair takes some 70 ns.
//
// Every function here gives the same bits, on every processor (tests/rows/test_rows_error.cpp).
#ifndef YARN_ROWS_HPP
#define YARN_ROWS_HPP

#include "detail/rows/storage.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Writes rows into memory of the caller: row t has the entries of position list[t]. With a slice,
/// the call writes only the rows of the slice, at the same places.
/// Shape    cos[t * row_stride + i], sin[t * row_stride + i] for t < list.size(), i < f.n_pairs().
///          For one packed array pass `sin = cos + n_pairs` and row_stride >= 2 * n_pairs.
/// Units    Positions in tokens. The attention factor is in the entries.
/// Types    T: float or double.
/// Errors   std::invalid_argument: null, row_stride < n_pairs, an open run, a wrong slice.
///          std::out_of_range: a position beyond 2^31. All checks come before the first write.
/// Accuracy As the head of this file says.
template <class T, class Stride>
void fill_rows(const frequencies& f, const positions& list, T* cos, T* sin, Stride row_stride,
               thread_slice part = {});

/// The same for frequencies with several axes: entry i of row t is that of the position of token t
/// on the axis of pair i.
/// Errors   Those above, and std::invalid_argument: the list has fewer axes than f, or several axes
///          while f has one.
/// Accuracy The bits of one-axis rows at the same position.
template <class T, class Stride>
void fill_rows(const frequencies& f, const axis_positions& list, T* cos, T* sin, Stride row_stride,
               thread_slice part = {});

/// The rows of a step, owned: row t belongs to token t. Rows may come from different frequencies,
/// as the sequences of a batch need them with dynamic methods. The memory is kept from step to
/// step.
/// Types    T: float (for float tensors and all smaller formats) or double.
template <class T> class rotary_rows {
public:
  /// Replaces all rows by those of `list`.
  /// Errors   Those of fill_rows. After an error there are no rows.
  void assign(const frequencies& f, const positions& list) {
    storage_.clear();
    storage_.append(f, list);
  }
  void assign(const frequencies& f, const axis_positions& list) {
    storage_.clear();
    storage_.append(f, list);
  }
  /// Appends the rows of `list`.
  /// Errors   Those of fill_rows, and std::invalid_argument: f has another number of pairs than the
  ///          rows. After an error the rows are unchanged.
  void append(const frequencies& f, const positions& list) { storage_.append(f, list); }
  void append(const frequencies& f, const axis_positions& list) { storage_.append(f, list); }
  void clear() { storage_.clear(); }

  std::int64_t n_rows() const { return storage_.n_rows(); }
  std::int64_t n_pairs() const { return storage_.n_pairs(); }
  /// The entries of a row, [n_pairs].
  /// Requires 0 <= row < n_rows(). Row 0 may be asked for even if n_rows() is 0; the result is null
  ///          if there was never a row.
  const T* cos(std::int64_t row) const { return storage_.cos(row); }
  const T* sin(std::int64_t row) const { return storage_.sin(row); }

  [[nodiscard]] rows_view<T> view() const& {
    return {storage_.cos(0), storage_.sin(0), n_rows(), n_pairs(), storage_.row_stride()};
  }
  rows_view<T> view() const&& = delete; // would dangle

private:
  detail::trig_storage<T> storage_;
};

/// A table, owned: row p belongs to position p in [0, n_rows).
template <class T> class rotary_table {
public:
  /// Errors   Those of fill_rows, and std::invalid_argument: n_positions < 0.
  template <class Integer> rotary_table(const frequencies& f, Integer n_positions) {
    const std::int64_t n = detail::to_index(n_positions, "n_positions");
    if (n < 0)
      detail::fail_argument("yarn: n_positions = {} must be >= 0", n);
    storage_.append(f, positions_from(0, n));
    axes_.resize_discarding(f.axis_of_pair().size());
    std::memcpy(axes_.data(), f.axis_of_pair().data(), axes_.size());
    n_axes_ = f.n_axes();
  }

  std::int64_t n_rows() const { return storage_.n_rows(); }
  std::int64_t n_pairs() const { return storage_.n_pairs(); }
  /// The entries of a row, [n_pairs].
  /// Requires What the same functions of rotary_rows require.
  const T* cos(std::int64_t row) const { return storage_.cos(row); }
  const T* sin(std::int64_t row) const { return storage_.sin(row); }

  [[nodiscard]] table_view<T> view() const& {
    const table_view<T> rows(storage_.cos(0), storage_.sin(0), n_rows(), n_pairs(),
                             storage_.row_stride());
    return n_axes_ == 1 ? rows : rows.with_axes(axes_.data(), n_axes_);
  }
  table_view<T> view() const&& = delete; // would dangle

private:
  detail::trig_storage<T> storage_;
  detail::buffer<std::uint8_t> axes_;
  std::int64_t n_axes_ = 1;
};

/// The table of positions [0, n_positions).
/// Errors   Those of rotary_table's constructor.
/// Example  auto table = yarn::make_table<float>(freqs, 4096);
template <class T, class Integer>
[[nodiscard]] rotary_table<T> make_table(const frequencies& f, Integer n_positions) {
  return rotary_table<T>(f, n_positions);
}

/// The result of rows_of: a source and positions, from which a rotation makes the rows, a few KB at
/// a time.
/// Types    Source: frequencies or rotary_table, each as a value or a reference, or a table_view.
///          Positions: positions or axis_positions.
template <class Source, class Positions> class lazy_rows {
public:
  YARN_ALWAYS_INLINE lazy_rows(Source source, const Positions& list)
      : source_(static_cast<Source&&>(source)), list_(list) {}
  YARN_ALWAYS_INLINE const std::remove_reference_t<Source>& source() const { return source_; }
  YARN_ALWAYS_INLINE const Positions& list() const { return list_; }

private:
  Source source_;
  Positions list_;
};

/// The rows of these positions, as an argument of rope_apply, rope_copy and their checks. The
/// rotation makes the rows itself, each time it is called, with the bits of rotary_rows. Use
/// rows_of for one tensor or a long prompt. For all layers of a decode step, fill rotary_rows once
/// instead.
/// Types    source: frequencies, a rotary_table or a table_view. If the argument has a name, the
///          result refers to it, and it must outlive the result. A temporary is moved into the
///          result. list: positions or axis_positions.
/// Errors   None here. The call that uses the rows has the errors of fill_rows, and for tables
///          std::out_of_range: the table has no row of a position.
/// Example  rope_apply(q, k, rows_of(freqs, positions(ids, n)), pairing::half_split);
template <class Source, class Positions>
[[nodiscard]] YARN_ALWAYS_INLINE auto rows_of(Source&& source, const Positions& list) noexcept(
    std::is_lvalue_reference_v<Source> ||
    std::is_nothrow_constructible_v<std::decay_t<Source>, Source>);

} // namespace YARN_ABI
} // namespace yarn

#include "detail/rows/fill.hpp"

#endif

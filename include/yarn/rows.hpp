// SPDX-License-Identifier: MIT
// Rows of cos/sin: frequencies and positions become what the rotation reads.
//
//     rotary_rows    one row a token of this step, shared by all layers, threads, and by q and k
//     rows_of        the same rows, made (or picked from a table) by the call that uses them
//     rotary_table   one row a position, for engines that are built around a table
//     fill_rows      rows in memory of the caller
//
// Float entries are correctly rounded: |entry - m cos(position * inv_freq)| is at most 0.501 *
// 2^-24 for |position| <= 2^24 and 0.51 * 2^-24 up to 2^31, times m or, where m is no power of two,
// the next one above. The same bits come from any way of building them, on any processor
// (tests/rows/test_rows_error.cpp). The excess over 0.5 is the error of the phase, at most 2^-65
// turns a token. Double entries have the same phase error, 2^-62.3 rad a token, and are otherwise
// correctly rounded, too; they cost some 70 ns a pair.
#ifndef YARN_ROWS_HPP
#define YARN_ROWS_HPP

#include "detail/rows/storage.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Fills memory of the caller: row t holds the entries of list[t].
/// Shape    cos[t * row_stride + i], sin[t * row_stride + i] for t < list.size(), i < f.n_pairs();
///          for one packed array pass `sin = cos + n_pairs` and row_stride >= 2 * n_pairs.
/// Units    positions in tokens; T float or double; the attention factor is in the values.
/// Part     with a slice only its rows are written, at the same places.
/// Errors   std::invalid_argument (null, stride < n_pairs, open run, slice), std::out_of_range
///          (positions beyond 2^31); nothing is written then.
template <class T, class Stride>
void fill_rows(const frequencies& f, const positions& list, T* cos, T* sin, Stride row_stride,
               slice part = {});

/// The rows of a step, owned. Row t belongs to token t; rows may come from different frequencies
/// (sequences of a batch with lengths of their own). Keeps its memory from step to step.
/// T: float (for float and 16-bit tensors) or double.
template <class T> class rotary_rows {
public:
  /// Rows for these positions in place of those held. Errors as fill_rows; then empty.
  void assign(const frequencies& f, const positions& list) {
    storage_.clear();
    storage_.append(f, list);
  }
  /// Further rows behind those held. Errors as fill_rows, and a different number of pairs; then
  /// unchanged.
  void append(const frequencies& f, const positions& list) { storage_.append(f, list); }
  void clear() { storage_.clear(); }

  std::int64_t n_rows() const { return storage_.n_rows(); }
  std::int64_t n_pairs() const { return storage_.n_pairs(); }
  /// The entries of a row, [n_pairs]. Requires 0 <= row < n_rows(). Row 0 of no rows may be asked
  /// for; it is null where no memory was ever needed.
  const T* cos(std::int64_t row) const { return storage_.cos(row); }
  const T* sin(std::int64_t row) const { return storage_.sin(row); }

  [[nodiscard]] rows_view<T> view() const& {
    return {storage_.cos(0), storage_.sin(0), n_rows(), n_pairs(), storage_.row_stride()};
  }
  rows_view<T> view() const&& = delete; // would dangle

private:
  detail::trig_storage<T> storage_;
};

/// A table by position, owned: row p belongs to position p in [0, n_rows).
template <class T> class rotary_table {
public:
  /// Errors as fill_rows, and n_positions < 0.
  template <class Integer> rotary_table(const frequencies& f, Integer n_positions) {
    const std::int64_t n = detail::to_index(n_positions, "n_positions");
    if (n < 0)
      detail::fail_argument("yarn: n_positions = {} must be >= 0", n);
    storage_.append(f, positions_from(0, n));
  }

  std::int64_t n_rows() const { return storage_.n_rows(); }
  std::int64_t n_pairs() const { return storage_.n_pairs(); }
  /// The entries of a row, as those of rotary_rows.
  const T* cos(std::int64_t row) const { return storage_.cos(row); }
  const T* sin(std::int64_t row) const { return storage_.sin(row); }

  [[nodiscard]] table_view<T> view() const& {
    return {storage_.cos(0), storage_.sin(0), n_rows(), n_pairs(), storage_.row_stride()};
  }
  table_view<T> view() const&& = delete; // would dangle

private:
  detail::trig_storage<T> storage_;
};

/// The table of positions [0, n_positions): `auto table = yarn::make_table<float>(freqs, 4096);`
template <class T, class Integer>
[[nodiscard]] rotary_table<T> make_table(const frequencies& f, Integer n_positions) {
  return rotary_table<T>(f, n_positions);
}

/// Rows that the call they are passed to makes on the way, a few KB at a time: what rows_of
/// returns. `Source` is a table_view, or frequencies or a rotary_table, as a reference or a value.
template <class Source> class lazy_rows {
public:
  YARN_ALWAYS_INLINE lazy_rows(Source source, const positions& list)
      : source_(static_cast<Source&&>(source)), list_(list) {}
  YARN_ALWAYS_INLINE const std::remove_reference_t<Source>& source() const { return source_; }
  YARN_ALWAYS_INLINE const positions& list() const { return list_; }

private:
  Source source_;
  positions list_;
};

/// The rows of these positions, for rope_apply and its kin: `rope_apply(q, k, rows_of(freqs,
/// positions(ids, n)), p)`. The bits are those of rotary_rows. Each call makes the rows anew: right
/// for one tensor or a long prompt; for all layers of a decode step prepare rotary_rows once.
/// Source   frequencies, a rotary_table or a table_view. One that has a name is referred to and
/// must
///          outlive the result; a temporary is taken in.
/// Errors   none here; those of fill_rows come from the call that uses the rows, and for tables
///          std::out_of_range: a position without a row.
template <class Source, class Positions>
[[nodiscard]] YARN_ALWAYS_INLINE auto rows_of(Source&& source, const Positions& list) noexcept(
    std::is_lvalue_reference_v<Source> ||
    std::is_nothrow_constructible_v<std::decay_t<Source>, Source>);

} // namespace YARN_ABI
} // namespace yarn

#include "detail/rows/fill.hpp"

#endif

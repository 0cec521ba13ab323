// SPDX-License-Identifier: MIT
// Rows: the cos and sin, times the attention factor, that the rotation of a token reads.
//
//     rotary_rows    one row per token of this step, for all layers and threads, and for q and k
//     rows_of        the same rows, made or looked up in a table by the call that uses them
//     rotary_table   one row per position, for engines that are built around a table
//     fill_rows      rows in the caller's memory
//
// Accuracy of an entry, where m is the attention factor and M the smallest power of two >= m:
//
// * Each frequency is rounded to a multiple of 2^-64 turns. At position p, the angle therefore has
//   an error of at most |p| * 2^-65 turns (|p| * 2^-62.3 rad).
// * Float and double entries are correctly rounded for this angle. The double entries of a pair
//   take about 70 ns.
// * So the error |entry - m cos(p * inv_freq)| of a float entry is at most 0.501 * 2^-24 * M for
//   |p| <= 2^24, and 0.51 * 2^-24 * M for |p| <= 2^31.
//
// All functions of this file give the same bits, on every processor
// (tests/rows/test_rows_error.cpp).
#ifndef YARN_ROWS_HPP
#define YARN_ROWS_HPP

#include "detail/rows/storage.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Writes rows into the caller's memory: row t has the entries of position list[t]. With a slice,
/// the call writes only the rows of the slice, to the same addresses as without.
/// Shape    cos[t * row_stride + i], sin[t * row_stride + i] for t < list.size(), i < f.n_pairs().
///          For one packed array pass `sin = cos + n_pairs` and row_stride >= 2 * n_pairs.
/// Units    Positions in tokens. Entries contain the attention factor.
/// Types    T: float or double.
/// Errors   std::invalid_argument: f has no pairs, cos or sin is null, row_stride < n_pairs, `list`
///          is an open run, or the slice does not exist. std::out_of_range: a position is beyond
///          2^31. All checks come before the first write.
/// Accuracy As the head of this file says.
template <class T, class Stride>
void fill_rows(const frequencies& f, const positions& list, T* cos, T* sin, Stride row_stride,
               thread_slice part = {});

/// The same for frequencies with several axes: entry i of row t is computed for the position of
/// token t on the axis of pair i.
/// Errors   Those above, and std::invalid_argument: the list has fewer axes than f, or several axes
///          while f has one.
/// Accuracy The same. An entry has the bits that it has with one axis at the same position.
template <class T, class Stride>
void fill_rows(const frequencies& f, const axis_positions& list, T* cos, T* sin, Stride row_stride,
               thread_slice part = {});

/// Rows of q with a temperature by position (temperature.hpp). The factor on cos and sin of row t
/// is attention_factor * temperature(list[t]), rounded to double, in place of the attention factor.
/// Types    list: positions. No model has both a temperature and positions on several axes, so
///          axis_positions do not compile. temperature: one of temperature.hpp, such as that of
///          hf_config, or a callable of your own, double(std::int64_t position) const.
/// Errors   Those above and those of the temperature, and std::invalid_argument: a factor of a row
///          is not in [2^-60, 2^60], or is NaN. std::out_of_range: a position is negative, and the
///          temperature is one of temperature.hpp, except an any_temperature that holds none. All
///          checks come before the first write.
/// Accuracy As the head of this file says, with the factor of the row in place of m.
template <class Positions, class Temperature, class T, class Stride>
void fill_rows(const frequencies& f, const Positions& list, const Temperature& temperature, T* cos,
               T* sin, Stride row_stride, thread_slice part = {});

/// Owns the rows of a step: row t belongs to token t. The rows of one object may come from
/// different frequencies; with dynamic methods, the sequences of a batch need this. The memory is
/// reused from step to step.
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
  template <class Positions, class Temperature>
  void assign(const frequencies& f, const Positions& list, const Temperature& temperature) {
    storage_.clear();
    append(f, list, temperature);
  }
  /// Appends the rows of `list`.
  /// Errors   Those of fill_rows, and std::invalid_argument: f has another number of pairs than the
  ///          rows. After an error the rows are unchanged.
  void append(const frequencies& f, const positions& list) { storage_.append(f, list); }
  void append(const frequencies& f, const axis_positions& list) { storage_.append(f, list); }
  template <class Positions, class Temperature>
  void append(const frequencies& f, const Positions& list, const Temperature& temperature) {
    if constexpr (detail::accepts_temperature<Positions, Temperature>())
      storage_.append(f, list, temperature);
  }
  void clear() { storage_.clear(); }

  std::int64_t n_rows() const { return storage_.n_rows(); }
  std::int64_t n_pairs() const { return storage_.n_pairs(); }
  /// The entries of a row, [n_pairs].
  /// Requires 0 <= row < n_rows(). Row 0 is allowed even if n_rows() is 0; the result is then null
  ///          if the object never had a row.
  const T* cos(std::int64_t row) const { return storage_.cos(row); }
  const T* sin(std::int64_t row) const { return storage_.sin(row); }

  [[nodiscard]] rows_view<T> view() const& {
    return {storage_.cos(0), storage_.sin(0), n_rows(), n_pairs(), storage_.row_stride()};
  }
  rows_view<T> view() const&& = delete; // would dangle

private:
  detail::trig_storage<T> storage_;
};

/// Owns a table: row p belongs to position p in [0, n_rows).
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

/// The result of rows_of: a source and positions. A rotation makes the rows from them, at most
/// 16 KB at a time.
/// Types    Source: frequencies or rotary_table, each as a value or a reference, or a table_view.
///          Positions: positions or axis_positions. Temperature: that of the rows, as a value.
template <class Source, class Positions, class Temperature = detail::no_temperature>
class lazy_rows {
public:
  YARN_ALWAYS_INLINE lazy_rows(Source source, const Positions& list, Temperature value = {})
      : source_(static_cast<Source&&>(source)), list_(list),
        temperature_(static_cast<Temperature&&>(value)) {}
  YARN_ALWAYS_INLINE const std::remove_reference_t<Source>& source() const { return source_; }
  YARN_ALWAYS_INLINE const Positions& list() const { return list_; }
  YARN_ALWAYS_INLINE const Temperature& temperature() const { return temperature_; }

private:
  Source source_;
  Positions list_;
  Temperature temperature_;
};

/// The rows of these positions, as an argument of rope_apply, rope_copy and their checks. From
/// frequencies, each call of a rotation makes the rows again, with the same bits as
/// rotary_rows<float> (as rotary_rows<double> if a tensor of the call is double). From a table,
/// each call reads the entries as they are. Use rows_of for one tensor or a long prompt. For a
/// decode step, fill rotary_rows once for all layers instead.
/// Types    source: frequencies, a rotary_table or a table_view. The result refers to a named
///          source (an lvalue), which must outlive the result. A temporary or a table_view is
///          stored in the result. list: positions or axis_positions.
/// Errors   None here. The call that uses the rows has the errors of fill_rows, but accepts an open
///          run. For tables also std::out_of_range: the table has no row for a position.
/// Example  rope_apply(q, k, rows_of(freqs, positions(ids, n)), pairing::half_split);
template <class Source, class Positions>
[[nodiscard]] YARN_ALWAYS_INLINE auto rows_of(Source&& source, const Positions& list) noexcept(
    std::is_lvalue_reference_v<Source> ||
    std::is_nothrow_constructible_v<std::decay_t<Source>, Source>);

/// The same with a temperature by position, for q.
/// Types    source: frequencies. temperature: as in fill_rows. The result stores a copy of it. The
///          temperature must not throw in the unchecked functions of rope.hpp.
/// Errors   None here, unless the copy throws. The call that uses the rows has the errors of
///          fill_rows, but accepts an open run.
/// Example  rope_apply(q, rows_of(freqs, list, llama4_temperature{}), pairing::half_split);
template <class Source, class Positions, class Temperature>
[[nodiscard]] YARN_ALWAYS_INLINE auto
rows_of(Source&& source, const Positions& list, Temperature temperature) noexcept(
    std::is_nothrow_move_constructible_v<Temperature>&& noexcept(
        rows_of(static_cast<Source&&>(source), list)));

} // namespace YARN_ABI
} // namespace yarn

#include "detail/rows/fill.hpp"

#endif

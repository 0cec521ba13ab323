// SPDX-License-Identifier: MIT
// Rows of cos/sin: frequencies and positions become what the rotation reads.
//
//     rows    one row a token of this step, shared by all layers, threads, and by q and k
//     table   one row a position; an export for engines that want one, never a need
//
// Float entries are correctly rounded: |entry - m cos(position * inv_freq)| is at most 0.501 *
// 2^-24 for |position| <= 2^24 and 0.51 * 2^-24 up to 2^31, times m or, where that is no power of
// two, the next one above. The same bits come from any way of building them, on any processor
// (tests/rows/test_rows.cpp). The 0.001 and 0.01 are the phase's 2^-65 turns a token. Double
// entries have the same phase error, 2^-62.3 rad a token, and are otherwise correctly rounded, too;
// they cost some 100 ns a pair.
#ifndef YARN_ROWS_HPP
#define YARN_ROWS_HPP

#include "detail/rows/kernel.hpp"
#include "frequencies.hpp"

namespace yarn {
inline namespace YARN_ABI {

namespace detail {

inline constexpr std::int64_t largest_position = std::int64_t{1} << 31;

// Positions beyond what rows promise are a mistake of the caller's (a 32-bit list read as 64-bit
// numbers looks like that), and so are runs of unknown length where nothing gives one.
inline void check_positions(const positions& list, std::int64_t n) {
  const auto check = [](std::int64_t index, std::int64_t position) {
    if (position < -largest_position || position > largest_position)
      fail_range("yarn: position {} of token {} is outside [-2^31, 2^31], for which rows are exact",
                 position, index);
  };
  if (n == 0)
    return;
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

// Default-constructed frequencies are an engine's member before its model is loaded.
inline void check_frequencies(const frequencies& f) {
  if (f.n_pairs() == 0)
    fail_argument(
        "yarn: frequencies with n_pairs = 0 must come from make_frequencies or frequencies_from");
}

inline void check_count(const positions& list) {
  if (list.size() < 0)
    fail_argument(
        "yarn: positions.size = {}: an open run (positions_from without a count) has no length "
        "of its own, and here nothing else gives one",
        list.size());
  check_positions(list, list.size());
}

// The token range of a part.
struct token_range {
  std::int64_t begin;
  std::int64_t end;
};
YARN_ALWAYS_INLINE token_range part_of(std::int64_t n, slice part) {
  if (part.count == 1) // a division takes longer than a head
    return {0, n};
  // n * index may overflow; quotient and remainder of n may not.
  const std::int64_t each = n / part.count, rest = n % part.count;
  const auto start = [&](std::int64_t i) { return i * each + (i < rest ? i : rest); };
  return {start(part.index), start(part.index + 1)};
}
inline void check_slice(slice part) {
  if (part.count < 1 || part.index < 0 || part.index >= part.count)
    fail_argument("yarn: slice.index = {} must be in [0, slice.count = {}), and the count >= 1",
                  part.index, part.count);
}

// One row, pairs [pair, pair + n_pairs), without checks; T float or double.
template <class T, class Arch = default_arch>
void compute_row(const frequencies& f, std::int64_t pair, std::int64_t n_pairs,
                 std::int64_t position, T* cos, T* sin) {
  const double m = f.attention_factor();
  if (f.is_float32_pipeline()) {
    constexpr std::int64_t part = 64;
    std::uint64_t phases[part];
    for (std::int64_t begin = 0; begin < n_pairs; begin += part) {
      const std::int64_t n = n_pairs - begin < part ? n_pairs - begin : part;
      for (std::int64_t i = 0; i < n; ++i) {
        // Both operands are floats, and so is what the frameworks multiply.
        const float angle =
            static_cast<float>(position) * static_cast<float>(f.inv_freq()[pair + begin + i]);
        phases[i] = phase_of(static_cast<double>(angle));
      }
      fill_entries<Arch>(phases, n, 1, m, cos + begin, sin + begin);
    }
    return;
  }
  const std::uint64_t* const steps = f.phase_steps().data() + pair;
  fill_entries<Arch>(steps, n_pairs, static_cast<std::uint64_t>(position), m, cos, sin);
}

// Rows of tokens [begin, end), without checks: the base of everything that makes rows.
template <class T, class Arch = default_arch>
void compute_rows(const frequencies& f, std::int64_t pair, std::int64_t n_pairs,
                  const positions& list, token_range tokens, T* cos, T* sin, std::int64_t stride) {
  // Below this many rows, starting a recurrence costs more than it saves.
  constexpr std::int64_t worthwhile = 8;
  std::int64_t t = tokens.begin;
  while (t < tokens.end) {
    const std::int64_t first = list[t];
    std::int64_t n = 1;
    if (std::is_same_v<T, float> && !f.is_float32_pipeline()) {
      if (list.is_run())
        n = tokens.end - t;
      else
        while (t + n < tokens.end && list[t + n] == first + n)
          ++n;
    }
    if constexpr (std::is_same_v<T, float>) {
      if (n >= worthwhile) {
        const std::uint64_t* const steps = f.phase_steps().data() + pair;
        const auto position = static_cast<std::uint64_t>(first);
        const double m = f.attention_factor();
        if (should_stream<Arch>(n_pairs, n, cos, sin, stride)) {
          fill_run<Arch, true>(steps, n_pairs, position, n, m, cos, sin, stride);
          finish_streaming();
        } else {
          fill_run<Arch>(steps, n_pairs, position, n, m, cos, sin, stride);
        }
        cos += n * stride;
        sin += n * stride;
        t += n;
        continue;
      }
    }
    for (std::int64_t i = 0; i < n; ++i) {
      compute_row<T, Arch>(f, pair, n_pairs, first + i, cos, sin);
      cos += stride;
      sin += stride;
    }
    t += n;
  }
}

// Whether n_rows rows of n_pairs, `stride` apart, lie apart and within ptrdiff_t.
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

/// Fills memory of the caller: row t holds the entries of list[t].
/// Shape    cos[t * row_stride + i], sin[t * row_stride + i] for t < list.size(), i < f.n_pairs();
///          for one packed array pass `sin = cos + n_pairs` and row_stride >= 2 * n_pairs.
/// Units    positions in tokens; T float or double; the attention factor is in the values.
/// Part     with a slice only its rows are written, at the same places.
/// Errors   std::invalid_argument (null, stride < n_pairs, open run, slice), std::out_of_range
///          (positions beyond 2^31); nothing is written then.
template <class T, class Stride>
void fill_rows(const frequencies& f, const positions& list, T* cos, T* sin, Stride row_stride,
               slice part = {}) {
  static_assert(detail::is_row_type_v<T>, "yarn: rows are float or double");
  const std::int64_t stride = detail::to_index(row_stride, "row_stride");
  detail::check_frequencies(f);
  detail::check_count(list);
  detail::check_slice(part);
  if (list.size() == 0)
    return;
  if (cos == nullptr || sin == nullptr)
    detail::fail_argument("yarn: cos or sin of fill_rows is null");
  detail::check_row_extent<T>("fill_rows", list.size(), f.n_pairs(), stride);
  const detail::token_range range = detail::part_of(list.size(), part);
  detail::compute_rows(f, 0, f.n_pairs(), list, range, cos + range.begin * stride,
                       sin + range.begin * stride, stride);
}

namespace detail {

// What rows and tables own: [cos | sin] rows of whole cache lines, so that no two share one.
template <class T> class trig_storage {
public:
  std::int64_t n_rows() const { return n_rows_; }
  std::int64_t n_pairs() const { return n_pairs_; }
  std::int64_t row_stride() const { return 2 * half(); }
  const T* cos(std::int64_t row) const { return values_.data() + row * row_stride(); }
  const T* sin(std::int64_t row) const { return cos(row) + half(); }

  void clear() { n_rows_ = 0; }

  void append(const frequencies& f, const positions& list) {
    static_assert(is_row_type_v<T>, "yarn: rows are float or double");
    check_frequencies(f);
    check_count(list);
    if (n_rows_ != 0 && f.n_pairs() != n_pairs_)
      fail_argument("yarn: append of frequencies with n_pairs = {} to rows with n_pairs = {}",
                    f.n_pairs(), n_pairs_);
    n_pairs_ = f.n_pairs();
    if (list.size() > (INT64_MAX / 64 - n_rows_) / row_stride())
      fail_argument("yarn: {} rows of {} pairs are beyond any memory", n_rows_ + list.size(),
                    n_pairs_);
    values_.resize_keeping(static_cast<std::size_t>((n_rows_ + list.size()) * row_stride()));
    T* const first = values_.data() + n_rows_ * row_stride();
    compute_rows(f, 0, n_pairs_, list, {0, list.size()}, first, first + half(), row_stride());
    n_rows_ += list.size();
  }

private:
  std::int64_t half() const {
    constexpr std::int64_t line = 64 / sizeof(T);
    return (n_pairs_ + line - 1) / line * line;
  }

  buffer<T> values_;
  std::int64_t n_rows_ = 0;
  std::int64_t n_pairs_ = 0;
};

} // namespace detail

/// The rows of a step, owned. Row t belongs to token t; rows may come from different frequencies
/// (sequences of a batch with lengths of their own). Keeps its memory from step to step.
/// T: float (for float and 16-bit tensors) or double.
template <class T> class rotary_rows {
public:
  /// Rows for these positions in place of what was held. Errors as fill_rows; then empty.
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
  const T* cos(std::int64_t row) const { return storage_.cos(row); }
  const T* sin(std::int64_t row) const { return storage_.sin(row); }

  rows_view<T> view() const& {
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
  const T* cos(std::int64_t row) const { return storage_.cos(row); }
  const T* sin(std::int64_t row) const { return storage_.sin(row); }

  table_view<T> view() const& {
    return {storage_.cos(0), storage_.sin(0), n_rows(), n_pairs(), storage_.row_stride()};
  }
  table_view<T> view() const&& = delete; // would dangle

private:
  detail::trig_storage<T> storage_;
};

/// The table of positions [0, n_positions): `auto table = yarn::make_table<float>(freqs, 4096);`
template <class T, class Integer>
rotary_table<T> make_table(const frequencies& f, Integer n_positions) {
  return rotary_table<T>(f, n_positions);
}

} // namespace YARN_ABI
} // namespace yarn

#endif

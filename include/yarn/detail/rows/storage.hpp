// SPDX-License-Identifier: MIT
// trig_storage: the memory of rotary_rows and rotary_table.
#ifndef YARN_DETAIL_ROWS_STORAGE_HPP
#define YARN_DETAIL_ROWS_STORAGE_HPP

#include "../base/buffer.hpp"
#include "check.hpp"
#include "compute.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Rows [cos | sin]; cos and sin are each padded to whole cache lines.
template <class T> class trig_storage {
public:
  std::int64_t n_rows() const { return n_rows_; }
  std::int64_t n_pairs() const { return n_pairs_; }
  std::int64_t row_stride() const { return 2 * padded_pairs(); }
  // Null if no memory was ever allocated.
  const T* cos(std::int64_t row) const {
    YARN_ASSERT(row == 0 || (row > 0 && row < n_rows_));
    return values_.data() + row * row_stride();
  }
  const T* sin(std::int64_t row) const {
    return values_.data() == nullptr ? nullptr : cos(row) + padded_pairs();
  }

  void clear() { n_rows_ = 0; }

  template <class Positions, class Temperature = no_temperature>
  void append(const frequencies& f, const Positions& list, const Temperature& temperature = {}) {
    static_assert(is_row_type_v<T>, "yarn: rows are float or double");
    check_frequencies(f);
    check_counted_positions(f, list);
    check_temperature(f, list, list.size(), temperature);
    if (n_rows_ != 0 && f.n_pairs() != n_pairs_)
      fail_argument("yarn: append of frequencies with n_pairs = {} to rows with n_pairs = {}",
                    f.n_pairs(), n_pairs_);
    n_pairs_ = f.n_pairs();
    // The first comparison spares most calls the division.
    if (list.size() > std::int64_t{1} << 30 &&
        list.size() > (INT64_MAX / 64 - n_rows_) / row_stride())
      fail_argument("yarn: {} rows of {} pairs are beyond any memory", n_rows_ + list.size(),
                    n_pairs_);
    if (list.size() == 0)
      return;
    values_.resize_keeping(static_cast<std::size_t>((n_rows_ + list.size()) * row_stride()));
    T* const first = values_.data() + n_rows_ * row_stride();
    with_kind(temperature, [&](const auto& kind) YARN_INLINE_LAMBDA {
      compute_rows(f, 0, n_pairs_, list, amplitude_of(f, kind), {0, list.size()}, first,
                   first + padded_pairs(), row_stride());
    });
    n_rows_ += list.size();
  }

private:
  std::int64_t padded_pairs() const {
    constexpr std::int64_t line = 64 / sizeof(T);
    return (n_pairs_ + line - 1) / line * line;
  }

  buffer<T> values_;
  std::int64_t n_rows_ = 0;
  std::int64_t n_pairs_ = 0;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

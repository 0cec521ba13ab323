// SPDX-License-Identifier: MIT
// Views of the caller's memory: tensors of heads, positions, and rows and tables of cos and sin. A
// view owns no memory and is cheap to copy. The compiler rejects a view of a temporary container.
#ifndef YARN_VIEWS_HPP
#define YARN_VIEWS_HPP

#include "detail/base/index.hpp"
#include "types.hpp"

#include <utility>

namespace yarn {

inline namespace v0 {

/// A contiguous array of values. The view does not own them.
template <class T> class array_view {
public:
  YARN_ALWAYS_INLINE constexpr array_view(T* data, std::size_t size) : data_(data), size_(size) {}
  YARN_ALWAYS_INLINE constexpr T* data() const { return data_; }
  YARN_ALWAYS_INLINE constexpr std::size_t size() const { return size_; }
  YARN_ALWAYS_INLINE constexpr T* begin() const { return data_; }
  YARN_ALWAYS_INLINE constexpr T* end() const { return data_ + size_; }
  /// Requires 0 <= i < size().
  template <class Integer> YARN_ALWAYS_INLINE constexpr T& operator[](Integer i) const {
    YARN_ASSERT(static_cast<std::size_t>(i) < size_);
    return data_[static_cast<std::ptrdiff_t>(i)];
  }

private:
  T* data_;
  std::size_t size_;
};

/// A tensor of attention heads. Element d of head h of token t lies at
/// `data()[t * token_stride() + h * head_stride() + d]`.
/// Shape    [n_tokens][n_heads][head_dim], the last dimension contiguous. The view is dense unless
///          with_strides sets other strides.
/// Units    Strides count elements, not bytes.
/// Types    T: an element type of types.hpp. Extents and strides: any integer type.
/// Errors   std::invalid_argument: an extent or stride does not fit a signed 64-bit integer. The
///          call that uses the view checks the rest.
/// Example  k in rows [q|k|v]:    heads_view{row + k_offset, t, h, d}.with_strides(row_size, d)
///          [heads][tokens][dim]: heads_view{x, t, h, d}.with_strides(d, t * d)
///          last 64 of 192 (MLA): heads_view{x + 128, t, h, 64}.with_strides(h * 192, 192)
///          [batch][heads][tokens][dim]: one view per sequence, in a loop over the batch
template <class T> class heads_view {
public:
  template <class Tokens, class Heads, class Dim>
  YARN_ALWAYS_INLINE heads_view(T* data, Tokens n_tokens, Heads n_heads, Dim head_dim)
      : data_(data), n_tokens_(detail::to_index(n_tokens, "n_tokens")),
        n_heads_(detail::to_index(n_heads, "n_heads")),
        head_dim_(detail::to_index(head_dim, "head_dim")), head_stride_(head_dim_) {
    // Unsigned, because the product may overflow. The call that uses the view reports the overflow.
    token_stride_ = static_cast<std::int64_t>(static_cast<std::uint64_t>(n_heads_) *
                                              static_cast<std::uint64_t>(head_dim_));
  }

  /// The same heads with other strides, in elements, from token to token and from head to head.
  template <class Token, class Head>
  [[nodiscard]] YARN_ALWAYS_INLINE heads_view with_strides(Token token_stride,
                                                           Head head_stride) const {
    heads_view other = *this;
    other.token_stride_ = detail::to_index(token_stride, "token_stride");
    other.head_stride_ = detail::to_index(head_stride, "head_stride");
    return other;
  }

  YARN_ALWAYS_INLINE T* data() const { return data_; }
  YARN_ALWAYS_INLINE std::int64_t n_tokens() const { return n_tokens_; }
  YARN_ALWAYS_INLINE std::int64_t n_heads() const { return n_heads_; }
  YARN_ALWAYS_INLINE std::int64_t head_dim() const { return head_dim_; }
  YARN_ALWAYS_INLINE std::int64_t token_stride() const { return token_stride_; }
  YARN_ALWAYS_INLINE std::int64_t head_stride() const { return head_stride_; }

private:
  T* data_;
  std::int64_t n_tokens_;
  std::int64_t n_heads_;
  std::int64_t head_dim_;
  std::int64_t token_stride_;
  std::int64_t head_stride_;
};

/// Registers the tensor type X of an engine: `tensor_traits<X>::heads(x)` returns the heads_view of
/// its memory. Functions such as rope_apply accept heads_view and every type with such a
/// specialisation:
///
///     template <> struct yarn::tensor_traits<my_tensor> {
///       static yarn::heads_view<float> heads(const my_tensor& x) {
///         return {x.data, x.tokens, x.heads, x.dim};
///       }
///     };
template <class X> struct tensor_traits {};
template <class T> struct tensor_traits<heads_view<T>> {
  // Returns a reference. A copy would be stored field by field and then loaded with vector loads,
  // which stall (no store forwarding).
  YARN_ALWAYS_INLINE static const heads_view<T>& heads(const heads_view<T>& x) { return x; }
};

/// The position of each token: a list of signed 32-bit or 64-bit integers that the caller owns, or
/// a run of consecutive positions. Frequencies accept negative positions, tables do not.
class positions {
public:
  /// The list data[0, n). The memory must outlive the view.
  /// Errors   std::invalid_argument: n does not fit a signed 64-bit integer. If n < 0, or data is
  ///          null and n > 0, the call that uses the view throws.
  template <class Integer, class Count>
  YARN_ALWAYS_INLINE positions(const Integer* data, Count n)
      : list_(data), size_(detail::to_index(n, "positions.size")),
        kind_(sizeof(Integer) == 8 ? kind::list_of_64_bits : kind::list_of_32_bits) {
    static_assert(std::is_integral_v<Integer> && std::is_signed_v<Integer> &&
                      (sizeof(Integer) == 4 || sizeof(Integer) == 8),
                  "yarn: positions are signed integers of 32 or 64 bits");
  }

  /// The list in a container that has data() and size(). The container must outlive the view.
  template <class Container, class = decltype(std::declval<const Container&>().data())>
  YARN_ALWAYS_INLINE explicit positions(const Container& list)
      : positions(list.data(), list.size()) {}

  /// Deleted, because a view of a temporary would dangle.
  template <class Container, class = decltype(std::declval<const Container&>().data()),
            class = std::enable_if_t<!std::is_lvalue_reference_v<Container>>>
  explicit positions(Container&& temporary) = delete;

  /// The number of positions. -1 for an open run, which has as many positions as the tensor of the
  /// call has tokens.
  YARN_ALWAYS_INLINE std::int64_t size() const { return size_; }
  YARN_ALWAYS_INLINE bool is_run() const { return kind_ <= kind::open_run; }
  YARN_ALWAYS_INLINE bool is_open_run() const { return kind_ == kind::open_run; }
  /// Whether the view is a list with null data. Only an empty list may have null data.
  YARN_ALWAYS_INLINE bool is_null() const { return !is_run() && list_ == nullptr; }

  /// Requires 0 <= i, and i < size() unless the run is open; not is_null().
  YARN_ALWAYS_INLINE std::int64_t operator[](std::int64_t i) const {
    YARN_ASSERT(i >= 0 && (i < size_ || is_open_run()) && !is_null());
    if (is_run())
      return first_ + i;
    return detail::load_integer(list_, i, kind_ == kind::list_of_64_bits);
  }

private:
  enum class kind : unsigned char { run, open_run, list_of_32_bits, list_of_64_bits };

  friend YARN_ALWAYS_INLINE positions run_of_positions(std::int64_t first, std::int64_t n);
  friend YARN_ALWAYS_INLINE positions open_run_of_positions(std::int64_t first);
  YARN_ALWAYS_INLINE positions(std::int64_t first, std::int64_t n, kind k)
      : first_(first), size_(n), kind_(k) {}

  const void* list_ = nullptr;
  std::int64_t first_ = 0;
  std::int64_t size_ = 0;
  kind kind_ = kind::run;
};

YARN_ALWAYS_INLINE positions run_of_positions(std::int64_t first, std::int64_t n) {
  return {first, n, positions::kind::run};
}
YARN_ALWAYS_INLINE positions open_run_of_positions(std::int64_t first) {
  return {first, -1, positions::kind::open_run};
}

/// The open run first, first + 1, …, with as many positions as the tensor of the call has tokens.
/// Errors   std::invalid_argument: `first` does not fit a signed 64-bit integer.
template <class Integer> [[nodiscard]] YARN_ALWAYS_INLINE positions positions_from(Integer first) {
  return open_run_of_positions(detail::to_index(first, "first position"));
}

/// The run first, first + 1, …, first + n - 1.
/// Errors   std::invalid_argument: `first` or n does not fit a signed 64-bit integer. If n < 0, the
///          call that uses the view throws.
template <class Integer, class Count>
[[nodiscard]] YARN_ALWAYS_INLINE positions positions_from(Integer first, Count n) {
  return run_of_positions(detail::to_index(first, "first position"),
                          detail::to_index(n, "positions.size"));
}

/// The positions of tokens on several axes, such as time, height and width: a list that the caller
/// owns. For frequencies with axes (axes.hpp).
/// Shape    [n_axes][n_tokens], as `position_ids` of Hugging Face and the positions of
///          ggml_rope_multi have it: the position of token t on axis a is data[a * n_tokens + t].
///          If the frequencies have several axes, the list may have more axes than the frequencies:
///          ggml has four positions per token. The further axes are not read. (Some `position_ids`
///          of Hugging Face have [4][…], with the text positions first: pass data + n_tokens and 3
///          axes.)
/// Types    Signed integers of 32 or 64 bits.
/// Errors   std::invalid_argument: a count or stride does not fit a signed 64-bit integer. The call
///          that uses the view checks the rest.
/// Example  [token][axis]: axis_positions{ids, n_tokens, 3}.with_strides(1, 3)
class axis_positions {
public:
  template <class Integer, class Tokens, class Axes>
  YARN_ALWAYS_INLINE axis_positions(const Integer* data, Tokens n_tokens, Axes n_axes)
      : data_(data), size_(detail::to_index(n_tokens, "axis_positions.size")),
        n_axes_(detail::to_index(n_axes, "axis_positions.n_axes")), axis_stride_(size_),
        token_stride_(1), has_64_bits_(sizeof(Integer) == 8) {
    static_assert(std::is_integral_v<Integer> && std::is_signed_v<Integer> &&
                      (sizeof(Integer) == 4 || sizeof(Integer) == 8),
                  "yarn: positions are signed integers of 32 or 64 bits");
  }

  /// The same list with other distances, in elements, between axes and between tokens. They may be
  /// 0 or negative.
  template <class Axis, class Token>
  [[nodiscard]] YARN_ALWAYS_INLINE axis_positions with_strides(Axis axis_stride,
                                                               Token token_stride) const {
    axis_positions other = *this;
    other.axis_stride_ = detail::to_index(axis_stride, "axis_stride");
    other.token_stride_ = detail::to_index(token_stride, "token_stride");
    return other;
  }

  /// The number of tokens.
  YARN_ALWAYS_INLINE std::int64_t size() const { return size_; }
  YARN_ALWAYS_INLINE std::int64_t n_axes() const { return n_axes_; }
  YARN_ALWAYS_INLINE std::int64_t axis_stride() const { return axis_stride_; }
  YARN_ALWAYS_INLINE std::int64_t token_stride() const { return token_stride_; }
  /// Whether the data is null. Only a list without tokens may have null data.
  YARN_ALWAYS_INLINE bool is_null() const { return data_ == nullptr; }

  /// The position of a token on an axis.
  /// Requires 0 <= token < size(), 0 <= axis < n_axes(), not is_null().
  YARN_ALWAYS_INLINE std::int64_t operator()(std::int64_t token, std::int64_t axis) const {
    YARN_ASSERT(token >= 0 && token < size_ && axis >= 0 && axis < n_axes_ && !is_null());
    return detail::load_integer(data_, axis * axis_stride_ + token * token_stride_, has_64_bits_);
  }

private:
  const void* data_;
  std::int64_t size_;
  std::int64_t n_axes_;
  std::int64_t axis_stride_;
  std::int64_t token_stride_;
  bool has_64_bits_;
};

// The common base of rows_view and table_view. Both have the same memory layout and different
// meanings. They are different types, so that the compiler rejects a table where rows are needed.
template <class T, class Meaning> class trig_view {
public:
  /// Row r is cos[r * row_stride + i] and sin[r * row_stride + i] for pairs i in [0, n_pairs). The
  /// values contain the attention factor.
  /// Types    T: any element type of types.hpp.
  template <class Rows, class Pairs, class Stride>
  YARN_ALWAYS_INLINE trig_view(const T* cos, const T* sin, Rows n_rows, Pairs n_pairs,
                               Stride row_stride)
      : cos_(cos), sin_(sin), n_rows_(detail::to_index(n_rows, "n_rows")),
        n_pairs_(detail::to_index(n_pairs, "n_pairs")),
        row_stride_(detail::to_index(row_stride, "row_stride")) {}

  /// One array: row r is [cos of all pairs | sin of all pairs], at cos_sin + r * row_stride.
  template <class Rows, class Pairs, class Stride>
  [[nodiscard]] YARN_ALWAYS_INLINE static Meaning packed(const T* cos_sin, Rows n_rows,
                                                         Pairs n_pairs, Stride row_stride) {
    const T* const sin = cos_sin == nullptr ? nullptr : cos_sin + n_pairs;
    return Meaning(cos_sin, sin, n_rows, n_pairs, row_stride);
  }
  /// The same with dense rows: row_stride is 2 * n_pairs.
  template <class Rows, class Pairs>
  [[nodiscard]] YARN_ALWAYS_INLINE static Meaning packed(const T* cos_sin, Rows n_rows,
                                                         Pairs n_pairs) {
    return packed(cos_sin, n_rows, n_pairs, 2 * detail::to_index(n_pairs, "n_pairs"));
  }

  /// The entries of a row, [n_pairs].
  /// Requires 0 <= row < n_rows(). Row 0 is allowed even if n_rows() is 0; the result is then the
  ///          pointer that the constructor got.
  YARN_ALWAYS_INLINE const T* cos(std::int64_t row) const {
    YARN_ASSERT(row == 0 || (row > 0 && row < n_rows_));
    return cos_ + row * row_stride_;
  }
  YARN_ALWAYS_INLINE const T* sin(std::int64_t row) const {
    YARN_ASSERT(row == 0 || (row > 0 && row < n_rows_));
    return sin_ + row * row_stride_;
  }
  YARN_ALWAYS_INLINE std::int64_t n_rows() const { return n_rows_; }
  YARN_ALWAYS_INLINE std::int64_t n_pairs() const { return n_pairs_; }
  YARN_ALWAYS_INLINE std::int64_t row_stride() const { return row_stride_; }

private:
  const T* cos_;
  const T* sin_;
  std::int64_t n_rows_;
  std::int64_t n_pairs_;
  std::int64_t row_stride_;
};

/// The rows of a step: row t belongs to token t. (The cos/sin cache of other engines has a row for
/// each position, so it is a table_view.)
template <class T> class rows_view : public trig_view<T, rows_view<T>> {
public:
  using base = trig_view<T, rows_view<T>>;
  template <class Rows, class Pairs, class Stride>
  YARN_ALWAYS_INLINE rows_view(const T* cos, const T* sin, Rows n_rows, Pairs n_pairs,
                               Stride row_stride)
      : base(cos, sin, n_rows, n_pairs, row_stride) {}
};
template <class T, class Rows, class Pairs, class Stride>
rows_view(const T*, const T*, Rows, Pairs, Stride) -> rows_view<T>;

/// A table (the cos/sin cache of other engines): row p belongs to position p.
template <class T> class table_view : public trig_view<T, table_view<T>> {
public:
  using base = trig_view<T, table_view<T>>;
  template <class Rows, class Pairs, class Stride>
  YARN_ALWAYS_INLINE table_view(const T* cos, const T* sin, Rows n_rows, Pairs n_pairs,
                                Stride row_stride)
      : base(cos, sin, n_rows, n_pairs, row_stride) {}

  /// The same table for axis_positions: pair i of a token uses the row of the token's position on
  /// axis axis_of_pair[i].
  /// Shape    axis_of_pair[n_pairs], which the caller owns; frequencies::axis_of_pair() has it.
  template <class Axes>
  [[nodiscard]] YARN_ALWAYS_INLINE table_view with_axes(const std::uint8_t* axis_of_pair,
                                                        Axes n_axes) const {
    table_view other = *this;
    other.axis_of_pair_ = axis_of_pair;
    other.n_axes_ = detail::to_index(n_axes, "n_axes");
    return other;
  }
  /// Null unless with_axes has set it.
  YARN_ALWAYS_INLINE const std::uint8_t* axis_of_pair() const { return axis_of_pair_; }
  YARN_ALWAYS_INLINE std::int64_t n_axes() const { return n_axes_; }

private:
  const std::uint8_t* axis_of_pair_ = nullptr;
  std::int64_t n_axes_ = 1;
};
template <class T, class Rows, class Pairs, class Stride>
table_view(const T*, const T*, Rows, Pairs, Stride) -> table_view<T>;

} // namespace v0
} // namespace yarn

#endif

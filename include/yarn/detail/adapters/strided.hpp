// SPDX-License-Identifier: MIT
// What the adapters share: strided tensors as heads_view, and the codes that other libraries have
// for element formats.
#ifndef YARN_DETAIL_ADAPTERS_STRIDED_HPP
#define YARN_DETAIL_ADAPTERS_STRIDED_HPP

#include "../../dim_order.hpp"
#include "../../views.hpp"
#include "../base/formats.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The first format whose code fulfils `condition`, or `unknown`. `codes` are the codes of a
// library, one per enumerator of element_format, in their order.
template <class Code, class Condition>
element_format find_format(const Code (&codes)[n_formats], Condition condition) {
  for (int i = 1; i < n_formats; ++i)
    if (condition(codes[i]))
      return static_cast<element_format>(i);
  return element_format::unknown;
}

// Extents and strides (in elements) of a tensor, in the order of its dimensions.
struct dimension_list {
  int rank;
  std::int64_t extent[4];
  std::int64_t stride[4];

  bool is_empty() const {
    for (int i = 0; i < rank; ++i)
      if (extent[i] == 0)
        return true;
    return false;
  }
};

// The indices of the dimensions of tokens, heads, elements and sequences, and the names of all
// dimensions, for messages.
struct dimension_places {
  int tokens, heads, dim, sequences;
  const char* names;
};
inline dimension_places places_of(dim_order order, bool is_batch) {
  static constexpr dimension_places places[][2] = {
      {{0, 1, 2, -1, "tokens, heads, dim"}, {1, 2, 3, 0, "sequences, tokens, heads, dim"}},
      {{1, 0, 2, -1, "heads, tokens, dim"}, {2, 1, 3, 0, "sequences, heads, tokens, dim"}},
      {{2, 1, 0, -1, "dim, heads, tokens"}, {2, 1, 0, 3, "dim, heads, tokens, sequences"}},
      {{1, 2, 0, -1, "dim, tokens, heads"}, {1, 2, 0, 3, "dim, tokens, heads, sequences"}}};
  const int i = static_cast<int>(order);
  if (i < 0 || i > 3)
    fail_argument("yarn: dim_order = {} is none of the four orders", i);
  return places[i][is_batch];
}

// Rejects strides of 0 or less. With a stride of 0, several heads would share elements, which would
// be rotated several times. Views have no negative strides.
inline void check_stride(const char* what, const char* dimension, const char* names, std::int64_t n,
                         std::int64_t stride) {
  if (n > 1 && stride <= 0)
    fail_argument("yarn: {}: stride {} of the dimension {} must be > 0 where its extent is {} "
                  "(dimensions are [{}])",
                  what, stride, dimension, n, names);
}

// The offset, in elements, of index `index` in a dimension with extent n and this stride.
inline std::int64_t offset_along(const char* what, const char* dimension, const char* names,
                                 std::int64_t n, std::int64_t stride, std::int64_t index,
                                 std::size_t element_size) {
  if (index < 0 || index >= n)
    fail_range("yarn: {}: {} {} is outside [0, {}) (dimensions are [{}])", what, dimension, index,
               n, names);
  if (stride < 0 ||
      (index != 0 && stride > PTRDIFF_MAX / static_cast<std::int64_t>(element_size) / index))
    fail_argument("yarn: {}: {} {} at stride {} has a negative offset, or one beyond ptrdiff_t",
                  what, dimension, index, stride);
  return index * stride;
}

// The view of a tensor of rank 3, or of one sequence of a tensor of rank 4. Rejects an extent < 0,
// elements of a head that are not contiguous, strides of 0 or less, and a sequence that does not
// exist. The call that uses the view checks for overlaps.
template <class T>
heads_view<T> heads_along(const char* what, T* data, const dimension_list& list, dim_order order,
                          std::int64_t sequence) {
  static_assert(format_of_v<T> != element_format::unknown,
                "yarn: the element type has no format; specialise yarn::format_of for it");
  const bool is_batch = list.rank == 4, is_empty = list.is_empty();
  const dimension_places at = places_of(order, is_batch);
  for (int i = 0; i < list.rank; ++i)
    if (list.extent[i] < 0)
      fail_argument("yarn: {}: extent {} of dimension {} must be >= 0 (dimensions are [{}])", what,
                    list.extent[i], i, at.names);
  if (is_batch) {
    check_stride(what, "sequences", at.names, list.extent[at.sequences], list.stride[at.sequences]);
    const std::int64_t offset = offset_along(what, "sequence", at.names, list.extent[at.sequences],
                                             list.stride[at.sequences], sequence, sizeof(T));
    if (!is_empty)
      data += offset;
  }
  const std::int64_t tokens = list.extent[at.tokens], heads = list.extent[at.heads];
  const std::int64_t dim = list.extent[at.dim];
  const heads_view<T> dense{data, tokens, heads, dim};
  if (is_empty)
    return dense;
  if (dim > 1 && list.stride[at.dim] != 1)
    fail_argument("yarn: {}: stride {} of the dimension dim must be 1: the elements of a head must "
                  "be contiguous (dimensions are [{}])",
                  what, list.stride[at.dim], at.names);
  check_stride(what, "tokens", at.names, tokens, list.stride[at.tokens]);
  check_stride(what, "heads", at.names, heads, list.stride[at.heads]);
  // The stride of a single token or head may be any number. The dense stride replaces it.
  const std::int64_t head_stride = heads > 1 ? list.stride[at.heads] : dim;
  const auto all_heads =
      static_cast<std::uint64_t>(heads) * static_cast<std::uint64_t>(head_stride);
  return dense.with_strides(
      tokens > 1 ? list.stride[at.tokens] : static_cast<std::int64_t>(all_heads), head_stride);
}

// The positions in a tensor [positions], or those of one sequence in [sequences, positions]. `data`
// points to integers of `size` bytes, 4 or 8.
inline positions positions_along(const char* what, const void* data, std::size_t size,
                                 const dimension_list& list, std::int64_t sequence) {
  const int last = list.rank - 1;
  const std::int64_t n = list.extent[last];
  if (n < 0)
    fail_argument("yarn: {}: extent {} of the positions must be >= 0", what, n);
  if (n > 1 && list.stride[last] != 1)
    fail_argument("yarn: {}: stride {} of the positions must be 1", what, list.stride[last]);
  std::int64_t offset = 0;
  if (list.rank == 2)
    offset = offset_along(what, "sequence", "sequences, positions", list.extent[0], list.stride[0],
                          sequence, size);
  const std::int64_t first = n == 0 ? 0 : offset;
  if (size == 4)
    return {static_cast<const std::int32_t*>(data) + first, n};
  return {static_cast<const std::int64_t*>(data) + first, n};
}

// The positions in a tensor [axes, tokens], or those of one sequence in [axes, sequences, tokens].
inline axis_positions axis_positions_along(const char* what, const void* data, std::size_t size,
                                           const dimension_list& list, std::int64_t sequence) {
  const int last = list.rank - 1;
  for (int i = 0; i < list.rank; ++i)
    if (list.extent[i] < 0)
      fail_argument("yarn: {}: extent {} of dimension {} of the positions must be >= 0", what,
                    list.extent[i], i);
  std::int64_t offset = 0;
  if (list.rank == 3)
    offset = offset_along(what, "sequence", "axes, sequences, tokens", list.extent[1],
                          list.stride[1], sequence, size);
  const std::int64_t first = list.is_empty() ? 0 : offset;
  const auto view = [&](const auto* integers) {
    return axis_positions(integers + first, list.extent[last], list.extent[0])
        .with_strides(list.stride[0], list.stride[last]);
  };
  return size == 4 ? view(static_cast<const std::int32_t*>(data))
                   : view(static_cast<const std::int64_t*>(data));
}

// The name of a format in messages.
inline const char* format_name(element_format format) {
  if (format == element_format::unknown)
    return "another type";
  return with_format(format, [](auto traits) { return decltype(traits)::name; });
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

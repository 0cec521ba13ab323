// SPDX-License-Identifier: MIT
// A part of the C API for one instruction set. yarn_add_c_api compiles this header once per part.
#ifndef YARN_DETAIL_C_API_PART_HPP
#define YARN_DETAIL_C_API_PART_HPP

#include "part_norm.hpp"
#include "part_rotation.hpp"
#include "part_rows.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class C>
erased_transfer<C> transfer_of(const c_api::tensor_argument& source,
                               const c_api::tensor_argument& target, const c_api::rotation& call) {
  const bool is_normed = source.x.norm != nullptr;
  const stored_tensor from(source), to(target);
  return {from,
          to,
          call.in,
          call.out,
          is_normed ? &source.norm : nullptr,
          is_normed ? normed_rotation_of<C>(call.in, call.out, from, to, source.norm)
                    : rotation_of<C>(call.in, call.out, from, to)};
}

// The pairings that rotate_tokens gets as template arguments have no effect: those of
// erased_transfer count.
template <class C> void rotate_in_place(const c_api::rotation& call) {
  constexpr pairing any = pairing::half_split;
  const erased_transfer<C> first = transfer_of<C>(*call.first, *call.first, call);
  const token_range tokens = tokens_of(call.first->x.n_tokens, call.slice);
  with_rows<C>(*call.rows, [&](const erased_rows<C>& rows) {
    if (call.second == nullptr)
      return rotate_tokens<any, any, default_arch, C>(rows, tokens, first);
    const erased_transfer<C> second = transfer_of<C>(*call.second, *call.second, call);
    rotate_tokens<any, any, default_arch, C>(rows, tokens, first, second);
  });
}

template <class C> void rotate_between(const c_api::rotation& call) {
  constexpr pairing any = pairing::half_split;
  const erased_transfer<C> x = transfer_of<C>(*call.first, *call.second, call);
  const token_range tokens = tokens_of(call.first->x.n_tokens, call.slice);
  with_rows<C>(*call.rows, [&](const erased_rows<C>& rows) {
    rotate_tokens<any, any, default_arch, C>(rows, tokens, x);
  });
}

// Copies without rotation, token by token as rope_copy does.
template <class C> void copy_between(const c_api::rotation& call) {
  erased_transfer<C> x = transfer_of<C>(*call.first, *call.second, call);
  if (x.norm == nullptr)
    x.rotate = &copy_whole_heads<C>;
  const token_range tokens = tokens_of(call.first->x.n_tokens, call.slice);
  const row_pointers<C> no_row{nullptr, nullptr};
  for (std::int64_t t = tokens.begin; t < tokens.end; ++t)
    x.rotate(x, block{t, 1, 0, 0, 0, 0}, &no_row);
}

inline bool is_double(const c_api::tensor_argument* tensor) {
  return tensor != nullptr && tensor->x.format == nullptr && tensor->x.type == YARN_FLOAT64;
}
inline bool is_double(const c_api::rotation& call) {
  return is_double(call.first) || is_double(call.second);
}
inline void part_apply(const c_api::rotation& call) noexcept {
  if (is_double(call))
    rotate_in_place<double>(call);
  else
    rotate_in_place<float>(call);
}
inline void part_copy(const c_api::rotation& call) noexcept {
  if (is_double(call))
    rotate_between<double>(call);
  else
    rotate_between<float>(call);
}

inline void part_copy_heads(const c_api::rotation& call) noexcept {
  if (is_double(call))
    copy_between<double>(call);
  else
    copy_between<float>(call);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

YARN_DISPATCH_PART(yarn::c_api::kernels, &yarn::detail::part_new_frequencies,
                   &yarn::detail::part_free_frequencies, &yarn::detail::part_new_rows,
                   &yarn::detail::part_append_rows, &yarn::detail::part_clear_rows,
                   &yarn::detail::part_view_rows, &yarn::detail::part_free_rows,
                   &yarn::detail::part_fill_rows, &yarn::detail::part_apply,
                   &yarn::detail::part_copy, &yarn::detail::part_copy_heads)

#endif

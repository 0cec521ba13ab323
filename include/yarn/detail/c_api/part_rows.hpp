// SPDX-License-Identifier: MIT
// The rows of a part of the C API. The one type erased_rows stands for rows of any type and source,
// so that the loops over tokens are compiled once.
#ifndef YARN_DETAIL_C_API_PART_ROWS_HPP
#define YARN_DETAIL_C_API_PART_ROWS_HPP

#include "../../rope.hpp"
#include "shared.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class C> struct erased_rows {
  std::int64_t n_pairs;
  const void* source;
  void (*stage_from)(const void* source, std::int64_t token, std::int64_t n_tokens,
                     std::int64_t pair, std::int64_t pairs, row_pointers<C>* rows, C* scratch);

  template <class> static constexpr bool is_direct = false;

  template <class, class>
  YARN_ALWAYS_INLINE void stage(std::int64_t token, std::int64_t n_tokens, std::int64_t pair,
                                std::int64_t pairs, row_pointers<C>* rows, C* scratch) const {
    stage_from(source, token, n_tokens, pair, pairs, rows, scratch);
  }
};

template <class C, class Source>
void stage_from_source(const void* source, std::int64_t token, std::int64_t n_tokens,
                       std::int64_t pair, std::int64_t pairs, row_pointers<C>* rows, C* scratch) {
  static_cast<const Source*>(source)->template stage<C, default_arch>(token, n_tokens, pair, pairs,
                                                                      rows, scratch);
}

// The result refers to the source.
template <class C, class Source> erased_rows<C> erased(const Source& source) {
  return {source.n_pairs, &source, &stage_from_source<C, Source>};
}

template <class C, class Use>
void with_rows_in_memory(const c_api::row_argument& r, const Use& use) {
  with_element(r.view.type, [&](auto tag) {
    using R = typename decltype(tag)::type;
    const R* const cos = static_cast<const R*>(r.view.cos);
    const R* const sin = static_cast<const R*>(r.view.sin);
    const table_view<R> view(cos, sin, r.view.n_rows, r.view.n_pairs, r.view.row_stride);
    if (!r.is_table)
      use(erased<C>(source_of(view, identity_row{})));
    else if (!r.at.has_axes)
      use(erased<C>(source_of(view, position_row{r.at.list})));
    else
      use(erased<C>(axis_table_source<R>{r.view.axis_of_pair == nullptr
                                             ? view
                                             : view.with_axes(r.view.axis_of_pair, r.view.n_axes),
                                         r.at.axes, r.view.n_pairs}));
  });
}

// Calls use(erased_rows<C>).
template <class C, class Use> void with_rows(const c_api::row_argument& r, const Use& use) {
  if (r.frequencies == nullptr)
    return with_rows_in_memory<C>(r, use);
  const auto& f = *static_cast<const frequencies*>(r.frequencies);
  with_list(r.at, r.temperature, [&](const auto& list, const auto& temperature) {
    using positions_type = std::decay_t<decltype(list)>;
    using temperature_type = std::decay_t<decltype(temperature)>;
    use(erased<C>(
        frequency_source<positions_type, temperature_type>{&f, list, &temperature, f.n_pairs()}));
  });
}

// ---- The functions of the part -----------------------------------------------------------------

inline void* part_new_frequencies(const c_api::frequencies_numbers& numbers) {
  return new frequencies(frequencies_access::make(numbers));
}
inline void part_free_frequencies(void* f) noexcept { delete static_cast<frequencies*>(f); }

// Calls use(rotary_rows<float or double>&).
template <class Use> void with_owned_rows(void* rows, yarn_element_type type, const Use& use) {
  if (type == YARN_FLOAT64)
    use(*static_cast<rotary_rows<double>*>(rows));
  else
    use(*static_cast<rotary_rows<float>*>(rows));
}

inline void* part_new_rows(yarn_element_type type) {
  if (type == YARN_FLOAT64)
    return new rotary_rows<double>;
  return new rotary_rows<float>;
}
inline void part_append_rows(void* rows, yarn_element_type type, const void* f,
                             const c_api::position_list& at, const yarn_temperature& t) {
  with_owned_rows(rows, type, [&](auto& owned) {
    with_list(at, t, [&](const auto& list, const auto& temperature) {
      const auto& freqs = *static_cast<const frequencies*>(f);
      if constexpr (std::is_same_v<std::decay_t<decltype(temperature)>, no_temperature>)
        owned.append(freqs, list);
      else
        owned.append(freqs, list, temperature);
    });
  });
}
inline void part_clear_rows(void* rows, yarn_element_type type) noexcept {
  with_owned_rows(rows, type, [](auto& owned) { owned.clear(); });
}
inline void part_view_rows(const void* rows, yarn_element_type type, yarn_cos_sin& view) noexcept {
  with_owned_rows(const_cast<void*>(rows), type, [&](const auto& owned) {
    const auto made = owned.view();
    view.cos = made.cos(0);
    view.sin = made.sin(0);
    view.n_rows = made.n_rows();
    view.n_pairs = made.n_pairs();
    view.row_stride = made.row_stride();
  });
  view.type = type;
}
inline void part_free_rows(void* rows, yarn_element_type type) noexcept {
  with_owned_rows(rows, type, [](auto& owned) { delete &owned; });
}

inline void part_fill_rows(const void* f, const c_api::position_list& at, const yarn_temperature& t,
                           yarn_element_type type, void* cos, void* sin, std::int64_t row_stride,
                           thread_slice slice) {
  with_list(at, t, [&](const auto& list, const auto& temperature) {
    const auto& freqs = *static_cast<const frequencies*>(f);
    if (type == YARN_FLOAT64)
      detail::fill_rows(freqs, list, temperature, static_cast<double*>(cos),
                        static_cast<double*>(sin), row_stride, slice);
    else
      detail::fill_rows(freqs, list, temperature, static_cast<float*>(cos),
                        static_cast<float*>(sin), row_stride, slice);
  });
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

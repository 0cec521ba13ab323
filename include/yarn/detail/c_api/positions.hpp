// SPDX-License-Identifier: MIT
// Positions, rows and row sources of the C API.
#ifndef YARN_DETAIL_C_API_POSITIONS_HPP
#define YARN_DETAIL_C_API_POSITIONS_HPP

#include "../rope/arguments.hpp"
#include "frequencies.hpp"

struct yarn_rows {
  explicit yarn_rows(yarn_element_type element)
      : type(element), kernels(&yarn::detail::part_kernels()),
        part_object(kernels->new_rows(element)) {}
  yarn_rows(const yarn_rows&) = delete;
  yarn_rows& operator=(const yarn_rows&) = delete;
  ~yarn_rows() { kernels->free_rows(part_object, type); }

  yarn_element_type type;
  const yarn::c_api::kernels* kernels; // of the part that made part_object
  void* part_object;
};

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline void require_element_type(const char* name, yarn_element_type type) {
  if (!is_element_type(type))
    fail_argument("yarn: {}.type = {} is not a yarn_element_type", name, type);
}
inline void require_row_type(yarn_element_type type) {
  if (type != YARN_FLOAT32 && type != YARN_FLOAT64)
    fail_argument("yarn: type = {} of rows is neither YARN_FLOAT32 nor YARN_FLOAT64", type);
}

// Calls use(list) with a list of 32-bit or 64-bit integers.
template <class Use>
decltype(auto) with_integers(const char* name, const void* data, yarn_integer_type type,
                             const Use& use) {
  if (type == YARN_INT32)
    return use(static_cast<const std::int32_t*>(data));
  if (type != YARN_INT64)
    fail_argument("yarn: {} = {} is neither YARN_INT32 nor YARN_INT64", name, type);
  return use(static_cast<const std::int64_t*>(data));
}

inline yarn_positions default_positions() {
  yarn_positions p{};
  p.struct_size = sizeof p;
  return p;
}

// `n_axes` is the number of axes of the frequencies or of the table.
inline c_api::position_list positions_from(const yarn_positions* given, std::int64_t n_axes) {
  const auto p =
      read_struct(given, "yarn_positions", offsetof(yarn_positions, n_axes), default_positions());
  require_zero("yarn_positions.reserved", p.reserved);
  c_api::position_list result{yarn::positions_from(0, 0),
                              axis_positions(static_cast<const std::int64_t*>(nullptr), 0, 1),
                              p.n_axes != 0};
  if (p.type == YARN_RUN) {
    if (p.data != nullptr || p.n_axes != 0 || p.token_stride != 0 || p.axis_stride != 0)
      fail_argument(
          "yarn: yarn_positions.type is YARN_RUN: data, n_axes and the strides must be 0");
    if (p.n_tokens < -1)
      fail_argument("yarn: yarn_positions.n_tokens = {} must be >= 0, or -1 for an open run",
                    p.n_tokens);
    result.list = p.n_tokens == -1 ? yarn::positions_from(p.first)
                                   : yarn::positions_from(p.first, p.n_tokens);
    return result;
  }
  require_zero("yarn_positions.first of a list", p.first);
  if (p.n_tokens < 0 || p.n_axes < 0)
    fail_argument("yarn: yarn_positions.n_tokens = {} and n_axes = {} must be >= 0", p.n_tokens,
                  p.n_axes);
  with_integers("yarn_positions.type", p.data, p.type, [&](const auto* data) {
    const bool is_dense = p.token_stride == 0 || p.token_stride == 1;
    if (p.n_axes == 0) {
      require_zero("yarn_positions.axis_stride of a list with one axis", p.axis_stride);
      result.list = positions(data, p.n_tokens);
      result.has_axes = !is_dense; // positions have no stride
    }
    if (p.n_axes != 0)
      result.axes =
          axis_positions(data, p.n_tokens, p.n_axes).with_strides(p.axis_stride, p.token_stride);
    else if (!is_dense)
      result.axes = axis_positions(data, p.n_tokens, n_axes).with_strides(0, p.token_stride);
  });
  return result;
}

inline void refuse_axes_with_temperature(const c_api::position_list& at,
                                         const yarn_temperature& temperature) {
  if (at.has_axes && temperature.kind != YARN_TEMPERATURE_NONE)
    fail_unsupported("yarn: rows with a temperature need yarn_positions with n_axes = 0 and a "
                     "token_stride of 0 or 1");
}

// ---- Rows of a call ----------------------------------------------------------------------------

// A yarn_row_source with what its pointers point to. Has the members of the rows arguments of
// detail/rope/arguments.hpp, which the checks of calls use.
class resolved_rows {
public:
  explicit resolved_rows(const yarn_row_source* given)
      : argument_{nullptr, {}, false, {no_positions(), no_axis_positions(), false}, {}} {
    const auto s = read_struct(given, "yarn_row_source", offsetof(yarn_row_source, positions));
    const int n_sources = (s.rows != nullptr) + (s.prepared != nullptr) +
                          (s.frequencies != nullptr) + (s.table != nullptr);
    if (n_sources != 1)
      fail_argument("yarn: yarn_row_source has {} sources; exactly one of rows, prepared, "
                    "frequencies and table must be set",
                    n_sources);
    const bool is_prepared = s.rows != nullptr || s.prepared != nullptr;
    if (is_prepared && s.positions != nullptr)
      fail_argument("yarn: yarn_row_source.positions must be null for prepared rows");
    if (s.frequencies == nullptr && s.temperature != nullptr)
      fail_argument("yarn: yarn_row_source.temperature must be null unless frequencies are set");
    argument_.temperature = temperature_from(s.temperature);
    argument_.is_table = s.table != nullptr;
    if (s.frequencies != nullptr) {
      frequencies_ = &s.frequencies->value;
      argument_.frequencies = s.frequencies->part_object;
      kernels_ = s.frequencies->kernels;
      argument_.at = detail::positions_from(s.positions, frequencies_->n_axes());
      refuse_axes_with_temperature(argument_.at, argument_.temperature);
    } else if (s.rows != nullptr) {
      s.rows->kernels->view_rows(s.rows->part_object, s.rows->type, argument_.view);
    } else {
      const char* const name = argument_.is_table ? "table" : "rows";
      argument_.view = read_struct(argument_.is_table ? s.table : s.prepared, name,
                                   offsetof(yarn_cos_sin, axis_of_pair));
      check_view(name);
      if (argument_.is_table)
        argument_.at = detail::positions_from(
            s.positions, argument_.view.axis_of_pair == nullptr ? 1 : argument_.view.n_axes);
    }
  }

  const c_api::row_argument& argument() const { return argument_; }
  // The part that rotates: that of the frequencies, because it must make the rows.
  const c_api::kernels& kernels() const { return *kernels_; }

  std::int64_t n_pairs() const {
    return frequencies_ != nullptr ? frequencies_->n_pairs() : argument_.view.n_pairs;
  }
  void check_source() const {
    with_argument([](const auto& argument) { argument.check_source(); });
  }
  void check(std::int64_t n_tokens) const {
    with_argument([&](const auto& argument) { argument.check(n_tokens); });
  }

private:
  static positions no_positions() { return yarn::positions_from(0, 0); }
  static axis_positions no_axis_positions() {
    return axis_positions(static_cast<const std::int64_t*>(nullptr), 0, 1);
  }

  void check_view(const char* name) const {
    const yarn_cos_sin& view = argument_.view;
    require_element_type(name, view.type);
    require_zero("yarn_cos_sin.reserved", view.reserved);
    if (view.axis_of_pair == nullptr)
      require_zero("yarn_cos_sin.n_axes without axis_of_pair", view.n_axes);
    else if (!argument_.is_table)
      fail_argument("yarn: yarn_cos_sin.axis_of_pair must be null for prepared rows");
  }

  template <class Use> void with_argument(const Use& use) const {
    if (frequencies_ != nullptr)
      return with_list(argument_.at, argument_.temperature,
                       [&](const auto& list, const auto& temperature) {
                         using list_type = std::decay_t<decltype(list)>;
                         using temperature_type = std::decay_t<decltype(temperature)>;
                         use(frequencies_argument<list_type, temperature_type>{list, frequencies_,
                                                                               &temperature});
                       });
    with_element(argument_.view.type, [&](auto tag) {
      using R = typename decltype(tag)::type;
      const yarn_cos_sin& v = argument_.view;
      const R* const cos = static_cast<const R*>(v.cos);
      const R* const sin = static_cast<const R*>(v.sin);
      if (!argument_.is_table)
        return use(
            prepared_rows_argument<R>{rows_view<R>(cos, sin, v.n_rows, v.n_pairs, v.row_stride)});
      table_view<R> table(cos, sin, v.n_rows, v.n_pairs, v.row_stride);
      if (v.axis_of_pair != nullptr)
        table = table.with_axes(v.axis_of_pair, v.n_axes);
      if (argument_.at.has_axes)
        return use(axis_table_argument<R>{argument_.at.axes, table});
      use(table_argument<R>{argument_.at.list, table});
    });
  }

  c_api::row_argument argument_;
  const c_api::kernels* kernels_ = &part_kernels();
  const frequencies* frequencies_ = nullptr;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

extern "C" {

YARN_C_API yarn_status yarn_positions_init(yarn_positions* p, std::size_t struct_size,
                                           const void* data, yarn_integer_type type,
                                           std::int64_t n_tokens, std::int64_t n_axes) {
  using namespace yarn::detail;
  return guarded([&] {
    yarn_positions made = default_positions();
    made.data = data;
    made.type = type;
    made.n_tokens = n_tokens;
    made.n_axes = n_axes;
    made.axis_stride = n_axes == 0 ? 0 : n_tokens;
    made.token_stride = type == YARN_RUN ? 0 : 1;
    init_struct(p, "yarn_positions", struct_size, made);
  });
}

YARN_C_API yarn_status yarn_rows_new(yarn_element_type type, yarn_rows** result) {
  using namespace yarn::detail;
  return guarded([&] {
    require_not_null("result", result);
    require_row_type(type);
    *result = std::make_unique<yarn_rows>(type).release();
  });
}

YARN_C_API yarn_status yarn_rows_append(yarn_rows* rows, const yarn_frequencies* f,
                                        const yarn_positions* positions,
                                        const yarn_temperature* temperature) {
  using namespace yarn::detail;
  return guarded([&] {
    require_not_null("rows", rows);
    const auto at = positions_from(positions, value_of(f).n_axes());
    const yarn_temperature t = temperature_from(temperature);
    refuse_axes_with_temperature(at, t);
    if (rows->kernels != f->kernels)
      fail_argument("yarn: rows and frequencies were made with different instruction sets");
    f->kernels->append_rows(rows->part_object, rows->type, f->part_object, at, t);
  });
}
YARN_C_API yarn_status yarn_rows_assign(yarn_rows* rows, const yarn_frequencies* f,
                                        const yarn_positions* positions,
                                        const yarn_temperature* temperature) {
  yarn_rows_clear(rows);
  return yarn_rows_append(rows, f, positions, temperature);
}
YARN_C_API void yarn_rows_clear(yarn_rows* rows) {
  if (rows != nullptr)
    rows->kernels->clear_rows(rows->part_object, rows->type);
}
YARN_C_API yarn_status yarn_rows_get(const yarn_rows* rows, yarn_cos_sin* view) {
  using namespace yarn::detail;
  return guarded([&] {
    require_not_null("rows", rows);
    yarn_cos_sin made{};
    rows->kernels->view_rows(rows->part_object, rows->type, made);
    write_struct(view, "view", made);
  });
}
YARN_C_API void yarn_rows_free(yarn_rows* rows) { delete rows; }

YARN_C_API yarn_status yarn_fill_rows(const yarn_frequencies* f, const yarn_positions* positions,
                                      const yarn_temperature* temperature, yarn_element_type type,
                                      void* cos, void* sin, std::int64_t row_stride,
                                      std::int64_t thread, std::int64_t n_threads) {
  using namespace yarn::detail;
  return guarded([&] {
    require_row_type(type);
    const auto at = positions_from(positions, value_of(f).n_axes());
    const yarn_temperature t = temperature_from(temperature);
    refuse_axes_with_temperature(at, t);
    f->kernels->fill_rows(f->part_object, at, t, type, cos, sin, row_stride, {thread, n_threads});
  });
}

} // extern "C"

#endif

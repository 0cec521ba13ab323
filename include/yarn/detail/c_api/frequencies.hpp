// SPDX-License-Identifier: MIT
// Frequencies of the C API. A handle has the frequencies twice: `value`, for the checks and for the
// functions that make other frequencies, and `part_object`, which a part made from `value`. The
// part makes rows from part_object.
#ifndef YARN_DETAIL_C_API_FREQUENCIES_HPP
#define YARN_DETAIL_C_API_FREQUENCIES_HPP

#include "../../axes.hpp"
#include "../../version.hpp"
#include "parameters.hpp"
#include "shared.hpp"

#include <memory>

struct yarn_frequencies {
  explicit yarn_frequencies(yarn::frequencies made)
      : value(std::move(made)), kernels(&yarn::detail::part_kernels()) {
    part_object = kernels->new_frequencies(
        {value.inv_freq().data(), value.phase_steps().data(), value.axis_of_pair().data(),
         value.n_pairs(), value.n_axes(), value.attention_factor(), value.is_float32_pipeline()});
  }
  yarn_frequencies(const yarn_frequencies&) = delete;
  yarn_frequencies& operator=(const yarn_frequencies&) = delete;
  ~yarn_frequencies() { kernels->free_frequencies(part_object); }

  yarn::frequencies value;
  const yarn::c_api::kernels* kernels; // of the part that made part_object
  void* part_object = nullptr;
};

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline const frequencies& value_of(const yarn_frequencies* f, const char* name = "f") {
  require_not_null(name, f);
  return f->value;
}

// Writes a handle with the frequencies that `make` returns.
template <class Make> yarn_status make_handle(yarn_frequencies** result, const Make& make) {
  return guarded([&] {
    require_not_null("result", result);
    *result = std::make_unique<yarn_frequencies>(make()).release();
  });
}

inline frequencies with_sections(const frequencies& f, const std::int64_t* s, std::int64_t n) {
  require_not_null("sections", s);
  switch (n) {
  case 2:
    return with_axes(f, axis_sections(s[0], s[1]));
  case 3:
    return with_axes(f, axis_sections(s[0], s[1], s[2]));
  case 4:
    return with_axes(f, axis_sections(s[0], s[1], s[2], s[3]));
  default:
    fail_argument("yarn: n_axes = {} must be in [2, 4] for sections; pass a list of axes to "
                  "yarn_with_axes",
                  n);
  }
}

inline array_view<const std::uint8_t> list_of_axes(const std::uint8_t* axis_of_pair,
                                                   std::int64_t n_pairs) {
  require_not_null("axis_of_pair", axis_of_pair);
  if (n_pairs < 0)
    fail_argument("yarn: n_pairs = {} must be >= 0", n_pairs);
  return {axis_of_pair, static_cast<std::size_t>(n_pairs)};
}

inline frequencies join(const yarn_frequencies* const* blocks, std::int64_t n) {
  require_not_null("blocks", blocks);
  if (n < 2 || n > largest_n_axes)
    fail_argument("yarn: n_blocks = {} must be in [2, {}]", n, largest_n_axes);
  const frequencies* values[largest_n_axes];
  for (std::int64_t i = 0; i < n; ++i)
    values[i] = &value_of(blocks[i], "a block");
  return axis_builder::join(values, static_cast<std::size_t>(n));
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

extern "C" {

YARN_C_API const char* yarn_library_version() {
#define YARN_C_API_TEXT_2(x) #x
#define YARN_C_API_TEXT(x) YARN_C_API_TEXT_2(x)
  return YARN_C_API_TEXT(YARN_VERSION_MAJOR) "." YARN_C_API_TEXT(
      YARN_VERSION_MINOR) "." YARN_C_API_TEXT(YARN_VERSION_PATCH);
#undef YARN_C_API_TEXT
#undef YARN_C_API_TEXT_2
}

YARN_C_API yarn_status yarn_method_init(yarn_method* method, std::size_t struct_size,
                                        yarn_method_kind kind) {
  using namespace yarn::detail;
  return guarded(
      [&] { init_struct(method, "yarn_method", struct_size, method_of(default_method(kind))); });
}

YARN_C_API yarn_status yarn_frequencies_make(const yarn_shape* shape, const yarn_method* method,
                                             std::int64_t seq_len, yarn_frequencies** result) {
  using namespace yarn::detail;
  return make_handle(result, [&] {
    return with_method(method, [&](const auto& m) {
      return yarn::make_frequencies(shape_from(shape), m, seq_len);
    });
  });
}

YARN_C_API yarn_status yarn_frequencies_from(const void* inv_freq, yarn_element_type type,
                                             std::int64_t n_pairs, double attention_factor,
                                             yarn_frequencies** result) {
  using namespace yarn::detail;
  return make_handle(result, [&] {
    if (type == YARN_FLOAT64)
      return yarn::frequencies_from(static_cast<const double*>(inv_freq), n_pairs,
                                    attention_factor);
    if (type != YARN_FLOAT32)
      fail_argument("yarn: type = {} of inv_freq is neither YARN_FLOAT32 nor YARN_FLOAT64", type);
    return yarn::frequencies_from(static_cast<const float*>(inv_freq), n_pairs, attention_factor);
  });
}

YARN_C_API yarn_status yarn_frequencies_copy(const yarn_frequencies* f, yarn_frequencies** result) {
  using namespace yarn::detail;
  return make_handle(result, [&] { return value_of(f); });
}
YARN_C_API yarn_status yarn_inverse(const yarn_frequencies* f, yarn_frequencies** result) {
  using namespace yarn::detail;
  return make_handle(result, [&] { return yarn::inverse(value_of(f)); });
}
YARN_C_API yarn_status yarn_adjoint(const yarn_frequencies* f, yarn_frequencies** result) {
  using namespace yarn::detail;
  return make_handle(result, [&] { return yarn::adjoint(value_of(f)); });
}
YARN_C_API yarn_status yarn_unscaled(const yarn_frequencies* f, yarn_frequencies** result) {
  using namespace yarn::detail;
  return make_handle(result, [&] { return yarn::unscaled(value_of(f)); });
}
YARN_C_API yarn_status yarn_float32_pipeline(const yarn_frequencies* f, yarn_frequencies** result) {
  using namespace yarn::detail;
  return make_handle(result, [&] { return yarn::float32_pipeline(value_of(f)); });
}
YARN_C_API yarn_status yarn_rerotation(const yarn_frequencies* from, const yarn_frequencies* to,
                                       yarn_frequencies** result) {
  using namespace yarn::detail;
  return make_handle(result,
                     [&] { return yarn::rerotation(value_of(from, "from"), value_of(to, "to")); });
}

YARN_C_API yarn_status yarn_with_sections(const yarn_frequencies* f, const std::int64_t* sections,
                                          std::int64_t n_axes, yarn_frequencies** result) {
  using namespace yarn::detail;
  return make_handle(result, [&] { return with_sections(value_of(f), sections, n_axes); });
}
YARN_C_API yarn_status yarn_with_interleaved_sections(const yarn_frequencies* f, std::int64_t time,
                                                      std::int64_t height, std::int64_t width,
                                                      yarn_frequencies** result) {
  using namespace yarn::detail;
  return make_handle(result, [&] {
    return yarn::with_axes(value_of(f), yarn::interleaved_sections(time, height, width));
  });
}
YARN_C_API yarn_status yarn_with_axes(const yarn_frequencies* f, const std::uint8_t* axis_of_pair,
                                      std::int64_t n_pairs, std::int64_t n_axes,
                                      yarn_frequencies** result) {
  using namespace yarn::detail;
  return make_handle(result, [&] {
    return yarn::with_axes(value_of(f), list_of_axes(axis_of_pair, n_pairs), n_axes);
  });
}
YARN_C_API yarn_status yarn_joined(const yarn_frequencies* const* blocks, std::int64_t n_blocks,
                                   yarn_frequencies** result) {
  using namespace yarn::detail;
  return make_handle(result, [&] { return join(blocks, n_blocks); });
}

YARN_C_API yarn_status yarn_frequencies_get(const yarn_frequencies* f,
                                            yarn_frequencies_info* info) {
  using namespace yarn::detail;
  return guarded([&] {
    const yarn::frequencies& value = value_of(f);
    yarn_frequencies_info made{};
    made.n_pairs = value.n_pairs();
    made.inv_freq = value.inv_freq().data();
    made.phase_steps = value.phase_steps().data();
    made.zones = frequencies_access::zones(value);
    made.axis_of_pair = value.axis_of_pair().data();
    made.n_axes = value.n_axes();
    made.attention_factor = value.attention_factor();
    made.rope_theta = value.rope_theta();
    const yarn::pair_range range = value.correction_range();
    made.has_correction_range = range.has_value ? 1 : 0;
    made.correction_low = range.has_value ? range.low : 0.0;
    made.correction_high = range.has_value ? range.high : 0.0;
    made.is_float32_pipeline = value.is_float32_pipeline() ? 1 : 0;
    write_struct(info, "info", made);
  });
}
YARN_C_API void yarn_frequencies_free(yarn_frequencies* f) { delete f; }

YARN_C_API yarn_status yarn_softmax_scale(std::int64_t qk_head_dim, const yarn_method* method,
                                          yarn_softmax_convention convention, std::int64_t seq_len,
                                          double* result) {
  using namespace yarn::detail;
  return guarded([&] {
    require_not_null("result", result);
    if (convention != YARN_SOFTMAX_INVERSE_SQRT &&
        convention != YARN_SOFTMAX_MSCALE_ALL_DIM_SQUARED)
      fail_argument("yarn: convention = {} is not a known softmax convention", convention);
    *result = with_method(method, [&](const auto& m) {
      return yarn::softmax_scale(qk_head_dim, m, static_cast<yarn::softmax_convention>(convention),
                                 seq_len);
    });
  });
}

YARN_C_API yarn_status yarn_temperature_init(yarn_temperature* t, std::size_t struct_size,
                                             yarn_temperature_kind kind) {
  using namespace yarn::detail;
  return guarded([&] {
    if (kind < YARN_TEMPERATURE_NONE || kind > YARN_TEMPERATURE_FUNCTION)
      fail_argument("yarn: yarn_temperature.kind = {} is unknown", kind);
    yarn_temperature made = default_temperature();
    made.kind = kind;
    init_struct(t, "yarn_temperature", struct_size, made);
  });
}
YARN_C_API yarn_status yarn_temperature_at(const yarn_temperature* t, std::int64_t position,
                                           double* factor, std::int64_t* next_change) {
  using namespace yarn::detail;
  return guarded([&] {
    require_not_null("yarn_temperature", t);
    double at_position = 1.0;
    std::int64_t changes_at = INT64_MAX;
    with_temperature(temperature_from(t), [&](const auto& temperature) {
      if constexpr (!std::is_same_v<std::decay_t<decltype(temperature)>, no_temperature>) {
        at_position = temperature(position);
        changes_at = temperature.next_change(position);
      }
    });
    if (factor != nullptr)
      *factor = at_position;
    if (next_change != nullptr)
      *next_change = changes_at;
  });
}

} // extern "C"

#endif

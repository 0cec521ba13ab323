// SPDX-License-Identifier: MIT
// Shapes, methods and temperatures of the C API.
#ifndef YARN_DETAIL_C_API_PARAMETERS_HPP
#define YARN_DETAIL_C_API_PARAMETERS_HPP

#include "../../softmax_scale.hpp"
#include "../../temperature.hpp"
#include "status.hpp"

#include <cstddef>
#include <limits>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline rope_shape shape_from(const yarn_shape* given) {
  const auto s = read_struct(given, "yarn_shape", offsetof(yarn_shape, rotary_dim));
  rope_shape shape;
  shape.head_dim = s.head_dim;
  shape.rotary_dim = s.rotary_dim;
  shape.rope_theta = s.rope_theta;
  return shape;
}

// ---- Methods -----------------------------------------------------------------------------------

// Not a comparison with itself, which -ffast-math removes.
inline bool is_absent(double number) {
  return (bit_cast<std::uint64_t>(number) << 1) > (std::uint64_t{0x7ff} << 53);
}
inline optional_number optional_from(double number) {
  return is_absent(number) ? optional_number() : optional_number(number);
}
inline double absent_or(const optional_number& number) {
  return number.has_value() ? number.value() : std::numeric_limits<double>::quiet_NaN();
}
inline factor_list list_from(const char* name, const double* values, std::int64_t n) {
  if (n < 0)
    fail_argument("yarn: {} = {} must be >= 0", name, n);
  return {values, static_cast<std::size_t>(n)};
}

inline void put(yarn_method&, const default_scaling&) {}
inline void put(yarn_method& m, const linear_scaling& from) {
  m.factor = from.factor;
  m.attention_factor = absent_or(from.attention_factor);
}
inline void put(yarn_method& m, const ntk_scaling& from) { m.factor = from.factor; }
inline void put(yarn_method& m, const dynamic_ntk_scaling& from) {
  m.factor = from.factor;
  m.original_max_position_embeddings = from.max_position_embeddings;
}
inline void put(yarn_method& m, const stepped_ntk_scaling& from) {
  m.original_max_position_embeddings = from.original_max_position_embeddings;
  m.training_seqlen = from.training_seqlen;
}
inline void put(yarn_method& m, const ntk_by_parts_scaling& from) {
  m.factor = from.factor;
  m.original_max_position_embeddings = from.original_max_position_embeddings;
  m.beta_fast = from.beta_fast;
  m.beta_slow = from.beta_slow;
}
inline void put(yarn_method& m, const part_ntk_scaling& from) {
  m.factor = from.factor;
  m.original_max_position_embeddings = from.original_max_position_embeddings;
  m.ntk_factor = from.ntk_factor;
  m.extrapolation_factor = from.extrapolation_factor;
}
inline void put(yarn_method& m, const dynamic_part_ntk_scaling& from) {
  m.original_max_position_embeddings = from.original_max_position_embeddings;
  m.ntk_factor = from.ntk_factor;
  m.extrapolation_factor = from.extrapolation_factor;
}
inline void put(yarn_method& m, const yarn_scaling& from) { // dynamic_yarn_scaling, too
  m.factor = from.factor;
  m.original_max_position_embeddings = from.original_max_position_embeddings;
  m.beta_fast = from.beta_fast;
  m.beta_slow = from.beta_slow;
  m.attention_factor = absent_or(from.attention_factor);
  m.attn_factor = from.attn_factor;
  m.mscale = absent_or(from.mscale);
  m.mscale_all_dim = absent_or(from.mscale_all_dim);
  m.extrapolation_factor = from.extrapolation_factor;
  m.truncate = from.truncate ? 1 : 0;
  m.ramp = static_cast<yarn_ramp_kind>(from.ramp);
}
inline void put(yarn_method& m, const llama3_scaling& from) {
  m.factor = from.factor;
  m.low_freq_factor = from.low_freq_factor;
  m.high_freq_factor = from.high_freq_factor;
  m.original_max_position_embeddings = from.original_max_position_embeddings;
}
inline void put(yarn_method& m, const longrope_scaling& from) {
  m.factor = absent_or(from.factor);
  m.original_max_position_embeddings = from.original_max_position_embeddings;
  m.short_factor = from.short_factor.data();
  m.n_short_factor = static_cast<std::int64_t>(from.short_factor.size());
  m.long_factor = from.long_factor.data();
  m.n_long_factor = static_cast<std::int64_t>(from.long_factor.size());
  m.attention_factor = absent_or(from.attention_factor);
  m.short_mscale = absent_or(from.short_mscale);
  m.long_mscale = absent_or(from.long_mscale);
}
inline void put(yarn_method& m, const proportional_scaling& from) {
  m.factor = from.factor;
  m.partial_rotary_factor = from.partial_rotary_factor;
}

inline void take(const yarn_method&, default_scaling&) {}
inline void take(const yarn_method& m, linear_scaling& to) {
  to.factor = m.factor;
  to.attention_factor = optional_from(m.attention_factor);
}
inline void take(const yarn_method& m, ntk_scaling& to) { to.factor = m.factor; }
inline void take(const yarn_method& m, dynamic_ntk_scaling& to) {
  to.factor = m.factor;
  to.max_position_embeddings = m.original_max_position_embeddings;
}
inline void take(const yarn_method& m, stepped_ntk_scaling& to) {
  to.original_max_position_embeddings = m.original_max_position_embeddings;
  to.training_seqlen = m.training_seqlen;
}
inline void take(const yarn_method& m, ntk_by_parts_scaling& to) {
  to.factor = m.factor;
  to.original_max_position_embeddings = m.original_max_position_embeddings;
  to.beta_fast = m.beta_fast;
  to.beta_slow = m.beta_slow;
}
inline void take(const yarn_method& m, part_ntk_scaling& to) {
  to.factor = m.factor;
  to.original_max_position_embeddings = m.original_max_position_embeddings;
  to.ntk_factor = m.ntk_factor;
  to.extrapolation_factor = m.extrapolation_factor;
}
inline void take(const yarn_method& m, dynamic_part_ntk_scaling& to) {
  to.original_max_position_embeddings = m.original_max_position_embeddings;
  to.ntk_factor = m.ntk_factor;
  to.extrapolation_factor = m.extrapolation_factor;
}
inline void take(const yarn_method& m, yarn_scaling& to) {
  to.factor = m.factor;
  to.original_max_position_embeddings = m.original_max_position_embeddings;
  to.beta_fast = m.beta_fast;
  to.beta_slow = m.beta_slow;
  to.attention_factor = optional_from(m.attention_factor);
  to.attn_factor = m.attn_factor;
  to.mscale = optional_from(m.mscale);
  to.mscale_all_dim = optional_from(m.mscale_all_dim);
  to.extrapolation_factor = m.extrapolation_factor;
  to.truncate = m.truncate != 0;
  to.ramp = static_cast<yarn_ramp>(m.ramp);
}
inline void take(const yarn_method& m, llama3_scaling& to) {
  to.factor = m.factor;
  to.low_freq_factor = m.low_freq_factor;
  to.high_freq_factor = m.high_freq_factor;
  to.original_max_position_embeddings = m.original_max_position_embeddings;
}
inline void take(const yarn_method& m, longrope_scaling& to) {
  to.factor = optional_from(m.factor);
  to.original_max_position_embeddings = m.original_max_position_embeddings;
  to.short_factor = list_from("yarn_method.n_short_factor", m.short_factor, m.n_short_factor);
  to.long_factor = list_from("yarn_method.n_long_factor", m.long_factor, m.n_long_factor);
  to.attention_factor = optional_from(m.attention_factor);
  to.short_mscale = optional_from(m.short_mscale);
  to.long_mscale = optional_from(m.long_mscale);
}
inline void take(const yarn_method& m, proportional_scaling& to) {
  to.factor = m.factor;
  to.partial_rotary_factor = m.partial_rotary_factor;
}

// A method of this kind with the defaults of its struct. The kinds have the order of any_scaling.
template <std::size_t I = 0> any_scaling default_method(yarn_method_kind kind) {
  if constexpr (I == std::variant_size_v<any_scaling>)
    fail_argument("yarn: yarn_method.kind = {} is unknown", kind);
  else if (kind == static_cast<yarn_method_kind>(I))
    return std::variant_alternative_t<I, any_scaling>{};
  else
    return default_method<I + 1>(kind);
}

inline yarn_method method_of(const any_scaling& method) {
  const double absent = absent_or({});
  yarn_method m{};
  m.struct_size = sizeof m;
  m.kind = static_cast<yarn_method_kind>(method.index());
  m.attention_factor = m.mscale = m.mscale_all_dim = m.short_mscale = m.long_mscale = absent;
  std::visit([&](const auto& from) { put(m, from); }, method);
  return m;
}

// Refuses a field that the kind of m does not use and that has another value than its default.
inline void refuse_unused_fields(const yarn_method& m, const any_scaling& taken) {
  const yarn_method used = method_of(taken);
  const auto check = [&](const char* field, double given, double kept) {
    if (!(is_absent(given) && is_absent(kept)) &&
        bit_cast<std::uint64_t>(given) != bit_cast<std::uint64_t>(kept))
      fail_argument("yarn: yarn_method.{} = {} is not used by this kind of method (kind = {})",
                    field, given, m.kind);
  };
  const auto check_integer = [&](const char* field, std::int64_t given, std::int64_t kept) {
    if (given != kept)
      fail_argument("yarn: yarn_method.{} = {} is not used by this kind of method (kind = {})",
                    field, given, m.kind);
  };
  check("factor", m.factor, used.factor);
  check("beta_fast", m.beta_fast, used.beta_fast);
  check("beta_slow", m.beta_slow, used.beta_slow);
  check("attention_factor", m.attention_factor, used.attention_factor);
  check("attn_factor", m.attn_factor, used.attn_factor);
  check("mscale", m.mscale, used.mscale);
  check("mscale_all_dim", m.mscale_all_dim, used.mscale_all_dim);
  check("extrapolation_factor", m.extrapolation_factor, used.extrapolation_factor);
  check("ntk_factor", m.ntk_factor, used.ntk_factor);
  check("low_freq_factor", m.low_freq_factor, used.low_freq_factor);
  check("high_freq_factor", m.high_freq_factor, used.high_freq_factor);
  check("partial_rotary_factor", m.partial_rotary_factor, used.partial_rotary_factor);
  check("short_mscale", m.short_mscale, used.short_mscale);
  check("long_mscale", m.long_mscale, used.long_mscale);
  check_integer("original_max_position_embeddings", m.original_max_position_embeddings,
                used.original_max_position_embeddings);
  check_integer("training_seqlen", m.training_seqlen, used.training_seqlen);
  check_integer("n_short_factor", m.n_short_factor, used.n_short_factor);
  check_integer("n_long_factor", m.n_long_factor, used.n_long_factor);
  check_integer("truncate", m.truncate, used.truncate);
  check_integer("ramp", m.ramp, used.ramp);
}

inline freq_factors_scaling<any_scaling> method_from(const yarn_method* given) {
  constexpr std::size_t least = offsetof(yarn_method, factor);
  yarn_method m = read_struct(given, "yarn_method", least);
  any_scaling method = default_method(m.kind);
  m = read_struct(given, "yarn_method", least, method_of(method));
  require_flag("yarn_method.truncate", m.truncate);
  require_flag("yarn_method.ramp", m.ramp);
  require_zero("yarn_method.reserved", m.reserved);
  std::visit([&](auto& to) { take(m, to); }, method);
  refuse_unused_fields(m, method);
  return {method, list_from("yarn_method.n_freq_factors", m.freq_factors, m.n_freq_factors)};
}

// Calls use(method): any_scaling, or a freq_factors_scaling if there are divisors.
template <class Use> decltype(auto) with_method(const yarn_method* given, const Use& use) {
  const freq_factors_scaling<any_scaling> m = method_from(given);
  return m.freq_factors.size() == 0 ? use(m.method) : use(m);
}

// ---- Temperatures ------------------------------------------------------------------------------

inline yarn_temperature default_temperature() {
  yarn_temperature t{};
  t.struct_size = sizeof t;
  t.attn_scale = llama4_temperature{}.attn_scale;
  t.floor_scale = llama4_temperature{}.floor_scale;
  t.beta = ministral_temperature{}.beta;
  return t;
}

// A checked copy. Null: no temperature.
inline yarn_temperature temperature_from(const yarn_temperature* given) {
  if (given == nullptr)
    return default_temperature();
  const auto t = read_struct(given, "yarn_temperature", offsetof(yarn_temperature, attn_scale),
                             default_temperature());
  if (t.kind < YARN_TEMPERATURE_NONE || t.kind > YARN_TEMPERATURE_FUNCTION)
    fail_argument("yarn: yarn_temperature.kind = {} is unknown", t.kind);
  require_zero("yarn_temperature.reserved", t.reserved);
  if (t.kind == YARN_TEMPERATURE_FUNCTION)
    require_not_null("yarn_temperature.function", reinterpret_cast<const void*>(t.function));
  return t;
}

inline yarn_temperature temperature_of(const any_temperature& from) {
  yarn_temperature t = default_temperature();
  t.kind = static_cast<yarn_temperature_kind>(from.index());
  if (const auto* llama4 = std::get_if<llama4_temperature>(&from)) {
    t.attn_scale = llama4->attn_scale;
    t.floor_scale = llama4->floor_scale;
  } else if (const auto* ministral = std::get_if<ministral_temperature>(&from)) {
    t.beta = ministral->beta;
    t.original_max_position_embeddings = ministral->original_max_position_embeddings;
  } else if (const auto* log_n = std::get_if<log_n_temperature>(&from)) {
    t.original_length = log_n->original_length;
  }
  return t;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Models, and the bugs that are put into the tiny engine of each: what yarn/testing.hpp must name.
#ifndef YARN_TESTS_SUPPORT_ENGINE_BUGS_HPP
#define YARN_TESTS_SUPPORT_ENGINE_BUGS_HPP

#include "engine_reports.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace support {

// ---- Models -----------------------------------------------------------------------------------

/// A model with the same frequencies by formulas of the test's own.
struct model {
  std::string name;
  yarn::rope_shape shape;
  yarn::any_scaling method;
  std::int64_t seq_len = 0;
  std::vector<double> inv_freq;
  double factor = 1;
  yarn_numbers yarn{}; // where it is a YaRN model

  std::int64_t dim() const { return shape.rotated(); }
  double width() const { return static_cast<double>(dim()); }
  bool is_yarn() const { return yarn.dim != 0; }
  bool is_partial() const { return dim() < shape.head_dim; }
  bool has_factor() const { return factor < 1 || factor > 1; }
  std::vector<double> plain() const { return powers(shape.rope_theta, dim() / 2, width()); }
};

inline model yarn_model(std::string name, yarn::rope_shape shape, double factor,
                        std::int64_t length, bool truncate = true) {
  yarn::yarn_scaling method;
  method.factor = factor;
  method.original_max_position_embeddings = length;
  method.truncate = truncate;
  model m{std::move(name), shape, method, 0, {}, 0.1 * std::log(factor) + 1};
  m.yarn = {shape.rope_theta, shape.rotated(), factor, static_cast<double>(length)};
  m.yarn.floor_low = m.yarn.ceil_high = truncate;
  m.inv_freq = m.yarn.inv_freq();
  return m;
}

inline std::vector<model> models() {
  std::vector<model> all;
  all.push_back({"default_128", shape_of(128, 1e4), yarn::default_scaling{}, 0, {}});
  all.push_back({"default_80_of_32", shape_of(80, 1e4, 32), yarn::default_scaling{}, 0, {}});
  all.push_back({"default_64", shape_of(64, 5e5), yarn::default_scaling{}, 0, {}});
  for (model& one : all) {
    one.inv_freq = one.plain();
  }
  yarn::linear_scaling linear;
  linear.factor = 4;
  all.push_back({"linear_128", shape_of(128, 1e6), linear, 0, {}});
  all.back().inv_freq = all.back().plain();
  for (double& f : all.back().inv_freq) {
    f /= 4;
  }
  yarn::llama3_scaling llama3;
  llama3.factor = 8;
  llama3.original_max_position_embeddings = 8192;
  all.push_back({"llama3_128", shape_of(128, 5e5), llama3, 0, llama3_inv_freq(5e5, 128, 8, 8192)});
  all.push_back(yarn_model("yarn_x16_128", shape_of(128, 1e4), 16, 4096));
  all.push_back(yarn_model("yarn_x4_partial_64", shape_of(128, 1e6, 64), 4, 32768));
  all.push_back(yarn_model("yarn_x32_no_truncation", shape_of(64, 150000), 32, 4096, false));
  model deepseek = yarn_model("yarn_mscale", shape_of(64, 1e4), 40, 4096);
  auto& method = std::get<yarn::yarn_scaling>(deepseek.method);
  method.mscale = 0.707;
  method.mscale_all_dim = 1.0;
  deepseek.factor = (0.0707 * std::log(40.0) + 1) / (0.1 * std::log(40.0) + 1);
  all.push_back(deepseek);
  return all;
}

inline tiny_engine engine_of(const model& m, yarn::pairing order = yarn::pairing::half_split) {
  tiny_engine engine;
  engine.inv_freq = m.inv_freq;
  engine.cos_factor = engine.sin_factor = m.factor;
  engine.order = engine.output_order = order;
  return engine;
}
inline expectation expected_of(const model& m, yarn::pairing order = yarn::pairing::half_split) {
  return {m.shape, m.method, order, m.seq_len};
}

// ---- Bugs -------------------------------------------------------------------------------------

// Where a bug shows.
inline constexpr unsigned in_table = 1;
inline constexpr unsigned in_rotation = 2;
inline constexpr unsigned in_frequencies = 4;
inline constexpr unsigned in_low_precision = 8; // also in rotations of bfloat16 and float16
inline constexpr unsigned in_rows = in_table | in_rotation | in_low_precision;
inline constexpr unsigned everywhere = in_rows | in_frequencies;

struct bug {
  std::string name;
  diagnosis what;
  unsigned where;
  std::function<bool(const model&)> applies;
  std::function<void(tiny_engine&, const model&)> put_in;
  std::vector<diagnosis> also = {};

  std::vector<diagnosis> wanted() const {
    std::vector<diagnosis> all = {what};
    all.insert(all.end(), also.begin(), also.end());
    return all;
  }
};

inline bool always(const model&) { return true; }
inline bool is_yarn(const model& m) { return m.is_yarn(); }
inline bool is_rounded_yarn(const model& m) { return m.is_yarn() && m.yarn.floor_low; }
inline bool is_partial(const model& m) { return m.is_partial(); }
inline bool has_factor(const model& m) { return m.has_factor(); }
inline bool has_scale(const model& m) { return m.method.index() != 0; }
inline bool is_linear(const model& m) {
  return std::holds_alternative<yarn::linear_scaling>(m.method);
}
inline bool is_llama3(const model& m) {
  return std::holds_alternative<yarn::llama3_scaling>(m.method);
}

inline std::function<void(tiny_engine&, const model&)>
position_bug(const std::function<std::int64_t(std::size_t, std::int64_t)>& position_of) {
  return [position_of](tiny_engine& e, const model&) { e.position_of = position_of; };
}
inline std::function<void(tiny_engine&, const model&)>
yarn_bug(const std::function<void(yarn_numbers&)>& change) {
  return [change](tiny_engine& e, const model& m) {
    yarn_numbers numbers = m.yarn;
    change(numbers);
    e.inv_freq = numbers.inv_freq();
  };
}

inline double factor_of(const model& m) {
  return is_linear(m) ? 4 : is_llama3(m) ? 8 : m.yarn.factor;
}
/// The model's frequencies at another theta or factor.
inline std::vector<double> at(const model& m, double theta, double factor) {
  if (m.is_yarn()) {
    yarn_numbers numbers = m.yarn;
    numbers.theta = theta;
    numbers.factor = factor;
    return numbers.inv_freq();
  }
  if (is_llama3(m)) {
    return llama3_inv_freq(theta, m.dim(), factor, 8192);
  }
  std::vector<double> list = powers(theta, m.dim() / 2, m.width());
  for (double& f : list) {
    f /= is_linear(m) ? factor : 1;
  }
  return list;
}

inline std::vector<bug> bugs() {
  using d = diagnosis;
  using e = tiny_engine;
  std::vector<bug> all;
  const auto add = [&all](std::string name, d what, unsigned where,
                          std::function<bool(const model&)> applies,
                          std::function<void(e&, const model&)> put_in) {
    all.push_back({std::move(name), what, where, std::move(applies), std::move(put_in)});
  };
  // Elements.
  const unsigned rotation = in_rotation | in_low_precision;
  add("other_pairing", d::wrong_pairing, rotation, always, [](e& x, const model&) {
    x.order = x.output_order = x.order == yarn::pairing::half_split ? yarn::pairing::interleaved
                                                                    : yarn::pairing::half_split;
  });
  add("other_output_order", d::wrong_output_order, rotation, always, [](e& x, const model&) {
    x.output_order = x.order == yarn::pairing::half_split ? yarn::pairing::interleaved
                                                          : yarn::pairing::half_split;
  });
  add("turns_the_other_way", d::wrong_direction, in_rows, always,
      [](e& x, const model&) { x.sin_factor = -x.sin_factor; });
  add("sign_of_first", d::sign_of_one_half, rotation, always,
      [](e& x, const model&) { x.sign_of_first = 1; });
  add("sign_of_second", d::sign_of_one_half, rotation, always,
      [](e& x, const model&) { x.sign_of_second = -1; });
  add("overwritten", d::overwritten_input, rotation, always,
      [](e& x, const model&) { x.overwrites = true; });
  add("cos_sin_exchanged", d::cos_sin_exchanged, in_rows, always,
      [](e& x, const model&) { x.exchanged = true; });
  add("rotated_twice", d::rotated_twice, rotation, always, [](e& x, const model&) { x.times = 2; });
  add("back_instead_of_front", d::rotary_offset, rotation, is_partial,
      [](e& x, const model& m) { x.offset = m.shape.head_dim - m.dim(); });
  add("rotates_all", d::rotary_dim, rotation, is_partial, [](e& x, const model& m) {
    x.inv_freq = m.plain();
    while (x.n_pairs() < m.shape.head_dim / 2) {
      x.inv_freq.push_back(
          std::pow(m.shape.rope_theta, -2.0 * static_cast<double>(x.n_pairs()) / m.width()));
    }
    for (std::size_t i = 0; i < m.inv_freq.size(); ++i) {
      x.inv_freq[i] = m.inv_freq[i];
    }
  });
  add("rotates_too_few", d::rotary_dim, rotation, always,
      [](e& x, const model&) { x.inv_freq.resize(x.inv_freq.size() - 4); });
  add(
      "rotates_half_with_its_own_frequencies", d::rotary_dim, everywhere,
      [](const model& m) { return m.method.index() == 0; },
      [](e& x, const model& m) {
        x.inv_freq = powers(m.shape.rope_theta, m.dim() / 4, m.width() / 2);
      });
  add("half_a_head_apart", d::pair_distance, rotation, is_partial,
      [](e& x, const model& m) { x.distance = m.shape.head_dim / 2; });
  add("rest_scaled", d::unrotated_changed, rotation, is_partial,
      [](e& x, const model&) { x.rest_factor = 0; });
  // The attention factor.
  add("factor_missing", d::attention_factor_missing, everywhere, has_factor,
      [](e& x, const model&) { x.cos_factor = x.sin_factor = 1; });
  add("factor_squared", d::attention_factor_squared, everywhere, has_factor,
      [](e& x, const model& m) { x.cos_factor = x.sin_factor = m.factor * m.factor; });
  add("factor_on_cos_only", d::attention_factor_on_one_side, in_rows, has_factor,
      [](e& x, const model&) { x.sin_factor = 1; });
  add("factor_on_sin_only", d::attention_factor_on_one_side, in_rows, has_factor,
      [](e& x, const model&) { x.cos_factor = 1; });
  add("factor_inverted", d::attention_factor_value, everywhere, has_factor,
      [](e& x, const model& m) { x.cos_factor = x.sin_factor = 1 / m.factor; });
  add(
      "factor_where_none_belongs", d::attention_factor_value, everywhere,
      [](const model& m) { return !m.has_factor(); },
      [](e& x, const model&) { x.cos_factor = x.sin_factor = 1.25; });
  // Frequencies.
  add(
      "theta_500000", d::wrong_theta, everywhere,
      [](const model& m) { return m.shape.rope_theta < 2e5; },
      [](e& x, const model& m) { x.inv_freq = at(m, 5e5, factor_of(m)); });
  add(
      "theta_10000", d::wrong_theta, everywhere,
      [](const model& m) { return m.shape.rope_theta > 4e5; },
      [](e& x, const model& m) { x.inv_freq = at(m, 1e4, factor_of(m)); });
  // With a rotary part of half the head it is the same as head_dim for rotary_dim.
  add(
      "exponent_i_over_d", d::wrong_exponent, everywhere,
      [](const model& m) { return m.shape.head_dim != 2 * m.dim(); },
      [](e& x, const model& m) {
        x.inv_freq = at(m, std::sqrt(m.shape.rope_theta), factor_of(m));
      });
  add(
      "over_head_dim", d::frequencies_over_head_dim, everywhere,
      [](const model& m) { return m.is_partial() && m.method.index() == 0; },
      [](e& x, const model& m) {
        x.inv_freq = powers(m.shape.rope_theta, m.dim() / 2, static_cast<double>(m.shape.head_dim));
      });
  add("not_scaled", d::scaling_missing, everywhere, has_scale,
      [](e& x, const model& m) { x.inv_freq = m.plain(); });
  add(
      "linear_for_another", d::wrong_method, everywhere,
      [](const model& m) { return has_scale(m) && !is_linear(m); },
      [](e& x, const model& m) {
        x.inv_freq = m.plain();
        for (double& f : x.inv_freq) {
          f /= factor_of(m);
        }
      });
  add("ntk_for_another", d::wrong_method, everywhere, has_scale, [](e& x, const model& m) {
    const double base = m.shape.rope_theta * std::pow(factor_of(m), m.width() / (m.width() - 2));
    x.inv_freq = powers(base, m.dim() / 2, m.width());
  });
  add("llama3_for_yarn", d::wrong_method, everywhere, is_yarn, [](e& x, const model& m) {
    x.inv_freq = llama3_inv_freq(m.shape.rope_theta, m.dim(), m.yarn.factor, m.yarn.length);
  });
  add("yarn_for_llama3", d::wrong_method, everywhere, is_llama3, [](e& x, const model& m) {
    x.inv_freq = yarn_numbers{m.shape.rope_theta, m.dim(), 8, 8192}.inv_freq();
  });
  add("low_plus_one", d::correction_range, everywhere, is_rounded_yarn,
      yarn_bug([](yarn_numbers& y) { y.low_shift = 1; }));
  add("low_minus_one", d::correction_range, everywhere, is_rounded_yarn,
      yarn_bug([](yarn_numbers& y) { y.low_shift = -1; }));
  add("high_plus_one", d::correction_range, everywhere, is_rounded_yarn,
      yarn_bug([](yarn_numbers& y) { y.high_shift = 1; }));
  add("high_minus_one", d::correction_range, everywhere, is_rounded_yarn,
      yarn_bug([](yarn_numbers& y) { y.high_shift = -1; }));
  add("truncate_confused", d::truncate, everywhere, is_yarn,
      yarn_bug([](yarn_numbers& y) { y.floor_low = y.ceil_high = !y.floor_low; }));
  add("floor_missing", d::truncate, everywhere, is_rounded_yarn,
      yarn_bug([](yarn_numbers& y) { y.floor_low = false; }));
  add("ceil_missing", d::truncate, everywhere, is_rounded_yarn,
      yarn_bug([](yarn_numbers& y) { y.ceil_high = false; }));
  add("scaled_twice", d::factor_twice, everywhere, has_scale, [](e& x, const model& m) {
    x.inv_freq = at(m, m.shape.rope_theta, factor_of(m) * factor_of(m));
  });
  add("divided_once_more", d::factor_twice, everywhere, has_scale, [](e& x, const model& m) {
    for (double& f : x.inv_freq) {
      f /= factor_of(m);
    }
  });
  add("factor_upside_down", d::factor_inverted, everywhere, has_scale,
      [](e& x, const model& m) { x.inv_freq = at(m, m.shape.rope_theta, 1 / factor_of(m)); });
  add("another_factor", d::wrong_factor, everywhere, has_scale,
      [](e& x, const model& m) { x.inv_freq = at(m, m.shape.rope_theta, 6); });
  add("extended_length", d::wrong_original_length, everywhere, is_yarn,
      yarn_bug([](yarn_numbers& y) { y.length *= y.factor; }));
  // Positions.
  add("positions_from_1", d::position_offset, in_rows, always,
      position_bug([](std::size_t, std::int64_t p) { return p + 1; }));
  add("positions_one_less", d::position_offset, in_rows, always,
      position_bug([](std::size_t, std::int64_t p) { return p - 1; }));
  add("positions_from_1000", d::position_offset, in_rows, always,
      position_bug([](std::size_t, std::int64_t p) { return p + 1000; }));
  add("place_in_batch", d::positions_ignored, in_rows, always,
      position_bug([](std::size_t t, std::int64_t) { return static_cast<std::int64_t>(t); }));
  add("int16_positions", d::positions_limited, in_rows, always,
      position_bug([](std::size_t, std::int64_t p) { return p == 131071 ? -1 : p; }));
  add("clamped_positions", d::positions_limited, in_rows, always,
      position_bug([](std::size_t, std::int64_t p) { return std::min(p, std::int64_t{8191}); }));
  // Precision: what 16-bit data hides is none of its business.
  const unsigned precise = in_table | in_rotation;
  add("float32_angles", d::float32_angles, precise, always,
      [](e& x, const model&) { x.round_frequency = x.round_position = x.round_angle = as_float; });
  add("float32_frequencies", d::float32_inv_freq, precise | in_frequencies, always,
      [](e& x, const model&) { x.round_frequency = as_float; });
  add("bfloat16_frequencies", d::inv_freq_16bit, precise | in_frequencies, always,
      [](e& x, const model&) { x.round_frequency = as_bfloat16; });
  add("float16_frequencies", d::inv_freq_16bit, precise | in_frequencies, always,
      [](e& x, const model&) { x.round_frequency = as_float16; });
  add("bfloat16_positions", d::positions_16bit, in_rows, always,
      [](e& x, const model&) { x.round_position = as_bfloat16; });
  add("bfloat16_angles", d::angles_16bit, precise, always,
      [](e& x, const model&) { x.round_angle = as_bfloat16; });
  add(
      "float16_angles", d::angles_16bit, precise, [](const model& m) { return !is_linear(m); },
      [](e& x, const model&) { x.round_angle = as_float16; });
  all.back().also = {d::not_finite}; // 131071 rad is infinite
  add("bfloat16_table", d::table_16bit, precise, always,
      [](e& x, const model&) { x.round_entry = as_bfloat16; });
  add("float16_table", d::table_16bit, precise, always,
      [](e& x, const model&) { x.round_entry = as_float16; });
  return all;
}

} // namespace support

#endif

// SPDX-License-Identifier: MIT
// yarn/testing.hpp names bugs. Each engine of these tests has one mistake, and is checked as a
// table, a rotation and inverse frequencies, where the mistake shows. The report must name this
// mistake, the infinities that it causes, and nothing else.
#include "../support/testing_models.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

using support::engine_of;
using support::expected_of;
using support::model;
using support::models;
using support::tiny_engine;
using yarn::testing::diagnosis;
using yarn::testing::expectation;
using yarn::testing::report;

// ---- The checks of an engine -------------------------------------------------------------------

enum class layout { once, halves, neighbours, packed };

template <class T>
report table_report(const tiny_engine& engine, const expectation& expected, layout how,
                    const yarn::testing::options& o = {}) {
  const std::vector<std::int64_t> list = {0, 1, 2, 3, 61, 1021, 4095, 32767, 131071};
  std::vector<T> cos;
  std::vector<T> sin;
  std::vector<T> packed;
  std::vector<double> c;
  std::vector<double> s;
  const auto add = [](std::vector<T>& to, double value) {
    to.emplace_back();
    yarn::detail::narrow(value, to.back());
  };
  for (std::size_t t = 0; t < list.size(); ++t) {
    engine.row(t, list[t], c, s);
    for (const auto& [from, to] : {std::pair{&c, &cos}, std::pair{&s, &sin}}) {
      for (int copy = 0; copy < (how == layout::halves ? 2 : 1); ++copy) {
        for (const double value : *from) {
          add(*to, value);
          add(packed, value);
          if (how == layout::neighbours) {
            add(*to, value);
          }
        }
      }
    }
  }
  const std::size_t n = list.size();
  if (how == layout::packed) {
    const yarn::rows_view<T> rows = yarn::rows_view<T>::packed(packed.data(), n, engine.n_pairs());
    return yarn::testing::check_rows(expected, rows, yarn::positions(list), o);
  }
  const std::size_t width = cos.size() / n;
  const yarn::rows_view<T> rows{cos.data(), sin.data(), n, width, width};
  return yarn::testing::check_rows(expected, rows, yarn::positions(list), o);
}

report frequency_report(const tiny_engine& engine, const expectation& expected,
                        const yarn::testing::options& o = {}) {
  std::vector<double> list;
  for (const double f : engine.inv_freq) {
    list.push_back(engine.round_frequency(f));
  }
  return yarn::testing::check_inv_freq(expected, list.data(), list.size(), engine.cos_factor, o);
}

/// Whether the report is not ok and has exactly these findings, in any order.
testing::AssertionResult names(const report& r, std::vector<diagnosis> wanted) {
  std::vector<diagnosis> found;
  for (const yarn::testing::finding& one : r.findings) {
    found.push_back(one.what);
  }
  std::sort(found.begin(), found.end());
  std::sort(wanted.begin(), wanted.end());
  if (!r.ok() && found == wanted) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "wanted " << yarn::testing::name_of(wanted[0]) << "\n" << r;
}

// ---- Bugs -------------------------------------------------------------------------------------

// The checks that can find a bug.
constexpr unsigned in_table = 1;
constexpr unsigned in_rotation = 2;
constexpr unsigned in_frequencies = 4;
constexpr unsigned in_low_precision = 8; // also in rotations of bfloat16 and float16
constexpr unsigned in_rows = in_table | in_rotation | in_low_precision;
constexpr unsigned everywhere = in_rows | in_frequencies;

struct bug {
  std::string name;
  diagnosis what;
  unsigned where;
  std::function<bool(const model&)> applies;
  std::function<void(tiny_engine&, const model&)> insert;
  std::vector<diagnosis> also = {};

  std::vector<diagnosis> wanted() const {
    std::vector<diagnosis> all = {what};
    all.insert(all.end(), also.begin(), also.end());
    return all;
  }
};

bool always(const model&) { return true; }
bool is_yarn(const model& m) { return m.is_yarn(); }
bool is_rounded_yarn(const model& m) { return m.is_yarn() && m.yarn.floor_low; }
bool is_partial(const model& m) { return m.is_partial(); }
bool has_factor(const model& m) { return m.has_factor(); }
bool has_scale(const model& m) { return m.method.index() != 0; }
bool is_linear(const model& m) { return std::holds_alternative<yarn::linear_scaling>(m.method); }
bool is_llama3(const model& m) { return std::holds_alternative<yarn::llama3_scaling>(m.method); }

std::function<void(tiny_engine&, const model&)>
position_bug(const std::function<std::int64_t(std::size_t, std::int64_t)>& position_of) {
  return [position_of](tiny_engine& e, const model&) { e.position_of = position_of; };
}
std::function<void(tiny_engine&, const model&)>
yarn_bug(const std::function<void(support::yarn_numbers&)>& change) {
  return [change](tiny_engine& e, const model& m) {
    support::yarn_numbers numbers = m.yarn;
    change(numbers);
    e.inv_freq = numbers.inv_freq();
  };
}

double factor_of(const model& m) { return is_linear(m) ? 4 : is_llama3(m) ? 8 : m.yarn.factor; }
/// The frequencies of a model with another theta or factor.
std::vector<double> at(const model& m, double theta, double factor) {
  if (m.is_yarn()) {
    support::yarn_numbers numbers = m.yarn;
    numbers.theta = theta;
    numbers.factor = factor;
    return numbers.inv_freq();
  }
  if (is_llama3(m)) {
    return support::llama3_inv_freq(theta, m.dim(), factor, 8192);
  }
  std::vector<double> list = support::powers(theta, m.dim() / 2, m.width());
  for (double& f : list) {
    f /= is_linear(m) ? factor : 1;
  }
  return list;
}

std::vector<bug> bugs() {
  using d = diagnosis;
  using e = tiny_engine;
  std::vector<bug> all;
  const auto add = [&all](std::string name, d what, unsigned where,
                          std::function<bool(const model&)> applies,
                          std::function<void(e&, const model&)> insert) {
    all.push_back({std::move(name), what, where, std::move(applies), std::move(insert)});
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
        x.inv_freq = support::powers(m.shape.rope_theta, m.dim() / 4, m.width() / 2);
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
  // If half of the head is rotated, dividing the exponents by head_dim gives the same numbers.
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
        x.inv_freq =
            support::powers(m.shape.rope_theta, m.dim() / 2, static_cast<double>(m.shape.head_dim));
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
    x.inv_freq = support::powers(base, m.dim() / 2, m.width());
  });
  add("llama3_for_yarn", d::wrong_method, everywhere, is_yarn, [](e& x, const model& m) {
    x.inv_freq =
        support::llama3_inv_freq(m.shape.rope_theta, m.dim(), m.yarn.factor, m.yarn.length);
  });
  add("yarn_for_llama3", d::wrong_method, everywhere, is_llama3, [](e& x, const model& m) {
    x.inv_freq = support::yarn_numbers{m.shape.rope_theta, m.dim(), 8, 8192}.inv_freq();
  });
  add("low_plus_one", d::correction_range, everywhere, is_rounded_yarn,
      yarn_bug([](support::yarn_numbers& y) { y.low_shift = 1; }));
  add("low_minus_one", d::correction_range, everywhere, is_rounded_yarn,
      yarn_bug([](support::yarn_numbers& y) { y.low_shift = -1; }));
  add("high_plus_one", d::correction_range, everywhere, is_rounded_yarn,
      yarn_bug([](support::yarn_numbers& y) { y.high_shift = 1; }));
  add("high_minus_one", d::correction_range, everywhere, is_rounded_yarn,
      yarn_bug([](support::yarn_numbers& y) { y.high_shift = -1; }));
  add("truncate_confused", d::truncate, everywhere, is_yarn,
      yarn_bug([](support::yarn_numbers& y) { y.floor_low = y.ceil_high = !y.floor_low; }));
  add("floor_missing", d::truncate, everywhere, is_rounded_yarn,
      yarn_bug([](support::yarn_numbers& y) { y.floor_low = false; }));
  add("ceil_missing", d::truncate, everywhere, is_rounded_yarn,
      yarn_bug([](support::yarn_numbers& y) { y.ceil_high = false; }));
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
      yarn_bug([](support::yarn_numbers& y) { y.length *= y.factor; }));
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
  // Precision. 16-bit data hides most of these mistakes.
  const unsigned precise = in_table | in_rotation;
  add("float32_angles", d::float32_angles, precise, always, [](e& x, const model&) {
    x.round_frequency = x.round_position = x.round_angle = support::as_float;
  });
  add("float32_frequencies", d::float32_inv_freq, precise | in_frequencies, always,
      [](e& x, const model&) { x.round_frequency = support::as_float; });
  add("bfloat16_frequencies", d::inv_freq_16bit, precise | in_frequencies, always,
      [](e& x, const model&) { x.round_frequency = support::as_bfloat16; });
  add("float16_frequencies", d::inv_freq_16bit, precise | in_frequencies, always,
      [](e& x, const model&) { x.round_frequency = support::as_float16; });
  add("bfloat16_positions", d::positions_16bit, in_rows, always,
      [](e& x, const model&) { x.round_position = support::as_bfloat16; });
  add("bfloat16_angles", d::angles_16bit, precise, always,
      [](e& x, const model&) { x.round_angle = support::as_bfloat16; });
  add(
      "float16_angles", d::angles_16bit, precise, [](const model& m) { return !is_linear(m); },
      [](e& x, const model&) { x.round_angle = support::as_float16; });
  all.back().also = {d::not_finite}; // 131071 rad is infinity in float16
  add("bfloat16_table", d::table_16bit, precise, always,
      [](e& x, const model&) { x.round_entry = support::as_bfloat16; });
  add("float16_table", d::table_16bit, precise, always,
      [](e& x, const model&) { x.round_entry = support::as_float16; });
  return all;
}

// ---- Each bug in each model -------------------------------------------------------------------

struct case_of_bug {
  model in;
  bug mistake;
};
void PrintTo(const case_of_bug& one, std::ostream* out) { // NOLINT: GoogleTest's name
  *out << one.mistake.name << " in " << one.in.name;
}

std::vector<case_of_bug> cases() {
  std::vector<case_of_bug> all;
  for (const bug& each : bugs()) {
    for (const model& one : models()) {
      if (each.applies(one)) {
        all.push_back({one, each});
      }
    }
  }
  return all;
}

class testing_bugs : public testing::TestWithParam<case_of_bug> {};

TEST_P(testing_bugs, are_named_in_tables) {
  const auto& [m, mistake] = GetParam();
  if ((mistake.where & in_table) == 0) {
    return; // This bug is in the rotation only.
  }
  tiny_engine engine = engine_of(m);
  const expectation expected = expected_of(m);
  ASSERT_TRUE(table_report<float>(engine, expected, layout::once));
  mistake.insert(engine, m);
  EXPECT_TRUE(names(table_report<float>(engine, expected, layout::once), mistake.wanted()));
  EXPECT_TRUE(names(table_report<double>(engine, expected, layout::once), mistake.wanted()));
  if (m.name != "yarn_x16_128") {
    return; // The memory layout of a table does not depend on the model.
  }
  EXPECT_TRUE(names(table_report<float>(engine, expected, layout::halves), mistake.wanted()));
  EXPECT_TRUE(names(table_report<double>(engine, expected, layout::neighbours), mistake.wanted()));
  EXPECT_TRUE(names(table_report<float>(engine, expected, layout::packed), mistake.wanted()));
}

TEST_P(testing_bugs, are_named_in_rotations) {
  const auto& [m, mistake] = GetParam();
  if ((mistake.where & in_rotation) == 0) {
    return;
  }
  for (const yarn::pairing order : {yarn::pairing::half_split, yarn::pairing::interleaved}) {
    tiny_engine engine = engine_of(m, order);
    const expectation expected = expected_of(m, order);
    ASSERT_TRUE(yarn::testing::check_rotation<float>(expected, engine));
    mistake.insert(engine, m);
    if (mistake.what == diagnosis::pair_distance && order == yarn::pairing::interleaved) {
      continue; // Interleaved pairs have no such distance.
    }
    EXPECT_TRUE(names(yarn::testing::check_rotation<float>(expected, engine), mistake.wanted()));
    if (order == yarn::pairing::interleaved) {
      continue; // One pairing is enough here.
    }
    EXPECT_TRUE(names(yarn::testing::check_rotation<double>(expected, engine), mistake.wanted()));
    if ((mistake.where & in_low_precision) != 0) {
      EXPECT_TRUE(
          names(yarn::testing::check_rotation<yarn::float16>(expected, engine), mistake.wanted()));
      EXPECT_TRUE(
          names(yarn::testing::check_rotation<yarn::bfloat16>(expected, engine), mistake.wanted()));
    }
  }
}

TEST_P(testing_bugs, are_named_in_frequencies) {
  const auto& [m, mistake] = GetParam();
  if ((mistake.where & in_frequencies) == 0) {
    return;
  }
  tiny_engine engine = engine_of(m);
  ASSERT_TRUE(frequency_report(engine, expected_of(m)));
  mistake.insert(engine, m);
  EXPECT_TRUE(names(frequency_report(engine, expected_of(m)), mistake.wanted()));
}

INSTANTIATE_TEST_SUITE_P(all, testing_bugs, testing::ValuesIn(cases()), [](const auto& each) {
  return each.param.mistake.name + "_in_" + each.param.in.name;
});

} // namespace

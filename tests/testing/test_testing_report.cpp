// SPDX-License-Identifier: MIT
// What a report of yarn/testing.hpp says: its verdict under tolerances, its words, the formats that
// it knows; and the calls that are refused.
#include "../support/engine_reports.hpp"
#include "../support/expect_error.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using support::engine_of;
using support::expected_yarn;
using support::is_right;
using support::names;
using support::rows_report;
using support::tiny_engine;
using yarn::testing::diagnosis;
using yarn::testing::expectation;
using yarn::testing::options;
using yarn::testing::report;

// ---- Tolerances -------------------------------------------------------------------------------

TEST(check_rotation, under_a_tolerance_passes_only_what_has_no_name) {
  const expectation expected = expected_yarn();
  tiny_engine engine = engine_of(expected.frequencies(), yarn::pairing::half_split);
  engine.round_frequency = engine.round_angle = support::as_float;
  options o;
  o.tolerance = 1e-2;
  EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(expected, engine, o),
                       {diagnosis::float32_angles}));
  o.tolerance = 1e-4;
  EXPECT_TRUE(names(yarn::testing::check_rotation<float>(expected, engine, o),
                    {diagnosis::float32_angles}));
  o.tolerance = 3;
  engine.cos_factor = engine.sin_factor = 1;
  EXPECT_TRUE(names(yarn::testing::check_rotation<float>(expected, engine, o),
                    {diagnosis::attention_factor_missing, diagnosis::float32_angles}));
  o = {};
  o.accept_float32_angles = true;
  EXPECT_TRUE(names(yarn::testing::check_rotation<float>(expected, engine, o),
                    {diagnosis::attention_factor_missing, diagnosis::float32_angles}));
  o = {};
  o.tolerance = 1e-9;
  engine = engine_of(expected.frequencies(), yarn::pairing::half_split);
  EXPECT_TRUE(
      names(yarn::testing::check_rotation<float>(expected, engine, o), {diagnosis::unexplained}));
  o.accept_float32_angles = true; // right arithmetic has no float32 angles to accept
  EXPECT_TRUE(
      names(yarn::testing::check_rotation<float>(expected, engine, o), {diagnosis::unexplained}));
  o = {};
  o.tolerance = 1e-3; // cos and sin by a coarse approximation
  engine.round_entry = [](double x) { return x + 1e-4 * std::sin(1e3 * x); };
  EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(expected, engine, o)));
  EXPECT_FALSE(yarn::testing::check_rotation<float>(expected, engine));
}

// ---- Formats ----------------------------------------------------------------------------------

template <class T> report rotation_of_type(const expectation& expected, const tiny_engine& engine) {
  return yarn::testing::check_rotation<T>(expected, engine);
}

TEST(check_rotation, of_any_element_format_names_it_and_allows_its_rounding) {
  const expectation expected = expected_yarn();
  const tiny_engine engine = engine_of(expected.frequencies(), yarn::pairing::half_split);
  const struct {
    report r;
    const char* name;
    double tolerance;
  } cases[] = {
      {rotation_of_type<double>(expected, engine), "float64", 0x1p-42},
      {rotation_of_type<float>(expected, engine), "float32", 8 * 0x1p-24},
      {rotation_of_type<yarn::float16>(expected, engine), "float16", 4 * 0x1p-11},
      {rotation_of_type<yarn::bfloat16>(expected, engine), "bfloat16", 4 * 0x1p-8},
      {rotation_of_type<yarn::float8_e4m3>(expected, engine), "float8_e4m3", 1.02 * 0x1p-4},
  };
  for (const auto& [r, name, tolerance] : cases) {
    EXPECT_TRUE(is_right(r));
    EXPECT_EQ(r.subject,
              "rotation of " + std::string(name) + ", 9 positions, 4 heads of 128 elements");
    EXPECT_DOUBLE_EQ(r.tolerance, tolerance) << name;
    EXPECT_LE(r.max_error, tolerance) << name;
  }
}

// A table of 8 bits is known to 6 % only, and still shows what is wrong.
TEST(check_rows, of_float8_passes_right_rows_and_names_mistakes) {
  const expectation expected = expected_yarn();
  const std::vector<std::int64_t> list = {0, 1, 2, 3, 61, 1021, 4095};
  tiny_engine e = engine_of(expected.frequencies(), yarn::pairing::half_split);
  const report right = rows_report<yarn::float8_e4m3>(e, expected, list);
  EXPECT_TRUE(is_right(right));
  EXPECT_EQ(right.subject, "table of float8_e4m3, 7 positions, 64 entries each of cos and sin");
  EXPECT_DOUBLE_EQ(right.tolerance, 1.02 * 0x1p-4);
  EXPECT_DOUBLE_EQ(right.max_error_ulp, right.max_error * 16);
  e.cos_factor = e.sin_factor = 1;
  EXPECT_TRUE(names(rows_report<yarn::float8_e4m3>(e, expected, list),
                    {diagnosis::attention_factor_missing}));
  e = engine_of(expected.frequencies(), yarn::pairing::half_split);
  e.inv_freq = support::powers(1e4, 64, 128);
  EXPECT_TRUE(
      names(rows_report<yarn::float8_e4m3>(e, expected, list), {diagnosis::scaling_missing}));
}

TEST(check_rotation, of_float8_names_mistakes) {
  const expectation expected = expected_yarn();
  const tiny_engine right = engine_of(expected.frequencies(), yarn::pairing::half_split);
  tiny_engine e = right;
  e.cos_factor = e.sin_factor = 1;
  EXPECT_TRUE(names(rotation_of_type<yarn::float8_e4m3>(expected, e),
                    {diagnosis::attention_factor_missing}));
  e = right;
  e.order = e.output_order = yarn::pairing::interleaved;
  EXPECT_TRUE(names(rotation_of_type<yarn::float8_e4m3>(expected, e), {diagnosis::wrong_pairing}));
  e = right;
  e.inv_freq = support::powers(1e4, 64, 128);
  EXPECT_TRUE(
      names(rotation_of_type<yarn::float8_e4m3>(expected, e), {diagnosis::scaling_missing}));
}

// ---- Calls that are refused -------------------------------------------------------------------

constexpr float two_numbers[2] = {1, 0};
constexpr const float* no_numbers = nullptr;
constexpr std::int32_t two_positions[2] = {0, 1};
constexpr std::int64_t far_positions[2] = {0, (std::int64_t{1} << 31) + 1};

TEST(check_rotation, with_options_out_of_range_throws) {
  const auto expect_refused = [](const options& o, const char* message) {
    const auto engine = [](const yarn::heads_view<float>&, const std::vector<std::int32_t>&) {};
    support::expect_error<std::invalid_argument>(
        [&] { yarn::testing::check_rotation<float>(expected_yarn(), engine, o); }, {message});
  };
  options o;
  o.tolerance = -1;
  expect_refused(o,
                 "yarn: testing::options.tolerance = -1 must be finite and >= 0 (0: by the type)");
  o = {};
  o.n_heads = 0;
  expect_refused(o, "yarn: testing::options.n_heads = 0 must be in [1, 1024]");
  o = {};
  o.max_position = -1;
  expect_refused(o, "yarn: testing: the largest position = -1 must be in [0, 2^31]");
}

TEST(check_rows, of_views_and_positions_that_do_not_fit_throws) {
  const auto check = [](std::int64_t n_rows, std::int64_t n_pairs, const auto* list) {
    yarn::testing::check_rows(expected_yarn(),
                              yarn::rows_view<float>(two_numbers, two_numbers, n_rows, n_pairs, 1),
                              yarn::positions(list, 2));
  };
  support::expect_error<std::invalid_argument>(
      [&] { check(1, 1, two_positions); },
      {"yarn: testing: 2 positions for n_rows = 1; they must be as many, and > 0"});
  support::expect_error<std::invalid_argument>(
      [&] { check(2, 2, two_positions); },
      {"yarn: testing: n_pairs = 2 must be > 0 and at most row_stride = 1"});
  support::expect_error<std::out_of_range>([&] { check(2, 1, far_positions); },
                                           {"yarn: position 2147483649 of token 1"});
}

TEST(check_table, of_null_or_of_no_rows_throws) {
  const expectation e = expected_yarn();
  support::expect_error<std::invalid_argument>(
      [&] {
        yarn::testing::check_table(e, yarn::table_view<float>(no_numbers, two_numbers, 1, 1, 1));
      },
      {"yarn: testing: cos or sin is null"});
  support::expect_error<std::invalid_argument>(
      [&] {
        yarn::testing::check_table(e, yarn::table_view<float>(two_numbers, two_numbers, 0, 1, 1));
      },
      {"yarn: testing: n_rows = 0 of the table must be > 0"});
}

TEST(check_inv_freq, of_null_or_of_no_pairs_throws) {
  const expectation e = expected_yarn();
  support::expect_error<std::invalid_argument>(
      [&] { yarn::testing::check_inv_freq(e, no_numbers, 64); },
      {"yarn: testing: inv_freq is null"});
  support::expect_error<std::invalid_argument>(
      [&] { yarn::testing::check_inv_freq(e, two_numbers, 0); },
      {"yarn: testing: n_pairs = 0 must be in [1, 2^23]"});
}

TEST(check_rotated, of_null_or_of_positions_too_far_throws) {
  const expectation e = expected_yarn();
  const std::vector<float> tensor(256, 1.0F);
  const yarn::heads_view<const float> two_tokens(tensor.data(), 2, 1, 128);
  const yarn::heads_view<const float> nowhere(no_numbers, 2, 1, 128);
  support::expect_error<std::out_of_range>(
      [&] {
        yarn::testing::check_rotated(e, two_tokens, two_tokens, yarn::positions(far_positions, 2));
      },
      {"yarn: position 2147483649 of token 1"});
  for (const auto& [before, after] :
       {std::pair{two_tokens, nowhere}, std::pair{nowhere, two_tokens}}) {
    support::expect_error<std::invalid_argument>(
        [before = before, after = after, &e] {
          yarn::testing::check_rotated(e, before, after, yarn::positions(two_positions, 2));
        },
        {"yarn: testing: before or after is null"});
  }
}

TEST(expectation, of_no_theta_or_of_an_offset_beyond_the_head_throws) {
  yarn::rope_shape no_theta;
  no_theta.head_dim = 64;
  support::expect_error<std::invalid_argument>(
      [&] { expectation(no_theta, yarn::default_scaling{}, yarn::pairing::half_split); },
      {"yarn: rope_shape.rope_theta = 0 is not set"});
  support::expect_error<std::invalid_argument>(
      [&] { expected_yarn().with_rotary_offset(1); },
      {"yarn: testing: rotary_offset = 1 must be in [0, head_dim - rotary_dim = 0]"});
}

// ---- Words ------------------------------------------------------------------------------------

// The errors of frequencies are relative to each of them, not to the amplitude.
TEST(check_inv_freq, of_a_wrong_number_says_what_the_error_is_relative_to) {
  const expectation expected = expected_yarn();
  std::vector<double> list = engine_of(expected.frequencies(), yarn::pairing::half_split).inv_freq;
  const double factor = expected.frequencies().attention_factor();
  const auto text_of = [&](double attention_factor) {
    return yarn::testing::check_inv_freq(expected, list.data(), list.size(), attention_factor)
        .text();
  };
  EXPECT_EQ(text_of(factor).find("64 inverse frequencies of float64: ok; largest error"), 0U);
  EXPECT_NE(text_of(2 * factor).find("largest error 1 of the attention factor"), std::string::npos)
      << text_of(2 * factor);
  list[63] *= 1.5;
  for (const double with : {factor, 1.25 * factor}) {
    const std::string text = text_of(with);
    EXPECT_NE(text.find("largest error 0.5 of the frequency"), std::string::npos) << text;
    EXPECT_NE(text.find("; pair 63 should turn by"), std::string::npos) << text;
  }
  const std::string text = text_of(2 * factor);
  EXPECT_NE(text.find("largest error 1 of the attention factor"), std::string::npos) << text;
  EXPECT_NE(text.find("; pair 63 should turn by"), std::string::npos) << text;
}

TEST(report, says_what_is_wrong_and_where) {
  const expectation expected = expected_yarn();
  tiny_engine engine = engine_of(expected.frequencies(), yarn::pairing::half_split);
  engine.cos_factor = engine.sin_factor = 1;
  const report r = rows_report<float>(engine, expected, {0, 1, 4095});
  std::ostringstream out;
  out << r;
  EXPECT_EQ(out.str(), r.text());
  const std::string text = r.text();
  for (const char* const part :
       {"table of float32, 3 positions, 64 entries each of cos and sin: NOT OK",
        "largest error 0.217 of the amplitude", "allowed 2.38e-07",
        "attention_factor_missing: cos and sin lack the attention factor 1.27725887",
        "(with that the error is"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_LT(r.explained_error, 1e-7);
}

TEST(name_of, gives_every_diagnosis_its_own_name) {
  std::vector<std::string> all;
  for (int i = 0; i <= static_cast<int>(diagnosis::unexplained); ++i) {
    all.emplace_back(yarn::testing::name_of(static_cast<diagnosis>(i)));
  }
  EXPECT_STREQ(yarn::testing::name_of(diagnosis::wrong_pairing), "wrong_pairing");
  EXPECT_STREQ(yarn::testing::name_of(diagnosis::wrong_theta), "wrong_theta");
  EXPECT_STREQ(yarn::testing::name_of(diagnosis::truncate), "truncate");
  EXPECT_STREQ(yarn::testing::name_of(diagnosis::position_offset), "position_offset");
  EXPECT_STREQ(yarn::testing::name_of(diagnosis::float32_angles), "float32_angles");
  EXPECT_STREQ(yarn::testing::name_of(diagnosis::unexplained), "unexplained");
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
}

TEST(telling_positions, are_never_powers_of_two_from_4_on) {
  for (const std::int64_t largest : {5, 4096, 131072, 1048576, 131071, 2147483647}) {
    const std::vector<std::int64_t> list = yarn::testing::detail::telling_positions(largest);
    EXPECT_LE(list.back(), largest);
    EXPECT_GE(list.back(), largest - 1);
    for (const std::int64_t position : list) {
      EXPECT_TRUE(position < 4 || (position & (position - 1)) != 0) << position;
    }
  }
}

} // namespace

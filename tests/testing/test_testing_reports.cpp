// SPDX-License-Identifier: MIT
// yarn/testing.hpp: engines with several mistakes, wrong arguments, and the text of reports.
#include "../support/engine_reports.hpp"
#include "../support/expect_error.hpp"
#include "../support/model_methods.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using support::engine_of;
using support::is_right;
using support::names;
using support::rows_report;
using support::tiny_engine;
using yarn::testing::diagnosis;
using yarn::testing::expectation;
using yarn::testing::options;
using yarn::testing::report;

// ---- Several mistakes at once -----------------------------------------------------------------

yarn::yarn_scaling yarn_x16() {
  yarn::yarn_scaling method;
  method.factor = 16;
  method.original_max_position_embeddings = 4096;
  return method;
}
expectation expected_yarn(yarn::pairing order = yarn::pairing::half_split) {
  return {support::shape_of(128, 1e4), yarn_x16(), order};
}

TEST(combined_mistakes, are_all_named) {
  const expectation expected = expected_yarn();
  const tiny_engine right = engine_of(expected.frequencies(), yarn::pairing::half_split);
  const auto check = [&](const tiny_engine& engine) {
    return yarn::testing::check_rotation<float>(expected, engine);
  };
  tiny_engine e = right;
  e.inv_freq = support::yarn_numbers{5e5, 128, 16, 4096}.inv_freq();
  e.round_frequency = e.round_angle = support::as_float;
  EXPECT_TRUE(names(check(e), {diagnosis::wrong_theta, diagnosis::float32_angles}));
  e.order = e.output_order = yarn::pairing::interleaved;
  EXPECT_TRUE(names(check(e),
                    {diagnosis::wrong_pairing, diagnosis::wrong_theta, diagnosis::float32_angles}));
  e = right;
  e.order = e.output_order = yarn::pairing::interleaved;
  e.cos_factor = e.sin_factor = 1;
  EXPECT_TRUE(names(check(e), {diagnosis::wrong_pairing, diagnosis::attention_factor_missing}));
  e = right;
  e.cos_factor = e.sin_factor = 1;
  e.position_of = [](std::size_t, std::int64_t p) { return p + 1; };
  EXPECT_TRUE(names(check(e), {diagnosis::attention_factor_missing, diagnosis::position_offset}));
  e = right;
  e.inv_freq = support::powers(1e4, 64, 128);
  e.sin_factor = -e.sin_factor;
  EXPECT_TRUE(names(check(e), {diagnosis::scaling_missing, diagnosis::wrong_direction}));
  e.sin_factor = -e.sin_factor;
  e.position_of = [](std::size_t, std::int64_t p) { return p - 1; };
  EXPECT_TRUE(names(check(e), {diagnosis::scaling_missing, diagnosis::position_offset}));
  e = right;
  e.round_entry = support::as_bfloat16;
  e.inv_freq = support::yarn_numbers{1e4, 128, 16, 4096, 32, 1, true, true, 1}.inv_freq();
  EXPECT_TRUE(names(check(e), {diagnosis::correction_range, diagnosis::table_16bit}));
  e = right;
  e.inv_freq.resize(48);
  e.cos_factor = e.sin_factor = 1;
  EXPECT_TRUE(names(check(e), {diagnosis::rotary_dim, diagnosis::attention_factor_missing}));
}

TEST(combined_mistakes, that_differ_between_q_and_k_are_named) {
  const expectation expected = expected_yarn();
  const tiny_engine right = engine_of(expected.frequencies(), yarn::pairing::half_split);
  tiny_engine other = right;
  EXPECT_TRUE(is_right(yarn::testing::check_rotations<float>(expected, right, other)));
  other.cos_factor = other.sin_factor = 1;
  for (const report& r : {yarn::testing::check_rotations<float>(expected, right, other),
                          yarn::testing::check_rotations<float>(expected, other, right)}) {
    EXPECT_TRUE(names(r, {diagnosis::attention_factor_on_one_side}));
  }
  EXPECT_TRUE(names(yarn::testing::check_rotations<float>(expected, other, other),
                    {diagnosis::attention_factor_missing}));
  tiny_engine squared = right; // The scores are right, but the cached keys are not.
  squared.cos_factor = squared.sin_factor = right.cos_factor * right.cos_factor;
  EXPECT_TRUE(
      names(yarn::testing::check_rotations<float>(expected, squared, other),
            {diagnosis::attention_factor_on_one_side, diagnosis::attention_factor_on_one_side}));
  other = right;
  other.order = other.output_order = yarn::pairing::interleaved;
  const report r = yarn::testing::check_rotations<float>(expected, right, other);
  EXPECT_TRUE(names(r, {diagnosis::wrong_pairing}));
  EXPECT_NE(r.text().find("k: pairs are interleaved"), std::string::npos) << r;
}

TEST(check_rotation, finds_state_that_a_first_call_leaves) {
  const expectation expected = expected_yarn();
  const tiny_engine right = engine_of(expected.frequencies(), yarn::pairing::half_split);
  int n_calls = 0;
  const auto forgets = [&](const yarn::heads_view<float>& x,
                           const std::vector<std::int64_t>& list) {
    tiny_engine now = right;
    if (++n_calls > 1) {
      now.inv_freq = support::powers(1e4, 64, 128);
    }
    now(x, list);
  };
  EXPECT_FALSE(yarn::testing::check_rotation<float>(expected, forgets));
}

// With one head, each pairing has rows of cos and sin that give the rotated numbers. The report
// takes the pairing whose rows it can explain.
TEST(check_rotated, one_head_is_enough) {
  const expectation expected = expected_yarn();
  const expectation other = expected_yarn(yarn::pairing::interleaved);
  const tiny_engine engine = engine_of(expected.frequencies(), yarn::pairing::half_split);
  const std::vector<std::int64_t> list = {0, 1, 2, 3, 61, 1021, 4095, 32767};
  std::vector<float> before;
  for (std::size_t i = 0; i < list.size() * 128; ++i) {
    before.push_back(static_cast<float>(i * 7919 % 1009 + 100) * 0x1p-10F);
  }
  std::vector<float> after(before.size());
  const yarn::heads_view<const float> x{before.data(), list.size(), 1, 128};
  const yarn::heads_view<float> y{after.data(), list.size(), 1, 128};
  engine(x, y, list);
  EXPECT_TRUE(is_right(yarn::testing::check_rotated(expected, x, y, yarn::positions(list))));
  EXPECT_TRUE(names(yarn::testing::check_rotated(other, x, y, yarn::positions(list)),
                    {diagnosis::wrong_pairing}));
  const yarn::heads_view<float> shorter{after.data(), list.size() - 1, 1, 128};
  support::expect_error<std::invalid_argument>(
      [&] { yarn::testing::check_rotated(expected, x, shorter, yarn::positions(list)); },
      {"yarn: testing: before is [8][1][128], after [7][1][128], with 8 positions"});
  const yarn::heads_view<float> narrow{after.data(), list.size(), 2, 64};
  support::expect_error<std::invalid_argument>(
      [&] { yarn::testing::check_rotated(expected, narrow, narrow, yarn::positions(list)); },
      {"yarn: testing: head_dim = 64 must be rope_shape.head_dim = 128"});
}

// Comparisons with NaN are false, and every rotation turns zeros into zeros.
TEST(check_rotated, nan_fails_and_zeros_are_refused) {
  const expectation expected = expected_yarn();
  const std::vector<std::int64_t> list = {1, 4095};
  std::vector<float> before(256, 1.0F), after(256, 1.0F);
  const yarn::heads_view<const float> x{before.data(), 2, 1, 128};
  const yarn::heads_view<const float> y{after.data(), 2, 1, 128};
  for (const float value : {NAN, INFINITY}) {
    std::fill(before.begin(), before.begin() + 192, value);
    EXPECT_FALSE(yarn::testing::check_rotated(expected, x, y, yarn::positions(list))) << value;
  }
  std::fill(before.begin(), before.end(), 0.0F);
  std::fill(after.begin(), after.end(), 0.0F);
  support::expect_error<std::invalid_argument>(
      [&] { yarn::testing::check_rotated(expected, x, y, yarn::positions(list)); },
      {"before is all zeros"});
}

// The list of longrope has a number for each pair, and ntk needs more than one pair.
TEST(combined_mistakes, another_rotary_dim_is_named_for_methods_that_restrict_it) {
  yarn::rope_shape shape;
  shape.head_dim = 32;
  shape.rope_theta = 1e4;
  yarn::longrope_scaling longrope;
  longrope.short_factor = longrope.long_factor = {1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2};
  longrope.original_max_position_embeddings = 4096;
  longrope.attention_factor = 1.0;
  yarn::ntk_scaling ntk;
  ntk.factor = 4;
  const std::vector<float> few(1, 1.0F), some(8, 0.5F);
  const expectation by_list{shape, longrope, yarn::pairing::half_split, 4096};
  EXPECT_TRUE(
      yarn::testing::check_inv_freq(by_list, some.data(), some.size()).has(diagnosis::rotary_dim));
  const expectation by_base{shape, ntk, yarn::pairing::half_split};
  EXPECT_TRUE(
      yarn::testing::check_inv_freq(by_base, few.data(), few.size()).has(diagnosis::rotary_dim));
}

TEST(combined_mistakes, that_no_diagnosis_explains_are_reported_as_unexplained) {
  const expectation expected = expected_yarn();
  const auto noise = [](const yarn::heads_view<float>& x, const std::vector<std::int64_t>& list) {
    const std::int64_t n = static_cast<std::int64_t>(list.size()) * x.n_heads() * x.head_dim();
    for (std::int64_t i = 0; i < n; ++i) {
      x.data()[i] = static_cast<float>(i * 7919 % 1009) * 0x1p-10F;
    }
  };
  EXPECT_TRUE(
      names(yarn::testing::check_rotation<float>(expected, noise), {diagnosis::unexplained}));
  const auto nothing = [](const yarn::heads_view<float>&, const std::vector<std::int64_t>&) {};
  EXPECT_FALSE(yarn::testing::check_rotation<float>(expected, nothing));
  const auto nan = [](const yarn::heads_view<float>& x, const std::vector<std::int64_t>&) {
    x.data()[5] = std::numeric_limits<float>::quiet_NaN();
  };
  EXPECT_TRUE(yarn::testing::check_rotation<float>(expected, nan).has(diagnosis::not_finite));
  tiny_engine nudged = engine_of(expected.frequencies(), yarn::pairing::half_split);
  nudged.inv_freq[20] *= 1.5;
  const report r = yarn::testing::check_rotation<float>(expected, nudged);
  EXPECT_TRUE(names(r, {diagnosis::unexplained}));
  EXPECT_NE(r.text().find("pair 20 turns by"), std::string::npos) << r;
}

TEST(check_rows, copies_that_differ_are_named) {
  const expectation expected = expected_yarn();
  tiny_engine engine = engine_of(expected.frequencies(), yarn::pairing::half_split);
  for (std::size_t i = 0; i < 64; ++i) {
    engine.inv_freq.push_back(engine.inv_freq[i]);
  }
  engine.inv_freq[100] *= 2;
  EXPECT_TRUE(
      names(rows_report<float>(engine, expected, {0, 1, 7, 4095}), {diagnosis::halves_differ}));
}

// ---- Dynamic methods --------------------------------------------------------------------------

TEST(wrong_lengths, are_named) {
  for (const support::model_method& m : support::model_methods()) {
    if (m.name != "longrope_long" && m.name != "dynamic_ntk" && m.name != "dynamic_yarn") {
      continue;
    }
    const expectation expected(m.shape, m.method, yarn::pairing::half_split, m.seq_len);
    const yarn::frequencies before = yarn::make_frequencies(m.shape, m.method, 4096);
    const tiny_engine engine = engine_of(before, yarn::pairing::half_split);
    const report r = yarn::testing::check_rotation<float>(expected, engine);
    // At a length without scaling, the report says that the scaling is missing, unless the method
    // has a short list.
    EXPECT_TRUE(r.has(diagnosis::wrong_seq_len) || r.has(diagnosis::scaling_missing))
        << m.name << r;
    EXPECT_EQ(r.findings.size(), 1U) << r;
  }
}

// ---- Tolerances -------------------------------------------------------------------------------

TEST(options, tolerance_does_not_hide_a_known_mistake) {
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
  o.accept_float32_angles = true; // This engine has no float32 angles to accept.
  EXPECT_TRUE(
      names(yarn::testing::check_rotation<float>(expected, engine, o), {diagnosis::unexplained}));
  o = {};
  o.tolerance = 1e-3; // cos and sin by a coarse approximation
  engine.round_entry = [](double x) { return x + 1e-4 * std::sin(1e3 * x); };
  EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(expected, engine, o)));
  EXPECT_FALSE(yarn::testing::check_rotation<float>(expected, engine));
}

// ---- Wrong arguments and texts ----------------------------------------------------------------

TEST(wrong_arguments, are_refused) {
  const expectation e = expected_yarn();
  const auto engine = [](const yarn::heads_view<float>&, const std::vector<std::int32_t>&) {};
  options o;
  o.tolerance = -1;
  support::expect_error<std::invalid_argument>(
      [&] { yarn::testing::check_rotation<float>(e, engine, o); },
      {"yarn: testing::options.tolerance = -1 must be finite and >= 0 (0: by the type)"});
  o = {};
  o.n_heads = 0;
  support::expect_error<std::invalid_argument>(
      [&] { yarn::testing::check_rotation<float>(e, engine, o); },
      {"yarn: testing::options.n_heads = 0 must be in [1, 1024]"});
  o = {};
  o.max_position = -1;
  support::expect_error<std::invalid_argument>(
      [&] { yarn::testing::check_rotation<float>(e, engine, o); },
      {"yarn: testing: the largest position = -1 must be in [0, 2^31]"});
  const float numbers[2] = {1, 0};
  const std::int32_t list[2] = {0, 1};
  support::expect_error<std::invalid_argument>(
      [&] {
        yarn::testing::check_rows(e, yarn::rows_view<float>(numbers, numbers, 1, 1, 1),
                                  yarn::positions(list, 2));
      },
      {"yarn: testing: 2 positions for n_rows = 1; the two numbers must be equal and > 0"});
  support::expect_error<std::invalid_argument>(
      [&] {
        yarn::testing::check_rows(e, yarn::rows_view<float>(numbers, numbers, 2, 2, 1),
                                  yarn::positions(list, 2));
      },
      {"yarn: testing: n_pairs = 2 must be > 0 and at most row_stride = 1"});
  const float* const null = nullptr;
  support::expect_error<std::invalid_argument>(
      [&] { yarn::testing::check_table(e, yarn::table_view<float>(null, numbers, 1, 1, 1)); },
      {"yarn: testing: cos or sin is null"});
  support::expect_error<std::invalid_argument>(
      [&] { yarn::testing::check_table(e, yarn::table_view<float>(numbers, numbers, 0, 1, 1)); },
      {"yarn: testing: n_rows = 0 of the table must be > 0"});
  support::expect_error<std::invalid_argument>([&] { yarn::testing::check_inv_freq(e, null, 64); },
                                               {"yarn: testing: inv_freq is null"});
  support::expect_error<std::invalid_argument>(
      [&] { yarn::testing::check_inv_freq(e, numbers, 0); },
      {"yarn: testing: n_pairs = 0 must be in [1, 2^23]"});
  const std::int64_t far[2] = {0, (std::int64_t{1} << 31) + 1};
  support::expect_error<std::out_of_range>(
      [&] {
        yarn::testing::check_rows(e, yarn::rows_view<float>(numbers, numbers, 2, 1, 1),
                                  yarn::positions(far, 2));
      },
      {"yarn: position 2147483649 of token 1"});
  const std::vector<float> tensor(256, 1.0F);
  const yarn::heads_view<const float> two_tokens(tensor.data(), 2, 1, 128);
  const yarn::heads_view<const float> nowhere(null, 2, 1, 128);
  support::expect_error<std::out_of_range>(
      [&] { yarn::testing::check_rotated(e, two_tokens, two_tokens, yarn::positions(far, 2)); },
      {"yarn: position 2147483649 of token 1"});
  for (const auto& [before, after] :
       {std::pair{two_tokens, nowhere}, std::pair{nowhere, two_tokens}}) {
    support::expect_error<std::invalid_argument>(
        [before = before, after = after, &e, &list] {
          yarn::testing::check_rotated(e, before, after, yarn::positions(list, 2));
        },
        {"yarn: testing: before or after is null"});
  }
  yarn::rope_shape no_theta;
  no_theta.head_dim = 64;
  support::expect_error<std::invalid_argument>(
      [&] { expectation(no_theta, yarn::default_scaling{}, yarn::pairing::half_split); },
      {"yarn: rope_shape.rope_theta is not set"});
  support::expect_error<std::invalid_argument>(
      [&] { e.with_rotary_offset(1); },
      {"yarn: testing: rotary_offset = 1 must be in [0, head_dim - rotary_dim = 0]"});
}

TEST(report_text, says_what_is_wrong_and_where) {
  const expectation expected = expected_yarn();
  tiny_engine engine = engine_of(expected.frequencies(), yarn::pairing::half_split);
  engine.cos_factor = engine.sin_factor = 1;
  const report r = rows_report<float>(engine, expected, {0, 1, 4095});
  std::ostringstream out;
  out << r;
  EXPECT_EQ(out.str(), r.text());
  const std::string text = r.text();
  for (const char* const words :
       {"table of float32, 3 positions, 64 entries each of cos and sin: NOT OK",
        "largest error 0.217 of the amplitude", "allowed 2.38e-07",
        "attention_factor_missing: cos and sin lack the attention factor 1.27725887",
        "(the findings leave an error of"}) {
    EXPECT_NE(text.find(words), std::string::npos) << words << "\n" << text;
  }
  EXPECT_LT(r.remaining_error, 1e-7);
}

TEST(report_text, names_every_diagnosis) {
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

TEST(probe_positions, above_3_are_never_powers_of_two) {
  for (const std::int64_t largest : {5, 4096, 131072, 1048576, 131071, 2147483647}) {
    const std::vector<std::int64_t> list = yarn::testing::detail::probe_positions(largest);
    EXPECT_LE(list.back(), largest);
    EXPECT_GE(list.back(), largest - 1);
    for (const std::int64_t position : list) {
      EXPECT_TRUE(position < 4 || (position & (position - 1)) != 0) << position;
    }
  }
}

// ---- Formats and units ------------------------------------------------------------------------

template <class T> report rotation_of(const expectation& expected, const tiny_engine& engine) {
  return yarn::testing::check_rotation<T>(expected, engine);
}

TEST(check_rotation, of_every_element_format_names_it_and_allows_its_rounding) {
  const expectation expected = expected_yarn();
  const tiny_engine engine = engine_of(expected.frequencies(), yarn::pairing::half_split);
  const struct {
    report r;
    std::string format;
    double tolerance;
  } cases[] = {
      {rotation_of<double>(expected, engine), "float64", 0x1p-42},
      {rotation_of<float>(expected, engine), "float32", 8 * 0x1p-24},
      {rotation_of<yarn::float16>(expected, engine), "float16", 4 * 0x1p-11},
      {rotation_of<yarn::bfloat16>(expected, engine), "bfloat16", 4 * 0x1p-8},
      {rotation_of<yarn::float8_e4m3>(expected, engine), "float8_e4m3", 1.02 * 0x1p-4},
      {rotation_of<yarn::float8_e5m2>(expected, engine), "float8_e5m2", 1.02 * 0x1p-3},
  };
  for (const auto& [r, format, tolerance] : cases) {
    EXPECT_TRUE(is_right(r));
    EXPECT_EQ(r.subject, "rotation of " + format + ", 9 positions, 4 heads of 128 elements");
    EXPECT_DOUBLE_EQ(r.tolerance, tolerance) << format;
  }
}

// An element of float8_e4m3 has an error of up to 6.25 %. The report still finds the mistake.
TEST(check_rotation, of_float8_names_the_mistake) {
  const expectation expected = expected_yarn();
  const tiny_engine right = engine_of(expected.frequencies(), yarn::pairing::half_split);
  tiny_engine e = right;
  e.cos_factor = e.sin_factor = 1;
  EXPECT_TRUE(
      names(rotation_of<yarn::float8_e4m3>(expected, e), {diagnosis::attention_factor_missing}));
  e = right;
  e.order = e.output_order = yarn::pairing::interleaved;
  EXPECT_TRUE(names(rotation_of<yarn::float8_e4m3>(expected, e), {diagnosis::wrong_pairing}));
  e = right;
  e.inv_freq = support::powers(1e4, 64, 128);
  EXPECT_TRUE(names(rotation_of<yarn::float8_e4m3>(expected, e), {diagnosis::scaling_missing}));
}

TEST(check_rows, of_float8_accepts_right_rows_and_names_the_mistake) {
  const expectation expected = expected_yarn();
  const tiny_engine right = engine_of(expected.frequencies(), yarn::pairing::half_split);
  const auto check = [&](const tiny_engine& engine) {
    return rows_report<yarn::float8_e4m3>(engine, expected, {0, 1, 2, 3, 61, 1021, 4095});
  };
  const report accepted = check(right);
  EXPECT_TRUE(is_right(accepted));
  EXPECT_EQ(accepted.subject, "table of float8_e4m3, 7 positions, 64 entries each of cos and sin");
  EXPECT_DOUBLE_EQ(accepted.tolerance, 1.02 * 0x1p-4);
  EXPECT_DOUBLE_EQ(accepted.max_error_ulp, accepted.max_error * 16);
  tiny_engine e = right;
  e.cos_factor = e.sin_factor = 1;
  EXPECT_TRUE(names(check(e), {diagnosis::attention_factor_missing}));
  e = right;
  e.inv_freq = support::powers(1e4, 64, 128);
  EXPECT_TRUE(names(check(e), {diagnosis::scaling_missing}));
}

TEST(check_inv_freq, errors_are_relative_to_the_frequency) {
  const expectation expected = expected_yarn();
  std::vector<double> wrong(expected.frequencies().inv_freq().begin(),
                            expected.frequencies().inv_freq().end());
  wrong[40] *= 1.25;
  const report r = yarn::testing::check_inv_freq(expected, wrong.data(), wrong.size());
  EXPECT_FALSE(r);
  EXPECT_NEAR(r.max_error, 0.25, 1e-6);
  EXPECT_NE(r.text().find("largest error 0.25 of the frequency"), std::string::npos) << r;
}

TEST(check_inv_freq, of_a_wrong_attention_factor_has_errors_relative_to_the_factor) {
  const expectation expected = expected_yarn();
  const double factor = expected.frequencies().attention_factor();
  std::vector<double> list = engine_of(expected.frequencies(), yarn::pairing::half_split).inv_freq;
  list[40] *= 1.25;
  const report r = yarn::testing::check_inv_freq(expected, list.data(), list.size(), 2 * factor);
  const std::string text = r.text();
  EXPECT_NE(text.find("largest error 1 of the attention factor"), std::string::npos) << text;
  EXPECT_NE(text.find("; pair 40 should turn by"), std::string::npos) << text;
}

} // namespace

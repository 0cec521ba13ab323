// SPDX-License-Identifier: MIT
// yarn/testing.hpp on engines with several mistakes at once, on recorded tensors, on q and k that
// differ, and on numbers that no known mistake gives.
#include "../support/engine_reports.hpp"
#include "../support/expect_error.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
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
using yarn::testing::report;

TEST(check_rotation, of_an_engine_with_several_mistakes_names_them_all) {
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

TEST(check_rotations, of_q_and_k_that_differ_names_the_difference) {
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
  tiny_engine squared = right; // the product is right, but what is cached is not
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

TEST(check_rotation, of_an_engine_whose_second_call_is_wrong_fails) {
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

// The rows of one head fit any pairing, so that it is found by what makes sense of them.
TEST(check_rotated, of_a_single_head_names_the_pairing) {
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

// What is compared with NaN differs from nothing, and zeros are turned into zeros by anything.
TEST(check_rotated, of_nan_fails_and_of_zeros_throws) {
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

// Methods with a number for each pair, and those that want more than one pair.
TEST(check_inv_freq, of_another_number_of_pairs_names_rotary_dim) {
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

TEST(check_rotation, of_numbers_that_no_known_mistake_gives_is_unexplained) {
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

TEST(check_rows, of_copies_that_differ_names_halves_differ) {
  const expectation expected = expected_yarn();
  tiny_engine engine = engine_of(expected.frequencies(), yarn::pairing::half_split);
  for (std::size_t i = 0; i < 64; ++i) {
    engine.inv_freq.push_back(engine.inv_freq[i]);
  }
  engine.inv_freq[100] *= 2;
  EXPECT_TRUE(
      names(rows_report<float>(engine, expected, {0, 1, 7, 4095}), {diagnosis::halves_differ}));
}

TEST(check_rotation, of_a_dynamic_method_at_another_length_names_that) {
  for (const support::model_method& m : support::model_methods()) {
    if (m.name != "longrope_long" && m.name != "dynamic_ntk" && m.name != "dynamic_yarn") {
      continue;
    }
    const expectation expected(m.shape, m.method, yarn::pairing::half_split, m.seq_len);
    const yarn::frequencies before = yarn::make_frequencies(m.shape, m.method, 4096);
    const tiny_engine engine = engine_of(before, yarn::pairing::half_split);
    const report r = yarn::testing::check_rotation<float>(expected, engine);
    // Not scaled yet is not scaled at all, where the short list is not another scaling.
    EXPECT_TRUE(r.has(diagnosis::wrong_seq_len) || r.has(diagnosis::scaling_missing))
        << m.name << r;
    EXPECT_EQ(r.findings.size(), 1U) << r;
  }
}

} // namespace

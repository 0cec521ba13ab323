// SPDX-License-Identifier: MIT
// yarn/testing.hpp accuses no engine that is right: every method of the library, in every type, by
// every way to look at it. And: several mistakes at once, what is accepted on request, misuse, and
// the words of a report.
#include "../support/expect_error.hpp"
#include "../support/model_methods.hpp"
#include "../support/tiny_engine.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using support::tiny_engine;
using yarn::testing::diagnosis;
using yarn::testing::expectation;
using yarn::testing::options;
using yarn::testing::report;

tiny_engine engine_of(const yarn::frequencies& f, yarn::pairing order) {
  tiny_engine engine;
  engine.inv_freq.assign(f.inv_freq().begin(), f.inv_freq().end());
  engine.cos_factor = engine.sin_factor = f.attention_factor();
  engine.order = engine.output_order = order;
  return engine;
}

std::vector<diagnosis> found(const report& r) {
  std::vector<diagnosis> list;
  for (const yarn::testing::finding& one : r.findings) {
    list.push_back(one.what);
  }
  std::sort(list.begin(), list.end());
  return list;
}
/// Passes, with no more to say than this.
testing::AssertionResult is_right(const report& r, const std::vector<diagnosis>& remarks = {}) {
  const std::vector<diagnosis> list = found(r);
  if (r.ok() && (list.empty() || list == remarks)) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << r;
}
testing::AssertionResult names(const report& r, std::vector<diagnosis> wanted) {
  std::sort(wanted.begin(), wanted.end());
  if (!r.ok() && found(r) == wanted) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << r;
}

// ---- Every method -----------------------------------------------------------------------------

class testing_right : public testing::TestWithParam<support::model_method> {
protected:
  const support::model_method& m() const { return GetParam(); }
  expectation expected(yarn::pairing order = yarn::pairing::half_split) const {
    return {m().shape, m().method, order, m().seq_len};
  }
  tiny_engine engine(yarn::pairing order = yarn::pairing::half_split) const {
    return engine_of(m().frequencies(), order);
  }
};

constexpr yarn::pairing both_orders[] = {yarn::pairing::half_split, yarn::pairing::interleaved};

TEST(testing_right_list, has_every_method) { EXPECT_TRUE(support::model_methods_are_complete()); }

template <class T>
report rows_report(const tiny_engine& engine, const expectation& expected,
                   const std::vector<std::int64_t>& list, const options& o = {}) {
  std::vector<T> cos;
  std::vector<T> sin;
  std::vector<double> c;
  std::vector<double> s;
  for (std::size_t t = 0; t < list.size(); ++t) {
    engine.row(t, list[t], c, s);
    for (std::size_t i = 0; i < c.size(); ++i) {
      cos.emplace_back();
      sin.emplace_back();
      yarn::detail::narrow(c[i], cos.back());
      yarn::detail::narrow(s[i], sin.back());
    }
  }
  const yarn::rows_view<T> rows{cos.data(), sin.data(), list.size(), engine.n_pairs(),
                                engine.n_pairs()};
  return yarn::testing::check_rows(expected, rows, yarn::positions(list), o);
}

TEST_P(testing_right, tables_are_not_accused) {
  const std::vector<std::vector<std::int64_t>> lists = {
      {0, 1, 2, 3, 61, 1021, 4095, 32767, 131071},
      {131071, 5, 0, -17, 4096, 1048575}, // any order, other positions
      {0},
      {99999},
  };
  for (const std::vector<std::int64_t>& list : lists) {
    EXPECT_TRUE(is_right(rows_report<double>(engine(), expected(), list)));
    EXPECT_TRUE(is_right(rows_report<float>(engine(), expected(), list)));
    EXPECT_TRUE(is_right(rows_report<yarn::float16>(engine(), expected(), list)));
    EXPECT_TRUE(is_right(rows_report<yarn::bfloat16>(engine(), expected(), list)));
  }
  const yarn::frequencies freqs = m().frequencies();
  for (const int size : {1, 2, 100, 4096, 5000}) {
    const auto table = yarn::make_table<float>(freqs, size);
    EXPECT_TRUE(is_right(yarn::testing::check_table(expected(), table.view()))) << size;
  }
  const auto exact = yarn::make_table<double>(freqs, 600);
  EXPECT_TRUE(is_right(yarn::testing::check_table(expected(), exact.view())));
}

/// As frameworks rotate 16-bit data: cos, sin, products and sum are rounded each.
template <class T> report often_rounded(tiny_engine engine, const expectation& expected) {
  const bool is_bfloat16 = std::is_same_v<T, yarn::bfloat16>;
  engine.round_entry = engine.round_product =
      is_bfloat16 ? support::as_bfloat16 : support::as_float16;
  return yarn::testing::check_rotation<T>(expected, engine);
}

TEST_P(testing_right, rotations_are_not_accused) {
  for (const yarn::pairing order : both_orders) {
    const expectation e = expected(order);
    tiny_engine one = engine(order);
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<double>(e, one)));
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(e, one)));
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<yarn::float16>(e, one)));
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<yarn::bfloat16>(e, one)));
    one.round_entry = support::as_float; // a float table under any data
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(e, one)));
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<yarn::bfloat16>(e, one)));
    one.round_product = support::as_float;
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(e, one)));
    EXPECT_TRUE(is_right(often_rounded<yarn::bfloat16>(one, e), {diagnosis::rounded_often}));
    EXPECT_TRUE(is_right(often_rounded<yarn::float16>(one, e), {diagnosis::rounded_often}));
    for (const std::int64_t last : {0, 1, 7, 2048, 1000000}) {
      options o;
      o.max_position = last;
      o.n_heads = last % 3 + 1;
      EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(e, engine(order), o))) << last;
    }
    // The library itself, and from a source into a target of another type.
    const yarn::frequencies f = m().frequencies();
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(
        e, [&](const yarn::heads_view<float>& x, const std::vector<std::int32_t>& list) {
          yarn::rope_apply(x, yarn::rows_of(f, yarn::positions(list)), order);
        })));
    EXPECT_TRUE(is_right(yarn::testing::check_copy<float, yarn::bfloat16>(e, engine(order))));
    tiny_engine reorders = engine(order);
    reorders.output_order = both_orders[order == both_orders[0] ? 1 : 0];
    EXPECT_TRUE(is_right(yarn::testing::check_copy<float, float>(
        e.with_output_order(reorders.output_order), reorders)));
  }
}

TEST_P(testing_right, frequencies_are_not_accused) {
  const tiny_engine one = engine();
  const double factor = one.cos_factor;
  const std::size_t n = one.inv_freq.size();
  const std::vector<double>& exact = one.inv_freq;
  EXPECT_TRUE(is_right(yarn::testing::check_inv_freq(expected(), exact.data(), n, factor)));
  EXPECT_TRUE(is_right(yarn::testing::check_inv_freq(expected(), exact.data(), n)));
  std::vector<float> single;
  single.reserve(n);
  for (const double f : exact) {
    single.push_back(static_cast<float>(f));
  }
  EXPECT_TRUE(is_right(yarn::testing::check_inv_freq(expected(), single.data(), n, factor)));
  for (std::size_t i = 0; i < n; ++i) { // up to 12 ULP, as powers and blends in float lose them
    for (std::size_t ulp = 0; ulp < i % 13 && single[i] > 0; ++ulp) {
      single[i] = std::nextafter(single[i], i % 2 == 0 ? 0.0F : 2.0F);
    }
  }
  EXPECT_TRUE(is_right(yarn::testing::check_inv_freq(
      expected(), single.data(), n, static_cast<double>(static_cast<float>(factor)))));
}

// The common frameworks' angles, and ggml's running product: accused of nothing else, and accepted
// on request.
TEST_P(testing_right, float32_angles_are_all_that_is_said_of_them) {
  options accepting;
  accepting.accept_float32_angles = true;
  for (const yarn::pairing order : both_orders) {
    tiny_engine one = engine(order);
    one.round_frequency = one.round_position = one.round_angle = support::as_float;
    EXPECT_TRUE(names(yarn::testing::check_rotation<float>(expected(order), one),
                      {diagnosis::float32_angles}));
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(expected(order), one, accepting),
                         {diagnosis::float32_angles}));
    for (std::size_t i = 0; i < one.inv_freq.size(); ++i) { // up to 12 ULP off, each its own
      const double off = static_cast<double>(i * 7 % 25) - 12;
      one.inv_freq[i] *= 1 + off * 0x1p-24;
    }
    EXPECT_TRUE(names(yarn::testing::check_rotation<float>(expected(order), one),
                      {diagnosis::float32_angles}));
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(expected(order), one, accepting),
                         {diagnosis::float32_angles}));
    EXPECT_TRUE(
        is_right(yarn::testing::check_rotation<yarn::bfloat16>(expected(order), one, accepting),
                 {diagnosis::float32_angles}));
  }
}

INSTANTIATE_TEST_SUITE_P(all, testing_right, testing::ValuesIn(support::model_methods()),
                         [](const auto& each) { return each.param.name; });

/// A method of a user's own type is an expectation like ours.
struct own_scaling {
  void resolve(yarn::spectrum& s) const {
    for (std::int64_t i = 0; i < s.n_pairs(); ++i) {
      s.set(i, s.inv_freq(i) / yarn::real(i + 1), yarn::frequency_zone::interpolated);
    }
  }
};

TEST(testing_right_types, are_any_method) {
  const yarn::rope_shape shape = support::shape_of(64, 1e4);
  const expectation expected(shape, own_scaling{}, yarn::pairing::half_split);
  tiny_engine engine = engine_of(expected.frequencies(), yarn::pairing::half_split);
  EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(expected, engine)));
  engine.inv_freq = support::powers(1e4, 32, 64);
  EXPECT_TRUE(
      names(yarn::testing::check_rotation<float>(expected, engine), {diagnosis::scaling_missing}));
  for (std::size_t i = 0; i < 32; ++i) {
    engine.inv_freq[i] *= static_cast<double>(i + 1);
  }
  EXPECT_TRUE(
      names(yarn::testing::check_rotation<float>(expected, engine), {diagnosis::factor_inverted}));
  const expectation divided(
      shape, yarn::freq_factors_scaling<yarn::default_scaling>{{}, std::vector<double>(32, 3.0)},
      yarn::pairing::half_split);
  EXPECT_TRUE(
      names(yarn::testing::check_rotation<float>(divided, engine), {diagnosis::unexplained}));
}

TEST(testing_right_places, are_front_and_back) {
  const yarn::rope_shape shape = support::shape_of(192, 1e4, 64); // MLA: the last 64 of 192
  const auto expected = expectation(shape, yarn::default_scaling{}, yarn::pairing::interleaved)
                            .with_rotary_offset(128);
  tiny_engine engine = engine_of(expected.frequencies(), yarn::pairing::interleaved);
  EXPECT_TRUE(
      names(yarn::testing::check_rotation<float>(expected, engine), {diagnosis::rotary_offset}));
  engine.offset = 128;
  EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(expected, engine)));
  EXPECT_TRUE(is_right(yarn::testing::check_rotation<yarn::bfloat16>(expected, engine)));
}

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

TEST(testing_several, are_all_named) {
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

TEST(testing_several, differ_between_q_and_k) {
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

TEST(testing_several, calls_find_state_that_is_left) {
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
TEST(testing_several, recorded_tensors_of_one_head_are_enough) {
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
TEST(testing_several, recorded_tensors_that_prove_nothing_are_no_proof) {
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
TEST(testing_several, other_widths_are_named_for_every_method) {
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

TEST(testing_several, are_not_guessed_where_nothing_fits) {
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

TEST(testing_several, leave_a_table_with_different_copies_unexplained) {
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

TEST(testing_lengths, are_named) {
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

// ---- Tolerances -------------------------------------------------------------------------------

TEST(testing_options, tolerance_does_not_hide_what_has_a_name) {
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
  o.tolerance = 1e-3; // cos and sin by a coarse approximation
  engine.round_entry = [](double x) { return x + 1e-4 * std::sin(1e3 * x); };
  EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(expected, engine, o)));
  EXPECT_FALSE(yarn::testing::check_rotation<float>(expected, engine));
}

// ---- Misuse and words -------------------------------------------------------------------------

TEST(testing_misuse, is_refused) {
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
      {"yarn: testing: 2 positions for n_rows = 1; they must be as many, and > 0"});
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
      {"yarn: rope_shape.rope_theta = 0 is not set"});
  support::expect_error<std::invalid_argument>(
      [&] { e.with_rotary_offset(1); },
      {"yarn: testing: rotary_offset = 1 must be in [0, head_dim - rotary_dim = 0]"});
}

TEST(testing_words, say_what_and_where) {
  const expectation expected = expected_yarn();
  tiny_engine engine = engine_of(expected.frequencies(), yarn::pairing::half_split);
  engine.cos_factor = engine.sin_factor = 1;
  const report r = rows_report<float>(engine, expected, {0, 1, 4095});
  std::ostringstream out;
  out << r;
  EXPECT_EQ(out.str(), r.text());
  const std::string text = r.text();
  for (const char* const part :
       {"table of float, 3 positions, 64 entries each of cos and sin: NOT OK",
        "largest error 0.217 of the amplitude", "allowed 2.38e-07",
        "attention_factor_missing: cos and sin lack the attention factor 1.27725887",
        "(with that the error is"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_LT(r.explained_error, 1e-7);
}

TEST(testing_words, name_every_diagnosis) {
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

TEST(testing_positions, are_never_powers_of_two) {
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

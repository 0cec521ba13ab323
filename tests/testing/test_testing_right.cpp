// SPDX-License-Identifier: MIT
// yarn/testing.hpp finds no mistake in right engines: every method of the library, every type,
// every check.
#include "../support/engine_reports.hpp"
#include "../support/model_methods.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
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

TEST_P(testing_right, tables_pass) {
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
    EXPECT_TRUE(is_right(rows_report<yarn::float8_e4m3>(engine(), expected(), list)));
  }
  const yarn::frequencies freqs = m().frequencies();
  for (const int size : {1, 2, 100, 4096, 5000}) {
    const auto table = yarn::make_table<float>(freqs, size);
    EXPECT_TRUE(is_right(yarn::testing::check_table(expected(), table.view()))) << size;
  }
  const auto exact = yarn::make_table<double>(freqs, 600);
  EXPECT_TRUE(is_right(yarn::testing::check_table(expected(), exact.view())));
}

/// A rotation of 16-bit data as in frameworks: cos, sin, both products and the sum are rounded.
template <class T> report often_rounded(tiny_engine engine, const expectation& expected) {
  const bool is_bfloat16 = std::is_same_v<T, yarn::bfloat16>;
  engine.round_entry = engine.round_product =
      is_bfloat16 ? support::as_bfloat16 : support::as_float16;
  return yarn::testing::check_rotation<T>(expected, engine);
}

TEST_P(testing_right, rotations_pass) {
  for (const yarn::pairing order : both_orders) {
    const expectation e = expected(order);
    tiny_engine one = engine(order);
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<double>(e, one)));
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(e, one)));
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<yarn::float16>(e, one)));
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<yarn::bfloat16>(e, one)));
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<yarn::float8_e4m3>(e, one)));
    one.round_entry = support::as_float; // a float table for data of every type
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
    // The library itself, in place, and from a source into a target of another type.
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

TEST_P(testing_right, frequencies_pass) {
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
  for (std::size_t i = 0; i < n; ++i) { // up to 12 ULP, as powers and blends in float
    for (std::size_t ulp = 0; ulp < i % 13 && single[i] > 0; ++ulp) {
      single[i] = std::nextafter(single[i], i % 2 == 0 ? 0.0F : 2.0F);
    }
  }
  EXPECT_TRUE(is_right(yarn::testing::check_inv_freq(
      expected(), single.data(), n, static_cast<double>(static_cast<float>(factor)))));
}

// Float32 angles, as in common frameworks, and the running product of ggml: the report names them
// and nothing else, and accepts them on request.
TEST_P(testing_right, float32_angles_are_the_only_finding) {
  options accepting;
  accepting.accept_float32_angles = true;
  for (const yarn::pairing order : both_orders) {
    tiny_engine one = engine(order);
    one.round_frequency = one.round_position = one.round_angle = support::as_float;
    EXPECT_TRUE(names(yarn::testing::check_rotation<float>(expected(order), one),
                      {diagnosis::float32_angles}));
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(expected(order), one, accepting),
                         {diagnosis::float32_angles}));
    for (std::size_t i = 0; i < one.inv_freq.size(); ++i) { // errors of up to 12 ULP
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

/// A method of the user, which an expectation accepts like those of the library.
struct own_scaling {
  void resolve(yarn::spectrum& s) const {
    for (std::int64_t i = 0; i < s.n_pairs(); ++i) {
      s.set(i, s.inv_freq(i) / yarn::real(i + 1), yarn::frequency_zone::interpolated);
    }
  }
};

TEST(testing_own_method, is_accepted_and_its_mistakes_are_named) {
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

TEST(testing_rotary_offset, is_found_at_the_back_of_a_head) {
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

// ---- The numbers of a method, which the search for mistakes changes ----------------------------

TEST(changeable_method, writes_every_number_of_yarn) {
  using yarn::testing::detail::changeable_method;
  using yarn::testing::detail::method_numbers;
  const yarn::rope_shape shape{128, 0, 1e4};
  yarn::yarn_scaling as_is;
  as_is.factor = 8;
  as_is.original_max_position_embeddings = 4096;
  const changeable_method method(as_is);
  const auto expect_written = [&](const char* name, const auto& number,
                                  auto yarn::yarn_scaling::*field, auto value) {
    SCOPED_TRACE(name);
    yarn::yarn_scaling other = as_is;
    other.*field = value;
    const yarn::frequencies found = method.with(number, value).resolve(shape, 0);
    const yarn::frequencies expected = yarn::make_frequencies(shape, other);
    const yarn::frequencies before = yarn::make_frequencies(shape, as_is);
    bool differs = false;
    for (std::int64_t i = 0; i < expected.n_pairs(); ++i) {
      EXPECT_EQ(found.inv_freq()[i], expected.inv_freq()[i]) << i;
      differs = differs || expected.inv_freq()[i] != before.inv_freq()[i];
    }
    EXPECT_TRUE(differs);
  };
  using yarn::yarn_scaling;
  expect_written("factor", &method_numbers::factor, &yarn_scaling::factor, 4.0);
  expect_written("original length", &method_numbers::length,
                 &yarn_scaling::original_max_position_embeddings, std::int64_t{2048});
  expect_written("truncate", &method_numbers::truncate, &yarn_scaling::truncate, false);
  expect_written("extrapolation_factor", &method_numbers::extrapolation_factor,
                 &yarn_scaling::extrapolation_factor, 0.5);
  expect_written("beta_fast", &method_numbers::beta_fast, &yarn_scaling::beta_fast, 16.0);
  expect_written("beta_slow", &method_numbers::beta_slow, &yarn_scaling::beta_slow, 2.0);
  expect_written("ramp", &method_numbers::ramp, &yarn_scaling::ramp, yarn::yarn_ramp::rotations);
}

} // namespace

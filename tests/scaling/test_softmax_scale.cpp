// SPDX-License-Identifier: MIT
// The softmax scale: DeepSeek's convention, and the methods and models that do not follow it.
#include "../support/expect_error.hpp"
#include "../support/oracle.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <limits>
#include <stdexcept>

namespace {

constexpr auto plain = yarn::softmax_convention::inverse_sqrt;
constexpr auto squared = yarn::softmax_convention::mscale_all_dim_squared;

yarn::yarn_scaling yarn_of(double factor) {
  yarn::yarn_scaling method;
  method.factor = factor;
  method.original_max_position_embeddings = 4096;
  return method;
}
yarn::yarn_scaling deepseek(double mscale, double mscale_all_dim) {
  yarn::yarn_scaling method = yarn_of(40);
  method.mscale = mscale;
  method.mscale_all_dim = mscale_all_dim;
  return method;
}

TEST(softmax_scale, of_deepseek_v2) {
  const double scale = yarn::softmax_scale(192, deepseek(0.707, 0.707), squared);
  EXPECT_LE(oracle::ulp_error(scale, oracle::softmax_scale(192, 40, 0.707)), 1.0);
  EXPECT_NEAR(scale, 0.114721386792926, 1e-14); // (0.0707 ln 40 + 1)^2 / sqrt(192)
}

TEST(softmax_scale, of_deepseek_v3) {
  const double scale = yarn::softmax_scale(192, deepseek(1.0, 1.0), squared);
  EXPECT_LE(oracle::ulp_error(scale, oracle::softmax_scale(192, 40, 1.0)), 1.0);
  EXPECT_NEAR(scale, 0.135233778860880, 1e-14); // (0.1 ln 40 + 1)^2 / sqrt(192)
}

TEST(softmax_scale, does_not_depend_on_mscale) {
  EXPECT_EQ(yarn::softmax_scale(192, deepseek(1.0, 0.707), squared),
            yarn::softmax_scale(192, deepseek(0.5, 0.707), squared));
}

// The attention factor on cos and sin is another number: it is 1 for DeepSeek-V2 and V3, and its
// square is not in the softmax scale.
TEST(softmax_scale, goes_with_an_attention_factor_of_one) {
  yarn::rope_shape shape;
  shape.head_dim = 64;
  shape.rope_theta = 10000;
  EXPECT_EQ(yarn::make_frequencies(shape, deepseek(1.0, 1.0)).attention_factor(), 1.0);
}

// Ministral-3 has the coefficients 1 and 1 like DeepSeek-V3, but a plain softmax scale.
TEST(softmax_scale, is_the_callers_choice) {
  const double expected = yarn::softmax_scale(128, yarn::default_scaling{}, plain);
  EXPECT_LE(oracle::ulp_error(expected, oracle::softmax_scale(128)), 1.0);
  EXPECT_EQ(yarn::softmax_scale(128, deepseek(1.0, 1.0), plain), expected);
  EXPECT_EQ(yarn::softmax_scale(128, yarn_of(16), plain), expected);
}

TEST(softmax_scale, is_plain_for_factors_up_to_one) {
  for (const double factor : {1.0, 0.5}) {
    yarn::yarn_scaling method = yarn_of(factor);
    method.mscale = 1.0;
    method.mscale_all_dim = 1.0;
    EXPECT_EQ(yarn::softmax_scale(192, method, squared), yarn::softmax_scale(192, method, plain));
  }
}

TEST(softmax_scale, is_plain_without_mscale_all_dim) {
  const double expected = yarn::softmax_scale(192, yarn::default_scaling{}, plain);
  EXPECT_EQ(yarn::softmax_scale(192, yarn_of(40), squared), expected);
  EXPECT_EQ(yarn::softmax_scale(192, deepseek(1.0, 0.0), squared), expected);
}

TEST(softmax_scale, is_plain_for_other_methods) {
  const double expected = yarn::softmax_scale(192, yarn::default_scaling{}, plain);
  EXPECT_EQ(yarn::softmax_scale(192, yarn::default_scaling{}, squared), expected);
  EXPECT_EQ(yarn::softmax_scale(192, yarn::linear_scaling{8}, squared), expected);
  yarn::llama3_scaling llama3;
  llama3.factor = 8;
  llama3.original_max_position_embeddings = 8192;
  EXPECT_EQ(yarn::softmax_scale(192, llama3, squared), expected);
}

TEST(softmax_scale, of_any_scaling_is_that_of_its_method) {
  const yarn::any_scaling chosen = deepseek(0.707, 0.707);
  EXPECT_EQ(yarn::softmax_scale(192, chosen, squared, 0),
            yarn::softmax_scale(192, deepseek(0.707, 0.707), squared));
  const yarn::any_scaling other = yarn::default_scaling{};
  EXPECT_EQ(yarn::softmax_scale(192, other, squared, 0), yarn::softmax_scale(192, other, plain, 0));
}

TEST(softmax_scale, of_freq_factors_is_that_of_the_inner_method) {
  yarn::freq_factors_scaling<yarn::yarn_scaling> wrapped;
  wrapped.method = deepseek(1.0, 1.0);
  wrapped.freq_factors = {1.0, 1.0};
  EXPECT_EQ(yarn::softmax_scale(192, wrapped, squared),
            yarn::softmax_scale(192, wrapped.method, squared));
}

TEST(softmax_scale, depends_on_the_length_in_dynamic_yarn) {
  yarn::dynamic_yarn_scaling method;
  method.original_max_position_embeddings = 4096;
  method.mscale_all_dim = 1.0;
  EXPECT_EQ(yarn::softmax_scale(192, method, squared, 4096),
            yarn::softmax_scale(192, method, plain, 4096));
  EXPECT_LE(oracle::ulp_error(yarn::softmax_scale(192, method, squared, 16384),
                              oracle::softmax_scale(192, 4, 1.0)),
            1.0);
}

TEST(softmax_scale, refuses_bad_lengths_head_dims_and_numbers) {
  using support::expect_error;
  using refused = std::invalid_argument;
  yarn::dynamic_yarn_scaling dynamic;
  dynamic.original_max_position_embeddings = 4096;
  expect_error<refused>([&] { return yarn::softmax_scale(192, dynamic, squared, -1); },
                        {"seq_len = -1"});
  expect_error<refused>([] { return yarn::softmax_scale(0, yarn::default_scaling{}, plain); },
                        {"head_dim", "0"});
  expect_error<refused>([] { return yarn::softmax_scale(-192, yarn::default_scaling{}, plain); },
                        {"head_dim", "-192"});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_error<refused>([nan] { return yarn::softmax_scale(192, deepseek(1.0, nan), squared); },
                        {"mscale_all_dim", "nan"});
  expect_error<refused>([] { return yarn::softmax_scale(192, yarn_of(-40), squared); },
                        {"factor", "-40"});
  for (const double factor : {-1.0, nan}) {
    dynamic.factor = factor;
    expect_error<refused>([&] { return yarn::softmax_scale(192, dynamic, squared, 8192); },
                          {"dynamic_yarn_scaling.factor"});
  }
}

} // namespace

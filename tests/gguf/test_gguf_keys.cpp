// SPDX-License-Identifier: MIT
// GGUF metadata: the effect of each key, and the keys that are reported.
#include "../support/gguf_reading.hpp"

#include <gtest/gtest.h>
#include <yarn/gguf.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace {

using support::expect_same;
using support::first_inv_freq;
using support::frequencies_by;
using support::frequencies_in;
using support::has_note;
using support::memory_gguf;
using support::plain_gguf;
using support::read_gguf;
using support::yarn_gguf;

TEST(gguf_key, older_files_have_scale_linear) {
  yarn::linear_scaling linear;
  linear.factor = 4;
  const auto expected = frequencies_by(64, 1e4, linear);
  expect_same(frequencies_in(plain_gguf().set("rope.scale_linear", 4)), expected);
  EXPECT_TRUE(
      has_note(read_gguf(plain_gguf().set("rope.scale_linear", 4)), "type is missing: linear"));
  auto both = plain_gguf().set("rope.scale_linear", 2).set("rope.scaling.factor", 4);
  expect_same(frequencies_in(both), expected);
  EXPECT_TRUE(has_note(read_gguf(both), "rope.scale_linear = 2 is not"));
  EXPECT_TRUE(read_gguf(both).unused.empty());
}

TEST(gguf_key, none_and_zero_scale_nothing) {
  const auto expected = frequencies_by(64, 1e4, yarn::default_scaling{});
  const auto none = plain_gguf().set("rope.scaling.type", "none").set("rope.scaling.factor", 4);
  expect_same(frequencies_in(none), expected);
  EXPECT_EQ(read_gguf(none).rope_type, "default");
  EXPECT_TRUE(has_note(read_gguf(none), "factor = 4 has no effect with rope.scaling.type = none"));
  const auto zero = plain_gguf().set("rope.scaling.type", "linear").set("rope.scaling.factor", 0);
  expect_same(frequencies_in(zero), expected);
  EXPECT_TRUE(has_note(read_gguf(zero), "rope.scaling.factor = 0 is no scaling"));
}

TEST(gguf_key, attn_factor_multiplies_in_every_type) {
  const auto linear_file =
      plain_gguf().set("rope.scaling.factor", 4).set("rope.scaling.attn_factor", 1.5);
  EXPECT_TRUE(std::holds_alternative<yarn::linear_scaling>(read_gguf(linear_file).method));
  EXPECT_EQ(read_gguf(linear_file).rope_type, "linear");
  const auto linear = frequencies_in(linear_file);
  EXPECT_EQ(linear.attention_factor(), 1.5);
  yarn::linear_scaling by_four;
  by_four.factor = 4;
  const auto expected = frequencies_by(64, 1e4, by_four);
  for (std::int64_t i = 0; i < 32; ++i) {
    EXPECT_EQ(linear.inv_freq()[i], expected.inv_freq()[i]);
    EXPECT_EQ(linear.zone(i), yarn::frequency_zone::interpolated);
  }
  EXPECT_FALSE(linear.correction_range().has_value);
  EXPECT_NEAR(frequencies_in(yarn_gguf().set("rope.scaling.attn_factor", 1.5)).attention_factor(),
              1.5 * (1 + 0.1 * std::log(8.0)), 1e-15);
}

// attn_factor alone scales no frequency: the type is "default", and a linear_scaling with factor 1
// has the attention factor.
TEST(gguf_key, attn_factor_alone_scales_no_frequency) {
  const auto file = plain_gguf().set("rope.scaling.attn_factor", 1.5);
  const auto config = read_gguf(file);
  ASSERT_TRUE(std::holds_alternative<yarn::linear_scaling>(config.method));
  EXPECT_EQ(std::get<yarn::linear_scaling>(config.method).factor, 1.0);
  EXPECT_EQ(config.rope_type, "default");
  const auto freqs = frequencies_in(file);
  EXPECT_EQ(freqs.attention_factor(), 1.5);
  EXPECT_FALSE(freqs.correction_range().has_value);
  const auto unscaled = frequencies_by(64, 1e4, yarn::default_scaling{});
  for (std::int64_t i = 0; i < freqs.n_pairs(); ++i) {
    EXPECT_EQ(freqs.inv_freq()[i], unscaled.inv_freq()[i]);
    EXPECT_EQ(freqs.zone(i), yarn::frequency_zone::interpolated);
  }
}

TEST(gguf_key, yarn_attn_factor_counts_without_the_ramp_only) {
  const auto ramp = yarn_gguf().set("rope.scaling.yarn_attn_factor", 1.5);
  EXPECT_NEAR(frequencies_in(ramp).attention_factor(), 1 + 0.1 * std::log(8.0), 1e-15);
  EXPECT_TRUE(has_note(read_gguf(ramp), "yarn_attn_factor = 1.5 has no effect"));
  EXPECT_EQ(
      frequencies_in(plain_gguf().set("rope.scaling.yarn_attn_factor", 1.5)).attention_factor(),
      1.5);
}

TEST(gguf_key, ext_factor_decides_over_the_type) {
  yarn::linear_scaling linear;
  linear.factor = 8;
  const auto off = yarn_gguf().set("rope.scaling.yarn_ext_factor", 0);
  expect_same(frequencies_in(off), frequencies_by(64, 1e4, linear));
  EXPECT_TRUE(has_note(read_gguf(off), "yarn_ext_factor = 0 decides"));

  yarn::yarn_scaling yarn;
  yarn.factor = 8;
  yarn.original_max_position_embeddings = 4096;
  yarn.extrapolation_factor = 0.5;
  expect_same(
      frequencies_in(
          yarn_gguf().set("rope.scaling.type", "linear").set("rope.scaling.yarn_ext_factor", 0.5)),
      frequencies_by(64, 1e4, yarn));
  yarn.extrapolation_factor = 1;
  expect_same(frequencies_in(yarn_gguf().set("rope.scaling.yarn_ext_factor", -1)),
              frequencies_by(64, 1e4, yarn));
}

TEST(gguf_key, betas_are_applied_and_noted) {
  yarn::yarn_scaling yarn;
  yarn.factor = 8;
  yarn.original_max_position_embeddings = 4096;
  yarn.beta_fast = 16;
  yarn.beta_slow = 2;
  const auto file =
      yarn_gguf().set("rope.scaling.yarn_beta_fast", 16).set("rope.scaling.yarn_beta_slow", 2);
  expect_same(frequencies_in(file), frequencies_by(64, 1e4, yarn));
  EXPECT_TRUE(has_note(read_gguf(file), "yarn_beta_fast = 16, yarn_beta_slow = 2"));
}

TEST(gguf_key, context_length_replaces_a_missing_original_length) {
  auto file = yarn_gguf().drop("rope.scaling.original_context_length").set("context_length", 4096);
  expect_same(frequencies_in(file), frequencies_in(yarn_gguf()));
  EXPECT_TRUE(
      has_note(read_gguf(file), "original_context_length is missing: context_length = 4096"));
  EXPECT_TRUE(has_note(read_gguf(yarn_gguf().set("context_length", 4096)), "does not match"));
  EXPECT_FALSE(has_note(read_gguf(yarn_gguf().set("context_length", 32768)), "does not match"));
}

TEST(gguf_key, unknown_ones_about_rope_are_listed) {
  auto file =
      plain_gguf().set("rope.scaling.beta_warm", 3).set("attention.layer_norm_epsilon", 1e-6);
  file.set("rope.scaling.mode", "warm");
  EXPECT_EQ(read_gguf(file).unused,
            (std::vector<std::string>{"llama.rope.scaling.beta_warm", "llama.rope.scaling.mode"}));
  // The key of Hunyuan in a file of another architecture.
  EXPECT_EQ(read_gguf(plain_gguf().set("rope.scaling.alpha", 2)).unused,
            std::vector<std::string>{"llama.rope.scaling.alpha"});
}

TEST(gguf_key, finetuned_switches_granite_off) {
  memory_gguf file("granite");
  file.set("attention.key_length", 64).set("rope.freq_base", 1e4);
  EXPECT_TRUE(read_gguf(file).notes.empty());
  EXPECT_TRUE(has_note(read_gguf(file.set("rope.scaling.finetuned", 0)), "does not rotate"));
  EXPECT_TRUE(read_gguf(plain_gguf().set("rope.scaling.finetuned", 0)).notes.empty());
}

TEST(gguf_key, a_missing_base_is_the_default_of_the_caller) {
  yarn::gguf_options options;
  options.default_rope_theta = 10000;
  const auto config = yarn::gguf_config_from(plain_gguf().drop("rope.freq_base"), options);
  EXPECT_EQ(config.shape.rope_theta, 10000);
  EXPECT_TRUE(has_note(config, "llama.rope.freq_base is missing: 10000 is the caller's default"));
  EXPECT_EQ(
      yarn::gguf_config_from(plain_gguf().set("rope.freq_base", 5e5), options).shape.rope_theta,
      5e5);
}

TEST(gguf_key, divisors_win_over_lists_and_multiply_with_a_factor) {
  auto file = plain_gguf().set("rope.scaling.factor", 2);
  file.tensors["rope_freqs.weight"].assign(32, 4.0F);
  file.tensors["rope_factors_short.weight"].assign(32, 3.0F);
  file.tensors["rope_factors_long.weight"].assign(32, 5.0F);
  EXPECT_EQ(first_inv_freq(file), 0.125);
  EXPECT_TRUE(has_note(read_gguf(file), "rope_freqs.weight is taken"));
  file.tensors.erase("rope_freqs.weight");
  file.set("rope.scaling.original_context_length", 100);
  EXPECT_EQ(first_inv_freq(file, 100), 1 / 6.0);
  EXPECT_EQ(first_inv_freq(file, 101), 0.1);
  // The formula of LongRoPE is not applied.
  EXPECT_EQ(frequencies_in(file).attention_factor(), 1.0);
  EXPECT_TRUE(has_note(read_gguf(file), "and LongRoPE's lists both divide the frequencies"));
  EXPECT_TRUE(has_note(read_gguf(file), "llama.rope.scaling.attn_factor is missing: 1"));
}

TEST(gguf_key, dimension_count_may_be_less_than_the_head) {
  const auto config = read_gguf(plain_gguf().set("rope.dimension_count", 32));
  EXPECT_EQ(config.shape.head_dim, 64);
  EXPECT_EQ(config.shape.rotary_dim, 32);
  EXPECT_EQ(config.rotary_offset, 0);
  memory_gguf step35("step35");
  step35.set("attention.key_length", 128).set("rope.freq_base", 1e4);
  EXPECT_EQ(read_gguf(step35).shape.rotary_dim, 64);
  EXPECT_TRUE(has_note(read_gguf(step35), "half of a head"));
  EXPECT_EQ(read_gguf(step35.set("rope.dimension_count", 96)).shape.rotary_dim, 48);
}

} // namespace

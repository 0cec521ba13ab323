// SPDX-License-Identifier: MIT
// GGUF metadata: every error names the key, and no value gives frequencies that are not finite.
#include "../support/expect_error.hpp"
#include "../support/gguf_models.hpp"
#include "../support/gguf_reading.hpp"
#include "../support/tensors.hpp"

#include <gtest/gtest.h>
#include <yarn/gguf.hpp>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using support::memory_gguf;
using support::plain_gguf;
using support::read_gguf;
using support::read_gguf_window;
using support::yarn_gguf;

template <class Change>
void expect_refusal(memory_gguf file, Change&& change, std::initializer_list<std::string> words) {
  change(file);
  support::expect_error<std::invalid_argument>([&] { static_cast<void>(read_gguf(file)); }, words);
}

TEST(gguf_error, names_a_missing_key_or_tensor) {
  const auto drop = [](const char* key) { return [=](memory_gguf& file) { file.drop(key); }; };
  memory_gguf nameless("llama");
  nameless.texts.clear();
  support::expect_error<std::invalid_argument>([&] { static_cast<void>(read_gguf(nameless)); },
                                               {"general.architecture is missing"});
  memory_gguf numbered("llama");
  numbered.texts.clear();
  numbered.values["general.architecture"] = 3;
  support::expect_error<std::invalid_argument>(
      [&] { static_cast<void>(read_gguf(numbered)); },
      {"general.architecture is given, but is not a string"});
  expect_refusal(plain_gguf(), drop("rope.freq_base"),
                 {"llama.rope.freq_base is missing", "default_rope_theta"});
  expect_refusal(plain_gguf(), drop("attention.key_length"),
                 {"llama.attention.key_length is missing", "embedding_length"});
  expect_refusal(
      plain_gguf(),
      [](memory_gguf& file) { file.drop("attention.key_length").set("embedding_length", 4096); },
      {"llama.attention.key_length is missing", "head_count"});
  expect_refusal(yarn_gguf(), drop("rope.scaling.factor"),
                 {"llama.rope.scaling.factor is missing", "YaRN"});
  expect_refusal(
      yarn_gguf(), drop("rope.scaling.original_context_length"),
      {"llama.rope.scaling.original_context_length and llama.context_length are missing"});
  expect_refusal(support::gguf_deepseek(1), drop("rope.dimension_count"),
                 {"deepseek2.rope.dimension_count is missing", "kv_lora_rank"});
  expect_refusal(
      support::gguf_deepseek(1),
      [](memory_gguf& file) { file.drop("attention.key_length").drop("attention.key_length_mla"); },
      {"deepseek2.attention.key_length_mla is missing"});
  expect_refusal(plain_gguf(), [](memory_gguf& file) { file.set("rope.scaling.type", "longrope"); },
                 {"rope_factors_short.weight and rope_factors_long.weight are missing",
                  "llama.rope.scaling.type = longrope"});
  expect_refusal(
      plain_gguf(),
      [](memory_gguf& file) { file.tensors["rope_factors_long.weight"].assign(32, 1.0F); },
      {"rope_factors_short.weight is missing"});
  expect_refusal(
      plain_gguf(),
      [](memory_gguf& file) { file.tensors["rope_factors_short.weight"].assign(32, 1.0F); },
      {"rope_factors_long.weight is missing"});
}

TEST(gguf_error, names_a_value_out_of_range) {
  struct wrong {
    const char* key;
    double value;
    const char* words;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const wrong& w : std::initializer_list<wrong>{
           {"rope.freq_base", 0, "= 0 must be finite and > 0"},
           {"rope.freq_base", -1, "= -1 must be finite and > 0"},
           {"rope.freq_base", nan, "must be finite"},
           {"rope.freq_base_swa", infinity, "= inf must be finite"},
           {"rope.dimension_count", 63, "= 63 must be even and in [2, head_dim = 64]"},
           {"rope.dimension_count", 66, "= 66 must be even and in [2, head_dim = 64]"},
           {"rope.dimension_count", 0, "= 0 must be an integer in [1, 2^53]"},
           {"attention.key_length", 63.5, "= 63.5 must be an integer"},
           {"attention.key_length", -64, "= -64 must be an integer"},
           {"attention.key_length", 1e300, "= 1e+300 must be an integer"},
           {"context_length", 0, "= 0 must be an integer"},
           {"rope.scaling.original_context_length", -4096, "= -4096 must be an integer"},
           {"rope.scaling.factor", -2, "= -2 must be finite and >= 0"},
           {"rope.scaling.factor", nan, "must be finite"},
           {"rope.scaling.attn_factor", 0, "= 0 must be finite and > 0"},
           {"rope.scaling.yarn_attn_factor", -1, "= -1 must be finite and > 0"},
           {"rope.scaling.yarn_beta_fast", 0, "= 0 must be finite and > 0"},
           {"rope.scaling.yarn_beta_slow", infinity, "= inf must be finite"}}) {
    expect_refusal(yarn_gguf(), [&](memory_gguf& file) { file.set(w.key, w.value); },
                   {std::string("llama.") + w.key, w.words});
  }
  expect_refusal(plain_gguf(), [](memory_gguf& file) { file.set("rope.scale_linear", -2); },
                 {"llama.rope.scale_linear = -2"});
  expect_refusal(yarn_gguf(),
                 [](memory_gguf& file) { file.set("rope.scaling.yarn_beta_fast", 0.5); },
                 {"llama.rope.scaling.yarn_beta_fast = 0.5", "less than", "yarn_beta_slow = 1"});
  expect_refusal(yarn_gguf(), [](memory_gguf& file) { file.set("rope.scaling.type", "dynamic"); },
                 {"llama.rope.scaling.type = dynamic", "none, linear, yarn, longrope"});
  // The rotated part of an MLA head is at most as wide as the head.
  expect_refusal(support::gguf_deepseek(1),
                 [](memory_gguf& file) { file.set("rope.dimension_count", 194); },
                 {"deepseek2.rope.dimension_count = 194 must be even and in [2, head_dim = 192]"});
  yarn::gguf_options options;
  options.default_rope_theta = -1;
  support::expect_error<std::invalid_argument>(
      [&] {
        static_cast<void>(yarn::gguf_config_from(plain_gguf().drop("rope.freq_base"), options));
      },
      {"gguf_options.default_rope_theta = -1 must be finite and > 0"});
  expect_refusal(support::gguf_qwen2_yarn(),
                 [](memory_gguf& file) { file.set("attention.head_count", 27); },
                 {"qwen2.embedding_length = 3584", "multiple of attention.head_count = 27"});
  expect_refusal(support::gguf_ministral3(),
                 [](memory_gguf& file) { file.set("rope.scaling.yarn_log_multiplier", -1); },
                 {"mistral3.rope.scaling.yarn_log_multiplier = -1"});
  for (const double pairs : {33.0, -1.0, 2.5, nan}) {
    expect_refusal(plain_gguf(),
                   [&](memory_gguf& file) {
                     file.set("rope.dimension_sections", std::vector<double>{1, pairs});
                   },
                   {"llama.rope.dimension_sections holds", "an integer in [0, n_pairs = 32]"});
  }
}

// A value of the wrong type is an error. The reader does not treat it as missing.
TEST(gguf_error, names_a_value_of_another_type) {
  for (const char* key : {"rope.freq_base", "rope.scaling.factor", "attention.key_length"}) {
    expect_refusal(plain_gguf(), [&](memory_gguf& file) { file.drop(key).set(key, "10000"); },
                   {std::string("llama.") + key, "is not a number"});
  }
  expect_refusal(plain_gguf(), [](memory_gguf& file) { file.set("rope.scaling.type", 2); },
                 {"llama.rope.scaling.type", "is not a string"});
  expect_refusal(plain_gguf(), [](memory_gguf& file) { file.set("rope.dimension_sections", "t"); },
                 {"llama.rope.dimension_sections", "is not an array of numbers"});
  expect_refusal(plain_gguf().drop("attention.key_length").set("embedding_length", 4096),
                 [](memory_gguf& file) { file.set("attention.head_count", "32"); },
                 {"llama.attention.head_count", "is not a number"});
}

TEST(gguf_error, names_a_tensor) {
  expect_refusal(plain_gguf(),
                 [](memory_gguf& file) { file.tensors["rope_freqs.weight"].assign(64, 1.0F); },
                 {"rope_freqs.weight has 64 values", "32 pairs"});
  expect_refusal(plain_gguf(),
                 [](memory_gguf& file) {
                   file.tensors["rope_freqs.weight"].assign(32, 1.0F);
                   file.tensors["rope_freqs.weight"][5] = 0.0F;
                 },
                 {"rope_freqs.weight[5] = 0"});
}

TEST(gguf_error, names_methods_that_exclude_each_other) {
  expect_refusal(yarn_gguf(),
                 [](memory_gguf& file) {
                   file.tensors["rope_factors_short.weight"].assign(32, 1.0F);
                   file.tensors["rope_factors_long.weight"].assign(32, 1.0F);
                 },
                 {"llama.rope.scaling.type = yarn", "rope_factors_short.weight"});
  memory_gguf hunyuan("hunyuan_vl");
  hunyuan.set("attention.key_length", 128).set("rope.freq_base", 10000);
  hunyuan.set("rope.scaling.alpha", 1000).set("rope.scaling.factor", 2);
  support::expect_error<std::invalid_argument>([&] { static_cast<void>(read_gguf(hunyuan)); },
                                               {"hunyuan_vl.rope.scaling.alpha = 1000"});
}

TEST(gguf_error, names_an_architecture_with_unknown_windows) {
  support::expect_error<std::invalid_argument>(
      [] { static_cast<void>(read_gguf_window(plain_gguf())); },
      {"general.architecture = llama", "sliding window"});
}

// All values give finite frequencies, or an error that names a key or a field.
TEST(gguf_fuzz, any_value_gives_finite_frequencies_or_a_named_error) {
  constexpr const char* keys[] = {"context_length",
                                  "embedding_length",
                                  "attention.head_count",
                                  "attention.key_length",
                                  "attention.key_length_swa",
                                  "attention.key_length_mla",
                                  "attention.kv_lora_rank",
                                  "rope.dimension_count",
                                  "rope.dimension_count_swa",
                                  "rope.freq_base",
                                  "rope.freq_base_swa",
                                  "rope.scale_linear",
                                  "rope.scaling.type",
                                  "rope.scaling.factor",
                                  "rope.scaling.original_context_length",
                                  "rope.scaling.attn_factor",
                                  "rope.scaling.alpha",
                                  "rope.scaling.finetuned",
                                  "rope.scaling.yarn_log_multiplier",
                                  "rope.scaling.yarn_ext_factor",
                                  "rope.scaling.yarn_attn_factor",
                                  "rope.scaling.yarn_beta_fast",
                                  "rope.scaling.yarn_beta_slow",
                                  "rope.dimension_sections"};
  constexpr double values[] = {0,     1,      2,    -1,   0.5,  3,      8,    32,
                               64,    128,    4096, 1e4,  1e6,  1e-300, 1e18, 1e19,
                               1e300, -1e300, 63.5, 0.1F, 1.25, 131072};
  constexpr const char* texts[] = {"none", "linear", "yarn", "longrope", "su", ""};
  constexpr const char* architectures[] = {"llama",  "deepseek2", "mistral3",      "phi3",
                                           "gemma3", "gpt-oss",   "hunyuan-dense", "step35"};
  support::random_source random(20);
  const auto pick = [&](const auto& list) {
    return list[random.integer(0, static_cast<std::int64_t>(std::size(list)) - 1)];
  };
  int accepted = 0, refused = 0;
  for (int round = 0; round < 20000; ++round) {
    memory_gguf file(pick(architectures));
    if (random.integer(0, 7) != 0) {
      file.set("attention.key_length", 64).set("rope.freq_base", 10000);
      file.set("context_length", 4096);
    }
    for (std::int64_t n = random.integer(0, 6); n > 0; --n) {
      const std::string key = pick(keys);
      const auto kind = random.integer(0, 19);
      if (key == "rope.scaling.type" ? kind != 0 : kind == 0) {
        file.set(key, pick(texts));
      } else if (kind == 1 || (key == "rope.dimension_sections" && kind < 15)) {
        file.set(key, std::vector<double>{pick(values), pick(values)});
      } else {
        file.set(key, kind == 2 ? std::numeric_limits<double>::quiet_NaN() : pick(values));
      }
    }
    for (const char* name :
         {"rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"}) {
      if (random.integer(0, 5) == 0) {
        file.tensors[name].assign(random.integer(0, 3) == 0 ? 5 : 32,
                                  random.integer(0, 3) == 0 ? 0.0F : 1.5F);
      }
    }
    yarn::gguf_options options;
    options.layer_type = random.integer(0, 2) == 0 ? yarn::gguf_layer_type::sliding_window
                                                   : yarn::gguf_layer_type::global;
    try {
      const auto config = yarn::gguf_config_from(file, options);
      const auto freqs = yarn::make_frequencies(config, 5000);
      ASSERT_EQ(freqs.n_pairs(), config.shape.rotary_dim / 2);
      for (const double inv_freq : freqs.inv_freq()) {
        ASSERT_TRUE(std::isfinite(inv_freq));
      }
      ++accepted;
    } catch (const std::invalid_argument& error) {
      ASSERT_EQ(std::string(error.what()).find("yarn: "), 0U) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 1000);
}

} // namespace

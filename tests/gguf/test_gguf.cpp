// SPDX-License-Identifier: MIT
// GGUF metadata of real models: the frequencies are those of Hugging Face, the pairing is that of
// llama.cpp.
#include "../support/gguf_models.hpp"
#include "../support/gguf_reading.hpp"

#include <gtest/gtest.h>
#include <yarn/gguf.hpp>
#include <yarn/softmax_scale.hpp>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace {

using support::expect_reference;
using support::expect_same;
using support::frequencies_by;
using support::frequencies_in;
using support::has_note;
using support::memory_gguf;
using support::read_gguf;
using support::read_gguf_window;
using support::reference_case;

TEST(gguf_model, llama3_by_divisors) {
  expect_reference(frequencies_in(support::gguf_llama3(128, 8)), "hf-llama3.1-8b", 1e-6);
  expect_reference(frequencies_in(support::gguf_llama3(64, 32)), "hf-llama3.2-1b", 1e-6);
  const auto config = read_gguf(support::gguf_llama3(128, 8));
  EXPECT_EQ(config.rope_type, "default");
  EXPECT_EQ(config.max_position_embeddings, 131072);
  EXPECT_EQ(config.qk_head_dim, 128);
  EXPECT_EQ(config.freq_factors.size(), 64U);
  EXPECT_TRUE(config.unused.empty());
  EXPECT_TRUE(config.notes.empty());
}

TEST(gguf_model, qwen2_with_yarn) {
  expect_reference(frequencies_in(support::gguf_qwen2_yarn()), "hf-yarn-qwen2.5-x4", 1e-6);
  const auto config = read_gguf(support::gguf_qwen2_yarn());
  EXPECT_EQ(config.shape.head_dim, 128); // 3584 / 28
  EXPECT_EQ(config.shape.rotary_dim, 128);
  EXPECT_EQ(config.rope_type, "yarn");
  EXPECT_EQ(config.original_max_position_embeddings, 32768);
  EXPECT_TRUE(config.notes.empty()) << config.notes.front();
}

TEST(gguf_model, deepseek_has_the_tenth_of_its_coefficient) {
  expect_reference(frequencies_in(support::gguf_deepseek(1.0)), "hf-yarn-deepseek-v3", 1e-6);
  expect_reference(frequencies_in(support::gguf_deepseek(0.707)), "hf-yarn-deepseek-v2", 1e-6);
  EXPECT_EQ(frequencies_in(support::gguf_deepseek(1.0)).attention_factor(), 1.0);
  EXPECT_EQ(frequencies_in(support::gguf_deepseek(0.707)).attention_factor(), 1.0);

  const auto v3 = read_gguf(support::gguf_deepseek(1.0));
  EXPECT_EQ(v3.shape.head_dim, 64);
  EXPECT_EQ(v3.qk_head_dim, 192);
  EXPECT_EQ(v3.rotary_offset, 128);
  constexpr auto squared = yarn::softmax_convention::mscale_all_dim_squared;
  EXPECT_NEAR(yarn::softmax_scale(v3.qk_head_dim, v3.method, squared, 0), 0.135233778860880, 1e-14);
  const auto v2 = read_gguf(support::gguf_deepseek(0.707));
  EXPECT_NEAR(yarn::softmax_scale(v2.qk_head_dim, v2.method, squared, 0), 0.114721386792926, 1e-8);
}

TEST(gguf_model, mistral3_has_the_coefficient_undivided) {
  expect_reference(frequencies_in(support::gguf_ministral3()), "hf-ministral3-default", 1e-6);
  EXPECT_EQ(frequencies_in(support::gguf_ministral3()).attention_factor(), 1.0);
  // For this architecture the value of the key is mscale_all_dim, and the factor is m(1) / m(0.1).
  auto file = support::gguf_ministral3();
  file.set("rope.scaling.yarn_log_multiplier", 0.1);
  EXPECT_NEAR(frequencies_in(file).attention_factor(),
              (1 + 0.1 * std::log(16.0)) / (1 + 0.01 * std::log(16.0)), 1e-15);
  file.drop("rope.scaling.yarn_log_multiplier");
  EXPECT_NEAR(frequencies_in(file).attention_factor(), 1 + 0.1 * std::log(16.0), 1e-15);
}

// mscale is mscale_all_dim for deepseek2, and 1 for DeepSeek-V3.2.
TEST(gguf_model, deepseek32_has_a_ratio) {
  auto file = support::gguf_deepseek(0.707);
  memory_gguf other("deepseek32");
  for (const auto& [name, value] : file.values) {
    other.set(name.substr(name.find('.') + 1), value);
  }
  other.set("rope.scaling.type", "yarn");
  EXPECT_NEAR(frequencies_in(other).attention_factor(),
              (1 + 0.1 * std::log(40.0)) / (1 + 0.0707 * std::log(40.0)), 1e-7);
}

TEST(gguf_model, others_ignore_the_coefficient) {
  auto file = support::gguf_qwen2_yarn();
  file.set("rope.scaling.yarn_log_multiplier", 1.0);
  EXPECT_NEAR(frequencies_in(file).attention_factor(), 1 + 0.1 * std::log(4.0), 1e-15);
  const auto config = read_gguf(file);
  EXPECT_TRUE(has_note(config, "qwen2.rope.scaling.yarn_log_multiplier = 1 has no effect"));
  EXPECT_EQ(config.unused, std::vector<std::string>{"qwen2.rope.scaling.yarn_log_multiplier"});
}

TEST(gguf_model, phi3_changes_its_list_above_the_original_length) {
  const auto& parameters = reference_case("hf-longrope-phi3.5-s4096").at("rope_parameters");
  const auto file = support::gguf_phi3(reference::float32_values(parameters.at("short_factor")),
                                       reference::float32_values(parameters.at("long_factor")));
  expect_reference(frequencies_in(file, 4096), "hf-longrope-phi3.5-s4096", 1e-6);
  expect_reference(frequencies_in(file, 4097), "hf-longrope-phi3.5-s4097", 1e-6);
  expect_reference(frequencies_in(file, 131072), "hf-longrope-phi3.5-s131072", 1e-6);
  const auto config = read_gguf(file);
  EXPECT_EQ(config.rope_type, "longrope");
  EXPECT_EQ(config.original_max_position_embeddings, 4096);
  EXPECT_TRUE(config.notes.empty());
  // llama.cpp does not treat the window layers of this model differently.
  expect_same(yarn::make_frequencies(read_gguf_window(file), 4097), frequencies_in(file, 4097));
}

TEST(gguf_model, gemma3_has_two_kinds_of_layers) {
  yarn::linear_scaling linear;
  linear.factor = 8;
  const auto file = support::gguf_gemma3();
  expect_same(frequencies_in(file), frequencies_by(128, 1e6, linear));
  const auto local = read_gguf_window(file);
  expect_same(yarn::make_frequencies(local, 0), frequencies_by(128, 1e4, yarn::default_scaling{}));
  EXPECT_EQ(local.rope_type, "default");
  EXPECT_TRUE(has_note(local, "gemma3.rope.freq_base_swa is missing: 10000"));
  auto given = support::gguf_gemma3();
  given.set("rope.freq_base_swa", 20000);
  expect_same(yarn::make_frequencies(read_gguf_window(given), 0),
              frequencies_by(128, 2e4, yarn::default_scaling{}));
  expect_same(frequencies_in(given), frequencies_by(128, 1e6, linear));
  EXPECT_TRUE(read_gguf(given).unused.empty());
}

TEST(gguf_model, gpt_oss_is_rounded_as_ggml_does) {
  const auto freqs = frequencies_in(support::gguf_gpt_oss());
  EXPECT_EQ(freqs.correction_range().low, 8.0);
  EXPECT_EQ(freqs.correction_range().high, 18.0);
  EXPECT_TRUE(has_note(read_gguf(support::gguf_gpt_oss()), "truncate = false"));
  expect_same(yarn::make_frequencies(read_gguf_window(support::gguf_gpt_oss()), 0), freqs);
}

TEST(gguf_model, olmo3_has_windows_without_yarn) {
  const auto file = support::gguf_olmo3();
  EXPECT_NEAR(frequencies_in(file).attention_factor(), 1 + 0.1 * std::log(8.0), 1e-15);
  expect_same(yarn::make_frequencies(read_gguf_window(file), 0),
              frequencies_by(128, 5e5, yarn::default_scaling{}));
}

TEST(gguf_model, gemma4_has_heads_of_two_sizes) {
  const auto file = support::gguf_gemma4();
  const auto global = frequencies_in(file);
  ASSERT_EQ(global.n_pairs(), 256);
  const auto unscaled = frequencies_by(512, 1e6, yarn::default_scaling{});
  EXPECT_EQ(global.inv_freq()[63], unscaled.inv_freq()[63]);
  EXPECT_LT(global.inv_freq()[64], 1e-29);
  const auto local = read_gguf_window(file);
  EXPECT_EQ(local.freq_factors.size(), 0U);
  EXPECT_EQ(local.qk_head_dim, 256);
  expect_same(yarn::make_frequencies(local, 0), frequencies_by(256, 1e4, yarn::default_scaling{}));
}

TEST(gguf_model, hunyuan_changes_the_base) {
  memory_gguf file("hunyuan-dense");
  file.set("attention.key_length", 128).set("rope.freq_base", 10000);
  file.set("rope.scaling.alpha", 1000);
  yarn::ntk_scaling ntk;
  ntk.factor = 1000;
  expect_same(frequencies_in(file), frequencies_by(128, 1e4, ntk));
  EXPECT_EQ(read_gguf(file).rope_type, "ntk");
  file.set("rope.scaling.alpha", 0);
  expect_same(frequencies_in(file), frequencies_by(128, 1e4, yarn::default_scaling{}));
}

TEST(gguf_pairing, is_that_of_llama_cpp) {
  constexpr auto half_split = yarn::pairing::half_split;
  constexpr auto interleaved = yarn::pairing::interleaved;
  for (const char* name : {"llama", "deepseek2", "mistral3", "mistral4", "granite", "cohere2"}) {
    EXPECT_EQ(yarn::gguf_pairing(name), interleaved) << name;
  }
  for (const char* name : {"qwen2", "qwen3", "phi3", "gemma3", "gpt-oss", "gptneox", "olmo2"}) {
    EXPECT_EQ(yarn::gguf_pairing(name), half_split) << name;
  }
  EXPECT_EQ(yarn::gguf_pairing("glm4"), interleaved);
  EXPECT_EQ(yarn::gguf_pairing("glm4", true), half_split);
  for (const char* name : {"", "llam", "llama5", "mamba", "gpt2", "bloom"}) {
    EXPECT_EQ(yarn::gguf_pairing(name), std::nullopt) << name;
  }
  // No name is in both lists.
  for (const auto name : yarn::detail::gguf_interleaved) {
    EXPECT_FALSE(yarn::detail::is_listed(yarn::detail::gguf_half_split, name)) << name;
  }
}

} // namespace

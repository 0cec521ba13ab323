// SPDX-License-Identifier: MIT
// GGUF metadata: real models come out as Hugging Face computes them, what architectures do
// differently, what is reported, and every refusal.
#include "../support/expect_error.hpp"
#include "../support/gguf_models.hpp"
#include "../support/reference_cases.hpp"
#include "../support/tensors.hpp"

#include <gtest/gtest.h>
#include <yarn/gguf.hpp>
#include <yarn/softmax_scale.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace {

using support::memory_gguf;

yarn::gguf_config read(const memory_gguf& file) { return yarn::gguf_config_from(file); }
yarn::gguf_config read_window(const memory_gguf& file) {
  yarn::gguf_options options;
  options.layers = yarn::gguf_layers::sliding_window;
  return yarn::gguf_config_from(file, options);
}
yarn::frequencies frequencies_in(const memory_gguf& file, std::int64_t seq_len = 0) {
  return yarn::make_frequencies(read(file), seq_len);
}

double first_inv_freq(const memory_gguf& file, std::int64_t seq_len = 0) {
  const auto freqs = frequencies_in(file, seq_len);
  return freqs.inv_freq()[0];
}

bool has_note(const yarn::gguf_config& config, const std::string& words) {
  for (const std::string& note : config.notes) {
    if (note.find(words) != std::string::npos) {
      return true;
    }
  }
  return false;
}

const reference::json& reference_case(const std::string& id) {
  static const reference::json data = reference::read_json("inv_freq.json");
  for (const auto& entry : data.is_array() ? data : data.at("cases")) {
    if (entry.at("id") == id) {
      return entry;
    }
  }
  throw std::runtime_error("no reference case " + id);
}
/// Hugging Face's float32 frequencies, which are some float32 roundings off.
void expect_reference(const yarn::frequencies& found, const std::string& id, double tolerance) {
  const auto& expected = reference_case(id);
  const std::vector<float> inv_freq = reference::float32_values(expected.at("inv_freq"));
  ASSERT_EQ(found.inv_freq().size(), inv_freq.size()) << id;
  for (std::size_t i = 0; i < inv_freq.size(); ++i) {
    const double wanted = static_cast<double>(inv_freq[i]);
    EXPECT_NEAR(found.inv_freq()[i], wanted, wanted * tolerance) << id << ", pair " << i;
  }
  EXPECT_NEAR(found.attention_factor(), expected.at("attention_factor").get<double>(), 1e-7) << id;
}
void expect_same(const yarn::frequencies& found, const yarn::frequencies& expected) {
  ASSERT_EQ(found.n_pairs(), expected.n_pairs());
  for (std::int64_t i = 0; i < found.n_pairs(); ++i) {
    EXPECT_EQ(found.inv_freq()[i], expected.inv_freq()[i]) << "pair " << i;
  }
  EXPECT_EQ(found.attention_factor(), expected.attention_factor());
}
template <class Method>
yarn::frequencies unscaled_of(std::int64_t dim, double theta, const Method& method) {
  yarn::rope_shape shape;
  shape.head_dim = dim;
  shape.rope_theta = theta;
  return yarn::make_frequencies(shape, method);
}

// ---- Models, against the numbers of Hugging Face ------------------------------------------------

TEST(gguf_model, llama3_by_divisors) {
  expect_reference(frequencies_in(support::gguf_llama3(128, 8)), "hf-llama3.1-8b", 1e-6);
  expect_reference(frequencies_in(support::gguf_llama3(64, 32)), "hf-llama3.2-1b", 1e-6);
  const auto config = read(support::gguf_llama3(128, 8));
  EXPECT_EQ(config.rope_type, "default");
  EXPECT_EQ(config.max_position_embeddings, 131072);
  EXPECT_EQ(config.qk_head_dim, 128);
  EXPECT_EQ(config.freq_factors.size(), 64U);
  EXPECT_TRUE(config.unused.empty());
  EXPECT_TRUE(config.notes.empty());
}

TEST(gguf_model, qwen2_with_yarn) {
  expect_reference(frequencies_in(support::gguf_qwen2_yarn()), "hf-yarn-qwen2.5-x4", 1e-6);
  const auto config = read(support::gguf_qwen2_yarn());
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

  const auto v3 = read(support::gguf_deepseek(1.0));
  EXPECT_EQ(v3.shape.head_dim, 64);
  EXPECT_EQ(v3.qk_head_dim, 192);
  EXPECT_EQ(v3.rotary_offset, 128);
  constexpr auto squared = yarn::softmax_convention::mscale_all_dim_squared;
  EXPECT_NEAR(yarn::softmax_scale(v3.qk_head_dim, v3.method, squared, 0), 0.135233778860880, 1e-14);
  const auto v2 = read(support::gguf_deepseek(0.707));
  EXPECT_NEAR(yarn::softmax_scale(v2.qk_head_dim, v2.method, squared, 0), 0.114721386792926, 1e-8);
}

TEST(gguf_model, mistral3_has_its_coefficient_itself) {
  expect_reference(frequencies_in(support::gguf_ministral3()), "hf-ministral3-default", 1e-6);
  EXPECT_EQ(frequencies_in(support::gguf_ministral3()).attention_factor(), 1.0);
  // A tenth here is a tenth: m(1) / m(0.1).
  auto file = support::gguf_ministral3();
  file.set("rope.scaling.yarn_log_multiplier", 0.1);
  EXPECT_NEAR(frequencies_in(file).attention_factor(),
              (1 + 0.1 * std::log(16.0)) / (1 + 0.01 * std::log(16.0)), 1e-15);
  file.drop("rope.scaling.yarn_log_multiplier");
  EXPECT_NEAR(frequencies_in(file).attention_factor(), 1 + 0.1 * std::log(16.0), 1e-15);
}

// deepseek2's mscale is taken to be mscale_all_dim; DeepSeek-V3.2's to be 1.
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
  const auto config = read(file);
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
  const auto config = read(file);
  EXPECT_EQ(config.rope_type, "longrope");
  EXPECT_EQ(config.original_max_position_embeddings, 4096);
  EXPECT_TRUE(config.notes.empty());
  // Its layers with a window are not windowed in llama.cpp.
  expect_same(yarn::make_frequencies(read_window(file), 4097), frequencies_in(file, 4097));
}

TEST(gguf_model, gemma3_has_two_kinds_of_layers) {
  yarn::linear_scaling linear;
  linear.factor = 8;
  const auto file = support::gguf_gemma3();
  expect_same(frequencies_in(file), unscaled_of(128, 1e6, linear));
  const auto local = read_window(file);
  expect_same(yarn::make_frequencies(local, 0), unscaled_of(128, 1e4, yarn::default_scaling{}));
  EXPECT_EQ(local.rope_type, "default");
  EXPECT_TRUE(has_note(local, "gemma3.rope.freq_base_swa is missing: 10000"));
  auto given = support::gguf_gemma3();
  given.set("rope.freq_base_swa", 20000);
  expect_same(yarn::make_frequencies(read_window(given), 0),
              unscaled_of(128, 2e4, yarn::default_scaling{}));
  expect_same(frequencies_in(given), unscaled_of(128, 1e6, linear));
  EXPECT_TRUE(read(given).unused.empty());
}

TEST(gguf_model, gpt_oss_is_rounded_as_ggml_does) {
  const auto freqs = frequencies_in(support::gguf_gpt_oss());
  EXPECT_EQ(freqs.correction_range().low, 8.0);
  EXPECT_EQ(freqs.correction_range().high, 18.0);
  EXPECT_TRUE(has_note(read(support::gguf_gpt_oss()), "truncate = false"));
  expect_same(yarn::make_frequencies(read_window(support::gguf_gpt_oss()), 0), freqs);
}

TEST(gguf_model, olmo3_has_windows_without_yarn) {
  const auto file = support::gguf_olmo3();
  EXPECT_NEAR(frequencies_in(file).attention_factor(), 1 + 0.1 * std::log(8.0), 1e-15);
  expect_same(yarn::make_frequencies(read_window(file), 0),
              unscaled_of(128, 5e5, yarn::default_scaling{}));
}

TEST(gguf_model, gemma4_has_heads_of_two_sizes) {
  const auto file = support::gguf_gemma4();
  const auto global = frequencies_in(file);
  ASSERT_EQ(global.n_pairs(), 256);
  const auto unscaled = unscaled_of(512, 1e6, yarn::default_scaling{});
  EXPECT_EQ(global.inv_freq()[63], unscaled.inv_freq()[63]);
  EXPECT_LT(global.inv_freq()[64], 1e-29);
  const auto local = read_window(file);
  EXPECT_EQ(local.freq_factors.size(), 0U);
  EXPECT_EQ(local.qk_head_dim, 256);
  expect_same(yarn::make_frequencies(local, 0), unscaled_of(256, 1e4, yarn::default_scaling{}));
}

TEST(gguf_model, hunyuan_changes_the_base) {
  memory_gguf file("hunyuan-dense");
  file.set("attention.key_length", 128).set("rope.freq_base", 10000);
  file.set("rope.scaling.alpha", 1000);
  yarn::ntk_scaling ntk;
  ntk.factor = 1000;
  expect_same(frequencies_in(file), unscaled_of(128, 1e4, ntk));
  EXPECT_EQ(read(file).rope_type, "ntk");
  file.set("rope.scaling.alpha", 0);
  expect_same(frequencies_in(file), unscaled_of(128, 1e4, yarn::default_scaling{}));
}

// ---- Keys --------------------------------------------------------------------------------------

memory_gguf plain() {
  memory_gguf file("llama");
  return file.set("attention.key_length", 64).set("rope.freq_base", 10000);
}
memory_gguf plain_yarn() {
  return plain()
      .set("rope.scaling.type", "yarn")
      .set("rope.scaling.factor", 8)
      .set("rope.scaling.original_context_length", 4096);
}

TEST(gguf_key, older_files_have_scale_linear) {
  yarn::linear_scaling linear;
  linear.factor = 4;
  const auto expected = unscaled_of(64, 1e4, linear);
  expect_same(frequencies_in(plain().set("rope.scale_linear", 4)), expected);
  EXPECT_TRUE(has_note(read(plain().set("rope.scale_linear", 4)), "type is missing: linear"));
  auto both = plain().set("rope.scale_linear", 2).set("rope.scaling.factor", 4);
  expect_same(frequencies_in(both), expected);
  EXPECT_TRUE(has_note(read(both), "rope.scale_linear = 2 is not"));
  EXPECT_TRUE(read(both).unused.empty());
}

TEST(gguf_key, none_and_zero_scale_nothing) {
  const auto expected = unscaled_of(64, 1e4, yarn::default_scaling{});
  const auto none = plain().set("rope.scaling.type", "none").set("rope.scaling.factor", 4);
  expect_same(frequencies_in(none), expected);
  EXPECT_EQ(read(none).rope_type, "default");
  EXPECT_TRUE(has_note(read(none), "factor = 4 has no effect with rope.scaling.type = none"));
  const auto zero = plain().set("rope.scaling.type", "linear").set("rope.scaling.factor", 0);
  expect_same(frequencies_in(zero), expected);
  EXPECT_TRUE(has_note(read(zero), "rope.scaling.factor = 0 is no scaling"));
}

TEST(gguf_key, attn_factor_multiplies_in_every_type) {
  EXPECT_EQ(frequencies_in(plain().set("rope.scaling.attn_factor", 1.5)).attention_factor(), 1.5);
  const auto linear =
      frequencies_in(plain().set("rope.scaling.factor", 4).set("rope.scaling.attn_factor", 1.5));
  EXPECT_EQ(linear.attention_factor(), 1.5);
  yarn::linear_scaling by_four;
  by_four.factor = 4;
  const auto expected = unscaled_of(64, 1e4, by_four);
  for (std::int64_t i = 0; i < 32; ++i) {
    EXPECT_EQ(linear.inv_freq()[i], expected.inv_freq()[i]);
  }
  EXPECT_NEAR(frequencies_in(plain_yarn().set("rope.scaling.attn_factor", 1.5)).attention_factor(),
              1.5 * (1 + 0.1 * std::log(8.0)), 1e-15);
}

// The method says what the file says: no ramp, and so no correction range.
TEST(gguf_key, attn_factor_without_yarn_is_of_linear_scaling) {
  const auto scaled = plain().set("rope.scaling.factor", 4).set("rope.scaling.attn_factor", 1.5);
  const auto unscaled = plain().set("rope.scaling.attn_factor", 1.5);
  EXPECT_EQ(read(scaled).rope_type, "linear");
  EXPECT_EQ(read(unscaled).rope_type, "default");
  for (const memory_gguf& file : {scaled, unscaled}) {
    EXPECT_TRUE(std::holds_alternative<yarn::linear_scaling>(read(file).method));
    EXPECT_FALSE(frequencies_in(file).correction_range().has_value);
    EXPECT_EQ(frequencies_in(file).attention_factor(), 1.5);
  }
  const auto plain_frequencies = unscaled_of(64, 1e4, yarn::default_scaling{});
  const auto read_frequencies = frequencies_in(unscaled);
  for (std::int64_t i = 0; i < 32; ++i) {
    EXPECT_EQ(read_frequencies.inv_freq()[i], plain_frequencies.inv_freq()[i]);
  }
}

TEST(gguf_key, yarn_attn_factor_counts_without_the_ramp_only) {
  const auto ramp = plain_yarn().set("rope.scaling.yarn_attn_factor", 1.5);
  EXPECT_NEAR(frequencies_in(ramp).attention_factor(), 1 + 0.1 * std::log(8.0), 1e-15);
  EXPECT_TRUE(has_note(read(ramp), "yarn_attn_factor = 1.5 has no effect"));
  EXPECT_EQ(frequencies_in(plain().set("rope.scaling.yarn_attn_factor", 1.5)).attention_factor(),
            1.5);
}

TEST(gguf_key, ext_factor_decides_over_the_type) {
  yarn::linear_scaling linear;
  linear.factor = 8;
  const auto off = plain_yarn().set("rope.scaling.yarn_ext_factor", 0);
  expect_same(frequencies_in(off), unscaled_of(64, 1e4, linear));
  EXPECT_TRUE(has_note(read(off), "yarn_ext_factor = 0 decides"));

  yarn::yarn_scaling yarn;
  yarn.factor = 8;
  yarn.original_max_position_embeddings = 4096;
  yarn.extrapolation_factor = 0.5;
  expect_same(
      frequencies_in(
          plain_yarn().set("rope.scaling.type", "linear").set("rope.scaling.yarn_ext_factor", 0.5)),
      unscaled_of(64, 1e4, yarn));
  yarn.extrapolation_factor = 1;
  expect_same(frequencies_in(plain_yarn().set("rope.scaling.yarn_ext_factor", -1)),
              unscaled_of(64, 1e4, yarn));
}

TEST(gguf_key, betas_are_applied_and_said) {
  yarn::yarn_scaling yarn;
  yarn.factor = 8;
  yarn.original_max_position_embeddings = 4096;
  yarn.beta_fast = 16;
  yarn.beta_slow = 2;
  const auto file =
      plain_yarn().set("rope.scaling.yarn_beta_fast", 16).set("rope.scaling.yarn_beta_slow", 2);
  expect_same(frequencies_in(file), unscaled_of(64, 1e4, yarn));
  EXPECT_TRUE(has_note(read(file), "yarn_beta_fast = 16, yarn_beta_slow = 2"));
}

TEST(gguf_key, context_length_stands_in_for_the_original_one) {
  auto file = plain_yarn().drop("rope.scaling.original_context_length").set("context_length", 4096);
  expect_same(frequencies_in(file), frequencies_in(plain_yarn()));
  EXPECT_TRUE(has_note(read(file), "original_context_length is missing: context_length = 4096"));
  EXPECT_TRUE(has_note(read(plain_yarn().set("context_length", 4096)), "does not match"));
  EXPECT_FALSE(has_note(read(plain_yarn().set("context_length", 32768)), "does not match"));
}

TEST(gguf_key, unknown_ones_about_rope_are_listed) {
  auto file = plain().set("rope.scaling.beta_warm", 3).set("attention.layer_norm_epsilon", 1e-6);
  file.set("rope.scaling.mode", "warm");
  EXPECT_EQ(read(file).unused,
            (std::vector<std::string>{"llama.rope.scaling.beta_warm", "llama.rope.scaling.mode"}));
  // Hunyuan's key elsewhere.
  EXPECT_EQ(read(plain().set("rope.scaling.alpha", 2)).unused,
            std::vector<std::string>{"llama.rope.scaling.alpha"});
}

TEST(gguf_key, sections_are_reported) {
  memory_gguf file("qwen2vl");
  file.set("attention.key_length", 128).set("rope.freq_base", 1e6);
  file.set("rope.dimension_sections", std::vector<double>{16, 24, 24, 0});
  const auto config = read(file);
  EXPECT_EQ(config.dimension_sections, (std::vector<std::int64_t>{16, 24, 24, 0}));
  EXPECT_TRUE(has_note(config, "M-RoPE"));
  EXPECT_EQ(yarn::gguf_pairing(config), yarn::pairing::half_split);
  file.set("rope.dimension_sections", std::vector<double>{0, 0, 0, 0});
  EXPECT_TRUE(read(file).dimension_sections.empty());
}

TEST(gguf_key, finetuned_switches_granite_off) {
  memory_gguf file("granite");
  file.set("attention.key_length", 64).set("rope.freq_base", 1e4);
  EXPECT_TRUE(read(file).notes.empty());
  EXPECT_TRUE(has_note(read(file.set("rope.scaling.finetuned", 0)), "does not rotate"));
  EXPECT_TRUE(read(plain().set("rope.scaling.finetuned", 0)).notes.empty());
}

TEST(gguf_key, a_default_base_is_the_callers) {
  yarn::gguf_options options;
  options.default_rope_theta = 10000;
  const auto config = yarn::gguf_config_from(plain().drop("rope.freq_base"), options);
  EXPECT_EQ(config.shape.rope_theta, 10000);
  EXPECT_TRUE(has_note(config, "llama.rope.freq_base is missing: 10000 is the caller's default"));
  EXPECT_EQ(yarn::gguf_config_from(plain().set("rope.freq_base", 5e5), options).shape.rope_theta,
            5e5);
}

TEST(gguf_key, divisors_win_over_lists_and_multiply_with_a_factor) {
  auto file = plain().set("rope.scaling.factor", 2);
  file.tensors["rope_freqs.weight"].assign(32, 4.0F);
  file.tensors["rope_factors_short.weight"].assign(32, 3.0F);
  file.tensors["rope_factors_long.weight"].assign(32, 5.0F);
  EXPECT_EQ(first_inv_freq(file), 0.125);
  EXPECT_TRUE(has_note(read(file), "rope_freqs.weight is taken"));
  file.tensors.erase("rope_freqs.weight");
  file.set("rope.scaling.original_context_length", 100);
  EXPECT_EQ(first_inv_freq(file, 100), 1 / 6.0);
  EXPECT_EQ(first_inv_freq(file, 101), 0.1);
  EXPECT_EQ(frequencies_in(file).attention_factor(), 1.0); // nothing computed beside attn_factor
  EXPECT_TRUE(has_note(read(file), "divides the frequencies beside LongRoPE's lists"));
  EXPECT_TRUE(has_note(read(file), "llama.rope.scaling.attn_factor is missing: 1"));
}

TEST(gguf_key, a_part_of_a_head_may_be_rotated) {
  const auto config = read(plain().set("rope.dimension_count", 32));
  EXPECT_EQ(config.shape.head_dim, 64);
  EXPECT_EQ(config.shape.rotary_dim, 32);
  EXPECT_EQ(config.rotary_offset, 0);
  memory_gguf step("step35");
  step.set("attention.key_length", 128).set("rope.freq_base", 1e4);
  EXPECT_EQ(read(step).shape.rotary_dim, 64);
  EXPECT_TRUE(has_note(read(step), "half of a head"));
  EXPECT_EQ(read(step.set("rope.dimension_count", 96)).shape.rotary_dim, 96);
}

// ---- Pairings ----------------------------------------------------------------------------------

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

// ---- Refusals ----------------------------------------------------------------------------------

template <class Change>
void expect_refusal(memory_gguf file, Change&& change, std::initializer_list<std::string> words) {
  change(file);
  support::expect_error<std::invalid_argument>([&] { static_cast<void>(read(file)); }, words);
}

TEST(gguf_error, names_what_is_missing) {
  const auto drop = [](const char* key) { return [=](memory_gguf& file) { file.drop(key); }; };
  memory_gguf nameless("llama");
  nameless.texts.clear();
  support::expect_error<std::invalid_argument>([&] { static_cast<void>(read(nameless)); },
                                               {"general.architecture is missing"});
  expect_refusal(plain(), drop("rope.freq_base"),
                 {"llama.rope.freq_base is missing", "default_rope_theta"});
  expect_refusal(plain(), drop("attention.key_length"),
                 {"llama.attention.key_length is missing", "embedding_length"});
  expect_refusal(
      plain(),
      [](memory_gguf& file) { file.drop("attention.key_length").set("embedding_length", 4096); },
      {"llama.attention.key_length is missing", "head_count"});
  expect_refusal(plain_yarn(), drop("rope.scaling.factor"),
                 {"llama.rope.scaling.factor is missing", "YaRN"});
  expect_refusal(plain_yarn(), drop("rope.scaling.original_context_length"),
                 {"llama.rope.scaling.original_context_length is missing", "llama.context_length"});
  expect_refusal(support::gguf_deepseek(1), drop("rope.dimension_count"),
                 {"deepseek2.rope.dimension_count is missing", "kv_lora_rank"});
  expect_refusal(
      support::gguf_deepseek(1),
      [](memory_gguf& file) { file.drop("attention.key_length").drop("attention.key_length_mla"); },
      {"deepseek2.attention.key_length_mla is missing"});
  expect_refusal(plain(), [](memory_gguf& file) { file.set("rope.scaling.type", "longrope"); },
                 {"rope_factors_short.weight and rope_factors_long.weight are missing",
                  "llama.rope.scaling.type = longrope"});
  expect_refusal(
      plain(), [](memory_gguf& file) { file.tensors["rope_factors_long.weight"].assign(32, 1.0F); },
      {"rope_factors_short.weight is missing"});
  expect_refusal(
      plain(),
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
    expect_refusal(plain_yarn(), [&](memory_gguf& file) { file.set(w.key, w.value); },
                   {std::string("llama.") + w.key, w.words});
  }
  expect_refusal(plain(), [](memory_gguf& file) { file.set("rope.scale_linear", -2); },
                 {"llama.rope.scale_linear = -2"});
  expect_refusal(plain_yarn(),
                 [](memory_gguf& file) { file.set("rope.scaling.yarn_beta_fast", 0.5); },
                 {"llama.rope.scaling.yarn_beta_fast = 0.5", "less than", "yarn_beta_slow = 1"});
  expect_refusal(plain_yarn(), [](memory_gguf& file) { file.set("rope.scaling.type", "dynamic"); },
                 {"llama.rope.scaling.type = dynamic", "none, linear, yarn, longrope"});
  expect_refusal(support::gguf_qwen2_yarn(),
                 [](memory_gguf& file) { file.set("attention.head_count", 27); },
                 {"qwen2.embedding_length = 3584", "multiple of attention.head_count = 27"});
  expect_refusal(support::gguf_ministral3(),
                 [](memory_gguf& file) { file.set("rope.scaling.yarn_log_multiplier", -1); },
                 {"mistral3.rope.scaling.yarn_log_multiplier = -1"});
  for (const double pairs : {33.0, -1.0, 2.5, nan}) {
    expect_refusal(plain(),
                   [&](memory_gguf& file) {
                     file.set("rope.dimension_sections", std::vector<double>{1, pairs});
                   },
                   {"llama.rope.dimension_sections holds", "an integer in [0, n_pairs = 32]"});
  }
}

// A value that cannot be read is not one that is missing.
TEST(gguf_error, names_a_value_of_another_type) {
  for (const char* key : {"rope.freq_base", "rope.scaling.factor", "attention.key_length"}) {
    expect_refusal(plain(), [&](memory_gguf& file) { file.drop(key).set(key, "10000"); },
                   {std::string("llama.") + key, "is not a number"});
  }
  expect_refusal(plain(), [](memory_gguf& file) { file.set("rope.scaling.type", 2); },
                 {"llama.rope.scaling.type", "is not a text"});
  expect_refusal(plain(), [](memory_gguf& file) { file.set("rope.dimension_sections", "t"); },
                 {"llama.rope.dimension_sections", "is not an array of numbers"});
  expect_refusal(plain().drop("attention.key_length").set("embedding_length", 4096),
                 [](memory_gguf& file) {
                   file.set("attention.head_count", std::vector<double>{32, 16});
                 },
                 {"llama.attention.head_count", "is not a number"});
}

TEST(gguf_error, names_a_tensor) {
  expect_refusal(plain(),
                 [](memory_gguf& file) { file.tensors["rope_freqs.weight"].assign(64, 1.0F); },
                 {"rope_freqs.weight has 64 values", "32 pairs"});
  expect_refusal(plain(),
                 [](memory_gguf& file) {
                   file.tensors["rope_freqs.weight"].assign(32, 1.0F);
                   file.tensors["rope_freqs.weight"][5] = 0.0F;
                 },
                 {"rope_freqs.weight[5] = 0"});
}

TEST(gguf_error, names_methods_that_exclude_each_other) {
  expect_refusal(plain_yarn(),
                 [](memory_gguf& file) {
                   file.tensors["rope_factors_short.weight"].assign(32, 1.0F);
                   file.tensors["rope_factors_long.weight"].assign(32, 1.0F);
                 },
                 {"llama.rope.scaling.type = yarn", "rope_factors_short.weight"});
  memory_gguf hunyuan("hunyuan_vl");
  hunyuan.set("attention.key_length", 128).set("rope.freq_base", 10000);
  hunyuan.set("rope.scaling.alpha", 1000).set("rope.scaling.factor", 2);
  support::expect_error<std::invalid_argument>([&] { static_cast<void>(read(hunyuan)); },
                                               {"hunyuan_vl.rope.scaling.alpha = 1000"});
}

TEST(gguf_error, names_an_architecture_with_unknown_windows) {
  support::expect_error<std::invalid_argument>([] { static_cast<void>(read_window(plain())); },
                                               {"general.architecture = llama", "sliding window"});
}

// ---- Fuzz --------------------------------------------------------------------------------------

// Whatever the values: frequencies that are finite, or an error that names a key or a field.
TEST(gguf_fuzz, values) {
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
    options.layers =
        random.integer(0, 2) == 0 ? yarn::gguf_layers::sliding_window : yarn::gguf_layers::global;
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

// SPDX-License-Identifier: MIT
// gguf_layers: which layer has which rope, for the key sets that the converters of llama.cpp write,
// and the temperatures of GGUF files. The expected layers follow from the models' own code.
#include "../support/expect_error.hpp"
#include "../support/gguf_reading.hpp"

#include <gtest/gtest.h>
#include <yarn/gguf.hpp>
#include <yarn/rows.hpp>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace {

using support::expect_same;
using support::frequencies_by;
using support::has_note;
using support::memory_gguf;

yarn::gguf_layer_ropes read_layers(const memory_gguf& file) { return yarn::gguf_layers(file); }

// One character per layer: the index of its rope, or '-' if it does not rotate.
std::string drawn(const yarn::gguf_layer_ropes& model) {
  std::string text;
  for (const std::int64_t rope : model.rope_of_layer) {
    text += rope < 0 ? '-' : static_cast<char>('0' + rope);
  }
  return text;
}
std::string drawn(const memory_gguf& file) { return drawn(read_layers(file)); }

bool has_layer_note(const memory_gguf& file, const std::string& words) {
  for (const std::string& note : read_layers(file).notes) {
    if (note.find(words) != std::string::npos) {
      return true;
    }
  }
  return false;
}

memory_gguf model_of(const std::string& architecture, int n_layers) {
  memory_gguf file(architecture);
  file.set("block_count", n_layers).set("attention.key_length", 64).set("rope.freq_base", 1e6);
  return file.set("context_length", 4096);
}

std::vector<double> flags(const std::string& text) {
  std::vector<double> list;
  for (const char c : text) {
    list.push_back(c == '1' ? 1.0 : 0.0);
  }
  return list;
}

TEST(gguf_layers, are_all_alike_in_most_models) {
  const auto model = read_layers(model_of("llama", 4));
  EXPECT_EQ(drawn(model), "0000");
  ASSERT_EQ(model.ropes.size(), 1U);
  EXPECT_EQ(model.ropes[0].name, "rope");
  EXPECT_TRUE(model.notes.empty());
  EXPECT_TRUE(model.ropes[0].notes.empty());
  expect_same(yarn::make_frequencies(model.ropes[0], 0),
              frequencies_by(64, 1e6, yarn::default_scaling{}));
}

TEST(gguf_layers, gemma3_has_five_windows_and_a_global_layer) {
  const auto file = support::gguf_gemma3().set("block_count", 14);
  const auto model = read_layers(file);
  EXPECT_EQ(drawn(model), "00000100000100");
  ASSERT_EQ(model.ropes.size(), 2U);
  EXPECT_EQ(model.ropes[0].name, "sliding_window");
  EXPECT_EQ(model.ropes[1].name, "global");
  EXPECT_EQ(model.ropes[0].shape.rope_theta, 1e4);
  EXPECT_EQ(model.ropes[0].rope_type, "default");
  EXPECT_EQ(model.ropes[1].shape.rope_theta, 1e6);
  EXPECT_EQ(model.ropes[1].rope_type, "linear");
  EXPECT_TRUE(has_layer_note(file, "sliding_window_pattern is missing: the last of each 6 layers"));
  EXPECT_TRUE(has_note(support::read_gguf(file), "not all layers have this rope"));
  EXPECT_TRUE(has_note(support::read_gguf_window(file), "not all layers have this rope"));
  EXPECT_FALSE(has_note(model.ropes[0], "not all layers have this rope"));
  EXPECT_FALSE(has_note(support::read_gguf(model_of("llama", 3)), "not all layers"));
  EXPECT_TRUE(has_note(support::read_gguf(model_of("smollm3", 4)), "not all layers"));
  // The file may say the period or list the layers.
  auto other = file;
  EXPECT_EQ(drawn(other.set("attention.sliding_window_pattern", 3)), "00100100100100");
  EXPECT_EQ(drawn(other.drop("attention.sliding_window_pattern")
                      .set("attention.sliding_window_pattern", flags("10101010101010"))),
            "01010101010101");
  EXPECT_TRUE(read_layers(other).notes.empty());
  EXPECT_TRUE(support::read_gguf(other).unused.empty());
  // Without a window, all layers are global.
  EXPECT_EQ(drawn(other.set("attention.sliding_window", 0)), "00000000000000");
  EXPECT_EQ(support::read_gguf(other).unused,
            std::vector<std::string>{"gemma3.attention.sliding_window_pattern"});
}

// Laguna XS.2: the first of every four layers is global.
TEST(gguf_layers, laguna_has_widths_and_bases_of_its_own) {
  auto file = model_of("laguna", 8).set("attention.key_length", 128);
  file.set("attention.sliding_window", 512).set("rope.freq_base", 5e5);
  file.set("rope.dimension_count", 64).set("rope.dimension_count_swa", 128);
  file.set("rope.freq_base_swa", 1e4).set("rope.scaling.type", "yarn");
  file.set("rope.scaling.factor", 32).set("rope.scaling.original_context_length", 4096);
  file.set("attention.head_count", std::vector<double>{48, 64, 64, 64, 48, 64, 64, 64});
  const auto model = read_layers(file);
  EXPECT_EQ(drawn(model), "01110111");
  EXPECT_EQ(model.ropes[0].shape.rotary_dim, 64);
  EXPECT_EQ(model.ropes[0].rope_type, "yarn");
  EXPECT_EQ(model.ropes[1].shape.rotary_dim, 128);
  expect_same(yarn::make_frequencies(model.ropes[1], 0),
              frequencies_by(128, 1e4, yarn::default_scaling{}));
  EXPECT_EQ(yarn::gguf_layers(file.drop("rope.freq_base_swa")).ropes[1].shape.rope_theta, 5e5);
}

// Step 3.5: a list of layers, half of a head in global layers, whose divisors are the first half of
// the tensor.
TEST(gguf_layers, step35_rotates_half_of_a_head_in_global_layers) {
  auto file = model_of("step35", 6).set("attention.key_length", 128).set("rope.freq_base", 5e6);
  file.set("rope.freq_base_swa", 1e4).set("attention.sliding_window", 512);
  file.set("nextn_predict_layers", 1);
  file.set("attention.sliding_window_pattern", flags("011101"));
  file.tensors["rope_freqs.weight"].assign(64, 1.0F);
  file.tensors["rope_freqs.weight"][31] = 2.0F;
  const auto model = read_layers(file);
  EXPECT_EQ(drawn(model), "01110");
  EXPECT_TRUE(has_layer_note(file, "nextn_predict_layers = 1"));
  ASSERT_EQ(model.ropes.size(), 2U);
  EXPECT_EQ(model.ropes[0].shape.rotary_dim, 64);
  EXPECT_EQ(model.ropes[0].freq_factors.size(), 32U);
  const auto unscaled = yarn::make_frequencies({128, 64, 5e6}, yarn::default_scaling{});
  const auto divided = yarn::make_frequencies(model.ropes[0], 0);
  EXPECT_EQ(divided.inv_freq()[30], unscaled.inv_freq()[30]);
  EXPECT_EQ(divided.inv_freq()[31], unscaled.inv_freq()[31] / 2);
  expect_same(yarn::make_frequencies(model.ropes[1], 0),
              frequencies_by(128, 1e4, yarn::default_scaling{}));
  support::expect_error<std::invalid_argument>(
      [&] {
        static_cast<void>(yarn::gguf_config_from(memory_gguf(file).set("rope.dimension_count", 2)));
      },
      {"step35.rope.dimension_count = 2 must be a multiple of 4"});
  support::expect_error<std::invalid_argument>(
      [&] { static_cast<void>(read_layers(file.drop("attention.sliding_window_pattern"))); },
      {"step35.attention.sliding_window_pattern is missing", "which layers have a window"});
}

TEST(gguf_layers, windows_may_have_the_rope_of_the_others) {
  auto file = support::gguf_gpt_oss().set("block_count", 4);
  EXPECT_EQ(drawn(file), "0000");
  EXPECT_EQ(read_layers(file).ropes[0].name, "rope");
  EXPECT_FALSE(has_note(support::read_gguf(file), "not all layers"));
  EXPECT_EQ(drawn(file.set("rope.freq_base_swa", 1e4)), "0101");
  EXPECT_EQ(read_layers(file).ropes[0].shape.rope_theta, 1e4);
  EXPECT_EQ(read_layers(file).ropes[0].rope_type, "yarn");
  EXPECT_EQ(drawn(support::gguf_gemma4()
                      .set("block_count", 4)
                      .set("attention.sliding_window_pattern", flags("1110"))),
            "0001");
}

struct known_layers {
  const char* architecture;
  int n_layers;
  double window; // < 0: the key is missing
  const char* layers;
};

// The built-in rules of llama.cpp, for files without a list or period of layers.
TEST(gguf_layers, follow_the_rules_of_the_architecture) {
  for (const known_layers& known : std::initializer_list<known_layers>{
           {"afmoe", 8, 2048, "000-000-"},
           {"afmoe", 8, 0, "000-000-"},
           {"baichuan", 32, -1, "00000000000000000000000000000000"},
           {"baichuan", 40, -1, "----------------------------------------"},
           {"cohere2", 8, 4096, "000-000-"},
           {"exaone-moe", 8, 128, "000-000-"},
           {"exaone4", 30, 4096, "000000000000000000000000000000"},
           {"gemma-embedding", 7, 512, "0000010"},
           {"gemma2", 4, -1, "0000"},
           {"gemma3n", 6, 512, "000010"},
           {"gpt2", 3, -1, "---"},
           {"jamba", 3, -1, "---"},
           {"llama4", 8, -1, "000-000-"},
           {"llama4", 8, 8192, "000-000-"},
           {"llama4", 8, 0, "00000000"},
           {"modern-bert", 7, 128, "0110110"},
           {"phi3", 4, 2047, "0000"},
           {"plamo3", 9, 2048, "000000010"},
           {"plamo3", 9, 0, "000000000"},
           {"qwen3next", 8, -1, "---0---0"},
           {"smallthinker", 8, 4096, "-000-000"},
           {"smallthinker", 8, 0, "00000000"},
           {"smallthinker", 4, 4096, "0000"},
           {"smollm3", 10, -1, "000-000-00"},
           {"starcoder", 2, -1, "--"}}) {
    auto file = model_of(known.architecture, known.n_layers);
    if (known.window >= 0) {
      file.set("attention.sliding_window", known.window);
    }
    EXPECT_EQ(drawn(file), known.layers) << known.architecture << ' ' << known.window;
  }
  std::string exaone4;
  for (int i = 0; i < 16; ++i) {
    exaone4 += "000-";
  }
  EXPECT_EQ(drawn(model_of("exaone4", 64)), exaone4);
  EXPECT_TRUE(has_layer_note(model_of("smollm3", 36), "9 of 36 layers do not rotate: 3, 7, 11, 15, "
                                                      "19, 23, 27, 31 ..."));
}

TEST(gguf_layers, cohere2moe_rotates_its_dense_layers) {
  auto file = model_of("cohere2moe", 9).set("attention.sliding_window", 4096);
  EXPECT_EQ(drawn(file), "-000-000-");
  EXPECT_EQ(drawn(file.set("leading_dense_block_count", 1)), "0000-000-");
}

// OLMo 3 and Mellum scale the global layers only, and have one base.
TEST(gguf_layers, olmo3_scales_global_layers_only) {
  auto file = support::gguf_olmo3().set("block_count", 5);
  const auto model = read_layers(file);
  EXPECT_EQ(drawn(model), "00010");
  EXPECT_EQ(model.ropes[0].rope_type, "default");
  EXPECT_EQ(model.ropes[1].rope_type, "yarn");
  file.set("rope.freq_base_swa", 2e4);
  EXPECT_EQ(read_layers(file).ropes[0].shape.rope_theta, 5e5);
  EXPECT_TRUE(
      has_note(read_layers(file).ropes[0], "olmo2.rope.freq_base_swa = 20000 has no effect"));
}

TEST(gguf_layers, rope_pattern_of_granite_switches_layers_off) {
  auto file = model_of("granite_swa", 4).set("attention.sliding_window", 512);
  file.set("attention.sliding_window_pattern", flags("1011"));
  file.set("attention.rope_pattern", flags("1101"));
  EXPECT_EQ(drawn(file), "00-0");
  EXPECT_EQ(yarn::gguf_pairing("granite_swa"), yarn::pairing::interleaved);
  // No other architecture reads this key.
  auto other = model_of("llama", 4).set("attention.rope_pattern", flags("1101"));
  EXPECT_EQ(drawn(other), "0000");
  EXPECT_EQ(support::read_gguf(other).unused,
            std::vector<std::string>{"llama.attention.rope_pattern"});
}

TEST(gguf_layers, without_attention_do_not_rotate) {
  auto lfm2 = model_of("lfm2", 6).drop("attention.key_length").set("embedding_length", 1024);
  lfm2.set("attention.head_count", 16);
  lfm2.set("attention.head_count_kv", std::vector<double>{0, 0, 8, 0, 0, 8});
  EXPECT_EQ(drawn(lfm2), "--0--0");
  EXPECT_EQ(read_layers(lfm2).ropes[0].shape.head_dim, 64);
  auto deci = model_of("deci", 3).drop("attention.key_length").set("embedding_length", 4096);
  deci.set("attention.head_count", std::vector<double>{0, 32, 32});
  EXPECT_EQ(drawn(deci), "-00");
  EXPECT_EQ(read_layers(deci).ropes[0].shape.head_dim, 128);
  auto qwen35 = model_of("qwen35", 5).set("nextn_predict_layers", 1);
  qwen35.set("rope.dimension_sections", std::vector<double>{11, 11, 10, 0});
  EXPECT_EQ(drawn(qwen35.set("full_attention_interval", 2)), "-0-0");
  EXPECT_EQ(drawn(qwen35.set("attention.recurrent_layers", flags("10110"))), "-0--");
  EXPECT_EQ(drawn(model_of("granite", 2).set("rope.scaling.finetuned", 0)), "--");
}

// DeepSeek-V4, as in transformers: layers with compress_ratio 0 have theta 10000 and no YaRN, the
// others theta 160000 and YaRN with factor 16 and original length 65536.
TEST(gguf_layers, deepseek4_has_two_ropes) {
  memory_gguf file("deepseek4");
  file.set("block_count", 6).set("context_length", 1048576).set("attention.key_length", 512);
  file.set("rope.dimension_count", 64).set("rope.freq_base", 10000);
  file.set("attention.compress_rope_freq_base", 160000);
  file.set("attention.compress_ratios", std::vector<double>{0, 0, 4, 128, 4, 128});
  file.set("attention.sliding_window", 128).set("rope.scaling.type", "yarn");
  file.set("rope.scaling.factor", 16).set("rope.scaling.original_context_length", 65536);
  file.set("rope.scaling.yarn_beta_fast", 32).set("rope.scaling.yarn_beta_slow", 1);
  const auto model = read_layers(file);
  EXPECT_EQ(drawn(model), "001111");
  ASSERT_EQ(model.ropes.size(), 2U);
  EXPECT_EQ(model.ropes[0].name, "global");
  EXPECT_EQ(model.ropes[1].name, "compressed");
  expect_same(yarn::make_frequencies(model.ropes[0], 0),
              frequencies_by(64, 1e4, yarn::default_scaling{}));
  const auto compressed = yarn::make_frequencies(model.ropes[1], 0);
  EXPECT_EQ(compressed.correction_range().low, 15.0);
  EXPECT_EQ(compressed.correction_range().high, 25.0);
  EXPECT_DOUBLE_EQ(compressed.inv_freq()[20], 2.96977778261690891e-04);
  EXPECT_DOUBLE_EQ(compressed.inv_freq()[31], 5.680529036909976e-07);
  EXPECT_EQ(compressed.attention_factor(), 1.0);
  for (const auto& rope : model.ropes) {
    EXPECT_EQ(rope.shape.head_dim, 64);
    EXPECT_EQ(rope.qk_head_dim, 512);
    EXPECT_EQ(rope.rotary_offset, 448);
    EXPECT_TRUE(rope.derotates_output);
    EXPECT_TRUE(rope.unused.empty());
  }
  EXPECT_FALSE(support::read_gguf(model_of("llama", 2)).derotates_output);
  support::expect_error<std::invalid_argument>(
      [&] { static_cast<void>(read_layers(file.drop("attention.compress_rope_freq_base"))); },
      {"deepseek4.attention.compress_rope_freq_base is missing"});
  support::expect_error<std::invalid_argument>(
      [&] { static_cast<void>(read_layers(file.drop("attention.compress_ratios"))); },
      {"deepseek4.attention.compress_ratios is missing"});
}

TEST(gguf_layers, are_empty_if_they_are_not_known) {
  const auto no_count = read_layers(model_of("llama", 1).drop("block_count"));
  EXPECT_TRUE(no_count.rope_of_layer.empty());
  EXPECT_EQ(no_count.ropes.size(), 1U);
  EXPECT_TRUE(has_layer_note(model_of("llama", 1).drop("block_count"), "block_count is missing"));
  const auto gemma = read_layers(support::gguf_gemma3());
  EXPECT_TRUE(gemma.rope_of_layer.empty());
  ASSERT_EQ(gemma.ropes.size(), 2U);
  EXPECT_EQ(gemma.ropes[1].name, "sliding_window");
  EXPECT_TRUE(read_layers(model_of("newest", 3)).rope_of_layer.empty());
  EXPECT_TRUE(has_layer_note(model_of("newest", 3), "general.architecture = newest: it is not"));
  const auto newest = support::read_gguf(model_of("newest", 3).set("rope.freq_base_swa", 1e4));
  EXPECT_TRUE(has_note(newest, "newest.rope.freq_base_swa has no effect: it is not known"));
  EXPECT_EQ(newest.unused, std::vector<std::string>{"newest.rope.freq_base_swa"});
}

TEST(gguf_layers, are_refused_if_lists_do_not_fit) {
  const auto expect_refusal = [](const memory_gguf& file,
                                 std::initializer_list<std::string> words) {
    support::expect_error<std::invalid_argument>([&] { static_cast<void>(read_layers(file)); },
                                                 words);
    support::expect_error<std::invalid_argument>(
        [&] { static_cast<void>(yarn::gguf_config_from(file)); }, words);
  };
  auto file = model_of("cohere2", 4);
  expect_refusal(file.set("attention.sliding_window_pattern", flags("101")),
                 {"cohere2.attention.sliding_window_pattern has 3 values", "each of the 4 layers"});
  expect_refusal(file.set("attention.sliding_window_pattern", std::vector<double>{1, -1, 0, 1}),
                 {"sliding_window_pattern holds -1"});
  file.drop("attention.sliding_window_pattern");
  expect_refusal(file.set("attention.sliding_window_pattern", 0), {"pattern = 0 must be"});
  expect_refusal(model_of("llama", 4).set("block_count", 1e9),
                 {"block_count = 1000000000", "65536"});
  expect_refusal(model_of("llama", 4).set("nextn_predict_layers", 5),
                 {"nextn_predict_layers = 5", "[0, block_count = 4]"});
  // llama.cpp reads no lists of widths: they are refused.
  expect_refusal(model_of("llama", 2)
                     .drop("attention.key_length")
                     .set("attention.key_length", std::vector<double>{64, 128}),
                 {"llama.attention.key_length is given, but is not a number"});
  expect_refusal(model_of("llama", 2).set("rope.dimension_count", std::vector<double>{64, 32}),
                 {"llama.rope.dimension_count is given, but is not a number"});
  yarn::gguf_options options;
  options.layer_type = yarn::gguf_layer_type::sliding_window;
  support::expect_error<std::invalid_argument>(
      [&] { static_cast<void>(yarn::gguf_layers(file, options)); }, {"gguf_layers reads all"});
  options.layer_type = yarn::gguf_layer_type::compressed;
  support::expect_error<std::invalid_argument>(
      [&] { static_cast<void>(yarn::gguf_config_from(model_of("llama", 2), options)); },
      {"layer_type = compressed", "llama has no such layers"});
}

TEST(gguf_temperature, llama4_has_one_where_it_does_not_rotate) {
  const auto config = support::read_gguf(model_of("llama4", 8));
  EXPECT_EQ(config.temperature_layers, yarn::temperature_scope::unrotated);
  ASSERT_TRUE(std::holds_alternative<yarn::llama4_temperature>(config.temperature));
  EXPECT_NEAR(std::get<yarn::llama4_temperature>(config.temperature)(100000),
              1 + 0.1 * std::log(13.0), 1e-15);
  const auto off = support::read_gguf(model_of("llama4", 8).set("attention.sliding_window", 0));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(off.temperature));
  EXPECT_EQ(off.temperature_layers, yarn::temperature_scope::none);
}

TEST(gguf_temperature, ministral3_takes_the_original_length) {
  auto file = support::gguf_ministral3().set("attention.temperature_scale", support::stored(0.1));
  const auto config = support::read_gguf(file);
  EXPECT_EQ(config.temperature_layers, yarn::temperature_scope::all);
  ASSERT_TRUE(std::holds_alternative<yarn::ministral_temperature>(config.temperature));
  EXPECT_NEAR(std::get<yarn::ministral_temperature>(config.temperature)(100000), 1.1945910149055314,
              1e-8);
  const auto freqs = yarn::make_frequencies(config.shape, config.method, 100001);
  yarn::rotary_rows<double> rows;
  rows.assign(freqs, yarn::positions_from(100000, 1), config.temperature);
  EXPECT_NEAR(std::hypot(rows.cos(0)[0], rows.sin(0)[0]),
              freqs.attention_factor() * config.temperature(100000), 1e-15);
  EXPECT_TRUE(config.unused.empty());
  EXPECT_TRUE(std::holds_alternative<std::monostate>(
      support::read_gguf(support::gguf_ministral3()).temperature));
  EXPECT_EQ(support::read_gguf(file.set("attention.temperature_length", 8192)).unused,
            std::vector<std::string>{"mistral3.attention.temperature_length"});
}

TEST(gguf_temperature, deepseek2_has_a_length_of_its_own) {
  auto file = support::gguf_deepseek(1.0).set("attention.temperature_scale", 0.125);
  support::expect_error<std::invalid_argument>(
      [&] { static_cast<void>(support::read_gguf(file)); },
      {"deepseek2.attention.temperature_length is missing"});
  const auto config = support::read_gguf(file.set("attention.temperature_length", 8192));
  const auto& temperature = std::get<yarn::ministral_temperature>(config.temperature);
  EXPECT_EQ(temperature.beta, 0.125);
  EXPECT_EQ(temperature.original_max_position_embeddings, 8192.0);
  support::expect_error<std::invalid_argument>(
      [&] { static_cast<void>(support::read_gguf(file.set("attention.temperature_scale", -1))); },
      {"deepseek2.attention.temperature_scale = -1 must be finite and > 0"});
}

TEST(gguf_temperature, of_other_architectures_is_listed) {
  auto grok = model_of("grok", 2).set("attention.temperature_length", 1024);
  EXPECT_TRUE(
      has_note(support::read_gguf(grok), "grok.attention.temperature_length has no effect"));
  EXPECT_EQ(support::read_gguf(grok).unused,
            std::vector<std::string>{"grok.attention.temperature_length"});
  EXPECT_EQ(support::read_gguf(model_of("llama", 2).set("attention.temperature_scale", 2)).unused,
            std::vector<std::string>{"llama.attention.temperature_scale"});
}

} // namespace

// SPDX-License-Identifier: MIT
// yarn/hf_config.hpp: what the code of a vendor does beside the keys of transformers. The numbers
// of the published files are in test_hf_published.cpp.
#include "../support/expect_error.hpp"
#include "../support/hf_configs.hpp"

#include <cmath>
#include <utility>

namespace {

using namespace hf; // NOLINT(google-build-using-namespace)
using support::expect_error;

json telechat_with(const json& others) {
  json config = {
      {"model_type", "telechat"}, {"hidden_size", 4096},    {"n_head", 32}, {"n_layer", 30},
      {"seq_length", 8192},       {"training_seqlen", 8192}};
  config.update(others);
  return config;
}
yarn::stepped_ntk_scaling telechat_method(const json& others) {
  const yarn::hf_config config = read(telechat_with(others));
  EXPECT_EQ(config.rope_type, "stepped_ntk");
  return method_of<yarn::stepped_ntk_scaling>(config);
}

TEST(hf_telechat, scales_at_every_length) {
  const yarn::stepped_ntk_scaling of_7b = telechat_method(json::object());
  EXPECT_EQ(of_7b.original_max_position_embeddings, 4096);
  EXPECT_EQ(of_7b.training_seqlen, 8192);
  const yarn::stepped_ntk_scaling of_12b =
      telechat_method({{"hidden_size", 5120}, {"training_seqlen", nullptr}});
  EXPECT_EQ(of_12b.original_max_position_embeddings, 8192);
  EXPECT_EQ(of_12b.training_seqlen, 8192); // by default
  const yarn::stepped_ntk_scaling of_2 =
      telechat_method({{"base_seqlen", 8193}, {"training_seqlen", 16385}});
  EXPECT_EQ(of_2.original_max_position_embeddings, 8193);
  EXPECT_EQ(of_2.training_seqlen, 16385);
  EXPECT_TRUE(notes_say(read(telechat_with(json::object())), {"stepped_ntk_scaling", "8192"}));
}

// The factor is 2^ceil(log2(l / 4096) + 1) - 1. l is the length, or 8192 (training_seqlen) if the
// length is below.
TEST(hf_telechat, has_the_frequencies_of_the_length) {
  const yarn::hf_config config = read(telechat_with(json::object()));
  const std::pair<std::int64_t, double> factors_of_lengths[] = {
      {0, 3}, {8192, 3}, {8193, 7}, {16384, 7}, {16385, 15}};
  for (const auto& [length, factor] : factors_of_lengths) {
    const yarn::frequencies found = yarn::make_frequencies(config, length);
    const yarn::frequencies expected =
        yarn::make_frequencies(config.shape, yarn::ntk_scaling{factor});
    EXPECT_EQ(found.inv_freq()[63], expected.inv_freq()[63]) << length;
    const double mscale =
        length > 8192 ? 0.1 * std::log(static_cast<double>(length) / 8192) + 1 : 1.0;
    EXPECT_DOUBLE_EQ(found.attention_factor(), mscale) << length;
  }
}

TEST(hf_telechat, needs_a_known_base_length) {
  expect_error<std::invalid_argument>(
      [] {
        read(telechat_with({{"hidden_size", 2048}}));
      },
      {"base_seqlen", "TeleChat-7B"});
}

TEST(hf_telechat, notes_the_keys_that_its_code_does_not_use) {
  const yarn::hf_config config = read(telechat_with({{"logn", true}}));
  EXPECT_EQ(config.unused, names{});
  EXPECT_TRUE(notes_say(config, {"logn", "no code"}));
  const json linear = {{"type", "linear"}, {"factor", 2}};
  const yarn::hf_config scaled = read(telechat_with({{"rope_scaling", linear}}));
  EXPECT_EQ(scaled.rope_type, "linear");
  EXPECT_TRUE(notes_say(scaled, {"rope_scaling", "TeleChat does not read it"}));
}

TEST(hf_phi3_small, divides_positions) {
  const auto with = [](const json& scale) {
    return json{{"model_type", "phi3small"},
                {"head_dim", 128},
                {"rope_embedding_base", 1e6},
                {"rope_position_scale", scale}};
  };
  const yarn::hf_config config = read(with(4.0));
  EXPECT_EQ(config.shape.rope_theta, 1e6);
  EXPECT_EQ(config.rope_type, "linear");
  EXPECT_EQ(method_of<yarn::linear_scaling>(config).factor, 4.0);
  EXPECT_EQ(config.unused, names{});
  EXPECT_EQ(read(with(1)).rope_type, "default");
  expect_error<std::invalid_argument>([&] { read(with(0.0)); }, {"rope_position_scale", "> 0"});
  json scaled = with(4.0);
  scaled["rope_scaling"] = {{"type", "linear"}, {"factor", 2}};
  EXPECT_EQ(read(scaled).unused, names{"rope_position_scale"});
}

TEST(hf_plamo2, has_attention_in_one_of_mamba_step_layers) {
  const auto layers = [](const json& others) {
    json config = {
        {"model_type", "plamo2"}, {"hidden_size_per_head", 64}, {"num_hidden_layers", 7}};
    config.update(others);
    const yarn::hf_layer_ropes found = yarn::hf_layers(config);
    EXPECT_EQ(found.ropes.at(0).shape.head_dim, 64);
    return found.rope_of_layer;
  };
  using list = std::vector<std::int64_t>;
  EXPECT_EQ(layers({{"mamba_step", 3}}), (list{-1, 0, -1, -1, 0, -1, -1}));
  EXPECT_EQ(layers({{"mamba_step", 14}}), (list{-1, -1, -1, -1, -1, -1, 0}));
  EXPECT_EQ(layers({{"mamba_step", 3}, {"mamba_enabled", false}}), list(7, 0));
}

TEST(hf_nested_llama, has_the_widths_of_its_class) {
  const json text = {{"model_type", "llama"}, {"max_position_embeddings", 4096}};
  const yarn::hf_config config = read({{"model_type", "llava"}, {"text_config", text}});
  EXPECT_EQ(config.shape.head_dim, 128);
  EXPECT_TRUE(notes_say(config, {"text_config.head_dim", "128", "llama"}));
  expect_error<std::invalid_argument>([&] { read(text); }, {"head_dim is missing"});
  json half = text;
  half["hidden_size"] = 4096;
  expect_error<std::invalid_argument>(
      [&] {
        read({{"text_config", half}});
      },
      {"num_attention_heads"});
}

TEST(hf_pairing, is_read_from_the_key_of_nanotron) {
  const auto pairing_with = [](bool is_interleaved) {
    const yarn::hf_config config =
        read(config_with(nullptr, {{"rope_interleaved", is_interleaved}}));
    EXPECT_EQ(config.unused, names{});
    return config.pairing;
  };
  EXPECT_EQ(pairing_with(true), yarn::pairing::interleaved);
  EXPECT_EQ(pairing_with(false), yarn::pairing::half_split);
}

TEST(hf_chatglm, notes_that_rotary_percent_has_no_effect) {
  const yarn::hf_config config =
      read({{"model_type", "chatglm"}, {"kv_channels", 128}, {"rotary_percent", 0.25}});
  EXPECT_EQ(config.shape.rotary_dim, 64);
  EXPECT_EQ(config.unused, names{});
  EXPECT_TRUE(notes_say(config, {"rotary_percent", "never uses it"}));
  EXPECT_EQ(read(config_with(nullptr, {{"rotary_percent", 0.25}})).unused, names{"rotary_percent"});
}

} // namespace

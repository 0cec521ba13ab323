// SPDX-License-Identifier: MIT
// yarn/hf_config.hpp: the names of the shape's keys, layers, nested configurations, and the report
// of unread keys.
#include "../support/expect_error.hpp"
#include "../support/hf_configs.hpp"

namespace {

using namespace hf; // NOLINT(google-build-using-namespace)

// ---- Unread keys ------------------------------------------------------------------------------

TEST(hf_unused, lists_what_the_method_does_not_read) {
  EXPECT_EQ(read(yarn_with(json::object())).unused, names{});
  EXPECT_EQ(read(yarn_with({{"finetuned", true}, {"foo", 1}})).unused,
            (names{"rope_scaling.finetuned", "rope_scaling.foo"}));
  EXPECT_EQ(read(config_with({{"type", "linear"}, {"factor", 2}, {"beta_fast", 32}})).unused,
            names{"rope_scaling.beta_fast"});
  EXPECT_EQ(read(config_with({{"type", "default"}, {"mrope_interleaved", true}})).unused,
            names{"rope_scaling.mrope_interleaved"});             // read only if there are sections
  EXPECT_EQ(read(yarn_with({{"foo", nullptr}})).unused, names{}); // null is absent
}

TEST(hf_unused, lists_keys_about_rope_beside_the_dictionary) {
  EXPECT_EQ(read(config_with(nullptr, {{"layer_theta", 1e4}, {"use_ntk_by_layer", true}})).unused,
            (names{"layer_theta", "use_ntk_by_layer"}));
  EXPECT_EQ(read(config_with(nullptr, {{"vocab_size", 5}})).unused, names{});
  EXPECT_EQ(
      read(config_with(nullptr, {{"attn_config", {{"rope_theta", 1e4}, {"rope_impl", "hf"}}}}))
          .unused,
      names{"attn_config.rope_impl"});
}

TEST(hf_unused, keys_beside_a_nested_configuration_are_noted) {
  const json inner = {{"model_type", "llama"}, {"head_dim", 128}};
  const auto config = read({{"rope_theta", 1e6},
                            {"rope_scaling", {{"type", "linear"}, {"factor", 4}}},
                            {"text_config", inner}});
  EXPECT_TRUE(notes_say(config, {"rope_scaling is not read", "text_config"}));
  EXPECT_TRUE(notes_say(config, {"rope_theta is not read"}));
  json both = {{"rope_theta", 1e4}, {"text_config", inner}};
  both["text_config"]["rope_theta"] = 1e4;
  EXPECT_FALSE(notes_say(read(both), {"is not read"}));
}

TEST(hf_unused, models_that_do_not_rotate_are_noted) {
  for (const json& flag :
       {json{{"alibi", true}}, json{{"position_embedding_type", "nope"}},
        json{{"mla_use_nope", true}}, json{{"attn_config", {{"rope", false}}}}}) {
    EXPECT_TRUE(notes_say(read(config_with(nullptr, flag)), {"does not rotate"})) << flag;
  }
  for (const json& flag : {json{{"alibi", false}}, json{{"position_embedding_type", "rope"}}}) {
    EXPECT_FALSE(notes_say(read(config_with(nullptr, flag)), {"does not rotate"})) << flag;
  }
}

// ---- Shape ------------------------------------------------------------------------------------

TEST(hf_shape, rotary_dim_under_all_names) {
  for (const char* key : {"partial_rotary_factor", "rotary_pct", "rope_pct", "rotary_percentage",
                          "rotary_emb_fraction", "rope_proportion"}) {
    EXPECT_EQ(read(config_with(nullptr, {{key, 0.25}})).shape.rotary_dim, 32) << key;
  }
  EXPECT_EQ(read(config_with({{"partial_rotary_factor", 0.5}})).shape.rotary_dim, 64);
  EXPECT_EQ(read(config_with(nullptr, {{"rotary_dim", 48}})).shape.rotary_dim, 48);
  EXPECT_EQ(read(config_with(nullptr, {{"partial_rotary_factor", 1.0}})).shape.rotary_dim, 0);
  const auto both = read(config_with({{"partial_rotary_factor", 0.5}}, {{"rotary_pct", 0.25}}));
  EXPECT_EQ(both.shape.rotary_dim, 64);
  EXPECT_TRUE(notes_say(both, {"rope_scaling.partial_rotary_factor = 0.5", "rotary_pct = 0.25"}));
  const auto apart = read(config_with({{"partial_rotary_factor", 0.5}}, {{"rotary_dim", 32}}));
  EXPECT_EQ(apart.shape.rotary_dim, 32);
  EXPECT_TRUE(notes_say(apart, {"rotary_dim = 32", "is 64"}));
}

TEST(hf_shape, rope_theta_under_all_names) {
  for (const char* key : {"rope_theta", "rotary_emb_base", "rope_base", "rotary_base"}) {
    EXPECT_EQ(read({{"head_dim", 64}, {key, 12345.0}}).shape.rope_theta, 12345.0) << key;
  }
  EXPECT_EQ(read({{"head_dim", 64}, {"attn_config", {{"rope_theta", 5e5}}}}).shape.rope_theta, 5e5);
  const auto both =
      read({{"head_dim", 64}, {"rope_theta", 1e4}, {"rope_scaling", {{"rope_theta", 1e6}}}});
  EXPECT_EQ(both.shape.rope_theta, 1e6);
  EXPECT_TRUE(notes_say(both, {"rope_scaling.rope_theta = 1e+06", "rope_theta = 10000"}));
}

TEST(hf_shape, defaults_of_a_class_are_noted) {
  const auto llama = read({{"model_type", "llama"}, {"head_dim", 128}});
  EXPECT_EQ(llama.shape.rope_theta, 1e4);
  EXPECT_TRUE(notes_say(llama, {"rope_theta", "10000", "llama"}));
  const auto mixtral = read({{"model_type", "mixtral"}, {"head_dim", 128}});
  EXPECT_EQ(mixtral.shape.rope_theta, 1e6);
  const auto neox = read({{"model_type", "gpt_neox"}, {"head_dim", 96}, {"rotary_emb_base", 1e4}});
  EXPECT_EQ(neox.shape.rotary_dim, 24);
  EXPECT_TRUE(notes_say(neox, {"partial_rotary_factor", "0.25", "gpt_neox"}));
  // Gemma's heads are wider than hidden_size / num_attention_heads.
  const auto gemma =
      read({{"model_type", "gemma2"}, {"hidden_size", 3584}, {"num_attention_heads", 16}});
  EXPECT_EQ(gemma.shape.head_dim, 256);
  EXPECT_TRUE(notes_say(gemma, {"head_dim", "256", "gemma2"}));
}

TEST(hf_shape, theta_of_the_caller_is_the_last_default) {
  const json file = {
      {"model_type", "unheard_of"}, {"hidden_size", 4096}, {"num_attention_heads", 32}};
  yarn::hf_options options;
  options.default_rope_theta = 12345.0;
  const auto unknown = yarn::hf_config_from(file, options);
  EXPECT_EQ(unknown.shape.rope_theta, 12345.0);
  EXPECT_TRUE(notes_say(unknown, {"rope_theta", "12345", "caller"}));
  json other = file;
  other["rope_theta"] = 5e5;
  EXPECT_EQ(yarn::hf_config_from(other, options).shape.rope_theta, 5e5);
  other = file;
  other["model_type"] = "llama"; // a class with a default of its own
  EXPECT_EQ(yarn::hf_config_from(other, options).shape.rope_theta, 1e4);
}

TEST(hf_shape, of_latent_attention_is_the_rotated_part) { // DeepSeek-V3's file, without head_dim
  const auto config = read({{"model_type", "deepseek_v3"},
                            {"hidden_size", 7168},
                            {"num_attention_heads", 128},
                            {"qk_nope_head_dim", 128},
                            {"qk_rope_head_dim", 64},
                            {"rope_theta", 10000}});
  EXPECT_EQ(config.shape.head_dim, 64);
  EXPECT_EQ(config.shape.rotary_dim, 0);
  EXPECT_TRUE(notes_say(config, {"qk_rope_head_dim = 64"}));
}

TEST(hf_shape, proportional_spans_the_whole_head) { // Gemma 4: global heads have their own width
  const json config = {
      {"model_type", "gemma4_text"},
      {"head_dim", 256},
      {"global_head_dim", 512},
      {"rope_parameters",
       {{"full_attention",
         {{"rope_type", "proportional"}, {"partial_rotary_factor", 0.25}, {"rope_theta", 1e6}}},
        {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 1e4}}}}}};
  const auto full = read(config, "full_attention");
  EXPECT_EQ(full.shape.head_dim, 512);
  EXPECT_EQ(full.shape.rotary_dim, 0);
  const auto freqs = frequencies_of(full);
  EXPECT_GT(freqs.inv_freq()[63], 0.0);
  EXPECT_EQ(freqs.inv_freq()[64], 0.0);
  EXPECT_EQ(read(config, "sliding_attention").shape.head_dim, 256);
}

TEST(hf_pairing, is_given_by_a_key_or_empty) {
  EXPECT_FALSE(read(config_with(nullptr, {{"model_type", "unheard_of"}})).pairing.has_value());
  EXPECT_EQ(read(config_with(nullptr, {{"rope_interleave", true}})).pairing,
            yarn::pairing::interleaved);
  EXPECT_EQ(read(config_with(nullptr, {{"rope_interleave", false}})).pairing,
            yarn::pairing::half_split);
  EXPECT_EQ(read(config_with(nullptr, {{"rotary_emb_interleaved", false}})).pairing,
            yarn::pairing::half_split);
}

// ---- Layers and nested configurations ---------------------------------------------------------

TEST(hf_layers, linear_factor_of_gemma_3_is_for_global_layers_only) {
  const json today = {
      {"head_dim", 256},
      {"rope_parameters",
       {{"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 1e6}}},
        {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 1e4}}}}}};
  for (const char* key : {"rope_type", "type"}) {
    const json older = {{"head_dim", 256},
                        {"rope_theta", 1e6},
                        {"rope_local_base_freq", 1e4},
                        {"rope_scaling", {{key, "linear"}, {"factor", 8.0}}}};
    for (const json& config : {today, older}) {
      EXPECT_EQ(yarn::hf_layer_types(config), (names{"full_attention", "sliding_attention"}));
      const auto global = frequencies_of(read(config, "full_attention")); // both alive at once
      const auto local = frequencies_of(read(config, "sliding_attention"));
      EXPECT_EQ(global.inv_freq()[0], 0.125);
      EXPECT_EQ(local.inv_freq()[0], 1.0);
      EXPECT_EQ(global.rope_theta(), 1e6);
      EXPECT_EQ(local.rope_theta(), 1e4);
      EXPECT_EQ(read(config, "sliding_attention").unused, names{});
      EXPECT_EQ(read(config, "full_attention").unused, names{});
    }
  }
}

TEST(hf_layers, the_published_gemma_3_gets_the_defaults_of_its_class) {
  const json config = {{"model_type", "gemma3"},
                       {"text_config",
                        {{"hidden_size", 2560},
                         {"model_type", "gemma3_text"},
                         {"rope_scaling", {{"factor", 8.0}, {"rope_type", "linear"}}}}},
                       {"vision_config", {{"hidden_size", 1152}}}};
  const auto global = read(config, "full_attention");
  EXPECT_EQ(global.shape.head_dim, 256);
  EXPECT_EQ(global.shape.rope_theta, 1e6);
  EXPECT_EQ(method_of<yarn::linear_scaling>(global).factor, 8.0);
  const auto local = read(config, "sliding_attention");
  EXPECT_EQ(local.shape.rope_theta, 1e4);
  EXPECT_EQ(local.rope_type, "default");
  EXPECT_TRUE(notes_say(global, {"text_config"}));
  EXPECT_TRUE(notes_say(global, {"head_dim", "256", "gemma3_text"}));
}

TEST(hf_layers, keys_beside_the_dictionaries_are_reported) {
  const json config = {{"head_dim", 64},
                       {"rope_parameters",
                        {{"rope_type", "default"},
                         {"truncate", false},
                         {"main", {{"rope_theta", 1e4}, {"foo", 1}}}}}};
  EXPECT_EQ(read(config).unused, (names{"rope_parameters.main.foo", "rope_parameters.truncate"}));
}

TEST(hf_layers, one_dictionary_needs_no_choice) {
  const json config = {{"head_dim", 64},
                       {"rope_parameters", {{"main", {{"rope_theta", 1e4}}}, {"other", nullptr}}}};
  EXPECT_EQ(yarn::hf_layer_types(config), names{"main"});
  EXPECT_EQ(read(config).shape.rope_theta, 1e4);
  EXPECT_EQ(read(config, "main").shape.rope_theta, 1e4);
}

TEST(hf_nested, the_language_model_is_found) {
  const json text = {{"head_dim", 64}, {"rope_theta", 1e6}};
  for (const char* key :
       {"text_config", "llm_config", "language_config", "thinker_config", "decoder"}) {
    const json config = {{"hidden_size", 1},
                         {"rope_theta", 2.0},
                         {key, text},
                         {"vision_config", {{"rope_theta", 3.0}}}};
    EXPECT_EQ(read(config).shape.rope_theta, 1e6) << key;
    EXPECT_TRUE(notes_say(read(config), {key}));
  }
  const json omni = {{"thinker_config", {{"text_config", text}}},
                     {"talker_config", {{"head_dim", 8}}}};
  EXPECT_EQ(read(omni).shape.head_dim, 64);
  EXPECT_TRUE(notes_say(read(omni), {"thinker_config.text_config"}));
}

TEST(hf_nested, names_are_full) {
  const json config = {
      {"text_config", {{"head_dim", 64}, {"rope_theta", 1e6}, {"rope_scaling", {{"foo", 1}}}}}};
  EXPECT_EQ(read(config).unused, names{"text_config.rope_scaling.foo"});
}

TEST(hf_dictionaries, both_spellings_may_agree) {
  json config = config_with({{"type", "linear"}, {"factor", 4.0}});
  config["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 4.0}, {"rope_theta", 1e4}};
  EXPECT_EQ(method_of<yarn::linear_scaling>(read(config)).factor, 4.0);
  config["rope_parameters"]["type"] = nullptr; // absent: type is compared with rope_type
  EXPECT_EQ(method_of<yarn::linear_scaling>(read(config)).factor, 4.0);
}

TEST(hf_layers, scaling_of_olmo_3_is_for_global_layers_only) {
  json config = yarn_with({{"factor", 8}, {"original_max_position_embeddings", 8192}});
  config["model_type"] = "olmo3";
  EXPECT_EQ(yarn::hf_layer_types(config), (names{"full_attention", "sliding_attention"}));
  EXPECT_EQ(read(config, "full_attention").rope_type, "yarn");
  const auto local = read(config, "sliding_attention");
  EXPECT_EQ(local.rope_type, "default");
  EXPECT_EQ(local.shape.rope_theta, 1e4);
  EXPECT_EQ(local.unused, names{});
}

TEST(hf_layers, a_method_beside_dictionaries_of_layers_is_refused) {
  support::expect_error<std::invalid_argument>(
      [] {
        read(yarn_with({{"some_scaling", {{"beta", 0.1}}}}));
      },
      {"rope_scaling.rope_type", "some_scaling"});
}

TEST(hf_shape, ignores_latent_attention_that_is_switched_off) { // DeepSeek-OCR
  json config = config_with(nullptr, {{"use_mla", false}, {"qk_rope_head_dim", 0}});
  EXPECT_EQ(read(config).shape.head_dim, 128);
  config["use_mla"] = true;
  support::expect_error<std::invalid_argument>([&] { read(config); }, {"qk_rope_head_dim = 0"});
}

} // namespace

// SPDX-License-Identifier: MIT
// hf_layers: which layer has which rope, however the file says so; and what acts beside the
// frequencies.
#include "../support/expect_error.hpp"
#include "../support/hf_configs.hpp"
#include "../support/reference_cases.hpp"

#include <yarn/rows.hpp>

#include <cmath>
#include <stdexcept>

namespace {

using namespace hf; // NOLINT(google-build-using-namespace)
using indices = std::vector<std::int64_t>;

/// A configuration of tests/reference/published_configs.json.
json published(const std::string& id) {
  static const json data = reference::read_json("published_configs.json");
  for (const json& entry : data.at("entries")) {
    if (entry.at("id") == id) {
      return entry.at("config");
    }
  }
  throw std::out_of_range(id);
}
yarn::hf_layer_ropes layers_of(const json& config) { return yarn::hf_layers(config); }
void expect_refused(const json& config, std::initializer_list<std::string> words) {
  support::expect_error<std::invalid_argument>([&] { yarn::hf_layers(config); }, words);
}
/// A Llama-like configuration with 4 layers.
json four_layers(const json& others) {
  return config_with(nullptr, [&] {
    json all = {{"num_hidden_layers", 4}};
    all.update(others);
    return all;
  }());
}

// ---- Files that were read wrongly -------------------------------------------------------------

TEST(hf_cases, deepseek_v4_has_two_ropes) {
  const auto found = layers_of(published("case/dsv4"));
  EXPECT_EQ(found.rope_of_layer, (indices{0, 0, 1, 1, 1, 1, 1, 0}));
  ASSERT_EQ(found.ropes.size(), 2U);
  EXPECT_EQ(found.ropes[0].name, "main");
  EXPECT_EQ(found.ropes[0].rope_type, "default");
  EXPECT_EQ(found.ropes[0].shape.rope_theta, 1e4);
  EXPECT_EQ(found.ropes[1].name, "compress");
  const auto compressed = frequencies_of(found.ropes[1]);
  EXPECT_EQ(compressed.rope_theta(), 160e3);
  EXPECT_EQ(compressed.attention_factor(), 1.0);
  EXPECT_EQ(compressed.inv_freq()[20], 2.9697777826169081905e-04); // 50 digits, rounded
  EXPECT_EQ(compressed.inv_freq()[31], 5.680529036909976e-07);
  for (const yarn::hf_config& rope : found.ropes) {
    EXPECT_EQ(rope.pairing, yarn::pairing::interleaved);
    EXPECT_TRUE(rope.derotates_output);
    EXPECT_TRUE(notes_say(rope, {"last 64 elements", "rotates the same", "back"}));
    EXPECT_EQ(rope.unused, names{});
  }
  EXPECT_FALSE(read(yarn_with(json::object())).derotates_output);
  // Dictionaries of the current spelling: the file gives the attention factor itself.
  json now = published("case/dsv4");
  now.erase("rope_scaling");
  now["rope_parameters"] = {{"main", {{"rope_type", "default"}, {"rope_theta", 1e4}}},
                            {"compress",
                             {{"rope_type", "yarn"},
                              {"rope_theta", 160e3},
                              {"factor", 16},
                              {"original_max_position_embeddings", 65536},
                              {"attention_factor", 1.0}}}};
  EXPECT_EQ(layers_of(now).rope_of_layer, found.rope_of_layer);
  const auto compressed_now = frequencies_of(layers_of(now).ropes[1]);
  EXPECT_EQ(compressed_now.inv_freq()[20], compressed.inv_freq()[20]);
}

TEST(hf_cases, step_3_5_has_lists_by_layer) {
  const auto found = layers_of(published("case/step35"));
  EXPECT_EQ(found.rope_of_layer, (indices{0, 1, 1, 1}));
  ASSERT_EQ(found.ropes.size(), 2U);
  const yarn::hf_config& full = found.ropes[0];
  EXPECT_EQ(full.name, "full_attention");
  EXPECT_EQ(full.shape.rotated(), 64);
  EXPECT_EQ(full.shape.rope_theta, 5e6);
  EXPECT_EQ(full.rope_type, "llama3");
  const yarn::hf_config& sliding = found.ropes[1];
  EXPECT_EQ(sliding.shape.rotated(), 128);
  EXPECT_EQ(sliding.shape.rope_theta, 1e4);
  EXPECT_EQ(sliding.rope_type, "default"); // yarn_only_types
  EXPECT_TRUE(notes_say(sliding, {"rope_scaling is not for", "sliding_attention"}));
  EXPECT_EQ(read(published("case/step35"), "sliding_attention").shape.rope_theta, 1e4);
  EXPECT_EQ(full.unused, names{});
  EXPECT_EQ(sliding.unused, names{});
}

/// The rows of q at a position are those of k, times the factor.
void expect_amplitude(const yarn::frequencies& f, const yarn::any_temperature& temperature,
                      std::int64_t position, double amplitude) {
  yarn::rotary_rows<double> rows;
  rows.assign(f, yarn::positions_from(position, 1), temperature);
  for (std::int64_t i = 0; i < f.n_pairs(); ++i) {
    EXPECT_NEAR(std::hypot(rows.cos(0)[i], rows.sin(0)[i]), amplitude, 1e-15 * amplitude);
  }
}

TEST(hf_cases, llama_4_has_layers_without_rope_and_a_temperature) {
  const auto found = layers_of(published("case/llama4"));
  EXPECT_EQ(found.rope_of_layer, (indices{0, 0, 0, -1}));
  ASSERT_EQ(found.ropes.size(), 1U);
  const yarn::hf_config& rope = found.ropes[0];
  EXPECT_EQ(rope.temperature_layers, yarn::temperature_scope::unrotated);
  EXPECT_EQ(std::get<yarn::llama4_temperature>(rope.temperature)(100000), 1.2564949357461537);
  // The rows of q in layer 3, which does not rotate.
  const std::vector<double> zeros(64);
  expect_amplitude(yarn::frequencies_from(zeros.data(), zeros.size()), rope.temperature, 100000,
                   1.2564949357461537);
  EXPECT_TRUE(notes_say(rope, {"layer 3 of 4", "does not rotate"}));
  EXPECT_EQ(rope.unused, names{});
  json defaults = published("case/llama4"); // those of the class
  for (const char* key : {"attn_scale", "floor_scale", "attn_temperature_tuning"}) {
    defaults["text_config"].erase(key);
  }
  const auto temperature = layers_of(defaults).ropes[0].temperature;
  EXPECT_EQ(std::get<yarn::llama4_temperature>(temperature)(100000), 1.2564949357461537);
  json off = published("case/llama4");
  off["text_config"]["attn_temperature_tuning"] = false;
  EXPECT_EQ(layers_of(off).ropes[0].temperature.index(), 0U);
  EXPECT_EQ(layers_of(off).ropes[0].unused, names{});
  off["text_config"]["attn_temperature_tuning"] = 4; // as the first published files
  EXPECT_EQ(layers_of(off).ropes[0].temperature.index(), 1U);
}

TEST(hf_cases, smollm_3_has_layers_without_rope) {
  json config = published("case/smollm3");
  EXPECT_EQ(layers_of(config).rope_of_layer, (indices{0, 0, 0, -1}));
  config.erase("no_rope_layers");
  config["num_hidden_layers"] = 9;
  EXPECT_EQ(layers_of(config).rope_of_layer, (indices{0, 0, 0, -1, 0, 0, 0, -1, 0}));
  config["no_rope_layer_interval"] = 2;
  EXPECT_EQ(layers_of(config).rope_of_layer, (indices{0, -1, 0, -1, 0, -1, 0, -1, 0}));
}

TEST(hf_cases, ministral_3_has_a_temperature_in_all_layers) {
  const auto rope = read(published("case/ministral3"));
  EXPECT_EQ(rope.temperature_layers, yarn::temperature_scope::all);
  EXPECT_EQ(std::get<yarn::ministral_temperature>(rope.temperature)(100000), 1.1945910149055314);
  const auto freqs = yarn::make_frequencies(rope.shape, rope.method, 100001);
  expect_amplitude(freqs, rope.temperature, 100000, freqs.attention_factor() * 1.1945910149055314);
  EXPECT_EQ(rope.softmax, yarn::softmax_convention::inverse_sqrt);
  EXPECT_TRUE(notes_say(rope, {"llama_4_scaling_beta", "16384"}));
  EXPECT_EQ(rope.unused, names{});
}

TEST(hf_cases, chatglm_multiplies_theta) {
  const auto rope = read(published("case/chatglm3_32k"));
  EXPECT_EQ(rope.shape.rope_theta, 500000.0);
  EXPECT_EQ(rope.shape.head_dim, 128);
  EXPECT_EQ(rope.shape.rotated(), 64);
  EXPECT_EQ(rope.max_position_embeddings, 32768);
  EXPECT_EQ(rope.pairing, yarn::pairing::interleaved);
  EXPECT_EQ(rope.unused, names{});
  json wrong = published("case/chatglm3_32k");
  wrong["rope_ratio"] = 0;
  expect_refused(wrong, {"rope_ratio = 0", "> 0"});
}

TEST(hf_cases, telechat_3_has_its_own_attention_factor) {
  json config = published("case/telechat3");
  const auto rope = read(config);
  EXPECT_EQ(rope.rope_type, "yarn");
  EXPECT_EQ(frequencies_of(rope).attention_factor(), 1.0970406052783923);
  EXPECT_TRUE(notes_say(rope, {"0.07", "0.1", "TeleChat3"}));
  config["rope_scaling"]["factor"] = 8.0; // its code takes the ratio of the lengths
  EXPECT_EQ(method_of<yarn::yarn_scaling>(read(config)).factor, 4.0);
  EXPECT_TRUE(notes_say(read(config), {"factor = 8 is not taken"}));
  config["rope_scaling"]["mscale"] = 1.0; // a number of YaRN that this method does not have
  EXPECT_TRUE(notes_say(read(config), {"mscale is not read", "method here is telechat3-yarn"}));
}

TEST(hf_cases, qwen_2_5_1m_folds_positions) {
  json config = published("case/qwen25_1m");
  EXPECT_EQ(read(config).dual_chunk_size, 262144);
  EXPECT_TRUE(
      notes_say(read(config), {"dual_chunk_attention_config", "below chunk_size = 262144"}));
  config["dual_chunk_attention_config"].erase("chunk_size");
  expect_refused(config, {"dual_chunk_attention_config.chunk_size is missing"});
}

TEST(hf_cases, models_with_several_axes_have_the_axis_of_each_pair) {
  const auto qwen = read(published("case/qwen2_vl_yarn"));
  EXPECT_EQ(qwen.n_axes, 3);
  EXPECT_EQ(qwen.rope_type, "yarn");
  EXPECT_EQ(qwen.axis_of_pair[15], 0);
  EXPECT_EQ(qwen.axis_of_pair[16], 1);
  const auto moe = read(published("case/qwen3_5_moe"));
  EXPECT_EQ(moe.shape.rotated(), 64);
  EXPECT_EQ(moe.axis_of_pair,
            (std::vector<std::uint8_t>{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0,
                                       1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1}));
  const auto glm = read(published("case/glm4v"));
  EXPECT_EQ(glm.pairing, yarn::pairing::interleaved);
  EXPECT_EQ(glm.axis_of_pair[8], 1);
}

TEST(hf_cases, a_vision_tower_and_an_image_transformer_are_named) {
  expect_refused(published("case/flux"), {"image transformer", "16, 56, 56"});
  expect_refused(published("case/pixtral_vision"), {"pixtral", "vision tower", "hf_tower::vision"});
  yarn::hf_options vision;
  vision.tower = yarn::hf_tower::vision;
  json tower = published("case/pixtral_vision");
  EXPECT_TRUE(yarn::hf_layers(tower, vision).rope_of_layer.empty());
  tower["num_hidden_layers"] = 3;
  const auto found = yarn::hf_layers(tower, vision);
  EXPECT_EQ(found.rope_of_layer, (indices{0, 0, 0}));
  EXPECT_EQ(found.ropes[0].axis_names, "hw");
}

// ---- Ways to say which layer has which rope ---------------------------------------------------

TEST(hf_layers_of, dictionaries_by_type) {
  json config = four_layers(
      {{"layer_types",
        {"sliding_attention", "full_attention", "linear_attention", "sliding_attention"}}});
  config.erase("rope_theta");
  config["rope_parameters"] = {{"full_attention", {{"rope_theta", 1e6}}},
                               {"sliding_attention", {{"rope_theta", 1e4}}}};
  auto found = layers_of(config);
  EXPECT_EQ(found.rope_of_layer, (indices{0, 1, -1, 0}));
  EXPECT_EQ(found.ropes[0].name, "sliding_attention");
  // Equal dictionaries are one rope, and hf_config_from needs no choice.
  config["rope_parameters"]["full_attention"]["rope_theta"] = 1e4;
  EXPECT_EQ(layers_of(config).rope_of_layer, (indices{0, 0, -1, 0}));
  EXPECT_EQ(read(config).shape.rope_theta, 1e4);
  // A type without a dictionary, and no types at all.
  config["rope_parameters"]["full_attention"]["rope_theta"] = 1e6;
  config["layer_types"][0] = "unheard_of";
  found = layers_of(config);
  EXPECT_TRUE(found.rope_of_layer.empty());
  EXPECT_NE(found.notes.at(0).find("layer 0 has the type \"unheard_of\""), std::string::npos);
  config.erase("layer_types");
  found = layers_of(config);
  EXPECT_TRUE(found.rope_of_layer.empty());
  EXPECT_EQ(found.ropes.size(), 2U);
  EXPECT_NE(found.notes.at(0).find("layer_types is missing"), std::string::npos);
}

TEST(hf_layers_of, patterns_and_intervals) {
  const json two = {{"model_type", "unheard_of"}, {"rope_local_base_freq", 1e3}};
  const auto with = [&](const json& others) {
    json config = four_layers(two);
    config.update(others);
    return layers_of(config).rope_of_layer;
  };
  EXPECT_EQ(with({{"sliding_window_pattern", 2}}), (indices{0, 1, 0, 1}));
  EXPECT_EQ(with({{"sliding_window_pattern", "LG"}}), (indices{0, 1, 0, 1}));
  EXPECT_EQ(with({{"sliding_window_pattern", {true, true, false}}}), (indices{0, 0, 1, 0}));
  EXPECT_EQ(with({{"global_attn_every_n_layers", 3}}), (indices{0, 0, 1, 0}));
  EXPECT_EQ(with({{"full_attention_interval", 2}}), (indices{-1, 0, -1, 0}));
  EXPECT_EQ(with({{"hybrid_layer_pattern", {0, 1, 1, 0}}}), (indices{0, 1, 1, 0}));
  EXPECT_EQ(with({{"model_type", "gemma3_text"}, {"sliding_window_pattern", 3}}),
            (indices{0, 0, 1, 0}));
  EXPECT_EQ(with({{"model_type", "gemma3_text"}, {"num_hidden_layers", 7}}),
            (indices{0, 0, 0, 0, 0, 1, 0}));
  EXPECT_EQ(with({{"model_type", "gemma3n_text"}, {"num_hidden_layers", 6}}),
            (indices{0, 0, 0, 0, 1, 0}));
  EXPECT_EQ(with({{"model_type", "modernbert"}}), (indices{0, 1, 1, 0})); // full comes first
  expect_refused(four_layers({{"sliding_window_pattern", "LX"}, {"rope_local_base_freq", 1e3}}),
                 {"sliding_window_pattern = \"LX\"", "letters L and G"});
}

TEST(hf_layers_of, second_thetas) {
  for (const char* key : {"rope_local_base_freq", "local_rope_theta", "swa_rope_theta"}) {
    const json config =
        four_layers({{key, 1e3},
                     {"layer_types", json::array({"full_attention", "sliding_attention",
                                                  "full_attention", "sliding_attention"})}});
    const auto found = layers_of(config);
    EXPECT_EQ(found.rope_of_layer, (indices{0, 1, 0, 1})) << key;
    EXPECT_EQ(found.ropes[0].shape.rope_theta, 1e4);
    EXPECT_EQ(found.ropes[1].shape.rope_theta, 1e3);
    EXPECT_EQ(found.ropes[0].unused, names{});
  }
}

TEST(hf_layers_of, layers_that_do_not_rotate) {
  EXPECT_EQ(layers_of(four_layers({{"use_rope_layers", {true, false, true, true}}})).rope_of_layer,
            (indices{0, -1, 0, 0}));
  EXPECT_EQ(layers_of(four_layers({{"use_rope_layers", json::array()}})).rope_of_layer,
            (indices{0, 0, 0, 0}));
  EXPECT_EQ(layers_of(four_layers({{"no_rope_layer_interval", 2}})).rope_of_layer,
            (indices{0, -1, 0, -1}));
  EXPECT_EQ(layers_of(four_layers({{"attn_type_list", {0, 1, 0, 1}}})).rope_of_layer,
            (indices{-1, 0, -1, 0}));
  EXPECT_EQ(layers_of(four_layers({{"full_attn_idxs", {2}}})).rope_of_layer,
            (indices{-1, -1, 0, -1}));
  EXPECT_EQ(layers_of(four_layers({{"attn_layer_indices", {1}}})).rope_of_layer,
            (indices{-1, 0, -1, -1}));
  EXPECT_EQ(layers_of(four_layers({{"block_types", {"recurrent", "attention"}}})).rope_of_layer,
            (indices{-1, 0, -1, 0}));
  for (const char* type : {"cohere2", "afmoe", "exaone4", "exaone_moe"}) {
    EXPECT_EQ(layers_of(four_layers({{"model_type", type}})).rope_of_layer, (indices{0, 0, 0, -1}))
        << type;
  }
  // EXAONE without a window rotates everywhere. An absent key is the window of the class.
  EXPECT_EQ(layers_of(four_layers({{"model_type", "exaone4"}, {"sliding_window", nullptr}}))
                .rope_of_layer,
            (indices{0, 0, 0, 0}));
  EXPECT_EQ(layers_of(four_layers({{"model_type", "qwen3_next"}, {"head_dim", 256}})).rope_of_layer,
            (indices{-1, -1, -1, 0}));
  EXPECT_EQ(layers_of(four_layers({{"model_type", "minimax"}})).rope_of_layer,
            (indices{0, -1, 0, -1}));
}

TEST(hf_layers_of, lists_that_are_too_short_are_refused) {
  expect_refused(four_layers({{"no_rope_layers", {1, 0}}}), {"no_rope_layers has 2", "4 layers"});
  expect_refused(four_layers({{"rope_theta", {1e4, 1e5}}}), {"rope_theta has 2", "4 layers"});
  const auto longer = layers_of(four_layers({{"no_rope_layers", {1, 0, 1, 1, 0}}}));
  EXPECT_EQ(longer.rope_of_layer, (indices{0, -1, 0, 0}));
  EXPECT_NE(longer.notes.at(0).find("5 entries for 4 layers"), std::string::npos);
  json unknown = four_layers({{"no_rope_layers", {1, 0}}, {"layer_types", {"a", "b", "c"}}});
  unknown.erase("num_hidden_layers");
  EXPECT_TRUE(layers_of(unknown).rope_of_layer.empty());
  json thetas = four_layers({{"rope_theta", {1e4, 1e5}}, {"partial_rotary_factors", {1.0}}});
  thetas.erase("num_hidden_layers");
  expect_refused(thetas, {"num_hidden_layers is missing", "rope_theta"});
  json thetas_of_layers = four_layers({{"rope_theta", {1e4, 1e5, 1e4, 1e5}}});
  thetas_of_layers["rope_local_base_freq"] = 1e3; // of which layers?
  expect_refused(thetas_of_layers,
                 {"does not say which", "rope_theta has an entry for each layer"});
}

TEST(hf_layers_of, lists_of_wrong_values_are_refused) {
  expect_refused(four_layers({{"no_rope_layers", {1, 0, 2, 1}}}), {"no_rope_layers[2] = 2"});
  expect_refused(four_layers({{"no_rope_layers", 3}}), {"no_rope_layers = 3", "a list"});
  expect_refused(four_layers({{"rope_theta", {1e4, 0, 1, 1}}}), {"rope_theta[1] = 0", "> 0"});
  expect_refused(four_layers({{"partial_rotary_factors", {1.0, 2.0, 1, 1}}}),
                 {"partial_rotary_factors[1] = 2", "(0, 1]"});
  expect_refused(four_layers({{"layer_types", {"full_attention", 1, "a", "b"}}}),
                 {"layer_types[1] = 1", "a string"});
  expect_refused(four_layers({{"full_attn_idxs", {4}}}), {"full_attn_idxs holds 4", "4 layers"});
  expect_refused(config_with(nullptr, {{"num_hidden_layers", 1000000}}), {"1000000 layers"});
  std::vector<double> thetas;
  for (int i = 0; i < 65; ++i) {
    thetas.push_back(1e4 + i);
  }
  expect_refused(config_with(nullptr, {{"rope_theta", thetas}}), {"more than 64 different ropes"});
  yarn::hf_options options;
  options.layer_type = "full_attention";
  support::expect_error<std::invalid_argument>(
      [&] { yarn::hf_layers(four_layers(json::object()), options); },
      {"layer_type = \"full_attention\" must be empty"});
}

TEST(hf_layers_of, ropes_of_one_type_get_numbers) {
  const auto found = layers_of(four_layers({{"rope_theta", {1e4, 1e5, 1e4, 1e6}}}));
  EXPECT_EQ(found.rope_of_layer, (indices{0, 1, 0, 2}));
  EXPECT_EQ(found.ropes[0].name, "rope");
  EXPECT_EQ(found.ropes[1].name, "rope 2");
  EXPECT_EQ(found.ropes[2].name, "rope 3");
  support::expect_error<std::invalid_argument>(
      [] {
        read(four_layers({{"rope_theta", {1e4, 1e5, 1e4, 1e6}}}));
      },
      {"different ropes", "hf_layers", "no types"});
}

// ---- Beside the frequencies -------------------------------------------------------------------

TEST(hf_beside, log_n_and_dynamic_ntk_of_qwen_1_are_read) {
  const json qwen = {{"model_type", "qwen"},    {"kv_channels", 128},
                     {"seq_length", 8192},      {"rotary_emb_base", 10000},
                     {"use_dynamic_ntk", true}, {"use_logn_attn", true}};
  const auto rope = read(qwen);
  EXPECT_EQ(rope.temperature_layers, yarn::temperature_scope::all);
  EXPECT_EQ(std::get<yarn::log_n_temperature>(rope.temperature)(8191), 1.0);
  EXPECT_GT(std::get<yarn::log_n_temperature>(rope.temperature)(16383), 1.0);
  expect_amplitude(yarn::make_frequencies(rope.shape, rope.method, 16384), rope.temperature, 16383,
                   14.0 / 13.0); // ln(2^14) / ln(2^13)
  EXPECT_EQ(rope.rope_type, "stepped_ntk");
  EXPECT_EQ(rope.original_max_position_embeddings, 8192);
  EXPECT_TRUE(notes_say(rope, {"use_dynamic_ntk", "8192", "length of the prompt"}));
  // The base for 20000 tokens: 10000 * 7^(128/126).
  EXPECT_EQ(yarn::make_frequencies(rope, 20000).rope_theta(),
            yarn::make_frequencies(rope.shape, yarn::ntk_scaling{7}).rope_theta());
  EXPECT_EQ(yarn::make_frequencies(rope, 8192).rope_theta(), 1e4);
  EXPECT_EQ(rope.unused, names{});
  json absent = qwen; // The class switches both on.
  absent.erase("use_dynamic_ntk");
  absent.erase("use_logn_attn");
  EXPECT_EQ(read(absent).rope_type, "stepped_ntk");
  EXPECT_EQ(read(absent).temperature_layers, yarn::temperature_scope::all);
  EXPECT_TRUE(notes_say(read(absent), {"use_dynamic_ntk is not given: true", "qwen"}));
  EXPECT_TRUE(notes_say(read(absent), {"use_logn_attn is not given: true", "qwen"}));
  json off = qwen;
  off["use_dynamic_ntk"] = false;
  EXPECT_EQ(read(off).rope_type, "default");
  json both = qwen;
  both["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  expect_refused(both, {"use_dynamic_ntk is true beside rope_scaling.rope_type = linear"});
  for (const char* key : {"use_dynamic_ntk", "use_logn_attn"}) {
    json wrong = qwen;
    wrong.erase("seq_length");
    wrong[key == std::string("use_logn_attn") ? "use_dynamic_ntk" : "use_logn_attn"] = false;
    expect_refused(wrong, {"seq_length is missing", key});
  }
}

TEST(hf_beside, the_temperature_of_mistral_large_3_is_read) {
  const auto rope = read(config_with(
      nullptr, {{"llama_4_scaling", {{"beta", 0.1}, {"original_max_position_embeddings", 8192}}}}));
  EXPECT_EQ(std::get<yarn::ministral_temperature>(rope.temperature).beta, 0.1);
  expect_refused(config_with(nullptr, {{"llama_4_scaling", {{"beta", 0.1}}}}),
                 {"llama_4_scaling.original_max_position_embeddings is missing"});
  expect_refused(config_with(nullptr, {{"llama_4_scaling", json::object()}}),
                 {"llama_4_scaling.beta is missing"});
}

TEST(hf_beside, the_softmax_convention_of_the_class_is_given) {
  json config = yarn_with({{"mscale", 1.0}, {"mscale_all_dim", 1.0}});
  EXPECT_FALSE(read(config).softmax.has_value());
  config["model_type"] = "deepseek_v3";
  EXPECT_EQ(read(config).softmax, yarn::softmax_convention::mscale_all_dim_squared);
  EXPECT_TRUE(notes_say(read(config), {"deepseek_v3", "softmax_scale"}));
}

TEST(hf_beside, the_scaling_of_nomic_bert_is_not_read) {
  json config = config_with(nullptr, {{"rotary_scaling_factor", 2}});
  EXPECT_TRUE(notes_say(read(config), {"rotary_scaling_factor", "no code is known"}));
  config["model_type"] = "nomic_bert";
  EXPECT_TRUE(notes_say(read(config), {"rotary_scaling_factor", "dynamic NTK"}));
  config["rotary_scaling_factor"] = 1;
  EXPECT_FALSE(notes_say(read(config), {"rotary_scaling_factor"}));
}

// ---- Notes and files --------------------------------------------------------------------------

TEST(hf_notes, misspelt_only_where_a_key_is_near) {
  auto rope = read(yarn_with({{"beta_fats", 32}}));
  EXPECT_TRUE(notes_say(rope, {"rope_scaling.beta_fats", "misspelt for beta_fast?"}));
  rope = read(config_with({{"type", "linear"}, {"factor", 2}, {"beta_fast", 32}}));
  EXPECT_TRUE(notes_say(rope, {"rope_scaling.beta_fast", "belongs to yarn", "linear"}));
  EXPECT_FALSE(notes_say(rope, {"misspelt"}));
  rope = read(config_with(nullptr, {{"rope_tehta", 1e6}}));
  EXPECT_TRUE(notes_say(rope, {"rope_tehta", "misspelt for rope_theta?"}));
  EXPECT_EQ(rope.unused, names{"rope_tehta"});
  rope = read(config_with(nullptr, {{"rope_of_another_kind", 1}}));
  EXPECT_FALSE(notes_say(rope, {"misspelt"}));
  EXPECT_EQ(rope.unused, names{"rope_of_another_kind"});
  rope = read(config_with(nullptr, {{"temperature", 0.7}, {"moe_layer_freq", 1}}));
  EXPECT_TRUE(notes_say(rope, {"temperature", "sampling"}));
  EXPECT_EQ(rope.unused, names{});
}

TEST(hf_other_files, are_named) {
  const auto refuse = [](const json& file, std::initializer_list<std::string> words) {
    expect_refused(file, words);
  };
  refuse({{"tokenizer_class", "LlamaTokenizer"}}, {"a tokenizer", "tokenizer_config.json"});
  refuse({{"pre_tokenizer", json::object()}}, {"a tokenizer (tokenizer.json)"});
  refuse({{"peft_type", "LORA"}}, {"adapter_config.json", "base model"});
  refuse({{"weight_map", json::object()}}, {"the index of the files of weights"});
  refuse({{"image_processor_type", "x"}}, {"an image processor"});
  refuse({{"do_sample", true}, {"temperature", 0.7}}, {"generation_config.json"});
  refuse({{"_class_name", "UNet2DConditionModel"}}, {"UNet2DConditionModel", "diffusers"});
  refuse({{"model_type", "gpt2"}, {"n_embd", 768}, {"n_head", 12}}, {"gpt2", "learned positions"});
  refuse({{"model_type", "nemotron_h"}, {"head_dim", 128}, {"rope_theta", 1e4}},
         {"nemotron_h", "no RoPE"});
  refuse({{"hidden_size", 64}, {"image_size", 224}, {"patch_size", 16}}, {"a vision tower"});
  // A model with some of these keys is read.
  EXPECT_EQ(
      read(config_with(nullptr, {{"tokenizer_class", "x"}, {"do_sample", true}})).shape.head_dim,
      128);
}

} // namespace

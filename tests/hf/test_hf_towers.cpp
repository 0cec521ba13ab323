// SPDX-License-Identifier: MIT
// yarn/hf_config.hpp: the vision towers of multimodal configurations. All recorded rotations of
// towers of transformers (tests/reference/axis_rotations.json) are read or refused.
#include "../support/axis_rotations.hpp"
#include "../support/expect_error.hpp"
#include "../support/hf_configs.hpp"

#include <set>
#include <stdexcept>

namespace {

using namespace hf; // NOLINT(google-build-using-namespace)

yarn::hf_config read_tower(const json& config) {
  yarn::hf_options options;
  options.tower = yarn::hf_tower::vision;
  return yarn::hf_config_from(config, options);
}
void expect_refused(const json& config, std::initializer_list<std::string> words) {
  support::expect_error<std::invalid_argument>([&] { read_tower(config); }, words);
}

/// The towers whose positions are fractions, and the rotations that belong to no vision_config.
bool is_refused(const std::string& id) {
  static const std::set<std::string> ids = {
      "dinov3-vits16",      "sapiens2",          "eomt-dinov3",          "sam3-vision-window",
      "sam3-vision-global", "sam2-video-memory", "edgetam-video-memory", "efficientloftr"};
  return ids.count(id) != 0;
}

std::vector<reference::axis_rotation> cases(bool refused) {
  std::vector<reference::axis_rotation> towers;
  for (reference::axis_rotation& each : reference::read_axis_rotations()) {
    if (!each.is_text() && is_refused(each.id) == refused) {
      if (each.id == "mlcd-vision") {
        each.config["model_type"] = "mlcd_vision_model"; // the recorded dictionary has none
      }
      towers.push_back(each);
    }
  }
  return towers;
}

class towers_of_transformers : public testing::TestWithParam<reference::axis_rotation> {};

TEST_P(towers_of_transformers, are_read) {
  const yarn::hf_config found = read_tower(GetParam().config);
  reference::axis_comparison(GetParam(), found).expect_equal();
  EXPECT_EQ(found.frequency_of_pair.size(), found.axis_of_pair.size());
  EXPECT_EQ(found.unused, names{});
}

INSTANTIATE_TEST_SUITE_P(all, towers_of_transformers, testing::ValuesIn(cases(false)),
                         [](const auto& each) { return reference::test_name(each.param.id); });

TEST(hf_tower, number_of_layers) {
  json config = cases(false).front().config;
  yarn::hf_options options;
  options.tower = yarn::hf_tower::vision;
  json& tower = config.contains("vision_config") ? config["vision_config"] : config;
  for (const char* key : {"depth", "num_hidden_layers", "n_layers"})
    tower.erase(key);
  const auto unknown = yarn::hf_layers(config, options);
  EXPECT_TRUE(unknown.rope_of_layer.empty());
  EXPECT_NE(unknown.notes.at(0).find("depth, num_hidden_layers and n_layers"), std::string::npos);
  tower["n_layers"] = 3;
  EXPECT_EQ(yarn::hf_layers(config, options).rope_of_layer, (std::vector<std::int64_t>{0, 0, 0}));
  tower["n_layers"] = 70000;
  support::expect_error<std::invalid_argument>([&] { yarn::hf_layers(config, options); },
                                               {"70000 layers"});
}

TEST(hf_tower, data_is_complete) {
  EXPECT_EQ(cases(false).size(), 23U);
  EXPECT_EQ(cases(true).size(), 8U);
}

TEST(hf_tower, all_other_rotations_are_refused_by_name) {
  for (const reference::axis_rotation& each : cases(true)) {
    SCOPED_TRACE(each.id);
    expect_refused(each.config, {each.config.at("model_type").get<std::string>()});
  }
}

TEST(hf_tower, with_fractional_positions_is_refused_with_what_to_do) {
  for (const char* type : {"dinov3_vit", "eomt_dinov3", "sapiens2"}) {
    expect_refused({{"model_type", type}, {"hidden_size", 384}, {"num_attention_heads", 6}},
                   {type, "fractions", "frequencies_from", "2 p + 1 - n"});
  }
  expect_refused({{"model_type", "vjepa2"}}, {"vjepa2", "different angles"});
}

// The advice of the error: the frequencies of DINOv3 as frequencies of whole positions.
TEST(hf_tower, fractional_positions_can_be_whole) {
  for (const reference::axis_rotation& each : cases(true)) {
    if (each.id != "dinov3-vits16") {
      continue;
    }
    const std::int64_t grid[] = {3, 5}; // h, w
    std::vector<yarn::frequencies> blocks;
    for (const std::int64_t n : grid) {
      std::vector<double> inv_freq;
      for (int i = 0; i < 16; ++i) {
        inv_freq.push_back(2 * 3.14159265358979323846 * std::pow(100.0, -4 * i / 64.0) /
                           static_cast<double>(n));
      }
      blocks.push_back(yarn::frequencies_from(inv_freq.data(), inv_freq.size()));
    }
    std::vector<std::int64_t> ids(30);
    for (std::size_t patch = 0; patch < 15; ++patch) {
      ids[patch] = 2 * (static_cast<std::int64_t>(patch) / 5) + 1 - grid[0];
      ids[15 + patch] = 2 * (static_cast<std::int64_t>(patch) % 5) + 1 - grid[1];
    }
    yarn::rotary_rows<double> rows;
    rows.assign(yarn::joined(blocks[0], blocks[1]), yarn::axis_positions(ids.data(), 15, 2));
    const auto view = rows.view();
    ASSERT_EQ(each.cos.size(), 15U);
    for (std::int64_t patch = 0; patch < 15; ++patch) {
      for (std::int64_t pair = 0; pair < 32; ++pair) {
        const double expected =
            each.cos[static_cast<std::size_t>(patch)][static_cast<std::size_t>(pair)];
        EXPECT_NEAR(view.cos(patch)[pair], expected, 1.4 * 8 * std::exp2(-23.0));
      }
    }
    return;
  }
  FAIL() << "no recorded rotation of DINOv3";
}

const json qwen3_vision = {{"hidden_size", 1152}, {"num_heads", 16}};

TEST(hf_tower, is_found_in_the_configuration_of_an_omni_model) {
  const json thinker = {{"model_type", "qwen3_omni_moe_thinker"}, {"vision_config", qwen3_vision}};
  const auto config = read_tower({{"model_type", "qwen3_omni_moe"}, {"thinker_config", thinker}});
  EXPECT_EQ(config.shape.head_dim, 72);
  EXPECT_EQ(config.n_axes, 2);
  EXPECT_TRUE(notes_say(config, {"thinker_config.vision_config is taken"}));
}

TEST(hf_tower, type_of_the_tower_wins_over_the_type_of_the_model) {
  json vision = qwen3_vision;
  for (const char* type : {"qwen3_vl", "qwen3_vl_vision", "qwen2_5_omni_vision_encoder"}) {
    vision["model_type"] = type;
    EXPECT_EQ(read_tower({{"model_type", "warm"}, {"vision_config", vision}}).n_axes, 2) << type;
  }
  vision["model_type"] = "siglip_vision_model";
  expect_refused({{"model_type", "qwen3_vl"}, {"vision_config", vision}},
                 {"vision_config", "siglip_vision_model", "not known"});
}

TEST(hf_tower, missing_is_an_error) {
  expect_refused({{"model_type", "llama"}, {"head_dim", 64}},
                 {"vision_config is missing", "llama"});
  // The text of these models must not be taken for their tower.
  for (const char* type : {"qwen2_5_vl", "mistral3", "qwen2_5_omni_thinker"}) {
    expect_refused({{"model_type", type}, {"hidden_size", 1152}, {"num_attention_heads", 16}},
                   {"vision_config is missing", type});
  }
  expect_refused({{"vision_config", 3}}, {"vision_config = 3", "an object"});
  expect_refused(json::array(), {"the configuration = an array"});
  expect_refused({{"vision_config", qwen3_vision}}, {"vision_config", "not known"});
}

TEST(hf_tower, has_no_layer_types) {
  support::expect_error<std::invalid_argument>(
      [] {
        yarn::hf_options options;
        options.layer_type = "full_attention";
        options.tower = yarn::hf_tower::vision;
        yarn::hf_config_from({{"model_type", "qwen3_vl"}, {"vision_config", qwen3_vision}},
                             options);
      },
      {"hf_options.layer_type = \"full_attention\"", "vision towers"});
}

json with_vision(const std::string& model_type, const json& vision) {
  return {{"model_type", model_type}, {"vision_config", vision}};
}

TEST(hf_tower, head_dim_is_derived_or_refused) {
  expect_refused(with_vision("qwen3_vl", {{"num_heads", 16}}),
                 {"vision_config.hidden_size is missing", "qwen3_vl"});
  expect_refused(with_vision("qwen2_vl", {{"hidden_size", 3584}, {"num_heads", 16}}),
                 {"vision_config.embed_dim is missing", "qwen2_vl"});
  expect_refused(with_vision("qwen3_vl", {{"hidden_size", 1152}}),
                 {"vision_config.num_heads is missing"});
  expect_refused(with_vision("qwen3_vl", {{"hidden_size", 1150}, {"num_heads", 16}}),
                 {"vision_config.hidden_size = 1150", "16"});
  expect_refused(with_vision("qwen3_vl", {{"hidden_size", 160}, {"num_heads", 16}}),
                 {"head_dim = 10", "multiple of 4"});
  expect_refused(with_vision("minimax_m3_vl", {{"hidden_size", 64}, {"num_heads", 16}}),
                 {"head_dim = 4", "multiple of 6"});
  json contradictory = qwen3_vision;
  contradictory["head_dim"] = 64;
  expect_refused(with_vision("qwen3_vl", contradictory),
                 {"vision_config.head_dim = 64", "hidden_size", "72"});
}

TEST(hf_tower, theta_is_a_constant_of_most_classes) {
  json vision = qwen3_vision;
  vision["rope_theta"] = 500.0;
  const auto config = read_tower(with_vision("qwen3_vl", vision));
  EXPECT_EQ(config.shape.rope_theta, 1e4);
  EXPECT_EQ(config.unused, names{"vision_config.rope_theta"});
  EXPECT_TRUE(notes_say(config, {"rope_theta = 10000 is a constant", "qwen3_vl"}));
  const auto llama = read_tower(with_vision("llama4", vision));
  EXPECT_EQ(llama.shape.rope_theta, 500.0);
  EXPECT_EQ(llama.unused, names{});
  vision.erase("rope_theta");
  EXPECT_EQ(read_tower(with_vision("gemma4", vision)).shape.rope_theta, 100.0);
  EXPECT_TRUE(notes_say(read_tower(with_vision("gemma4", vision)), {"rope_theta is not given"}));
  vision["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 2.0}, {"rope_theta", 100.0}};
  expect_refused(with_vision("gemma4", vision),
                 {"vision_config.rope_parameters.rope_type = linear", "default"});
  vision["rope_parameters"] = {{"rope_type", "default"}, {"warmth", 2.0}};
  EXPECT_EQ(read_tower(with_vision("gemma4", vision)).unused,
            names{"vision_config.rope_parameters.warmth"});
}

TEST(hf_tower, notes_say_what_frequencies_cannot) {
  const auto notes_of = [](const std::string& type) {
    return read_tower(with_vision(type, {{"hidden_size", 1280}, {"num_heads", 16}}));
  };
  EXPECT_TRUE(notes_say(notes_of("llama4"), {"count from 1", "class token"}));
  EXPECT_TRUE(notes_say(notes_of("mlcd"), {"class token", "weights"}));
  EXPECT_TRUE(notes_say(notes_of("gemma4"), {"half_split within each half"}));
  EXPECT_TRUE(notes_say(notes_of("minimax_m3_vl"), {"last 2 of 80 elements"}));
}

TEST(hf_tower, frequency_of_pair_is_checked) {
  auto config = read_tower(with_vision("qwen3_vl", qwen3_vision));
  for (const std::int64_t wrong : {std::int64_t{18}, std::int64_t{-1}}) {
    config.frequency_of_pair.back() = wrong;
    support::expect_error<std::invalid_argument>(
        [&] { static_cast<void>(yarn::make_frequencies(config, 0)); },
        {"hf_config.frequency_of_pair holds " + std::to_string(wrong), "[0, 18)"});
  }
}

} // namespace

// SPDX-License-Identifier: MIT
// The pairing that a model's class fixes: each class of transformers whose rotation was run
// (tests/reference/hf_pairings.json), and how keys and classes go together.
#include "../support/hf_configs.hpp"
#include "../support/reference_cases.hpp"

#include <set>

namespace {

using namespace hf; // NOLINT(google-build-using-namespace)

const json& data() {
  static const json all = reference::read_json("hf_pairings.json");
  return all;
}

/// A configuration of a model type, with everything that its class may need.
json of_type(const std::string& model_type) {
  return {{"model_type", model_type},
          {"head_dim", 128},
          {"rope_parameters",
           {{"rope_type", "default"}, {"rope_theta", 1e4}, {"mrope_section", {24, 20, 20}}}}};
}

yarn::pairing pairing_of(const std::string& name) {
  return name == "interleaved" ? yarn::pairing::interleaved : yarn::pairing::half_split;
}

TEST(hf_pairing, is_that_of_each_class_of_transformers) {
  std::size_t n = 0;
  for (auto it = data().at("pairings").begin(); it != data().at("pairings").end(); ++it) {
    if (it.key() == "jamba") { // imports the rotation and never calls it
      continue;
    }
    SCOPED_TRACE(it.key());
    json config = of_type(it.key());
    if (it.key().rfind("moonshine", 0) == 0) { // by default an odd rotary_dim
      config["rope_parameters"]["partial_rotary_factor"] = 0.5;
    }
    if (it.key().rfind("glm4v", 0) == 0 || it.key().rfind("glm_", 0) == 0) {
      config["rope_parameters"].erase("mrope_section"); // their defaults are for half of a head
      config["rope_parameters"]["partial_rotary_factor"] = 0.5;
    } else if (it.key().rfind("qwen3_5", 0) == 0) {
      config["rope_parameters"]["partial_rotary_factor"] = 0.5;
      config["rope_parameters"]["mrope_section"] = {11, 11, 10};
    } else if (it.key().rfind("ernie4_5_vl", 0) == 0) {
      config["rope_parameters"]["mrope_section"] = {22, 22, 20};
    } else if (yarn::detail::hf_find_axis_rule(it.key()).model_type == nullptr) {
      config["rope_parameters"].erase("mrope_section");
    }
    for (const yarn::hf_config& rope : yarn::hf_layers(config).ropes) {
      ASSERT_TRUE(rope.pairing.has_value());
      EXPECT_EQ(*rope.pairing, pairing_of(it->at("pairing")));
      EXPECT_TRUE(notes_say(rope, {"the pairing is not given", it.key()}));
    }
    ++n;
  }
  EXPECT_EQ(n, 120U);
}

// Every model type of hf_configs.json has a pairing.
TEST(hf_pairing, covers_the_classes_of_the_other_references) {
  std::set<std::string> types;
  const json configs = reference::read_json("hf_configs.json");
  for (const json& entry : configs.at("entries")) {
    json config = entry.at("config");
    for (const char* key : {"text_config", "thinker_config", "text_config"}) {
      if (config.contains(key) && config[key].is_object()) {
        config = json(config[key]);
      }
    }
    if (config.contains("decoder") && config["decoder"].is_object()) {
      config = json(config["decoder"]);
    }
    types.insert(config.at("model_type").get<std::string>());
  }
  for (const std::string& type : types) {
    EXPECT_TRUE(yarn::detail::hf_find_pairing(type) != nullptr ||
                yarn::detail::hf_find_axis_rule(type).model_type != nullptr)
        << type;
  }
  EXPECT_GE(types.size(), 110U);
}

TEST(hf_pairing, of_a_key_wins_over_the_class) {
  json config = of_type("deepseek_v3");
  config["rope_parameters"].erase("mrope_section");
  EXPECT_EQ(read(config).pairing, yarn::pairing::interleaved);
  config["rope_interleave"] = false;
  EXPECT_EQ(read(config).pairing, yarn::pairing::half_split);
  EXPECT_TRUE(notes_say(read(config), {"another pairing", "deepseek_v3", "interleaved"}));
  config["model_type"] = "unheard_of";
  EXPECT_EQ(read(config).pairing, yarn::pairing::half_split);
  config.erase("rope_interleave");
  EXPECT_FALSE(read(config).pairing.has_value());
}

} // namespace

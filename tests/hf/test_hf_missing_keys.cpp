// SPDX-License-Identifier: MIT
// Drops each key that a configuration needs from all published configurations and from those of all
// classes of transformers. The reader must name the key in an error, or give the default of the
// class with a note.
#include "../support/hf_configs.hpp"
#include "../support/reference_cases.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

namespace {

using namespace hf; // NOLINT(google-build-using-namespace)

/// The configuration of the language model inside a configuration.
json& text_of(json& config) {
  for (const char* key : {"text_config", "thinker_config", "decoder"}) {
    if (config.contains(key) && config[key].is_object()) {
      return text_of(config[key]);
    }
  }
  return config;
}
std::string type_of(json config) { return text_of(config).value("model_type", ""); }

std::vector<json> all_entries() {
  std::vector<json> all;
  for (const char* file : {"published_configs.json", "hf_configs.json"}) {
    const json data = reference::read_json(file);
    for (const json& entry : data.at("entries")) {
      if (!entry.contains("refused")) {
        all.push_back(entry);
      }
    }
  }
  return all;
}

/// The theta that each class of transformers takes if theta is missing, by model type. In general
/// this is the theta of the class's default configuration: the entry of hf_configs.json whose id is
/// the model type. For a class whose default configuration has a scaling method, the theta is in
/// `default_theta`, or is 10000.
const std::map<std::string, double>& class_thetas() {
  static const std::map<std::string, double> all = [] {
    const std::map<std::string, double> default_theta = {
        {"apertus", 12e6}, {"cwm", 1e6}, {"gpt_oss", 150e3}, {"openai_privacy_filter", 150e3}};
    std::map<std::string, double> thetas;
    const json data = reference::read_json("hf_configs.json");
    for (const json& entry : data.at("entries")) {
      json config = entry.at("config");
      if (entry.at("id") == config.at("model_type")) {
        const json parameters = text_of(config).value("rope_parameters", json::object());
        // A model around a language model may have set another theta.
        if (parameters.contains("rope_theta") &&
            (entry.at("id") == type_of(config) || thetas.count(type_of(config)) == 0)) {
          const bool scales = parameters.value("rope_type", "default") != "default";
          const auto own = default_theta.find(type_of(config));
          thetas[type_of(config)] = !scales                      ? parameters.at("rope_theta")
                                    : own == default_theta.end() ? json(1e4)
                                                                 : json(own->second);
        }
      }
    }
    return thetas;
  }();
  return all;
}

/// What the reader does with a configuration.
struct outcome {
  std::string error;
  std::vector<yarn::hf_config> ropes;

  bool names(const std::string& word) const { return error.find(word) != std::string::npos; }
  /// The rope with a note that contains the word.
  const yarn::hf_config* noted(const std::string& word) const {
    for (const yarn::hf_config& rope : ropes) {
      for (const std::string& note : rope.notes) {
        if (note.find(word) != std::string::npos) {
          return &rope;
        }
      }
    }
    return nullptr;
  }
};
outcome outcome_of(const json& config) {
  try {
    return {"", yarn::hf_layers(config).ropes};
  } catch (const std::invalid_argument& error) {
    return {error.what(), {}};
  }
}

/// The dictionaries of RoPE parameters of a model: one, or one for each type of layers.
std::vector<json*> dictionaries_of(json& text) {
  std::vector<json*> all;
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    if (text.contains(key) && text[key].is_object() && !text[key].empty()) {
      if (text[key].begin()->is_object()) {
        for (json& inner : text[key]) {
          if (inner.is_object()) {
            all.push_back(&inner);
          }
        }
      } else {
        all.push_back(&text[key]);
      }
    }
  }
  return all;
}

class missing_key : public testing::TestWithParam<json> {
protected:
  json config = GetParam().at("config");
  json& text = text_of(config);
  const std::string type = type_of(config);
  /// Drops the key, and puts it back at the end of `check`.
  template <class Check> void without(json& object, const char* key, const Check& check) {
    const json value = object[key];
    object.erase(key);
    SCOPED_TRACE(key);
    check(outcome_of(config));
    object[key] = value;
  }
};

TEST_P(missing_key, theta) {
  const outcome whole = outcome_of(config);
  if (whole.ropes.empty()) {
    return; // No layer rotates, or the class needs sections.
  }
  bool has_theta = false;
  for (const char* key :
       {"rope_theta", "rotary_emb_base", "global_rope_theta", "rope_embedding_base"}) {
    has_theta = text.erase(key) != 0 || has_theta;
  }
  for (json* dictionary : dictionaries_of(text)) {
    has_theta = dictionary->erase("rope_theta") != 0 || has_theta;
  }
  if (text.contains("attn_config")) {
    has_theta = text["attn_config"].erase("rope_theta") != 0 || has_theta;
  }
  const outcome found = outcome_of(config);
  // Models whose code is published with their weights, not in transformers. Their theta is 10000 by
  // default.
  static const std::set<std::string> own_code = {"chatglm",  "qwen",     "baichuan",
                                                 "internlm", "telechat", "neobert"};
  const auto of_class = class_thetas().find(type);
  if (found.names("no RoPE") || found.names("no parameters of RoPE")) {
    return; // Theta was the only sign of RoPE.
  }
  if (!found.error.empty()) {
    EXPECT_TRUE(found.names("rope_theta is missing")) << found.error;
    EXPECT_TRUE(of_class == class_thetas().end() && own_code.count(type) == 0) << found.error;
    return;
  }
  const yarn::hf_config* noted = found.noted(type == "chatglm" ? "rope_theta = 10000 * rope_ratio"
                                                               : "rope_theta is not given: ");
  if (noted == nullptr) { // Only layers without this theta rotate.
    ASSERT_TRUE(text.contains("compress_rope_theta")) << has_theta;
    EXPECT_EQ(found.ropes.at(0).shape.rope_theta, text["compress_rope_theta"].get<double>());
    return;
  }
  if (of_class != class_thetas().end()) {
    EXPECT_EQ(noted->shape.rope_theta, of_class->second);
  } else if (own_code.count(type) != 0 && type != "chatglm") {
    EXPECT_EQ(noted->shape.rope_theta, 1e4);
  }
}

// Without its second theta, a model must not get one theta for all layers silently. MiMo-V2 does:
// its code takes rope_theta in place of swa_rope_theta (sglang, models/mimo_v2_flash.py).
TEST_P(missing_key, second_theta) {
  if (text.value("rope_parameters", json::object()).contains("main")) {
    return; // The dictionaries have the thetas.
  }
  for (const char* key : {"rope_local_base_freq", "local_rope_theta", "swa_rope_theta",
                          "rope_local_theta", "compress_rope_theta"}) {
    if (text.contains(key)) {
      without(text, key, [&](const outcome& found) {
        if (type.rfind("mimo_v2", 0) == 0) {
          ASSERT_EQ(found.ropes.size(), 1U);
          EXPECT_EQ(found.ropes[0].shape.rope_theta, text["rope_theta"].get<double>());
        } else if (found.error.empty()) {
          EXPECT_NE(found.noted("rope_theta is not given: "), nullptr);
        } else {
          EXPECT_TRUE(found.names("theta is missing")) << found.error;
        }
      });
    }
  }
}

TEST_P(missing_key, dictionary_of_a_type_of_layers) {
  if (!text.contains("rope_parameters") || !text["rope_parameters"].begin()->is_object() ||
      text["rope_parameters"].size() < 2 || !text.contains("layer_types")) {
    return;
  }
  const yarn::hf_layer_ropes whole = yarn::hf_layers(config);
  const json dictionaries = text["rope_parameters"];
  for (const auto& entry : dictionaries.items()) { // clang 14 captures no structured bindings
    const std::string name = entry.key();
    const json& dictionary = entry.value();
    const bool is_used = std::any_of(whole.ropes.begin(), whole.ropes.end(),
                                     [&](const auto& rope) { return rope.name == name; });
    if (!dictionary.is_object() || !is_used) {
      continue;
    }
    without(text["rope_parameters"], name.c_str(), [&](const outcome&) {
      const yarn::hf_layer_ropes found = yarn::hf_layers(config);
      EXPECT_TRUE(found.rope_of_layer.empty());
      EXPECT_FALSE(found.notes.empty());
    });
  }
}

TEST_P(missing_key, sections) {
  static const std::map<std::string, std::string> defaults = {
      // by the classes of transformers
      {"qwen3_vl_text", "24 20 20"},       {"qwen3_vl_moe_text", "24 20 20"},
      {"qwen3_5_text", "11 11 10"},        {"qwen3_5_moe_text", "11 11 10"},
      {"glm4v_text", "8 12 12"},           {"glm4v_moe_text", "8 12 12"},
      {"glm_ocr_text", "8 12 12"},         {"qwen3_omni_moe_text", "24 20 20"},
      {"ernie4_5_vl_moe_text", "22 22 20"}};
  for (json* dictionary : dictionaries_of(text)) {
    if (dictionary->contains("mrope_section")) {
      without(*dictionary, "mrope_section", [&](const outcome& found) {
        const auto sections = defaults.find(type);
        if (sections != defaults.end()) {
          EXPECT_NE(found.noted("mrope_section is not given: " + sections->second), nullptr);
        } else if (type.rfind("qwen2", 0) == 0) { // The class fails without sections.
          EXPECT_TRUE(found.names("mrope_section is missing; model_type " + type)) << found.error;
        } else {
          EXPECT_EQ(found.error, "");
          EXPECT_EQ(found.ropes.at(0).n_axes, 1) << type;
        }
      });
    }
  }
}

TEST_P(missing_key, number_of_the_method) {
  for (json* dictionary : dictionaries_of(text)) {
    const std::string method = dictionary->value("rope_type", dictionary->value("type", ""));
    for (const char* key : {"factor", "low_freq_factor", "high_freq_factor",
                            "original_max_position_embeddings", "short_factor", "long_factor"}) {
      if (!dictionary->contains(key) || dictionary->contains("alpha") ||
          method == "telechat3-yarn" || method == "default" || text.contains(key)) {
        continue;
      }
      without(*dictionary, key, [&](const outcome& found) {
        if (std::string(key) == "factor" && found.error.empty()) {
          EXPECT_NE(found.noted("factor"), nullptr) << method; // the ratio of the lengths
        } else {
          EXPECT_TRUE(found.names(std::string(key) + " is missing")) << found.error;
        }
      });
    }
  }
}

TEST_P(missing_key, width_of_a_head) {
  if (text.contains("head_dim") || text.contains("kv_channels") ||
      text.contains("attention_head_dim") || text.contains("qk_rope_head_dim") ||
      text.contains("num_heads") || outcome_of(config).noted("head_dim = ") == nullptr) {
    return;
  }
  const json whole = text;
  const char* const names_of_one[][2] = {{"hidden_size", "n_embd"},
                                         {"num_attention_heads", "n_head"}};
  for (const auto& [name, other] : names_of_one) { // a file may have both
    if (text.erase(name) + text.erase(other) != 0) {
      const outcome found = outcome_of(config);
      EXPECT_TRUE(found.names("head_dim is missing")) << name << ": " << found.error;
    }
    text = whole;
  }
}

std::string name_of(const testing::TestParamInfo<json>& each) {
  return reference::test_name(each.param.at("id")) + "_" + std::to_string(each.index);
}
INSTANTIATE_TEST_SUITE_P(all, missing_key, testing::ValuesIn(all_entries()), name_of);

TEST(missing_key_data, is_complete) { EXPECT_GE(class_thetas().size(), 90U); }

} // namespace

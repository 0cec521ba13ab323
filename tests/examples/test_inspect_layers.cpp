// SPDX-License-Identifier: MIT
// The inspector on models whose layers differ, and on configurations that do not give a length: it
// prints which layers have which rope, and no figure that it does not know.
#include "json_report.hpp"
#include "layers.hpp"
#include "print.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool contains(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

// 12 layers of Gemma 3 and SmolLM3.
constexpr const char* gemma = R"({"model_type": "gemma3_text", "head_dim": 256,
    "hidden_size": 3840, "num_attention_heads": 16, "num_hidden_layers": 12,
    "sliding_window_pattern": 6, "rope_theta": 1000000, "rope_local_base_freq": 10000,
    "max_position_embeddings": 131072, "rope_scaling": {"rope_type": "linear", "factor": 8}})";
constexpr const char* smollm = R"({"model_type": "smollm3", "hidden_size": 2048,
    "num_attention_heads": 16, "num_hidden_layers": 12, "rope_theta": 5000000,
    "max_position_embeddings": 65536, "no_rope_layers": [1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0]})";
constexpr const char* lengthless = R"({"model_type": "llama", "hidden_size": 2048,
    "num_attention_heads": 16, "num_hidden_layers": 4, "rope_theta": 10000})";

inspect::layer_map map_of(const char* config) {
  return inspect::layer_map_of(yarn::hf_layers(json::parse(config)));
}

TEST(inspect_layers, are_drawn_and_listed_as_ranges) {
  const std::string text = inspect::print_layers("gemma", map_of(gemma));
  EXPECT_TRUE(contains(text, "gemma\n  12 layers           0000010000 01\n")) << text;
  EXPECT_TRUE(contains(text, "0 sliding_attention 10 layers: 0-4, 6-10\n")) << text;
  EXPECT_TRUE(contains(text, "1 full_attention    2 layers: 5, 11\n")) << text;
  EXPECT_FALSE(contains(text, "no rotation")) << text;
}

TEST(inspect_layers, without_rotation_are_named) {
  const std::string text = inspect::print_layers("smollm", map_of(smollm));
  EXPECT_TRUE(contains(text, "12 layers           000-000-00 0-\n")) << text;
  EXPECT_TRUE(contains(text, "- no rotation       3 layers: 3, 7, 11\n")) << text;
}

TEST(inspect_layers, that_are_alike_are_not_drawn) {
  EXPECT_EQ(inspect::print_layers("llama", map_of(lengthless)), "");
  EXPECT_EQ(inspect::layers_text(map_of(lengthless), 0), "4, all of the model");
  EXPECT_EQ(inspect::layers_text(map_of(gemma), 1), "5, 11");
  EXPECT_EQ(inspect::ranges({0, 1, 3, 5, 6, 7}), "0-1, 3, 5-7");
  EXPECT_EQ(inspect::ranges({}), "");
}

TEST(inspect_layers, are_data) {
  const json data = json::parse(inspect::json_layers(map_of(smollm)).dump());
  EXPECT_EQ(data["n_layers"], 12);
  EXPECT_EQ(data["unrotated_layers"], json({3, 7, 11}));
  EXPECT_EQ(data["rope_of_layer"], json({0, 0, 0, -1, 0, 0, 0, -1, 0, 0, 0, -1}));
  EXPECT_EQ(data["ropes"].size(), 1U);
  inspect::layer_map unknown;
  unknown.ropes = {"global", "sliding_window"};
  EXPECT_TRUE(inspect::json_layers(unknown)["rope_of_layer"].is_null());
  EXPECT_TRUE(inspect::json_layers(unknown)["n_layers"].is_null());
  EXPECT_TRUE(contains(inspect::print_layers("m", unknown), "not known which layer"));
  EXPECT_EQ(inspect::layers_text(unknown, 0), "");
}

TEST(inspect_length, that_is_not_known_gives_no_figures) {
  const auto report =
      inspect::make_report("llama", yarn::hf_config_from(json::parse(lengthless)), {});
  EXPECT_FALSE(report.knows_length());
  EXPECT_FALSE(report.float32_angle_error.has_value());
  const std::string summary = inspect::print_summary(report);
  EXPECT_TRUE(contains(summary, "seq_len             not known (--seq-len N)")) << summary;
  EXPECT_FALSE(contains(summary, " rad")) << summary;
  const std::string pairs = inspect::print_pairs(report);
  EXPECT_TRUE(contains(pairs, "     0         -     6.283")) << pairs;
  EXPECT_TRUE(contains(pairs, "turns/L: not known without an original length")) << pairs;
  const json data = json::parse(inspect::json_report(report, {}, {}).dump());
  for (const char* key : {"seq_len", "float32_angle_error", "max_position_embeddings"}) {
    EXPECT_TRUE(data[key].is_null()) << key;
  }
  EXPECT_TRUE(data["turns"][0].is_null());
  EXPECT_TRUE(data["inv_freq"][0].is_number());
}

TEST(inspect_length, of_the_caller_is_enough_for_angles) {
  const auto report =
      inspect::make_report("llama", yarn::hf_config_from(json::parse(lengthless)), 4096);
  EXPECT_TRUE(report.float32_angle_error.has_value());
  EXPECT_TRUE(contains(inspect::print_summary(report), "seq_len             4096"));
  EXPECT_TRUE(std::isnan(report.pairs[0].turns));
}

TEST(inspect_temperature, is_in_the_summary_and_in_the_json_report) {
  const auto report = inspect::make_report(
      "ministral", yarn::hf_config_from(json::parse(R"({"model_type": "ministral3", "head_dim": 128,
          "max_position_embeddings": 262144, "rope_parameters": {"rope_type": "yarn",
          "rope_theta": 1000000, "factor": 16, "original_max_position_embeddings": 16384,
          "llama_4_scaling_beta": 0.1}})")),
      {});
  const std::string summary = inspect::print_summary(report);
  EXPECT_TRUE(contains(summary, "temperature         q is multiplied")) << summary;
  EXPECT_TRUE(contains(summary, "beta 0.1")) << summary;
  EXPECT_TRUE(contains(summary, "all layers")) << summary;
  const json data = json::parse(inspect::json_report(report, {}, {}).dump());
  EXPECT_EQ(data["temperature"]["type"], "ministral_temperature");
  EXPECT_EQ(data["temperature"]["parameters"]["original_max_position_embeddings"], 16384.0);
  EXPECT_EQ(data["temperature"]["layers"], "all");
}

// The program.
std::string output_of(const std::string& config, const std::string& options) {
  const fs::path folder = fs::path(testing::TempDir()) / "yarn-inspect-layers";
  fs::create_directories(folder);
  std::ofstream(folder / "model.json") << config;
  const std::string command = "\"" INSPECT_PROGRAM "\" \"" + (folder / "model.json").string() +
                              "\" " + options + " > \"" + (folder / "out").string() + "\"";
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::ifstream file(folder / "out", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  fs::remove_all(folder);
  return text;
}

TEST(inspect_program_layers, reports_each_rope_with_its_layers) {
  const json data = json::parse(output_of(gemma, "--json"));
  ASSERT_EQ(data.size(), 2U);
  EXPECT_EQ(data[0]["layer_type"], "sliding_attention");
  EXPECT_EQ(data[0]["layers"], json({0, 1, 2, 3, 4, 6, 7, 8, 9, 10}));
  EXPECT_EQ(data[1]["layers"], json({5, 11}));
  EXPECT_EQ(data[1]["rope_theta"], 1e6);
  EXPECT_EQ(data[0]["model"], data[1]["model"]);
  EXPECT_EQ(data[0]["model"]["ropes"], json({"sliding_attention", "full_attention"}));
  const json one = json::parse(output_of(gemma, "--json --layer-type full_attention"));
  EXPECT_EQ(one["layers"], json({5, 11}));
  // Both types have one rope, which has the name of the first type.
  const json shared = json::parse(output_of(
      R"({"model_type": "gemma3_text", "head_dim": 64, "num_hidden_layers": 4,
          "max_position_embeddings": 4096, "layer_types": ["sliding_attention", "full_attention",
          "sliding_attention", "full_attention"], "sliding_window": 512, "rope_parameters": {
          "sliding_attention": {"rope_type": "default", "rope_theta": 10000},
          "full_attention": {"rope_type": "default", "rope_theta": 10000}}})",
      "--json --layer-type full_attention"));
  EXPECT_EQ(shared["layers"], json({0, 1, 2, 3}));
  const std::string text = output_of(smollm, "");
  EXPECT_TRUE(contains(text, "- no rotation       3 layers: 3, 7, 11\n")) << text;
  EXPECT_TRUE(contains(text, "layers              0-2, 4-6, 8-10\n")) << text;
}

} // namespace

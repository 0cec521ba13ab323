// SPDX-License-Identifier: MIT
// yarn/hf_config.hpp refuses configurations that it cannot read. The std::invalid_argument names
// the key and its value. No exception of nlohmann-json reaches the caller. The tests include
// thousands of broken configurations.
#include "../support/expect_error.hpp"
#include "../support/hf_configs.hpp"
#include "../support/reference_cases.hpp"

#include <cstdio>
#include <fstream>
#include <limits>
#include <set>
#include <stdexcept>

namespace {

using namespace hf; // NOLINT(google-build-using-namespace)

/// The configuration with another value at a JSON pointer.
json with(json config, const std::string& where, const json& value) {
  config[json::json_pointer(where)] = value;
  return config;
}
/// The configuration without one key of the object at a JSON pointer.
json without(json config, const std::string& parent, const std::string& key) {
  config[json::json_pointer(parent)].erase(key);
  return config;
}
void expect_refused(const json& config, std::initializer_list<std::string> words,
                    const std::string& layer_type = "") {
  support::expect_error<std::invalid_argument>([&] { read(config, layer_type); }, words);
}
void expect_text_refused(const std::string& text, std::initializer_list<std::string> words) {
  support::expect_error<std::invalid_argument>([&] { yarn::hf_config_from_text(text); }, words);
}

const json plain_yarn = yarn_with(json::object());

TEST(hf_error, names_a_missing_key) {
  expect_refused(without(plain_yarn, "/rope_scaling", "original_max_position_embeddings"),
                 {"rope_scaling.original_max_position_embeddings is missing", "yarn"});
  json no_factor = without(plain_yarn, "/rope_scaling", "factor");
  EXPECT_NO_THROW(read(no_factor)); // The factor is the ratio of the lengths.
  no_factor.erase("max_position_embeddings");
  expect_refused(no_factor, {"rope_scaling.factor is missing", "yarn"});
  expect_refused(config_with({{"type", "linear"}}), {"rope_scaling.factor is missing", "linear"});
  expect_refused(config_with({{"type", "dynamic"}}), {"rope_scaling.factor is missing", "dynamic"});
  expect_refused(
      without(config_with({{"type", "dynamic"}, {"factor", 2}}), "", "max_position_embeddings"),
      {"max_position_embeddings is missing", "dynamic"});
  for (const char* key :
       {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}) {
    const json llama3 = config_with({{"rope_type", "llama3"},
                                     {"factor", 8.0},
                                     {"low_freq_factor", 1.0},
                                     {"high_freq_factor", 4.0},
                                     {"original_max_position_embeddings", 8192}});
    EXPECT_NO_THROW(read(llama3));
    expect_refused(without(llama3, "/rope_scaling", key),
                   {std::string("rope_scaling.") + key + " is missing", "llama3"});
  }
  const json longrope = config_with({{"rope_type", "longrope"},
                                     {"short_factor", std::vector<double>(64, 1.0)},
                                     {"long_factor", std::vector<double>(64, 2.0)},
                                     {"original_max_position_embeddings", 4096}});
  for (const char* key : {"short_factor", "long_factor", "original_max_position_embeddings"}) {
    expect_refused(without(longrope, "/rope_scaling", key),
                   {std::string("rope_scaling.") + key + " is missing", "longrope"});
  }
  expect_refused(without(longrope, "", "max_position_embeddings"),
                 {"rope_scaling.factor is missing", "longrope"});
}

TEST(hf_error, names_a_missing_shape) {
  expect_refused({{"head_dim", 128}}, {"rope_theta is missing", "no default", "hf_options"});
  for (const double theta : {-1.0, std::numeric_limits<double>::quiet_NaN()}) {
    yarn::hf_options options;
    options.default_rope_theta = theta;
    support::expect_error<std::invalid_argument>(
        [&] {
          yarn::hf_config_from({{"head_dim", 128}}, options);
        },
        {"hf_options.default_rope_theta", "> 0"});
  }
  expect_refused({{"model_type", "unheard_of"}, {"head_dim", 128}}, {"rope_theta is missing"});
  expect_refused({{"rope_theta", 1e4}}, {"head_dim is missing", "hidden_size is missing"});
  expect_refused({{"rope_theta", 1e4}, {"hidden_size", 4096}},
                 {"head_dim is missing", "num_attention_heads is missing"});
  expect_refused({{"rope_theta", 1e4}, {"hidden_size", 4096}, {"num_attention_heads", 96}},
                 {"head_dim is missing", "4096", "96"});
  expect_refused(json::object(), {"rope_theta is missing"});
  expect_refused({{"text_config", json::object()}}, {"text_config.rope_theta is missing"});
}

TEST(hf_error, names_a_missing_scaling) { // transformers would use the default of the class.
  for (const char* model : {"gpt_oss", "ministral3", "gemma4_text", "apertus"}) {
    expect_refused({{"model_type", model}, {"head_dim", 64}, {"rope_theta", 1e5}},
                   {"rope_parameters is missing", model});
  }
  expect_refused(config_with({{"factor", 8.0}}), {"rope_scaling.rope_type is missing", "factor"});
}

TEST(hf_error, names_an_unknown_type) {
  for (const char* key : {"type", "rope_type"}) {
    expect_refused(config_with({{key, "ntk"}, {"factor", 2.0}}), // vLLM's own formula
                   {std::string("rope_scaling.") + key + " = \"ntk\"", "llama3", "su"});
    expect_refused(config_with({{key, 5}}), {key, "5", "a string"});
  }
}

TEST(hf_error, names_key_and_value_of_another_kind) {
  const std::string factor = "/rope_scaling/factor";
  expect_refused(with(plain_yarn, factor, "8"), {"rope_scaling.factor = \"8\"", "a number"});
  expect_refused(with(plain_yarn, factor, true), {"rope_scaling.factor = true", "a number"});
  expect_refused(with(plain_yarn, factor, {1, 2}), {"rope_scaling.factor = an array of 2"});
  expect_refused(with(plain_yarn, factor, json::object()), {"rope_scaling.factor = an object"});
  for (const std::string key : {"extrapolation_factor", "apply_yarn_scaling"}) {
    expect_refused(with(plain_yarn, "/rope_scaling/" + key, json::object()),
                   {"rope_scaling." + key + " = an object"});
  }
  expect_refused(with(plain_yarn, factor, -1), {"factor = -1", "> 0"});
  expect_refused(with(plain_yarn, factor, std::numeric_limits<double>::quiet_NaN()),
                 {"rope_scaling.factor = nan", "finite"});
  expect_refused(with(plain_yarn, "/rope_scaling/truncate", 0),
                 {"rope_scaling.truncate = 0", "true"});
  expect_refused(with(plain_yarn, "/rope_scaling/truncate", "no"), {"truncate = \"no\""});
  expect_refused(with(plain_yarn, "/rope_scaling", json::array({1})),
                 {"rope_scaling = an array of 1", "an object"});
  expect_refused(with(plain_yarn, "/rope_scaling", "yarn"), {"rope_scaling = \"yarn\""});
  expect_refused(with(plain_yarn, "/rope_scaling", 4.0), {"rope_scaling = 4", "an object"});
  expect_refused(with(plain_yarn, "/head_dim", 64.5), {"head_dim = 64.5", "whole"});
  expect_refused(with(plain_yarn, "/head_dim", 0), {"head_dim = 0", "> 0"});
  expect_refused(with(plain_yarn, "/head_dim", -128), {"head_dim = -128", "> 0"});
  expect_refused(with(plain_yarn, "/head_dim", std::uint64_t{1} << 63), {"head_dim", "2^53"});
  expect_refused(with(plain_yarn, "/head_dim", 1e300), {"head_dim = 1e+300", "2^53"});
  expect_refused(with(plain_yarn, "/head_dim", "wide\n" + std::string(100, 'x')),
                 {"head_dim = \"wide?xxx", "...\""});
  expect_refused(with(plain_yarn, "/rope_theta", 0), {"rope_theta = 0", "> 0"});
  expect_refused(with(plain_yarn, "/model_type", 3), {"model_type = 3", "a string"});
  for (const json& whole : {json(nullptr), json(3), json("text"), json::array()}) {
    expect_refused(whole, {"the configuration", "an object"});
    support::expect_error<std::invalid_argument>([&] { yarn::hf_layer_types(whole); },
                                                 {"the configuration", "an object"});
  }
}

TEST(hf_error, names_an_element_of_a_list) {
  std::vector<double> ones(64, 1.0);
  json config = config_with({{"rope_type", "longrope"},
                             {"short_factor", ones},
                             {"long_factor", ones},
                             {"original_max_position_embeddings", 4096}});
  expect_refused(with(config, "/rope_scaling/long_factor/7", "x"),
                 {"rope_scaling.long_factor[7] = \"x\"", "a number"});
  expect_refused(with(config, "/rope_scaling/long_factor/7", -2), {"long_factor[7] = -2", "> 0"});
  expect_refused(with(config, "/rope_scaling/long_factor", 5), {"long_factor = 5", "array"});
  config["rope_scaling"]["short_factor"].push_back(1.0);
  expect_refused(config, {"short_factor", "65", "64"});
}

TEST(hf_error, names_a_rotary_part_that_no_model_has) {
  expect_refused(config_with(nullptr, {{"partial_rotary_factor", 0.3}, {"head_dim", 64}}),
                 {"partial_rotary_factor", "rotary_dim = 19", "head_dim = 64", "even"});
  expect_refused(config_with(nullptr, {{"rotary_pct", 1.5}}), {"rotary_pct = 1.5", "(0, 1]"});
  expect_refused(config_with(nullptr, {{"rotary_pct", 0}}), {"rotary_pct = 0", "(0, 1]"});
  expect_refused(config_with(nullptr, {{"rotary_dim", 130}}), {"rotary_dim = 130", "head_dim"});
  expect_refused(config_with(nullptr, {{"head_dim", 65}}), {"head_dim", "65", "even"});
}

TEST(hf_error, names_betas_the_wrong_way_round) {
  expect_refused(
      with(with(plain_yarn, "/rope_scaling/beta_fast", 1), "/rope_scaling/beta_slow", 32),
      {"beta_fast = 1", "beta_slow = 32"});
}

TEST(hf_error, names_the_layer_types_to_choose_from) {
  const json config = {
      {"head_dim", 64},
      {"rope_parameters",
       {{"full_attention", {{"rope_theta", 1e6}}}, {"sliding_attention", {{"rope_theta", 1e4}}}}}};
  expect_refused(config, {"layer_type = \"\"", "full_attention, sliding_attention"});
  json common = config;
  common["rope_parameters"]["rope_type"] = "yarn";
  expect_refused(common,
                 {"rope_parameters.rope_type = \"yarn\" must be default or absent",
                  "full_attention, sliding_attention"},
                 "full_attention");
  expect_refused(config, {"layer_type = \"local\"", "full_attention, sliding_attention"}, "local");
  expect_refused(plain_yarn, {"layer_type = \"full_attention\"", "one set"}, "full_attention");
  // An error in a dictionary names the whole path.
  expect_refused(with(config, "/rope_parameters/full_attention/rope_theta", "x"),
                 {"rope_parameters.full_attention.rope_theta = \"x\""}, "full_attention");
  json no_length = config;
  no_length["rope_parameters"]["full_attention"] = {{"rope_type", "yarn"}, {"factor", 4.0}};
  expect_refused(no_length, {"rope_parameters.full_attention.original_max_position_embeddings"},
                 "full_attention");
}

TEST(hf_error, names_two_dictionaries_that_differ) {
  json config = config_with({{"type", "linear"}, {"factor", 4.0}});
  config["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 1e4}};
  expect_refused(config, {"rope_parameters", "rope_scaling", "factor"});
}

// ---- Texts and files --------------------------------------------------------------------------

TEST(hf_error, names_the_error_in_a_text) {
  expect_text_refused("", {"not JSON", "unexpected end"});
  expect_text_refused("{", {"not JSON", "line 1", "column 2"});
  expect_text_refused("{\"head_dim\": NaN}", {"not JSON", "line 1"});
  expect_text_refused("{\"head_dim\": Infinity}", {"not JSON", "line 1"});
  expect_text_refused("{\"rope_theta\": 1e999}", {"not JSON", "1e999"});
  expect_text_refused("{\"head_dim\": 64,\n \"rope_theta\" 1}", {"line 2"});
  expect_text_refused("[1, 2]", {"an array of 2", "an object"});
  expect_text_refused(std::string("{\"a\0\": 1}", 9), {"not JSON"});
  expect_text_refused("{\"head_dim\": \"\xff\"}", {"not JSON"});
  expect_text_refused("{\"head_dim\": 99999999999999999999, \"rope_theta\": 1}",
                      {"head_dim = 1e+20", "2^53"});
}

// The reader does not recurse, so a deep file cannot overflow the stack.
TEST(hf_text, may_be_nested_deeply) {
  const std::size_t depth = 100000;
  const std::string deep = std::string(depth, '[') + std::string(depth, ']');
  const std::string text =
      R"({"head_dim": 64, "rope_theta": 1e4, "rope_scaling": {"type": "default", "x": )" + deep +
      "}}";
  EXPECT_EQ(yarn::hf_config_from_text(text).unused, names{"rope_scaling.x"});
  const std::string both = R"({"head_dim": 64, "rope_theta": 1e4, "rope_parameters": {"x": )" +
                           deep + R"(}, "rope_scaling": {"x": )" + deep + "}}";
  support::expect_error<std::invalid_argument>([&] { yarn::hf_config_from_text(both); },
                                               {"both given and differ in x"});
}

TEST(hf_error, names_contradicting_types_of_two_dictionaries) {
  for (const char* key : {"type", "rope_type"}) {
    support::expect_error<std::invalid_argument>(
        [&] {
          read(config_with({{key, "dynamic"}, {"factor", 2}},
                           {{"rope_parameters", {{"rope_type", "linear"}, {"factor", 2}}}}));
        },
        {"both given and differ in", key});
  }
}

TEST(hf_file, is_read_or_named) {
  const std::string path = testing::TempDir() + "yarn_hf_config.json";
  std::ofstream(path) << plain_yarn;
  EXPECT_EQ(yarn::hf_config_from_file(path).rope_type, "yarn");
  std::ofstream(path, std::ios::trunc).close();
  support::expect_error<std::invalid_argument>([&] { yarn::hf_config_from_file(path); },
                                               {"not JSON"});
  std::remove(path.c_str());
  for (const std::string& other : {path, testing::TempDir()}) { // a missing file, a directory
    support::expect_error<std::invalid_argument>([&] { yarn::hf_config_from_file(other); },
                                                 {other, "cannot be read"});
  }
}

// ---- Broken configurations --------------------------------------------------------------------

/// Pointers to every value in the tree. Of a list, only the first element has a pointer.
// NOLINTNEXTLINE(misc-no-recursion): as deep as the data
void collect(const json& value, const std::string& path, std::vector<std::string>& paths) {
  if (!path.empty()) {
    paths.push_back(path);
  }
  if (value.is_object()) {
    for (auto it = value.begin(); it != value.end(); ++it) {
      collect(it.value(), path + "/" + it.key(), paths);
    }
  } else if (value.is_array() && !value.empty()) {
    collect(value.front(), path + "/0", paths);
  }
}

/// The keys of a configuration and the names of methods: configurations that differ in these are
/// read differently.
std::string structure_of(const json& config) {
  std::string structure;
  const json flat = config.flatten();
  for (auto it = flat.begin(); it != flat.end(); ++it) {
    const bool is_type = it.key().find("type") != std::string::npos &&
                         it.key().find("model_type") == std::string::npos;
    structure += it.key() + (is_type ? it->dump() : "") + ";";
  }
  return structure;
}

struct outcomes {
  int accepted = 0;
  int refused = 0;
};

/// Reads a configuration. Expects a std::invalid_argument of the library, or finite frequencies.
void try_to_read(const json& config, const yarn::hf_options& options, outcomes& so_far) {
  try {
    const yarn::hf_config found = yarn::hf_config_from(config, options);
    for (const std::int64_t seq_len : {1, 1000000}) {
      const yarn::frequencies freqs = yarn::make_frequencies(found, seq_len);
      for (const double inv_freq : freqs.inv_freq()) {
        ASSERT_TRUE(yarn::detail::is_finite(inv_freq)) << config;
      }
    }
    ++so_far.accepted;
  } catch (const std::invalid_argument& error) {
    ASSERT_EQ(std::string(error.what()).find("yarn: "), 0U) << error.what();
    ASSERT_EQ(std::string(error.what()).find("json.exception"), std::string::npos) << error.what();
    ++so_far.refused;
  } // Any other exception fails the test.
}

/// Reads the configuration many times, each time with another value, or without one key.
void try_changes_of(const json& config, const yarn::hf_options& options, outcomes& so_far) {
  const std::vector<json> values = {nullptr,
                                    true,
                                    false,
                                    0,
                                    1,
                                    -1,
                                    2,
                                    3,
                                    0.5,
                                    1e300,
                                    -1e300,
                                    5e-324,
                                    std::int64_t{1} << 52,
                                    std::numeric_limits<double>::quiet_NaN(),
                                    std::numeric_limits<double>::infinity(),
                                    std::numeric_limits<std::uint64_t>::max(),
                                    std::numeric_limits<std::int64_t>::min(),
                                    "",
                                    "8",
                                    "yarn",
                                    json::array(),
                                    json::array({1, "x", nullptr}),
                                    json::object(),
                                    {{"factor", 2.0}}};
  std::vector<std::string> paths;
  collect(config, "", paths);
  for (const std::string& path : paths) {
    for (const json& value : values) {
      try_to_read(with(config, path, value), options, so_far);
    }
    const std::size_t last = path.rfind('/');
    const json::json_pointer parent(path.substr(0, last));
    if (config.at(parent).is_object()) {
      try_to_read(without(config, path.substr(0, last), path.substr(last + 1)), options, so_far);
    }
  }
}

TEST(hf_fuzz, a_broken_configuration_is_refused_or_gives_numbers) {
  outcomes all;
  std::set<std::string> seen;
  const json data = reference::read_json("hf_configs.json");
  for (const json& entry : data.at("entries")) {
    const json& config = entry.at("config");
    if (!seen.insert(structure_of(config)).second || seen.size() % 4 != 0) {
      continue; // A quarter of the configurations takes some seconds, even with sanitizers.
    }
    yarn::hf_options options;
    if (!entry.at("layer_type").is_null()) {
      options.layer_type = entry.at("layer_type");
    }
    try_changes_of(config, options, all);
  }
  EXPECT_GT(all.accepted, 1000);
  EXPECT_GT(all.refused, 1000);
  std::printf("%d accepted, %d refused\n", all.accepted, all.refused);
}

TEST(hf_fuzz, a_broken_configuration_with_axes_is_refused_or_gives_numbers) {
  outcomes all;
  std::set<std::string> seen;
  const json data = reference::read_json("axis_rotations.json");
  for (const json& entry : data.at("entries")) {
    const json& config = entry.at("config");
    if (!seen.insert(structure_of(config)).second) {
      continue;
    }
    for (const yarn::hf_tower tower : {yarn::hf_tower::text, yarn::hf_tower::vision}) {
      yarn::hf_options options;
      options.tower = tower;
      try_changes_of(config, options, all);
    }
  }
  EXPECT_GT(all.accepted, 1000);
  EXPECT_GT(all.refused, 1000);
  std::printf("%d accepted, %d refused\n", all.accepted, all.refused);
}

TEST(hf_fuzz, a_broken_text_is_refused_or_read) { // cut at every byte, or with one byte replaced
  const std::string text = plain_yarn.dump();
  outcomes all;
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char byte : {'\0', '"', '{', '}', '9', '-', 'e', ',', '\xff'}) {
      std::string broken = text;
      broken[i] = byte;
      for (const std::string& malformed : {broken, text.substr(0, i)}) {
        try {
          yarn::hf_config_from_text(malformed);
          ++all.accepted;
        } catch (const std::invalid_argument&) {
          ++all.refused;
        }
      }
    }
  }
  EXPECT_GT(all.accepted, 0);
  EXPECT_GT(all.refused, 0);
}

} // namespace

// SPDX-License-Identifier: MIT
// Configurations of transformers, read by the library. The frequencies and the attention factor are
// compared with those that transformers computes (tests/reference/hf_configs.json). The ledger is
// the list of the cases in which the library differs on purpose.
#include "../support/reference_cases.hpp"
#include "../support/reference_tolerance.hpp"

#include <gtest/gtest.h>
#include <yarn/hf_config.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace {

using reference::json;

// NOLINTNEXTLINE(bugprone-exception-escape): of moving json, which is declared noexcept
struct config_case {
  std::string id;
  std::string source_class; // of the configuration
  json config;
  std::string layer_type; // empty: the model has one set
  std::int64_t seq_len = 0;
  std::vector<float> inv_freq;
  double attention_factor = 0;
};

void PrintTo(const config_case& model_case, std::ostream* out) { // NOLINT: GoogleTest's name
  *out << model_case.id << " " << model_case.config;
}

// These entries come from the rotary classes alone. The models of these classes fail without
// sections, and the library does, too. (The default sections of GLM-4V are for half of a head.)
void add_sections(config_case& model_case) {
  for (const char* id : {"glm4v", "qwen2_vl", "qwen2_5_vl", "qwen2_5_omni"}) {
    if (model_case.id != id && model_case.id != std::string(id) + "-old") {
      continue;
    }
    json& config = model_case.config;
    json& text = config.contains("thinker_config") ? config["thinker_config"]["text_config"]
                                                   : config["text_config"];
    text[text.contains("rope_parameters") ? "rope_parameters" : "rope_scaling"]["mrope_section"] = {
        16, 24, 24};
  }
}

std::vector<config_case> read_cases() {
  const json data = reference::read_json("hf_configs.json");
  std::vector<config_case> cases;
  for (const json& entry : data.at("entries")) {
    config_case model_case;
    model_case.id = entry.at("id");
    const std::string source = entry.at("class"); // "LlamaConfig / LlamaRotaryEmbedding"
    model_case.source_class = source.substr(0, source.find(" / "));
    model_case.config = entry.at("config");
    add_sections(model_case);
    if (!entry.at("layer_type").is_null()) {
      model_case.layer_type = entry.at("layer_type");
    } else if (model_case.id.rfind("olmo-3-7b-yarn", 0) == 0) {
      // transformers 5.12.1 scales all layers; the library scales only these
      // (hf_layers.scaling_of_olmo_3_is_for_global_layers_only).
      model_case.layer_type = "full_attention";
    }
    if (!entry.at("seq_len").is_null()) {
      model_case.seq_len = entry.at("seq_len");
    }
    model_case.inv_freq =
        reference::float32_values(data.at("inv_freq").at(entry.at("inv_freq").get<std::size_t>()));
    model_case.attention_factor = entry.at("attention_factor");
    cases.push_back(model_case);
  }
  return cases;
}

const std::vector<config_case>& cases() {
  static const std::vector<config_case> all = read_cases();
  return all;
}

yarn::hf_config read(const config_case& model_case) {
  return yarn::hf_config_from(model_case.config, {model_case.layer_type});
}

struct comparison {
  std::size_t n_pairs = 0;
  std::int64_t worst_ulp = 0; // of float32, over the pairs that both have
  std::int64_t tolerance_ulp = 0;
  double attention_error = 0; // relative

  bool agrees(std::size_t n_expected) const {
    return n_pairs == n_expected && worst_ulp <= tolerance_ulp && attention_error <= 1e-12;
  }
};

comparison compare(const config_case& model_case) {
  const yarn::hf_config found = read(model_case);
  const yarn::frequencies freqs =
      yarn::make_frequencies(found.shape, found.method, model_case.seq_len);
  comparison result;
  result.n_pairs = static_cast<std::size_t>(freqs.n_pairs());
  for (std::size_t i = 0; i < std::min(result.n_pairs, model_case.inv_freq.size()); ++i) {
    const auto ours = static_cast<float>(freqs.inv_freq().data()[i]);
    result.worst_ulp =
        std::max(result.worst_ulp, reference::floats_between(ours, model_case.inv_freq[i]));
  }
  const auto* ramp = std::get_if<yarn::yarn_scaling>(&found.method);
  result.tolerance_ulp =
      reference::tolerance_ulp(found.rope_type, ramp == nullptr || ramp->truncate);
  result.attention_error = std::fabs(freqs.attention_factor() / model_case.attention_factor - 1);
  return result;
}

/// The ledger: the cases in which the library differs on purpose.
struct ledger_entry {
  const char* id;
  const char* reason;
};
const ledger_entry ledger[] = {
    {"bamba", "partial_rotary_factor 0.5 in the file; transformers' class does not read it where "
              "the method is the default"},
    {"bamba-old", "as bamba"},
    {"minimax_m3_vl", "rotary_dim 64 in the file; transformers' class does not read it"},
    {"minimax_m3_vl-old", "as minimax_m3_vl"},
    {"nested-truncate-false-full_attention",
     "transformers looks for truncate beside the dictionaries of the layer types, not in them"},
};

const ledger_entry* find_in_ledger(const std::string& id) {
  for (const ledger_entry& entry : ledger) {
    if (id == entry.id) {
      return &entry;
    }
  }
  return nullptr;
}

class transformers_config : public testing::TestWithParam<config_case> {};

TEST_P(transformers_config, gives_its_frequencies_or_is_in_the_ledger) {
  const config_case& model_case = GetParam();
  const comparison found = compare(model_case);
  if (const ledger_entry* entry = find_in_ledger(model_case.id)) {
    EXPECT_FALSE(found.agrees(model_case.inv_freq.size()))
        << "agrees now: remove it from the ledger, which has the reason: " << entry->reason;
    return;
  }
  EXPECT_EQ(found.n_pairs, model_case.inv_freq.size());
  EXPECT_LE(found.worst_ulp, found.tolerance_ulp);
  EXPECT_LE(found.attention_error, 1e-12);
}

TEST_P(transformers_config, lists_the_layer_types) {
  const config_case& model_case = GetParam();
  const std::vector<std::string> types = yarn::hf_layer_types(model_case.config);
  if (model_case.layer_type.empty()) {
    EXPECT_TRUE(types.empty()) << types.front();
  } else {
    EXPECT_EQ(std::count(types.begin(), types.end(), model_case.layer_type), 1);
  }
}

// Each configuration, written as text and read again, gives the same result.
TEST_P(transformers_config, is_the_same_from_its_text) {
  const config_case& model_case = GetParam();
  const yarn::hf_config direct = read(model_case);
  const yarn::hf_config text =
      yarn::hf_config_from_text(model_case.config.dump(2), {model_case.layer_type});
  EXPECT_EQ(text.shape.head_dim, direct.shape.head_dim);
  EXPECT_EQ(text.shape.rotary_dim, direct.shape.rotary_dim);
  EXPECT_EQ(text.shape.rope_theta, direct.shape.rope_theta);
  EXPECT_EQ(text.rope_type, direct.rope_type);
  EXPECT_EQ(text.axis_of_pair, direct.axis_of_pair);
  EXPECT_EQ(text.unused, direct.unused);
  EXPECT_EQ(text.notes, direct.notes);
}

INSTANTIATE_TEST_SUITE_P(all, transformers_config, testing::ValuesIn(cases()),
                         [](const auto& each) { return reference::test_name(each.param.id); });

TEST(transformers_config_ledger, lists_only_cases_that_exist) {
  for (const ledger_entry& entry : ledger) {
    const auto has_id = [&entry](const config_case& model_case) {
      return model_case.id == entry.id;
    };
    EXPECT_EQ(std::count_if(cases().begin(), cases().end(), has_id), 1) << entry.id;
  }
}

// A new case in the ledger is a decision, not a way to repair this test.
TEST(transformers_config_ledger, has_five_cases) { EXPECT_EQ(std::size(ledger), 5U); }

TEST(transformers_config_data, is_complete) {
  std::set<std::string> classes;
  std::set<std::string> types;
  for (const config_case& model_case : cases()) {
    classes.insert(model_case.source_class);
    types.insert(read(model_case).rope_type);
  }
  EXPECT_EQ(classes.size(), 127U);
  EXPECT_EQ(cases().size(), 365U);
  const std::set<std::string> all = {"default",  "dynamic", "linear",       "llama3",
                                     "longrope", "ntk",     "proportional", "yarn"};
  EXPECT_EQ(types, all);
}

} // namespace

// SPDX-License-Identifier: MIT
// Published configurations (tests/reference/published_configs.json), read by hf_layers and compared
// with the numbers of the models' own code. Every key about RoPE is read, explained or listed.
#include "../support/expect_error.hpp"
#include "../support/hf_configs.hpp"
#include "../support/reference_cases.hpp"
#include "../support/reference_tolerance.hpp"

#include <cmath>
#include <random>
#include <set>
#include <stdexcept>
#include <utility>

namespace {

using namespace hf; // NOLINT(google-build-using-namespace)

const json& data() {
  static const json all = reference::read_json("published_configs.json");
  return all;
}
std::string id_of(const json& entry) { return entry.at("id"); }

/// The entries that have a rope, or those that are refused.
std::vector<json> entries(bool refused) {
  std::vector<json> found;
  for (const json& entry : data().at("entries")) {
    if (entry.contains("refused") == refused) {
      found.push_back(entry);
    }
  }
  return found;
}

class published : public testing::TestWithParam<json> {};
class refused : public testing::TestWithParam<json> {};

void expect_rope(const yarn::hf_config& found, const json& expected) {
  const std::vector<float> inv_freq = reference::float32_values(
      data().at("inv_freq").at(expected.at("inv_freq").get<std::size_t>()));
  const yarn::frequencies freqs = yarn::make_frequencies(found, 0);
  ASSERT_EQ(static_cast<std::size_t>(freqs.n_pairs()), inv_freq.size());
  const auto* ramp = std::get_if<yarn::yarn_scaling>(&found.method);
  const std::int64_t tolerance =
      reference::tolerance_ulp(found.rope_type, ramp == nullptr || ramp->truncate);
  for (std::size_t i = 0; i < inv_freq.size(); ++i) {
    EXPECT_LE(
        reference::floats_between(static_cast<float>(freqs.inv_freq().data()[i]), inv_freq[i]),
        tolerance)
        << i;
  }
  EXPECT_LE(std::fabs(freqs.attention_factor() / expected.at("attention_factor").get<double>() - 1),
            1e-12);
}

TEST_P(published, gives_the_ropes_of_the_model) {
  const json& entry = GetParam();
  const yarn::hf_layer_ropes found = yarn::hf_layers(entry.at("config"));
  ASSERT_EQ(found.ropes.size(), entry.at("ropes").size());
  for (std::size_t i = 0; i < found.ropes.size(); ++i) {
    SCOPED_TRACE(found.ropes[i].name);
    expect_rope(found.ropes[i], entry.at("ropes")[i]);
    if (!entry.at("pairing").is_null()) {
      ASSERT_TRUE(found.ropes[i].pairing.has_value());
      EXPECT_EQ(*found.ropes[i].pairing == yarn::pairing::interleaved,
                entry.at("pairing") == "interleaved");
    }
  }
  if (!entry.at("layers").is_null()) {
    EXPECT_EQ(found.rope_of_layer, entry.at("layers").get<std::vector<std::int64_t>>());
  }
}

// hf_config_from reads the one rope, or names hf_layers and the types to choose from.
TEST_P(published, hf_config_from_agrees) {
  const json& config = GetParam().at("config");
  const yarn::hf_layer_ropes layers = yarn::hf_layers(config);
  if (layers.ropes.empty()) { // no layer rotates
    return;
  }
  if (layers.ropes.size() == 1) {
    EXPECT_EQ(read(config).shape.rope_theta, layers.ropes[0].shape.rope_theta);
    EXPECT_EQ(read(config).notes, layers.ropes[0].notes);
    return;
  }
  support::expect_error<std::invalid_argument>([&] { read(config); },
                                               {"hf_layers", layers.ropes[0].name});
  for (const yarn::hf_config& rope : layers.ropes) {
    EXPECT_EQ(read(config, rope.name).shape.rope_theta, rope.shape.rope_theta);
  }
}

/// The object that has the RoPE keys of the language model.
json& text_of(json& config) {
  return config.contains("text_config") ? config["text_config"] : config;
}

// A key that nobody has heard of is listed, wherever it is.
TEST_P(published, lists_an_unknown_key) {
  std::mt19937 random(static_cast<unsigned>(std::hash<std::string>()(id_of(GetParam()))));
  for (const char* word : {"rope", "rotary", "theta", "freq", "temperature", "attn_scale", "mrope",
                           "dual_chunk", "yarn"}) {
    for (const char* dictionary : {"", "rope_scaling", "rope_parameters"}) {
      json config = GetParam().at("config");
      json& text = text_of(config);
      const bool is_inner = *dictionary != '\0';
      if (is_inner && (!text.contains(dictionary) || !text[dictionary].is_object())) {
        continue;
      }
      std::string key = word;
      for (int i = 0; i < 8; ++i) {
        key.insert(key.begin() + static_cast<std::ptrdiff_t>(i % 2 == 0 ? 0 : key.size()),
                   static_cast<char>('a' + random() % 26));
      }
      json* where = is_inner ? &text[dictionary] : &text;
      std::string name = is_inner ? dictionary + std::string(".") : "";
      if (is_inner && where->begin()->is_object()) { // by type of layers
        name += where->begin().key() + ".";
        where = &*where->begin();
      }
      (*where)[key] = 0.5;
      name = (&text == &config ? "" : "text_config.") + name + key;
      bool is_listed = false;
      for (const yarn::hf_config& rope : yarn::hf_layers(config).ropes) {
        is_listed = is_listed || std::count(rope.unused.begin(), rope.unused.end(), name) == 1;
      }
      EXPECT_TRUE(is_listed) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(all, published, testing::ValuesIn(entries(false)),
                         [](const auto& each) { return reference::test_name(id_of(each.param)); });

TEST_P(refused, is_refused_with_the_reason) {
  for (const std::string& word : GetParam().at("refused").get<std::vector<std::string>>()) {
    support::expect_error<std::invalid_argument>([&] { read(GetParam().at("config")); }, {word});
    support::expect_error<std::invalid_argument>([&] { yarn::hf_layers(GetParam().at("config")); },
                                                 {word});
  }
}

INSTANTIATE_TEST_SUITE_P(all, refused, testing::ValuesIn(entries(true)),
                         [](const auto& each) { return reference::test_name(id_of(each.param)); });

// The keys about RoPE that the reader does not read, from all these files.
TEST(published_data, has_few_unread_keys) {
  std::set<std::string> unread;
  for (const json& entry : entries(false)) {
    for (const yarn::hf_config& rope : yarn::hf_layers(entry.at("config")).ropes) {
      unread.insert(rope.unused.begin(), rope.unused.end());
    }
  }
  // YaRN's parameters beside the alpha of HunYuan are explained by a note.
  EXPECT_EQ(unread, (std::set<std::string>{"rope_scaling.beta_fast", "rope_scaling.beta_slow",
                                           "rope_scaling.finetuned", "rope_scaling.mscale",
                                           "rope_scaling.mscale_all_dim"}));
}

TEST(published_data, is_complete) {
  EXPECT_EQ(data().at("entries").size(), 229U);
  std::set<std::string> types;
  std::set<std::string> ids;
  for (const json& entry : entries(false)) {
    types.insert(text_of(const_cast<json&>(entry.at("config"))).value("model_type", ""));
    ids.insert(id_of(entry));
  }
  EXPECT_GE(types.size(), 85U);
  EXPECT_EQ(ids.size(), entries(false).size());
}

} // namespace

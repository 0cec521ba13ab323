// SPDX-License-Identifier: MIT
// yarn/hf_config.hpp: the axes of language models whose tokens have several positions. Compares the
// reader with all rotations of these models that were recorded from transformers
// (tests/reference/axis_rotations.json), and tests what the reader says about the keys.
#include "../support/axis_rotations.hpp"
#include "../support/expect_error.hpp"
#include "../support/hf_configs.hpp"

#include <map>
#include <stdexcept>
#include <utility>

namespace {

using namespace hf; // NOLINT(google-build-using-namespace)
using axes = std::vector<std::uint8_t>;

const std::vector<reference::axis_rotation>& cases() {
  static const std::vector<reference::axis_rotation> all = [] {
    std::vector<reference::axis_rotation> text;
    for (const reference::axis_rotation& each : reference::read_axis_rotations()) {
      if (each.is_text()) {
        text.push_back(each);
      }
    }
    return text;
  }();
  return all;
}

class axes_of_transformers : public testing::TestWithParam<reference::axis_rotation> {};

TEST_P(axes_of_transformers, are_those_of_the_configuration) {
  const yarn::hf_config found = read(GetParam().config);
  reference::axis_comparison(GetParam(), found).expect_equal();
  EXPECT_TRUE(found.frequency_of_pair.empty());
  EXPECT_EQ(found.unused, names{});
}

INSTANTIATE_TEST_SUITE_P(all, axes_of_transformers, testing::ValuesIn(cases()),
                         [](const auto& each) { return reference::test_name(each.param.id); });

TEST(axes_of_transformers_data, are_complete) { EXPECT_EQ(cases().size(), 28U); }

// Each configuration that the class rejects, and the words of our error.
TEST(hf_axes, refused_by_transformers_are_refused_here) {
  const auto& refused = reference::axis_rotation_data().at("refused");
  std::map<std::string, std::vector<std::string>> words = {
      {"qwen2-vl-sections-of-60-pairs", {"rope_scaling.mrope_section", "60 pairs", "64"}},
      {"qwen2-vl-without-sections", {"rope_scaling.mrope_section is missing", "qwen2_vl"}},
      {"glm-4v-sections-of-30-pairs", {"rope_scaling.mrope_section", "30 pairs", "32"}},
      {"ernie-yarn", {"rope_parameters.rope_type = yarn", "ernie4_5_vl_moe_text", "default"}},
      {"ernie-h-and-w-differ", {"rope_parameters.mrope_section", "20 pairs for h", "24 for w"}},
      {"vjepa2", {}}, // not a language model: test_hf_towers
  };
  EXPECT_EQ(refused.size(), words.size());
  for (const auto& entry : refused) {
    const std::string id = entry.at("id");
    ASSERT_EQ(words.count(id), 1U) << id;
    if (!entry.contains("config")) {
      continue;
    }
    const std::vector<std::string>& expected = words[id];
    SCOPED_TRACE(id);
    ASSERT_GE(expected.size(), 2U);
    support::expect_error<std::invalid_argument>([&] { read(entry.at("config")); },
                                                 {expected[0], expected[1], expected.back()});
  }
}

json of_type(const std::string& model_type, const json& scaling) {
  return config_with(scaling, {{"model_type", model_type}, {"head_dim", 16}, {"hidden_size", 64}});
}
void expect_refused(const json& config, std::initializer_list<std::string> words) {
  support::expect_error<std::invalid_argument>([&] { read(config); }, words);
}

TEST(hf_axes, without_sections_there_is_one) {
  const auto config = read(config_with({{"type", "default"}}));
  EXPECT_EQ(config.n_axes, 1);
  EXPECT_EQ(config.axis_names, "");
  EXPECT_TRUE(config.axis_of_pair.empty());
  EXPECT_EQ(yarn::make_frequencies(config, 0).n_axes(), 1);
}

TEST(hf_axes, default_sections_are_those_of_the_classes) {
  const std::map<std::string, std::pair<int, std::string>> defaults = {
      {"glm4v_text", {64, "8 12 12"}},
      {"glm4v_moe_text", {64, "8 12 12"}},
      {"glm_ocr_text", {64, "8 12 12"}},
      {"glm_image_text", {64, "8 12 12"}},
      {"qwen3_vl_text", {128, "24 20 20"}},
      {"qwen3_vl_moe_text", {128, "24 20 20"}},
      {"qwen3_omni_moe_text", {128, "24 20 20"}},
      {"qwen3_5_text", {64, "11 11 10"}},
      {"qwen3_5_moe_text", {64, "11 11 10"}},
      {"ernie4_5_vl_moe_text", {128, "22 22 20"}}};
  for (const auto& [type, facts] : defaults) {
    const auto config = read(config_with(
        nullptr,
        {{"model_type", type}, {"head_dim", facts.first}, {"partial_rotary_factor", 1.0}}));
    EXPECT_TRUE(notes_say(config, {"mrope_section is not given: " + facts.second, type}));
    EXPECT_EQ(config.n_axes, 3) << type;
  }
  for (const char* type : {"qwen2_vl_text", "qwen2_5_vl_text", "qwen2_5_omni_text",
                           "qwen2_5_omni_talker", "paddleocr_vl_text"}) {
    expect_refused(of_type(type, nullptr), {"mrope_section is missing", type});
  }
}

TEST(hf_axes, default_sections_that_do_not_fit_are_noted_or_refused) {
  // The default of Qwen3-VL is for 64 pairs. The class reads the sections of h and w only.
  const auto config = read(of_type("qwen3_vl_text", nullptr));
  EXPECT_EQ(config.axis_of_pair, (axes{0, 1, 2, 0, 1, 2, 0, 1}));
  EXPECT_TRUE(notes_say(config, {"mrope_section is not given", "24 20 20", "qwen3_vl_text"}));
  EXPECT_TRUE(notes_say(config, {"64 pairs", "the model has 8"}));
  expect_refused(of_type("glm4v_text", nullptr), {"mrope_section", "32 pairs", "the model has 8"});
}

TEST(hf_axes, the_class_ignores_what_mrope_interleaved_says) {
  for (const char* key : {"mrope_interleaved", "interleaved"}) {
    const auto qwen3 = read(of_type("qwen3_vl_text", {{"mrope_section", {4, 2, 2}}, {key, false}}));
    EXPECT_EQ(qwen3.axis_of_pair, (axes{0, 1, 2, 0, 1, 2, 0, 0}));
    EXPECT_TRUE(notes_say(qwen3, {key, "= false has no effect", "qwen3_vl_text"}));
    const auto qwen2 = read(of_type("qwen2_vl", {{"mrope_section", {4, 2, 2}}, {key, true}}));
    EXPECT_EQ(qwen2.axis_of_pair, (axes{0, 0, 0, 0, 1, 1, 2, 2}));
    EXPECT_TRUE(notes_say(qwen2, {key, "= true has no effect", "qwen2_vl"}));
    const auto agreed = read(of_type("qwen3_vl_text", {{"mrope_section", {4, 2, 2}}, {key, true}}));
    EXPECT_FALSE(notes_say(agreed, {"has no effect"}));
    EXPECT_EQ(agreed.unused, names{});
  }
}

TEST(hf_axes, of_an_unknown_model_type_are_noted) {
  const json sections = {{"type", "mrope"}, {"mrope_section", {4, 2, 2}}};
  const auto config = read(of_type("warm_vl", sections));
  EXPECT_EQ(config.axis_of_pair, (axes{0, 0, 0, 0, 1, 1, 2, 2}));
  EXPECT_EQ(config.axis_names, "");
  EXPECT_FALSE(config.pairing);
  EXPECT_TRUE(notes_say(config, {"rope_scaling.mrope_section", "warm_vl", "side by side"}));
  json alternating = sections;
  alternating["mrope_interleaved"] = true;
  const auto other = read(of_type("warm_vl", alternating));
  EXPECT_EQ(other.axis_of_pair, (axes{0, 1, 2, 0, 1, 2, 0, 0}));
  EXPECT_TRUE(notes_say(other, {"warm_vl", "alternate"}));
  EXPECT_EQ(other.unused, names{});
  const auto two = read(of_type("warm_vl", {{"mrope_section", {3, 5}}}));
  EXPECT_EQ(two.axis_of_pair, (axes{0, 0, 0, 1, 1, 1, 1, 1}));
  EXPECT_EQ(two.n_axes, 2);
}

TEST(hf_axes, of_hunyuan_vl_are_contiguous_sections) {
  json scaling = {{"type", "xdrope"}, {"alpha", 1000.0}, {"xdrope_section", {2, 3, 2, 1}}};
  const auto config = read(of_type("hunyuan_vl", scaling));
  EXPECT_EQ(config.axis_of_pair, (axes{0, 0, 1, 1, 1, 2, 2, 3}));
  EXPECT_EQ(config.axis_names, "pwht");
  EXPECT_EQ(config.n_axes, 4);
  EXPECT_EQ(method_of<yarn::ntk_scaling>(config).factor, 1000.0);
  EXPECT_EQ(config.unused, names{});
  scaling.erase("alpha");
  expect_refused(of_type("hunyuan_vl", scaling), {"rope_scaling.alpha is missing", "xdrope"});
}

TEST(hf_axes, refuse_sections_that_do_not_fit) {
  const auto with = [](const std::string& type, const json& sections) {
    return of_type(type, {{"mrope_section", sections}});
  };
  for (const char* type : {"qwen2_vl", "warm_vl"}) {
    expect_refused(with(type, {4, 2, 1}), {"rope_scaling.mrope_section", "7 pairs", "has 8"});
    expect_refused(with(type, {8, 4, 4}), {"16 pairs", "count pairs, not elements"});
    expect_refused(with(type, {4, 2.5, 2}), {"rope_scaling.mrope_section holds 2.5"});
    expect_refused(with(type, {4, -1, 5}), {"rope_scaling.mrope_section holds -1"});
    expect_refused(with(type, {4, 1e300, 5}), {"rope_scaling.mrope_section holds 1e+300"});
    expect_refused(with(type, {{"t", 4}}), {"rope_scaling.mrope_section = an object"});
    expect_refused(with(type, {4, "2", 2}), {"rope_scaling.mrope_section[1]", "a number"});
  }
  for (const char* type : {"qwen2_vl", "qwen3_vl_text", "ernie4_5_vl_moe_text"}) {
    expect_refused(with(type, {4, 4}), {"rope_scaling.mrope_section has 2 sections", "3"});
    expect_refused(with(type, {2, 2, 2, 2}), {"rope_scaling.mrope_section has 4 sections", "3"});
  }
  expect_refused(with("warm_vl", {8}), {"has 1 sections", "2 to 8"});
  expect_refused(with("warm_vl", {1, 1, 1, 1, 1, 1, 1, 1, 0}), {"has 9 sections", "2 to 8"});
  expect_refused(of_type("warm_vl", {{"mrope_section", {4, 4}}, {"mrope_interleaved", true}}),
                 {"rope_scaling.mrope_interleaved is true", "2 sections"});
}

TEST(hf_axes, files_of_baidu_give_the_pairs_of_time) {
  const auto axes_with = [](int freq_allocation) {
    json config = of_type("ernie4_5_moe_vl", json::object());
    config["freq_allocation"] = freq_allocation;
    return read(config).axis_of_pair;
  };
  EXPECT_EQ(axes_with(2), (std::vector<std::uint8_t>{1, 2, 1, 2, 1, 2, 0, 0}));
  EXPECT_EQ(axes_with(4), (std::vector<std::uint8_t>{1, 2, 1, 2, 0, 0, 0, 0}));
  support::expect_error<std::invalid_argument>([&] { (void)axes_with(3); },
                                               {"freq_allocation", "7", "8"});
  support::expect_error<std::invalid_argument>([&] { (void)axes_with(10); }, {"freq_allocation"});
}

TEST(hf_axes, the_order_of_ernie_is_noted) {
  const auto config = read(of_type("ernie4_5_vl_moe_text", {{"mrope_section", {3, 3, 2}}}));
  EXPECT_EQ(config.axis_of_pair, (axes{1, 2, 1, 2, 1, 2, 0, 0}));
  EXPECT_TRUE(notes_say(config, {"sections of model_type ernie4_5_vl_moe_text", "order h, w, t"}));
}

TEST(hf_axes, a_key_wins_over_the_pairing_of_the_class) {
  json config = of_type("glm4v_text", {{"mrope_section", {4, 2, 2}}});
  EXPECT_EQ(read(config).pairing, yarn::pairing::interleaved);
  EXPECT_TRUE(notes_say(read(config), {"the pairing is not given: interleaved", "glm4v_text"}));
  config["rope_interleave"] = false;
  EXPECT_EQ(read(config).pairing, yarn::pairing::half_split);
  EXPECT_TRUE(notes_say(read(config), {"another pairing", "glm4v_text", "interleaved"}));
  config["rope_interleave"] = true;
  EXPECT_FALSE(notes_say(read(config), {"pairing"}));
}

TEST(hf_axes, the_thinker_is_taken_before_the_talker) {
  const json thinker = of_type("qwen2_5_omni_text", {{"mrope_section", {4, 2, 2}}});
  json talker = of_type("qwen2_5_omni_talker", {{"mrope_section", {2, 2, 4}}});
  const json whole = {{"model_type", "qwen2_5_omni"},
                      {"talker_config", talker},
                      {"thinker_config", {{"text_config", thinker}}}};
  EXPECT_EQ(read(whole).axis_of_pair, (axes{0, 0, 0, 0, 1, 1, 2, 2}));
  EXPECT_EQ(read(talker).axis_of_pair, (axes{0, 0, 1, 1, 2, 2, 2, 2}));
}

} // namespace

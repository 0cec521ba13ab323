// SPDX-License-Identifier: MIT
// The warnings and notes of the inspector, and no warnings for good configurations.
#include "warnings.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace {

using inspect::remark;
using json = nlohmann::json;

// `seq_len` 0 means: not given.
std::vector<remark> remarks_on(const std::string& text, std::int64_t seq_len = 0,
                               const std::string& layer_type = "") {
  const json config = json::parse(text);
  yarn::hf_options layer;
  layer.layer_type = layer_type;
  inspect::model_report report =
      inspect::make_report("m", yarn::hf_config_from(config, layer),
                           seq_len == 0 ? std::nullopt : std::optional<std::int64_t>(seq_len));
  report.layer_type = layer_type;
  return inspect::remarks_on(report, config, yarn::hf_layer_types(config));
}

std::vector<std::string> ids(const std::vector<remark>& remarks, bool warnings) {
  std::vector<std::string> result;
  for (const remark& each : remarks)
    if (each.is_warning == warnings && each.id != "reader")
      result.push_back(each.id);
  return result;
}
std::vector<std::string> warnings(const std::string& text, std::int64_t seq_len = 0) {
  return ids(remarks_on(text, seq_len), true);
}
std::vector<std::string> notes(const std::string& text, std::int64_t seq_len = 0) {
  return ids(remarks_on(text, seq_len), false);
}
std::string text_of(const std::vector<remark>& remarks, const std::string& id) {
  for (const remark& each : remarks)
    if (each.id == id)
      return each.text;
  return "no remark " + id;
}

using list = std::vector<std::string>;

// A configuration with heads of 128 elements, these numbers, and a dictionary of RoPE parameters.
std::string model(const std::string& theta, const std::string& max_position,
                  const std::string& parameters, const std::string& more = "") {
  return R"({"head_dim": 128, "rope_theta": )" + theta +
         (max_position.empty() ? "" : R"(, "max_position_embeddings": )" + max_position) +
         R"(, "rope_scaling": )" + parameters + more + "}";
}
std::string yarn_model(const std::string& more = "", const std::string& max_position = "131072",
                       const std::string& factor = "32") {
  return model("10000", max_position,
               R"({"rope_type": "yarn", "original_max_position_embeddings": 4096, "factor": )" +
                   factor + more + "}");
}

// The RoPE keys of published configurations.
struct published {
  const char* name;
  std::string config;
  const char* layer_type = "";
};
const std::vector<published>& ordinary_models() {
  static const std::vector<published> models = {
      {"Llama-2-7b", model("10000", "4096", "null")},
      {"Llama-3.2-1B", R"({"head_dim": 64, "rope_theta": 500000.0,
        "max_position_embeddings": 131072, "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0,
        "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"}})"},
      {"Llama-4-Scout", model("500000", "10485760", R"({"factor": 16.0, "high_freq_factor": 1.0,
        "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"})")},
      {"Mistral-7B-v0.1", model("10000", "32768", "null", R"(, "sliding_window": 4096)")},
      {"Mixtral-8x7B", model("1000000", "32768", "null")},
      {"Ministral-3", model("1000000", "262144", R"({"rope_type": "yarn", "factor": 16.0,
        "original_max_position_embeddings": 16384, "beta_fast": 32.0, "beta_slow": 1.0,
        "mscale": 1.0, "mscale_all_dim": 1.0})")},
      {"Qwen2.5-7B", model("1000000", "32768", "null")},
      {"Qwen2.5-7B with YaRN", model("1000000", "32768", R"({"type": "yarn", "factor": 4.0,
        "original_max_position_embeddings": 32768})")},
      {"Qwen2.5-7B-1M", model("10000000", "1010000", "null")},
      {"Qwen3-8B with YaRN", model("1000000", "40960", R"({"rope_type": "yarn", "factor": 4.0,
        "original_max_position_embeddings": 32768})")},
      {"DeepSeek-V3", R"({"model_type": "deepseek_v3", "qk_rope_head_dim": 64, "rope_theta": 10000,
        "max_position_embeddings": 163840, "rope_scaling": {"type": "yarn", "factor": 40,
        "original_max_position_embeddings": 4096, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0,
        "mscale_all_dim": 1.0}})"},
      {"DeepSeek-V2-Lite", R"({"model_type": "deepseek_v2", "qk_rope_head_dim": 64,
        "rope_theta": 10000, "max_position_embeddings": 163840, "rope_scaling": {"type": "yarn",
        "factor": 40, "original_max_position_embeddings": 4096, "beta_fast": 32, "beta_slow": 1,
        "mscale": 0.707, "mscale_all_dim": 0.707}})"},
      {"Kimi-K2", R"({"qk_rope_head_dim": 64, "rope_theta": 50000.0,
        "max_position_embeddings": 131072, "rope_scaling": {"type": "yarn", "factor": 32.0,
        "original_max_position_embeddings": 4096, "beta_fast": 1.0, "beta_slow": 1.0, "mscale": 1.0,
        "mscale_all_dim": 1.0}})"},
      {"OLMo-3", model("500000", "65536", R"({"rope_type": "yarn", "factor": 8.0,
        "original_max_position_embeddings": 8192, "beta_fast": 32.0, "beta_slow": 1.0,
        "attention_factor": 1.2079441541679836})")},
      {"deepseek-coder-33b", model("100000", "16384", R"({"type": "linear", "factor": 4.0})")},
      {"vicuna-7b-v1.5-16k", model("10000", "4096", R"({"type": "linear", "factor": 4.0})")},
      {"Yi-34B-200K", model("5000000", "200000", "null")},
      {"Falcon-H1-34B", model("100000000000", "262144", "null")},
      {"gemma-2-9b", R"({"head_dim": 256, "rope_theta": 10000.0,
        "max_position_embeddings": 8192, "sliding_window": 4096})"},
      {"gpt-neox-20b", R"({"hidden_size": 6144, "num_attention_heads": 64, "rotary_pct": 0.25,
        "rotary_emb_base": 10000, "max_position_embeddings": 2048})"},
      {"phi-2", R"({"hidden_size": 2560, "num_attention_heads": 32, "partial_rotary_factor": 0.4,
        "rope_theta": 10000.0, "max_position_embeddings": 2048})"},
  };
  return models;
}

TEST(remarks, do_not_warn_about_ordinary_models) {
  for (const published& each : ordinary_models()) {
    const std::vector<remark> all = remarks_on(each.config, 0, each.layer_type);
    for (const remark& found : all)
      EXPECT_FALSE(found.is_warning) << each.name << ": " << found.text;
  }
}

TEST(remarks, warn_about_intended_settings_that_need_care) {
  // The settings of InternLM2 and Qwen2.5-VL, which engines often get wrong.
  EXPECT_EQ(warnings(model("1000000", "32768", R"({"type": "dynamic", "factor": 2.0})")),
            list{"dynamic-kv-cache"});
  EXPECT_EQ(
      warnings(model("1000000", "128000", R"({"type": "mrope", "mrope_section": [16, 24, 24]})")),
      list{"mrope-sections"});
  EXPECT_EQ(warnings(model("1000000", "128000", R"({"type": "default"})")), list{});
}

TEST(remarks, on_several_axes) {
  const std::string qwen = R"({"model_type": "qwen2_vl", "head_dim": 128, "rope_theta": 1e6,
      "max_position_embeddings": 32768,
      "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}})";
  const std::vector<remark> all = remarks_on(qwen);
  EXPECT_EQ(ids(all, true), list{});
  EXPECT_NE(text_of(all, "several-axes").find("3 positions (thw"), std::string::npos);
}

TEST(remarks, on_a_factor_that_does_not_match_the_lengths) {
  EXPECT_EQ(warnings(yarn_model()), list{});
  const std::vector<remark> small = remarks_on(yarn_model("", "131072", "16"));
  EXPECT_EQ(ids(small, true), list{"factor-and-lengths"});
  EXPECT_EQ(text_of(small, "factor-and-lengths"),
            "factor = 16 covers 4096 * 16 = 65536 tokens, but max_position_embeddings = 131072: "
            "positions above 65536 are beyond the interpolated range (factor = 32 would match)");
  const std::vector<remark> large = remarks_on(yarn_model("", "131072", "64"));
  EXPECT_EQ(ids(large, true), list{"factor-and-lengths"});
  EXPECT_NE(
      text_of(large, "factor-and-lengths").find("more than this length needs (factor = 32 would"),
      std::string::npos);
  // The reader of the configuration has a note about the same fact. The inspector does not repeat
  // it.
  for (const remark& each : large)
    EXPECT_EQ(each.text.find("does not match max_position"), std::string::npos) << each.text;
  EXPECT_EQ(warnings(model(
                "1000000", "65536",
                R"({"rope_type": "longrope", "factor": 4,
    "original_max_position_embeddings": 4096, "short_factor": [)" +
                    [] {
                      std::string ones = "1";
                      for (int i = 1; i < 64; ++i)
                        ones += ",1";
                      return ones + R"(], "long_factor": [)" + ones;
                    }() +
                    "]}")),
            list{"factor-and-lengths"});
}

TEST(remarks, on_max_position_embeddings_before_the_extension) {
  EXPECT_EQ(notes(yarn_model("", "4096", "4")), list{"max-position-not-extended"});
  EXPECT_EQ(notes(yarn_model("", "5120", "4")), list{"max-position-not-extended"});
  EXPECT_EQ(warnings(yarn_model("", "5120", "4")), list{});
  EXPECT_EQ(notes(yarn_model("", "16384", "4")), list{});
  EXPECT_EQ(notes(yarn_model("", "", "4")), list{"no-max-position"});
}

TEST(remarks, on_llama3_explain_its_factor) {
  const std::string text = R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
    "high_freq_factor": 4, "original_max_position_embeddings": 8192})";
  EXPECT_EQ(notes(model("500000", "131072", text)), list{"llama3-factor"});
  EXPECT_EQ(notes(model("500000", "65536", text)), list{});
}

TEST(remarks, on_dynamic_methods) {
  const std::string dynamic = model("10000", "4096", R"({"type": "dynamic", "factor": 4})");
  EXPECT_EQ(warnings(dynamic), list{"dynamic-kv-cache"});
  EXPECT_EQ(warnings(dynamic, 4097), list{"dynamic-kv-cache"});
  EXPECT_EQ(warnings(dynamic, 4096), list{}); // up to this length the frequencies do not change
  EXPECT_EQ(warnings(dynamic, 16385), (list{"seq-len-beyond-context", "dynamic-kv-cache"}));
}

TEST(remarks, on_longrope_and_its_crossing) {
  const auto phi = [](const std::string& max_position) {
    return R"({"head_dim": 4, "rope_theta": 10000, "max_position_embeddings": )" + max_position +
           R"(, "original_max_position_embeddings": 4096, "rope_scaling": {"type": "su",
             "short_factor": [1, 1], "long_factor": [1, 2]}})";
  };
  const auto has = [](const list& ids, const std::string& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  EXPECT_TRUE(has(notes(phi("8192")), "longrope-crossing"));
  EXPECT_FALSE(has(warnings(phi("8192")), "longrope-crossing"));
  EXPECT_TRUE(has(warnings(phi("8192"), 4097), "longrope-crossing"));
  EXPECT_FALSE(has(warnings(phi("8192"), 4096), "longrope-crossing"));
  // MiniCPM3 never exceeds the original length.
  EXPECT_FALSE(has(notes(phi("4096")), "longrope-crossing"));
}

TEST(remarks, on_attention_factor_beside_other_keys) {
  const std::string factor = R"(, "attention_factor": 1.3465735902799727)";
  EXPECT_EQ(warnings(yarn_model(factor)), list{});
  EXPECT_EQ(warnings(yarn_model(factor + R"(, "mscale": 0.7)")),
            list{"attention-factor-overrides"});
  EXPECT_EQ(warnings(yarn_model(factor + R"(, "mscale_all_dim": 1)")),
            list{"attention-factor-overrides"});
  const std::vector<remark> all = remarks_on(yarn_model(factor + R"(, "attn_factor": 0.5)"));
  EXPECT_EQ(ids(all, true), list{"attention-factor-overrides"});
  EXPECT_NE(text_of(all, "attention-factor-overrides")
                .find("final, so cos and sin do not depend on attn_factor ("),
            std::string::npos);
  EXPECT_EQ(warnings(yarn_model(R"(, "attn_factor": 0.9)")), list{});
  const std::string lists = R"({"head_dim": 4, "rope_theta": 10000,
    "original_max_position_embeddings": 4096, "max_position_embeddings": 16384,
    "rope_scaling": {"type": "longrope", "short_factor": [1, 1], "long_factor": [1, 16])";
  const auto longrope_warnings = [&](const std::string& more) {
    list all_ids = warnings(lists + more + "}}");
    all_ids.erase(
        std::remove_if(all_ids.begin(), all_ids.end(),
                       [](const std::string& id) { return id != "attention-factor-overrides"; }),
        all_ids.end());
    return all_ids;
  };
  EXPECT_EQ(longrope_warnings(R"(, "short_mscale": 1.2, "long_mscale": 1.2)"), list{});
  EXPECT_EQ(longrope_warnings(R"(, "attention_factor": 1.1, "long_mscale": 1.2)"),
            list{"attention-factor-overrides"});
}

TEST(remarks, on_attention_factors_that_are_not_the_formula) {
  // For a factor of 32 the formula gives 1.34657, whose square is 1.81326.
  EXPECT_EQ(warnings(yarn_model(R"(, "attention_factor": 1.81326)")),
            list{"attention-factor-squared"});
  EXPECT_EQ(notes(yarn_model(R"(, "attention_factor": 1.0)")), list{"attention-factor-off"});
  EXPECT_EQ(notes(yarn_model(R"(, "attention_factor": 1.2)")), list{"attention-factor-differs"});
  EXPECT_EQ(notes(yarn_model(R"(, "attention_factor": 1.34657)")), list{});
  EXPECT_EQ(warnings(yarn_model(R"(, "attention_factor": 2.01)")), list{"attention-factor-size"});
  EXPECT_EQ(warnings(yarn_model(R"(, "attention_factor": 0.49)")), list{"attention-factor-size"});
  EXPECT_EQ(warnings(yarn_model(R"(, "attention_factor": 2.0)")), list{});
}

TEST(remarks, on_mscale) {
  EXPECT_EQ(warnings(yarn_model(R"(, "mscale": 0.7)")), list{"lone-mscale"});
  EXPECT_EQ(warnings(yarn_model(R"(, "mscale_all_dim": 0.7)")), list{"lone-mscale"});
  EXPECT_EQ(warnings(yarn_model(R"(, "mscale": 0.7, "mscale_all_dim": 0)")), list{"lone-mscale"});
  EXPECT_EQ(notes(yarn_model(R"(, "mscale": 1.0, "mscale_all_dim": 0.7)")), list{});
  const std::vector<remark> all = remarks_on(yarn_model(R"(, "mscale": 1, "mscale_all_dim": 1)"));
  EXPECT_EQ(ids(all, true), list{});
  EXPECT_EQ(ids(all, false), list{"mscale-cancels"});
  EXPECT_NE(text_of(all, "mscale-cancels").find("by 1.34657^2 = 1.81326 instead"),
            std::string::npos);
}

TEST(remarks, on_the_ramp) {
  const std::vector<remark> all = remarks_on(yarn_model(R"(, "truncate": false)"));
  EXPECT_EQ(ids(all, false), list{"truncate-false"});
  EXPECT_NE(text_of(all, "truncate-false")
                .find("from 20.9445 to 45.0269; llama.cpp and others "
                      "without this key round the bounds to 20 and 46"),
            std::string::npos);
  // With theta 10000 all pairs turn more than once in 131072 tokens, so no pair is interpolated.
  EXPECT_EQ(warnings(model("10000", "524288", R"({"rope_type": "yarn", "factor": 4,
    "original_max_position_embeddings": 131072})")),
            (list{"nothing-interpolated", "theta-and-length"}));
}

TEST(remarks, on_the_factor_alone) {
  EXPECT_EQ(warnings(model("10000", "4096", R"({"type": "linear", "factor": 0.5})")),
            list{"factor-below-one"});
  EXPECT_EQ(notes(model("10000", "4096", R"({"type": "linear", "factor": 1.0})")),
            list{"factor-one"});
  EXPECT_EQ(notes(model("10000", "4096", R"({"type": "dynamic", "factor": 1.0})"), 4096), list{});
}

TEST(remarks, on_a_given_length) {
  EXPECT_EQ(warnings(yarn_model(), 131072), list{});
  EXPECT_EQ(warnings(yarn_model(), 131073), list{"seq-len-beyond-context"});
  EXPECT_EQ(notes(yarn_model(), 4097), list{});
  EXPECT_EQ(notes(yarn_model(), 4096), list{"static-scaling"});
}

TEST(remarks, on_float32_angles_beyond_half_a_million_tokens) {
  EXPECT_EQ(notes(model("100000000", "262144", "null")), list{});
  EXPECT_EQ(notes(model("100000000", "2097152", "null")), list{"float32-angles"});
}

TEST(remarks, on_theta) {
  EXPECT_EQ(warnings(model("50", "64", "null")), list{"theta-implausible"});
  EXPECT_EQ(warnings(model("2e12", "4096", "null")), list{"theta-implausible"});
  EXPECT_EQ(warnings(model("100", "64", "null")), list{});
  // The longest wavelength, 2 pi 10000^(126/128), is 54410 tokens.
  EXPECT_EQ(warnings(model("10000", "54400", "null")), list{});
  EXPECT_EQ(warnings(model("10000", "54420", "null")), list{"theta-and-length"});
}

TEST(remarks, on_local_layers_do_not_warn_about_short_wavelengths) {
  const std::string gemma = R"({"model_type": "gemma3_text", "head_dim": 128,
    "max_position_embeddings": 131072, "rope_parameters": {
    "full_attention": {"rope_type": "linear", "factor": 8, "rope_theta": 1000000},
    "sliding_attention": {"rope_type": "default", "rope_theta": 10000}}})";
  for (const char* type : {"full_attention", "sliding_attention"}) {
    const std::vector<remark> all = remarks_on(gemma, 0, type);
    EXPECT_EQ(ids(all, true), list{}) << type;
    EXPECT_EQ(ids(all, false), list{"layer-types"}) << type;
  }
  EXPECT_NE(text_of(remarks_on(gemma, 0, "full_attention"), "layer-types")
                .find("their own: sliding_attention ("),
            std::string::npos);
}

TEST(remarks, on_the_rotated_part) {
  EXPECT_EQ(notes(model("10000", "4096", "null", R"(, "partial_rotary_factor": 0.5)")),
            list{"partial-rotary"});
  EXPECT_EQ(notes(model("1000000", "131072",
                        R"({"rope_type": "proportional", "partial_rotary_factor": 0.25})")),
            list{"unrotated-pairs"});
  EXPECT_EQ(warnings(R"({"head_dim": 6, "rope_theta": 10000, "max_position_embeddings": 64})"),
            list{"rotary-dim-tiny"});
  EXPECT_EQ(warnings(R"({"head_dim": 8, "rope_theta": 10000, "max_position_embeddings": 64})"),
            list{});
}

TEST(remarks, on_keys_that_the_reader_does_not_use) {
  const std::vector<remark> all = remarks_on(yarn_model(R"(, "beta_fats": 16, "finetuned": true)"));
  EXPECT_EQ(ids(all, false), list{"unused-key"});
  EXPECT_NE(text_of(all, "unused-key").find("rope_scaling.beta_fats"), std::string::npos);
}

TEST(remarks, on_keys_at_any_depth) {
  const std::string deep(1000000, '[');
  const std::string shut(1000000, ']');
  const std::string found = R"({"mrope_section": [1]})";
  const auto nested = [&](const std::string& inner) {
    return R"({"head_dim": 64, "rope_theta": 1e4, "max_position_embeddings": 4096, "x": )" + deep +
           inner + shut + "}";
  };
  EXPECT_EQ(warnings(nested("")), list{});
  EXPECT_EQ(warnings(nested(found)), list{"mrope-sections"});
}

TEST(remarks, list_warnings_before_notes) {
  const std::vector<remark> all =
      remarks_on(yarn_model(R"(, "truncate": false, "mscale": 0.7)", "131072", "16"));
  EXPECT_EQ(ids(all, true), (list{"factor-and-lengths", "lone-mscale"}));
  EXPECT_TRUE(std::is_partitioned(all.begin(), all.end(),
                                  [](const remark& each) { return each.is_warning; }));
}

} // namespace

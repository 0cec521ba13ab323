// SPDX-License-Identifier: MIT
// yarn/hf_config.hpp: the meaning of the keys of a RoPE dictionary, and the mistakes of other
// readers (tests/README.md).
#include "../support/hf_configs.hpp"

#include <cmath>

namespace {

using namespace hf; // NOLINT(google-build-using-namespace)

const char* const pairing_of_llama =
    "the pairing is not given: half_split, that of model_type llama";

double attention_factor(const json& config) {
  return frequencies_of(read(config)).attention_factor();
}

constexpr double of_factor_32 = 1.3465735902799727; // 0.1 ln 32 + 1

// ---- The attention factor ---------------------------------------------------------------------

TEST(hf_attention_factor, is_final_and_attn_factor_multiplies) { // in all four combinations
  EXPECT_DOUBLE_EQ(attention_factor(yarn_with(json::object())), of_factor_32);
  EXPECT_EQ(attention_factor(yarn_with({{"attention_factor", 1.4852}})), 1.4852);
  EXPECT_DOUBLE_EQ(attention_factor(yarn_with({{"attn_factor", 1.5}})), 1.5 * of_factor_32);
  const json both = yarn_with({{"attention_factor", 1.25}, {"attn_factor", 1.5}});
  EXPECT_EQ(attention_factor(both), 1.25);
  EXPECT_TRUE(notes_say(read(both), {"attention_factor = 1.25", "final", "attn_factor"}));
  EXPECT_TRUE(notes_say(read(yarn_with({{"attn_factor", 1.5}})), {"attn_factor", "transformers"}));
}

TEST(hf_attention_factor, of_one_switches_the_magnitude_off) {
  EXPECT_EQ(attention_factor(yarn_with({{"attention_factor", 1.0}})), 1.0);
  EXPECT_EQ(attention_factor(yarn_with({{"attention_factor", 1}})), 1.0);
  EXPECT_DOUBLE_EQ(attention_factor(yarn_with({{"attention_factor", nullptr}})), of_factor_32);
}

TEST(hf_attention_factor, is_the_ratio_where_both_coefficients_are_given) {
  const json ratio = {{"mscale", 0.707}, {"mscale_all_dim", 1.2}};
  const double expected = (0.1 * 0.707 * std::log(32.0) + 1) / (0.1 * 1.2 * std::log(32.0) + 1);
  EXPECT_DOUBLE_EQ(attention_factor(yarn_with(ratio)), expected);
  EXPECT_EQ(attention_factor(yarn_with({{"mscale", 1.0}, {"mscale_all_dim", 1.0}})), 1.0);
}

TEST(hf_attention_factor, does_not_take_one_coefficient_for_a_multiplier) {
  for (const json& coefficient : {json{{"mscale", 0.5}}, json{{"mscale_all_dim", 0.5}},
                                  json{{"mscale", 0.5}, {"mscale_all_dim", 0}},
                                  json{{"mscale", 0.5}, {"mscale_all_dim", nullptr}}}) {
    EXPECT_DOUBLE_EQ(attention_factor(yarn_with(coefficient)), of_factor_32) << coefficient;
    EXPECT_TRUE(notes_say(read(yarn_with(coefficient)), {"mscale_all_dim", "no effect"}))
        << coefficient;
  }
}

TEST(hf_attention_factor, wins_over_the_coefficients) {
  const json config =
      yarn_with({{"attention_factor", 1.1}, {"mscale", 0.7}, {"mscale_all_dim", 1}});
  EXPECT_EQ(attention_factor(config), 1.1);
  EXPECT_TRUE(notes_say(read(config), {"attention_factor = 1.1", "mscale"}));
}

TEST(hf_attention_factor, can_be_switched_off) { // vLLM, from Mistral's own format
  EXPECT_EQ(attention_factor(yarn_with({{"apply_yarn_scaling", false}})), 1.0);
  EXPECT_EQ(attention_factor(yarn_with({{"apply_yarn_scaling", false}, {"attn_factor", 0.5}})),
            0.5);
  EXPECT_DOUBLE_EQ(attention_factor(yarn_with({{"apply_yarn_scaling", true}})), of_factor_32);
}

// The reader guesses no convention.
TEST(hf_attention_factor, leaves_the_softmax_scale_to_the_convention) {
  const auto v3 = read(yarn_with({{"mscale", 1.0}, {"mscale_all_dim", 1.0}}));
  using convention = yarn::softmax_convention;
  const double plain = yarn::softmax_scale(192, v3.method, convention::inverse_sqrt, 0);
  const double deepseek =
      yarn::softmax_scale(192, v3.method, convention::mscale_all_dim_squared, 0);
  EXPECT_NEAR(deepseek / plain, of_factor_32 * of_factor_32, 1e-14);
}

// ---- Factor and lengths -----------------------------------------------------------------------

TEST(hf_factor, wins_over_the_ratio_and_a_mismatch_is_reported) {
  const auto config = read(
      config_with({{"type", "yarn"}, {"factor", 16}, {"original_max_position_embeddings", 4096}}));
  EXPECT_EQ(method_of<yarn::yarn_scaling>(config).factor, 16.0);
  EXPECT_TRUE(notes_say(config, {"factor 16", "131072 / 4096 = 32"}));
  EXPECT_EQ(read(yarn_with(json::object())).notes, names{pairing_of_llama});
}

TEST(hf_factor, is_the_ratio_where_it_is_not_given) {
  const auto config = read(yarn_with({{"factor", nullptr}}));
  EXPECT_EQ(method_of<yarn::yarn_scaling>(config).factor, 32.0);
  EXPECT_TRUE(notes_say(config, {"factor", "not given", "32"}));
}

TEST(hf_factor, is_the_same_as_an_integer) {
  EXPECT_EQ(method_of<yarn::yarn_scaling>(read(yarn_with({{"factor", 8}}))).factor,
            method_of<yarn::yarn_scaling>(read(yarn_with({{"factor", 8.0}}))).factor);
  EXPECT_EQ(
      method_of<yarn::yarn_scaling>(read(yarn_with({{"original_max_position_embeddings", 4096.0}})))
          .original_max_position_embeddings,
      4096);
}

TEST(hf_factor, does_not_multiply_the_longest_position) { // whatever the type is called
  for (const char* type : {"yarn", "deepseek_yarn", "deepseek_llama_scaling"}) {
    const auto config = read(yarn_with({{"rope_type", type}}));
    EXPECT_EQ(config.rope_type, "yarn");
    EXPECT_EQ(config.max_position_embeddings, 131072) << type;
    EXPECT_EQ(config.original_max_position_embeddings, 4096) << type;
  }
}

TEST(hf_original_length, alone_decides_the_correction_range) {
  json shorter = yarn_with(json::object());
  shorter["max_position_embeddings"] = 8192;
  const auto range = frequencies_of(read(shorter)).correction_range();
  EXPECT_EQ(range.low, frequencies_of(read(yarn_with(json::object()))).correction_range().low);
  EXPECT_EQ(range.high, frequencies_of(read(yarn_with(json::object()))).correction_range().high);
  const auto doubled = read(yarn_with({{"original_max_position_embeddings", 8192}}));
  EXPECT_NE(frequencies_of(doubled).correction_range().high, range.high);
}

TEST(hf_original_length, beside_the_dictionary_wins) { // as in transformers
  json config = yarn_with(json::object());
  config["original_max_position_embeddings"] = 8192;
  EXPECT_EQ(read(config).original_max_position_embeddings, 8192);
  EXPECT_TRUE(notes_say(read(config), {"4096", "8192"}));
  config["rope_scaling"].erase("original_max_position_embeddings");
  EXPECT_EQ(read(config).original_max_position_embeddings, 8192);
}

TEST(hf_truncate, gives_the_unrounded_range_of_gpt_oss) {
  json config = {{"model_type", "gpt_oss"},
                 {"head_dim", 64},
                 {"rope_theta", 150000},
                 {"rope_scaling",
                  {{"rope_type", "yarn"},
                   {"factor", 32.0},
                   {"beta_fast", 32.0},
                   {"beta_slow", 1.0},
                   {"truncate", false},
                   {"original_max_position_embeddings", 4096}}}};
  const auto range = frequencies_of(read(config)).correction_range();
  EXPECT_NEAR(range.low, 8.092779, 1e-6);
  EXPECT_NEAR(range.high, 17.398024, 1e-6);
  config["rope_scaling"]["truncate"] = true;
  EXPECT_EQ(frequencies_of(read(config)).correction_range().low, 8.0);
}

TEST(hf_truncate, is_read_from_the_dictionary_of_a_layer_type) {
  json full = {{"rope_type", "yarn"},
               {"rope_theta", 150000.0},
               {"factor", 32.0},
               {"truncate", false},
               {"original_max_position_embeddings", 4096}};
  const json config = {{"head_dim", 64},
                       {"rope_parameters",
                        {{"full_attention", full}, {"sliding_attention", {{"rope_theta", 1e4}}}}}};
  EXPECT_NEAR(frequencies_of(read(config, "full_attention")).correction_range().low, 8.092779,
              1e-6);
}

TEST(hf_dynamic, scales_above_max_position_embeddings) {
  const auto config = read(config_with({{"type", "dynamic"}, {"factor", 2.0}}));
  EXPECT_EQ(config.original_max_position_embeddings, 131072);
  EXPECT_EQ(frequencies_of(config, 131072).rope_theta(), 1e4);
  EXPECT_GT(frequencies_of(config, 131073).rope_theta(), 1e4);
}

TEST(hf_dynamic, with_alpha_is_static) { // not a base that grows with the length
  const auto config = read(config_with({{"type", "dynamic"}, {"alpha", 1000.0}, {"factor", 1.0}}));
  EXPECT_EQ(config.rope_type, "ntk");
  EXPECT_EQ(method_of<yarn::ntk_scaling>(config).factor, 1000.0);
  EXPECT_EQ(frequencies_of(config, 1).rope_theta(), frequencies_of(config, 1000000).rope_theta());
}

// ---- Names of types ---------------------------------------------------------------------------

TEST(hf_rope_type, has_aliases) {
  const json lists = {{"short_factor", std::vector<double>(64, 1.0)},
                      {"long_factor", std::vector<double>(64, 2.0)},
                      {"original_max_position_embeddings", 4096}};
  for (const char* type : {"longrope", "su", "yarn"}) { // early Phi-3 files say yarn
    json scaling = lists;
    scaling["type"] = type;
    EXPECT_EQ(read(config_with(scaling)).rope_type, "longrope") << type;
  }
  EXPECT_EQ(read(config_with({{"type", "default"}})).rope_type, "default");
  EXPECT_EQ(read(config_with({{"type", "mrope"}})).rope_type, "default");
  EXPECT_EQ(read(config_with(nullptr)).rope_type, "default");
  EXPECT_EQ(read(config_with(json::object())).rope_type, "default");
}

TEST(hf_rope_type, new_name_wins_over_the_old_one) {
  const auto config =
      read(config_with({{"rope_type", "linear"}, {"type", "dynamic"}, {"factor", 2.0}}));
  EXPECT_EQ(config.rope_type, "linear");
  EXPECT_TRUE(notes_say(config, {"rope_type = linear", "type = dynamic"}));
  const auto same = read(config_with({{"rope_type", "default"}, {"type", "mrope"}}));
  EXPECT_EQ(same.notes, names{pairing_of_llama});
}

} // namespace

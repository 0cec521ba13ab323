// SPDX-License-Identifier: MIT
// hf_layers of models that mix attention with linear attention, recurrences or layers without RoPE:
// which layers rotate, and with which rope.
#include "../support/expect_error.hpp"
#include "../support/hf_configs.hpp"

#include <stdexcept>

namespace {

using namespace hf; // NOLINT(google-build-using-namespace)
using indices = std::vector<std::int64_t>;

yarn::hf_layer_ropes layers_of(const json& config) { return yarn::hf_layers(config); }
void expect_refused(const json& config, std::initializer_list<std::string> words) {
  support::expect_error<std::invalid_argument>([&] { yarn::hf_layers(config); }, words);
}
bool notes_of_layers_say(const yarn::hf_layer_ropes& layers, const std::string& word) {
  for (const std::string& note : layers.notes) {
    if (note.find(word) != std::string::npos) {
      return true;
    }
  }
  return false;
}
/// A configuration with theta 10000 and heads of 128 elements.
json with_layers(const std::string& model_type, int n_layers, const json& others) {
  json config = {{"model_type", model_type},
                 {"num_hidden_layers", n_layers},
                 {"head_dim", 128},
                 {"rope_theta", 1e4}};
  config.update(others);
  return config;
}
indices rope_of(const std::string& model_type, int n_layers, const json& others) {
  return layers_of(with_layers(model_type, n_layers, others)).rope_of_layer;
}

// ---- Cohere2Moe: transformers, cohere2_moe ----------------------------------------------------

TEST(hf_cohere2_moe, sliding_and_dense_layers_rotate) {
  const auto of = [](const json& others) { return rope_of("cohere2_moe", 8, others); };
  EXPECT_EQ(of(json::object()), (indices{0, 0, 0, -1, 0, 0, 0, -1}));
  EXPECT_EQ(of({{"sliding_window_pattern", 2}}), (indices{0, -1, 0, -1, 0, -1, 0, -1}));
  // The period begins after the dense layers, which have full attention and rotate all the same.
  const json dense = {{"first_k_dense_replace", 1}};
  EXPECT_EQ(of(dense), (indices{0, 0, 0, 0, -1, 0, 0, 0}));
  json others = {{"first_k_dense_replace", 3}, {"prefix_dense_sliding_window_pattern", 2}};
  // With this key, dense layers with full attention do not rotate.
  EXPECT_EQ(of(others), (indices{0, -1, 0, 0, 0, 0, -1, 0}));
  others = {{"layer_types",
             {"full_attention", "sliding_attention", "full_attention", "sliding_attention",
              "full_attention", "full_attention", "sliding_attention", "full_attention"}},
            {"mlp_layer_types",
             {"dense", "sparse", "sparse", "sparse", "dense", "sparse", "sparse", "sparse"}}};
  EXPECT_EQ(of(others), (indices{0, 0, -1, 0, 0, -1, 0, -1}));
  // Without a window, only the dense layers rotate.
  EXPECT_EQ(of({{"sliding_window", nullptr}, {"first_k_dense_replace", 2}}),
            (indices{0, 0, -1, -1, -1, -1, -1, -1}));
  expect_refused(with_layers("cohere2_moe", 8, {{"first_k_dense_replace", 9}}),
                 {"first_k_dense_replace = 9", "a number of layers"});
}

TEST(hf_cohere2_moe, has_the_defaults_of_its_class) {
  const auto rope = read({{"model_type", "cohere2_moe"}, {"hidden_size", 8192}});
  EXPECT_EQ(rope.shape.head_dim, 128);
  EXPECT_EQ(rope.shape.rope_theta, 1e4);
  EXPECT_EQ(rope.pairing, yarn::pairing::interleaved);
  EXPECT_TRUE(notes_say(rope, {"full_attention do not rotate", "unless their MLP is dense"}));
}

TEST(hf_cohere2, no_layer_rotates_without_a_window) {
  EXPECT_EQ(rope_of("cohere2", 4, json::object()), (indices{0, 0, 0, -1}));
  const auto none = layers_of(with_layers("cohere2", 4, {{"sliding_window", nullptr}}));
  EXPECT_EQ(none.rope_of_layer, (indices{-1, -1, -1, -1}));
  EXPECT_TRUE(none.ropes.empty());
  EXPECT_TRUE(notes_of_layers_say(none, "layers 0, 1, 2, 3 of 4"));
}

// ---- Kimi Linear: no layer rotates ------------------------------------------------------------

const json kimi = {
    {"mla_use_nope", true},
    {"qk_rope_head_dim", 64},
    {"linear_attn_config", {{"kda_layers", {1, 2, 3, 5}}, {"full_attn_layers", {4, 6}}}}};

TEST(hf_kimi_linear, does_not_rotate) {
  const auto found = layers_of(with_layers("kimi_linear", 6, kimi));
  EXPECT_EQ(found.rope_of_layer, (indices{-1, -1, -1, -1, -1, -1}));
  EXPECT_TRUE(found.ropes.empty());
  EXPECT_TRUE(notes_of_layers_say(found, "mla_use_nope: this model does not rotate"));
  json silent = with_layers("kimi_linear", 6, kimi); // Its code has no rotation at all.
  silent.erase("mla_use_nope");
  EXPECT_EQ(layers_of(silent).rope_of_layer, (indices{-1, -1, -1, -1, -1, -1}));
  EXPECT_TRUE(notes_say(read(silent), {"kimi_linear", "does not rotate"}));
  silent.erase("rope_theta");
  expect_refused(silent, {"kimi_linear", "does not rotate", "no parameters of RoPE"});
}

// The lists count from 1. Another model with such lists rotates its full attention.
TEST(hf_linear_attn_config, says_which_layers_are_linear) {
  json others = kimi;
  others.erase("mla_use_nope");
  EXPECT_EQ(rope_of("unheard_of", 6, others), (indices{-1, -1, -1, 0, -1, 0}));
  others["linear_attn_config"].erase("kda_layers");
  EXPECT_EQ(rope_of("unheard_of", 6, others), (indices{-1, -1, -1, 0, -1, 0}));
  others["linear_attn_config"].erase("full_attn_layers");
  EXPECT_EQ(rope_of("unheard_of", 2, others), (indices{0, 0}));
  for (const double number : {0.0, 7.0, 1.5}) {
    others["linear_attn_config"]["kda_layers"] = {number};
    expect_refused(with_layers("unheard_of", 6, others),
                   {"linear_attn_config.kda_layers holds", "[1, 6]"});
  }
}

TEST(hf_latent, a_width_of_0_does_not_rotate) { // GLM-5-Next
  const json config = with_layers("glm5_next_text", 4,
                                  {{"qk_rope_head_dim", 0},
                                   {"layer_types",
                                    {"linear_attention", "linear_attention", "linear_attention",
                                     "deepseek_sparse_attention"}}});
  EXPECT_EQ(layers_of(config).rope_of_layer, (indices{-1, -1, -1, -1}));
  EXPECT_TRUE(notes_of_layers_say(layers_of(config), "qk_rope_head_dim = 0"));
}

// ---- Ring and Ling: linear attention rotates --------------------------------------------------

const json ring = {{"layer_group_size", 3},
                   {"partial_rotary_factor", 0.5},
                   {"rope_interleave", true},
                   {"qk_rope_head_dim", 48}};

TEST(hf_ring_2_5, has_a_rope_for_each_kind_of_attention) {
  const auto found = layers_of(with_layers("bailing_hybrid", 7, ring));
  // The layer after the last whole group has full attention, too.
  EXPECT_EQ(found.rope_of_layer, (indices{0, 0, 1, 0, 0, 1, 1}));
  ASSERT_EQ(found.ropes.size(), 2U);
  EXPECT_EQ(found.ropes[0].name, "linear_attention");
  EXPECT_EQ(found.ropes[0].shape.head_dim, 128);
  EXPECT_EQ(found.ropes[0].shape.rotated(), 64);
  EXPECT_EQ(found.ropes[0].pairing, yarn::pairing::half_split);
  EXPECT_TRUE(notes_say(found.ropes[0], {"linear attention is half_split", "rope_interleave"}));
  EXPECT_FALSE(found.ropes[0].softmax.has_value());
  EXPECT_EQ(found.ropes[1].name, "full_attention");
  EXPECT_EQ(found.ropes[1].shape.head_dim, 48);
  EXPECT_EQ(found.ropes[1].shape.rotated(), 48);
  EXPECT_EQ(found.ropes[1].pairing, yarn::pairing::interleaved);
  EXPECT_EQ(found.ropes[1].softmax, yarn::softmax_convention::mscale_all_dim_squared);
  EXPECT_EQ(read(with_layers("bailing_hybrid", 7, ring), "linear_attention").shape.rotated(), 64);
  for (const yarn::hf_config& rope : found.ropes) {
    EXPECT_EQ(rope.unused, names{});
  }
  json no_count = with_layers("bailing_hybrid", 7, ring);
  no_count.erase("num_hidden_layers");
  EXPECT_EQ(layers_of(no_count).ropes.size(), 2U);
  support::expect_error<std::invalid_argument>([&] { read(no_count); },
                                               {"full_attention, linear_attention"});
}

// configuration_bailing_moe_v2_5.py: rope_interleave is true by default.
TEST(hf_ring_2_5, has_two_pairings_without_the_key) {
  json others = ring;
  others.erase("rope_interleave");
  const auto found = layers_of(with_layers("bailing_hybrid", 3, others));
  ASSERT_EQ(found.ropes.size(), 2U);
  EXPECT_EQ(found.ropes[0].pairing, yarn::pairing::half_split);
  EXPECT_EQ(found.ropes[1].pairing, yarn::pairing::interleaved);
  EXPECT_TRUE(notes_say(found.ropes[0], {"linear attention is half_split"}));
}

TEST(hf_ring_2_5, linear_layers_rotate_unless_a_key_forbids_it) {
  json others = ring;
  others["linear_rope"] = false;
  EXPECT_EQ(rope_of("bailing_hybrid", 6, others), (indices{-1, -1, 0, -1, -1, 0}));
  others = ring;
  others["kda_safe_gate"] = true; // Ling 3: Kimi's linear attention
  EXPECT_EQ(rope_of("bailing_hybrid", 6, others), (indices{-1, -1, 0, -1, -1, 0}));
}

TEST(hf_ring_2_5, the_default_group_is_noted) {
  json others = ring;
  others.erase("layer_group_size");
  const auto found = layers_of(with_layers("bailing_hybrid", 5, others));
  EXPECT_EQ(found.rope_of_layer, (indices{0, 0, 0, 0, 1}));
  EXPECT_TRUE(notes_of_layers_say(found, "each 5th layer has full_attention"));
}

TEST(hf_ring_linear, all_layers_have_one_rope) { // Ring-mini-linear-2.0: no latent attention
  json others = {{"layer_group_size", 3}, {"partial_rotary_factor", 0.5}};
  const auto found = layers_of(with_layers("bailing_moe_linear", 6, others));
  EXPECT_EQ(found.rope_of_layer, (indices{0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(found.ropes[0].shape.rotated(), 64);
  others["linear_rope"] = false;
  EXPECT_EQ(rope_of("bailing_moe_linear", 6, others), (indices{-1, -1, 0, -1, -1, 0}));
}

// ---- MiniCPM-SALA: linear attention rotates, sparse attention may not -------------------------

TEST(hf_minicpm_sala, keys_say_whether_linear_and_sparse_layers_rotate) {
  json others = {{"mixer_types", {"minicpm4", "lightning-attn", "lightning-attn", "minicpm4"}},
                 {"attn_use_rope", false},
                 {"lightning_use_rope", true},
                 {"lightning_head_dim", 64}};
  const auto found = layers_of(with_layers("minicpm_sala", 4, others));
  EXPECT_EQ(found.rope_of_layer, (indices{-1, 0, 0, -1}));
  EXPECT_EQ(found.ropes[0].shape.head_dim, 64);
  EXPECT_EQ(found.ropes[0].unused, names{});
  others["attn_use_rope"] = true;
  const auto both = layers_of(with_layers("minicpm_sala", 4, others));
  EXPECT_EQ(both.rope_of_layer, (indices{0, 1, 1, 0}));
  EXPECT_EQ(both.ropes[0].shape.head_dim, 128);
  EXPECT_EQ(both.ropes[0].pairing, yarn::pairing::half_split);
  EXPECT_EQ(both.ropes[1].pairing, yarn::pairing::half_split);
  others["lightning_use_rope"] = false;
  EXPECT_EQ(rope_of("minicpm_sala", 4, others), (indices{0, -1, -1, 0}));
}

// ---- Others -----------------------------------------------------------------------------------

TEST(hf_small_thinker, rope_layout_says_which_layers_rotate) {
  EXPECT_EQ(rope_of("smallthinker", 4, {{"rope_layout", {0, 1, 1, 0}}}), (indices{-1, 0, 0, -1}));
  const yarn::hf_layer_ropes found =
      layers_of(with_layers("smallthinker", 2, {{"rope_layout", {0, 1}}}));
  EXPECT_EQ(found.ropes.at(0).unused, names{});
  EXPECT_EQ(found.ropes.at(0).pairing, yarn::pairing::half_split);
}

TEST(hf_plamo, recurrent_layers_do_not_rotate_and_local_layers_have_their_theta) {
  EXPECT_EQ(rope_of("plamo2", 6, {{"mamba_step", 2}}), (indices{-1, 0, -1, 0, -1, 0}));
  EXPECT_EQ(rope_of("plamo2", 6, {{"mamba_step", 4}}), (indices{-1, -1, 0, -1, -1, -1}));
  EXPECT_EQ(rope_of("plamo2", 2, {{"mamba_step", 8}}), (indices{-1, 0})); // a short model
  EXPECT_EQ(rope_of("plamo2", 3, {{"mamba_step", 2}, {"mamba_enabled", false}}),
            (indices{0, 0, 0}));
  EXPECT_EQ(read({{"model_type", "plamo2"}, {"hidden_size_per_head", 96}}).shape.head_dim, 96);
  const auto plamo3 = layers_of(
      with_layers("plamo3", 4, {{"rope_local_theta", 1e3}, {"sliding_window_pattern", 2}}));
  EXPECT_EQ(plamo3.rope_of_layer, (indices{0, 1, 0, 1}));
  EXPECT_EQ(plamo3.ropes[0].shape.rope_theta, 1e3);
}

TEST(hf_zamba2, rotates_only_with_use_mem_rope) {
  json others = {{"use_mem_rope", true}, {"hybrid_layer_ids", {1}}};
  EXPECT_EQ(rope_of("zamba2", 3, others), (indices{-1, 0, -1}));
  EXPECT_EQ(read(with_layers("zamba2", 3, others)).unused, names{});
  for (const json& off : {json(false), json(nullptr)}) {
    others["use_mem_rope"] = off;
    EXPECT_EQ(rope_of("zamba2", 3, others), (indices{-1, -1, -1}));
    EXPECT_TRUE(notes_say(read(with_layers("zamba2", 3, others)), {"use_mem_rope is not true"}));
  }
}

TEST(hf_granite_hybrid, rotates_only_with_its_position_embedding) {
  json others = {{"layer_types", {"mamba", "attention"}}, {"position_embedding_type", "rope"}};
  EXPECT_EQ(rope_of("granitemoehybrid", 2, others), (indices{-1, 0}));
  others["position_embedding_type"] = nullptr;
  EXPECT_EQ(rope_of("granitemoehybrid", 2, others), (indices{-1, -1}));
}

TEST(hf_jet_nemotron, jet_layers_do_not_rotate) {
  EXPECT_EQ(rope_of("jet_nemotron", 3, {{"layer_types", {"jet", "attn", "swa"}}}),
            (indices{-1, 0, 0}));
}

} // namespace

// SPDX-License-Identifier: MIT
// The arguments of ggml_rope_ext and ggml_rope_multi as frequencies: ggml_rope_parameters, from
// nodes and from fields.
#include "ggml_graphs.hpp"
#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace {

using engines::all_parameters;
using engines::parameters;

void expect_same(const yarn::frequencies& a, const yarn::frequencies& b) {
  ASSERT_EQ(a.n_pairs(), b.n_pairs());
  EXPECT_EQ(a.n_axes(), b.n_axes());
  EXPECT_EQ(a.attention_factor(), b.attention_factor());
  for (std::int64_t i = 0; i < a.n_pairs(); ++i) {
    EXPECT_EQ(a.inv_freq()[i], b.inv_freq()[i]) << "pair " << i;
    EXPECT_EQ(a.axis(i), b.axis(i)) << "pair " << i;
  }
}

ggml_tensor* factors_of(ggml_context* context, const parameters& p) {
  if (!p.has_freq_factors)
    return nullptr;
  ggml_tensor* const list = ggml_new_tensor_1d(context, GGML_TYPE_F32, p.n_dims / 2);
  for (int i = 0; i < p.n_dims / 2; ++i)
    static_cast<float*>(list->data)[i] = engines::freq_factor(i);
  return list;
}

TEST(ggml_parameters, of_a_node_give_its_frequencies) {
  for (const parameters& p : all_parameters) {
    SCOPED_TRACE(p.name);
    const engines::context_ptr context = engines::make_context(engines::memory);
    ggml_tensor* const x = engines::new_tensor<float>(context.get(), 2, 3);
    ggml_tensor* const ids = engines::new_positions(context.get(), {0, 1, 2});
    ggml_tensor* const factors = factors_of(context.get(), p);
    for (const auto make : {ggml_rope_ext, ggml_rope_ext_back}) {
      const ggml_tensor* const node =
          make(context.get(), x, ids, factors, p.n_dims, GGML_ROPE_TYPE_NEOX, p.n_ctx_orig,
               p.freq_base, 1 / p.factor, p.ext_factor, p.attn_factor, 32.0F, 1.0F);
      const yarn::ggml_rope_parameters found = yarn::rope_parameters_from(node);
      EXPECT_EQ(found.mode, GGML_ROPE_TYPE_NEOX);
      EXPECT_EQ(found.n_offs, 0);
      EXPECT_EQ(found.freq_factors == nullptr, !p.has_freq_factors);
      expect_same(yarn::make_frequencies(found), engines::our_frequencies(p));
    }
  }
}

TEST(ggml_parameters, of_several_axes_have_the_axes_of_the_mode) {
  int sections[4] = {16, 24, 24, 0};
  const engines::context_ptr context = engines::make_context(engines::memory);
  ggml_tensor* const x = engines::new_tensor<float>(context.get(), 2, 1);
  ggml_tensor* const ids = engines::new_positions(context.get(), {1, 2, 3, 4});
  for (const int mode : {GGML_ROPE_TYPE_MROPE, GGML_ROPE_TYPE_IMROPE}) {
    ggml_tensor* const node = ggml_rope_multi(context.get(), x, ids, nullptr, 128, sections, mode,
                                              32768, 1e6F, 0.25F, 1.0F, 1.0F, 32.0F, 1.0F);
    const parameters same = {"", 128, 1e6F, 4.0F, 1.0F, 1.0F, 32768, false};
    expect_same(yarn::make_frequencies(yarn::rope_parameters_from(node)),
                yarn::with_axes_of_mode(engines::our_frequencies(same), mode, sections));
  }
  ggml_tensor* const offset = ggml_rope_set_offset(
      ggml_rope_multi(context.get(), x, ids, nullptr, 64, sections, GGML_ROPE_TYPE_MROPE, 32768,
                      1e6F, 1.0F, 0.0F, 1.0F, 32.0F, 1.0F),
      32);
  const yarn::ggml_rope_parameters p = yarn::rope_parameters_from(offset);
  EXPECT_EQ(p.n_offs, 32);
  // There are 32 pairs. The sections count 64, and ggml uses the first 32 of them.
  const yarn::frequencies f = yarn::make_frequencies(p);
  EXPECT_EQ(f.axis(15), 0);
  EXPECT_EQ(f.axis(16), 1);
  EXPECT_EQ(f.axis(31), 1);
}

// ggml multiplies by the factor 1 - 0.1 ln(freq_scale) even if the factor is below 1. At position
// 0, the result of a node is x times the factor.
TEST(ggml_parameters, have_the_attention_factor_of_ggml) {
  for (const float scale : {0.05F, 1.0F, 2.0F, 100.0F}) {
    const engines::context_ptr context = engines::make_context(engines::memory);
    ggml_tensor* const x = engines::new_tensor<float>(context.get(), 1, 1);
    const std::vector<float> before = engines::values_of<float>(x);
    ggml_tensor* const node =
        ggml_rope_ext(context.get(), x, engines::new_positions(context.get(), {0}), nullptr, 128,
                      GGML_ROPE_TYPE_NEOX, 4096, 1e4F, scale, 1.0F, 0.75F, 32.0F, 1.0F);
    const double factor =
        yarn::make_frequencies(yarn::rope_parameters_from(node)).attention_factor();
    EXPECT_NEAR(factor, 0.75 * (1 - 0.1 * std::log(static_cast<double>(scale))), 1e-8);
    engines::compute(context.get(), {node}, 1);
    const std::vector<float> after = engines::values_of<float>(node);
    for (std::size_t i = 0; i < before.size(); ++i)
      EXPECT_NEAR(static_cast<double>(after[i]), factor * static_cast<double>(before[i]), 1e-6);
  }
}

// With the length 0, ggml keeps the frequency of pair 0 and divides all others by the factor. The
// angles at position 1 are exact enough to tell.
TEST(ggml_parameters, of_length_0_have_the_ramp_of_ggml) {
  for (const std::pair<float, float> betas : {std::pair(32.0F, 1.0F), std::pair(0.1F, 0.001F)}) {
    const engines::context_ptr context = engines::make_context(engines::memory);
    ggml_tensor* const x = engines::new_tensor<float>(context.get(), 1, 1);
    std::vector<float> ours = engines::values_of<float>(x);
    ggml_tensor* const node =
        ggml_rope_ext(context.get(), x, engines::new_positions(context.get(), {1}), nullptr, 128,
                      GGML_ROPE_TYPE_NEOX, 0, 1e4F, 0.25F, 1.0F, 1.0F, betas.first, betas.second);
    yarn::rope_apply(yarn::heads_view{ours.data(), 1, 1, 128},
                     yarn::rows_of(yarn::make_frequencies(yarn::rope_parameters_from(node)),
                                   yarn::positions_from(1)),
                     yarn::pairing::half_split);
    engines::compute(context.get(), {node}, 1);
    const std::vector<float> theirs = engines::values_of<float>(node);
    for (std::size_t i = 0; i < ours.size(); ++i)
      EXPECT_NEAR(ours[i], theirs[i], 1e-5F) << betas.first << ", element " << i;
  }
}

TEST(ggml_parameters, out_of_range_are_refused) {
  yarn::ggml_rope_parameters good;
  good.n_dims = 64;
  good.freq_base = 1e4F;
  static_cast<void>(yarn::make_frequencies(good));
  const auto refuse = [&](auto change, std::initializer_list<std::string> words) {
    yarn::ggml_rope_parameters p = good;
    change(p);
    support::expect_error<std::invalid_argument>(
        [&] { static_cast<void>(yarn::make_frequencies(p)); }, words);
  };
  using p = yarn::ggml_rope_parameters&;
  refuse([](p x) { x.n_dims = 0; }, {"ggml_rope_parameters.n_dims = 0", "> 0"});
  refuse([](p x) { x.n_dims = 63; }, {"63"});
  refuse([](p x) { x.mode = 4; }, {"mode = 4"});
  refuse([](p x) { x.freq_base = 0; }, {"rope_theta is not set"});
  refuse([](p x) { x.freq_scale = 0; }, {"ggml_rope_parameters.freq_scale = 0"});
  refuse([](p x) { x.attn_factor = -1; }, {"ggml_rope_parameters.attn_factor = -1"});
  refuse(
      [](p x) {
        x.ext_factor = -1;
        x.n_ctx_orig = 4096;
      },
      {"extrapolation_factor = -1"});
  refuse(
      [](p x) {
        x.ext_factor = 1;
        x.n_ctx_orig = -1;
      },
      {"original_max_position_embeddings"});
  refuse(
      [](p x) {
        x.ext_factor = 1;
        x.beta_slow = 64;
        x.n_ctx_orig = 9;
      },
      {"beta_slow = 64"});
  refuse([](p x) { x.mode = GGML_ROPE_TYPE_MROPE; }, {"sections[0]"});
  const std::vector<float> bad(64, 0.0F);
  refuse([&](p x) { x.freq_factors = bad.data(); }, {"freq_factors"});
  refuse(
      [&](p x) {
        x.freq_factors = bad.data();
        x.mode = GGML_ROPE_TYPE_VISION;
      },
      {"VISION", "n_dims = 64"});

  const engines::context_ptr context = engines::make_context(engines::memory);
  ggml_tensor* const x = engines::new_tensor<float>(context.get(), 2, 1);
  const auto refuse_node = [](const ggml_tensor* node, std::initializer_list<std::string> words) {
    support::expect_error<std::invalid_argument>(
        [&] { static_cast<void>(yarn::rope_parameters_from(node)); }, words);
  };
  refuse_node(nullptr, {"node is null"});
  refuse_node(ggml_add(context.get(), x, x), {"is a node ADD"});
  ggml_tensor* const node =
      ggml_rope_ext(context.get(), x, engines::new_positions(context.get(), {0}),
                    ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, 64), 128, GGML_ROPE_TYPE_NEOX,
                    4096, 1e4F, 1.0F, 0.0F, 1.0F, 32.0F, 1.0F);
  node->src[2] = ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, 63);
  refuse_node(node, {"n_dims / 2"});
  node->src[2] = ggml_new_tensor_1d(context.get(), GGML_TYPE_F16, 64);
  refuse_node(node, {"f16", "n_dims / 2"});
}

} // namespace

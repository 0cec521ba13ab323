// SPDX-License-Identifier: MIT
// Attention factors, the current length, frequencies_from, phase_steps, correction ranges and
// zones. (test_frequencies_of_methods.cpp tests the formula of every method.)
#include "../support/frequencies.hpp"
#include "../support/model_methods.hpp"
#include "../support/oracle.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <variant>
#include <vector>

namespace {

using support::attention_ulp;
using support::describe;
using support::divisors;
using support::expect_matches;
using support::expect_same_bits;
using support::shape_of;
using support::yarn_of;

constexpr int dims[] = {2, 4, 6, 10, 64, 80, 96, 128, 256};
constexpr double thetas[] = {2, 100, 1e4, 1e6, 1e8, 1e10};

// ---- Attention factors ------------------------------------------------------------------------

double attention_factor_of(const yarn::yarn_scaling& method) {
  return yarn::make_frequencies(shape_of(64, 1e4), method).attention_factor();
}

// Two fields that are often confused: attention_factor replaces the result of the formula, and
// attn_factor multiplies this result.
TEST(attention_factor, is_replaced_or_multiplied) {
  const oracle::real formula = oracle::mscale(16);
  yarn::yarn_scaling method = yarn_of(16, 4096);
  EXPECT_LE(oracle::ulp_error(attention_factor_of(method), formula), attention_ulp);
  method.attn_factor = 0.5;
  EXPECT_LE(oracle::ulp_error(attention_factor_of(method), formula.over(2)), attention_ulp);
  method.attention_factor = 1.485;
  EXPECT_EQ(attention_factor_of(method), 1.485);
  method.attn_factor = 1;
  EXPECT_EQ(attention_factor_of(method), 1.485);
  method.attention_factor = 1.0; // switches the attention factor off
  EXPECT_EQ(attention_factor_of(method), 1.0);
}

TEST(attention_factor, is_one_for_factors_up_to_one) {
  EXPECT_EQ(attention_factor_of(yarn_of(1, 4096)), 1.0);
  EXPECT_EQ(attention_factor_of(yarn_of(0.5, 4096)), 1.0);
  yarn::yarn_scaling method = yarn_of(0.5, 4096);
  method.mscale = 1.0;
  method.mscale_all_dim = 0.707;
  EXPECT_EQ(attention_factor_of(method), 1.0);
}

TEST(attention_factor, is_a_ratio_when_both_coefficients_are_given_and_not_zero) {
  const auto with = [](double mscale, double mscale_all_dim) {
    yarn::yarn_scaling method = yarn_of(40, 4096);
    method.mscale = mscale;
    method.mscale_all_dim = mscale_all_dim;
    return attention_factor_of(method);
  };
  const oracle::real formula = oracle::mscale(40);
  EXPECT_EQ(with(0.707, 0.707), 1.0); // DeepSeek-V2
  EXPECT_EQ(with(1.0, 1.0), 1.0);     // DeepSeek-V3, Kimi-K2, Ministral-3
  EXPECT_LE(oracle::ulp_error(with(1.0, 0.707), formula / oracle::mscale(40, 0.707)),
            attention_ulp);
  EXPECT_LE(oracle::ulp_error(with(1.0, 0.0), formula), attention_ulp);
  EXPECT_LE(oracle::ulp_error(with(0.0, 0.707), formula), attention_ulp);
  yarn::yarn_scaling multiplied = yarn_of(40, 4096);
  multiplied.mscale = 1.0;
  multiplied.mscale_all_dim = 0.707;
  multiplied.attn_factor = 0.5;
  EXPECT_LE(
      oracle::ulp_error(attention_factor_of(multiplied), formula / oracle::mscale(40, 0.707) / 2),
      attention_ulp);
  yarn::yarn_scaling only_one = yarn_of(40, 4096);
  only_one.mscale = 0.707;
  EXPECT_LE(oracle::ulp_error(attention_factor_of(only_one), formula), attention_ulp);
  only_one.mscale = yarn::optional_number();
  only_one.mscale_all_dim = 0.707;
  EXPECT_LE(oracle::ulp_error(attention_factor_of(only_one), formula), attention_ulp);
}

TEST(attention_factor, of_longrope_is_the_formula_or_given) {
  yarn::longrope_scaling method;
  method.short_factor = divisors(32, 1.0);
  method.long_factor = divisors(32, 1.3);
  method.original_max_position_embeddings = 4096;
  const auto at = [&method](std::int64_t seq_len) {
    return yarn::make_frequencies(shape_of(64, 1e4), method, seq_len).attention_factor();
  };
  method.factor = 16.0;
  EXPECT_LE(oracle::ulp_error(at(100), oracle::longrope_attention_factor(16, 4096)), attention_ulp);
  EXPECT_EQ(at(100), at(100000));
  method.factor = 1.0;
  EXPECT_EQ(at(100), 1.0);
  method.factor = 0.5;
  EXPECT_EQ(at(100), 1.0);
  method.factor = 16.0;
  method.short_mscale = 1.243; // PhiMoE
  method.long_mscale = 1.5;
  EXPECT_EQ(at(0), 1.243);
  EXPECT_EQ(at(4096), 1.243);
  EXPECT_EQ(at(4097), 1.5);
  method.short_mscale = yarn::optional_number();
  method.long_mscale = yarn::optional_number();
  method.attention_factor = 1.25;
  EXPECT_EQ(at(4096), 1.25);
  EXPECT_EQ(at(4097), 1.25);
}

TEST(attention_factor, depends_on_the_length_in_dynamic_yarn) {
  yarn::dynamic_yarn_scaling method;
  method.original_max_position_embeddings = 4096;
  method.factor = 1;
  const auto at = [&method](std::int64_t seq_len) {
    return yarn::make_frequencies(shape_of(64, 1e4), method, seq_len).attention_factor();
  };
  EXPECT_EQ(at(4096), 1.0);
  EXPECT_LE(oracle::ulp_error(at(16384), oracle::mscale(4)), attention_ulp);
  method.attention_factor = 1.1;
  EXPECT_EQ(at(16384), 1.1);
}

// ---- The current length -----------------------------------------------------------------------

// In other implementations a long sequence changes the frequencies of later sequences: in Hugging
// Face, and in the authors' classes, which keep the frequencies of the longest sequence.
// make_frequencies depends only on its arguments.
TEST(current_length, does_not_affect_later_calls) {
  yarn::any_scaling methods[4];
  yarn::dynamic_ntk_scaling ntk;
  ntk.factor = 2;
  ntk.max_position_embeddings = 4096;
  methods[0] = ntk;
  yarn::dynamic_part_ntk_scaling parts;
  parts.original_max_position_embeddings = 4096;
  methods[1] = parts;
  yarn::dynamic_yarn_scaling dynamic;
  dynamic.factor = 1;
  dynamic.original_max_position_embeddings = 4096;
  methods[2] = dynamic;
  yarn::longrope_scaling longrope;
  longrope.short_factor = divisors(64, 1.0);
  longrope.long_factor = divisors(64, 1.3);
  longrope.original_max_position_embeddings = 4096;
  longrope.factor = 32.0;
  methods[3] = longrope;
  const yarn::rope_shape shape = shape_of(128, 1e4);
  for (const yarn::any_scaling& method : methods) {
    const yarn::frequencies before = yarn::make_frequencies(shape, method, 100);
    const yarn::frequencies during = yarn::make_frequencies(shape, method, 16384);
    const yarn::frequencies after = yarn::make_frequencies(shape, method, 100);
    expect_same_bits(before, after);
    EXPECT_NE(std::memcmp(before.inv_freq().data(), during.inv_freq().data(), 64 * sizeof(double)),
              0)
        << "method " << method.index() << " does not follow the length";
  }
}

TEST(current_length, up_to_the_original_changes_nothing) {
  const yarn::rope_shape shape = shape_of(128, 1e4);
  const yarn::frequencies plain = yarn::make_frequencies(shape, yarn::default_scaling{});
  yarn::dynamic_ntk_scaling ntk;
  ntk.factor = 2;
  ntk.max_position_embeddings = 4096;
  yarn::dynamic_part_ntk_scaling parts;
  parts.original_max_position_embeddings = 4096;
  yarn::dynamic_yarn_scaling dynamic;
  dynamic.factor = 1;
  dynamic.original_max_position_embeddings = 4096;
  for (const std::int64_t seq_len : {0, 1, 4096}) {
    expect_same_bits(yarn::make_frequencies(shape, ntk, seq_len), plain);
    expect_same_bits(yarn::make_frequencies(shape, parts, seq_len), plain);
    expect_same_bits(yarn::make_frequencies(shape, dynamic, seq_len), plain);
  }
}

TEST(current_length, is_accepted_and_ignored_by_static_methods) {
  const yarn::rope_shape shape = shape_of(128, 1e4);
  for (const std::int64_t seq_len : {0, 1, 1000000}) {
    expect_same_bits(yarn::make_frequencies(shape, yarn_of(16, 4096), seq_len),
                     yarn::make_frequencies(shape, yarn_of(16, 4096)));
  }
}

// ---- Choosing a method ------------------------------------------------------------------------

TEST(any_scaling, equals_the_method_that_it_holds) {
  ASSERT_TRUE(support::model_methods_are_complete());
  for (const support::model_method& model : support::model_methods()) {
    for (const std::int64_t seq_len : {100, 10000}) {
      std::visit(
          [&](const auto& method) {
            expect_same_bits(yarn::make_frequencies(model.shape, model.method, seq_len),
                             yarn::make_frequencies(model.shape, method, seq_len));
          },
          model.method);
    }
  }
}

// In one implementation the tables were static variables, so the second model had the tables of the
// first model.
TEST(two_models, have_independent_numbers) {
  const yarn::frequencies global =
      yarn::make_frequencies(shape_of(256, 1e6), yarn::linear_scaling{8});
  const yarn::frequencies local =
      yarn::make_frequencies(shape_of(256, 1e4), yarn::default_scaling{});
  const yarn::frequencies other = yarn::make_frequencies(shape_of(64, 1e4), yarn_of(40, 4096));
  expect_matches(global, oracle::linear(256, 1e6, 8), "global layers");
  expect_matches(local, oracle::default_rope(256, 1e4), "local layers");
  expect_matches(other, oracle::yarn(64, 1e4, 40), "another model");
}

/// Methods of a user: one halves every frequency, the other halves them above a length.
struct halving {
  void resolve(yarn::spectrum& s) const {
    for (std::int64_t pair = 0; pair < s.n_pairs(); ++pair) {
      s.set(pair, s.inv_freq(pair) / 2, yarn::frequency_zone::interpolated);
    }
    s.attention_factor = 1.5;
  }
};
struct halving_above {
  std::int64_t length;
  void resolve(yarn::spectrum& s, std::int64_t seq_len) const {
    if (seq_len > length) {
      halving{}.resolve(s);
    }
  }
};

TEST(users_method, gives_its_formula) {
  oracle::result halved = oracle::linear(128, 1e4, 2);
  halved.attention_factor = 1.5;
  expect_matches(yarn::make_frequencies(shape_of(128, 1e4), halving{}), halved, "static");
  expect_matches(yarn::make_frequencies(shape_of(128, 1e4), halving_above{4096}, 4096),
                 oracle::default_rope(128, 1e4), "dynamic, short");
  expect_matches(yarn::make_frequencies(shape_of(128, 1e4), halving_above{4096}, 4097), halved,
                 "dynamic, long");
  yarn::freq_factors_scaling<halving> wrapped;
  wrapped.freq_factors = divisors(64, 1.0);
  halved = oracle::divided(halved, divisors(64, 1.0));
  expect_matches(yarn::make_frequencies(shape_of(128, 1e4), wrapped), halved, "over divisors");
}

// ---- frequencies_from -------------------------------------------------------------------------

TEST(frequencies_from, keeps_every_bit) {
  const std::vector<double> given = {1.0, 0.1, -0.25, 0.0, 6.5, 1e-9};
  const yarn::frequencies freqs = yarn::frequencies_from(given.data(), given.size(), 1.25);
  ASSERT_EQ(freqs.n_pairs(), 6);
  EXPECT_EQ(std::memcmp(freqs.inv_freq().data(), given.data(), given.size() * sizeof(double)), 0);
  EXPECT_EQ(freqs.attention_factor(), 1.25);
  EXPECT_EQ(freqs.rope_theta(), 0.0);
  EXPECT_FALSE(freqs.correction_range().has_value);
  EXPECT_FALSE(freqs.is_float32_pipeline());
  EXPECT_EQ(yarn::frequencies_from(given.data(), given.size()).attention_factor(), 1.0);
}

TEST(frequencies_from, widens_float) {
  const std::vector<float> given = {1.0F, 0.1F, -0.25F, 0.0F, 6.5F, 1e-9F};
  const std::vector<double> widened(given.begin(), given.end());
  expect_same_bits(yarn::frequencies_from(given.data(), given.size(), 1.25),
                   yarn::frequencies_from(widened.data(), widened.size(), 1.25));
}

TEST(frequencies_from, equals_make_frequencies_for_the_same_numbers) {
  const yarn::frequencies made = yarn::make_frequencies(shape_of(128, 1e4), yarn_of(16, 4096));
  expect_same_bits(made, yarn::frequencies_from(made.inv_freq().data(), made.n_pairs(),
                                                made.attention_factor()));
}

// ---- phase_steps ------------------------------------------------------------------------------

// phase_steps are round(inv_freq / (2 pi) * 2^64) modulo 2^64, so the error is at most half a unit.
TEST(phase_steps, are_the_nearest_integers) {
  const std::vector<double> given = {1.0, 0.1,  -0.25, 0.0,    6.5,  1e-9, 3.141592653589793,
                                     2.0, -1.0, 100.0, -0.375, 1e-15};
  const yarn::frequencies freqs = yarn::frequencies_from(given.data(), given.size());
  const oracle::real whole_turn = oracle::real(1).times_power_of_2(64);
  for (std::size_t pair = 0; pair < given.size(); ++pair) {
    const oracle::real exact = oracle::phase_step(given[pair]);
    const oracle::real step = freqs.phase_steps().data()[pair];
    const oracle::real turns = floor((exact - step) / whole_turn + oracle::real(1).over(2));
    const oracle::real error = abs(exact - step - turns * whole_turn);
    EXPECT_LE(error.to_double(), 0.5) << "inv_freq " << given[pair];
  }
}

// ---- Correction ranges, zones and bases -------------------------------------------------------

TEST(frequencies_report, correction_range_of_gpt_oss_is_not_rounded) {
  yarn::yarn_scaling method = yarn_of(32, 4096);
  method.truncate = false;
  const yarn::frequencies freqs = yarn::make_frequencies(shape_of(64, 150000), method);
  const auto bounds = freqs.correction_range();
  ASSERT_TRUE(bounds.has_value);
  EXPECT_NEAR(bounds.low, 8.092779, 1e-6);
  EXPECT_NEAR(bounds.high, 17.398024, 1e-6);
  const oracle::range exact = oracle::correction_range(32, 1, 64, 150000, 4096, false);
  EXPECT_LE(oracle::ulp_error(bounds.low, exact.low), 1.0);
  EXPECT_LE(oracle::ulp_error(bounds.high, exact.high), 1.0);
}

TEST(frequencies_report, correction_range_and_zones_of_deepseek) {
  const yarn::frequencies freqs = yarn::make_frequencies(shape_of(64, 1e4), yarn_of(40, 4096));
  const auto bounds = freqs.correction_range();
  ASSERT_TRUE(bounds.has_value);
  EXPECT_EQ(bounds.low, 10.0);
  EXPECT_EQ(bounds.high, 23.0);
  for (std::int64_t pair = 0; pair < 32; ++pair) {
    const yarn::frequency_zone expected = pair <= 10   ? yarn::frequency_zone::extrapolated
                                          : pair >= 23 ? yarn::frequency_zone::interpolated
                                                       : yarn::frequency_zone::blended;
    EXPECT_EQ(freqs.zone(pair), expected) << "pair " << pair;
  }
}

// The range depends on the original length, not on the scaling factor or the extended length.
TEST(frequencies_report, correction_range_does_not_depend_on_the_factor) {
  const yarn::rope_shape shape = shape_of(64, 1e4);
  const auto small = yarn::make_frequencies(shape, yarn_of(2, 4096)).correction_range();
  const auto large = yarn::make_frequencies(shape, yarn_of(64, 4096)).correction_range();
  EXPECT_EQ(small.low, large.low);
  EXPECT_EQ(small.high, large.high);
  EXPECT_LE(small.low, small.high);
}

TEST(frequencies_report, correction_range_has_low_not_above_high) {
  for (const int dim : dims) {
    for (const double theta : thetas) {
      for (const std::int64_t length : {1, 2, 4, 6, 64, 4096, 1000000000}) {
        for (const bool truncate : {true, false}) {
          yarn::yarn_scaling method = yarn_of(4, length);
          method.truncate = truncate;
          const auto bounds =
              yarn::make_frequencies(shape_of(dim, theta), method).correction_range();
          ASSERT_TRUE(bounds.has_value);
          EXPECT_LE(bounds.low, bounds.high)
              << describe("d, theta, L, truncate", dim, theta, length, truncate);
        }
      }
    }
  }
}

TEST(frequencies_report, zones_of_llama3_are_its_bands) {
  yarn::llama3_scaling method;
  method.factor = 8;
  method.original_max_position_embeddings = 8192;
  const yarn::frequencies freqs = yarn::make_frequencies(shape_of(128, 500000), method);
  const oracle::result plain = oracle::default_rope(128, 500000);
  for (std::int64_t pair = 0; pair < freqs.n_pairs(); ++pair) {
    const oracle::real turns =
        oracle::rotations(plain.inv_freq[static_cast<std::size_t>(pair)], 8192);
    const yarn::frequency_zone expected = turns > 4   ? yarn::frequency_zone::extrapolated
                                          : turns < 1 ? yarn::frequency_zone::interpolated
                                                      : yarn::frequency_zone::blended;
    EXPECT_EQ(freqs.zone(pair), expected) << "pair " << pair;
  }
}

TEST(frequencies_report, rope_theta_is_the_base_in_use) {
  EXPECT_EQ(yarn::make_frequencies(shape_of(128, 1e4), yarn::default_scaling{}).rope_theta(), 1e4);
  EXPECT_EQ(yarn::make_frequencies(shape_of(128, 1e4), yarn_of(16, 4096)).rope_theta(), 1e4);
}

} // namespace

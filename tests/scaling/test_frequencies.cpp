// SPDX-License-Identifier: MIT
// Frequencies: every method within one ULP of its exact formula over a grid of parameters, the
// report of what was resolved, and the group: inverse, adjoint, unscaled, rerotation.
#include "../support/oracle.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

// ---- Tools ------------------------------------------------------------------------------------

// The grids. Dimensions are int, as the oracle takes them.
constexpr int dims[] = {2, 4, 6, 10, 64, 80, 96, 128, 256};
constexpr int few_dims[] = {2, 4, 10, 64, 128}; // where a grid has four parameters more
constexpr double thetas[] = {2, 100, 1e4, 1e6, 1e8, 1e10};
constexpr double factors[] = {0.5, 1, 2, 2.7, 16, 40};
constexpr std::int64_t lengths[] = {64, 4096, 131072};

yarn::rope_shape shape_of(int dim, double theta) {
  yarn::rope_shape shape;
  shape.head_dim = dim;
  shape.rope_theta = theta;
  return shape;
}

/// DESIGN.md promises one ULP of double from the exact formula; frequencies.hpp says that the one
/// rounding at the end is all there is, and that is what is held here. The attention factor has no
/// bound of its own: a sum and a product of correctly rounded values stay within two.
constexpr double frequency_ulp = 0.501;
constexpr double attention_ulp = 2.0;

void expect_matches(const yarn::frequencies& freqs, const oracle::result& exact,
                    const std::string& what) {
  ASSERT_EQ(static_cast<std::size_t>(freqs.inv_freq().size()), exact.inv_freq.size()) << what;
  EXPECT_EQ(static_cast<std::size_t>(freqs.n_pairs()), exact.inv_freq.size()) << what;
  double worst = 0;
  std::size_t worst_pair = 0;
  for (std::size_t pair = 0; pair < exact.inv_freq.size(); ++pair) {
    const double error = oracle::ulp_error(freqs.inv_freq().data()[pair], exact.inv_freq[pair]);
    if (error > worst) {
      worst = error;
      worst_pair = pair;
    }
  }
  EXPECT_LE(worst, frequency_ulp) << what << ": pair " << worst_pair << ", exact "
                                  << exact.inv_freq[worst_pair];
  EXPECT_LE(oracle::ulp_error(freqs.attention_factor(), exact.attention_factor), attention_ulp)
      << what << ": attention factor " << freqs.attention_factor();
}

template <class... Values> std::string describe(const char* name, Values... values) {
  std::string text = name;
  ((text += ", " + std::to_string(values)), ...);
  return text;
}

void expect_same_bits(const yarn::frequencies& a, const yarn::frequencies& b) {
  ASSERT_EQ(a.inv_freq().size(), b.inv_freq().size());
  const auto n = static_cast<std::size_t>(a.inv_freq().size());
  EXPECT_EQ(std::memcmp(a.inv_freq().data(), b.inv_freq().data(), n * sizeof(double)), 0);
  EXPECT_EQ(std::memcmp(a.phase_steps().data(), b.phase_steps().data(), n * sizeof(std::uint64_t)),
            0);
  EXPECT_EQ(a.attention_factor(), b.attention_factor());
  EXPECT_EQ(a.is_float32_pipeline(), b.is_float32_pipeline());
}

/// The distance of two phases on the circle, in units of 2^-64 turns.
std::uint64_t phase_distance(std::uint64_t a, std::uint64_t b) {
  return a - b < b - a ? a - b : b - a;
}

yarn::yarn_scaling yarn_of(double factor, std::int64_t length) {
  yarn::yarn_scaling method;
  method.factor = factor;
  method.original_max_position_embeddings = length;
  return method;
}

// ---- Every method against the oracle ----------------------------------------------------------

TEST(frequencies_of, default_rope) {
  for (const int dim : dims) {
    for (const double theta : thetas) {
      expect_matches(yarn::make_frequencies(shape_of(dim, theta), yarn::default_scaling{}),
                     oracle::default_rope(dim, theta), describe("d, theta", dim, theta));
    }
  }
}

TEST(frequencies_of, rotary_part_of_a_head) {
  yarn::rope_shape shape = shape_of(128, 1e6);
  shape.rotary_dim = 32;
  expect_matches(yarn::make_frequencies(shape, yarn::default_scaling{}),
                 oracle::default_rope(32, 1e6), "default");
  expect_matches(yarn::make_frequencies(shape, yarn_of(4, 4096)), oracle::yarn(32, 1e6, 4), "yarn");
}

TEST(frequencies_of, linear) {
  for (const int dim : dims) {
    for (const double theta : thetas) {
      for (const double factor : factors) {
        yarn::linear_scaling method;
        method.factor = factor;
        expect_matches(yarn::make_frequencies(shape_of(dim, theta), method),
                       oracle::linear(dim, theta, factor),
                       describe("d, theta, factor", dim, theta, factor));
      }
    }
  }
}

TEST(frequencies_of, ntk) {
  for (const int dim : dims) {
    for (const double theta : thetas) {
      for (const double factor : factors) {
        if (dim == 2) {
          continue; // no base change with one pair: test_errors.cpp
        }
        yarn::ntk_scaling method;
        method.factor = factor;
        const yarn::frequencies freqs = yarn::make_frequencies(shape_of(dim, theta), method);
        const std::string what = describe("d, theta, factor", dim, theta, factor);
        expect_matches(freqs, oracle::ntk(dim, theta, factor), what);
        EXPECT_LE(oracle::ulp_error(freqs.rope_theta(), oracle::ntk_base(dim, theta, factor)), 1.0)
            << what;
      }
    }
  }
}

TEST(frequencies_of, dynamic_ntk) {
  for (const int dim : dims) {
    for (const double theta : thetas) {
      for (const double factor : factors) {
        for (const std::int64_t length : lengths) {
          for (const std::int64_t seq_len :
               {std::int64_t{0}, std::int64_t{1}, length - 1, length, length + 1, 64 * length}) {
            if (dim == 2) {
              continue;
            }
            yarn::dynamic_ntk_scaling method;
            method.factor = factor;
            method.max_position_embeddings = length;
            const yarn::frequencies freqs =
                yarn::make_frequencies(shape_of(dim, theta), method, seq_len);
            const std::string what =
                describe("d, theta, factor, L, l", dim, theta, factor, length, seq_len);
            expect_matches(freqs, oracle::dynamic_ntk(dim, theta, factor, length, seq_len), what);
            const oracle::real base =
                oracle::ntk_base(dim, theta, oracle::dynamic_ntk_scale(factor, length, seq_len));
            EXPECT_LE(oracle::ulp_error(freqs.rope_theta(), base), 1.0) << what;
          }
        }
      }
    }
  }
}

TEST(frequencies_of, ntk_by_parts_of_the_paper) {
  const std::pair<double, double> betas[] = {{32, 1}, {16.5, 0.25}, {4, 3}};
  for (const int dim : few_dims) {
    for (const double theta : thetas) {
      for (const double factor : factors) {
        for (const std::int64_t length : lengths) {
          for (const auto& [beta_fast, beta_slow] : betas) {
            yarn::ntk_by_parts_scaling method;
            method.factor = factor;
            method.original_max_position_embeddings = length;
            method.beta_fast = beta_fast;
            method.beta_slow = beta_slow;
            expect_matches(yarn::make_frequencies(shape_of(dim, theta), method),
                           oracle::ntk_by_parts(dim, theta, factor, length, beta_fast, beta_slow),
                           describe("d, theta, factor, L, betas", dim, theta, factor, length,
                                    beta_fast, beta_slow));
          }
        }
      }
    }
  }
}

TEST(frequencies_of, part_ntk_of_the_authors) {
  const std::pair<double, double> shares[] = {{1, 1}, {0, 1}, {1, 0}, {0.5, 0.25}};
  for (const int dim : few_dims) {
    for (const double theta : thetas) {
      for (const double factor : {0.5, 1.0, 2.7, 40.0}) {
        for (const std::int64_t length : lengths) {
          for (const auto& [ntk_factor, extrapolation_factor] : shares) {
            if (dim == 2) {
              continue;
            }
            yarn::part_ntk_scaling method;
            method.factor = factor;
            method.original_max_position_embeddings = length;
            method.ntk_factor = ntk_factor;
            method.extrapolation_factor = extrapolation_factor;
            expect_matches(
                yarn::make_frequencies(shape_of(dim, theta), method),
                oracle::part_ntk(dim, theta, factor, length, ntk_factor, extrapolation_factor),
                describe("d, theta, factor, L, shares", dim, theta, factor, length, ntk_factor,
                         extrapolation_factor));
          }
        }
      }
    }
  }
}

// With this many pairs to a turn, each of the four constants decides which pairs are blended.
TEST(frequencies_of, part_ntk_over_many_pairs) {
  yarn::part_ntk_scaling method;
  method.factor = 8;
  method.original_max_position_embeddings = 4096;
  expect_matches(yarn::make_frequencies(shape_of(4096, 1e4), method),
                 oracle::part_ntk(4096, 1e4, 8, 4096), "d = 4096");
}

TEST(frequencies_of, dynamic_part_ntk) {
  for (const int dim : {4, 64, 128}) {
    for (const double theta : thetas) {
      for (const std::int64_t length : lengths) {
        for (const std::int64_t seq_len :
             {std::int64_t{0}, std::int64_t{1}, length, length + 1, 3 * length, length * 64}) {
          yarn::dynamic_part_ntk_scaling method;
          method.original_max_position_embeddings = length;
          const oracle::real scale = oracle::scale_at(1, length, seq_len);
          expect_matches(yarn::make_frequencies(shape_of(dim, theta), method, seq_len),
                         oracle::part_ntk(dim, theta, scale, length),
                         describe("d, theta, L, l", dim, theta, length, seq_len));
        }
      }
    }
  }
}

TEST(frequencies_of, yarn) {
  const std::pair<double, double> betas[] = {{32, 1}, {8, 8}, {16.5, 0.25}};
  for (const int dim : few_dims) {
    for (const double theta : thetas) {
      for (const double factor : {0.5, 1.0, 2.7, 40.0}) {
        // A length of 4 and a theta of 2 put high below low, at either end.
        for (const std::int64_t length : {4, 4096, 131072}) {
          for (const auto& [beta_fast, beta_slow] : betas) {
            for (const bool truncate : {true, false}) {
              yarn::yarn_scaling method = yarn_of(factor, length);
              method.beta_fast = beta_fast;
              method.beta_slow = beta_slow;
              method.truncate = truncate;
              oracle::yarn_parameters parameters;
              parameters.length = length;
              parameters.beta_fast = beta_fast;
              parameters.beta_slow = beta_slow;
              parameters.truncate = truncate;
              expect_matches(yarn::make_frequencies(shape_of(dim, theta), method),
                             oracle::yarn(dim, theta, factor, parameters),
                             describe("d, theta, factor, L, betas, truncate", dim, theta, factor,
                                      length, beta_fast, beta_slow, truncate));
            }
          }
        }
      }
    }
  }
}

TEST(frequencies_of, yarn_with_a_share_of_extrapolation) {
  for (const double share : {0.0, 0.25, 0.5, 1.0}) {
    for (const bool over_rotations : {true, false}) {
      yarn::yarn_scaling method = yarn_of(16, 4096);
      method.extrapolation_factor = share;
      method.ramp = over_rotations ? yarn::yarn_ramp::rotations : yarn::yarn_ramp::pair_index;
      oracle::yarn_parameters parameters;
      parameters.extrapolation_factor = share;
      parameters.over = over_rotations ? oracle::ramp::rotations : oracle::ramp::pair_index;
      expect_matches(yarn::make_frequencies(shape_of(128, 1e4), method),
                     oracle::yarn(128, 1e4, 16, parameters),
                     describe("share, over rotations", share, over_rotations));
    }
  }
}

TEST(frequencies_of, yarn_with_the_ramp_of_the_paper) {
  for (const int dim : few_dims) {
    for (const double theta : thetas) {
      for (const double factor : factors) {
        for (const std::int64_t length : lengths) {
          yarn::yarn_scaling method = yarn_of(factor, length);
          method.ramp = yarn::yarn_ramp::rotations;
          oracle::yarn_parameters parameters;
          parameters.length = length;
          parameters.over = oracle::ramp::rotations;
          expect_matches(yarn::make_frequencies(shape_of(dim, theta), method),
                         oracle::yarn(dim, theta, factor, parameters),
                         describe("d, theta, factor, L", dim, theta, factor, length));
        }
      }
    }
  }
}

TEST(frequencies_of, dynamic_yarn) {
  for (const int dim : few_dims) {
    for (const double theta : thetas) {
      for (const double least : {1.0, 2.7, 16.0}) {
        for (const std::int64_t length : lengths) {
          for (const std::int64_t seq_len :
               {std::int64_t{0}, std::int64_t{1}, length, length + 1, 3 * length, length * 64}) {
            yarn::dynamic_yarn_scaling method;
            method.factor = least;
            method.original_max_position_embeddings = length;
            oracle::yarn_parameters parameters;
            parameters.length = length;
            const oracle::real scale = oracle::scale_at(least, length, seq_len);
            expect_matches(yarn::make_frequencies(shape_of(dim, theta), method, seq_len),
                           oracle::yarn(dim, theta, scale, parameters),
                           describe("d, theta, least, L, l", dim, theta, least, length, seq_len));
          }
        }
      }
    }
  }
}

TEST(frequencies_of, llama3) {
  for (const int dim : few_dims) {
    for (const double theta : thetas) {
      for (const double factor : factors) {
        for (const std::int64_t length : lengths) {
          for (const double high : {1.0, 4.0, 10.5}) { // 1: no band between, the factors are equal
            yarn::llama3_scaling method;
            method.factor = factor;
            method.high_freq_factor = high;
            method.original_max_position_embeddings = length;
            expect_matches(yarn::make_frequencies(shape_of(dim, theta), method),
                           oracle::llama3(dim, theta, factor, 1, high, length),
                           describe("d, theta, factor, L, high", dim, theta, factor, length, high));
          }
        }
      }
    }
  }
}

/// Divisors that no two pairs share: start, start * 1.07, ...
std::vector<double> divisors(int n_pairs, double start) {
  std::vector<double> values;
  for (double value = start; n_pairs > 0; --n_pairs, value *= 1.07) {
    values.push_back(value);
  }
  return values;
}

TEST(frequencies_of, longrope) {
  for (const int dim : dims) {
    for (const double theta : thetas) {
      for (const std::int64_t length : lengths) {
        for (const std::int64_t seq_len :
             {std::int64_t{0}, std::int64_t{1}, length, length + 1, 32 * length}) {
          const std::vector<double> short_factor = divisors(dim / 2, 1.0);
          const std::vector<double> long_factor = divisors(dim / 2, 1.3);
          yarn::longrope_scaling method;
          method.short_factor = short_factor;
          method.long_factor = long_factor;
          method.original_max_position_embeddings = length;
          method.factor = 32.0;
          oracle::result exact =
              oracle::longrope(dim, theta, short_factor, long_factor, length, seq_len);
          exact.attention_factor = oracle::longrope_attention_factor(32, length);
          expect_matches(yarn::make_frequencies(shape_of(dim, theta), method, seq_len), exact,
                         describe("d, theta, L, l", dim, theta, length, seq_len));
        }
      }
    }
  }
}

TEST(frequencies_of, proportional) {
  for (const int dim : dims) {
    for (const double theta : thetas) {
      for (const double factor : factors) {
        for (const double partial : {1.0, 0.75, 0.6, 0.25}) {
          yarn::proportional_scaling method;
          method.partial_rotary_factor = partial;
          method.factor = factor;
          const oracle::result exact = oracle::proportional(dim, theta, partial, factor);
          expect_matches(yarn::make_frequencies(shape_of(dim, theta), method), exact,
                         describe("d, theta, factor, partial", dim, theta, factor, partial));
        }
      }
    }
  }
}

TEST(frequencies_of, any_method_over_explicit_divisors) {
  const std::vector<double> list = divisors(64, 0.9);
  yarn::freq_factors_scaling<yarn::yarn_scaling> over_yarn;
  over_yarn.method = yarn_of(16, 4096);
  over_yarn.freq_factors = list;
  expect_matches(yarn::make_frequencies(shape_of(128, 1e4), over_yarn),
                 oracle::divided(oracle::yarn(128, 1e4, 16), list), "yarn");

  yarn::freq_factors_scaling<yarn::dynamic_ntk_scaling> over_dynamic;
  over_dynamic.method.factor = 2;
  over_dynamic.method.max_position_embeddings = 4096;
  over_dynamic.freq_factors = list;
  for (const std::int64_t seq_len : {100, 10000}) {
    expect_matches(yarn::make_frequencies(shape_of(128, 1e4), over_dynamic, seq_len),
                   oracle::divided(oracle::dynamic_ntk(128, 1e4, 2, 4096, seq_len), list),
                   describe("dynamic ntk, l", seq_len));
  }

  // float divisors, as llama.cpp stores them, are exact in double.
  const std::vector<float> floats = {1.0F, 1.1F, 3.3F};
  yarn::freq_factors_scaling<yarn::default_scaling> over_default;
  over_default.freq_factors = yarn::factor_list(floats.data(), floats.size());
  expect_matches(yarn::make_frequencies(shape_of(6, 1e4), over_default),
                 oracle::divided(oracle::default_rope(6, 1e4),
                                 std::vector<double>(floats.begin(), floats.end())),
                 "default");
}

// ---- Attention factors ------------------------------------------------------------------------

double attention_factor_of(const yarn::yarn_scaling& method) {
  return yarn::make_frequencies(shape_of(64, 1e4), method).attention_factor();
}

// The two fields that everybody confuses: one replaces the formula, the other multiplies it.
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
  method.attention_factor = 1.0; // switches the temperature off
  EXPECT_EQ(attention_factor_of(method), 1.0);
}

TEST(attention_factor, is_one_where_nothing_is_stretched) {
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

TEST(attention_factor, follows_the_length_in_dynamic_yarn) {
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

// Hugging Face's dynamic frequencies never come back from a long sequence; the authors' classes
// keep the longest. Ours are a function of their arguments.
TEST(current_length, leaves_no_trace) {
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

template <class Method> void expect_same_through_any(const Method& method) {
  const yarn::rope_shape shape = shape_of(128, 1e4);
  for (const std::int64_t seq_len : {100, 10000}) {
    expect_same_bits(yarn::make_frequencies(shape, yarn::any_scaling(method), seq_len),
                     yarn::make_frequencies(shape, method, seq_len));
  }
}

TEST(any_scaling, gives_what_the_method_gives) {
  expect_same_through_any(yarn::default_scaling{});
  yarn::linear_scaling linear;
  linear.factor = 4;
  expect_same_through_any(linear);
  yarn::ntk_scaling ntk;
  ntk.factor = 4;
  expect_same_through_any(ntk);
  yarn::dynamic_ntk_scaling dynamic_ntk;
  dynamic_ntk.factor = 2;
  dynamic_ntk.max_position_embeddings = 4096;
  expect_same_through_any(dynamic_ntk);
  yarn::ntk_by_parts_scaling by_parts;
  by_parts.factor = 4;
  by_parts.original_max_position_embeddings = 4096;
  expect_same_through_any(by_parts);
  yarn::part_ntk_scaling part_ntk;
  part_ntk.factor = 4;
  part_ntk.original_max_position_embeddings = 4096;
  expect_same_through_any(part_ntk);
  yarn::dynamic_part_ntk_scaling dynamic_part_ntk;
  dynamic_part_ntk.original_max_position_embeddings = 4096;
  expect_same_through_any(dynamic_part_ntk);
  expect_same_through_any(yarn_of(16, 4096));
  yarn::dynamic_yarn_scaling dynamic_yarn;
  dynamic_yarn.factor = 1;
  dynamic_yarn.original_max_position_embeddings = 4096;
  expect_same_through_any(dynamic_yarn);
  yarn::llama3_scaling llama3;
  llama3.factor = 8;
  llama3.original_max_position_embeddings = 8192;
  expect_same_through_any(llama3);
  yarn::longrope_scaling longrope;
  longrope.short_factor = divisors(64, 1.0);
  longrope.long_factor = divisors(64, 1.3);
  longrope.original_max_position_embeddings = 4096;
  longrope.factor = 32.0;
  expect_same_through_any(longrope);
  yarn::proportional_scaling proportional;
  proportional.partial_rotary_factor = 0.25;
  expect_same_through_any(proportional);
}

// One implementation kept its tables in static variables: the second model got the first one's.
TEST(two_models, live_side_by_side) {
  const yarn::frequencies global =
      yarn::make_frequencies(shape_of(256, 1e6), yarn::linear_scaling{8});
  const yarn::frequencies local =
      yarn::make_frequencies(shape_of(256, 1e4), yarn::default_scaling{});
  const yarn::frequencies other = yarn::make_frequencies(shape_of(64, 1e4), yarn_of(40, 4096));
  expect_matches(global, oracle::linear(256, 1e6, 8), "global layers");
  expect_matches(local, oracle::default_rope(256, 1e4), "local layers");
  expect_matches(other, oracle::yarn(64, 1e4, 40), "another model");
}

/// A user's own methods: every frequency halved; the same from a length on.
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

TEST(users_method, is_as_good_as_ours) {
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

// ---- Frequencies that are given ---------------------------------------------------------------

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

TEST(frequencies_from, meets_make_frequencies_at_the_same_numbers) {
  const yarn::frequencies made = yarn::make_frequencies(shape_of(128, 1e4), yarn_of(16, 4096));
  expect_same_bits(made, yarn::frequencies_from(made.inv_freq().data(), made.n_pairs(),
                                                made.attention_factor()));
}

// ---- Phase steps ------------------------------------------------------------------------------

// F = round(inv_freq / 2 pi * 2^64), as a wrapping integer: at most half a unit off.
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

// ---- The report -------------------------------------------------------------------------------

TEST(report, correction_range_of_gpt_oss_is_not_rounded) {
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

TEST(report, correction_range_and_zones_of_deepseek) {
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

// The range depends on the original length only, not on the factor or on the length served.
TEST(report, correction_range_does_not_follow_the_factor) {
  const yarn::rope_shape shape = shape_of(64, 1e4);
  const auto small = yarn::make_frequencies(shape, yarn_of(2, 4096)).correction_range();
  const auto large = yarn::make_frequencies(shape, yarn_of(64, 4096)).correction_range();
  EXPECT_EQ(small.low, large.low);
  EXPECT_EQ(small.high, large.high);
  EXPECT_LE(small.low, small.high);
}

TEST(report, correction_range_never_runs_backwards) {
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

TEST(report, zones_of_llama3_are_its_bands) {
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

TEST(report, theta_is_the_base_in_use) {
  EXPECT_EQ(yarn::make_frequencies(shape_of(128, 1e4), yarn::default_scaling{}).rope_theta(), 1e4);
  EXPECT_EQ(yarn::make_frequencies(shape_of(128, 1e4), yarn_of(16, 4096)).rope_theta(), 1e4);
}

// ---- The group --------------------------------------------------------------------------------

class group : public testing::Test {
protected:
  yarn::frequencies plain = yarn::make_frequencies(shape_of(128, 1e4), yarn::default_scaling{});
  yarn::frequencies scaled = yarn::make_frequencies(shape_of(128, 1e4), yarn_of(16, 4096));
  yarn::frequencies more = yarn::make_frequencies(shape_of(128, 1e4), yarn_of(40, 4096));
};

/// `made` turns by sign * theta of `origin`, and every phase step too.
void expect_turned(const yarn::frequencies& made, const yarn::frequencies& origin, int sign) {
  ASSERT_EQ(made.n_pairs(), origin.n_pairs());
  for (std::int64_t pair = 0; pair < made.n_pairs(); ++pair) {
    EXPECT_EQ(made.inv_freq().data()[pair], sign * origin.inv_freq().data()[pair]);
    const std::uint64_t step = origin.phase_steps().data()[pair];
    EXPECT_EQ(made.phase_steps().data()[pair], sign < 0 ? 0U - step : step);
  }
}

TEST_F(group, inverse_turns_back_and_divides) {
  const yarn::frequencies inverse = yarn::inverse(scaled);
  expect_turned(inverse, scaled, -1);
  EXPECT_EQ(inverse.attention_factor(), 1 / scaled.attention_factor());
  expect_turned(yarn::inverse(inverse), scaled, 1);
}

TEST_F(group, adjoint_turns_back_and_multiplies) {
  const yarn::frequencies adjoint = yarn::adjoint(scaled);
  expect_turned(adjoint, scaled, -1);
  EXPECT_EQ(adjoint.attention_factor(), scaled.attention_factor());
  expect_same_bits(yarn::adjoint(adjoint), scaled);
}

TEST_F(group, unscaled_only_turns) {
  const yarn::frequencies unscaled = yarn::unscaled(scaled);
  expect_turned(unscaled, scaled, 1);
  EXPECT_EQ(unscaled.attention_factor(), 1.0);
  EXPECT_GT(scaled.attention_factor(), 1.0); // or this test could not fail
}

TEST_F(group, rerotation_leads_from_one_scaling_to_the_other) {
  const yarn::frequencies step = yarn::rerotation(scaled, more);
  ASSERT_EQ(step.n_pairs(), 64);
  EXPECT_LE(oracle::ulp_error(step.attention_factor(),
                              oracle::real(more.attention_factor()) / scaled.attention_factor()),
            1.0);
  for (std::int64_t pair = 0; pair < step.n_pairs(); ++pair) {
    const oracle::real difference =
        oracle::real(more.inv_freq().data()[pair]) - scaled.inv_freq().data()[pair];
    EXPECT_LE(oracle::ulp_error(step.inv_freq().data()[pair], difference), 1.0) << "pair " << pair;
    // Two rounded steps subtracted, or the difference rounded: not more than one unit apart.
    const std::uint64_t expected =
        more.phase_steps().data()[pair] - scaled.phase_steps().data()[pair];
    EXPECT_LE(phase_distance(step.phase_steps().data()[pair], expected), 1U) << "pair " << pair;
  }
}

TEST_F(group, rerotation_to_itself_stands_still) {
  const yarn::frequencies still = yarn::rerotation(scaled, scaled);
  EXPECT_EQ(still.attention_factor(), 1.0);
  for (std::int64_t pair = 0; pair < still.n_pairs(); ++pair) {
    EXPECT_EQ(still.inv_freq().data()[pair], 0.0);
    EXPECT_EQ(still.phase_steps().data()[pair], 0U);
  }
}

// Rows of the group, against the exact angle at the exact amplitude. A double row has its rounding
// (half a ULP, below 2^-53 up to amplitude 2) and the phase step's, 2^-65 turns a token.
TEST_F(group, rows_follow) {
  const std::vector<std::int64_t> positions = {-4097, -1, 0, 1, 4095, 131071};
  const std::pair<yarn::frequencies, int> members[] = {
      {yarn::inverse(scaled), -1}, {yarn::adjoint(scaled), -1}, {yarn::unscaled(scaled), 1}};
  for (const auto& [freqs, sign] : members) {
    yarn::rotary_rows<double> rows;
    rows.assign(freqs, yarn::positions(positions.data(), positions.size()));
    const double amplitude = freqs.attention_factor();
    for (std::size_t row = 0; row < positions.size(); ++row) {
      const double phase_error = std::fabs(static_cast<double>(positions[row])) * 0x1p-65 * 6.2832;
      const double tolerance = 0.501 * 0x1p-52 + amplitude * phase_error;
      const auto at = static_cast<std::int64_t>(row);
      for (std::int64_t pair = 0; pair < freqs.n_pairs(); ++pair) {
        const oracle::sine_and_cosine exact =
            oracle::rotation(positions[row], sign * scaled.inv_freq().data()[pair]);
        EXPECT_LE(oracle::absolute_error(rows.cos(at)[pair], amplitude * exact.cosine), tolerance);
        EXPECT_LE(oracle::absolute_error(rows.sin(at)[pair], amplitude * exact.sine), tolerance);
      }
    }
  }
}

TEST_F(group, float32_pipeline_has_float32_frequencies) {
  const yarn::frequencies pipeline = yarn::float32_pipeline(scaled);
  EXPECT_TRUE(pipeline.is_float32_pipeline());
  EXPECT_FALSE(scaled.is_float32_pipeline());
  EXPECT_EQ(pipeline.attention_factor(), scaled.attention_factor());
  for (std::int64_t pair = 0; pair < pipeline.n_pairs(); ++pair) {
    EXPECT_EQ(pipeline.inv_freq().data()[pair],
              static_cast<double>(static_cast<float>(scaled.inv_freq().data()[pair])));
  }
}

TEST_F(group, float32_pipeline_is_not_in_it) {
  const yarn::frequencies pipeline = yarn::float32_pipeline(scaled);
  EXPECT_THROW(yarn::inverse(pipeline), std::invalid_argument);
  EXPECT_THROW(yarn::rerotation(pipeline, more), std::invalid_argument);
  EXPECT_THROW(yarn::rerotation(scaled, pipeline), std::invalid_argument);
}

} // namespace

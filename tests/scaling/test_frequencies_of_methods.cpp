// SPDX-License-Identifier: MIT
// Every scaling method is within one ULP of its exact formula, over a grid of parameters.
#include "../support/frequencies.hpp"
#include "../support/model_methods.hpp"
#include "../support/oracle.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace {

using support::describe;
using support::divisors;
using support::expect_matches;
using support::shape_of;
using support::yarn_of;

// The grids of parameters. Dimensions are int, because the oracle takes int.
constexpr int dims[] = {2, 4, 6, 10, 64, 80, 96, 128, 256};
constexpr int few_dims[] = {2, 4, 10, 64, 128}; // for grids with many parameters
constexpr double thetas[] = {2, 100, 1e4, 1e6, 1e8, 1e10};
constexpr double factors[] = {0.5, 1, 2, 2.7, 16, 40};
constexpr std::int64_t lengths[] = {64, 4096, 131072};

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
          continue; // NTK refuses heads with a single pair
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

TEST(frequencies_of, stepped_ntk) {
  for (const int dim : {4, 64, 128}) {
    for (const double theta : thetas) {
      for (const std::int64_t length : lengths) {
        for (const std::int64_t seq_len :
             {std::int64_t{0}, length, length + 1, 2 * length, 2 * length + 1, 4 * length,
              4 * length + 1, 64 * length}) {
          yarn::stepped_ntk_scaling method;
          method.original_max_position_embeddings = length;
          const yarn::frequencies freqs =
              yarn::make_frequencies(shape_of(dim, theta), method, seq_len);
          const std::string what = describe("d, theta, L, l", dim, theta, length, seq_len);
          expect_matches(freqs, oracle::stepped_ntk(dim, theta, length, seq_len), what);
        }
      }
    }
  }
}

// The factors that the code of Qwen 1 gives, by hand: 2^ceil(log2(l/L) + 1) - 1.
TEST(frequencies_of, stepped_ntk_has_the_factors_of_qwen_1) {
  yarn::stepped_ntk_scaling stepped;
  stepped.original_max_position_embeddings = 8192;
  const std::pair<std::int64_t, double> factors_of_lengths[] = {
      {8193, 3},  {16384, 3},  {16385, 7},
      {32768, 7}, {32769, 15}, {std::int64_t{1} << 40, 0x1p28 - 1}};
  for (const auto& [seq_len, factor] : factors_of_lengths) {
    yarn::ntk_scaling fixed;
    fixed.factor = factor;
    const yarn::rope_shape shape = shape_of(128, 1e4);
    const yarn::frequencies found = yarn::make_frequencies(shape, stepped, seq_len);
    const yarn::frequencies expected = yarn::make_frequencies(shape, fixed);
    for (std::int64_t i = 0; i < 64; ++i) {
      EXPECT_EQ(found.inv_freq()[i], expected.inv_freq()[i]) << seq_len << ' ' << i;
    }
  }
}

// TeleChat-7B: the code counts shorter texts as training_seqlen tokens, and raises the attention
// factor above this length.
TEST(frequencies_of, stepped_ntk_of_telechat) {
  yarn::stepped_ntk_scaling method;
  method.original_max_position_embeddings = 4096;
  method.training_seqlen = 8192;
  const std::int64_t lengths_and_counted[][2] = {{0, 8192},     {1, 8192},      {8192, 8192},
                                                 {8193, 8193},  {16384, 16384}, {16385, 16385},
                                                 {65536, 65536}};
  for (const auto& [seq_len, counted] : lengths_and_counted) {
    oracle::result expected = oracle::stepped_ntk(128, 1e4, 4096, counted);
    expected.attention_factor = log(oracle::real(counted) / 8192) / 10 + 1;
    expect_matches(yarn::make_frequencies(shape_of(128, 1e4), method, seq_len), expected,
                   describe("l", seq_len));
  }
  method.original_max_position_embeddings = 16384; // longer than T: no scaling between the two
  oracle::result expected = oracle::default_rope(128, 1e4);
  expected.attention_factor = log(oracle::real(2)) / 10 + 1;
  expect_matches(yarn::make_frequencies(shape_of(128, 1e4), method, 16384), expected, "T < L");
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

// With this many pairs, each of the four constants of the method changes which pairs are blended.
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
        // With a length of 4 or a theta of 2, high can be below low.
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
          // low_freq_factor is 1. So with a high_freq_factor of 1, no pair is blended.
          for (const double high : {1.0, 4.0, 10.5}) {
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

  // llama.cpp stores divisors as floats, which are exact in double.
  const std::vector<float> floats = {1.0F, 1.1F, 3.3F};
  yarn::freq_factors_scaling<yarn::default_scaling> over_default;
  over_default.freq_factors = yarn::factor_list(floats.data(), floats.size());
  expect_matches(yarn::make_frequencies(shape_of(6, 1e4), over_default),
                 oracle::divided(oracle::default_rope(6, 1e4),
                                 std::vector<double>(floats.begin(), floats.end())),
                 "default");
}

} // namespace

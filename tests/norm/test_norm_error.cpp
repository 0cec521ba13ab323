// SPDX-License-Identifier: MIT
// The error bounds of norm.hpp, measured over ten million floats and a million elements of each
// other type, and special values.
#include "../support/norms.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <type_traits>
#include <vector>

namespace {

using support::dense;
using support::element;
using support::element_of;
using support::norm_options;
using support::pairings;
using support::random_source;
using support::tensor_layout;
using yarn::normed;
using yarn::pairing;

struct shape {
  std::size_t n_tokens, n_heads, head_dim, rotary_dim;
};

/// The largest share of the bound that errors reach, over tensors of this shape. The elements of
/// each head have another size and another mean.
template <class T>
double worst_share(const shape& s, const norm_options& options, double mean, std::uint64_t seed) {
  using C = support::compute_type<T>;
  const tensor_layout layout = dense(s.n_tokens, s.n_heads, s.head_dim);
  random_source random(seed);
  std::vector<T> before(layout.size()), data;
  for (std::size_t h = 0; h < s.n_tokens * s.n_heads; ++h) {
    const double size = std::exp2(random.number(-6, 4));
    for (std::size_t e = 0; e < s.head_dim; ++e) {
      before[h * s.head_dim + e] = element_of<T>(size * (random.number(-1, 1) + mean));
    }
  }
  data = before;
  const std::vector<float> weights = support::random_elements<float>(s.n_heads * s.head_dim, seed);
  std::vector<double> inv_freq(s.rotary_dim / 2);
  for (double& f : inv_freq) {
    f = random.number(0, 1);
  }
  yarn::rotary_rows<C> rows;
  rows.assign(yarn::frequencies_from(inv_freq.data(), inv_freq.size(), 1.25),
              yarn::positions_from(1000, s.n_tokens));
  const pairing p = seed % 2 == 0 ? pairing::half_split : pairing::interleaved;
  support::with_norm(options, weights.data(), [&](const auto& norm) {
    yarn::rope_apply(normed(layout.view(data.data()), norm), rows, p);
  });
  double worst = 0;
  const std::vector<long double> numbers = support::numbers_of(weights);
  for (std::size_t t = 0; t < s.n_tokens; ++t) {
    const auto row = static_cast<std::int64_t>(t);
    const auto expected = support::exact_norm_rotation(
        support::heads_of_token(layout, before, t), options, numbers,
        {rows.cos(row), rows.cos(row) + inv_freq.size()},
        {rows.sin(row), rows.sin(row) + inv_freq.size()}, p, p, support::rounding_unit<C>);
    for (std::size_t h = 0; h < s.n_heads; ++h) {
      for (std::size_t e = 0; e < s.head_dim; ++e) {
        worst = std::max(worst, support::error_share(data[layout.place(t, h) + e], expected[h][e]));
      }
    }
  }
  return worst;
}

template <class T> class norm_error : public ::testing::Test {};
TYPED_TEST_SUITE(norm_error, support::element_types, support::element_names);

// The share of the bound that is reached must not be small either: then the bound would be useless.
TYPED_TEST(norm_error, is_within_the_bound) {
  if (std::is_same_v<TypeParam, double> && !support::has_wide_long_double) {
    GTEST_SKIP() << "long double is no wider than double";
  }
  double worst_of_all = 0;
  const std::size_t n = std::is_same_v<TypeParam, float> ? 35 : 4; // float: 10^7 elements
  for (const shape& s :
       {shape{4 * n, 8, 128, 128}, shape{4 * n, 8, 96, 48}, shape{28 * n, 40, 2, 2},
        shape{2 * n, 5, 576, 64}, shape{16 * n, 33, 6, 6}}) {
    for (const norm_options& options : support::kinds_of_norm()) {
      for (const double mean : {0.0, 3.0, 50.0}) {
        const double worst = worst_share<TypeParam>(s, options, mean, s.head_dim / 2 + s.n_heads);
        EXPECT_LE(worst, 1) << s.n_heads << " heads of " << s.head_dim << ", mean " << mean << ", "
                            << options;
        worst_of_all = std::max(worst_of_all, worst);
      }
    }
  }
  EXPECT_GT(worst_of_all, 0.15);
  if (std::getenv("YARN_PRINT_ERRORS") != nullptr) {
    std::printf("largest share of the bound: %.3f\n", worst_of_all);
  }
}

// ---- Special values ---------------------------------------------------------------------------

/// One head of 8 elements, rotated by the angle 1 (first pair) and smaller angles.
template <class Norm> std::vector<float> result_of(std::vector<float> x, const Norm& norm) {
  const double inv_freq[] = {1, 0.5, 0.25, 0.125};
  const auto freqs = yarn::frequencies_from(inv_freq, x.size() / 2, 1.0);
  yarn::rope_apply(normed(yarn::heads_view{x.data(), 1, 1, x.size()}, norm),
                   yarn::rows_of(freqs, yarn::positions_from(1)), pairing::half_split);
  return x;
}
const float ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
constexpr float infinity = std::numeric_limits<float>::infinity();

// torch: x * rsqrt(0 + eps). Without eps this is 0 * infinity.
TEST(norm_special_values, zeros_give_zeros_with_eps_and_nan_without) {
  const std::vector<float> zeros(8);
  for (const float y : result_of(zeros, yarn::rms_norm(ones, 1e-6))) {
    EXPECT_EQ(y, 0.0F);
  }
  for (const float y : result_of(zeros, yarn::rms_norm(ones, 0.0))) {
    EXPECT_TRUE(std::isnan(y));
  }
  for (const float y : result_of(std::vector<float>(8, 3.0F), yarn::layer_norm(ones, 1e-5))) {
    EXPECT_EQ(y, 0.0F);
  }
  for (const float y : result_of(std::vector<float>(8, 3.0F), yarn::layer_norm(ones, 0.0))) {
    EXPECT_TRUE(std::isnan(y));
  }
}

TEST(norm_special_values, squares_that_underflow_leave_only_eps) {
  // The squares of elements below 2^-75 are 0, so only eps is left of the root.
  const std::vector<float> x(8, 0x1p-80F);
  for (const double eps : {1e-6, 1e-20}) {
    const std::vector<float> y = result_of(x, yarn::rms_norm(ones, eps));
    for (std::size_t i = 0; i < 4; ++i) {
      const double angle = std::ldexp(1.0, -static_cast<int>(i));
      const double size = 0x1p-80 / std::sqrt(eps);
      EXPECT_NEAR(y[i], size * (std::cos(angle) - std::sin(angle)), 1e-6 * size);
      EXPECT_NEAR(y[i + 4], size * (std::cos(angle) + std::sin(angle)), 1e-6 * size);
    }
  }
  for (const float y : result_of(x, yarn::rms_norm(ones, 0.0))) {
    EXPECT_TRUE(std::isinf(y)); // 2^-80 * (1 / 0), as in torch
  }
}

TEST(norm_special_values, the_sum_of_squares_overflows_above_1e19) {
  const auto largest = [](const std::vector<float>& y) {
    float size = 0;
    for (const float e : y) {
      size = std::fabs(e) > size ? std::fabs(e) : size;
    }
    return size;
  };
  EXPECT_NEAR(largest(result_of(std::vector<float>(8, 6e18F), yarn::rms_norm(ones, 1e-6))),
              std::sqrt(2.0), 0.1);
  EXPECT_EQ(largest(result_of(std::vector<float>(8, 2e19F), yarn::rms_norm(ones, 1e-6))), 0.0F);
}

// torch: infinity * rsqrt(infinity) is NaN, and other elements are multiplied by 0.
TEST(norm_special_values, infinity_is_nan_in_its_pair_and_the_other_elements_are_zero) {
  std::vector<float> x{1, 2, infinity, 4, 5, 6, 7, 8};
  const std::vector<float> y = result_of(x, yarn::rms_norm(ones, 1e-6));
  for (std::size_t e = 0; e < 8; ++e) {
    if (e % 4 == 2) {
      EXPECT_TRUE(std::isnan(y[e])) << e;
    } else {
      EXPECT_EQ(y[e], 0.0F) << e;
    }
  }
  x[2] = std::numeric_limits<float>::quiet_NaN();
  for (const float e : result_of(x, yarn::rms_norm(ones, 1e-6))) {
    EXPECT_TRUE(std::isnan(e));
  }
  for (const float e : result_of(x, yarn::layer_norm(ones, 1e-6))) {
    EXPECT_TRUE(std::isnan(e));
  }
}

// Statistics of one head never reach another head.
TEST(norm_special_values, stay_in_their_head) {
  constexpr std::size_t n_heads = 40, dim = 16;
  const std::vector<float> weights(n_heads * dim, 0.75F);
  const double inv_freq[] = {1, 0.5, 0.25, 0.125, 0.1, 0.09, 0.08};
  const auto freqs = yarn::frequencies_from(inv_freq, 7, 1.0);
  const auto rotated = [&](std::vector<float> x, const auto& norm, pairing p) {
    yarn::rope_apply(normed(yarn::heads_view{x.data(), 1, n_heads, dim}, norm),
                     yarn::rows_of(freqs, yarn::positions_from(3)), p);
    return x;
  };
  const std::vector<float> x = support::random_elements<float>(n_heads * dim, 4);
  for (const pairing p : pairings) {
    for (std::size_t bad = 0; bad < n_heads; bad += 3) {
      std::vector<float> with_nan = x;
      with_nan[bad * dim + 15] = std::numeric_limits<float>::quiet_NaN();
      const auto expect_kept = [&](const auto& norm) {
        const std::vector<float> y = rotated(x, norm, p), z = rotated(with_nan, norm, p);
        for (std::size_t i = 0; i < y.size(); ++i) {
          if (i / dim == bad) {
            EXPECT_TRUE(std::isnan(z[i]));
          } else {
            EXPECT_EQ(y[i], z[i]);
          }
        }
      };
      expect_kept(yarn::rms_norm(weights.data(), 1e-6));
      expect_kept(yarn::rms_norm(weights.data(), 1e-6).with_weight_of_each_head());
      expect_kept(yarn::layer_norm(weights.data(), 1e-6));
      for (const float e :
           rotated(with_nan, yarn::rms_norm(weights.data(), 1e-6).over_all_heads(), p)) {
        EXPECT_TRUE(std::isnan(e));
      }
    }
  }
}

} // namespace

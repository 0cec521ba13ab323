// SPDX-License-Identifier: MIT
// The engines of examples/moving before and after their move, the table of
// docs/moving-your-engine.md, and the checks that the page shows.
#include "../support/bits.hpp"
#include "../support/moving_page.hpp"
#include "../support/oracle.hpp"

#include <Eigen/Core>
#include <gtest/gtest.h>
#include <moving/figures.hpp>
#include <yarn/testing.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace {

using moving::first_positions;
using moving::model;
using moving::rotated_tokens;
using moving::style;
using moving::variant;
using yarn::testing::diagnosis;

/// The styles of the page, and the one of vLLM with interleaved pairs.
const std::vector<style>& styles() {
  static const std::vector<style> list = [] {
    std::vector<style> all = moving::all_styles();
    all.push_back(moving::cache_style(/* is_neox */ false));
    return all;
  }();
  return list;
}

oracle::result exact_frequencies(const model& m) {
  oracle::yarn_parameters parameters;
  parameters.length = m.original_length;
  return oracle::yarn(static_cast<int>(m.rotary_dim), m.rope_theta, m.factor, parameters);
}

/// Calls check(error, position, pair, length) for each rotated element: the distance from the exact
/// rotation, and m * hypot(x0, x1).
template <class Check>
void check_elements(const style& s, const rotated_tokens& x, const Check& check) {
  const oracle::result exact = exact_frequencies(s.m);
  const double m = exact.attention_factor.to_double();
  std::map<std::pair<std::size_t, std::size_t>, oracle::sine_and_cosine> seen;
  moving::visit_pairs(s, [&](std::size_t t, std::size_t i, std::size_t first, std::size_t second) {
    auto at = seen.find({t, i});
    if (at == seen.end())
      at = seen.insert({{t, i}, oracle::sin_cos(oracle::real(x.positions[t]) * exact.inv_freq[i])})
               .first;
    const double c = at->second.cosine.to_double(), sn = at->second.sine.to_double();
    const auto x0 = static_cast<double>(x.original[first]);
    const auto x1 = static_cast<double>(x.original[second]);
    const double length = m * std::hypot(x0, x1);
    check(std::fabs(static_cast<double>(x.rotated[first]) - m * (x0 * c - x1 * sn)), x.positions[t],
          i, length);
    check(std::fabs(static_cast<double>(x.rotated[second]) - m * (x0 * sn + x1 * c)),
          x.positions[t], i, length);
  });
}

TEST(moving, after_is_within_2_ulp_of_the_exact_rotation) {
  for (const style& s : styles())
    for (const variant& v : s.variants)
      for (const std::int32_t first : first_positions) {
        // "exact cache" rotates with the loop of the engine. This loop has at most three roundings,
        // like the library without FMA, so the bound of both is 2.25 ULP. The errors of these
        // tokens are at most 2 ULP.
        if (v.has_float32_angles)
          continue;
        double largest = 0;
        check_elements(s, rotate_tokens(s.m, v.rotate, first),
                       [&](double error, std::int32_t, std::size_t, double length) {
                         largest = std::max(largest, error / support::ulp_at<float>(length));
                       });
        EXPECT_LE(largest, 2) << s.name << ", " << v.name << ", " << first;
        EXPECT_GT(largest, 0.25) << "nothing was rotated";
      }
}

// In float, pow has an error of 2 half units (1 ULP); the reciprocal, and the product with the
// position, have one each. The blend of YaRN has up to four further roundings. One half unit is at
// most 2^-24 of the value. The rotation itself adds at most 3 ULP: cos and sin of 1 ULP each, the
// rounding of the attention factor, and three roundings.
TEST(moving, before_is_within_the_bound_of_float32_angles) {
  for (const style& s : styles())
    for (const variant& v : s.variants)
      for (const std::int32_t first : first_positions) {
        if (!v.has_float32_angles)
          continue;
        const std::vector<double> inv_freq = moving::inv_freq_of<double>(s.m);
        const double half_units = s.m.factor > 1 ? 8 : 4;
        double largest = 0, largest_share = 0;
        check_elements(s, rotate_tokens(s.m, v.rotate, first),
                       [&](double error, std::int32_t position, std::size_t i, double length) {
                         const double angle_error = half_units * 0x1p-24 * position * inv_freq[i];
                         const double share = error / length / (angle_error + 3 * 0x1p-23);
                         largest = std::max(largest, error / length);
                         largest_share = std::max(largest_share, share);
                       });
        EXPECT_LE(largest_share, 1) << s.name << ", " << v.name << ", " << first;
        if (first == 100000) {
          EXPECT_GT(largest, 1e-3) << s.name << ", " << v.name;
        }
      }
}

// Before and after step 1 of the page, the result is within 3 ULP of the rotation by the same angle
// or row. Step 2 changes the angles.
TEST(moving, step_1_changes_only_the_rounding) {
  for (const style& s : styles())
    for (const variant& v : s.variants)
      for (const std::int32_t first : first_positions) {
        const double difference = difference_of(s, rotate_tokens(s.m, s.variants[0].rotate, first),
                                                rotate_tokens(s.m, v.rotate, first));
        if (v.has_float32_angles) {
          EXPECT_LE(difference, 6 * 0x1p-23) << s.name << ", " << v.name << ", " << first;
          if (!YARN_HAS_FMA && v.name != "same angles") {
            EXPECT_EQ(difference, 0) << s.name << ", " << v.name;
          }
        } else if (first == 100000) {
          EXPECT_GT(difference, 1e-3) << s.name << ", " << v.name;
        }
      }
}

TEST(moving, elements_beyond_rotary_dim_keep_their_bits) {
  const style s = moving::cache_style();
  for (const variant& v : s.variants) {
    const rotated_tokens x = rotate_tokens(s.m, v.rotate, 100000);
    const auto dim = static_cast<std::size_t>(s.m.head_dim);
    for (std::size_t i = 0; i < x.original.size(); ++i) {
      if (i % dim >= static_cast<std::size_t>(s.m.rotary_dim)) {
        ASSERT_EQ(x.original[i], x.rotated[i]) << v.name << ", " << i;
      }
    }
  }
}

TEST(moving, every_layer_of_a_token_is_rotated) {
  namespace loop = moving::scalar_loop;
  const loop::shape two{2, 4, 2, 128}, one{1, 4, 2, 128};
  std::vector<float> q(2 * 4 * 128), k(2 * 2 * 128);
  support::random_source random(1);
  for (std::vector<float>* x : {&q, &k})
    for (float& value : *x)
      value = static_cast<float>(random.number(-1, 1));
  std::vector<float> q_by_layer = q, k_by_layer = k;
  loop::after::rope(two, {}).forward(q.data(), k.data(), 100003);
  loop::after::rope layer(one, {});
  for (std::int64_t i = 0; i < two.n_layers; ++i)
    layer.forward(q_by_layer.data() + i * one.q_size(), k_by_layer.data() + i * one.k_size(),
                  100003);
  EXPECT_EQ(q, q_by_layer);
  EXPECT_EQ(k, k_by_layer);
}

// ---- testing.hpp ------------------------------------------------------------------------------

TEST(moving, testing_accepts_after_and_names_what_is_wrong_before) {
  for (const style& s : styles())
    for (const variant& v : s.variants) {
      const yarn::testing::report r = diagnosis_of(s, v.rotate);
      EXPECT_EQ(r.ok(), !v.has_float32_angles) << s.name << ", " << v.name << "\n" << r;
      EXPECT_EQ(r.has(diagnosis::float32_angles), v.has_float32_angles) << r;
      EXPECT_LE(r.findings.size(), 1U) << r;
    }
}

/// The objects `expected` and `options` in the code of the page. The options are for an engine that
/// keeps its float32 angles.
struct page_example {
  model m;
  yarn::pairing order = yarn::pairing::half_split;
  yarn::testing::options options = [] {
    yarn::testing::options o;
    o.accept_float32_angles = true;
    return o;
  }();
  yarn::testing::expectation expected() const { return {shape_of(m), method_of(m), order}; }
};

TEST(moving_page, a_table_is_checked) {
  const page_example page;
  const auto expected = page.expected();
  const moving::table_of_cos_sin::before::rope rope(page.m, moving::n_positions);
  const std::int64_t n = rope.n_positions, half = rope.half;
  const yarn::table_view<float> table{rope.cos.data(), rope.sin.data(), n, half, half};
  const auto r = yarn::testing::check_table(expected, table);
  EXPECT_FALSE(r);
  EXPECT_TRUE(r.has(diagnosis::float32_angles)) << r;
  EXPECT_TRUE(yarn::testing::check_table(expected, table, page.options)) << r;
}

TEST(moving_page, a_loop_over_tokens_is_checked) {
  const page_example page{{}, yarn::pairing::interleaved};
  const auto expected = page.expected();
  moving::scalar_loop::after::rope rope({1, 2, 1, 128}, page.m);
  std::vector<float> key(128);
  const auto rotate = [&](yarn::heads_view<float> x, const std::vector<std::int32_t>& positions) {
    for (std::size_t t = 0; t < positions.size(); ++t)
      rope.forward(x.data() + t * 2 * 128, key.data(), positions[t]); // two heads a token
  };
  const auto r = yarn::testing::check_rotation<float>(expected, rotate);
  EXPECT_TRUE(r) << r;
}

TEST(moving_page, cos_and_sin_with_every_entry_twice_are_checked) {
  page_example page;
  page.m.factor = 32;
  const auto expected = page.expected();
  const yarn::testing::options options = page.options;
  const moving::eager::before::rope rope(page.m);
  const std::vector<std::int64_t> ids{0, 1, 2, 3, 61, 1021, 4095, 32767, 131071};
  const auto e = rope.forward(ids.data(), static_cast<std::int64_t>(ids.size()));
  const yarn::rows_view rows{e.cos.data(), e.sin.data(), ids.size(), 128, 128}; // [n][head_dim]
  const auto r = yarn::testing::check_rows(expected, rows, yarn::positions(ids), options);
  EXPECT_TRUE(r) << r;
  EXPECT_TRUE(r.has(diagnosis::float32_angles)) << r;
}

TEST(moving_page, a_packed_cache_is_checked) {
  page_example page;
  page.m.factor = 32;
  page.m.rotary_dim = 64;
  const auto expected = page.expected();
  const std::vector<float> cache =
      moving::cos_sin_cache::exact_cache::make_cache(page.m, moving::n_positions);
  const auto table = yarn::table_view<float>::packed(cache.data(), moving::n_positions, 32);
  const auto r = yarn::testing::check_table(expected, table);
  EXPECT_TRUE(r) << r;

  // A cache in the type of a bfloat16 model.
  const std::vector<Eigen::bfloat16> narrow(cache.begin(), cache.end());
  const auto of_16_bits = yarn::testing::check_rotation<float>(
      expected, [&](yarn::heads_view<float> x, const std::vector<std::int32_t>& positions) {
        const auto rows =
            yarn::table_view<Eigen::bfloat16>::packed(narrow.data(), moving::n_positions, 32);
        yarn::rope_apply(x, yarn::rows_of(rows, yarn::positions(positions)), page.order);
      });
  EXPECT_FALSE(of_16_bits);
  EXPECT_TRUE(of_16_bits.has(diagnosis::table_16bit)) << of_16_bits;
  // An entry in [1, 2) has an error of 2^-8, and an element has the errors of two entries.
  EXPECT_LE(of_16_bits.max_error, std::sqrt(2.0) * 0x1p-8 / moving::attention_factor_of(page.m));
  EXPECT_GT(of_16_bits.max_error, 2e-3);
}

// ---- The table of the page --------------------------------------------------------------------

TEST(moving_page, has_the_figures_that_the_program_prints) {
  for (const style& s : moving::all_styles())
    support::expect_figures_of_the_page(s);
}

} // namespace

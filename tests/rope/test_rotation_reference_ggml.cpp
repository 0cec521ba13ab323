// SPDX-License-Identifier: MIT
// Whole rotations against ggml: within the error of its running product of float32 angles, which
// goes away when our rows are made of its angles. (test_rotation_reference.cpp has the frameworks.)
#include "../support/bits.hpp"
#include "../support/reference_cases.hpp"
#include "../support/rotation_cases.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace {

using support::cases_of;
using support::difference;
using support::expect_rest_copied;
using support::for_each_pair;
using support::format;
using support::format_named;
using support::get;
using support::method;
using support::name_of;
using support::product32;
using support::rotate;
using support::rotation_case;
using support::rounded;
using support::spacing;

TEST(ggml_reference_data, has_a_test_for_every_case_but_those_of_axes) {
  std::map<std::string, int> tests_named;
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  for (int s = 0; s < all.total_test_suite_count(); ++s) {
    const testing::TestSuite& suite = *all.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t) {
      const std::string name = suite.GetTestInfo(t)->name();
      const std::size_t slash = name.find('/');
      tests_named[slash == std::string::npos ? name : name.substr(slash + 1)] += 1;
    }
  }
  for (const support::listed_case& listed : support::listed_cases) {
    if (std::string(listed.id).compare(0, 5, "ggml-") != 0)
      continue;
    const int n = tests_named[reference::test_name(listed.id)];
    EXPECT_TRUE(listed.how == method::axes ? n == 0 : n > 0) << listed.id << ": " << n << " tests";
  }
}

class ggml : public testing::TestWithParam<rotation_case> {};

template <class Method>
yarn::frequencies with_freq_factors(const rotation_case& one, const yarn::rope_shape& shape,
                                    const Method& method) {
  if (one.freq_factors.empty()) {
    return yarn::make_frequencies(shape, method);
  }
  const std::vector<double> divisors(one.freq_factors.begin(), one.freq_factors.end());
  yarn::freq_factors_scaling<Method> divided;
  divided.method = method;
  divided.freq_factors = divisors;
  return yarn::make_frequencies(shape, divided);
}

/// The arguments of ggml_rope_ext in the library's terms.
yarn::frequencies ggml_frequencies(const rotation_case& one) {
  const auto number = [&one](const char* key) { return one.ggml.at(key).get<double>(); };
  yarn::rope_shape shape;
  shape.head_dim = one.model.head_dim;
  shape.rotary_dim = one.ggml.at("n_dims");
  shape.rope_theta = number("freq_base");
  const double factor = 1 / number("freq_scale");
  const double ext_factor = number("ext_factor");
  const double attn_factor = number("attn_factor");
  const bool is_yarn = ext_factor > 0;
  if (!is_yarn && !(attn_factor < 1 || attn_factor > 1)) {
    yarn::linear_scaling linear;
    linear.factor = factor;
    return with_freq_factors(one, shape, linear);
  }
  yarn::yarn_scaling scaling;
  scaling.factor = factor;
  scaling.original_max_position_embeddings = one.ggml.at("n_ctx_orig");
  scaling.beta_fast = number("beta_fast");
  scaling.beta_slow = number("beta_slow");
  scaling.extrapolation_factor = ext_factor;
  scaling.attn_factor = attn_factor;
  if (!is_yarn) {
    scaling.attention_factor = attn_factor; // no temperature of its own without the ramp
  } else if (factor < 1) {
    scaling.attention_factor = attn_factor * (1 + 0.1 * std::log(factor)); // as is, below 1 too
  }
  return with_freq_factors(one, shape, scaling);
}

/// ggml's "back" is the transpose: it turns the other way and multiplies by the factor again.
yarn::frequencies as_operated(const rotation_case& one, const yarn::frequencies& freqs) {
  return one.is_inverse ? yarn::adjoint(freqs) : freqs;
}

/// For 16-bit data, two roundings of numbers that differ by the tolerance.
double with_rounding(const rotation_case& one, double tolerance, double ours, double theirs) {
  return one.dtype == "float32" ? tolerance
                                : tolerance + spacing(std::max(std::fabs(ours), std::fabs(theirs)),
                                                      format_named(one.dtype));
}

// 4e-6 a radian is what its angles are off by: a running product of up to 64 float32 factors, and
// the factor itself rounded (reference/README.md). 40 % of the tolerance occurs in float32.
TEST_P(ggml, agrees_within_the_error_of_its_angles) {
  const rotation_case& one = GetParam();
  const yarn::frequencies freqs = ggml_frequencies(one);
  const std::vector<double> ours = rotate(one, as_operated(one, freqs));
  const double attention = freqs.attention_factor();
  difference found;
  for_each_pair(one, [&](std::int64_t t, std::int64_t pair, double, double, std::size_t first,
                         std::size_t second) {
    const auto position = static_cast<double>(one.positions[static_cast<std::size_t>(t)]);
    const double angle = std::fabs(position * freqs.inv_freq()[pair]);
    for (const std::size_t at : {first, second}) {
      const double theirs{one.output[at]};
      const double tolerance =
          with_rounding(one, 4e-6 * angle * attention + 3e-7, ours[at], theirs);
      found.add(ours[at], theirs, tolerance);
      EXPECT_NEAR(ours[at], theirs, tolerance) << "position " << position << ", pair " << pair;
    }
  });
  expect_rest_copied(one, ours);
  found.print(one, "own angles");
}

/// The frequencies before any method.
yarn::frequencies unscaled_frequencies(const rotation_case& one) {
  yarn::rope_shape shape;
  shape.head_dim = one.ggml.at("n_dims");
  shape.rope_theta = one.ggml.at("freq_base");
  return yarn::make_frequencies(shape, yarn::default_scaling{});
}

/// The float32 angles of ggml at a position: the position, times freq_base^(-2/n_dims) from pair to
/// pair, each product rounded. What a method makes of a frequency it makes of the angle.
std::vector<float> ggml_angles(const rotation_case& one, const yarn::frequencies& freqs,
                               const yarn::frequencies& plain, std::int64_t position) {
  const auto base = one.ggml.at("freq_base").get<double>();
  const double exponent{-2.0F / one.ggml.at("n_dims").get<float>()};
  const double step{static_cast<float>(std::pow(base, exponent))};
  std::vector<float> angles;
  double angle = static_cast<double>(position);
  for (std::size_t pair = 0; pair < freqs.inv_freq().size(); ++pair) {
    const double scale = freqs.inv_freq()[pair] / plain.inv_freq()[pair];
    angles.push_back(static_cast<float>(angle * scale));
    angle = product32(angle, step);
  }
  return angles;
}

// With its angles for ours, nothing is left but the rounding of cos, sin and the rotation, as in
// the frameworks. Where a ramp blends angles in float32, the share is off by half a ULP of 1, hence
// the angle by half a ULP of the unscaled one, and by 1.5 of its own for two products and a sum.
// The largest difference without a ramp is 6.0e-8, 1.2e-7 with LongRoPE's attention factor.
TEST_P(ggml, agrees_by_its_own_angles) {
  const rotation_case& one = GetParam();
  const yarn::frequencies freqs = ggml_frequencies(one);
  const yarn::frequencies plain = unscaled_frequencies(one);
  const double attention = freqs.attention_factor();
  const bool has_ramp = one.ggml.at("ext_factor").get<double>() > 0;
  const format single = format_named("float32");
  std::vector<std::vector<float>> angles;
  yarn::rotary_rows<float> rows;
  for (const std::int64_t position : one.positions) {
    angles.push_back(ggml_angles(one, freqs, plain, position));
    const yarn::frequencies turns =
        yarn::frequencies_from(angles.back().data(), angles.back().size(), attention);
    rows.append(as_operated(one, turns), yarn::positions_from(1, 1));
  }
  const std::vector<double> ours = rotate(one, rows.view());
  difference found;
  for_each_pair(one, [&](std::int64_t t, std::int64_t pair, double x0, double x1, std::size_t first,
                         std::size_t second) {
    const auto token = static_cast<std::size_t>(t);
    const double angle{angles[token][static_cast<std::size_t>(pair)]};
    const double unscaled = angle / freqs.inv_freq()[pair] * plain.inv_freq()[pair];
    const double turned =
        has_ramp ? spacing(unscaled, single) / 2 + 1.5 * spacing(angle, single) : 0;
    for (const std::size_t at : {first, second}) {
      const double theirs{one.output[at]};
      const double tolerance =
          with_rounding(one, attention * (std::hypot(x0, x1) * turned + 2.4e-7), ours[at], theirs);
      found.add(ours[at], theirs, tolerance);
      EXPECT_NEAR(ours[at], theirs, tolerance)
          << "position " << one.positions[token] << ", pair " << pair;
    }
  });
  found.print(one, "its angles");
}

INSTANTIATE_TEST_SUITE_P(all, ggml, testing::ValuesIn(cases_of(method::ggml)), name_of);

} // namespace

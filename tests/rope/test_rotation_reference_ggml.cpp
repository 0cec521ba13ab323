// SPDX-License-Identifier: MIT
// Compares rotations of whole tensors with ggml, which computes angles in float32 by repeated
// products. The results agree within the error of these angles. If our rows are made from ggml's
// angles, the results agree within the rounding of float32. (test_rotation_reference.cpp compares
// with the frameworks.)
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
using support::name_of;
using support::product32;
using support::rotate;
using support::rotation_case;
using support::rounding_kind;
using support::spacing;
using support::with_axes_of;

TEST(ggml_reference_data, has_a_test_for_every_case) {
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
    EXPECT_GT(tests_named[reference::test_name(listed.id)], 0) << listed.id;
  }
}

// With interleaved sections, some pairs remain after those that alternate. In ggml the remaining
// pairs turn with the fourth position, in Hugging Face with the first. Engines that write 0 as the
// fourth position do not rotate these pairs.
TEST(ggml_reference_data, has_other_axes_than_hugging_face_for_two_pairs_of_interleaved_sections) {
  const std::vector<rotation_case> cases = cases_of(rounding_kind::ggml);
  const auto found = std::find_if(cases.begin(), cases.end(), [](const rotation_case& each) {
    return each.model.id == "ggml-imrope-qwen3vl";
  });
  ASSERT_TRUE(found != cases.end());
  const std::vector<double> any(64, 0.5);
  const yarn::frequencies hugging_face = yarn::with_axes(
      yarn::frequencies_from(any.data(), any.size()), yarn::interleaved_sections{24, 20, 20});
  for (std::int64_t pair = 0; pair < 64; ++pair) {
    const int in_ggml = found->axis_of_pair[static_cast<std::size_t>(pair)];
    const bool is_left = pair == 61 || pair == 62;
    EXPECT_EQ(in_ggml, is_left ? 3 : hugging_face.axis(pair)) << pair;
    EXPECT_TRUE(!is_left || hugging_face.axis(pair) == 0) << pair;
  }
}

class ggml : public testing::TestWithParam<rotation_case> {};

template <class Method>
yarn::frequencies with_freq_factors(const rotation_case& test_case, const yarn::rope_shape& shape,
                                    const Method& method) {
  if (test_case.freq_factors.empty()) {
    return yarn::make_frequencies(shape, method);
  }
  const std::vector<double> divisors(test_case.freq_factors.begin(), test_case.freq_factors.end());
  yarn::freq_factors_scaling<Method> divided;
  divided.method = method;
  divided.freq_factors = divisors;
  return yarn::make_frequencies(shape, divided);
}

/// The arguments of ggml_rope_ext and ggml_rope_multi in the library's terms, without the axes.
yarn::frequencies one_axis_frequencies(const rotation_case& test_case) {
  const auto number = [&test_case](const char* key) {
    return test_case.ggml.at(key).get<double>();
  };
  yarn::rope_shape shape;
  shape.head_dim = test_case.model.head_dim;
  shape.rotary_dim = test_case.ggml.at("n_dims");
  shape.rope_theta = number("freq_base");
  const double factor = 1 / number("freq_scale");
  const double ext_factor = number("ext_factor");
  const double attn_factor = number("attn_factor");
  const bool is_yarn = ext_factor > 0;
  if (!is_yarn && !(attn_factor < 1 || attn_factor > 1)) {
    yarn::linear_scaling linear;
    linear.factor = factor;
    return with_freq_factors(test_case, shape, linear);
  }
  yarn::yarn_scaling scaling;
  scaling.factor = factor;
  scaling.original_max_position_embeddings = test_case.ggml.at("n_ctx_orig");
  scaling.beta_fast = number("beta_fast");
  scaling.beta_slow = number("beta_slow");
  scaling.extrapolation_factor = ext_factor;
  scaling.attn_factor = attn_factor;
  if (!is_yarn) {
    scaling.attention_factor = attn_factor; // without the ramp, ggml computes no attention factor
  } else if (factor < 1) {
    // ggml has the formula of the attention factor also for s < 1.
    scaling.attention_factor = attn_factor * (1 + 0.1 * std::log(factor));
  }
  return with_freq_factors(test_case, shape, scaling);
}

yarn::frequencies ggml_frequencies(const rotation_case& test_case) {
  return with_axes_of(test_case, one_axis_frequencies(test_case));
}

/// ggml's backward operation is the transpose: it rotates in the other direction and multiplies by
/// the attention factor again.
yarn::frequencies frequencies_applied(const rotation_case& test_case,
                                      const yarn::frequencies& freqs) {
  return test_case.is_inverse ? yarn::adjoint(freqs) : freqs;
}

/// The tolerance for two results. 16-bit results are both rounded, which adds one unit of the
/// format.
double with_rounding(const rotation_case& test_case, double tolerance, double ours, double theirs) {
  return test_case.dtype == "float32"
             ? tolerance
             : tolerance + spacing(std::max(std::fabs(ours), std::fabs(theirs)),
                                   format_named(test_case.dtype));
}

// The error of ggml's angles is up to 4e-6 per radian: an angle is a product of up to 64 rounded
// float32 ratios, and each product is rounded. In float32 the largest difference is 40 % of the
// tolerance.
TEST_P(ggml, agrees_within_the_error_of_its_angles) {
  const rotation_case& test_case = GetParam();
  const yarn::frequencies freqs = ggml_frequencies(test_case);
  const std::vector<double> ours = rotate(test_case, frequencies_applied(test_case, freqs));
  const double attention = freqs.attention_factor();
  difference found;
  for_each_pair(test_case, [&](std::int64_t t, std::int64_t pair, double, double, std::size_t first,
                               std::size_t second) {
    const auto position = static_cast<double>(test_case.position(t, pair));
    const double angle = std::fabs(position * freqs.inv_freq()[pair]);
    for (const std::size_t at : {first, second}) {
      const double theirs{test_case.output[at]};
      const double tolerance =
          with_rounding(test_case, 4e-6 * angle * attention + 3e-7, ours[at], theirs);
      found.add(ours[at], theirs, tolerance);
      EXPECT_NEAR(ours[at], theirs, tolerance) << "position " << position << ", pair " << pair;
    }
  });
  expect_rest_copied(test_case, ours);
  found.print(test_case, "own angles");
}

/// The frequencies without a scaling method.
yarn::frequencies unscaled_frequencies(const rotation_case& test_case) {
  yarn::rope_shape shape;
  shape.head_dim = test_case.ggml.at("n_dims");
  shape.rope_theta = test_case.ggml.at("freq_base");
  return with_axes_of(test_case, yarn::make_frequencies(shape, yarn::default_scaling{}));
}

/// The float32 angles of ggml at a position. The first angle is the position. Each next angle is
/// the previous one times freq_base^(-2/n_dims), rounded. The scaling method multiplies each angle
/// as it multiplies the frequency.
std::vector<float> ggml_angles(const rotation_case& test_case, const yarn::frequencies& freqs,
                               const yarn::frequencies& plain, std::int64_t token) {
  const auto base = test_case.ggml.at("freq_base").get<double>();
  const double exponent{-2.0F / test_case.ggml.at("n_dims").get<float>()};
  const double ratio{static_cast<float>(std::pow(base, exponent))};
  std::vector<float> angles;
  // There is one product for each axis. In a vision tower, each axis begins with its first pair.
  std::vector<double> product;
  for (const std::vector<std::int64_t>& axis : test_case.positions) {
    product.push_back(static_cast<double>(axis[static_cast<std::size_t>(token)]));
  }
  for (std::size_t pair = 0; pair < freqs.inv_freq().size(); ++pair) {
    const auto axis = static_cast<std::size_t>(test_case.axis_of_pair[pair]);
    const double scale = freqs.inv_freq()[pair] / plain.inv_freq()[pair];
    angles.push_back(static_cast<float>(product[axis] * scale));
    for (std::size_t i = 0; i < product.size(); ++i) {
      if (!test_case.is_vision_tower || i == axis) {
        product[i] = product32(product[i], ratio);
      }
    }
  }
  return angles;
}

// If our rows are made from ggml's angles, only the roundings of cos, sin and the rotation differ,
// as with the frameworks. With a ramp, ggml blends angles in float32. The error of the share is
// half an ULP of 1, which moves the angle by half an ULP of the unscaled angle. Two products and a
// sum move the angle by another 1.5 ULP of the angle. The largest difference without a ramp is
// 6.0e-8, and 1.2e-7 with LongRoPE's attention factor.
TEST_P(ggml, agrees_by_its_own_angles) {
  const rotation_case& test_case = GetParam();
  const yarn::frequencies freqs = ggml_frequencies(test_case);
  const yarn::frequencies plain = unscaled_frequencies(test_case);
  const double attention = freqs.attention_factor();
  const bool has_ramp = test_case.ggml.at("ext_factor").get<double>() > 0;
  const format single = format_named("float32");
  std::vector<std::vector<float>> angles;
  yarn::rotary_rows<float> rows;
  for (std::int64_t token = 0; token < test_case.n_tokens(); ++token) {
    angles.push_back(ggml_angles(test_case, freqs, plain, token));
    const yarn::frequencies turns =
        yarn::frequencies_from(angles.back().data(), angles.back().size(), attention);
    rows.append(frequencies_applied(test_case, turns), yarn::positions_from(1, 1));
  }
  const std::vector<double> ours = rotate(test_case, rows.view());
  difference found;
  for_each_pair(test_case, [&](std::int64_t t, std::int64_t pair, double x0, double x1,
                               std::size_t first, std::size_t second) {
    const auto token = static_cast<std::size_t>(t);
    const double angle{angles[token][static_cast<std::size_t>(pair)]};
    const double unscaled = angle / freqs.inv_freq()[pair] * plain.inv_freq()[pair];
    const double turned =
        has_ramp ? spacing(unscaled, single) / 2 + 1.5 * spacing(angle, single) : 0;
    for (const std::size_t at : {first, second}) {
      const double theirs{test_case.output[at]};
      const double tolerance = with_rounding(
          test_case, attention * (std::hypot(x0, x1) * turned + 2.4e-7), ours[at], theirs);
      found.add(ours[at], theirs, tolerance);
      EXPECT_NEAR(ours[at], theirs, tolerance)
          << "position " << test_case.position(t, pair) << ", pair " << pair;
    }
  });
  found.print(test_case, "its angles");
}

INSTANTIATE_TEST_SUITE_P(all, ggml, testing::ValuesIn(cases_of(rounding_kind::ggml)), name_of);

} // namespace

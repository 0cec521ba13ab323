// SPDX-License-Identifier: MIT
// Compares rotations of whole tensors with the numbers of Hugging Face and vLLM
// (tests/reference/README.md says how the numbers were made). Tests every case of rotation.json
// except those of ggml.
//
//     float32   The frameworks compute angles in float32, and so does float32_pipeline.
//     16 bits   If the test rounds our rows and products where the frameworks round theirs, the
//               bits are equal. The results of the library are nearer to the exact rotation.
#include "../support/bits.hpp"
#include "../support/reference_cases.hpp"
#include "../support/rotation_cases.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace {

using support::bits_of;
using support::cases_of;
using support::difference;
using support::expect_rest_copied;
using support::for_each_pair;
using support::format;
using support::format_named;
using support::framework_frequencies;
using support::listed_case;
using support::listed_cases;
using support::name_of;
using support::product32;
using support::rotate;
using support::rotation_case;
using support::rotation_json;
using support::rounded;
using support::rounding_kind;
using support::spacing;
using support::sum32;
using support::with_axes_of;

// ---- The list of cases ------------------------------------------------------------------------

TEST(rotation_reference_data, has_the_cases_of_the_list) {
  ASSERT_EQ(rotation_json().size(), std::size(listed_cases));
  for (std::size_t i = 0; i < std::size(listed_cases); ++i) {
    EXPECT_EQ(rotation_json()[i].at("id"), listed_cases[i].id) << "case " << i;
  }
}

/// The rounding that the data of a case describes. It must agree with listed_cases.
rounding_kind rounding_in_data(const reference::json& entry) {
  if (entry.contains("ggml")) {
    return rounding_kind::ggml;
  }
  if (entry.at("dtype") == "float32") {
    return rounding_kind::float32;
  }
  const std::string note = entry.value("note", "");
  if (note.find("one rounding at the end") == std::string::npos) {
    return rounding_kind::three_times;
  }
  return note.find("already rounded") == std::string::npos ? rounding_kind::end_only
                                                           : rounding_kind::rows_and_end;
}

TEST(rotation_reference_data, agrees_with_the_roundings_of_the_list) {
  for (std::size_t i = 0; i < std::size(listed_cases); ++i) {
    EXPECT_TRUE(rounding_in_data(rotation_json()[i]) == listed_cases[i].how) << listed_cases[i].id;
  }
}

// test_rotation_reference_ggml.cpp counts the cases of ggml.
TEST(rotation_reference_data, has_a_test_for_every_case) {
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
  for (const listed_case& listed : listed_cases) {
    if (std::string(listed.id).compare(0, 5, "ggml-") == 0)
      continue;
    EXPECT_GT(tests_named[reference::test_name(listed.id)], 0) << listed.id;
  }
}

// ---- float32: Hugging Face and vLLM -----------------------------------------------------------

class float32_frameworks : public testing::TestWithParam<rotation_case> {};

// The frameworks' cos and sin are within one ULP of float32, ours are correctly rounded, and both
// sides round products and sums of numbers below 0.71. Hence the tolerance is 2.4e-7 times the
// attention factor. The largest difference that occurs is 6.0e-8, and 1.2e-7 with an attention
// factor (42 % of the tolerance).
TEST_P(float32_frameworks, agree_with_the_float32_pipeline) {
  const rotation_case& test_case = GetParam();
  const std::vector<double> ours = rotate(test_case, framework_frequencies(test_case));
  const double tolerance = 2.4e-7 * test_case.model.attention_factor;
  difference found;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    found.add(ours[i], double{test_case.output[i]}, tolerance);
    EXPECT_NEAR(ours[i], double{test_case.output[i]}, tolerance) << "element " << i;
  }
  expect_rest_copied(test_case, ours);
  found.print(test_case, "float32 pipeline");
}

/// The error of the frameworks' float32 frequencies, in ULP (reference/README.md).
std::int64_t inv_freq_tolerance_ulp(const rotation_case& test_case) {
  const std::string& type = test_case.model.rope_type;
  if (type == "yarn") {
    return test_case.model.parameters.value("truncate", true) ? 8 : 13;
  }
  return type == "llama3" ? 8 : type == "longrope" ? 5 : 4;
}

// The library computes from the parameters of the model, with exact angles. The frameworks'
// frequencies differ by a few ULP of float32, which the position multiplies, and their angles are
// rounded to float32. Both errors change a result by at most the change of the angle times the
// length of the pair. (The largest difference is 4.9e-3 at position 131071, 99 % of the tolerance.)
TEST_P(float32_frameworks, agree_with_the_methods_of_the_library) {
  const rotation_case& test_case = GetParam();
  reference::mapped_case mapped = reference::map_case(test_case.model);
  if (test_case.is_vision_tower) {
    mapped.shape.head_dim /= 2;
    mapped.shape.rotary_dim = 0;
  }
  const yarn::frequencies freqs =
      with_axes_of(test_case, yarn::make_frequencies(mapped.shape, mapped.scaling, mapped.seq_len));
  ASSERT_EQ(freqs.inv_freq().size(), test_case.model.inv_freq.size());
  const double attention = test_case.model.attention_factor;
  EXPECT_NEAR(freqs.attention_factor() / attention, 1, 1e-12);
  const format single = format_named("float32");
  std::vector<double> moved; // the differences of the frequencies
  for (std::size_t pair = 0; pair < freqs.inv_freq().size(); ++pair) {
    const double exact = freqs.inv_freq()[pair];
    moved.push_back(std::fabs(exact - double{test_case.model.inv_freq[pair]}));
    EXPECT_LE(moved.back(), (static_cast<double>(inv_freq_tolerance_ulp(test_case)) + 0.5) *
                                spacing(exact, single))
        << "pair " << pair;
  }
  const std::vector<double> ours = rotate(test_case, freqs);
  difference found;
  for_each_pair(test_case, [&](std::int64_t t, std::int64_t pair, double x0, double x1,
                               std::size_t first, std::size_t second) {
    const auto position = static_cast<double>(test_case.position(t, pair));
    const auto i = static_cast<std::size_t>(pair);
    const double angle = position * double{test_case.model.inv_freq[i]};
    const double turned = position * moved[i] + spacing(angle, single) / 2;
    const double tolerance = attention * (std::hypot(x0, x1) * turned + 2.4e-7);
    for (const std::size_t at : {first, second}) {
      found.add(ours[at], double{test_case.output[at]}, tolerance);
      EXPECT_NEAR(ours[at], double{test_case.output[at]}, tolerance)
          << "position " << position << ", pair " << pair;
    }
  });
  found.print(test_case, "own method");
}

INSTANTIATE_TEST_SUITE_P(all, float32_frameworks,
                         testing::ValuesIn(cases_of(rounding_kind::float32)), name_of);

// ---- 16 bits: Hugging Face and vLLM -----------------------------------------------------------

class sixteen_bit_frameworks : public testing::TestWithParam<rotation_case> {};

// The test rounds our rows, products and sums as the framework does. (The framework rounds its rows
// to float32 twice, before and after the multiplication by the attention factor. The library rounds
// once. After the rounding to 16 bits this difference does not occur in these cases.)
TEST_P(sixteen_bit_frameworks, are_reproduced_bit_for_bit) {
  const rotation_case& test_case = GetParam();
  const format to = format_named(test_case.dtype);
  yarn::rotary_rows<float> rows;
  rows.assign(framework_frequencies(test_case), yarn::positions(test_case.positions[0]));
  const auto row_entry = [&](float value) {
    return test_case.how == rounding_kind::end_only ? double{value} : rounded(double{value}, to);
  };
  const auto term = [&](double x, double entry) {
    const double product = product32(x, entry);
    return test_case.how == rounding_kind::three_times ? rounded(product, to) : product;
  };
  std::size_t n_different = 0;
  for_each_pair(test_case, [&](std::int64_t t, std::int64_t pair, double x0, double x1,
                               std::size_t first, std::size_t second) {
    const double c = row_entry(rows.cos(t)[pair]);
    const double s = row_entry(rows.sin(t)[pair]);
    const double y0 = rounded(sum32(term(x0, c), -term(x1, s)), to);
    const double y1 = rounded(sum32(term(x1, c), term(x0, s)), to);
    n_different += bits_of(static_cast<float>(y0)) != bits_of(test_case.output[first]) ? 1 : 0;
    n_different += bits_of(static_cast<float>(y1)) != bits_of(test_case.output[second]) ? 1 : 0;
  });
  EXPECT_EQ(n_different, 0U) << "of " << test_case.output.size();
}

/// The errors of a result against the exact result.
struct error_summary {
  double largest = 0;
  double sum_of_squares = 0;
  std::size_t n = 0;

  void add(double value, long double exact) {
    const auto error = static_cast<double>(std::fabs(static_cast<long double>(value) - exact));
    largest = std::max(largest, error);
    sum_of_squares += error * error;
    ++n;
  }
  double rms() const { return std::sqrt(sum_of_squares / static_cast<double>(n)); }
};

struct compared_errors {
  error_summary ours;
  error_summary theirs;
};

/// The errors of both results, compared with the exact rotation by the angles angle(token, pair).
/// Expects that our errors are within their bound.
template <class Angle>
compared_errors compare_errors(const rotation_case& test_case, const std::vector<double>& ours,
                               const Angle& angle) {
  const format to = format_named(test_case.dtype);
  compared_errors errors;
  for_each_pair(test_case, [&](std::int64_t t, std::int64_t pair, double x0, double x1,
                               std::size_t first, std::size_t second) {
    const long double a = angle(t, pair);
    const long double m = test_case.model.attention_factor;
    const long double c = m * std::cos(a);
    const long double s = m * std::sin(a);
    const long double exact[] = {x0 * c - x1 * s, x0 * s + x1 * c};
    const std::size_t at[] = {first, second};
    for (int i = 0; i < 2; ++i) {
      errors.ours.add(ours[at[i]], exact[i]);
      errors.theirs.add(double{test_case.output[at[i]]}, exact[i]);
      // Half a unit of the 16-bit format, and 2 ULP of float at the length of the pair. Without a
      // fused multiply-add the bound of rope.hpp is 2.25 ULP, but these errors are at most 2 ULP.
      const double length = std::hypot(x0, x1) * test_case.model.attention_factor;
      EXPECT_LE(std::fabs(static_cast<double>(static_cast<long double>(ours[at[i]]) - exact[i])),
                spacing(static_cast<double>(exact[i]), to) / 2 +
                    2 * spacing(length, format_named("float32")));
    }
  });
  return errors;
}

void print(const rotation_case& test_case, const char* what, const compared_errors& errors) {
  std::printf("%-28s %s: max %.2e (theirs %.2e), rms %.2e (theirs %.2e)\n",
              test_case.model.id.c_str(), what, errors.ours.largest, errors.theirs.largest,
              errors.ours.rms(), errors.theirs.rms());
}

/// Expects that our errors are smaller. (A framework that rounds only at the end has the same
/// largest error, half a unit of the 16-bit format.)
void expect_nearer(const rotation_case& test_case, const compared_errors& errors) {
  if (test_case.how == rounding_kind::end_only) {
    EXPECT_LE(errors.ours.largest, errors.theirs.largest);
  } else {
    EXPECT_LT(errors.ours.largest, errors.theirs.largest);
  }
  EXPECT_LT(errors.ours.rms(), errors.theirs.rms());
}

TEST_P(sixteen_bit_frameworks, are_farther_from_the_exact_rotation_than_the_library) {
  const rotation_case& test_case = GetParam();
  const yarn::frequencies freqs =
      yarn::frequencies_from(test_case.model.inv_freq.data(), test_case.model.inv_freq.size(),
                             test_case.model.attention_factor);
  const compared_errors errors =
      compare_errors(test_case, rotate(test_case, freqs), [&](std::int64_t t, std::int64_t pair) {
        return static_cast<long double>(test_case.position(t, pair)) *
               static_cast<long double>(test_case.model.inv_freq[static_cast<std::size_t>(pair)]);
      });
  print(test_case, "exact angles", errors);
  expect_nearer(test_case, errors);
}

// Compares with the exact rotation by the frameworks' float32 angles. At position 131071 the error
// of these angles is most of the frameworks' error. Without this error, the test measures the
// difference between rounding several times and rounding once. (DeepSeek-V2 rounds once, so its
// numbers would equal ours.)
class twice_rounding_frameworks : public testing::TestWithParam<rotation_case> {};

TEST_P(twice_rounding_frameworks, are_farther_from_the_rotation_by_their_angles_than_the_library) {
  const rotation_case& test_case = GetParam();
  const compared_errors errors =
      compare_errors(test_case, rotate(test_case, framework_frequencies(test_case)),
                     [&](std::int64_t t, std::int64_t pair) {
                       const auto position = static_cast<float>(test_case.position(t, pair));
                       const float angle =
                           position * test_case.model.inv_freq[static_cast<std::size_t>(pair)];
                       return static_cast<long double>(angle);
                     });
  print(test_case, "their angles", errors);
  expect_nearer(test_case, errors);
}

INSTANTIATE_TEST_SUITE_P(all, twice_rounding_frameworks,
                         testing::ValuesIn(cases_of(rounding_kind::three_times,
                                                    rounding_kind::rows_and_end)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(all, sixteen_bit_frameworks,
                         testing::ValuesIn(cases_of(rounding_kind::three_times,
                                                    rounding_kind::rows_and_end,
                                                    rounding_kind::end_only)),
                         name_of);

} // namespace

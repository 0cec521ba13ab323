// SPDX-License-Identifier: MIT
// Whole rotations against the numbers of other implementations (tests/reference/README.md says how
// they were made): every case of rotation.json but those of axes that are not built yet.
//
//     Hugging Face, vLLM   float32: their angles are float32, so are ours (float32_pipeline)
//                          16 bits: bit for bit, by rounding our rows where they round theirs; and
//                          our own results are nearer to the exact rotation than theirs
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
using support::method;
using support::name_of;
using support::product32;
using support::rotate;
using support::rotation_case;
using support::rotation_json;
using support::rounded;
using support::spacing;
using support::sum32;

// ---- None is left out -------------------------------------------------------------------------

TEST(rotation_reference_data, is_what_this_test_was_written_for) {
  ASSERT_EQ(rotation_json().size(), std::size(listed_cases));
  for (std::size_t i = 0; i < std::size(listed_cases); ++i) {
    EXPECT_EQ(rotation_json()[i].at("id"), listed_cases[i].id) << "case " << i;
  }
}

/// What the data says about itself must agree with what the list above says.
method method_told_by(const reference::json& entry) {
  if (entry.at("positions").at(0).is_array()) {
    return method::axes;
  }
  if (entry.contains("ggml")) {
    return method::ggml;
  }
  if (entry.at("dtype") == "float32") {
    return method::float32;
  }
  const std::string note = entry.value("note", "");
  if (note.find("one rounding at the end") == std::string::npos) {
    return method::three_times;
  }
  return note.find("already rounded") == std::string::npos ? method::end_only
                                                           : method::rows_and_end;
}

TEST(rotation_reference_data, is_compared_as_it_says) {
  std::size_t n_axes = 0;
  for (std::size_t i = 0; i < std::size(listed_cases); ++i) {
    EXPECT_TRUE(method_told_by(rotation_json()[i]) == listed_cases[i].how) << listed_cases[i].id;
    n_axes += listed_cases[i].how == method::axes ? 1 : 0;
  }
  EXPECT_EQ(n_axes, 10U); // fewer, once axes are built; never more
}

// Those of ggml are counted by test_rotation_reference_ggml.cpp.
TEST(rotation_reference_data, has_a_test_for_every_case_but_those_of_axes) {
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
    const int n = tests_named[reference::test_name(listed.id)];
    EXPECT_TRUE(listed.how == method::axes ? n == 0 : n > 0) << listed.id << ": " << n << " tests";
  }
}

// ---- float32: Hugging Face and vLLM -----------------------------------------------------------

class float32_frameworks : public testing::TestWithParam<rotation_case> {};

// Their cos and sin are within a ULP of float32 and ours are nearest, and each side rounds products
// and sums of numbers below 0.71: reference/README.md gives 2.4e-7 times the attention factor. The
// largest difference that occurs is 6.0e-8, and 1.2e-7 with an attention factor (42 % of this).
TEST_P(float32_frameworks, agree_with_the_float32_pipeline) {
  const rotation_case& one = GetParam();
  const std::vector<double> ours = rotate(one, framework_frequencies(one));
  const double tolerance = 2.4e-7 * one.model.attention_factor;
  difference found;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    found.add(ours[i], double{one.output[i]}, tolerance);
    EXPECT_NEAR(ours[i], double{one.output[i]}, tolerance) << "element " << i;
  }
  expect_rest_copied(one, ours);
  found.print(one, "float32 pipeline");
}

/// What their float32 arithmetic adds to the exact frequency, in ULP (reference/README.md).
std::int64_t inv_freq_tolerance_ulp(const rotation_case& one) {
  const std::string& type = one.model.rope_type;
  if (type == "yarn") {
    return one.model.parameters.value("truncate", true) ? 8 : 13;
  }
  return type == "llama3" ? 8 : type == "longrope" ? 5 : 4;
}

// From the model's parameters to the result, all our own and exact. The frequencies differ by a few
// ULP of float32, which a position multiplies, and their angle is rounded to float32: both move a
// result by no more than they move the angle times the length of the pair. (Up to 4.9e-3 at
// position 131071; 99 % of the tolerance.)
TEST_P(float32_frameworks, agree_with_the_methods_of_the_library) {
  const rotation_case& one = GetParam();
  const reference::mapped_case mapped = reference::map_case(one.model);
  const yarn::frequencies freqs =
      yarn::make_frequencies(mapped.shape, mapped.scaling, mapped.seq_len);
  ASSERT_EQ(freqs.inv_freq().size(), one.model.inv_freq.size());
  const double attention = one.model.attention_factor;
  EXPECT_NEAR(freqs.attention_factor() / attention, 1, 1e-12);
  const format single = format_named("float32");
  std::vector<double> moved; // by how much the frequencies differ
  for (std::size_t pair = 0; pair < freqs.inv_freq().size(); ++pair) {
    const double exact = freqs.inv_freq()[pair];
    moved.push_back(std::fabs(exact - double{one.model.inv_freq[pair]}));
    EXPECT_LE(moved.back(),
              (static_cast<double>(inv_freq_tolerance_ulp(one)) + 0.5) * spacing(exact, single))
        << "pair " << pair;
  }
  const std::vector<double> ours = rotate(one, freqs);
  difference found;
  for_each_pair(one, [&](std::int64_t t, std::int64_t pair, double x0, double x1, std::size_t first,
                         std::size_t second) {
    const auto position = static_cast<double>(one.positions[static_cast<std::size_t>(t)]);
    const auto i = static_cast<std::size_t>(pair);
    const double angle = position * double{one.model.inv_freq[i]};
    const double turned = position * moved[i] + spacing(angle, single) / 2;
    const double tolerance = attention * (std::hypot(x0, x1) * turned + 2.4e-7);
    for (const std::size_t at : {first, second}) {
      found.add(ours[at], double{one.output[at]}, tolerance);
      EXPECT_NEAR(ours[at], double{one.output[at]}, tolerance)
          << "position " << position << ", pair " << pair;
    }
  });
  found.print(one, "own method");
}

INSTANTIATE_TEST_SUITE_P(all, float32_frameworks, testing::ValuesIn(cases_of(method::float32)),
                         name_of);

// ---- 16 bits: Hugging Face and vLLM -----------------------------------------------------------

class sixteen_bit_frameworks : public testing::TestWithParam<rotation_case> {};

// A framework's own roundings, on our rows. (Its rows are rounded to float32 twice, before and
// after the attention factor, ours once: that is not seen behind the rounding to 16 bits.)
TEST_P(sixteen_bit_frameworks, are_met_bit_for_bit) {
  const rotation_case& one = GetParam();
  const format to = format_named(one.dtype);
  yarn::rotary_rows<float> rows;
  rows.assign(framework_frequencies(one), yarn::positions(one.positions));
  const auto row_entry = [&](float value) {
    return one.how == method::end_only ? double{value} : rounded(double{value}, to);
  };
  const auto term = [&](double x, double entry) {
    const double product = product32(x, entry);
    return one.how == method::three_times ? rounded(product, to) : product;
  };
  std::size_t n_different = 0;
  for_each_pair(one, [&](std::int64_t t, std::int64_t pair, double x0, double x1, std::size_t first,
                         std::size_t second) {
    const double c = row_entry(rows.cos(t)[pair]);
    const double s = row_entry(rows.sin(t)[pair]);
    const double y0 = rounded(sum32(term(x0, c), -term(x1, s)), to);
    const double y1 = rounded(sum32(term(x1, c), term(x0, s)), to);
    n_different += bits_of(static_cast<float>(y0)) != bits_of(one.output[first]) ? 1 : 0;
    n_different += bits_of(static_cast<float>(y1)) != bits_of(one.output[second]) ? 1 : 0;
  });
  EXPECT_EQ(n_different, 0U) << "of " << one.output.size();
}

/// Errors of a result against an exact one.
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

/// The errors of both results against the rotation by the angles angle(token, pair), which are
/// exact; ours must lie within one rounding of it.
template <class Angle>
compared_errors compare_errors(const rotation_case& one, const std::vector<double>& ours,
                               const Angle& angle) {
  const format to = format_named(one.dtype);
  compared_errors errors;
  for_each_pair(one, [&](std::int64_t t, std::int64_t pair, double x0, double x1, std::size_t first,
                         std::size_t second) {
    const long double a = angle(t, pair);
    const long double m = one.model.attention_factor;
    const long double c = m * std::cos(a);
    const long double s = m * std::sin(a);
    const long double exact[] = {x0 * c - x1 * s, x0 * s + x1 * c};
    const std::size_t at[] = {first, second};
    for (int i = 0; i < 2; ++i) {
      errors.ours.add(ours[at[i]], exact[i]);
      errors.theirs.add(double{one.output[at[i]]}, exact[i]);
      // Half a unit of the 16 bits, and 2 ULP of float of the pair's length.
      const double length = std::hypot(x0, x1) * one.model.attention_factor;
      EXPECT_LE(std::fabs(static_cast<double>(static_cast<long double>(ours[at[i]]) - exact[i])),
                spacing(static_cast<double>(exact[i]), to) / 2 +
                    2 * spacing(length, format_named("float32")));
    }
  });
  return errors;
}

void print(const rotation_case& one, const char* what, const compared_errors& errors) {
  std::printf("%-28s %s: max %.2e (theirs %.2e), rms %.2e (theirs %.2e)\n", one.model.id.c_str(),
              what, errors.ours.largest, errors.theirs.largest, errors.ours.rms(),
              errors.theirs.rms());
}

/// Who rounds at the end only has the same largest error: half a unit of the 16 bits.
void expect_nearer(const rotation_case& one, const compared_errors& errors) {
  if (one.how == method::end_only) {
    EXPECT_LE(errors.ours.largest, errors.theirs.largest);
  } else {
    EXPECT_LT(errors.ours.largest, errors.theirs.largest);
  }
  EXPECT_LT(errors.ours.rms(), errors.theirs.rms());
}

TEST_P(sixteen_bit_frameworks, are_farther_from_the_exact_rotation_than_the_library) {
  const rotation_case& one = GetParam();
  const yarn::frequencies freqs = yarn::frequencies_from(
      one.model.inv_freq.data(), one.model.inv_freq.size(), one.model.attention_factor);
  const compared_errors errors =
      compare_errors(one, rotate(one, freqs), [&](std::int64_t t, std::int64_t pair) {
        return static_cast<long double>(one.positions[static_cast<std::size_t>(t)]) *
               static_cast<long double>(one.model.inv_freq[static_cast<std::size_t>(pair)]);
      });
  print(one, "exact angles", errors);
  expect_nearer(one, errors);
}

// Without the error of their float32 angle, which is most of it at position 131071: what rounding
// several times costs against once. (DeepSeek-V2's, which rounds once, gives our numbers there.)
class twice_rounding_frameworks : public testing::TestWithParam<rotation_case> {};

TEST_P(twice_rounding_frameworks, are_farther_from_the_rotation_by_their_own_angles) {
  const rotation_case& one = GetParam();
  const compared_errors errors = compare_errors(
      one, rotate(one, framework_frequencies(one)), [&](std::int64_t t, std::int64_t pair) {
        const auto position = static_cast<float>(one.positions[static_cast<std::size_t>(t)]);
        const float angle = position * one.model.inv_freq[static_cast<std::size_t>(pair)];
        return static_cast<long double>(angle);
      });
  print(one, "their angles", errors);
  expect_nearer(one, errors);
}

INSTANTIATE_TEST_SUITE_P(all, twice_rounding_frameworks,
                         testing::ValuesIn(cases_of(method::three_times, method::rows_and_end)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(all, sixteen_bit_frameworks,
                         testing::ValuesIn(cases_of(method::three_times, method::rows_and_end,
                                                    method::end_only)),
                         name_of);

} // namespace

// SPDX-License-Identifier: MIT
// Whole rotations against the numbers of other implementations (tests/reference/README.md says how
// they were made): every case of rotation.json but those of axes that are not built yet.
//
//     Hugging Face, vLLM   float32: their angles are float32, so are ours (float32_pipeline)
//                          16 bits: bit for bit, by rounding our rows where they round theirs; and
//                          our own results are nearer to the exact rotation than theirs
//     ggml                 within the error of its running product of float32 angles, which goes
//                          away when our rows are made of its angles
#include "../support/bits.hpp"
#include "../support/reference_cases.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using support::bits_of;

// ---- The cases --------------------------------------------------------------------------------

/// How the other implementation rounds, which is how it is compared.
enum class method {
  float32,      // angles, cos, sin and the rotation, all in float32
  three_times,  // 16 bits: cos and sin first; then the products, then their sum
  rows_and_end, // 16 bits, Cohere: cos and sin first; the rotation in float32, its result at the
                // end
  end_only,     // 16 bits, DeepSeek-V2: a rotation in float32, its result at the end
  ggml,         // float32 angles as a running product; 16-bit data is rounded at the end
  axes,         // several positions a token: not built yet
};

struct listed_case {
  const char* id;
  method how;
  /// The case of inv_freq.json with the frequencies, where rotation.json does not give them.
  const char* inv_freq_from = nullptr;
};

const listed_case listed_cases[] = {
    {"hf-rot-llama2-f32", method::float32},
    {"hf-rot-llama3.1-f32", method::float32},
    {"hf-rot-yarn-llama2-x16-f32", method::float32},
    {"hf-rot-linear-x8-f32", method::float32},
    {"hf-rot-dynamic-x2-long-f32", method::float32},
    {"hf-rot-dynamic-x2-short-f32", method::float32},
    {"hf-rot-longrope-phi3.5-short-f32", method::float32},
    {"hf-rot-longrope-phi3.5-long-f32", method::float32},
    {"hf-rot-phi4-mini-f32", method::float32},
    {"hf-rot-gptneox-20b-f32", method::float32},
    {"hf-rot-phi2-f32", method::float32},
    {"hf-rot-gptoss-f32", method::float32},
    {"hf-rot-glm4-f32", method::float32},
    {"hf-rot-cohere-f32", method::float32},
    {"hf-rot-llama4-f32", method::float32},
    {"hf-rot-deepseek-v2-f32", method::float32},
    {"hf-rot-deepseek-v3-interleave-f32", method::float32},
    {"hf-rot-gptj-f32", method::float32, "hf-default-synth-d64"},
    {"hf-rot-llama2-bfloat16", method::three_times},
    {"hf-rot-yarn-x16-bfloat16", method::three_times},
    {"hf-rot-llama2-float16", method::three_times},
    {"hf-rot-yarn-x16-float16", method::three_times},
    {"hf-rot-llama3.1-bfloat16", method::three_times},
    {"hf-rot-cohere-bfloat16", method::rows_and_end},
    {"hf-rot-deepseek-v2-bfloat16", method::end_only},
    {"hf-rot-qwen2vl-f32", method::axes},
    {"hf-rot-qwen3vl-f32", method::axes},
    {"hf-rot-qwen2vl-vision-f32", method::axes},
    {"ggml-normal-default", method::ggml},
    {"ggml-normal-yarn-x16", method::ggml},
    {"ggml-normal-llama3.1-ff", method::ggml},
    {"ggml-neox-default", method::ggml},
    {"ggml-neox-yarn-x16", method::ggml},
    {"ggml-neox-llama3.1-ff", method::ggml},
    {"ggml-neox-linear-x8", method::ggml},
    {"ggml-neox-partial", method::ggml},
    {"ggml-normal-partial", method::ggml},
    {"ggml-neox-longrope-phi3.5", method::ggml},
    {"ggml-neox-yarn-attn0.5-beta", method::ggml},
    {"ggml-neox-yarn-ext0.5", method::ggml},
    {"ggml-neox-yarn-orig4", method::ggml},
    {"ggml-neox-yarn-scale2", method::ggml},
    {"ggml-neox-back-yarn-x16", method::ggml},
    {"ggml-normal-back-default", method::ggml},
    {"ggml-neox-f16-default", method::ggml},
    {"ggml-normal-f16-yarn-x16", method::ggml},
    {"ggml-neox-negative-pos", method::ggml},
    {"ggml-mrope-qwen2vl", method::axes},
    {"ggml-imrope-qwen3vl", method::axes},
    {"ggml-mrope-yarn", method::axes},
    {"ggml-mrope-4sections", method::axes},
    {"ggml-mrope-back", method::axes},
    {"ggml-vision-d80", method::axes},
    {"ggml-vision-back-d80", method::axes},
    {"vllm-rot-yarn-x16-f32", method::float32, "vllm-yarn-llama2-x16"},
    {"vllm-rot-yarn-x16-bfloat16", method::three_times, "vllm-yarn-llama2-x16"},
    {"vllm-rot-gptj-f32", method::float32, "hf-default-synth-d64"},
};

const reference::json& rotation_json() {
  static const reference::json entries = reference::read_json("rotation.json");
  return entries;
}

const std::vector<float>& inv_freq_of(const std::string& id) {
  static const std::map<std::string, std::vector<float>> all = [] {
    std::map<std::string, std::vector<float>> by_id;
    for (const reference::inv_freq_case& one : reference::read_inv_freq_cases()) {
      by_id[one.id] = one.inv_freq;
    }
    return by_id;
  }();
  return all.at(id);
}

// NOLINTNEXTLINE(bugprone-exception-escape): of nlohmann's noexcept move, which may not throw
struct rotation_case {
  reference::inv_freq_case model; // inv_freq and attention_factor: of Hugging Face and vLLM only
  method how = method::axes;
  std::string layout;
  std::string dtype;
  bool is_inverse = false;
  std::int64_t n_heads = 0;
  std::vector<std::int64_t> positions;
  reference::json ggml;
  std::vector<float> freq_factors;
  std::vector<float> input; // of the dtype's values, as the output
  std::vector<float> output;

  std::int64_t n_tokens() const { return static_cast<std::int64_t>(positions.size()); }
  std::int64_t n_pairs() const { return model.rotary_dim / 2; }
  yarn::pairing order() const {
    return layout == "half" ? yarn::pairing::half_split : yarn::pairing::interleaved;
  }
  yarn::pairing output_order() const {
    return layout == "interleaved" ? yarn::pairing::interleaved : yarn::pairing::half_split;
  }
};

void PrintTo(const rotation_case& one, std::ostream* out) { // NOLINT: GoogleTest's name
  *out << one.model.id;
}

/// How a dtype rounds, by its definition: significant bits and the exponent of its smallest number.
struct format {
  int digits;
  int least_exponent;
};
format format_named(const std::string& dtype) {
  if (dtype == "bfloat16") {
    return {8, -133};
  }
  if (dtype == "float16") {
    return {11, -24};
  }
  if (dtype == "float32") {
    return {24, -149};
  }
  throw std::invalid_argument("unknown dtype " + dtype);
}

/// The distance between neighbouring numbers of a format at this size.
double spacing(double size, format to) {
  const int exponent = size > 0 || size < 0 ? std::ilogb(size) - to.digits + 1 : to.least_exponent;
  return std::ldexp(1, std::max(exponent, to.least_exponent));
}

/// The nearest number of a format, to even; nothing here is near an overflow.
double rounded(double value, format to) {
  const double unit = spacing(value, to);
  return std::nearbyint(value / unit) * unit;
}

/// x[i] = float32(((i M + A) mod 2^32) / 2^32 - 0.5), then the dtype.
std::vector<float> input_values(const reference::json& entry, std::size_t n) {
  const reference::json& formula = entry.at("input");
  if (formula.at("formula") != "u = (i*M + A) mod 2^32; x[i] = float32(u/2^32 - 0.5)" ||
      formula.at("order") != "[token, head, dim], i = flat index" ||
      formula.value("cast", "float32") != entry.at("dtype")) {
    throw std::invalid_argument("another input than this test makes");
  }
  const auto factor = formula.at("M").get<std::uint64_t>();
  const auto offset = formula.at("A").get<std::uint64_t>();
  std::vector<float> values;
  for (std::uint64_t i = 0; i < n; ++i) {
    const double u = static_cast<double>((i * factor + offset) & 0xffffffffU);
    const auto single = static_cast<float>(u * 0x1p-32 - 0.5);
    values.push_back(static_cast<float>(rounded(double{single}, format_named(entry.at("dtype")))));
  }
  return values;
}

rotation_case read_case(const listed_case& listed) {
  const auto found =
      std::find_if(rotation_json().begin(), rotation_json().end(),
                   [&listed](const reference::json& each) { return each.at("id") == listed.id; });
  if (found == rotation_json().end()) {
    throw std::out_of_range(std::string("rotation.json has no case ") + listed.id);
  }
  const reference::json& entry = *found;
  rotation_case one;
  one.how = listed.how;
  one.model.id = listed.id;
  one.model.parameters = entry.at("rope_parameters");
  one.model.rope_type = one.model.parameters.at("rope_type");
  one.model.head_dim = entry.at("head_dim");
  one.model.rotary_dim = entry.at("rotary_dim");
  one.model.max_position_embeddings = entry.value("max_position_embeddings", std::int64_t{0});
  if (entry.contains("seq_len")) {
    one.model.seq_len = entry.at("seq_len").get<std::int64_t>();
  }
  if (listed.how != method::ggml) {
    one.model.inv_freq = listed.inv_freq_from == nullptr
                             ? reference::float32_values(entry.at("inv_freq"))
                             : inv_freq_of(listed.inv_freq_from);
    one.model.attention_factor = entry.at("attention_factor");
  }
  one.layout = entry.at("layout");
  one.dtype = entry.at("dtype");
  one.is_inverse = entry.at("op") == "inverse";
  one.n_heads = entry.at("n_heads");
  one.positions = entry.at("positions").get<std::vector<std::int64_t>>();
  one.ggml = entry.value("ggml", reference::json());
  one.freq_factors = reference::float32_values(entry.value("freq_factors", reference::json()));
  one.output = reference::float32_values(entry.at("output"));
  one.input = input_values(entry, one.output.size());
  if (static_cast<std::int64_t>(one.output.size()) !=
      one.n_tokens() * one.n_heads * one.model.head_dim) {
    throw std::length_error("output of another size than the shape's");
  }
  return one;
}

template <class... Method> std::vector<rotation_case> cases_of(Method... how) {
  std::vector<rotation_case> cases;
  for (const listed_case& listed : listed_cases) {
    if (((listed.how == how) || ...)) {
      cases.push_back(read_case(listed));
    }
  }
  return cases;
}

std::string name_of(const testing::TestParamInfo<rotation_case>& each) {
  return reference::test_name(each.param.model.id);
}

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
    const int n = tests_named[reference::test_name(listed.id)];
    EXPECT_TRUE(listed.how == method::axes ? n == 0 : n > 0) << listed.id << ": " << n << " tests";
  }
}

// ---- Tools ------------------------------------------------------------------------------------

/// Where the two elements of a pair lie in a head.
struct places {
  std::int64_t first;
  std::int64_t second;
};
places places_of(std::int64_t pair, yarn::pairing order, std::int64_t n_pairs) {
  return order == yarn::pairing::half_split ? places{pair, pair + n_pairs}
                                            : places{2 * pair, 2 * pair + 1};
}

/// Calls visit(token, pair, x0, x1, place of x0', place of x1') for all pairs of all heads.
template <class Visit> void for_each_pair(const rotation_case& one, const Visit& visit) {
  for (std::int64_t t = 0; t < one.n_tokens(); ++t) {
    for (std::int64_t h = 0; h < one.n_heads; ++h) {
      const std::int64_t head = (t * one.n_heads + h) * one.model.head_dim;
      for (std::int64_t pair = 0; pair < one.n_pairs(); ++pair) {
        const places in = places_of(pair, one.order(), one.n_pairs());
        const places out = places_of(pair, one.output_order(), one.n_pairs());
        visit(t, pair, double{one.input[static_cast<std::size_t>(head + in.first)]},
              double{one.input[static_cast<std::size_t>(head + in.second)]},
              static_cast<std::size_t>(head + out.first),
              static_cast<std::size_t>(head + out.second));
      }
    }
  }
}

// Elements of T from and to float: by bits, for the numbers are T's.
void put(float value, float& element) { element = value; }
void put(float value, yarn::bfloat16& element) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  element.bits = static_cast<std::uint16_t>(bits >> 16U);
}
void put(float value, yarn::float16& element) {
  const double size = std::fabs(double{value});
  const double unit = spacing(size, format_named("float16"));
  const double fraction = size / unit; // the fraction field, with the hidden bit of normal numbers
  const int exponent = std::max(std::ilogb(unit) + 24, 0);
  const auto bits = static_cast<unsigned>(fraction) + (static_cast<unsigned>(exponent) << 10U);
  element.bits = static_cast<std::uint16_t>(bits | (std::signbit(value) ? 0x8000U : 0U));
}
double get(float element) { return double{element}; }
double get(yarn::bfloat16 element) {
  const std::uint32_t bits = std::uint32_t{element.bits} << 16U;
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return double{value};
}
double get(yarn::float16 element) {
  const auto exponent = static_cast<int>(element.bits >> 10U & 0x1fU);
  const auto fraction = static_cast<int>(element.bits & 0x3ffU);
  const double size =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25);
  return (element.bits & 0x8000U) != 0 ? -size : size;
}

/// The library's result for elements of T, in the reference's order. Row t turns token t.
template <class T>
std::vector<double> rotate(const rotation_case& one, const yarn::rows_view<float>& rows) {
  std::vector<T> data(one.input.size());
  for (std::size_t i = 0; i < data.size(); ++i) {
    put(one.input[i], data[i]);
  }
  const yarn::heads_view<T> x(data.data(), one.n_tokens(), one.n_heads, one.model.head_dim);
  if (one.order() == one.output_order()) {
    yarn::rope_apply(x, rows, one.order());
  } else {
    std::vector<T> copy(data.size());
    const yarn::heads_view<T> y(copy.data(), one.n_tokens(), one.n_heads, one.model.head_dim);
    yarn::rope_copy(x, y, rows, one.order(), one.output_order());
    data = copy;
  }
  std::vector<double> result(data.size());
  std::transform(data.begin(), data.end(), result.begin(), [](T element) { return get(element); });
  return result;
}
std::vector<double> rotate(const rotation_case& one, const yarn::rows_view<float>& rows) {
  return one.dtype == "bfloat16"  ? rotate<yarn::bfloat16>(one, rows)
         : one.dtype == "float16" ? rotate<yarn::float16>(one, rows)
                                  : rotate<float>(one, rows);
}
std::vector<double> rotate(const rotation_case& one, const yarn::frequencies& freqs) {
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions(one.positions));
  return rotate(one, rows.view());
}

/// Elements behind the pairs: those of the input, in their result and in ours.
void expect_rest_copied(const rotation_case& one, const std::vector<double>& ours) {
  const std::int64_t dim = one.model.head_dim;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (static_cast<std::int64_t>(i) % dim >= one.model.rotary_dim) {
      EXPECT_EQ(one.output[i], one.input[i]) << "element " << i;
      EXPECT_EQ(ours[i], double{one.input[i]}) << "element " << i;
    }
  }
}

yarn::frequencies framework_frequencies(const rotation_case& one) {
  return yarn::float32_pipeline(yarn::frequencies_from(
      one.model.inv_freq.data(), one.model.inv_freq.size(), one.model.attention_factor));
}

/// How two results differ over all elements.
struct difference {
  double largest = 0;
  std::size_t n_equal = 0;
  double share_of_tolerance = 0;

  void add(double ours, double theirs, double tolerance) {
    const double distance = std::fabs(ours - theirs);
    largest = std::max(largest, distance);
    n_equal += distance > 0 ? 0 : 1;
    share_of_tolerance = std::max(share_of_tolerance, distance / tolerance);
  }
  void print(const rotation_case& one, const char* what) const {
    std::printf("%-34s %s: max %.2e, %.0f %% of the tolerance; %.1f %% equal\n",
                one.model.id.c_str(), what, largest, 100 * share_of_tolerance,
                100 * static_cast<double>(n_equal) / static_cast<double>(one.output.size()));
  }
};

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

/// A product and a sum of float32 numbers, rounded to float32: by way of double, where no compiler
/// fuses them, and whose own rounding cannot show (53 >= 2 * 24 + 2 bits).
double product32(double a, double b) { return double{static_cast<float>(a * b)}; }
double sum32(double a, double b) { return double{static_cast<float>(a + b)}; }

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
      // Half a unit of the 16 bits, and 2 ULP of float of the pair's length (DESIGN.md, section 4).
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

// ---- ggml -------------------------------------------------------------------------------------

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

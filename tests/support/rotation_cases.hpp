// SPDX-License-Identifier: MIT
// The cases of rotation.json: how each is compared, its numbers, and our rotation of them.
#ifndef YARN_TESTS_SUPPORT_ROTATION_CASES_HPP
#define YARN_TESTS_SUPPORT_ROTATION_CASES_HPP

#include "bits.hpp"
#include "reference_cases.hpp"

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

namespace support {

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

inline const listed_case listed_cases[] = {
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

inline const reference::json& rotation_json() {
  static const reference::json entries = reference::read_json("rotation.json");
  return entries;
}

inline const std::vector<float>& inv_freq_of(const std::string& id) {
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

inline void PrintTo(const rotation_case& one, std::ostream* out) { // NOLINT: GoogleTest's name
  *out << one.model.id;
}

/// How a dtype rounds, by its definition: significant bits and the exponent of its smallest number.
struct format {
  int digits;
  int least_exponent;
};
inline format format_named(const std::string& dtype) {
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
inline double spacing(double size, format to) {
  const int exponent = size > 0 || size < 0 ? std::ilogb(size) - to.digits + 1 : to.least_exponent;
  return std::ldexp(1, std::max(exponent, to.least_exponent));
}

/// The nearest number of a format, to even; nothing here is near an overflow.
inline double rounded(double value, format to) {
  const double unit = spacing(value, to);
  return std::nearbyint(value / unit) * unit;
}

/// x[i] = float32(((i M + A) mod 2^32) / 2^32 - 0.5), then the dtype.
inline std::vector<float> input_values(const reference::json& entry, std::size_t n) {
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

inline rotation_case read_case(const listed_case& listed) {
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

inline std::string name_of(const testing::TestParamInfo<rotation_case>& each) {
  return reference::test_name(each.param.model.id);
}

// ---- Tools ------------------------------------------------------------------------------------

/// Where the two elements of a pair lie in a head.
struct places {
  std::int64_t first;
  std::int64_t second;
};
inline places places_of(std::int64_t pair, yarn::pairing order, std::int64_t n_pairs) {
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
inline void put(float value, float& element) { element = value; }
inline void put(float value, yarn::bfloat16& element) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  element.bits = static_cast<std::uint16_t>(bits >> 16U);
}
inline void put(float value, yarn::float16& element) {
  const double size = std::fabs(double{value});
  const double unit = spacing(size, format_named("float16"));
  const double fraction = size / unit; // the fraction field, with the hidden bit of normal numbers
  const int exponent = std::max(std::ilogb(unit) + 24, 0);
  const auto bits = static_cast<unsigned>(fraction) + (static_cast<unsigned>(exponent) << 10U);
  element.bits = static_cast<std::uint16_t>(bits | (std::signbit(value) ? 0x8000U : 0U));
}
inline double get(float element) { return double{element}; }
inline double get(yarn::bfloat16 element) {
  const std::uint32_t bits = std::uint32_t{element.bits} << 16U;
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return double{value};
}
inline double get(yarn::float16 element) {
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
    yarn::rope_copy(x, y, rows, one.order(), yarn::output_order{one.output_order()});
    data = copy;
  }
  std::vector<double> result(data.size());
  std::transform(data.begin(), data.end(), result.begin(), [](T element) { return get(element); });
  return result;
}
inline std::vector<double> rotate(const rotation_case& one, const yarn::rows_view<float>& rows) {
  return one.dtype == "bfloat16"  ? rotate<yarn::bfloat16>(one, rows)
         : one.dtype == "float16" ? rotate<yarn::float16>(one, rows)
                                  : rotate<float>(one, rows);
}
inline std::vector<double> rotate(const rotation_case& one, const yarn::frequencies& freqs) {
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::positions(one.positions));
  return rotate(one, rows.view());
}

/// Elements behind the pairs: those of the input, in their result and in ours.
inline void expect_rest_copied(const rotation_case& one, const std::vector<double>& ours) {
  const std::int64_t dim = one.model.head_dim;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (static_cast<std::int64_t>(i) % dim >= one.model.rotary_dim) {
      EXPECT_EQ(one.output[i], one.input[i]) << "element " << i;
      EXPECT_EQ(ours[i], double{one.input[i]}) << "element " << i;
    }
  }
}

inline yarn::frequencies framework_frequencies(const rotation_case& one) {
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

/// A product and a sum of float32 numbers, rounded to float32: by way of double, where no compiler
/// fuses them, and whose own rounding cannot show (53 >= 2 * 24 + 2 bits).
inline double product32(double a, double b) { return double{static_cast<float>(a * b)}; }
inline double sum32(double a, double b) { return double{static_cast<float>(a + b)}; }

} // namespace support

#endif // YARN_TESTS_SUPPORT_ROTATION_CASES_HPP

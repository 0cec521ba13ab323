// SPDX-License-Identifier: MIT
// The cases of rotation.json: how each case is compared, its numbers, and their rotation by the
// library.
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

/// How the other implementation rounds. The kind of comparison depends on the rounding.
enum class rounding_kind {
  float32,      // computes angles, cos, sin and the rotation in float32
  three_times,  // 16 bits: rounds cos and sin, then the products, then their sum
  rows_and_end, // 16 bits, Cohere: rounds cos and sin; rotates in float32, and rounds the result
  end_only,     // 16 bits, DeepSeek-V2: computes all in float32, and rounds the result
  ggml,         // float32 angles by repeated products; 16-bit data is rounded at the end
};

struct listed_case {
  const char* id;
  rounding_kind how;
  /// The case of inv_freq.json that has the frequencies, if rotation.json does not have them.
  const char* inv_freq_from = nullptr;
};

inline const listed_case listed_cases[] = {
    {"hf-rot-llama2-f32", rounding_kind::float32},
    {"hf-rot-llama3.1-f32", rounding_kind::float32},
    {"hf-rot-yarn-llama2-x16-f32", rounding_kind::float32},
    {"hf-rot-linear-x8-f32", rounding_kind::float32},
    {"hf-rot-dynamic-x2-long-f32", rounding_kind::float32},
    {"hf-rot-dynamic-x2-short-f32", rounding_kind::float32},
    {"hf-rot-longrope-phi3.5-short-f32", rounding_kind::float32},
    {"hf-rot-longrope-phi3.5-long-f32", rounding_kind::float32},
    {"hf-rot-phi4-mini-f32", rounding_kind::float32},
    {"hf-rot-gptneox-20b-f32", rounding_kind::float32},
    {"hf-rot-phi2-f32", rounding_kind::float32},
    {"hf-rot-gptoss-f32", rounding_kind::float32},
    {"hf-rot-glm4-f32", rounding_kind::float32},
    {"hf-rot-cohere-f32", rounding_kind::float32},
    {"hf-rot-llama4-f32", rounding_kind::float32},
    {"hf-rot-deepseek-v2-f32", rounding_kind::float32},
    {"hf-rot-deepseek-v3-interleave-f32", rounding_kind::float32},
    {"hf-rot-gptj-f32", rounding_kind::float32, "hf-default-synth-d64"},
    {"hf-rot-llama2-bfloat16", rounding_kind::three_times},
    {"hf-rot-yarn-x16-bfloat16", rounding_kind::three_times},
    {"hf-rot-llama2-float16", rounding_kind::three_times},
    {"hf-rot-yarn-x16-float16", rounding_kind::three_times},
    {"hf-rot-llama3.1-bfloat16", rounding_kind::three_times},
    {"hf-rot-cohere-bfloat16", rounding_kind::rows_and_end},
    {"hf-rot-deepseek-v2-bfloat16", rounding_kind::end_only},
    {"hf-rot-qwen2vl-f32", rounding_kind::float32},
    {"hf-rot-qwen3vl-f32", rounding_kind::float32},
    {"hf-rot-qwen2vl-vision-f32", rounding_kind::float32},
    {"ggml-normal-default", rounding_kind::ggml},
    {"ggml-normal-yarn-x16", rounding_kind::ggml},
    {"ggml-normal-llama3.1-ff", rounding_kind::ggml},
    {"ggml-neox-default", rounding_kind::ggml},
    {"ggml-neox-yarn-x16", rounding_kind::ggml},
    {"ggml-neox-llama3.1-ff", rounding_kind::ggml},
    {"ggml-neox-linear-x8", rounding_kind::ggml},
    {"ggml-neox-partial", rounding_kind::ggml},
    {"ggml-normal-partial", rounding_kind::ggml},
    {"ggml-neox-longrope-phi3.5", rounding_kind::ggml},
    {"ggml-neox-yarn-attn0.5-beta", rounding_kind::ggml},
    {"ggml-neox-yarn-ext0.5", rounding_kind::ggml},
    {"ggml-neox-yarn-orig4", rounding_kind::ggml},
    {"ggml-neox-yarn-scale2", rounding_kind::ggml},
    {"ggml-neox-back-yarn-x16", rounding_kind::ggml},
    {"ggml-normal-back-default", rounding_kind::ggml},
    {"ggml-neox-f16-default", rounding_kind::ggml},
    {"ggml-normal-f16-yarn-x16", rounding_kind::ggml},
    {"ggml-neox-negative-pos", rounding_kind::ggml},
    {"ggml-mrope-qwen2vl", rounding_kind::ggml},
    {"ggml-imrope-qwen3vl", rounding_kind::ggml},
    {"ggml-mrope-yarn", rounding_kind::ggml},
    {"ggml-mrope-4sections", rounding_kind::ggml},
    {"ggml-mrope-back", rounding_kind::ggml},
    {"ggml-vision-d80", rounding_kind::ggml},
    {"ggml-vision-back-d80", rounding_kind::ggml},
    {"vllm-rot-yarn-x16-f32", rounding_kind::float32, "vllm-yarn-llama2-x16"},
    {"vllm-rot-yarn-x16-bfloat16", rounding_kind::three_times, "vllm-yarn-llama2-x16"},
    {"vllm-rot-gptj-f32", rounding_kind::float32, "hf-default-synth-d64"},
};

inline const reference::json& rotation_json() {
  static const reference::json entries = reference::read_json("rotation.json");
  return entries;
}

inline const std::vector<float>& inv_freq_of(const std::string& id) {
  static const std::map<std::string, std::vector<float>> all = [] {
    std::map<std::string, std::vector<float>> by_id;
    for (const reference::inv_freq_case& test_case : reference::read_inv_freq_cases()) {
      by_id[test_case.id] = test_case.inv_freq;
    }
    return by_id;
  }();
  return all.at(id);
}

// NOLINTNEXTLINE(bugprone-exception-escape): the move of nlohmann::json is declared noexcept
struct rotation_case {
  reference::inv_freq_case model; // inv_freq and attention_factor: for Hugging Face and vLLM only
  rounding_kind how = rounding_kind::float32;
  std::string layout;
  std::string dtype;
  bool is_inverse = false;
  std::int64_t n_heads = 0;
  std::vector<std::vector<std::int64_t>> positions; // [axis][token]
  std::vector<int> axis_of_pair;
  bool is_vision_tower = false; // the frequencies begin anew for each of two axes
  reference::json ggml;
  std::vector<float> freq_factors;
  std::vector<float> input; // values of the dtype, like the output
  std::vector<float> output;

  std::int64_t n_tokens() const { return static_cast<std::int64_t>(positions[0].size()); }
  std::int64_t n_axes() const { return static_cast<std::int64_t>(positions.size()); }
  /// The position of a token on the axis of a pair.
  std::int64_t position(std::int64_t token, std::int64_t pair) const {
    const int axis = axis_of_pair[static_cast<std::size_t>(pair)];
    return positions[static_cast<std::size_t>(axis)][static_cast<std::size_t>(token)];
  }
  std::int64_t n_pairs() const { return model.rotary_dim / 2; }
  yarn::pairing order() const {
    return layout == "half" ? yarn::pairing::half_split : yarn::pairing::interleaved;
  }
  yarn::pairing output_order() const {
    return layout == "interleaved" ? yarn::pairing::interleaved : yarn::pairing::half_split;
  }
};

inline void PrintTo(const rotation_case& test_case,
                    std::ostream* out) { // NOLINT: GoogleTest's name
  *out << test_case.model.id;
}

/// A floating-point format: its significant bits and the exponent of its smallest number.
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

/// The distance between neighbouring numbers of a format at this magnitude.
inline double spacing(double size, format to) {
  const int exponent = size > 0 || size < 0 ? std::ilogb(size) - to.digits + 1 : to.least_exponent;
  return std::ldexp(1, std::max(exponent, to.least_exponent));
}

/// The nearest number of a format, ties to even. The numbers of the tests do not overflow.
inline double rounded(double value, format to) {
  const double unit = spacing(value, to);
  return std::nearbyint(value / unit) * unit;
}

/// x[i] = float32(((i M + A) mod 2^32) / 2^32 - 0.5), rounded to the dtype.
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

/// The positions, and the axis of each pair by the rules of reference/README.md.
inline void read_axes(const reference::json& entry, rotation_case& test_case) {
  const reference::json& positions = entry.at("positions");
  const std::int64_t n_pairs = test_case.n_pairs();
  test_case.axis_of_pair.assign(static_cast<std::size_t>(n_pairs), 0);
  if (!positions.at(0).is_array()) {
    test_case.positions = {positions.get<std::vector<std::int64_t>>()};
    return;
  }
  test_case.positions = positions.get<std::vector<std::vector<std::int64_t>>>();
  const reference::json& parameters = entry.at("rope_parameters");
  test_case.is_vision_tower = !parameters.contains("mrope_section");
  if (test_case.is_vision_tower) {
    std::fill(test_case.axis_of_pair.begin() + n_pairs / 2, test_case.axis_of_pair.end(), 1);
    std::vector<float>& inv_freq = test_case.model.inv_freq;
    const std::vector<float> block = inv_freq;
    inv_freq.insert(inv_freq.end(), block.begin(), block.end());
    return;
  }
  const auto sections = parameters.at("mrope_section").get<std::vector<int>>();
  const int rest = entry.contains("ggml") ? 3 : 0; // pairs that alternate and have no section
  for (int pair = 0, axis = 0, end = sections[0]; pair < n_pairs; ++pair) {
    while (pair == end) {
      end += sections.at(static_cast<std::size_t>(++axis));
    }
    const int alternating = pair % 3;
    int& of_pair = test_case.axis_of_pair[static_cast<std::size_t>(pair)];
    if (parameters.value("mrope_interleaved", false)) {
      const bool has_section = pair < 3 * sections[static_cast<std::size_t>(alternating)];
      of_pair = has_section ? alternating : rest;
    } else {
      of_pair = axis;
    }
  }
}

/// The frequencies of a case with its axes. `freqs` has the pairs of one axis if the case is a
/// vision tower.
inline yarn::frequencies with_axes_of(const rotation_case& test_case,
                                      const yarn::frequencies& freqs) {
  if (test_case.n_axes() == 1) {
    return freqs;
  }
  if (test_case.is_vision_tower) {
    return yarn::joined(freqs, freqs);
  }
  const reference::json& parameters = test_case.model.parameters;
  const auto s = parameters.at("mrope_section").get<std::vector<int>>();
  if (!parameters.value("mrope_interleaved", false)) {
    return yarn::with_axes(freqs, s.size() == 3 ? yarn::axis_sections(s[0], s[1], s[2])
                                                : yarn::axis_sections(s[0], s[1], s[2], s[3]));
  }
  return test_case.ggml.is_null()
             ? yarn::with_axes(freqs, yarn::interleaved_sections(s[0], s[1], s[2]))
             : yarn::with_axes(freqs, test_case.axis_of_pair, 4);
}

inline rotation_case read_case(const listed_case& listed) {
  const auto found = std::find_if(
      rotation_json().begin(), rotation_json().end(),
      [&listed](const reference::json& candidate) { return candidate.at("id") == listed.id; });
  if (found == rotation_json().end()) {
    throw std::out_of_range(std::string("rotation.json has no case ") + listed.id);
  }
  const reference::json& entry = *found;
  rotation_case test_case;
  test_case.how = listed.how;
  test_case.model.id = listed.id;
  test_case.model.parameters = entry.at("rope_parameters");
  test_case.model.rope_type = test_case.model.parameters.at("rope_type");
  test_case.model.head_dim = entry.at("head_dim");
  test_case.model.rotary_dim = entry.at("rotary_dim");
  test_case.model.max_position_embeddings = entry.value("max_position_embeddings", std::int64_t{0});
  if (entry.contains("seq_len")) {
    test_case.model.seq_len = entry.at("seq_len").get<std::int64_t>();
  }
  if (listed.how != rounding_kind::ggml) {
    test_case.model.inv_freq = listed.inv_freq_from == nullptr
                                   ? reference::float32_values(entry.at("inv_freq"))
                                   : inv_freq_of(listed.inv_freq_from);
    test_case.model.attention_factor = entry.at("attention_factor");
  }
  test_case.layout = entry.at("layout");
  test_case.dtype = entry.at("dtype");
  test_case.is_inverse = entry.at("op") == "inverse";
  test_case.n_heads = entry.at("n_heads");
  read_axes(entry, test_case);
  test_case.ggml = entry.value("ggml", reference::json());
  test_case.freq_factors =
      reference::float32_values(entry.value("freq_factors", reference::json()));
  test_case.output = reference::float32_values(entry.at("output"));
  test_case.input = input_values(entry, test_case.output.size());
  if (static_cast<std::int64_t>(test_case.output.size()) !=
      test_case.n_tokens() * test_case.n_heads * test_case.model.head_dim) {
    throw std::length_error("output of another size than the shape's");
  }
  return test_case;
}

template <class... Kind> std::vector<rotation_case> cases_of(Kind... how) {
  std::vector<rotation_case> cases;
  for (const listed_case& listed : listed_cases) {
    if (((listed.how == how) || ...)) {
      cases.push_back(read_case(listed));
    }
  }
  return cases;
}

inline std::string name_of(const testing::TestParamInfo<rotation_case>& info) {
  return reference::test_name(info.param.model.id);
}

// ---- Rotations --------------------------------------------------------------------------------

/// The indices of the two elements of a pair in a head.
struct places {
  std::int64_t first;
  std::int64_t second;
};
inline places places_of(std::int64_t pair, yarn::pairing order, std::int64_t n_pairs) {
  return order == yarn::pairing::half_split ? places{pair, pair + n_pairs}
                                            : places{2 * pair, 2 * pair + 1};
}

/// Calls visit(token, pair, x0, x1, place of x0', place of x1') for all pairs of all heads.
template <class Visit> void for_each_pair(const rotation_case& test_case, const Visit& visit) {
  for (std::int64_t t = 0; t < test_case.n_tokens(); ++t) {
    for (std::int64_t h = 0; h < test_case.n_heads; ++h) {
      const std::int64_t head = (t * test_case.n_heads + h) * test_case.model.head_dim;
      for (std::int64_t pair = 0; pair < test_case.n_pairs(); ++pair) {
        const places in = places_of(pair, test_case.order(), test_case.n_pairs());
        const places out = places_of(pair, test_case.output_order(), test_case.n_pairs());
        visit(t, pair, double{test_case.input[static_cast<std::size_t>(head + in.first)]},
              double{test_case.input[static_cast<std::size_t>(head + in.second)]},
              static_cast<std::size_t>(head + out.first),
              static_cast<std::size_t>(head + out.second));
      }
    }
  }
}

// Conversions between float and T by their bits. The conversions are exact, because the floats are
// values of T.
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

/// The library's result for elements of T, in the order of the reference. Row t belongs to token t.
template <class T>
std::vector<double> rotate(const rotation_case& test_case, const yarn::rows_view<float>& rows) {
  std::vector<T> data(test_case.input.size());
  for (std::size_t i = 0; i < data.size(); ++i) {
    put(test_case.input[i], data[i]);
  }
  const yarn::heads_view<T> x(data.data(), test_case.n_tokens(), test_case.n_heads,
                              test_case.model.head_dim);
  if (test_case.order() == test_case.output_order()) {
    yarn::rope_apply(x, rows, test_case.order());
  } else {
    std::vector<T> copy(data.size());
    const yarn::heads_view<T> y(copy.data(), test_case.n_tokens(), test_case.n_heads,
                                test_case.model.head_dim);
    yarn::rope_copy(x, y, rows, test_case.order(), yarn::output_order{test_case.output_order()});
    data = copy;
  }
  std::vector<double> result(data.size());
  std::transform(data.begin(), data.end(), result.begin(), [](T element) { return get(element); });
  return result;
}
inline std::vector<double> rotate(const rotation_case& test_case,
                                  const yarn::rows_view<float>& rows) {
  return test_case.dtype == "bfloat16"  ? rotate<yarn::bfloat16>(test_case, rows)
         : test_case.dtype == "float16" ? rotate<yarn::float16>(test_case, rows)
                                        : rotate<float>(test_case, rows);
}
inline std::vector<double> rotate(const rotation_case& test_case, const yarn::frequencies& freqs) {
  std::vector<std::int64_t> ids;
  for (const std::vector<std::int64_t>& axis : test_case.positions) {
    ids.insert(ids.end(), axis.begin(), axis.end());
  }
  yarn::rotary_rows<float> rows;
  rows.assign(freqs, yarn::axis_positions(ids.data(), test_case.n_tokens(), test_case.n_axes()));
  return rotate(test_case, rows.view());
}

/// Expects that the elements after the pairs equal the input, in the reference and in our result.
inline void expect_rest_copied(const rotation_case& test_case, const std::vector<double>& ours) {
  const std::int64_t dim = test_case.model.head_dim;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (static_cast<std::int64_t>(i) % dim >= test_case.model.rotary_dim) {
      EXPECT_EQ(test_case.output[i], test_case.input[i]) << "element " << i;
      EXPECT_EQ(ours[i], double{test_case.input[i]}) << "element " << i;
    }
  }
}

inline yarn::frequencies framework_frequencies(const rotation_case& test_case) {
  const std::size_t n_blocks = test_case.is_vision_tower ? 2 : 1;
  return yarn::float32_pipeline(
      with_axes_of(test_case, yarn::frequencies_from(test_case.model.inv_freq.data(),
                                                     test_case.model.inv_freq.size() / n_blocks,
                                                     test_case.model.attention_factor)));
}

/// The differences of two results over all elements.
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
  void print(const rotation_case& test_case, const char* what) const {
    std::printf("%-34s %s: max %.2e, %.0f %% of the tolerance; %.1f %% equal\n",
                test_case.model.id.c_str(), what, largest, 100 * share_of_tolerance,
                100 * static_cast<double>(n_equal) / static_cast<double>(test_case.output.size()));
  }
};

/// A product and a sum of float32 numbers, rounded to float32. Both are computed in double, so that
/// no compiler can fuse them. The rounding to double does not change the result, because
/// 53 >= 2 * 24 + 2 bits.
inline double product32(double a, double b) { return double{static_cast<float>(a * b)}; }
inline double sum32(double a, double b) { return double{static_cast<float>(a + b)}; }

} // namespace support

#endif // YARN_TESTS_SUPPORT_ROTATION_CASES_HPP

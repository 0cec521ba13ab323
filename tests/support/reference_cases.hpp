// SPDX-License-Identifier: MIT
// The cases of tests/reference/inv_freq.json, and the conversion of a case to parameters of the
// library. The parameters in the file are the dictionary that the other implementation received,
// with Hugging Face's names. The classes of jquesnelle/yarn take positional arguments, for which
// the file has its own names.
#ifndef YARN_TESTS_SUPPORT_REFERENCE_CASES_HPP
#define YARN_TESTS_SUPPORT_REFERENCE_CASES_HPP

#include <nlohmann/json.hpp>
#include <yarn/yarn.hpp>

#include <cctype>
#include <cstdint>
#include <fstream>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace reference {

using json = nlohmann::json;

inline json read_json(const std::string& name) {
  const std::string path = std::string(YARN_TEST_REFERENCE_DIR) + "/" + name;
  std::ifstream file(path);
  if (!file) {
    throw std::runtime_error("cannot read " + path);
  }
  return json::parse(file);
}

/// Reads numbers and rounds them to float. The file has the fewest digits that identify each
/// float32.
inline std::vector<float> float32_values(const json& numbers) {
  std::vector<float> values;
  for (const json& number : numbers) {
    values.push_back(static_cast<float>(number.get<double>()));
  }
  return values;
}

// NOLINTNEXTLINE(bugprone-exception-escape): the move of nlohmann::json is declared noexcept
struct inv_freq_case {
  std::string id;
  std::string rope_type;
  json parameters;
  std::int64_t head_dim = 0;
  std::int64_t rotary_dim = 0;
  std::int64_t max_position_embeddings = 0;
  std::optional<std::int64_t> seq_len;
  std::vector<float> inv_freq;
  double attention_factor = 0;
};

/// GoogleTest prints this text for a parameter, instead of its bytes.
inline void PrintTo(const inv_freq_case& test_case,
                    std::ostream* out) { // NOLINT: GoogleTest's name
  *out << test_case.id << " " << test_case.parameters;
}

inline std::vector<inv_freq_case> read_inv_freq_cases() {
  std::vector<inv_freq_case> cases;
  for (const json& entry : read_json("inv_freq.json")) {
    inv_freq_case test_case;
    test_case.id = entry.at("id");
    test_case.parameters = entry.at("rope_parameters");
    test_case.rope_type = test_case.parameters.at("rope_type");
    test_case.head_dim = entry.at("head_dim");
    test_case.rotary_dim = entry.at("rotary_dim");
    test_case.max_position_embeddings = entry.at("max_position_embeddings");
    if (!entry.at("seq_len").is_null()) {
      test_case.seq_len = entry.at("seq_len").get<std::int64_t>();
    }
    test_case.inv_freq = float32_values(entry.at("inv_freq"));
    test_case.attention_factor = entry.at("attention_factor");
    cases.push_back(test_case);
  }
  return cases;
}

/// An id as a name that GoogleTest accepts: letters, digits and underscores.
inline std::string test_name(const std::string& id) {
  std::string name = id;
  for (char& letter : name) {
    letter = std::isalnum(static_cast<unsigned char>(letter)) != 0 ? letter : '_';
  }
  return name;
}

/// A case as a call of make_frequencies.
struct mapped_case {
  yarn::rope_shape shape;
  yarn::any_scaling scaling;
  std::int64_t seq_len = 0;
};

namespace detail {

/// The value of `key`, or nothing if the key is absent or null.
inline std::optional<double> number(const json& parameters, const char* key) {
  const auto found = parameters.find(key);
  if (found == parameters.end() || found->is_null()) {
    return std::nullopt;
  }
  return found->get<double>();
}
/// The value of `key`, or `otherwise` if the key is absent, null or 0. Hugging Face reads beta_fast
/// and beta_slow in this way.
inline double non_zero_or(const json& parameters, const char* key, double otherwise) {
  const double value = number(parameters, key).value_or(0);
  return value < 0 || value > 0 ? value : otherwise;
}
inline void set_if_given(yarn::optional_number& field, const json& parameters, const char* key) {
  if (const std::optional<double> value = number(parameters, key)) {
    field = *value;
  }
}

/// Sets all parameters of YaRN except the factor.
inline void fill_yarn(yarn::yarn_scaling& method, const json& parameters) {
  method.original_max_position_embeddings = parameters.at("original_max_position_embeddings");
  method.beta_fast = non_zero_or(parameters, "beta_fast", 32);
  method.beta_slow = non_zero_or(parameters, "beta_slow", 1);
  set_if_given(method.attention_factor, parameters, "attention_factor");
  set_if_given(method.mscale, parameters, "mscale");
  set_if_given(method.mscale_all_dim, parameters, "mscale_all_dim");
  method.attn_factor = number(parameters, "attn_factor").value_or(1);
  method.extrapolation_factor = number(parameters, "extrapolation_factor").value_or(1);
  method.truncate = parameters.value("truncate", true);
}

/// max_position / original length: the factor in Hugging Face if the configuration gives none.
inline double length_ratio(const inv_freq_case& test_case) {
  return static_cast<double>(test_case.max_position_embeddings) /
         test_case.parameters.at("original_max_position_embeddings").get<double>();
}

} // namespace detail

inline yarn::any_scaling scaling_of(const inv_freq_case& test_case) {
  const json& parameters = test_case.parameters;
  if (test_case.rope_type == "default") {
    return yarn::default_scaling{};
  }
  if (test_case.rope_type == "linear") {
    yarn::linear_scaling method;
    method.factor = parameters.at("factor");
    return method;
  }
  // vLLM's "ntk" has another formula. The ledger of test_reference.cpp lists this case.
  if (test_case.rope_type == "ntk" || test_case.rope_type == "ntk_vllm") {
    yarn::ntk_scaling method;
    method.factor = parameters.at("factor");
    return method;
  }
  if (test_case.rope_type == "dynamic") {
    yarn::dynamic_ntk_scaling method;
    method.factor = parameters.at("factor");
    method.max_position_embeddings = test_case.max_position_embeddings;
    return method;
  }
  if (test_case.rope_type == "ntk_by_parts") {
    yarn::part_ntk_scaling method;
    method.factor = parameters.at("factor");
    method.original_max_position_embeddings = parameters.at("original_max_position_embeddings");
    method.ntk_factor = parameters.at("ntk_factor");
    method.extrapolation_factor = parameters.at("extrapolation_factor");
    return method;
  }
  if (test_case.rope_type == "dynamic_ntk_by_parts") {
    yarn::dynamic_part_ntk_scaling method;
    method.original_max_position_embeddings = parameters.at("original_max_position_embeddings");
    return method;
  }
  if (test_case.rope_type == "yarn") {
    yarn::yarn_scaling method;
    method.factor = detail::number(parameters, "factor").value_or(detail::length_ratio(test_case));
    detail::fill_yarn(method, parameters);
    return method;
  }
  if (test_case.rope_type == "dynamic_yarn") {
    yarn::dynamic_yarn_scaling method;
    method.factor = parameters.at("finetuned") ? detail::length_ratio(test_case) : 1;
    detail::fill_yarn(method, parameters);
    return method;
  }
  if (test_case.rope_type == "llama3") {
    yarn::llama3_scaling method;
    method.factor = parameters.at("factor");
    method.low_freq_factor = parameters.at("low_freq_factor");
    method.high_freq_factor = parameters.at("high_freq_factor");
    method.original_max_position_embeddings = parameters.at("original_max_position_embeddings");
    return method;
  }
  if (test_case.rope_type == "longrope") {
    yarn::longrope_scaling method;
    method.short_factor = parameters.at("short_factor").get<std::vector<double>>();
    method.long_factor = parameters.at("long_factor").get<std::vector<double>>();
    method.original_max_position_embeddings = parameters.at("original_max_position_embeddings");
    method.factor = detail::number(parameters, "factor").value_or(detail::length_ratio(test_case));
    detail::set_if_given(method.attention_factor, parameters, "attention_factor");
    return method;
  }
  throw std::invalid_argument("unknown rope_type " + test_case.rope_type + " in case " +
                              test_case.id);
}

/// A case without a current length was recorded at initialisation. The result has length 0, at
/// which no dynamic method scales.
inline mapped_case map_case(const inv_freq_case& test_case) {
  mapped_case mapped;
  mapped.shape.head_dim = test_case.head_dim;
  mapped.shape.rotary_dim = test_case.rotary_dim;
  mapped.shape.rope_theta = test_case.parameters.at("rope_theta");
  mapped.scaling = scaling_of(test_case);
  mapped.seq_len = test_case.seq_len.value_or(0);
  return mapped;
}

} // namespace reference

#endif // YARN_TESTS_SUPPORT_REFERENCE_CASES_HPP

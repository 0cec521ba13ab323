// SPDX-License-Identifier: MIT
// The cases of tests/reference/inv_freq.json, and what each of them means in the library's terms.
// The parameters there are the dictionary that the other implementation saw, under Hugging Face's
// names; for jquesnelle/yarn, whose classes take positional arguments, the names are the data's.
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

/// Parse, then round to float: the data holds the shortest digits that give the float32 back.
inline std::vector<float> float32_values(const json& numbers) {
  std::vector<float> values;
  for (const json& number : numbers) {
    values.push_back(static_cast<float>(number.get<double>()));
  }
  return values;
}

// NOLINTNEXTLINE(bugprone-exception-escape): of moving json, which is declared noexcept
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

/// What GoogleTest prints for a parameter, instead of its bytes.
inline void PrintTo(const inv_freq_case& one, std::ostream* out) { // NOLINT: GoogleTest's name
  *out << one.id << " " << one.parameters;
}

inline std::vector<inv_freq_case> read_inv_freq_cases() {
  std::vector<inv_freq_case> cases;
  for (const json& entry : read_json("inv_freq.json")) {
    inv_freq_case one;
    one.id = entry.at("id");
    one.parameters = entry.at("rope_parameters");
    one.rope_type = one.parameters.at("rope_type");
    one.head_dim = entry.at("head_dim");
    one.rotary_dim = entry.at("rotary_dim");
    one.max_position_embeddings = entry.at("max_position_embeddings");
    if (!entry.at("seq_len").is_null()) {
      one.seq_len = entry.at("seq_len").get<std::int64_t>();
    }
    one.inv_freq = float32_values(entry.at("inv_freq"));
    one.attention_factor = entry.at("attention_factor");
    cases.push_back(one);
  }
  return cases;
}

/// An id as a name that GoogleTest takes: letters, digits and underscores.
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

/// The value under `key`; nothing when the key is absent or null.
inline std::optional<double> number(const json& parameters, const char* key) {
  const auto found = parameters.find(key);
  if (found == parameters.end() || found->is_null()) {
    return std::nullopt;
  }
  return found->get<double>();
}
/// As above, and 0 counts as absent: how Hugging Face reads beta_fast and beta_slow.
inline double non_zero_or(const json& parameters, const char* key, double otherwise) {
  const double value = number(parameters, key).value_or(0);
  return value < 0 || value > 0 ? value : otherwise;
}
inline void set_if_given(yarn::optional_number& field, const json& parameters, const char* key) {
  if (const std::optional<double> value = number(parameters, key)) {
    field = *value;
  }
}

/// All of YaRN but the factor.
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

/// max_position / original: what a factor is in Hugging Face where the configuration gives none.
inline double length_ratio(const inv_freq_case& one) {
  return static_cast<double>(one.max_position_embeddings) /
         one.parameters.at("original_max_position_embeddings").get<double>();
}

} // namespace detail

inline yarn::any_scaling scaling_of(const inv_freq_case& one) {
  const json& parameters = one.parameters;
  if (one.rope_type == "default") {
    return yarn::default_scaling{};
  }
  if (one.rope_type == "linear") {
    yarn::linear_scaling method;
    method.factor = parameters.at("factor");
    return method;
  }
  // vLLM's "ntk" is another formula: the ledger in test_reference.cpp has it.
  if (one.rope_type == "ntk" || one.rope_type == "ntk_vllm") {
    yarn::ntk_scaling method;
    method.factor = parameters.at("factor");
    return method;
  }
  if (one.rope_type == "dynamic") {
    yarn::dynamic_ntk_scaling method;
    method.factor = parameters.at("factor");
    method.max_position_embeddings = one.max_position_embeddings;
    return method;
  }
  if (one.rope_type == "ntk_by_parts") {
    yarn::part_ntk_scaling method;
    method.factor = parameters.at("factor");
    method.original_max_position_embeddings = parameters.at("original_max_position_embeddings");
    method.ntk_factor = parameters.at("ntk_factor");
    method.extrapolation_factor = parameters.at("extrapolation_factor");
    return method;
  }
  if (one.rope_type == "dynamic_ntk_by_parts") {
    yarn::dynamic_part_ntk_scaling method;
    method.original_max_position_embeddings = parameters.at("original_max_position_embeddings");
    return method;
  }
  if (one.rope_type == "yarn") {
    yarn::yarn_scaling method;
    method.factor = detail::number(parameters, "factor").value_or(detail::length_ratio(one));
    detail::fill_yarn(method, parameters);
    return method;
  }
  if (one.rope_type == "dynamic_yarn") {
    yarn::dynamic_yarn_scaling method;
    method.factor = parameters.at("finetuned") ? detail::length_ratio(one) : 1;
    detail::fill_yarn(method, parameters);
    return method;
  }
  if (one.rope_type == "llama3") {
    yarn::llama3_scaling method;
    method.factor = parameters.at("factor");
    method.low_freq_factor = parameters.at("low_freq_factor");
    method.high_freq_factor = parameters.at("high_freq_factor");
    method.original_max_position_embeddings = parameters.at("original_max_position_embeddings");
    return method;
  }
  if (one.rope_type == "longrope") {
    yarn::longrope_scaling method;
    method.short_factor = parameters.at("short_factor").get<std::vector<double>>();
    method.long_factor = parameters.at("long_factor").get<std::vector<double>>();
    method.original_max_position_embeddings = parameters.at("original_max_position_embeddings");
    method.factor = detail::number(parameters, "factor").value_or(detail::length_ratio(one));
    detail::set_if_given(method.attention_factor, parameters, "attention_factor");
    return method;
  }
  throw std::invalid_argument("unknown rope_type " + one.rope_type + " in case " + one.id);
}

/// A case without a length is one at initialisation: length 0, where nothing is stretched yet.
inline mapped_case map_case(const inv_freq_case& one) {
  mapped_case mapped;
  mapped.shape.head_dim = one.head_dim;
  mapped.shape.rotary_dim = one.rotary_dim;
  mapped.shape.rope_theta = one.parameters.at("rope_theta");
  mapped.scaling = scaling_of(one);
  mapped.seq_len = one.seq_len.value_or(0);
  return mapped;
}

} // namespace reference

#endif // YARN_TESTS_SUPPORT_REFERENCE_CASES_HPP

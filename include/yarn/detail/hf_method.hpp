// SPDX-License-Identifier: MIT
// A dictionary of RoPE parameters (`rope_parameters`, once `rope_scaling`) as a method. Floor 10.
#ifndef YARN_DETAIL_HF_METHOD_HPP
#define YARN_DETAIL_HF_METHOD_HPP

#include "hf_value.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

struct hf_lengths {
  std::int64_t max_position_embeddings;
  std::int64_t original_max_position_embeddings; // beside the dictionary; 0: not there
};

struct hf_method {
  any_scaling method;
  std::string rope_type;
  std::int64_t original_max_position_embeddings = 0;
};

inline std::string hf_canonical_type(const std::string& given) {
  if (given == "su")
    return "longrope";
  if (given == "deepseek_yarn")
    return "yarn";
  if (given == "mrope")
    return "default";
  return given;
}

inline double hf_required(const hf_object& dictionary, const char* key, const std::string& type) {
  const auto value = dictionary.number(key);
  if (!value)
    fail(error_kind::invalid_argument, "yarn: %s is missing; rope_type \"%s\" needs it",
         dictionary.name_of(key).c_str(), type.c_str());
  return *value;
}

inline void hf_set(optional_number& field, const std::optional<double>& value) {
  if (value)
    field = *value;
}

inline std::int64_t hf_original(const hf_object& dictionary, const hf_lengths& lengths,
                                const std::string& type) {
  const auto inner = dictionary.length("original_max_position_embeddings");
  if (lengths.original_max_position_embeddings != 0)
    return lengths.original_max_position_embeddings;
  if (!inner)
    fail(error_kind::invalid_argument, "yarn: %s is missing; rope_type \"%s\" needs it",
         dictionary.name_of("original_max_position_embeddings").c_str(), type.c_str());
  return *inner;
}

inline double hf_factor(const hf_object& dictionary, const hf_lengths& lengths,
                        std::int64_t original, const std::string& type,
                        std::vector<std::string>& notes) {
  const auto given = dictionary.number("factor");
  const double longest = static_cast<double>(lengths.max_position_embeddings);
  const double ratio = longest / static_cast<double>(original);
  if (!given) {
    if (lengths.max_position_embeddings == 0)
      hf_required(dictionary, "factor", type);
    notes.push_back("factor is max_position_embeddings / original_max_position_embeddings");
    return ratio;
  }
  if (longest > 0 && *given != ratio && ratio != 1.0)
    notes.push_back("factor does not match max_position_embeddings / "
                    "original_max_position_embeddings; factor is used");
  return *given;
}

inline hf_method hf_method_from(const hf_object& dictionary, const hf_lengths& lengths,
                                std::vector<std::string>& notes) {
  hf_method result;
  std::string given = dictionary.string("rope_type");
  const std::string old = dictionary.string("type");
  if (given.empty())
    given = old.empty() ? "default" : old;
  const std::string type = hf_canonical_type(given);
  dictionary.find("rope_theta");
  result.rope_type = type;
  if (type == "default") {
    result.method = default_scaling{};
  } else if (type == "linear") {
    linear_scaling method;
    method.factor = hf_required(dictionary, "factor", type);
    result.method = method;
  } else if (type == "dynamic") {
    if (const auto alpha = dictionary.number("alpha")) {
      ntk_scaling method;
      method.factor = *alpha;
      result.method = method;
      result.rope_type = "ntk";
      return result;
    }
    dynamic_ntk_scaling method;
    method.factor = hf_required(dictionary, "factor", type);
    method.max_position_embeddings = lengths.max_position_embeddings;
    result.original_max_position_embeddings = method.max_position_embeddings;
    result.method = method;
  } else if (type == "yarn") {
    yarn_scaling method;
    method.original_max_position_embeddings = hf_original(dictionary, lengths, type);
    method.factor =
        hf_factor(dictionary, lengths, method.original_max_position_embeddings, type, notes);
    const double beta_fast = dictionary.number("beta_fast").value_or(0.0);
    const double beta_slow = dictionary.number("beta_slow").value_or(0.0);
    method.beta_fast = beta_fast == 0.0 ? 32.0 : beta_fast;
    method.beta_slow = beta_slow == 0.0 ? 1.0 : beta_slow;
    hf_set(method.attention_factor, dictionary.number("attention_factor"));
    hf_set(method.mscale, dictionary.number("mscale"));
    hf_set(method.mscale_all_dim, dictionary.number("mscale_all_dim"));
    method.attn_factor = dictionary.number("attn_factor").value_or(1.0);
    method.truncate = dictionary.boolean("truncate").value_or(true);
    result.original_max_position_embeddings = method.original_max_position_embeddings;
    result.method = method;
  } else if (type == "llama3") {
    llama3_scaling method;
    method.factor = hf_required(dictionary, "factor", type);
    method.low_freq_factor = hf_required(dictionary, "low_freq_factor", type);
    method.high_freq_factor = hf_required(dictionary, "high_freq_factor", type);
    method.original_max_position_embeddings = hf_original(dictionary, lengths, type);
    result.original_max_position_embeddings = method.original_max_position_embeddings;
    result.method = method;
  } else if (type == "longrope") {
    longrope_scaling method;
    method.original_max_position_embeddings = hf_original(dictionary, lengths, type);
    method.short_factor = dictionary.numbers("short_factor");
    method.long_factor = dictionary.numbers("long_factor");
    hf_set(method.attention_factor, dictionary.number("attention_factor"));
    hf_set(method.short_mscale, dictionary.number("short_mscale"));
    hf_set(method.long_mscale, dictionary.number("long_mscale"));
    method.factor =
        hf_factor(dictionary, lengths, method.original_max_position_embeddings, type, notes);
    result.original_max_position_embeddings = method.original_max_position_embeddings;
    result.method = method;
  } else if (type == "proportional") {
    proportional_scaling method;
    method.factor = dictionary.number("factor").value_or(1.0);
    result.method = method;
  } else {
    fail(error_kind::invalid_argument, "yarn: %s = \"%s\" is not known",
         dictionary.name_of("rope_type").c_str(), given.c_str());
  }
  return result;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

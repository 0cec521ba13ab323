// SPDX-License-Identifier: MIT
// Small configurations for the tests of yarn/hf_config.hpp.
#ifndef YARN_TESTS_SUPPORT_HF_CONFIGS_HPP
#define YARN_TESTS_SUPPORT_HF_CONFIGS_HPP

#include <gtest/gtest.h>
#include <yarn/hf_config.hpp>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace hf {

using nlohmann::json;

/// A Llama-like configuration with this `rope_scaling`. The keys of `others` are added to the
/// configuration and replace equal keys.
inline json config_with(const json& scaling, const json& others = json::object()) {
  json config = {{"model_type", "llama"},
                 {"head_dim", 128},
                 {"rope_theta", 1e4},
                 {"max_position_embeddings", 131072},
                 {"rope_scaling", scaling}};
  config.update(others);
  return config;
}
inline json yarn_with(const json& others) {
  json scaling = {
      {"rope_type", "yarn"}, {"factor", 32.0}, {"original_max_position_embeddings", 4096}};
  scaling.update(others);
  return config_with(scaling);
}

inline yarn::hf_config read(const json& config, const std::string& layer_type = "") {
  return yarn::hf_config_from(config, {layer_type});
}
inline yarn::frequencies frequencies_of(const yarn::hf_config& config, std::int64_t seq_len = 0) {
  return yarn::make_frequencies(config.shape, config.method, seq_len);
}
template <class Method> Method method_of(const yarn::hf_config& config) {
  return std::get<Method>(config.method);
}

/// Whether at least one note contains all the words.
inline testing::AssertionResult notes_say(const yarn::hf_config& config,
                                          const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& note : config.notes) {
    const auto is_there = [&note](const std::string& word) {
      return note.find(word) != std::string::npos;
    };
    if (std::all_of(words.begin(), words.end(), is_there)) {
      return testing::AssertionSuccess();
    }
    all += "\n  " + note;
  }
  return testing::AssertionFailure() << "not among the notes:" << all;
}
using names = std::vector<std::string>;

} // namespace hf

#endif // YARN_TESTS_SUPPORT_HF_CONFIGS_HPP

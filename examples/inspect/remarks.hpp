// SPDX-License-Identifier: MIT
// Used by warnings.cpp and attention_warnings.cpp: the list of remarks, and functions that examine
// a report or a configuration.
#ifndef YARN_EXAMPLES_INSPECT_REMARKS_HPP
#define YARN_EXAMPLES_INSPECT_REMARKS_HPP

#include "warnings.hpp"

#include <string>
#include <utility>
#include <vector>

namespace inspect {

struct remark_list {
  std::vector<remark> list;

  void warn(const char* id, std::string text) { list.push_back({true, id, std::move(text)}); }
  void note(const char* id, std::string text) { list.push_back({false, id, std::move(text)}); }
};

template <class Method> const Method* method(const model_report& r) {
  return std::get_if<Method>(&r.config.method);
}

/// The method if it is YaRN or dynamic YaRN, else null.
inline const yarn::yarn_scaling* yarn_method(const model_report& r) {
  if (const auto* dynamic = method<yarn::dynamic_yarn_scaling>(r))
    return dynamic;
  return method<yarn::yarn_scaling>(r);
}

inline long long shown(std::int64_t number) { return static_cast<long long>(number); }

/// Whether the configuration has this key, at any depth, and its value is not null.
bool has_key(const nlohmann::json& config, const char* key);

/// Adds remarks about the attention factor and YaRN's ramp (attention_warnings.cpp).
void on_attention(const model_report& r, const nlohmann::json& config, remark_list& to);
void on_correction_range(const model_report& r, remark_list& to);

} // namespace inspect

#endif

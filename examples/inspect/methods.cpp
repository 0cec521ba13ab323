// SPDX-License-Identifier: MIT
#include "methods.hpp"

#include <stdexcept>
#include <type_traits>

namespace inspect {
namespace {

using nlohmann::ordered_json;

void set(ordered_json& to, const char* name, const yarn::optional_number& number) {
  if (number.has_value())
    to[name] = number.value();
}
void set(ordered_json& to, const char* name, const yarn::factor_list& list) {
  to[name] = std::vector<double>(list.data(), list.data() + list.size());
}

struct parameters {
  ordered_json& to;

  void operator()(const yarn::default_scaling&) const {}
  void operator()(const yarn::linear_scaling& m) const {
    to["factor"] = m.factor;
    set(to, "attention_factor", m.attention_factor);
  }
  void operator()(const yarn::ntk_scaling& m) const { to["factor"] = m.factor; }
  void operator()(const yarn::dynamic_ntk_scaling& m) const {
    to["factor"] = m.factor;
    to["max_position_embeddings"] = m.max_position_embeddings;
  }
  void operator()(const yarn::stepped_ntk_scaling& m) const {
    to["original_max_position_embeddings"] = m.original_max_position_embeddings;
    if (m.training_seqlen != 0)
      to["training_seqlen"] = m.training_seqlen;
  }
  void operator()(const yarn::ntk_by_parts_scaling& m) const {
    to["factor"] = m.factor;
    to["original_max_position_embeddings"] = m.original_max_position_embeddings;
    to["beta_fast"] = m.beta_fast;
    to["beta_slow"] = m.beta_slow;
  }
  void operator()(const yarn::part_ntk_scaling& m) const {
    to["factor"] = m.factor;
    to["original_max_position_embeddings"] = m.original_max_position_embeddings;
    to["ntk_factor"] = m.ntk_factor;
    to["extrapolation_factor"] = m.extrapolation_factor;
  }
  void operator()(const yarn::dynamic_part_ntk_scaling& m) const {
    to["original_max_position_embeddings"] = m.original_max_position_embeddings;
    to["ntk_factor"] = m.ntk_factor;
    to["extrapolation_factor"] = m.extrapolation_factor;
  }
  void operator()(const yarn::yarn_scaling& m) const {
    to["factor"] = m.factor;
    to["original_max_position_embeddings"] = m.original_max_position_embeddings;
    to["beta_fast"] = m.beta_fast;
    to["beta_slow"] = m.beta_slow;
    set(to, "attention_factor", m.attention_factor);
    to["attn_factor"] = m.attn_factor;
    set(to, "mscale", m.mscale);
    set(to, "mscale_all_dim", m.mscale_all_dim);
    to["extrapolation_factor"] = m.extrapolation_factor;
    to["truncate"] = m.truncate;
    to["ramp"] = m.ramp == yarn::yarn_ramp::pair_index ? "pair_index" : "rotations";
  }
  void operator()(const yarn::llama3_scaling& m) const {
    to["factor"] = m.factor;
    to["low_freq_factor"] = m.low_freq_factor;
    to["high_freq_factor"] = m.high_freq_factor;
    to["original_max_position_embeddings"] = m.original_max_position_embeddings;
  }
  void operator()(const yarn::longrope_scaling& m) const {
    to["original_max_position_embeddings"] = m.original_max_position_embeddings;
    set(to, "factor", m.factor);
    set(to, "attention_factor", m.attention_factor);
    set(to, "short_mscale", m.short_mscale);
    set(to, "long_mscale", m.long_mscale);
    set(to, "short_factor", m.short_factor);
    set(to, "long_factor", m.long_factor);
  }
  void operator()(const yarn::proportional_scaling& m) const {
    to["partial_rotary_factor"] = m.partial_rotary_factor;
    to["factor"] = m.factor;
  }
};

struct type_name {
  const char* operator()(const yarn::default_scaling&) const { return "default_scaling"; }
  const char* operator()(const yarn::linear_scaling&) const { return "linear_scaling"; }
  const char* operator()(const yarn::ntk_scaling&) const { return "ntk_scaling"; }
  const char* operator()(const yarn::dynamic_ntk_scaling&) const { return "dynamic_ntk_scaling"; }
  const char* operator()(const yarn::stepped_ntk_scaling&) const { return "stepped_ntk_scaling"; }
  const char* operator()(const yarn::ntk_by_parts_scaling&) const { return "ntk_by_parts_scaling"; }
  const char* operator()(const yarn::part_ntk_scaling&) const { return "part_ntk_scaling"; }
  const char* operator()(const yarn::dynamic_part_ntk_scaling&) const {
    return "dynamic_part_ntk_scaling";
  }
  const char* operator()(const yarn::yarn_scaling&) const { return "yarn_scaling"; }
  const char* operator()(const yarn::dynamic_yarn_scaling&) const { return "dynamic_yarn_scaling"; }
  const char* operator()(const yarn::llama3_scaling&) const { return "llama3_scaling"; }
  const char* operator()(const yarn::longrope_scaling&) const { return "longrope_scaling"; }
  const char* operator()(const yarn::proportional_scaling&) const { return "proportional_scaling"; }
};

template <class Method> Method scaled_by(double factor, std::int64_t original_length) {
  Method method;
  method.factor = factor;
  method.original_max_position_embeddings = original_length;
  return method;
}
template <class Method> Method scaled_by(double factor) {
  Method method;
  method.factor = factor;
  return method;
}

} // namespace

const char* type_of(const yarn::any_scaling& method) { return std::visit(type_name{}, method); }

nlohmann::ordered_json parameters_of(const yarn::any_scaling& method) {
  ordered_json result = ordered_json::object();
  std::visit(parameters{result}, method);
  return result;
}

ordered_json temperature_of(const yarn::hf_config& config) {
  ordered_json to;
  if (const auto* llama4 = std::get_if<yarn::llama4_temperature>(&config.temperature))
    to = {
        {"type", "llama4_temperature"},
        {"parameters", {{"attn_scale", llama4->attn_scale}, {"floor_scale", llama4->floor_scale}}}};
  if (const auto* ministral = std::get_if<yarn::ministral_temperature>(&config.temperature))
    to = {{"type", "ministral_temperature"},
          {"parameters",
           {{"beta", ministral->beta},
            {"original_max_position_embeddings", ministral->original_max_position_embeddings}}}};
  if (const auto* log_n = std::get_if<yarn::log_n_temperature>(&config.temperature))
    to = {{"type", "log_n_temperature"},
          {"parameters", {{"original_length", log_n->original_length}}}};
  if (!to.is_null())
    to["layers"] =
        config.temperature_layers == yarn::temperature_scope::unrotated ? "unrotated" : "all";
  return to;
}

std::optional<double> factor_of(const yarn::any_scaling& method) {
  const ordered_json all = parameters_of(method);
  const auto factor = all.find("factor");
  return factor == all.end() ? std::nullopt : std::optional<double>(factor->get<double>());
}

bool is_dynamic(const yarn::any_scaling& method) {
  return std::visit(
      [](const auto& chosen) {
        return yarn::is_dynamic_scaling_v<
            std::remove_cv_t<std::remove_reference_t<decltype(chosen)>>>;
      },
      method);
}

const std::vector<std::string>& comparable_methods() {
  static const std::vector<std::string> names = {
      "default",  "linear",           "ntk",  "dynamic",      "ntk_by_parts",
      "part_ntk", "dynamic_part_ntk", "yarn", "dynamic_yarn", "llama3"};
  return names;
}

yarn::any_scaling method_named(const std::string& name, double factor,
                               std::int64_t original_length) {
  if (name == "default")
    return yarn::default_scaling{};
  if (name == "linear")
    return scaled_by<yarn::linear_scaling>(factor);
  if (name == "ntk")
    return scaled_by<yarn::ntk_scaling>(factor);
  if (name == "dynamic") {
    yarn::dynamic_ntk_scaling method; // factor 1: the scale is l/L, as in the paper
    method.max_position_embeddings = original_length;
    return method;
  }
  if (name == "ntk_by_parts")
    return scaled_by<yarn::ntk_by_parts_scaling>(factor, original_length);
  if (name == "part_ntk")
    return scaled_by<yarn::part_ntk_scaling>(factor, original_length);
  if (name == "dynamic_part_ntk") {
    yarn::dynamic_part_ntk_scaling method;
    method.original_max_position_embeddings = original_length;
    return method;
  }
  if (name == "yarn")
    return scaled_by<yarn::yarn_scaling>(factor, original_length);
  if (name == "dynamic_yarn") {
    yarn::dynamic_yarn_scaling method;
    method.original_max_position_embeddings = original_length;
    return method;
  }
  if (name == "llama3")
    return scaled_by<yarn::llama3_scaling>(factor, original_length);
  std::string known;
  for (const std::string& each : comparable_methods())
    known += (known.empty() ? "" : ", ") + each;
  throw std::invalid_argument("--compare: there is no method \"" + name +
                              "\" to compare; known: " + known);
}

} // namespace inspect

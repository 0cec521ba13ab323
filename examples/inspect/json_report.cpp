// SPDX-License-Identifier: MIT
#include "json_report.hpp"

#include "methods.hpp"

namespace inspect {
namespace {

using nlohmann::ordered_json;

ordered_json length_or_null(std::int64_t length) {
  return length == 0 ? ordered_json(nullptr) : ordered_json(length);
}

ordered_json numbers(const model_report& report) {
  const yarn::hf_config& config = report.config;
  ordered_json to = ordered_json::object();
  to["name"] = report.name;
  to["layer_type"] =
      report.layer_type.empty() ? ordered_json(nullptr) : ordered_json(report.layer_type);
  to["rope_type"] = config.rope_type;
  to["method"] = type_of(config.method);
  to["parameters"] = parameters_of(config.method);
  to["head_dim"] = config.shape.head_dim;
  to["rotary_dim"] = report.rotary_dim();
  to["pairing"] = nullptr;
  if (config.pairing)
    to["pairing"] = *config.pairing == yarn::pairing::half_split ? "half_split" : "interleaved";
  to["rope_theta"] = config.shape.rope_theta;
  to["rope_theta_in_use"] = report.frequencies.rope_theta();
  to["attention_factor"] = report.frequencies.attention_factor();
  to["logit_factor"] = report.logit_factor();
  const yarn::pair_range range = report.frequencies.correction_range();
  to["correction_range"] =
      range.has_value ? ordered_json{range.low, range.high} : ordered_json(nullptr);
  to["max_position_embeddings"] = length_or_null(config.max_position_embeddings);
  to["original_max_position_embeddings"] = length_or_null(config.original_max_position_embeddings);
  to["extended_length"] = length_or_null(report.lengths.extended);
  to["seq_len"] = report.seq_len;
  to["float32_angle_error"] = report.float32_angle_error;
  to["n_axes"] = report.n_axes();
  for (const char* list : {"inv_freq", "unscaled_inv_freq", "ratio", "wavelength",
                           "unscaled_wavelength", "turns", "zones", "axis_of_pair"})
    to[list] = ordered_json::array();
  for (const pair_report& pair : report.pairs) {
    to["inv_freq"].push_back(pair.inv_freq);
    to["unscaled_inv_freq"].push_back(pair.unscaled);
    to["ratio"].push_back(pair.ratio);
    to["wavelength"].push_back(pair.wavelength); // infinity becomes null
    to["unscaled_wavelength"].push_back(pair.unscaled_wavelength);
    to["turns"].push_back(pair.turns);
    to["zones"].push_back(zone_name(pair.zone));
    to["axis_of_pair"].push_back(pair.axis);
  }
  return to;
}

} // namespace

nlohmann::ordered_json json_report(const model_report& report, const std::vector<remark>& remarks,
                                   const std::vector<model_report>& compared) {
  ordered_json to = numbers(report);
  to["unused"] = report.config.unused;
  to["warnings"] = ordered_json::array();
  to["notes"] = ordered_json::array();
  for (const remark& each : remarks)
    to[each.is_warning ? "warnings" : "notes"].push_back({{"id", each.id}, {"text", each.text}});
  if (!compared.empty()) {
    to["compared"] = ordered_json::array();
    for (const model_report& other : compared)
      to["compared"].push_back(numbers(other));
  }
  return to;
}

} // namespace inspect

// SPDX-License-Identifier: MIT
// The implementation of hf_config.hpp: chooses the ropes to read, and reads texts and files.
#ifndef YARN_DETAIL_HF_READ_HPP
#define YARN_DETAIL_HF_READ_HPP

#include "../../hf_config.hpp"
#include "kind.hpp"
#include "tower.hpp"

#include <fstream>
#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline hf_config hf_read_vision(const nlohmann::json& config, const hf_options& options) {
  if (!options.layer_type.empty())
    fail_argument("yarn: hf_options.layer_type = \"{}\": vision towers have no types of layers; "
                  "leave layer_type empty",
                  options.layer_type);
  hf_tower_fields tower = hf_tower_reader(config).read();
  hf_config result;
  result.shape = tower.shape;
  result.rope_type = "default"; // result.method is default_scaling
  result.frequency_of_pair = std::move(tower.frequency_of_pair);
  result.unused = std::move(tower.unused);
  result.notes = std::move(tower.notes);
  hf_set_axes(std::move(tower.axes), result);
  return result;
}

inline hf_config hf_read_text(const nlohmann::json& config, const hf_options& options) {
  const std::vector<hf_layer_kind> kinds =
      hf_wanted_kinds(hf_find_sources(config), options.layer_type);
  hf_config result = hf_read_kind(config, options, kinds.front());
  std::string names;
  for (const hf_layer_kind& kind : kinds)
    if (!kind.type.empty() && names.find(kind.type) == std::string::npos)
      names += (names.empty() ? "" : ", ") + kind.type;
  for (std::size_t i = 1; i < kinds.size(); ++i)
    if (!hf_same_rope(hf_read_kind(config, options, kinds[i]), result))
      fail_argument("yarn: hf_options.layer_type = \"{}\": the layers of this configuration have "
                    "different ropes, which hf_layers reads; {}{}",
                    options.layer_type,
                    names.empty() ? "they have no types to choose from"
                                  : "layer_type must be one of the types of this configuration: ",
                    names);
  return result;
}

// The rope of a vision tower, for all of its layers.
inline hf_layer_ropes hf_tower_layers(const nlohmann::json& config, const hf_options& options) {
  hf_layer_ropes result;
  result.ropes.push_back(hf_config_from(config, options));
  hf_object tower(&config, "");
  if (!tower.has_object("vision_config") && tower.has_object("thinker_config"))
    tower = tower.object("thinker_config");
  if (tower.has_object("vision_config"))
    tower = tower.object("vision_config");
  const auto n = hf_first_length(tower, {"depth", "num_hidden_layers", "n_layers"});
  if (n && *n > hf_largest_n_layers)
    fail_argument("yarn: the vision tower has {} layers; this reader allows {}", *n,
                  hf_largest_n_layers);
  if (n)
    result.rope_of_layer.assign(static_cast<std::size_t>(*n), 0);
  else
    result.notes.emplace_back(
        "depth, num_hidden_layers and n_layers are not given: it is not known "
        "how many layers the vision tower has");
  return result;
}

} // namespace detail

inline hf_config hf_config_from(const nlohmann::json& config, const hf_options& options) {
  return options.tower == hf_tower::vision ? detail::hf_read_vision(config, options)
                                           : detail::hf_read_text(config, options);
}

inline hf_layer_ropes hf_layers(const nlohmann::json& config, const hf_options& options) {
  if (!options.layer_type.empty())
    detail::fail_argument("yarn: hf_options.layer_type = \"{}\" must be empty for hf_layers, which "
                          "reads all layers",
                          options.layer_type);
  if (options.tower == hf_tower::vision)
    return detail::hf_tower_layers(config, options);
  const detail::hf_sources from = detail::hf_find_sources(config);
  const detail::hf_schedule& schedule = from.schedule;
  hf_layer_ropes result;
  if (!schedule.kind_of_layer.empty() && schedule.n_used == 0) { // No rope is read below.
    detail::hf_refuse_by_code(from.config);
    detail::hf_note_unrotated(from.config, result.notes);
  }
  std::vector<std::int64_t> rope_of_kind(schedule.kinds.size(), -1);
  const auto read = [&](std::size_t kind) {
    hf_config rope = detail::hf_read_kind(config, options, schedule.kinds[kind]);
    for (std::size_t i = 0; i < result.ropes.size() && rope_of_kind[kind] < 0; ++i)
      if (detail::hf_same_rope(result.ropes[i], rope))
        rope_of_kind[kind] = static_cast<std::int64_t>(i);
    if (rope_of_kind[kind] >= 0)
      return;
    std::int64_t n_equal = 1;
    for (const hf_config& other : result.ropes)
      n_equal += other.name == rope.name || other.name.rfind(rope.name + " ", 0) == 0;
    if (n_equal > 1)
      rope.name += detail::text_of(" {}", n_equal);
    rope_of_kind[kind] = static_cast<std::int64_t>(result.ropes.size());
    result.ropes.push_back(std::move(rope));
  };
  if (schedule.kind_of_layer.empty())
    for (std::size_t kind = 0; kind < schedule.kinds.size(); ++kind)
      read(kind);
  for (const std::int64_t kind : schedule.kind_of_layer) {
    if (kind >= 0 && rope_of_kind[static_cast<std::size_t>(kind)] < 0)
      read(static_cast<std::size_t>(kind));
    result.rope_of_layer.push_back(kind < 0 ? -1 : rope_of_kind[static_cast<std::size_t>(kind)]);
  }
  for (const auto* notes : {&schedule.list_notes, &schedule.notes})
    result.notes.insert(result.notes.end(), notes->begin(), notes->end());
  return result;
}

namespace detail {

inline nlohmann::json hf_parse(std::string_view text) {
#if YARN_EXCEPTIONS
  std::string reason;
  try {
    return nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& error) {
    reason = error.what();
    reason.erase(0, reason.find(']') + 2); // the error number of nlohmann-json
  }
  fail_argument("yarn: the configuration is not JSON: {}", reason);
#else
  nlohmann::json config = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (config.is_discarded())
    fail_argument("yarn: the configuration is not JSON");
  return config;
#endif
}

} // namespace detail

inline hf_config hf_config_from_text(std::string_view text, const hf_options& options) {
  return hf_config_from(detail::hf_parse(text), options);
}

inline hf_config hf_config_from_file(const std::string& path, const hf_options& options) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char block[4096];
  // A directory can be opened, but not read.
  while (file.read(block, sizeof block) || file.gcount() > 0)
    text.append(block, static_cast<std::size_t>(file.gcount()));
  if (!file.eof())
    detail::fail_argument("yarn: the file {} cannot be read", path);
  return hf_config_from_text(text, options);
}

inline std::vector<std::string> hf_layer_types(const nlohmann::json& config) {
  std::vector<std::string> notes;
  const detail::hf_object text = detail::hf_text_config(config, notes);
  const detail::hf_model model = detail::hf_find_model(text.string("model_type"));
  const detail::hf_object dictionary = detail::hf_dictionary(text);
  std::vector<std::string> types = detail::hf_types_with_parameters(text, dictionary, model);
  if (types.empty())
    for (const auto& kind : detail::hf_schedule_reader(text, dictionary, model).read().kinds)
      if (!kind.type.empty() && std::find(types.begin(), types.end(), kind.type) == types.end())
        types.push_back(kind.type);
  return types;
}

} // namespace YARN_ABI
} // namespace yarn

#endif

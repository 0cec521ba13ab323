// SPDX-License-Identifier: MIT
// The objects of a configuration that a rope is read from, and the kinds of layers to choose from.
#ifndef YARN_DETAIL_HF_SOURCES_HPP
#define YARN_DETAIL_HF_SOURCES_HPP

#include "other_files.hpp"
#include "schedule.hpp"

#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The objects of a configuration that the reader uses. Each object records which of its keys were
// read.
struct hf_sources {
  hf_object config;               // the configuration of the language model
  hf_model model;                 // the defaults of its class
  hf_object dictionary;           // rope_parameters or rope_scaling
  hf_schedule schedule;           // which layers have which parameters
  hf_layer_kind kind;             // the wanted layers
  hf_layer_parameters parameters; // those of the wanted layers
  std::vector<std::string> notes;
};

inline hf_sources hf_find_sources(const nlohmann::json& config) {
  hf_sources from;
  if (config.is_object())
    hf_refuse_other_file(config);
  from.config = hf_text_config(config, from.notes);
  from.model = hf_find_model(from.config.string("model_type"));
  from.dictionary = hf_dictionary(from.config);
  if (from.model.scales_by_itself && !from.dictionary)
    fail_argument("yarn: {} is missing; model_type {} always scales, and only this key has the "
                  "numbers",
                  from.config.name_of("rope_parameters"), from.model.model_type);
  from.schedule = hf_schedule_reader(from.config, from.dictionary, from.model).read();
  return from;
}

inline void hf_choose_kind(hf_sources& from, const hf_layer_kind& kind) {
  from.kind = kind;
  from.parameters = hf_find_layer_parameters(from.config, from.dictionary, from.model, kind.type);
  if (!kind.is_scaled)
    from.parameters.source = hf_layer_source::theta_only;
}

// The kinds that hf_options.layer_type = `wanted` may mean. If `wanted` is empty: the kinds that
// layers use, or all kinds if no layer uses one or this is not known.
inline std::vector<hf_layer_kind> hf_wanted_kinds(const hf_sources& from,
                                                  const std::string& wanted) {
  std::vector<hf_layer_kind> kinds = from.schedule.kinds;
  if (wanted.empty() && from.schedule.n_used != 0)
    kinds.resize(from.schedule.n_used);
  if (kinds.empty())
    kinds.emplace_back(); // no layer rotates; notes say so
  if (wanted.empty())
    return kinds;
  std::vector<hf_layer_kind> found;
  std::string names;
  for (const hf_layer_kind& kind : kinds) {
    if (kind.type == wanted)
      found.push_back(kind);
    if (!kind.type.empty() && names.find(kind.type) == std::string::npos)
      names += (names.empty() ? "" : ", ") + kind.type;
  }
  if (names.empty())
    fail_argument("yarn: hf_options.layer_type = \"{}\": this configuration has one set of RoPE "
                  "parameters for all layers; leave layer_type empty",
                  wanted);
  if (found.empty())
    fail_argument(
        "yarn: hf_options.layer_type = \"{}\" must be one of the types of this configuration: {}",
        wanted, names);
  return found;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

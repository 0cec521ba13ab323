// SPDX-License-Identifier: MIT
// Which layers of a model have which rope, and which do not rotate.
#ifndef YARN_EXAMPLES_INSPECT_LAYERS_HPP
#define YARN_EXAMPLES_INSPECT_LAYERS_HPP

#include <yarn/hf_config.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace inspect {

/// The layers of one model.
struct layer_map {
  std::vector<std::string> ropes; ///< the names of the distinct ropes
  /// For each layer the index of its rope; -1: the layer does not rotate. Empty: not known.
  std::vector<std::int64_t> rope_of_layer;
  std::vector<std::string> notes;

  /// Whether layers have different ropes, or some layers do not rotate.
  bool differs() const;
};

layer_map layer_map_of(const yarn::hf_layer_ropes& model);

/// The layers whose rope has this index; -1: the layers that do not rotate.
std::vector<std::int64_t> layers_of(const layer_map& map, std::int64_t rope);

/// "0-4, 6-10, 12"
std::string ranges(const std::vector<std::int64_t>& layers);

/// "32, all of the model" or "0-4, 6-10": the layers with this rope. Empty: not known.
std::string layers_text(const layer_map& map, std::int64_t rope);

/// A drawing with one character for each layer, and a line for each rope: its layers as ranges.
/// Empty if all layers have one rope.
std::string print_layers(const std::string& name, const layer_map& map);

/// {"n_layers", "ropes", "rope_of_layer", "unrotated_layers", "notes"}. A value that is not known
/// is null.
nlohmann::ordered_json json_layers(const layer_map& map);

} // namespace inspect

#endif

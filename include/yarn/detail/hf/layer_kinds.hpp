// SPDX-License-Identifier: MIT
// Which layers of a model have the same rope.
#ifndef YARN_DETAIL_HF_LAYER_KINDS_HPP
#define YARN_DETAIL_HF_LAYER_KINDS_HPP

#include "value.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// What a file says about the rope of a layer.
struct hf_layer_kind {
  std::string type; // one of hf_types_with_parameters, or the type of the layers; empty: all types
  bool is_scaled = true;       // false: the scaling of the dictionary is not for this layer
  std::optional<double> theta; // of a list by layer
  std::optional<double> share; // the rotated share of a head, of a list by layer
  // Linear attention that rotates beside another attention whose heads have another width: multi-
  // head latent attention (Ring 2.5), or sparse attention (MiniCPM-SALA).
  bool has_own_linear_heads = false;

  bool operator==(const hf_layer_kind& other) const {
    return type == other.type && is_scaled == other.is_scaled && theta == other.theta &&
           share == other.share && has_own_linear_heads == other.has_own_linear_heads;
  }
};

struct hf_schedule {
  std::vector<hf_layer_kind> kinds;        // distinct; first those that layers use
  std::size_t n_used = 0;                  // how many of them are used; 0: none, or not known
  std::vector<std::int64_t> kind_of_layer; // -1: the layer does not rotate; empty: not known
  // On layers that do not rotate, on the meaning of a period, and on entries that are not read.
  std::vector<std::string> notes;
  std::vector<std::string>
      list_notes; // on the list of layers: gaps and defaults; only for hf_layers
};

// A longer list of layers would take memory and time, and is a mistake in the file.
inline constexpr std::int64_t hf_largest_n_layers = 65536;

// "3, 7, 11, ..." for messages.
inline std::string hf_indices(const std::vector<std::int64_t>& indices) {
  constexpr std::size_t most = 12;
  std::string text;
  for (std::size_t i = 0; i < indices.size() && i < most; ++i)
    text += text_of(i == 0 ? "{}" : ", {}", indices[i]);
  return indices.size() > most ? text + ", ..." : text;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Decides which layers rotate.
#ifndef YARN_DETAIL_HF_ROTATING_LAYERS_HPP
#define YARN_DETAIL_HF_ROTATING_LAYERS_HPP

#include "layer_lists.hpp"
#include "unrotated.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

class hf_rotating_layers {
public:
  // lists.names, the types of layers, may be filled in later.
  hf_rotating_layers(const hf_object& config, const hf_layer_rule& rule,
                     const hf_layer_lists& lists)
      : config_(config), rule_(rule), lists_(lists),
        is_unrotated_(!hf_unrotated_by(config).empty()),
        linear_rotates_(rule.rotates == hf_rotates::attention_and_linear &&
                        config.boolean("linear_rope").value_or(true) && !has_delta_attention()),
        lightning_rotates_(config.boolean("lightning_use_rope").value_or(true)),
        sparse_rotates_(config.boolean("attn_use_rope").value_or(true)) {}

  // Whether this layer, of n_layers, rotates.
  bool contains(std::int64_t layer, std::int64_t n_layers) const {
    const auto i = static_cast<std::size_t>(layer);
    if (is_unrotated_ || (!lists_.names.empty() && !type_rotates(lists_.names[i])))
      return false;
    if (!lists_.rotates.empty() && !lists_.rotates[i])
      return false;
    if (lists_.no_rope_interval != 0 && (layer + 1) % lists_.no_rope_interval == 0)
      return false;
    const bool is_sliding = lists_.names.empty() || lists_.names[i] == "sliding_attention";
    switch (rule_.rotates) {
    case hf_rotates::sliding_layers:
      return is_sliding;
    case hf_rotates::sliding_layers_if_any:
      return is_sliding || !hf_has_window(config_);
    case hf_rotates::windowed_layers:
      return is_sliding && hf_has_window(config_);
    case hf_rotates::windowed_or_dense:
      return (is_sliding && hf_has_window(config_)) || rotates_as_dense(layer, n_layers);
    case hf_rotates::attention_layers:
    case hf_rotates::by_no_rope_layers:
    case hf_rotates::attention_and_linear:
      break;
    }
    return true;
  }

  // Whether layers of this type have linear attention, with heads of another width than those of
  // the other layers.
  bool has_own_linear_heads(const std::string& type) const {
    return (is_lightning(type) && config_.has("lightning_head_dim")) ||
           (type == "linear_attention" && rule_.rotates == hf_rotates::attention_and_linear &&
            config_.has("qk_rope_head_dim"));
  }

  // Whether layers with linear attention have a rope beside that of the full attention.
  bool linear_attention_rotates() const {
    return linear_rotates_ && has_own_linear_heads("linear_attention");
  }

  // Whether layers of type full_attention do not rotate, by the rule of the class.
  bool full_layers_do_not_rotate() const {
    return rule_.rotates == hf_rotates::sliding_layers ||
           rule_.rotates == hf_rotates::windowed_layers ||
           rule_.rotates == hf_rotates::windowed_or_dense ||
           (rule_.rotates == hf_rotates::sliding_layers_if_any && hf_has_window(config_));
  }

private:
  // Whether the linear attention is that of Kimi, which does not rotate (Ling 3).
  bool has_delta_attention() const {
    for (const char* key : {"kda_lower_bound", "kda_safe_gate", "no_kda_lora", "use_kda_lora"})
      if (config_.has(key))
        return true;
    return false;
  }
  static bool is_lightning(const std::string& type) {
    return type == "lightning" || type == "lightning-attn" || type == "lightning_attn";
  }
  bool type_rotates(const std::string& type) const {
    if (type == "linear_attention")
      return linear_rotates_;
    if (is_lightning(type))
      return lightning_rotates_;
    if (type == "minicpm4")
      return sparse_rotates_;
    return !hf_has_no_rope(type);
  }
  // Whether the layer rotates, even without a window, because its MLP is dense.
  bool rotates_as_dense(std::int64_t layer, std::int64_t n_layers) const {
    const hf_dense_layers dense = hf_find_dense_layers(config_, n_layers);
    if (dense.period != 1)
      return false;
    const nlohmann::json* types = config_.find("mlp_layer_types");
    if (types == nullptr || !types->is_array())
      return layer < dense.n;
    const auto i = static_cast<std::size_t>(layer);
    return i < types->size() && (*types)[i] == "dense";
  }

  const hf_object& config_;
  const hf_layer_rule& rule_;
  const hf_layer_lists& lists_;
  bool is_unrotated_;      // the model does not rotate at all
  bool linear_rotates_;    // layers of type linear_attention (Ring)
  bool lightning_rotates_; // MiniCPM-SALA: layers with linear attention
  bool sparse_rotates_;    // MiniCPM-SALA: layers with sparse attention
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Reads the lists that have an entry for each layer.
#ifndef YARN_DETAIL_HF_LAYER_LISTS_HPP
#define YARN_DETAIL_HF_LAYER_LISTS_HPP

#include "layer_rules.hpp"
#include "layers.hpp"

#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The lists of a configuration. Empty: not given.
class hf_layer_lists {
public:
  // is_compressed: compress_ratios gives the types of layers.
  hf_layer_lists(const hf_object& config, const hf_layer_rule& rule, bool is_compressed,
                 std::vector<std::string>& notes)
      : config_(config), rule_(rule), is_compressed_(is_compressed), notes_(notes) {
    read_lists();
  }

  std::vector<double> thetas;
  std::vector<double> shares;
  std::vector<bool> rotates;
  std::int64_t no_rope_interval = 0; // 0: none
  std::vector<std::string> scaled_types;
  std::vector<std::string> names; // the type of each layer
  // The names of the lists, and how many entries they have.
  mutable std::vector<std::pair<std::string, std::int64_t>> lengths;

  bool has_list(const char* key) const {
    return config_.has(key) && config_.peek(key)->is_array() && !config_.peek(key)->empty();
  }

  // A list of switches: 0 and false mean no, 1 and true mean yes.
  std::vector<bool> switches(const char* key) const {
    std::vector<bool> list;
    const auto& values = *config_.find(key);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const nlohmann::json& value = values[i];
      const bool is_number = value.is_number_integer();
      const bool is_yes = value.is_boolean() ? value.get<bool>() : is_number && value == 1;
      const bool is_no = value.is_boolean() ? !value.get<bool>() : is_number && value == 0;
      if (!is_yes && !is_no)
        hf_wrong(text_of("{}[{}]", config_.name_of(key), i), value, "0, 1, true or false");
      list.push_back(is_yes);
    }
    record_length(key, list.size());
    return list;
  }
  std::vector<std::string> strings(const char* key) const {
    std::vector<std::string> list;
    const auto& values = *config_.find(key);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!values[i].is_string())
        hf_wrong(text_of("{}[{}]", config_.name_of(key), i), values[i], "a string");
      list.push_back(values[i].get<std::string>());
    }
    return list;
  }

private:
  template <class... Values> void note(const char* format, const Values&... values) {
    hf_note(notes_, format, values...);
  }
  std::vector<double> positive(const char* key) {
    std::vector<double> list = config_.numbers(key);
    for (std::size_t i = 0; i < list.size(); ++i)
      if (!(list[i] > 0.0))
        hf_wrong(text_of("{}[{}]", config_.name_of(key), i), (*config_.peek(key))[i], "> 0");
    record_length(key, list.size());
    return list;
  }
  void record_length(const char* key, std::size_t size) const {
    lengths.emplace_back(config_.name_of(key), static_cast<std::int64_t>(size));
  }

  void read_lists() {
    if (has_list("rope_theta"))
      thetas = positive("rope_theta");
    if (has_list("partial_rotary_factors"))
      shares = positive("partial_rotary_factors");
    for (std::size_t i = 0; i < shares.size(); ++i)
      if (shares[i] > 1.0)
        hf_wrong(text_of("{}[{}]", config_.name_of("partial_rotary_factors"), i),
                 (*config_.peek("partial_rotary_factors"))[i], "in (0, 1]");
    // 0: the layer has no RoPE, in spite of the name no_rope_layers. rope_layout: SmallThinker.
    for (const char* key : {"no_rope_layers", "use_rope_layers", "rope_layout"}) {
      if (config_.find(key) != nullptr && !config_.peek(key)->is_array())
        config_.refuse(key, "a list with an entry for each layer");
      if (rotates.empty() && has_list(key)) // an empty list counts as absent
        rotates = switches(key);
    }
    const auto interval = config_.length("no_rope_layer_interval");
    if (rotates.empty() && (interval || rule_.rotates == hf_rotates::by_no_rope_layers)) {
      no_rope_interval = interval.value_or(4);
      if (!interval)
        note("no_rope_layers is not given: each {}th layer has no RoPE, the default of model_type "
             "{}",
             no_rope_interval, rule_.model_type);
    }
    if (has_list("yarn_only_types"))
      scaled_types = strings("yarn_only_types");
    config_.find("yarn_only_types");
    // mixer_types: MiniCPM-SALA
    for (const char* key : {"layer_types", "layers_block_type", "mixer_types"})
      if (names.empty() && has_list(key) && (*config_.peek(key))[0].is_string()) {
        names = strings(key);
        record_length(key, names.size());
      }
    if (names.empty())
      read_numbered_types();
    if (names.empty())
      read_block_configs();
  }

  // Llama-Nemotron: some layers have no attention.
  void read_block_configs() {
    if (!has_list("block_configs"))
      return;
    for (const nlohmann::json& block : *config_.find("block_configs")) {
      const hf_object attention =
          hf_object(block.is_object() ? &block : nullptr, "block_configs").object("attention");
      names.emplace_back(attention.boolean("no_op").value_or(false) ? "mlp" : "full_attention");
    }
    record_length("block_configs", names.size());
  }

  // Lists of numbers that stand for types.
  void read_numbered_types() {
    const auto take = [&](const char* key, const auto& type_of) {
      if (!names.empty() || !has_list(key) || !(*config_.peek(key))[0].is_number())
        return;
      for (const double value : config_.numbers(key))
        names.emplace_back(type_of(value));
      record_length(key, names.size());
    };
    if (is_compressed_)
      take("compress_ratios", [](double ratio) {
        return ratio <= 0.0     ? "sliding_attention"
               : ratio >= 128.0 ? "heavily_compressed_attention"
                                : "compressed_sparse_attention";
      });
    take("hybrid_layer_pattern", [](double value) { // MiMo-V2
      return value == 0.0 ? "full_attention" : "sliding_attention";
    });
    take("attn_type_list", [](double value) { // MiniMax-Text-01
      return value == 0.0 ? "linear_attention" : "full_attention";
    });
  }

  const hf_object& config_;
  hf_layer_rule rule_;
  bool is_compressed_;
  std::vector<std::string>& notes_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

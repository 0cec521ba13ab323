// SPDX-License-Identifier: MIT
// Finds the type of each layer from lists of indices, periods, patterns, and the rules of classes.
#ifndef YARN_DETAIL_HF_LAYER_NAMES_HPP
#define YARN_DETAIL_HF_LAYER_NAMES_HPP

#include "layer_kinds.hpp"
#include "layer_lists.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

class hf_layer_namer {
public:
  // has_rope_types: the types of layers have RoPE parameters of their own.
  hf_layer_namer(const hf_object& config, const hf_layer_rule& rule, const hf_layer_lists& lists,
                 std::int64_t n_layers, bool has_rope_types, hf_schedule& result)
      : config_(config), rule_(rule), lists_(lists), n_layers_(n_layers),
        has_rope_types_(has_rope_types), result_(result) {}

  // The types. Empty: all layers have the same type, or the types are not known.
  std::vector<std::string> read() {
    if (lists_.has_list("block_types")) { // RecurrentGemma: repeated
      const std::vector<std::string> block = lists_.strings("block_types");
      for (std::int64_t i = 0; i < n_layers_; ++i)
        names_.push_back(block[static_cast<std::size_t>(i) % block.size()]);
    } else if (lists_.has_list("full_attn_idxs")) { // LFM2
      name_by_indices("full_attn_idxs", "full_attention", "conv");
    } else if (lists_.has_list("attn_layer_indices")) { // Bamba
      name_by_indices("attn_layer_indices", "attention", "mamba");
    } else if (lists_.has_list("hybrid_layer_ids")) { // Zamba2
      name_by_indices("hybrid_layer_ids", "hybrid", "mamba");
    } else if (config_.has_object("linear_attn_config")) {
      name_by_linear_config();
    } else if (rule_.rotates == hf_rotates::windowed_or_dense) {
      name_after_dense_layers();
    } else if (config_.has("mamba_step")) {
      name_by_mamba_step();
    } else {
      name_by_period();
    }
    return std::move(names_);
  }

private:
  template <class... Values> void note(const char* format, const Values&... values) {
    hf_note(result_.notes, format, values...);
  }
  template <class... Values> void note_about_list(const char* format, const Values&... values) {
    hf_note(result_.list_notes, format, values...);
  }

  void name_by_indices(const char* key, const char* listed, const char* other) {
    names_.assign(static_cast<std::size_t>(n_layers_), other);
    for (const double index : config_.numbers(key)) {
      if (!(index >= 0.0 && index < static_cast<double>(n_layers_)) || index != std::floor(index))
        fail_argument("yarn: {} holds {}; it must be the index of one of {} layers",
                      config_.name_of(key), index, n_layers_);
      names_[static_cast<std::size_t>(index)] = listed;
    }
  }

  // Kimi Linear: kda_layers and full_attn_layers count from 1. vLLM, configs/kimi_linear.py, reads
  // the former.
  void name_by_linear_config() {
    const hf_object linear = config_.object("linear_attn_config");
    const bool lists_linear = linear.has("kda_layers");
    const char* key = lists_linear ? "kda_layers" : "full_attn_layers";
    if (!linear.has(key))
      return name_by_period();
    names_.assign(static_cast<std::size_t>(n_layers_),
                  lists_linear ? "full_attention" : "linear_attention");
    for (const double number : linear.numbers(key)) {
      if (!(number >= 1.0 && number <= static_cast<double>(n_layers_)) ||
          number != std::floor(number))
        fail_argument("yarn: {} holds {}; it must be in [1, {}], because it counts layers from 1",
                      linear.name_of(key), number, n_layers_);
      names_[static_cast<std::size_t>(number) - 1] =
          lists_linear ? "linear_attention" : "full_attention";
    }
  }

  // Cohere2Moe: the first layers, whose MLP is dense, have a period of their own.
  void name_after_dense_layers() {
    const hf_dense_layers dense = hf_find_dense_layers(config_, n_layers_);
    const std::int64_t period =
        config_.length(rule_.period_key).value_or(static_cast<std::int64_t>(rule_.period));
    for (std::int64_t i = 0; i < n_layers_; ++i) {
      const bool is_full =
          i < dense.n ? (i + 1) % dense.period == 0 : (i - dense.n + 1) % period == 0;
      names_.emplace_back(is_full ? "full_attention" : rule_.other);
    }
    note_about_list(
        "layer_types is not given: each {}th layer after the first {} has full_attention, "
        "as in the class of model_type {}",
        period, dense.n, rule_.model_type);
  }
  // PLaMo 2: vLLM, models/plamo2.py, is_mamba.
  void name_by_mamba_step() {
    const std::int64_t step = *config_.length("mamba_step");
    const bool is_enabled = config_.boolean("mamba_enabled").value_or(true);
    const bool is_short = n_layers_ <= step / 2;
    for (std::int64_t i = 0; i < n_layers_; ++i) {
      const bool has_attention = is_short ? i == n_layers_ - 1 : i % step == step / 2;
      names_.emplace_back(has_attention || !is_enabled ? "attention" : "mamba");
    }
  }

  void name_by_period() {
    hf_layer_rule rule = rule_;
    if (rule.model_type == nullptr)
      for (const char* key :
           {"sliding_window_pattern", "global_attn_every_n_layers", "full_attention_interval"})
        if (rule.period_key == nullptr && config_.has(key)) {
          rule.period_key = key;
          if (std::string(key) == "full_attention_interval")
            rule.other = "linear_attention";
          note("{}: the last layer of each period is taken for full_attention, as in most models",
               config_.name_of(key));
        }
    if (rule.rotates == hf_rotates::sliding_layers_if_any && !hf_has_window(config_))
      rule.period = 0;
    else if (rule.period_key != nullptr && config_.has(rule.period_key)) {
      const nlohmann::json& value = *config_.find(rule.period_key);
      if (value.is_string() || value.is_array())
        return name_by_pattern(rule.period_key, rule.other);
      const auto period = config_.length(rule.period_key);
      if (*period > hf_largest_n_layers)
        config_.refuse(rule.period_key, "at most the number of layers");
      rule.period = static_cast<int>(*period);
    } else if (rule.period != 0 &&
               (has_rope_types_ || rule.rotates != hf_rotates::attention_layers))
      note_about_list(
          "layer_types is not given: each {}th layer has full_attention, the default of model_type "
          "{}",
          rule.period, rule.model_type);
    if (rule.period == 0 && (rule.model_type == nullptr || rule.period_key == nullptr))
      return; // all layers have one type, or the types are not known
    for (std::int64_t i = 0; i < n_layers_; ++i) {
      const bool is_full = rule.period == 0 ||
                           (rule.full_comes_first ? i : i + 1) % rule.period == 0 ||
                           (rule.last_is_full && i + 1 == n_layers_) ||
                           (rule.rest_is_full && i >= n_layers_ / rule.period * rule.period);
      names_.emplace_back(is_full ? "full_attention" : rule.other);
    }
  }

  // "LLLG" or a list of switches, repeated: L and true have a window.
  void name_by_pattern(const char* key, const char* other) {
    std::vector<bool> has_window;
    const nlohmann::json& value = *config_.peek(key);
    if (value.is_string())
      for (const char letter : value.get_ref<const std::string&>()) {
        if (letter != 'L' && letter != 'G')
          config_.refuse(key, "a number, or a text of the letters L and G");
        has_window.push_back(letter == 'L');
      }
    else
      has_window = lists_.switches(key);
    if (has_window.empty())
      config_.refuse(key, "a number, or a pattern that is not empty");
    for (std::int64_t i = 0; i < n_layers_; ++i)
      names_.emplace_back(
          has_window[static_cast<std::size_t>(i) % has_window.size()] ? other : "full_attention");
  }

  const hf_object& config_;
  const hf_layer_rule& rule_;
  const hf_layer_lists& lists_;
  std::int64_t n_layers_;
  bool has_rope_types_;
  hf_schedule& result_;
  std::vector<std::string> names_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

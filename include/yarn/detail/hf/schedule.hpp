// SPDX-License-Identifier: MIT
// Finds which layer has which RoPE parameters, and which layers do not rotate: lists by layer,
// patterns and intervals, dictionaries by type of layers.
#ifndef YARN_DETAIL_HF_SCHEDULE_HPP
#define YARN_DETAIL_HF_SCHEDULE_HPP

#include "layer_lists.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// What a file says about the rope of a layer.
struct hf_layer_kind {
  std::string type;            // of hf_layers_of, or of the layer; empty: the same for all types
  bool is_scaled = true;       // false: the scaling of the dictionary is not for this layer
  std::optional<double> theta; // of a list by layer
  std::optional<double> share; // the rotated share of a head, of a list by layer

  bool operator==(const hf_layer_kind& other) const {
    return type == other.type && is_scaled == other.is_scaled && theta == other.theta &&
           share == other.share;
  }
};

struct hf_schedule {
  std::vector<hf_layer_kind> kinds;        // the distinct ones; those of layers come first
  std::size_t n_used = 0;                  // how many of them layers have; 0: not known
  std::vector<std::int64_t> kind_of_layer; // -1: the layer does not rotate; empty: not known
  std::vector<std::string> notes;          // which layers do not rotate
  std::vector<std::string> count_notes;    // for hf_layers only: what is not known about layers
};

// "3, 7, 11, ..." for messages.
inline std::string hf_indices(const std::vector<std::int64_t>& indices) {
  constexpr std::size_t most = 12;
  std::string text;
  for (std::size_t i = 0; i < indices.size() && i < most; ++i)
    text += text_of(i == 0 ? "{}" : ", {}", indices[i]);
  return indices.size() > most ? text + ", ..." : text;
}

class hf_schedule_reader {
public:
  hf_schedule_reader(const hf_object& config, const hf_object& dictionary, const hf_model& model)
      : config_(config), rule_(hf_find_layer_rule(config.string("model_type"))),
        rope_types_(hf_layers_of(config, dictionary, model)),
        is_compressed_(hf_layers_in(dictionary).empty() ? hf_has_compressed_layers(config, model)
                                                        : model.compress_theta != 0.0),
        lists_(config, rule_, is_compressed_, result_.notes) {}

  hf_schedule read() {
    count_layers();
    name_layers();
    if (n_layers_ != 0 && can_name_ropes())
      list_layers();
    else
      list_types();
    return std::move(result_);
  }

private:
  template <class... Values> void note(const char* format, const Values&... values) {
    hf_note(result_.notes, format, values...);
  }
  template <class... Values> void note_count(const char* format, const Values&... values) {
    hf_note(result_.count_notes, format, values...);
  }
  void count_layers() {
    for (const char* key : {"num_hidden_layers", "n_layer", "n_layers", "num_layers"})
      if (n_layers_ == 0)
        n_layers_ = config_.length(key).value_or(0);
    if (n_layers_ > largest_n_layers)
      fail_argument("yarn: the model has {} layers; this reader allows {}", n_layers_,
                    largest_n_layers);
    const bool is_given = n_layers_ != 0;
    if (!is_given && !lists_.lengths.empty()) {
      n_layers_ = lists_.lengths.front().second;
      for (const auto& each : lists_.lengths)
        if (each.second != n_layers_) {
          note_count(
              "num_hidden_layers is not given, and the lists {} and {} differ in length: it is "
              "not known how many layers there are",
              lists_.lengths.front().first, each.first);
          n_layers_ = 0;
          return;
        }
      note_count("num_hidden_layers is not given: {}, the length of {}", n_layers_,
                 lists_.lengths.front().first);
    }
    for (const auto& each : lists_.lengths) {
      if (each.second < n_layers_)
        fail_argument("yarn: {} has {} entries; the model has {} layers", each.first, each.second,
                      n_layers_);
      if (each.second > n_layers_)
        note("{} has {} entries for {} layers: the last {} are not read (layers that predict "
             "further tokens)",
             each.first, each.second, n_layers_, each.second - n_layers_);
    }
  }

  // ---- Types of layers --------------------------------------------------------------------------

  void name_layers() {
    if (!lists_.names.empty() || n_layers_ == 0)
      return;
    if (lists_.has_list("block_types")) { // RecurrentGemma: repeated
      const std::vector<std::string> block = lists_.strings("block_types");
      for (std::int64_t i = 0; i < n_layers_; ++i)
        lists_.names.push_back(block[static_cast<std::size_t>(i) % block.size()]);
    } else if (lists_.has_list("full_attn_idxs")) { // LFM2
      name_by_indices("full_attn_idxs", "full_attention", "conv");
    } else if (lists_.has_list("attn_layer_indices")) { // Bamba
      name_by_indices("attn_layer_indices", "attention", "mamba");
    } else if (config_.has("mamba_step")) { // PLaMo 2
      name_by_step();
    } else {
      name_by_period();
    }
  }
  // mlx-lm, models/plamo2.py, is_mamba: one layer of each step has attention. mamba_enabled is
  // true by default.
  void name_by_step() {
    const std::int64_t step = *config_.length("mamba_step");
    const bool is_on = config_.boolean("mamba_enabled").value_or(true);
    for (std::int64_t i = 0; i < n_layers_; ++i) {
      const bool has_attention = n_layers_ <= step / 2 ? i == n_layers_ - 1 : i % step == step / 2;
      lists_.names.emplace_back(!is_on || has_attention ? "full_attention" : "mamba");
    }
  }
  void name_by_indices(const char* key, const char* listed, const char* other) {
    lists_.names.assign(static_cast<std::size_t>(n_layers_), other);
    for (const double index : config_.numbers(key)) {
      if (!(index >= 0.0 && index < static_cast<double>(n_layers_)) || index != std::floor(index))
        fail_argument("yarn: {} holds {}; it must be the index of one of {} layers",
                      config_.name_of(key), index, n_layers_);
      lists_.names[static_cast<std::size_t>(index)] = listed;
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
    if (rule.rotates == hf_rotates::sliding_layers_if_any && !has_window())
      rule.period = 0;
    else if (rule.period_key != nullptr && config_.has(rule.period_key)) {
      const nlohmann::json& value = *config_.find(rule.period_key);
      if (value.is_string() || value.is_array())
        return name_by_pattern(rule.period_key, rule.other);
      const auto period = config_.length(rule.period_key);
      if (*period > largest_n_layers)
        config_.refuse(rule.period_key, "at most the number of layers");
      rule.period = static_cast<int>(*period);
    } else if (rule.period != 0 &&
               (!rope_types_.empty() || rule.rotates != hf_rotates::every_layer))
      note_count(
          "layer_types is not given: each {}th layer has full_attention, the default of model_type "
          "{}",
          rule.period, rule.model_type);
    if (rule.period == 0 && (rule.model_type == nullptr || rule.period_key == nullptr))
      return; // all layers have one type, or the types are not known
    for (std::int64_t i = 0; i < n_layers_; ++i) {
      const bool is_full = rule.period == 0 ||
                           (rule.full_comes_first ? i : i + 1) % rule.period == 0 ||
                           (rule.last_is_full && i + 1 == n_layers_);
      lists_.names.emplace_back(is_full ? "full_attention" : rule.other);
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
      lists_.names.emplace_back(
          has_window[static_cast<std::size_t>(i) % has_window.size()] ? other : "full_attention");
  }

  // Whether the model has a window. The classes have a default, so an absent key is a window.
  bool has_window() const {
    return config_.has("sliding_window") ||
           config_.json().find("sliding_window") == config_.json().end();
  }

  // ---- Kinds ------------------------------------------------------------------------------------

  // Whether a type of layers has no attention, or an attention without RoPE.
  static bool is_unrotated(const std::string& type) {
    for (const char* name :
         {"linear_attention", "conv", "mamba", "mamba2", "recurrent", "moe", "mlp"})
      if (type == name)
        return true;
    return false;
  }
  bool rotates(std::int64_t layer) const {
    const auto i = static_cast<std::size_t>(layer);
    if (!lists_.names.empty() && is_unrotated(lists_.names[i]))
      return false;
    if (!lists_.rotates.empty() && !lists_.rotates[i])
      return false;
    if (lists_.no_rope_interval != 0 && (layer + 1) % lists_.no_rope_interval == 0)
      return false;
    const bool is_gated = rule_.rotates == hf_rotates::sliding_layers ||
                          (rule_.rotates == hf_rotates::sliding_layers_if_any && has_window());
    return !is_gated || lists_.names.empty() || lists_.names[i] == "sliding_attention";
  }
  bool has_type(const std::string& type) const {
    return std::find(rope_types_.begin(), rope_types_.end(), type) != rope_types_.end();
  }
  // The type of the RoPE parameters of a layer; empty: not known.
  std::string rope_type_of(const std::string& layer_type) const {
    if (has_type(layer_type))
      return layer_type;
    if (is_compressed_ && has_type("main"))
      return layer_type == "sliding_attention" ? "main" : "compress";
    return rope_types_.size() == 1 ? rope_types_.front() : std::string();
  }

  // Whether it is known which layer has which parameters. Notes what is not known.
  bool can_name_ropes() {
    if (rope_types_.size() < 2)
      return true;
    if (lists_.names.empty()) {
      note_count("layer_types is missing: it is not known which layers have which parameters");
      return false;
    }
    for (std::int64_t i = 0; i < n_layers_; ++i)
      if (rotates(i) && rope_type_of(lists_.names[static_cast<std::size_t>(i)]).empty()) {
        note_count(
            "layer {} has the type {}, which has no RoPE parameters: it is not known which layers "
            "have which parameters",
            i, hf_shown(lists_.names[static_cast<std::size_t>(i)]));
        return false;
      }
    return true;
  }

  bool is_scaled(const std::string& type) const {
    return lists_.scaled_types.empty() ||
           std::find(lists_.scaled_types.begin(), lists_.scaled_types.end(), type) !=
               lists_.scaled_types.end();
  }
  hf_layer_kind kind_of(std::int64_t layer) const {
    const auto i = static_cast<std::size_t>(layer);
    hf_layer_kind kind;
    const std::string type = lists_.names.empty() ? std::string() : lists_.names[i];
    if (!rope_types_.empty())
      kind.type = rope_type_of(type);
    else if (!lists_.thetas.empty() || !lists_.shares.empty() || !lists_.scaled_types.empty())
      kind.type = type;
    kind.is_scaled = is_scaled(type);
    if (!lists_.thetas.empty())
      kind.theta = lists_.thetas[i];
    if (!lists_.shares.empty())
      kind.share = lists_.shares[i];
    return kind;
  }
  std::int64_t index_of(const hf_layer_kind& kind) {
    const auto found = std::find(result_.kinds.begin(), result_.kinds.end(), kind);
    const auto index = found - result_.kinds.begin();
    if (found == result_.kinds.end())
      result_.kinds.push_back(kind);
    if (result_.kinds.size() > most_kinds)
      fail_argument("yarn: the lists by layer make more than {} different ropes", most_kinds);
    return index;
  }

  void list_layers() {
    std::vector<std::int64_t> unrotated;
    for (std::int64_t i = 0; i < n_layers_; ++i) {
      result_.kind_of_layer.push_back(rotates(i) ? index_of(kind_of(i)) : -1);
      if (result_.kind_of_layer.back() < 0)
        unrotated.push_back(i);
    }
    if (!unrotated.empty()) // not through text_of, which limits the length
      result_.notes.push_back((unrotated.size() == 1 ? "layer " : "layers ") +
                              hf_indices(unrotated) +
                              text_of(" of {} (counted from 0) {} not rotate", n_layers_,
                                      unrotated.size() == 1 ? "does" : "do"));
    result_.n_used = result_.kinds.size();
    for (const std::string& type : rope_types_) // hf_options.layer_type may name unused ones, too
      extra_type(type);
  }
  void extra_type(const std::string& type) {
    const auto is_there = [&](const hf_layer_kind& kind) { return kind.type == type; };
    if (std::none_of(result_.kinds.begin(), result_.kinds.end(), is_there)) {
      hf_layer_kind kind;
      kind.type = type;
      result_.kinds.push_back(kind);
    }
  }

  // Without the number of layers: one kind for each type.
  void list_types() {
    if (!lists_.thetas.empty() || !lists_.shares.empty())
      fail_argument(
          "yarn: {} is missing; {} has an entry for each layer",
          config_.name_of("num_hidden_layers"),
          config_.name_of(lists_.thetas.empty() ? "partial_rotary_factors" : "rope_theta"));
    if (lists_.no_rope_interval != 0)
      note("each {}th layer does not rotate", lists_.no_rope_interval);
    else if (rule_.rotates == hf_rotates::sliding_layers ||
             (rule_.rotates == hf_rotates::sliding_layers_if_any && has_window()))
      note("the layers of type full_attention do not rotate");
    for (const std::string& type : rope_types_)
      extra_type(type);
    if (result_.kinds.empty())
      result_.kinds.emplace_back();
    if (n_layers_ == 0 && lists_.lengths.empty())
      note_count("num_hidden_layers is not given: it is not known how many layers there are");
  }

  static constexpr std::int64_t largest_n_layers = 65536;
  static constexpr std::size_t most_kinds = 64; // the time of hf_layers grows with its square

  const hf_object& config_;
  hf_layer_rule rule_;
  std::vector<std::string> rope_types_;
  bool is_compressed_;
  std::int64_t n_layers_ = 0;
  hf_schedule result_;
  hf_layer_lists lists_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Finds which layer has which RoPE parameters, and which layers do not rotate: lists by layer,
// patterns and intervals, dictionaries by type of layers.
#ifndef YARN_DETAIL_HF_SCHEDULE_HPP
#define YARN_DETAIL_HF_SCHEDULE_HPP

#include "layer_rules.hpp"
#include "layers.hpp"

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
  std::vector<hf_layer_kind> kinds;        // the distinct ones
  std::vector<std::int64_t> kind_of_layer; // -1: the layer does not rotate; empty: not known
  bool is_listed = false;                  // lists by layer have parameters
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
                                                        : model.compress_theta != 0.0) {}

  hf_schedule read() {
    read_lists();
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
  bool has_list(const char* key) const {
    return config_.has(key) && config_.peek(key)->is_array() && !config_.peek(key)->empty();
  }

  // ---- Lists by layer ---------------------------------------------------------------------------

  // A list of switches: 0 and false mean no, 1 and true mean yes.
  std::vector<bool> switches(const char* key) const {
    std::vector<bool> list;
    const auto& values = *config_.find(key);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const nlohmann::json& value = values[i];
      const bool is_switch =
          value.is_boolean() || (value.is_number_integer() && (value == 0 || value == 1));
      if (!is_switch)
        hf_wrong(text_of("{}[{}]", config_.name_of(key), i), value, "0, 1, true or false");
      list.push_back(value.is_boolean() ? value.get<bool>() : value == 1);
    }
    counted(key, list.size());
    return list;
  }
  std::vector<double> positive(const char* key) {
    std::vector<double> list = config_.numbers(key);
    for (std::size_t i = 0; i < list.size(); ++i)
      if (!(list[i] > 0.0))
        hf_wrong(text_of("{}[{}]", config_.name_of(key), i), (*config_.peek(key))[i], "> 0");
    counted(key, list.size());
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
  void counted(const char* key, std::size_t size) const {
    lengths_.emplace_back(config_.name_of(key), static_cast<std::int64_t>(size));
  }

  void read_lists() {
    if (has_list("rope_theta"))
      thetas_ = positive("rope_theta");
    if (has_list("partial_rotary_factors"))
      shares_ = positive("partial_rotary_factors");
    for (std::size_t i = 0; i < shares_.size(); ++i)
      if (shares_[i] > 1.0)
        hf_wrong(text_of("{}[{}]", config_.name_of("partial_rotary_factors"), i),
                 (*config_.peek("partial_rotary_factors"))[i], "in (0, 1]");
    if (has_list("no_rope_layers")) // 0: the layer has no RoPE, in spite of the name
      rotates_ = switches("no_rope_layers");
    else if (has_list("use_rope_layers"))
      rotates_ = switches("use_rope_layers");
    for (const char* key : {"no_rope_layers", "use_rope_layers"}) // an empty list counts as absent
      if (config_.find(key) != nullptr && !config_.peek(key)->is_array())
        config_.refuse(key, "a list with an entry for each layer");
    const auto interval = config_.length("no_rope_layer_interval");
    if (rotates_.empty() && (interval || rule_.rotates == hf_rotates::by_no_rope_layers)) {
      no_rope_interval_ = interval.value_or(4);
      if (!interval)
        note("no_rope_layers is not given: each {}th layer has no RoPE, the default of model_type "
             "{}",
             no_rope_interval_, rule_.model_type);
    }
    if (has_list("yarn_only_types"))
      scaled_types_ = strings("yarn_only_types");
    config_.find("yarn_only_types");
    for (const char* key : {"layer_types", "layers_block_type"})
      if (names_.empty() && has_list(key) && (*config_.peek(key))[0].is_string()) {
        names_ = strings(key);
        counted(key, names_.size());
      }
    if (names_.empty())
      read_numbered_types();
  }

  // Lists of numbers that stand for types.
  void read_numbered_types() {
    const auto take = [&](const char* key, const auto& type_of) {
      if (!names_.empty() || !has_list(key) || !(*config_.peek(key))[0].is_number())
        return;
      for (const double value : config_.numbers(key))
        names_.emplace_back(type_of(value));
      counted(key, names_.size());
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

  void count_layers() {
    for (const char* key : {"num_hidden_layers", "n_layer", "n_layers", "num_layers"})
      if (n_layers_ == 0)
        n_layers_ = config_.length(key).value_or(0);
    if (n_layers_ > largest_n_layers)
      fail_argument("yarn: the model has {} layers; this reader allows {}", n_layers_,
                    largest_n_layers);
    const bool is_given = n_layers_ != 0;
    if (!is_given && !lengths_.empty()) {
      n_layers_ = lengths_.front().second;
      for (const auto& each : lengths_)
        if (each.second != n_layers_) {
          note_count(
              "num_hidden_layers is not given, and the lists {} and {} differ in length: it is "
              "not known how many layers there are",
              lengths_.front().first, each.first);
          n_layers_ = 0;
          return;
        }
      note_count("num_hidden_layers is not given: {}, the length of {}", n_layers_,
                 lengths_.front().first);
    }
    for (const auto& each : lengths_) {
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
    if (!names_.empty() || n_layers_ == 0)
      return;
    if (has_list("block_types")) { // RecurrentGemma: repeated
      const std::vector<std::string> block = strings("block_types");
      for (std::int64_t i = 0; i < n_layers_; ++i)
        names_.push_back(block[static_cast<std::size_t>(i) % block.size()]);
    } else if (has_list("full_attn_idxs")) { // LFM2
      name_by_indices("full_attn_idxs", "full_attention", "conv");
    } else if (has_list("attn_layer_indices")) { // Bamba
      name_by_indices("attn_layer_indices", "attention", "mamba");
    } else {
      name_by_period();
    }
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
      has_window = switches(key);
    if (has_window.empty())
      config_.refuse(key, "a number, or a pattern that is not empty");
    for (std::int64_t i = 0; i < n_layers_; ++i)
      names_.emplace_back(
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
    if (!names_.empty() && is_unrotated(names_[i]))
      return false;
    if (!rotates_.empty() && !rotates_[i])
      return false;
    if (no_rope_interval_ != 0 && (layer + 1) % no_rope_interval_ == 0)
      return false;
    const bool is_gated = rule_.rotates == hf_rotates::sliding_layers ||
                          (rule_.rotates == hf_rotates::sliding_layers_if_any && has_window());
    return !is_gated || names_.empty() || names_[i] == "sliding_attention";
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
    if (names_.empty()) {
      note_count("layer_types is missing: it is not known which layers have which parameters");
      return false;
    }
    for (std::int64_t i = 0; i < n_layers_; ++i)
      if (rotates(i) && rope_type_of(names_[static_cast<std::size_t>(i)]).empty()) {
        note_count(
            "layer {} has the type {}, which has no RoPE parameters: it is not known which layers "
            "have which parameters",
            i, names_[static_cast<std::size_t>(i)].substr(0, 40));
        return false;
      }
    return true;
  }

  bool is_scaled(const std::string& type) const {
    return scaled_types_.empty() ||
           std::find(scaled_types_.begin(), scaled_types_.end(), type) != scaled_types_.end();
  }
  hf_layer_kind kind_of(std::int64_t layer) const {
    const auto i = static_cast<std::size_t>(layer);
    hf_layer_kind kind;
    const std::string type = names_.empty() ? std::string() : names_[i];
    if (!rope_types_.empty())
      kind.type = rope_type_of(type);
    else if (!thetas_.empty() || !shares_.empty() || !scaled_types_.empty())
      kind.type = type;
    kind.is_scaled = is_scaled(type);
    if (!thetas_.empty())
      kind.theta = thetas_[i];
    if (!shares_.empty())
      kind.share = shares_[i];
    return kind;
  }
  std::int64_t index_of(const hf_layer_kind& kind) {
    const auto found = std::find(result_.kinds.begin(), result_.kinds.end(), kind);
    const auto index = found - result_.kinds.begin();
    if (found == result_.kinds.end())
      result_.kinds.push_back(kind);
    return index;
  }

  void list_layers() {
    result_.is_listed = !thetas_.empty() || !shares_.empty() || !scaled_types_.empty();
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
    if (!thetas_.empty() || !shares_.empty())
      fail_argument("yarn: {} is missing; {} has an entry for each layer",
                    config_.name_of("num_hidden_layers"),
                    config_.name_of(thetas_.empty() ? "partial_rotary_factors" : "rope_theta"));
    if (no_rope_interval_ != 0)
      note("each {}th layer does not rotate", no_rope_interval_);
    else if (rule_.rotates == hf_rotates::sliding_layers ||
             (rule_.rotates == hf_rotates::sliding_layers_if_any && has_window()))
      note("the layers of type full_attention do not rotate");
    for (const std::string& type : rope_types_)
      extra_type(type);
    if (result_.kinds.empty())
      result_.kinds.emplace_back();
    if (n_layers_ == 0 && lengths_.empty())
      note_count("num_hidden_layers is not given: it is not known how many layers there are");
  }

  static constexpr std::int64_t largest_n_layers = 65536;

  const hf_object& config_;
  hf_layer_rule rule_;
  std::vector<std::string> rope_types_;
  bool is_compressed_;
  std::vector<double> thetas_;
  std::vector<double> shares_;
  std::vector<bool> rotates_;
  std::int64_t no_rope_interval_ = 0;
  std::vector<std::string> scaled_types_;
  std::vector<std::string> names_; // the type of each layer
  mutable std::vector<std::pair<std::string, std::int64_t>> lengths_;
  std::int64_t n_layers_ = 0;
  hf_schedule result_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

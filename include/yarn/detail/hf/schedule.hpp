// SPDX-License-Identifier: MIT
// Finds which layer has which RoPE parameters, and which layers do not rotate: lists by layer,
// patterns and intervals, dictionaries by type of layers.
#ifndef YARN_DETAIL_HF_SCHEDULE_HPP
#define YARN_DETAIL_HF_SCHEDULE_HPP

#include "layer_kinds.hpp"
#include "layer_lists.hpp"
#include "layer_names.hpp"
#include "rotating_layers.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

class hf_schedule_reader {
public:
  hf_schedule_reader(const hf_object& config, const hf_object& dictionary, const hf_model& model)
      : config_(config), rule_(hf_find_layer_rule(config.string("model_type"))),
        rope_types_(hf_types_with_parameters(config, dictionary, model)),
        is_compressed_(hf_types_with_dictionary(dictionary).empty()
                           ? hf_has_compressed_layers(config, model)
                           : model.compress_theta != 0.0),
        lists_(config, rule_, is_compressed_, result_.notes), rotating_(config, rule_, lists_) {}

  hf_schedule read() {
    count_layers();
    if (lists_.names.empty() && n_layers_ != 0)
      lists_.names =
          hf_layer_namer(config_, rule_, lists_, n_layers_, !rope_types_.empty(), result_).read();
    if (n_layers_ != 0 && layers_have_known_ropes())
      list_layers();
    else
      list_types();
    return std::move(result_);
  }

private:
  template <class... Values> void note(const char* format, const Values&... values) {
    hf_note(result_.notes, format, values...);
  }
  template <class... Values> void note_about_list(const char* format, const Values&... values) {
    hf_note(result_.list_notes, format, values...);
  }

  // The number of layers, from a key or from the length of the lists.
  void count_layers() {
    for (const char* key : {"num_hidden_layers", "n_layer", "n_layers", "num_layers"})
      if (n_layers_ == 0)
        n_layers_ = config_.length(key).value_or(0);
    if (n_layers_ > hf_largest_n_layers)
      fail_argument("yarn: the model has {} layers; this reader allows {}", n_layers_,
                    hf_largest_n_layers);
    const bool is_given = n_layers_ != 0;
    if (!is_given && !lists_.lengths.empty()) {
      n_layers_ = lists_.lengths.front().second;
      for (const auto& each : lists_.lengths)
        if (each.second != n_layers_) {
          note_about_list(
              "num_hidden_layers is not given, and the lists {} and {} differ in length: it is "
              "not known how many layers there are",
              lists_.lengths.front().first, each.first);
          n_layers_ = 0;
          return;
        }
      note_about_list("num_hidden_layers is not given: {}, the length of {}", n_layers_,
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

  bool has_type(const std::string& type) const {
    return std::find(rope_types_.begin(), rope_types_.end(), type) != rope_types_.end();
  }
  // The type of the RoPE parameters of a layer; empty: not known.
  std::string rope_type_of(const std::string& layer_type) const {
    if (has_type(layer_type))
      return layer_type;
    if (is_compressed_) {
      const std::string type = layer_type == "sliding_attention" ? "main" : "compress";
      return has_type(type) ? type : std::string();
    }
    return all_layers_have_one_dictionary() ? rope_types_.front() : std::string();
  }
  // Whether all layers use the only dictionary: its name is no layer type, or no types are known.
  bool all_layers_have_one_dictionary() const {
    if (rope_types_.size() != 1 || is_compressed_)
      return false;
    const std::string& type = rope_types_.front();
    return lists_.names.empty() ||
           (type != "full_attention" && type != "sliding_attention" &&
            std::find(lists_.names.begin(), lists_.names.end(), type) == lists_.names.end());
  }

  // Whether it is known which layer has which parameters. Notes what is not known.
  bool layers_have_known_ropes() {
    if (rope_types_.empty() || all_layers_have_one_dictionary())
      return true;
    if (lists_.names.empty()) {
      note_about_list("layer_types is missing: it is not known which layers have which parameters");
      return false;
    }
    for (std::int64_t i = 0; i < n_layers_; ++i)
      if (rotating_.contains(i, n_layers_) &&
          rope_type_of(lists_.names[static_cast<std::size_t>(i)]).empty()) {
        note_about_list(
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
    else if (!lists_.thetas.empty() || !lists_.shares.empty() || !lists_.scaled_types.empty() ||
             has_linear_layers_)
      kind.type = type;
    kind.has_own_linear_heads = rotating_.has_own_linear_heads(type);
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
    has_linear_layers_ =
        std::any_of(lists_.names.begin(), lists_.names.end(),
                    [&](const std::string& type) { return rotating_.has_own_linear_heads(type); });
    std::vector<std::int64_t> unrotated;
    for (std::int64_t i = 0; i < n_layers_; ++i) {
      result_.kind_of_layer.push_back(rotating_.contains(i, n_layers_) ? index_of(kind_of(i)) : -1);
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

  // If it is not known which layer has which parameters: one kind for each type.
  void list_types() {
    if (!lists_.thetas.empty() || !lists_.shares.empty()) {
      const std::string list =
          config_.name_of(lists_.thetas.empty() ? "partial_rotary_factors" : "rope_theta");
      if (n_layers_ == 0)
        fail_argument("yarn: {} is missing; {} has an entry for each layer",
                      config_.name_of("num_hidden_layers"), list);
      fail_argument("yarn: {} has an entry for each layer, but the file does not say which "
                    "layers have its other RoPE parameters",
                    list);
    }
    if (lists_.no_rope_interval != 0)
      note("each {}th layer does not rotate", lists_.no_rope_interval);
    else if (rotating_.full_layers_do_not_rotate())
      note("the layers of type full_attention do not rotate{}",
           rule_.rotates == hf_rotates::windowed_or_dense ? ", unless their MLP is dense" : "");
    for (const std::string& type : rope_types_)
      extra_type(type);
    if (result_.kinds.empty())
      result_.kinds.emplace_back();
    if (rotating_.linear_attention_rotates()) {
      hf_layer_kind linear;
      linear.type = "linear_attention";
      linear.has_own_linear_heads = true;
      result_.kinds.front().type = "full_attention";
      result_.kinds.push_back(linear);
    }
    if (n_layers_ == 0 && lists_.lengths.empty())
      note_about_list("num_hidden_layers is not given: it is not known how many layers there are");
  }

  static constexpr std::size_t most_kinds = 64; // the time of hf_layers grows with its square

  const hf_object& config_;
  hf_layer_rule rule_;
  std::vector<std::string> rope_types_;
  bool is_compressed_;
  std::int64_t n_layers_ = 0;
  hf_schedule result_;
  hf_layer_lists lists_;
  hf_rotating_layers rotating_;
  bool has_linear_layers_ = false; // with a rope of their own
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

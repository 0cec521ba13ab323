// SPDX-License-Identifier: MIT
// Finds the kind of each layer of a GGUF file: which rope it has, or that it does not rotate.
#ifndef YARN_DETAIL_GGUF_LAYERS_HPP
#define YARN_DETAIL_GGUF_LAYERS_HPP

#include "keys.hpp"
#include "layer_rules.hpp"

#include <string>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

enum class gguf_layer : std::uint8_t { global, window, compressed, unrotated };

// "3, 7, 11": at most eight indices, and an ellipsis if there are more.
inline std::string gguf_indices(const std::vector<gguf_layer>& layers, gguf_layer kind) {
  std::string text;
  int n_listed = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i] != kind)
      continue;
    if (n_listed++ == 8)
      return text + " ...";
    text += (text.empty() ? "" : ", ") + std::to_string(i);
  }
  return text;
}

template <class Reader> class gguf_layer_reader {
public:
  explicit gguf_layer_reader(gguf_keys<Reader>& keys)
      : keys_(keys), rule_(gguf_layer_rule_of(keys.architecture())) {}

  // The kind of each layer. Empty: the file does not say it, or the architecture is not known.
  // Notes say what is missing.
  std::vector<gguf_layer> read() {
    // Keys are read first, so that `unused` does not depend on block_count.
    const std::vector<bool> given = read_flags("attention.sliding_window_pattern", has_windows());
    const double period = read_period(given);
    const bool has_interval = is_listed(gguf_linear_attention, keys_.architecture());
    const std::vector<bool> recurrent = read_flags("attention.recurrent_layers", has_interval);
    const bool reads_rotating = rule_.nope == gguf_nope::by_rope_pattern;
    const std::vector<bool> rotating = read_flags("attention.rope_pattern", reads_rotating);
    const std::vector<bool> compressed = read_flags("attention.compress_ratios", is_deepseek4());
    if (!is_known())
      return unknown("it is not known which layers of this architecture have which rope");
    if (n_layers() == 0)
      return unknown("without it, it is not known which layer has which rope");
    if (is_deepseek4() && compressed.empty())
      keys_.missing("attention.compress_ratios", "it says which layers have which rope");
    if (has_windows() && given.empty() && period == 0.0)
      keys_.missing("attention.sliding_window_pattern", "it says which layers have a window");

    std::vector<gguf_layer> layers(static_cast<std::size_t>(n_layers()), gguf_layer::global);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const bool has_window =
          has_windows() && (given.empty() ? has_window_in_period(i, period) : given[i]);
      if (has_window)
        layers[i] = gguf_layer::window;
      if (is_deepseek4() && compressed[i])
        layers[i] = gguf_layer::compressed;
      if (does_not_rotate(i, has_window) || (!rotating.empty() && !rotating[i]))
        layers[i] = gguf_layer::unrotated;
    }
    mark_layers_without_attention(layers, recurrent);
    return layers;
  }

  // Whether some layers have a sliding window and may have another rope.
  bool has_window_rope() const { return has_windows() && !rule_.is_same_rope_with_window(); }
  bool is_deepseek4() const { return keys_.architecture() == "deepseek4"; }

private:
  std::vector<gguf_layer> unknown(const char* why) {
    keys_.note("{}: {}",
               is_known() ? keys_.full("block_count") + " is missing"
                          : "general.architecture = " + keys_.architecture(),
               why);
    return {};
  }

  bool is_known() const { return is_known_gguf(keys_.architecture()); }

  // The layers of the main pass. The blocks after them predict further tokens (MTP).
  std::int64_t n_layers() {
    if (n_layers_ >= 0)
      return n_layers_;
    n_blocks_ = keys_.count("block_count").value_or(0);
    constexpr std::int64_t largest = 65536; // llama.cpp: 512 (LLAMA_MAX_LAYERS)
    if (n_blocks_ > largest)
      fail_argument("yarn: {} = {} must be at most {}", keys_.full("block_count"), n_blocks_,
                    largest);
    const double n_next = keys_.number("nextn_predict_layers").value_or(0.0);
    if (!(n_next >= 0.0 && n_next <= static_cast<double>(n_blocks_)) ||
        n_next != static_cast<double>(static_cast<std::int64_t>(n_next)))
      fail_argument("yarn: {} = {} must be an integer in [0, block_count = {}]",
                    keys_.full("nextn_predict_layers"), n_next, n_blocks_);
    n_layers_ = n_blocks_ - static_cast<std::int64_t>(n_next);
    if (n_next != 0.0 && n_blocks_ != 0)
      keys_.note("{} = {}: the last blocks predict further tokens and are not among the layers",
                 keys_.full("nextn_predict_layers"), n_next);
    return n_layers_;
  }

  bool has_windows() const {
    if (has_windows_ < 0)
      has_windows_ = find_windows() ? 1 : 0;
    return has_windows_ == 1;
  }
  bool find_windows() const {
    switch (rule_.windows) {
    case gguf_windows::never:
      return false;
    case gguf_windows::always:
      return true;
    case gguf_windows::if_given:
      return keys_.number("attention.sliding_window").value_or(0.0) > 0.0;
    case gguf_windows::unless_zero:
      return keys_.number("attention.sliding_window").value_or(1.0) > 0.0;
    case gguf_windows::if_64_layers:
      break;
    }
    return keys_.count("block_count").value_or(0) -
               static_cast<std::int64_t>(keys_.number("nextn_predict_layers").value_or(0.0)) ==
           64;
  }

  // A list with a value for each layer; true: the value is not 0. Empty: not given. If the
  // architecture does not use the key, the key is not read, and `unused` lists it if its name is
  // about RoPE.
  std::vector<bool> read_flags(const char* key, bool is_used) {
    std::vector<bool> flags;
    if (!is_used || !keys_.is_list(key))
      return flags;
    const std::vector<double> values = keys_.numbers(key).value_or(std::vector<double>());
    const auto size = static_cast<std::int64_t>(values.size());
    if (n_layers() != 0 && size != n_layers_ && size != n_blocks_)
      fail_argument("yarn: {} has {} values; it must have one for each of the {} layers",
                    keys_.full(key), size, n_layers_);
    for (const double value : values) {
      if (!(value >= 0.0))
        fail_argument("yarn: {} holds {}; every value must be >= 0", keys_.full(key), value);
      flags.push_back(value != 0.0);
    }
    return flags;
  }

  // The period of the layers without a window. 0: there is none.
  double read_period(const std::vector<bool>& given) {
    constexpr const char* key = "attention.sliding_window_pattern";
    const auto built_in = static_cast<double>(rule_.period);
    if (!has_windows() || !given.empty() || keys_.is_list(key))
      return built_in;
    if (!keys_.is_given(key)) {
      if (rule_.period > 1)
        keys_.note("{} is missing: the {} of each {} layers has no window, as in llama.cpp",
                   keys_.full(key), rule_.global == gguf_global::first ? "first" : "last",
                   rule_.period);
      return built_in;
    }
    return static_cast<double>(keys_.count(key).value_or(0));
  }
  bool has_window_in_period(std::size_t layer, double period) const {
    const auto n = static_cast<std::uint64_t>(period);
    const std::uint64_t place = layer % n;
    return rule_.global == gguf_global::first ? place != 0 : place < n - 1;
  }

  bool does_not_rotate(std::size_t layer, bool has_window) {
    switch (rule_.nope) {
    case gguf_nope::none:
    case gguf_nope::by_rope_pattern:
      break;
    case gguf_nope::without_window:
      return has_windows() && !has_window;
    case gguf_nope::after_dense:
      return !has_window &&
             static_cast<double>(layer) >= keys_.number("leading_dense_block_count").value_or(0.0);
    case gguf_nope::last_of_four:
      return layer % 4 == 3;
    case gguf_nope::last_of_four_with_windows:
      return has_windows() && layer % 4 == 3;
    case gguf_nope::first_of_four: // llama.cpp rotates all layers of a model with four layers
      return has_windows() && n_layers_ != 4 && layer % 4 == 0;
    }
    return is_off();
  }

  // Whether no layer of the model rotates.
  bool is_off() {
    const std::string& name = keys_.architecture();
    const bool is_alibi = name == "baichuan" && n_layers_ == 40; // Baichuan 13B
    const bool is_switched_off = is_listed(gguf_rope_switch, name) &&
                                 keys_.number("rope.scaling.finetuned").value_or(1.0) == 0.0;
    return is_alibi || is_switched_off || is_listed(gguf_unrotated, name);
  }

  // Layers of linear attention, of convolutions and of state spaces have no rope.
  void mark_layers_without_attention(std::vector<gguf_layer>& layers,
                                     const std::vector<bool>& recurrent) {
    std::vector<bool> without = recurrent;
    if (without.empty() && is_listed(gguf_linear_attention, keys_.architecture())) {
      const auto interval =
          static_cast<std::size_t>(keys_.count("full_attention_interval").value_or(4));
      for (std::size_t i = 0; i < layers.size(); ++i)
        without.push_back((i + 1) % interval != 0);
    }
    for (const char* key : {"attention.head_count_kv", "attention.head_count"}) {
      const std::vector<bool> heads = read_flags(key, true);
      for (std::size_t i = 0; i < heads.size() && i < layers.size(); ++i)
        if (!heads[i])
          layers[i] = gguf_layer::unrotated;
    }
    for (std::size_t i = 0; i < without.size() && i < layers.size(); ++i)
      if (without[i])
        layers[i] = gguf_layer::unrotated;
  }

  gguf_keys<Reader>& keys_;
  const gguf_layer_rule rule_;
  std::int64_t n_layers_ = -1;
  std::int64_t n_blocks_ = 0;
  mutable int has_windows_ = -1; // -1: not read yet
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

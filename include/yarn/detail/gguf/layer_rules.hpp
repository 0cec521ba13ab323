// SPDX-License-Identifier: MIT
// Which layers of an architecture have a sliding window, which base and scaling these layers have,
// and which layers do not rotate. A GGUF file contains only a part of this. llama.cpp decides the
// rest by the name of the architecture. Source: ggml-org/llama.cpp src/models/<file>.cpp
// (load_arch_hparams, and the calls of ggml_rope_ext), read at these commits:
//   8a5c4e03  llama4.cpp, olmo2.cpp, grok.cpp        82234e08  cohere2.cpp, mellum.cpp
//   00487aad  cohere2moe.cpp                         348fd3e6  laguna.cpp
//   08b88611  step35.cpp                             0e703ad8  mimo2.cpp
//   06e514f6  gemma4.cpp                             00395eb2  deepseek4.cpp
//   569a0092  gemma3.cpp                             e062ff9c  gemma-embedding.cpp
//   0f728892  exaone4.cpp                            04eadc7e  exaone-moe.cpp
//   34dc2a37  afmoe.cpp                              0a5cf2dc  smallthinker.cpp
//   a0b8c172  smollm3.cpp                            00fe9788  plamo3.cpp
//   0876507f  modern-bert.cpp
// The commits for dflash, gemma2, gemma3n, gpt-oss and phi3 were not noted. The rule of granite_swa
// is from src/models/granite-swa.cpp, added in 2026. For all rules, also src/llama-model.cpp
// (get_rope_freq_base, get_rope_freq_scale, load_swa_pattern) was read.
#ifndef YARN_DETAIL_GGUF_LAYER_RULES_HPP
#define YARN_DETAIL_GGUF_LAYER_RULES_HPP

#include "architectures.hpp"

#include <cstdint>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The files whose model has layers with a sliding window.
enum class gguf_windows {
  never,        // llama.cpp ignores the window (phi3), or the architecture has none
  always,       // in every file
  if_given,     // if attention.sliding_window is > 0
  unless_zero,  // if attention.sliding_window is missing or > 0
  if_64_layers, // if the model has 64 layers (EXAONE 4: the 32B model)
};

// The layer of each period that has no window, if the file has no list of layers.
enum class gguf_global { last, first };

// The base of layers with a window.
enum class gguf_window_base {
  global,        // the base of the other layers; freq_base_swa has no effect
  own_or_global, // freq_base_swa, else the base of the other layers
  own_or_10000,  // freq_base_swa, else 10000
};

// The scaling and the divisors of layers with a window.
enum class gguf_window_scaling {
  global, // those of the other layers
  none,
};

// The layers that do not rotate (NoPE).
enum class gguf_nope {
  none,
  without_window,            // if the model has windows: the layers without one
  after_dense,               // the same, but the first leading_dense_block_count layers rotate
  last_of_four,              // layers 3, 7, 11 …
  last_of_four_with_windows, // the same, if the model has windows
  first_of_four,             // layers 0, 4, 8 …, if the model has windows
  by_rope_pattern,           // those for which attention.rope_pattern is 0
};

struct gguf_layer_rule {
  std::string_view architecture;
  gguf_windows windows = gguf_windows::never;
  std::int64_t period = 1; // 0: there is no default; the file must have sliding_window_pattern
  gguf_global global = gguf_global::last;
  gguf_window_base base = gguf_window_base::global;
  gguf_window_scaling scaling = gguf_window_scaling::global;
  gguf_nope nope = gguf_nope::none;

  bool is_same_rope_with_window() const {
    return base == gguf_window_base::global && scaling == gguf_window_scaling::global;
  }
};

// clang-format off
inline constexpr gguf_layer_rule gguf_layer_rules[] = {
    {"afmoe", gguf_windows::if_given, 4, gguf_global::last, gguf_window_base::global,
     gguf_window_scaling::global, gguf_nope::last_of_four},
    {"cohere2", gguf_windows::always, 4, gguf_global::last, gguf_window_base::global,
     gguf_window_scaling::global, gguf_nope::without_window},
    {"cohere2moe", gguf_windows::always, 4, gguf_global::first, gguf_window_base::global,
     gguf_window_scaling::global, gguf_nope::after_dense},
    {"dflash", gguf_windows::if_given, 0, gguf_global::last, gguf_window_base::global,
     gguf_window_scaling::global, gguf_nope::none},
    {"exaone-moe", gguf_windows::always, 4, gguf_global::last, gguf_window_base::global,
     gguf_window_scaling::global, gguf_nope::without_window},
    {"exaone4", gguf_windows::if_64_layers, 4, gguf_global::last, gguf_window_base::global,
     gguf_window_scaling::global, gguf_nope::without_window},
    {"gemma-embedding", gguf_windows::always, 6, gguf_global::last, gguf_window_base::own_or_10000,
     gguf_window_scaling::none, gguf_nope::none},
    {"gemma2", gguf_windows::always, 2, gguf_global::last, gguf_window_base::own_or_global,
     gguf_window_scaling::global, gguf_nope::none},
    {"gemma3", gguf_windows::if_given, 6, gguf_global::last, gguf_window_base::own_or_10000,
     gguf_window_scaling::none, gguf_nope::none},
    {"gemma3n", gguf_windows::always, 5, gguf_global::last, gguf_window_base::own_or_10000,
     gguf_window_scaling::none, gguf_nope::none},
    {"gemma4", gguf_windows::always, 0, gguf_global::last, gguf_window_base::own_or_10000,
     gguf_window_scaling::none, gguf_nope::none},
    {"gpt-oss", gguf_windows::always, 2, gguf_global::last, gguf_window_base::own_or_global,
     gguf_window_scaling::global, gguf_nope::none},
    {"granite_swa", gguf_windows::always, 0, gguf_global::last, gguf_window_base::global,
     gguf_window_scaling::global, gguf_nope::by_rope_pattern},
    {"laguna", gguf_windows::if_given, 4, gguf_global::first, gguf_window_base::own_or_global,
     gguf_window_scaling::none, gguf_nope::none},
    {"llama4", gguf_windows::unless_zero, 4, gguf_global::last, gguf_window_base::own_or_global,
     gguf_window_scaling::global, gguf_nope::last_of_four_with_windows},
    {"mellum", gguf_windows::if_given, 4, gguf_global::last, gguf_window_base::global,
     gguf_window_scaling::none, gguf_nope::none},
    {"mimo2", gguf_windows::always, 0, gguf_global::last, gguf_window_base::own_or_10000,
     gguf_window_scaling::none, gguf_nope::none},
    {"modern-bert", gguf_windows::if_given, 3, gguf_global::first, gguf_window_base::own_or_10000,
     gguf_window_scaling::global, gguf_nope::none},
    {"olmo2", gguf_windows::if_given, 4, gguf_global::last, gguf_window_base::global,
     gguf_window_scaling::none, gguf_nope::none},
    {"phi3", gguf_windows::never, 1, gguf_global::last, gguf_window_base::global,
     gguf_window_scaling::global, gguf_nope::none},
    {"plamo3", gguf_windows::if_given, 8, gguf_global::last, gguf_window_base::own_or_10000,
     gguf_window_scaling::none, gguf_nope::none},
    {"smallthinker", gguf_windows::if_given, 4, gguf_global::first, gguf_window_base::own_or_global,
     gguf_window_scaling::global, gguf_nope::first_of_four},
    {"smollm3", gguf_windows::never, 1, gguf_global::last, gguf_window_base::global,
     gguf_window_scaling::global, gguf_nope::last_of_four},
    {"step35", gguf_windows::always, 0, gguf_global::last, gguf_window_base::own_or_10000,
     gguf_window_scaling::none, gguf_nope::none},
};

// Architectures with linear attention: in the layers of the list attention.recurrent_layers, else
// in all layers but the last of each full_attention_interval (default 4).
inline constexpr std::string_view gguf_linear_attention[] = {"qwen35", "qwen35moe", "qwen3next"};
// clang-format on

// The rule of an architecture. In an architecture without an entry, layers differ only if some have
// no attention, or compressed keys (deepseek4, layers.hpp).
constexpr gguf_layer_rule gguf_layer_rule_of(std::string_view architecture) {
  for (const gguf_layer_rule& rule : gguf_layer_rules)
    if (rule.architecture == architecture)
      return rule;
  return {};
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

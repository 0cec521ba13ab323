// SPDX-License-Identifier: MIT
// Reads the factor on q that depends on the position. Source: ggml-org/llama.cpp, the files named
// below and llm_graph_input_attn_temp::set_input of src/llama-graph.cpp.
#ifndef YARN_DETAIL_GGUF_TEMPERATURE_HPP
#define YARN_DETAIL_GGUF_TEMPERATURE_HPP

#include "../../temperature.hpp"
#include "keys.hpp"

#include <string_view>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

struct gguf_temperature {
  any_temperature value;
  temperature_scope layers = temperature_scope::none;
};

// original_length: rope.scaling.original_context_length, else context_length; 0: not given.
template <class Reader>
gguf_temperature read_gguf_temperature(gguf_keys<Reader>& keys, std::int64_t original_length) {
  constexpr const char* scale_key = "attention.temperature_scale";
  constexpr const char* length_key = "attention.temperature_length";
  const std::string_view name = keys.architecture();
  // src/models/llama4.cpp: constants, for the layers that do not rotate. A window of 0 switches
  // the factor off.
  if (name == "llama4") {
    if (keys.number("attention.sliding_window").value_or(1.0) == 0.0)
      return {};
    return {llama4_temperature{}, temperature_scope::unrotated};
  }
  // src/models/deepseek2.cpp (Mistral Large 3; mistral4 uses the same code) reads the length.
  // src/models/mistral3.cpp takes the original length of the method.
  const bool reads_length = name == "deepseek2" || name == "mistral4";
  if (reads_length || name == "mistral3") {
    const double scale = keys.number(scale_key).value_or(0.0);
    const double given = reads_length ? static_cast<double>(keys.count(length_key).value_or(0)) : 0;
    if (scale == 0.0)
      return {};
    require_positive(keys.full(scale_key).c_str(), scale);
    const double length = reads_length ? given : static_cast<double>(original_length);
    if (length == 0.0)
      keys.missing(reads_length ? length_key : "rope.scaling.original_context_length",
                   "attention.temperature_scale needs it");
    return {ministral_temperature{scale, length}, temperature_scope::all};
  }
  // src/models/grok.cpp reads the length, and no graph uses it.
  if (name == "grok" && keys.is_given(length_key))
    keys.ignore(length_key, "llama.cpp reads it, but does not scale q by it");
  return {};
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

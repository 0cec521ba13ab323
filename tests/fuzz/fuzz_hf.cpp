// SPDX-License-Identifier: MIT
// The input is the text of a config.json. Reads it as a language model, as each of its types of
// layers, as all layers together, and as a vision tower.
#include "checks.hpp"

#include <yarn/hf_config.hpp>

#include <cstddef>
#include <string_view>

namespace {

using nlohmann::json;

// Heads of millions of elements are valid but slow. Other tests have them.
bool is_too_wide(const json& value, int depth = 0) {
  if (!value.is_object() || depth > 8)
    return false;
  for (auto it = value.begin(); it != value.end(); ++it) {
    for (const char* word : {"dim", "hidden", "embd", "d_model", "channels", "head", "width"})
      if (it->is_number() && it->get<double>() > 32768.0 &&
          it.key().find(word) != std::string::npos)
        return true;
    if (is_too_wide(*it, depth + 1))
      return true;
  }
  return false;
}

void read_text(std::string_view text, const yarn::hf_options& options) {
  fuzz::accepts([&] { fuzz::check_frequencies(yarn::hf_config_from_text(text, options)); });
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const json config = json::parse(text.begin(), text.end(), nullptr, false);
  if (!config.is_discarded() && is_too_wide(config))
    return 0;
  yarn::hf_options options;
  read_text(text, options);
  options.default_rope_theta = 10000.0;
  read_text(text, options);
  if (config.is_discarded())
    return 0;
  fuzz::accepts([&] {
    for (const std::string& type : yarn::hf_layer_types(config)) {
      options.layer_type = type;
      read_text(text, options);
    }
  });
  options.layer_type.clear();
  fuzz::accepts([&] { fuzz::check_layers(yarn::hf_layers(config, options)); });
  options.tower = yarn::hf_tower::vision;
  read_text(text, options);
  fuzz::accepts([&] { fuzz::check_layers(yarn::hf_layers(config, options)); });
  return 0;
}

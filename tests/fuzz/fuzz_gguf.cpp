// SPDX-License-Identifier: MIT
// The input is the metadata of a GGUF file as text (text_gguf.hpp). Reads each type of layers, and
// all layers together.
#include "checks.hpp"
#include "text_gguf.hpp"

#include <yarn/gguf.hpp>

namespace {

// Heads of millions of elements are valid but slow. Other tests have them.
bool is_too_wide(const fuzz::text_gguf& file) {
  for (const std::string& key : file.keys())
    if (file.number(key).value_or(0.0) > 32768.0 && key.find("_length") != std::string::npos &&
        key.find("context_length") == std::string::npos)
      return true;
  return false;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::text_gguf file(std::string(reinterpret_cast<const char*>(data), size));
  if (is_too_wide(file))
    return 0;
  yarn::gguf_options options;
  options.default_rope_theta = 10000.0;
  bool is_read = false;
  for (const auto type : {yarn::gguf_layer_type::global, yarn::gguf_layer_type::sliding_window,
                          yarn::gguf_layer_type::compressed}) {
    options.layer_type = type;
    is_read |= fuzz::accepts([&] {
      const yarn::gguf_config config = yarn::gguf_config_from(file, options);
      fuzz::check_frequencies(config);
      static_cast<void>(yarn::gguf_pairing(config));
    });
  }
  options.layer_type = yarn::gguf_layer_type::global;
  const bool has_layers = fuzz::accepts([&] {
    const yarn::gguf_layer_ropes model = yarn::gguf_layers(file, options);
    fuzz::check_layers(model);
    fuzz::require(is_read || model.ropes.empty(), "a rope of gguf_layers can be read alone");
  });
  static_cast<void>(has_layers);
  return 0;
}

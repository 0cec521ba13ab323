// SPDX-License-Identifier: MIT
// What must hold for every input, however broken: a reader accepts it and gives usable frequencies,
// or throws std::invalid_argument with a message that begins with "yarn: ". A failed check aborts,
// which libFuzzer and the replay report with the input.
#ifndef YARN_TESTS_FUZZ_CHECKS_HPP
#define YARN_TESTS_FUZZ_CHECKS_HPP

#include <yarn/frequencies.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace fuzz {

inline void require(bool condition, const char* what) {
  if (condition)
    return;
  std::fprintf(stderr, "fuzz: does not hold: %s\n", what);
  std::abort();
}

/// Calls read(). Returns whether it accepted the input. Other exceptions than std::invalid_argument
/// are not caught.
template <class Read> bool accepts(const Read& read) {
  try {
    read();
    return true;
  } catch (const std::invalid_argument& error) {
    require(std::string(error.what()).rfind("yarn: ", 0) == 0, "messages begin with \"yarn: \"");
    return false;
  }
}

/// Makes frequencies at lengths below, at and above the original length.
template <class Config> void check_frequencies(const Config& config) {
  const std::int64_t original = config.original_max_position_embeddings;
  for (const std::int64_t length : {std::int64_t{0}, original, original + 1, std::int64_t{1} << 20})
    accepts([&] {
      const yarn::frequencies f = make_frequencies(config, length);
      require(f.n_pairs() > 0, "there are pairs");
      require(std::isfinite(f.attention_factor()), "the attention factor is finite");
      for (const double inv_freq : f.inv_freq())
        require(std::isfinite(inv_freq) && inv_freq >= 0.0, "frequencies are finite and >= 0");
      require(f.n_axes() == config.n_axes, "frequencies have the axes of the configuration");
    });
}

/// Checks the answer of hf_layers or gguf_layers.
template <class Layers> void check_layers(const Layers& model) {
  std::vector<bool> is_used(model.ropes.size(), model.rope_of_layer.empty());
  for (const std::int64_t rope : model.rope_of_layer) {
    require(rope >= -1 && rope < static_cast<std::int64_t>(model.ropes.size()),
            "every layer has a rope of the list, or none");
    if (rope >= 0)
      is_used[static_cast<std::size_t>(rope)] = true;
  }
  for (std::size_t i = 0; i < model.ropes.size(); ++i) {
    require(is_used[i], "every rope belongs to a layer");
    require(!model.ropes[i].name.empty(), "every rope has a name");
    check_frequencies(model.ropes[i]);
  }
}

} // namespace fuzz

#endif

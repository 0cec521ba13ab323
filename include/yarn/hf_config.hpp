// SPDX-License-Identifier: MIT
// Reads shape, method and lengths from a Hugging Face config.json. Opt-in: not in yarn.hpp.
//
//     const yarn::hf_config config = yarn::hf_config_from_file("Llama-3.1-8B/config.json");
//     const yarn::frequencies freqs = yarn::make_frequencies(config, seq_len);
//
// This header needs nlohmann-json 3.7 or newer: call find_package(nlohmann_json) and link
// nlohmann_json::nlohmann_json, or put nlohmann-json on the include path.
//
// The reader understands the keys of transformers 5 (`rope_parameters`), those of transformers 4
// (`rope_scaling` and `rope_theta`), and the spellings of single models. The frequencies are those
// that transformers computes: tests/hf/test_hf_config.cpp compares the two for over a hundred model
// families, and lists the families that differ.
//
// The reader guesses nothing silently. `notes` lists the values that were derived, that contradict
// each other, or that are defaults of the model's class. `unused` lists the keys that this reader
// does not use. A missing key that has no default and cannot be derived is an error. Most
// configurations do not give the pairing: `pairing` is then that of the model's class, and is empty
// for a model type that this reader does not know.
//
// The layers of some models have different ropes, or none. hf_layers reads them all:
//
//     const yarn::hf_layer_ropes layers = yarn::hf_layers(nlohmann::json::parse(text));
//     std::vector<yarn::rotary_rows<float>> rows(layers.ropes.size());
//     for (std::size_t i = 0; i < rows.size(); ++i) // in each step
//       rows[i].assign(yarn::make_frequencies(layers.ropes[i], seq_len), positions);
//
// Models whose tokens have several positions (M-RoPE: time, height, width) give frequencies with
// axes (axes.hpp). The vision tower of a multimodal configuration has a RoPE of its own:
//
//     yarn::hf_options options;
//     options.tower = yarn::hf_tower::vision;
//     const auto tower = yarn::hf_config_from_file("Qwen3-VL-8B/config.json", options);
#ifndef YARN_HF_CONFIG_HPP
#define YARN_HF_CONFIG_HPP

#include "hf_types.hpp" // hf_options, hf_config, hf_layer_ropes

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {

/// Reads the ropes of all layers, however the file says which layer has which: dictionaries by type
/// of layers, lists by layer, patterns and intervals, second thetas. options.layer_type must be
/// empty.
/// Errors   Those of hf_config_from, and std::invalid_argument: a list has another length than the
///          model has layers, or holds a value that is not known.
inline hf_layer_ropes hf_layers(const nlohmann::json& config, const hf_options& options = {});

/// Reads a parsed configuration. A configuration whose layers have different ropes needs
/// options.layer_type, or hf_layers.
/// Errors   std::invalid_argument: a value is wrong, a key is missing that the shape, the method or
///          the axes need, or the vision tower is not known. The message names the key, its value
///          and what is allowed. Values that make_frequencies rejects are errors here. No other
///          exception, except for std::bad_alloc.
inline hf_config hf_config_from(const nlohmann::json& config, const hf_options& options = {});

/// Reads the text of a config.json.
/// Errors   Those of hf_config_from, and std::invalid_argument: the text is not JSON, or a number
///          is beyond the range of double. (NaN and Infinity, which Python writes, are not JSON.)
inline hf_config hf_config_from_text(std::string_view text, const hf_options& options = {});

/// Reads a file.
/// Errors   Those of hf_config_from_text, and std::invalid_argument with the path: the file cannot
///          be read, or is a directory.
inline hf_config hf_config_from_file(const std::string& path, const hf_options& options = {});

/// The types of layers that have their own RoPE parameters, for hf_options.layer_type. Empty: all
/// layers have the same parameters.
/// Errors   std::invalid_argument: the value is not a configuration.
inline std::vector<std::string> hf_layer_types(const nlohmann::json& config);

/// The frequencies of a configuration: make_frequencies(config.shape, config.method, seq_len), in
/// the order of frequency_of_pair, with axes.
/// Errors   Those of make_frequencies and with_axes, and std::invalid_argument: frequency_of_pair
///          names a frequency that the shape does not have.
template <class Integer> frequencies make_frequencies(const hf_config& config, Integer seq_len);

} // namespace YARN_ABI
} // namespace yarn

#include "detail/hf/read.hpp"

#endif

// SPDX-License-Identifier: MIT
// The implementation of hf_config.hpp: finds the parameters, reads them, and reports unread keys.
#ifndef YARN_DETAIL_HF_READ_HPP
#define YARN_DETAIL_HF_READ_HPP

#include "../../hf_config.hpp"
#include "axes.hpp"
#include "method.hpp"
#include "shape.hpp"
#include "tower.hpp"

#include <fstream>
#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The objects of a configuration that the reader uses. Each object records which of its keys were
// read.
struct hf_sources {
  hf_object config;     // the configuration of the language model
  hf_model model;       // the defaults of its class
  hf_object dictionary; // rope_parameters or rope_scaling
  hf_layer layer;       // the parameters of the wanted layers
};

inline hf_sources hf_find_sources(const nlohmann::json& config, const std::string& layer_type,
                                  std::vector<std::string>& notes) {
  hf_sources from;
  from.config = hf_text_config(config, notes);
  from.model = hf_find_model(from.config.string("model_type"));
  from.dictionary = hf_dictionary(from.config);
  from.layer = hf_choose_layer(from.config, from.dictionary, from.model, layer_type);
  if (from.model.scales_by_itself && !from.dictionary)
    fail_argument("yarn: {} is missing; model_type {} has a scaling of its own that is not known "
                  "without it",
                  from.config.name_of("rope_parameters"), from.model.model_type);
  return from;
}

inline void hf_read_method(const hf_sources& from, hf_config& result) {
  result.max_position_embeddings =
      hf_first_length(from.config, {"max_position_embeddings", "n_positions", "max_seq_len",
                                    "max_sequence_length"})
          .value_or(0);
  const hf_object no_dictionary;
  const bool is_unscaled = from.layer.source == hf_layer_source::theta_only;
  hf_method found = hf_method_reader(is_unscaled ? no_dictionary : from.layer.dictionary,
                                     from.config, result.max_position_embeddings, result.notes)
                        .read();
  result.method = std::move(found.method);
  result.rope_type = std::move(found.rope_type);
  result.original_max_position_embeddings = found.original_max_position_embeddings;
}

// For proportional_scaling, partial_rotary_factor is a parameter of the method. For all other
// methods it gives rotary_dim.
inline void hf_read_shape(const hf_sources& from, const hf_options& options, hf_config& result) {
  result.shape.rope_theta =
      hf_rope_theta(from.config, from.layer, from.model, options.default_rope_theta, result.notes);
  result.shape.head_dim = hf_head_dim(from.config, from.model, options.layer_type, result.notes);
  const hf_named_number share =
      hf_partial_rotary(from.config, from.layer.dictionary, from.model, result.notes);
  if (auto* proportional = std::get_if<proportional_scaling>(&result.method)) {
    if (share)
      proportional->partial_rotary_factor = share.value;
  } else {
    result.shape.rotary_dim =
        hf_rotary_dim(from.config, share, result.shape.head_dim, result.notes);
  }
}

inline std::optional<pairing> hf_pairing(const hf_object& config, std::vector<std::string>& notes) {
  std::optional<bool> is_interleaved;
  // DeepSeek-V3 and similar ones in transformers; nomic-bert; MLX.
  for (const char* key : {"rope_interleave", "rotary_emb_interleaved", "rope_traditional"}) {
    const auto value = config.boolean(key);
    if (!is_interleaved)
      is_interleaved = value;
    else if (value && value != is_interleaved)
      hf_note(notes, "{} = {} contradicts another key about the pairing: the former is taken",
              config.name_of(key), *value ? "true" : "false");
  }
  if (!is_interleaved)
    return std::nullopt;
  return *is_interleaved ? pairing::interleaved : pairing::half_split;
}

// Adds a note if the model does not rotate, although its class has RoPE.
inline void hf_note_unrotated(const hf_object& config, std::vector<std::string>& notes) {
  const hf_object attention = config.object("attn_config"); // MPT, DBRX
  const std::string kind = config.string("position_embedding_type");
  const bool is_nope = kind == "nope" || kind == "alibi" || kind == "absolute";
  if (is_nope || config.boolean("alibi").value_or(false) ||
      config.boolean("mla_use_nope").value_or(false) ||
      attention.boolean("alibi").value_or(false) || !attention.boolean("rope").value_or(true))
    hf_note(notes, "{}: this model does not rotate its heads at all",
            is_nope ? config.name_of("position_embedding_type").c_str()
                    : "alibi, mla_use_nope or attn_config.rope");
}

inline void hf_report_unread(const hf_sources& from, std::vector<std::string>& unused) {
  const auto every_key = [](const std::string&) { return true; };
  if (from.layer.source != hf_layer_source::theta_only)
    from.layer.dictionary.report_unread(unused, every_key);
  if (from.layer.source == hf_layer_source::own_dictionary)
    from.dictionary.report_unread(unused, [&](const std::string& key) {
      // transformers adds a rope_type "default" next to the dictionaries of types of layers.
      const bool is_added = key == "rope_type" && *from.dictionary.peek(key) == "default";
      return !is_added && !from.dictionary.has_object(key);
    });
  from.config.report_unread(unused, hf_is_about_rope);
  const hf_object attention = from.config.object("attn_config");
  for (const char* key : {"rope", "rope_theta"}) // read above, through other objects
    attention.find(key);
  attention.report_unread(unused, hf_is_about_rope);
}

inline void hf_set_axes(hf_axes axes, hf_config& result) {
  result.pairing = axes.pairing;
  result.n_axes = axes.n_axes;
  result.axis_names = std::move(axes.names);
  result.axis_of_pair = std::move(axes.of_pair);
}

inline hf_config hf_read_vision(const nlohmann::json& config, const hf_options& options) {
  if (!options.layer_type.empty())
    fail_argument("yarn: hf_options.layer_type = \"{}\": vision towers have no types of layers; "
                  "leave layer_type empty",
                  options.layer_type);
  hf_tower_fields tower = hf_tower_reader(config).read();
  hf_config result;
  result.shape = tower.shape;
  result.rope_type = "default"; // result.method is default_scaling
  result.frequency_of_pair = std::move(tower.frequency_of_pair);
  result.unused = std::move(tower.unused);
  result.notes = std::move(tower.notes);
  hf_set_axes(std::move(tower.axes), result);
  return result;
}

inline hf_config hf_read_text(const nlohmann::json& config, const hf_options& options) {
  hf_config result;
  const hf_sources from = hf_find_sources(config, options.layer_type, result.notes);
  hf_read_method(from, result);
  hf_read_shape(from, options, result);
  hf_axis_reader axes(from.layer.dictionary, from.config, result.shape, result.notes);
  hf_set_axes(axes.read(result.rope_type, hf_pairing(from.config, result.notes)), result);

  hf_note_unrotated(from.config, result.notes);
  hf_report_unread(from, result.unused);
  return result;
}

// The frequencies that the list names, in the order of the list.
inline frequencies hf_select(const frequencies& f, const std::vector<std::int64_t>& list) {
  std::vector<double> selected;
  for (const std::int64_t i : list) {
    if (i < 0 || i >= f.n_pairs())
      fail_argument("yarn: hf_config.frequency_of_pair holds {}; it must be in [0, {})", i,
                    f.n_pairs());
    selected.push_back(f.inv_freq()[i]);
  }
  return frequencies_from(selected.data(), selected.size(), f.attention_factor());
}

} // namespace detail

inline hf_config hf_config_from(const nlohmann::json& config, const hf_options& options) {
  hf_config result = options.tower == hf_tower::vision ? detail::hf_read_vision(config, options)
                                                       : detail::hf_read_text(config, options);

  // Reports the errors of make_frequencies here, below and above the original length.
  static_cast<void>(make_frequencies(result, 0));
  static_cast<void>(make_frequencies(result, result.original_max_position_embeddings + 1));
  return result;
}

inline hf_config hf_config_from_text(std::string_view text, const hf_options& options) {
#if YARN_EXCEPTIONS
  nlohmann::json config;
  std::string reason;
  try {
    config = nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& error) {
    reason = error.what();
    reason.erase(0, reason.find(']') + 2); // the error number of nlohmann-json
  }
  if (!reason.empty())
    detail::fail_argument("yarn: the configuration is not JSON: {}", reason);
#else
  const nlohmann::json config = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (config.is_discarded())
    detail::fail_argument("yarn: the configuration is not JSON");
#endif
  return hf_config_from(config, options);
}

inline hf_config hf_config_from_file(const std::string& path, const hf_options& options) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char block[4096];
  // A directory can be opened, but not read.
  while (file.read(block, sizeof block) || file.gcount() > 0)
    text.append(block, static_cast<std::size_t>(file.gcount()));
  if (!file.eof())
    detail::fail_argument("yarn: the file {} cannot be read", path);
  return hf_config_from_text(text, options);
}

template <class Integer> frequencies make_frequencies(const hf_config& config, Integer seq_len) {
  frequencies f = make_frequencies(config.shape, config.method, seq_len);
  if (!config.frequency_of_pair.empty())
    f = detail::hf_select(f, config.frequency_of_pair);
  return config.axis_of_pair.empty() ? f : with_axes(f, config.axis_of_pair, config.n_axes);
}

inline std::vector<std::string> hf_layer_types(const nlohmann::json& config) {
  std::vector<std::string> notes;
  const detail::hf_object text = detail::hf_text_config(config, notes);
  const detail::hf_model model = detail::hf_find_model(text.string("model_type"));
  return detail::hf_layers_of(text, detail::hf_dictionary(text), model);
}

} // namespace YARN_ABI
} // namespace yarn

#endif

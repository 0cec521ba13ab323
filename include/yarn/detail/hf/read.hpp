// SPDX-License-Identifier: MIT
// The implementation of hf_config.hpp: finds the parameters, reads them, and reports unread keys.
#ifndef YARN_DETAIL_HF_READ_HPP
#define YARN_DETAIL_HF_READ_HPP

#include "../../hf_config.hpp"
#include "axes.hpp"
#include "beside.hpp"
#include "method.hpp"
#include "other_files.hpp"
#include "pairings.hpp"
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
  hf_schedule schedule; // which layers have which parameters
  hf_layer_kind kind;   // the wanted layers
  hf_layer layer;       // their parameters
  std::vector<std::string> notes;
};

inline hf_sources hf_find_sources(const nlohmann::json& config) {
  hf_sources from;
  if (config.is_object())
    hf_refuse_other_file(config);
  from.config = hf_text_config(config, from.notes);
  from.model = hf_find_model(from.config.string("model_type"));
  from.dictionary = hf_dictionary(from.config);
  if (from.model.scales_by_itself && !from.dictionary)
    fail_argument("yarn: {} is missing; model_type {} has a scaling of its own that is not known "
                  "without it",
                  from.config.name_of("rope_parameters"), from.model.model_type);
  from.schedule = hf_schedule_reader(from.config, from.dictionary, from.model).read();
  return from;
}

inline void hf_choose_kind(hf_sources& from, const hf_layer_kind& kind) {
  from.kind = kind;
  from.layer = hf_choose_layer(from.config, from.dictionary, from.model, kind.type);
  if (!kind.is_scaled)
    from.layer.source = hf_layer_source::theta_only;
}

// The kinds that hf_options.layer_type = `wanted` may mean; empty: all.
inline std::vector<hf_layer_kind> hf_wanted_kinds(const hf_sources& from,
                                                  const std::string& wanted) {
  std::vector<hf_layer_kind> kinds = from.schedule.kinds;
  if (kinds.empty())
    kinds.emplace_back(); // no layer rotates; notes say so
  if (wanted.empty())
    return kinds;
  std::vector<hf_layer_kind> found;
  std::string names;
  for (const hf_layer_kind& kind : kinds) {
    if (kind.type == wanted)
      found.push_back(kind);
    if (!kind.type.empty() && names.find(kind.type) == std::string::npos)
      names += (names.empty() ? "" : ", ") + kind.type;
  }
  if (names.empty())
    fail_argument("yarn: hf_options.layer_type = \"{}\": this configuration has one set of RoPE "
                  "parameters for all layers; leave layer_type empty",
                  wanted);
  if (found.empty())
    fail_argument(
        "yarn: hf_options.layer_type = \"{}\" must be one of the types of this configuration: {}",
        wanted, names);
  return found;
}

inline void hf_read_method(const hf_sources& from, hf_config& result) {
  result.max_position_embeddings =
      hf_first_length(from.config, {"max_position_embeddings", "n_positions", "max_seq_len",
                                    "max_sequence_length", "seq_length", "model_max_length"})
          .value_or(0);
  const hf_object no_dictionary;
  const bool is_unscaled = from.layer.source == hf_layer_source::theta_only;
  hf_method found = hf_method_reader(is_unscaled ? no_dictionary : from.layer.dictionary,
                                     from.config, result.max_position_embeddings, result.notes)
                        .read();
  if (auto* yarn = std::get_if<yarn_scaling>(&found.method);
      yarn != nullptr && from.layer.source == hf_layer_source::compressed &&
      !yarn->attention_factor.has_value()) { // configuration_deepseek_v4.py, __post_init__
    yarn->attention_factor = 1.0;
    hf_note(result.notes, "the attention factor is 1, as in the class of DeepSeek-V4");
  }
  result.method = std::move(found.method);
  result.rope_type = std::move(found.rope_type);
  result.original_max_position_embeddings = found.original_max_position_embeddings;
}

// For proportional_scaling, partial_rotary_factor is a parameter of the method. For all other
// methods it gives rotary_dim.
inline void hf_read_shape(const hf_sources& from, const hf_options& options, hf_config& result) {
  result.shape.rope_theta = hf_rope_theta(from.config, from.layer, from.model, from.kind,
                                          options.default_rope_theta, result.notes);
  result.shape.head_dim = hf_head_dim(from.config, from.model, from.kind.type, result.notes);
  const hf_named_number share =
      hf_partial_rotary(from.config, from.layer.dictionary, from.model, from.kind, result.notes);
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
  const std::string model_type = config.string("model_type");
  const hf_pairing_row* of_class = hf_find_pairing(model_type);
  const auto name = [](pairing p) {
    return p == pairing::interleaved ? "interleaved" : "half_split";
  };
  if (!is_interleaved && of_class == nullptr)
    return std::nullopt;
  if (!is_interleaved) {
    hf_note(notes, "the pairing is not given: {}, that of model_type {}", name(of_class->pairing),
            model_type);
    return of_class->pairing;
  }
  const pairing given = *is_interleaved ? pairing::interleaved : pairing::half_split;
  if (of_class != nullptr && of_class->pairing != given)
    hf_note(notes,
            "a key gives another pairing than model_type {}, whose class is {}: the key is "
            "taken",
            model_type, name(of_class->pairing));
  return given;
}

// The key that says that the model does not rotate, although its class has RoPE; empty: it does.
inline std::string hf_unrotated_by(const hf_object& config) {
  for (const char* key : {"alibi", "mla_use_nope"})
    if (config.boolean(key).value_or(false))
      return config.name_of(key);
  const hf_object attention = config.object("attn_config"); // MPT, DBRX
  if (attention.boolean("alibi").value_or(false))
    return attention.name_of("alibi");
  if (!attention.boolean("rope").value_or(true))
    return attention.name_of("rope");
  const std::string kind = config.string("position_embedding_type");
  for (const char* other : {"nope", "alibi", "absolute"})
    if (kind == other)
      return config.name_of("position_embedding_type");
  return {};
}

// Notes that the model does not rotate. If it has no parameters of RoPE either, that is an error.
inline void hf_note_unrotated(const hf_object& config, std::vector<std::string>& notes) {
  const std::string key = hf_unrotated_by(config);
  if (key.empty())
    return;
  for (const char* parameter : {"rope_theta", "rope_scaling", "rope_parameters", "rotary_dim",
                                "rotary_emb_base", "rotary_pct", "qk_rope_head_dim", "head_dim"})
    if (config.has(parameter))
      return hf_note(notes, "{}: this model does not rotate its heads at all", key);
  if (config.object("attn_config").has("rope_theta"))
    return hf_note(notes, "{}: this model does not rotate its heads at all", key);
  fail_argument("yarn: {}: this model does not rotate its heads at all, and has no parameters of "
                "RoPE",
                key);
}

// Lists the keys that were not read, and notes what is known about them.
inline void hf_report_unread(const hf_sources& from, hf_config& result) {
  const auto report = [&](const hf_object& object, bool is_dictionary, const auto& wanted) {
    for (const std::string& key : object.unread(wanted)) {
      if (const char* meaning = is_dictionary ? nullptr : hf_other_meaning(key)) {
        hf_note(result.notes, "{}: {}", object.name_of(key), meaning);
        continue;
      }
      result.unused.push_back(object.name_of(key));
      hf_note_unread(object.name_of(key), key, result.rope_type, is_dictionary, result.notes);
    }
  };
  const auto every_key = [](const std::string&) { return true; };
  if (from.layer.source != hf_layer_source::theta_only)
    report(from.layer.dictionary, true, every_key);
  if (from.layer.source == hf_layer_source::own_dictionary)
    report(from.dictionary, true, [&](const std::string& key) {
      // transformers adds a rope_type "default" next to the dictionaries of types of layers.
      const bool is_added = key == "rope_type" && *from.dictionary.peek(key) == "default";
      return !is_added && !from.dictionary.has_object(key);
    });
  report(from.config, false, hf_is_about_rope);
  const hf_object attention = from.config.object("attn_config");
  for (const char* key : {"rope", "rope_theta"}) // read above, through other objects
    attention.find(key);
  report(attention, false, hf_is_about_rope);
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

// Reads the rope of one kind of layers.
inline hf_config hf_read_kind(const nlohmann::json& config, const hf_options& options,
                              const hf_layer_kind& kind) {
  hf_sources from = hf_find_sources(config); // Its objects record which keys this kind reads.
  hf_choose_kind(from, kind);
  hf_config result;
  if (!kind.type.empty())
    result.name = kind.type;
  result.notes = from.notes;
  hf_note_unrotated(from.config, result.notes);
  hf_read_method(from, result);
  hf_read_shape(from, options, result);
  hf_axis_reader axes(from.layer.dictionary, from.config, result.shape, result.notes);
  hf_set_axes(axes.read(result.rope_type, hf_pairing(from.config, result.notes)), result);
  hf_beside_reader(from.config, from.layer.dictionary, result).read();

  result.notes.insert(result.notes.end(), from.schedule.notes.begin(), from.schedule.notes.end());
  hf_report_unread(from, result);

  // Reports the errors of make_frequencies here, below and above the original length.
  static_cast<void>(make_frequencies(result, 0));
  static_cast<void>(make_frequencies(result, result.original_max_position_embeddings + 1));
  return result;
}

// Whether two ropes rotate equally at every length.
inline bool hf_same_rope(const hf_config& a, const hf_config& b) {
  if (a.shape.head_dim != b.shape.head_dim || a.pairing != b.pairing ||
      a.axis_of_pair != b.axis_of_pair || a.n_axes != b.n_axes ||
      a.method.index() != b.method.index())
    return false;
  const std::int64_t above =
      std::max(a.original_max_position_embeddings, b.original_max_position_embeddings) + 1;
  for (const std::int64_t length : {std::int64_t{0}, above, 2 * above}) {
    const frequencies f = make_frequencies(a, length), g = make_frequencies(b, length);
    if (f.n_pairs() != g.n_pairs() || f.attention_factor() != g.attention_factor())
      return false;
    for (std::int64_t i = 0; i < f.n_pairs(); ++i)
      if (f.inv_freq()[i] != g.inv_freq()[i])
        return false;
  }
  return true;
}

inline hf_config hf_read_text(const nlohmann::json& config, const hf_options& options) {
  const std::vector<hf_layer_kind> kinds =
      hf_wanted_kinds(hf_find_sources(config), options.layer_type);
  hf_config result = hf_read_kind(config, options, kinds.front());
  std::string names;
  for (const hf_layer_kind& kind : kinds)
    if (!kind.type.empty() && names.find(kind.type) == std::string::npos)
      names += (names.empty() ? "" : ", ") + kind.type;
  for (std::size_t i = 1; i < kinds.size(); ++i)
    if (!hf_same_rope(hf_read_kind(config, options, kinds[i]), result))
      fail_argument("yarn: hf_options.layer_type = \"{}\": the layers of this configuration have "
                    "different ropes, which hf_layers reads; {}{}",
                    options.layer_type,
                    names.empty() ? "they have no types to choose from"
                                  : "layer_type must be one of the types of this configuration: ",
                    names);
  return result;
}

// The rope of a vision tower, for all of its layers.
inline hf_layer_ropes hf_tower_layers(const nlohmann::json& config, const hf_options& options) {
  hf_layer_ropes result;
  result.ropes.push_back(hf_config_from(config, options));
  std::vector<std::string> notes;
  hf_object tower(&config, "");
  if (!tower.has_object("vision_config") && tower.has_object("thinker_config"))
    tower = tower.object("thinker_config");
  if (tower.has_object("vision_config"))
    tower = tower.object("vision_config");
  const auto n = hf_first_length(tower, {"depth", "num_hidden_layers", "n_layers"});
  if (n && *n <= 65536)
    result.rope_of_layer.assign(static_cast<std::size_t>(*n), 0);
  else
    result.notes.emplace_back("depth and num_hidden_layers are not given: it is not known how many "
                              "layers the vision tower has");
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
  return options.tower == hf_tower::vision ? detail::hf_read_vision(config, options)
                                           : detail::hf_read_text(config, options);
}

inline hf_layer_ropes hf_layers(const nlohmann::json& config, const hf_options& options) {
  if (!options.layer_type.empty())
    detail::fail_argument("yarn: hf_options.layer_type = \"{}\" must be empty for hf_layers, which "
                          "reads all layers",
                          options.layer_type);
  if (options.tower == hf_tower::vision)
    return detail::hf_tower_layers(config, options);
  const detail::hf_schedule schedule = detail::hf_find_sources(config).schedule;
  hf_layer_ropes result;
  std::vector<std::int64_t> rope_of_kind(schedule.kinds.size(), -1);
  const auto read = [&](std::size_t kind) {
    hf_config rope = detail::hf_read_kind(config, options, schedule.kinds[kind]);
    for (std::size_t i = 0; i < result.ropes.size() && rope_of_kind[kind] < 0; ++i)
      if (detail::hf_same_rope(result.ropes[i], rope))
        rope_of_kind[kind] = static_cast<std::int64_t>(i);
    if (rope_of_kind[kind] >= 0)
      return;
    std::int64_t n_equal = 1;
    for (const hf_config& other : result.ropes)
      n_equal += other.name == rope.name || other.name.rfind(rope.name + " ", 0) == 0;
    if (n_equal > 1)
      rope.name += detail::text_of(" {}", n_equal);
    rope_of_kind[kind] = static_cast<std::int64_t>(result.ropes.size());
    result.ropes.push_back(std::move(rope));
  };
  if (schedule.kind_of_layer.empty())
    for (std::size_t kind = 0; kind < schedule.kinds.size(); ++kind)
      read(kind);
  for (const std::int64_t kind : schedule.kind_of_layer) {
    if (kind >= 0 && rope_of_kind[static_cast<std::size_t>(kind)] < 0)
      read(static_cast<std::size_t>(kind));
    result.rope_of_layer.push_back(kind < 0 ? -1 : rope_of_kind[static_cast<std::size_t>(kind)]);
  }
  result.notes = schedule.count_notes;
  result.notes.insert(result.notes.end(), schedule.notes.begin(), schedule.notes.end());
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
  const detail::hf_object dictionary = detail::hf_dictionary(text);
  std::vector<std::string> types = detail::hf_layers_of(text, dictionary, model);
  if (types.empty())
    for (const auto& kind : detail::hf_schedule_reader(text, dictionary, model).read().kinds)
      if (!kind.type.empty() && std::find(types.begin(), types.end(), kind.type) == types.end())
        types.push_back(kind.type);
  return types;
}

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Reads the rope of one kind of layers.
#ifndef YARN_DETAIL_HF_KIND_HPP
#define YARN_DETAIL_HF_KIND_HPP

#include "../../hf_types.hpp"
#include "axes.hpp"
#include "beside.hpp"
#include "frequencies.hpp"
#include "method.hpp"
#include "pairings.hpp"
#include "shape.hpp"
#include "sources.hpp"
#include "unrotated.hpp"
#include "vendor_scaling.hpp"

#include <algorithm>
#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline void hf_read_method(const hf_sources& from, hf_config& result) {
  result.max_position_embeddings =
      hf_first_length(from.config, {"max_position_embeddings", "n_positions", "max_seq_len",
                                    "max_sequence_length", "seq_length", "model_max_length"})
          .value_or(0);
  const hf_object no_dictionary;
  const bool ignores_dictionary = from.parameters.source == hf_layer_source::theta_only;
  hf_method found =
      hf_method_reader(ignores_dictionary ? no_dictionary : from.parameters.dictionary, from.config,
                       result.max_position_embeddings, result.notes)
          .read();
  if (auto* yarn = std::get_if<yarn_scaling>(&found.method);
      yarn != nullptr && from.parameters.source == hf_layer_source::compressed &&
      !yarn->attention_factor.has_value()) { // configuration_deepseek_v4.py, __post_init__
    yarn->attention_factor = 1.0;
    hf_note(result.notes, "the attention factor is 1, as in the class of DeepSeek-V4");
  }
  result.method = std::move(found.method);
  result.rope_type = std::move(found.rope_type);
  result.original_max_position_embeddings = found.original_max_position_embeddings;
}

// Qwen 1: modeling_qwen.py, QWenModel.get_ntk_alpha.
inline void hf_read_stepped_ntk(const hf_sources& from, hf_config& result) {
  constexpr const char* key = "use_dynamic_ntk";
  const auto length = hf_original_length_if(from.config, from.model, key, result.notes);
  if (!length)
    return;
  if (result.rope_type != "default")
    fail_argument("yarn: {} is true beside {} = {}: no method has both", from.config.name_of(key),
                  from.parameters.dictionary.name_of("rope_type"), result.rope_type);
  result.method = stepped_ntk_scaling{*length};
  result.rope_type = "stepped_ntk";
  result.original_max_position_embeddings = *length;
  hf_note(result.notes,
          "{}: above {} tokens, the frequencies depend on the length (stepped_ntk_scaling); the "
          "model takes the length of the prompt, and keeps these frequencies while it generates",
          from.config.name_of(key), *length);
}

// For proportional_scaling, partial_rotary_factor is a parameter of the method. For all other
// methods it gives rotary_dim.
inline void hf_read_shape(const hf_sources& from, const hf_options& options, hf_config& result) {
  result.shape.rope_theta = hf_rope_theta(from.config, from.parameters, from.model, from.kind,
                                          options.default_rope_theta, result.notes);
  result.shape.head_dim = hf_head_dim(from.config, from.model, from.kind, result.notes);
  const hf_named_number share = hf_partial_rotary(from.config, from.parameters.dictionary,
                                                  from.model, from.kind, result.notes);
  if (auto* proportional = std::get_if<proportional_scaling>(&result.method)) {
    if (share)
      proportional->partial_rotary_factor = share.value;
  } else {
    result.shape.rotary_dim =
        hf_rotary_dim(from.config, from.kind, share, result.shape.head_dim, result.notes);
  }
}

inline std::optional<pairing> hf_pairing(const hf_object& config, const hf_layer_kind& kind,
                                         std::vector<std::string>& notes) {
  // Ring 2.5, modeling_bailing_moe_v2_5.py: rope_interleave is about the latent attention only.
  // MiniCPM-SALA: pairings.hpp.
  if (kind.has_own_linear_heads) {
    hf_note(notes, "the pairing of the layers with linear attention is half_split{}",
            config.find("rope_interleave") == nullptr
                ? ""
                : "; " + config.name_of("rope_interleave") + " is for the other layers");
    return pairing::half_split;
  }
  std::optional<bool> is_interleaved;
  // The keys of transformers (DeepSeek-V3), nomic-bert, MLX and nanotron (SmolLM2), in this order.
  for (const char* key :
       {"rope_interleave", "rotary_emb_interleaved", "rope_traditional", "rope_interleaved"}) {
    const auto value = config.boolean(key);
    if (!is_interleaved)
      is_interleaved = value;
    else if (value && value != is_interleaved)
      hf_note(notes, "{} = {} contradicts another key about the pairing: the other key is taken",
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
            "a key gives another pairing than model_type {}, whose pairing is {}: the key is "
            "taken",
            model_type, name(of_class->pairing));
  return given;
}

// Lists the keys that were not read, and notes what is known about them.
inline void hf_report_unread(const hf_sources& from, hf_config& result) {
  // TeleChat3 has rope_type yarn here, but does not read all numbers of YaRN.
  const hf_object& parameters = from.parameters.dictionary;
  const nlohmann::json* type = parameters.peek(parameters.has("rope_type") ? "rope_type" : "type");
  const bool is_telechat3 = type != nullptr && *type == "telechat3-yarn";
  const std::string method = is_telechat3 ? "telechat3-yarn" : result.rope_type;
  const auto report = [&](const hf_object& object, bool is_dictionary, const auto& wanted) {
    for (const std::string& key : object.unread(wanted)) {
      if (const char* meaning = is_dictionary ? nullptr : hf_meaning_of(key)) {
        hf_note(result.notes, "{}: {}", object.name_of(key), meaning);
        continue;
      }
      result.unused.push_back(object.name_of(key));
      hf_note_unread(object.name_of(key), key, method, is_dictionary, result.notes);
    }
  };
  const auto every_key = [](const std::string&) { return true; };
  if (from.parameters.source != hf_layer_source::theta_only)
    report(from.parameters.dictionary, true, every_key);
  if (from.parameters.source == hf_layer_source::own_dictionary)
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

// Reads the rope of one kind of layers.
inline hf_config hf_read_kind(const nlohmann::json& config, const hf_options& options,
                              const hf_layer_kind& kind) {
  hf_sources from = hf_find_sources(config); // Its objects record which keys this kind reads.
  hf_choose_kind(from, kind);
  hf_config result;
  if (!kind.type.empty())
    result.name = kind.type;
  result.notes = from.notes;
  hf_refuse_by_code(from.config);
  hf_note_unrotated(from.config, result.notes);
  const bool is_unscaled =
      from.parameters.source == hf_layer_source::theta_only ||
      (from.parameters.source == hf_layer_source::own_theta && !from.parameters.dictionary);
  if (is_unscaled && from.dictionary)
    hf_note(result.notes, "the scaling of {} is not for the layers of type {}",
            from.dictionary.name(), kind.type.empty() ? "(none)" : kind.type);
  hf_read_method(from, result);
  hf_read_stepped_ntk(from, result);
  hf_read_shape(from, options, result);
  hf_read_vendor_scaling(from.config, from.parameters.dictionary, result);
  hf_axis_reader axes(from.parameters.dictionary, from.config, result.shape, result.notes);
  hf_set_axes(axes.read(result.rope_type, hf_pairing(from.config, kind, result.notes)), result);
  hf_beside_reader(from.config, from.parameters.dictionary, result).read();
  if (kind.has_own_linear_heads)
    result.softmax.reset(); // linear attention has no softmax

  result.notes.insert(result.notes.end(), from.schedule.notes.begin(), from.schedule.notes.end());
  hf_report_unread(from, result);

  // Reports the errors of make_frequencies here, below and above the original length.
  static_cast<void>(make_frequencies(result, 0));
  static_cast<void>(make_frequencies(result, result.original_max_position_embeddings + 1));
  return result;
}

// Whether two ropes rotate equally: compares them at a short length and at two lengths above the
// original one.
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

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Reads head_dim, rotary_dim and rope_theta of a config.json, under all their names.
#ifndef YARN_DETAIL_HF_SHAPE_HPP
#define YARN_DETAIL_HF_SHAPE_HPP

#include "layer_kinds.hpp"
#include "layers.hpp"

#include <limits>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

using hf_keys = std::initializer_list<const char*>;

// The first key that is given.
inline std::optional<std::int64_t> hf_first_length(const hf_object& config, hf_keys keys) {
  for (const char* key : keys)
    if (const auto value = config.length(key))
      return value;
  return std::nullopt;
}

// A number with several names. The first one that is given wins; a note names the others that
// differ.
struct hf_named_number {
  double value = 0.0;
  std::string name = {}; // empty: not given

  explicit operator bool() const { return !name.empty(); }
  void take(const hf_object& object, const char* key, double largest, const char* allowed,
            std::vector<std::string>& notes) {
    const auto given = object.number(key);
    if (given && !(*given > 0.0 && *given <= largest))
      object.refuse(key, allowed);
    if (given && name.empty())
      *this = {*given, object.name_of(key)};
    else if (given && *given != value)
      hf_note(notes, "{} = {}, but {} = {}: the former is taken", name, value, object.name_of(key),
              *given);
  }
};

// Whether the model has multi-head latent attention. DeepSeek-OCR and DeepSeek-VL2-tiny switch it
// off: qk_rope_head_dim = 0 with use_mla = false.
inline bool hf_is_latent(const hf_object& config, const hf_layer_kind& kind) {
  return !kind.has_own_linear_heads && config.has("qk_rope_head_dim") &&
         config.boolean("use_mla").value_or(true);
}

// The width of a head; for multi-head latent attention, the width of the rotated part.
inline std::int64_t hf_head_dim(const hf_object& config, const hf_model& model,
                                const hf_layer_kind& kind, std::vector<std::string>& notes) {
  const auto windowed = config.length("swa_head_dim"); // MiMo-V2
  config.find("qk_rope_head_dim"); // The key counts as read even if it is not used.
  if (hf_is_latent(config, kind)) {
    config.find("head_dim");
    const std::int64_t rotated = *config.length("qk_rope_head_dim");
    hf_note(notes, "{} = {}, the width of the rotated part, is taken as head_dim",
            config.name_of("qk_rope_head_dim"), rotated);
    return rotated;
  }
  const auto global = config.length("global_head_dim"); // Gemma 4
  if (global && kind.type == "full_attention")
    return *global;
  if (windowed && kind.type == "sliding_attention")
    return *windowed;
  const auto lightning = config.length("lightning_head_dim"); // MiniCPM-SALA
  if (lightning && kind.has_own_linear_heads)
    return *lightning;
  if (const auto given = hf_first_length(config, {"head_dim", "attention_head_dim", "kv_channels",
                                                  "hidden_size_per_head"})) // the last: PLaMo 2
    return *given;
  if (model.head_dim != 0) {
    hf_note(notes, "head_dim is not given: {}, the default of model_type {}", model.head_dim,
            model.model_type);
    return model.head_dim;
  }
  const auto width = hf_first_length(config, {"hidden_size", "n_embd", "d_model"});
  const auto heads = hf_first_length(config, {"num_attention_heads", "n_head", "n_heads",
                                              "num_heads", "decoder_num_attention_heads"});
  // A text_config of LLaVA has only the keys that differ from the defaults of the class.
  if (!width && !heads && model.nested_head_dim != 0 && config.name_of("head_dim") != "head_dim") {
    hf_note(notes,
            "{} is not given, and neither is hidden_size: {}, by the defaults of model_type {}",
            config.name_of("head_dim"), model.nested_head_dim, model.model_type);
    return model.nested_head_dim;
  }
  if (!width || !heads)
    fail_argument("yarn: {} is missing, and {} is missing, too (head_dim = hidden_size / "
                  "num_attention_heads)",
                  config.name_of("head_dim"), width ? "num_attention_heads" : "hidden_size");
  if (*width % *heads != 0)
    fail_argument(
        "yarn: {} is missing, and hidden_size = {} is no multiple of num_attention_heads = {}",
        config.name_of("head_dim"), *width, *heads);
  hf_note(notes, "head_dim = hidden_size / num_attention_heads = {} / {} = {}", *width, *heads,
          *width / *heads);
  return *width / *heads;
}

// The share of a head that is rotated.
inline hf_named_number hf_partial_rotary(const hf_object& config, const hf_object& dictionary,
                                         const hf_model& model, const hf_layer_kind& kind,
                                         std::vector<std::string>& notes) {
  hf_named_number share;
  if (kind.share)
    share = {*kind.share, config.name_of("partial_rotary_factors")};
  share.take(dictionary, "partial_rotary_factor", 1.0, "in (0, 1]", notes);
  for (const char* key : {"partial_rotary_factor", "rotary_pct", "rope_pct", "rotary_percentage",
                          "rotary_emb_fraction", "rope_proportion"})
    share.take(config, key, 1.0, "in (0, 1]", notes);
  if (!share && model.partial_rotary_factor != 0.0 && !config.has("rotary_dim")) {
    share = {model.partial_rotary_factor, "partial_rotary_factor"};
    hf_note(notes, "partial_rotary_factor is not given: {}, the default of model_type {}",
            share.value, model.model_type);
    if (model.reads_rope_ratio && config.find("rotary_percent") != nullptr) // CodeGeeX2
      hf_note(notes, "{}: the code of ChatGLM stores this key and never uses it",
              config.name_of("rotary_percent"));
  }
  return share;
}

// rotary_dim, from a share or a width; 0 if all of head_dim is rotated.
inline std::int64_t hf_rotary_dim(const hf_object& config, const hf_layer_kind& kind,
                                  const hf_named_number& share, std::int64_t head_dim,
                                  std::vector<std::string>& notes) {
  if (hf_is_latent(config, kind)) // head_dim is the width of the rotated part
    return 0;
  std::int64_t rotated = head_dim;
  if (share) // The cast truncates, as int() in Python.
    rotated = static_cast<std::int64_t>(static_cast<double>(head_dim) * share.value);
  std::string reason = share ? share.name : "head_dim";
  if (const auto width = config.length("rotary_dim")) {
    if (*width > head_dim)
      config.refuse("rotary_dim", "at most head_dim");
    if (share && rotated != *width)
      hf_note(notes, "{} = {}, but {} = {} of head_dim = {} is {}: the former is taken",
              config.name_of("rotary_dim"), *width, share.name, share.value, head_dim, rotated);
    rotated = *width;
    reason = config.name_of("rotary_dim");
  }
  if (rotated < 2 || rotated % 2 != 0)
    fail_argument("yarn: {} makes rotary_dim = {} of head_dim = {}; it must be even and at least 2",
                  reason, rotated, head_dim);
  return rotated == head_dim ? 0 : rotated;
}

// rope_theta: the value of a key, else the default of the class, else the default of the caller. As
// in transformers, theta in the dictionary wins over theta outside.
inline double hf_rope_theta(const hf_object& config, const hf_layer_parameters& layer,
                            const hf_model& model, const hf_layer_kind& kind,
                            double callers_default, std::vector<std::string>& notes) {
  const std::initializer_list<const char*> shared_keys = {
      "rope_theta", "global_rope_theta", "rotary_emb_base",
      "rope_base",  "rotary_base",       "rope_embedding_base"}; // the last one: Phi-3-small
  if (kind.theta) {
    config.find("rope_theta");
    return *kind.theta;
  }
  const bool is_local = layer.source == hf_layer_source::own_theta;
  const bool is_compressed = layer.source == hf_layer_source::compressed;
  hf_named_number theta;
  const auto take = [&](const hf_object& object, const char* key) {
    theta.take(object, key, std::numeric_limits<double>::max(), "> 0", notes);
  };
  // Layers of other types read some of these keys, so the keys are not unused.
  const auto mark = [&](const char* key) { config.find(key); };
  if (is_compressed)
    take(config, "compress_rope_theta");
  else
    take(layer.dictionary, "rope_theta");
  if (!is_compressed && (layer.source != hf_layer_source::own_dictionary || !theta)) {
    if (is_local)
      for (const char* key : hf_local_theta_keys)
        take(config, key);
    else
      for (const char* key : shared_keys)
        take(config, key);
  }
  if (!is_local && !is_compressed)
    take(config.object("attn_config"), "rope_theta"); // DBRX
  if (is_local || is_compressed)
    std::for_each(shared_keys.begin(), shared_keys.end(), mark);
  if (hf_has_local_theta(config, model))
    std::for_each(std::begin(hf_local_theta_keys), std::end(hf_local_theta_keys), mark);
  if (hf_has_compressed_layers(config, model))
    mark("compress_rope_theta");
  if (is_compressed && layer.dictionary)
    layer.dictionary.find("rope_theta"); // that of the other layers
  if (theta)
    return theta.value;

  const double of_class = is_local        ? model.local_theta
                          : is_compressed ? model.compress_theta
                                          : model.rope_theta;
  if (of_class != 0.0 && model.reads_rope_ratio) { // ChatGLM
    const double ratio = config.number("rope_ratio").value_or(1.0);
    if (!(ratio > 0.0))
      config.refuse("rope_ratio", "> 0");
    hf_note(notes, "rope_theta = {} * rope_ratio = {}, as in the code of model_type {}", of_class,
            of_class * ratio, model.model_type);
    return of_class * ratio;
  }
  if (of_class != 0.0) {
    hf_note(notes, "rope_theta is not given: {}, the default of model_type {}", of_class,
            model.model_type);
    return of_class;
  }
  if (callers_default == 0.0)
    fail_argument("yarn: {} is missing, and no default fits every model; if the code of the model "
                  "has a default, set hf_options.default_rope_theta to it",
                  (layer.dictionary ? layer.dictionary : config).name_of("rope_theta"));
  if (!(callers_default > 0.0))
    fail_argument("yarn: hf_options.default_rope_theta = {} must be > 0", callers_default);
  hf_note(notes, "rope_theta is not given: {} is the caller's default", callers_default);
  return callers_default;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

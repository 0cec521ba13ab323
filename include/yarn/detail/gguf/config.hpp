// SPDX-License-Identifier: MIT
// Reads the rope of one type of layers: shape, base and method.
#ifndef YARN_DETAIL_GGUF_CONFIG_HPP
#define YARN_DETAIL_GGUF_CONFIG_HPP

#include "../../gguf_types.hpp"
#include "layers.hpp"
#include "scaling.hpp"
#include "sections.hpp"
#include "shape.hpp"
#include "temperature.hpp"

#include <algorithm>
#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Whether two ropes of one file are equal. Their methods are made from the same keys.
inline bool is_same_rope(const gguf_config& a, const gguf_config& b) {
  return a.shape.head_dim == b.shape.head_dim && a.shape.rotary_dim == b.shape.rotary_dim &&
         a.shape.rope_theta == b.shape.rope_theta && a.rotary_offset == b.rotary_offset &&
         a.qk_head_dim == b.qk_head_dim && a.method.index() == b.method.index() &&
         a.rope_type == b.rope_type && a.freq_factors.size() == b.freq_factors.size();
}

template <class Reader> class gguf_rope_reader;

// The rope of one kind of layers, which must not be `unrotated`.
template <class Reader>
gguf_config read_gguf_rope(const Reader& reader, gguf_options options, gguf_layer kind) {
  options.layer_type = static_cast<gguf_layer_type>(kind);
  return gguf_rope_reader<Reader>(reader, options).read();
}

template <class Reader> class gguf_rope_reader {
public:
  gguf_rope_reader(const Reader& reader, const gguf_options& options)
      : reader_(reader), keys_(reader),
        options_(options), chosen_{options.layer_type, keys_.architecture(),
                                   gguf_layer_rule_of(keys_.architecture())} {
    config_.architecture = keys_.architecture();
  }

  gguf_config read() {
    const auto original = keys_.count("rope.scaling.original_context_length");
    config_.max_position_embeddings = keys_.count("context_length").value_or(0);
    config_.original_max_position_embeddings = original.value_or(config_.max_position_embeddings);
    chosen_.check();
    gguf_shape_reader<Reader>(keys_, chosen_, options_.default_rope_theta, config_).read();
    read_method();
    read_sections();
    const gguf_temperature temperature =
        read_gguf_temperature(keys_, config_.original_max_position_embeddings);
    config_.temperature = temperature.value;
    config_.temperature_layers = temperature.layers;
    config_.derotates_output = chosen_.is_deepseek4();
    read_layers();
    config_.unused = keys_.unused();
    config_.notes = keys_.notes();
    return config_;
  }

  // As read(), with a note if not all layers have this rope.
  gguf_config read_with_layers() {
    read();
    if (has_other_layers())
      config_.notes.emplace_back(
          "not all layers have this rope: gguf_layers says which ones have it");
    return std::move(config_);
  }

private:
  // Reads the keys about layers, for `unused`. gguf_layers gives the notes about them.
  void read_layers() {
    const std::size_t n_notes = keys_.notes().size();
    layers_ = gguf_layer_reader<Reader>(keys_).read();
    keys_.drop_notes(n_notes);
  }

  // Whether another layer has another rope, or does not rotate.
  bool has_other_layers() const {
    const auto own = static_cast<gguf_layer>(options_.layer_type);
    for (const gguf_layer kind : {gguf_layer::global, gguf_layer::window, gguf_layer::compressed}) {
      const bool is_other = kind != own && std::count(layers_.begin(), layers_.end(), kind) != 0;
      if (is_other && !is_same_rope(read_gguf_rope(reader_, options_, kind), config_))
        return true;
    }
    return std::count(layers_.begin(), layers_.end(), gguf_layer::unrotated) != 0;
  }

  void read_method() {
    scaling_ = read_gguf_scaling(keys_);
    // These layers have no scaling: the keys are read above only to check them.
    if (chosen_.is_unscaled()) {
      scaling_ = {};
      return set_linear();
    }
    const std::int64_t n_pairs = config_.shape.rotary_dim / 2;
    config_.freq_factors = read_divisors(n_pairs);
    const factor_list shorter = keys_.factors("rope_factors_short.weight", n_pairs);
    const factor_list longer = keys_.factors("rope_factors_long.weight", n_pairs);
    const bool has_lists = shorter.size() != 0 && longer.size() != 0;
    if (!has_lists && (shorter.size() != 0 || longer.size() != 0))
      fail_argument("yarn: the tensor {} is missing; LongRoPE needs both lists",
                    shorter.size() == 0 ? "rope_factors_short.weight" : "rope_factors_long.weight");
    const bool is_divided = config_.freq_factors.size() != 0;
    if (is_divided && has_lists)
      keys_.note("rope_freqs.weight is taken; rope_factors_short.weight and "
                 "rope_factors_long.weight are not");

    if (scaling_.alpha != 0.0)
      return set_ntk();
    if (scaling_.ext_factor != 0.0) {
      if (has_lists && !is_divided)
        fail_argument("yarn: {} = yarn (or yarn_ext_factor) excludes rope_factors_short.weight",
                      keys_.full("rope.scaling.type"));
      return set_yarn();
    }
    if (has_lists && !is_divided)
      return set_longrope(shorter, longer);
    if (scaling_.type == "longrope" && !is_divided)
      fail_argument(
          "yarn: the tensors rope_factors_short.weight and rope_factors_long.weight are missing; "
          "{} = longrope needs them",
          keys_.full("rope.scaling.type"));
    set_linear();
  }

  // The tensor of Step 3.5 has a value for each pair of the layers that rotate whole heads. The
  // layers that rotate half of a head use the first half of the tensor.
  factor_list read_divisors(std::int64_t n_pairs) {
    constexpr const char* name = "rope_freqs.weight";
    if (config_.architecture != "step35")
      return keys_.factors(name, n_pairs);
    const factor_list all = keys_.factors(name, 2 * n_pairs);
    return factor_list(std::vector<double>(all.data(), all.data() + all.size() / 2));
  }

  void set(any_scaling method, const char* rope_type) {
    config_.method = std::move(method);
    config_.rope_type = rope_type;
  }

  void set_ntk() {
    if (scaling_.factor != 1.0 || scaling_.ext_factor != 0.0 || scaling_.attn_factor != 1.0)
      fail_argument(
          "yarn: {} = {} beside another scaling (factor {}, attn_factor {}): no method has both",
          keys_.full("rope.scaling.alpha"), scaling_.alpha, scaling_.factor, scaling_.attn_factor);
    set(ntk_scaling{scaling_.alpha}, "ntk");
  }

  // The original length, which the method needs.
  std::int64_t original_length(const char* method) {
    const char* const key = "rope.scaling.original_context_length";
    const std::int64_t original = config_.original_max_position_embeddings;
    if (original == 0)
      fail_argument("yarn: {} and {} are missing; {} needs one of them", keys_.full(key),
                    keys_.full("context_length"), method);
    if (!keys_.count(key))
      keys_.note("{} is missing: context_length = {} is taken, as in llama.cpp", keys_.full(key),
                 original);
    return original;
  }

  void set_yarn() {
    if (!scaling_.has_factor)
      keys_.missing("rope.scaling.factor", "YaRN needs it");
    yarn_scaling method;
    method.factor = scaling_.factor;
    method.original_max_position_embeddings = original_length("YaRN");
    require_order(keys_.full("rope.scaling.yarn_beta_slow").c_str(), scaling_.beta_slow,
                  keys_.full("rope.scaling.yarn_beta_fast").c_str(), scaling_.beta_fast);
    method.beta_fast = scaling_.beta_fast;
    method.beta_slow = scaling_.beta_slow;
    method.extrapolation_factor = scaling_.ext_factor;
    method.attn_factor = scaling_.attn_factor;
    if (chosen_.is_deepseek4()) // dsv4_rope_attn_factor of src/models/deepseek4.cpp
      method.attention_factor = 1.0;
    if (scaling_.mscale_all_dim.has_value()) {
      method.mscale_all_dim = scaling_.mscale_all_dim;
      method.mscale =
          config_.architecture == "deepseek2" ? scaling_.mscale_all_dim.value_or_zero() : 1.0;
    }
    set(method, "yarn");

    if (method.beta_fast != 32.0 || method.beta_slow != 1.0)
      keys_.note(
          "rope.scaling.yarn_beta_fast = {}, yarn_beta_slow = {}: llama.cpp reads them for some "
          "architectures, and takes 32 and 1 for the others",
          method.beta_fast, method.beta_slow);
    if (config_.architecture == "gpt-oss")
      keys_.note("the ends of YaRN's ramp are rounded, as in llama.cpp; Hugging Face's gpt-oss has "
                 "truncate = false, for which GGUF has no key");
    const std::int64_t original = config_.original_max_position_embeddings;
    const auto length = static_cast<double>(config_.max_position_embeddings);
    if (keys_.count("rope.scaling.original_context_length") && length != 0.0 &&
        length != scaling_.factor * static_cast<double>(original))
      keys_.note("rope.scaling.factor = {} does not match context_length = {} and "
                 "original_context_length = {}",
                 scaling_.factor, length, original);
  }

  void set_longrope(const factor_list& shorter, const factor_list& longer) {
    // In llama.cpp, a scaling factor beside the lists divides the frequencies once more,
    // unless rope.scaling.type = none.
    const auto times_factor = [&](const factor_list& list) {
      std::vector<double> values(list.data(), list.data() + list.size());
      for (double& value : values)
        value *= scaling_.factor;
      return factor_list(values);
    };
    longrope_scaling method;
    method.short_factor = times_factor(shorter);
    method.long_factor = times_factor(longer);
    method.original_max_position_embeddings = original_length("LongRoPE");
    method.attention_factor = scaling_.attn_factor;
    if (scaling_.factor != 1.0)
      keys_.note("rope.scaling.factor = {} and LongRoPE's lists both divide the frequencies, as in "
                 "llama.cpp; converters of LongRoPE do not write this factor",
                 scaling_.factor);
    if (!keys_.number("rope.scaling.attn_factor"))
      keys_.note("{} is missing: 1, as in llama.cpp; the formula of LongRoPE is not applied",
                 keys_.full("rope.scaling.attn_factor"));
    set(std::move(method), "longrope");
  }

  // With factor 1, the frequencies and the type are those of the default method.
  void set_linear() {
    linear_scaling method{scaling_.factor};
    if (scaling_.attn_factor != 1.0)
      method.attention_factor = scaling_.attn_factor;
    const bool is_default = method.factor == 1.0 && !method.attention_factor.has_value();
    set(is_default ? any_scaling() : method, method.factor == 1.0 ? "default" : "linear");
  }

  void read_sections() {
    const auto sections = keys_.numbers("rope.dimension_sections").value_or(std::vector<double>());
    const std::int64_t n_pairs = config_.shape.rotary_dim / 2;
    if (sections.size() > 4)
      fail_argument("yarn: {} has {} sections; there must be at most 4",
                    keys_.full("rope.dimension_sections"), sections.size());
    for (const double pairs : sections) {
      if (!(pairs >= 0.0 && pairs <= static_cast<double>(n_pairs)) ||
          pairs != static_cast<double>(static_cast<std::int64_t>(pairs)))
        fail_argument("yarn: {} holds {}; every section must be an integer in [0, n_pairs = {}]",
                      keys_.full("rope.dimension_sections"), pairs, n_pairs);
      config_.dimension_sections.push_back(static_cast<std::int64_t>(pairs));
    }
    if (std::all_of(sections.begin(), sections.end(), [](double n) { return n == 0.0; }))
      config_.dimension_sections.clear();
    gguf_axis_list axes = read_gguf_axes(keys_, config_.dimension_sections, config_.shape);
    config_.n_axes = axes.n_axes;
    config_.axis_of_pair = std::move(axes.axis_of_pair);
  }

  const Reader& reader_;
  gguf_keys<Reader> keys_;
  const gguf_options& options_;
  gguf_config config_;
  gguf_scaling scaling_;
  gguf_layer_choice chosen_;
  std::vector<gguf_layer> layers_; // empty: not known
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// The implementation of gguf.hpp: shape, base and method of a file.
#ifndef YARN_DETAIL_GGUF_READ_HPP
#define YARN_DETAIL_GGUF_READ_HPP

#include "../../gguf.hpp"
#include "scaling.hpp"
#include "sections.hpp"

#include <algorithm>
#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class Reader> class gguf_reading {
public:
  gguf_reading(const Reader& reader, const gguf_options& options)
      : keys_(reader), options_(options) {
    config_.architecture = keys_.architecture();
  }

  gguf_config read() {
    const auto original = keys_.count("rope.scaling.original_context_length");
    config_.max_position_embeddings = keys_.count("context_length").value_or(0);
    config_.original_max_position_embeddings = original.value_or(config_.max_position_embeddings);
    if (is_window()) {
      window_ = gguf_window_of(config_.architecture);
      if (window_ == gguf_window::unknown)
        fail_argument(
            "yarn: general.architecture = {}: it is not known how llama.cpp rotates layers with a "
            "sliding window; read the global layers, and change the fields that differ",
            config_.architecture);
    }
    read_shape();
    read_base();
    read_method();
    read_sections();
    config_.unused = keys_.unused();
    config_.notes = keys_.notes();
    return std::move(config_);
  }

private:
  bool is_window() const { return options_.layers == gguf_layers::sliding_window; }

  // The value of `key`, or of `key_swa` for layers with a sliding window.
  std::optional<std::int64_t> count_of_layers(const char* key, const char* key_swa) {
    const auto global = keys_.count(key);
    const auto window = keys_.count(key_swa);
    return is_window() && window ? window : global;
  }

  void read_shape() {
    const auto key_length = count_of_layers("attention.key_length", "attention.key_length_swa");
    auto rotated = count_of_layers("rope.dimension_count", "rope.dimension_count_swa");
    const bool is_latent = keys_.number("attention.kv_lora_rank").value_or(0.0) > 0.0;
    if (is_latent && !rotated)
      keys_.missing("rope.dimension_count",
                    "with attention.kv_lora_rank only the last elements of a head are rotated");
    config_.qk_head_dim = is_latent ? latent_head_dim(key_length) : plain_head_dim(key_length);
    if (!rotated && config_.architecture == "step35" && !is_window()) {
      rotated = config_.qk_head_dim / 2;
      keys_.note("step35.rope.dimension_count is missing: llama.cpp rotates half of a head");
    }
    const std::int64_t rotary_dim = rotated.value_or(config_.qk_head_dim);
    if (rotary_dim % 2 != 0 || rotary_dim > config_.qk_head_dim)
      fail_argument("yarn: {} = {} must be even and in [2, head_dim = {}]",
                    keys_.full("rope.dimension_count"), rotary_dim, config_.qk_head_dim);
    config_.shape.rotary_dim = rotary_dim;
    config_.shape.head_dim = is_latent ? rotary_dim : config_.qk_head_dim;
    config_.rotary_offset = config_.qk_head_dim - config_.shape.head_dim;
  }

  std::int64_t latent_head_dim(std::optional<std::int64_t> key_length) {
    const auto whole = keys_.count("attention.key_length_mla");
    if (!whole && !key_length)
      keys_.missing("attention.key_length_mla", "attention.key_length is missing, too");
    return whole ? *whole : *key_length;
  }

  std::int64_t plain_head_dim(std::optional<std::int64_t> key_length) {
    if (key_length)
      return *key_length;
    // head_count may be a list, with a number per layer. Files with a list have key_length.
    const auto width = keys_.count("embedding_length");
    const auto heads = width ? keys_.count("attention.head_count") : std::nullopt;
    if (!heads)
      keys_.missing("attention.key_length",
                    width ? "without it, attention.head_count is needed beside embedding_length"
                          : "without it, embedding_length and attention.head_count are needed");
    if (*width % *heads != 0)
      fail_argument("yarn: {} = {} must be a multiple of attention.head_count = {} if "
                    "attention.key_length is missing",
                    keys_.full("embedding_length"), *width, *heads);
    return *width / *heads;
  }

  void read_base() {
    const auto base = keys_.positive("rope.freq_base");
    const auto base_swa = keys_.positive("rope.freq_base_swa");
    double theta = base.value_or(options_.default_rope_theta);
    if (is_window() && base_swa)
      theta = *base_swa;
    else if (window_ == gguf_window::own_base) {
      theta = 10000.0;
      keys_.note("{} is missing: 10000, as in llama.cpp", keys_.full("rope.freq_base_swa"));
    } else if (theta == 0.0)
      keys_.missing("rope.freq_base",
                    "llama.cpp uses 10000; gguf_options.default_rope_theta = 10000 does the same");
    else if (!base)
      keys_.note("{} is missing: {} is the caller's default", keys_.full("rope.freq_base"), theta);
    require_positive("gguf_options.default_rope_theta", theta);
    config_.shape.rope_theta = theta;
  }

  void read_method() {
    scaling_ = read_gguf_scaling(keys_);
    // llama.cpp applies neither scaling nor divisors to the window layers of these architectures.
    // The divisors are for the heads of global layers. The scaling keys are still checked.
    if (window_ != gguf_window::as_global) {
      scaling_ = {};
      return set_linear();
    }
    const std::int64_t n_pairs = config_.shape.rotary_dim / 2;
    config_.freq_factors = keys_.factors("rope_freqs.weight", n_pairs);
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
        fail_argument("yarn: {} = yarn beside rope_factors_short.weight: no method has both",
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
    // In llama.cpp, a scaling factor beside the lists divides the frequencies once more, for every
    // type.
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
      keys_.note("rope.scaling.factor = {} divides the frequencies beside LongRoPE's lists, as in "
                 "llama.cpp; converters of LongRoPE do not write it",
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

  gguf_keys<Reader> keys_;
  const gguf_options& options_;
  gguf_config config_;
  gguf_scaling scaling_;
  gguf_window window_ = gguf_window::as_global;
};

} // namespace detail

template <class Reader>
gguf_config gguf_config_from(const Reader& reader, const gguf_options& options) {
  using is_reader = decltype(detail::is_gguf_reader(reader, std::string()));
  static_assert(is_reader::value,
                "yarn: a GGUF reader needs const members number(key), numbers(key), text(key), "
                "keys() and tensor(name), as gguf_config_from lists them");
  if constexpr (is_reader::value)
    return detail::gguf_reading<Reader>(reader, options).read();
  else
    return {};
}

inline frequencies make_frequencies(const gguf_config& config, std::int64_t seq_len) {
  const freq_factors_scaling<any_scaling> divided{config.method, config.freq_factors};
  const frequencies f = config.freq_factors.size() == 0
                            ? make_frequencies(config.shape, config.method, seq_len)
                            : make_frequencies(config.shape, divided, seq_len);
  return config.axis_of_pair.empty() ? f : with_axes(f, config.axis_of_pair, config.n_axes);
}

inline std::optional<pairing> gguf_pairing(std::string_view architecture, bool with_sections) {
  if (architecture == "glm4")
    return with_sections ? pairing::half_split : pairing::interleaved;
  if (detail::is_listed(detail::gguf_interleaved, architecture))
    return pairing::interleaved;
  if (detail::is_listed(detail::gguf_half_split, architecture))
    return pairing::half_split;
  return std::nullopt;
}

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Reads the widths of heads and the base of one type of layers.
#ifndef YARN_DETAIL_GGUF_SHAPE_HPP
#define YARN_DETAIL_GGUF_SHAPE_HPP

#include "../../gguf_types.hpp"
#include "keys.hpp"
#include "layer_rules.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// The layers that are read, and the rule of their architecture.
struct gguf_layer_choice {
  gguf_layer_type type;
  std::string architecture;
  gguf_layer_rule rule;

  bool is_window() const { return type == gguf_layer_type::sliding_window; }
  bool is_compressed() const { return type == gguf_layer_type::compressed; }
  bool is_deepseek4() const { return architecture == "deepseek4"; }
  // llama.cpp applies neither the scaling nor the divisors of the file to these layers.
  bool is_unscaled() const {
    return is_deepseek4() ? !is_compressed()
                          : is_window() && rule.scaling == gguf_window_scaling::none;
  }

  void check() const {
    if (is_window() && rule.architecture.empty())
      fail_argument(
          "yarn: general.architecture = {}: it is not known how llama.cpp rotates layers with a "
          "sliding window; read the global layers, and change the fields that differ",
          architecture);
    if (is_compressed() && !is_deepseek4())
      fail_argument("yarn: gguf_options.layer_type = compressed: general.architecture = {} has no "
                    "such layers",
                    architecture);
  }
};

template <class Reader> class gguf_shape_reader {
public:
  gguf_shape_reader(gguf_keys<Reader>& keys, const gguf_layer_choice& layers, double default_theta,
                    gguf_config& config)
      : keys_(keys), layers_(layers), default_theta_(default_theta), config_(config) {}

  // Sets the shape, qk_head_dim and rotary_offset.
  void read() {
    read_shape();
    read_base();
  }

private:
  // The value of `key`, or of `key_swa` for layers with a sliding window.
  std::optional<std::int64_t> width_in_layers(const char* key, const char* key_swa) {
    const auto global = keys_.count(key);
    const auto window = keys_.count(key_swa);
    return layers_.is_window() && window ? window : global;
  }

  void read_shape() {
    const auto key_length = width_in_layers("attention.key_length", "attention.key_length_swa");
    auto rotated = width_in_layers("rope.dimension_count", "rope.dimension_count_swa");
    const bool is_mla = keys_.number("attention.kv_lora_rank").value_or(0.0) > 0.0;
    const bool is_latent =
        is_mla || layers_.is_deepseek4(); // the rotated part is at the end of a head
    if (is_latent && !rotated)
      keys_.missing("rope.dimension_count",
                    is_mla
                        ? "with attention.kv_lora_rank only the last elements of a head are rotated"
                        : "only the last elements of a head are rotated");
    config_.qk_head_dim = is_mla ? latent_head_dim(key_length) : plain_head_dim(key_length);
    if (config_.architecture == "step35" && !layers_.is_window()) {
      const std::int64_t whole = rotated.value_or(config_.qk_head_dim);
      if (whole % 4 != 0)
        fail_argument("yarn: step35.rope.dimension_count = {} must be a multiple of 4, because "
                      "layers without a window rotate half of it",
                      whole);
      rotated = whole / 2;
      keys_.note(
          "half of a head: layers without a window rotate {} of {} elements, as in llama.cpp",
          *rotated, whole);
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
    const auto width = keys_.count("embedding_length");
    const auto heads = width ? keys_.first_count("attention.head_count") : std::nullopt;
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
    constexpr const char* compress_key = "attention.compress_rope_freq_base";
    const auto base = keys_.positive("rope.freq_base");
    const auto base_swa = keys_.positive("rope.freq_base_swa");
    const auto compressed = layers_.is_deepseek4() ? keys_.positive(compress_key) : std::nullopt;
    const bool has_own_base = layers_.rule.base != gguf_window_base::global;
    double theta = base.value_or(default_theta_);
    if (layers_.is_compressed() && !compressed)
      keys_.missing(compress_key, "it is the base of the compressed layers");
    if (base_swa && !has_own_base && is_known_gguf(config_.architecture))
      keys_.ignore("rope.freq_base_swa", *base_swa);
    else if (base_swa && !has_own_base)
      keys_.ignore("rope.freq_base_swa", "it is not known how this architecture uses it");
    if (layers_.is_compressed())
      theta = *compressed;
    else if (layers_.is_window() && base_swa && has_own_base)
      theta = *base_swa;
    else if (layers_.is_window() && layers_.rule.base == gguf_window_base::own_or_10000) {
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

  gguf_keys<Reader>& keys_;
  const gguf_layer_choice& layers_;
  const double default_theta_;
  gguf_config& config_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

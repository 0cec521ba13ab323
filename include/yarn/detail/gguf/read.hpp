// SPDX-License-Identifier: MIT
// Implements gguf.hpp: reads the shape and the base, and calls scaling.hpp for the method.
#ifndef YARN_DETAIL_GGUF_READ_HPP
#define YARN_DETAIL_GGUF_READ_HPP

#include "../../gguf.hpp"
#include "scaling.hpp"

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
    read_lengths();
    read_window();
    read_shape();
    read_base();
    gguf_scaling<Reader> scaling(keys_, lengths_, config_.shape.rotary_dim / 2);
    gguf_method found = scaling.read(is_window() && window_ != gguf_window::as_global);
    config_.method = std::move(found.method);
    config_.freq_factors = std::move(found.freq_factors);
    config_.rope_type = std::move(found.rope_type);
    read_sections();
    config_.unused = keys_.unused();
    config_.notes = keys_.notes();
    return std::move(config_);
  }

private:
  bool is_window() const { return options_.layers == gguf_layers::sliding_window; }

  void read_lengths() {
    const auto original = keys_.count("rope.scaling.original_context_length");
    lengths_.context = keys_.count("context_length").value_or(0);
    lengths_.original = original.value_or(lengths_.context);
    lengths_.is_original_given = original.has_value();
    config_.max_position_embeddings = lengths_.context;
    config_.original_max_position_embeddings = lengths_.original;
  }

  void read_window() {
    base_swa_ = keys_.positive("rope.freq_base_swa");
    dimension_swa_ = keys_.count("rope.dimension_count_swa");
    if (!is_window())
      return;
    window_ = gguf_window_of(keys_.architecture());
    if (window_ == gguf_window::unknown)
      fail_argument(
          "yarn: how llama.cpp rotates layers with a sliding window of general.architecture = {} "
          "is not known here; read the global layers, and change what differs",
          keys_.architecture());
  }

  void read_shape() {
    auto key_length = keys_.count("attention.key_length");
    const auto key_length_swa = keys_.count("attention.key_length_swa");
    if (is_window() && key_length_swa)
      key_length = key_length_swa;
    auto rotated = keys_.count("rope.dimension_count");
    if (is_window() && dimension_swa_)
      rotated = dimension_swa_;
    const auto rank = keys_.number("attention.kv_lora_rank");
    if (rank && *rank > 0)
      return read_latent_shape(key_length, rotated);

    config_.shape.head_dim = key_length ? *key_length : head_dim_of_embedding();
    config_.qk_head_dim = config_.shape.head_dim;
    if (!rotated && keys_.architecture() == "step35" && !is_window()) {
      rotated = config_.shape.head_dim / 2;
      keys_.note("step35.rope.dimension_count is missing: llama.cpp rotates half of a head");
    }
    config_.shape.rotary_dim = rotated.value_or(config_.shape.head_dim);
    check_rotated(config_.shape.head_dim);
  }

  void check_rotated(std::int64_t head_dim) const {
    const std::int64_t rotated = config_.shape.rotary_dim;
    if (rotated % 2 != 0 || rotated > head_dim)
      fail_argument("yarn: {} = {} must be even and in [2, head_dim = {}]",
                    keys_.full("rope.dimension_count"), rotated, head_dim);
  }

  void read_latent_shape(std::optional<std::int64_t> key_length,
                         std::optional<std::int64_t> rotated) {
    if (!rotated)
      keys_.missing("rope.dimension_count",
                    "with attention.kv_lora_rank only a part of a head is rotated");
    const auto whole = keys_.count("attention.key_length_mla");
    if (!whole && !key_length)
      keys_.missing("attention.key_length_mla", "nor is there attention.key_length");
    config_.qk_head_dim = whole ? *whole : *key_length;
    config_.shape.head_dim = config_.shape.rotary_dim = *rotated;
    check_rotated(config_.qk_head_dim);
    config_.rotary_offset = config_.qk_head_dim - *rotated;
  }

  std::int64_t head_dim_of_embedding() {
    // A list of head counts, one a layer, is no number; such files give key_length.
    const auto width = keys_.count("embedding_length");
    if (!width)
      keys_.missing("attention.key_length",
                    "without it embedding_length and attention.head_count are needed");
    const auto heads = keys_.count("attention.head_count");
    if (!heads)
      keys_.missing("attention.key_length",
                    "without it attention.head_count is needed, beside embedding_length");
    if (*width % *heads != 0)
      fail_argument(
          "yarn: {} = {} must be a multiple of attention.head_count = {} where there is no "
          "attention.key_length",
          keys_.full("embedding_length"), *width, *heads);
    return *width / *heads;
  }

  void read_base() {
    const auto base = keys_.positive("rope.freq_base");
    double theta = base.value_or(options_.default_rope_theta);
    if (is_window() && base_swa_)
      theta = *base_swa_;
    else if (window_ == gguf_window::own_base) {
      theta = 10000.0;
      keys_.note("{} is missing: 10000, as in llama.cpp", keys_.full("rope.freq_base_swa"));
    } else if (theta == 0.0)
      keys_.missing("rope.freq_base", "llama.cpp takes 10000 then: gguf_options.default_rope_theta "
                                      "= 10000 does the same");
    else if (!base)
      keys_.note("{} is missing: {} is the caller's default", keys_.full("rope.freq_base"), theta);
    require_positive("gguf_options.default_rope_theta", theta);
    config_.shape.rope_theta = theta;
  }

  void read_sections() {
    const auto sections = keys_.numbers("rope.dimension_sections");
    if (!sections)
      return;
    const std::int64_t n_pairs = config_.shape.rotary_dim / 2;
    for (const double pairs : *sections) {
      if (!(pairs >= 0.0 && pairs <= static_cast<double>(n_pairs)) ||
          pairs != static_cast<double>(static_cast<std::int64_t>(pairs)))
        fail_argument("yarn: {} holds {}; every section must be an integer in [0, n_pairs = {}]",
                      keys_.full("rope.dimension_sections"), pairs, n_pairs);
      config_.dimension_sections.push_back(static_cast<std::int64_t>(pairs));
    }
    if (std::all_of(sections->begin(), sections->end(), [](double n) { return n == 0.0; }))
      config_.dimension_sections.clear();
    else
      keys_.note(
          "rope.dimension_sections: tokens have several positions (M-RoPE); the frequencies are "
          "right, and rows of one position a token are for text alone");
  }

  gguf_keys<Reader> keys_;
  const gguf_options& options_;
  gguf_config config_;
  gguf_lengths lengths_;
  gguf_window window_ = gguf_window::as_global;
  std::optional<double> base_swa_;
  std::optional<std::int64_t> dimension_swa_;
};

} // namespace detail

template <class Reader>
gguf_config gguf_config_from(const Reader& reader, const gguf_options& options) {
  static_assert(detail::is_gguf_reader<Reader>::value,
                "yarn: a GGUF reader needs const members number(key), numbers(key), text(key), "
                "keys() and tensor(name), as gguf_config_from lists them");
  if constexpr (detail::is_gguf_reader<Reader>::value)
    return detail::gguf_reading<Reader>(reader, options).read();
  else
    return {};
}

inline frequencies make_frequencies(const gguf_config& config, std::int64_t seq_len) {
  if (config.freq_factors.size() == 0)
    return make_frequencies(config.shape, config.method, seq_len);
  const freq_factors_scaling<any_scaling> divided{config.method, config.freq_factors};
  return make_frequencies(config.shape, divided, seq_len);
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

inline std::optional<pairing> gguf_pairing(const gguf_config& config) {
  return gguf_pairing(config.architecture, !config.dimension_sections.empty());
}

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// GGUF metadata: from the keys of a file to shape, method and lengths, as llama.cpp understands
// them. Opt-in; needs nothing but the standard library, for the file is read by somebody else: see
// `Reader` below, and yarn/ggml.hpp for one over ggml's gguf.h.
//
// Keys stand behind the value of general.architecture and a dot; in brackets, what they are at
// Hugging Face.
//
//   attention.key_length        elements of a head [head_dim]; missing: embedding_length /
//                               attention.head_count
//   attention.kv_lora_rank      there: MLA. The last dimension_count elements of a head are
//                               rotated, and the shape is that of those alone
//   attention.key_length_mla    MLA's whole head [qk_nope_head_dim + qk_rope_head_dim]
//   context_length              [max_position_embeddings]
//   rope.dimension_count        rotated elements [partial_rotary_factor * head_dim,
//                               qk_rope_head_dim]; missing: all
//   rope.freq_base              [rope_theta]
//   rope.dimension_sections     M-RoPE [mrope_section]: reported
//   ..._swa                     the same in layers with a sliding window: of key_length,
//                               dimension_count, freq_base
//   rope.scaling.type           none, linear, yarn, longrope; missing: linear
//   rope.scaling.factor         s [factor]: frequencies are divided by it; 0: by nothing. In older
//                               files rope.scale_linear
//   rope.scaling.original_context_length
//                               L [original_max_position_embeddings]; missing: context_length
//   rope.scaling.attn_factor    multiplies the attention factor, of any type. LongRoPE's is this
//                               alone [attention_factor, computed when the file was made]
//   rope.scaling.yarn_ext_factor
//                               share of extrapolation; missing or < 0: 1 for yarn, else 0. Where
//                               it is not 0 there is a ramp, whatever the type
//   rope.scaling.yarn_beta_fast, rope.scaling.yarn_beta_slow
//                               [beta_fast, beta_slow]; missing: 32, 1
//   rope.scaling.yarn_attn_factor
//                               replaced by the formula where there is a ramp, else a multiplier
//   rope.scaling.yarn_log_multiplier
//                               [mscale_all_dim] by architecture: 0.1 times that (DeepSeek-V2 and
//                               its kin), that itself (Mistral 3), or not used
//   rope.scaling.alpha          Hunyuan: the base becomes b * alpha^(d/(d-2))
//   rope.scaling.finetuned      about the training; Granite: false rotates nothing
//
// Tensors: rope_freqs.weight, divisors of the frequencies (Llama 3's scaling, Gemma 4's);
// rope_factors_short.weight and rope_factors_long.weight [short_factor, long_factor].
//
// YaRN's attention factor comes out as Hugging Face's: llama.cpp divides by 1 + 0.1 ln s what ggml
// then multiplies by it. mscale is not in the file: llama.cpp takes 1, and for deepseek2
// mscale_all_dim. Neither is truncate: ggml rounds the ramp's ends always, and so do we, where
// Hugging Face's gpt-oss does not (up to 76 % of a frequency). LongRoPE's long list is for lengths
// above L: of the context it has allocated in llama.cpp, of `seq_len` here.
#ifndef YARN_GGUF_HPP
#define YARN_GGUF_HPP

#include "detail/gguf/scaling.hpp"
#include "frequencies.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Which layers of a model: those with attention to all tokens, or those with a sliding window.
enum class gguf_layers { global, sliding_window };

struct gguf_options {
  gguf_layers layers = gguf_layers::global;
  /// For files without freq_base; 0: that is an error. llama.cpp takes 10000.
  double default_rope_theta = 0.0;
};

struct gguf_config {
  rope_shape shape; ///< of the rotated part alone where the heads are MLA's
  any_scaling method;
  factor_list freq_factors; ///< divisors on top of the method; empty: none
  std::string architecture; ///< general.architecture
  std::string rope_type;    ///< "default", "linear", "ntk", "yarn", "longrope": what is in force
  std::int64_t max_position_embeddings = 0;          ///< context_length; 0: not given
  std::int64_t original_max_position_embeddings = 0; ///< L in force for the method; 0: not given
  std::int64_t qk_head_dim = 0;   ///< the whole width of a query head, for softmax_scale
  std::int64_t rotary_offset = 0; ///< where in a query head the rotated part begins: 0 but for MLA
  std::vector<std::int64_t>
      dimension_sections;          ///< M-RoPE: pairs of each position axis; empty: none
  std::vector<std::string> unused; ///< keys with ".rope." in them that nothing read
  std::vector<std::string> notes;  ///< what was derived or is contradictory, in words for a log
};

/// The frequencies of a file, with its divisors. seq_len: the current length in tokens, which
/// decides between LongRoPE's lists and nothing else.
/// Errors   as make_frequencies of the method.
inline frequencies make_frequencies(const gguf_config& config, std::int64_t seq_len) {
  if (config.freq_factors.size() == 0)
    return make_frequencies(config.shape, config.method, seq_len);
  const freq_factors_scaling<any_scaling> divided{config.method, config.freq_factors};
  return make_frequencies(config.shape, divided, seq_len);
}

/// Which elements of a head form a pair, as llama.cpp rotates this architecture. The file does not
/// say it, and it is not always what Hugging Face's weights of the same model want: converters of
/// Llama and others permute the weights.
/// Returns  nothing for names that are not listed (detail/gguf/architectures.hpp) and for models
///          that llama.cpp does not rotate. with_sections: whether dimension_sections are given,
///          which decides for GLM-4.
inline std::optional<pairing> gguf_pairing(std::string_view architecture,
                                           bool with_sections = false) {
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

/// Shape, method and lengths of a model from a GGUF file's metadata.
///
/// Reader   anything with these const members (a std::map behind them will do), which return
///          nothing where there is no such key, or it is of another type:
///            std::optional<double> number(const std::string& key), any integer, float or bool
///            std::optional<std::vector<double>> numbers(const std::string& key), an array of them
///            std::optional<std::string> text(const std::string& key)
///            std::vector<std::string> keys()
///            std::optional<std::vector<float>> tensor(const std::string& name)
/// Errors   std::invalid_argument naming the key: missing, of another type, not finite, out of
///          range; a tensor with another number of values than pairs; an architecture whose
///          sliding windows are not known here. Nothing is guessed: what was derived is in `notes`.
template <class Reader>
gguf_config gguf_config_from(const Reader& reader, const gguf_options& options = {}) {
  static_assert(detail::is_gguf_reader<Reader>::value,
                "yarn: a GGUF reader needs const members number(key), numbers(key), text(key), "
                "keys() and tensor(name), as gguf_config_from lists them");
  if constexpr (detail::is_gguf_reader<Reader>::value)
    return detail::gguf_reading<Reader>(reader, options).read();
  else
    return {};
}

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// From the keys of a GGUF file to a scaling method. gguf.hpp says what each key means.
#ifndef YARN_DETAIL_GGUF_SCALING_HPP
#define YARN_DETAIL_GGUF_SCALING_HPP

#include "architectures.hpp"
#include "keys.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// The method that the keys of a file describe.
struct gguf_method {
  any_scaling method;
  factor_list freq_factors;
  std::string rope_type;
};

/// The lengths of a file, in tokens.
struct gguf_lengths {
  std::int64_t context = 0;  // 0: not given
  std::int64_t original = 0; // in force; 0: neither is given
  bool is_original_given = false;
};

template <class Reader> class gguf_scaling {
public:
  gguf_scaling(gguf_keys<Reader>& keys, const gguf_lengths& lengths, std::int64_t n_pairs)
      : keys_(keys), lengths_(lengths), n_pairs_(n_pairs) {}

  /// is_unscaled: these layers have a sliding window, and llama.cpp applies neither scaling nor
  /// divisors to them. The keys are read and checked all the same.
  gguf_method read(bool is_unscaled) {
    is_unscaled_ = is_unscaled;
    read_scaling();
    read_method();
    return std::move(result_);
  }

private:
  // The values of the scaling keys, with llama.cpp's defaults.
  struct scaling_values {
    std::string type = "linear";
    double factor = 1.0;
    bool has_factor = false;
    double ext_factor = 0.0;
    double attn_factor = 1.0;
    bool has_attn_factor = false;
    double alpha = 0.0;
    optional_number mscale_all_dim;
  };

  void read_factor() {
    const auto factor = keys_.number("rope.scaling.factor");
    const auto older = keys_.number("rope.scale_linear");
    if (factor && older && *factor != *older)
      keys_.note("rope.scaling.factor = {} is taken, rope.scale_linear = {} is not", *factor,
                 *older);
    const double value = factor ? *factor : older.value_or(0.0);
    const char* const key = factor ? "rope.scaling.factor" : "rope.scale_linear";
    require_at_least_zero(keys_.full(key).c_str(), value);
    scaling_.has_factor = value != 0.0;
    if (scaling_.has_factor)
      scaling_.factor = value;
    else if (factor || older)
      keys_.note("{} = 0 is no scaling", keys_.full(key));
  }

  void read_scaling() {
    const auto type = keys_.text("rope.scaling.type");
    scaling_.type = type.value_or("linear");
    if (scaling_.type != "none" && scaling_.type != "linear" && scaling_.type != "yarn" &&
        scaling_.type != "longrope")
      fail_argument("yarn: {} = {} is not one of none, linear, yarn, longrope",
                    keys_.full("rope.scaling.type"), scaling_.type);
    read_factor();
    if (!type && scaling_.has_factor && scaling_.factor != 1.0)
      keys_.note("{} is missing: linear, as in llama.cpp", keys_.full("rope.scaling.type"));
    if (scaling_.type == "none" && scaling_.has_factor && scaling_.factor != 1.0) {
      keys_.note("rope.scaling.factor = {} has no effect with rope.scaling.type = none",
                 scaling_.factor);
      scaling_.factor = 1.0;
    }
    const bool is_yarn = scaling_.type == "yarn";
    const double ext_factor = keys_.number("rope.scaling.yarn_ext_factor").value_or(-1.0);
    scaling_.ext_factor = ext_factor >= 0.0 ? ext_factor : (is_yarn ? 1.0 : 0.0);
    if (is_yarn != (scaling_.ext_factor != 0.0))
      keys_.note("rope.scaling.yarn_ext_factor = {} decides, not rope.scaling.type = {}",
                 scaling_.ext_factor, scaling_.type);
    const auto attn_factor = keys_.positive("rope.scaling.attn_factor");
    scaling_.has_attn_factor = attn_factor.has_value();
    scaling_.attn_factor = attn_factor.value_or(1.0);
    const double yarn_attn_factor = keys_.positive("rope.scaling.yarn_attn_factor").value_or(1.0);
    if (scaling_.ext_factor == 0.0)
      scaling_.attn_factor *= yarn_attn_factor;
    else if (yarn_attn_factor != 1.0)
      keys_.note(
          "rope.scaling.yarn_attn_factor = {} has no effect: llama.cpp replaces it by the formula",
          yarn_attn_factor);
    read_log_multiplier();
    read_alpha();
    read_finetuned();
  }

  void read_log_multiplier() {
    constexpr const char* key = "rope.scaling.yarn_log_multiplier";
    const auto value = keys_.number(key);
    if (!value || *value == 0.0)
      return;
    const gguf_log_multiplier kind = gguf_log_multiplier_of(keys_.architecture());
    if (kind == gguf_log_multiplier::ignored) {
      keys_.note("{} = {} has no effect: llama.cpp does not read it for this architecture",
                 keys_.full(key), *value);
      return keys_.mark_unused(key);
    }
    require_positive(keys_.full(key).c_str(), *value);
    // In float, as llama.cpp: 0.1F / 0.1F is exactly 1.
    scaling_.mscale_all_dim = kind == gguf_log_multiplier::tenth
                                  ? static_cast<double>(static_cast<float>(*value) / 0.1F)
                                  : *value;
  }

  void read_alpha() {
    constexpr const char* key = "rope.scaling.alpha";
    const double alpha = keys_.number(key).value_or(0.0);
    if (alpha <= 0.0)
      return;
    if (gguf_has_ntk_alpha(keys_.architecture())) {
      scaling_.alpha = alpha;
      return;
    }
    keys_.note("{} = {} has no effect: llama.cpp does not use it for this architecture",
               keys_.full(key), alpha);
    keys_.mark_unused(key);
  }

  void read_finetuned() {
    const auto finetuned = keys_.number("rope.scaling.finetuned");
    if (finetuned && *finetuned == 0.0 && gguf_switches_rope(keys_.architecture()))
      keys_.note("{} is false: llama.cpp does not rotate this model at all",
                 keys_.full("rope.scaling.finetuned"));
  }

  void read_method() {
    // The divisors are for the heads of global layers: layers with a window may have other heads.
    factor_list divisors, shorter, longer;
    if (!is_unscaled_) {
      divisors = keys_.factors("rope_freqs.weight", n_pairs_);
      shorter = keys_.factors("rope_factors_short.weight", n_pairs_);
      longer = keys_.factors("rope_factors_long.weight", n_pairs_);
    }
    const bool has_lists = shorter.size() != 0 && longer.size() != 0;
    if (!has_lists && (shorter.size() != 0 || longer.size() != 0))
      fail_argument("yarn: the tensor {} is missing; LongRoPE needs both lists",
                    shorter.size() == 0 ? "rope_factors_short.weight" : "rope_factors_long.weight");
    if (divisors.size() != 0 && has_lists)
      keys_.note("rope_freqs.weight is taken, rope_factors_short.weight and _long are not");

    const double beta_fast = keys_.positive("rope.scaling.yarn_beta_fast").value_or(32.0);
    const double beta_slow = keys_.positive("rope.scaling.yarn_beta_slow").value_or(1.0);
    if (is_unscaled_)
      scaling_ = {};
    result_.freq_factors = divisors;
    if (scaling_.alpha != 0.0)
      return set_ntk();
    if (scaling_.ext_factor != 0.0) {
      if (has_lists && divisors.size() == 0)
        fail_argument("yarn: {} = yarn beside rope_factors_short.weight: no method has both",
                      keys_.full("rope.scaling.type"));
      return set_yarn(beta_fast, beta_slow);
    }
    if (has_lists && divisors.size() == 0)
      return set_longrope(shorter, longer);
    if (scaling_.type == "longrope" && divisors.size() == 0)
      fail_argument(
          "yarn: the tensors rope_factors_short.weight and rope_factors_long.weight are missing; "
          "{} = longrope needs them",
          keys_.full("rope.scaling.type"));
    set_linear();
  }

  void set_ntk() {
    if (scaling_.factor != 1.0 || scaling_.ext_factor != 0.0 || scaling_.attn_factor != 1.0)
      fail_argument(
          "yarn: {} = {} beside another scaling (factor {}, attn_factor {}): no method has both",
          keys_.full("rope.scaling.alpha"), scaling_.alpha, scaling_.factor, scaling_.attn_factor);
    ntk_scaling method;
    method.factor = scaling_.alpha;
    result_.method = method;
    result_.rope_type = "ntk";
  }

  void require_original(const char* type) {
    if (lengths_.original == 0)
      fail_argument("yarn: {} is missing, and {} too; {} needs one of them",
                    keys_.full("rope.scaling.original_context_length"),
                    keys_.full("context_length"), type);
    if (!lengths_.is_original_given)
      keys_.note("{} is missing: context_length = {} is taken, as in llama.cpp",
                 keys_.full("rope.scaling.original_context_length"), lengths_.original);
  }

  void set_yarn(double beta_fast, double beta_slow) {
    if (!scaling_.has_factor)
      keys_.missing("rope.scaling.factor", "YaRN needs it");
    require_original("YaRN");
    require_order(keys_.full("rope.scaling.yarn_beta_slow").c_str(), beta_slow,
                  keys_.full("rope.scaling.yarn_beta_fast").c_str(), beta_fast);
    yarn_scaling method;
    method.factor = scaling_.factor;
    method.original_max_position_embeddings = lengths_.original;
    method.beta_fast = beta_fast;
    method.beta_slow = beta_slow;
    method.extrapolation_factor = scaling_.ext_factor;
    method.attn_factor = scaling_.attn_factor;
    if (scaling_.mscale_all_dim.has_value()) {
      method.mscale_all_dim = scaling_.mscale_all_dim;
      method.mscale =
          keys_.architecture() == "deepseek2" ? scaling_.mscale_all_dim.value_or_zero() : 1.0;
    }
    result_.method = method;
    result_.rope_type = "yarn";

    if (beta_fast != 32.0 || beta_slow != 1.0)
      keys_.note(
          "rope.scaling.yarn_beta_fast = {}, yarn_beta_slow = {}: llama.cpp reads them for some "
          "architectures, and takes 32 and 1 for the others",
          beta_fast, beta_slow);
    if (keys_.architecture() == "gpt-oss")
      keys_.note("the ends of YaRN's ramp are rounded, as in llama.cpp; Hugging Face's gpt-oss has "
                 "truncate = false, which GGUF cannot say");
    const double reach = scaling_.factor * static_cast<double>(lengths_.original);
    const auto length = static_cast<double>(lengths_.context);
    if (lengths_.is_original_given && length != 0.0 && length != reach)
      keys_.note("rope.scaling.factor = {} does not match context_length = {} and "
                 "original_context_length = {}",
                 scaling_.factor, length, lengths_.original);
  }

  void set_longrope(const factor_list& shorter, const factor_list& longer) {
    require_original("LongRoPE");
    // A factor beside the lists divides once more in llama.cpp, whatever the type says.
    const auto times_factor = [&](const factor_list& list) {
      std::vector<double> values(list.data(), list.data() + list.size());
      for (double& value : values)
        value *= scaling_.factor;
      return factor_list(values);
    };
    if (scaling_.factor != 1.0)
      keys_.note("rope.scaling.factor = {} divides the frequencies beside LongRoPE's lists, as in "
                 "llama.cpp; converters of LongRoPE do not write it",
                 scaling_.factor);
    if (!scaling_.has_attn_factor)
      keys_.note("{} is missing: 1, as in llama.cpp; the formula of LongRoPE is not applied",
                 keys_.full("rope.scaling.attn_factor"));
    longrope_scaling method;
    method.short_factor = times_factor(shorter);
    method.long_factor = times_factor(longer);
    method.original_max_position_embeddings = lengths_.original;
    method.attention_factor = scaling_.attn_factor;
    result_.method = method;
    result_.rope_type = "longrope";
  }

  // Without a factor the frequencies are the default's, and so is the type.
  void set_linear() {
    result_.rope_type = scaling_.factor == 1.0 ? "default" : "linear";
    if (scaling_.factor == 1.0 && scaling_.attn_factor == 1.0)
      return;
    linear_scaling method;
    method.factor = scaling_.factor;
    if (scaling_.attn_factor != 1.0)
      method.attention_factor = scaling_.attn_factor;
    result_.method = method;
  }

  gguf_keys<Reader>& keys_;
  const gguf_lengths& lengths_;
  std::int64_t n_pairs_;
  bool is_unscaled_ = false;
  scaling_values scaling_;
  gguf_method result_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

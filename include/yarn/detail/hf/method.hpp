// SPDX-License-Identifier: MIT
// Reads the scaling method of a dictionary of RoPE parameters (`rope_parameters`, formerly
// `rope_scaling`).
// Source: transformers modeling_rope_utils.py; vLLM's rotary_embedding for deepseek_yarn,
// attn_factor and extrapolation_factor.
#ifndef YARN_DETAIL_HF_METHOD_HPP
#define YARN_DETAIL_HF_METHOD_HPP

#include "value.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

struct hf_method {
  any_scaling method;
  std::string rope_type;
  std::int64_t original_max_position_embeddings = 0;
};

// Reads one dictionary. Keys that the method does not have are not read, so they are reported as
// unused.
class hf_method_reader {
public:
  // max_length: max_position_embeddings, tokens; 0: not given.
  hf_method_reader(const hf_object& dictionary, const hf_object& config, std::int64_t max_length,
                   std::vector<std::string>& notes)
      : dictionary_(dictionary), max_length_(max_length),
        outer_original_(config.length("original_max_position_embeddings").value_or(0)),
        notes_(notes) {}

  hf_method read() {
    type_ = find_type();
    if (type_ == "default")
      return {default_scaling{}, type_, 0};
    if (type_ == "linear")
      return linear();
    if (type_ == "dynamic")
      return dictionary_.has("alpha") ? ntk_alpha() : dynamic();
    if (type_ == "xdrope") // HunYuan-VL, in vLLM: the method of HunYuan, and four axes
      return ntk_alpha();
    if (type_ == "yarn")
      return yarn();
    if (type_ == "telechat3-yarn")
      return telechat3();
    if (type_ == "llama3")
      return llama3();
    if (type_ == "longrope")
      return longrope();
    return proportional();
  }

private:
  // The type under this key, by its name in transformers; empty if the key is absent.
  std::string known_type(const char* key) const {
    std::string given = dictionary_.string(key);
    if (given == "su")
      return "longrope";
    if (given == "mrope") // Qwen2-VL: default frequencies, and sections
      return "default";
    if (given == "deepseek_yarn" || given == "deepseek_llama_scaling") // names in vLLM
      return "yarn";
    for (const char* known : {"", "default", "linear", "dynamic", "yarn", "llama3", "longrope",
                              "proportional", "xdrope", "telechat3-yarn"})
      if (given == known)
        return given;
    dictionary_.refuse(key,
                       "one of default, linear, dynamic, yarn, llama3, longrope, "
                       "proportional, xdrope, su, mrope, deepseek_yarn, deepseek_llama_scaling, "
                       "telechat3-yarn");
  }
  std::string find_type() const {
    const std::string now = known_type("rope_type");
    const std::string old = known_type("type");
    if (!now.empty() && !old.empty() && now != old)
      hf_note(notes_, "{} = {} and {} = {}: the first is taken", dictionary_.name_of("rope_type"),
              now, dictionary_.name_of("type"), old);
    const std::string& type = now.empty() ? old : now;
    if (type.empty() && dictionary_.has("factor"))
      fail_argument("yarn: {} is missing; the factor beside it needs a type",
                    dictionary_.name_of("rope_type"));
    if (type != "yarn" || !dictionary_.has("short_factor") || !dictionary_.has("long_factor"))
      return type.empty() ? "default" : type;
    // Early Phi-3. Phi3Config of transformers renames the type, too.
    hf_note(notes_, "{} has short_factor and long_factor: yarn is read as longrope",
            dictionary_.name());
    return "longrope";
  }

  [[noreturn]] void missing(const char* key) const {
    fail_argument("yarn: {} is missing; rope_type {} needs it", dictionary_.name_of(key), type_);
  }
  double required(const char* key) const {
    const auto value = dictionary_.number(key);
    if (!value)
      missing(key);
    return *value;
  }
  optional_number optional(const char* key) const {
    const auto value = dictionary_.number(key);
    return value ? optional_number(*value) : optional_number();
  }
  // As `value or otherwise` in Python: null and 0 give the default.
  double non_zero_or(const char* key, double otherwise) const {
    const auto value = dictionary_.number(key);
    if (value && *value == 0.0)
      hf_note(notes_, "{} = 0 means {}, as in transformers", dictionary_.name_of(key), otherwise);
    return value && *value != 0.0 ? *value : otherwise;
  }

  // max_position_embeddings does not replace a missing original_max_position_embeddings, because
  // max_position_embeddings is the length before the extension in some configurations and the
  // length after the extension in others.
  std::int64_t original_length() const {
    const auto inner = dictionary_.length("original_max_position_embeddings");
    const std::int64_t outer = outer_original_;
    if (!inner && outer == 0)
      missing("original_max_position_embeddings");
    if (inner && outer != 0 && *inner != outer)
      hf_note(notes_,
              "{} = {}, but original_max_position_embeddings = {} beside the dictionary: the "
              "latter is taken, as transformers does",
              dictionary_.name_of("original_max_position_embeddings"), *inner, outer);
    return outer != 0 ? outer : *inner;
  }
  // An explicit factor wins. Otherwise the factor is the ratio of the lengths.
  std::optional<double> factor_of(std::int64_t original) const {
    const auto given = dictionary_.number("factor");
    if (max_length_ == 0)
      return given;
    const double ratio = static_cast<double>(max_length_) / static_cast<double>(original);
    if (!given)
      hf_note(notes_,
              "{} is not given: {} = max_position_embeddings / original_max_position_embeddings",
              dictionary_.name_of("factor"), ratio);
    else if (*given != ratio && max_length_ == original)
      hf_note(notes_,
              "max_position_embeddings = original_max_position_embeddings = {}: the length is not "
              "extended by factor {}",
              max_length_, *given);
    else if (*given != ratio)
      hf_note(notes_,
              "factor {} does not match max_position_embeddings / "
              "original_max_position_embeddings = {} / {} = {}; factor is used",
              *given, max_length_, original, ratio);
    return given ? *given : ratio;
  }

  hf_method linear() const { return {linear_scaling{required("factor")}, type_, 0}; }

  hf_method dynamic() const {
    const double factor = required("factor");
    // transformers uses only max_position_embeddings here.
    if (max_length_ == 0)
      fail_argument("yarn: max_position_embeddings is missing; rope_type dynamic needs it");
    return {dynamic_ntk_scaling{factor, max_length_}, type_, max_length_};
  }

  // HunYuan: type "dynamic" with an alpha means the base theta * alpha^(d/(d-2)) at every length.
  hf_method ntk_alpha() const {
    const double alpha = required("alpha");
    const double factor = dictionary_.number("factor").value_or(1.0);
    if (factor != 1.0)
      hf_note(notes_, "{} = {} has no effect beside alpha", dictionary_.name_of("factor"), factor);
    hf_note(notes_, "{} = {}: NTK-aware scaling by alpha at every length, as in HunYuan",
            dictionary_.name_of("alpha"), alpha);
    return {ntk_scaling{alpha}, "ntk", 0};
  }

  hf_method yarn() const {
    yarn_scaling method = yarn_ramp();
    const auto factor = factor_of(method.original_max_position_embeddings);
    if (!factor)
      missing("factor");
    method.factor = *factor;
    method.attention_factor = optional("attention_factor");
    method.mscale = optional("mscale");
    method.mscale_all_dim = optional("mscale_all_dim");
    set_attention_factor(method);
    return {method, type_, method.original_max_position_embeddings};
  }

  // TeleChat3, modeling_telechat3.py: the factor is the ratio of the lengths, and the attention
  // factor has 0.07 in place of 0.1.
  hf_method telechat3() const {
    yarn_scaling method = yarn_ramp();
    const double original = static_cast<double>(method.original_max_position_embeddings);
    const auto given = dictionary_.number("factor");
    if (max_length_ == 0 && !given)
      missing("factor");
    method.factor = max_length_ == 0 ? *given : static_cast<double>(max_length_) / original;
    if (given && *given != method.factor)
      hf_note(notes_,
              "{} = {} is not taken: the code of TeleChat3 takes the ratio of the lengths, {}",
              dictionary_.name_of("factor"), *given, method.factor);
    if (!(method.factor > 0.0))
      dictionary_.refuse("factor", "> 0");
    const real attention =
        method.factor > 1.0 ? real(1) + real(0.07) * log(real(method.factor)) : real(1);
    method.attention_factor = static_cast<double>(attention);
    hf_note(
        notes_,
        "{}: the attention factor is 0.07 * ln({}) + 1 = {}, as in the code of TeleChat3; engines "
        "that read this type as YaRN have 0.1 in place of 0.07",
        type_, method.factor, method.attention_factor.value());
    return {method, "yarn", method.original_max_position_embeddings};
  }

  // The numbers of YaRN, apart from `factor` and the attention factor.
  yarn_scaling yarn_ramp() const {
    yarn_scaling method;
    method.original_max_position_embeddings = original_length();
    method.beta_fast = non_zero_or("beta_fast", 32.0);
    method.beta_slow = non_zero_or("beta_slow", 1.0);
    method.truncate = dictionary_.boolean("truncate").value_or(true);
    method.extrapolation_factor = dictionary_.number("extrapolation_factor").value_or(1.0);
    return method;
  }

  // Several keys determine the attention factor. Notes say which keys have an effect.
  void set_attention_factor(yarn_scaling& method) const {
    const char* name = dictionary_.name().c_str();
    const auto multiplier = dictionary_.number("attn_factor");
    const bool is_plain = !dictionary_.boolean("apply_yarn_scaling").value_or(true);
    const int n_mscale =
        (method.mscale.value_or_zero() != 0.0) + (method.mscale_all_dim.value_or_zero() != 0.0);
    if (method.attention_factor.has_value()) {
      if (multiplier || is_plain || n_mscale > 0)
        hf_note(notes_,
                "{}: attention_factor = {} is final; attn_factor, mscale and apply_yarn_scaling "
                "have no effect beside it",
                name, method.attention_factor.value());
      return;
    }
    method.attn_factor = multiplier.value_or(1.0);
    if (multiplier)
      hf_note(notes_,
              "{}: attn_factor = {} multiplies the formula, as in vLLM; transformers "
              "ignores it",
              name, *multiplier);
    if (is_plain) {
      method.attention_factor = method.attn_factor;
      hf_note(notes_, "{}: apply_yarn_scaling is false: the attention factor is {}, as in vLLM",
              name, method.attn_factor);
    } else if (n_mscale == 1) {
      hf_note(notes_,
              "{}: only one of mscale and mscale_all_dim is given, which has no effect, as in "
              "transformers",
              name);
    }
  }

  hf_method llama3() const {
    const llama3_scaling method{required("factor"), required("low_freq_factor"),
                                required("high_freq_factor"), original_length()};
    return {method, type_, method.original_max_position_embeddings};
  }

  hf_method longrope() const {
    longrope_scaling method;
    for (const char* key : {"short_factor", "long_factor"})
      if (!dictionary_.has(key))
        missing(key);
    method.short_factor = dictionary_.numbers("short_factor");
    method.long_factor = dictionary_.numbers("long_factor");
    method.original_max_position_embeddings = original_length();
    method.attention_factor = optional("attention_factor");
    method.short_mscale = optional("short_mscale");
    method.long_mscale = optional("long_mscale");
    const auto factor = factor_of(method.original_max_position_embeddings);
    if (factor)
      method.factor = *factor;
    const bool is_given = method.attention_factor.has_value() ||
                          (method.short_mscale.has_value() && method.long_mscale.has_value());
    if (!factor && !is_given)
      missing("factor");
    return {method, type_, method.original_max_position_embeddings};
  }

  // Here partial_rotary_factor is a share of the pairs, not of head_dim: kind.hpp sets it.
  hf_method proportional() const {
    proportional_scaling method;
    method.factor = dictionary_.number("factor").value_or(1.0);
    return {method, type_, 0};
  }

  const hf_object& dictionary_;
  std::int64_t max_length_;
  std::int64_t outer_original_; // the key outside of the dictionary; 0: not given
  std::vector<std::string>& notes_;
  std::string type_;
};

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

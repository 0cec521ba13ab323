// SPDX-License-Identifier: MIT
// Reads the scaling keys of a GGUF file, with the defaults of llama.cpp. gguf.hpp explains the
// keys.
#ifndef YARN_DETAIL_GGUF_SCALING_HPP
#define YARN_DETAIL_GGUF_SCALING_HPP

#include "architectures.hpp"
#include "keys.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

struct gguf_scaling {
  std::string type = "linear";
  bool has_factor = false;
  double factor = 1.0;
  double ext_factor = 0.0; // not 0: there is a ramp, for every type
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  double attn_factor = 1.0;
  double alpha = 0.0;             // 0: the base does not change
  optional_number mscale_all_dim; // as in Hugging Face
};

template <class Reader> void read_gguf_factor(gguf_keys<Reader>& keys, gguf_scaling& scaling) {
  const auto given = keys.number("rope.scaling.factor");
  const auto older = keys.number("rope.scale_linear");
  if (given && older && *given != *older)
    keys.note("rope.scaling.factor = {} is taken, rope.scale_linear = {} is not", *given, *older);
  const double factor = given ? *given : older.value_or(0.0);
  const std::string name = keys.full(given ? "rope.scaling.factor" : "rope.scale_linear");
  require_at_least_zero(name.c_str(), factor);
  scaling.has_factor = factor != 0.0;
  if (scaling.has_factor)
    scaling.factor = factor;
  else if (given || older)
    keys.note("{} = 0 is no scaling", name);
}

template <class Reader>
void read_gguf_log_multiplier(gguf_keys<Reader>& keys, gguf_scaling& scaling) {
  constexpr const char* key = "rope.scaling.yarn_log_multiplier";
  const double value = keys.number(key).value_or(0.0);
  if (value == 0.0)
    return;
  const gguf_log_multiplier kind = gguf_log_multiplier_of(keys.architecture());
  if (kind == gguf_log_multiplier::ignored)
    return keys.ignore(key, value);
  require_positive(keys.full(key).c_str(), value);
  // In float, as in llama.cpp: 0.1F / 0.1F is exactly 1.
  scaling.mscale_all_dim = kind == gguf_log_multiplier::tenth
                               ? static_cast<double>(static_cast<float>(value) / 0.1F)
                               : value;
}

template <class Reader> gguf_scaling read_gguf_scaling(gguf_keys<Reader>& keys) {
  gguf_scaling scaling;
  const auto type = keys.text("rope.scaling.type");
  scaling.type = type.value_or("linear");
  const bool is_yarn = scaling.type == "yarn";
  if (scaling.type != "none" && scaling.type != "linear" && !is_yarn && scaling.type != "longrope")
    fail_argument("yarn: {} = {} is not one of none, linear, yarn, longrope",
                  keys.full("rope.scaling.type"), scaling.type);
  read_gguf_factor(keys, scaling);
  if (!type && scaling.factor != 1.0)
    keys.note("{} is missing: linear, as in llama.cpp", keys.full("rope.scaling.type"));
  if (scaling.type == "none" && scaling.factor != 1.0) {
    keys.note("rope.scaling.factor = {} has no effect with rope.scaling.type = none",
              scaling.factor);
    scaling.factor = 1.0;
  }
  const double ext_factor = keys.number("rope.scaling.yarn_ext_factor").value_or(-1.0);
  scaling.ext_factor = ext_factor >= 0.0 ? ext_factor : (is_yarn ? 1.0 : 0.0);
  if (is_yarn != (scaling.ext_factor != 0.0))
    keys.note("rope.scaling.yarn_ext_factor = {} decides, not rope.scaling.type = {}",
              scaling.ext_factor, scaling.type);
  scaling.attn_factor = keys.positive("rope.scaling.attn_factor").value_or(1.0);
  const double yarn_attn_factor = keys.positive("rope.scaling.yarn_attn_factor").value_or(1.0);
  if (scaling.ext_factor == 0.0)
    scaling.attn_factor *= yarn_attn_factor;
  else if (yarn_attn_factor != 1.0)
    keys.note(
        "rope.scaling.yarn_attn_factor = {} has no effect: llama.cpp replaces it by the formula",
        yarn_attn_factor);
  read_gguf_log_multiplier(keys, scaling);
  const double alpha = keys.number("rope.scaling.alpha").value_or(0.0);
  if (alpha > 0.0 && is_listed(gguf_ntk_alpha, keys.architecture()))
    scaling.alpha = alpha;
  else if (alpha > 0.0)
    keys.ignore("rope.scaling.alpha", alpha);
  const double finetuned = keys.number("rope.scaling.finetuned").value_or(1.0);
  if (finetuned == 0.0 && is_listed(gguf_rope_switch, keys.architecture()))
    keys.note("{} is false: llama.cpp does not rotate this model at all",
              keys.full("rope.scaling.finetuned"));
  scaling.beta_fast = keys.positive("rope.scaling.yarn_beta_fast").value_or(32.0);
  scaling.beta_slow = keys.positive("rope.scaling.yarn_beta_slow").value_or(1.0);
  return scaling;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
#include "remarks.hpp"

#include "text.hpp"

#include <algorithm>
#include <cmath>

namespace inspect {
namespace {

void on_attention_of_yarn(const yarn::yarn_scaling& m, const nlohmann::json& config,
                          remark_list& to) {
  const bool has_mscale = m.mscale.value_or_zero() != 0.0,
             has_all_dim = m.mscale_all_dim.value_or_zero() != 0.0;
  if (m.attention_factor.has_value()) {
    std::string others;
    const auto add = [&](bool present, const char* name, double value) {
      if (present)
        others += format("%s%s = %g", others.empty() ? "" : ", ", name, value);
    };
    add(m.mscale.has_value(), "mscale", m.mscale.value_or_zero());
    add(m.mscale_all_dim.has_value(), "mscale_all_dim", m.mscale_all_dim.value_or_zero());
    if (has_key(config, "attn_factor")) // The reader does not store a number that has no effect.
      others += others.empty() ? "attn_factor" : ", attn_factor";
    if (!others.empty())
      to.warn("attention-factor-overrides",
              format("attention_factor = %g is final, so cos and sin do not depend on %s "
                     "(attention_factor replaces the formula, attn_factor multiplies the formula, "
                     "mscale is a coefficient of the formula)",
                     m.attention_factor.value(), others.c_str()));
    const double formula = m.factor > 1.0 ? 0.1 * std::log(m.factor) + 1.0 : 1.0;
    const double given = m.attention_factor.value();
    const auto is_near = [&](double value) { return std::fabs(given - value) < 1e-3 * value; };
    if (formula > 1.0 && !is_near(formula)) {
      if (is_near(formula * formula))
        to.warn("attention-factor-squared",
                format("attention_factor = %g is the square of the formula's %g: the factor is on "
                       "q and on k, so logits get its square already",
                       given, formula));
      else if (given != 1.0)
        to.note("attention-factor-differs",
                format("attention_factor = %g is not the formula's 0.1 ln(%g) + 1 = %g", given,
                       m.factor, formula));
      else
        to.note("attention-factor-off",
                format("attention_factor = 1 switches off the formula's %g", formula));
    }
    return;
  }
  if (has_mscale != has_all_dim) {
    to.warn(
        "lone-mscale",
        format("%s without %s has no effect: the formula 0.1 ln s + 1 is used, as in transformers",
               has_mscale ? "mscale" : "mscale_all_dim", has_mscale ? "mscale_all_dim" : "mscale"));
  } else if (has_mscale && m.mscale.value_or_zero() == m.mscale_all_dim.value_or_zero()) {
    const double multiplier =
        0.1 * m.mscale.value_or_zero() * std::log(std::max(m.factor, 1.0)) + 1.0;
    to.note("mscale-cancels",
            format("mscale = mscale_all_dim = %g: the factor on cos and sin is 1; DeepSeek-V2 and "
                   "V3 multiply the softmax scale by %g^2 = %g instead, Ministral-3 does not; the "
                   "configuration does not name the convention, so yarn::softmax_scale takes it as "
                   "an argument",
                   m.mscale.value_or_zero(), multiplier, multiplier * multiplier));
  }
}

void on_attention_of_longrope(const yarn::longrope_scaling& m, remark_list& to) {
  if (m.attention_factor.has_value() && (m.short_mscale.has_value() || m.long_mscale.has_value()))
    to.warn("attention-factor-overrides",
            format("attention_factor = %g is final: short_mscale and long_mscale have no effect",
                   m.attention_factor.value()));
}

} // namespace

void on_attention(const model_report& r, const nlohmann::json& config, remark_list& to) {
  if (const yarn::yarn_scaling* m = yarn_method(r))
    on_attention_of_yarn(*m, config, to);
  if (const auto* m = method<yarn::longrope_scaling>(r))
    on_attention_of_longrope(*m, to);
  const double factor = r.frequencies.attention_factor();
  if (factor > 2.0 || factor < 0.5)
    to.warn("attention-factor-size",
            format("attention factor %g multiplies logits by %g; the formula of YaRN gives 1.37 "
                   "for scaling factor 40 and 1.69 for scaling factor 1000",
                   factor, factor * factor));
}

void on_correction_range(const model_report& r, remark_list& to) {
  const yarn::yarn_scaling* const m = yarn_method(r);
  if (m == nullptr)
    return;
  const yarn::pair_range range = r.frequencies.correction_range();
  if (range.has_value && !m->truncate && m->ramp == yarn::yarn_ramp::pair_index)
    to.note(
        "truncate-false",
        format("truncate = false: the ramp runs from %.4f to %.4f; llama.cpp and others without "
               "this key round the bounds to %.0f and %.0f, and blend differently in between",
               range.low, range.high, std::floor(range.low), std::ceil(range.high)));
  if (m->factor > 1.0 && count(r, yarn::frequency_zone::interpolated) == 0)
    to.warn("nothing-interpolated",
            format("no pair is interpolated: the ramp ends after the last pair (%lld), so no "
                   "frequency is divided by the whole factor %g; is "
                   "original_max_position_embeddings = %lld right for rope_theta = %g?",
                   shown(r.frequencies.n_pairs() - 1), m->factor,
                   shown(m->original_max_position_embeddings), r.config.shape.rope_theta));
}

} // namespace inspect

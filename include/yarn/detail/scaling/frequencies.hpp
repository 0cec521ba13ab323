// SPDX-License-Identifier: MIT
// The definitions of frequencies and of the functions that make them.
#ifndef YARN_DETAIL_SCALING_FREQUENCIES_HPP
#define YARN_DETAIL_SCALING_FREQUENCIES_HPP

#include "../../frequencies.hpp"
#include "../arithmetic/phase.hpp"

namespace yarn {
inline namespace YARN_ABI {

inline void frequencies::resize(std::size_t n_pairs) {
  inv_freq_.resize_discarding(n_pairs);
  steps_.resize_discarding(n_pairs);
  zones_.resize_discarding(n_pairs);
  axes_.resize_discarding(n_pairs);
}

inline void frequencies::set(std::size_t pair, double inv_freq, frequency_zone zone) {
  // The limit is far above the frequencies of any model. Below it, phase_of rounds correctly.
  constexpr double limit = 4294967296.0;
  if (!detail::is_finite(inv_freq) || !(inv_freq < limit && inv_freq > -limit))
    detail::fail_argument("yarn: inv_freq[{}] = {} must be finite and below 2^32 in magnitude",
                          pair, inv_freq);
  inv_freq_[pair] = inv_freq;
  steps_[pair] = detail::phase_of(inv_freq);
  zones_[pair] = zone;
  axes_[pair] = 0;
}

inline void frequencies::set_attention_factor(double value) {
  // In this range, no float entry of a row is subnormal or infinite.
  constexpr double limit = 1152921504606846976.0;
  if (!detail::is_finite(value) || !(value >= 1 / limit && value <= limit))
    detail::fail_argument("yarn: attention_factor = {} must be in [2^-60, 2^60]", value);
  attention_factor_ = value;
}

inline void frequencies::require_exact_phase(const char* operation) const {
  if (float32_)
    detail::fail_argument(
        "yarn: {} of float32_pipeline frequencies: their angles are rounded to float32 "
        "and have no exact phase to work on",
        operation);
}

inline void frequencies::negate() {
  for (std::size_t i = 0; i < inv_freq_.size(); ++i) {
    inv_freq_[i] = -inv_freq_[i];
    steps_[i] = 0 - steps_[i];
  }
}

inline frequencies frequencies_of(const spectrum& resolved) {
  frequencies f;
  f.resize(static_cast<std::size_t>(resolved.n_pairs()));
  for (std::int64_t i = 0; i < resolved.n_pairs(); ++i)
    f.set(static_cast<std::size_t>(i), static_cast<double>(resolved.inv_freq(i)), resolved.zone(i));
  f.set_attention_factor(static_cast<double>(resolved.attention_factor));
  f.rope_theta_ = static_cast<double>(resolved.base());
  f.range_ = resolved.correction_range;
  return f;
}

template <class Method>
frequencies make_frequencies(const rope_shape& shape, const Method& method) {
  static_assert(is_scaling_v<Method>,
                "yarn: a scaling method needs `void resolve(yarn::spectrum&) const`, or, when it "
                "depends on the current length, `void resolve(yarn::spectrum&, std::int64_t "
                "seq_len) const`");
  static_assert(!is_dynamic_scaling_v<Method>,
                "yarn: this method depends on the current length (any_scaling may): call "
                "make_frequencies(shape, method, seq_len)");
  spectrum s(shape);
  if constexpr (is_static_scaling_v<Method>)
    detail::resolve(method, s, 0);
  return frequencies_of(s);
}

template <class Method, class Integer>
frequencies make_frequencies(const rope_shape& shape, const Method& method, Integer seq_len) {
  spectrum s(shape);
  detail::resolve(method, s, detail::to_index(seq_len, "seq_len"));
  return frequencies_of(s);
}

template <class Number, class Count>
frequencies frequencies_from(const Number* inv_freq, Count n_pairs, double attention_factor) {
  static_assert(std::is_same_v<Number, double> || std::is_same_v<Number, float>,
                "yarn: inverse frequencies are float or double");
  const std::int64_t n = detail::to_index(n_pairs, "n_pairs");
  if (n < 1 || n > std::int64_t{1} << 23)
    detail::fail_argument("yarn: n_pairs = {} must be in [1, 2^23]", n);
  if (inv_freq == nullptr)
    detail::fail_argument("yarn: inv_freq is null");
  frequencies f;
  f.resize(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
    f.set(i, static_cast<double>(inv_freq[i]), frequency_zone::unknown);
  f.set_attention_factor(attention_factor);
  return f;
}

inline frequencies inverse(const frequencies& f) {
  f.require_exact_phase("inverse");
  frequencies g = f;
  g.negate();
  g.set_attention_factor(static_cast<double>(real(1) / real(f.attention_factor_)));
  return g;
}

inline frequencies adjoint(const frequencies& f) {
  f.require_exact_phase("adjoint");
  frequencies g = f;
  g.negate();
  return g;
}

inline frequencies unscaled(const frequencies& f) {
  f.require_exact_phase("unscaled");
  frequencies g = f;
  g.attention_factor_ = 1.0;
  return g;
}

inline frequencies rerotation(const frequencies& from, const frequencies& to) {
  from.require_exact_phase("rerotation");
  to.require_exact_phase("rerotation");
  if (from.n_pairs() != to.n_pairs())
    detail::fail_argument(
        "yarn: rerotation from {} pairs to {} pairs: both must have the same number",
        from.n_pairs(), to.n_pairs());
  frequencies g = to;
  for (std::size_t i = 0; i < g.inv_freq_.size(); ++i) {
    if (from.axes_[i] != to.axes_[i])
      detail::fail_argument("yarn: rerotation of pair {} from axis {} to axis {}: the pair must "
                            "have the same axis in both",
                            i, from.axes_[i], to.axes_[i]);
    g.inv_freq_[i] = static_cast<double>(real(to.inv_freq_[i]) - real(from.inv_freq_[i]));
    g.steps_[i] = to.steps_[i] - from.steps_[i];
    g.zones_[i] = frequency_zone::unknown;
  }
  g.set_attention_factor(
      static_cast<double>(real(to.attention_factor_) / real(from.attention_factor_)));
  g.rope_theta_ = 0.0;
  g.range_ = {};
  return g;
}

inline frequencies float32_pipeline(const frequencies& f) {
  f.require_exact_phase("float32_pipeline");
  frequencies g = f;
  for (std::size_t i = 0; i < g.inv_freq_.size(); ++i)
    g.set(i, static_cast<double>(static_cast<float>(f.inv_freq_[i])), f.zones_[i]);
  g.axes_ = f.axes_;
  g.float32_ = true;
  return g;
}

} // namespace YARN_ABI
} // namespace yarn

#endif

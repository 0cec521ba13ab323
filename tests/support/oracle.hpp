// SPDX-License-Identifier: MIT
// The expected frequencies of every scaling method, computed from the formulas in the 192-bit
// arithmetic of wide_real.hpp. For the tests these values are exact. The comment of each function
// names the source of its formula. The file includes no header of the library, and its functions
// take plain numbers, so that the oracle cannot repeat a mistake in the library's parameter types.
#ifndef YARN_TESTS_SUPPORT_ORACLE_HPP
#define YARN_TESTS_SUPPORT_ORACLE_HPP

#include "wide_real.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace oracle {

// ---- Errors -----------------------------------------------------------------------------------

/// |value - exact| in units in the last place of Float (the spacing of Float at |exact|). The
/// result is infinite if `value` is not finite, and if `exact` is 0 and `value` is not.
template <class Float> double ulp_error(Float value, const real& exact) {
  static_assert(std::is_floating_point_v<Float>);
  constexpr double infinite = std::numeric_limits<double>::infinity();
  const auto number = static_cast<double>(value);
  if (!(std::fabs(number) < 0x1p96)) {
    return infinite;
  }
  if (exact.is_zero()) {
    return number < 0 || number > 0 ? infinite : 0;
  }
  const int ulp_exponent = exact.exponent() - (std::numeric_limits<Float>::digits - 1);
  return std::ldexp(abs(real(number) - exact).to_double(), -ulp_exponent);
}

/// |value - exact|. The result is infinite if `value` is not finite.
inline double absolute_error(double value, const real& exact) {
  if (!(std::fabs(value) < 0x1p96)) {
    return std::numeric_limits<double>::infinity();
  }
  return abs(real(value) - exact).to_double();
}

/// The error of a row entry in the unit of rows.hpp. For amplitudes up to 1 the unit is 2^-24, the
/// spacing of floats in [0.5, 1). For larger amplitudes it is the spacing of the floats just below
/// the amplitude (2^-23 for amplitudes in (1, 2], and so on).
inline double row_error(double value, const real& exact, double amplitude = 1) {
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(amplitude), &exponent);
  exponent = fraction > 0.5 ? exponent : exponent - 1; // the smallest e with |amplitude| <= 2^e
  return std::ldexp(absolute_error(value, exact), 24 - (exponent > 0 ? exponent : 0));
}

/// cos and sin of position * inv_freq. The product is exact.
inline sine_and_cosine rotation(std::int64_t position, double inv_freq) {
  return sin_cos(real(position) * real(inv_freq));
}

/// inv_freq / (2 pi) * 2^64: the phase per token, before it is rounded to an integer.
inline real phase_step(double inv_freq) { return real(inv_freq).times_power_of_2(63) / pi(); }

// ---- The methods ------------------------------------------------------------------------------

/// One frequency per pair (rad per token) and the factor on cos and sin.
struct result {
  std::vector<real> inv_freq;
  real attention_factor = 1;
};

namespace detail {

/// exp(-i * log_ratio) for i < n, by repeated products. After 128 products the error is still below
/// 2^-165.
inline std::vector<real> geometric(int n, const real& log_ratio) {
  std::vector<real> powers;
  const real ratio = exp(-log_ratio);
  real power = 1;
  for (int i = 0; i < n; ++i) {
    powers.push_back(power);
    power = power * ratio;
  }
  return powers;
}

inline real clamp_to_unit(const real& x) { return x < 0 ? real(0) : x > 1 ? real(1) : x; }

} // namespace detail

// Names in the formulas: d = rotary_dim, i = pair index in [0, d/2), b = theta, s = factor,
// L = original length.

/// RoFormer, arXiv 2104.09864: b^(-2i/d).
inline result default_rope(int rotary_dim, double theta) {
  return {detail::geometric(rotary_dim / 2, 2 * log(theta) / rotary_dim)};
}

/// Position interpolation, arXiv 2306.15595: b^(-2i/d) / s.
inline result linear(int rotary_dim, double theta, const real& factor) {
  result plain = default_rope(rotary_dim, theta);
  for (real& inv_freq : plain.inv_freq) {
    inv_freq = inv_freq / factor;
  }
  return plain;
}

/// The base of NTK-aware scaling (YaRN paper, arXiv 2309.00071, section 3.1): b * s^(d/(d-2)).
inline real ntk_base(int rotary_dim, double theta, const real& scale) {
  if (rotary_dim <= 2) {
    throw std::domain_error("oracle: NTK-aware scaling needs more than one pair");
  }
  return theta * pow(scale, real(rotary_dim) / (rotary_dim - 2));
}

/// NTK-aware: plain RoPE with the larger base. (The code uses the logarithm of the base, which
/// saves one rounding.)
inline result ntk(int rotary_dim, double theta, const real& scale) {
  if (rotary_dim <= 2) {
    throw std::domain_error("oracle: NTK-aware scaling needs more than one pair");
  }
  const real log_base = log(theta) + rotary_dim * log(scale) / (rotary_dim - 2);
  return {detail::geometric(rotary_dim / 2, 2 * log_base / rotary_dim)};
}

/// Dynamic NTK as in Hugging Face: the scale is s*l/L - (s-1) for l > L, and 1 for l <= L, with
/// L = max_position_embeddings and l the current length. At s = 1 the scale is the paper's
/// max(1, l/L).
inline real dynamic_ntk_scale(double factor, std::int64_t length, std::int64_t seq_len) {
  return seq_len > length ? real(factor) * seq_len / length - (real(factor) - 1) : real(1);
}
inline result dynamic_ntk(int rotary_dim, double theta, double factor, std::int64_t length,
                          std::int64_t seq_len) {
  return seq_len > length ? ntk(rotary_dim, theta, dynamic_ntk_scale(factor, length, seq_len))
                          : default_rope(rotary_dim, theta);
}

/// The factor of Qwen 1 and TeleChat: 2^ceil(log2(l/L) + 1) - 1, at least 1.
inline real stepped_ntk_scale(std::int64_t length, std::int64_t seq_len) {
  real power = 2; // 2^ceil(log2(l/L) + 1) for l in (L/2, L]
  while (real(length) * power < 2 * real(seq_len)) {
    power = power * 2;
  }
  return power - 1;
}
inline result stepped_ntk(int rotary_dim, double theta, std::int64_t length, std::int64_t seq_len) {
  return seq_len > length ? ntk(rotary_dim, theta, stepped_ntk_scale(length, seq_len))
                          : default_rope(rotary_dim, theta);
}

/// The number of full turns of a pair within the original length: r = L / wavelength =
/// L * theta_i / (2 pi).
inline real rotations(const real& inv_freq, std::int64_t length) {
  return length * inv_freq / (2 * pi());
}

/// The share of the unscaled frequency in the paper's ramp (YaRN paper, section 3.2): linear in the
/// number of rotations between beta_slow (the paper's alpha) and beta_fast (its beta).
inline real share_by_rotations(const real& inv_freq, std::int64_t length, double beta_fast,
                               double beta_slow) {
  return detail::clamp_to_unit((rotations(inv_freq, length) - beta_slow) /
                               (real(beta_fast) - beta_slow));
}

/// NTK-by-parts as the paper writes it: (1 - gamma) theta_i / s + gamma theta_i.
inline result ntk_by_parts(int rotary_dim, double theta, const real& factor, std::int64_t length,
                           double beta_fast, double beta_slow) {
  result blended = default_rope(rotary_dim, theta);
  for (real& inv_freq : blended.inv_freq) {
    const real share = share_by_rotations(inv_freq, length, beta_fast, beta_slow);
    inv_freq = inv_freq / factor * (1 - share) + inv_freq * share;
  }
  return blended;
}

/// The index of the pair that makes n turns in L tokens: d ln(L/(2 pi n)) / (2 ln b). It is a real
/// number.
inline real correction_index(double n_rotations, int rotary_dim, double theta,
                             std::int64_t length) {
  return rotary_dim * log(length / (2 * pi() * n_rotations)) / (2 * log(theta));
}

/// The pair indices between which the blend happens.
struct range {
  real low;
  real high;
};

/// The correction range of the authors' code and of Hugging Face. If `truncate` is true, low and
/// high are rounded outwards to integers. low is at least 0, and high is at most d - 1 (all
/// implementations have d - 1, not d/2 - 1). With a very short original length or a very small
/// base, high would be below low. The ramp is then reversed in the authors' code and in Hugging
/// Face. The library promises not to reverse the ramp, so high is set to low here. ggml has the
/// same result: it takes max(0.001, high - low) as the width of the ramp.
inline range correction_range(double beta_fast, double beta_slow, int rotary_dim, double theta,
                              std::int64_t length, bool truncate = true) {
  range bounds{correction_index(beta_fast, rotary_dim, theta, length),
               correction_index(beta_slow, rotary_dim, theta, length)};
  if (truncate) {
    bounds = {floor(bounds.low), ceil(bounds.high)};
  }
  bounds.low = bounds.low < 0 ? real(0) : bounds.low;
  bounds.high = bounds.high > rotary_dim - 1 ? real(rotary_dim - 1) : bounds.high;
  bounds.high = bounds.high < bounds.low ? bounds.low : bounds.high;
  return bounds;
}

/// The share of the faster frequency at pair i: 1 up to low, 0 from high on, linear in i between.
inline real share_by_index(int i, const range& bounds) {
  const real width = bounds.low == bounds.high ? real::parse("0.001") : bounds.high - bounds.low;
  return 1 - detail::clamp_to_unit((i - bounds.low) / width);
}

/// NTK-by-parts in the authors' first form (jquesnelle/yarn, LlamaPartNTKScaledRotaryEmbedding).
/// First, interpolation and NTK-aware scaling are blended, over pairs with 1.25 to 0.75 turns. Then
/// the result is blended with the unscaled frequency, over pairs with 16 to 2 turns. The share of
/// the faster frequency is multiplied by ntk_factor in the first blend and by extrapolation_factor
/// in the second.
inline result part_ntk(int rotary_dim, double theta, const real& scale, std::int64_t length,
                       double ntk_factor = 1, double extrapolation_factor = 1) {
  const result plain = default_rope(rotary_dim, theta);
  const result stretched = ntk(rotary_dim, theta, scale);
  const range to_ntk = correction_range(1.25, 0.75, rotary_dim, theta, length);
  const range to_plain = correction_range(16, 2, rotary_dim, theta, length);
  result blended = plain;
  for (std::size_t i = 0; i < blended.inv_freq.size(); ++i) {
    const real ntk_share = share_by_index(static_cast<int>(i), to_ntk) * ntk_factor;
    const real first =
        plain.inv_freq[i] / scale * (1 - ntk_share) + stretched.inv_freq[i] * ntk_share;
    const real plain_share = share_by_index(static_cast<int>(i), to_plain) * extrapolation_factor;
    blended.inv_freq[i] = first * (1 - plain_share) + plain.inv_freq[i] * plain_share;
  }
  return blended;
}

/// max(least, l/L): the scale of the methods that depend on the current length.
inline real scale_at(double least, std::int64_t length, std::int64_t seq_len) {
  const real current = real(seq_len) / length;
  return current > least ? current : real(least);
}

/// 0.1 a ln s + 1 for s > 1, else 1: the "mscale" of the authors, Hugging Face and DeepSeek. a is
/// the coefficient.
inline real mscale(const real& scale, double coefficient = 1) {
  return scale > 1 ? coefficient * log(scale).over(10) + 1 : real(1);
}

enum class ramp { pair_index, rotations };

/// The parameters of YaRN without the scaling factor, which dynamic YaRN computes from the current
/// length.
struct yarn_parameters {
  std::int64_t length = 4096;
  double beta_fast = 32;
  double beta_slow = 1;
  bool truncate = true;
  ramp over = ramp::pair_index;
  double extrapolation_factor = 1;
  double attn_factor = 1;
  std::optional<double> attention_factor = std::nullopt;
  std::optional<double> mscale = std::nullopt;
  std::optional<double> mscale_all_dim = std::nullopt;
};

/// An explicit attention_factor is the result. Otherwise, if both coefficients of DeepSeek are
/// given and not zero, the result is attn_factor times their ratio of mscales. Otherwise the result
/// is attn_factor times 0.1 ln s + 1.
inline real yarn_attention_factor(const real& scale, const yarn_parameters& parameters) {
  if (parameters.attention_factor) {
    return *parameters.attention_factor;
  }
  const double numerator = parameters.mscale.value_or(0);
  const double denominator = parameters.mscale_all_dim.value_or(0);
  const bool is_ratio = std::fabs(numerator) > 0 && std::fabs(denominator) > 0;
  return parameters.attn_factor *
         (is_ratio ? mscale(scale, numerator) / mscale(scale, denominator) : mscale(scale));
}

/// YaRN: theta_i / s (1 - share) + theta_i share. In the implementations (the authors'
/// LlamaYaRNScaledRotaryEmbedding, Hugging Face `yarn`) the share is linear in the pair index. In
/// the paper, section 3.4, the share is linear in the number of rotations. In both forms the share
/// is multiplied by extrapolation_factor.
inline result yarn(int rotary_dim, double theta, const real& scale,
                   const yarn_parameters& parameters = {}) {
  result blended = default_rope(rotary_dim, theta);
  const range bounds = correction_range(parameters.beta_fast, parameters.beta_slow, rotary_dim,
                                        theta, parameters.length, parameters.truncate);
  for (std::size_t i = 0; i < blended.inv_freq.size(); ++i) {
    real& inv_freq = blended.inv_freq[i];
    const real share = parameters.extrapolation_factor *
                       (parameters.over == ramp::pair_index
                            ? share_by_index(static_cast<int>(i), bounds)
                            : share_by_rotations(inv_freq, parameters.length, parameters.beta_fast,
                                                 parameters.beta_slow));
    inv_freq = inv_freq / scale * (1 - share) + inv_freq * share;
  }
  blended.attention_factor = yarn_attention_factor(scale, parameters);
  return blended;
}

/// Llama 3.1, Hugging Face `llama3`. Pairs with more than high_freq_factor turns keep their
/// frequency. The frequency of pairs with fewer than low_freq_factor turns is divided by s. Between
/// the two the blend is linear in the number of turns.
inline result llama3(int rotary_dim, double theta, const real& factor, double low_freq_factor,
                     double high_freq_factor, std::int64_t length) {
  result banded = default_rope(rotary_dim, theta);
  for (real& inv_freq : banded.inv_freq) {
    const real turns = rotations(inv_freq, length);
    if (turns < low_freq_factor) {
      inv_freq = inv_freq / factor;
    } else if (turns <= high_freq_factor) {
      const real share = (turns - low_freq_factor) / (real(high_freq_factor) - low_freq_factor);
      inv_freq = (1 - share) * inv_freq / factor + share * inv_freq;
    }
  }
  return banded;
}

/// The frequencies of a method, each divided by its own divisor (llama.cpp `freq_factors`).
inline result divided(result plain, const std::vector<double>& divisors) {
  for (std::size_t i = 0; i < plain.inv_freq.size(); ++i) {
    plain.inv_freq[i] = plain.inv_freq[i] / divisors.at(i);
  }
  return plain;
}

/// sqrt(1 + ln s / ln L) for s > 1, else 1. (In LongRoPE, s is max_position / original length.)
inline real longrope_attention_factor(double factor, std::int64_t length) {
  return factor > 1 ? sqrt(1 + log(factor) / log(length)) : real(1);
}

/// LongRoPE: up to the original length, frequencies are divided by the short list; above it, by the
/// long list.
inline result longrope(int rotary_dim, double theta, const std::vector<double>& short_factor,
                       const std::vector<double>& long_factor, std::int64_t length,
                       std::int64_t seq_len) {
  return divided(default_rope(rotary_dim, theta), seq_len > length ? long_factor : short_factor);
}

/// Hugging Face `proportional`: only the first pairs of the head are rotated, with frequencies
/// computed for the whole head_dim. The number of rotated pairs is
/// partial_rotary_factor * head_dim / 2 rounded down. The product is rounded to double as in Python
/// (0.6 * 10 is 6, although the double 0.6 is a little less than 0.6).
inline result proportional(int head_dim, double theta, double partial_rotary_factor,
                           double factor) {
  result partial = linear(head_dim, theta, factor);
  const double n_turning = std::floor(partial_rotary_factor * head_dim / 2);
  for (auto i = static_cast<std::size_t>(n_turning); i < partial.inv_freq.size(); ++i) {
    partial.inv_freq[i] = 0;
  }
  return partial;
}

// ---- The softmax scale ------------------------------------------------------------------------

/// 1/sqrt(head_dim). DeepSeek-V2 and V3 put YaRN's temperature into the softmax scale: they
/// multiply by mscale(s, mscale_all_dim)^2.
inline real softmax_scale(std::int64_t head_dim) { return 1 / sqrt(head_dim); }
inline real softmax_scale(std::int64_t head_dim, double factor, double mscale_all_dim) {
  const real mscale_of_all_dims = mscale(factor, mscale_all_dim);
  return softmax_scale(head_dim) * mscale_of_all_dims * mscale_of_all_dims;
}

} // namespace oracle

#endif // YARN_TESTS_SUPPORT_ORACLE_HPP

// SPDX-License-Identifier: MIT
// Frequencies: what a model's RoPE is, resolved, in a few KB for any context length.
//
// Inverse, gradient, K-shift and rescaling are not extra operations. Each is another `frequencies`
// value, used like any other.
#ifndef YARN_FREQUENCIES_HPP
#define YARN_FREQUENCIES_HPP

#include "detail/base/buffer.hpp"
#include "scaling.hpp"
#include "views.hpp"

namespace yarn {
inline namespace YARN_ABI {

class frequencies;

/// Frequencies computed elsewhere: inv_freq[n_pairs] (float or double, rad/token), copied.
/// Errors   std::invalid_argument for n_pairs < 1, non-finite values, a factor out of range.
template <class Number, class Count>
[[nodiscard]] frequencies frequencies_from(const Number* inv_freq, Count n_pairs,
                                           double attention_factor = 1.0);

/// One frequency a pair and one attention factor: the rotation of pair i at position p is
/// attention_factor * exp(sqrt(-1) * p * inv_freq[i]). A value: copying copies, nothing is shared.
class frequencies {
public:
  /// Radians per token, one a pair: the truth that rows are measured against. (For `rerotation`:
  /// rounded from the exact difference, which phase_steps holds.)
  array_view<const double> inv_freq() const& { return {inv_freq_.data(), inv_freq_.size()}; }
  array_view<const double> inv_freq() const&& = delete; // would dangle
  /// The factor on every cos and sin, of q and of k; in [2^-60, 2^60].
  double attention_factor() const { return attention_factor_; }
  std::int64_t n_pairs() const { return static_cast<std::int64_t>(inv_freq_.size()); }

  /// round(inv_freq / 2 pi * 2^64): the turn of one token as a wrapping integer, so that
  /// position * step is the angle of a position modulo one turn, exactly.
  array_view<const std::uint64_t> phase_steps() const& { return {steps_.data(), steps_.size()}; }
  array_view<const std::uint64_t> phase_steps() const&& = delete;

  /// The base in use: rope_theta, or what an NTK method made of it; 0 for frequencies_from.
  double rope_theta() const { return rope_theta_; }
  /// Where YaRN's and part_ntk_scaling's ramp runs; absent for other methods.
  pair_range correction_range() const { return range_; }
  /// What the method did to a pair. Requires 0 <= pair < n_pairs().
  frequency_zone zone(std::int64_t pair) const {
    YARN_ASSERT(pair >= 0 && pair < n_pairs());
    return zones_[static_cast<std::size_t>(pair)];
  }

  /// Whether angles are float32(position * inv_freq): see float32_pipeline.
  bool is_float32_pipeline() const { return float32_; }

private:
  friend frequencies frequencies_of(const spectrum& resolved);
  template <class Number, class Count>
  friend frequencies frequencies_from(const Number* inv_freq, Count n_pairs,
                                      double attention_factor);
  friend frequencies inverse(const frequencies& f);
  friend frequencies adjoint(const frequencies& f);
  friend frequencies unscaled(const frequencies& f);
  friend frequencies rerotation(const frequencies& from, const frequencies& to);
  friend frequencies float32_pipeline(const frequencies& f);

  void resize(std::size_t n_pairs);
  void set(std::size_t pair, double inv_freq, frequency_zone zone);
  void set_attention_factor(double value);
  void require_exact_phase(const char* operation) const;
  void negate(); // angles the other way round

  detail::buffer<double> inv_freq_;
  detail::buffer<std::uint64_t> steps_;
  detail::buffer<frequency_zone> zones_;
  double attention_factor_ = 1.0;
  double rope_theta_ = 0.0;
  pair_range range_ = {};
  bool float32_ = false;
};

/// The resolved numbers of a method, rounded to double once. make_frequencies calls it.
[[nodiscard]] inline frequencies frequencies_of(const spectrum& resolved);

/// The frequencies of a model whose method does not depend on the current length.
/// Units    inv_freq in rad/token; lengths in tokens.
/// Errors   std::invalid_argument naming the field, its value and what is allowed.
/// Error    within 0.501 ULP of the method's exact formula, the same bits on every processor, at
///          any compiler flags (tests/scaling/test_frequencies_of_methods.cpp).
template <class Method>
[[nodiscard]] frequencies make_frequencies(const rope_shape& shape, const Method& method);

/// The same at the current length of the sequence (tokens so far, those of this step included),
/// which static methods ignore. A pure function: what was asked before does not matter.
template <class Method, class Integer>
[[nodiscard]] frequencies make_frequencies(const rope_shape& shape, const Method& method,
                                           Integer seq_len);

/// Undoes the rotation at the same positions: -theta, 1/m.
[[nodiscard]] inline frequencies inverse(const frequencies& f);

/// The transposed rotation, for gradients: -theta, m. (Not the inverse unless m is 1.)
[[nodiscard]] inline frequencies adjoint(const frequencies& f);

/// The rotation alone, without the attention factor: theta, 1. With distances for positions it
/// moves cached keys, which carry the factor already (K-shift).
[[nodiscard]] inline frequencies unscaled(const frequencies& f);

/// Takes tensors rotated by `from` to what `to` makes of them at the same positions: theta_to -
/// theta_from, m_to / m_from. For keys cached before a dynamic method changed its frequencies.
/// Errors   std::invalid_argument when the numbers of pairs differ.
[[nodiscard]] inline frequencies rerotation(const frequencies& from, const frequencies& to);

/// The pipeline of the common frameworks, for comparing with them: inv_freq rounded to float32, the
/// angle float32(float32(position) * inv_freq), and cos/sin of that. At position 131071 its rows
/// are off by 3e-3, as theirs are by 4e-3. Such frequencies work in rows and rotations, not in the
/// group above.
/// Error    of float rows: 0.5 ULP + 2^-60 of attention_factor * cos(that angle).
[[nodiscard]] inline frequencies float32_pipeline(const frequencies& f);

} // namespace YARN_ABI
} // namespace yarn

#include "detail/scaling/frequencies.hpp"

#endif

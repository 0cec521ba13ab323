// SPDX-License-Identifier: MIT
// `frequencies`: the frequency of each pair of a model, and the attention factor. An object has a
// few KB for any context length.
//
// There are no extra operations to undo a rotation, compute its gradient, move cached keys
// (K-shift) or change the scaling of cached keys. Instead, each of these tasks has a function at
// the end of this file that makes another `frequencies` value. Use this value with rope_apply like
// any other.
#ifndef YARN_FREQUENCIES_HPP
#define YARN_FREQUENCIES_HPP

#include "detail/base/buffer.hpp"
#include "scaling.hpp"
#include "views.hpp"

namespace yarn {
inline namespace YARN_ABI {

class frequencies;
namespace detail {
class axis_builder;
class frequencies_access;
} // namespace detail

/// The largest number of position axes.
inline constexpr std::int64_t largest_n_axes = 8;

/// Frequencies that were computed elsewhere. The values are copied.
/// Shape    inv_freq[n_pairs].
/// Units    rad/token.
/// Types    float or double.
/// Errors   std::invalid_argument: inv_freq is null, n_pairs is not in [1, 2^23], a value is not
///          finite or not below 2^32 in magnitude, or attention_factor is not in [2^-60, 2^60].
template <class Number, class Count>
[[nodiscard]] frequencies frequencies_from(const Number* inv_freq, Count n_pairs,
                                           double attention_factor = 1.0);

/// One frequency per pair and one attention factor. The rotation of pair i at position p multiplies
/// x0 + sqrt(-1) x1 by attention_factor * exp(sqrt(-1) * p * inv_freq[i]). A value type: copies
/// share no memory.
class frequencies {
public:
  /// One frequency per pair. The accuracy of rows (rows.hpp) is relative to these numbers. (After
  /// `rerotation`, inv_freq() has rounded differences, and the accuracy is relative to
  /// phase_steps().)
  /// Units    rad/token.
  array_view<const double> inv_freq() const& { return {inv_freq_.data(), inv_freq_.size()}; }
  array_view<const double> inv_freq() const&& = delete; // would dangle
  /// The factor on every cos and sin, of q and of k, in [2^-60, 2^60]. Logits get its square.
  double attention_factor() const { return attention_factor_; }
  std::int64_t n_pairs() const { return static_cast<std::int64_t>(inv_freq_.size()); }

  /// round(inv_freq / 2 pi * 2^64) for each pair: the phase by which a pair turns per token, in
  /// units of 2^-64 turns. These integers wrap at one turn, so position * phase step is the phase
  /// of a position without any further error.
  array_view<const std::uint64_t> phase_steps() const& { return {steps_.data(), steps_.size()}; }
  array_view<const std::uint64_t> phase_steps() const&& = delete;

  /// The base in use: rope_theta, or the base that an NTK method computed. 0 after frequencies_from
  /// and rerotation, and after `joined` if the blocks have different bases.
  double rope_theta() const { return rope_theta_; }
  /// The pairs between which YaRN and part_ntk_scaling blend, in their static and dynamic forms,
  /// also inside of freq_factors_scaling. has_value is false for other methods of scaling/, for
  /// yarn_ramp::rotations, and after frequencies_from, rerotation and `joined`.
  pair_range correction_range() const { return range_; }
  /// What the method did to a pair.
  /// Requires 0 <= pair < n_pairs().
  frequency_zone zone(std::int64_t pair) const {
    YARN_ASSERT(pair >= 0 && pair < n_pairs());
    return zones_[static_cast<std::size_t>(pair)];
  }

  /// The number of position axes: 1, or more after `with_axes` and `joined` (axes.hpp).
  std::int64_t n_axes() const { return n_axes_; }
  /// The axis of each pair, in [0, n_axes()): pair i turns with the token's position on that axis.
  array_view<const std::uint8_t> axis_of_pair() const& { return {axes_.data(), axes_.size()}; }
  array_view<const std::uint8_t> axis_of_pair() const&& = delete;
  /// Requires 0 <= pair < n_pairs().
  std::int64_t axis(std::int64_t pair) const {
    YARN_ASSERT(pair >= 0 && pair < n_pairs());
    return axes_[static_cast<std::size_t>(pair)];
  }

  /// Whether angles are rounded to float32 (see float32_pipeline).
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
  friend class detail::axis_builder;
  friend class detail::frequencies_access; // c_api.h

  void resize(std::size_t n_pairs);
  void set(std::size_t pair, double inv_freq, frequency_zone zone);
  void set_attention_factor(double value);
  void require_exact_phase(const char* operation) const;
  void negate(); // reverses the direction of rotation

  detail::buffer<double> inv_freq_;
  detail::buffer<std::uint64_t> steps_;
  detail::buffer<frequency_zone> zones_;
  detail::buffer<std::uint8_t> axes_;
  std::int64_t n_axes_ = 1;
  double attention_factor_ = 1.0;
  double rope_theta_ = 0.0;
  pair_range range_ = {};
  bool float32_ = false;
};

/// The frequencies of a spectrum, each rounded to double once. make_frequencies calls this function
/// after `resolve` of the method.
/// Errors   Those of frequencies_from, for the frequencies and the attention factor of the method.
[[nodiscard]] inline frequencies frequencies_of(const spectrum& resolved);

/// The frequencies of a model, for a static method. A pure function.
/// Units    Lengths in tokens; frequencies in rad/token.
/// Types    Method: a type of scaling/, or any type with `resolve` (scaling/spectrum.hpp).
/// Errors   std::invalid_argument: the message names the field, its value and what is allowed.
/// Accuracy 0.501 ULP from the method's exact formula, with the same bits on every processor and
///          with all compiler flags (tests/scaling/test_frequencies_of_methods.cpp).
template <class Method>
[[nodiscard]] frequencies make_frequencies(const rope_shape& shape, const Method& method);

/// The same for any method. seq_len is the current length: all tokens of the sequence so far,
/// including those of this step. Static methods ignore seq_len. A pure function: earlier calls have
/// no effect on the result.
/// Errors   The same, and std::invalid_argument: the method is dynamic and seq_len < 0.
/// Accuracy The same.
template <class Method, class Integer>
[[nodiscard]] frequencies make_frequencies(const rope_shape& shape, const Method& method,
                                           Integer seq_len);

/// The rotation that undoes f at the same positions: frequencies -inv_freq, attention factor 1/m.
/// Errors   std::invalid_argument: f is a float32_pipeline, which has no exact phase.
[[nodiscard]] inline frequencies inverse(const frequencies& f);

/// The transposed rotation, for gradients: frequencies -inv_freq, attention factor m. It is the
/// inverse only if m is 1.
/// Errors   Those of inverse.
[[nodiscard]] inline frequencies adjoint(const frequencies& f);

/// The rotation without the attention factor: frequencies inv_freq, which stay as the method scaled
/// them, and attention factor 1. For a K-shift, rotate the cached keys by these frequencies with
/// distances (new minus old position) in place of positions. The keys already contain the attention
/// factor.
/// Errors   Those of inverse.
[[nodiscard]] inline frequencies unscaled(const frequencies& f);

/// The rotation that turns tensors rotated by `from` into tensors rotated by `to`, at the same
/// positions: frequencies inv_freq of `to` minus those of `from`, attention factor m_to / m_from.
/// Use it for keys that were cached before a dynamic method changed its frequencies.
/// Errors   Those of inverse, and std::invalid_argument: the numbers of pairs differ, a pair has
///          another axis in `to` than in `from`, or m_to / m_from is not in [2^-60, 2^60].
[[nodiscard]] inline frequencies rerotation(const frequencies& from, const frequencies& to);

/// The float32 arithmetic of the common frameworks, for comparisons with them: inv_freq is rounded
/// to float32, the angle is float32(float32(position) * inv_freq), and rows are cos and sin of this
/// angle. At position 131071 the error of such rows is 3e-3. (The error of the frameworks is 4e-3,
/// because they also compute inv_freq with a float pow.) The result is for rows and rotations only:
/// inverse, adjoint, unscaled and rerotation reject it.
/// Errors   std::invalid_argument: f is a float32_pipeline already.
/// Accuracy Float rows: 0.5 ULP + 2^-60 * m from m * cos(float32 angle), m the attention factor.
[[nodiscard]] inline frequencies float32_pipeline(const frequencies& f);

} // namespace YARN_ABI
} // namespace yarn

#include "detail/scaling/frequencies.hpp"

#endif

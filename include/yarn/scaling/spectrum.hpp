// SPDX-License-Identifier: MIT
// spectrum, the working state of a scaling method, and the traits that make a type a method.
#ifndef YARN_SCALING_SPECTRUM_HPP
#define YARN_SCALING_SPECTRUM_HPP

#include "../detail/base/buffer.hpp"
#include "../detail/scaling/method_traits.hpp"
#include "../real.hpp"
#include "../types.hpp"
#include "require.hpp"

#include <initializer_list>

namespace yarn {
inline namespace v0 {

/// What a scaling method did to a pair.
enum class frequency_zone : unsigned char {
  unknown,      ///< no method: the frequency is the caller's, or a difference of two frequencies
  extrapolated, ///< the frequency is unscaled
  blended,      ///< the frequency lies between the unscaled and the interpolated one
  interpolated, ///< the frequency is divided by the factor s, or by the pair's own divisor
  unrotated,    ///< the frequency is 0
};

/// The pairs between which a method blends. Pairs up to `low` keep their frequency (if
/// extrapolation_factor is 1); pairs from `high` on get the fully scaled one. Both bounds are whole
/// numbers if yarn_scaling::truncate is true, except that high is low + 0.001 if they would be
/// equal.
struct pair_range {
  bool has_value; // No initialisers: they would need a constructor, which is code (see
                  // detail/base/abi.hpp).
  double low;
  double high;
};

} // namespace v0

inline namespace YARN_ABI {

/// The working state of make_frequencies. A spectrum starts with the unscaled frequencies of a
/// shape, and `resolve` of the method overwrites them with the scaled ones. All numbers are `real`
/// (128 bits); make_frequencies rounds them to double at the end.
class spectrum {
public:
  /// theta_i = rope_theta^(-2i / rotary_dim) for every pair i, attention factor 1.
  /// Errors   std::invalid_argument: head_dim is not in [1, 2^24]; rotary_dim (or head_dim, if
  ///          rotary_dim is 0) is odd, negative or beyond head_dim; rope_theta is not set, not
  ///          finite or not > 0.
  explicit spectrum(const rope_shape& shape);

  const rope_shape& shape() const { return shape_; }
  std::int64_t rotary_dim() const { return shape_.rotated(); }
  std::int64_t n_pairs() const { return static_cast<std::int64_t>(inv_freq_.size()); }
  /// ln(rope_theta) of the shape. set_base does not change it.
  real log_theta() const { return log_theta_; }
  /// The base in use: rope_theta, or the base that set_base has set.
  real base() const { return base_; }

  // The following three functions require 0 <= pair < n_pairs().

  /// The frequency of a pair, rad/token.
  real inv_freq(std::int64_t pair) const {
    YARN_ASSERT(pair >= 0 && pair < n_pairs());
    return inv_freq_[static_cast<std::size_t>(pair)];
  }
  frequency_zone zone(std::int64_t pair) const {
    YARN_ASSERT(pair >= 0 && pair < n_pairs());
    return zones_[static_cast<std::size_t>(pair)];
  }
  void set(std::int64_t pair, real inv_freq, frequency_zone zone) {
    YARN_ASSERT(pair >= 0 && pair < n_pairs());
    inv_freq_[static_cast<std::size_t>(pair)] = inv_freq;
    zones_[static_cast<std::size_t>(pair)] = zone;
  }

  /// Changes the base to e^log_base, every frequency to base^(-2i/d), and every zone to
  /// `extrapolated`. The method must then set the zones of the pairs whose frequencies changed.
  void set_base(real log_base) {
    base_ = exp(log_base);
    fill(log_base);
  }

  /// The factor on cos and sin, of q and of k. Logits get its square.
  real attention_factor = 1;
  /// The pairs between which the method blends. A method with a ramp over pairs sets the range,
  /// which is used in reports only.
  pair_range correction_range = {};

private:
  void fill(real log_base);

  rope_shape shape_;
  real base_;
  real log_theta_;
  detail::buffer<real> inv_freq_;
  detail::buffer<frequency_zone> zones_;
};

/// An owned list of divisors, one per pair. The constructors take an initializer list, a pointer
/// and a count, or a container of float or double.
/// Errors   std::invalid_argument: the pointer is null and the count is not 0.
/// Example  m.long_factor = {1.0, 1.08};
class factor_list {
public:
  factor_list() = default;
  factor_list(std::initializer_list<double> values) : factor_list(values.begin(), values.size()) {}
  template <class Number, class = std::enable_if_t<std::is_floating_point_v<Number>>>
  factor_list(const Number* values, std::size_t n) : values_(n) {
    if (values == nullptr && n != 0)
      detail::fail_argument("yarn: factor_list of {} values: the pointer is null", n);
    for (std::size_t i = 0; i < n; ++i)
      values_[i] = static_cast<double>(values[i]);
  }
  template <class Container, class = decltype(std::declval<const Container&>().data())>
  factor_list(const Container& values) // NOLINT(google-explicit-constructor): as std::span
      : factor_list(values.data(), values.size()) {}

  const double* data() const { return values_.data(); }
  std::size_t size() const { return values_.size(); }
  /// Requires i < size().
  double operator[](std::size_t i) const {
    YARN_ASSERT(i < size());
    return values_[i];
  }

private:
  detail::buffer<double> values_;
};

/// Whether a type is a static scaling method: it has `void resolve(yarn::spectrum&) const`.
template <class Method>
inline constexpr bool is_static_scaling_v =
    detail::has_static_resolve<Method>::value && !detail::has_dynamic_resolve<Method>::value;
/// Whether a type is a dynamic scaling method, which also depends on the current length: it has
/// `void resolve(yarn::spectrum&, std::int64_t seq_len) const`.
template <class Method>
inline constexpr bool is_dynamic_scaling_v = detail::has_dynamic_resolve<Method>::value;
template <class Method>
inline constexpr bool is_scaling_v = is_static_scaling_v<Method> || is_dynamic_scaling_v<Method>;

} // namespace YARN_ABI
} // namespace yarn

#include "../detail/scaling/resolve.hpp"

#endif

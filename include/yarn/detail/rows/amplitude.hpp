// SPDX-License-Identifier: MIT
// The amplitude of rows: the factor on cos and sin. It is the attention factor m, or with a
// temperature m * temperature(position), rounded to double.
#ifndef YARN_DETAIL_ROWS_AMPLITUDE_HPP
#define YARN_DETAIL_ROWS_AMPLITUDE_HPP

#include "../../frequencies.hpp"
#include "../../temperature.hpp"
#include "check.hpp"
#include "kernel.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

struct no_temperature {};

// The amplitude of rows without a temperature.
struct constant_amplitude {
  double value;

  YARN_ALWAYS_INLINE double operator()(std::int64_t /*position*/) const { return value; }
  YARN_ALWAYS_INLINE std::int64_t next_change(std::int64_t /*position*/) const { return INT64_MAX; }
};

template <class Temperature, class = void> struct has_next_change : std::false_type {};
template <class Temperature>
struct has_next_change<Temperature,
                       std::void_t<decltype(std::declval<const Temperature&>().next_change(0))>>
    : std::true_type {};

// The amplitudes of rows with a temperature.
template <class Temperature> struct amplitude_by_position {
  double attention_factor;
  const Temperature* temperature;

  YARN_ALWAYS_INLINE double operator()(std::int64_t position) const {
    return attention_factor * static_cast<double>((*temperature)(position));
  }
  // The first position after this one at which the amplitude may differ.
  YARN_ALWAYS_INLINE std::int64_t next_change(std::int64_t position) const {
    if constexpr (has_next_change<Temperature>::value)
      return temperature->next_change(position);
    else
      return position + 1;
  }
};

YARN_ALWAYS_INLINE constant_amplitude amplitude_of(const frequencies& f, const no_temperature&) {
  return {f.attention_factor()};
}
template <class Temperature>
YARN_ALWAYS_INLINE amplitude_by_position<Temperature> amplitude_of(const frequencies& f,
                                                                   const Temperature& temperature) {
  return {f.attention_factor(), &temperature};
}

// Calls f(temperature), for an any_temperature with the temperature that it holds.
template <class Temperature, class F>
YARN_ALWAYS_INLINE void with_kind(const Temperature& temperature, const F& f) {
  f(temperature);
}
template <class F>
YARN_ALWAYS_INLINE void with_kind(const any_temperature& temperature, const F& f) {
  if (const auto* llama4 = std::get_if<llama4_temperature>(&temperature))
    f(*llama4);
  else if (const auto* ministral = std::get_if<ministral_temperature>(&temperature))
    f(*ministral);
  else if (const auto* log_n = std::get_if<log_n_temperature>(&temperature))
    f(*log_n);
  else
    f(no_temperature{});
}

// ---- Amplitudes of a run ------------------------------------------------------------------------

// The amplitudes of n <= run_length consecutive positions. Their relative error may be 8e, with
// e = 2^-53. The bound of the recurrence covers this error (kernel.hpp).
template <class Temperature>
void near_amplitudes(const amplitude_by_position<Temperature>& amplitude, std::int64_t first,
                     std::int64_t n, double* amplitudes) {
  for (std::int64_t i = 0; i < n; ++i)
    amplitudes[i] = amplitude(first + i);
}

// An approximation, because the logarithm takes a tenth of the time of a row.
// For p = position + 1, ln(p) = ln(middle) + ln(1 + x) with x = (p - middle) / middle. So one
// logarithm suffices for the run.
inline void near_amplitudes(const amplitude_by_position<log_n_temperature>& amplitude,
                            std::int64_t first, std::int64_t n, double* amplitudes) {
  constexpr std::int64_t half = run_length / 2, smallest_middle = 2048;
  const std::int64_t middle = first + half + 1;
  const double length = amplitude.temperature->original_length;
  if (middle < smallest_middle || !(static_cast<double>(first) >= length)) {
    near_amplitudes<log_n_temperature>(amplitude, first, n, amplitudes);
    return;
  }
  const double at_middle = amplitude(middle - 1);
  const double scale = amplitude.attention_factor / logarithm_of_length(length);
  const double unit = 1.0 / static_cast<double>(middle);
  // Blocks of 8, because compilers vectorise loops of a constant length at -O2, too. Amplitudes
  // after the n-th are not used.
  for (std::int64_t block = 0; block < n; block += 8)
    for (std::int64_t i = block; i < block + 8; ++i) {
      // ln(1 + x) up to x^8. |x| <= 48/2048, so the next term is below 2^-51.
      const double x = static_cast<double>(i - half) * unit;
      double sum = 1.0 / 7 - x * (1.0 / 8);
      sum = 1.0 / 6 - x * sum;
      sum = 1.0 / 5 - x * sum;
      sum = 1.0 / 4 - x * sum;
      sum = 1.0 / 3 - x * sum;
      sum = 1.0 / 2 - x * sum;
      amplitudes[i] = at_middle + scale * (x - x * x * sum);
    }
}

// True if rows can be made of these types. If not, a static_assert says why.
template <class Positions, class Temperature> constexpr bool accepts_temperature() {
  constexpr bool is_temperature = std::is_invocable_r_v<double, const Temperature&, std::int64_t>;
  constexpr bool has_one_axis = std::is_same_v<Positions, positions>;
  static_assert(is_temperature, "yarn: a temperature is a type of yarn/temperature.hpp, or a "
                                "callable double(std::int64_t position) const");
  static_assert(has_one_axis, "yarn: rows with a temperature are made from yarn::positions. The "
                              "temperature is a function of one position, and axis_positions have "
                              "several");
  return is_temperature && has_one_axis;
}

// ---- Checks -------------------------------------------------------------------------------------

// Refuses an amplitude outside the range of attention factors.
YARN_ALWAYS_INLINE void check_amplitude(double amplitude, double attention_factor,
                                        std::int64_t token, std::int64_t position) {
  constexpr double limit = 1152921504606846976.0;
  if (!is_finite(amplitude) || !(amplitude >= 1 / limit && amplitude <= limit))
    fail_argument("yarn: temperature(position {} of token {}) * attention_factor = {} must be in "
                  "[2^-60, 2^60] (attention_factor = {})",
                  position, token, amplitude, attention_factor);
}

// Whether a temperature has a known bound, as those of temperature.hpp have. If the bound is in
// range, the amplitudes of the positions need no check.
template <class Temperature, class = void> struct has_largest_factor : std::false_type {};
template <class Temperature>
struct has_largest_factor<Temperature,
                          std::void_t<decltype(largest_factor(std::declval<const Temperature&>()))>>
    : std::true_type {};

// Checks the amplitude of each position, and in a run each amplitude once.
template <class Amplitude>
YARN_NOINLINE void check_amplitudes(const positions& list, std::int64_t n,
                                    const Amplitude& amplitude) {
  for (std::int64_t t = 0; t < n;) {
    const std::int64_t position = list[t], rest = n - t;
    check_amplitude(amplitude(position), amplitude.attention_factor, t, position);
    const std::int64_t n_equal = list.is_run() ? amplitude.next_change(position) - position : 1;
    t += n_equal < rest ? n_equal : rest;
  }
}

// Refuses negative positions.
inline void check_not_negative(const positions& list, std::int64_t n) {
  if (list.is_run() && n > 1)
    n = 1;
  for (std::int64_t t = 0; t < n; ++t)
    if (!YARN_LIKELY(list[t] >= 0))
      fail_range("yarn: position {} of token {} must be >= 0 for a temperature", list[t], t);
}

// Refuses wrong parameters of a temperature, negative positions (our own temperatures), and what
// check_amplitude refuses. The list must have passed check_positions.
inline void check_temperature(const frequencies&, const positions&, std::int64_t,
                              const no_temperature&) {}
inline void check_temperature(const frequencies&, const axis_positions&, std::int64_t,
                              const no_temperature&) {}
template <class Temperature>
void check_temperature(const frequencies& f, const positions& list, std::int64_t n,
                       const Temperature& temperature) {
  with_kind(temperature, [&](const auto& kind) {
    using kind_type = std::remove_cv_t<std::remove_reference_t<decltype(kind)>>;
    if constexpr (has_largest_factor<kind_type>::value) {
      check_numbers(kind);
      if (YARN_LIKELY(f.attention_factor() * largest_factor(kind) <= 0x1p60)) {
        check_not_negative(list, n);
        return;
      }
    }
    if constexpr (!std::is_same_v<kind_type, no_temperature>)
      check_amplitudes(list, n, amplitude_of(f, kind));
  });
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

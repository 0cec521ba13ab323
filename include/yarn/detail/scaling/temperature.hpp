// SPDX-License-Identifier: MIT
// The definitions of the temperatures. Each has a fast path for lengths that are integers, as those
// of all models are, and a slow one in `real` for all other numbers. The path depends only on the
// numbers, so a factor has the same bits wherever it is computed.
#ifndef YARN_DETAIL_SCALING_TEMPERATURE_HPP
#define YARN_DETAIL_SCALING_TEMPERATURE_HPP

#include "../../real.hpp"
#include "../../temperature.hpp"
#include "../arithmetic/logarithm.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

inline void require_position(const char* type, std::int64_t position) {
  constexpr std::uint64_t limit = std::uint64_t{1} << 62;
  if (static_cast<std::uint64_t>(position) > limit)
    fail_range("yarn: position {} must be in [0, 2^62] for a {}", position, type);
}

// A length as an integer, or 0 if it is not an integer in [1, 2^32). Lengths that are errors give
// 0, too, so the fast paths test a length by one comparison.
struct integer_length {
  std::uint32_t value = 0;
  int exponent = 0; // floor(log2(value))
  bool is_power_of_2 = false;

  YARN_ALWAYS_INLINE explicit integer_length(double length) {
    const auto bits = bit_cast<std::uint64_t>(length);
    const std::uint64_t biased = bits >> 52; // with the sign
    if (biased - 1023 >= 32)
      return;
    exponent = static_cast<int>(biased) - 1023;
    const std::uint64_t fraction = bits << 12;
    is_power_of_2 = fraction == 0;
    if (fraction << exponent == 0)
      value = static_cast<std::uint32_t>(((bits & 0xfffffffffffffu) | std::uint64_t{1} << 52) >>
                                         (52 - exponent));
  }
  YARN_ALWAYS_INLINE std::uint32_t divide(std::uint32_t n) const {
    return is_power_of_2 ? n >> exponent : n / value;
  }
};

// Whether n and n + 1 are in [0, 2^32).
YARN_ALWAYS_INLINE bool next_fits_32_bits(std::int64_t n) {
  return static_cast<std::uint64_t>(n) < UINT32_MAX;
}
// Whether 0 <= scale < 2^32.
YARN_ALWAYS_INLINE bool is_small_scale(double scale) {
  return bit_cast<std::uint64_t>(scale) < std::uint64_t{1023 + 32} << 52;
}

// floor(n / length), exact if below 2^61; else n / length, whose last bits may be wrong.
inline real n_whole_lengths(std::int64_t n, double length) {
  const real quotient = real(n) / real(length);
  if (!(quotient < real(std::int64_t{1} << 61)))
    return quotient;
  const real whole = floor(quotient);
  const real next = whole + real(1);
  return next * real(length) <= real(n)   ? next
         : whole * real(length) > real(n) ? whole - real(1)
                                          : whole;
}

// 1 + scale * ln(floor(n / length) + 1), and the checks of the numbers.
YARN_NOINLINE inline double scale_of_any_lengths(const char* type, const char* scale_name,
                                                 double scale, const char* length_name,
                                                 double length, std::int64_t position,
                                                 std::int64_t n) {
  require_at_least_zero(type, scale_name, scale);
  require_positive(type, length_name, length);
  require_position(type, position);
  return static_cast<double>(real(1) + real(scale) * log(n_whole_lengths(n, length) + real(1)));
}
// The same, or 0 if the numbers need the function above.
YARN_ALWAYS_INLINE double scale_of_lengths(double scale, double length, std::int64_t n) {
  const integer_length whole(length);
  if (!YARN_LIKELY(next_fits_32_bits(n) && whole.value != 0 && is_small_scale(scale)))
    return 0.0;
  const std::uint32_t lengths = whole.divide(static_cast<std::uint32_t>(n));
  return lengths == 0 ? 1.0 : one_plus_logarithm(scale, lengths + 1);
}

// The smallest integer m > n with floor(m / length) != floor(n / length).
YARN_NOINLINE inline std::int64_t end_of_any_length(double length, std::int64_t n) {
  const real end = (n_whole_lengths(n, length) + real(1)) * real(length);
  return end < real(std::int64_t{1} << 61) ? floor_to_integer(ceil(end)) : INT64_MAX;
}
YARN_ALWAYS_INLINE std::int64_t end_of_length(double length, std::int64_t n) {
  const integer_length whole(length);
  if (!YARN_LIKELY(next_fits_32_bits(n) && whole.value != 0))
    return end_of_any_length(length, n);
  return (std::int64_t{whole.divide(static_cast<std::uint32_t>(n))} + 1) * whole.value;
}

// ln(position + 1) / ln(length), at least 1, and the checks of the numbers.
YARN_NOINLINE inline double ratio_of_any_logarithms(double length, std::int64_t position) {
  require_positive("log_n_temperature", "original_length", length);
  if (!(length > 1.0))
    fail_argument("yarn: log_n_temperature.original_length = {} must be > 1", length);
  require_position("log_n_temperature", position);
  const real n(position + 1);
  return n > real(length) ? static_cast<double>(log(n) / log(real(length))) : 1.0;
}

inline double logarithm_of_length(double length) {
  const integer_length whole(length);
  return YARN_LIKELY(whole.value > 1) ? double_of_logarithm(whole.value)
                                      : static_cast<double>(log(real(length)));
}

// Throws if operator() would throw because of a field of the temperature.
inline void check_numbers(const llama4_temperature& t) {
  require_at_least_zero("llama4_temperature", "attn_scale", t.attn_scale);
  require_positive("llama4_temperature", "floor_scale", t.floor_scale);
}
inline void check_numbers(const ministral_temperature& t) {
  require_at_least_zero("ministral_temperature", "beta", t.beta);
  require_positive("ministral_temperature", "original_max_position_embeddings",
                   t.original_max_position_embeddings);
}
inline void check_numbers(const log_n_temperature& t) {
  require_positive("log_n_temperature", "original_length", t.original_length);
  if (!(t.original_length > 1.0))
    fail_argument("yarn: log_n_temperature.original_length = {} must be > 1", t.original_length);
}

// Bounds on the factor at positions in [0, 2^31]; the factor is at least 1.
inline double largest_factor(const llama4_temperature& t) { return 1.0 + 1024.0 * t.attn_scale; }
inline double largest_factor(const ministral_temperature& t) { return 1.0 + 1024.0 * t.beta; }
inline double largest_factor(const log_n_temperature& t) {
  return t.original_length >= 2.0 ? 32.0 : 0x1p60;
}

} // namespace detail

inline double llama4_temperature::operator()(std::int64_t position) const {
  const auto n = static_cast<std::int64_t>(static_cast<std::uint64_t>(position) + 1);
  const double factor = detail::scale_of_lengths(attn_scale, floor_scale, n);
  return YARN_LIKELY(factor != 0.0 && position >= 0)
             ? factor
             : detail::scale_of_any_lengths("llama4_temperature", "attn_scale", attn_scale,
                                            "floor_scale", floor_scale, position, n);
}
inline std::int64_t llama4_temperature::next_change(std::int64_t position) const {
  return detail::end_of_length(floor_scale, position + 1) - 1;
}

inline double ministral_temperature::operator()(std::int64_t position) const {
  const double factor = detail::scale_of_lengths(beta, original_max_position_embeddings, position);
  return YARN_LIKELY(factor != 0.0)
             ? factor
             : detail::scale_of_any_lengths("ministral_temperature", "beta", beta,
                                            "original_max_position_embeddings",
                                            original_max_position_embeddings, position, position);
}
inline std::int64_t ministral_temperature::next_change(std::int64_t position) const {
  return detail::end_of_length(original_max_position_embeddings, position);
}

inline double log_n_temperature::operator()(std::int64_t position) const {
  const detail::integer_length whole(original_length);
  if (!YARN_LIKELY(detail::next_fits_32_bits(position) && whole.value > 1))
    return detail::ratio_of_any_logarithms(original_length, position);
  const auto n = static_cast<std::uint32_t>(position) + 1;
  if (n <= whole.value)
    return 1.0;
  return YARN_LIKELY(whole.is_power_of_2 && whole.exponent >= 4)
             ? detail::ratio_to_power_of_2(n, whole.exponent)
             : detail::ratio_of_logarithms(n, whole.value);
}
inline std::int64_t log_n_temperature::next_change(std::int64_t position) const {
  // The factor is 1 up to position original_length - 1.
  constexpr double many = 0x1p62;
  if (original_length >= many)
    return INT64_MAX;
  const auto length = static_cast<std::int64_t>(original_length);
  return position < length ? length : position + 1;
}

inline double any_temperature::operator()(std::int64_t position) const {
  if (const auto* llama4 = std::get_if<llama4_temperature>(this))
    return (*llama4)(position);
  if (const auto* ministral = std::get_if<ministral_temperature>(this))
    return (*ministral)(position);
  if (const auto* log_n = std::get_if<log_n_temperature>(this))
    return (*log_n)(position);
  return 1.0;
}
inline std::int64_t any_temperature::next_change(std::int64_t position) const {
  if (const auto* llama4 = std::get_if<llama4_temperature>(this))
    return llama4->next_change(position);
  if (const auto* ministral = std::get_if<ministral_temperature>(this))
    return ministral->next_change(position);
  if (const auto* log_n = std::get_if<log_n_temperature>(this))
    return log_n->next_change(position);
  return INT64_MAX;
}

} // namespace YARN_ABI
} // namespace yarn

#endif

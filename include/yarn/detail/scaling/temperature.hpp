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

inline constexpr std::int64_t integers_of_32_bits = std::int64_t{1} << 32;

inline void require_position(const char* type, std::int64_t position) {
  constexpr std::uint64_t limit = std::uint64_t{1} << 62;
  if (static_cast<std::uint64_t>(position) > limit)
    fail_range("yarn: position {} must be in [0, 2^62] for a {}", position, type);
}

// `length` as an integer, or 0 if it is none or needs more than 32 bits.
YARN_ALWAYS_INLINE std::int64_t whole_length(double length) {
  if (!(length >= 1.0 && length < static_cast<double>(integers_of_32_bits)))
    return 0;
  const auto whole = static_cast<std::int64_t>(length);
  return static_cast<double>(whole) == length ? whole : 0;
}

// n / length for n >= 0. Many processors divide 32-bit integers in less time.
YARN_ALWAYS_INLINE std::int64_t quotient_of(std::int64_t n, std::int64_t length) {
  if (n < integers_of_32_bits)
    return static_cast<std::uint32_t>(n) / static_cast<std::uint32_t>(length);
  return n / length;
}

// floor(n / length), exactly below 2^62. The quotient of `real` may be wrong in its last bit.
inline real whole_lengths(std::int64_t n, double length) {
  const real quotient = real(n) / real(length);
  if (!(quotient < real(std::int64_t{1} << 61)))
    return quotient;
  const real whole = floor(quotient);
  const real next = whole + real(1);
  return next * real(length) <= real(n)   ? next
         : whole * real(length) > real(n) ? whole - real(1)
                                          : whole;
}

YARN_NOINLINE inline double log_of_any_lengths(double scale, std::int64_t n, double length) {
  return static_cast<double>(real(1) + real(scale) * log(whole_lengths(n, length) + real(1)));
}

// 1 + scale * ln(floor(n / length) + 1)
YARN_ALWAYS_INLINE double log_of_lengths(double scale, std::int64_t n, double length) {
  const std::int64_t whole = whole_length(length);
  if (YARN_LIKELY(whole != 0)) {
    const std::int64_t lengths = quotient_of(n, whole);
    if (lengths == 0)
      return 1.0;
    if (YARN_LIKELY(lengths + 1 < integers_of_32_bits && scale < 0x1p32))
      return one_plus_logarithm(scale, static_cast<std::uint32_t>(lengths + 1));
  }
  return log_of_any_lengths(scale, n, length);
}

// The smallest integer above n with another floor(n / length).
YARN_NOINLINE inline std::int64_t end_of_any_length(std::int64_t n, double length) {
  const real end = (whole_lengths(n, length) + real(1)) * real(length);
  return end < real(std::int64_t{1} << 61) ? floor_to_integer(ceil(end)) : INT64_MAX;
}
YARN_ALWAYS_INLINE std::int64_t end_of_length(std::int64_t n, double length) {
  const std::int64_t whole = whole_length(length);
  if (YARN_LIKELY(whole != 0 && n < INT64_MAX - whole))
    return (quotient_of(n, whole) + 1) * whole;
  return end_of_any_length(n, length);
}

YARN_NOINLINE inline double ratio_of_any_logarithms(std::int64_t n, double length) {
  return static_cast<double>(log(real(n)) / log(real(length)));
}

// ln(length)
inline double logarithm_of_length(double length) {
  const std::int64_t whole = whole_length(length);
  if (YARN_LIKELY(whole != 0))
    return double_of_logarithm(logarithm_of(static_cast<std::uint32_t>(whole)));
  return static_cast<double>(log(real(length)));
}

// Bounds on the factor at positions in [0, 2^31]; the factor is at least 1.
inline double largest_factor(const llama4_temperature& t) { return 1.0 + 1024.0 * t.attn_scale; }
inline double largest_factor(const ministral_temperature& t) { return 1.0 + 1024.0 * t.beta; }
inline double largest_factor(const log_n_temperature& t) {
  return t.original_length >= 2.0 ? 32.0 : 0x1p60;
}

} // namespace detail

inline double llama4_temperature::operator()(std::int64_t position) const {
  require_at_least_zero("llama4_temperature", "attn_scale", attn_scale);
  require_positive("llama4_temperature", "floor_scale", floor_scale);
  detail::require_position("llama4_temperature", position);
  return detail::log_of_lengths(attn_scale, position + 1, floor_scale);
}
inline std::int64_t llama4_temperature::end_of_step(std::int64_t position) const {
  return detail::end_of_length(position + 1, floor_scale) - 1;
}

inline double ministral_temperature::operator()(std::int64_t position) const {
  require_at_least_zero("ministral_temperature", "beta", beta);
  require_positive("ministral_temperature", "original_max_position_embeddings",
                   original_max_position_embeddings);
  detail::require_position("ministral_temperature", position);
  return detail::log_of_lengths(beta, position, original_max_position_embeddings);
}
inline std::int64_t ministral_temperature::end_of_step(std::int64_t position) const {
  return detail::end_of_length(position, original_max_position_embeddings);
}

inline double log_n_temperature::operator()(std::int64_t position) const {
  require_positive("log_n_temperature", "original_length", original_length);
  if (!(original_length > 1.0))
    detail::fail_argument("yarn: log_n_temperature.original_length = {} must be > 1",
                          original_length);
  detail::require_position("log_n_temperature", position);
  const std::int64_t n = position + 1, whole = detail::whole_length(original_length);
  if (YARN_LIKELY(whole != 0 && n < detail::integers_of_32_bits))
    return n > whole ? detail::ratio_of_logarithms(static_cast<std::uint32_t>(n),
                                                   static_cast<std::uint32_t>(whole))
                     : 1.0;
  return real(n) > real(original_length) ? detail::ratio_of_any_logarithms(n, original_length)
                                         : 1.0;
}
inline std::int64_t log_n_temperature::end_of_step(std::int64_t position) const {
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
inline std::int64_t any_temperature::end_of_step(std::int64_t position) const {
  if (const auto* llama4 = std::get_if<llama4_temperature>(this))
    return llama4->end_of_step(position);
  if (const auto* ministral = std::get_if<ministral_temperature>(this))
    return ministral->end_of_step(position);
  if (const auto* log_n = std::get_if<log_n_temperature>(this))
    return log_n->end_of_step(position);
  return INT64_MAX;
}

} // namespace YARN_ABI
} // namespace yarn

#endif

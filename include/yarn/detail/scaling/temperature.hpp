// SPDX-License-Identifier: MIT
// The definitions of the temperatures.
#ifndef YARN_DETAIL_SCALING_TEMPERATURE_HPP
#define YARN_DETAIL_SCALING_TEMPERATURE_HPP

#include "../../real.hpp"
#include "../../temperature.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// floor(n / length), exactly. The quotient of `real` may be wrong in its last bit.
inline real whole_lengths(std::int64_t n, double length) {
  const real quotient = floor(real(n) / real(length));
  const real next = quotient + real(1);
  return next * real(length) <= real(n)      ? next
         : quotient * real(length) > real(n) ? quotient - real(1)
                                             : quotient;
}

inline double log_of_lengths(double scale, std::int64_t n, double length) {
  return static_cast<double>(real(1) + real(scale) * log(whole_lengths(n, length) + real(1)));
}

} // namespace detail

inline double llama4_temperature::operator()(std::int64_t position) const {
  require_at_least_zero("llama4_temperature", "attn_scale", attn_scale);
  require_positive("llama4_temperature", "floor_scale", floor_scale);
  YARN_ASSERT(position >= 0);
  return detail::log_of_lengths(attn_scale, position + 1, floor_scale);
}

inline double ministral_temperature::operator()(std::int64_t position) const {
  require_at_least_zero("ministral_temperature", "beta", beta);
  require_positive("ministral_temperature", "original_max_position_embeddings",
                   original_max_position_embeddings);
  YARN_ASSERT(position >= 0);
  return detail::log_of_lengths(beta, position, original_max_position_embeddings);
}

inline double log_n_temperature::operator()(std::int64_t position) const {
  require_positive("log_n_temperature", "original_length", original_length);
  if (!(original_length > 1.0))
    detail::fail_argument("yarn: log_n_temperature.original_length = {} must be > 1",
                          original_length);
  YARN_ASSERT(position >= 0);
  const real n(position + 1), length(original_length);
  return n > length ? static_cast<double>(log(n) / log(length)) : 1.0;
}

} // namespace YARN_ABI
} // namespace yarn

#endif

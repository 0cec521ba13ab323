// SPDX-License-Identifier: MIT
// Checks of the fields of a scaling method. The library's methods call them in `resolve`, and your
// own method can, too. Each function throws std::invalid_argument. The message names the field
// ("my_scaling.factor"), its value and what is allowed. Overloads with `type` name the field
// "type.field"; use them if several methods share a check.
#ifndef YARN_SCALING_REQUIRE_HPP
#define YARN_SCALING_REQUIRE_HPP

#include "../detail/base/bits.hpp"
#include "../detail/base/message.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// Errors   std::invalid_argument: the value is not finite or not > 0.
inline void require_positive(const char* field, double value) {
  if (!detail::is_finite(value) || !(value > 0.0))
    detail::fail_argument("yarn: {} = {} must be finite and > 0", field, value);
}

/// Errors   std::invalid_argument: the value is not finite or not >= 0.
inline void require_at_least_zero(const char* field, double value) {
  if (!detail::is_finite(value) || !(value >= 0.0))
    detail::fail_argument("yarn: {} = {} must be finite and >= 0", field, value);
}

inline void require_positive(const char* type, const char* field, double value) {
  if (!detail::is_finite(value) || !(value > 0.0))
    detail::fail_argument("yarn: {}.{} = {} must be finite and > 0", type, field, value);
}
inline void require_at_least_zero(const char* type, const char* field, double value) {
  if (!detail::is_finite(value) || !(value >= 0.0))
    detail::fail_argument("yarn: {}.{} = {} must be finite and >= 0", type, field, value);
}

/// Errors   std::invalid_argument: the number of tokens is not > 0.
inline void require_length(const char* field, std::int64_t value) {
  if (value <= 0)
    detail::fail_argument("yarn: {} = {} must be > 0 (tokens)", field, value);
}

/// Errors   std::invalid_argument: the current length is not >= 0.
inline void require_sequence_length(std::int64_t seq_len) {
  if (seq_len < 0)
    detail::fail_argument("yarn: seq_len = {} must be >= 0 (tokens)", seq_len);
}

/// Errors   std::invalid_argument: high < low.
inline void require_order(const char* low_field, double low, const char* high_field, double high) {
  if (high < low)
    detail::fail_argument("yarn: {} = {} must not be less than {} = {}", high_field, high,
                          low_field, low);
}

inline void require_order(const char* type, const char* low_field, double low,
                          const char* high_field, double high) {
  if (high < low)
    detail::fail_argument("yarn: {}.{} = {} must not be less than {}.{} = {}", type, high_field,
                          high, type, low_field, low);
}

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Checks of a method's fields, for the `resolve` of every method and of methods of one's own.
// Each throws std::invalid_argument with a text that names the field ("my_scaling.factor"), its
// value and what is allowed.
#ifndef YARN_SCALING_REQUIRE_HPP
#define YARN_SCALING_REQUIRE_HPP

#include "../detail/base/bits.hpp"
#include "../detail/base/message.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// The value is finite and > 0.
inline void require_positive(const char* field, double value) {
  if (!detail::is_finite(value) || !(value > 0.0))
    detail::fail_argument("yarn: {} = {} must be finite and > 0", field, value);
}

/// The value is finite and >= 0.
inline void require_at_least_zero(const char* field, double value) {
  if (!detail::is_finite(value) || !(value >= 0.0))
    detail::fail_argument("yarn: {} = {} must be finite and >= 0", field, value);
}

/// The same for checks that several methods share: the message names the field `type.field`.
inline void require_positive(const char* type, const char* field, double value) {
  if (!detail::is_finite(value) || !(value > 0.0))
    detail::fail_argument("yarn: {}.{} = {} must be finite and > 0", type, field, value);
}
inline void require_at_least_zero(const char* type, const char* field, double value) {
  if (!detail::is_finite(value) || !(value >= 0.0))
    detail::fail_argument("yarn: {}.{} = {} must be finite and >= 0", type, field, value);
}

/// The number of tokens is > 0.
inline void require_length(const char* field, std::int64_t value) {
  if (value <= 0)
    detail::fail_argument("yarn: {} = {} must be > 0 (tokens)", field, value);
}

/// The current length of a dynamic method is >= 0.
inline void require_sequence_length(std::int64_t seq_len) {
  if (seq_len < 0)
    detail::fail_argument("yarn: seq_len = {} must be >= 0 (tokens)", seq_len);
}

/// low <= high.
inline void require_order(const char* low_field, double low, const char* high_field, double high) {
  if (high < low)
    detail::fail_argument("yarn: {} = {} must not be less than {} = {}", high_field, high,
                          low_field, low);
}

/// The same for checks that several methods share.
inline void require_order(const char* type, const char* low_field, double low,
                          const char* high_field, double high) {
  if (high < low)
    detail::fail_argument("yarn: {}.{} = {} must not be less than {}.{} = {}", type, high_field,
                          high, type, low_field, low);
}

} // namespace YARN_ABI
} // namespace yarn

#endif

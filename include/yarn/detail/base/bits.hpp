// SPDX-License-Identifier: MIT
// Reinterprets the bits of floating-point numbers as integers, and the reverse.
#ifndef YARN_DETAIL_BASE_BITS_HPP
#define YARN_DETAIL_BASE_BITS_HPP

#include "abi.hpp"

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// std::bit_cast, which C++17 lacks.
template <class To, class From> YARN_ALWAYS_INLINE To bit_cast(const From& from) {
  static_assert(sizeof(To) == sizeof(From), "both types must have the same size");
  To to;
  std::memcpy(static_cast<void*>(&to), &from, sizeof to);
  return to;
}

/// Whether x is neither infinite nor NaN. Reads the bits, because with -ffast-math compilers assume
/// that std::isfinite is always true.
YARN_ALWAYS_INLINE bool is_finite(double x) {
  return (bit_cast<std::uint64_t>(x) >> 52 & 0x7ff) != 0x7ff;
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

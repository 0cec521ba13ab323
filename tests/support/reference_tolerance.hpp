// SPDX-License-Identifier: MIT
// The tolerance between recorded frequencies and those of the library. reference/README.md has the
// measurements.
#ifndef YARN_TESTS_SUPPORT_REFERENCE_TOLERANCE_HPP
#define YARN_TESTS_SUPPORT_REFERENCE_TOLERANCE_HPP

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

namespace reference {

/// The distance of two floats: 1 for neighbours. 0 and -0 count as one float.
inline std::int64_t floats_between(float a, float b) {
  const auto order = [](float value) {
    std::int32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? std::int64_t{INT32_MIN} - bits : std::int64_t{bits};
  };
  return std::abs(order(a) - order(b));
}

/// The allowed error of the other implementations, which compute in float32, in ULP of float32. The
/// error is the distance from the exact formula rounded to float32 (reference/README.md). The
/// numbers in brackets are the largest errors that occur.
inline std::int64_t tolerance_ulp(const std::string& rope_type, bool truncate) {
  if (rope_type == "longrope") {
    return 5; // the divisors are rounded to float32 first (5)
  }
  if (rope_type == "llama3" || rope_type == "dynamic_yarn") {
    return 8; // blends of two rounded frequencies (6, 2)
  }
  if (rope_type == "yarn") {
    return truncate ? 8 : 13; // the same (5); without truncation the ramp is rounded, too (12)
  }
  return 4; // pow of a rounded exponent (3); NTK-by-parts blends nearly equal numbers (1)
}

} // namespace reference

#endif // YARN_TESTS_SUPPORT_REFERENCE_TOLERANCE_HPP

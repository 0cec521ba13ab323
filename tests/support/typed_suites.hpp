// SPDX-License-Identifier: MIT
// Test suites over element types: the types, and the names that GoogleTest prints.
#ifndef YARN_TESTS_SUPPORT_TYPED_SUITES_HPP
#define YARN_TESTS_SUPPORT_TYPED_SUITES_HPP

#include "emulated_rotation.hpp"

#include <gtest/gtest.h>
#include <yarn/detail/base/formats.hpp>

#include <array>
#include <string>

namespace support {

using element_types = ::testing::Types<float, double, yarn::float16, yarn::bfloat16,
                                       yarn::float8_e4m3, yarn::float8_e5m2>;

struct element_names {
  template <class T> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return element<typename yarn::detail::element_traits<T>::type>::name; // also for Eigen's types
  }
};

inline constexpr std::array<yarn::pairing, 2> pairings{yarn::pairing::half_split,
                                                       yarn::pairing::interleaved};

} // namespace support

#endif // YARN_TESTS_SUPPORT_TYPED_SUITES_HPP

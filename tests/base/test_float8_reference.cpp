// SPDX-License-Identifier: MIT
// Compares the 8-bit floats with the casts of torch (tests/reference/float8.json): all codes, every
// rounding boundary, random numbers, and numbers beyond the range.
#include "../support/bits.hpp"
#include "../support/reference_cases.hpp"

#include <gtest/gtest.h>
#include <yarn/detail/base/formats.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using support::bits_of;
using support::from_bits;

template <class T> class float8_reference : public ::testing::Test {};
using types = ::testing::Types<yarn::float8_e4m3, yarn::float8_e5m2>;
TYPED_TEST_SUITE(float8_reference, types, );

/// The recorded numbers of a format.
template <class T> const reference::json& recorded() {
  static const reference::json all = reference::read_json("float8.json");
  return all.at(yarn::detail::element_traits<T>::name);
}

TYPED_TEST(float8_reference, codes_have_the_values_of_torch) {
  const auto values = recorded<TypeParam>().at("values").template get<std::vector<std::uint32_t>>();
  ASSERT_EQ(values.size(), 256U);
  for (std::size_t code = 0; code < values.size(); ++code) {
    const TypeParam element{static_cast<std::uint8_t>(code)};
    const auto value = yarn::detail::widen<float>(element);
    const auto expected = from_bits<float>(values[code]);
    if (std::isnan(expected))
      EXPECT_TRUE(std::isnan(value)) << code;
    else
      EXPECT_EQ(bits_of(value), values[code]) << code;
  }
}

// torch stores infinity and numbers that round to more than 57344 as the infinity of float8_e5m2.
// Everything else has the same code, NaN included.
TYPED_TEST(float8_reference, floats_have_the_codes_of_torch_except_beyond_e5m2) {
  constexpr bool is_e5m2 = std::is_same_v<TypeParam, yarn::float8_e5m2>;
  const auto floats = recorded<TypeParam>().at("floats").template get<std::vector<std::uint32_t>>();
  const auto codes = recorded<TypeParam>().at("codes").template get<std::vector<unsigned>>();
  ASSERT_EQ(floats.size(), codes.size());
  ASSERT_GT(floats.size(), 2700U);
  std::size_t n_saturated = 0;
  for (std::size_t i = 0; i < floats.size(); ++i) {
    const auto value = from_bits<float>(floats[i]);
    TypeParam element{};
    yarn::detail::narrow(value, element);
    if (is_e5m2 && std::fabs(value) >= 61440) {
      EXPECT_EQ(codes[i] & 0x7fU, 0x7cU) << std::hexfloat << value;
      EXPECT_EQ(element.bits, (codes[i] & 0x80U) | 0x7bU) << std::hexfloat << value;
      ++n_saturated;
    } else {
      EXPECT_EQ(element.bits, codes[i]) << std::hexfloat << value;
    }
  }
  EXPECT_EQ(n_saturated, is_e5m2 ? 18U : 0U);
}

} // namespace

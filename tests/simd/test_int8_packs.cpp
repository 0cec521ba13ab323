// SPDX-License-Identifier: MIT
// Packs of every width (detail/simd) convert floats to 8-bit integers, and find the largest
// magnitude, by their definition.
#include "../support/bits.hpp"

#include <gtest/gtest.h>
#include <yarn/detail/simd/pack.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace {

namespace detail = yarn::detail;
using support::from_bits;

/// The types Arch, the next narrower architecture, and so on, down to one element.
template <class Arch, class... Wider> struct narrowing_chain {
  using type = typename narrowing_chain<detail::narrower_arch<Arch>, Wider..., Arch>::type;
};
template <class... Wider> struct narrowing_chain<detail::scalar_arch, Wider...> {
  using type = ::testing::Types<Wider..., detail::scalar_arch>;
};
using archs = narrowing_chain<detail::default_arch>::type;
struct arch_names {
  template <class Arch> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return "floats_" + std::to_string(detail::pack<float, Arch>::size);
  }
};
template <class Arch> class int8_packs : public ::testing::Test {};
TYPED_TEST_SUITE(int8_packs, archs, arch_names);

constexpr float infinity = std::numeric_limits<float>::infinity();

/// Rounds to nearest even: std::nearbyint of a double is exact.
int rounded(float x) {
  if (std::isnan(x))
    return 0;
  return static_cast<int>(std::clamp(std::nearbyint(static_cast<double>(x)), -128.0, 127.0));
}

/// Every half and its neighbours, the ends of the range, NaN with and without the quiet bit, and
/// floats of all exponents.
std::vector<float> numbers() {
  std::vector<float> list;
  for (int twice = -260; twice <= 260; ++twice) {
    const float value = static_cast<float>(twice) / 2;
    for (const float x : {value, std::nextafter(value, infinity), std::nextafter(value, -infinity)})
      list.push_back(x);
  }
  for (const std::uint32_t bits : {0x7f7fffffu, 0x7f800000u, 0x7f800001u, 0x7fc00000u, 0x7fffffffu,
                                   0x4f000000u, 0x4effffffu, 0x00000001u, 0x007fffffu})
    for (const std::uint32_t sign : {0u, 0x80000000u})
      list.push_back(from_bits<float>(bits | sign));
  for (std::uint32_t bits = 0; bits < 0xffff0000u; bits += 65521)
    list.push_back(from_bits<float>(bits));
  return list;
}

TYPED_TEST(int8_packs, round_to_nearest_even_and_saturate) {
  using wide = detail::pack<float, TypeParam>;
  support::fenced_array<std::int8_t> codes(wide::size);
  for (const float x : numbers()) {
    for (std::size_t lane = 0; lane < wide::size; ++lane) {
      float values[wide::size];
      std::fill_n(values, wide::size, -3.0F);
      values[lane] = x;
      detail::store_int8(wide::load_unaligned(values), codes.data());
      for (std::size_t i = 0; i < wide::size; ++i)
        ASSERT_EQ(codes[i], i == lane ? rounded(x) : -3) << x;
    }
  }
}

TYPED_TEST(int8_packs, load_every_code) {
  using wide = detail::pack<float, TypeParam>;
  support::fenced_array<std::int8_t> codes(256);
  for (int i = 0; i < 256; ++i)
    codes[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(i - 128);
  for (std::size_t i = 0; i < 256; i += wide::size) {
    float values[wide::size];
    detail::load_int8(codes.data() + i, wide{}).store_unaligned(values);
    for (std::size_t lane = 0; lane < wide::size; ++lane)
      EXPECT_EQ(values[lane], static_cast<float>(codes[i + lane]));
  }
}

TYPED_TEST(int8_packs, larger_magnitude_ignores_nan) {
  using wide = detail::pack<float, TypeParam>;
  const std::vector<float> list = numbers();
  for (const float before : {0.0F, 0x1p-140F, 2.5F, 0x1p120F, infinity}) {
    for (std::size_t i = 0; i + wide::size <= list.size(); i += wide::size) {
      float largest[wide::size];
      detail::larger_magnitude(wide(before), wide::load_unaligned(list.data() + i))
          .store_unaligned(largest);
      for (std::size_t lane = 0; lane < wide::size; ++lane) {
        const float x = list[i + lane];
        ASSERT_EQ(largest[lane], std::isnan(x) ? before : std::max(before, std::fabs(x))) << x;
      }
    }
  }
}

} // namespace

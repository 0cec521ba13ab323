// SPDX-License-Identifier: MIT
// Packs of every width (detail/simd) convert 8-bit floats like the functions for single elements:
// all 256 codes, all 2^32 floats, and elements at the edge of accessible memory. A NaN that is
// loaded may have any payload, but it keeps its sign. test_float8 compares the functions for single
// elements with the definition of the formats.
#include "../support/bits.hpp"
#include "../support/half_formats.hpp" // is_slow_build

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace {

namespace detail = yarn::detail;
using support::bits_of;
using support::from_bits;

template <class Arch, class T> struct subject {
  using arch = Arch;
  using element = T;
};
/// Both formats for Arch, for the next narrower architecture, and so on, down to one element.
template <class Arch, class... Subjects> struct narrowing_chain {
  using type = typename narrowing_chain<detail::narrower_arch<Arch>, Subjects...,
                                        subject<Arch, yarn::float8_e4m3>,
                                        subject<Arch, yarn::float8_e5m2>>::type;
};
template <class... Subjects> struct narrowing_chain<detail::scalar_arch, Subjects...> {
  using type = ::testing::Types<Subjects..., subject<detail::scalar_arch, yarn::float8_e4m3>,
                                subject<detail::scalar_arch, yarn::float8_e5m2>>;
};

struct subject_names {
  template <class Subject> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return std::string(detail::element_traits<typename Subject::element>::name) + "_" +
           std::to_string(detail::pack<float, typename Subject::arch>::size);
  }
};
template <class Subject> class float8_packs : public ::testing::Test {};
TYPED_TEST_SUITE(float8_packs, narrowing_chain<detail::default_arch>::type, subject_names);

template <class Subject, class Compute> void expect_loads_of_every_code() {
  using wide = detail::pack<Compute, typename Subject::arch>;
  typename Subject::element codes[256];
  Compute values[256];
  for (unsigned code = 0; code < 256; ++code) {
    codes[code].bits = static_cast<std::uint8_t>(code);
  }
  for (std::size_t i = 0; i < 256; i += wide::size) {
    detail::load_elements(codes + i, wide{}).store_unaligned(values + i);
  }
  for (unsigned code = 0; code < 256; ++code) {
    const auto expected = detail::widen<Compute>(codes[code]);
    EXPECT_EQ(std::signbit(values[code]), code >= 0x80) << code;
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(values[code])) << code;
    } else {
      EXPECT_EQ(bits_of(values[code]), bits_of(expected)) << code;
    }
  }
}

TYPED_TEST(float8_packs, load_every_code) {
  expect_loads_of_every_code<TypeParam, float>();
  expect_loads_of_every_code<TypeParam, double>();
}

// Slow builds take every 61st block of floats, and the blocks at the ends of each exponent.
TYPED_TEST(float8_packs, store_every_float) {
  using T = typename TypeParam::element;
  using wide = detail::pack<float, typename TypeParam::arch>;
  constexpr std::uint32_t block = 4096;
  constexpr std::uint32_t blocks_of_exponent = (1U << 23U) / block;
  static float values[block];
  static T elements[block];
  std::uint64_t n_different = 0;
  std::uint32_t first = 0;
  for (std::uint32_t b = 0; b < (1U << 20U); ++b) {
    const std::uint32_t in_exponent = b % blocks_of_exponent;
    if (support::is_slow_build && b % 61 != 0 && in_exponent != 0 &&
        in_exponent != blocks_of_exponent - 1) {
      continue;
    }
    for (std::uint32_t i = 0; i < block; ++i) {
      values[i] = from_bits<float>(b * block + i);
    }
    for (std::uint32_t i = 0; i < block; i += 2 * wide::size) {
      const detail::two_packs<wide> two{wide::load_unaligned(values + i),
                                        wide::load_unaligned(values + i + wide::size)};
      if (i % (4 * wide::size) == 0) {
        detail::store_elements(two.first, elements + i);
        detail::store_elements(two.second, elements + i + wide::size);
      } else {
        detail::store_elements(two, elements + i, elements + i + wide::size);
      }
    }
    for (std::uint32_t i = 0; i < block; ++i) {
      T expected;
      detail::narrow(values[i], expected);
      if (expected.bits != elements[i].bits) {
        first = n_different == 0 ? b * block + i : first;
        ++n_different;
      }
    }
  }
  EXPECT_EQ(n_different, 0U) << "the first: " << std::hexfloat << from_bits<float>(first);
}

TYPED_TEST(float8_packs, access_only_their_elements) {
  using T = typename TypeParam::element;
  using wide = detail::pack<float, typename TypeParam::arch>;
  for (const support::fence side : {support::fence::after, support::fence::before}) {
    support::fenced_array<T> memory(wide::size, side);
    std::memset(static_cast<void*>(memory.data()), 0, wide::size);
    const wide loaded = detail::load_elements(memory.data(), wide{});
    detail::store_elements(loaded + wide(1.5F), memory.data());
    for (std::size_t lane = 0; lane < wide::size; ++lane) {
      EXPECT_EQ(detail::widen<float>(memory[lane]), 1.5F);
    }
    T elements[wide::size];
    const detail::two_packs<wide> both{loaded, loaded};
    detail::store_elements(both, memory.data(), elements);
    detail::store_elements(both, elements, memory.data());
  }
}

} // namespace

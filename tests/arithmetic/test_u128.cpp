// SPDX-License-Identifier: MIT
// The 128-bit integers. test_real_portable also builds this file, without the compiler's 128-bit
// type.
#include "../support/bits.hpp"

#include <gtest/gtest.h>
#include <yarn/detail/arithmetic/u128.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using yarn::detail::u128;

#if defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 native;

native native_of(u128 x) { return static_cast<native>(x.hi) << 64U | x.lo; }
bool equal(u128 x, native y) { return native_of(x) == y; }

TEST(u128, agrees_with_the_compilers_type) {
  support::random_source random(1);
  std::vector<u128> numbers{{0, 0}, {0, 1}, {1, 0}, {0, UINT64_MAX}, {UINT64_MAX, UINT64_MAX}};
  for (int i = 0; i < 60; ++i) {
    numbers.push_back(u128{random.next(), random.next()} >> (i * 2));
  }
  for (const u128& a : numbers) {
    for (int n = 0; n < 128; ++n) {
      ASSERT_TRUE(equal(a << n, native_of(a) << static_cast<unsigned>(n))) << n;
      ASSERT_TRUE(equal(a >> n, native_of(a) >> static_cast<unsigned>(n))) << n;
    }
    for (const int n : {128, 129, 1000, 1 << 20}) {
      ASSERT_TRUE((a << n) == (u128{0, 0})) << n;
      ASSERT_TRUE((a >> n) == (u128{0, 0})) << n;
    }
    for (const u128& b : numbers) {
      ASSERT_TRUE(equal(a + b, native_of(a) + native_of(b)));
      ASSERT_TRUE(equal(a - b, native_of(a) - native_of(b)));
      ASSERT_EQ(a < b, native_of(a) < native_of(b));
      ASSERT_EQ(a == b, native_of(a) == native_of(b));
      ASSERT_TRUE(equal(yarn::detail::multiply(a.lo, b.lo), native{a.lo} * b.lo));
    }
    for (const std::uint64_t divisor : {1U, 2U, 3U, 57U, 65537U, 0xffffffffU}) {
      ASSERT_TRUE(equal(yarn::detail::divide(a, divisor), native_of(a) / divisor)) << divisor;
    }
  }
}
#endif

TEST(u128, multiplies_to_256_bits) {
  // (2^128 - 1)^2 = 2^256 - 2^129 + 1, so the upper half is 2^128 - 2.
  const u128 all{UINT64_MAX, UINT64_MAX};
  EXPECT_TRUE(yarn::detail::multiply_high(all, all) == (u128{UINT64_MAX, UINT64_MAX - 1}));
  EXPECT_TRUE(yarn::detail::multiply_high({0, 1}, all) == (u128{0, 0}));
  EXPECT_TRUE(yarn::detail::multiply_high({1, 0}, {1, 0}) == (u128{0, 1}));

  // Compares with a multiplication by 32-bit digits. Some numbers produce a carry in every digit.
  support::random_source random(2);
  for (int i = 0; i < 100000; ++i) {
    u128 a{random.next(), random.next()}, b{random.next(), random.next()};
    if (i % 3 == 0) {
      a.lo |= 0xffffffff00000000U;
      b.hi |= 0xffffffff00000000U;
    }
    const std::array<std::uint64_t, 4> x{a.lo & 0xffffffffU, a.lo >> 32U, a.hi & 0xffffffffU,
                                         a.hi >> 32U};
    const std::array<std::uint64_t, 4> y{b.lo & 0xffffffffU, b.lo >> 32U, b.hi & 0xffffffffU,
                                         b.hi >> 32U};
    std::array<std::uint64_t, 8> product{};
    for (std::size_t j = 0; j < 4; ++j) {
      std::uint64_t carry = 0;
      for (std::size_t k = 0; k < 4; ++k) {
        carry += x[j] * y[k] + product[j + k];
        product[j + k] = carry & 0xffffffffU;
        carry >>= 32U;
      }
      product[j + 4] = carry;
    }
    const u128 high = yarn::detail::multiply_high(a, b);
    ASSERT_EQ(high.hi, product[7] << 32U | product[6]);
    ASSERT_EQ(high.lo, product[5] << 32U | product[4]);
  }
}

TEST(u128, counts_leading_zeros) {
  EXPECT_EQ(yarn::detail::leading_zeros(std::uint64_t{0}), 64);
  EXPECT_EQ(yarn::detail::leading_zeros(u128{0, 0}), 128);
  for (int n = 0; n < 64; ++n) {
    const std::uint64_t x = std::uint64_t{0xd5aa96deadbeef17U} >> static_cast<unsigned>(n);
    EXPECT_EQ(yarn::detail::leading_zeros(x), n);
    EXPECT_EQ(yarn::detail::leading_zeros(u128{x, 5}), n);
    EXPECT_EQ(yarn::detail::leading_zeros(u128{0, x}), 64 + n);
  }
}

} // namespace

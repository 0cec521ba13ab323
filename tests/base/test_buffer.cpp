// SPDX-License-Identifier: MIT
// The owning array that rows and frequencies use.
#include <gtest/gtest.h>
#include <yarn/detail/base/buffer.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

namespace {

using buffer = yarn::detail::buffer<int>;

static_assert(std::is_nothrow_move_constructible_v<buffer>);
static_assert(std::is_nothrow_move_assignable_v<buffer>);

buffer counting(std::size_t n) {
  buffer numbers(n);
  for (std::size_t i = 0; i < n; ++i) {
    numbers[i] = static_cast<int>(i);
  }
  return numbers;
}

void expect_counts(const buffer& numbers, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    ASSERT_EQ(numbers[i], static_cast<int>(i)) << i;
  }
}

TEST(buffer, is_empty_at_first) {
  const buffer empty;
  EXPECT_EQ(empty.size(), 0U);
  EXPECT_EQ(empty.data(), nullptr);
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the copy is what is tested
  const buffer copy = empty;
  EXPECT_EQ(copy.size(), 0U);
}

TEST(buffer, begins_on_a_cache_line) {
  for (const std::size_t n : {1U, 3U, 16U, 1000U}) {
    const buffer numbers(n);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(numbers.data()) % 64, 0U);
    EXPECT_EQ(numbers.size(), n);
  }
}

TEST(buffer, keeps_its_elements_as_it_grows) {
  buffer numbers = counting(5);
  for (const std::size_t n : {6U, 7U, 8U, 100U, 101U, 1000U}) {
    const std::size_t before = numbers.size();
    numbers.resize_keeping(n);
    ASSERT_EQ(numbers.size(), n);
    expect_counts(numbers, before);
    for (std::size_t i = before; i < n; ++i) {
      numbers[i] = static_cast<int>(i);
    }
  }
  numbers.resize_keeping(3);
  EXPECT_EQ(numbers.size(), 3U);
  const int* const memory = numbers.data();
  numbers.resize_keeping(1000); // the memory is still large enough
  EXPECT_EQ(numbers.data(), memory);
  expect_counts(numbers, 1000);
}

TEST(buffer, grows_by_half_at_least) {
  // Appending 10^5 elements one by one reallocates the memory some 30 times, not 10^5 times.
  buffer numbers;
  int moves = 0;
  const int* memory = nullptr;
  for (std::size_t n = 1; n <= 100000; ++n) {
    numbers.resize_keeping(n);
    moves += numbers.data() == memory ? 0 : 1;
    memory = numbers.data();
  }
  EXPECT_LE(moves, 40);
}

TEST(buffer, keeps_its_memory_when_it_suffices) {
  buffer numbers(100);
  const int* const memory = numbers.data();
  numbers.resize_discarding(10);
  EXPECT_EQ(numbers.size(), 10U);
  EXPECT_EQ(numbers.data(), memory);
  numbers.resize_discarding(100);
  EXPECT_EQ(numbers.data(), memory);
  numbers.resize_discarding(101);
  EXPECT_EQ(numbers.size(), 101U);
}

TEST(buffer, copies_are_independent) {
  buffer first = counting(10);
  buffer second = first;
  buffer third(3);
  third = first;
  first[0] = 77;
  expect_counts(second, 10);
  expect_counts(third, 10);
  EXPECT_EQ(third.size(), 10U);
  second[1] = 78;
  EXPECT_EQ(first[1], 1);
  buffer& itself = third;
  third = itself;
  expect_counts(third, 10);
}

TEST(buffer, moves_take_the_memory) {
  buffer first = counting(10);
  const int* const memory = first.data();
  buffer second = std::move(first);
  EXPECT_EQ(second.data(), memory);
  expect_counts(second, 10);
  buffer third(4);
  third = std::move(second);
  EXPECT_EQ(third.data(), memory);
  EXPECT_EQ(third.size(), 10U);
}

// With AddressSanitizer, operator new ends the program instead of throwing.
#if defined(__has_feature)
#define YARN_TEST_HAS_FEATURE(name) __has_feature(name)
#else
#define YARN_TEST_HAS_FEATURE(name) 0
#endif
#if !defined(__SANITIZE_ADDRESS__) && !YARN_TEST_HAS_FEATURE(address_sanitizer)
TEST(buffer, size_beyond_the_address_space_throws_bad_alloc) {
  buffer numbers = counting(10);
  // The number of elements times their size must not wrap around to a small number.
  EXPECT_THROW(numbers.resize_discarding(static_cast<std::size_t>(-1) / 4 + 2), std::bad_alloc);
  EXPECT_THROW(numbers.resize_keeping(static_cast<std::size_t>(-1) / 2), std::bad_alloc);
  EXPECT_EQ(numbers.size(), 10U);
  expect_counts(numbers, 10);
}
#endif

} // namespace

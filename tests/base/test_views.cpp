// SPDX-License-Identifier: MIT
// Views: their values, conversions, and the arguments that they refuse.
#include "../support/expect_error.hpp"

#include <gtest/gtest.h>
#include <yarn/views.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using support::expect_error;
using invalid = std::invalid_argument;

// ---- Views are trivial types --------------------------------------------------------------------

template <class View>
constexpr bool is_plain =
    std::is_trivially_copyable_v<View>&& std::is_trivially_destructible_v<View>;
static_assert(is_plain<yarn::heads_view<float>>);
static_assert(is_plain<yarn::heads_view<const double>>);
static_assert(is_plain<yarn::positions>);
static_assert(is_plain<yarn::rows_view<float>>);
static_assert(is_plain<yarn::table_view<yarn::bfloat16>>);
static_assert(is_plain<yarn::array_view<const double>>);

// Tables and rows do not convert to each other.
static_assert(!std::is_convertible_v<yarn::table_view<float>, yarn::rows_view<float>>);
static_assert(!std::is_convertible_v<yarn::rows_view<float>, yarn::table_view<float>>);
static_assert(!std::is_constructible_v<yarn::rows_view<float>, yarn::table_view<float>>);
static_assert(!std::is_constructible_v<yarn::table_view<float>, yarn::rows_view<float>>);

// A view of a temporary would dangle, so there is no implicit conversion from a container.
using list32 = std::vector<std::int32_t>;
static_assert(std::is_constructible_v<yarn::positions, list32&>);
static_assert(std::is_constructible_v<yarn::positions, const list32&>);
static_assert(!std::is_constructible_v<yarn::positions, list32>);
static_assert(!std::is_constructible_v<yarn::positions, list32&&>);
static_assert(!std::is_constructible_v<yarn::positions, const list32>);
static_assert(!std::is_convertible_v<list32&, yarn::positions>);

// ---- heads_view --------------------------------------------------------------------------------

TEST(heads_view, is_dense_by_default) {
  float data[24];
  const yarn::heads_view view{data, 2, 3, 4};
  static_assert(std::is_same_v<decltype(view), const yarn::heads_view<float>>);
  EXPECT_EQ(view.data(), data);
  EXPECT_EQ(view.n_tokens(), 2);
  EXPECT_EQ(view.n_heads(), 3);
  EXPECT_EQ(view.head_dim(), 4);
  EXPECT_EQ(view.head_stride(), 4);
  EXPECT_EQ(view.token_stride(), 12);
}

TEST(heads_view, accepts_any_integer_types) {
  const double data[1] = {};
  const auto check = [&](auto tokens, auto heads, auto dim, auto token_stride, auto head_stride) {
    const auto view =
        yarn::heads_view{data, tokens, heads, dim}.with_strides(token_stride, head_stride);
    static_assert(std::is_same_v<decltype(view), const yarn::heads_view<const double>>);
    EXPECT_EQ(view.n_tokens(), 5);
    EXPECT_EQ(view.n_heads(), 6);
    EXPECT_EQ(view.head_dim(), 7);
    EXPECT_EQ(view.token_stride(), 100);
    EXPECT_EQ(view.head_stride(), 8);
  };
  check(5, 6, 7, 100, 8);
  check(5U, 6L, 7UL, 100LL, std::size_t{8});
  check(std::int8_t{5}, std::uint16_t{6}, std::int64_t{7}, std::uint64_t{100}, std::ptrdiff_t{8});
}

TEST(heads_view, with_strides_changes_only_the_strides) {
  float data[1];
  const yarn::heads_view view{data, 5, 6, 7};
  const yarn::heads_view other = view.with_strides(-3, 0);
  EXPECT_EQ(other.token_stride(), -3); // the call that uses the view refuses this stride
  EXPECT_EQ(other.head_stride(), 0);
  EXPECT_EQ(other.n_tokens(), 5);
  EXPECT_EQ(other.data(), data);
  EXPECT_EQ(view.token_stride(), 42); // the original is unchanged
  EXPECT_EQ(view.head_stride(), 7);
}

TEST(heads_view, error_names_a_number_that_does_not_fit) {
  float data[1];
  constexpr std::uint64_t large = std::uint64_t{1} << 63U;
  const std::string value = "9223372036854775808";
  expect_error<invalid>([&] { yarn::heads_view(data, large, 1, 1); }, {"n_tokens", value});
  expect_error<invalid>([&] { yarn::heads_view(data, 1, large, 1); }, {"n_heads", value});
  expect_error<invalid>([&] { yarn::heads_view(data, 1, 1, large); }, {"head_dim", value});
  const yarn::heads_view view{data, 1, 1, 1};
  expect_error<invalid>([&] { return view.with_strides(large, 1); }, {"token_stride", value});
  expect_error<invalid>([&] { return view.with_strides(1, large); }, {"head_stride", value});
  EXPECT_EQ(yarn::heads_view(data, large - 1, 0, 0).n_tokens(),
            std::numeric_limits<std::int64_t>::max());
  // The constructor accepts extents whose product exceeds 64 bits, without undefined behaviour.
  static_cast<void>(yarn::heads_view(data, 1, large - 1, large - 1));
}

// ---- positions ---------------------------------------------------------------------------------

template <class Integer> class positions_of : public ::testing::Test {};
using position_types =
    ::testing::Types<int, long, long long>; // two of the types have the same size
struct position_names {
  template <class Integer> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return std::is_same_v<Integer, int>    ? "int"
           : std::is_same_v<Integer, long> ? "long"
                                           : "long_long";
  }
};
TYPED_TEST_SUITE(positions_of, position_types, position_names);

TYPED_TEST(positions_of, list_gives_its_values) {
  std::vector<TypeParam> list{
      3, -1, 4, std::numeric_limits<std::int32_t>::max(), std::numeric_limits<std::int32_t>::min(),
      0};
  if constexpr (sizeof(TypeParam) == 8) {
    list.push_back(static_cast<TypeParam>(std::int64_t{1} << 40));
    list.push_back(std::numeric_limits<TypeParam>::min());
  }
  const yarn::positions from_pointer(list.data(), list.size());
  const yarn::positions from_container(list);
  const yarn::positions from_int_count(list.data(), static_cast<int>(list.size()));
  for (const yarn::positions& view : {from_pointer, from_container, from_int_count}) {
    ASSERT_EQ(view.size(), static_cast<std::int64_t>(list.size()));
    EXPECT_FALSE(view.is_run());
    for (std::size_t i = 0; i < list.size(); ++i) {
      EXPECT_EQ(view[static_cast<std::int64_t>(i)], static_cast<std::int64_t>(list[i]));
    }
  }
  list[0] = 17; // a view, not a copy
  EXPECT_EQ(from_pointer[0], 17);
}

TYPED_TEST(positions_of, array_and_run_give_their_values) {
  const std::array<TypeParam, 3> array{7, 8, 9};
  const yarn::positions view(array);
  EXPECT_EQ(view.size(), 3);
  EXPECT_EQ(view[2], 9);

  const TypeParam first = -5;
  const yarn::positions open = yarn::positions_from(first);
  EXPECT_TRUE(open.is_run());
  EXPECT_EQ(open.size(), -1);
  EXPECT_EQ(open[0], -5);
  EXPECT_EQ(open[100], 95);
  const yarn::positions run = yarn::positions_from(first, TypeParam{6});
  EXPECT_TRUE(run.is_run());
  EXPECT_EQ(run.size(), 6);
  EXPECT_EQ(run[5], 0);
}

TEST(positions, read_unaligned_memory) {
  // Positions may lie in a message or a file, at any address.
  alignas(8) char bytes[8 * 3 + 1] = {};
  const std::int64_t values[3] = {-2, std::int64_t{1} << 35, 9};
  std::memcpy(bytes + 1, values, sizeof values);
  const auto* const pointer = reinterpret_cast<const std::int64_t*>(bytes + 1);
  const yarn::positions view(pointer, 3);
  EXPECT_EQ(view[0], -2);
  EXPECT_EQ(view[1], std::int64_t{1} << 35);
  EXPECT_EQ(view[2], 9);
}

TEST(positions, error_names_a_number_that_does_not_fit) {
  const std::int32_t list[1] = {};
  constexpr std::uint64_t large = std::uint64_t{1} << 63U;
  const std::string value = "9223372036854775808";
  expect_error<invalid>([&] { yarn::positions(list, large); }, {"positions.size", value});
  expect_error<invalid>([&] { return yarn::positions_from(large); }, {"first position", value});
  expect_error<invalid>([&] { return yarn::positions_from(large, 1); }, {"first position", value});
  expect_error<invalid>([&] { return yarn::positions_from(0, large); }, {"positions.size", value});
}

TEST(positions, of_an_empty_list_have_size_0) {
  const list32 empty;
  const yarn::positions view(empty);
  EXPECT_EQ(view.size(), 0);
}

// ---- Rows and tables ----------------------------------------------------------------------------

TEST(rows_view, returns_pointers_to_its_rows) {
  const float cos[30] = {}, sin[30] = {};
  const yarn::rows_view view{cos, sin, 3, 8, 10};
  static_assert(std::is_same_v<decltype(view), const yarn::rows_view<float>>);
  EXPECT_EQ(view.n_rows(), 3);
  EXPECT_EQ(view.n_pairs(), 8);
  EXPECT_EQ(view.row_stride(), 10);
  EXPECT_EQ(view.cos(0), cos);
  EXPECT_EQ(view.sin(0), sin);
  EXPECT_EQ(view.cos(2), cos + 20);
  EXPECT_EQ(view.sin(2), sin + 20);
}

TEST(table_view, packed_returns_pointers_to_its_rows) {
  const std::vector<yarn::float16> packed(100);
  const auto dense = yarn::table_view<yarn::float16>::packed(packed.data(), 5, 8);
  EXPECT_EQ(dense.row_stride(), 16);
  EXPECT_EQ(dense.cos(0), packed.data());
  EXPECT_EQ(dense.sin(0), packed.data() + 8);
  EXPECT_EQ(dense.cos(4), packed.data() + 64);
  EXPECT_EQ(dense.sin(4), packed.data() + 72);

  const yarn::table_view<yarn::float16> wide =
      yarn::table_view<yarn::float16>::packed(packed.data(), 5U, std::size_t{8}, 19L);
  EXPECT_EQ(wide.row_stride(), 19);
  EXPECT_EQ(wide.cos(3), packed.data() + 57);
  EXPECT_EQ(wide.sin(3), packed.data() + 65);
  EXPECT_EQ(wide.n_rows(), 5);
  EXPECT_EQ(wide.n_pairs(), 8);

  const yarn::rows_view<yarn::float16> rows =
      yarn::rows_view<yarn::float16>::packed(packed.data(), 2, 3);
  EXPECT_EQ(rows.sin(1), packed.data() + 9);
}

TEST(table_view, error_names_a_number_that_does_not_fit) {
  const float data[2] = {};
  constexpr std::uint64_t large = std::uint64_t{1} << 63U;
  const std::string value = "9223372036854775808";
  using view = yarn::table_view<float>;
  expect_error<invalid>([&] { view(data, data, large, 1, 1); }, {"n_rows", value});
  expect_error<invalid>([&] { view(data, data, 1, large, 1); }, {"n_pairs", value});
  expect_error<invalid>([&] { view(data, data, 1, 1, large); }, {"row_stride", value});
}

TEST(array_view, has_the_members_of_a_range) {
  const double values[3] = {1, 2, 4};
  const yarn::array_view<const double> view(values, 3);
  EXPECT_EQ(view.data(), values);
  EXPECT_EQ(view.size(), 3U);
  double sum = 0;
  for (const double value : view) {
    sum += value;
  }
  EXPECT_EQ(sum, 7);
  EXPECT_EQ(view[std::size_t{2}], 4);
  EXPECT_EQ(view[1], 2);
  static_assert(
      noexcept(std::declval<yarn::array_view<int>&>() = std::declval<yarn::array_view<int>>()));
}

} // namespace

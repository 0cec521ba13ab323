// SPDX-License-Identifier: MIT
// Views of mdspan: the elements are those of mdspan's indices. The tests use a stand-in with the
// members of std::mdspan; std::mdspan itself, if the standard library has it (C++23); and Kokkos'
// reference implementation, if its header is installed.
#include "../support/adapted.hpp"
#include "../support/expect_error.hpp"

#include <gtest/gtest.h>
#include <yarn/mdspan.hpp>
#include <yarn/yarn.hpp>

#if __has_include(<version>)
#include <version>
#endif
#if defined(__cpp_lib_mdspan)
#include <mdspan>
#endif
#if __has_include(<mdspan/mdspan.hpp>)
#include <mdspan/mdspan.hpp>
#define YARN_TEST_HAS_KOKKOS 1
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using support::expect_copied_alike;
using support::expect_error;
using support::expect_rotated_alike;
using support::head_counts;
using invalid = std::invalid_argument;
using yarn::dim_order;
using yarn::heads_from;

// ---- The stand-in ------------------------------------------------------------------------------

template <std::size_t Rank> struct strided_mapping {
  std::array<int, Rank> extent_of{};
  std::array<int, Rank> stride_of{};
  bool strided = true;
  int stride(std::size_t r) const { return stride_of[r]; }
};

/// Extents are int and ranks are std::size_t, as in std::mdspan.
template <class T, std::size_t Rank, class Reference = T&> struct span_of {
  using element_type = T;
  using reference = Reference;
  using rank_type = std::size_t;
  using mapping_type = strided_mapping<Rank>;

  T* data;
  mapping_type map;

  static constexpr std::size_t rank() { return Rank; }
  static constexpr bool is_always_strided() { return false; }
  bool is_strided() const { return map.strided; }
  int extent(std::size_t r) const { return map.extent_of[r]; }
  int stride(std::size_t r) const { return map.stride(r); }
  T* data_handle() const { return data; }
  T& operator[](const std::array<int, Rank>& index) const {
    std::ptrdiff_t place = 0;
    for (std::size_t r = 0; r < Rank; ++r)
      place += static_cast<std::ptrdiff_t>(index[r]) * stride(r);
    return data[place];
  }
};

struct stand_in {
  template <class T, std::size_t Rank>
  static auto strided(T* data, const std::array<int, Rank>& extents,
                      const std::array<int, Rank>& strides) {
    return span_of<T, Rank>{data, {extents, strides}};
  }
  template <class T, std::size_t Rank>
  static auto right(T* data, const std::array<int, Rank>& extents) {
    std::array<int, Rank> strides{};
    for (std::size_t r = Rank, stride = 1; r-- > 0; stride *= static_cast<std::size_t>(extents[r]))
      strides[r] = static_cast<int>(stride);
    return strided(data, extents, strides);
  }
  template <class T, std::size_t Rank>
  static auto left(T* data, const std::array<int, Rank>& extents) {
    std::array<int, Rank> strides{};
    for (std::size_t r = 0, stride = 1; r < Rank; stride *= static_cast<std::size_t>(extents[r++]))
      strides[r] = static_cast<int>(stride);
    return strided(data, extents, strides);
  }
};

// ---- std::mdspan and Kokkos' mdspan ------------------------------------------------------------

#define YARN_TEST_REAL_MDSPAN(name, space)                                                         \
  struct name {                                                                                    \
    template <class T, std::size_t Rank>                                                           \
    static auto strided(T* data, const std::array<int, Rank>& extents,                             \
                        const std::array<int, Rank>& strides) {                                    \
      using shape = space::dextents<int, Rank>;                                                    \
      return space::mdspan<T, shape, space::layout_stride>(                                        \
          data, space::layout_stride::mapping<shape>(shape(extents), strides));                    \
    }                                                                                              \
    template <class T, std::size_t Rank>                                                           \
    static auto right(T* data, const std::array<int, Rank>& extents) {                             \
      using shape = space::dextents<int, Rank>;                                                    \
      return space::mdspan<T, shape, space::layout_right>(data, shape(extents));                   \
    }                                                                                              \
    template <class T, std::size_t Rank>                                                           \
    static auto left(T* data, const std::array<int, Rank>& extents) {                              \
      using shape = space::dextents<int, Rank>;                                                    \
      return space::mdspan<T, shape, space::layout_left>(data, shape(extents));                    \
    }                                                                                              \
  }
#if defined(__cpp_lib_mdspan)
YARN_TEST_REAL_MDSPAN(of_std, std);
#endif
#if defined(YARN_TEST_HAS_KOKKOS)
YARN_TEST_REAL_MDSPAN(of_kokkos, Kokkos);
#endif

template <class... T> struct types {};
template <class... T>::testing::Types<T...> as_gtest(types<T...>);
template <class... A, class... B> types<A..., B...> operator+(types<A...>, types<B...>);
using families = decltype(as_gtest(types<stand_in>{}
#if defined(__cpp_lib_mdspan)
                                   + types<of_std>{}
#endif
#if defined(YARN_TEST_HAS_KOKKOS)
                                   + types<of_kokkos>{}
#endif
                                   ));

template <class Family> class mdspan : public ::testing::Test {};
TYPED_TEST_SUITE(mdspan, families, );

constexpr head_counts counts{5, 3, 8};

// ---- The elements of views ---------------------------------------------------------------------

template <class Family, class T> void rotate_all_layouts() {
  std::vector<T> memory(5000);
  const auto check = [](const auto& x, auto view, auto index_of) {
    static_assert(std::is_same_v<decltype(view), yarn::heads_view<T>>);
    expect_rotated_alike(view, counts,
                         [&](int t, int h, int d) -> T& { return x[index_of(t, h, d)]; });
  };
  using index = std::array<int, 3>;
  const auto thd = [](int t, int h, int d) { return index{t, h, d}; };
  const auto right = Family::right(memory.data(), index{5, 3, 8});
  check(right, heads_from(right), thd);
  const auto packed = Family::strided(memory.data() + 3, index{5, 3, 8}, index{100, 9, 1});
  check(packed, heads_from(packed), thd);
  const auto left = Family::left(memory.data(), index{8, 3, 5});
  check(left, heads_from(left, dim_order::dim_heads_tokens), [](int t, int h, int d) {
    return index{d, h, t};
  });
  const auto major = Family::right(memory.data(), index{3, 5, 8});
  check(major, heads_from(major, dim_order::heads_tokens_dim), [](int t, int h, int d) {
    return index{h, t, d};
  });
  const auto mirrored = Family::strided(memory.data(), index{8, 5, 3}, index{1, 8, 50});
  check(mirrored, heads_from(mirrored, dim_order::dim_tokens_heads), [](int t, int h, int d) {
    return index{d, t, h};
  });

  using index4 = std::array<int, 4>;
  const auto batch = Family::right(memory.data(), index4{2, 3, 5, 8});
  const auto left_batch = Family::left(memory.data(), index4{8, 3, 5, 2});
  for (int s = 0; s < 2; ++s) {
    check(batch, heads_from(batch, s, dim_order::heads_tokens_dim), [s](int t, int h, int d) {
      return index4{s, h, t, d};
    });
    check(left_batch, heads_from(left_batch, s, dim_order::dim_heads_tokens),
          [s](int t, int h, int d) {
            return index4{d, h, t, s};
          });
  }
}

TYPED_TEST(mdspan, of_every_layout_and_type) {
  rotate_all_layouts<TypeParam, float>();
  rotate_all_layouts<TypeParam, double>();
  rotate_all_layouts<TypeParam, yarn::float16>();
  rotate_all_layouts<TypeParam, yarn::bfloat16>();
}

TYPED_TEST(mdspan, of_const_elements_is_read) {
  std::vector<float> memory(120);
  for (std::size_t i = 0; i < memory.size(); ++i)
    memory[i] = static_cast<float>(i % 19) - 9;
  const float* const data = memory.data();
  const auto x = TypeParam::right(data, std::array<int, 3>{5, 3, 8});
  static_assert(std::is_same_v<decltype(heads_from(x)), yarn::heads_view<const float>>);
  expect_copied_alike<float>(heads_from(x), counts, [&](int t, int h, int d) {
    return x[std::array<int, 3>{t, h, d}];
  });
}

TYPED_TEST(mdspan, of_positions) {
  const std::vector<std::int64_t> list{3, -1, std::int64_t{1} << 40, 2};
  const auto view = yarn::positions_in(TypeParam::right(list.data(), std::array<int, 1>{4}));
  EXPECT_EQ(view.size(), 4);
  EXPECT_EQ(view[1], -1);
  EXPECT_EQ(view[2], std::int64_t{1} << 40);
  const auto gaps = TypeParam::strided(list.data(), std::array<int, 1>{2}, std::array<int, 1>{2});
  expect_error<invalid>([&] { return yarn::positions_in(gaps); },
                        {"mdspan", "stride 2", "positions"});
}

TYPED_TEST(mdspan, of_positions_on_several_axes) {
  std::vector<int> list(24);
  for (std::size_t i = 0; i < list.size(); ++i)
    list[i] = static_cast<int>(i * i);
  using index = std::array<int, 2>;
  const auto expect_at = [](const auto& x) {
    const yarn::axis_positions view = yarn::axis_positions_in(x);
    EXPECT_EQ(view.size(), 4);
    EXPECT_EQ(view.n_axes(), 3);
    for (int axis = 0; axis < 3; ++axis)
      for (int t = 0; t < 4; ++t)
        EXPECT_EQ(view(t, axis), (x[index{axis, t}]));
  };
  const int* const data = list.data();
  expect_at(TypeParam::right(data, index{3, 4}));
  expect_at(TypeParam::left(data, index{3, 4}));
  expect_at(TypeParam::strided(data, index{3, 4}, index{8, 2}));
}

// ---- Refused mdspans ----------------------------------------------------------------------------

TYPED_TEST(mdspan, with_heads_that_are_not_contiguous_is_refused) {
  std::vector<float> memory(1000);
  using index = std::array<int, 3>;
  const auto left = TypeParam::left(memory.data(), index{5, 3, 8});
  expect_error<invalid>([&] { return heads_from(left); },
                        {"mdspan", "stride 15", "dim", "[tokens, heads, dim]"});
  const auto right = TypeParam::right(memory.data(), index{5, 3, 8});
  expect_error<invalid>([&] { return heads_from(right, dim_order::dim_heads_tokens); },
                        {"stride 24", "[dim, heads, tokens]"});
  const auto twos = TypeParam::strided(memory.data(), index{5, 3, 8}, index{48, 16, 2});
  expect_error<invalid>([&] { return heads_from(twos); }, {"stride 2", "dim"});
}

TYPED_TEST(mdspan, whose_sequence_does_not_exist_is_refused) {
  std::vector<float> memory(240);
  const auto x = TypeParam::right(memory.data(), std::array<int, 4>{2, 5, 3, 8});
  expect_error<std::out_of_range>([&] { return heads_from(x, 2); },
                                  {"sequence 2", "[sequences, tokens, heads, dim]"});
  EXPECT_EQ(heads_from(x, std::size_t{1}).data(), memory.data() + 120);
}

TYPED_TEST(mdspan, that_is_empty_is_accepted) {
  const auto none = TypeParam::right(static_cast<float*>(nullptr), std::array<int, 3>{0, 3, 8});
  EXPECT_EQ(heads_from(none).n_tokens(), 0);
  EXPECT_EQ(heads_from(none).head_dim(), 8);
}

// Layouts that only a mapping of the user can have.
TEST(mdspan_layout, of_the_user_is_refused_if_no_view_has_its_strides) {
  std::vector<float> memory(100);
  span_of<float, 3> x{memory.data() + 50, {{2, 2, 4}, {0, 4, 1}}};
  expect_error<invalid>([&] { return heads_from(x); }, {"stride 0", "tokens"});
  x.map.stride_of = {8, -4, 1};
  expect_error<invalid>([&] { return heads_from(x); }, {"stride -4", "heads"});
  x.map.stride_of = {8, 4, 1};
  x.map.strided = false;
  expect_error<invalid>([&] { return heads_from(x); }, {"is_strided() is false"});
  const int list[] = {1, 2, 3, 4};
  span_of<const int, 2> ids{list + 1, {{3, 2}, {-1, 2}}};
  EXPECT_EQ(yarn::axis_positions_in(ids)(1, 1), 3);
  ids.map.strided = false;
  expect_error<invalid>([&] { return yarn::axis_positions_in(ids); }, {"is_strided() is false"});
}

#if defined(__cpp_lib_mdspan)
TEST(mdspan_std, with_static_extents_and_class_template_arguments) {
  std::vector<float> memory(120);
  const std::mdspan x(memory.data(), std::extents<std::size_t, 5, 3, 8>{});
  expect_rotated_alike(heads_from(x), counts,
                       [&](int t, int h, int d) -> float& { return x[t, h, d]; });
  const std::mdspan y(memory.data(), 5, 3, 8);
  EXPECT_EQ(heads_from(y).token_stride(), 24);
}
#endif

} // namespace

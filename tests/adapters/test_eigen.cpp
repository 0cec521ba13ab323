// SPDX-License-Identifier: MIT
// Views of Eigen's matrices and tensors: the elements are those of Eigen's indices, constness is
// kept, and objects that cannot be viewed are refused with a message.
#include "../support/adapted.hpp"
#include "../support/expect_error.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <unsupported/Eigen/CXX11/Tensor>
#include <yarn/eigen.hpp>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using support::expect_copied_alike;
using support::expect_error;
using support::expect_rotated_alike;
using support::head_counts;
using invalid = std::invalid_argument;
using yarn::heads_from;

using Eigen::Dynamic;
template <class T> using column_major = Eigen::Matrix<T, Dynamic, Dynamic>;
template <class T> using row_major = Eigen::Matrix<T, Dynamic, Dynamic, Eigen::RowMajor>;
template <class T> using tensor3 = Eigen::Tensor<T, 3>;
template <class T> using row_tensor3 = Eigen::Tensor<T, 3, Eigen::RowMajor>;

constexpr head_counts counts{5, 3, 8};
constexpr int width = 3 * 8;

/// The elements of a matrix whose columns (or rows) are tokens, by Eigen's indices.
template <class M> auto columns(M& m) {
  return [&m](int t, int h, int d) -> auto& { return m(h * counts.dim + d, t); };
}
template <class M> auto rows(M& m) {
  return [&m](int t, int h, int d) -> auto& { return m(t, h * counts.dim + d); };
}

template <class T> class eigen : public ::testing::Test {};
using element_types = ::testing::Types<float, double, Eigen::half, Eigen::bfloat16>;
TYPED_TEST_SUITE(eigen, element_types, support::element_names);

// ---- The elements of views ---------------------------------------------------------------------

TYPED_TEST(eigen, storage_order_says_where_tokens_are) {
  column_major<TypeParam> c(width, 5);
  expect_rotated_alike(heads_from(c, 3), counts, columns(c));
  row_major<TypeParam> r(5, width);
  expect_rotated_alike(heads_from(r, 3), counts, rows(r));
  Eigen::Array<TypeParam, width, 5> a; // an Array of fixed size
  expect_rotated_alike(heads_from(a, std::size_t{3}), counts, columns(a));
  expect_rotated_alike(heads_from(a.transpose(), 3), counts, columns(a));
}

TYPED_TEST(eigen, blocks_leave_the_rest_alone) {
  column_major<TypeParam> whole = column_major<TypeParam>::Constant(100, 9, TypeParam(2));
  auto k = whole.block(40, 2, width, 5); // k in columns [q|k|v], of five of the tokens
  const auto view = heads_from(k, 3);
  EXPECT_EQ(view.data(), &whole(40, 2));
  EXPECT_EQ(view.token_stride(), 100);
  EXPECT_EQ(view.head_stride(), 8);
  expect_rotated_alike(view, counts, columns(k));
  k.setConstant(TypeParam(2));
  EXPECT_TRUE(whole == (column_major<TypeParam>::Constant(100, 9, TypeParam(2))));

  row_major<TypeParam> other(9, 100);
  auto middle = other.middleRows(1, 5).middleCols(7, width);
  expect_rotated_alike(heads_from(middle, 3), counts, rows(middle));
  expect_rotated_alike(heads_from(other.block(1, 7, 5, width), 3), counts, rows(middle));
}

TYPED_TEST(eigen, maps_with_strides) {
  std::vector<TypeParam> memory(9 * 100);
  Eigen::Map<column_major<TypeParam>, 0, Eigen::OuterStride<>> c(memory.data() + 3, width, 5,
                                                                 Eigen::OuterStride<>(37));
  EXPECT_EQ(heads_from(c, 3).token_stride(), 37);
  expect_rotated_alike(heads_from(c, 3), counts, columns(c));
  using strides = Eigen::Stride<Dynamic, Dynamic>;
  Eigen::Map<row_major<TypeParam>, 0, strides> r(memory.data(), 5, width, strides(99, 1));
  expect_rotated_alike(heads_from(r, 3), counts, rows(r));
  Eigen::Ref<column_major<TypeParam>, 0, Eigen::OuterStride<>> ref(c);
  expect_rotated_alike(heads_from(ref, 3), counts, columns(c));
}

TYPED_TEST(eigen, a_vector_is_one_token) {
  const head_counts one{1, 3, 8};
  Eigen::Matrix<TypeParam, Dynamic, 1> v(width);
  expect_rotated_alike(
      heads_from(v, 3), one, [&](int, int h, int d) -> auto& { return v(h * 8 + d); });
  Eigen::Matrix<TypeParam, 1, width> w;
  expect_rotated_alike(
      heads_from(w, 3), one, [&](int, int h, int d) -> auto& { return w(h * 8 + d); });
  column_major<TypeParam> m(width, 4);
  expect_rotated_alike(
      heads_from(m.col(2), 3), one, [&](int, int h, int d) -> auto& { return m(h * 8 + d, 2); });
  expect_rotated_alike(
      heads_from(v.segment(8, 8), 1),
      {1, 1, 8}, [&](int, int, int d) -> auto& { return v(8 + d); });
}

TYPED_TEST(eigen, tensors_of_either_layout) {
  tensor3<TypeParam> c(8, 3, 5);
  const auto in_c = [&](int t, int h, int d) -> auto& { return c(d, h, t); };
  expect_rotated_alike(heads_from(c), counts, in_c);
  Eigen::TensorMap<tensor3<TypeParam>> map(c.data(), 8, 3, 5);
  expect_rotated_alike(heads_from(map), counts, in_c);
  expect_rotated_alike(heads_from(Eigen::TensorMap<tensor3<TypeParam>>(c.data(), 8, 3, 5)), counts,
                       in_c);
  row_tensor3<TypeParam> r(5, 3, 8);
  expect_rotated_alike(
      heads_from(r), counts, [&](int t, int h, int d) -> auto& { return r(t, h, d); });
  Eigen::TensorFixedSize<TypeParam, Eigen::Sizes<8, 3, 5>> f;
  expect_rotated_alike(
      heads_from(f), counts, [&](int t, int h, int d) -> auto& { return f(d, h, t); });
  // [heads][tokens][dim], and [dim, tokens, heads] column-major, which is the same memory.
  row_tensor3<TypeParam> h_major(3, 5, 8);
  expect_rotated_alike(
      heads_from(h_major, yarn::dim_order::heads_tokens_dim),
      counts, [&](int t, int h, int d) -> auto& { return h_major(h, t, d); });
  tensor3<TypeParam> mirrored(8, 5, 3);
  expect_rotated_alike(
      heads_from(mirrored, yarn::dim_order::dim_tokens_heads),
      counts, [&](int t, int h, int d) -> auto& { return mirrored(d, t, h); });
}

TYPED_TEST(eigen, tensors_of_sequences) {
  Eigen::Tensor<TypeParam, 4> c(8, 3, 5, 2);
  Eigen::Tensor<TypeParam, 4, Eigen::RowMajor> r(2, 3, 5, 8);
  for (int s = 0; s < 2; ++s) {
    expect_rotated_alike(
        heads_from(c, s), counts, [&](int t, int h, int d) -> auto& { return c(d, h, t, s); });
    expect_rotated_alike(
        heads_from(r, s, yarn::dim_order::heads_tokens_dim),
        counts, [&](int t, int h, int d) -> auto& { return r(s, h, t, d); });
  }
  expect_error<std::out_of_range>([&] { return heads_from(c, 2); }, {"sequence 2", "[0, 2)"});
}

TYPED_TEST(eigen, constness_is_that_of_the_object) {
  using T = TypeParam;
  column_major<T> m(width, 5);
  for (int i = 0; i < m.size(); ++i)
    m.data()[i] = T(static_cast<float>(i % 17) - 8);
  const column_major<T>& c = m;
  const auto read_only = [](auto view) {
    static_assert(std::is_same_v<decltype(view), yarn::heads_view<const T>>);
    return view;
  };
  const auto at = [&](int t, int h, int d) { return c(h * 8 + d, t); };
  expect_copied_alike(read_only(heads_from(c, 3)), counts, at);
  expect_copied_alike(read_only(heads_from(c.leftCols(5), 3)), counts, at);
  const Eigen::Ref<const column_major<T>> ref(m);
  expect_copied_alike(read_only(heads_from(ref, 3)), counts, at);
  const Eigen::Map<const column_major<T>> map(m.data(), width, 5);
  expect_copied_alike(read_only(heads_from(map, 3)), counts, at);
  tensor3<T> t(8, 3, 5);
  std::copy_n(m.data(), m.size(), t.data());
  const tensor3<T>& const_tensor = t;
  expect_copied_alike(read_only(heads_from(const_tensor)), counts, at);
  // A temporary view is as writable as the object that it views.
  static_assert(std::is_same_v<decltype(heads_from(m.leftCols(2), 3)), yarn::heads_view<T>>);
}

TEST(eigen_empty, objects_give_empty_views) {
  Eigen::MatrixXf none(width, 0);
  EXPECT_EQ(heads_from(none, 3).n_tokens(), 0);
  EXPECT_EQ(heads_from(none, 3).head_dim(), 8);
  Eigen::MatrixXf nothing;
  EXPECT_EQ(heads_from(nothing, 3).head_dim(), 0);
  Eigen::Tensor<float, 3> t(8, 0, 5);
  EXPECT_EQ(heads_from(t).n_heads(), 0);
}

// ---- cos and sin, positions ---------------------------------------------------------------------

TYPED_TEST(eigen, arrays_of_cos_and_sin) {
  using T = TypeParam;
  row_major<T> packed(6, 10); // [cos|sin]
  for (int i = 0; i < packed.size(); ++i)
    packed.data()[i] = T(static_cast<float>(i));
  const auto by_row = yarn::rows_from(packed.leftCols(5), packed.rightCols(5));
  static_assert(std::is_same_v<decltype(by_row), const yarn::rows_view<T>>);
  EXPECT_EQ(by_row.n_rows(), 6);
  EXPECT_EQ(by_row.n_pairs(), 5);
  EXPECT_EQ(by_row.row_stride(), 10);
  EXPECT_EQ(by_row.cos(2), &packed(2, 0));
  EXPECT_EQ(by_row.sin(2), &packed(2, 5));
  const column_major<T> cos = packed.leftCols(5).transpose();
  const column_major<T> sin = packed.rightCols(5).transpose();
  const auto table = yarn::table_from(cos, sin);
  static_assert(std::is_same_v<decltype(table), const yarn::table_view<T>>);
  EXPECT_EQ(table.n_rows(), 6);
  EXPECT_EQ(table.cos(5), &cos(0, 5));
  EXPECT_EQ(table.sin(5), &sin(0, 5));
  Eigen::Matrix<T, 5, 1> one_cos, one_sin; // of one token
  EXPECT_EQ(yarn::rows_from(one_cos, one_sin).n_rows(), 1);
  EXPECT_EQ(yarn::rows_from(one_cos, one_sin).row_stride(), 5);
}

TEST(eigen_rows, must_agree) {
  const Eigen::MatrixXf cos(5, 6), fewer(5, 4), narrow(4, 6), wide(7, 6);
  expect_error<invalid>([&] { return yarn::rows_from(cos, fewer); },
                        {"rows_from", "6 rows", "4 rows of 5"});
  expect_error<invalid>([&] { return yarn::table_from(cos, narrow); },
                        {"table_from", "rows of 5", "4"});
  expect_error<invalid>([&] { return yarn::rows_from(cos, wide.topRows(5)); },
                        {"5 apart", "7 apart"});
  const Eigen::Map<const Eigen::MatrixXf, 0, Eigen::InnerStride<2>> gaps(wide.data(), 3, 6);
  expect_error<invalid>([&] { return yarn::rows_from(gaps, gaps); }, {"cos", "innerStride = 2"});
  const Eigen::Map<const Eigen::MatrixXf, 0, Eigen::OuterStride<>> same(wide.data(), 5, 6,
                                                                        Eigen::OuterStride<>(0));
  expect_error<invalid>([&] { return yarn::rows_from(same, same); },
                        {"rows_from", "stride 0", "rows"});
}

TEST(eigen_positions, are_read_where_they_lie) {
  Eigen::VectorXi narrow(4);
  narrow << 3, -1, 7, 2;
  const auto list = yarn::positions_in(narrow);
  EXPECT_EQ(list.size(), 4);
  EXPECT_EQ(list[1], -1);
  EXPECT_EQ(list[3], 2);
  Eigen::Matrix<std::int64_t, 1, 3> wide(std::int64_t{1} << 40, 5, 6);
  EXPECT_EQ(yarn::positions_in(wide)[0], std::int64_t{1} << 40);
  EXPECT_EQ(yarn::positions_in(narrow.tail(2))[0], 7);
  const Eigen::Map<const Eigen::VectorXi, 0, Eigen::InnerStride<2>> every_other(narrow.data(), 2);
  expect_error<invalid>([&] { return yarn::positions_in(every_other); },
                        {"positions_in", "innerStride = 2"});
}

TEST(eigen_positions, on_several_axes_are_rows) {
  const auto expect_at = [](const auto& x) {
    const yarn::axis_positions list = yarn::axis_positions_in(x);
    EXPECT_EQ(list.size(), 4);
    EXPECT_EQ(list.n_axes(), 3);
    for (int axis = 0; axis < 3; ++axis)
      for (int t = 0; t < 4; ++t)
        EXPECT_EQ(list(t, axis), x(axis, t));
  };
  Eigen::Matrix<std::int64_t, 3, 4> c;
  for (int i = 0; i < c.size(); ++i)
    c.data()[i] = i * i;
  expect_at(c);
  const row_major<int> r = c.cast<int>();
  expect_at(r);
  row_major<int> by_token = r.transpose();
  expect_at(by_token.transpose());
  Eigen::MatrixXi large = Eigen::MatrixXi::Random(7, 9);
  expect_at(large.block(2, 3, 3, 4));
  EXPECT_EQ(yarn::axis_positions_in(large.topRows(3)).size(), 9);
  const Eigen::Vector3i token(7, 8, 9); // the axes of one token
  EXPECT_EQ(yarn::axis_positions_in(token)(0, 2), 9);
}

// ---- Refused objects ----------------------------------------------------------------------------

TEST(eigen_refused, heads_that_do_not_divide) {
  Eigen::MatrixXf c(width, 5);
  expect_error<invalid>([&] { return heads_from(c, 5); }, {"n_heads = 5", "24", "column"});
  expect_error<invalid>([&] { return heads_from(c, 0); }, {"n_heads = 0", ">= 1"});
  expect_error<invalid>([&] { return heads_from(c, -3); }, {"n_heads = -3"});
  row_major<float> r(5, width);
  expect_error<invalid>([&] { return heads_from(r, 7); }, {"n_heads = 7", "24", "row"});
}

TEST(eigen_refused, strides_that_no_view_has) {
  std::vector<float> memory(1000);
  using strides = Eigen::Stride<Dynamic, Dynamic>;
  const auto with = [&](int outer, int inner) {
    Eigen::Map<Eigen::MatrixXf, 0, strides> map(memory.data() + 500, 8, 4, strides(outer, inner));
    heads_from(map, 2);
  };
  expect_error<invalid>([&] { with(16, 2); }, {"innerStride = 2", "must be 1"});
  expect_error<invalid>([&] { with(0, 1); }, {"heads_from", "stride 0", "tokens"});
  expect_error<invalid>([&] { with(-8, 1); }, {"heads_from", "stride -8", "tokens"});
  Eigen::MatrixXf c(5, width);
  expect_error<invalid>([&] { return heads_from(c.row(2), 3); }, {"innerStride = 5"});
}

TEST(eigen_refused, tensors_with_heads_that_are_not_contiguous) {
  Eigen::Tensor<float, 3> c(5, 3, 8); // [tokens, heads, dim], but column-major
  expect_error<invalid>([&] { return heads_from(c, yarn::dim_order::tokens_heads_dim); },
                        {"stride 15", "dim", "[tokens, heads, dim]"});
  expect_error<invalid>([&] { return heads_from(c, static_cast<yarn::dim_order>(7)); },
                        {"dim_order = 7"});
}

// The stride of a single token or head may be any number.
TEST(eigen_stride, of_a_single_token_becomes_dense) {
  std::vector<float> memory(100);
  using strides = Eigen::Stride<Dynamic, Dynamic>;
  const Eigen::Map<Eigen::MatrixXf, 0, strides> one(memory.data(), width, 1, strides(-4, 1));
  EXPECT_EQ(heads_from(one, 3).token_stride(), 24);
}

} // namespace

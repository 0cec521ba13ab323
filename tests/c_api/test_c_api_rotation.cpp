// SPDX-License-Identifier: MIT
// Rotates by C and by C++, and compares the bits: element types, orders of pairs, sources of rows,
// slices, tails. test_c_api_copies.cpp has the other pairs of types, test_c_api_norm.cpp the norms.
#include "../support/c_api_rotation.hpp"

namespace {

using namespace support;
using yarn::bfloat16;
using yarn::float16;
using yarn::float8_e4m3;
using yarn::float8_e5m2;
using yarn::pairing;

constexpr pairing pairings[] = {pairing::half_split, pairing::interleaved};

class c_api_rotation : public c_api_test {};

template <class T> class c_api_rotation_of : public c_api_test {};
using element_types = testing::Types<float, double, float16, bfloat16, float8_e4m3, float8_e5m2>;
TYPED_TEST_SUITE(c_api_rotation_of, element_types, c_type_names);

TYPED_TEST(c_api_rotation_of, in_place_has_the_bits_of_cpp) {
  // 96 of 101 elements are rotated; 45 tokens are two blocks of rows.
  const rotation_rows rows(96, 45);
  for (const pairing p : pairings) {
    tensor_pair<TypeParam> q(45, 3, 101, 1), k(45, 2, 96, 2), x(45, 1, 97, 3);
    const yarn_tensor c_q = q.c_view(), c_k = k.c_view(), c_x = x.c_view();
    ASSERT_EQ(yarn_rope_apply(&c_q, &c_k, &rows.source, static_cast<yarn_pairing>(p)), YARN_OK)
        << yarn_last_error();
    rope_apply(q.view(), k.view(), rows.cpp_rows, p);
    q.expect_same(name_of_type<TypeParam>(), 1);
    k.expect_same(name_of_type<TypeParam>(), 2);
    ASSERT_EQ(yarn_rope_apply(&c_x, nullptr, &rows.source, static_cast<yarn_pairing>(p)), YARN_OK);
    rope_apply(x.view(), rows.cpp_rows, p);
    x.expect_same(name_of_type<TypeParam>(), 3);
  }
}

TYPED_TEST(c_api_rotation_of, with_doubles_has_the_bits_of_cpp) {
  // If q or k is double, both are computed in double.
  const rotation_rows rows(96, 5);
  for (const pairing p : pairings) {
    tensor_pair<TypeParam> q(5, 3, 101, 1);
    tensor_pair<double> k(5, 2, 96, 2);
    const yarn_tensor c_q = q.c_view(), c_k = k.c_view();
    ASSERT_EQ(yarn_rope_apply(&c_q, &c_k, &rows.source, static_cast<yarn_pairing>(p)), YARN_OK);
    rope_apply(q.view(), k.view(), rows.cpp_rows, p);
    q.expect_same(name_of_type<TypeParam>(), 1);
    k.expect_same(name_of_type<TypeParam>(), 2);
  }
}

TYPED_TEST(c_api_rotation_of, from_float_has_the_bits_of_cpp) {
  const rotation_rows rows(96, 7);
  for (const pairing p : pairings)
    for (const pairing order : pairings) {
      tensor_pair<float> source(7, 3, 101, 4);
      tensor_pair<TypeParam> target(7, 3, 101, 5);
      const yarn_tensor from = source.c_view(), to = target.c_view();
      ASSERT_EQ(yarn_rope_copy(&from, &to, &rows.source, static_cast<yarn_pairing>(p),
                               static_cast<yarn_pairing>(order)),
                YARN_OK)
          << yarn_last_error();
      rope_copy(source.view(), target.view(), rows.cpp_rows, p, yarn::output_order{order});
      target.expect_same(name_of_type<TypeParam>(), 5);
    }
}

TYPED_TEST(c_api_rotation_of, by_rows_of_every_type_has_the_bits_of_cpp) {
  // Rows and tables in memory of the caller, in all formats.
  const rotation_rows rows(64, 9);
  std::vector<TypeParam> cos, sin;
  for (std::int64_t p = 0; p < 40; ++p)
    for (int i = 0; i < 32; ++i) {
      cos.push_back(random_element<TypeParam>(6, static_cast<std::size_t>(p * 32 + i)));
      sin.push_back(random_element<TypeParam>(7, static_cast<std::size_t>(p * 32 + i)));
    }
  auto view = sized<yarn_cos_sin>();
  view.cos = cos.data();
  view.sin = sin.data();
  view.type = c_type<TypeParam>;
  view.n_pairs = view.row_stride = 32;
  const auto compare = [&](const yarn_row_source& source, const auto& cpp_rows, const char* what) {
    tensor_pair<float> x(9, 2, 70);
    const yarn_tensor c_x = x.c_view();
    ASSERT_EQ(yarn_rope_apply(&c_x, nullptr, &source, YARN_HALF_SPLIT), YARN_OK)
        << yarn_last_error();
    rope_apply(x.view(), cpp_rows, pairing::half_split);
    x.expect_same(std::string(name_of_type<TypeParam>()) + what);
  };

  auto source = sized<yarn_row_source>();
  view.n_rows = 9;
  source.prepared = &view;
  compare(source, yarn::rows_view<TypeParam>(cos.data(), sin.data(), 9, 32, 32), " rows");

  const yarn::table_view<TypeParam> table(cos.data(), sin.data(), 40, 32, 32);
  const std::vector<std::int32_t> ids{3, 1, 4, 1, 5, 9, 2, 6, 39};
  const yarn_positions list = c_list(ids, 9), run = c_run(20, -1);
  view.n_rows = 40;
  source = sized<yarn_row_source>();
  source.table = &view;
  source.positions = &list;
  compare(source, rows_of(table, yarn::positions(ids)), " table");
  source.positions = &run;
  compare(source, rows_of(table, yarn::positions_from(20)), " table, open run");

  std::vector<std::uint8_t> axes(32, 1);
  axes[0] = axes[5] = 0;
  const std::vector<std::int64_t> two_axes{0, 1, 2, 3, 4, 5, 6, 7, 8, 39, 3, 3, 3, 0, 0, 9, 9, 9};
  const yarn_positions on_axes = c_list(two_axes, 9, 2);
  view.axis_of_pair = axes.data();
  view.n_axes = 2;
  source.positions = &on_axes;
  compare(source,
          rows_of(table.with_axes(axes.data(), 2), yarn::axis_positions(two_axes.data(), 9, 2)),
          " table with axes");
}

TEST_F(c_api_rotation, by_frequencies_has_the_bits_of_cpp) {
  const rotation_rows rows(128, 1);
  const std::vector<std::int64_t> ids{7, -3, 100000};
  const yarn_positions list = c_list(ids, 3), run = c_run(500, -1);
  auto source = sized<yarn_row_source>();
  source.frequencies = rows.c.get();
  const auto compare = [&](const auto& cpp_rows, std::int64_t n, const char* what) {
    tensor_pair<float> x(n, 4, 128);
    tensor_pair<bfloat16> y(n, 2, 128);
    const yarn_tensor c_x = x.c_view(), c_y = y.c_view();
    ASSERT_EQ(yarn_rope_apply(&c_x, &c_y, &source, YARN_INTERLEAVED), YARN_OK) << yarn_last_error();
    rope_apply(x.view(), y.view(), cpp_rows, pairing::interleaved);
    x.expect_same(what);
    y.expect_same(what);
  };
  source.positions = &list;
  compare(rows_of(rows.cpp, yarn::positions(ids)), 3, "list");
  source.positions = &run;
  compare(rows_of(rows.cpp, yarn::positions_from(500)), 150, "run");
  yarn_temperature t;
  ASSERT_EQ(yarn_temperature_init(&t, sizeof t, YARN_TEMPERATURE_LOG_N), YARN_OK);
  t.original_length = 300;
  source.temperature = &t;
  compare(rows_of(rows.cpp, yarn::positions_from(500), yarn::log_n_temperature{300}), 150,
          "temperature");

  const std::int64_t sections[] = {16, 24, 24};
  const auto with_axes = made<c_frequencies>(yarn_with_sections, rows.c.get(), sections, 3);
  const std::vector<std::int32_t> three_axes{1, 2, 3, 40, 50, 60, 700, 800, 900};
  const yarn_positions on_axes = c_list(three_axes, 3, 3);
  source = sized<yarn_row_source>();
  source.frequencies = with_axes.get();
  source.positions = &on_axes;
  compare(rows_of(yarn::with_axes(rows.cpp, yarn::axis_sections{16, 24, 24}),
                  yarn::axis_positions(three_axes.data(), 3, 3)),
          3, "axes");
}

TEST_F(c_api_rotation, of_large_heads_has_the_bits_of_cpp) {
  // 5000 rotated elements: a row and a head do not fit the scratch buffers, so they are processed
  // in sections.
  const rotation_rows rows(5000, 3);
  for (const pairing p : pairings)
    for (const pairing order : pairings) {
      tensor_pair<float> source(3, 2, 5600);
      tensor_pair<bfloat16> target(3, 2, 5600, 1);
      const yarn_tensor from = source.c_view(), to = target.c_view();
      ASSERT_EQ(yarn_rope_copy(&from, &to, &rows.source, static_cast<yarn_pairing>(p),
                               static_cast<yarn_pairing>(order)),
                YARN_OK);
      rope_copy(source.view(), target.view(), rows.cpp_rows, p, yarn::output_order{order});
      target.expect_same("large heads", 1);
    }
  tensor_pair<float> x(3, 2, 5600);
  tensor_pair<double> y(3, 1, 5000);
  const yarn_tensor c_x = x.c_view(), c_y = y.c_view();
  ASSERT_EQ(yarn_rope_apply(&c_x, &c_y, &rows.source, YARN_HALF_SPLIT), YARN_OK);
  rope_apply(x.view(), y.view(), rows.cpp_rows, pairing::half_split);
  x.expect_same("large heads with doubles");
}

TEST_F(c_api_rotation, in_slices_without_checks_has_the_bits_of_cpp) {
  const rotation_rows rows(64, 70);
  tensor_pair<float> q(70, 3, 64), k(70, 1, 64);
  tensor_pair<float16> cache(70, 3, 64, 8);
  const yarn_tensor c_q = q.c_view(), c_k = k.c_view(), c_cache = cache.c_view();
  ASSERT_EQ(yarn_rope_copy_check(&c_q, &c_cache, &rows.source, YARN_HALF_SPLIT, YARN_INTERLEAVED),
            YARN_OK);
  ASSERT_EQ(yarn_rope_check(&c_q, &c_k, &rows.source, YARN_HALF_SPLIT), YARN_OK);
  for (const std::int64_t thread : {2, 0, 1})
    yarn_rope_copy_unchecked(&c_q, &c_cache, &rows.source, YARN_HALF_SPLIT, YARN_INTERLEAVED,
                             thread, 3);
  for (const std::int64_t thread : {4, 2, 0, 1, 3})
    yarn_rope_apply_unchecked(&c_q, &c_k, &rows.source, YARN_HALF_SPLIT, thread, 5);
  rope_copy(q.view(), cache.view(), rows.cpp_rows, pairing::half_split,
            yarn::output_order{pairing::interleaved});
  rope_apply(q.view(), k.view(), rows.cpp_rows, pairing::half_split);
  cache.expect_same("copy", 8);
  q.expect_same("q");
  k.expect_same("k");
}

TEST_F(c_api_rotation, of_no_tokens_or_heads_does_nothing) {
  const rotation_rows rows(64, 0);
  tensor_pair<float> x(0, 3, 64), y(0, 0, 64);
  const yarn_tensor c_x = x.c_view(), c_y = y.c_view();
  EXPECT_EQ(yarn_rope_apply(&c_x, &c_y, &rows.source, YARN_HALF_SPLIT), YARN_OK)
      << yarn_last_error();
  rope_apply(x.view(), y.view(), rows.cpp_rows, pairing::half_split);
}

TEST_F(c_api_rotation, of_the_same_view_may_change_the_type) {
  // In place from float16 to bfloat16: C++ allows it, because the elements have the same size.
  const rotation_rows rows(32, 4);
  tensor_pair<float16> x(4, 2, 40);
  const yarn_tensor from = x.c_view();
  yarn_tensor to = from;
  to.type = YARN_BFLOAT16;
  ASSERT_EQ(yarn_rope_copy(&from, &to, &rows.source, YARN_HALF_SPLIT, YARN_HALF_SPLIT), YARN_OK)
      << yarn_last_error();
  const auto view = x.view();
  rope_copy(view,
            yarn::heads_view<bfloat16>(reinterpret_cast<bfloat16*>(view.data()), 4, 2, 40)
                .with_strides(view.token_stride(), view.head_stride()),
            rows.cpp_rows, pairing::half_split);
  x.expect_same("the same view");
}

} // namespace

// SPDX-License-Identifier: MIT
// rope_copy between all pairs of element types and with all orders of pairs, and norms of all
// types, by C and by C++. (Full suite: the kernels of C++ take a minute to compile.)
#include "../support/c_api_rotation.hpp"

namespace {

using namespace support;
using yarn::bfloat16;
using yarn::float16;
using yarn::float8_e4m3;
using yarn::float8_e5m2;
using yarn::pairing;

template <class T> class c_api_copies : public c_api_test {};
using element_types = testing::Types<float, double, float16, bfloat16, float8_e4m3, float8_e5m2>;
TYPED_TEST_SUITE(c_api_copies, element_types);

constexpr pairing pairings[] = {pairing::half_split, pairing::interleaved};

template <class From, class To> void compare_copies() {
  const rotation_rows rows(96, 7);
  for (const pairing p : pairings)
    for (const pairing order : pairings) {
      tensor_pair<From> source(7, 3, 101, 4);
      tensor_pair<To> target(7, 3, 101, 5);
      const yarn_tensor from = source.c_view(), to = target.c_view();
      ASSERT_EQ(yarn_rope_copy(&from, &to, &rows.source, static_cast<yarn_pairing>(p),
                               static_cast<yarn_pairing>(order)),
                YARN_OK)
          << yarn_last_error();
      rope_copy(source.view(), target.view(), rows.cpp_rows, p, yarn::output_order{order});
      target.expect_same(std::string(name_of_type<From>()) + " to " + name_of_type<To>(), 5);
    }
}

TYPED_TEST(c_api_copies, to_every_type_have_the_bits_of_cpp) {
  compare_copies<TypeParam, float>();
  compare_copies<TypeParam, double>();
  compare_copies<TypeParam, float16>();
  compare_copies<TypeParam, bfloat16>();
  compare_copies<TypeParam, float8_e4m3>();
  compare_copies<TypeParam, float8_e5m2>();
}

TYPED_TEST(c_api_copies, of_normed_tensors_have_the_bits_of_cpp) {
  const rotation_rows rows(96, 3);
  norm_pair<TypeParam> norms(9, 101);
  norms.for_each([&](const auto& norm, const yarn_norm& c_norm, const char* name) {
    for (const pairing p : pairings) {
      tensor_pair<TypeParam> x(3, 9, 101, 1);
      yarn_tensor c_x = x.c_view();
      c_x.norm = &c_norm;
      ASSERT_EQ(yarn_rope_apply(&c_x, nullptr, &rows.source, static_cast<yarn_pairing>(p)), YARN_OK)
          << yarn_last_error();
      rope_apply(normed(x.view(), norm), rows.cpp_rows, p);
      x.expect_same(std::string(name) + " of " + name_of_type<TypeParam>(), 1);
    }
  });
}

} // namespace

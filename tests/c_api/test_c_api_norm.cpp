// SPDX-License-Identifier: MIT
// Norms and rotations in one pass, by C and by C++: the bits must be the same.
#include "../support/c_api_rotation.hpp"

namespace {

using namespace support;
using yarn::bfloat16;
using yarn::float16;
using yarn::pairing;

constexpr pairing pairings[] = {pairing::half_split, pairing::interleaved};

class c_api_norm : public c_api_test {};

/// In place, with weights of type W.
template <class T, class W> void compare_in_place(std::int64_t n_heads, std::int64_t dim) {
  const rotation_rows rows(96, 4);
  norm_pair<W> norms(n_heads, dim);
  norms.for_each([&](const auto& norm, const yarn_norm& c_norm, const char* name) {
    for (const pairing p : pairings) {
      tensor_pair<T> x(4, n_heads, dim);
      yarn_tensor c_x = x.c_view();
      c_x.norm = &c_norm;
      ASSERT_EQ(yarn_rope_apply(&c_x, nullptr, &rows.source, static_cast<yarn_pairing>(p)), YARN_OK)
          << yarn_last_error();
      rope_apply(normed(x.view(), norm), rows.cpp_rows, p);
      x.expect_same(std::string(name) + ", " + name_of_type<T>() + ", weights " +
                    name_of_type<W>() + ", pairing " + std::to_string(static_cast<int>(p)));
    }
  });
}

TEST_F(c_api_norm, of_floats_has_the_bits_of_cpp) {
  compare_in_place<float, float>(37, 103); // more heads than in one group; a tail
}
TEST_F(c_api_norm, of_bfloat16_has_the_bits_of_cpp) {
  compare_in_place<bfloat16, bfloat16>(37, 96);
}

TEST_F(c_api_norm, of_q_and_k_with_a_double_has_the_bits_of_cpp) {
  const rotation_rows rows(96, 3);
  norm_pair<float16> norms(5, 101);
  norms.for_each([&](const auto& norm, const yarn_norm& c_norm, const char* name) {
    tensor_pair<float> q(3, 5, 101, 1);
    tensor_pair<double> k(3, 5, 101, 2);
    yarn_tensor c_q = q.c_view(), c_k = k.c_view();
    c_q.norm = c_k.norm = &c_norm;
    ASSERT_EQ(yarn_rope_apply(&c_q, &c_k, &rows.source, YARN_HALF_SPLIT), YARN_OK)
        << yarn_last_error();
    rope_apply(normed(q.view(), norm), normed(k.view(), norm), rows.cpp_rows, pairing::half_split);
    q.expect_same(name, 1);
    k.expect_same(name, 2);
  });
}

TEST_F(c_api_norm, of_a_copy_has_the_bits_of_cpp) {
  const rotation_rows rows(96, 3);
  norm_pair<bfloat16> norms(9, 101);
  norms.for_each([&](const auto& norm, const yarn_norm& c_norm, const char* name) {
    for (const pairing order : pairings) {
      tensor_pair<float> source(3, 9, 101, 1);
      tensor_pair<bfloat16> target(3, 9, 101, 2);
      yarn_tensor from = source.c_view();
      const yarn_tensor to = target.c_view();
      from.norm = &c_norm;
      ASSERT_EQ(yarn_rope_copy(&from, &to, &rows.source, YARN_HALF_SPLIT,
                               static_cast<yarn_pairing>(order)),
                YARN_OK)
          << yarn_last_error();
      rope_copy(normed(source.view(), norm), target.view(), rows.cpp_rows, pairing::half_split,
                yarn::output_order{order});
      target.expect_same(name, 2);
    }
  });
}

TEST_F(c_api_norm, of_large_heads_of_floats_has_the_bits_of_cpp) {
  compare_in_place<float, float>(3, 3000);
}

TEST_F(c_api_norm, of_large_heads_that_need_conversion_is_unsupported) {
  const rotation_rows rows(96, 1);
  const std::vector<float> weights(1025);
  auto norm = sized<yarn_norm>();
  norm.weight = weights.data();
  norm.weight_type = YARN_FLOAT32;
  norm.eps = 1e-5;
  tensor_pair<bfloat16> x(1, 1, 1025);
  yarn_tensor c_x = x.c_view();
  c_x.norm = &norm;
  EXPECT_EQ(yarn_rope_apply(&c_x, nullptr, &rows.source, YARN_HALF_SPLIT), YARN_UNSUPPORTED);
  EXPECT_STREQ(
      yarn_last_error(),
      "yarn: x is normed and has head_dim = 1025; above 1024, elements and weights must be "
      "float32 in the C API, and the order of the pairs must not change");
  EXPECT_EQ(std::memcmp(x.c.data(), x.cpp.data(), x.c.size() * 2), 0);
}

} // namespace

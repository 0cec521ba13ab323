// SPDX-License-Identifier: MIT
// Each part of the C API rotates with the bits of C++ code that has the same flags.
#include "../support/c_api_rotation.hpp"
#include "dispatch_parts.hpp"

namespace {

using namespace support;

TEST(c_api_dispatch, each_part_has_the_bits_of_cpp_with_its_flags) {
  int n_parts = 0;
  const char* largest = "";
  for (const yarn::isa set :
       {yarn::isa::baseline, yarn::isa::avx2, yarn::isa::avx512, yarn::isa::avx512_bf16}) {
    if (yarn_use_instruction_set(yarn::name_of(set)) != YARN_OK)
      continue; // the library has no such part, or this processor cannot run it
    ASSERT_TRUE(yarn::has_isa<cpp_kernels>(set)) << yarn::name_of(set);
    EXPECT_STREQ(yarn_instruction_set(), yarn::name_of(set));
    ++n_parts;
    largest = yarn::name_of(set);
    const auto& cpp = yarn::dispatch<cpp_kernels>(set);
    const rotation_rows model(96, 1);
    const auto f = made<c_frequencies>(yarn_frequencies_from, model.cpp.inv_freq().data(),
                                       YARN_FLOAT64, std::int64_t{48}, 1.0);
    const yarn_positions run = c_run(1000, -1);
    auto source = sized<yarn_row_source>();
    source.frequencies = f.get();
    source.positions = &run;

    tensor_pair<float> x(41, 5, 101);
    const yarn_tensor c_x = x.c_view();
    ASSERT_EQ(yarn_rope_apply(&c_x, nullptr, &source, YARN_INTERLEAVED), YARN_OK);
    cpp.rotate(x.view(), model.cpp.inv_freq().data(), 48);
    x.expect_same(yarn::name_of(set));

    tensor_pair<yarn::bfloat16> k(41, 5, 101);
    norm_pair<yarn::bfloat16> norms(1, 101);
    auto norm = sized<yarn_norm>();
    norm.weight = norms.weights.data();
    norm.weight_type = YARN_BFLOAT16;
    norm.eps = 1e-5;
    yarn_tensor c_k = k.c_view();
    c_k.norm = &norm;
    ASSERT_EQ(yarn_rope_apply(&c_k, nullptr, &source, YARN_HALF_SPLIT), YARN_OK);
    cpp.rotate_normed(k.view(), norms.weights.data(), model.cpp.inv_freq().data(), 48);
    k.expect_same(yarn::name_of(set));
  }
  EXPECT_GE(n_parts, 1);
  std::printf("%d parts\n", n_parts);
  ASSERT_EQ(yarn_use_instruction_set(nullptr), YARN_OK);
  EXPECT_STREQ(yarn_instruction_set(), largest);
}

TEST(c_api_dispatch, handles_of_different_parts_do_not_mix) {
  if (!yarn::has_isa<cpp_kernels>(yarn::isa::avx2))
    GTEST_SKIP() << "this processor can run only one part";
  ASSERT_EQ(yarn_use_instruction_set("baseline"), YARN_OK);
  const rotation_rows baseline(64, 2);
  ASSERT_EQ(yarn_use_instruction_set("avx2"), YARN_OK);
  const c_rows rows = made<c_rows>(yarn_rows_new, YARN_FLOAT32);
  const yarn_positions run = c_run(0, 2);
  EXPECT_EQ(yarn_rows_append(rows.get(), baseline.c.get(), &run, nullptr), YARN_INVALID_ARGUMENT);
  EXPECT_STREQ(yarn_last_error(),
               "yarn: rows and frequencies were made with different instruction sets");
  yarn_use_instruction_set(nullptr);
}

} // namespace

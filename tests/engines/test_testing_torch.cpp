// SPDX-License-Identifier: MIT
// yarn/testing.hpp checks results of the installed torch and transformers. dump_hf_rows.py writes
// tables and rotations of Hugging Face's Llama into the directory YARN_TEST_HF_ROWS before this
// test runs.
#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using yarn::testing::diagnosis;
using yarn::testing::expectation;
using yarn::testing::options;
using yarn::testing::report;

const std::vector<std::int64_t> positions = {0, 1, 2, 3, 61, 1021, 4095, 32767, 131071};

std::vector<float> read(const std::string& name, std::size_t n) {
  const char* const directory = std::getenv("YARN_TEST_HF_ROWS");
  if (directory == nullptr)
    throw std::runtime_error("YARN_TEST_HF_ROWS is not set");
  std::ifstream file(std::string(directory) + "/" + name, std::ios::binary);
  std::vector<float> values(n);
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(n * sizeof(float)));
  if (!file || file.peek() != std::ifstream::traits_type::eof())
    throw std::runtime_error(name + " is missing or of another size");
  return values;
}

/// The parameters of dump_hf_rows.py.
expectation expected(const std::string& name, yarn::pairing order = yarn::pairing::half_split) {
  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rope_theta = name == "llama3" ? 500000.0 : 10000.0;
  yarn::any_scaling method;
  if (name == "linear") {
    yarn::linear_scaling linear;
    linear.factor = 4;
    method = linear;
  } else if (name == "yarn") {
    yarn::yarn_scaling scaling;
    scaling.factor = 16;
    scaling.original_max_position_embeddings = 4096;
    method = scaling;
  } else if (name == "llama3") {
    yarn::llama3_scaling scaling;
    scaling.factor = 8;
    scaling.original_max_position_embeddings = 8192;
    method = scaling;
  }
  return {shape, method, order};
}

report check_table(const std::string& name, const expectation& e, const options& o) {
  const std::size_t n = positions.size();
  const std::vector<float> cos = read(name + ".cos", n * 128), sin = read(name + ".sin", n * 128);
  // The table of torch has 128 entries for 64 pairs: both halves are equal.
  return yarn::testing::check_rows(e, yarn::rows_view<float>(cos.data(), sin.data(), n, 128, 128),
                                   yarn::positions(positions), o);
}
report check_rotation(const std::string& name, const expectation& e, const options& o) {
  const std::size_t n = positions.size();
  const std::vector<float> before = read(name + ".before", 2 * n * 128);
  const std::vector<float> after = read(name + ".after", 2 * n * 128);
  const auto view = [n](const std::vector<float>& x) { // [head][token][dim]
    return yarn::heads_view<const float>(x.data(), n, 2, 128).with_strides(128, n * 128);
  };
  return yarn::testing::check_rotated(e, view(before), view(after), yarn::positions(positions), o);
}

const std::vector<std::string> names = {"default", "linear", "yarn", "llama3"};

TEST(testing_torch, is_right_except_for_float32_angles) {
  options accepting;
  accepting.accept_float32_angles = true;
  for (const std::string& name : names)
    for (const auto& check : {check_table, check_rotation}) {
      const report accepted = check(name, expected(name), accepting);
      EXPECT_TRUE(accepted) << name << ": " << accepted;
      const report strict = check(name, expected(name), {});
      EXPECT_FALSE(strict);
      EXPECT_EQ(strict.findings.size(), 1U) << name << ": " << strict;
      EXPECT_TRUE(strict.has(diagnosis::float32_angles)) << name << ": " << strict;
    }
}

TEST(testing_torch, wrong_parameters_are_named) {
  for (const auto& check : {check_table, check_rotation}) {
    EXPECT_TRUE(check("default", expected("yarn"), {}).has(diagnosis::scaling_missing));
    EXPECT_TRUE(check("linear", expected("default"), {}).has(diagnosis::wrong_factor));
    EXPECT_TRUE(check("default", expected("linear"), {}).has(diagnosis::scaling_missing));
    const report theta = check("llama3", expected("default"), {});
    EXPECT_FALSE(theta.ok()) << theta;
  }
  const report r = check_rotation("yarn", expected("yarn", yarn::pairing::interleaved), {});
  EXPECT_TRUE(r.has(diagnosis::wrong_pairing)) << r;
}

} // namespace

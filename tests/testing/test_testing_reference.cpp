// SPDX-License-Identifier: MIT
// Checks recorded results of real implementations with yarn/testing.hpp
// (tests/reference/README.md). Hugging Face, vLLM, the authors' code and ggml are right, except for
// float32 angles, which the report names, and for four cases of inv_freq.json. With wrong
// parameters, the report names the difference.
#include "../support/reference_cases.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <set>
#include <string>
#include <vector>

namespace {

using yarn::testing::diagnosis;
using yarn::testing::expectation;
using yarn::testing::options;
using yarn::testing::report;

std::vector<diagnosis> found(const report& r) {
  std::vector<diagnosis> list;
  for (const yarn::testing::finding& one : r.findings) {
    list.push_back(one.what);
  }
  std::sort(list.begin(), list.end());
  return list;
}

// ---- Inverse frequencies ----------------------------------------------------------------------

TEST(testing_reference, accepts_recorded_frequencies_that_the_library_reproduces) {
  // These cases differ from the library. test_reference.cpp has the reasons.
  const std::set<std::string> others = {"vllm-ntk-fixed-x8", "hf-yarn-edge-orig-1",
                                        "hf-yarn-edge-orig-4", "jq-yarn-orig4"};
  std::size_t n_right = 0;
  for (const reference::inv_freq_case& one : reference::read_inv_freq_cases()) {
    if (one.id == "hf-yarn-edge-betas-swapped") {
      continue; // The library refuses these betas.
    }
    const reference::mapped_case mapped = reference::map_case(one);
    const expectation expected(mapped.shape, mapped.scaling, yarn::pairing::half_split,
                               mapped.seq_len);
    const report r = yarn::testing::check_inv_freq(expected, one.inv_freq.data(),
                                                   one.inv_freq.size(), one.attention_factor);
    EXPECT_EQ(r.ok(), others.count(one.id) == 0) << one.id << ": " << r;
    EXPECT_EQ(r.findings.empty(), r.ok()) << one.id << ": " << r;
    n_right += r.ok() ? 1 : 0;
  }
  EXPECT_EQ(n_right, 169U);
}

// ---- Rotations --------------------------------------------------------------------------------

// NOLINTNEXTLINE(bugprone-exception-escape): the move of nlohmann::json is declared noexcept
struct recorded {
  reference::json entry;
  std::string id() const { return entry.at("id"); }
  std::string dtype() const { return entry.at("dtype"); }
  bool is_inverse() const { return entry.at("op") == "inverse"; }
  bool is_ggml() const { return entry.contains("ggml"); }
  std::int64_t head_dim() const { return entry.at("head_dim"); }
  std::int64_t n_heads() const { return entry.at("n_heads"); }
  yarn::pairing order() const {
    return entry.at("layout") == "half" ? yarn::pairing::half_split : yarn::pairing::interleaved;
  }
  yarn::pairing output_order() const {
    return entry.at("layout") == "interleaved" ? yarn::pairing::interleaved
                                               : yarn::pairing::half_split;
  }
};

void PrintTo(const recorded& one, std::ostream* out) { // NOLINT: GoogleTest's name
  *out << one.id();
}

/// All recorded rotations with one position per token.
std::vector<recorded> rotations() {
  std::vector<recorded> all;
  for (const reference::json& entry : reference::read_json("rotation.json")) {
    if (!entry.at("positions").at(0).is_array()) {
      all.push_back({entry});
    }
  }
  return all;
}

/// The expectation of a recorded rotation, with this shape, method and length.
template <class Method>
expectation expected_of(const recorded& one, yarn::rope_shape shape, const Method& method,
                        std::int64_t seq_len, yarn::pairing order, yarn::pairing output) {
  shape.head_dim = one.head_dim();
  return expectation(shape, method, order, seq_len).with_output_order(output);
}

/// The parameters of the library for arguments of ggml_rope_ext, as in test_rotation_reference.cpp.
expectation ggml_expected(const recorded& one, double theta, yarn::pairing order) {
  const reference::json& ggml = one.entry.at("ggml");
  const auto number = [&](const char* key) { return ggml.at(key).get<double>(); };
  yarn::rope_shape shape;
  shape.rotary_dim = ggml.at("n_dims");
  shape.rope_theta = theta;
  const double factor = 1 / number("freq_scale");
  const double attn_factor = number("attn_factor");
  yarn::any_scaling method;
  if (number("ext_factor") > 0 || attn_factor < 1 || attn_factor > 1) {
    yarn::yarn_scaling scaling;
    scaling.factor = factor;
    scaling.original_max_position_embeddings = ggml.at("n_ctx_orig");
    scaling.beta_fast = number("beta_fast");
    scaling.beta_slow = number("beta_slow");
    scaling.extrapolation_factor = number("ext_factor");
    scaling.attn_factor = attn_factor;
    if (!(number("ext_factor") > 0)) {
      scaling.attention_factor = attn_factor;
    } else if (factor < 1) {
      scaling.attention_factor = attn_factor * (1 + 0.1 * std::log(factor));
    }
    method = scaling;
  } else {
    yarn::linear_scaling linear;
    linear.factor = factor;
    method = linear;
  }
  const reference::json& divisors = one.entry.value("freq_factors", reference::json::array());
  if (divisors.empty()) {
    return expected_of(one, shape, method, 0, order, order);
  }
  // freq_factors_scaling is a template, so each method has its own type.
  return std::visit(
      [&](const auto& held) {
        yarn::freq_factors_scaling<std::decay_t<decltype(held)>> divided;
        divided.method = held;
        divided.freq_factors = reference::float32_values(divisors);
        if constexpr (yarn::is_dynamic_scaling_v<std::decay_t<decltype(divided)>>) {
          throw std::logic_error("no case divides a dynamic method");
          return expected_of(one, shape, held, 0, order, order);
        } else {
          return expected_of(one, shape, divided, 0, order, order);
        }
      },
      method);
}

expectation expected_of(const recorded& one, double theta_factor = 1, bool other_order = false) {
  const auto turned = [&](yarn::pairing order) {
    return !other_order                         ? order
           : order == yarn::pairing::half_split ? yarn::pairing::interleaved
                                                : yarn::pairing::half_split;
  };
  if (one.is_ggml()) {
    return ggml_expected(one, theta_factor * one.entry.at("ggml").at("freq_base").get<double>(),
                         turned(one.order()));
  }
  reference::inv_freq_case model;
  model.id = one.id();
  model.parameters = one.entry.at("rope_parameters");
  model.rope_type = model.parameters.at("rope_type");
  model.head_dim = one.head_dim();
  model.rotary_dim = one.entry.at("rotary_dim");
  model.max_position_embeddings = one.entry.value("max_position_embeddings", std::int64_t{0});
  if (one.entry.contains("seq_len")) {
    model.seq_len = one.entry.at("seq_len").get<std::int64_t>();
  }
  reference::mapped_case mapped = reference::map_case(model);
  mapped.shape.rope_theta *= theta_factor;
  return expected_of(one, mapped.shape, mapped.scaling, mapped.seq_len, turned(one.order()),
                     turned(one.output_order()));
}

template <class T>
report check_as(const recorded& one, const expectation& expected, const options& o) {
  const std::vector<float> output = reference::float32_values(one.entry.at("output"));
  const auto factor = one.entry.at("input").at("M").get<std::uint64_t>();
  const auto offset = one.entry.at("input").at("A").get<std::uint64_t>();
  std::vector<T> before(output.size());
  std::vector<T> after(output.size());
  for (std::size_t i = 0; i < output.size(); ++i) {
    const double u = static_cast<double>((i * factor + offset) & 0xffffffffU) * 0x1p-32 - 0.5;
    yarn::detail::narrow(static_cast<float>(u), before[i]);
    yarn::detail::narrow(output[i], after[i]);
  }
  const auto positions = one.entry.at("positions").get<std::vector<std::int64_t>>();
  const yarn::heads_view<const T> x{before.data(), positions.size(), one.n_heads(), one.head_dim()};
  const yarn::heads_view<const T> y{after.data(), positions.size(), one.n_heads(), one.head_dim()};
  return yarn::testing::check_rotated(expected, x, y, yarn::positions(positions), o);
}
report check(const recorded& one, const expectation& expected, const options& o = {}) {
  return one.dtype() == "float32"   ? check_as<float>(one, expected, o)
         : one.dtype() == "float16" ? check_as<yarn::float16>(one, expected, o)
                                    : check_as<yarn::bfloat16>(one, expected, o);
}

class testing_rotations : public testing::TestWithParam<recorded> {};

bool is_precision(const report& r) {
  return std::all_of(r.findings.begin(), r.findings.end(),
                     [](const auto& one) { return yarn::testing::is_about_precision(one.what); });
}

TEST_P(testing_rotations, are_right_but_for_float32_angles) {
  const recorded& one = GetParam();
  options accepting;
  accepting.accept_float32_angles = true;
  const report r = check(one, expected_of(one), accepting);
  if (one.is_inverse()) { // "back" in ggml
    EXPECT_FALSE(r.ok());
    EXPECT_EQ(found(r),
              (std::vector<diagnosis>{diagnosis::wrong_direction, diagnosis::float32_angles}))
        << r;
    return;
  }
  EXPECT_TRUE(r.ok()) << r;
  EXPECT_TRUE(is_precision(r)) << r;
  if (one.dtype() == "float32") {
    const report strict = check(one, expected_of(one));
    EXPECT_FALSE(strict.ok()) << r;
    EXPECT_EQ(found(strict), std::vector<diagnosis>{diagnosis::float32_angles}) << r;
  }
}

TEST_P(testing_rotations, of_another_theta_are_named) {
  const recorded& one = GetParam();
  const report r = check(one, expected_of(one, 50));
  EXPECT_TRUE(r.has(diagnosis::wrong_theta)) << r;
}

TEST_P(testing_rotations, of_the_other_pairing_are_named) {
  const recorded& one = GetParam();
  const report r = check(one, expected_of(one, 1, true));
  EXPECT_TRUE(r.has(diagnosis::wrong_pairing)) << r;
  EXPECT_FALSE(r.has(diagnosis::unexplained)) << r;
}

INSTANTIATE_TEST_SUITE_P(all, testing_rotations, testing::ValuesIn(rotations()),
                         [](const auto& each) { return reference::test_name(each.param.id()); });

} // namespace

// SPDX-License-Identifier: MIT
// Norms and rotations of the attention classes of transformers (norms.json) against fused calls,
// and against an emulation of the roundings of two of these classes in bfloat16.
#include "../support/norms.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace {

using nlohmann::json;
using support::bounded;
using support::dense;
using support::element;
using support::element_of;
using support::norm_options;
using yarn::bfloat16;
using yarn::pairing;

/// The norm object and the pairing of each class, as docs/norms.md has them.
struct recipe {
  norm_options norm;
  pairing order;
};
const std::map<std::string, recipe>& recipes() {
  const norm_options shared, plus_one{false, true, true},
      all_heads{false, true, false, false, true}, layer{true}, no_weight{false, false};
  static const std::map<std::string, recipe> all{
      {"qwen3", {shared, pairing::half_split}},
      {"glm4_moe", {shared, pairing::half_split}},
      {"gemma3", {plus_one, pairing::half_split}},
      {"qwen3_next", {plus_one, pairing::half_split}},
      {"olmo2", {all_heads, pairing::half_split}},
      {"minimax_m2", {all_heads, pairing::half_split}},
      {"cohere", {layer, pairing::interleaved}},
      {"stablelm", {layer, pairing::half_split}},
      {"llama4", {no_weight, pairing::interleaved}},
  };
  return all;
}

const json& document() {
  static const json all =
      json::parse(std::ifstream(std::string(YARN_TEST_REFERENCE_DIR) + "/norms.json"));
  return all;
}

/// Number i of the formula of make_norms.py.
float number(std::uint64_t i, std::uint64_t seed, float scale, float shift) {
  const json& input = document().at("input");
  const auto m = input.at("M").get<std::uint64_t>(), a = input.at("A").get<std::uint64_t>();
  const std::uint64_t u = (i * m + (a * seed & 0xffffffffU)) & 0xffffffffU;
  return static_cast<float>(static_cast<double>(u) * 0x1p-32 - 0.5) * scale + shift;
}

/// q or k of a recorded layer: the given numbers, what the library computes, what the class
/// computed, and the exact result.
template <class T> struct recorded_tensor {
  support::tensor_layout layout;
  std::vector<T> x, weights, result, recorded;
  std::vector<std::vector<std::vector<bounded>>> exact; // [token][head][element]
  yarn::rotary_rows<float> rows;

  recorded_tensor(const json& c, const std::string& side, const char* type) {
    const bool is_q = side == "q";
    const auto dim = c.at("head_dim").get<std::size_t>();
    const auto n_heads = c.at(is_q ? "n_q_heads" : "n_kv_heads").get<std::size_t>();
    const auto positions = c.at("positions").get<std::vector<std::int64_t>>();
    layout = dense(positions.size(), n_heads, dim);
    for (std::size_t i = 0; i < layout.size(); ++i) {
      x.push_back(element_of<T>(static_cast<double>(number(i, is_q ? 1 : 2, 6, 0))));
    }
    const bool plus_one = c.at("weight_plus_one").get<bool>();
    for (std::size_t i = 0; i < n_heads * dim; ++i) {
      weights.push_back(
          element_of<T>(static_cast<double>(number(i, is_q ? 3 : 4, 1, plus_one ? 0.0F : 1.0F))));
    }
    for (const json& y : c.at(type).at(side)) {
      recorded.push_back(element_of<T>(y.get<double>()));
    }
    const recipe& r = recipes().at(c.at("id").get<std::string>());
    norm_options norm = r.norm;
    norm.eps = c.at("eps").get<double>();
    // The classes compute angles in float32.
    const auto inv_freq = c.at("inv_freq").get<std::vector<double>>();
    rows.assign(
        yarn::float32_pipeline(yarn::frequencies_from(inv_freq.data(), inv_freq.size(), 1.0)),
        yarn::positions(positions));
    result = x;
    support::with_norm(norm, weights.data(), [&](const auto& object) {
      yarn::rope_apply(yarn::normed(layout.view(result.data()), object), rows, r.order);
    });
    for (std::size_t t = 0; t < positions.size(); ++t) {
      const auto row = static_cast<std::int64_t>(t);
      const auto n_pairs = static_cast<std::size_t>(rows.n_pairs());
      exact.push_back(support::exact_norm_rotation(
          support::heads_of_token(layout, x, t), norm, support::numbers_of(weights),
          {rows.cos(row), rows.cos(row) + n_pairs}, {rows.sin(row), rows.sin(row) + n_pairs},
          r.order, r.order, support::rounding_unit<float>));
    }
  }

  /// Calls call(index in result and recorded, exact value) for each element.
  template <class Call> void for_each(const Call& call) const {
    for (std::size_t t = 0; t < layout.n_tokens; ++t) {
      for (std::size_t h = 0; h < layout.n_heads; ++h) {
        for (std::size_t e = 0; e < layout.head_dim; ++e) {
          call(layout.place(t, h) + e, exact[t][h][e]);
        }
      }
    }
  }
};

TEST(norm_reference, has_each_model_of_the_table) {
  std::size_t n = 0;
  for (const json& c : document().at("cases")) {
    ASSERT_EQ(recipes().count(c.at("id").get<std::string>()), 1U) << c.at("id");
    ++n;
  }
  EXPECT_EQ(n, recipes().size());
}

TEST(norm_reference, float32_agrees_within_the_bounds_of_both) {
  for (const json& c : document().at("cases")) {
    for (const char* side : {"q", "k"}) {
      SCOPED_TRACE(c.at("id").get<std::string>() + " " + side);
      const recorded_tensor<float> x(c, side, "float32");
      ASSERT_EQ(x.recorded.size(), x.result.size());
      x.for_each([&](std::size_t i, const bounded& exact) {
        EXPECT_LE(support::error_share(x.result[i], exact), 1) << i;
        EXPECT_LE(support::error_share(x.recorded[i], exact), 1) << i;
      });
    }
  }
}

// In bfloat16 the classes round as often as six times. So their error is several times the error of
// one rounding.
TEST(norm_reference, bfloat16_is_nearer_to_the_exact_result_than_the_class) {
  for (const json& c : document().at("cases")) {
    double ours = 0, theirs = 0, worst_ours = 0, worst_theirs = 0;
    for (const char* side : {"q", "k"}) {
      const recorded_tensor<bfloat16> x(c, side, "bfloat16");
      ASSERT_EQ(x.recorded.size(), x.result.size());
      // The unit is the spacing of bfloat16 at the largest element of the tensor.
      double largest = 0;
      for (const bfloat16 y : x.recorded) {
        largest = std::max(largest, std::fabs(static_cast<double>(element<bfloat16>::widen(y))));
      }
      const double unit = support::unit_at<bfloat16>(largest);
      x.for_each([&](std::size_t i, const bounded& exact) {
        EXPECT_LE(support::error_share(x.result[i], exact), 1) << i;
        const auto distance = [&](bfloat16 y) {
          return std::fabs(static_cast<double>(element<bfloat16>::widen(y)) -
                           static_cast<double>(exact.value)) /
                 unit;
        };
        ours += distance(x.result[i]);
        theirs += distance(x.recorded[i]);
        worst_ours = std::max(worst_ours, distance(x.result[i]));
        worst_theirs = std::max(worst_theirs, distance(x.recorded[i]));
      });
    }
    const std::string id = c.at("id").get<std::string>();
    EXPECT_LE(worst_ours, 0.5001) << id;
    EXPECT_LE(worst_theirs, 1.5) << id;
    EXPECT_LT(ours, theirs) << id;
    if (std::getenv("YARN_PRINT_ERRORS") != nullptr) {
      std::printf("%s: %.2f and %.2f, ratio of means %.2f\n", id.c_str(), worst_ours, worst_theirs,
                  theirs / ours);
    }
  }
}

float rounded(float value) { return element<bfloat16>::widen(element<bfloat16>::narrow(value)); }

/// What the class does with tensors in bfloat16. Each `rounded` is a tensor in bfloat16 there.
std::vector<bfloat16> emulated(const recorded_tensor<bfloat16>& x, bool is_gemma, double eps) {
  std::vector<bfloat16> result(x.x.size());
  const auto widen = element<bfloat16>::widen;
  const std::size_t dim = x.layout.head_dim;
  for (std::size_t t = 0; t < x.layout.n_tokens; ++t) {
    const auto row = static_cast<std::int64_t>(t);
    for (std::size_t h = 0; h < x.layout.n_heads; ++h) {
      const std::size_t first = x.layout.place(t, h);
      double sum = 0;
      for (std::size_t e = 0; e < dim; ++e) {
        sum += static_cast<double>(widen(x.x[first + e])) * widen(x.x[first + e]);
      }
      const float mean = static_cast<float>(sum / static_cast<double>(dim));
      const float scale = 1.0F / std::sqrt(mean + static_cast<float>(eps));
      std::vector<float> y(dim);
      for (std::size_t e = 0; e < dim; ++e) {
        const float normed = widen(x.x[first + e]) * scale, w = widen(x.weights[e]);
        y[e] = rounded(is_gemma ? normed * (1.0F + w) : w * rounded(normed));
      }
      for (std::size_t e = 0; e < dim; ++e) {
        const std::size_t pair = e % (dim / 2);
        const float other = e < dim / 2 ? -y[e + dim / 2] : y[e - dim / 2];
        result[first + e] =
            element<bfloat16>::narrow(rounded(y[e] * rounded(x.rows.cos(row)[pair])) +
                                      rounded(other * rounded(x.rows.sin(row)[pair])));
      }
    }
  }
  return result;
}

TEST(norm_reference, the_emulation_of_the_roundings_has_the_bits_of_the_class) {
  int n = 0;
  for (const json& c : document().at("cases")) {
    const std::string id = c.at("id").get<std::string>();
    if (id != "qwen3" && id != "gemma3") {
      continue;
    }
    for (const char* side : {"q", "k"}) {
      const recorded_tensor<bfloat16> x(c, side, "bfloat16");
      EXPECT_TRUE(
          support::same_bits(emulated(x, id == "gemma3", c.at("eps").get<double>()), x.recorded))
          << id << " " << side;
      ++n;
    }
  }
  EXPECT_EQ(n, 4);
}

} // namespace

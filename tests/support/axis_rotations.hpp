// SPDX-License-Identifier: MIT
// The rotations of reference/axis_rotations.json that have positions on several axes, and the
// comparison of a configuration that the library has read with one of them.
#ifndef YARN_TESTS_SUPPORT_AXIS_ROTATIONS_HPP
#define YARN_TESTS_SUPPORT_AXIS_ROTATIONS_HPP

#include "reference_cases.hpp"
#include "reference_tolerance.hpp"

#include <gtest/gtest.h>
#include <yarn/hf_config.hpp>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace reference {

// NOLINTNEXTLINE(bugprone-exception-escape): of moving json, which is declared noexcept
struct axis_rotation {
  std::string id;
  std::string source_class;
  json config;
  json positions; // [axis][token]
  std::string axis_names;
  std::vector<int> axis_of_pair;
  std::vector<float> inv_freq;
  double attention_factor = 0;
  std::string pairing;
  std::int64_t block = 0; // elements within which pairs are formed
  std::int64_t head_dim = 0;
  std::int64_t rotary_dim = 0;
  std::vector<std::vector<float>> cos; // [token][pair]
  std::vector<std::vector<float>> sin;

  /// Whether the class belongs to a language model. The other classes are vision towers.
  bool is_text() const {
    return source_class.find("Text") != std::string::npos ||
           source_class.find("Talker") != std::string::npos;
  }
};

inline void PrintTo(const axis_rotation& each, std::ostream* out) { // NOLINT: GoogleTest's name
  *out << each.id << " " << each.config;
}

inline const json& axis_rotation_data() {
  static const json data = read_json("axis_rotations.json");
  return data;
}

inline std::vector<axis_rotation> read_axis_rotations() {
  const json& data = axis_rotation_data();
  const auto matrix = [](const json& rows) {
    std::vector<std::vector<float>> values;
    for (const json& row : rows) {
      values.push_back(float32_values(row));
    }
    return values;
  };
  std::vector<axis_rotation> all;
  for (const json& entry : data.at("entries")) {
    axis_rotation each;
    each.id = entry.at("id");
    each.source_class = entry.at("class");
    each.config = entry.at("config");
    each.positions = entry.at("positions");
    for (const json& axis : entry.at("axes")) {
      each.axis_names += axis.get<std::string>();
    }
    each.axis_of_pair = entry.at("axis_of_pair").get<std::vector<int>>();
    each.inv_freq = float32_values(data.at("inv_freq").at(entry.at("inv_freq").get<std::size_t>()));
    each.attention_factor = entry.at("attention_factor");
    each.pairing = entry.at("pairing");
    each.block = entry.at("block");
    each.head_dim = entry.at("head_dim");
    each.rotary_dim = entry.at("rotary_dim");
    const json& rows = data.at("rows").at(entry.at("rows").get<std::size_t>());
    each.cos = matrix(rows.at("cos"));
    each.sin = matrix(rows.at("sin"));
    all.push_back(each);
  }
  return all;
}

/// Expects that make_frequencies(found) has the frequencies and axes of the class, and that its
/// rows have the cos and sin with which the class rotated.
class axis_comparison {
public:
  axis_comparison(const axis_rotation& expected, const yarn::hf_config& found)
      : expected_(expected), found_(found), freqs_(yarn::make_frequencies(found, 0)) {
    const auto* ramp = std::get_if<yarn::yarn_scaling>(&found.method);
    tolerance_ulp_ = tolerance_ulp(found.rope_type, ramp == nullptr || ramp->truncate);
  }

  void expect_equal() const {
    EXPECT_EQ(found_.axis_names, expected_.axis_names);
    EXPECT_EQ(found_.n_axes, static_cast<std::int64_t>(expected_.axis_names.size()));
    EXPECT_EQ(std::vector<int>(found_.axis_of_pair.begin(), found_.axis_of_pair.end()),
              expected_.axis_of_pair);
    ASSERT_EQ(static_cast<std::size_t>(freqs_.n_pairs()), expected_.inv_freq.size());
    EXPECT_EQ(2 * freqs_.n_pairs(), expected_.rotary_dim);
    EXPECT_EQ(found_.shape.head_dim, expected_.head_dim);
    EXPECT_EQ(freqs_.n_axes(), found_.n_axes);
    EXPECT_LE(std::fabs(freqs_.attention_factor() / expected_.attention_factor - 1), 1e-12);
    for (std::size_t i = 0; i < expected_.inv_freq.size(); ++i) {
      EXPECT_LE(
          floats_between(static_cast<float>(freqs_.inv_freq().data()[i]), expected_.inv_freq[i]),
          tolerance_ulp_)
          << "pair " << i;
      EXPECT_EQ(freqs_.axis(static_cast<std::int64_t>(i)), expected_.axis_of_pair[i]);
    }
    expect_pairing();
    expect_rows();
  }

private:
  void expect_pairing() const {
    if (expected_.block != expected_.rotary_dim) {
      EXPECT_FALSE(found_.pairing) << "no pairing describes the whole head";
      return;
    }
    ASSERT_TRUE(found_.pairing);
    EXPECT_EQ(*found_.pairing, expected_.pairing == "interleaved" ? yarn::pairing::interleaved
                                                                  : yarn::pairing::half_split);
  }

  void expect_rows() const {
    std::vector<std::int64_t> ids;
    for (const json& axis : expected_.positions) {
      for (const json& position : axis) {
        ids.push_back(position.get<std::int64_t>());
      }
    }
    const std::size_t n_tokens = expected_.cos.size();
    ASSERT_EQ(ids.size(), n_tokens * static_cast<std::size_t>(freqs_.n_axes()));
    const yarn::axis_positions positions(ids.data(), n_tokens, freqs_.n_axes());
    yarn::rotary_rows<double> rows;
    rows.assign(freqs_, positions);
    const auto view = rows.view();
    for (std::size_t token = 0; token < n_tokens; ++token) {
      const auto t = static_cast<std::int64_t>(token);
      for (std::size_t i = 0; i < expected_.inv_freq.size(); ++i) {
        const auto pair = static_cast<std::int64_t>(i);
        const double angle = std::fabs(static_cast<double>(positions(t, freqs_.axis(pair))) *
                                       freqs_.inv_freq().data()[i]);
        // 1.4 (1 + |angle|) is the error of the class (reference/README.md). The frequencies differ
        // by tolerance_ulp_ at most.
        const double allowed = expected_.attention_factor * std::exp2(-23.0) *
                               (1.4 + (1.4 + static_cast<double>(tolerance_ulp_)) * angle);
        EXPECT_NEAR(view.cos(t)[pair], static_cast<double>(expected_.cos[token][i]), allowed)
            << "token " << token << ", pair " << i;
        EXPECT_NEAR(view.sin(t)[pair], static_cast<double>(expected_.sin[token][i]), allowed)
            << "token " << token << ", pair " << i;
      }
    }
  }

  const axis_rotation& expected_;
  const yarn::hf_config& found_;
  yarn::frequencies freqs_;
  std::int64_t tolerance_ulp_ = 0;
};

} // namespace reference

#endif // YARN_TESTS_SUPPORT_AXIS_ROTATIONS_HPP

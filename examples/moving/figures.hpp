// SPDX-License-Identifier: MIT
// Measures a variant of an engine: its difference from the engine before the move, its errors, and
// the diagnosis of yarn/testing.hpp.
#ifndef YARN_EXAMPLES_MOVING_FIGURES_HPP
#define YARN_EXAMPLES_MOVING_FIGURES_HPP

#include "styles.hpp"

#include <yarn/testing.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

namespace moving {

constexpr std::int64_t n_tokens = 15, n_heads = 4;
/// Errors are measured at n_tokens positions from each of these.
constexpr std::array<std::int32_t, 3> first_positions{0, 4090, 100000};

struct rotated_tokens {
  std::vector<std::int32_t> positions;
  std::vector<float> original, rotated; // [n_tokens][n_heads][head_dim]
};

inline rotated_tokens rotate_tokens(const model& m, const rotation& rotate,
                                    std::int32_t first_position) {
  rotated_tokens x;
  x.positions.resize(n_tokens);
  std::iota(x.positions.begin(), x.positions.end(), first_position);
  const std::int64_t size = n_tokens * n_heads * m.head_dim;
  for (std::int64_t i = 0; i < size; ++i) // in [-0.5, 0.5)
    x.original.push_back(static_cast<float>(i * 2654435761 % 4093) / 4093.0F - 0.5F);
  x.rotated = x.original;
  rotate(yarn::heads_view{x.rotated.data(), n_tokens, n_heads, m.head_dim}, x.positions);
  return x;
}

/// Calls visit(token, pair, first, second) for each pair: the indices of its elements.
template <class Visit> void visit_pairs(const style& s, const Visit& visit) {
  const bool is_split = s.order == yarn::pairing::half_split;
  for (std::int64_t t = 0, head = 0; t < n_tokens; ++t)
    for (std::int64_t h = 0; h < n_heads; ++h, head += s.m.head_dim)
      for (std::int64_t i = 0; i < s.m.rotary_dim / 2; ++i) {
        const std::int64_t first = head + (is_split ? i : 2 * i);
        visit(static_cast<std::size_t>(t), static_cast<std::size_t>(i),
              static_cast<std::size_t>(first),
              static_cast<std::size_t>(first + (is_split ? s.m.rotary_dim / 2 : 1)));
      }
}

/// The largest error of an element, relative to m * hypot(x0, x1) of its pair. m is the attention
/// factor.
inline double error_of(const style& s, const rotated_tokens& x) {
  const std::vector<long double> inv_freq = inv_freq_of<long double>(s.m);
  const long double m = attention_factor_of(s.m);
  double largest = 0;
  visit_pairs(s, [&](std::size_t t, std::size_t i, std::size_t first, std::size_t second) {
    const long double angle = x.positions[t] * inv_freq[i];
    const long double x0 = x.original[first], x1 = x.original[second];
    const long double error0 = x.rotated[first] - m * (x0 * std::cos(angle) - x1 * std::sin(angle));
    const long double error1 =
        x.rotated[second] - m * (x0 * std::sin(angle) + x1 * std::cos(angle));
    const long double error = std::max(std::fabs(error0), std::fabs(error1));
    largest = std::max(largest, static_cast<double>(error / (m * std::hypot(x0, x1))));
  });
  return largest;
}

/// The largest difference of an element of a and b, relative to the same length as in error_of.
inline double difference_of(const style& s, const rotated_tokens& a, const rotated_tokens& b) {
  const double m = attention_factor_of(s.m);
  double largest = 0;
  visit_pairs(s, [&](std::size_t, std::size_t, std::size_t first, std::size_t second) {
    const double length = m * std::hypot(static_cast<double>(a.original[first]),
                                         static_cast<double>(a.original[second]));
    for (const std::size_t at : {first, second})
      largest = std::max(largest, std::fabs(static_cast<double>(a.rotated[at]) -
                                            static_cast<double>(b.rotated[at])) /
                                      length);
  });
  return largest;
}

inline yarn::testing::report diagnosis_of(const style& s, const rotation& rotate) {
  const yarn::testing::expectation expected(shape_of(s.m), method_of(s.m), s.order);
  return yarn::testing::check_rotation<float>(expected, rotate);
}

struct figures {
  double difference = 0; // from the engine before its move, over all positions
  std::array<double, first_positions.size()> errors{};
  std::string diagnosis;
};

inline figures figures_of(const style& s, const variant& v) {
  figures made;
  for (std::size_t at = 0; at < first_positions.size(); ++at) {
    const rotated_tokens x = rotate_tokens(s.m, v.rotate, first_positions[at]);
    const rotated_tokens old = rotate_tokens(s.m, s.variants[0].rotate, first_positions[at]);
    made.errors[at] = error_of(s, x);
    made.difference = std::max(made.difference, difference_of(s, old, x));
  }
  const yarn::testing::report r = diagnosis_of(s, v.rotate);
  for (const yarn::testing::finding& f : r.findings)
    made.diagnosis += (made.diagnosis.empty() ? "" : ", ") + std::string(name_of(f.what));
  if (made.diagnosis.empty())
    made.diagnosis = "ok";
  return made;
}

/// A line of the table in docs/moving-your-engine.md.
inline std::string line_of(const style& s, const variant& v, const figures& f) {
  std::array<char, 16> difference{};
  if (&v != s.variants.data())
    std::snprintf(difference.data(), difference.size(), "%.1e", f.difference);
  std::array<char, 200> text{};
  std::snprintf(text.data(), text.size(), "| %s | %s | %s | %.1e | %.1e | %.1e | %s |",
                s.name.c_str(), v.name.c_str(), difference.data(), f.errors[0], f.errors[1],
                f.errors[2], f.diagnosis.c_str());
  return text.data();
}

} // namespace moving

#endif // YARN_EXAMPLES_MOVING_FIGURES_HPP

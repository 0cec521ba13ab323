// SPDX-License-Identifier: MIT
// Observations: the numbers that an engine showed, in one form for tables and rotations, and how
// well cos and sin of given angles explain them. Opt-in.
//
//     y = c a + s b     (c, s): the row of the engine for a token and a pair; a, b, y: known
//
// An entry of a table is such an equation with (a, b) = (1, 0) or (0, 1). A rotated element is such
// an equation with the elements of its pair.
#ifndef YARN_DETAIL_TESTING_OBSERVATION_HPP
#define YARN_DETAIL_TESTING_OBSERVATION_HPP

#include "../../testing/report.hpp"
#include "../base/formats.hpp"
#include "positions.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace yarn {
inline namespace YARN_ABI {
namespace testing {
namespace detail {

struct equation {
  double a;
  double b;
  double y;
  double scale; ///< the length of the pair; errors are relative to it
};

inline int digits_of(element_format format) {
  return yarn::detail::with_format(format, [](auto traits) { return traits.digits; });
}
inline const char* name_of(element_format format) {
  return yarn::detail::with_format(format, [](auto traits) { return traits.name; });
}

/// The value, rounded to a format; binary64 leaves the value as it is.
inline double rounded_to(element_format format, double value) {
  return yarn::detail::with_format(format, [value](auto traits) {
    typename decltype(traits)::type element;
    yarn::detail::narrow(value, element);
    return yarn::detail::widen<double>(element);
  });
}

/// The largest relative error of one rounding to a format, plus 2 % for float arithmetic before the
/// rounding.
inline double error_of_one_rounding(int digits) { return 1.02 * std::ldexp(1, -digits); }

/// The error of correct arithmetic, relative to the amplitude: `float_units` * 2^-24 for float,
/// `half_units` * 2^-digits for a 16-bit format. The error for double includes that of the
/// least-squares fit. For 8-bit formats only the result is rounded, because no engine computes in 8
/// bits.
inline double noise_of(int digits, double float_units, double half_units) {
  if (digits == 53)
    return 0x1p-42;
  return digits < 8 ? error_of_one_rounding(digits)
                    : std::ldexp(digits > 11 ? float_units : half_units, -digits);
}

inline std::string rotary_dim_text(std::int64_t rotated, std::int64_t rotary_dim) {
  return text_of("{} elements of a head are rotated where rotary_dim is {}", rotated, rotary_dim);
}

struct observation {
  token_positions positions;
  std::int64_t n_pairs = 0;
  std::int64_t per_pair = 0;       ///< the number of equations of one token and pair
  std::vector<equation> equations; ///< [token][pair][per_pair]
  int digits = 0;                  ///< the significant bits of the engine's results
  /// The error of correct arithmetic in the types of the engine, relative to the amplitude.
  double noise = 0;

  std::int64_t n_tokens() const { return positions.size(); }
  const equation* at(std::int64_t token, std::int64_t pair) const {
    return equations.data() + (token * n_pairs + pair) * per_pair;
  }
  /// Calls f(token, pair, index, equation) for every equation of the first `pairs` pairs of every
  /// token, until f returns false. The index counts the equations of one token and pair.
  template <class Function> void visit(std::int64_t pairs, const Function& f) const {
    for (std::int64_t token = 0; token < n_tokens(); ++token)
      for (std::int64_t pair = 0; pair < pairs; ++pair)
        for (std::int64_t k = 0; k < per_pair; ++k)
          if (!f(token, pair, k, at(token, pair)[k]))
            return;
  }
};

/// cos and sin of every token and pair, without an attention factor, and the absolute value of the
/// angle, with which the allowed error grows.
struct trig_rows {
  std::vector<double> cos;
  std::vector<double> sin;
  std::vector<double> angle;
  std::int64_t n_pairs = 0; ///< the rotated pairs; the observation may have more pairs

  std::size_t at(std::int64_t token, std::int64_t pair) const {
    return static_cast<std::size_t>(token * n_pairs + pair);
  }
};

/// The formats to which a computation of angles rounds.
struct pipeline {
  element_format inv_freq = element_format::binary64;
  element_format position = element_format::binary64;
  element_format angle = element_format::binary64;
};

/// cos and sin for these frequencies and positions. Without roundings they are rows of type double.
inline trig_rows trig_rows_of(const std::vector<double>& inv_freq, const pair_positions& of,
                              pipeline way = {}) {
  trig_rows t;
  t.n_pairs = static_cast<std::int64_t>(inv_freq.size());
  const bool is_exact = way.inv_freq == element_format::binary64 &&
                        way.position == element_format::binary64 &&
                        way.angle == element_format::binary64;
  for (std::int64_t token = 0; token < of.tokens.size(); ++token)
    for (std::int64_t pair = 0; pair < t.n_pairs; ++pair) {
      const auto exact = static_cast<double>(of.at(token, pair));
      const double p = rounded_to(way.position, exact);
      const double f = inv_freq[static_cast<std::size_t>(pair)];
      const double angle = rounded_to(way.angle, p * rounded_to(way.inv_freq, f));
      t.cos.push_back(is_exact ? 0 : std::cos(angle));
      t.sin.push_back(is_exact ? 0 : std::sin(angle));
      // The phase of rows of type double has an error of up to position * 2^-62 rad, for any
      // frequency. The allowed error is double_angle_error (2^-47) times the angle. So the angle
      // stored here is at least position * 2^-15.
      t.angle.push_back(std::max(std::fabs(exact) * 0x1p-15, std::fabs(angle)));
    }
  if (is_exact)
    fill_exact_rows(inv_freq, of, t.cos.data(), t.sin.data());
  return t;
}

/// The relative error of angles in engines that compute in double: of a power with a rounded
/// exponent (about 20 ULP for large theta), a blend, and a product.
constexpr double double_angle_error = 64 * 0x1p-53;
/// The relative error of angles in engines that compute in float. ggml has the largest: that of its
/// running product of 64 factors (2.2e-6) and that of the blend.
constexpr double float_angle_error = 4e-6;

/// How well angles explain an observation.
struct fit {
  double cos_factor = 0; ///< the factors on cos and sin that fit best
  double sin_factor = 0;
  double error = 0; ///< the largest remaining error, relative to the larger of the two
  double ratio = 0; ///< the largest error / the allowed error at its angle; the fit is good up to 1
};

/// The sums of a least-squares fit of y = c u + s v.
struct normal_equations {
  double uu = 0, uv = 0, vv = 0, uy = 0, vy = 0;

  void add(double u, double v, double y, double weight) {
    uu += weight * u * u;
    uv += weight * u * v;
    vv += weight * v * v;
    uy += weight * u * y;
    vy += weight * v * y;
  }
  double determinant() const { return uu * vv - uv * uv; }
  double c() const { return (uy * vv - vy * uv) / determinant(); }
  double s() const { return (vy * uu - uy * uv) / determinant(); }
};

/// Fits the factors on cos and sin by least squares, weighted by the allowed errors. With
/// `exchanged`, sin and cos are exchanged.
inline fit fitted(const observation& seen, const trig_rows& t, double angle_error, bool exchanged) {
  const std::vector<double>& cosines = exchanged ? t.sin : t.cos;
  const std::vector<double>& sines = exchanged ? t.cos : t.sin;
  const auto visit = [&](const auto& each) {
    seen.visit(t.n_pairs, [&](std::int64_t token, std::int64_t pair, auto, const equation& e) {
      const std::size_t i = t.at(token, pair);
      return each(e, e.a * cosines[i], e.b * sines[i], seen.noise + angle_error * t.angle[i]);
    });
  };
  normal_equations sums;
  visit([&](const equation& e, double u, double v, double allowed) {
    sums.add(u, v, e.y, 1 / (allowed * e.scale * allowed * e.scale));
    return true;
  });
  fit f;
  if (sums.determinant() > 1e-14 * sums.uu * sums.vv) {
    f.cos_factor = sums.c();
    f.sin_factor = sums.s();
  } else { // No pair is rotated, for example at position 0.
    const double both = sums.uu + 2 * sums.uv + sums.vv;
    f.cos_factor = f.sin_factor = both > 0 ? (sums.uy + sums.vy) / both : 0;
  }
  const double amplitude = std::max(std::fabs(f.cos_factor), std::fabs(f.sin_factor));
  if (!(amplitude > 0)) {
    f.error = f.ratio = HUGE_VAL;
    return f;
  }
  visit([&](const equation& e, double u, double v, double allowed) {
    const double error =
        std::fabs(e.y - f.cos_factor * u - f.sin_factor * v) / (e.scale * amplitude);
    f.error = std::max(f.error, error);
    f.ratio = std::max(f.ratio, error / allowed);
    return f.ratio <= 1; // A bad fit ends the loop.
  });
  return f;
}

/// The largest error for a given attention factor, and its place.
struct misfit {
  double error = 0;
  double ratio = 0; ///< the largest error / allowed error, possibly at another place
  std::int64_t token = 0;
  std::int64_t pair = 0;
  std::int64_t index = 0; ///< the index of the equation
  double expected = 0;
};
inline misfit largest_error(const observation& seen, const trig_rows& t, double attention_factor,
                            double angle_error = double_angle_error) {
  misfit worst;
  seen.visit(t.n_pairs, [&](auto token, auto pair, auto k, const equation& e) {
    const std::size_t i = t.at(token, pair);
    const double expected = attention_factor * (e.a * t.cos[i] + e.b * t.sin[i]);
    const double error = std::fabs(e.y - expected) / (e.scale * attention_factor);
    if (error > worst.error)
      worst = {error, worst.ratio, token, pair, k, expected};
    worst.ratio = std::max(worst.ratio, error / (seen.noise + angle_error * t.angle[i]));
    return true;
  });
  return worst;
}

/// cos and sin of one token and pair, by least squares, and the remaining error.
struct solved_row {
  double cos = 0;
  double sin = 0;
  double error = 0; ///< relative to the larger of hypot(cos, sin) and 1
};
inline solved_row solved(const equation* first, std::int64_t n) {
  normal_equations sums;
  for (std::int64_t k = 0; k < n; ++k)
    sums.add(first[k].a, first[k].b, first[k].y, 1);
  solved_row row;
  row.cos = sums.c();
  row.sin = sums.s();
  const double size = std::max(1.0, std::sqrt(row.cos * row.cos + row.sin * row.sin));
  for (std::int64_t k = 0; k < n; ++k) {
    const double left = std::fabs(first[k].y - row.cos * first[k].a - row.sin * first[k].b);
    row.error = std::max(row.error, left / (first[k].scale * size));
  }
  return row;
}

/// The rows of every token and pair.
inline std::vector<solved_row> solved_rows(const observation& seen) {
  std::vector<solved_row> rows;
  for (std::int64_t i = 0; i < seen.n_tokens() * seen.n_pairs; ++i)
    rows.push_back(solved(seen.at(0, i), seen.per_pair));
  return rows;
}

/// The frequency of a pair, estimated from the rows of the engine. `tokens` has the token of each
/// position. The smallest positive position gives the first estimate. Each larger position makes
/// the estimate more precise, as long as the number of whole turns is certain. 0 if there is no
/// estimate.
inline double shown_inv_freq(const observation& seen, std::int64_t pair,
                             const std::map<std::int64_t, std::int64_t>& tokens) {
  constexpr double two_pi = 2 * 3.14159265358979323846;
  double f = 0, previous = 0; // previous: a position
  for (const auto& [position, token] : tokens) {
    const auto at = static_cast<double>(position);
    const double angle_error = 1.5 * seen.noise + float_angle_error * std::fabs(f) * previous;
    if (previous > 0 && angle_error * (at / previous) > 1)
      break;
    const solved_row row = solved(seen.at(token, pair), seen.per_pair);
    const double phase = std::atan2(row.sin, row.cos);
    const double whole = previous > 0 ? std::round((f * at - phase) / two_pi) : 0;
    f = (phase + two_pi * whole) / at;
    previous = at;
  }
  f = std::fabs(f); // The engine may rotate in the other direction.
  return f < 4 ? f : 0;
}

/// The frequencies of all pairs. Tokens of text show them even if the axes of pairs are wrong.
/// Without such a token, the axes are assumed to be right.
inline std::vector<double> shown_inv_freq(const observation& seen, const axis_list& axes) {
  using token_map = std::map<std::int64_t, std::int64_t>;
  std::vector<token_map> tokens(static_cast<std::size_t>(seen.positions.n_axes));
  token_map text;
  for (std::int64_t t = 0; t < seen.n_tokens(); ++t) {
    for (std::size_t axis = 0; axis < tokens.size(); ++axis)
      if (const std::int64_t p = seen.positions.at(t, static_cast<std::int64_t>(axis)); p > 0)
        tokens[axis].emplace(p, t);
    if (seen.positions.is_text(t) && seen.positions.at(t, 0) > 0)
      text.emplace(seen.positions.at(t, 0), t);
  }
  std::vector<double> shown;
  for (std::int64_t pair = 0; pair < seen.n_pairs; ++pair)
    shown.push_back(shown_inv_freq(
        seen, pair, text.empty() ? tokens[axes[static_cast<std::size_t>(pair)]] : text));
  return shown;
}

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

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

#include <cmath>
#include <cstddef>
#include <cstdint>
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

/// The value, rounded to a format; binary64 leaves the value as it is.
inline double rounded_to(element_format format, double value) {
  return yarn::detail::with_format(format, [value](auto traits) {
    typename decltype(traits)::type element;
    yarn::detail::narrow(value, element);
    return yarn::detail::widen<double>(element);
  });
}

/// The error of right arithmetic, relative to the amplitude: `floats` units of 2^-24, or `halves`
/// units of half the last place of a 16-bit format. The error for double leaves room for the
/// least-squares fit.
inline double noise_of(int digits, double floats, double halves) {
  return digits == 53 ? 0x1p-42 : std::ldexp(digits > 11 ? floats : halves, -digits);
}

template <class T> inline constexpr int digits_of_v = yarn::detail::element_traits<T>::digits;
template <class T>
inline constexpr const char* format_name_v = yarn::detail::element_traits<T>::name;

struct observation {
  std::vector<std::int64_t> positions; ///< one per token
  std::int64_t n_pairs = 0;
  std::int64_t per_pair = 0;       ///< the number of equations of one token and pair
  std::vector<equation> equations; ///< [token][pair][per_pair]
  /// The error of right arithmetic in the types of the engine, relative to the amplitude.
  double noise = 0;

  std::int64_t n_tokens() const { return static_cast<std::int64_t>(positions.size()); }
  const equation* at(std::int64_t token, std::int64_t pair) const {
    return equations.data() + (token * n_pairs + pair) * per_pair;
  }
};

/// cos and sin of every token and pair, without an attention factor, and the size of the angle,
/// from which tolerances are computed.
struct turns {
  std::vector<double> cos;
  std::vector<double> sin;
  std::vector<double> angle;
  std::int64_t n_pairs =
      0; ///< the pairs that turn; the observation may have further pairs, which do not
};

/// The roundings on the way from position to angle.
struct pipeline {
  element_format inv_freq = element_format::binary64;
  element_format position = element_format::binary64;
  element_format angle = element_format::binary64;
};

/// cos and sin of these frequencies. Without roundings they come from double rows.
inline turns turns_of(const std::vector<double>& inv_freq,
                      const std::vector<std::int64_t>& positions_of_tokens, pipeline way = {}) {
  turns t;
  const auto n_pairs = static_cast<std::int64_t>(inv_freq.size());
  const std::size_t n = positions_of_tokens.size() * inv_freq.size();
  t.n_pairs = n_pairs;
  t.cos.resize(n);
  t.sin.resize(n);
  const bool exact = way.inv_freq == element_format::binary64 &&
                     way.position == element_format::binary64 &&
                     way.angle == element_format::binary64;
  for (const std::int64_t position : positions_of_tokens)
    for (const double f : inv_freq) {
      const double p = rounded_to(way.position, static_cast<double>(position));
      t.angle.push_back(rounded_to(way.angle, p * rounded_to(way.inv_freq, f)));
    }
  if (exact) {
    fill_rows(frequencies_from(inv_freq.data(), n_pairs), positions(positions_of_tokens),
              t.cos.data(), t.sin.data(), n_pairs);
  } else {
    for (std::size_t i = 0; i < n; ++i) {
      t.cos[i] = std::cos(t.angle[i]);
      t.sin[i] = std::sin(t.angle[i]);
    }
  }
  // The phase of double rows has an error of up to 2^-62 rad per token, for any frequency. This
  // number times 64 * 2^-53 is that error.
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t position = positions_of_tokens[i / inv_freq.size()];
    const double least = std::fabs(static_cast<double>(position)) * 0x1p-15;
    const double angle = std::fabs(t.angle[i]);
    t.angle[i] = angle > least ? angle : least;
  }
  return t;
}

/// The relative error of angles of double engines: a power with a rounded exponent (some 20 ULP for
/// large theta), a blend, and a product.
constexpr double double_angle_error = 64 * 0x1p-53;
/// The relative error of angles of float engines. The largest comes from the running product of 64
/// factors in ggml (2.2e-6) together with the error of the blend.
constexpr double float_angle_error = 4e-6;

/// How well angles explain an observation.
struct fit {
  double cos_factor = 0; ///< the factors on cos and sin that fit best
  double sin_factor = 0;
  double error = 0; ///< the largest remaining error, relative to the larger factor
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

/// The factors by least squares, weighted by the allowed errors, and the largest remaining error.
/// With `exchanged`, sin and cos are exchanged.
inline fit fitted(const observation& seen, const turns& t, double angle_error, bool exchanged) {
  const std::vector<double>& cosines = exchanged ? t.sin : t.cos;
  const std::vector<double>& sines = exchanged ? t.cos : t.sin;
  const auto visit = [&](const auto& each) {
    std::size_t i = 0;
    for (std::int64_t token = 0; token < seen.n_tokens(); ++token)
      for (std::int64_t pair = 0; pair < t.n_pairs; ++pair, ++i) {
        const double allowed = seen.noise + angle_error * t.angle[i];
        const equation* const first = seen.at(token, pair);
        for (std::int64_t k = 0; k < seen.per_pair; ++k)
          if (!each(first[k], first[k].a * cosines[i], first[k].b * sines[i], allowed))
            return;
      }
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
  } else { // Nothing turns, for example at position 0.
    const double both = sums.uu + 2 * sums.uv + sums.vv;
    f.cos_factor = f.sin_factor = both > 0 ? (sums.uy + sums.vy) / both : 0;
  }
  const double c = std::fabs(f.cos_factor), s = std::fabs(f.sin_factor);
  const double amplitude = c > s ? c : s;
  if (!(amplitude > 0)) {
    f.error = f.ratio = HUGE_VAL;
    return f;
  }
  visit([&](const equation& e, double u, double v, double allowed) {
    const double error =
        std::fabs(e.y - f.cos_factor * u - f.sin_factor * v) / (e.scale * amplitude);
    if (error > f.error)
      f.error = error;
    if (error / allowed > f.ratio)
      f.ratio = error / allowed;
    return f.ratio <= 1; // A bad fit ends the loop.
  });
  return f;
}

/// The largest error for one attention factor, and its place.
struct misfit {
  double error = 0;
  double ratio = 0; ///< error / allowed error
  std::int64_t token = 0;
  std::int64_t pair = 0;
  std::int64_t index = 0; ///< the index of the equation
  double expected = 0;
};
inline misfit largest_error(const observation& seen, const turns& t, double factor,
                            double angle_error = double_angle_error) {
  misfit worst;
  std::size_t i = 0;
  for (std::int64_t token = 0; token < seen.n_tokens(); ++token)
    for (std::int64_t pair = 0; pair < t.n_pairs; ++pair, ++i) {
      const equation* const first = seen.at(token, pair);
      for (std::int64_t k = 0; k < seen.per_pair; ++k) {
        const double expected = factor * (first[k].a * t.cos[i] + first[k].b * t.sin[i]);
        const double error = std::fabs(first[k].y - expected) / (first[k].scale * factor);
        const double ratio = error / (seen.noise + angle_error * t.angle[i]);
        worst.ratio = ratio > worst.ratio ? ratio : worst.ratio;
        if (error > worst.error) {
          worst.error = error;
          worst.token = token;
          worst.pair = pair;
          worst.index = k;
          worst.expected = expected;
        }
      }
    }
  return worst;
}

/// c and s of one token and pair, by least squares, and the remaining error.
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
  double size = std::sqrt(row.cos * row.cos + row.sin * row.sin);
  size = size > 1 ? size : 1;
  for (std::int64_t k = 0; k < n; ++k) {
    const double left = std::fabs(first[k].y - row.cos * first[k].a - row.sin * first[k].b);
    const double error = left / (first[k].scale * size);
    row.error = error > row.error ? error : row.error;
  }
  return row;
}

/// The frequencies that rows show. The angle of position 1 gives a first estimate. Each larger
/// position makes it more precise, as long as the number of whole turns is certain. 0 if there is
/// no estimate.
inline std::vector<double> shown_inv_freq(const observation& seen) {
  std::vector<double> shown;
  constexpr double pi = 3.14159265358979323846;
  for (std::int64_t pair = 0; pair < seen.n_pairs; ++pair) {
    double f = 0;
    std::int64_t at = 0;
    while (true) { // with the next larger position
      std::int64_t token = -1;
      for (std::int64_t t = 0; t < seen.n_tokens(); ++t) {
        const std::int64_t p = seen.positions[static_cast<std::size_t>(t)];
        if (p > at && (token < 0 || p < seen.positions[static_cast<std::size_t>(token)]))
          token = t;
      }
      if (token < 0)
        break;
      const std::int64_t next = seen.positions[static_cast<std::size_t>(token)];
      const double ratio = static_cast<double>(next) / static_cast<double>(at > 0 ? at : next);
      const double angle_error =
          1.5 * seen.noise + float_angle_error * std::fabs(f) * static_cast<double>(at);
      if (at > 0 && angle_error * ratio > 1)
        break;
      const solved_row row = solved(seen.at(token, pair), seen.per_pair);
      const double phase = std::atan2(row.sin, row.cos);
      const double whole =
          at > 0 ? std::round((f * static_cast<double>(next) - phase) / (2 * pi)) : 0;
      f = (phase + 2 * pi * whole) / static_cast<double>(next);
      at = next;
    }
    f = std::fabs(f); // The engine may rotate in the other direction.
    shown.push_back(f < 4 ? f : 0);
  }
  return shown;
}

} // namespace detail
} // namespace testing
} // namespace YARN_ABI
} // namespace yarn

#endif

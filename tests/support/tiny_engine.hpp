// SPDX-License-Identifier: MIT
// A typical RoPE engine in plain double, with parameters that put bugs into it. The tests of
// yarn/testing.hpp use this engine. It has its own formulas and loops, and uses only the views and
// the 16-bit conversions of the library.
#ifndef YARN_TESTS_SUPPORT_TINY_ENGINE_HPP
#define YARN_TESTS_SUPPORT_TINY_ENGINE_HPP

#include <yarn/yarn.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace support {

/// theta^(-increment * i / over) for n pairs.
inline std::vector<double> powers(double theta, std::int64_t n, double over, double increment = 2) {
  std::vector<double> list;
  for (std::int64_t i = 0; i < n; ++i) {
    list.push_back(std::pow(theta, -increment * static_cast<double>(i) / over));
  }
  return list;
}

/// The parameters of YaRN, and parameters that put bugs into its formula.
struct yarn_numbers {
  double theta;
  std::int64_t dim;
  double factor;
  double length;
  double beta_fast = 32;
  double beta_slow = 1;
  bool floor_low = true;
  bool ceil_high = true;
  double low_shift = 0;
  double high_shift = 0;

  std::vector<double> inv_freq() const {
    constexpr double two_pi = 6.283185307179586;
    const auto d = static_cast<double>(dim);
    const auto pair_of = [&](double turns) {
      return d * std::log(length / (turns * two_pi)) / (2 * std::log(theta));
    };
    const double fast = pair_of(beta_fast);
    const double slow = pair_of(beta_slow);
    const double low = std::max(floor_low ? std::floor(fast) : fast, 0.0) + low_shift;
    const double high = std::min(ceil_high ? std::ceil(slow) : slow, d - 1) + high_shift;
    std::vector<double> list = powers(theta, dim / 2, d);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const double ramp =
          std::min(std::max((static_cast<double>(i) - low) / (high - low), 0.0), 1.0);
      list[i] = list[i] / factor * ramp + list[i] * (1 - ramp);
    }
    return list;
  }
};

inline std::vector<double> llama3_inv_freq(double theta, std::int64_t dim, double factor,
                                           double length, double low = 1, double high = 4) {
  constexpr double two_pi = 6.283185307179586;
  std::vector<double> list = powers(theta, dim / 2, static_cast<double>(dim));
  for (double& f : list) {
    const double turns = length * f / two_pi;
    const double share = std::min(std::max((turns - low) / (high - low), 0.0), 1.0);
    f = f * share + f / factor * (1 - share);
  }
  return list;
}

inline double as_float(double value) { return static_cast<double>(static_cast<float>(value)); }
inline double as_bfloat16(double value) {
  yarn::bfloat16 narrow{};
  yarn::detail::narrow(value, narrow);
  return yarn::detail::widen<double>(narrow);
}
inline double as_float16(double value) {
  yarn::float16 narrow{};
  yarn::detail::narrow(value, narrow);
  return yarn::detail::widen<double>(narrow);
}
inline double as_it_is(double value) { return value; }

struct tiny_engine {
  using rounding = double (*)(double);

  std::vector<double> inv_freq;
  double cos_factor = 1;
  double sin_factor = 1;
  std::int64_t offset = 0;
  std::int64_t distance = 0; // between the two elements of a half-split pair; 0 means n_pairs
  yarn::pairing order = yarn::pairing::half_split;
  yarn::pairing output_order = yarn::pairing::half_split;
  rounding round_frequency = as_it_is;
  rounding round_position = as_it_is;
  rounding round_angle = as_it_is;
  rounding round_entry = as_it_is;
  rounding round_product = as_it_is;
  std::function<std::int64_t(std::size_t token, std::int64_t position)> position_of =
      [](std::size_t, std::int64_t position) { return position; };
  bool exchanged = false;
  bool overwrites = false;
  double sign_of_first = -1; // the sign of x1 sin in the first element of a pair
  double sign_of_second = 1; // the sign of x0 sin in the second element
  int times = 1;
  double rest_factor = 1; // multiplies the elements that are not rotated

  std::int64_t n_pairs() const { return static_cast<std::int64_t>(inv_freq.size()); }

  void row(std::size_t token, std::int64_t listed, std::vector<double>& c,
           std::vector<double>& s) const {
    c.clear();
    s.clear();
    const double position = round_position(static_cast<double>(position_of(token, listed)));
    for (const double f : inv_freq) {
      const double angle = round_angle(position * round_frequency(f));
      c.push_back(round_entry(cos_factor * std::cos(angle)));
      s.push_back(round_entry(sin_factor * std::sin(angle)));
    }
    if (exchanged) {
      std::swap(c, s);
    }
  }

  template <class From, class To>
  void copy(const yarn::heads_view<From>& x, const yarn::heads_view<To>& y,
            const std::vector<std::int64_t>& positions) const {
    std::vector<double> c;
    std::vector<double> s;
    std::vector<double> head(static_cast<std::size_t>(x.head_dim()));
    for (std::size_t t = 0; t < positions.size(); ++t) {
      row(t, positions[t], c, s);
      for (std::int64_t h = 0; h < x.n_heads(); ++h) {
        const auto token = static_cast<std::int64_t>(t);
        const From* const in = x.data() + token * x.token_stride() + h * x.head_stride();
        To* const out = y.data() + token * y.token_stride() + h * y.head_stride();
        for (std::size_t d = 0; d < head.size(); ++d) {
          head[d] = yarn::detail::widen<double>(in[d]);
        }
        for (int i = 0; i < times; ++i) {
          turn(head, c, s);
        }
        for (std::size_t d = 0; d < head.size(); ++d) {
          yarn::detail::narrow(head[d], out[d]);
        }
      }
    }
  }

  template <class T>
  void operator()(const yarn::heads_view<T>& x, const std::vector<std::int64_t>& positions) const {
    copy(x, x, positions);
  }
  template <class From, class To>
  void operator()(const yarn::heads_view<From>& x, const yarn::heads_view<To>& y,
                  const std::vector<std::int64_t>& positions) const {
    copy(x, y, positions);
  }

private:
  std::size_t place(yarn::pairing in, std::int64_t pair, bool second) const {
    const std::int64_t apart = distance == 0 ? n_pairs() : distance;
    const bool is_half_split = in == yarn::pairing::half_split;
    return static_cast<std::size_t>(
        offset + (is_half_split ? pair + (second ? apart : 0) : 2 * pair + (second ? 1 : 0)));
  }

  void turn(std::vector<double>& head, const std::vector<double>& c,
            const std::vector<double>& s) const {
    std::vector<double> result = head;
    for (double& element : result) {
      element *= rest_factor;
    }
    for (std::int64_t i = 0; i < n_pairs(); ++i) {
      const auto pair = static_cast<std::size_t>(i);
      const double x0 = head[place(order, i, false)];
      const double x1 = head[place(order, i, true)];
      const double y0 =
          round_product(round_product(x0 * c[pair]) + sign_of_first * round_product(x1 * s[pair]));
      const double partner = overwrites ? y0 : x0;
      const double y1 = round_product(round_product(x1 * c[pair]) +
                                      sign_of_second * round_product(partner * s[pair]));
      result[place(output_order, i, false)] = y0;
      result[place(output_order, i, true)] = y1;
    }
    head = result;
  }
};

} // namespace support

#endif // YARN_TESTS_SUPPORT_TINY_ENGINE_HPP

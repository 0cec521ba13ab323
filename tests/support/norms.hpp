// SPDX-License-Identifier: MIT
// The expected result of a norm and a rotation in long double, with the error bound of norm.hpp,
// and the options of a norm as plain data. The oracle uses no function of the library.
#ifndef YARN_TESTS_SUPPORT_NORMS_HPP
#define YARN_TESTS_SUPPORT_NORMS_HPP

#include "emulated_rotation.hpp"
#include "tensors.hpp"

#include <yarn/norm.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ostream>
#include <type_traits>
#include <vector>

namespace support {

/// The options of a norm.
struct norm_options {
  bool is_centred = false; ///< layer_norm, else rms_norm
  bool has_weight = true;
  bool has_plus_one = false;
  bool of_each_head = false;
  bool over_all_heads = false;
  double eps = 1e-5;

  bool weighs_each_head() const {
    return has_weight && (of_each_head || over_all_heads || is_centred);
  }
};

inline std::ostream& operator<<(std::ostream& out, const norm_options& o) {
  return out << (o.is_centred ? "layer_norm" : "rms_norm") << (o.has_weight ? "" : ", no weight")
             << (o.has_plus_one ? ", weight + 1" : "") << (o.of_each_head ? ", of each head" : "")
             << (o.over_all_heads ? ", over all heads" : "") << ", eps " << o.eps;
}

/// One norm of each kind.
inline std::vector<norm_options> kinds_of_norm() {
  return {{false, true},
          {false, true, true},
          {false, true, false, true},
          {false, true, false, false, true},
          {false, false},
          {true, true}};
}

/// All combinations of options that rms_norm and layer_norm have.
inline std::vector<norm_options> all_norm_options() {
  std::vector<norm_options> all;
  for (const bool has_weight : {true, false}) {
    for (const bool has_plus_one : {false, true}) {
      for (const bool of_each_head : {false, true}) {
        for (const bool over_all_heads : {false, true}) {
          all.push_back({false, has_weight, has_plus_one, of_each_head, over_all_heads});
        }
      }
    }
  }
  all.push_back({true, true, false, false, false});
  return all;
}

template <class W> yarn::rms_norm<W> rms_norm_of(const norm_options& o, const W* weight) {
  yarn::rms_norm<W> norm =
      o.has_weight ? yarn::rms_norm<W>(weight, o.eps) : yarn::rms_norm<W>::without_weight(o.eps);
  norm = o.has_plus_one ? norm.with_weight_plus_one() : norm;
  norm = o.of_each_head ? norm.with_weight_of_each_head() : norm;
  return o.over_all_heads ? norm.over_all_heads() : norm;
}

/// Calls call(norm) with the object that has these options.
template <class W, class Call>
void with_norm(const norm_options& o, const W* weight, const Call& call) {
  if (o.is_centred) {
    call(yarn::layer_norm<W>(weight, o.eps));
  } else {
    call(rms_norm_of(o, weight));
  }
}

struct bounded {
  long double value;
  long double bound; ///< of the error before the result is rounded to the element type
};

/// The heads of one token, as numbers: heads[head][element].
using token_heads = std::vector<std::vector<long double>>;

template <class T>
token_heads heads_of_token(const tensor_layout& layout, const std::vector<T>& buffer,
                           std::size_t token) {
  token_heads heads(layout.n_heads);
  for (std::size_t h = 0; h < layout.n_heads; ++h) {
    for (std::size_t e = 0; e < layout.head_dim; ++e) {
      heads[h].push_back(
          static_cast<long double>(element<T>::widen(buffer[layout.place(token, h) + e])));
    }
  }
  return heads;
}

template <class W> std::vector<long double> numbers_of(const std::vector<W>& weights) {
  std::vector<long double> numbers;
  for (const W& weight : weights) {
    numbers.push_back(static_cast<long double>(element<W>::widen(weight)));
  }
  return numbers;
}

/// The mean, 1 / sqrt(variance + eps), and the mean of |x|, of some numbers.
struct exact_statistics {
  long double mean = 0;
  long double scale = 0;
  long double mean_size = 0;
};
inline exact_statistics statistics_of(const std::vector<long double>& x, const norm_options& o) {
  exact_statistics s;
  const auto n = static_cast<long double>(x.size());
  for (const long double e : x) {
    s.mean += o.is_centred ? e / n : 0;
    s.mean_size += o.is_centred ? std::fabs(e) / n : 0;
  }
  long double sum = 0;
  for (const long double e : x) {
    sum += (e - s.mean) * (e - s.mean);
  }
  s.scale = 1 / std::sqrt(sum / n + static_cast<long double>(o.eps));
  return s;
}

/// Normalises and rotates the heads of a token, and computes the error bounds of norm.hpp with the
/// unit u (2^-24 or 2^-53). cos and sin are taken as exact. The result is [head][element].
inline std::vector<std::vector<bounded>>
exact_norm_rotation(const token_heads& heads, const norm_options& o,
                    const std::vector<long double>& weights, const std::vector<long double>& cos,
                    const std::vector<long double>& sin, yarn::pairing in, yarn::pairing out,
                    long double u) {
  const std::size_t dim = heads[0].size(), n_pairs = cos.size();
  std::vector<long double> all;
  for (const auto& head : heads) {
    all.insert(all.end(), head.begin(), head.end());
  }
  const auto n_summed = static_cast<long double>(o.over_all_heads ? heads.size() : 1);
  const long double roundings =
      static_cast<long double>(dim) / 64 + n_summed / 2 + (o.is_centred ? 13 : 11);
  const long double mean_roundings = static_cast<long double>(dim) / 32 + 6;
  std::vector<std::vector<bounded>> result(heads.size());
  for (std::size_t h = 0; h < heads.size(); ++h) {
    const exact_statistics s = statistics_of(o.over_all_heads ? all : heads[h], o);
    const auto weight = [&](std::size_t e) {
      if (!o.has_weight) {
        return 1.0L;
      }
      return weights[o.weighs_each_head() ? h * dim + e : e] + (o.has_plus_one ? 1 : 0);
    };
    // The normed element e, and the bound of its error.
    const auto normed = [&](std::size_t e) { return (heads[h][e] - s.mean) * weight(e) * s.scale; };
    const auto error = [&](std::size_t e) {
      return u * (roundings * std::fabs(normed(e)) +
                  mean_roundings * s.mean_size * std::fabs(weight(e)) * s.scale);
    };
    result[h].resize(dim);
    for (std::size_t i = 0; i < n_pairs; ++i) {
      const auto from = places_of_pair(in, i, n_pairs), to = places_of_pair(out, i, n_pairs);
      const auto y = exact_rotation(normed(from.first), normed(from.second), cos[i], sin[i]);
      const long double c = std::fabs(cos[i]), sn = std::fabs(sin[i]);
      result[h][to.first] = {y.first, error(from.first) * c + error(from.second) * sn};
      result[h][to.second] = {y.second, error(from.second) * c + error(from.first) * sn};
    }
    for (std::size_t e = 2 * n_pairs; e < dim; ++e) {
      result[h][e] = {normed(e), error(e)};
    }
  }
  return result;
}

template <class C>
inline constexpr long double rounding_unit = std::is_same_v<C, double> ? 0x1p-53L : 0x1p-24L;

/// |actual - expected| in units of the largest error that is allowed.
template <class T> double error_share(T actual, const bounded& expected) {
  const auto size = static_cast<double>(std::fabs(expected.value) + expected.bound);
  // Results in float and double are not rounded again. Near 0, their error may be twice the smallest
  // subnormal number.
  long double last = static_cast<long double>(unit_at<T>(size)) / 2;
  if constexpr (std::is_floating_point_v<T>) {
    last = 2 * static_cast<long double>(std::numeric_limits<T>::denorm_min());
  }
  const long double distance =
      std::fabs(static_cast<long double>(element<T>::widen(actual)) - expected.value);
  return static_cast<double>(distance / (expected.bound + last));
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_NORMS_HPP

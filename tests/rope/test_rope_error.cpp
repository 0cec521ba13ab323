// SPDX-License-Identifier: MIT
// The error of a rotation, for every scaling method at small, large and the largest positions.
//
// The bounds are per element, in ULP of hypot(x0, x1) * m:
// * Compared with the exact rotation by the rounded row: the product and the fused multiply-add
//   have an error of half an ULP each, so the bound is 1 ULP. Without a fused multiply-add there
//   are three roundings, but only one of the two products can be in the binade of
//   hypot(x0, x1) * m, so the bound is 1.25 ULP.
// * Compared with the exact rotation by the true angle: the rounding of the row adds at most 1 ULP
//   (0.71 ULP if m is a power of two), so the bound is 2 ULP, or 2.25 ULP without a fused
//   multiply-add. The errors of these heads are at most 2 ULP in both cases.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/model_methods.hpp"
#include "../support/oracle.hpp"
#include "../support/rows.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/rope.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using yarn::pairing;

constexpr std::size_t n_heads = 256;

const std::vector<std::int64_t>& some_positions() {
  static const std::vector<std::int64_t> positions{0,
                                                   1,
                                                   -40,
                                                   2047,
                                                   -32767,
                                                   131071,
                                                   1048575,
                                                   (std::int64_t{1} << 24) - 1,
                                                   (std::int64_t{1} << 31) - 1};
  return positions;
}

/// Errors in ULP of hypot(x0, x1) * m.
struct errors {
  double by_row = 0;
  double by_angle = 0;

  void add(const errors& other) {
    by_row = std::max(by_row, other.by_row);
    by_angle = std::max(by_angle, other.by_angle);
  }
};

/// Heads before and after their rotation, [position][head][dim].
template <class T> struct rotated_heads {
  yarn::frequencies freqs;
  yarn::rotary_rows<T> rows;
  std::size_t dim;
  std::vector<T> before;
  std::vector<T> after;

  rotated_heads(const support::model_method& method, pairing order, support::random_source& random)
      : freqs(method.frequencies()),
        rows(support::made_rows<T>(freqs, yarn::positions(some_positions()))),
        dim(static_cast<std::size_t>(method.shape.head_dim)),
        before(some_positions().size() * n_heads * dim) {
    for (T& value : before) { // magnitudes of several binades, and pairs at all angles
      value = static_cast<T>(std::ldexp(random.number(-1, 1), static_cast<int>(random.next() % 5)));
    }
    after = before;
    yarn::rope_apply(yarn::heads_view{after.data(), some_positions().size(), n_heads, dim}, rows,
                     order);
  }
};

long double wide(const oracle::real& x) {
  const double high = x.to_double();
  return static_cast<long double>(high) +
         static_cast<long double>((x - oracle::real(high)).to_double());
}

/// The largest errors of one pair, over all heads of a token.
template <class T>
errors errors_of_pair(const rotated_heads<T>& x, std::size_t token, std::int64_t pair,
                      pairing order) {
  const std::int64_t position = some_positions()[token];
  const double m = x.freqs.attention_factor();
  const auto truth = oracle::rotation(position, x.freqs.inv_freq()[pair]);
  const long double cos = wide(truth.cosine * m), sin = wide(truth.sine * m);
  const T c = x.rows.cos(static_cast<std::int64_t>(token))[pair];
  const T s = x.rows.sin(static_cast<std::int64_t>(token))[pair];
  const double row_size = std::max(m, std::hypot(c, s) + 0.0);
  const auto at = support::places_of_pair(order, static_cast<std::size_t>(pair),
                                          static_cast<std::size_t>(x.freqs.n_pairs()));
  errors worst;
  for (std::size_t h = 0; h < n_heads; ++h) {
    const std::size_t head = (token * n_heads + h) * x.dim;
    const long double x0 = x.before[head + at.first], x1 = x.before[head + at.second];
    const double size = static_cast<double>(std::hypot(x0, x1)) * row_size;
    const double ulp = support::ulp_at<T>(size);
    const auto error = [&](const support::pair_of<long double>& exact) {
      const auto of = [&](T value, long double true_value) {
        return static_cast<double>(std::fabs(static_cast<long double>(value) - true_value)) / ulp;
      };
      return std::max(of(x.after[head + at.first], exact.first),
                      of(x.after[head + at.second], exact.second));
    };
    // The error of the phase is up to 2^-65 turns per token. It matters only in double, where it
    // has its own bound.
    const double phase_error =
        std::is_same_v<T, double>
            ? size * std::fabs(static_cast<double>(position)) * 0x1.93p-63 / ulp
            : 0;
    worst.add({error(support::exact_rotation(x0, x1, c, s)),
               error(support::exact_rotation(x0, x1, cos, sin)) - phase_error});
  }
  return worst;
}

template <class T> errors largest_errors(const rotated_heads<T>& x, pairing order) {
  errors worst;
  for (std::size_t token = 0; token < some_positions().size(); ++token) {
    for (std::int64_t pair = 0; pair < x.freqs.n_pairs(); pair += 3) {
      worst.add(errors_of_pair(x, token, pair, order));
    }
  }
  return worst;
}

template <class T> class rope_error : public ::testing::Test {};
using elements = ::testing::Types<float, double>;
TYPED_TEST_SUITE(rope_error, elements, support::element_names);

TYPED_TEST(rope_error, of_every_method_is_within_its_bounds) {
  constexpr double by_row_limit = YARN_HAS_FMA ? 1.0 : 1.25;
  support::random_source random(1);
  errors worst;
  for (const pairing order : support::pairings) {
    for (const support::model_method& method : support::model_methods()) {
      worst.add(largest_errors(rotated_heads<TypeParam>(method, order, random), order));
    }
  }
  std::printf("rotation: %.4f ULP of hypot * m by the row, %.4f by the angle\n", worst.by_row,
              worst.by_angle);
  this->RecordProperty("by_row", std::to_string(worst.by_row));
  this->RecordProperty("by_angle", std::to_string(worst.by_angle));
  // The error of the exact rotation in long double is 2^-11 of an ULP of double.
  EXPECT_LE(worst.by_row, by_row_limit + (std::is_same_v<TypeParam, double> ? 0x1p-9 : 0));
  EXPECT_LE(worst.by_angle, 2);
}

} // namespace

// SPDX-License-Identifier: MIT
// What makes a rotation one, for every element type, with an attention factor that is not 1: norms,
// scores, linearity, the way back, the gradient, moved and re-rotated keys. YARN_PRINT_ERRORS=1
// prints what was measured in units of the bound.
//
// The bound. Let H = m |x| for a head x and attention factor m, u half a unit of what is computed
// in (2^-24 or 2^-53), lengths Euclidean. Then the rotated head is off by
// * u H for the rows, whose entries are off by u of themselves,
// * u H for the rounded products (sqrt2 u H where two are rounded, without a fused multiply-add),
// * u H for the rounded results,
// * w H for 16-bit storage, w = 2^-11 or 2^-8,
// altogether epsilon H with epsilon = 4 u + 1.01 w: the fourth u and the hundredth of w cover the
// products of errors, and the subnormal elements of binary16 among others of a size near 1. Of two
// rotations in a row the second finds an error of the first, and adds its own. The phase steps are
// rounded, too, but they are added exactly, so that two ways to one angle have one phase: only the
// comparison with an angle of the test's own sees 2^-62.3 rad a token.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/model_methods.hpp"
#include "../support/tensors.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using support::element;
using support::pairings;
using support::tensor;
using yarn::pairing;
using real = long double;

// ---- The bound --------------------------------------------------------------------------------

/// The epsilon of a type, see above.
template <class T> real epsilon_of() {
  using compute = support::compute_type<T>;
  const real u = std::ldexp(1.0L, -element<compute>::digits);
  const real w = std::is_same_v<T, compute> ? 0 : std::ldexp(1.0L, -element<T>::digits);
  return 4 * u + 1.01L * w;
}

/// Collects errors as shares of what is allowed.
class shares {
public:
  explicit shares(std::string what) : what_(std::move(what)) {}
  shares(const shares&) = delete;
  shares& operator=(const shares&) = delete;
  ~shares() {
    const char* const asked = std::getenv("YARN_PRINT_ERRORS");
    if (asked != nullptr && *asked == '1') {
      std::printf("%-36s %5.3f of the bound, %.2e relative\n", what_.c_str(),
                  static_cast<double>(worst_), static_cast<double>(worst_relative_));
    }
    EXPECT_LE(worst_, 1) << what_;
    EXPECT_GT(worst_, 1e-4) << what_ << ": nothing was measured, or the bound is no bound";
  }
  /// An error, the size that makes it relative, and the relative error that is allowed.
  void add(real error, real size, real allowed) {
    worst_ = std::max(worst_, std::isnan(error) ? 1e9L : error / (size * allowed));
    worst_relative_ = std::max(worst_relative_, error / size);
  }

private:
  std::string what_;
  real worst_ = 0;
  real worst_relative_ = 0;
};

// ---- Vectors ----------------------------------------------------------------------------------

using vector = std::vector<real>;

real dot(const vector& a, const vector& b) {
  real sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}
real norm(const vector& a) { return std::sqrt(dot(a, a)); }
/// a + factor b.
vector sum(const vector& a, const vector& b, real factor) {
  vector result = a;
  for (std::size_t i = 0; i < a.size(); ++i) {
    result[i] += factor * b[i];
  }
  return result;
}
real distance(const vector& a, const vector& b) { return norm(sum(a, b, -1)); }

/// The rotated part of one head.
template <class T>
vector head_of(const tensor<T>& x, std::size_t token, std::size_t head, std::int64_t rotary_dim) {
  vector values;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rotary_dim); ++i) {
    values.push_back(static_cast<real>(element<T>::widen(x.head(token, head)[i])));
  }
  return values;
}

// ---- Models and tensors -----------------------------------------------------------------------

struct model {
  std::string name;
  yarn::frequencies freqs;
};

/// Of which all have an attention factor that is not 1 but the last.
std::vector<model> models() {
  std::vector<model> all;
  for (const support::model_method& one : support::model_methods()) {
    if (one.name == "yarn" || one.name == "yarn_no_truncation" || one.name == "longrope_long" ||
        one.name == "default_theta_5e6_partial") {
      all.push_back({one.name, one.frequencies()});
    }
  }
  yarn::yarn_scaling strong; // a factor that nobody uses, to make mistakes large
  strong.factor = 8;
  strong.original_max_position_embeddings = 2048;
  strong.attention_factor = 2.75;
  all.insert(all.begin(),
             {"yarn_2.75", yarn::make_frequencies(support::shape_of(40, 1e4), strong)});
  return all;
}

const std::vector<std::int64_t>& some_positions() {
  static const std::vector<std::int64_t> list{0,   1,      2,       3,       4,        5,    6,
                                              7,   8,      9,       10,      4095,     4096, 50001,
                                              -17, 131071, 1048575, 2000001, 16777216, 77,   77};
  return list;
}

constexpr std::size_t n_heads = 3;

template <class T> class rope_properties : public ::testing::Test {
protected:
  void SetUp() override {
    if (std::is_same_v<T, double> && !support::has_wide_long_double) {
      // The truth must be wider than what is judged.
      GTEST_SKIP() << "long double is no wider than double here";
    }
  }

  static tensor<T> random_heads(const yarn::frequencies& freqs, std::uint64_t seed) {
    const auto dim = static_cast<std::size_t>(2 * freqs.n_pairs());
    return tensor<T>(support::dense(some_positions().size(), n_heads, dim + 6), seed);
  }

  static tensor<T> rotated(tensor<T> x, const std::vector<std::int64_t>& list,
                           const yarn::frequencies& freqs, pairing order) {
    yarn::rope_apply(x.view(), yarn::rows_of(freqs, yarn::positions(list)), order);
    return x;
  }
  static tensor<T> rotated(const tensor<T>& x, const yarn::frequencies& freqs, pairing order) {
    return rotated(x, some_positions(), freqs, order);
  }

  /// Calls check(position, a's head, b's head) for every head of two tensors.
  template <class Check>
  static void for_each_head(const yarn::frequencies& freqs, const tensor<T>& a, const tensor<T>& b,
                            const Check& check) {
    for (std::size_t t = 0; t < some_positions().size(); ++t) {
      for (std::size_t h = 0; h < n_heads; ++h) {
        check(some_positions()[t], head_of(a, t, h, 2 * freqs.n_pairs()),
              head_of(b, t, h, 2 * freqs.n_pairs()));
      }
    }
  }

  static std::string label(const char* what) { return std::string(element<T>::name) + ", " + what; }
};
TYPED_TEST_SUITE(rope_properties, support::element_types, support::element_names);

// ---- One rotation -----------------------------------------------------------------------------

TYPED_TEST(rope_properties, norms_are_multiplied_by_the_attention_factor) {
  shares worst(this->label("norm"));
  for (const model& one : models()) {
    const auto m = static_cast<real>(one.freqs.attention_factor());
    for (const pairing order : pairings) {
      const auto x = this->random_heads(one.freqs, 1);
      this->for_each_head(one.freqs, x, this->rotated(x, one.freqs, order),
                          [&](std::int64_t, const vector& before, const vector& after) {
                            worst.add(std::fabs(norm(after) - m * norm(before)), m * norm(before),
                                      epsilon_of<TypeParam>());
                          });
    }
  }
}

// The score of a query and a key is m^2 times that of the vectors themselves, one of them turned by
// the distance: here by a rotation of the oracle's own.
TYPED_TEST(rope_properties, scores_depend_on_the_distance_only) {
  shares worst_pair(this->label("score, shifted")), worst_exact(this->label("score, exact"));
  for (const model& one : models()) {
    const yarn::frequencies& freqs = one.freqs;
    const auto m = static_cast<real>(freqs.attention_factor());
    const auto n_pairs = static_cast<std::size_t>(freqs.n_pairs());
    const auto& list = some_positions();
    for (const pairing order : pairings) {
      const auto q = this->random_heads(freqs, 2), k = this->random_heads(freqs, 3);
      for (const std::int64_t apart : {0, 1, 37, 300}) {
        for (const std::int64_t shift : {1, 1000, -200000}) {
          const auto moved_by = [&list](std::int64_t by) {
            std::vector<std::int64_t> moved = list;
            for (std::int64_t& position : moved) {
              position += by;
            }
            return moved;
          };
          const auto q0 = this->rotated(q, list, freqs, order);
          const auto k0 = this->rotated(k, moved_by(-apart), freqs, order);
          const auto q1 = this->rotated(q, moved_by(shift), freqs, order);
          const auto k1 = this->rotated(k, moved_by(shift - apart), freqs, order);
          for (std::size_t t = 0; t < list.size(); ++t) {
            const std::int64_t dim = 2 * freqs.n_pairs();
            const vector q_head = head_of(q, t, 0, dim), k_head = head_of(k, t, 1, dim);
            const real size = m * m * norm(q_head) * norm(k_head);
            const real epsilon = epsilon_of<TypeParam>();
            const real score = dot(head_of(q0, t, 0, dim), head_of(k0, t, 1, dim));
            const real other = dot(head_of(q1, t, 0, dim), head_of(k1, t, 1, dim));
            worst_pair.add(std::fabs(score - other), size, 4 * epsilon + 2 * epsilon * epsilon);

            real exact = 0;
            for (std::size_t i = 0; i < n_pairs; ++i) {
              const auto at = support::places_of_pair(order, i, n_pairs);
              const real angle = static_cast<real>(apart) * static_cast<real>(freqs.inv_freq()[i]);
              const auto turned = support::exact_rotation(q_head[at.first], q_head[at.second],
                                                          std::cos(angle), std::sin(angle));
              exact += turned.first * k_head[at.first] + turned.second * k_head[at.second];
            }
            worst_exact.add(std::fabs(score - m * m * exact), size,
                            2 * epsilon + epsilon * epsilon +
                                static_cast<real>(apart) * std::exp2(-62.3L));
          }
        }
      }
    }
  }
}

// Sums of multiples of 1/8 up to 2 are exact in every type; a factor of -2 changes no fraction.
TYPED_TEST(rope_properties, rotations_are_linear) {
  shares worst(this->label("linearity"));
  support::random_source random(5);
  for (const model& one : models()) {
    const auto m = static_cast<real>(one.freqs.attention_factor());
    for (const pairing order : pairings) {
      auto a = this->random_heads(one.freqs, 6), b = a, both = a, scaled = a;
      for (std::size_t i = 0; i < a.buffer.size(); ++i) {
        const auto x = static_cast<double>(random.integer(-8, 8)) / 8;
        const auto y = static_cast<double>(random.integer(-8, 8)) / 8;
        a.buffer[i] = support::element_of<TypeParam>(x);
        b.buffer[i] = support::element_of<TypeParam>(y);
        both.buffer[i] = support::element_of<TypeParam>(x + y);
        scaled.buffer[i] = support::element_of<TypeParam>(-2 * x);
      }
      const auto ra = this->rotated(a, one.freqs, order), rb = this->rotated(b, one.freqs, order);
      const auto r_both = this->rotated(both, one.freqs, order);
      const auto r_scaled = this->rotated(scaled, one.freqs, order);
      for (std::size_t t = 0; t < some_positions().size(); ++t) {
        for (std::size_t h = 0; h < n_heads; ++h) {
          const std::int64_t dim = 2 * one.freqs.n_pairs();
          const vector turned_a = head_of(ra, t, h, dim), turned_b = head_of(rb, t, h, dim);
          const real sizes = m * (norm(head_of(a, t, h, dim)) + norm(head_of(b, t, h, dim)) +
                                  norm(head_of(both, t, h, dim)));
          worst.add(distance(head_of(r_both, t, h, dim), sum(turned_a, turned_b, 1)), sizes,
                    epsilon_of<TypeParam>());
          const vector turned_scaled = head_of(r_scaled, t, h, dim);
          for (std::size_t i = 0; i < turned_a.size(); ++i) {
            if (std::fabs(turned_a[i]) > 0x1p-12L) { // no subnormal numbers of binary16
              ASSERT_EQ(turned_scaled[i], -2 * turned_a[i]);
            }
          }
        }
      }
    }
  }
}

// A rotation is not idempotent: keys in a cache that are rotated again stand elsewhere, and are
// longer.
TYPED_TEST(rope_properties, twice_is_not_once) {
  shares worst(this->label("twice"));
  for (const model& one : models()) {
    const auto m = static_cast<real>(one.freqs.attention_factor());
    std::vector<std::int64_t> doubled = some_positions();
    for (std::int64_t& position : doubled) {
      position *= 2;
    }
    for (const pairing order : pairings) {
      const auto x = this->random_heads(one.freqs, 7);
      const auto once = this->rotated(x, one.freqs, order);
      const auto twice = this->rotated(once, one.freqs, order);
      const auto at_double = this->rotated(x, doubled, one.freqs, order);
      this->for_each_head(one.freqs, once, twice,
                          [&](std::int64_t position, const vector& first, const vector& second) {
                            if (position != 0 || m > 1) {
                              EXPECT_GT(distance(first, second), 0.01L * norm(first));
                            }
                          });
      // Twice is the double angle, with the factor twice.
      this->for_each_head(one.freqs, twice, at_double,
                          [&](std::int64_t, const vector& second, const vector& expected) {
                            const real epsilon = epsilon_of<TypeParam>();
                            worst.add(distance(second, sum(vector(expected.size()), expected, m)),
                                      m * norm(expected), 3.1L * epsilon);
                          });
    }
  }
}

// ---- The way back -----------------------------------------------------------------------------

TYPED_TEST(rope_properties, inverse_undoes_a_rotation) {
  shares worst(this->label("inverse"));
  for (const model& one : models()) {
    const yarn::frequencies back = yarn::inverse(one.freqs);
    for (const pairing order : pairings) {
      const auto x = this->random_heads(one.freqs, 8);
      const auto returned = this->rotated(this->rotated(x, one.freqs, order), back, order);
      const auto other_way = this->rotated(this->rotated(x, back, order), one.freqs, order);
      for (const auto* one_way : {&returned, &other_way}) {
        this->for_each_head(
            one.freqs, x, *one_way, [&](std::int64_t, const vector& before, const vector& after) {
              const real epsilon = epsilon_of<TypeParam>();
              worst.add(distance(before, after), norm(before), 2 * epsilon + epsilon * epsilon);
            });
      }
    }
  }
}

TYPED_TEST(rope_properties, adjoint_is_the_gradient) {
  shares worst(this->label("adjoint")), worst_square(this->label("adjoint of rotation"));
  for (const model& one : models()) {
    const auto m = static_cast<real>(one.freqs.attention_factor());
    const yarn::frequencies transposed = yarn::adjoint(one.freqs);
    for (const pairing order : pairings) {
      const auto x = this->random_heads(one.freqs, 9), y = this->random_heads(one.freqs, 10);
      const auto rx = this->rotated(x, one.freqs, order);
      const auto ty = this->rotated(y, transposed, order);
      const auto trx = this->rotated(rx, transposed, order);
      for (std::size_t t = 0; t < some_positions().size(); ++t) {
        const std::int64_t dim = 2 * one.freqs.n_pairs();
        const real epsilon = epsilon_of<TypeParam>();
        const vector a = head_of(x, t, 1, dim), b = head_of(y, t, 1, dim);
        worst.add(std::fabs(dot(head_of(rx, t, 1, dim), b) - dot(a, head_of(ty, t, 1, dim))),
                  m * norm(a) * norm(b), 2 * epsilon);
        worst_square.add(distance(head_of(trx, t, 1, dim), sum(vector(a.size()), a, m * m)),
                         m * m * norm(a), 2 * epsilon + epsilon * epsilon);
      }
    }
  }
}

// ---- Cached keys ------------------------------------------------------------------------------

/// Of three rotations that end in one place by two ways.
template <class T> real of_two_ways() {
  const real epsilon = epsilon_of<T>();
  return 3 * epsilon + epsilon * epsilon;
}

TYPED_TEST(rope_properties, keys_are_moved_by_unscaled_frequencies) {
  shares worst(this->label("K-shift"));
  const std::vector<std::int64_t>& list = some_positions();
  for (const model& one : models()) {
    const yarn::frequencies shift = yarn::unscaled(one.freqs);
    const auto m = static_cast<real>(one.freqs.attention_factor());
    for (const pairing order : pairings) {
      const auto x = this->random_heads(one.freqs, 11);
      const auto cached = this->rotated(x, one.freqs, order);
      std::vector<std::int64_t> delta, target;
      for (std::size_t t = 0; t < list.size(); ++t) {
        delta.push_back(t % 3 == 0 ? -512 : static_cast<std::int64_t>(t) * 1000 + 1);
        target.push_back(list[t] + delta.back());
      }
      const auto moved = this->rotated(cached, delta, shift, order);
      const auto fresh = this->rotated(x, target, one.freqs, order);
      this->for_each_head(one.freqs, moved, fresh,
                          [&](std::int64_t, const vector& a, const vector& b) {
                            worst.add(distance(a, b), norm(b), of_two_ways<TypeParam>());
                          });
      this->for_each_head(one.freqs, x, moved,
                          [&](std::int64_t, const vector& before, const vector& after) {
                            EXPECT_NEAR(static_cast<double>(norm(after) / norm(before) / m), 1,
                                        static_cast<double>(2 * of_two_ways<TypeParam>()));
                          });
    }
  }
}

TYPED_TEST(rope_properties, cached_keys_follow_a_dynamic_method) {
  shares worst(this->label("rerotation"));
  struct change {
    std::string name;
    yarn::frequencies from, to;
  };
  yarn::dynamic_ntk_scaling ntk;
  ntk.factor = 2;
  ntk.max_position_embeddings = 4096;
  yarn::dynamic_yarn_scaling yarn_method;
  yarn_method.original_max_position_embeddings = 4096;
  yarn::longrope_scaling longrope;
  std::vector<double> short_factor, long_factor; // as LongRoPE's search finds them
  for (int i = 0; i < 48; ++i) {
    short_factor.push_back(1 + i * i / 1280.0);
    long_factor.push_back(1 + i * i / 36.0);
  }
  longrope.short_factor = short_factor;
  longrope.long_factor = long_factor;
  longrope.original_max_position_embeddings = 4096;
  longrope.factor = 32.0;
  yarn::longrope_scaling phi = longrope; // PhiMoE: a factor for each list
  phi.short_mscale = 1.243;
  phi.long_mscale = 1.19;
  const auto shape = support::shape_of(96, 1e4);
  const auto at = [&shape](const auto& method, std::int64_t length) {
    return yarn::make_frequencies(shape, method, length);
  };
  const std::vector<change> changes{
      {"dynamic NTK", at(ntk, 4096), at(ntk, 4097)},
      {"dynamic NTK, far", at(ntk, 5000), at(ntk, 60000)},
      {"dynamic YaRN", at(yarn_method, 4096), at(yarn_method, 8192)},
      {"dynamic YaRN, far", at(yarn_method, 8192), at(yarn_method, 131072)},
      {"dynamic YaRN, back", at(yarn_method, 131072), at(yarn_method, 100)},
      {"longrope", at(longrope, 4096), at(longrope, 4097)},
      {"longrope, PhiMoE", at(phi, 4096), at(phi, 4097)},
  };
  for (const change& one : changes) {
    const yarn::frequencies change_over = yarn::rerotation(one.from, one.to);
    for (const pairing order : pairings) {
      const auto x = this->random_heads(one.from, 12);
      const auto old = this->rotated(x, one.from, order);
      const auto fresh = this->rotated(x, one.to, order);
      const auto changed = this->rotated(old, change_over, order);
      real largest = 0;
      this->for_each_head(one.from, changed, fresh,
                          [&](std::int64_t, const vector& a, const vector& b) {
                            worst.add(distance(a, b), norm(b), of_two_ways<TypeParam>());
                          });
      this->for_each_head(one.from, old, fresh,
                          [&](std::int64_t, const vector& a, const vector& b) {
                            largest = std::max(largest, distance(a, b) / norm(b));
                          });
      // 4097 tokens are not far from 4096, but far enough to see.
      EXPECT_GT(largest, 0.01L) << one.name << ": the frequencies did not change";
    }
  }
}

// The rotations of a model are a group: back and forth in any order, the other way round, too.
TYPED_TEST(rope_properties, group_of_frequencies) {
  shares worst(this->label("inverse = adjoint / m^2")),
      none(this->label("rerotation there and back"));
  for (const model& one : models()) {
    const auto m = static_cast<real>(one.freqs.attention_factor());
    for (const pairing order : pairings) {
      const auto x = this->random_heads(one.freqs, 13);
      const auto by_inverse = this->rotated(x, yarn::inverse(one.freqs), order);
      const auto by_adjoint = this->rotated(x, yarn::adjoint(one.freqs), order);
      this->for_each_head(one.freqs, by_inverse, by_adjoint,
                          [&](std::int64_t, const vector& a, const vector& b) {
                            worst.add(distance(sum(vector(a.size()), a, m * m), b), norm(b),
                                      2.1L * epsilon_of<TypeParam>());
                          });
      const auto itself = this->rotated(x, yarn::rerotation(one.freqs, one.freqs), order);
      EXPECT_TRUE(support::same_bits(itself.buffer, x.buffer)) << one.name;
      // To the frequencies without the factor and back again.
      const yarn::frequencies plain = yarn::unscaled(one.freqs);
      const auto there = this->rotated(x, yarn::rerotation(plain, one.freqs), order);
      const auto back = this->rotated(there, yarn::rerotation(one.freqs, plain), order);
      this->for_each_head(one.freqs, back, x, [&](std::int64_t, const vector& a, const vector& b) {
        const real epsilon = epsilon_of<TypeParam>();
        none.add(distance(a, b), norm(b), 2 * epsilon + epsilon * epsilon);
      });
    }
  }
}

} // namespace

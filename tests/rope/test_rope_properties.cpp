// SPDX-License-Identifier: MIT
// The mathematical properties of a rotation, for every element type, with attention factors other
// than 1: norms, scores, linearity, inverse, gradient, moved keys, and keys that are rerotated
// after the frequencies changed. YARN_PRINT_ERRORS=1 prints the measured errors as fractions of the
// bound.
//
// The bound. Let H = m |x| for a head x and attention factor m (|x| is the Euclidean length). Let u
// be half a unit of the compute type (2^-24 or 2^-53). The error of the rotated head is the sum of
// * u H for the rows, because the relative error of their entries is u,
// * u H for the rounded products (sqrt2 u H without a fused multiply-add, which rounds both
//   products of an element),
// * u H for the rounded results,
// * w H for storage in 16 or 8 bits: w = 2^-11 (binary16), 2^-8 (bfloat16), 2^-4 (float8_e4m3) or
//   2^-3 (float8_e5m2).
//
// The sum is at most epsilon H with epsilon = 4 u + 1.01 w. The fourth u and the hundredth of w
// cover the products of errors, and the subnormal elements of binary16 in heads with |x| near 1. If
// a head is rotated twice, the second rotation rotates the error of the first and adds its own.
//
// The phase per token is rounded, too, by up to 2^-62.3 rad. Phases are added exactly, so two ways
// to the same angle have the same phase. The rounding therefore matters only if a test compares
// with an angle that it computes itself.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/model_methods.hpp"
#include "../support/tensors.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
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

/// The epsilon of an element type (see the head of this file).
template <class T> real epsilon_of() {
  using compute = support::compute_type<T>;
  const real u = std::ldexp(1.0L, -element<compute>::digits);
  const real w = std::is_same_v<T, compute> ? 0 : std::ldexp(1.0L, -element<T>::digits);
  return 4 * u + 1.01L * w;
}

/// Collects errors as fractions of their bounds. The destructor expects that the largest fraction
/// is at most 1.
class error_bound {
public:
  explicit error_bound(std::string what) : what_(std::move(what)) {}
  error_bound(const error_bound&) = delete;
  error_bound& operator=(const error_bound&) = delete;
  ~error_bound() {
    const char* const asked = std::getenv("YARN_PRINT_ERRORS");
    if (asked != nullptr && *asked == '1') {
      std::printf("%-36s %5.3f of the bound, %.2e relative\n", what_.c_str(),
                  static_cast<double>(worst_), static_cast<double>(worst_relative_));
    }
    EXPECT_LE(worst_, 1) << what_;
    EXPECT_GT(worst_, 1e-4) << what_ << ": nothing was measured, or the bound is far too large";
  }
  /// Adds an error. `size` makes it relative, and `allowed` is the bound of the relative error.
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

struct named_frequencies {
  std::string name;
  yarn::frequencies freqs;
};

/// The models. All but default_theta_5e6_partial have an attention factor other than 1.
std::vector<named_frequencies> models() {
  std::vector<named_frequencies> all;
  for (const support::model_method& method : support::model_methods()) {
    if (method.name == "yarn" || method.name == "yarn_no_truncation" ||
        method.name == "longrope_long" || method.name == "default_theta_5e6_partial") {
      all.push_back({method.name, method.frequencies()});
    }
  }
  yarn::yarn_scaling strong; // an unusually large attention factor makes mistakes easier to see
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
      // The exact result needs a wider type than the tested result.
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
  error_bound worst(this->label("norm"));
  for (const named_frequencies& model : models()) {
    const auto m = static_cast<real>(model.freqs.attention_factor());
    for (const pairing order : pairings) {
      const auto x = this->random_heads(model.freqs, 1);
      this->for_each_head(model.freqs, x, this->rotated(x, model.freqs, order),
                          [&](std::int64_t, const vector& before, const vector& after) {
                            worst.add(std::fabs(norm(after) - m * norm(before)), m * norm(before),
                                      epsilon_of<TypeParam>());
                          });
    }
  }
}

// The score of a rotated query and key is m^2 times the score of the unrotated vectors with the
// query rotated by the distance of the positions. The test computes this second rotation itself.
TYPED_TEST(rope_properties, scores_depend_on_the_distance_only) {
  error_bound worst_pair(this->label("score, shifted")), worst_exact(this->label("score, exact"));
  for (const named_frequencies& model : models()) {
    const yarn::frequencies& freqs = model.freqs;
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

// The elements are multiples of 1/8. Their sums up to 2 are exact, except in float8_e5m2, where the
// bound allows for their rounding. Multiplication by -2 does not change the fraction bits of normal
// numbers, so it must give the same rotation times -2.
TYPED_TEST(rope_properties, rotations_are_linear) {
  const real smallest_normal = std::ldexp(real{1}, support::element<TypeParam>::least_exponent);
  error_bound worst(this->label("linearity"));
  support::random_source random(5);
  for (const named_frequencies& model : models()) {
    const auto m = static_cast<real>(model.freqs.attention_factor());
    for (const pairing order : pairings) {
      auto a = this->random_heads(model.freqs, 6), b = a, both = a, scaled = a;
      for (std::size_t i = 0; i < a.buffer.size(); ++i) {
        const auto x = static_cast<double>(random.integer(-8, 8)) / 8;
        const auto y = static_cast<double>(random.integer(-8, 8)) / 8;
        a.buffer[i] = support::element_of<TypeParam>(x);
        b.buffer[i] = support::element_of<TypeParam>(y);
        both.buffer[i] = support::element_of<TypeParam>(x + y);
        scaled.buffer[i] = support::element_of<TypeParam>(-2 * x);
      }
      const auto ra = this->rotated(a, model.freqs, order),
                 rb = this->rotated(b, model.freqs, order);
      const auto r_both = this->rotated(both, model.freqs, order);
      const auto r_scaled = this->rotated(scaled, model.freqs, order);
      for (std::size_t t = 0; t < some_positions().size(); ++t) {
        for (std::size_t h = 0; h < n_heads; ++h) {
          const std::int64_t dim = 2 * model.freqs.n_pairs();
          const vector turned_a = head_of(ra, t, h, dim), turned_b = head_of(rb, t, h, dim);
          const real sizes = m * (norm(head_of(a, t, h, dim)) + norm(head_of(b, t, h, dim)) +
                                  norm(head_of(both, t, h, dim)));
          worst.add(distance(head_of(r_both, t, h, dim), sum(turned_a, turned_b, 1)), sizes,
                    epsilon_of<TypeParam>());
          const vector turned_scaled = head_of(r_scaled, t, h, dim);
          for (std::size_t i = 0; i < turned_a.size(); ++i) {
            if (std::fabs(turned_a[i]) > smallest_normal) {
              ASSERT_EQ(turned_scaled[i], -2 * turned_a[i]);
            }
          }
        }
      }
    }
  }
}

// A rotation is not idempotent: a cached key that is rotated again has another angle and another
// length.
TYPED_TEST(rope_properties, rotation_twice_differs_from_once) {
  error_bound worst(this->label("twice"));
  for (const named_frequencies& model : models()) {
    const auto m = static_cast<real>(model.freqs.attention_factor());
    std::vector<std::int64_t> doubled = some_positions();
    for (std::int64_t& position : doubled) {
      position *= 2;
    }
    for (const pairing order : pairings) {
      const auto x = this->random_heads(model.freqs, 7);
      const auto once = this->rotated(x, model.freqs, order);
      const auto twice = this->rotated(once, model.freqs, order);
      const auto at_double = this->rotated(x, doubled, model.freqs, order);
      this->for_each_head(model.freqs, once, twice,
                          [&](std::int64_t position, const vector& first, const vector& second) {
                            if (position != 0 || m > 1) {
                              EXPECT_GT(distance(first, second), 0.01L * norm(first));
                            }
                          });
      // Two rotations double the angle and square the attention factor.
      this->for_each_head(model.freqs, twice, at_double,
                          [&](std::int64_t, const vector& second, const vector& expected) {
                            const real epsilon = epsilon_of<TypeParam>();
                            worst.add(distance(second, sum(vector(expected.size()), expected, m)),
                                      m * norm(expected), 3.1L * epsilon);
                          });
    }
  }
}

// ---- Inverse and gradient ---------------------------------------------------------------------

TYPED_TEST(rope_properties, inverse_undoes_a_rotation) {
  error_bound worst(this->label("inverse"));
  for (const named_frequencies& model : models()) {
    const yarn::frequencies back = yarn::inverse(model.freqs);
    for (const pairing order : pairings) {
      const auto x = this->random_heads(model.freqs, 8);
      const auto returned = this->rotated(this->rotated(x, model.freqs, order), back, order);
      const auto other_way = this->rotated(this->rotated(x, back, order), model.freqs, order);
      for (const auto* one_way : {&returned, &other_way}) {
        this->for_each_head(
            model.freqs, x, *one_way, [&](std::int64_t, const vector& before, const vector& after) {
              const real epsilon = epsilon_of<TypeParam>();
              worst.add(distance(before, after), norm(before), 2 * epsilon + epsilon * epsilon);
            });
      }
    }
  }
}

TYPED_TEST(rope_properties, adjoint_is_the_gradient) {
  error_bound worst(this->label("adjoint")), worst_square(this->label("adjoint of rotation"));
  for (const named_frequencies& model : models()) {
    const auto m = static_cast<real>(model.freqs.attention_factor());
    const yarn::frequencies transposed = yarn::adjoint(model.freqs);
    for (const pairing order : pairings) {
      const auto x = this->random_heads(model.freqs, 9), y = this->random_heads(model.freqs, 10);
      const auto rx = this->rotated(x, model.freqs, order);
      const auto ty = this->rotated(y, transposed, order);
      const auto trx = this->rotated(rx, transposed, order);
      for (std::size_t t = 0; t < some_positions().size(); ++t) {
        const std::int64_t dim = 2 * model.freqs.n_pairs();
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

/// The bound if two rotations, one after the other, are compared with a single rotation: the error
/// of three rotations.
template <class T> real epsilon_of_three_rotations() {
  const real epsilon = epsilon_of<T>();
  return 3 * epsilon + epsilon * epsilon;
}

TYPED_TEST(rope_properties, keys_are_moved_by_unscaled_frequencies) {
  error_bound worst(this->label("K-shift"));
  const std::vector<std::int64_t>& list = some_positions();
  for (const named_frequencies& model : models()) {
    const yarn::frequencies shift = yarn::unscaled(model.freqs);
    const auto m = static_cast<real>(model.freqs.attention_factor());
    for (const pairing order : pairings) {
      const auto x = this->random_heads(model.freqs, 11);
      const auto cached = this->rotated(x, model.freqs, order);
      std::vector<std::int64_t> delta, target;
      for (std::size_t t = 0; t < list.size(); ++t) {
        delta.push_back(t % 3 == 0 ? -512 : static_cast<std::int64_t>(t) * 1000 + 1);
        target.push_back(list[t] + delta.back());
      }
      const auto moved = this->rotated(cached, delta, shift, order);
      const auto fresh = this->rotated(x, target, model.freqs, order);
      this->for_each_head(
          model.freqs, moved, fresh, [&](std::int64_t, const vector& a, const vector& b) {
            worst.add(distance(a, b), norm(b), epsilon_of_three_rotations<TypeParam>());
          });
      this->for_each_head(
          model.freqs, x, moved, [&](std::int64_t, const vector& before, const vector& after) {
            EXPECT_NEAR(static_cast<double>(norm(after) / norm(before) / m), 1,
                        static_cast<double>(2 * epsilon_of_three_rotations<TypeParam>()));
          });
    }
  }
}

TYPED_TEST(rope_properties, cached_keys_follow_a_dynamic_method) {
  error_bound worst(this->label("rerotation"));
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
  std::vector<double> short_factor, long_factor; // like the lists that LongRoPE's search finds
  for (int i = 0; i < 48; ++i) {
    short_factor.push_back(1 + i * i / 1280.0);
    long_factor.push_back(1 + i * i / 36.0);
  }
  longrope.short_factor = short_factor;
  longrope.long_factor = long_factor;
  longrope.original_max_position_embeddings = 4096;
  longrope.factor = 32.0;
  yarn::longrope_scaling phi = longrope; // PhiMoE has an attention factor for each list
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
  for (const change& change : changes) {
    const yarn::frequencies change_over = yarn::rerotation(change.from, change.to);
    for (const pairing order : pairings) {
      const auto x = this->random_heads(change.from, 12);
      const auto old = this->rotated(x, change.from, order);
      const auto fresh = this->rotated(x, change.to, order);
      const auto changed = this->rotated(old, change_over, order);
      real largest = 0;
      this->for_each_head(
          change.from, changed, fresh, [&](std::int64_t, const vector& a, const vector& b) {
            worst.add(distance(a, b), norm(b), epsilon_of_three_rotations<TypeParam>());
          });
      this->for_each_head(change.from, old, fresh,
                          [&](std::int64_t, const vector& a, const vector& b) {
                            largest = std::max(largest, distance(a, b) / norm(b));
                          });
      // The change from 4096 to 4097 tokens is small, but large enough to see.
      EXPECT_GT(largest, 0.01L) << change.name << ": the frequencies did not change";
    }
  }
}

// inverse, adjoint and rerotation are consistent: the inverse is the adjoint / m^2, a rerotation to
// the same frequencies changes no bit, and a rerotation there and back restores the heads.
TYPED_TEST(rope_properties, inverse_adjoint_and_rerotation_are_consistent) {
  error_bound worst(this->label("inverse = adjoint / m^2")),
      worst_there_and_back(this->label("rerotation there and back"));
  for (const named_frequencies& model : models()) {
    const auto m = static_cast<real>(model.freqs.attention_factor());
    for (const pairing order : pairings) {
      const auto x = this->random_heads(model.freqs, 13);
      const auto by_inverse = this->rotated(x, yarn::inverse(model.freqs), order);
      const auto by_adjoint = this->rotated(x, yarn::adjoint(model.freqs), order);
      this->for_each_head(model.freqs, by_inverse, by_adjoint,
                          [&](std::int64_t, const vector& a, const vector& b) {
                            worst.add(distance(sum(vector(a.size()), a, m * m), b), norm(b),
                                      2.1L * epsilon_of<TypeParam>());
                          });
      const auto itself = this->rotated(x, yarn::rerotation(model.freqs, model.freqs), order);
      EXPECT_TRUE(support::same_bits(itself.buffer, x.buffer)) << model.name;
      // To the frequencies without the attention factor, and back.
      const yarn::frequencies plain = yarn::unscaled(model.freqs);
      const auto there = this->rotated(x, yarn::rerotation(plain, model.freqs), order);
      const auto back = this->rotated(there, yarn::rerotation(model.freqs, plain), order);
      this->for_each_head(
          model.freqs, back, x, [&](std::int64_t, const vector& a, const vector& b) {
            const real epsilon = epsilon_of<TypeParam>();
            worst_there_and_back.add(distance(a, b), norm(b), 2 * epsilon + epsilon * epsilon);
          });
    }
  }
}

} // namespace

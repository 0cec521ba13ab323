// SPDX-License-Identifier: MIT
// Calls with a norm that must give the same bits: slices, strides, sources of rows, copies, weights
// in other formats.
#include "../support/bits.hpp"
#include "../support/norms.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace {

using support::dense;
using support::element;
using support::head_major;
using support::norm_options;
using support::pairings;
using support::random_elements;
using support::same_bits;
using support::tensor;
using support::tensor_layout;
using yarn::bfloat16;
using yarn::float16;
using yarn::float8_e4m3;
using yarn::normed;
using yarn::pairing;
using yarn::rms_norm;

yarn::frequencies frequencies_of(std::size_t n_pairs, double attention_factor = 1.25) {
  std::vector<double> inv_freq(n_pairs);
  for (std::size_t i = 0; i < n_pairs; ++i) {
    inv_freq[i] = 1.0 / static_cast<double>(1 + i);
  }
  return yarn::frequencies_from(inv_freq.data(), n_pairs, attention_factor);
}

template <class T> class norm_calls : public ::testing::Test {};
using three_elements = ::testing::Types<float, double, bfloat16>;
TYPED_TEST_SUITE(norm_calls, three_elements, support::element_names);

/// Tensors of 9 tokens with 40 heads of 44 elements, of which 38 are rotated: every kind of tail.
template <class T> struct same_bits_case {
  static constexpr std::size_t n_tokens = 9, n_heads = 40, head_dim = 44, n_pairs = 19;
  using C = support::compute_type<T>;

  same_bits_case() { rows.assign(freqs, yarn::positions_from(100, n_tokens)); }

  tensor<T> x{dense(n_tokens, n_heads, head_dim), 5};
  std::vector<float> weights = random_elements<float>(n_heads * head_dim, 6);
  yarn::frequencies freqs = frequencies_of(n_pairs);
  yarn::rotary_rows<C> rows;

  /// Calls call(norm) for norms of each kind.
  template <class Call> void for_each_norm(const Call& call) const {
    for (const norm_options& options : support::kinds_of_norm()) {
      SCOPED_TRACE(::testing::Message() << options);
      support::with_norm(options, weights.data(), call);
    }
  }
  template <class Norm> tensor<T> result(const Norm& norm, pairing p) const {
    tensor<T> y = x;
    yarn::rope_apply(normed(y.view(), norm), rows, p);
    return y;
  }
};

TYPED_TEST(norm_calls, slices_strides_and_sources_of_rows_give_the_same_bits) {
  const same_bits_case<TypeParam> c;
  const auto list = yarn::positions_from(100);
  for (const pairing p : pairings) {
    c.for_each_norm([&](const auto& norm) {
      const tensor<TypeParam> expected = c.result(norm, p);
      tensor<TypeParam> by_slices = c.x, by_rows_of = c.x;
      for (std::int64_t thread = 3; thread >= 0; --thread) {
        yarn::rope_apply_unchecked(normed(by_slices.view(), norm), c.rows, p, {thread, 4});
      }
      EXPECT_TRUE(same_bits(by_slices.buffer, expected.buffer));
      yarn::rope_apply(normed(by_rows_of.view(), norm), yarn::rows_of(c.freqs, list), p);
      EXPECT_TRUE(same_bits(by_rows_of.buffer, expected.buffer));
      const tensor_layout shape = c.x.layout;
      for (const tensor_layout& other :
           {head_major(shape.n_tokens, shape.n_heads, shape.head_dim),
            tensor_layout{shape.n_tokens, shape.n_heads, shape.head_dim, 47 * shape.n_heads + 3, 47,
                          1}}) {
        tensor<TypeParam> moved = c.x.in(other);
        tensor<TypeParam> expected_there = moved;
        yarn::rope_apply(normed(moved.view(), norm), c.rows, p);
        for (std::size_t t = 0; t < shape.n_tokens; ++t) {
          for (std::size_t h = 0; h < shape.n_heads; ++h) {
            std::copy_n(expected.head(t, h), shape.head_dim, expected_there.head(t, h));
          }
        }
        EXPECT_TRUE(same_bits(moved.buffer, expected_there.buffer));
      }
    });
  }
}

TYPED_TEST(norm_calls, a_copy_has_the_bits_of_the_call_in_place) {
  const same_bits_case<TypeParam> c;
  for (const pairing p : pairings) {
    c.for_each_norm([&](const auto& norm) {
      const tensor<TypeParam> expected = c.result(norm, p);
      tensor<TypeParam> source = c.x, target = c.x, same = c.x;
      yarn::rope_copy(normed(source.view(), norm), target.view(), c.rows, p);
      EXPECT_TRUE(same_bits(target.buffer, expected.buffer));
      EXPECT_TRUE(same_bits(source.buffer, c.x.buffer));
      yarn::rope_copy(normed(same.view(), norm), same.view(), c.rows, p);
      EXPECT_TRUE(same_bits(same.buffer, expected.buffer));
    });
  }
}

TYPED_TEST(norm_calls, a_copy_accepts_a_const_source) {
  const same_bits_case<TypeParam> c;
  const rms_norm w(c.weights.data(), 1e-6);
  const TypeParam* const data = c.x.buffer.data();
  tensor<TypeParam> target = c.x;
  yarn::rope_copy(normed(c.x.layout.view(data), w), target.view(), c.rows, pairing::half_split);
  EXPECT_TRUE(same_bits(target.buffer, c.result(w, pairing::half_split).buffer));
}

TYPED_TEST(norm_calls, copies_write_another_order_of_the_same_bits) {
  const same_bits_case<TypeParam> c;
  c.for_each_norm([&](const auto& norm) {
    for (const pairing p : pairings) {
      const pairing out = p == pairing::half_split ? pairing::interleaved : pairing::half_split;
      const tensor<TypeParam> y = c.result(norm, p);
      tensor<TypeParam> source = c.x, target = c.x, expected = y;
      yarn::rope_copy(normed(source.view(), norm), target.view(), c.rows, p,
                      yarn::output_order{out});
      for (std::size_t t = 0; t < c.n_tokens; ++t) {
        for (std::size_t h = 0; h < c.n_heads; ++h) {
          for (std::size_t i = 0; i < c.n_pairs; ++i) {
            const auto from = support::places_of_pair(p, i, c.n_pairs);
            const auto to = support::places_of_pair(out, i, c.n_pairs);
            expected.head(t, h)[to.first] = y.head(t, h)[from.first];
            expected.head(t, h)[to.second] = y.head(t, h)[from.second];
          }
        }
      }
      EXPECT_TRUE(same_bits(target.buffer, expected.buffer));
    }
  });
}

/// Copies to a target of another type: the result in the type of the computation, rounded once.
template <class From, class To> void expect_copies_to() {
  using C =
      std::conditional_t<std::is_same_v<From, double> || std::is_same_v<To, double>, double, float>;
  const same_bits_case<From> c;
  tensor<C> wide(c.x.layout);
  for (std::size_t i = 0; i < wide.buffer.size(); ++i) {
    wide.buffer[i] = static_cast<C>(element<From>::widen(c.x.buffer[i]));
  }
  norm_options options;
  options.of_each_head = true;
  for (const pairing p : pairings) {
    const auto norm = support::rms_norm_of(options, c.weights.data());
    tensor<From> source = c.x;
    tensor<C> in_compute_type = wide;
    tensor<To> target(c.x.layout, 77);
    yarn::rope_copy(normed(source.view(), norm), target.view(),
                    yarn::rows_of(c.freqs, yarn::positions_from(100)), p);
    yarn::rope_apply(normed(in_compute_type.view(), norm),
                     yarn::rows_of(c.freqs, yarn::positions_from(100)), p);
    tensor<To> expected(c.x.layout, 77);
    for (std::size_t i = 0; i < expected.buffer.size(); ++i) {
      yarn::detail::narrow(in_compute_type.buffer[i], expected.buffer[i]);
    }
    EXPECT_TRUE(same_bits(target.buffer, expected.buffer))
        << element<From>::name << " to " << element<To>::name;
  }
}
TYPED_TEST(norm_calls, copies_to_other_types_round_once) {
  expect_copies_to<TypeParam, float>();
  expect_copies_to<TypeParam, float16>();
  expect_copies_to<TypeParam, float8_e4m3>();
}

TYPED_TEST(norm_calls, each_tensor_of_a_call_has_its_own_norm) {
  const same_bits_case<TypeParam> c;
  tensor<TypeParam> k(dense(c.n_tokens, 3, c.head_dim), 8);
  const std::vector<bfloat16> k_weights = random_elements<bfloat16>(c.head_dim, 9);
  const rms_norm k_norm = rms_norm(k_weights.data(), 1e-3).with_weight_plus_one();
  const auto q_norm = yarn::layer_norm(c.weights.data(), 1e-6);
  for (const pairing p : pairings) {
    const tensor<TypeParam> normed_q = c.result(q_norm, p);
    tensor<TypeParam> normed_k = k, plain_q = c.x, plain_k = k;
    yarn::rope_apply(normed(normed_k.view(), k_norm), c.rows, p);
    yarn::rope_apply(plain_q.view(), c.rows, p);
    yarn::rope_apply(plain_k.view(), c.rows, p);

    tensor<TypeParam> a = c.x, b = k;
    yarn::rope_apply(normed(a.view(), q_norm), normed(b.view(), k_norm), c.rows, p);
    EXPECT_TRUE(same_bits(a.buffer, normed_q.buffer));
    EXPECT_TRUE(same_bits(b.buffer, normed_k.buffer));
    a = c.x, b = k;
    yarn::rope_apply(normed(a.view(), q_norm), b.view(), c.rows, p);
    EXPECT_TRUE(same_bits(a.buffer, normed_q.buffer));
    EXPECT_TRUE(same_bits(b.buffer, plain_k.buffer));
    a = c.x, b = k;
    yarn::rope_apply(a.view(), normed(b.view(), k_norm), c.rows, p);
    EXPECT_TRUE(same_bits(a.buffer, plain_q.buffer));
    EXPECT_TRUE(same_bits(b.buffer, normed_k.buffer));
    a = c.x, b = k;
    for (const std::int64_t thread : {0, 1}) {
      yarn::rope_apply_unchecked(normed(a.view(), q_norm), normed(b.view(), k_norm), c.rows, p,
                                 {thread, 2});
    }
    EXPECT_TRUE(same_bits(a.buffer, normed_q.buffer));
    EXPECT_TRUE(same_bits(b.buffer, normed_k.buffer));
  }
}

// A weight in another format has the bits of the same numbers in float.
template <class W> void expect_weights_like_float() {
  same_bits_case<float> c;
  const std::vector<W> weights = random_elements<W>(c.weights.size(), 6);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    c.weights[i] = static_cast<float>(element<W>::widen(weights[i]));
  }
  for (const norm_options& options : support::kinds_of_norm()) {
    for (const pairing p : pairings) {
      tensor<float> a = c.x, b = c.x;
      support::with_norm(options, weights.data(), [&](const auto& norm) {
        yarn::rope_apply(normed(a.view(), norm), c.rows, p);
      });
      support::with_norm(options, c.weights.data(), [&](const auto& norm) {
        yarn::rope_apply(normed(b.view(), norm), c.rows, p);
      });
      EXPECT_TRUE(same_bits(a.buffer, b.buffer)) << options;
    }
  }
}
TEST(norm_weights, have_the_bits_of_the_same_numbers_in_float) {
  expect_weights_like_float<bfloat16>();
  expect_weights_like_float<float16>();
  expect_weights_like_float<float8_e4m3>();
  expect_weights_like_float<double>();
}

TEST(norm_weights, without_a_weight_are_1) {
  const same_bits_case<float> c;
  const std::vector<float> ones(c.weights.size(), 1);
  for (const pairing p : pairings) {
    const auto plain = c.result(yarn::rms_norm_without_weight(1e-6), p);
    EXPECT_TRUE(same_bits(plain.buffer, c.result(rms_norm(ones.data(), 1e-6), p).buffer));
    const auto over_all = c.result(yarn::rms_norm_without_weight(1e-6).over_all_heads(), p);
    EXPECT_TRUE(same_bits(over_all.buffer,
                          c.result(rms_norm(ones.data(), 1e-6).over_all_heads(), p).buffer));
    EXPECT_FALSE(same_bits(plain.buffer, over_all.buffer));
  }
}

TEST(norm_call, rows_in_another_format_are_widened) {
  const same_bits_case<float> c;
  const std::vector<bfloat16> entries = random_elements<bfloat16>(c.n_tokens * 2 * c.n_pairs, 21);
  std::vector<float> wide;
  for (const bfloat16 entry : entries) {
    wide.push_back(element<bfloat16>::widen(entry));
  }
  const auto narrow_rows = yarn::rows_view<bfloat16>::packed(entries.data(), c.n_tokens, c.n_pairs);
  const auto wide_rows = yarn::rows_view<float>::packed(wide.data(), c.n_tokens, c.n_pairs);
  for (const pairing p : pairings) {
    tensor<float> a = c.x, b = c.x;
    const rms_norm w(c.weights.data(), 1e-6);
    yarn::rope_apply(normed(a.view(), w), narrow_rows, p);
    yarn::rope_apply(normed(b.view(), w), wide_rows, p);
    EXPECT_TRUE(same_bits(a.buffer, b.buffer));
  }
}

} // namespace

// SPDX-License-Identifier: MIT
// rope_apply for every element type, pairing and even rotary_dim from 2 to 260, and for a few
// larger ones, at all alignments and in several layouts. The memory ends or begins at an
// inaccessible page. Every byte in and around a tensor is compared with the result of the
// documented arithmetic, and rotated elements with the exact rotation. YARN_PRINT_ERRORS=1 prints
// the largest errors.
#include "../support/bits.hpp"
#include "../support/emulated_rotation.hpp"
#include "../support/model_methods.hpp"
#include "../support/oracle.hpp"
#include "../support/rotation_checker.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using support::add_error;
using support::element;
using support::geometry;
using support::layout;
using support::layouts;
using support::most_units;
using support::oracle_noise;
using support::random_source;
using support::report;
using support::rotation_checker;
using support::worst_errors;
using yarn::pairing;

template <class T, pairing Pairing> struct subject {
  using type = T;
  static constexpr pairing order = Pairing;
  static std::string name() {
    return std::string(element<T>::name) +
           (Pairing == pairing::half_split ? "_half_split" : "_interleaved");
  }
};
using subjects = ::testing::Types<
    subject<float, pairing::half_split>, subject<float, pairing::interleaved>,
    subject<double, pairing::half_split>, subject<double, pairing::interleaved>,
    subject<yarn::float16, pairing::half_split>, subject<yarn::float16, pairing::interleaved>,
    subject<yarn::bfloat16, pairing::half_split>, subject<yarn::bfloat16, pairing::interleaved>,
    subject<yarn::float8_e4m3, pairing::half_split>,
    subject<yarn::float8_e4m3, pairing::interleaved>,
    subject<yarn::float8_e5m2, pairing::half_split>,
    subject<yarn::float8_e5m2, pairing::interleaved>>;

struct subject_names {
  template <class Subject> static std::string GetName(int) { // NOLINT: GoogleTest's name
    return Subject::name();
  }
};
template <class Subject> class rope_typed : public ::testing::Test {};
TYPED_TEST_SUITE(rope_typed, subjects, subject_names);

struct head_counts {
  std::size_t q;
  std::size_t kv;
};
// The numbers of heads: GQA, MQA, multi-head, and k with more heads than q.
constexpr std::array<head_counts, 6> counts{{{4, 2}, {2, 2}, {4, 1}, {1, 1}, {2, 4}, {3, 1}}};

TYPED_TEST(rope_typed, every_even_rotary_dim_at_every_alignment) {
  using T = typename TypeParam::type;
  rotation_checker<T> cases(1);
  worst_errors worst;
  std::size_t n_cases = 0;
  for (std::size_t rotary_dim = 2; rotary_dim <= 260; rotary_dim += 2) {
    for (std::size_t offset = 0; offset < 64; offset += sizeof(T)) {
      for (const layout shape : layouts) {
        for (const support::fence side : {support::fence::after, support::fence::before}) {
          for (const bool partial : {false, true}) {
            ++n_cases;
            const head_counts heads = counts[n_cases / 7 % counts.size()];
            const std::size_t head_dim = rotary_dim + (partial ? 1 + n_cases % 13 : 0);
            const std::size_t n_tokens = n_cases % 11 == 0 ? 1 : 2;
            const geometry g{rotary_dim, head_dim, n_tokens, heads.q,
                             heads.kv,   shape,    side,     offset};
            if (!cases.template run<TypeParam::order>(g, n_cases % 5 == 0,
                                                      n_cases % 4 == 0 ? &worst : nullptr)) {
              return;
            }
          }
        }
      }
    }
  }
  for (std::size_t offset = 0; offset < 64; offset += sizeof(T)) {
    EXPECT_TRUE(cases.reached(offset)) << "no tensor began at byte " << offset;
  }
  report<TypeParam>("by_the_rounded_row", worst);
  EXPECT_LE(worst.beyond_rounding, most_units + oracle_noise);
  EXPECT_GT(worst.in_element_units, 0.4) << "nothing was measured";
}

// Long heads are rotated in several sections, because their row does not fit the scratch buffer.
TYPED_TEST(rope_typed, long_rotary_dims) {
  using T = typename TypeParam::type;
  rotation_checker<T> cases(2);
  worst_errors worst;
  for (const std::size_t rotary_dim :
       {1022U, 1024U, 1026U, 2046U, 2048U, 2050U, 2562U, 3072U, 4098U}) {
    for (const layout shape : layouts) {
      for (const support::fence side : {support::fence::after, support::fence::before}) {
        for (const std::size_t beyond : {0U, 5U}) {
          const bool packed = shape == layout::packed_qkv;
          const geometry g{
              rotary_dim, rotary_dim + beyond, packed ? 1U : 2U, packed ? 1U : 2U, 1, shape, side,
              sizeof(T)};
          ASSERT_TRUE(cases.template run<TypeParam::order>(g, false, &worst)) << g.describe();
        }
      }
    }
  }
  report<TypeParam>("long_dims", worst);
  EXPECT_LE(worst.beyond_rounding, most_units + oracle_noise);
}

// More tokens than a block of the loops holds, and more heads than models have.
TYPED_TEST(rope_typed, many_tokens_and_many_heads) {
  using T = typename TypeParam::type;
  rotation_checker<T> cases(3);
  worst_errors worst;
  for (const std::size_t n_tokens : {1U, 3U, 31U, 32U, 33U, 65U, 100U}) {
    for (const std::size_t rotary_dim : {2U, 6U, 10U, 16U, 18U, 34U}) {
      for (const layout shape : layouts) {
        const geometry g{rotary_dim, rotary_dim + n_tokens % 2, n_tokens, 1 + n_tokens % 3, 1,
                         shape,      support::fence::after,     sizeof(T)};
        ASSERT_TRUE(cases.template run<TypeParam::order>(g, false, &worst)) << g.describe();
      }
    }
  }
  for (const std::size_t n_heads : {7U, 16U, 33U, 96U}) {
    for (const layout shape : layouts) {
      const geometry g{20, 24, 2, n_heads, 1, shape, support::fence::after, 0};
      ASSERT_TRUE(cases.template run<TypeParam::order>(g, false, &worst)) << g.describe();
    }
  }
  EXPECT_LE(worst.beyond_rounding, most_units + oracle_noise);
}

// ---- Empty tensors ----------------------------------------------------------------------------

TYPED_TEST(rope_typed, accepts_no_tokens_no_heads_and_an_empty_k) {
  using T = typename TypeParam::type;
  constexpr pairing order = TypeParam::order;
  constexpr std::size_t dim = 10, tokens = 3, heads = 2;
  const double inv_freq[] = {1, 0.5, 0.25, 0.125};
  const auto freqs = yarn::frequencies_from(inv_freq, 4, 1.25);
  const auto table = yarn::make_table<float>(freqs, 8);
  yarn::rotary_rows<float> rows, no_rows;
  rows.assign(freqs, yarn::positions_from(0, tokens));
  no_rows.assign(freqs, yarn::positions_from(0, 0));
  const auto here = yarn::positions_from(0);

  random_source random(4);
  std::vector<T> data(tokens * heads * dim);
  std::generate(data.begin(), data.end(),
                [&] { return support::element_of<T>(random.number(-1, 1)); });
  const std::vector<T> before = data;
  const auto unchanged = [&] {
    return std::memcmp(data.data(), before.data(), data.size() * sizeof(T)) == 0;
  };

  for (T* const memory : {data.data(), static_cast<T*>(nullptr)}) {
    const yarn::heads_view no_tokens{memory, 0, heads, dim};
    yarn::rope_apply(no_tokens, no_tokens, no_rows, order);
    yarn::rope_apply(no_tokens, yarn::rows_of(freqs, here), order);
    yarn::rope_apply(no_tokens, no_tokens, yarn::rows_of(table, here), order);
    const yarn::heads_view no_heads{memory, tokens, 0, dim};
    yarn::rope_apply(no_heads, no_heads, rows, order);
    yarn::rope_apply(no_heads, yarn::rows_of(freqs, here), order);
    yarn::rope_apply(no_heads, yarn::rows_of(table, here), order);
    yarn::rope_apply(no_heads.with_strides(heads * dim, dim), yarn::rows_of(table, here), order);
    for (int thread = 0; thread < 3; ++thread) {
      yarn::rope_apply_unchecked(no_tokens, no_heads, no_rows, order, {thread, 3});
      yarn::rope_apply_unchecked(no_heads.with_strides(heads * dim, dim), rows, order, {thread, 3});
    }
    EXPECT_TRUE(unchanged());
  }

  // k is empty in layers that share the keys of another layer. q gets the same result as without k.
  std::vector<T> alone = before;
  yarn::rope_apply(yarn::heads_view{alone.data(), tokens, heads, dim}, rows, order);
  EXPECT_NE(std::memcmp(alone.data(), before.data(), alone.size() * sizeof(T)), 0);
  const yarn::heads_view q{data.data(), tokens, heads, dim};
  yarn::rope_apply(q, yarn::heads_view{static_cast<T*>(nullptr), tokens, 0, dim}, rows, order);
  EXPECT_EQ(support::first_difference(data.data(), alone.data(), data.size()), -1);
  data = before;
  yarn::rope_apply(yarn::heads_view{static_cast<T*>(nullptr), tokens, 0, dim}, q, rows, order);
  EXPECT_EQ(support::first_difference(data.data(), alone.data(), data.size()), -1);
}

// ---- The true angle ---------------------------------------------------------------------------
//
// The error of a row entry is half a unit of the entry, so the error of the two products together
// is at most H/2^24 (H/2^53 in double), which is at most one unit at H. The arithmetic adds
// `most_units`: another unit, or 1.25 units without a fused multiply-add. The phase adds 2^-62.3
// rad per token, which matters only in double.
TYPED_TEST(rope_typed, is_within_its_bound_of_the_true_angle) {
  using T = typename TypeParam::type;
  if (std::is_same_v<T, double> && !support::has_wide_long_double) {
    // The exact result needs a wider type than the tested result.
    GTEST_SKIP() << "long double is no wider than double here";
  }
  yarn::yarn_scaling method;
  method.factor = 32;
  method.original_max_position_embeddings = 4096;
  const auto freqs = yarn::make_frequencies(support::shape_of(128, 1e4), method);
  const std::vector<std::int64_t> positions{0,      1,       40,       2047,    16383,
                                            131071, 1048575, 16777216, -131071, 2147483647};
  constexpr std::size_t heads = 64, dim = 128, pairs = 64;
  random_source random(5);
  std::vector<T> data(positions.size() * heads * dim);
  std::generate(data.begin(), data.end(),
                [&] { return support::element_of<T>(random.number(-4, 4)); });
  const std::vector<T> before = data;
  yarn::rope_apply(yarn::heads_view{data.data(), positions.size(), heads, dim},
                   yarn::rows_of(freqs, yarn::positions(positions)), TypeParam::order);

  const auto m = static_cast<long double>(freqs.attention_factor());
  const auto wide = [](const oracle::real& x) {
    const double high = x.to_double();
    return static_cast<long double>(high) + (x - oracle::real(high)).to_double();
  };
  worst_errors worst;
  for (std::size_t t = 0; t < positions.size(); ++t) {
    for (std::size_t i = 0; i < pairs; ++i) {
      const auto angle = oracle::rotation(positions[t], freqs.inv_freq()[i]);
      const long double cos = m * wide(angle.cosine), sin = m * wide(angle.sine);
      const double phase_error = std::fabs(static_cast<double>(positions[t])) * std::exp2(-62.3);
      const auto at = support::places_of_pair(TypeParam::order, i, pairs);
      for (std::size_t h = 0; h < heads; ++h) {
        const std::size_t head = (t * heads + h) * dim;
        const auto x0 = static_cast<long double>(element<T>::widen(before[head + at.first]));
        const auto x1 = static_cast<long double>(element<T>::widen(before[head + at.second]));
        const auto exact = support::exact_rotation(x0, x1, cos, sin);
        const auto size = static_cast<double>(std::sqrt(x0 * x0 + x1 * x1) * m);
        worst_errors errors;
        add_error(data[head + at.first], exact.first, size, errors);
        add_error(data[head + at.second], exact.second, size, errors);
        const double allowed =
            phase_error * size / support::unit_at<support::compute_type<T>>(size);
        EXPECT_LE(errors.beyond_rounding, 1 + most_units + allowed + oracle_noise)
            << "position " << positions[t] << ", pair " << i;
        if (std::abs(positions[t]) < 100) { // at large positions the phase has an error, too
          worst.in_element_units = std::max(worst.in_element_units, errors.in_element_units);
        }
        worst.beyond_rounding = std::max(worst.beyond_rounding, errors.beyond_rounding - allowed);
      }
    }
  }
  report<TypeParam>("by_the_true_angle", worst);
}

} // namespace

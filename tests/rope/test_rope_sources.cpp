// SPDX-License-Identifier: MIT
// A rotation gives the same bits with every source of rows: prepared rows, rows that the call makes
// from frequencies, our table, and rows and tables of the engine in any format. Lists and runs of
// positions give the same bits, and so do all types of the same 16-bit format.
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
#include <cstring>
#include <type_traits>
#include <vector>

#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#define YARN_TEST_HAS_EIGEN 1
#endif

/// A 16-bit type of an engine: its own class, without arithmetic.
struct engine_half {
  unsigned char low;
  unsigned char high;
};
template <> struct yarn::format_of<engine_half> {
  static constexpr element_format value = element_format::binary16;
};

namespace {

using support::dense;
using support::element;
using support::pairings;
using support::random_source;
using support::same_bits;
using support::tensor;
using yarn::pairing;

template <class T> class rope_sources : public ::testing::Test {};
TYPED_TEST_SUITE(rope_sources, support::element_types, support::element_names);

constexpr std::int64_t n_positions = 600;

/// Frequencies of YaRN, with an attention factor other than 1, for any number of pairs.
yarn::frequencies some_frequencies(std::int64_t n_pairs) {
  yarn::yarn_scaling method;
  method.factor = 16;
  method.original_max_position_embeddings = 4096;
  return yarn::make_frequencies(support::shape_of(2 * n_pairs, 1e4), method);
}

/// Positions with runs of many lengths, jumps and repetitions. (A run of at least 8 positions is
/// made by a recurrence.)
std::vector<std::int64_t> some_positions(bool any_sign) {
  std::vector<std::int64_t> list;
  random_source random(11);
  for (const std::int64_t length : {1, 7, 8, 9, 1, 1, 40, 2, 105, 3}) {
    const std::int64_t first =
        any_sign ? random.integer(-2000000, 2000000) : random.integer(0, n_positions - length);
    for (std::int64_t i = 0; i < length; ++i) {
      list.push_back(first + i);
    }
  }
  list.push_back(list.back()); // the same position twice; then descending positions
  for (std::int64_t i = 0; i < 12; ++i) {
    list.push_back(n_positions - 1 - i);
  }
  return list;
}

template <class T> struct two_tensors { tensor<T> q, k; };
template <class T> two_tensors<T> some_tensors(std::size_t n_tokens, std::size_t rotary_dim) {
  return {tensor<T>(dense(n_tokens, 2, rotary_dim), 1),
          tensor<T>(support::head_major(n_tokens, 1, rotary_dim + 3), 2)};
}
template <class T>
::testing::AssertionResult same_bits(const two_tensors<T>& a, const two_tensors<T>& b) {
  const auto q = support::same_bits(a.q.buffer, b.q.buffer);
  return q ? support::same_bits(a.k.buffer, b.k.buffer) : q;
}

// ---- Prepared or not --------------------------------------------------------------------------

TYPED_TEST(rope_sources, rows_frequencies_and_tables_give_the_same_bits) {
  using compute = support::compute_type<TypeParam>;
  constexpr bool slow_rows = std::is_same_v<TypeParam, double>; // 100 ns per pair
  for (const std::int64_t n_pairs : {1, 3, 8, 33, 64, slow_rows ? 513 : 1500}) {
    const bool is_long = n_pairs > 500;
    const yarn::frequencies freqs = some_frequencies(n_pairs);
    std::vector<std::int64_t> list = some_positions(false);
    if (is_long) {
      list.resize(35);
    }
    const std::size_t n_tokens = list.size();
    const std::vector<std::int32_t> narrow_list(list.begin(), list.end());
    const auto rotary_dim = static_cast<std::size_t>(2 * n_pairs);
    const two_tensors<TypeParam> before = some_tensors<TypeParam>(n_tokens, rotary_dim);

    yarn::rotary_rows<compute> rows, pieces;
    rows.assign(freqs, yarn::positions(list));
    pieces.assign(freqs, yarn::positions(list.data(), 13));
    pieces.append(freqs, yarn::positions(list.data() + 13, n_tokens - 13));
    const auto table = yarn::make_table<compute>(freqs, n_positions);
    // Arrays of the engine: with another stride, separate and packed.
    const auto pairs = static_cast<std::size_t>(n_pairs);
    const std::size_t apart = pairs + 5;
    std::vector<compute> cos(n_tokens * apart), sin(n_tokens * apart);
    yarn::fill_rows(freqs, yarn::positions(list), cos.data(), sin.data(), apart);
    std::vector<compute> packed(n_tokens * 2 * pairs);
    yarn::fill_rows(freqs, yarn::positions(narrow_list), packed.data(), packed.data() + pairs,
                    2 * pairs);
    std::vector<compute> by_position(static_cast<std::size_t>(n_positions) * 2 * pairs);
    yarn::fill_rows(freqs, yarn::positions_from(0, n_positions), by_position.data(),
                    by_position.data() + pairs, 2 * pairs);
    const yarn::rows_view<compute> theirs{cos.data(), sin.data(), n_tokens, n_pairs, apart};
    const yarn::rows_view<compute> theirs_packed =
        yarn::rows_view<compute>::packed(packed.data(), n_tokens, n_pairs);
    const yarn::table_view<compute> their_table =
        yarn::table_view<compute>::packed(by_position.data(), n_positions, n_pairs);

    for (const pairing order : pairings) {
      two_tensors<TypeParam> expected = before;
      yarn::rope_apply(expected.q.view(), expected.k.view(), rows, order);
      const auto check = [&](const char* what, const auto& rotate) {
        two_tensors<TypeParam> x = before;
        rotate(x.q.view(), x.k.view());
        EXPECT_TRUE(same_bits(x, expected)) << what << ", " << n_pairs << " pairs";
      };
      check("pieces", [&](auto q, auto k) { yarn::rope_apply(q, k, pieces, order); });
      check("rows_view", [&](auto q, auto k) { yarn::rope_apply(q, k, rows.view(), order); });
      check("engine's rows", [&](auto q, auto k) { yarn::rope_apply(q, k, theirs, order); });
      check("packed rows", [&](auto q, auto k) { yarn::rope_apply(q, k, theirs_packed, order); });
      check("frequencies", [&](auto q, auto k) {
        yarn::rope_apply(q, k, yarn::rows_of(freqs, yarn::positions(list)), order);
      });
      check("frequencies, 32-bit positions", [&](auto q, auto k) {
        yarn::rope_apply(q, k, yarn::rows_of(freqs, yarn::positions(narrow_list)), order);
      });
      check("frequencies, one by one", [&](auto q, auto k) {
        yarn::rope_apply(q, yarn::rows_of(freqs, yarn::positions(list)), order);
        yarn::rope_apply(k, yarn::rows_of(freqs, yarn::positions(list)), order);
      });
      check("frequencies, slices", [&](auto q, auto k) {
        for (std::int64_t i = 0; i < 5; ++i) {
          yarn::rope_apply_unchecked(q, k, yarn::rows_of(freqs, yarn::positions(list)), order,
                                     {i, 5});
        }
      });
      check("frequencies, a slice a token", [&](auto q, auto k) {
        const auto n = static_cast<std::int64_t>(n_tokens);
        for (std::int64_t i = 0; i < n; ++i) {
          yarn::rope_apply_unchecked(q, k, yarn::rows_of(freqs, yarn::positions(list)), order,
                                     {n - 1 - i, n});
        }
      });
      check("table", [&](auto q, auto k) {
        yarn::rope_apply(q, k, yarn::rows_of(table, yarn::positions(list)), order);
      });
      check("table, 32-bit positions", [&](auto q, auto k) {
        yarn::rope_apply(q, k, yarn::rows_of(table, yarn::positions(narrow_list)), order);
      });
      check("table, slices", [&](auto q, auto k) {
        for (std::int64_t i = 0; i < 6; ++i) {
          yarn::rope_apply_unchecked(q, k, yarn::rows_of(table, yarn::positions(list)), order,
                                     {i, 6});
        }
      });
      check("engine's table", [&](auto q, auto k) {
        yarn::rope_apply(q, yarn::rows_of(their_table, yarn::positions(list)), order);
        yarn::rope_apply(k, yarn::rows_of(their_table, yarn::positions(narrow_list)), order);
      });
    }
  }
}

// A run of positions, and a list with the same positions.
TYPED_TEST(rope_sources, runs_and_lists_give_the_same_bits) {
  constexpr std::size_t n_tokens = 70, pairs = 9;
  const yarn::frequencies freqs = some_frequencies(pairs);
  const auto table = yarn::make_table<support::compute_type<TypeParam>>(freqs, 100);
  const two_tensors<TypeParam> before = some_tensors<TypeParam>(n_tokens, 2 * pairs);
  for (const pairing order : pairings) {
    for (const std::int64_t first : {0, 30, -35, 131071, -2000000}) {
      std::vector<std::int64_t> list(n_tokens);
      for (std::size_t t = 0; t < n_tokens; ++t) {
        list[t] = first + static_cast<std::int64_t>(t);
      }
      two_tensors<TypeParam> listed = before, open = before, counted = before;
      yarn::rope_apply(listed.q.view(), listed.k.view(),
                       yarn::rows_of(freqs, yarn::positions(list)), order);
      yarn::rope_apply(open.q.view(), open.k.view(),
                       yarn::rows_of(freqs, yarn::positions_from(first)), order);
      yarn::rope_apply(counted.q.view(), counted.k.view(),
                       yarn::rows_of(freqs, yarn::positions_from(first, n_tokens)), order);
      EXPECT_TRUE(same_bits(listed, open)) << first;
      EXPECT_TRUE(same_bits(listed, counted)) << first;
      if (first >= 0 && first + 70 <= 100) {
        two_tensors<TypeParam> by_table = before;
        yarn::rope_apply(by_table.q.view(), by_table.k.view(),
                         yarn::rows_of(table, yarn::positions_from(first)), order);
        EXPECT_TRUE(same_bits(listed, by_table)) << first;
      }
      // One position per call, as in decoding.
      two_tensors<TypeParam> stepped = before;
      for (std::size_t t = 0; t < n_tokens; ++t) {
        support::tensor_layout one_token = stepped.q.layout;
        one_token.first = one_token.place(t, 0);
        one_token.n_tokens = 1;
        yarn::rope_apply(one_token.view(stepped.q.buffer.data()),
                         yarn::rows_of(freqs, yarn::positions(&list[t], 1)), order);
      }
      EXPECT_TRUE(support::same_bits(listed.q.buffer, stepped.q.buffer)) << first;
    }
  }
}

// ---- The engine's tables, in any format -------------------------------------------------------

template <class To, class From> std::vector<To> converted(const std::vector<From>& from) {
  std::vector<To> to;
  to.reserve(from.size());
  for (const From& value : from) {
    to.push_back(support::element_of<To>(static_cast<double>(element<From>::widen(value))));
  }
  return to;
}

/// Expects that a table and rows of R give the bits of rows with the same values in the compute
/// type of T.
template <class T, class R> void check_table_of() {
  using compute = support::compute_type<T>;
  constexpr std::size_t n_rows = 50;
  for (const std::size_t pairs : {1U, 7U, 32U, 45U, 1030U}) {
    random_source random(3);
    std::vector<R> cos(n_rows * (pairs + 1)), sin(cos.size());
    for (std::size_t i = 0; i < cos.size(); ++i) {
      const double angle = random.number(0, 6.283185307179586);
      cos[i] = support::element_of<R>(1.25 * std::cos(angle));
      sin[i] = support::element_of<R>(1.25 * std::sin(angle));
    }
    const std::vector<compute> wide_cos = converted<compute>(cos),
                               wide_sin = converted<compute>(sin);
    std::vector<std::int32_t> list(pairs > 1000 ? 3 : 40);
    std::generate(list.begin(), list.end(),
                  [&] { return static_cast<std::int32_t>(random.integer(0, n_rows - 1)); });
    const two_tensors<T> before = some_tensors<T>(list.size(), 2 * pairs);
    const yarn::table_view<R> table{cos.data(), sin.data(), n_rows, pairs, pairs + 1};
    const yarn::rows_view<R> rows{cos.data(), sin.data(), list.size(), pairs, pairs + 1};
    for (const pairing order : pairings) {
      two_tensors<T> x = before, expected = before;
      yarn::rope_apply(x.q.view(), x.k.view(), yarn::rows_of(table, yarn::positions(list)), order);
      for (std::size_t t = 0; t < list.size(); ++t) {
        const std::size_t row = static_cast<std::size_t>(list[t]) * (pairs + 1);
        for (tensor<T>* x_part : {&expected.q, &expected.k}) {
          for (std::size_t h = 0; h < x_part->layout.n_heads; ++h) {
            support::emulate_head(x_part->head(t, h), order, &wide_cos[row], &wide_sin[row], pairs);
          }
        }
      }
      ASSERT_TRUE(same_bits(x, expected)) << pairs << " pairs of " << element<R>::name;

      x = before, expected = before;
      yarn::rope_apply(x.q.view(), x.k.view(), rows, order);
      const yarn::rows_view<compute> wide{wide_cos.data(), wide_sin.data(), list.size(), pairs,
                                          pairs + 1};
      yarn::rope_apply(expected.q.view(), expected.k.view(), wide, order);
      ASSERT_TRUE(same_bits(x, expected)) << pairs << " pairs of " << element<R>::name;
    }
  }
}

TYPED_TEST(rope_sources, tables_of_every_format) {
  check_table_of<TypeParam, float>();
  check_table_of<TypeParam, double>();
  check_table_of<TypeParam, yarn::float16>();
  check_table_of<TypeParam, yarn::bfloat16>();
}

// ---- The engine's types -----------------------------------------------------------------------

/// Rotates the same bits as Storage and as Other, which has the same format. Expects the same
/// result.
template <class Storage, class Other> void check_type(const char* name) {
  static_assert(sizeof(Storage) == 2 && sizeof(Other) == 2);
  constexpr std::size_t n_tokens = 3, heads = 2, dim = 46;
  std::vector<Storage> ours = support::random_elements<Storage>(n_tokens * heads * dim, 21);
  std::vector<Other> theirs(ours.size());
  std::memcpy(static_cast<void*>(theirs.data()), ours.data(), ours.size() * 2);
  const yarn::frequencies freqs = some_frequencies(dim / 2);
  for (const pairing order : pairings) {
    yarn::rope_apply(yarn::heads_view{ours.data(), n_tokens, heads, dim},
                     yarn::rows_of(freqs, yarn::positions_from(40)), order);
    yarn::rope_apply(yarn::heads_view{theirs.data(), n_tokens, heads, dim},
                     yarn::rows_of(freqs, yarn::positions_from(40)), order);
    EXPECT_EQ(std::memcmp(static_cast<const void*>(theirs.data()), ours.data(), ours.size() * 2), 0)
        << name;
  }
}

TEST(rope_of_engine_types, give_the_bits_of_our_types) {
  check_type<yarn::float16, engine_half>("engine_half");
#if defined(YARN_TEST_HAS_EIGEN)
  check_type<yarn::float16, Eigen::half>("Eigen::half");
  check_type<yarn::bfloat16, Eigen::bfloat16>("Eigen::bfloat16");
#endif
#if defined(__FLT16_MANT_DIG__) &&                                                                 \
    (defined(__clang__) || __GNUC__ >= 13 || (__GNUC__ == 12 && defined(__SSE2__)))
  __extension__ using native_half = _Float16;
  check_type<yarn::float16, native_half>("_Float16");
#endif
#if defined(__BFLT16_MANT_DIG__)
  check_type<yarn::bfloat16, __bf16>("__bf16");
#endif
}

// Views of raw 16-bit integers as one of our storage types.
TEST(rope_of_engine_types, raw_integers_can_be_viewed_as_our_types) {
  constexpr std::size_t dim = 46;
  const std::vector<yarn::bfloat16> start = support::random_elements<yarn::bfloat16>(dim, 22);
  std::vector<std::uint16_t> raw(dim);
  std::memcpy(raw.data(), start.data(), dim * 2);
  std::vector<yarn::bfloat16> ours = start;
  const yarn::frequencies freqs = some_frequencies(dim / 2);
  yarn::rope_apply(yarn::heads_view{ours.data(), 1, 1, dim},
                   yarn::rows_of(freqs, yarn::positions_from(9)), pairing::half_split);
  yarn::rope_apply(yarn::heads_view{reinterpret_cast<yarn::bfloat16*>(raw.data()), 1, 1, dim},
                   yarn::rows_of(freqs, yarn::positions_from(9)), pairing::half_split);
  EXPECT_EQ(std::memcmp(raw.data(), ours.data(), dim * 2), 0);
}

} // namespace

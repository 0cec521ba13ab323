// SPDX-License-Identifier: MIT
// Rotations at positions with several axes: the same bits with prepared rows, with rows that the
// call makes, and with tables; moved keys and scores; and refused calls.
#include "../support/axis_lists.hpp"
#include "../support/bits.hpp"
#include "../support/expect_error.hpp"
#include "../support/tensors.hpp"
#include "../support/typed_suites.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using support::axis_list;
using support::dense;
using support::expect_error;
using support::pairings;
using support::same_bits;
using support::tensor;
using yarn::pairing;
using invalid = std::invalid_argument;

template <class T> class rope_axes : public ::testing::Test {};
TYPED_TEST_SUITE(rope_axes, support::element_types, support::element_names);

constexpr std::int64_t n_positions = 100;

/// A prompt of text, an image, text, a video and text; its positions are below n_positions.
const axis_list& prompt() {
  static const axis_list list = [] {
    axis_list made{"prompt", 3, {}};
    support::append_text(made, 0, 9);
    support::append_grid(made, 9, 1, 7, 11);
    support::append_text(made, 20, 3);
    support::append_grid(made, 23, 2, 4, 6);
    support::append_text(made, 29, 40);
    return made;
  }();
  return list;
}

yarn::frequencies some_frequencies(std::size_t n_pairs) {
  std::vector<int> axes(n_pairs);
  support::random_source random(n_pairs);
  for (int& axis : axes) {
    axis = static_cast<int>(random.integer(0, 2));
  }
  return yarn::with_axes(support::geometric(n_pairs, 1.25), axes, 3);
}

TYPED_TEST(rope_axes, rows_frequencies_and_tables_give_the_same_bits) {
  using compute = support::compute_type<TypeParam>;
  const axis_list& list = prompt();
  const std::vector<std::int64_t> ids = list.by_axis();
  const std::vector<std::int32_t> narrow_ids = list.by_axis<std::int32_t>();
  const auto n_tokens = static_cast<std::size_t>(list.size());
  const yarn::axis_positions positions(ids.data(), n_tokens, 3);
  const yarn::axis_positions narrow(narrow_ids.data(), n_tokens, 3);
  constexpr bool slow_rows = std::is_same_v<TypeParam, double>;
  for (const std::size_t n_pairs : {std::size_t{1}, std::size_t{20}, std::size_t{64},
                                    slow_rows ? std::size_t{70} : std::size_t{1500}}) {
    const yarn::frequencies freqs = some_frequencies(n_pairs);
    const tensor<TypeParam> before_q(dense(n_tokens, 2, 2 * n_pairs), 1);
    const tensor<TypeParam> before_k(support::head_major(n_tokens, 1, 2 * n_pairs + 3), 2);
    yarn::rotary_rows<compute> rows;
    rows.assign(freqs, positions);
    const auto table = yarn::make_table<compute>(freqs, n_positions);
    std::vector<compute> engine_table(static_cast<std::size_t>(n_positions) * 2 * n_pairs);
    yarn::fill_rows(freqs, yarn::positions_from(0, n_positions), engine_table.data(),
                    engine_table.data() + n_pairs, 2 * n_pairs);
    const auto their_table =
        yarn::table_view<compute>::packed(engine_table.data(), n_positions, n_pairs)
            .with_axes(freqs.axis_of_pair().data(), 3);

    for (const pairing order : pairings) {
      tensor<TypeParam> expected_q = before_q, expected_k = before_k;
      yarn::rope_apply(expected_q.view(), expected_k.view(), rows, order);
      const auto check = [&](const char* what, const auto& rotate) {
        tensor<TypeParam> q = before_q, k = before_k;
        rotate(q.view(), k.view());
        EXPECT_TRUE(same_bits(q.buffer, expected_q.buffer)) << what << ", " << n_pairs << " pairs";
        EXPECT_TRUE(same_bits(k.buffer, expected_k.buffer)) << what << ", " << n_pairs << " pairs";
      };
      check("frequencies", [&](auto q, auto k) {
        yarn::rope_apply(q, k, yarn::rows_of(freqs, positions), order);
      });
      check("frequencies, 32-bit positions", [&](auto q, auto k) {
        yarn::rope_apply(q, yarn::rows_of(freqs, narrow), order);
        yarn::rope_apply(k, yarn::rows_of(freqs, narrow), order);
      });
      check("frequencies, slices", [&](auto q, auto k) {
        yarn::rope_check(q, k, yarn::rows_of(freqs, positions), order);
        for (std::int64_t i = 0; i < 5; ++i) {
          yarn::rope_apply_unchecked(q, k, yarn::rows_of(freqs, positions), order, {i, 5});
        }
      });
      check("table", [&](auto q, auto k) {
        yarn::rope_apply(q, k, yarn::rows_of(table, positions), order);
      });
      check("table, slices", [&](auto q, auto k) {
        for (std::int64_t i = 0; i < 7; ++i) {
          yarn::rope_apply_unchecked(q, k, yarn::rows_of(table, narrow), order, {i, 7});
        }
      });
      check("a view of a table", [&](auto q, auto k) {
        yarn::rope_apply(q, k, yarn::rows_of(table.view(), positions), order);
      });
      check("engine's table", [&](auto q, auto k) {
        yarn::rope_apply(q, k, yarn::rows_of(their_table, positions), order);
      });
      check("copies", [&](auto q, auto k) {
        tensor<TypeParam> from_q = before_q, from_k = before_k;
        yarn::rope_copy(from_q.view(), q, yarn::rows_of(freqs, positions), order);
        yarn::rope_copy(from_k.view(), k, yarn::rows_of(table, positions), order);
      });
    }
  }
}

// An engine may keep its table in 16 bits.
TEST(rope_axes, tables_of_other_formats_are_widened) {
  const axis_list& list = prompt();
  const std::vector<std::int64_t> ids = list.by_axis();
  const yarn::axis_positions positions(ids.data(), list.size(), 3);
  constexpr std::size_t n_pairs = 24;
  const yarn::frequencies freqs = some_frequencies(n_pairs);
  const auto table = yarn::make_table<float>(freqs, n_positions);
  std::vector<yarn::float16> narrow;
  std::vector<float> widened;
  for (std::int64_t p = 0; p < n_positions; ++p) {
    for (const float* entries : {table.cos(p), table.sin(p)}) {
      for (std::size_t i = 0; i < n_pairs; ++i) {
        narrow.push_back(support::element_of<yarn::float16>(static_cast<double>(entries[i])));
        widened.push_back(
            static_cast<float>(support::element<yarn::float16>::widen(narrow.back())));
      }
    }
  }
  const auto n_tokens = static_cast<std::size_t>(list.size());
  tensor<float> x(dense(n_tokens, 3, 2 * n_pairs)), y = x;
  const std::uint8_t* const axes = freqs.axis_of_pair().data();
  yarn::rope_apply(
      x.view(),
      yarn::rows_of(yarn::table_view<yarn::float16>::packed(narrow.data(), n_positions, n_pairs)
                        .with_axes(axes, 3),
                    positions),
      pairing::half_split);
  yarn::rope_apply(
      y.view(),
      yarn::rows_of(
          yarn::table_view<float>::packed(widened.data(), n_positions, n_pairs).with_axes(axes, 3),
          positions),
      pairing::half_split);
  EXPECT_TRUE(same_bits(x.buffer, y.buffer));
}

// ---- Properties --------------------------------------------------------------------------------

// Cached keys can move by another distance on each axis. (After an image is removed from a prompt,
// the distance is the same on all axes.)
TEST(rope_axes, a_k_shift_moves_keys_on_each_axis) {
  constexpr std::size_t n_pairs = 30, n_tokens = 40;
  const yarn::frequencies freqs = some_frequencies(n_pairs);
  axis_list before{"before", 3, {}}, after{"after", 3, {}}, distance{"distance", 3, {}};
  for (std::int64_t t = 0; t < static_cast<std::int64_t>(n_tokens); ++t) {
    before.tokens.push_back({500 + t, 600 + t % 8, 700 - t});
    distance.tokens.push_back({-300, 11, t - 50});
    after.tokens.push_back({200 + t, 611 + t % 8, 650});
  }
  const auto rotate = [](tensor<double>& x, const yarn::frequencies& f, const axis_list& list) {
    const std::vector<std::int64_t> ids = list.by_axis();
    yarn::rope_apply(x.view(), yarn::rows_of(f, yarn::axis_positions(ids.data(), list.size(), 3)),
                     pairing::interleaved);
  };
  tensor<double> moved(dense(n_tokens, 2, 2 * n_pairs)), direct = moved, back = moved;
  rotate(moved, freqs, before);
  rotate(moved, yarn::unscaled(freqs), distance);
  rotate(direct, freqs, after);
  rotate(back, freqs, before);
  rotate(back, yarn::inverse(freqs), before);
  const tensor<double> origin(dense(n_tokens, 2, 2 * n_pairs));
  for (std::size_t i = 0; i < moved.buffer.size(); ++i) {
    ASSERT_NEAR(moved.buffer[i], direct.buffer[i], 1e-14) << i;
    ASSERT_NEAR(back.buffer[i], origin.buffer[i], 1e-14) << i;
  }
}

// A score depends on the distances of the axes only.
TEST(rope_axes, scores_depend_on_the_distance_on_each_axis) {
  constexpr std::size_t n_pairs = 30;
  const yarn::frequencies freqs = some_frequencies(n_pairs);
  const auto score = [&](std::vector<std::int64_t> at_q, std::vector<std::int64_t> at_k) {
    tensor<double> q(dense(1, 1, 2 * n_pairs), 5), k(dense(1, 1, 2 * n_pairs), 6);
    const yarn::axis_positions one_q(at_q.data(), 1, 3), one_k(at_k.data(), 1, 3);
    yarn::rope_apply(q.view(), yarn::rows_of(freqs, one_q), pairing::half_split);
    yarn::rope_apply(k.view(), yarn::rows_of(freqs, one_k), pairing::half_split);
    double sum = 0;
    for (std::size_t i = 0; i < q.buffer.size(); ++i) {
      sum += q.buffer[i] * k.buffer[i];
    }
    return sum;
  };
  const double expected = score({10, 20, 30}, {7, 3, 90});
  EXPECT_NEAR(score({1010, 220, -5}, {1007, 203, 55}), expected, 1e-12);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    std::vector<std::int64_t> other{10, 20, 30};
    other[axis] += 1;
    EXPECT_GT(std::abs(score(other, {7, 3, 90}) - expected), 1e-3) << "axis " << axis;
  }
}

// ---- Refused ----------------------------------------------------------------------------------

class rope_axes_refused : public ::testing::Test {
protected:
  static constexpr std::size_t n_pairs = 8, n_tokens = 5;
  yarn::frequencies freqs = some_frequencies(n_pairs);
  std::vector<std::int64_t> ids = std::vector<std::int64_t>(4 * n_tokens, 3);
  tensor<float> x{dense(n_tokens, 2, 2 * n_pairs)};

  yarn::axis_positions list(std::int64_t n, std::int64_t n_axes) const {
    return {ids.data(), n, n_axes};
  }

  /// Calls rope_check, rope_apply and rope_copy. All must be refused, and write nothing.
  template <class Error, class Rows>
  void expect_refused(const Rows& rows, std::initializer_list<std::string> words) {
    tensor<float> copy = x, target = x;
    expect_error<Error>([&] { yarn::rope_check(copy.view(), rows, pairing::half_split); }, words);
    expect_error<Error>([&] { yarn::rope_apply(copy.view(), rows, pairing::half_split); }, words);
    expect_error<Error>(
        [&] { yarn::rope_copy(copy.view(), target.view(), rows, pairing::half_split); }, words);
    EXPECT_TRUE(same_bits(copy.buffer, x.buffer));
    EXPECT_TRUE(same_bits(target.buffer, x.buffer));
  }
};

TEST_F(rope_axes_refused, lists_of_another_length_or_number_of_axes) {
  const auto table = yarn::make_table<float>(freqs, 10);
  expect_refused<invalid>(yarn::rows_of(freqs, list(4, 3)), {"axis_positions.size = 4", "5"});
  expect_refused<invalid>(yarn::rows_of(table, list(4, 3)), {"axis_positions.size = 4", "5"});
  expect_refused<invalid>(yarn::rows_of(freqs, list(5, 2)), {"n_axes = 2", "n_axes = 3"});
  expect_refused<invalid>(yarn::rows_of(table, list(5, 2)), {"n_axes = 2", "n_axes = 3", "table"});
  yarn::rope_check(x.view(), yarn::rows_of(freqs, list(5, 4)), pairing::half_split);
  yarn::rope_check(x.view(), yarn::rows_of(table, list(5, 4)), pairing::half_split);
}

TEST_F(rope_axes_refused, several_axes_for_a_source_with_one) {
  const yarn::frequencies one_axis = support::geometric(n_pairs);
  const auto table = yarn::make_table<float>(one_axis, 10);
  expect_refused<invalid>(yarn::rows_of(one_axis, list(5, 3)), {"n_axes = 3", "one axis"});
  expect_refused<invalid>(yarn::rows_of(table, list(5, 3)), {"n_axes = 3", "one axis", "table"});
}

TEST_F(rope_axes_refused, positions_outside_the_table) {
  const auto table = yarn::make_table<float>(freqs, 10);
  for (const std::int64_t outside : {std::int64_t{10}, std::int64_t{-1}, INT64_MIN}) {
    ids[1 * n_tokens + 3] = outside;
    expect_refused<std::out_of_range>(yarn::rows_of(table, list(5, 3)),
                                      {std::to_string(outside), "token 3", "axis 1", "[0, 10)"});
  }
  ids[1 * n_tokens + 3] = 3;
  ids[3 * n_tokens] = 99; // on an axis that the table does not have
  yarn::rope_check(x.view(), yarn::rows_of(table, list(5, 4)), pairing::half_split);
  ids[2 * n_tokens + 2] = support::largest_position + 1;
  expect_refused<std::out_of_range>(yarn::rows_of(freqs, list(5, 3)), {"token 2", "axis 2"});
}

TEST_F(rope_axes_refused, tables_with_axes_that_do_not_exist) {
  const auto table = yarn::make_table<float>(freqs, 10);
  const std::vector<std::uint8_t> axes{0, 1, 2, 0, 1, 3, 0, 0};
  expect_refused<invalid>(yarn::rows_of(table.view().with_axes(axes.data(), 3), list(5, 3)),
                          {"axis 3", "pair 5", "n_axes = 3"});
}

// Without axis_of_pair, a table has one axis, whichever n_axes is given. A list of one axis ends
// where the axes that do not exist would begin.
TEST_F(rope_axes_refused, further_axes_of_a_table_without_axes_are_not_read) {
  const auto table = yarn::make_table<float>(freqs, 10);
  const yarn::table_view<float> without = table.view().with_axes(nullptr, 3);
  std::fill(ids.begin() + n_tokens, ids.end(), 99);
  yarn::rope_check(x.view(), yarn::rows_of(without, list(5, 1)), pairing::half_split);
  ids[1] = 99;
  expect_refused<std::out_of_range>(yarn::rows_of(without, list(5, 1)), {"token 1", "axis 0"});
}

TEST_F(rope_axes_refused, null_positions) {
  const std::int64_t* const null = nullptr;
  const yarn::axis_positions none(null, n_tokens, 3);
  const auto table = yarn::make_table<float>(freqs, 10);
  expect_refused<invalid>(yarn::rows_of(freqs, none), {"data is null"});
  expect_refused<invalid>(yarn::rows_of(table, none), {"data is null"});
  tensor<float> empty(dense(0, 2, 2 * n_pairs));
  yarn::rope_apply(empty.view(), yarn::rows_of(freqs, yarn::axis_positions(null, 0, 3)),
                   pairing::half_split);
}

} // namespace

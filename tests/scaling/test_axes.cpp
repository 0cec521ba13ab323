// SPDX-License-Identifier: MIT
// Frequencies with several axes: which pair gets which axis, what stays as it was, and what is
// refused.
#include "../support/expect_error.hpp"
#include "../support/frequencies.hpp"
#include "../support/model_methods.hpp"

#include <gtest/gtest.h>
#include <yarn/yarn.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using support::expect_error;
using support::expect_same_bits;
using support::shape_of;
using support::yarn_of;
using invalid = std::invalid_argument;

yarn::frequencies of_pairs(std::int64_t n_pairs) {
  return yarn::make_frequencies(shape_of(2 * n_pairs, 1e4), yarn::default_scaling{});
}

std::vector<int> axes_of(const yarn::frequencies& f) {
  std::vector<int> axes;
  for (std::int64_t pair = 0; pair < f.n_pairs(); ++pair) {
    EXPECT_EQ(f.axis(pair), f.axis_of_pair()[pair]);
    axes.push_back(static_cast<int>(f.axis(pair)));
  }
  return axes;
}

/// Everything but the axes.
void expect_same_frequencies(const yarn::frequencies& made, const yarn::frequencies& origin) {
  expect_same_bits(yarn::with_axes(made, std::vector<int>(made.inv_freq().size(), 0), 1), origin);
}

TEST(axes, frequencies_without_axes_have_axis_0) {
  const yarn::frequencies f = of_pairs(5);
  EXPECT_EQ(f.n_axes(), 1);
  EXPECT_EQ(axes_of(f), std::vector<int>(5, 0));
  const yarn::frequencies empty;
  EXPECT_EQ(empty.n_axes(), 1);
  EXPECT_EQ(empty.axis_of_pair().size(), 0U);
}

TEST(axes, sections_are_contiguous) {
  const yarn::frequencies f = of_pairs(9);
  const yarn::frequencies made = yarn::with_axes(f, yarn::axis_sections{2, 3, 4});
  EXPECT_EQ(made.n_axes(), 3);
  EXPECT_EQ(axes_of(made), (std::vector<int>{0, 0, 1, 1, 1, 2, 2, 2, 2}));
  expect_same_frequencies(made, f);
  EXPECT_EQ(axes_of(yarn::with_axes(f, yarn::axis_sections{4, 5})),
            (std::vector<int>{0, 0, 0, 0, 1, 1, 1, 1, 1}));
  EXPECT_EQ(axes_of(yarn::with_axes(f, yarn::axis_sections{1U, 2L, short{3}, 3})),
            (std::vector<int>{0, 1, 1, 2, 2, 2, 3, 3, 3}));
}

TEST(axes, sections_may_be_empty) {
  const yarn::frequencies f = of_pairs(5);
  EXPECT_EQ(axes_of(yarn::with_axes(f, yarn::axis_sections{0, 3, 0, 2})),
            (std::vector<int>{1, 1, 1, 3, 3}));
  // GGUF files fill up four sections with zeros.
  EXPECT_EQ(yarn::with_axes(f, yarn::axis_sections{2, 2, 1, 0}).n_axes(), 3);
  EXPECT_EQ(yarn::with_axes(f, yarn::axis_sections{2, 3, 0, 0}).n_axes(), 2);
  EXPECT_EQ(yarn::with_axes(f, yarn::axis_sections{5, 0, 0, 0}).n_axes(), 2);
}

TEST(axes, interleaved_sections_alternate_and_leave_the_rest_to_axis_0) {
  EXPECT_EQ(axes_of(yarn::with_axes(of_pairs(8), yarn::interleaved_sections{4, 2, 2})),
            (std::vector<int>{0, 1, 2, 0, 1, 2, 0, 0}));
  EXPECT_EQ(axes_of(yarn::with_axes(of_pairs(8), yarn::interleaved_sections{3, 3, 2})),
            (std::vector<int>{0, 1, 2, 0, 1, 2, 0, 1}));
  EXPECT_EQ(axes_of(yarn::with_axes(of_pairs(7), yarn::interleaved_sections{4, 1, 2})),
            (std::vector<int>{0, 1, 2, 0, 0, 2, 0}));
  // Qwen3-VL: pairs 60 to 63 belong to time.
  const std::vector<int> axes =
      axes_of(yarn::with_axes(of_pairs(64), yarn::interleaved_sections{24, 20, 20}));
  for (int pair = 0; pair < 64; ++pair) {
    EXPECT_EQ(axes[static_cast<std::size_t>(pair)], pair < 60 ? pair % 3 : 0) << pair;
  }
}

TEST(axes, are_taken_from_any_list_of_any_integer_type) {
  const yarn::frequencies f = of_pairs(4);
  EXPECT_EQ(axes_of(yarn::with_axes(f, std::vector<std::int64_t>{3, 0, 7, 3}, 8)),
            (std::vector<int>{3, 0, 7, 3}));
  EXPECT_EQ(axes_of(yarn::with_axes(f, std::array<unsigned char, 4>{1, 0, 1, 0}, 2U)),
            (std::vector<int>{1, 0, 1, 0}));
  EXPECT_EQ(yarn::with_axes(f, std::vector<int>{0, 0, 0, 0}, 4).n_axes(), 4);
  const int list[] = {0, 1, 1, 0};
  EXPECT_EQ(axes_of(yarn::with_axes(f, yarn::array_view<const int>(list, 4), 2)),
            (std::vector<int>{0, 1, 1, 0}));
}

TEST(axes, new_axes_replace_the_old_ones) {
  const yarn::frequencies once = yarn::with_axes(of_pairs(4), yarn::axis_sections{1, 1, 2});
  const yarn::frequencies twice = yarn::with_axes(once, yarn::axis_sections{2, 2});
  EXPECT_EQ(axes_of(twice), (std::vector<int>{0, 0, 1, 1}));
  EXPECT_EQ(twice.n_axes(), 2);
}

TEST(axes, joined_blocks_keep_their_frequencies_and_get_axes_in_turn) {
  const yarn::frequencies a = of_pairs(2), b = of_pairs(3);
  const yarn::frequencies made = yarn::joined(a, b, a);
  EXPECT_EQ(made.n_axes(), 3);
  EXPECT_EQ(axes_of(made), (std::vector<int>{0, 0, 1, 1, 1, 2, 2}));
  const yarn::frequencies* const blocks[] = {&a, &a, &b, &b, &b, &a, &a};
  const int pair_in_block[] = {0, 1, 0, 1, 2, 0, 1};
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(made.inv_freq()[i], blocks[i]->inv_freq()[pair_in_block[i]]) << i;
    EXPECT_EQ(made.phase_steps()[i], blocks[i]->phase_steps()[pair_in_block[i]]) << i;
    EXPECT_EQ(made.zone(static_cast<std::int64_t>(i)), blocks[i]->zone(pair_in_block[i])) << i;
  }
  EXPECT_EQ(made.rope_theta(), 1e4);
}

TEST(axes, joined_blocks_with_axes_keep_them_apart) {
  const yarn::frequencies two = yarn::with_axes(of_pairs(3), std::vector<int>{1, 0, 1}, 2);
  EXPECT_EQ(axes_of(yarn::joined(of_pairs(1), two, of_pairs(2))),
            (std::vector<int>{0, 2, 1, 2, 3, 3}));
}

TEST(axes, joined_keeps_what_the_blocks_share) {
  const yarn::frequencies scaled = yarn::make_frequencies(shape_of(64, 1e4), yarn_of(16, 4096));
  const yarn::frequencies made = yarn::joined(scaled, scaled);
  EXPECT_EQ(made.attention_factor(), scaled.attention_factor());
  EXPECT_TRUE(yarn::joined(yarn::float32_pipeline(scaled), yarn::float32_pipeline(scaled))
                  .is_float32_pipeline());
  const auto other = yarn::make_frequencies(shape_of(64, 5e5), yarn::default_scaling{});
  EXPECT_EQ(yarn::joined(of_pairs(32), other).rope_theta(), 0.0);
}

// ---- Every method, and what is made of frequencies ---------------------------------------------

TEST(axes, every_method_keeps_its_frequencies) {
  for (const support::model_method& model : support::model_methods()) {
    const yarn::frequencies f = model.frequencies();
    std::vector<int> list(f.inv_freq().size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      list[i] = static_cast<int>(i % 3);
    }
    const yarn::frequencies made = yarn::with_axes(f, list, 3);
    EXPECT_EQ(axes_of(made), list) << model.name;
    expect_same_frequencies(made, f);
  }
}

TEST(axes, operations_keep_axes) {
  const auto f = yarn::make_frequencies(shape_of(16, 1e4), yarn_of(4, 64));
  const auto other = yarn::make_frequencies(shape_of(16, 1e4), yarn_of(8, 64));
  const std::vector<int> list{0, 2, 1, 1, 0, 2, 2, 0};
  const yarn::frequencies with = yarn::with_axes(f, list, 3);
  const yarn::frequencies with_other = yarn::with_axes(other, list, 3);
  const struct {
    const char* name;
    yarn::frequencies made, expected;
  } operations[] = {
      {"inverse", yarn::inverse(with), yarn::inverse(f)},
      {"adjoint", yarn::adjoint(with), yarn::adjoint(f)},
      {"unscaled", yarn::unscaled(with), yarn::unscaled(f)},
      {"rerotation", yarn::rerotation(with, with_other), yarn::rerotation(f, other)},
      {"float32_pipeline", yarn::float32_pipeline(with), yarn::float32_pipeline(f)},
  };
  for (const auto& operation : operations) {
    EXPECT_EQ(axes_of(operation.made), list) << operation.name;
    EXPECT_EQ(operation.made.n_axes(), 3) << operation.name;
    expect_same_frequencies(operation.made, operation.expected);
  }
}

// ---- Refused ----------------------------------------------------------------------------------

TEST(axes_refused, sections_of_another_sum) {
  const yarn::frequencies f = of_pairs(64);
  expect_error<invalid>(
      [&] {
        (void)yarn::with_axes(f, yarn::axis_sections{16, 24, 23});
      },
      {"63", "64", "sections"});
  expect_error<invalid>(
      [&] {
        (void)yarn::with_axes(f, yarn::interleaved_sections{24, 20, 21});
      },
      {"65", "64", "sections"});
  // A list that counts elements is a common mistake.
  expect_error<invalid>(
      [&] {
        (void)yarn::with_axes(f, yarn::axis_sections{32, 48, 48});
      },
      {"128", "64", "pairs, not elements"});
}

TEST(axes_refused, sections_of_impossible_size) {
  expect_error<invalid>([] { (void)yarn::axis_sections(16, -1, 24); }, {"axis_sections[1]", "-1"});
  expect_error<invalid>([] { (void)yarn::axis_sections(INT64_MAX, 2, INT64_MAX); },
                        {"axis_sections[0]"});
  expect_error<invalid>([] { (void)yarn::axis_sections(UINT64_MAX, 2); },
                        {"axis_sections", "18446744073709551615"});
  expect_error<invalid>([] { (void)yarn::interleaved_sections(8, 8, -3); },
                        {"axis_sections[2]", "-3"});
  // Of 8 pairs, pairs 1, 4 and 7 can belong to axis 1, pairs 2 and 5 to axis 2.
  expect_error<invalid>(
      [] {
        (void)yarn::with_axes(of_pairs(8), yarn::interleaved_sections{2, 4, 2});
      },
      {"axis 1", "4 pairs", "3 of 8"});
  expect_error<invalid>(
      [] {
        (void)yarn::with_axes(of_pairs(8), yarn::interleaved_sections{2, 3, 3});
      },
      {"axis 2", "3 pairs", "2 of 8"});
}

TEST(axes_refused, lists_that_do_not_fit) {
  const yarn::frequencies f = of_pairs(3);
  using list = std::vector<int>;
  expect_error<invalid>([&] { (void)yarn::with_axes(f, list{0, 1}, 2); }, {"2 axes", "3 pairs"});
  expect_error<invalid>(
      [&] {
        (void)yarn::with_axes(f, list{0, 1, 2}, 2);
      },
      {"axis 2", "pair 2", "[0, 2)"});
  expect_error<invalid>(
      [&] {
        (void)yarn::with_axes(f, list{0, -1, 0}, 2);
      },
      {"axis -1", "pair 1"});
  expect_error<invalid>(
      [&] {
        (void)yarn::with_axes(f, list{0, 0, 0}, 0);
      },
      {"n_axes = 0", "[1, 8]"});
  expect_error<invalid>(
      [&] {
        (void)yarn::with_axes(f, list{0, 0, 0}, 9);
      },
      {"n_axes = 9", "[1, 8]"});
  expect_error<invalid>([&] { (void)yarn::with_axes(yarn::frequencies(), list{}, 1); },
                        {"n_pairs = 0"});
}

TEST(axes_refused, blocks_that_do_not_fit) {
  const yarn::frequencies f = of_pairs(32);
  const auto scaled = yarn::make_frequencies(shape_of(64, 1e4), yarn_of(16, 4096));
  expect_error<invalid>([&] { (void)yarn::joined(f, yarn::frequencies()); },
                        {"block 1", "no frequencies"});
  expect_error<invalid>([&] { (void)yarn::joined(f, f, scaled); },
                        {"block 2", "attention factor", "1.27726"});
  expect_error<invalid>([&] { (void)yarn::joined(f, yarn::float32_pipeline(f)); },
                        {"block 1", "float32_pipeline"});
  expect_error<invalid>([&] { (void)yarn::joined(f, f, f, f, f, f, f, f, f); },
                        {"9 axes", "more than 8"});
  const std::vector<double> many(std::size_t{1} << 22, 0.5);
  const auto large = yarn::frequencies_from(many.data(), many.size());
  expect_error<invalid>([&] { (void)yarn::joined(large, large, f); }, {"8388640 pairs"});
}

TEST(axes_refused, rerotation_between_axes) {
  const yarn::frequencies f = of_pairs(4);
  const yarn::frequencies a = yarn::with_axes(f, yarn::axis_sections{2, 2});
  const yarn::frequencies b = yarn::with_axes(f, yarn::axis_sections{1, 3});
  expect_error<invalid>([&] { (void)yarn::rerotation(a, b); },
                        {"rerotation", "pair 1", "axis 0", "axis 1"});
}

} // namespace

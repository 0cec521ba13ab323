// SPDX-License-Identifier: MIT
// Reports of yarn/testing.hpp on engines with several axes: positions that do not show mistakes,
// frequencies of each axis, other checks than that of a rotation, and wrong arguments.
#include "../support/axis_engine.hpp"
#include "../support/expect_error.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using support::axis_engine;
using support::axis_model;
using support::is_right;
using support::names;
using yarn::testing::diagnosis;
using yarn::testing::expectation;
using yarn::testing::report;

axis_model model(const std::string& name) {
  for (const axis_model& m : support::axis_models()) {
    if (m.name == name) {
      return m;
    }
  }
  throw std::logic_error(name);
}

/// The report on a dump at these positions, [axis][token].
report dumped(const axis_engine& engine, const expectation& expected,
              const std::vector<std::int64_t>& ids) {
  const auto n = static_cast<std::int64_t>(ids.size()) / engine.n_axes;
  const support::dump<float> d = engine.rotated(ids, n, 3);
  return yarn::testing::check_rotated(expected, d.in(), d.out(),
                                      yarn::axis_positions(ids.data(), n, engine.n_axes));
}

/// Whether exactly one note has all these words, and there is no other note.
testing::AssertionResult notes(const report& r, const std::vector<std::string>& words) {
  if (r.notes.size() != 1 || r.text().find("\n  note: " + r.notes[0] + "\n") == std::string::npos) {
    return testing::AssertionFailure() << r;
  }
  for (const std::string& word : words) {
    if (r.notes[0].find(word) == std::string::npos) {
      return testing::AssertionFailure() << "no \"" << word << "\" in\n" << r;
    }
  }
  return testing::AssertionSuccess();
}
bool has_word(const report& r, const std::string& word) {
  return r.text().find(word) != std::string::npos;
}

// ---- Positions that do not show a mistake ------------------------------------------------------

TEST(testing_axes_notes, say_that_text_does_not_show_axes) {
  const axis_model m = model("qwen2_vl");
  std::vector<std::int64_t> ids;
  for (int axis = 0; axis < 3; ++axis) {
    ids.insert(ids.end(), {0, 1, 2, 61, 4095, 131071});
  }
  axis_engine engine = m.engine();
  const std::vector<std::string> all = {"the positions do not tell whether", "axes_ignored",
                                        "sections_interleaved", "sections_in_elements",
                                        "axis_order"};
  const report right = dumped(engine, m.expected(), ids);
  EXPECT_TRUE(is_right(right));
  EXPECT_TRUE(notes(right, all));
  EXPECT_FALSE(has_word(right, "text_positions")); // The indices 3, 4, 5 are not positions.
  engine.axis_of = [](int) { return 0; };
  const report wrong = dumped(engine, m.expected(), ids);
  EXPECT_TRUE(is_right(wrong));
  EXPECT_TRUE(notes(wrong, all));
  // The same for an engine with other mistakes.
  engine.float32_angles = true;
  EXPECT_TRUE(names(dumped(engine, m.expected(), ids), {diagnosis::float32_angles}));
  EXPECT_TRUE(notes(dumped(engine, m.expected(), ids), all));
  engine = m.engine();
  engine.direction = -1;
  EXPECT_TRUE(names(dumped(engine, m.expected(), ids), {diagnosis::wrong_direction}));
  EXPECT_TRUE(notes(dumped(engine, m.expected(), ids), all));
}

TEST(testing_axes_notes, name_only_what_equal_axes_hide) {
  const axis_model m = model("qwen2_vl");
  // Height and width are equal at each token.
  const std::vector<std::int64_t> ids = {0,  1,   2,    1021, 61, 5, 0,  1,   2,
                                         61, 900, 4095, 0,    1,  2, 61, 900, 4095};
  const report r = dumped(m.engine(), m.expected(), ids);
  EXPECT_TRUE(is_right(r));
  EXPECT_TRUE(notes(r, {"axes_ignored", "axis_order"}));
  EXPECT_FALSE(has_word(r, "sections_in_elements"));
  EXPECT_FALSE(has_word(r, "sections_interleaved"));
  axis_engine engine = m.engine();
  engine.axis_of = [](int) { return 0; };
  const report ignored = dumped(engine, m.expected(), ids);
  EXPECT_TRUE(names(ignored, {diagnosis::axes_ignored}));
  EXPECT_TRUE(ignored.notes.empty()) << ignored;
}

// Height and width are equal at each token, so both fit the pairs of either. One pair is wrong.
TEST(testing_axes_report, counts_only_pairs_that_the_expected_axis_does_not_fit) {
  const axis_model m = model("qwen2_vl");
  const std::vector<std::int64_t> ids = {0,  1,   2,    1021, 61, 5, 0,  1,   2,
                                         61, 900, 4095, 0,    1,  2, 61, 900, 4095};
  axis_engine engine = m.engine();
  engine.axis_of = [m](int pair) { return pair == 3 ? 1 : m.axis(pair); };
  const report r = dumped(engine, m.expected(), ids);
  EXPECT_TRUE(names(r, {diagnosis::wrong_sections}));
  EXPECT_TRUE(has_word(r, "1 pairs belong to other axes; the first is pair 3")) << r;
}

TEST(testing_axes_notes, name_the_mistakes_that_cannot_be_told_apart) {
  const axis_model m = model("qwen2_vl");
  // An image of one line at the beginning: the width is the index of the token.
  std::vector<std::int64_t> ids(2000, 0);
  for (std::int64_t i = 0; i < 1000; ++i) {
    ids.push_back(i);
  }
  axis_engine engine = m.engine();
  engine.position_of = [](int token, const std::vector<std::int64_t>&, int) {
    return std::int64_t{token};
  };
  const report r = dumped(engine, m.expected(), ids);
  EXPECT_TRUE(names(r, {diagnosis::axes_ignored}));
  EXPECT_TRUE(notes(r, {"these mistakes would give the same numbers", "text_positions"}));
  EXPECT_FALSE(has_word(r, "axis_order"));
}

TEST(testing_axes_notes, say_that_a_table_does_not_show_axes) {
  const axis_model m = model("qwen3_vl");
  const auto table = yarn::make_table<float>(m.expected().frequencies(), 4096);
  const report r = yarn::testing::check_table(m.expected(), table.view());
  EXPECT_TRUE(is_right(r));
  EXPECT_TRUE(notes(r, {"axes_ignored", "sections_contiguous", "axis_order"}));
  const auto other =
      yarn::make_table<float>(yarn::make_frequencies({128, 0, 1e4}, yarn::default_scaling{}), 4096);
  EXPECT_TRUE(
      names(yarn::testing::check_table(m.expected(), other.view()), {diagnosis::wrong_theta}));
}

// ---- Where the largest error is ----------------------------------------------------------------

TEST(testing_axes_report, names_the_axis_of_the_largest_error) {
  const axis_model m = model("qwen2_vl");
  axis_engine engine = m.engine();
  engine.axis_of = [m](int pair) { return m.axis(pair) == 2 ? 1 : m.axis(pair); };
  const report r = yarn::testing::check_rotation<float>(m.expected(), engine);
  EXPECT_EQ(r.worst.axis, 2) << r;
  EXPECT_GE(r.worst.pair, 40) << r;
  EXPECT_TRUE(has_word(r, ", axis 2, pair ")) << r;
  EXPECT_TRUE(has_word(r, "axes_ignored: the pairs of axis 2 turn with the position on axis 1"))
      << r;
}

TEST(testing_axes_report, judges_the_other_tokens_if_one_is_not_finite) {
  const axis_model m = model("glm4v");
  axis_engine engine = m.engine();
  engine.axis_of = [](int) { return 0; };
  const auto broken = [&](const yarn::heads_view<float>& x, const std::vector<std::int64_t>& ids) {
    engine(x, ids);
    x.data()[5 * x.token_stride() + 3] = std::numeric_limits<float>::quiet_NaN();
  };
  EXPECT_TRUE(names(yarn::testing::check_rotation<float>(m.expected(), broken),
                    {diagnosis::axes_ignored, diagnosis::not_finite}));
}

// ---- Rows and dumps ----------------------------------------------------------------------------

TEST(testing_axes_rows, of_an_image_show_mistakes) {
  const axis_model m = model("qwen3_vl");
  const std::vector<std::int64_t> ids = m.image_ids();
  const auto n = static_cast<std::int64_t>(ids.size()) / 3;
  const yarn::axis_positions list(ids.data(), n, 3);
  const auto check = [&](const axis_engine& engine, int copies) {
    return yarn::testing::check_rows(m.expected(), engine.rows(ids, n, copies).view(), list);
  };
  axis_engine engine = m.engine();
  for (const int copies : {1, 2}) {
    engine.axis_of = [](int pair) { return pair < 24 ? 0 : pair < 44 ? 1 : 2; };
    EXPECT_TRUE(names(check(engine, copies), {diagnosis::sections_contiguous}));
    engine.axis_of = [m](int pair) { return 2 - m.axis(pair); };
    EXPECT_TRUE(names(check(engine, copies), {diagnosis::axis_order}));
    EXPECT_TRUE(names(dumped(engine, m.expected(), ids), {diagnosis::axis_order}));
  }
  // [token][axis], and a fourth axis, which the expectation does not have.
  std::vector<std::int64_t> by_token;
  for (std::int64_t t = 0; t < n; ++t) {
    for (std::int64_t axis = 0; axis < 3; ++axis) {
      by_token.push_back(ids[static_cast<std::size_t>(axis * n + t)]);
    }
    by_token.push_back(77);
  }
  EXPECT_TRUE(is_right(
      yarn::testing::check_rows(m.expected(), m.engine().rows(ids, n, 1).view(),
                                yarn::axis_positions(by_token.data(), n, 4).with_strides(1, 4))));
}

TEST(testing_axes_rows, with_sections_that_run_through_both_halves_are_named) {
  const axis_model m = model("qwen2_vl");
  axis_engine engine = m.engine();
  engine.axis_of = [](int pair) { return pair < 32 ? 0 : 1; };
  engine.axis_of_second = [](int pair) { return pair < 16 ? 1 : 2; };
  const std::vector<std::int64_t> ids = m.image_ids();
  const auto n = static_cast<std::int64_t>(ids.size()) / 3;
  EXPECT_TRUE(names(yarn::testing::check_rows(m.expected(), engine.rows(ids, n, 2).view(),
                                              yarn::axis_positions(ids.data(), n, 3)),
                    {diagnosis::halves_differ, diagnosis::sections_in_elements}));
  engine.direction = -1;
  engine.factor = 1.5;
  EXPECT_TRUE(names(yarn::testing::check_rotation<float>(m.expected(), engine),
                    {diagnosis::sections_in_elements, diagnosis::wrong_direction,
                     diagnosis::attention_factor_value}));
  engine = m.engine();
  engine.axis_of_second = [](int pair) { return pair % 3; }; // not a known mistake
  EXPECT_TRUE(
      names(yarn::testing::check_rotation<float>(m.expected(), engine), {diagnosis::unexplained}));
}

TEST(testing_axes_rows, of_text_take_one_list_for_all_axes) {
  const axis_model m = model("qwen2_vl");
  const std::vector<std::int64_t> list = {0, 1, 2, 61, 4095};
  yarn::rotary_rows<float> rows;
  rows.assign(m.expected().frequencies(), yarn::positions(list));
  EXPECT_TRUE(
      is_right(yarn::testing::check_rows(m.expected(), rows.view(), yarn::positions(list))));
  EXPECT_TRUE(names(yarn::testing::check_rows(m.expected(), rows.view(), yarn::positions_from(3)),
                    {diagnosis::unexplained}));
}

TEST(testing_axes_rows, of_other_sections_show_the_axis_of_each_pair) {
  const axis_model m = model("qwen2_vl");
  axis_engine engine = m.engine();
  engine.axis_of = [](int pair) { return pair < 21 ? 0 : pair < 43 ? 1 : 2; };
  const report r = yarn::testing::check_rotation<float>(m.expected(), engine);
  EXPECT_TRUE(names(r, {diagnosis::wrong_sections}));
  EXPECT_TRUE(has_word(r,
                       "8 pairs belong to other axes; the first is pair 16, which turns with the "
                       "position on axis 0 and should turn with that on axis 1"))
      << r;
  engine.direction = -1;
  EXPECT_TRUE(names(yarn::testing::check_rotation<float>(m.expected(), engine),
                    {diagnosis::wrong_sections, diagnosis::wrong_direction}));
  engine.direction = 1;
  engine.factor = 1.5;
  EXPECT_TRUE(names(yarn::testing::check_rotation<yarn::bfloat16>(m.expected(), engine),
                    {diagnosis::wrong_sections, diagnosis::attention_factor_value}));
}

// ---- Other checks ------------------------------------------------------------------------------

TEST(testing_axes_checks, find_mistakes_in_copies_and_in_k_alone) {
  const axis_model m = model("qwen3_vl");
  const expectation expected = m.expected();
  const auto copies = [&](const yarn::heads_view<const float>& from,
                          const yarn::heads_view<yarn::bfloat16>& to,
                          const std::vector<std::int32_t>& ids) {
    yarn::rope_copy(
        from, to,
        yarn::rows_of(expected.frequencies(), yarn::axis_positions(ids.data(), from.n_tokens(), 3)),
        yarn::pairing::half_split);
  };
  EXPECT_TRUE(is_right(yarn::testing::check_copy<float, yarn::bfloat16>(expected, copies)));
  EXPECT_TRUE(is_right(yarn::testing::check_rotations<float>(expected, m.engine(), m.engine())));
  axis_engine of_k = m.engine();
  of_k.axis_of = [m](int pair) { return (m.axis(pair) + 1) % 3; };
  const report r = yarn::testing::check_rotations<float>(expected, m.engine(), of_k);
  EXPECT_TRUE(names(r, {diagnosis::axis_order}));
  EXPECT_TRUE(has_word(r, "k: the axes are exchanged")) << r;
}

TEST(testing_axes_checks, find_a_rotated_part_at_the_back_of_a_head) {
  yarn::rope_shape shape;
  shape.head_dim = 192;
  shape.rotary_dim = 64;
  shape.rope_theta = 1e4;
  const expectation expected =
      expectation(shape, yarn::default_scaling{}, yarn::pairing::interleaved)
          .with_axes(yarn::axis_sections{8, 12, 12})
          .with_rotary_offset(128);
  const auto engine = [](int axis_of_last) {
    return [axis_of_last](const yarn::heads_view<float>& x, const std::vector<std::int32_t>& ids) {
      std::vector<int> axes(32, 0);
      for (std::size_t i = 8; i < 32; ++i) {
        axes[i] = i < 20 ? 1 : axis_of_last;
      }
      const yarn::frequencies f =
          yarn::with_axes(yarn::make_frequencies({64, 0, 1e4}, yarn::default_scaling{}), axes, 3);
      yarn::rope_apply(yarn::heads_view<float>(x.data() + 128, x.n_tokens(), x.n_heads(), 64)
                           .with_strides(x.token_stride(), x.head_stride()),
                       yarn::rows_of(f, yarn::axis_positions(ids.data(), x.n_tokens(), 3)),
                       yarn::pairing::interleaved);
    };
  };
  EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(expected, engine(2))));
  EXPECT_TRUE(
      names(yarn::testing::check_rotation<float>(expected, engine(0)), {diagnosis::axes_ignored}));
}

// ---- Frequencies -------------------------------------------------------------------------------

TEST(testing_axes_frequencies, of_yarn_do_not_hide_mistakes_of_axes) {
  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rope_theta = 1e6;
  yarn::yarn_scaling method;
  method.factor = 4;
  method.original_max_position_embeddings = 32768;
  const expectation expected = expectation(shape, method, yarn::pairing::half_split)
                                   .with_axes(yarn::axis_sections{16, 24, 24});
  axis_engine engine = model("qwen2_vl").engine();
  engine.inv_freq = support::yarn_numbers{1e6, 128, 4, 32768}.inv_freq();
  engine.factor = 0.1 * std::log(4.0) + 1;
  EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(expected, engine)));
  engine.inv_freq = support::powers(1e6, 64, 128);
  EXPECT_TRUE(
      names(yarn::testing::check_rotation<float>(expected, engine), {diagnosis::scaling_missing}));
  engine.axis_of = [](int) { return 0; };
  EXPECT_TRUE(names(yarn::testing::check_rotation<float>(expected, engine),
                    {diagnosis::scaling_missing, diagnosis::axes_ignored}));
  engine.factor = 2;
  EXPECT_TRUE(names(
      yarn::testing::check_rotation<float>(expected, engine),
      {diagnosis::scaling_missing, diagnosis::axes_ignored, diagnosis::attention_factor_value}));
}

TEST(testing_axes_frequencies, that_wrongly_start_again_at_each_axis_or_do_not_are_named) {
  const axis_model tower = model("vision_tower");
  axis_engine engine = tower.engine();
  engine.inv_freq = support::powers(1e4, 40, 80); // one series
  EXPECT_TRUE(names(yarn::testing::check_rotation<float>(tower.expected(), engine),
                    {diagnosis::wrong_exponent}));
  EXPECT_TRUE(names(yarn::testing::check_inv_freq(tower.expected(), engine.inv_freq.data(), 40),
                    {diagnosis::wrong_exponent}));
  for (std::size_t i = 0; i < 40; ++i) { // two series, divided by the head
    engine.inv_freq[i] = std::pow(1e4, -2.0 * static_cast<double>(i % 20) / 80);
  }
  EXPECT_TRUE(names(yarn::testing::check_rotation<float>(tower.expected(), engine),
                    {diagnosis::wrong_exponent}));
  const axis_model text = model("qwen2_vl");
  engine = text.engine();
  for (std::size_t i = 0; i < 64; ++i) { // three series
    const std::size_t k = i < 16 ? i : (i - 16) % 24;
    engine.inv_freq[i] = std::pow(1e6, -static_cast<double>(k) / (i < 16 ? 16 : 24));
  }
  const report r = yarn::testing::check_rotation<float>(text.expected(), engine);
  EXPECT_TRUE(names(r, {diagnosis::wrong_exponent}));
  EXPECT_TRUE(has_word(r, "start again at each axis")) << r;
}

TEST(testing_axes_frequencies, move_with_the_axes_where_each_axis_has_a_series) {
  const axis_model tower = model("vision_tower");
  axis_engine engine = tower.engine();
  engine.axis_of = [](int pair) { return pair % 2; };
  for (std::size_t i = 0; i < 40; ++i) {
    engine.inv_freq[i] = std::pow(1e4, -static_cast<double>(i / 2) / 20);
  }
  EXPECT_TRUE(names(yarn::testing::check_rotation<float>(tower.expected(), engine),
                    {diagnosis::sections_interleaved}));
}

TEST(testing_axes_frequencies, that_are_given_may_have_one_axis) {
  yarn::rope_shape shape;
  shape.head_dim = 64;
  shape.rope_theta = 1e4;
  const yarn::frequencies f = yarn::make_frequencies(shape, yarn::linear_scaling{4});
  const expectation expected(shape, f, yarn::pairing::half_split);
  support::tiny_engine engine = support::engine_of(f, yarn::pairing::half_split);
  EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(expected, engine)));
  engine.position_of = [](std::size_t, std::int64_t position) { return position + 1; };
  EXPECT_TRUE(
      names(yarn::testing::check_rotation<float>(expected, engine), {diagnosis::position_offset}));
}

// ---- Wrong arguments ---------------------------------------------------------------------------

TEST(testing_axes_refused, expectations_with_contradicting_numbers) {
  yarn::rope_shape shape;
  shape.head_dim = 128;
  shape.rope_theta = 1e4;
  const auto order = yarn::pairing::half_split;
  const yarn::frequencies f = yarn::make_frequencies(shape, yarn::default_scaling{});
  support::expect_error<std::invalid_argument>(
      [&] { expectation(shape, yarn::float32_pipeline(f), order); },
      {"testing", "float32_pipeline", "exact"});
  shape.rotary_dim = 64;
  support::expect_error<std::invalid_argument>([&] { expectation(shape, f, order); },
                                               {"testing", "n_pairs = 64", "rotary_dim = 64"});
  support::expect_error<std::invalid_argument>(
      [&] {
        expectation(shape, yarn::default_scaling{}, order)
            .with_axes(yarn::axis_sections{16, 24, 24});
      },
      {"64 pairs", "32", "sections count pairs"});
}

TEST(testing_axes_refused, positions_of_other_axes_or_another_number) {
  const axis_model m = model("qwen2_vl");
  const std::vector<std::int64_t> ids = m.image_ids();
  const auto n = static_cast<std::int64_t>(ids.size()) / 3;
  const support::float_rows rows = m.engine().rows(ids, n, 1);
  support::expect_error<std::invalid_argument>(
      [&] {
        yarn::testing::check_rows(m.expected(), rows.view(),
                                  yarn::axis_positions(ids.data(), n, 2));
      },
      {"n_axes = 2", "n_axes = 3"});
  const expectation one({128, 0, 1e6}, yarn::default_scaling{}, yarn::pairing::half_split);
  support::expect_error<std::invalid_argument>(
      [&] { yarn::testing::check_rows(one, rows.view(), yarn::axis_positions(ids.data(), n, 3)); },
      {"n_axes = 3", "one axis"});
  support::expect_error<std::invalid_argument>(
      [&] {
        yarn::testing::check_rows(m.expected(), rows.view(),
                                  yarn::axis_positions(ids.data(), n - 1, 3));
      },
      {"testing", "62 positions", "n_rows = 63"});
}

} // namespace

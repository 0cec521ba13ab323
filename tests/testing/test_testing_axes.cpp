// SPDX-License-Identifier: MIT
// yarn/testing.hpp names mistakes in the axes of positions. The engines of this file rotate in plain
// loops, without the library, and have one mistake each.
#include "../support/axis_engine.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace {

using support::axis_engine;
using support::axis_model;
using support::axis_models;
using support::is_right;
using support::names;
using yarn::testing::diagnosis;
using yarn::testing::report;

// ---- Right engines ----------------------------------------------------------------------------

class testing_axes_right : public testing::TestWithParam<axis_model> {};

TEST_P(testing_axes_right, rotations_pass) {
  const axis_model& m = GetParam();
  for (const bool half_split : {false, true}) {
    axis_engine engine = m.engine();
    engine.half_split = half_split;
    const auto expected = m.expected(half_split);
    EXPECT_TRUE(is_right(yarn::testing::check_rotation<double>(expected, engine)));
    for (const report& r : {yarn::testing::check_rotation<float>(expected, engine),
                            yarn::testing::check_rotation<yarn::float16>(expected, engine),
                            yarn::testing::check_rotation<yarn::bfloat16>(expected, engine),
                            yarn::testing::check_rotation<yarn::float8_e4m3>(expected, engine)}) {
      EXPECT_TRUE(is_right(r));
    }
    EXPECT_TRUE(yarn::testing::check_rotation<float>(expected, engine).notes.empty());
    for (const std::int64_t last : {0, 1, 7, 2048, 1000000}) {
      yarn::testing::options o;
      o.max_position = last;
      o.n_heads = last % 3 + 1;
      EXPECT_TRUE(is_right(yarn::testing::check_rotation<float>(expected, engine, o))) << last;
    }
  }
}

TEST_P(testing_axes_right, float32_angles_are_the_only_finding) {
  const axis_model& m = GetParam();
  axis_engine engine = m.engine();
  engine.float32_angles = true;
  yarn::testing::options accepting;
  accepting.accept_float32_angles = true;
  EXPECT_TRUE(names(yarn::testing::check_rotation<float>(m.expected(), engine),
                    {diagnosis::float32_angles}));
  const report r = yarn::testing::check_rotation<float>(m.expected(), engine, accepting);
  EXPECT_TRUE(is_right(r, {diagnosis::float32_angles}));
  EXPECT_TRUE(r.notes.empty()) << r;
  EXPECT_TRUE(
      is_right(yarn::testing::check_rotation<yarn::bfloat16>(m.expected(), engine, accepting),
               {diagnosis::float32_angles}));
}

// A table of rows with each entry twice, as transformers has it, and a dump of a small image.
TEST_P(testing_axes_right, rows_and_dumps_pass) {
  const axis_model& m = GetParam();
  const axis_engine engine = m.engine();
  const std::vector<std::int64_t> ids = m.image_ids();
  const auto n = static_cast<std::int64_t>(ids.size()) / m.n_axes;
  const yarn::axis_positions list(ids.data(), n, m.n_axes);
  for (const int copies : {1, 2}) {
    const support::float_rows rows = engine.rows(ids, n, copies);
    EXPECT_TRUE(is_right(yarn::testing::check_rows(m.expected(), rows.view(), list))) << copies;
  }
  const support::dump<float> dumped = engine.rotated(ids, n, 3);
  EXPECT_TRUE(
      is_right(yarn::testing::check_rotated(m.expected(), dumped.in(), dumped.out(), list)));
}

INSTANTIATE_TEST_SUITE_P(all, testing_axes_right, testing::ValuesIn(axis_models()),
                         [](const auto& each) { return each.param.name; });

// ---- Bugs -------------------------------------------------------------------------------------

struct axis_bug {
  std::string name;
  diagnosis what;
  std::function<bool(const axis_model&)> applies;
  std::function<void(axis_engine&, const axis_model&)> insert;
  std::vector<diagnosis> also = {};
  bool shows_in_bfloat16 = true;
};

bool always(const axis_model&) { return true; }
bool has_sections(const axis_model& m) { return m.n_axes == 3; }
bool is_contiguous(const axis_model& m) { return has_sections(m) && !m.is_interleaved; }
bool is_interleaved(const axis_model& m) { return m.is_interleaved; }
bool is_partial(const axis_model& m) { return m.rotary_dim < m.head_dim; }

/// The axis of a pair if the sections of the model, times `scale`, are contiguous.
int axis_if_contiguous(const axis_model& m, int pair, double scale) {
  int axis = 0;
  double end = 0;
  for (const int n : m.sections) {
    end += n * scale;
    if (pair < end) {
      return axis;
    }
    ++axis;
  }
  return m.n_axes - 1;
}
int alternating(const axis_model& m, int pair, int scale) {
  const int axis = pair % m.n_axes;
  const auto section = m.sections[static_cast<std::size_t>(axis)];
  return pair < m.n_axes * section * scale ? axis : 0;
}

std::vector<axis_bug> axis_bugs() {
  using d = diagnosis;
  using e = axis_engine;
  using m = axis_model;
  const auto axis_bug_of = [](const std::function<int(const m&, int)>& axis) {
    return [axis](e& engine, const m& of) {
      engine.axis_of = [axis, of](int pair) { return axis(of, pair); };
    };
  };
  // Replaces the axis of each pair by another.
  const auto instead = [&](const std::function<int(const m&, int)>& other) {
    return axis_bug_of([other](const m& of, int pair) { return other(of, of.axis(pair)); });
  };
  std::vector<axis_bug> all = {
      {"first_axis_only", d::axes_ignored, always, instead([](const m&, int) { return 0; })},
      {"last_axis_only", d::axes_ignored, always,
       instead([](const m& of, int) { return of.n_axes - 1; })},
      {"width_ignored", d::axes_ignored, has_sections,
       instead([](const m&, int axis) { return axis == 2 ? 1 : axis; })},
      {"time_for_height", d::axes_ignored, has_sections,
       instead([](const m&, int axis) { return axis == 1 ? 0 : axis; })},
      {"order_reversed", d::axis_order, always,
       instead([](const m& of, int axis) { return of.n_axes - 1 - axis; })},
      {"order_h_w_t", d::axis_order, has_sections,
       instead([](const m&, int axis) { return (axis + 1) % 3; })},
      {"order_t_w_h", d::axis_order, has_sections,
       instead([](const m&, int axis) { return (3 - axis) % 3; })},
      {"sections_of_h_w_t", d::axis_order, is_contiguous, axis_bug_of([](const m& of, int pair) {
         return pair < of.sections[1] ? 1 : pair < of.sections[1] + of.sections[2] ? 2 : 0;
       })},
      {"contiguous", d::sections_contiguous, is_interleaved,
       axis_bug_of([](const m& of, int pair) { return axis_if_contiguous(of, pair, 1); })},
      {"alternates", d::sections_interleaved, [](const m& of) { return !of.is_interleaved; },
       axis_bug_of([](const m& of, int pair) { return alternating(of, pair, 1); })},
      {"sections_doubled", d::sections_in_elements, is_contiguous,
       axis_bug_of([](const m& of, int pair) { return axis_if_contiguous(of, pair, 2); })},
      {"sections_halved", d::sections_in_elements, is_contiguous,
       axis_bug_of([](const m& of, int pair) { return axis_if_contiguous(of, pair, 0.5); })},
      {"sections_halved_and_repeated", d::sections_in_elements, is_contiguous,
       axis_bug_of([](const m& of, int pair) {
         return axis_if_contiguous(of, pair % (of.rotary_dim / 4), 0.5);
       })},
      {"sections_of_elements", d::sections_in_elements,
       [](const m& of) { return is_contiguous(of) && of.half_split; },
       [](e& engine, const m& of) {
         engine.axis_of = [of](int pair) { return axis_if_contiguous(of, pair, 2); };
         engine.axis_of_second = [of](int pair) {
           return axis_if_contiguous(of, pair + of.rotary_dim / 2, 2);
         };
       }},
      {"sections_doubled_and_alternating", d::sections_in_elements, is_interleaved,
       axis_bug_of([](const m& of, int pair) { return alternating(of, pair, 2); })},
      {"sequential_in_images", d::text_positions, always,
       [](e& engine, const m&) {
         engine.position_of = [](int token, const std::vector<std::int64_t>& on_axes, int axis) {
           bool is_text = true;
           for (const std::int64_t position : on_axes) {
             is_text = is_text && position == on_axes[0];
           }
           return is_text ? on_axes[static_cast<std::size_t>(axis)] : token;
         };
       }},
      {"sequential_everywhere", d::text_positions, always,
       [](e& engine, const m&) {
         engine.position_of = [](int token, const std::vector<std::int64_t>&, int) {
           return std::int64_t{token};
         };
       }},
      // The sections end before the last pair. Engines differ in what follows.
      {"whole_head_repeated", d::whole_head_rotated, is_partial,
       [](e& engine, const m& of) {
         engine.rotate_whole_head(of.theta);
         engine.axis_of = [of](int pair) { return of.axis(pair % (of.rotary_dim / 2)); };
       }},
      {"whole_head_last_axis", d::whole_head_rotated, is_partial,
       [](e& engine, const m& of) {
         engine.rotate_whole_head(of.theta);
         engine.axis_of = [of](int pair) { return pair < of.rotary_dim / 2 ? of.axis(pair) : 2; };
       }},
      {"whole_head_first_axis", d::whole_head_rotated, is_partial,
       [](e& engine, const m& of) {
         engine.rotate_whole_head(of.theta);
         engine.axis_of = [of](int pair) { return pair < of.rotary_dim / 2 ? of.axis(pair) : 0; };
       }},
      {"whole_head_doubled", d::whole_head_rotated, is_partial,
       [](e& engine, const m& of) {
         engine.rotate_whole_head(of.theta);
         engine.axis_of = [of](int pair) { return axis_if_contiguous(of, pair, 2); };
       }},
      // The same frequencies as in the rotated part, continued to the end of the head.
      {"whole_head_continued",
       d::whole_head_rotated,
       is_partial,
       [](e& engine, const m& of) {
         while (engine.inv_freq.size() < static_cast<std::size_t>(of.head_dim / 2)) {
           engine.inv_freq.push_back(std::pow(
               of.theta, -2.0 * static_cast<double>(engine.inv_freq.size()) / of.rotary_dim));
         }
         engine.axis_of = [of](int pair) { return pair < of.rotary_dim / 2 ? of.axis(pair) : 2; };
       },
       {},
       false}, // In bfloat16, the slowest pair does not turn.
      // Mistakes that are not about axes, in engines with axes.
      {"other_pairing", d::wrong_pairing, always,
       [](e& engine, const m&) { engine.half_split = !engine.half_split; }},
      {"other_direction", d::wrong_direction, always,
       [](e& engine, const m&) { engine.direction = -1; }},
      {"other_theta", d::wrong_theta, always,
       [](e& engine, const m& of) { engine.inv_freq = of.inv_freq(3.7e5); }},
      {"positions_from_1", d::position_offset, always,
       [](e& engine, const m&) {
         engine.position_of = [](int, const std::vector<std::int64_t>& on_axes, int axis) {
           return on_axes[static_cast<std::size_t>(axis)] + 1;
         };
       }},
      {"factor", d::attention_factor_value, always,
       [](e& engine, const m&) { engine.factor = 1.25; }},
  };
  return all;
}
/// Two mistakes at once, one of them in axes.
std::vector<axis_bug> combined_bugs() {
  std::vector<axis_bug> all;
  std::vector<axis_bug> others;
  for (const axis_bug& bug : axis_bugs()) {
    for (const char* name : {"other_pairing", "other_direction", "other_theta", "factor"}) {
      if (bug.name == name) {
        others.push_back(bug);
      }
    }
  }
  for (const axis_bug& bug : axis_bugs()) {
    for (const char* name : {"first_axis_only", "order_reversed", "contiguous", "alternates",
                             "sections_doubled", "sequential_in_images"}) {
      if (bug.name == name) {
        for (const axis_bug& other : others) {
          axis_bug both = bug;
          both.name += "_and_" + other.name;
          both.also = {other.what};
          both.insert = [bug, other](axis_engine& engine, const axis_model& of) {
            bug.insert(engine, of);
            other.insert(engine, of);
          };
          all.push_back(both);
        }
      }
    }
  }
  return all;
}

struct case_of_bug {
  axis_model in;
  axis_bug mistake;
};
void PrintTo(const case_of_bug& one, std::ostream* out) { // NOLINT: GoogleTest's name
  *out << one.mistake.name << " in " << one.in.name;
}
std::vector<case_of_bug> cases(const std::vector<axis_bug>& bugs) {
  std::vector<case_of_bug> all;
  for (const axis_model& model : axis_models()) {
    for (const axis_bug& bug : bugs) {
      if (bug.applies(model)) {
        all.push_back({model, bug});
      }
    }
  }
  return all;
}
std::string name_of_case(const testing::TestParamInfo<case_of_bug>& info) {
  return info.param.in.name + "_" + info.param.mistake.name;
}

class testing_axes_bugs : public testing::TestWithParam<case_of_bug> {
protected:
  const axis_model& model() const { return GetParam().in; }
  axis_engine engine() const {
    axis_engine broken = model().engine();
    GetParam().mistake.insert(broken, model());
    return broken;
  }
  std::vector<diagnosis> wanted() const {
    std::vector<diagnosis> all = GetParam().mistake.also;
    all.push_back(GetParam().mistake.what);
    return all;
  }
};

TEST_P(testing_axes_bugs, are_named_in_rotations) {
  EXPECT_TRUE(names(yarn::testing::check_rotation<float>(model().expected(), engine()), wanted()));
}
TEST_P(testing_axes_bugs, are_named_in_bfloat16) {
  if (!GetParam().mistake.shows_in_bfloat16) {
    return;
  }
  EXPECT_TRUE(
      names(yarn::testing::check_rotation<yarn::bfloat16>(model().expected(), engine()), wanted()));
}
INSTANTIATE_TEST_SUITE_P(single, testing_axes_bugs, testing::ValuesIn(cases(axis_bugs())),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(combined, testing_axes_bugs, testing::ValuesIn(cases(combined_bugs())),
                         name_of_case);

} // namespace

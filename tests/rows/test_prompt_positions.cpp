// SPDX-License-Identifier: MIT
// Positions of prompts with images and videos against those that transformers computes
// (tests/reference/README.md), and what erasing a segment does.
#include "../support/expect_error.hpp"
#include "../support/reference_cases.hpp"

#include <gtest/gtest.h>
#include <yarn/prompt_positions.hpp>
#include <yarn/yarn.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using reference::json;
using support::expect_error;
using invalid = std::invalid_argument;
using id_lists = std::vector<std::vector<std::int64_t>>; // [axis][token]

id_lists ids_of(const yarn::axis_positions& view) {
  id_lists ids(static_cast<std::size_t>(view.n_axes()));
  for (std::int64_t axis = 0; axis < view.n_axes(); ++axis) {
    for (std::int64_t t = 0; t < view.size(); ++t) {
      ids[static_cast<std::size_t>(axis)].push_back(view(t, axis));
    }
  }
  return ids;
}

/// The rules of a family of position_ids.json, as its published code has them.
yarn::prompt_rules rules_of(const std::string& family, const json& parameters) {
  static const std::set<std::string> frames_are_images{"qwen3_vl", "qwen3_vl_moe", "qwen3_5",
                                                       "cosmos3_omni"};
  static const std::set<std::string> glm{"glm4v", "glm4v_moe", "glm46v", "glm_ocr"};
  if (family == "qwen2_vl" || family == "paddleocr_vl") {
    return yarn::qwen2_vl_rules();
  }
  if (family.find("qwen2_5_vl") == 0) {
    return yarn::qwen2_5_vl_rules(parameters.at("tokens_per_second"));
  }
  if (family == "qwen2_5_omni_thinker") {
    return yarn::qwen2_5_omni_rules(parameters.at("position_id_per_seconds"));
  }
  if (frames_are_images.count(family) != 0) {
    return yarn::qwen3_vl_rules();
  }
  if (glm.count(family) != 0) {
    return yarn::glm4v_rules();
  }
  if (family == "ernie4_5_vl_moe") {
    return yarn::ernie4_5_vl_rules();
  }
  throw std::invalid_argument("no rules for " + family);
}

yarn::prompt_positions prompt_of(const json& segments, const yarn::prompt_rules& rules) {
  yarn::prompt_positions prompt(rules);
  for (const json& segment : segments) {
    if (segment.contains("text")) {
      prompt.append_text(segment.at("text").get<int>());
    } else if (segment.contains("audio")) { // alone: like text
      prompt.append_text(segment.at("audio").get<int>());
    } else if (segment.contains("image") || rules.time == yarn::video_time::images) {
      const json& grid = segment.at(segment.contains("image") ? "image" : "video");
      EXPECT_EQ(grid.at(0), 1);
      prompt.append_image(grid.at(1).get<int>(), grid.at(2).get<int>());
    } else {
      const json& grid = segment.at("video");
      prompt.append_video(grid.at(0).get<int>(), grid.at(1).get<int>(), grid.at(2).get<int>(),
                          segment.value("seconds_per_grid", 1.0));
    }
  }
  return prompt;
}

/// Fractional positions, and the interleaving of a video with its sound, are beyond the library.
bool is_beyond(const json& entry) {
  for (const json& segment : entry.at("segments")) {
    if (segment.contains("video") && segment.contains("audio")) {
      return true;
    }
  }
  for (const json& list : entry.at("ids")) {
    for (const json& id : list) {
      if (id.is_number_float()) {
        return true;
      }
    }
  }
  return false;
}

const json& recorded() {
  static const json entries = reference::read_json("position_ids.json").at("entries");
  return entries;
}

TEST(prompt_positions, are_those_of_transformers) {
  std::map<std::string, int> n_equal;
  int n_beyond = 0;
  for (const json& entry : recorded()) {
    const std::string family = entry.at("family");
    if (family == "qwen3_omni_moe_thinker" || is_beyond(entry)) {
      ++n_beyond;
      continue;
    }
    yarn::prompt_rules rules = rules_of(family, entry.at("parameters"));
    if (family != "qwen2_5_omni_thinker") {
      rules.end = yarn::video_end::height_and_width;
    }
    const yarn::prompt_positions prompt = prompt_of(entry.at("segments"), rules);
    EXPECT_EQ(ids_of(prompt.view()), entry.at("ids").get<id_lists>())
        << family << ": " << entry.at("id");
    EXPECT_EQ(prompt.next(), entry.at("next").get<std::int64_t>())
        << family << ": " << entry.at("id");
    ++n_equal[family];
  }
  for (const char* family : {"qwen2_vl", "qwen2_5_vl", "qwen3_vl", "glm4v", "ernie4_5_vl_moe"}) {
    EXPECT_GE(n_equal[family], 20) << family;
  }
  EXPECT_EQ(n_beyond, 27 + 3); // Qwen3-Omni, and videos with sound of Qwen2.5-Omni
}

// The rule of the models' first releases. Where transformers 5.12 gives the same, `earlier` is
// absent.
TEST(prompt_positions, continue_after_the_largest_position_by_default) {
  int n_different = 0;
  for (const json& entry : recorded()) {
    const std::string family = entry.at("family");
    if (family != "qwen2_vl" && family.find("qwen2_5_vl") != 0 && family != "qwen3_vl") {
      continue;
    }
    if (entry.contains("padding")) {
      continue; // `earlier` was not compared
    }
    const json& expected = entry.contains("earlier") ? entry.at("earlier") : entry;
    n_different += entry.contains("earlier") ? 1 : 0;
    const yarn::prompt_positions prompt =
        prompt_of(entry.at("segments"), rules_of(family, entry.at("parameters")));
    EXPECT_EQ(ids_of(prompt.view()), expected.at("ids").get<id_lists>())
        << family << ": " << entry.at("id");
    EXPECT_EQ(prompt.next(), expected.at("next").get<std::int64_t>());
  }
  EXPECT_EQ(n_different, 19);
}

// ---- Segments, erasing, views ------------------------------------------------------------------

void append_some(yarn::prompt_positions& prompt, int segment) {
  switch (segment % 5) {
  case 0:
    prompt.append_text(3 + segment);
    break;
  case 1:
    prompt.append_image(4, 6);
    break;
  case 2:
    prompt.append_video(9, 2, 3);
    break;
  case 3:
    prompt.append_image(7, 1);
    break;
  default:
    prompt.append_text(0);
  }
}

TEST(prompt_positions, erased_segments_leave_a_fresh_prompt) {
  for (const auto end : {yarn::video_end::largest_position, yarn::video_end::height_and_width}) {
    const yarn::prompt_rules rules{yarn::video_time::frames, 1.0, end};
    constexpr int n_segments = 9;
    for (int first = 0; first <= n_segments; ++first) {
      for (int n = 0; first + n <= n_segments; ++n) {
        yarn::prompt_positions prompt(rules), fresh(rules);
        for (int segment = 0; segment < n_segments; ++segment) {
          append_some(prompt, segment);
          if (segment < first || segment >= first + n) {
            append_some(fresh, segment);
          }
        }
        const id_lists before = ids_of(prompt.view());
        const yarn::erased_tokens erased = prompt.erase(first, n);
        EXPECT_EQ(ids_of(prompt.view()), ids_of(fresh.view()));
        EXPECT_EQ(prompt.next(), fresh.next());
        EXPECT_EQ(prompt.n_segments(), fresh.n_segments());
        // What follows moved by one distance on all axes.
        for (std::int64_t t = erased.first; t < prompt.size(); ++t) {
          for (std::int64_t axis = 0; axis < 3; ++axis) {
            EXPECT_EQ(prompt.view()(t, axis),
                      before[static_cast<std::size_t>(axis)]
                            [static_cast<std::size_t>(t + erased.n_tokens)] -
                          erased.distance);
          }
        }
        append_some(prompt, 2); // the next segment starts at the right position
        append_some(fresh, 2);
        EXPECT_EQ(ids_of(prompt.view()), ids_of(fresh.view()));
        prompt.erase(prompt.n_segments() / 2, 1); // the segments know where they start now
        fresh.erase(fresh.n_segments() / 2, 1);
        EXPECT_EQ(ids_of(prompt.view()), ids_of(fresh.view()));
      }
    }
  }
}

TEST(prompt_positions, views_of_chunks_have_the_positions_of_the_whole) {
  yarn::prompt_positions prompt;
  for (int segment = 0; segment < 6; ++segment) {
    append_some(prompt, segment);
  }
  const yarn::axis_positions all = prompt.view();
  for (std::int64_t first = 0; first <= prompt.size(); first += 7) {
    const yarn::axis_positions chunk = prompt.view(first, prompt.size() - first);
    for (std::int64_t t = 0; t < chunk.size(); ++t) {
      for (std::int64_t axis = 0; axis < 3; ++axis) {
        EXPECT_EQ(chunk(t, axis), all(first + t, axis));
      }
    }
  }
  const yarn::prompt_positions empty;
  EXPECT_EQ(empty.view().size(), 0);
  EXPECT_EQ(empty.next(), 0);
}

// ---- Refused ----------------------------------------------------------------------------------

TEST(prompt_positions_refused, sizes_below_1_or_beyond_2_to_the_31) {
  yarn::prompt_positions prompt;
  prompt.append_text(5);
  expect_error<invalid>([&] { prompt.append_text(-1); }, {"n_tokens = -1"});
  expect_error<invalid>([&] { prompt.append_image(0, 3); }, {"height = 0"});
  expect_error<invalid>([&] { prompt.append_image(3, -2); }, {"width = -2"});
  expect_error<invalid>([&] { prompt.append_video(0, 3, 3); }, {"n_frames = 0"});
  expect_error<invalid>([&] { prompt.append_image(INT64_MAX, INT64_MAX); }, {"height = 9223"});
  expect_error<invalid>([&] { prompt.append_text(UINT64_MAX); }, {"n_tokens"});
  expect_error<invalid>([&] { prompt.append_text(INT64_MAX); }, {"2^31"});
  EXPECT_EQ(prompt.size(), 5);
  EXPECT_EQ(prompt.n_segments(), 1);
  EXPECT_EQ(prompt.next(), 5);
}

TEST(prompt_positions_refused, videos_without_a_rule_or_with_bad_times) {
  yarn::prompt_positions qwen3(yarn::qwen3_vl_rules()), glm(yarn::glm4v_rules());
  expect_error<invalid>([&] { qwen3.append_video(3, 2, 2); }, {"append_image"});
  expect_error<invalid>([&] { glm.append_video(3, 2, 2); }, {"append_image"});
  yarn::prompt_positions prompt(yarn::qwen2_5_vl_rules());
  for (const double seconds :
       {-0.5, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    expect_error<invalid>([&] { prompt.append_video(3, 2, 2, seconds); }, {"seconds_per_frame"});
  }
  for (const double seconds : {1e9, 1e300}) {
    expect_error<invalid>([&] { prompt.append_video(3, 2, 2, seconds); }, {"2^31"});
  }
  yarn::prompt_rules rules;
  rules.positions_per_second = -1;
  expect_error<invalid>([&] { yarn::prompt_positions wrong(rules); },
                        {"positions_per_second = -1"});
  EXPECT_EQ(prompt.size(), 0);
}

TEST(prompt_positions_refused, segments_and_tokens_that_do_not_exist) {
  yarn::prompt_positions prompt;
  prompt.append_text(5);
  prompt.append_image(2, 2);
  expect_error<invalid>([&] { prompt.erase(2, 1); }, {"[2, 2 + 1)", "has 2"});
  expect_error<invalid>([&] { prompt.erase(-1, 1); }, {"-1"});
  expect_error<invalid>([&] { prompt.erase(0, -1); }, {"-1"});
  expect_error<invalid>([&] { (void)prompt.view(5, 5); }, {"[5, 5 + 5)", "has 9"});
  expect_error<invalid>([&] { (void)prompt.view(-1, 2); }, {"-1"});
  EXPECT_EQ(prompt.size(), 9);
}

} // namespace

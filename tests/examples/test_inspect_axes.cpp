// SPDX-License-Identifier: MIT
// The inspector shows the axis of each pair, where the frequencies have several axes.
#include "gnuplot.hpp"
#include "json_report.hpp"
#include "print.hpp"
#include "terminal_plot.hpp"

#include <yarn/axes.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <sstream>
#include <string>
#include <vector>

namespace {

using inspect::model_report;
using json = nlohmann::json;

constexpr const char* yarn_config = R"({"head_dim": 128, "rope_theta": 1000000,
  "max_position_embeddings": 131072, "rope_scaling": {"type": "yarn", "factor": 4,
  "original_max_position_embeddings": 32768}})";

model_report text_report() {
  return inspect::make_report("m", yarn::hf_config_from(json::parse(yarn_config)), {});
}
template <class Sections> model_report report_with(const Sections& sections) {
  model_report report = text_report();
  report.frequencies = yarn::with_axes(report.frequencies, sections);
  inspect::set_pairs(report);
  return report;
}
model_report contiguous() { return report_with(yarn::axis_sections{16, 24, 24}); }
model_report interleaved() { return report_with(yarn::interleaved_sections{24, 20, 20}); }

int axis_of(int pair) { return pair < 16 ? 0 : pair < 40 ? 1 : 2; } // of contiguous()

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}
std::size_t occurrences(const std::string& text, const std::string& of) {
  std::size_t n = 0;
  for (std::size_t at = text.find(of); at != std::string::npos; at = text.find(of, at + 1)) {
    ++n;
  }
  return n;
}

TEST(inspect_axes, are_a_column_of_the_table) {
  const std::vector<std::string> lines = lines_of(inspect::print_pairs(contiguous()));
  ASSERT_EQ(lines.size(), 66U);
  EXPECT_EQ(lines[0].find("  pair axis "), 0U) << lines[0];
  for (int pair = 0; pair < 64; ++pair) {
    const std::string& line = lines[static_cast<std::size_t>(pair) + 1];
    std::istringstream words(line);
    int shown_pair = -1;
    int shown_axis = -1;
    words >> shown_pair >> shown_axis;
    EXPECT_EQ(shown_pair, pair) << line;
    EXPECT_EQ(shown_axis, axis_of(pair)) << line;
    EXPECT_LE(line.size(), 80U) << line;
  }
  const std::string summary = inspect::print_summary(contiguous());
  EXPECT_NE(summary.find("\n  axes                3, with 16, 24, 24 pairs"), std::string::npos)
      << summary;
}

TEST(inspect_axes, are_a_list_of_the_json_report) {
  const json to = inspect::json_report(contiguous(), {}, {});
  EXPECT_EQ(to["n_axes"], 3);
  ASSERT_EQ(to["axis_of_pair"].size(), 64U);
  for (int pair = 0; pair < 64; ++pair) {
    EXPECT_EQ(to["axis_of_pair"][static_cast<std::size_t>(pair)], axis_of(pair)) << pair;
  }
}

TEST(inspect_axes, are_a_line_under_the_terminal_plot) {
  for (const bool ascii : {false, true}) {
    const std::vector<std::string> lines = lines_of(inspect::terminal_plot(contiguous(), ascii));
    ASSERT_GT(lines.size(), 3U);
    EXPECT_EQ(lines[lines.size() - 3],
              "       axis " + std::string(16, '0') + std::string(24, '1') + std::string(24, '2'));
  }
  const std::vector<std::string> lines = lines_of(inspect::terminal_plot(interleaved(), false));
  std::string axes;
  for (int pair = 0; pair < 64; ++pair) {
    axes += std::to_string(pair < 60 ? pair % 3 : 0);
  }
  EXPECT_EQ(lines[lines.size() - 3], "       axis " + axes);
}

// Each axis has a colour, each zone a mark.
TEST(inspect_axes, are_colours_of_the_plot) {
  const model_report report = contiguous();
  const std::string script = inspect::wavelength_script({report});
  std::size_t n_curves = 0;
  const char* const zones[] = {"extrapolated", "blended", "interpolated"};
  const char* const colours[] = {"#0072b2", "#d55e00", "#009e73"};
  const int marks[] = {7, 9, 5};
  for (int zone = 0; zone < 3; ++zone) {
    for (int axis = 0; axis < 3; ++axis) {
      std::size_t n = 0;
      for (int pair = 0; pair < 64; ++pair) {
        n += axis_of(pair) == axis &&
                     inspect::zone_name(report.pairs[static_cast<std::size_t>(pair)].zone) ==
                         std::string(zones[zone])
                 ? 1
                 : 0;
      }
      const std::string entry = "points pt " + std::to_string(marks[zone]) + " ps 0.8 lc rgb '" +
                                colours[axis] + "' title 'after: " + zones[zone] + ", axis " +
                                std::to_string(axis) + "'";
      EXPECT_EQ(occurrences(script, entry), n > 0 ? 1U : 0U) << entry << "\n" << script;
      n_curves += n > 0 ? 1 : 0;
    }
  }
  EXPECT_GE(n_curves, 4U);
  EXPECT_EQ(occurrences(script, "\ne\n"), n_curves + 1); // and the line before the scaling
}

TEST(inspect_axes, are_those_of_mrope_section) {
  const model_report report = inspect::make_report(
      "m", yarn::hf_config_from(json::parse(R"({"model_type": "qwen2_vl", "head_dim": 128,
        "rope_theta": 1000000, "max_position_embeddings": 32768,
        "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}})")),
      {});
  EXPECT_EQ(inspect::print_pairs(report).find("  pair axis "), 0U);
  const json to = inspect::json_report(report, {}, {});
  EXPECT_EQ(to["n_axes"], 3);
  for (int pair = 0; pair < 64; ++pair) {
    EXPECT_EQ(to["axis_of_pair"][static_cast<std::size_t>(pair)], axis_of(pair)) << pair;
  }
}

TEST(inspect_axes, stay_when_methods_are_compared) {
  const std::vector<model_report> others = inspect::compare(contiguous(), {"linear", "ntk"}, {});
  ASSERT_EQ(others.size(), 2U);
  for (const model_report& other : others) {
    EXPECT_EQ(other.n_axes(), 3);
    for (int pair = 0; pair < 64; ++pair) {
      EXPECT_EQ(other.pairs[static_cast<std::size_t>(pair)].axis, axis_of(pair));
    }
  }
  const json to = inspect::json_report(contiguous(), {}, others);
  EXPECT_EQ(to["compared"][1]["axis_of_pair"][63], 2);
}

TEST(inspect_axes, are_not_shown_where_there_is_one) {
  const model_report report = text_report();
  for (const std::string& text :
       {inspect::print_summary(report), inspect::print_pairs(report),
        inspect::terminal_plot(report, false), inspect::wavelength_script({report})}) {
    EXPECT_EQ(text.find("axis "), std::string::npos) << text;
    EXPECT_EQ(text.find("axes"), std::string::npos) << text;
  }
  const json to = inspect::json_report(report, {}, {});
  EXPECT_EQ(to["n_axes"], 1);
  EXPECT_EQ(to["axis_of_pair"], json(std::vector<int>(64, 0)));
}

} // namespace

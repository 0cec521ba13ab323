// SPDX-License-Identifier: MIT
// Compares the table of docs/moving-your-engine.md with new measurements.
#ifndef YARN_TESTS_SUPPORT_MOVING_PAGE_HPP
#define YARN_TESTS_SUPPORT_MOVING_PAGE_HPP

#include <gtest/gtest.h>
#include <moving/figures.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace support {

/// The cells of a line of a table, without the spaces around them.
inline std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::stringstream text(line.substr(std::min<std::size_t>(line.size(), 1)));
  for (std::string cell; std::getline(text, cell, '|');) {
    const std::size_t first = cell.find_first_not_of(' ');
    cells.push_back(first == std::string::npos
                        ? ""
                        : cell.substr(first, cell.find_last_not_of(' ') - first + 1));
  }
  return cells;
}

/// The lines of the page with seven cells, by "style, variant".
inline const std::map<std::string, std::vector<std::string>>& lines_of_the_page() {
  static const std::map<std::string, std::vector<std::string>> lines = [] {
    std::map<std::string, std::vector<std::string>> all;
    std::ifstream page(YARN_TEST_REFERENCE_DIR "/../../docs/moving-your-engine.md");
    for (std::string line; std::getline(page, line);)
      if (const std::vector<std::string> cells = cells_of(line); cells.size() == 7)
        all[cells[0] + ", " + cells[1]] = cells;
    return all;
  }();
  return lines;
}

/// Figures may differ by a quarter, because those of float32 angles depend on the compiler, the C
/// library and the processor, and those of exact angles depend on the use of FMA.
inline void expect_figure(const std::string& shown, double measured, const std::string& what) {
  const double figure = std::stod(shown);
  EXPECT_LT(figure, 1.25 * measured) << what;
  EXPECT_GT(figure, measured / 1.25) << what;
}

inline void expect_figures_of_the_page(const moving::style& s) {
  for (const moving::variant& v : s.variants) {
    const std::string name = s.name + ", " + v.name;
    ASSERT_EQ(lines_of_the_page().count(name), 1U) << name;
    const std::vector<std::string>& shown = lines_of_the_page().at(name);
    const moving::figures f = figures_of(s, v);
    if (v.name == "before") {
      EXPECT_EQ(shown[2], "");
    } else if (v.has_float32_angles) { // 0 without FMA
      EXPECT_LE(f.difference, std::stod(shown[2]) * 1.25) << name;
    } else {
      expect_figure(shown[2], f.difference, name + ", difference");
    }
    for (std::size_t i = 0; i < f.errors.size(); ++i)
      expect_figure(shown[i + 3], f.errors[i], name + ", error " + std::to_string(i));
    EXPECT_EQ(shown[6], f.diagnosis) << name;
  }
}

} // namespace support

#endif // YARN_TESTS_SUPPORT_MOVING_PAGE_HPP

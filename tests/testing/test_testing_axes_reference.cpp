// SPDX-License-Identifier: MIT
// yarn/testing.hpp on recorded rows of transformers, whose tokens have positions on several axes.
// The classes are right, except for float32 angles. If the expectation has other axes, the report
// names the difference.
#include "../support/reference_cases.hpp"

#include <gtest/gtest.h>
#include <yarn/testing.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using reference::json;
using yarn::testing::diagnosis;
using yarn::testing::expectation;
using yarn::testing::report;

/// A case of axis_rotations.json.
class recorded_rows {
public:
  recorded_rows(const json& all, const json& entry)
      : frequencies_(
            all["inv_freq"][entry["inv_freq"].get<std::size_t>()].get<std::vector<double>>()),
        axes_(entry["axis_of_pair"].get<std::vector<int>>()),
        n_axes_(static_cast<std::int64_t>(entry["axes"].size())), head_dim_(entry["head_dim"]),
        factor_(entry["attention_factor"]) {
    const json& rows = all["rows"][entry["rows"].get<std::size_t>()];
    for (const json& row : rows["cos"]) {
      append(row, cos_);
    }
    for (const json& row : rows["sin"]) {
      append(row, sin_);
    }
    n_tokens_ = rows["cos"].size();
    for (const json& axis : entry["positions"]) {
      for (const json& position : axis) {
        ids_.push_back(position.get<std::int64_t>());
      }
    }
  }

  const std::vector<int>& axes() const { return axes_; }

  /// The report if these axes are expected.
  report check(const std::vector<int>& axes) const {
    yarn::rope_shape shape;
    shape.head_dim = head_dim_;
    shape.rotary_dim = static_cast<std::int64_t>(2 * axes_.size());
    shape.rope_theta = 1e4;
    const expectation expected(
        shape,
        yarn::with_axes(yarn::frequencies_from(frequencies_.data(), frequencies_.size(), factor_),
                        axes, n_axes_),
        yarn::pairing::half_split);
    yarn::testing::options accepting;
    accepting.accept_float32_angles = true;
    const std::size_t width = axes_.size();
    return yarn::testing::check_rows(
        expected, yarn::rows_view<float>{cos_.data(), sin_.data(), n_tokens_, width, width},
        yarn::axis_positions(ids_.data(), n_tokens_, n_axes_), accepting);
  }

private:
  static void append(const json& row, std::vector<float>& to) {
    const std::vector<float> values = reference::float32_values(row);
    to.insert(to.end(), values.begin(), values.end());
  }

  std::vector<double> frequencies_;
  std::vector<int> axes_;
  std::int64_t n_axes_;
  std::int64_t head_dim_;
  double factor_;
  std::size_t n_tokens_ = 0;
  std::vector<float> cos_, sin_;
  std::vector<std::int64_t> ids_;
};

bool has_whole_positions(const json& entry) {
  for (const json& axis : entry["positions"]) {
    for (const json& position : axis) {
      if (!position.is_number_integer()) {
        return false;
      }
    }
  }
  return true;
}

TEST(testing_axes_reference, rows_of_transformers_pass) {
  const json all = reference::read_json("axis_rotations.json");
  int n = 0;
  for (const json& entry : all["entries"]) {
    if (!has_whole_positions(entry)) {
      continue;
    }
    const recorded_rows rows(all, entry);
    const report r = rows.check(rows.axes());
    EXPECT_TRUE(r.ok()) << entry["id"] << "\n" << r;
    ++n;
  }
  EXPECT_GT(n, 45);
}

std::vector<diagnosis> without_precision(const report& r) {
  std::vector<diagnosis> list;
  for (const yarn::testing::finding& found : r.findings) {
    if (!is_about_precision(found.what)) {
      list.push_back(found.what);
    }
  }
  return list;
}

// The report names the axes of transformers where the expectation has others.
TEST(testing_axes_reference, other_axes_are_named) {
  using list = std::vector<diagnosis>;
  const json all = reference::read_json("axis_rotations.json");
  int n_contiguous = 0;
  int n_alternating = 0;
  for (const json& entry : all["entries"]) {
    if (!has_whole_positions(entry) || entry["axes"].size() != 3) {
      continue;
    }
    const recorded_rows rows(all, entry);
    const std::vector<int>& axes = rows.axes();
    std::vector<int> contiguous = axes;
    std::sort(contiguous.begin(), contiguous.end());
    if (contiguous == axes) {
      // These sections cannot alternate, because one is too long. So the alternating axes belong to
      // other sections.
      std::vector<int> alternating;
      for (std::size_t pair = 0; pair < axes.size(); ++pair) {
        alternating.push_back(static_cast<int>(pair % 3));
      }
      const list found = without_precision(rows.check(alternating));
      EXPECT_TRUE(found == list{diagnosis::wrong_sections} ||
                  found == list{diagnosis::sections_contiguous})
          << entry["id"] << "\n"
          << rows.check(alternating);
      ++n_contiguous;
    } else if (axes[0] == 0) { // not ERNIE
      EXPECT_EQ(without_precision(rows.check(contiguous)), list{diagnosis::sections_interleaved})
          << entry["id"];
      ++n_alternating;
    }
    std::vector<int> exchanged = axes;
    for (int& axis : exchanged) {
      axis = (axis + 1) % 3;
    }
    EXPECT_EQ(without_precision(rows.check(exchanged)), list{diagnosis::axis_order}) << entry["id"];
  }
  EXPECT_GT(n_contiguous, 8);
  EXPECT_GT(n_alternating, 8);
}

} // namespace

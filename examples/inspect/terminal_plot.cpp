// SPDX-License-Identifier: MIT
#include "terminal_plot.hpp"

#include "text.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace inspect {
namespace {

// The mark of a character cell. Later marks of this list cover earlier ones.
enum class mark { none, extended, original, before, after, never };

struct glyphs {
  const char* of[6]; // in the order of mark
  const char* axis;
  const char* corner;
  const char* floor;
};
constexpr glyphs unicode = {{" ", "╌", "─", "○", "●", "▲"}, "│", "└", "─"};
constexpr glyphs seven_bits = {{" ", ".", "-", "o", "#", "^"}, "|", "+", "-"};

constexpr int plot_width = 68; // 80 columns with label and axis
constexpr int plot_height = 18;
constexpr int label_width = 10;

class canvas {
public:
  canvas(double low, double high)
      : low_(low), high_(high), marks_(std::size_t{plot_width} * plot_height) {}

  // The text line of a wavelength; line 0 is at the top.
  int row(double wavelength) const {
    const double share = (std::log10(wavelength) - low_) / (high_ - low_);
    const double row = std::round((1 - share) * (plot_height - 1));
    return static_cast<int>(std::clamp(row, 0.0, plot_height - 1.0));
  }
  void set(int row, int column, mark m) {
    mark& at = marks_[static_cast<std::size_t>(row * plot_width + column)];
    at = std::max(at, m);
  }
  mark get(int row, int column) const {
    return marks_[static_cast<std::size_t>(row * plot_width + column)];
  }

private:
  double low_;
  double high_;
  std::vector<mark> marks_;
};

// log10 of the smallest and of the largest wavelength; high is at least low + 1.
struct exponents {
  double low;
  double high;
};
exponents span_of(const model_report& report) {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const pair_report& pair : report.pairs)
    for (const double wavelength : {pair.unscaled_wavelength, pair.wavelength})
      if (std::isfinite(wavelength)) {
        low = std::min(low, wavelength);
        high = std::max(high, wavelength);
      }
  const double first = std::log10(low), last = std::log10(high);
  return {first, std::max(last, first + 1)};
}

} // namespace

std::string terminal_plot(const model_report& report, bool ascii) {
  const glyphs& glyph = ascii ? seven_bits : unicode;
  const exponents span = span_of(report);
  canvas picture(span.low, span.high);
  const auto n = static_cast<int>(std::min<std::size_t>(report.pairs.size(), 1U << 23));
  const int columns_each = std::max(plot_width / n, 1);
  const int columns = std::min(n * columns_each, plot_width);

  const auto line = [&](std::int64_t length, mark m) {
    const double exponent = length > 0 ? std::log10(static_cast<double>(length)) : -1.0;
    if (exponent >= span.low && exponent <= span.high)
      for (int column = 0; column < columns; ++column)
        picture.set(picture.row(static_cast<double>(length)), column, m);
  };
  const bool is_extended = report.lengths.extended != report.lengths.original;
  if (is_extended)
    line(report.lengths.extended, mark::extended);
  line(report.lengths.original, mark::original);
  // If there are more pairs than columns, each column shows one of its pairs.
  const auto pair_of = [&](int column) -> const pair_report& {
    const std::int64_t index = n * columns_each <= plot_width
                                   ? column / columns_each
                                   : std::int64_t{column} * n / plot_width;
    return report.pairs[static_cast<std::size_t>(index)];
  };
  for (int column = 0; column < columns; ++column) {
    const pair_report& pair = pair_of(column);
    picture.set(picture.row(pair.unscaled_wavelength), column, mark::before);
    if (std::isfinite(pair.wavelength))
      picture.set(picture.row(pair.wavelength), column, mark::after);
    else
      picture.set(0, column, mark::never);
  }

  std::string text = "  wavelength in tokens\n";
  // Each power of 10 gets a label, unless two labels would be in the same line.
  int labelled_row = -1;
  std::vector<std::string> labels(plot_height);
  for (int decade = static_cast<int>(std::floor(span.high)); decade >= span.low; --decade) {
    const double wavelength = std::pow(10.0, decade);
    const int row = picture.row(wavelength);
    if (row > labelled_row)
      labels[static_cast<std::size_t>(row)] = tokens(wavelength);
    labelled_row = std::max(labelled_row, row);
  }
  for (int row = 0; row < plot_height; ++row) {
    std::string drawn;
    int end = columns;
    while (end > 0 && picture.get(row, end - 1) == mark::none)
      --end;
    for (int column = 0; column < end; ++column)
      drawn += glyph.of[static_cast<int>(picture.get(row, column))];
    text += format("%*s ", label_width, labels[static_cast<std::size_t>(row)].c_str()) +
            glyph.axis + drawn + "\n";
  }
  text += std::string(label_width + 1, ' ') + glyph.corner;
  for (int column = 0; column < columns; ++column)
    text += glyph.floor;
  if (report.n_axes() > 1) { // a line with the axis of each pair
    text += "\n" + format("%*s ", label_width + 1, "axis");
    for (int column = 0; column < columns; ++column)
      text += std::to_string(pair_of(column).axis);
  }
  text += "\n" + std::string(label_width + 1, ' ') + "0";
  const std::string last = std::to_string(n - 1);
  const std::string middle = "pair";
  const auto width = static_cast<std::size_t>(columns);
  if (width > last.size() + middle.size() + 4) {
    const std::size_t gap = (width - middle.size()) / 2;
    text += std::string(gap, ' ') + middle;
    text += std::string(width - gap - middle.size() - last.size(), ' ') + last;
  } else {
    text += " to " + last;
  }
  text += "\n  ";
  const auto legend = [&](mark m, const std::string& words) {
    text += std::string(glyph.of[static_cast<int>(m)]) + " " + words + "   ";
  };
  const bool is_scaled = std::any_of(report.pairs.begin(), report.pairs.end(),
                                     [](const pair_report& pair) { return pair.ratio != 1.0; });
  if (is_scaled)
    legend(mark::before, "unscaled");
  legend(mark::after, is_scaled ? "scaled" : "not scaled");
  if (count(report, yarn::frequency_zone::unrotated) != 0)
    legend(mark::never, "does not turn");
  if (report.lengths.original != 0)
    legend(mark::original,
           (is_extended ? "original " : "length ") + std::to_string(report.lengths.original));
  if (is_extended)
    legend(mark::extended, "extended " + std::to_string(report.lengths.extended));
  text.resize(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

} // namespace inspect

// SPDX-License-Identifier: MIT
#include "gnuplot.hpp"

#include "methods.hpp"
#include "text.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace inspect {
namespace {

// A string literal of gnuplot. In single quotes only the quote itself is special.
std::string literal(const std::string& text) {
  std::string result = "'";
  for (const char c : one_line(text))
    result += c == '\'' ? "''" : std::string(1, c);
  return result + "'";
}

// Colours that people who do not see red and green can tell apart, on white.
const char* colour(std::size_t i) {
  static const char* const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                        "#e69f00", "#56b4e9", "#5d3a9b", "#8c564b",
                                        "#000000", "#b59f00", "#7f7f7f", "#00a0a0"};
  return colours[i % (sizeof colours / sizeof colours[0])];
}

std::string legend_name(const model_report& report) {
  const std::optional<double> factor = factor_of(report.config.method);
  std::string name = report.name;
  if (report.config.rope_type != report.name)
    name += ", " + report.config.rope_type;
  if (factor && *factor > 0.0 && *factor != 1.0)
    name += format(" x%g", *factor);
  if (is_dynamic(report.config.method))
    name += format(" at %lld", static_cast<long long>(report.seq_len));
  return name;
}

// The legend is below the plot, where it hides no curve and does not make the plot narrower.
const char* const style =
    "set encoding utf8\n"
    "set termoption noenhanced\n"
    "set border 3 lc rgb '#404040'\n"
    "set tics nomirror\n"
    "set grid ytics lc rgb '#e0e0e0' lt 1 lw 0.5\n"
    "set key below center maxcols 2 reverse Left samplen 2 spacing 1.25 width 4\n";

// The commands of "plot", and the data after them.
class curves {
public:
  using points = std::vector<std::pair<double, double>>;

  void add(const points& line, const std::string& with, const std::string& title) {
    entry("'-' using 1:2 with " + with, title);
    for (const auto& [x, y] : line)
      data_ += std::isfinite(y) ? format("%.10g %.10g\n", x, y) : "\n"; // a gap
    data_ += "e\n";
  }
  void add_function(const std::string& function, const std::string& with,
                    const std::string& title) {
    entry(function + " with " + with, title);
  }
  /// Adds an entry of the legend without a curve.
  void add_name(const std::string& with, const std::string& title) {
    entry("NaN with " + with, title);
  }
  std::string text() const { return "plot " + commands_ + "\n" + data_; }

private:
  void entry(const std::string& what, const std::string& title) {
    commands_ += (commands_.empty() ? "" : ", \\\n     ") + what +
                 (title.empty() ? " notitle" : " title " + literal(title));
  }

  std::string commands_;
  std::string data_;
};

curves::points wavelengths(const model_report& report, double pair_report::*which) {
  curves::points line;
  for (const pair_report& pair : report.pairs)
    line.emplace_back(static_cast<double>(line.size()), pair.*which);
  return line;
}

// Equal curves are drawn once, with all their names, because one would hide the other.
struct curve {
  curves::points line;
  std::vector<std::string> names;
};
void add_curve(std::vector<curve>& all, const curves::points& line, const std::string& name) {
  for (curve& known : all)
    if (known.line == line) {
      known.names.push_back(name);
      return;
    }
  all.push_back({line, {name}});
}
void draw_curves(curves& to, const std::vector<curve>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string with = format("lines lw 2.5 lc rgb '%s'", colour(i));
    to.add(all[i].line, with, all[i].names[0]);
    for (std::size_t name = 1; name < all[i].names.size(); ++name)
      to.add_name(with, all[i].names[name]);
  }
}

// Points of gnuplot: a filled circle, a filled triangle, a filled square.
constexpr int mark_of_zone[] = {7, 9, 5};

void draw_one(curves& to, const model_report& report) {
  to.add(wavelengths(report, &pair_report::unscaled_wavelength), "lines lw 5 lc rgb '#c0c0c0'",
         "before scaling");
  // Zones have colours. If there are several axes, axes have the colours, and zones the marks.
  const bool has_axes = report.n_axes() > 1;
  std::size_t at = 0;
  for (const auto zone : {yarn::frequency_zone::extrapolated, yarn::frequency_zone::blended,
                          yarn::frequency_zone::interpolated}) {
    for (std::int64_t axis = 0; axis < report.n_axes(); ++axis) {
      curves::points line;
      for (std::size_t pair = 0; pair < report.pairs.size(); ++pair)
        if (report.pairs[pair].zone == zone && report.pairs[pair].axis == axis)
          line.emplace_back(static_cast<double>(pair), report.pairs[pair].wavelength);
      if (line.empty())
        continue;
      const std::size_t which = has_axes ? static_cast<std::size_t>(axis) : at;
      std::string title = std::string("after: ") + zone_name(zone);
      if (has_axes)
        title += format(", axis %lld", static_cast<long long>(axis));
      to.add(line,
             format("points pt %d ps 0.8 lc rgb '%s'",
                    has_axes ? mark_of_zone[at] : mark_of_zone[0], colour(which)),
             title);
    }
    ++at;
  }
  if (const std::int64_t n = count(report, yarn::frequency_zone::unrotated); n != 0)
    to.add_name("points pt 6 ps 0.8 lc rgb '#c0c0c0'",
                format("not drawn: %lld pairs that do not turn", static_cast<long long>(n)));
}

void draw_several(curves& to, const std::vector<model_report>& reports) {
  const bool is_one_model =
      std::all_of(reports.begin(), reports.end(), [&](const model_report& report) {
        return wavelengths(report, &pair_report::unscaled_wavelength) ==
               wavelengths(reports[0], &pair_report::unscaled_wavelength);
      });
  std::vector<curve> all;
  for (const model_report& report : reports)
    add_curve(all, wavelengths(report, &pair_report::wavelength), legend_name(report));
  if (is_one_model) {
    to.add(wavelengths(reports[0], &pair_report::unscaled_wavelength),
           "lines lw 7 lc rgb '#c8c8c8'", "before scaling");
  } else {
    to.add_name("lines lw 1.5 dt 3 lc rgb '#606060'", "dotted: before scaling");
    for (std::size_t i = 0; i < all.size(); ++i)
      for (const model_report& report : reports)
        if (legend_name(report) == all[i].names[0])
          to.add(wavelengths(report, &pair_report::unscaled_wavelength),
                 format("lines lw 1.5 dt 3 lc rgb '%s'", colour(i)), "");
  }
  draw_curves(to, all);
}

// Draws lengths as horizontal lines. A length with several names is one line with all names.
std::string length_lines(const std::vector<model_report>& reports, double low, double high) {
  std::map<std::int64_t, std::string> lengths;
  const auto add = [&](std::int64_t length, const char* what) {
    const auto y = static_cast<double>(length);
    if (y < low || y > high)
      return;
    std::string& name = lengths[length];
    if (name.find(what) == std::string::npos)
      name += (name.empty() ? "" : ", ") + std::string(what);
  };
  for (const model_report& report : reports) {
    const bool is_extended = report.lengths.extended != report.lengths.original;
    add(report.lengths.original, is_extended ? "original" : "length");
    if (is_extended)
      add(report.lengths.extended, "extended");
  }
  std::string script = "set rmargin 27\n";
  double free_from = low; // A name below this height would overlap the previous name.
  for (const auto& [length, what] : lengths) {
    const auto y = static_cast<double>(length);
    script +=
        format("set arrow from graph 0, first %.10g to graph 1, first %.10g nohead dt 2 lw 1 lc "
               "rgb '#808080' back\n",
               y, y);
    const double at = std::max(y, free_from);
    script += "set label " + literal(what + " " + std::to_string(length)) +
              format(" at graph 1.01, first %.10g left tc rgb '#606060'\n", at);
    free_from = at * std::pow(high / low, 0.05);
  }
  return script;
}

} // namespace

std::string wavelength_script(const std::vector<model_report>& reports) {
  double low = HUGE_VAL, high = 0;
  std::size_t n_pairs = 0;
  for (const model_report& report : reports) {
    n_pairs = std::max(n_pairs, report.pairs.size());
    for (const pair_report& pair : report.pairs)
      for (const double wavelength : {pair.unscaled_wavelength, pair.wavelength})
        if (std::isfinite(wavelength)) {
          low = std::min(low, wavelength);
          high = std::max(high, wavelength);
        }
  }
  low /= 2;
  high *= 2;
  std::string script = style;
  script += "set logscale y 10\n"
            "set format y '%.0s%c'\n"
            "set xlabel \"pair index\\n \"\n"
            "set ylabel 'wavelength in tokens'\n";
  script += "set title " +
            literal(reports.size() == 1 ? legend_name(reports[0]) + ": RoPE wavelengths"
                                        : "RoPE wavelengths before and after scaling") +
            "\n";
  script += format("set xrange [-0.5:%.10g]\nset yrange [%.10g:%.10g]\n",
                   static_cast<double>(n_pairs) - 0.5, low, high);
  script += length_lines(reports, low, high);
  curves drawn;
  if (reports.size() == 1)
    draw_one(drawn, reports[0]);
  else
    draw_several(drawn, reports);
  return script + drawn.text();
}

std::string attention_script(const std::vector<model_report>& reports) {
  std::int64_t longest = 0, shortest = 0;
  for (const model_report& report : reports) {
    longest = std::max({longest, report.lengths.extended, report.seq_len});
    if (report.lengths.original > 0 && (shortest == 0 || report.lengths.original < shortest))
      shortest = report.lengths.original;
  }
  if (shortest == 0)
    shortest = std::max<std::int64_t>(longest, 4096);
  longest = std::max(longest, shortest);
  const double first = static_cast<double>(shortest) / 4;
  const double last = static_cast<double>(longest) * 2;

  std::vector<curve> all;
  double low = 1.0, high = 0.1 * std::log(last / static_cast<double>(shortest)) + 1;
  for (const model_report& report : reports) {
    curves::points line;
    constexpr int n_intervals = 240;
    for (int i = 0; i <= n_intervals; ++i) {
      const double length = std::round(first * std::pow(last / first, i / double{n_intervals}));
      line.emplace_back(length, yarn::make_frequencies(report.config.shape, report.config.method,
                                                       static_cast<std::int64_t>(length))
                                    .attention_factor());
      low = std::min(low, line.back().second);
      high = std::max(high, line.back().second);
    }
    add_curve(all, line,
              report.config.rope_type == report.name
                  ? report.name
                  : report.name + ", " + report.config.rope_type);
  }
  const double margin = 0.06 * (high - low);
  low -= margin;
  high += margin;
  // gnuplot chooses bad tics for a linked axis.
  const double tic_distance = high - low > 1.0 ? 0.5 : high - low > 0.25 ? 0.2 : 0.05;

  std::string script = style;
  script += "set logscale x 2\n"
            "set format x '%.0f'\n"
            "set xlabel \"length of the sequence in tokens\\n \"\n"
            "set ylabel 'attention factor, on cos and sin'\n"
            "set y2label 'its square, on logits'\n"
            "set border 11\n"
            "set format y '%.2f'\n"
            "set format y2 '%.2f'\n";
  script += "set title " +
            literal(reports.size() == 1 ? reports[0].name + ": attention factor against length"
                                        : "Attention factor against length") +
            "\n";
  script += format("set xrange [%.10g:%.10g]\nset yrange [%.10g:%.10g]\n"
                   "set link y2 via y**2 inverse sqrt(y)\nset y2tics %g\n",
                   first, last, low, high, tic_distance);
  curves drawn;
  draw_curves(drawn, all);
  const auto original = static_cast<long long>(shortest);
  drawn.add_function(format("(x > %lld ? 0.1 * log(x / %lld.0) + 1 : 1)", original, original),
                     "lines lw 2 dt 3 lc rgb '#404040'", format("0.1 ln(l/%lld) + 1", original));
  return script + drawn.text();
}

} // namespace inspect

// SPDX-License-Identifier: MIT
#include "gnuplot.hpp"

#include "methods.hpp"
#include "text.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace inspect {
namespace {

// A string of gnuplot's; in single quotes only the quote itself is special.
std::string literal(const std::string& text) {
  std::string result = "'";
  for (const char c : one_line(text))
    result += c == '\'' ? "''" : std::string(1, c);
  return result + "'";
}

// Told apart without red and green, on white.
const char* const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00",
                               "#56b4e9", "#5d3a9b", "#7f7f7f", "#8c564b", "#000000"};
const char* colour(std::size_t i) { return colours[i % (sizeof colours / sizeof colours[0])]; }

std::string legend_name(const model_report& report) {
  const std::optional<double> factor = factor_of(report.config.method);
  std::string name = report.name;
  if (report.config.rope_type != report.name)
    name += ", " + report.config.rope_type;
  if (factor && *factor != 1.0)
    name += format(" x%g", *factor);
  if (is_dynamic(report.config.method))
    name += format(" at %lld", static_cast<long long>(report.seq_len));
  return name;
}

const char* const style = "set encoding utf8\n"
                          "set termoption noenhanced\n"
                          "set border 3 lc rgb '#404040'\n"
                          "set tics nomirror\n"
                          "set grid ytics lc rgb '#e0e0e0' lt 1 lw 0.5\n";

// The least and the greatest finite wavelength.
struct span {
  double low;
  double high;
};
span span_of(const std::vector<model_report>& reports) {
  span s{HUGE_VAL, 0};
  for (const model_report& report : reports)
    for (const pair_report& pair : report.pairs)
      for (const double w : {pair.unscaled_wavelength, pair.wavelength})
        if (std::isfinite(w))
          s = {std::min(s.low, w), std::max(s.high, w)};
  return s;
}

// Whether two models have the same unscaled wavelengths, which then are drawn once.
bool same_shape(const model_report& a, const model_report& b) {
  return a.rotary_dim() == b.rotary_dim() && a.config.shape.rope_theta == b.config.shape.rope_theta;
}

} // namespace

std::string wavelength_script(const std::vector<model_report>& reports) {
  const span s = span_of(reports);
  const double low = std::pow(10, std::floor(std::log10(s.low)));
  const double high = s.high * 2;
  std::size_t n_pairs = 0;
  for (const model_report& report : reports)
    n_pairs = std::max(n_pairs, report.pairs.size());

  std::string script = style;
  script += "set logscale y 10\n"
            "set format y '%.0s%c'\n"
            "set xlabel 'pair index'\n"
            "set ylabel 'wavelength in tokens'\n"
            "set key top left reverse Left samplen 2 spacing 1.2\n"
            "set rmargin 20\n";
  script += "set title " +
            literal(reports.size() == 1 ? "RoPE wavelengths: " + reports[0].name
                                        : "RoPE wavelengths, before and after scaling") +
            "\n";
  script += format("set xrange [-0.5:%g]\nset yrange [%g:%g]\n", static_cast<double>(n_pairs) - 0.5,
                   low, high);

  // Lengths as horizontal lines, named in the right margin; each once, by all that it is.
  std::map<std::int64_t, std::string> lengths;
  const auto add = [&](std::int64_t length, const char* what) {
    if (length <= 0)
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
  double below = 0; // labels closer than this would overlap
  for (const auto& [length, what] : lengths) {
    const auto y = static_cast<double>(length);
    if (y < low || y > high)
      continue;
    script +=
        format("set arrow from graph 0, first %g to graph 1, first %g nohead dt 2 lw 1 lc rgb "
               "'#808080' back\n",
               y, y);
    const double gap = std::pow(high / low, 0.045);
    const double at = std::max(y, below * gap);
    script += "set label " + literal(what + " " + std::to_string(length)) +
              format(" at graph 1.01, first %g left tc rgb '#606060'\n", at);
    below = at;
  }

  std::string plots, data;
  const auto series = [&](const std::string& name, const std::string& with) {
    plots += (plots.empty() ? "plot " : ", \\\n     ") + std::string("'-' using 1:2 with ") + with +
             " title " + literal(name);
  };
  const auto point = [&](std::size_t pair, double wavelength) {
    data += std::isfinite(wavelength) ? format("%zu %.9g\n", pair, wavelength) : "\n";
  };
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto drawn =
        std::find_if(reports.begin(), reports.begin() + static_cast<std::ptrdiff_t>(i),
                     [&](const model_report& r) { return same_shape(r, reports[i]); });
    if (drawn != reports.begin() + static_cast<std::ptrdiff_t>(i))
      continue;
    const bool is_only = std::all_of(reports.begin(), reports.end(), [&](const model_report& r) {
      return same_shape(r, reports[i]);
    });
    series(is_only ? "unscaled" : "unscaled: " + reports[i].name,
           is_only ? "lines lw 5 lc rgb '#c0c0c0'"
                   : format("lines lw 1.5 dt 3 lc rgb '%s'", colour(i)));
    for (std::size_t pair = 0; pair < reports[i].pairs.size(); ++pair)
      point(pair, reports[i].pairs[pair].unscaled_wavelength);
    data += "e\n";
  }
  for (std::size_t i = 0; i < reports.size(); ++i) {
    series(legend_name(reports[i]), reports.size() == 1
                                        ? format("points pt 7 ps 0.6 lc rgb '%s'", colour(i))
                                        : format("lines lw 2 lc rgb '%s'", colour(i)));
    for (std::size_t pair = 0; pair < reports[i].pairs.size(); ++pair)
      point(pair, reports[i].pairs[pair].wavelength);
    data += "e\n";
  }
  return script + plots + "\n" + data;
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

  std::string script = style;
  script += "set logscale x 2\n"
            "set format x '%.0f'\n"
            "set xtics rotate by -35\n"
            "set xlabel 'length of the sequence in tokens'\n"
            "set ylabel 'attention factor (on cos and sin)'\n"
            "set y2label 'factor on logits (its square)'\n"
            "set border 11\n"
            "set link y2 via y**2 inverse sqrt(y)\n"
            "set y2tics\n"
            "set format y '%.2f'\n"
            "set format y2 '%.2f'\n"
            "set key top left reverse Left samplen 3 spacing 1.2\n";
  script += "set title " +
            literal(reports.size() == 1 ? "Attention factor: " + reports[0].name
                                        : std::string("Attention factor against length")) +
            "\n";
  std::string plots, data;
  double low = HUGE_VAL, high = 0;
  constexpr int steps = 240;
  const auto length_at = [&](int step) {
    return static_cast<std::int64_t>(
        std::llround(first * std::pow(last / first, step / double{steps})));
  };
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const model_report& report = reports[i];
    std::string name = report.name;
    if (report.config.rope_type != report.name)
      name += ", " + report.config.rope_type;
    // Curves that lie on each other stay visible: the later ones are thinner.
    const double width = std::max(5.0 - 1.2 * static_cast<double>(i), 1.5);
    plots += (plots.empty() ? "plot " : ", \\\n     ") +
             format("'-' using 1:2 with lines lw %.2g lc rgb '%s' title ", width, colour(i)) +
             literal(name);
    for (int step = 0; step <= steps; ++step) {
      const std::int64_t length = length_at(step);
      const double factor =
          yarn::make_frequencies(report.config.shape, report.config.method, length)
              .attention_factor();
      low = std::min(low, factor);
      high = std::max(high, factor);
      data += format("%lld %.9g\n", static_cast<long long>(length), factor);
    }
    data += "e\n";
  }
  const double greatest = 0.1 * std::log(last / static_cast<double>(shortest)) + 1;
  plots +=
      format(", \\\n     (x > %lld ? 0.1 * log(x / %lld.0) + 1 : 1) with lines lw 1.5 dt 3 lc rgb "
             "'#808080' title ",
             static_cast<long long>(shortest), static_cast<long long>(shortest)) +
      literal(format("0.1 ln(l/%lld) + 1", static_cast<long long>(shortest)));
  low = std::min(low, 1.0);
  high = std::max(high, greatest);
  // Room above for the key: a line of it takes some 6 % of the height.
  const double room = (high - low) * (0.12 + 0.08 * static_cast<double>(reports.size() + 1));
  script += format("set xrange [%g:%g]\nset yrange [%g:%g]\n", first, last,
                   low - 0.05 * (high - low), high + room);
  return script + plots + "\n" + data;
}

} // namespace inspect

// SPDX-License-Identifier: MIT
// Plots of tables: scripts for gnuplot that contain their data.
#ifndef YARN_EXAMPLES_EVALUATION_PLOT_HPP
#define YARN_EXAMPLES_EVALUATION_PLOT_HPP

#include "table.hpp"

#include <array>
#include <limits>

namespace evaluation {

/// How a table is drawn. Names are those of columns.
struct plot_layout {
  enum class style { curves, heat_maps };
  enum class x_scale { linear, log2, categories };
  style drawn_as = style::curves;
  std::string x, y;
  std::vector<std::string> values; ///< curves: a panel for each; heat maps: one, which is the color
  std::string error;               ///< of values[0]: the half-width of its interval, or empty
  std::vector<std::string> series; ///< rows with the same words in these columns are one curve, or
                                   ///< one heat map with a panel of its own
  x_scale scale = x_scale::linear;
};

namespace detail {

inline std::size_t column_of(const table& t, const std::string& name) {
  const auto found = std::find(t.columns.begin(), t.columns.end(), name);
  if (found == t.columns.end())
    complain("the table has no column '" + name + "'");
  return static_cast<std::size_t>(found - t.columns.begin());
}

/// The texts of a column in the order of their first occurrence.
inline std::vector<std::string> categories_of(const table& t, std::size_t column) {
  std::vector<std::string> found;
  for (const auto& row : t.rows)
    if (std::find(found.begin(), found.end(), text_of(row[column])) == found.end())
      found.push_back(text_of(row[column]));
  return found;
}
inline std::size_t index_of(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

/// gnuplot reads an underscore as the mark of a subscript.
inline std::string label(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return "\"" + name + "\"";
}
/// Whole numbers without the digits after the point.
inline std::string short_number(const std::string& text) {
  const std::size_t zeros = text.find(".0000");
  return zeros == std::string::npos ? text : text.substr(0, zeros);
}
inline std::string tics_of(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i)
    list += (i == 0 ? "" : ", ") + label(short_number(names[i])) + " " + std::to_string(i);
  return "(" + list + ")";
}

inline std::string name_of_series(const table& t, const plot_layout& p,
                                  const std::vector<cell>& row) {
  std::string name;
  for (const std::string& column : p.series)
    name += (name.empty() ? "" : " ") + short_number(text_of(row[column_of(t, column)]));
  return name;
}

inline std::string curves(const table& t, const plot_layout& p,
                          const std::vector<std::string>& names) {
  // Colors that people with color blindness can tell apart (Okabe and Ito).
  static const std::array<const char*, 8> colors{"#000000", "#E69F00", "#56B4E9", "#009E73",
                                                 "#CC79A7", "#0072B2", "#D55E00", "#999999"};
  const bool has_categories = p.scale == plot_layout::x_scale::categories;
  const std::size_t x = column_of(t, p.x);
  const auto categories = categories_of(t, x);
  std::string script = "set multiplot layout 1," + std::to_string(p.values.size()) + "\n";
  script += "set key top left reverse Left\nset grid lc rgb '#dddddd'\n";
  script += "set xlabel " + label(p.x) + "\n";
  if (p.scale == plot_layout::x_scale::log2)
    script += "set logscale x 2\n";
  if (has_categories)
    script += "set xtics " + tics_of(categories) + "\n";
  for (std::size_t v = 0; v < p.values.size(); ++v) {
    const std::size_t value = column_of(t, p.values[v]);
    const bool has_error = v == 0 && !p.error.empty();
    std::string plots, data;
    for (std::size_t i = 0; i < names.size(); ++i) {
      plots += std::string(i == 0 ? "plot " : ", ") + "'-' using 1:2" +
               (has_error ? ":3 with yerrorlines" : " with linespoints") + " lw 1.5 ps 0.6 pt " +
               std::to_string(4 + i) + " lc rgb '" + colors[i % colors.size()] + "' title " +
               label(names[i]);
      for (const auto& row : t.rows) {
        if (name_of_series(t, p, row) != names[i])
          continue;
        data += has_categories ? std::to_string(index_of(categories, text_of(row[x])))
                               : text_of(row[x]);
        data += ' ';
        data += text_of(row[value]);
        if (has_error) {
          data += ' ';
          data += text_of(row[column_of(t, p.error)]);
        }
        data += '\n';
      }
      data += "e\n";
    }
    script += "set ylabel " + label(p.values[v]) + "\n";
    script += plots;
    script += '\n';
    script += data;
  }
  return script + "unset multiplot\n";
}

inline std::string heat_maps(const table& t, const plot_layout& p,
                             const std::vector<std::string>& names) {
  const std::size_t x = column_of(t, p.x), y = column_of(t, p.y);
  const std::size_t value = column_of(t, p.values.at(0));
  const auto columns = categories_of(t, x);
  auto lines = categories_of(t, y);
  lines.erase(std::remove(lines.begin(), lines.end(), "all"), lines.end());
  const std::size_t n_columns = std::min<std::size_t>(names.size(), 3);
  double smallest = std::numeric_limits<double>::infinity(), largest = -smallest;
  for (const auto& row : t.rows) {
    if (text_of(row[y]) == "all")
      continue;
    smallest = std::min(smallest, std::get<double>(row[value]));
    largest = std::max(largest, std::get<double>(row[value]));
  }
  if (!(smallest < largest)) // gnuplot needs a range.
    largest = smallest + 1;
  std::string script = "set multiplot layout " +
                       std::to_string((names.size() + n_columns - 1) / n_columns) + ',' +
                       std::to_string(n_columns) + "\nunset key\n";
  script += "set palette defined (0 '#440154', 1 '#3b528b', 2 '#21918c', 3 '#5ec962', 4 "
            "'#fde725')\nset cbrange [" +
            to_text(smallest) + ":" + to_text(largest) + "]\n";
  script += "set xlabel " + label(p.x) + "\nset ylabel " + label(p.y) + "\nset cblabel " +
            label(p.values[0]) + "\nset xtics rotate " + tics_of(columns) + "\nset ytics " +
            tics_of(lines) + "\n";
  for (const std::string& name : names) {
    script += "set title " + label(name) + "\nplot '-' using 1:2:3 with image\n";
    for (const auto& row : t.rows)
      if (name_of_series(t, p, row) == name && text_of(row[y]) != "all")
        script += std::to_string(index_of(columns, text_of(row[x]))) + ' ' +
                  std::to_string(index_of(lines, text_of(row[y]))) + ' ' + text_of(row[value]) +
                  '\n';
    script += "e\n";
  }
  return script + "unset multiplot\n";
}

} // namespace detail

/// The script does not choose a terminal:
///
///     evaluate … --format gnuplot | gnuplot -e "set terminal svg size 900,500" - > plot.svg
inline std::string gnuplot_script(const table& t, const plot_layout& p) {
  std::vector<std::string> names;
  for (const auto& row : t.rows) {
    const std::string name = detail::name_of_series(t, p, row);
    if (detail::index_of(names, name) == names.size())
      names.push_back(name);
  }
  return p.drawn_as == plot_layout::style::curves ? detail::curves(t, p, names)
                                                  : detail::heat_maps(t, p, names);
}

} // namespace evaluation

#endif

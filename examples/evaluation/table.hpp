// SPDX-License-Identifier: MIT
// A table of results, as text, JSON or CSV.
#ifndef YARN_EXAMPLES_EVALUATION_TABLE_HPP
#define YARN_EXAMPLES_EVALUATION_TABLE_HPP

#include "settings.hpp"

#include <algorithm>
#include <variant>

namespace evaluation {

/// A whole number, a measured number, or a word.
using cell = std::variant<long long, double, std::string>;

struct table {
  std::vector<std::string> columns;
  std::vector<std::vector<cell>> rows;

  template <class... Cells> void add(const Cells&... cells) {
    rows.push_back({to_cell(cells)...});
    if (rows.back().size() != columns.size())
      complain("a row has another number of cells than the table has columns");
  }

private:
  template <class Cell> static cell to_cell(const Cell& c) {
    if constexpr (std::is_floating_point_v<Cell>)
      return static_cast<double>(c);
    else if constexpr (std::is_integral_v<Cell>)
      return static_cast<long long>(c);
    else
      return std::string(c);
  }
};

inline std::string text_of(const cell& c) {
  if (const auto* const word = std::get_if<std::string>(&c))
    return *word;
  if (const auto* const whole = std::get_if<long long>(&c))
    return std::to_string(*whole);
  char text[40];
  std::snprintf(text, sizeof text, "%.4f", std::get<double>(c));
  return std::string(text) == "-0.0000" ? text + 1 : text;
}

inline std::string as_text(const table& t) {
  std::vector<std::size_t> widths;
  for (const std::string& column : t.columns)
    widths.push_back(column.size());
  for (const auto& row : t.rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], text_of(row[i]).size());
  std::string out;
  const auto put = [&](std::size_t i, const std::string& text, bool is_word) {
    const std::string gap(widths[i] - text.size(), ' ');
    out += (i == 0 ? "" : "  ") + (is_word ? text + gap : gap + text);
  };
  const auto end_line = [&] {
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  };
  for (std::size_t i = 0; i < t.columns.size(); ++i)
    put(i, t.columns[i], !t.rows.empty() && std::holds_alternative<std::string>(t.rows.front()[i]));
  end_line();
  for (const auto& row : t.rows) {
    for (std::size_t i = 0; i < row.size(); ++i)
      put(i, text_of(row[i]), std::holds_alternative<std::string>(row[i]));
    end_line();
  }
  return out;
}

/// Words contain neither commas nor quotes.
inline std::string as_csv(const table& t) {
  std::string out;
  for (std::size_t i = 0; i < t.columns.size(); ++i)
    out += (i == 0 ? "" : ",") + t.columns[i];
  out += '\n';
  for (const auto& row : t.rows) {
    for (std::size_t i = 0; i < row.size(); ++i)
      out += (i == 0 ? "" : ",") + text_of(row[i]);
    out += '\n';
  }
  return out;
}

/// An array of objects, one for each row. Numbers that are not finite are null.
inline std::string as_json(const table& t) {
  std::string out = "[";
  for (std::size_t r = 0; r < t.rows.size(); ++r) {
    out += r == 0 ? "\n  {" : ",\n  {";
    for (std::size_t i = 0; i < t.columns.size(); ++i) {
      const cell& c = t.rows[r][i];
      std::string value = text_of(c);
      if (std::holds_alternative<std::string>(c))
        value.insert(0, 1, '"').push_back('"');
      else if (value.find_first_not_of("-.0123456789") != std::string::npos)
        value = "null";
      out += (i == 0 ? "\"" : ", \"") + t.columns[i] + "\": " + value;
    }
    out += '}';
  }
  return out + "\n]\n";
}

inline std::string formatted(const table& t, const std::string& format) {
  if (format == "text")
    return as_text(t);
  if (format == "csv")
    return as_csv(t);
  if (format == "json")
    return as_json(t);
  complain("format: '" + format + "' must be text, csv, json or gnuplot");
}

} // namespace evaluation

#endif

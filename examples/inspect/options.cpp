// SPDX-License-Identifier: MIT
#include "options.hpp"

#include "methods.hpp"
#include "text.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <cmath>
#include <stdexcept>

namespace inspect {
namespace {

std::int64_t length_from(const std::string& text) {
  constexpr std::int64_t longest = std::int64_t{1} << 31;
  std::int64_t length = 0;
  const auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc{} || next != text.data() + text.size() || length < 1 || length > longest)
    throw std::invalid_argument("--seq-len = \"" + text +
                                "\" must be a whole number of tokens in [1, 2^31]");
  return length;
}

std::string known_methods() {
  std::string names;
  for (const std::string& name : comparable_methods())
    names += (names.empty() ? "" : ", ") + name;
  return names;
}

} // namespace

std::optional<options> options_from(int argc, const char* const* argv, std::string& help) {
  options result;
  std::string seq_len, positions;
  double factor = 0, theta = 0;
  CLI::App app("Shows how the rotary position embedding in a model's config.json is interpreted, "
               "and warns about suspicious settings.\nExit code 0: done; 1: the report could not "
               "be written to stdout; 2: another error, for example in the input.",
               "inspect");
  app.add_option("config", result.configs, "config.json of a model; several are drawn in one plot")
      ->required();
  // Lengths are read as text, because the messages of CLI11 do not say which values are allowed.
  auto* const length = app.add_option("--seq-len", seq_len,
                                      "current length in tokens (default: the extended length)");
  app.add_option("--layer-type", result.layer_type,
                 "the type of layers to show, if layers differ (default: all types)");
  auto* const base = app.add_option("--default-rope-theta", theta,
                                    "the base of a model whose configuration does not give it");
  app.add_flag("--json", result.json,
               "print JSON: an object, or an array of them for several models or layer types");
  app.add_flag("--ascii", result.ascii, "draw with 7-bit characters");
  app.add_option("--compare", result.compare,
                 "other methods for the same model, with the same factor (for a model with the "
                 "method of Llama 3: extended / original length): all, or some of " +
                     known_methods())
      ->delimiter(',')
      ->allow_extra_args(false); // Otherwise the option would take the configurations, too.
  auto* const scale = app.add_option("--factor", factor, "the factor of the methods in --compare");
  app.add_option("--plot", result.plot,
                 "draw wavelengths before and after the scaling (.png or .svg; gnuplot)");
  app.add_option("--attention-plot", result.attention_plot,
                 "draw the attention factor against the length (.png or .svg; gnuplot)");
  auto* const table =
      app.add_option("--table", result.table,
                     "write cos and sin as a numpy array: float32, little-endian, shape (2, "
                     "positions, pairs), index 0 cos and 1 sin, times the attention factor; with "
                     "several axes, a row has the same position on all of them");
  auto* const range =
      app.add_option("--positions", positions, "the table's positions BEGIN:END, END not included");
  table->needs(range);
  range->needs(table);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    help = app.help();
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    throw std::invalid_argument(one_line(error.what()) + " (inspect --help)");
  }
  if (length->count() != 0)
    result.seq_len = length_from(seq_len);
  if (range->count() != 0)
    result.positions = position_range_from(positions);
  if (base->count() != 0) {
    if (!(theta > 0) || !std::isfinite(theta))
      throw std::invalid_argument(
          format("--default-rope-theta = %g must be finite and > 0", theta));
    result.default_rope_theta = theta;
  }
  if (scale->count() != 0) {
    if (!(factor > 0) || !std::isfinite(factor))
      throw std::invalid_argument(format("--factor = %g must be finite and > 0", factor));
    if (result.compare.empty())
      throw std::invalid_argument("--factor is used only with --compare, which is missing");
    result.factor = factor;
  }
  if (result.compare.size() == 1 && result.compare[0] == "all")
    result.compare = comparable_methods();
  return result;
}

} // namespace inspect

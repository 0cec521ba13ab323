// SPDX-License-Identifier: MIT
// Evaluates a trained model. Each command writes a table:
//
//     evaluate COMMAND --model FILE --corpus DIR [--format text|csv|json|gnuplot] [--save NAME]
//              [--OPTION VALUE…]
//
// --save writes all formats: NAME.txt, NAME.csv, NAME.json and NAME.gnuplot.
// Without a command, the program lists the commands and their main options. A new evaluation is a
// function that makes a table, and an entry of the list below.
#include "cached_keys.hpp"
#include "checkpoint.hpp"
#include "fine_tuning.hpp"
#include "formats.hpp"
#include "limits.hpp"
#include "passkey.hpp"
#include "perplexity.hpp"
#include "plot.hpp"
#include "temperature.hpp"

#include <cstdio>
#include <exception>

namespace evaluation {
namespace {

struct command {
  const char* name;
  table (*run)(const evaluation_input&, named_values&);
  const char* help;
  plot_layout plot;
};

using style = plot_layout::style;
using x_scale = plot_layout::x_scale;

const command commands[] = {
    {"perplexity",
     perplexity,
     "loss against length: --lengths --methods --factor",
     {style::curves, "length", "", {"nats_per_byte"}, "error95", {"method"}, x_scale::log2}},
    {"sliding_window",
     sliding_window,
     "the same with a sliding window: --stride",
     {style::curves, "length", "", {"nats_per_byte"}, "error95", {"method"}, x_scale::log2}},
    {"by_position",
     by_position,
     "loss by position in the text: --length --bucket",
     {style::curves, "end", "", {"nats_per_byte", "excess"}, "", {"method"}, x_scale::linear}},
    {"passkey",
     passkey,
     "retrieval by length and depth: --lengths --n_depths",
     {style::heat_maps, "length", "depth", {"accuracy"}, "", {"method"}, x_scale::categories}},
    {"limits",
     limits,
     "length at which perplexity has risen by 10 %: --length --factors",
     {style::curves, "factor", "", {"limit_in_contexts"}, "", {"method"}, x_scale::log2}},
    {"temperature",
     temperature,
     "loss and entropy by attention factor: --factors --first --last",
     {style::curves,
      "attention_factor",
      "",
      {"nats_per_byte", "entropy"},
      "",
      {"factor"},
      x_scale::linear}},
    {"fine_tuning",
     fine_tuning,
     "loss by steps at a longer context: --factor --evaluate_factor",
     {style::curves, "step", "", {"nats_per_byte"}, "error95", {"method"}, x_scale::linear}},
    {"key_formats",
     key_formats,
     "loss with rounded and moved keys: --formats --n_moves",
     {style::curves, "n_moves", "", {"change"}, "change_error95", {"format"}, x_scale::categories}},
    {"dynamic_cache",
     dynamic_cache,
     "stale, rerotated, recomputed keys: --length --chunk",
     {style::curves, "end", "", {"nats_per_byte"}, "error95", {"method", "keys"}, x_scale::linear}},
    {"beta_grid",
     beta_grid,
     "loss by beta_slow and beta_fast: --length --slow --fast",
     {style::heat_maps, "beta_slow", "beta_fast", {"nats_per_byte"}, "", {}, x_scale::categories}},
};

int list_commands() {
  std::printf("evaluate COMMAND --model FILE --corpus DIR [--format text|csv|json|gnuplot] "
              "[--save NAME] [--n_threads N] [--seed N] [--n_passages N]\n");
  for (const command& c : commands)
    std::printf("  %-16s%s\n", c.name, c.help);
  return 2;
}

int run(int argc, char** argv) {
  if (argc < 2)
    return list_commands();
  const command* chosen = nullptr;
  for (const command& c : commands)
    if (c.name == std::string(argv[1]))
      chosen = &c;
  if (chosen == nullptr)
    complain(std::string("unknown command '") + argv[1] + "'");
  named_values arguments(argc - 2, argv + 2);
  const auto path = arguments.require<std::string>("model");
  const auto corpus = arguments.require<std::string>("corpus");
  const auto format = arguments.take_or<std::string>("format", "text");
  const auto saved = arguments.take_or<std::string>("save", "");
  if (format != "gnuplot")
    formatted({}, format); // complains now, not after the evaluation
  evaluation_input in{read_file<float>(read_bytes(path), path).state.model, corpus,
                      read_texts(corpus + "/held_out")};
  arguments.take("n_threads", in.n_threads);
  arguments.take("seed", in.seed);
  const table t = chosen->run(in, arguments);
  const std::string script = gnuplot_script(t, chosen->plot);
  std::fputs((format == "gnuplot" ? script : formatted(t, format)).c_str(), stdout);
  if (!saved.empty()) {
    write_bytes(saved + ".txt", as_text(t));
    write_bytes(saved + ".csv", as_csv(t));
    write_bytes(saved + ".json", as_json(t));
    write_bytes(saved + ".gnuplot", script);
  }
  return 0;
}

} // namespace
} // namespace evaluation

int main(int argc, char** argv) {
  try {
    return evaluation::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

// SPDX-License-Identifier: MIT
// Evaluates a trained model. Each command writes a table:
//
//     evaluate COMMAND --model FILE --corpus DIR [--format text|csv|json] [--OPTION VALUE…]
//
// Without a command, the program lists the commands and their options. A new evaluation is a
// function that makes a table, and a line of the list below.
#include "cached_keys.hpp"
#include "checkpoint.hpp"
#include "fine_tuning.hpp"
#include "formats.hpp"
#include "limits.hpp"
#include "passkey.hpp"
#include "perplexity.hpp"
#include "temperature.hpp"

#include <cstdio>
#include <exception>

namespace evaluation {
namespace {

struct command {
  const char* name;
  table (*run)(const evaluation_input&, named_values&);
  const char* help;
};

const command commands[] = {
    {"perplexity", perplexity, "loss against length: --lengths --methods --factor"},
    {"sliding_window", sliding_window, "the same with a sliding window: --stride"},
    {"by_position", by_position, "loss by position in the text: --length --bucket"},
    {"passkey", passkey, "retrieval by length and depth: --lengths --n_depths"},
    {"limits", limits, "length at which perplexity has risen by 10 %: --length --factors"},
    {"temperature", temperature, "loss and entropy by attention factor: --factors --first --last"},
    {"fine_tuning", fine_tuning, "loss by steps at a longer context: --factor --evaluate_factor"},
    {"key_formats", key_formats, "loss with rounded and moved keys: --formats --n_moves"},
    {"dynamic_cache", dynamic_cache, "stale, rerotated, recomputed keys: --length --chunk"},
    {"beta_grid", beta_grid, "loss by beta_slow and beta_fast: --length --slow --fast"},
};

int list_commands() {
  std::printf("evaluate COMMAND --model FILE --corpus DIR [--format text|csv|json] [--n_threads N] "
              "[--seed N] [--n_passages N]\n");
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
  formatted({}, format); // complains now, not after the evaluation
  evaluation_input in{read_file<float>(read_bytes(path), path).state.model, corpus,
                      read_texts(corpus + "/held_out")};
  arguments.take("n_threads", in.n_threads);
  arguments.take("seed", in.seed);
  std::fputs(formatted(chosen->run(in, arguments), format).c_str(), stdout);
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

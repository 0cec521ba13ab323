// SPDX-License-Identifier: MIT
// Trains a model. If the checkpoint exists, the training goes on from it.
//
//     train --corpus DIR --checkpoint FILE [--export FILE] [--elements int8]
//           [--n_threads 2] [--save_every 250] [--stop_after STEPS] [--SETTING VALUE…]
//
// A setting is one of model_config (model.hpp) or training_settings (trainer.hpp).
#include "checkpoint.hpp"

#include <chrono>
#include <cstdio>
#include <exception>

namespace evaluation {
namespace {

using element = float;

bool exists(const std::string& path) { return std::ifstream(path).good(); }

/// The training of the arguments, at its beginning or as the checkpoint has it.
training<element> start(named_values& arguments, const std::string& path) {
  model_config config;
  training_settings settings;
  if (!exists(path)) {
    arguments.take_all(config);
    arguments.take_all(settings);
    return {random_model<element>(config, settings.seed), settings};
  }
  checkpoint<element> read = read_file<element>(read_bytes(path), path);
  if (!read.has_optimiser)
    complain(path + " has no state of the optimiser, so no training can go on from it");
  config = read.state.model.config;
  settings = read.state.settings;
  arguments.take_all(config);
  arguments.take_all(settings);
  if (text_of(config) != text_of(read.state.model.config) ||
      text_of(settings) != text_of(read.state.settings))
    complain(path + " was made with other settings than those of the arguments");
  return read.state;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int run(named_values arguments) {
  const auto corpus = arguments.require<std::string>("corpus");
  const auto path = arguments.require<std::string>("checkpoint");
  const auto exported = arguments.take_or<std::string>("export", "");
  const auto storage = arguments.take_or("elements", element_storage::int8);
  const auto n_threads = arguments.take_or<std::size_t>("n_threads", 2);
  const auto save_every = std::max<Index>(1, arguments.take_or<Index>("save_every", 250));
  training<element> state = start(arguments, path);
  const Index n_steps = state.settings.n_steps;
  const Index stop = std::min(n_steps, state.n_done + arguments.take_or("stop_after", n_steps));
  arguments.require_empty();

  const texts train = read_texts(corpus + "/train");
  const model_config& config = state.model.config;
  const auto f = yarn::make_frequencies(config.rope(), yarn::default_scaling{});
  trainer<element> t(state, train, f, config.context, n_threads);
  std::printf("%lld weights, %zu bytes of text, steps %lld to %lld of %lld\n",
              static_cast<long long>(state.model.tensors.n_weights()), train.all.size(),
              static_cast<long long>(state.n_done), static_cast<long long>(stop),
              static_cast<long long>(n_steps));
  const auto begin = std::chrono::steady_clock::now();
  const Index first = state.n_done;
  step_report mean;
  Index n_in_mean = 0, n_with_answers = 0, n_with_copies = 0;
  while (state.n_done < stop) {
    const step_report r = t.step();
    mean.text_nats += r.text_nats;
    mean.answer_nats += r.answer_nats;
    mean.gradient_norm += r.gradient_norm;
    mean.copied_nats += r.copied_nats;
    n_with_answers += r.n_answers > 0 ? 1 : 0;
    n_with_copies += r.n_copied > 0 ? 1 : 0;
    ++n_in_mean;
    const Index n = state.n_done;
    if (n % 50 == 0 || n == stop) {
      const auto count = static_cast<double>(n_in_mean);
      const double per_step = seconds_since(begin) / static_cast<double>(n - first);
      std::printf("step %6lld  text %.4f nats/byte  keys %.4f  copies %.4f  gradient %.2f  rate "
                  "%.1e  %.0f bytes/s  %.1f min left\n",
                  static_cast<long long>(n), mean.text_nats / count,
                  mean.answer_nats / static_cast<double>(std::max<Index>(1, n_with_answers)),
                  mean.copied_nats / static_cast<double>(std::max<Index>(1, n_with_copies)),
                  mean.gradient_norm / count, r.learning_rate,
                  static_cast<double>(state.settings.n_sequences * config.context) / per_step,
                  per_step * static_cast<double>(stop - n) / 60);
      std::fflush(stdout);
      mean = {};
      n_in_mean = n_with_answers = n_with_copies = 0;
    }
    if (n % save_every == 0 || n == stop)
      write_bytes(path, file_of(state, element_storage::float32, true));
  }
  if (!exported.empty()) {
    const std::string file = file_of(state, storage, false);
    write_bytes(exported, file);
    std::printf("%s: %zu bytes, %s\n", exported.c_str(), file.size(), to_text(storage).c_str());
  }
  return 0;
}

} // namespace
} // namespace evaluation

int main(int argc, char** argv) {
  try {
    return evaluation::run(evaluation::named_values(argc - 1, argv + 1));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

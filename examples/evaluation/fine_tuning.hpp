// SPDX-License-Identifier: MIT
// Fine-tuning: a few hundred steps on texts that are `factor` times as long as the context, with
// each method, from the same model. The loss is that of held-out text at evaluate_factor times the
// context: another factor than that of the training shows the transfer from one to the other.
#ifndef YARN_EXAMPLES_EVALUATION_FINE_TUNING_HPP
#define YARN_EXAMPLES_EVALUATION_FINE_TUNING_HPP

#include "measure.hpp"
#include "table.hpp"
#include "trainer.hpp"

namespace evaluation {

inline table fine_tuning(const evaluation_input& in, named_values& arguments) {
  const auto factor = arguments.take_or("factor", 4.0);
  const auto evaluate_factor = arguments.take_or("evaluate_factor", factor);
  const auto every = arguments.take_or<Index>("every", 50);
  training_settings settings;
  settings.n_steps = 400;
  settings.n_sequences = 4;
  settings.learning_rate = 3e-4;
  settings.n_warmup = 20;
  settings.seed = in.seed;
  arguments.take_all(settings);
  if (!arguments.has("methods"))
    arguments.set("methods", "none,pi,ntk,yarn");
  const common_options o(arguments, in.context());
  arguments.require_empty();
  if (every < 1 || !(factor >= 1) || !(evaluate_factor >= 1))
    complain("every, factor and evaluate_factor must be >= 1");
  const auto length_of = [&](double s) {
    return static_cast<Index>(std::lround(s * static_cast<double>(in.context())));
  };
  const texts train = read_texts(in.corpus + "/train");
  const auto passages = choose_passages(in, o.n_passages, length_of(evaluate_factor));
  table t{{"method", "factor", "evaluate_factor", "step", "nats_per_byte", "error95"}, {}};
  for (const std::string& method : o.methods) {
    const auto frequencies_of = [&](double s) {
      method_numbers numbers = o.numbers;
      numbers.factor = s;
      return frequencies_for(method, in.model.config, numbers, length_of(s));
    };
    training<float> state(in.model, settings);
    trainer<float> one(state, train, frequencies_of(factor), length_of(factor), in.n_threads);
    for (Index step = 0; step <= settings.n_steps; ++step) {
      if (step % every == 0 || step == settings.n_steps) {
        evaluation_input now = in;
        now.model = state.model;
        const scores s = score(now, passages, rotated_by(frequencies_of(evaluate_factor)));
        const estimate e = mean_nats(s.nats, 0, length_of(evaluate_factor));
        t.add(method, factor, evaluate_factor, step, e.mean, e.error);
      }
      if (step < settings.n_steps)
        one.step();
    }
  }
  return t;
}

} // namespace evaluation

#endif

// SPDX-License-Identifier: MIT
// Training by AdamW. Step i depends only on the settings, the texts, and the state after step
// i - 1: its sequences are drawn from stream i of the seed. Each step is divided into shards, whose
// gradients are added in order. Therefore the bits do not depend on the number of threads, nor on
// whether the training was interrupted.
#ifndef YARN_EXAMPLES_EVALUATION_TRAINER_HPP
#define YARN_EXAMPLES_EVALUATION_TRAINER_HPP

#include "decoder.hpp"
#include "parallel.hpp"
#include "texts.hpp"

namespace evaluation {

struct training_settings {
  std::uint64_t seed = 1;
  Index n_steps = 3500;
  Index n_sequences = 16; ///< per step, a multiple of n_shards
  Index n_shards = 4;     ///< independent of the machine, because the sums depend on it
  double learning_rate = 3e-3;
  double final_share = 0.05; ///< of the learning rate, at the end of the cosine
  Index n_warmup = 100;
  double weight_decay = 0.1;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double largest_norm = 1.0;  ///< the gradient is scaled down to this norm
  double task_share = 0.5;    ///< of sequences with tasks (texts.hpp)
  double copy_share = 0.5;    ///< of tasks that copy a string; the others ask for a key
  double answer_weight = 5.0; ///< of an asked digit in the loss; text and copies have weight 1
};

template <class Visit> void for_each_setting(training_settings& s, const Visit& visit) {
  visit("seed", s.seed);
  visit("n_steps", s.n_steps);
  visit("n_sequences", s.n_sequences);
  visit("n_shards", s.n_shards);
  visit("learning_rate", s.learning_rate);
  visit("final_share", s.final_share);
  visit("n_warmup", s.n_warmup);
  visit("weight_decay", s.weight_decay);
  visit("beta1", s.beta1);
  visit("beta2", s.beta2);
  visit("largest_norm", s.largest_norm);
  visit("task_share", s.task_share);
  visit("copy_share", s.copy_share);
  visit("answer_weight", s.answer_weight);
}

inline void check(const training_settings& s) {
  if (s.n_steps < 1 || s.n_shards < 1 || s.n_sequences < s.n_shards ||
      s.n_sequences % s.n_shards != 0)
    complain("n_steps and n_shards must be > 0, and n_sequences a multiple of n_shards");
}

/// The learning rate of a step: a linear rise, then a cosine.
inline double learning_rate(const training_settings& s, Index step) {
  if (step < s.n_warmup)
    return s.learning_rate * static_cast<double>(step + 1) / static_cast<double>(s.n_warmup);
  const double done = static_cast<double>(step - s.n_warmup) /
                      static_cast<double>(std::max<Index>(1, s.n_steps - s.n_warmup));
  const double cosine = 0.5 * (1 + std::cos(3.14159265358979323846 * std::min(1.0, done)));
  return s.learning_rate * (s.final_share + (1 - s.final_share) * cosine);
}

/// A model in training: everything that a checkpoint needs to go on.
template <class T> struct training {
  training_settings settings;
  Index n_done = 0; ///< steps
  evaluation::model<T> model;
  weights<T> mean, square; ///< running means of the gradient and of its square

  training(const evaluation::model<T>& m, const training_settings& s)
      : settings(s), model(m), mean(m.tensors), square(m.tensors) {
    check(s);
  }
};

struct step_report {
  double text_nats = 0;                    ///< mean loss of bytes of text, nats
  double answer_nats = 0;                  ///< mean loss of asked digits; 0 if there are none
  double copied_nats = 0;                  ///< mean loss of copied bytes; 0 if there are none
  std::size_t n_answers = 0, n_copied = 0; ///< bytes
  double gradient_norm = 0;
  double learning_rate = 0;
};

template <class T> class trainer {
public:
  /// `length`: tokens of a sequence. The training and the texts must outlive the trainer.
  trainer(training<T>& state, const texts& t, const yarn::frequencies& f, Index length,
          std::size_t n_threads)
      : state_(&state), texts_(&t), length_(length), n_threads_(n_threads) {
    const training_settings& s = state.settings;
    for (Index i = 0; i < s.n_shards; ++i) {
      shards_.push_back({decoder<T>(state.model.config, s.n_sequences / s.n_shards, length, true),
                         weights<T>(state.model.tensors),
                         {},
                         0});
      shards_.back().run.rotate_by(f);
    }
  }

  step_report step() {
    const training_settings& s = state_->settings;
    random_numbers random(s.seed, static_cast<std::uint64_t>(state_->n_done));
    const batch b =
        make_batch(*texts_, static_cast<std::size_t>(s.n_sequences),
                   static_cast<std::size_t>(length_), s.task_share, s.copy_share, random);
    const auto weight_of = [&](byte_kind kind) {
      return kind == byte_kind::unpredictable ? 0.0
             : kind == byte_kind::answer      ? s.answer_weight
                                              : 1.0;
    };
    double total_weight = 0;
    for (const byte_kind kind : b.kinds)
      total_weight += weight_of(kind);

    for_each_part(shards_.size(), n_threads_, [&](std::size_t i, std::size_t) {
      shard& one = shards_[i];
      const auto n = static_cast<std::size_t>(one.run.n_tokens()), first = i * n;
      one.weight.resize(one.run.n_tokens());
      for (std::size_t t = 0; t < n; ++t)
        one.weight[static_cast<Index>(t)] =
            static_cast<T>(weight_of(b.kinds[first + t]) / total_weight);
      one.run.run(state_->model, &b.tokens[first], &b.targets[first]);
      one.gradient.values.setZero();
      one.run.add_gradient(state_->model, &b.tokens[first], &b.targets[first], one.weight,
                           one.gradient);
    });
    step_report report = report_of(b);
    report.gradient_norm = add_gradients();
    report.learning_rate = learning_rate(s, state_->n_done);
    change_weights(report);
    ++state_->n_done;
    return report;
  }

private:
  struct shard {
    decoder<T> run;
    weights<T> gradient;
    vector<T> weight;
    double square = 0; ///< of its part of the whole gradient
  };

  /// The part of the weights that the thread of a shard adds and changes. Parts begin at multiples
  /// of 64 bytes.
  std::pair<Index, Index> part(std::size_t i) const {
    const Index n = state_->model.tensors.size() / 16, n_parts = state_->settings.n_shards;
    const Index first = n * static_cast<Index>(i) / n_parts,
                end = n * (static_cast<Index>(i) + 1) / n_parts;
    return {first * 16, (end - first) * 16};
  }

  step_report report_of(const batch& b) const {
    step_report r;
    const auto n_of_shard = static_cast<std::size_t>(shards_.front().run.n_tokens());
    const auto mean_of = [&](byte_kind kind) {
      double sum = 0;
      for (std::size_t i = 0; i < b.kinds.size(); ++i)
        if (b.kinds[i] == kind)
          sum += static_cast<double>(
              shards_[i / n_of_shard].run.nats()[static_cast<Index>(i % n_of_shard)]);
      return sum / std::max(1.0, static_cast<double>(b.count(kind)));
    };
    r.text_nats = mean_of(byte_kind::text);
    r.answer_nats = mean_of(byte_kind::answer);
    r.copied_nats = mean_of(byte_kind::copied);
    r.n_answers = b.count(byte_kind::answer);
    r.n_copied = b.count(byte_kind::copied);
    return r;
  }

  // Adds the gradients of all shards to that of the first. Returns the norm of the sum.
  double add_gradients() {
    for_each_part(shards_.size(), n_threads_, [&](std::size_t i, std::size_t) {
      const auto [first, n] = part(i);
      auto sum = shards_[0].gradient.values.segment(first, n);
      for (std::size_t other = 1; other < shards_.size(); ++other)
        sum += shards_[other].gradient.values.segment(first, n);
      shards_[i].square = static_cast<double>(sum.squaredNorm());
    });
    double square = 0;
    for (const shard& s : shards_)
      square += s.square;
    return std::sqrt(square);
  }

  void change_weights(const step_report& report) {
    const training_settings& s = state_->settings;
    if (!(report.gradient_norm < 1e30))
      complain("the gradient of step " + std::to_string(state_->n_done) +
               " is not finite: the learning rate is too large");
    const auto n_steps = static_cast<double>(state_->n_done + 1);
    const auto shrink = static_cast<T>(std::min(1.0, s.largest_norm / report.gradient_norm));
    const auto rate = static_cast<T>(report.learning_rate / (1 - std::pow(s.beta1, n_steps)));
    const auto unbiased = static_cast<T>(1 / (1 - std::pow(s.beta2, n_steps)));
    const auto b1 = static_cast<T>(s.beta1), b2 = static_cast<T>(s.beta2);
    for_each_part(shards_.size(), n_threads_, [&](std::size_t i, std::size_t) {
      const auto [first, n] = part(i);
      const auto of = [first = first, n = n](weights<T>& w) {
        return w.values.segment(first, n).array();
      };
      auto gradient = of(shards_[0].gradient), mean = of(state_->mean), square = of(state_->square);
      gradient *= shrink;
      mean = b1 * mean + (1 - b1) * gradient;
      square = b2 * square + (1 - b2) * gradient.square();
      decay(first, n, static_cast<T>(report.learning_rate * s.weight_decay));
      of(state_->model.values) -= rate * mean / ((square * unbiased).sqrt() + static_cast<T>(1e-8));
    });
  }

  // Shrinks the weights [first, first + n), except those of norms.
  void decay(Index first, Index n, T share) {
    for (const tensor& t : state_->model.tensors.tensors()) {
      const Index from = std::max(first, t.offset), to = std::min(first + n, t.offset + t.size());
      if (!t.is_norm && from < to)
        state_->model.values.values.segment(from, to - from) *= 1 - share;
    }
  }

  training<T>* state_;
  const texts* texts_;
  Index length_;
  std::size_t n_threads_;
  std::vector<shard> shards_;
};

} // namespace evaluation

#endif

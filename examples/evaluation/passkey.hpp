// SPDX-License-Identifier: MIT
// Retrieval: a key is hidden at a depth of a text, and asked for at its end. An answer is right if
// each of its digits is the most probable byte, which is what greedy generation needs.
#ifndef YARN_EXAMPLES_EVALUATION_PASSKEY_HPP
#define YARN_EXAMPLES_EVALUATION_PASSKEY_HPP

#include "measure.hpp"
#include "table.hpp"

namespace evaluation {

/// The share of the passages whose last n_key_digits bytes are all predicted.
inline double accuracy(const scores& s) {
  const auto digits = static_cast<Index>(n_key_digits);
  Index n_right = 0;
  for (Index i = 0; i < s.is_best.rows(); ++i)
    n_right += s.is_best.row(i).tail(digits).minCoeff() != 0 ? 1 : 0;
  return static_cast<double>(n_right) / static_cast<double>(s.is_best.rows());
}

inline std::string two_digits(double value) {
  char text[16];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

/// Accuracy by length and depth, and over all depths ("all"). The tasks of a length and depth are
/// the same for all methods.
inline table passkey(const evaluation_input& in, named_values& arguments) {
  const common_options o(arguments, in.context());
  const auto n_depths = arguments.take_or<std::size_t>("n_depths", 10);
  arguments.require_empty();
  if (n_depths < 2)
    complain("n_depths must be > 1");
  table t{{"method", "length", "depth", "accuracy", "nats_per_digit", "n_tasks"}, {}};
  for (const std::string& method : o.methods)
    for (const Index length : o.lengths) {
      const auto f = frequencies_for(method, in.model.config, o.numbers, length);
      double sum = 0, sum_nats = 0;
      for (std::size_t d = 0; d < n_depths; ++d) {
        const double depth = static_cast<double>(d) / static_cast<double>(n_depths - 1);
        random_numbers random(in.seed, static_cast<std::uint64_t>(length) * 1000 + d);
        std::vector<bytes> tasks;
        for (std::size_t i = 0; i < o.n_passages; ++i)
          tasks.push_back(
              retrieval_task(in.held_out, static_cast<std::size_t>(length) + 1, depth, random));
        const scores s = score(in, tasks, rotated_by(f));
        const auto digits = static_cast<Index>(n_key_digits);
        const double right = accuracy(s), nats = mean_nats(s.nats, length - digits, digits).mean;
        t.add(method, length, two_digits(depth), right, nats, o.n_passages);
        sum += right;
        sum_nats += nats;
      }
      const auto n = static_cast<double>(n_depths);
      t.add(method, length, "all", sum / n, sum_nats / n, n_depths * o.n_passages);
    }
  return t;
}

} // namespace evaluation

#endif

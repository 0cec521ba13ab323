// SPDX-License-Identifier: MIT
// How far a method reaches, and how much its numbers matter: the length at which perplexity has
// risen by 10 %, and the grid of beta_slow and beta_fast (alpha and beta of the paper).
#ifndef YARN_EXAMPLES_EVALUATION_LIMITS_HPP
#define YARN_EXAMPLES_EVALUATION_LIMITS_HPP

#include "measure.hpp"
#include "table.hpp"

namespace evaluation {

/// For each method and factor, the limit: the start of the first bucket of positions whose mean
/// perplexity exceeds 1.1 times that of the same bytes within the context. `reached` is "no" if no
/// bucket up to `length` exceeds it; the limit is then `length`. A method that has no factor has
/// one row.
inline table limits(const evaluation_input& in, named_values& arguments) {
  const auto length = arguments.take_or<Index>("length", 16 * in.context());
  const auto bucket = arguments.take_or<Index>("bucket", in.context() / 2);
  const auto factors =
      list_from_text<double>("factors", arguments.take_or<std::string>("factors", "1,2,4,8"));
  const common_options o(arguments, in.context());
  arguments.require_empty();
  if (bucket < 1 || length % bucket != 0)
    complain("bucket must divide length");
  const auto passages = choose_passages(in, o.n_passages, length);
  const matrix<float> within = nats_within_context(in, passages);
  table t{{"method", "factor", "limit", "reached", "limit_in_contexts"}, {}};
  for (const std::string& method : o.methods)
    for (const double factor : has_factor(method) ? factors : std::vector<double>{1.0}) {
      method_numbers numbers = o.numbers;
      numbers.factor = factor;
      const auto f = frequencies_for(method, in.model.config, numbers, length);
      const matrix<float> excess = score(in, passages, rotated_by(f)).nats - within;
      Index limit = 0;
      while (limit < length && mean_nats(excess, limit, bucket).mean <= std::log(1.1))
        limit += bucket;
      t.add(method, factor, limit, limit < length ? "yes" : "no",
            static_cast<double>(limit) / static_cast<double>(in.context()));
    }
  return t;
}

/// The loss of one method at one length for each pair of beta_slow < beta_fast.
inline table beta_grid(const evaluation_input& in, named_values& arguments) {
  const auto method = arguments.take_or<std::string>("method", "yarn");
  const auto length = arguments.take_or<Index>("length", 4 * in.context());
  const auto slow =
      list_from_text<double>("slow", arguments.take_or<std::string>("slow", "0.25,0.5,1,2,4,8"));
  const auto fast =
      list_from_text<double>("fast", arguments.take_or<std::string>("fast", "2,4,8,16,32,64"));
  const common_options o(arguments, in.context());
  arguments.require_empty();
  const auto passages = choose_passages(in, o.n_passages, length);
  table t{{"beta_slow", "beta_fast", "nats_per_byte", "error95"}, {}};
  for (const double alpha : slow)
    for (const double beta : fast) {
      if (alpha >= beta)
        continue;
      method_numbers numbers = o.numbers;
      numbers.beta_slow = alpha;
      numbers.beta_fast = beta;
      const auto f = frequencies_for(method, in.model.config, numbers, length);
      const estimate e = mean_nats(score(in, passages, rotated_by(f)).nats, 0, length);
      t.add(alpha, beta, e.mean, e.error);
    }
  return t;
}

} // namespace evaluation

#endif

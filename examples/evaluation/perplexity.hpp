// SPDX-License-Identifier: MIT
// Perplexity against length, with a sliding window, and by position within the text. The loss is in
// nats per byte; perplexity is its exponential.
#ifndef YARN_EXAMPLES_EVALUATION_PERPLEXITY_HPP
#define YARN_EXAMPLES_EVALUATION_PERPLEXITY_HPP

#include "measure.hpp"
#include "table.hpp"

namespace evaluation {

/// The mean loss of all bytes of texts of each length. The same bytes are scored at each length.
inline table perplexity(const evaluation_input& in, named_values& arguments) {
  const common_options o(arguments, in.context());
  arguments.require_empty();
  const auto passages = choose_passages(in, o.n_passages, o.largest_length());
  table t{{"method", "length", "nats_per_byte", "error95", "perplexity"}, {}};
  for (const std::string& method : o.methods)
    for (const Index length : o.lengths) {
      const auto f = frequencies_for(method, in.model.config, o.numbers, length);
      const scores s = score(in, divided(passages, length), rotated_by(f));
      const estimate e = mean_nats(s.nats, 0, length, o.largest_length() / length);
      t.add(method, length, e.mean, e.error, std::exp(e.mean));
    }
  return t;
}

/// The loss of bytes that are predicted from between length - stride and length bytes before them.
/// The same bytes are scored at each length: the last 4 * stride bytes of each passage.
inline table sliding_window(const evaluation_input& in, named_values& arguments) {
  const common_options o(arguments, in.context());
  const auto stride = arguments.take_or<Index>("stride", in.context() / 4);
  arguments.require_empty();
  constexpr Index n_windows = 4;
  const Index largest = o.largest_length(), total = largest + (n_windows - 1) * stride;
  const auto passages = choose_passages(in, o.n_passages, total);
  table t{{"method", "length", "nats_per_byte", "error95", "perplexity"}, {}};
  for (const std::string& method : o.methods)
    for (const Index length : o.lengths) {
      if (stride < 1 || stride > length)
        complain("stride must be in [1, length]");
      std::vector<bytes> windows;
      for (const bytes& passage : passages)
        for (Index w = 0; w < n_windows; ++w)
          windows.push_back(passage.substr(static_cast<std::size_t>(largest - length + w * stride),
                                           static_cast<std::size_t>(length) + 1));
      const auto f = frequencies_for(method, in.model.config, o.numbers, length);
      const scores s = score(in, windows, rotated_by(f));
      const estimate e = mean_nats(s.nats, length - stride, stride, n_windows);
      t.add(method, length, e.mean, e.error, std::exp(e.mean));
    }
  return t;
}

/// The loss by position within texts of one length, and its difference from the loss of the same
/// bytes within the context.
inline table by_position(const evaluation_input& in, named_values& arguments) {
  const auto length = arguments.take_or<Index>("length", 4 * in.context());
  const auto bucket = arguments.take_or<Index>("bucket", in.context() / 4);
  const common_options o(arguments, in.context());
  arguments.require_empty();
  if (bucket < 1 || length % bucket != 0)
    complain("bucket must divide length");
  const auto passages = choose_passages(in, o.n_passages, length);
  const matrix<float> within = nats_within_context(in, passages);
  table t{{"method", "first", "end", "nats_per_byte", "error95", "excess", "excess_error95"}, {}};
  for (const std::string& method : o.methods) {
    const auto f = frequencies_for(method, in.model.config, o.numbers, length);
    const scores s = score(in, passages, rotated_by(f));
    const matrix<float> excess = s.nats - within;
    for (Index first = 0; first < length; first += bucket) {
      const estimate e = mean_nats(s.nats, first, bucket), x = mean_nats(excess, first, bucket);
      t.add(method, first, first + bucket, e.mean, e.error, x.mean, x.error);
    }
  }
  return t;
}

} // namespace evaluation

#endif

// SPDX-License-Identifier: MIT
// The loss of a model, byte by byte, on passages of text, and statistics of it. All evaluations
// except dynamic_cache (cached_keys.hpp) are built on `score`.
#ifndef YARN_EXAMPLES_EVALUATION_MEASURE_HPP
#define YARN_EXAMPLES_EVALUATION_MEASURE_HPP

#include "decoder.hpp"
#include "methods.hpp"
#include "parallel.hpp"
#include "texts.hpp"

#include <memory>

namespace evaluation {

/// What each command needs.
struct evaluation_input {
  evaluation::model<float> model;
  std::string corpus; ///< the folder that make_corpus made
  texts held_out;     ///< text on which the model was not trained
  std::size_t n_threads = 2;
  std::uint64_t seed = 1;

  Index context() const { return model.config.context; }
};

/// The results of n bytes that follow each passage's first byte.
struct scores {
  matrix<float> nats;           ///< [passage][byte]: -ln of the probability of the byte
  matrix<std::uint8_t> is_best; ///< [passage][byte]: whether the byte was the most probable one
};

/// How a decoder is set up before it runs over a passage: its rotation, and an observer. `thread`
/// says whose observer it is.
using set_up = std::function<void(decoder<float>&, std::size_t thread)>;

inline set_up rotated_by(const yarn::frequencies& f) {
  return [f](decoder<float>& run, std::size_t) { run.rotate_by(f); };
}

/// Runs the model over each passage. All passages have the same length, n + 1 bytes.
inline scores score(const evaluation_input& in, const std::vector<bytes>& passages,
                    const set_up& prepare) {
  const Index n = static_cast<Index>(passages.at(0).size()) - 1;
  const auto n_passages = static_cast<Index>(passages.size());
  scores s{matrix<float>(n_passages, n), matrix<std::uint8_t>(n_passages, n)};
  std::vector<std::unique_ptr<decoder<float>>> runs(std::max<std::size_t>(1, in.n_threads));
  for_each_part(passages.size(), in.n_threads, [&](std::size_t i, std::size_t thread) {
    std::unique_ptr<decoder<float>>& run = runs[thread];
    if (!run) {
      run = std::make_unique<decoder<float>>(in.model.config, 1, n);
      prepare(*run, thread);
    }
    if (static_cast<Index>(passages[i].size()) != n + 1)
      complain("passages of different lengths");
    const auto* const tokens = reinterpret_cast<const std::uint8_t*>(passages[i].data());
    run->run(in.model, tokens, tokens + 1);
    const auto row = static_cast<Index>(i);
    s.nats.row(row) = run->nats().transpose();
    for (Index t = 0; t < n; ++t)
      s.is_best(row, t) = run->best()[static_cast<std::size_t>(t)] == tokens[t + 1] ? 1 : 0;
  });
  return s;
}

/// A mean over passages, and the half-width of its 95 % interval, from the differences between
/// passages (1.96 standard errors).
struct estimate {
  double mean = 0;
  double error = 0;
};
inline estimate estimate_of(const std::vector<double>& values) {
  estimate e;
  const auto n = static_cast<double>(values.size());
  for (const double value : values)
    e.mean += value / n;
  double square = 0;
  for (const double value : values)
    square += (value - e.mean) * (value - e.mean);
  if (values.size() > 1)
    e.error = 1.96 * std::sqrt(square / (n - 1) / n);
  return e;
}
/// Of the bytes [first, first + n) of all passages. group: rows that belong to one passage.
inline estimate mean_nats(const matrix<float>& nats, Index first, Index n, Index group = 1) {
  std::vector<double> of_passages;
  for (Index i = 0; i < nats.rows(); i += group)
    of_passages.push_back(nats.block(i, first, group, n).template cast<double>().mean());
  return estimate_of(of_passages);
}

/// Divides each passage of k * length + 1 bytes into k passages of length + 1 bytes, which have one
/// byte in common with the next. So the same bytes are scored at each length.
inline std::vector<bytes> divided(const std::vector<bytes>& passages, Index length) {
  const auto n = static_cast<std::size_t>(length);
  std::vector<bytes> parts;
  for (const bytes& passage : passages) {
    if ((passage.size() - 1) % n != 0)
      complain("the lengths must divide the largest length");
    for (std::size_t first = 0; first + 1 < passage.size(); first += n)
      parts.push_back(passage.substr(first, n + 1));
  }
  return parts;
}

/// The loss of each byte of the passages without scaling, within the context of the training: each
/// byte is predicted from at least context / 2 and at most `context` bytes before it, or from all,
/// if there are fewer. What a method loses beyond the context is its difference from this.
inline matrix<float> nats_within_context(const evaluation_input& in,
                                         const std::vector<bytes>& passages) {
  const Index window = in.context(), half = window / 2;
  const Index n = static_cast<Index>(passages.at(0).size()) - 1;
  if (n % half != 0 || n < window)
    complain("lengths must be multiples of half of the context, and at least the context");
  std::vector<bytes> windows;
  for (const bytes& passage : passages)
    for (Index first = 0; first + window <= n; first += half)
      windows.push_back(
          passage.substr(static_cast<std::size_t>(first), static_cast<std::size_t>(window) + 1));
  const auto f = yarn::make_frequencies(in.model.config.rope(), yarn::default_scaling{});
  const scores s = score(in, windows, rotated_by(f));
  const Index per_passage = (n - window) / half + 1;
  matrix<float> nats(static_cast<Index>(passages.size()), n);
  for (Index p = 0; p < nats.rows(); ++p)
    for (Index w = 0; w < per_passage; ++w) {
      const auto row = s.nats.row(p * per_passage + w);
      if (w == 0)
        nats.row(p).head(half) = row.head(half);
      nats.row(p).segment(w * half + half, half) = row.tail(half);
    }
  return nats;
}

/// The options that most commands have.
struct common_options {
  std::vector<std::string> methods = {
      "none", "pi", "ntk", "dynamic_ntk", "by_parts", "by_parts_index", "yarn", "dynamic_yarn"};
  std::vector<Index> lengths; ///< default: 1, 2, 4 and 8 times the context
  std::size_t n_passages = 16;
  method_numbers numbers;

  common_options(named_values& arguments, Index context) {
    numbers.factor = 0; // the smallest that reaches the length
    if (arguments.has("methods"))
      methods = list_from_text<std::string>("methods", arguments.require<std::string>("methods"));
    lengths = {context, 2 * context, 4 * context, 8 * context};
    if (arguments.has("lengths"))
      lengths = list_from_text<Index>("lengths", arguments.require<std::string>("lengths"));
    arguments.take("n_passages", n_passages);
    arguments.take("factor", numbers.factor);
    arguments.take("beta_slow", numbers.beta_slow);
    arguments.take("beta_fast", numbers.beta_fast);
    for (const Index length : lengths)
      if (length < 1)
        complain("lengths must be > 0");
    if (n_passages < 1)
      complain("n_passages must be > 0");
  }
  Index largest_length() const { return *std::max_element(lengths.begin(), lengths.end()); }
};

inline std::vector<bytes> choose_passages(const evaluation_input& in, std::size_t n, Index length) {
  return in.held_out.passages(n, static_cast<std::size_t>(length) + 1, in.seed);
}

} // namespace evaluation

#endif

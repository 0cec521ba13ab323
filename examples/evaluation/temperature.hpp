// SPDX-License-Identifier: MIT
// The temperature of attention: loss and entropy against the attention factor m, which multiplies
// logits by m^2. In the paper 1/t = m^2, and sqrt(1/t) = 0.1 ln s + 1.
#ifndef YARN_EXAMPLES_EVALUATION_TEMPERATURE_HPP
#define YARN_EXAMPLES_EVALUATION_TEMPERATURE_HPP

#include "measure.hpp"
#include "table.hpp"

namespace evaluation {

/// Sums the entropy of attention, by layer.
class entropy_meter {
public:
  entropy_meter(Index n_layers, Index first_query)
      : sums_(static_cast<std::size_t>(n_layers)), first_query_(first_query) {}

  observer<float> observe() {
    observer<float> o;
    o.on_shares = [this](Index layer, Index, Index query, const auto& shares) {
      if (query < first_query_)
        return;
      // A share of 0 adds 0; 1e-30 only keeps the logarithm finite.
      sums_[static_cast<std::size_t>(layer)] -=
          static_cast<double>((shares * (shares + 1e-30F).log()).sum());
      n_ += layer == 0 ? 1 : 0;
    };
    return o;
  }
  double sum(std::size_t layer) const { return sums_[layer]; }
  std::int64_t n_queries() const { return n_; } ///< per layer, over all heads

private:
  std::vector<double> sums_;
  Index first_query_;
  std::int64_t n_ = 0;
};

/// Loss, and entropy of attention in nats for each layer, at length = factor * context, for
/// attention factors from `first` to `last`. The entropy is that of queries beyond the context.
/// `is_paper` marks the row whose attention factor is nearest to that of the paper.
inline table temperature(const evaluation_input& in, named_values& arguments) {
  const auto method = arguments.take_or<std::string>("method", "yarn");
  const auto factors =
      list_from_text<double>("factors", arguments.take_or<std::string>("factors", "2,4,8"));
  const auto first = arguments.take_or("first", 0.9), last = arguments.take_or("last", 1.5),
             step = arguments.take_or("step", 0.05);
  const common_options o(arguments, in.context());
  arguments.require_empty();
  if (!(step > 0 && first > 0 && last >= first))
    complain("first, last and step must be > 0, and last >= first");
  const auto n_layers = static_cast<std::size_t>(in.model.config.n_layers);
  table t{{"factor", "attention_factor", "is_paper", "nats_per_byte", "error95", "entropy"}, {}};
  for (std::size_t l = 0; l < n_layers; ++l)
    t.columns.push_back("entropy_" + std::to_string(l));
  for (const double factor : factors) {
    const auto length = static_cast<Index>(std::lround(factor * static_cast<double>(in.context())));
    const auto passages = choose_passages(in, o.n_passages, length);
    const double of_paper = 0.1 * std::log(factor) + 1;
    for (int i = 0; first + i * step < last + step / 2; ++i) {
      const double m = first + i * step;
      method_numbers numbers = o.numbers;
      numbers.factor = factor;
      numbers.attention_factor = m;
      const auto f = frequencies_for(method, in.model.config, numbers, length);
      std::vector<entropy_meter> meters(
          std::max<std::size_t>(1, in.n_threads),
          entropy_meter(in.model.config.n_layers, std::min(in.context(), length - 1)));
      const scores s = score(in, passages, [&](decoder<float>& run, std::size_t thread) {
        run.rotate_by(f);
        run.observe(meters[thread].observe());
      });
      std::vector<cell> entropies;
      double mean = 0;
      for (std::size_t l = 0; l < n_layers; ++l) {
        double sum = 0;
        std::int64_t n = 0;
        for (const entropy_meter& meter : meters) {
          sum += meter.sum(l);
          n += meter.n_queries();
        }
        entropies.emplace_back(sum / static_cast<double>(n));
        mean += sum / static_cast<double>(n) / static_cast<double>(n_layers);
      }
      const estimate e = mean_nats(s.nats, 0, length);
      const bool is_paper = std::abs(m - of_paper) <= step / 2;
      std::vector<cell> row{factor, m, std::string(is_paper ? "yes" : "no"), e.mean, e.error, mean};
      row.insert(row.end(), entropies.begin(), entropies.end());
      t.rows.push_back(row);
    }
  }
  return t;
}

} // namespace evaluation

#endif

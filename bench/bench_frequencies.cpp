// SPDX-License-Identifier: MIT
// Measures make_frequencies for each scaling method, with 64 pairs. An engine calls this function
// once per model, or once per step for dynamic methods. The baseline computes the same 64 powers
// with libm in double.
#include "support.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace {

constexpr std::int64_t head_dim = 128;
constexpr std::int64_t n_pairs = head_dim / 2;
constexpr std::int64_t original_length = 4096;
constexpr std::int64_t seq_len = 100000;

template <class Method> void frequencies(benchmark::State& state, const Method& method) {
  const yarn::rope_shape shape = support::shape_of(head_dim);
  std::int64_t length = seq_len;
  for ([[maybe_unused]] auto iteration : state) {
    benchmark::DoNotOptimize(length);
    const yarn::frequencies freqs = yarn::make_frequencies(shape, method, length);
    benchmark::DoNotOptimize(freqs.inv_freq().data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * n_pairs);
}

void libm_pow(benchmark::State& state) {
  std::vector<double> inv_freq(n_pairs);
  double theta = 10000.0;
  for ([[maybe_unused]] auto iteration : state) {
    benchmark::DoNotOptimize(theta);
    for (std::int64_t i = 0; i < n_pairs; ++i)
      inv_freq[static_cast<std::size_t>(i)] =
          std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
    benchmark::DoNotOptimize(inv_freq.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * n_pairs);
}

void rerotation(benchmark::State& state) {
  yarn::yarn_scaling method;
  method.factor = 32.0;
  method.original_max_position_embeddings = original_length;
  const yarn::frequencies from =
      yarn::make_frequencies(support::shape_of(head_dim), yarn::default_scaling{});
  const yarn::frequencies to = yarn::make_frequencies(support::shape_of(head_dim), method);
  for ([[maybe_unused]] auto iteration : state) {
    const yarn::frequencies freqs = yarn::rerotation(from, to);
    benchmark::DoNotOptimize(freqs.inv_freq().data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * n_pairs);
}

template <class Method> void add(const std::string& name, const Method& method) {
  support::add("frequencies/" + name + "/64_pairs",
               [method](benchmark::State& state) { frequencies(state, method); });
}

template <class Method> Method with_factor(double factor) {
  Method method;
  method.factor = factor;
  return method;
}
template <class Method> Method with_length(Method method) {
  method.original_max_position_embeddings = original_length;
  return method;
}

const bool registered = [] {
  support::add("frequencies/baseline_libm_pow/64_pairs", libm_pow);
  add("default", yarn::default_scaling{});
  add("linear", with_factor<yarn::linear_scaling>(4));
  add("ntk", with_factor<yarn::ntk_scaling>(4));
  add("ntk_by_parts", with_length(with_factor<yarn::ntk_by_parts_scaling>(32)));
  add("part_ntk", with_length(with_factor<yarn::part_ntk_scaling>(32)));
  add("yarn", with_length(with_factor<yarn::yarn_scaling>(32)));
  auto paper = with_length(with_factor<yarn::yarn_scaling>(32));
  paper.ramp = yarn::yarn_ramp::rotations;
  add("yarn_paper_ramp", paper);
  add("llama3", with_length(with_factor<yarn::llama3_scaling>(8)));
  add("proportional", with_factor<yarn::proportional_scaling>(8));

  auto dynamic = with_factor<yarn::dynamic_ntk_scaling>(2);
  dynamic.max_position_embeddings = original_length;
  add("dynamic_ntk", dynamic);
  add("stepped_ntk", with_length(yarn::stepped_ntk_scaling{}));
  add("dynamic_part_ntk", with_length(yarn::dynamic_part_ntk_scaling{}));
  add("dynamic_yarn", with_length(yarn::dynamic_yarn_scaling{}));
  auto longrope = with_length(with_factor<yarn::longrope_scaling>(32));
  longrope.short_factor = std::vector<double>(n_pairs, 1.0);
  longrope.long_factor = std::vector<double>(n_pairs, 3.5);
  add("longrope", longrope);

  yarn::freq_factors_scaling<yarn::default_scaling> divided;
  divided.freq_factors = std::vector<double>(n_pairs, 3.5);
  add("freq_factors", divided);
  add("any_scaling", yarn::any_scaling(with_length(with_factor<yarn::yarn_scaling>(32))));
  support::add("frequencies/rerotation/64_pairs", rerotation);
  return true;
}();

} // namespace

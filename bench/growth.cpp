// SPDX-License-Identifier: MIT
// Measures how the time of rope_apply grows with the numbers of tokens and heads and with head_dim.
// The program prints a table, which growth.gnuplot plots.
#include "support.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <type_traits>
#include <vector>

namespace {

/// The shape of q and k. If n_kv_heads is 0, only q is rotated.
struct shape {
  std::int64_t n_tokens = 64;
  std::int64_t n_q_heads = 32;
  std::int64_t n_kv_heads = 0;
  std::int64_t head_dim = 128;

  std::int64_t heads() const { return n_q_heads + n_kv_heads; }
  std::size_t elements() const { return static_cast<std::size_t>(n_tokens * heads() * head_dim); }
};

/// One panel of the plot. Only one number grows.
struct sweep {
  const char* name;
  std::vector<shape> shapes;
};

std::vector<sweep> all_sweeps() {
  constexpr std::size_t most_elements =
      750'000'000; // 3 GB, also for 16-bit tensors with the memory of their baseline
  sweep tokens{"tokens", {}}, heads{"heads", {}}, head_dims{"head_dim", {}};
  shape s;
  s.n_kv_heads = 8;
  for (s.n_tokens = 1; s.n_tokens <= 131072 && s.elements() <= most_elements; s.n_tokens *= 2)
    tokens.shapes.push_back(s);
  s = {};
  for (s.n_q_heads = 1; s.n_q_heads <= 128; s.n_q_heads *= 2)
    heads.shapes.push_back(s);
  s = {};
  for (const std::int64_t head_dim :
       {16, 32, 40, 48, 64, 72, 80, 96, 112, 128, 160, 192, 256, 320, 384, 512}) {
    s.head_dim = head_dim;
    head_dims.shapes.push_back(s);
  }
  return {tokens, heads, head_dims};
}

struct figures {
  double seconds;        ///< of one call, median
  double ratio_to_scale; ///< seconds of the faster baseline / seconds, median over the rounds
};

/// Measures like support::compare, but with fewer rounds for large tensors, so that the program
/// takes about a minute.
template <class Work, class Scale, class ScalePrefetching>
figures measure(const Work& work, const Scale& scale, const ScalePrefetching& scale_prefetching) {
  constexpr std::size_t fewest_rounds = 5, most_rounds = 31;
  constexpr double round_seconds = 5e-4, all_seconds = 0.25;
  const auto repetitions = [](const auto& f) { return support::repetitions_for(f, round_seconds); };
  const std::int64_t of_work = repetitions(work), of_scale = repetitions(scale),
                     of_prefetching = repetitions(scale_prefetching);
  std::vector<double> times, ratios;
  const double start = support::now();
  while (times.size() < fewest_rounds ||
         (times.size() < most_rounds && support::now() - start < all_seconds)) {
    times.push_back(support::seconds_per_call(work, of_work));
    const double baseline = std::min(support::seconds_per_call(scale, of_scale),
                                     support::seconds_per_call(scale_prefetching, of_prefetching));
    ratios.push_back(baseline / times.back());
  }
  return {support::median(times), support::median(ratios)};
}

/// The memory that is rotated, and the memory that the baselines multiply. For floats, both are the
/// same memory.
template <class T> class arena {
public:
  explicit arena(std::size_t n) : tensor_(n), scale_memory_(is_float ? 0 : n / 2) {
    benchmark::DoNotOptimize(factor_);
  }

  template <class Rows> figures rope(const shape& s, const Rows& rows) const {
    const yarn::heads_view<T> q(tensor_.data(), s.n_tokens, s.n_q_heads, s.head_dim);
    const yarn::heads_view<T> k(tensor_.data() + s.n_tokens * s.n_q_heads * s.head_dim, s.n_tokens,
                                s.n_kv_heads, s.head_dim);
    const std::size_t n = s.elements() * sizeof(T) / sizeof(float);
    const auto scale = [&] { support::scale(floats(), n, factor_); };
    const auto scale_prefetching = [&] { support::scale_prefetching(floats(), n, factor_); };
    constexpr yarn::pairing order = yarn::pairing::half_split;
    if (s.n_kv_heads == 0)
      return measure([&] { yarn::rope_apply(q, rows, order); }, scale, scale_prefetching);
    return measure([&] { yarn::rope_apply(q, k, rows, order); }, scale, scale_prefetching);
  }

private:
  static constexpr bool is_float = std::is_same_v<T, float>;

  float* floats() const {
    if constexpr (is_float)
      return tensor_.data();
    else
      return scale_memory_.data();
  }

  support::warm_array<T> tensor_;
  support::warm_array<float> scale_memory_;
  float factor_ = -1;
};

template <class T> void print(const shape& s, const char* source, const figures& f) {
  const double heads = static_cast<double>(s.n_tokens * s.heads());
  const double bytes = 2.0 * static_cast<double>(s.elements() * sizeof(T));
  std::printf("%8lld %5lld %8lld %5s %9s %11.3f %8.2f %14.3f\n", static_cast<long long>(s.n_tokens),
              static_cast<long long>(s.heads()), static_cast<long long>(s.head_dim),
              support::type_name<T>(), source, 1e9 * f.seconds / heads, 1e-9 * bytes / f.seconds,
              f.ratio_to_scale);
  std::fflush(stdout);
}

/// Prints each sweep with kept rows, then with rows made from a run of positions. Two empty lines
/// after each block separate the blocks for gnuplot.
template <class T> void run(const std::vector<sweep>& sweeps) {
  std::size_t n = 0;
  for (const sweep& panel : sweeps)
    for (const shape& s : panel.shapes)
      n = std::max(n, s.elements());
  const arena<T> memory(n);
  for (const sweep& panel : sweeps)
    for (const bool with_kept_rows : {true, false}) {
      const char* const source = with_kept_rows ? "kept_rows" : "run";
      std::printf("# %s, %s, %s\n", support::type_name<T>(), panel.name, source);
      for (const shape& s : panel.shapes) {
        const yarn::frequencies freqs = support::steady_frequencies(s.head_dim);
        const yarn::positions positions = yarn::positions_from(100000, s.n_tokens);
        if (with_kept_rows) {
          yarn::rotary_rows<float> rows;
          rows.assign(freqs, positions);
          print<T>(s, source, memory.rope(s, rows));
        } else {
          print<T>(s, source, memory.rope(s, yarn::rows_of(freqs, positions)));
        }
      }
      std::printf("\n\n");
    }
}

} // namespace

int main() try {
  std::printf("# rope_apply, half_split, %s\n", support::arch_name().c_str());
  std::printf("# tokens heads head_dim  type    source ns_per_head     GB/s ratio_to_scale\n");
  const std::vector<sweep> sweeps = all_sweeps();
  run<float>(sweeps);
  run<yarn::bfloat16>(sweeps);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "growth: %s\n", error.what());
  return 1;
}

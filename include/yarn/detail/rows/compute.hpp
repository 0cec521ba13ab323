// SPDX-License-Identifier: MIT
// Computes rows of any positions with the kernels of kernel.hpp. Every function that makes rows
// calls compute_rows. Nothing is checked here.
#ifndef YARN_DETAIL_ROWS_COMPUTE_HPP
#define YARN_DETAIL_ROWS_COMPUTE_HPP

#include "../../frequencies.hpp"
#include "../../views.hpp"
#include "kernel.hpp"

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// Tokens [begin, end) of a call.
struct token_range {
  std::int64_t begin;
  std::int64_t end;
};
// The tokens of one slice of a call with n tokens.
YARN_ALWAYS_INLINE token_range tokens_of(std::int64_t n, thread_slice part) {
  if (part.n_threads == 1) // A division takes longer than the rotation of a head.
    return {0, n};
  // n * index may overflow, so the quotient and the remainder of n are used.
  const std::int64_t each = n / part.n_threads, rest = n % part.n_threads;
  const auto start = [&](std::int64_t i) { return i * each + (i < rest ? i : rest); };
  return {start(part.thread), start(part.thread + 1)};
}

// Writes pairs [pair, pair + n_pairs) of one row. T is float or double.
template <class T, class Arch = default_arch>
void compute_row(const frequencies& f, std::int64_t pair, std::int64_t n_pairs,
                 std::int64_t position, T* cos, T* sin) {
  const double m = f.attention_factor();
  if (f.is_float32_pipeline()) {
    constexpr std::int64_t section = 64;
    std::uint64_t phases[section];
    for (std::int64_t begin = 0; begin < n_pairs; begin += section) {
      const std::int64_t n = n_pairs - begin < section ? n_pairs - begin : section;
      for (std::int64_t i = 0; i < n; ++i) {
        // Both operands and the product are rounded to float, as in the frameworks.
        const float angle =
            static_cast<float>(position) * static_cast<float>(f.inv_freq()[pair + begin + i]);
        phases[i] = phase_of(static_cast<double>(angle));
      }
      fill_entries<Arch>(phases, n, 1, m, cos + begin, sin + begin);
    }
    return;
  }
  const std::uint64_t* const phase_steps = f.phase_steps().data() + pair;
  fill_entries<Arch>(phase_steps, n_pairs, static_cast<std::uint64_t>(position), m, cos, sin);
}

// Writes pairs [pair, pair + n_pairs) of the rows of `tokens`. The rows are `stride` elements
// apart.
template <class T, class Arch = default_arch>
void compute_rows(const frequencies& f, std::int64_t pair, std::int64_t n_pairs,
                  const positions& list, token_range tokens, T* cos, T* sin, std::int64_t stride) {
  // For shorter runs of positions, starting a recurrence costs more than the recurrence saves.
  constexpr std::int64_t shortest_recurrence = 8;
  std::int64_t t = tokens.begin;
  while (t < tokens.end) {
    const std::int64_t first = list[t];
    std::int64_t n = 1;
    if (std::is_same_v<T, float> && !f.is_float32_pipeline()) {
      if (list.is_run())
        n = tokens.end - t;
      else
        while (t + n < tokens.end && list[t + n] == first + n)
          ++n;
    }
    if constexpr (std::is_same_v<T, float>) {
      if (n >= shortest_recurrence) {
        const std::uint64_t* const phase_steps = f.phase_steps().data() + pair;
        const auto position = static_cast<std::uint64_t>(first);
        const double m = f.attention_factor();
        if (should_stream<Arch>(n_pairs, n, cos, sin, stride)) {
          fill_run<Arch, true>(phase_steps, n_pairs, position, n, m, cos, sin, stride);
          finish_streaming();
        } else {
          fill_run<Arch>(phase_steps, n_pairs, position, n, m, cos, sin, stride);
        }
        cos += n * stride;
        sin += n * stride;
        t += n;
        continue;
      }
    }
    for (std::int64_t i = 0; i < n; ++i) {
      compute_row<T, Arch>(f, pair, n_pairs, first + i, cos, sin);
      cos += stride;
      sin += stride;
    }
    t += n;
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// Computes rows of any positions with the kernels of kernel.hpp. Every function that makes rows
// calls compute_rows. Nothing is checked here. An amplitude is the factor on cos and sin of a row.
#ifndef YARN_DETAIL_ROWS_COMPUTE_HPP
#define YARN_DETAIL_ROWS_COMPUTE_HPP

#include "../../frequencies.hpp"
#include "../../views.hpp"
#include "amplitude.hpp"
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

// The float32 angle of the common frameworks, as a phase. Both operands are rounded to float, and
// so is the product.
inline std::uint64_t float32_phase(double inv_freq, std::int64_t position) {
  const float angle = static_cast<float>(position) * static_cast<float>(inv_freq);
  return phase_of(static_cast<double>(angle));
}

// Calls f(first pair, number of pairs) for blocks of at most pairs_at_once pairs.
template <class F> YARN_ALWAYS_INLINE void for_each_block(std::int64_t n_pairs, const F& f) {
  for (std::int64_t begin = 0; begin < n_pairs; begin += pairs_at_once)
    f(begin, n_pairs - begin < pairs_at_once ? n_pairs - begin : pairs_at_once);
}

// Pairs [pair, pair + n_pairs) of one row. position_of(pair) is the token's position on the axis of
// this pair. T is float or double.
template <class T, class Arch, class PositionOf>
void compute_row_by_pair(const frequencies& f, std::int64_t pair, std::int64_t n_pairs,
                         const PositionOf& position_of, double amplitude, T* cos, T* sin) {
  for_each_block(n_pairs, [&](std::int64_t begin, std::int64_t n) {
    const std::int64_t first = pair + begin;
    std::uint64_t phases[pairs_at_once];
    if (f.is_float32_pipeline())
      for (std::int64_t i = 0; i < n; ++i)
        phases[i] = float32_phase(f.inv_freq()[first + i], position_of(first + i));
    else
      for (std::int64_t i = 0; i < n; ++i)
        phases[i] = f.phase_steps()[first + i] * static_cast<std::uint64_t>(position_of(first + i));
    fill_entries<Arch>(phases, n, 1, amplitude, cos + begin, sin + begin);
  });
}

// The same for a token with one position.
template <class T, class Arch = default_arch>
void compute_row(const frequencies& f, std::int64_t pair, std::int64_t n_pairs,
                 std::int64_t position, double amplitude, T* cos, T* sin) {
  if (f.is_float32_pipeline())
    compute_row_by_pair<T, Arch>(
        f, pair, n_pairs, [position](std::int64_t) { return position; }, amplitude, cos, sin);
  else
    fill_entries<Arch>(f.phase_steps().data() + pair, n_pairs, static_cast<std::uint64_t>(position),
                       amplitude, cos, sin);
}

// For fewer rows than this, a recurrence saves nothing: its start costs as much as a few rows.
inline constexpr std::int64_t shortest_recurrence = 8;

// n rows of consecutive positions with one amplitude, by recurrence.
template <class Arch, bool Streams>
void compute_run(const frequencies& f, std::int64_t pair, std::int64_t n_pairs, std::int64_t first,
                 std::int64_t n, double amplitude, float* cos, float* sin, std::int64_t stride) {
  double bound[pairs_at_once];
  for (double& each : bound)
    each = recurrence_bound(amplitude, (n < run_length ? n : run_length) - 1);
  for (std::int64_t row = 0; row < n; row += run_length) {
    const std::int64_t rows = n - row < run_length ? n - row : run_length;
    for_each_block(n_pairs, [&](std::int64_t begin, std::int64_t pairs) {
      const std::uint64_t* const phase_steps = f.phase_steps().data() + pair + begin;
      const std::int64_t offset = row * stride + begin;
      fill_grid<Arch, Streams>({phase_steps, static_cast<std::uint64_t>(first + row), phase_steps,
                                nullptr, bound, 1, rows},
                               pairs, amplitude, cos + offset, sin + offset, stride);
    });
  }
}

// n <= run_length rows of consecutive positions with different amplitudes, by recurrence.
template <class Arch, bool Streams, class Amplitude>
void compute_varying_run(const frequencies& f, std::int64_t pair, std::int64_t n_pairs,
                         std::int64_t first, std::int64_t n, const Amplitude& amplitude, float* cos,
                         float* sin, std::int64_t stride) {
  varying_rows rows;
  near_amplitudes(amplitude, first, n, rows.amplitude);
  for (std::int64_t row = 0; row < n; ++row) {
    rows.bound[row] = recurrence_bound(rows.amplitude[row], row);
    rows.minus_bound[row] = -rows.bound[row];
  }
  for_each_block(n_pairs, [&](std::int64_t begin, std::int64_t pairs) {
    for (bool& each : rows.is_undecided)
      each = false;
    fill_varying_run<Arch, Streams>(f.phase_steps().data() + pair + begin,
                                    static_cast<std::uint64_t>(first), pairs, n, rows, cos + begin,
                                    sin + begin, stride);
    for (std::int64_t row = 0; row < n; ++row)
      if (rows.is_undecided[row])
        compute_row<float, Arch>(f, pair + begin, pairs, first + row, amplitude(first + row),
                                 cos + row * stride + begin, sin + row * stride + begin);
  });
}

// n rows of consecutive positions. A plateau is a range of positions with equal amplitudes.
template <class Arch, bool Streams, class Amplitude>
void compute_run_with_amplitudes(const frequencies& f, std::int64_t pair, std::int64_t n_pairs,
                                 std::int64_t first, std::int64_t n, const Amplitude& amplitude,
                                 float* cos, float* sin, std::int64_t stride) {
  const auto plateau_at = [&](std::int64_t row) { // its length, <= n - row
    const std::int64_t size = amplitude.next_change(first + row) - (first + row);
    return size < n - row ? size : n - row;
  };
  for (std::int64_t row = 0, size = 0; row < n; row += size) {
    float *const c = cos + row * stride, *const s = sin + row * stride;
    size = plateau_at(row);
    if (size >= shortest_recurrence) {
      compute_run<Arch, Streams>(f, pair, n_pairs, first + row, size, amplitude(first + row), c, s,
                                 stride);
      continue;
    }
    // If the next plateau is short, too, one recurrence makes the rows of several plateaus. If the
    // next one is long, this plateau is most likely the end of a long one, and its few rows are
    // made one by one.
    if (n - row >= shortest_recurrence && plateau_at(row + size) < shortest_recurrence) {
      size = n - row < run_length ? n - row : run_length;
      compute_varying_run<Arch, Streams>(f, pair, n_pairs, first + row, size, amplitude, c, s,
                                         stride);
      continue;
    }
    for (std::int64_t i = 0; i < size; ++i)
      compute_row<float, Arch>(f, pair, n_pairs, first + row + i, amplitude(first + row + i),
                               c + i * stride, s + i * stride);
  }
}
template <class Arch, bool Streams>
YARN_ALWAYS_INLINE void
compute_run_with_amplitudes(const frequencies& f, std::int64_t pair, std::int64_t n_pairs,
                            std::int64_t first, std::int64_t n, const constant_amplitude& amplitude,
                            float* cos, float* sin, std::int64_t stride) {
  compute_run<Arch, Streams>(f, pair, n_pairs, first, n, amplitude.value, cos, sin, stride);
}

// Writes pairs [pair, pair + n_pairs) of the rows of `tokens`. The rows are `stride` elements
// apart.
template <class T, class Arch = default_arch, class Amplitude>
void compute_rows(const frequencies& f, std::int64_t pair, std::int64_t n_pairs,
                  const positions& list, const Amplitude& amplitude, token_range tokens, T* cos,
                  T* sin, std::int64_t stride) {
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
        if (should_stream<Arch>(n_pairs, n, cos, sin, stride)) {
          compute_run_with_amplitudes<Arch, true>(f, pair, n_pairs, first, n, amplitude, cos, sin,
                                                  stride);
          finish_streaming();
        } else {
          compute_run_with_amplitudes<Arch, false>(f, pair, n_pairs, first, n, amplitude, cos, sin,
                                                   stride);
        }
        cos += n * stride;
        sin += n * stride;
        t += n;
        continue;
      }
    }
    for (std::int64_t i = 0; i < n; ++i) {
      compute_row<T, Arch>(f, pair, n_pairs, first + i, amplitude(first + i), cos, sin);
      cos += stride;
      sin += stride;
    }
    t += n;
  }
}

// ---- Positions with several axes ---------------------------------------------------------------

// n_lines lines of line_length tokens. Within a line, the positions grow by the same increment from
// token to token; from line to line, they jump by the same amount. An image is a grid (in a line
// only the width grows). A text is one line (all axes grow by 1), padding too (no axis grows).
struct axis_grid {
  std::int64_t n_lines;
  std::int64_t line_length;
  std::uint64_t first[largest_n_axes];
  std::uint64_t increment[largest_n_axes];
  std::uint64_t jump[largest_n_axes];

  std::int64_t n_tokens() const { return n_lines * line_length; }
};

// The grid that begins at tokens.begin. n_lines + line_length is at most run_length + 1.
inline axis_grid next_axis_grid(const axis_positions& list, std::int64_t n_axes,
                                token_range tokens) {
  const std::int64_t rest = tokens.end - tokens.begin;
  const auto at = [&](std::int64_t i, std::int64_t axis) {
    return static_cast<std::uint64_t>(list(tokens.begin + i, axis));
  };
  axis_grid grid{1, rest < run_length ? rest : run_length, {}, {}, {}};
  for (std::int64_t axis = 0; axis < n_axes; ++axis) {
    const std::uint64_t first = at(0, axis), increment = rest > 1 ? at(1, axis) - first : 0;
    std::int64_t n = 1;
    while (n < grid.line_length && at(n, axis) == first + static_cast<std::uint64_t>(n) * increment)
      ++n;
    grid.line_length = n;
    grid.first[axis] = first;
    grid.increment[axis] = increment;
  }
  const std::int64_t n = grid.line_length;
  const std::int64_t fitting = rest / n, recurring = run_length + 1 - n;
  std::int64_t n_lines = fitting < recurring ? fitting : recurring;
  for (std::int64_t axis = 0; axis < n_axes && n_lines > 1; ++axis) {
    const std::uint64_t jump = at(n, axis) - grid.first[axis];
    const auto is_line = [&](std::int64_t l) {
      const std::uint64_t first = grid.first[axis] + static_cast<std::uint64_t>(l) * jump;
      for (std::int64_t i = 0; i < n; ++i)
        if (at(l * n + i, axis) != first + static_cast<std::uint64_t>(i) * grid.increment[axis])
          return false;
      return true;
    };
    std::int64_t l = 1;
    while (l < n_lines && is_line(l))
      ++l;
    n_lines = l;
    grid.jump[axis] = jump;
  }
  grid.n_lines = n_lines;
  return grid;
}

// The rows of a grid, by recurrence.
template <class Arch>
void compute_axis_grid(const frequencies& f, std::int64_t pair, std::int64_t n_pairs,
                       const axis_grid& grid, float* cos, float* sin, std::int64_t stride) {
  for_each_block(n_pairs, [&](std::int64_t begin, std::int64_t pairs) {
    std::uint64_t start[pairs_at_once], increment[pairs_at_once], jump[pairs_at_once];
    double bound[pairs_at_once];
    for (std::int64_t i = 0; i < pairs; ++i) {
      const std::uint64_t phase_step = f.phase_steps()[pair + begin + i];
      const std::int64_t axis = f.axis(pair + begin + i);
      start[i] = phase_step * grid.first[axis];
      increment[i] = phase_step * grid.increment[axis];
      jump[i] = phase_step * grid.jump[axis];
      bound[i] =
          recurrence_bound(f.attention_factor(), (increment[i] == 0 ? 0 : grid.line_length - 1) +
                                                     (jump[i] == 0 ? 0 : grid.n_lines - 1));
    }
    fill_grid<Arch>({start, 1, increment, jump, bound, grid.n_lines, grid.line_length}, pairs,
                    f.attention_factor(), cos + begin, sin + begin, stride);
  });
}

// The same for positions with several axes.
template <class T, class Arch = default_arch>
void compute_rows(const frequencies& f, std::int64_t pair, std::int64_t n_pairs,
                  const axis_positions& list, constant_amplitude amplitude, token_range tokens,
                  T* cos, T* sin, std::int64_t stride) {
  std::int64_t t = tokens.begin;
  while (t < tokens.end) {
    std::int64_t n = 1;
    if constexpr (std::is_same_v<T, float>) {
      if (!f.is_float32_pipeline()) {
        const axis_grid grid = next_axis_grid(list, f.n_axes(), {t, tokens.end});
        n = grid.n_tokens();
        if (n >= shortest_recurrence) {
          compute_axis_grid<Arch>(f, pair, n_pairs, grid, cos, sin, stride);
          cos += n * stride;
          sin += n * stride;
          t += n;
          continue;
        }
        if (n > 1) // The last token of this grid may be the first token of the next grid.
          --n;
      }
    }
    for (std::int64_t i = 0; i < n; ++i) {
      compute_row_by_pair<T, Arch>(
          f, pair, n_pairs, [&](std::int64_t p) { return list(t + i, f.axis(p)); }, amplitude.value,
          cos, sin);
      cos += stride;
      sin += stride;
    }
    t += n;
  }
}

// Rows without a temperature.
template <class T, class Arch = default_arch, class Positions>
void compute_rows(const frequencies& f, std::int64_t pair, std::int64_t n_pairs,
                  const Positions& list, token_range tokens, T* cos, T* sin, std::int64_t stride) {
  compute_rows<T, Arch>(f, pair, n_pairs, list, constant_amplitude{f.attention_factor()}, tokens,
                        cos, sin, stride);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

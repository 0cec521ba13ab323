// SPDX-License-Identifier: MIT
// cos and sin of position * frequency, times the attention factor m, for packs of pairs. Three
// algorithms give the same float: a recurrence over consecutive positions, a polynomial of the
// phase, and 128-bit integers (exact_point), in the order of their speed.
//
// A float entry is m * cos(phase / 2^64 turns), correctly rounded. The two fast algorithms compute
// a double v and a bound on its error, and round v - bound and v + bound to float. If both give the
// same float, the exact value also rounds to this float, because rounding is monotone. If they
// differ, the next slower algorithm computes the entry again. exact_point is the last one; its
// relative error is 2^-120. So an entry depends neither on the algorithm nor on the processor.
// (Correct rounding assumes that no exact value is within 2^-120 of a rounding boundary, unless it
// lies on the boundary. tests/rows/test_row_kernel.cpp tests values within 2^-66.)
//
// Error bounds, with e = 2^-53, if every operation rounds (fused multiply-adds round less often):
// * Polynomial, relative error. Sine: conversion of the phase 1e, square 0.1e, sum 0.9e, polynomial
//   with its rounded coefficients 0.5e, product with the argument 1e; in total 3.5e. Cosine,
//   without the last product: 0.8e + 0.4e + 1.7e + 0.3e = 3.2e. The product with m adds 1e. The
//   product with 1 - 8e or 1 + 8e rounds by 1e. 8e >= 4.5e + 1e, so the bound of 8e is safe.
// * Recurrence z <- z * w of complex numbers. The error is the length of the complex error, in
//   units of m * e. z starts with an error of 4 + sqrt2. A multiplication adds 4 for the error of w
//   (from the polynomial) and 3 * sqrt2 for the three roundings of each component, and it
//   multiplies the error by less than 1 + 2^-48. After n <= 95 multiplications the error is less
//   than 5.5 + 8.3 n. The roundings of v - bound and v + bound add 1. 16 + 10.5 n >= 6.5 + 8.3 n,
//   so the bound of recurrence_bound is safe. A multiplication by w = (1, 0) is exact, so pairs
//   that do not move have n = 0. (The entry of such a pair may be the same in all rows of an image.
//   With a larger bound, each row would be recomputed if this entry is near a rounding boundary.)
// * Recurrence with an amplitude for each row: z starts with an error of 4, and is multiplied by an
//   amplitude that may be wrong by 8e (near_amplitudes). The product adds 1, the roundings of
//   product - bound and product + bound another 1. 16 + 10.5 n >= 14 + 8.3 n, so the bound of
//   recurrence_bound is safe.
// tests/rows/test_row_kernel.cpp measures at most 2.2e for the polynomial, and 83 m * e for the
// recurrence. The margin covers what -ffast-math may change.
#ifndef YARN_DETAIL_ROWS_KERNEL_HPP
#define YARN_DETAIL_ROWS_KERNEL_HPP

#include "../arithmetic/phase.hpp"
#include "../simd/pack.hpp"

#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// The number of packs that are computed together. With one pack, each multiply-add would wait for
/// the result of the previous one.
inline constexpr std::size_t packs_at_once = 4;
using four_packs = std::make_index_sequence<packs_at_once>;
using one_pack = std::make_index_sequence<1>;

/// The number of rows after which a recurrence restarts. The error bound above is for this length.
inline constexpr std::int64_t run_length = 96;

template <class Pack> struct circle_pack {
  Pack cos;
  Pack sin;
};

/// cos and sin of the phases phases[lane] * multiplier, as doubles. Relative error < 4e, see above.
template <class Pack>
YARN_ALWAYS_INLINE circle_pack<Pack> polynomial_point(const std::uint64_t* phases,
                                                      std::uint64_t multiplier) {
  const octant<Pack> o = load_octant(phases, multiplier, Pack{});
  const Pack& t = o.eighths;
  const Pack u = t * t;
  // sin(pi/4 t) / t and cos(pi/4 t) as polynomials in t^2 over [0, 1], interpolated at Chebyshev
  // nodes. With rounded coefficients their errors are below 2^-54 and 2^-55.
  Pack s(0x1.e4a9d9166f052p-38);
  s = multiply_add(s, u, Pack(-0x1.e3027dea82bd7p-30));
  s = multiply_add(s, u, Pack(0x1.50783208843ebp-22));
  s = multiply_add(s, u, Pack(-0x1.32d2cce500387p-15));
  s = multiply_add(s, u, Pack(0x1.466bc6775a476p-9));
  s = multiply_add(s, u, Pack(-0x1.4abbce625be52p-4));
  s = multiply_add(s, u, Pack(0x1.921fb54442d18p-1)) * t;
  Pack c(-0x1.b2f3eb054afcdp-42);
  c = multiply_add(c, u, Pack(0x1.f9ce245cada0bp-34));
  c = multiply_add(c, u, Pack(-0x1.a6d1eef479be1p-26));
  c = multiply_add(c, u, Pack(0x1.e1f5068688d5bp-19));
  c = multiply_add(c, u, Pack(-0x1.55d3c7e3cb241p-12));
  c = multiply_add(c, u, Pack(0x1.03c1f081b5ac0p-6));
  c = multiply_add(c, u, Pack(-0x1.3bd3cc9be45dep-2));
  c = multiply_add(c, u, Pack(1.0));
  const Pack exchange = bit_and(bit_xor(s, c), o.swap);
  return {bit_xor(bit_xor(c, exchange), o.cos_sign), bit_xor(bit_xor(s, exchange), o.sin_sign)};
}

/// The nearest float or double to `value` * amplitude.
template <class T> YARN_ALWAYS_INLINE T round_entry(real value, double amplitude) {
  const real entry = amplitude == 1.0 ? value : value * real(amplitude);
  if constexpr (std::is_same_v<T, double>)
    return static_cast<double>(entry);
  else // The double is exactly a float, normal or zero (see frequencies::attention_factor).
    return static_cast<float>(assemble_double(
        round_to_even(entry.mantissa(), entry.exponent(), 24, -149), entry.is_negative()));
}

/// n entries by 128-bit integers. T is float or double.
template <class T>
YARN_NOINLINE void exact_entries(const std::uint64_t* phases, std::uint64_t multiplier,
                                 std::size_t n, double amplitude, T* cos, T* sin) {
  for (std::size_t i = 0; i < n; ++i) {
    const circle_point point = exact_point(phases[i] * multiplier);
    cos[i] = round_entry<T>(point.cos, amplitude);
    sin[i] = round_entry<T>(point.sin, amplitude);
  }
}

/// The entries of sizeof...(I) packs, for arbitrary phases, by polynomials.
template <class Pack, std::size_t... I>
YARN_ALWAYS_INLINE void entries(const std::uint64_t* phases, std::uint64_t multiplier,
                                double amplitude, float* cos, float* sin,
                                std::index_sequence<I...>) {
  constexpr std::size_t size = Pack::size;
  const circle_pack<Pack> point[] = {polynomial_point<Pack>(phases + I * size, multiplier)...};
  const Pack m(amplitude), below(1.0 - 0x1p-50), above(1.0 + 0x1p-50);
  const Pack zero(0.0); // Its addition gives zeros the sign that exact_entries gives.
  const auto round = [&](const Pack& x, float* out) YARN_INLINE_LAMBDA {
    const Pack entry = m * x + zero;
    return round_both<false>(entry * below, entry * above, out);
  };
  const unsigned undecided =
      ((round(point[I].cos, cos + I * size) | round(point[I].sin, sin + I * size)) | ...);
  if (!YARN_LIKELY(undecided == 0))
    exact_entries(phases, multiplier, size * sizeof...(I), amplitude, cos, sin);
}

/// The product of two complex numbers.
template <class Pack>
YARN_ALWAYS_INLINE circle_pack<Pack> multiply(const circle_pack<Pack>& z,
                                              const circle_pack<Pack>& w) {
  return {negated_multiply_add(z.sin, w.sin, z.cos * w.cos),
          multiply_add(z.sin, w.cos, z.cos * w.sin)};
}

/// The entries of the n phases phases[i] * multiplier.
template <class Arch>
void fill_entries(const std::uint64_t* phases, std::int64_t n, std::uint64_t multiplier,
                  double amplitude, float* cos, float* sin) {
  using wide = pack<double, Arch>;
  constexpr auto width = static_cast<std::int64_t>(wide::size);
  constexpr auto four = static_cast<std::int64_t>(packs_at_once) * width;
  std::int64_t i = 0;
  for (; i + four <= n; i += four)
    entries<wide>(phases + i, multiplier, amplitude, cos + i, sin + i, four_packs{});
  for (; i + width <= n; i += width)
    entries<wide>(phases + i, multiplier, amplitude, cos + i, sin + i, one_pack{});
  for (; i < n; ++i)
    entries<scalar_pack<double>>(phases + i, multiplier, amplitude, cos + i, sin + i, one_pack{});
}

/// Double entries always come from 128-bit integers, because processors have no type wider than
/// double in which a faster algorithm could bound its error.
template <class Arch>
void fill_entries(const std::uint64_t* phases, std::int64_t n, std::uint64_t multiplier,
                  double amplitude, double* cos, double* sin) {
  exact_entries(phases, multiplier, static_cast<std::size_t>(n), amplitude, cos, sin);
}

/// Whether the stores of n rows should bypass the caches: the rows are larger than the caches, and
/// consist of whole cache lines.
template <class Arch>
bool should_stream(std::int64_t n_pairs, std::int64_t n, const float* cos, const float* sin,
                   std::int64_t stride) {
  constexpr std::int64_t many = std::int64_t{1} << 21; // pairs; cos and sin take 16 MB
  constexpr std::int64_t line = 16;
  constexpr auto group = static_cast<std::int64_t>(packs_at_once * pack<double, Arch>::size);
  const auto is_aligned = [](const float* p) {
    return reinterpret_cast<std::uintptr_t>(p) % (line * sizeof(float)) == 0;
  };
  return can_stream_v<Arch> && n >= many / n_pairs && n_pairs % group == 0 && stride % line == 0 &&
         is_aligned(cos) && is_aligned(sin);
}

/// The bound on the error of entries after n_products multiplications of the recurrence (see the
/// head of this file).
YARN_ALWAYS_INLINE double recurrence_bound(double amplitude, std::int64_t n_products) {
  return amplitude * 0x1p-53 * (16.0 + 10.5 * static_cast<double>(n_products));
}

/// The largest number of pairs in a point_block.
inline constexpr std::int64_t pairs_at_once = 64;

/// Points on the circle, one per pair.
struct point_block {
  alignas(64) double cos[pairs_at_once];
  alignas(64) double sin[pairs_at_once];

  template <class Pack> YARN_ALWAYS_INLINE circle_pack<Pack> load(std::size_t pair) const {
    return {Pack::load_unaligned(cos + pair), Pack::load_unaligned(sin + pair)};
  }
  template <class Pack>
  YARN_ALWAYS_INLINE void store(std::size_t pair, const circle_pack<Pack>& point) {
    point.cos.store_unaligned(cos + pair);
    point.sin.store_unaligned(sin + pair);
  }
};

/// Calls f(Pack(), pair) for each pack of n pairs: vectors, then scalars.
template <class Arch, class F>
YARN_ALWAYS_INLINE void for_each_double_pack(std::size_t n, const F& f) {
  using wide = pack<double, Arch>;
  std::size_t i = 0;
  for (; i + wide::size <= n; i += wide::size)
    f(wide(0.0), i);
  for (; i < n; ++i)
    f(scalar_pack<double>(0.0), i);
}

/// Stores amplitude times the points of sizeof...(I) packs of phases, phases[i] * multiplier.
template <class Pack, std::size_t... I>
YARN_ALWAYS_INLINE void store_points(const std::uint64_t* phases, std::uint64_t multiplier,
                                     double amplitude, std::size_t pair, point_block& points,
                                     std::index_sequence<I...>) {
  constexpr std::size_t size = Pack::size;
  const Pack m(amplitude);
  const circle_pack<Pack> point[] = {
      polynomial_point<Pack>(phases + pair + I * size, multiplier)...};
  (points.store<Pack>(pair + I * size, {m * point[I].cos, m * point[I].sin}), ...);
}

/// A grid of rows: n_lines lines of line_length rows. Row r of line l has the phase
/// start[pair] * multiplier + r * increment[pair] + l * jump[pair]. A grid of one line may have a
/// null `jump`. bound[pair] is the recurrence_bound of the pair.
struct phase_grid {
  const std::uint64_t* start;
  std::uint64_t multiplier;
  const std::uint64_t* increment;
  const std::uint64_t* jump;
  const double* bound;
  std::int64_t n_lines;
  std::int64_t line_length;
};

/// The entries of sizeof...(I) packs in one line, by recurrence. `point` has m times the points of
/// the first row, and `increment` the points of the phases that each row adds. Marks the rows in
/// which the two roundings differ. The caller recomputes these rows after the loop, because a
/// function call in the loop would spill the registers.
template <bool Streams, class Pack, std::size_t... I>
YARN_ALWAYS_INLINE void line_of_entries(const point_block& point, const point_block& increment,
                                        const double* bound, std::size_t pair, std::int64_t n_rows,
                                        float* cos, float* sin, std::int64_t stride,
                                        bool* is_undecided, std::index_sequence<I...>) {
  constexpr std::size_t size = Pack::size;
  const Pack b[] = {Pack::load_unaligned(bound + pair + I * size)...};
  circle_pack<Pack> at[] = {point.load<Pack>(pair + I * size)...};
  const circle_pack<Pack> w[] = {increment.load<Pack>(pair + I * size)...};
  for (std::int64_t row = 0; row < n_rows; ++row) {
    float* const c = cos + row * stride + pair;
    float* const s = sin + row * stride + pair;
    const unsigned undecided =
        ((round_both<Streams>(at[I].cos - b[I], at[I].cos + b[I], c + I * size) |
          round_both<Streams>(at[I].sin - b[I], at[I].sin + b[I], s + I * size)) |
         ...);
    is_undecided[row] |= undecided != 0;
    YARN_KEEP_ONE_LOOP();
    ((at[I] = multiply(at[I], w[I])), ...);
  }
}

/// The rows of a grid, for n_pairs <= pairs_at_once and n_lines + line_length <= run_length + 1. If
/// Streams, the stores bypass the caches: should_stream must have returned true, and the caller
/// calls finish_streaming() afterwards.
template <class Arch, bool Streams = false>
void fill_grid(const phase_grid& phases, std::int64_t n_pairs, double amplitude, float* cos,
               float* sin, std::int64_t stride) {
  using wide = pack<double, Arch>;
  constexpr std::size_t width = wide::size;
  const auto n = static_cast<std::size_t>(n_pairs);
  point_block line, increment, jump;
  for (std::int64_t l = 0; l < phases.n_lines; ++l) {
    bool is_undecided[run_length] = {};
    // The points are computed right before the first line that needs them, so that the processor
    // computes the next points while it still rounds the rows of this line.
    const auto add_packs = [&](auto zero, auto packs, std::size_t pair) YARN_INLINE_LAMBDA {
      using pack_type = decltype(zero);
      if (l == 0) {
        store_points<pack_type>(phases.start, phases.multiplier, amplitude, pair, line, packs);
        store_points<pack_type>(phases.increment, 1, 1.0, pair, increment, packs);
        if (phases.n_lines > 1)
          store_points<pack_type>(phases.jump, 1, 1.0, pair, jump, packs);
      }
      line_of_entries<Streams, pack_type>(line, increment, phases.bound, pair, phases.line_length,
                                          cos, sin, stride, is_undecided, packs);
    };
    std::size_t i = 0;
    for (; i + packs_at_once * width <= n; i += packs_at_once * width)
      add_packs(wide(0.0), four_packs{}, i);
    if constexpr (!Streams) {
      for (; i + width <= n; i += width)
        add_packs(wide(0.0), one_pack{}, i);
      for (; i < n; ++i)
        add_packs(scalar_pack<double>(0.0), one_pack{}, i);
    }
    for (std::int64_t row = 0; row < phases.line_length; ++row)
      if (is_undecided[row]) {
        std::uint64_t at_row[pairs_at_once];
        for (std::size_t pair = 0; pair < n; ++pair)
          at_row[pair] = phases.start[pair] * phases.multiplier +
                         static_cast<std::uint64_t>(row) * phases.increment[pair] +
                         (l == 0 ? 0 : static_cast<std::uint64_t>(l) * phases.jump[pair]);
        fill_entries<Arch>(at_row, n_pairs, 1, amplitude, cos + row * stride, sin + row * stride);
      }
    cos += phases.line_length * stride;
    sin += phases.line_length * stride;
    if (l + 1 < phases.n_lines)
      for_each_double_pack<Arch>(n, [&](auto zero, std::size_t pair) YARN_INLINE_LAMBDA {
        using pack_type = decltype(zero);
        line.store<pack_type>(pair,
                              multiply(line.load<pack_type>(pair), jump.load<pack_type>(pair)));
      });
  }
}

// ---- Rows with different amplitudes -------------------------------------------------------------

/// What belongs to the rows of a run.
struct varying_rows {
  double amplitude[run_length]; ///< may be wrong by 8e
  double bound[run_length];     ///< the recurrence_bound of the row
  double minus_bound[run_length];
  bool is_undecided[run_length]; ///< marks rows that the caller must compute again
};

/// The entries of sizeof...(I) packs, by a recurrence of points with amplitude 1.
template <bool Streams, class Pack, std::size_t... I>
YARN_ALWAYS_INLINE void varying_entries(const point_block& point, const point_block& increment,
                                        std::size_t pair, std::int64_t n_rows, varying_rows& rows,
                                        float* cos, float* sin, std::int64_t stride,
                                        std::index_sequence<I...>) {
  constexpr std::size_t size = Pack::size;
  circle_pack<Pack> at[] = {point.load<Pack>(pair + I * size)...};
  const circle_pack<Pack> w[] = {increment.load<Pack>(pair + I * size)...};
  for (std::int64_t row = 0; row < n_rows; ++row) {
    float* const c = cos + row * stride + pair;
    float* const s = sin + row * stride + pair;
    const Pack m(rows.amplitude[row]), above(rows.bound[row]), below(rows.minus_bound[row]);
    const auto round = [&](const Pack& x, float* out) YARN_INLINE_LAMBDA {
      return round_both<Streams>(multiply_add(x, m, below), multiply_add(x, m, above), out);
    };
    const unsigned undecided =
        ((round(at[I].cos, c + I * size) | round(at[I].sin, s + I * size)) | ...);
    rows.is_undecided[row] |= undecided != 0;
    YARN_KEEP_ONE_LOOP();
    ((at[I] = multiply(at[I], w[I])), ...);
  }
}

/// The rows of consecutive positions, for n_pairs <= pairs_at_once and n_rows <= run_length. Row r
/// has the phases phase_steps[pair] * (first + r).
template <class Arch, bool Streams>
void fill_varying_run(const std::uint64_t* phase_steps, std::uint64_t first, std::int64_t n_pairs,
                      std::int64_t n_rows, varying_rows& rows, float* cos, float* sin,
                      std::int64_t stride) {
  using wide = pack<double, Arch>;
  constexpr std::size_t width = wide::size;
  const auto n = static_cast<std::size_t>(n_pairs);
  point_block start, increment;
  const auto add_packs = [&](auto zero, auto packs, std::size_t pair) YARN_INLINE_LAMBDA {
    using pack_type = decltype(zero);
    store_points<pack_type>(phase_steps, first, 1.0, pair, start, packs);
    store_points<pack_type>(phase_steps, 1, 1.0, pair, increment, packs);
    varying_entries<Streams, pack_type>(start, increment, pair, n_rows, rows, cos, sin, stride,
                                        packs);
  };
  std::size_t i = 0;
  for (; i + packs_at_once * width <= n; i += packs_at_once * width)
    add_packs(wide(0.0), four_packs{}, i);
  if constexpr (!Streams) {
    for (; i + width <= n; i += width)
      add_packs(wide(0.0), one_pack{}, i);
    for (; i < n; ++i)
      add_packs(scalar_pack<double>(0.0), one_pack{}, i);
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

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
//   products with 1 - 8e and 1 + 8e round by 1e each. 8e >= 4.5e + 2e, so the bound of 8e is safe.
// * Recurrence z <- z * w of complex numbers. The error is the length of the complex error, in
//   units of m * e. z starts with an error of 4 + sqrt2. A multiplication adds 4 for the error of w
//   (from the polynomial) and 3 * sqrt2 for the three roundings of each component, and it
//   multiplies the error by less than 1 + 2^-48. After 95 multiplications the error is less than
//   5.5 + 95 * 8.3 = 794. The sums with the bound round by 1. 1024 >= 795, so the bound of 1024 is
//   safe.
// tests/rows/test_row_kernel.cpp measures at most 2.2e and 83. The margin covers what -ffast-math
// may change.
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
inline constexpr std::int64_t packs_at_once = 4;
using four_packs = std::make_index_sequence<packs_at_once>;
using one_pack = std::make_index_sequence<1>;

/// The number of rows after which a recurrence restarts. The error bound above is for this length.
inline constexpr std::int64_t run_length = 96;

template <class Pack> struct circle_pack {
  Pack cos;
  Pack sin;
};

/// cos and sin of the phases phases[lane] * multiplier, as doubles. Relative error: 4e (see above).
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

/// m * cos and m * sin at consecutive positions, by recurrence.
template <class Pack> struct recurrence {
  circle_pack<Pack> increment;
  Pack cos;
  Pack sin;

  YARN_ALWAYS_INLINE recurrence(const std::uint64_t* phases, std::uint64_t first, Pack m)
      : increment(polynomial_point<Pack>(phases, 1)) {
    const circle_pack<Pack> start = polynomial_point<Pack>(phases, first);
    cos = m * start.cos;
    sin = m * start.sin;
  }
  YARN_ALWAYS_INLINE void advance() {
    const Pack next = negated_multiply_add(sin, increment.sin, cos * increment.cos);
    sin = multiply_add(sin, increment.cos, cos * increment.sin);
    cos = next;
  }
};

/// The entries of sizeof...(I) packs of pairs at n <= run_length consecutive positions. The rows
/// are `stride` elements apart. Rows in which the two roundings differ are recomputed after the
/// loop, because a function call in the loop would spill the registers.
template <bool Streams, class Pack, std::size_t... I>
YARN_ALWAYS_INLINE void run_of_entries(const std::uint64_t* phases, std::uint64_t first,
                                       std::int64_t n, double amplitude, float* cos, float* sin,
                                       std::int64_t stride, std::index_sequence<I...>) {
  constexpr std::size_t size = Pack::size;
  const Pack m(amplitude), bound(amplitude * 0x1p-43);
  recurrence<Pack> at[] = {recurrence<Pack>(phases + I * size, first, m)...};
  bool is_undecided[run_length];
  for (std::int64_t row = 0; row < n; ++row) {
    float* const c = cos + row * stride;
    float* const s = sin + row * stride;
    is_undecided[row] = ((round_both<Streams>(at[I].cos - bound, at[I].cos + bound, c + I * size) |
                          round_both<Streams>(at[I].sin - bound, at[I].sin + bound, s + I * size)) |
                         ...) != 0;
    YARN_KEEP_ONE_LOOP();
    (at[I].advance(), ...);
  }
  for (std::int64_t row = 0; row < n; ++row)
    if (is_undecided[row])
      entries<Pack>(phases, first + static_cast<std::uint64_t>(row), amplitude, cos + row * stride,
                    sin + row * stride, std::index_sequence<I...>{});
}

/// The entries of the n phases phases[i] * multiplier.
template <class Arch>
void fill_entries(const std::uint64_t* phases, std::int64_t n, std::uint64_t multiplier,
                  double amplitude, float* cos, float* sin) {
  using wide = pack<double, Arch>;
  constexpr auto width = static_cast<std::int64_t>(wide::size);
  std::int64_t i = 0;
  for (; i + packs_at_once * width <= n; i += packs_at_once * width)
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
  constexpr auto group = packs_at_once * static_cast<std::int64_t>(pack<double, Arch>::size);
  const auto is_aligned = [](const float* p) {
    return reinterpret_cast<std::uintptr_t>(p) % (line * sizeof(float)) == 0;
  };
  return can_stream_v<Arch> && n >= many / n_pairs && n_pairs % group == 0 && stride % line == 0 &&
         is_aligned(cos) && is_aligned(sin);
}

/// Writes n rows of consecutive positions, the first of them at position `first`. If Streams, the
/// stores bypass the caches: should_stream must have returned true, and the caller must call
/// finish_streaming() afterwards.
template <class Arch, bool Streams = false>
void fill_run(const std::uint64_t* phase_steps, std::int64_t n_pairs, std::uint64_t first,
              std::int64_t n, double amplitude, float* cos, float* sin, std::int64_t stride) {
  using wide = pack<double, Arch>;
  constexpr auto width = static_cast<std::int64_t>(wide::size);
  for (std::int64_t row = 0; row < n; row += run_length) {
    const std::int64_t rows = n - row < run_length ? n - row : run_length;
    const std::uint64_t start = first + static_cast<std::uint64_t>(row);
    float* const c = cos + row * stride;
    float* const s = sin + row * stride;
    std::int64_t i = 0;
    for (; i + packs_at_once * width <= n_pairs; i += packs_at_once * width)
      run_of_entries<Streams, wide>(phase_steps + i, start, rows, amplitude, c + i, s + i, stride,
                                    four_packs{});
    if constexpr (!Streams) {
      for (; i + width <= n_pairs; i += width)
        run_of_entries<false, wide>(phase_steps + i, start, rows, amplitude, c + i, s + i, stride,
                                    one_pack{});
      for (; i < n_pairs; ++i)
        run_of_entries<false, scalar_pack<double>>(phase_steps + i, start, rows, amplitude, c + i,
                                                   s + i, stride, one_pack{});
    }
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

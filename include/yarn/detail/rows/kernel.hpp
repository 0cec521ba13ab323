// SPDX-License-Identifier: MIT
// cos/sin of position * frequency for one pack of pairs, by three ways that give the same float:
// a polynomial of the phase, a recurrence over consecutive positions, and 128-bit integers.
//
// A float entry is m * cos(phase / 2^64 turns), m the attention factor, correctly rounded. The fast
// ways compute a double v and a bound on its error, round v - bound and v + bound to float, and
// take the result where both agree: rounding is monotone, so the exact value rounds there, too.
// Where they disagree, the next slower way decides, last `exact_point`, whose error of 2^-120 is
// beyond what the 2^64 phases can come near a rounding boundary. So an entry depends neither on the
// way nor on the processor.
//
// Bounds, with e = 2^-53 and every operation rounded (fused multiply-adds only lower them):
// * Polynomial, relative. In sine: the conversion of the phase 1e, the square 0.1e, the sum 0.9e,
//   the polynomial with its rounded coefficients 0.5e, the product with the argument 1e: 3.5e. In
//   cosine: 0.8e + 0.4e + 1.7e + 0.3e = 3.2e. The product with m: 1e. The two products with
//   (1 -+ 8e) round by 1e each, so 8e >= 4.5e + 2e is safe.
// * Recurrence z <- z * w, absolute, in units of m*e, as the length of the complex error: z starts
//   with 4 + sqrt2; a step adds 4 for the error of w (a polynomial's) and sqrt2 * 3 for the three
//   roundings of a component, growing by less than 1 + 2^-48 on the way: after 95 steps less than
//   5.5 + 95 * 8.3 = 794. The sums with the bound round by another 1: 1024 >= 795 is safe.
// tests/rows/test_row_kernel.cpp measures both (2.2e and 83 at most), so -ffast-math has room, too.
#ifndef YARN_DETAIL_ROWS_KERNEL_HPP
#define YARN_DETAIL_ROWS_KERNEL_HPP

#include "../arithmetic/phase.hpp"
#include "../simd/pack.hpp"

#include <utility>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

/// Packs that are worked on together.
inline constexpr std::int64_t several_packs = 4;
using several = std::make_index_sequence<several_packs>;
using one = std::make_index_sequence<1>;

/// Rows of a recurrence from one start to the next: what its bound was derived for.
inline constexpr std::int64_t run_length = 96;

template <class Pack> struct circle_pack {
  Pack cos;
  Pack sin;
};

/// The points at phases[lane] * multiplier, as doubles: 4e relative (see above).
template <class Pack>
YARN_ALWAYS_INLINE circle_pack<Pack> polynomial_point(const std::uint64_t* phases,
                                                      std::uint64_t multiplier) {
  const octant<Pack> o = load_octant(phases, multiplier, Pack{});
  const Pack& t = o.eighths;
  const Pack u = t * t;
  // sin(pi/4 t) / t and cos(pi/4 t) as polynomials in t^2 over [0, 1], interpolated at Chebyshev
  // nodes; their errors, that of the rounded coefficients included, are below 2^-54 and 2^-55.
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
  else // exactly a float, normal or zero: see frequencies::attention_factor
    return static_cast<float>(assemble_double(
        round_to_even(entry.mantissa(), entry.exponent(), 24, -149), entry.is_negative()));
}

/// n entries by 128-bit integers; any T, any phases.
template <class T>
YARN_NOINLINE void exact_entries(const std::uint64_t* phases, std::uint64_t multiplier,
                                 std::size_t n, double amplitude, T* cos, T* sin) {
  for (std::size_t i = 0; i < n; ++i) {
    const circle_point point = exact_point(phases[i] * multiplier);
    cos[i] = round_entry<T>(point.cos, amplitude);
    sin[i] = round_entry<T>(point.sin, amplitude);
  }
}

/// Entries of sizeof...(I) packs of any phases. Several, because one alone waits for itself.
template <class Pack, std::size_t... I>
YARN_ALWAYS_INLINE void entries(const std::uint64_t* phases, std::uint64_t multiplier,
                                double amplitude, float* cos, float* sin,
                                std::index_sequence<I...>) {
  constexpr std::size_t size = Pack::size;
  const circle_pack<Pack> point[] = {polynomial_point<Pack>(phases + I * size, multiplier)...};
  const Pack m(amplitude), below(1.0 - 0x1p-50), above(1.0 + 0x1p-50);
  const Pack zero(0.0); // added, it gives a zero the sign that the integers give it
  const auto round = [&](const Pack& x, float* out) YARN_INLINE_LAMBDA {
    const Pack entry = m * x + zero;
    return round_both<false>(entry * below, entry * above, out);
  };
  const unsigned open =
      ((round(point[I].cos, cos + I * size) | round(point[I].sin, sin + I * size)) | ...);
  if (!YARN_LIKELY(open == 0))
    exact_entries(phases, multiplier, size * sizeof...(I), amplitude, cos, sin);
}

/// The points of consecutive positions, m times, by recurrence.
template <class Pack> struct recurrence {
  circle_pack<Pack> step;
  Pack cos;
  Pack sin;

  YARN_ALWAYS_INLINE recurrence(const std::uint64_t* phases, std::uint64_t first, Pack m)
      : step(polynomial_point<Pack>(phases, 1)) {
    const circle_pack<Pack> start = polynomial_point<Pack>(phases, first);
    cos = m * start.cos;
    sin = m * start.sin;
  }
  YARN_ALWAYS_INLINE void advance() {
    const Pack next = negated_multiply_add(sin, step.sin, cos * step.cos);
    sin = multiply_add(sin, step.cos, cos * step.sin);
    cos = next;
  }
};

/// Entries of sizeof...(I) packs of pairs for n <= run_length consecutive positions; rows `stride`
/// elements apart. Rows that the test leaves open are noted and made afterwards, because a call
/// inside the loop would cost the registers.
template <bool Streams, class Pack, std::size_t... I>
YARN_ALWAYS_INLINE void run_of_entries(const std::uint64_t* phases, std::uint64_t first,
                                       std::int64_t n, double amplitude, float* cos, float* sin,
                                       std::int64_t stride, std::index_sequence<I...>) {
  constexpr std::size_t size = Pack::size;
  const Pack m(amplitude), bound(amplitude * 0x1p-43);
  recurrence<Pack> at[] = {recurrence<Pack>(phases + I * size, first, m)...};
  bool is_open[run_length];
  for (std::int64_t row = 0; row < n; ++row) {
    float* const c = cos + row * stride;
    float* const s = sin + row * stride;
    is_open[row] = ((round_both<Streams>(at[I].cos - bound, at[I].cos + bound, c + I * size) |
                     round_both<Streams>(at[I].sin - bound, at[I].sin + bound, s + I * size)) |
                    ...) != 0;
    YARN_KEEP_ONE_LOOP();
    (at[I].advance(), ...);
  }
  for (std::int64_t row = 0; row < n; ++row)
    if (is_open[row])
      entries<Pack>(phases, first + static_cast<std::uint64_t>(row), amplitude, cos + row * stride,
                    sin + row * stride, std::index_sequence<I...>{});
}

/// n entries of any phases, phases[i] * multiplier.
template <class Arch>
void fill_entries(const std::uint64_t* phases, std::int64_t n, std::uint64_t multiplier,
                  double amplitude, float* cos, float* sin) {
  using wide = pack<double, Arch>;
  constexpr auto width = static_cast<std::int64_t>(wide::size);
  std::int64_t i = 0;
  for (; i + several_packs * width <= n; i += several_packs * width)
    entries<wide>(phases + i, multiplier, amplitude, cos + i, sin + i, several{});
  for (; i + width <= n; i += width)
    entries<wide>(phases + i, multiplier, amplitude, cos + i, sin + i, one{});
  for (; i < n; ++i)
    entries<scalar_pack<double>>(phases + i, multiplier, amplitude, cos + i, sin + i, one{});
}

/// Doubles have no double above them to be tested with: they come from the integers at once.
template <class Arch>
void fill_entries(const std::uint64_t* phases, std::int64_t n, std::uint64_t multiplier,
                  double amplitude, double* cos, double* sin) {
  exact_entries(phases, multiplier, static_cast<std::size_t>(n), amplitude, cos, sin);
}

/// Whether a run of this size and place should be written past the caches: it is larger than what
/// they keep, and comes as whole cache lines.
template <class Arch>
bool should_stream(std::int64_t n_pairs, std::int64_t n, const float* cos, const float* sin,
                   std::int64_t stride) {
  constexpr std::int64_t many = std::int64_t{1} << 21; // pairs: 16 MB
  constexpr std::int64_t line = 16;
  constexpr auto group = several_packs * static_cast<std::int64_t>(pack<double, Arch>::size);
  const auto is_aligned = [](const float* p) {
    return reinterpret_cast<std::uintptr_t>(p) % (line * sizeof(float)) == 0;
  };
  return can_stream_v<Arch> && n >= many / n_pairs && n_pairs % group == 0 && stride % line == 0 &&
         is_aligned(cos) && is_aligned(sin);
}

/// n rows of consecutive positions; streaming only what should_stream says, and then
/// finish_streaming() is the caller's.
template <class Arch, bool Streams = false>
void fill_run(const std::uint64_t* steps, std::int64_t n_pairs, std::uint64_t first, std::int64_t n,
              double amplitude, float* cos, float* sin, std::int64_t stride) {
  using wide = pack<double, Arch>;
  constexpr auto width = static_cast<std::int64_t>(wide::size);
  for (std::int64_t row = 0; row < n; row += run_length) {
    const std::int64_t rows = n - row < run_length ? n - row : run_length;
    const std::uint64_t start = first + static_cast<std::uint64_t>(row);
    float* const c = cos + row * stride;
    float* const s = sin + row * stride;
    std::int64_t i = 0;
    for (; i + several_packs * width <= n_pairs; i += several_packs * width)
      run_of_entries<Streams, wide>(steps + i, start, rows, amplitude, c + i, s + i, stride,
                                    several{});
    if constexpr (!Streams) {
      for (; i + width <= n_pairs; i += width)
        run_of_entries<false, wide>(steps + i, start, rows, amplitude, c + i, s + i, stride, one{});
      for (; i < n_pairs; ++i)
        run_of_entries<false, scalar_pack<double>>(steps + i, start, rows, amplitude, c + i, s + i,
                                                   stride, one{});
    }
  }
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// The operations of pack.hpp for any xsimd batch, mostly through arrays. They are used for
// processors without a file in this folder, and for operations that the file of an instruction set
// does not overload. The end of this file has the operations on bfloat16 words that instruction
// sets share.
#ifndef YARN_DETAIL_SIMD_GENERIC_HPP
#define YARN_DETAIL_SIMD_GENERIC_HPP

#include "pack.hpp"

#if !defined(YARN_NO_XSIMD)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

// ---- Arithmetic -------------------------------------------------------------------------------

// Instruction sets with a fused multiply-add overload these functions, because some versions of
// xsimd::fma compute x * y + z in two operations. If z is a product, a compiler that contracts
// operations may then fuse this product with the sum, instead of x * y.
template <class T, class A>
YARN_ALWAYS_INLINE batch<T, A> multiply_add(batch<T, A> a, batch<T, A> b, batch<T, A> c,
                                            generic_isa) {
  return xsimd::fma(a, b, c);
}
template <class T, class A>
YARN_ALWAYS_INLINE batch<T, A> negated_multiply_add(batch<T, A> a, batch<T, A> b, batch<T, A> c,
                                                    generic_isa) {
  return xsimd::fma(a * batch<T, A>(T(-1)), b, c);
}

// Quotients and roots are made lane by lane, because xsimd 8.1 approximates them for floats on ARM.
// On x86, xsimd uses the instructions, which round correctly.
template <class T, class A>
YARN_ALWAYS_INLINE batch<T, A> quotient(batch<T, A> a, batch<T, A> b, generic_isa) {
  T x[batch<T, A>::size], y[batch<T, A>::size];
  a.store_unaligned(x);
  b.store_unaligned(y);
  for (std::size_t i = 0; i < batch<T, A>::size; ++i)
    x[i] /= y[i];
  return batch<T, A>::load_unaligned(x);
}
template <class T, class A> YARN_ALWAYS_INLINE batch<T, A> square_root(batch<T, A> x, generic_isa) {
  T lanes[batch<T, A>::size];
  x.store_unaligned(lanes);
  for (T& lane : lanes)
    lane = root(lane);
  return batch<T, A>::load_unaligned(lanes);
}
template <class T, class A>
YARN_ALWAYS_INLINE batch<T, A> quotient(batch<T, A> a, batch<T, A> b, x86_isa) {
  return a / b;
}
template <class T, class A> YARN_ALWAYS_INLINE batch<T, A> square_root(batch<T, A> x, x86_isa) {
  return xsimd::sqrt(x);
}

template <class T, class A> YARN_ALWAYS_INLINE T sum_of_lanes(batch<T, A> x, generic_isa) {
  T lanes[batch<T, A>::size];
  x.store_unaligned(lanes);
  for (std::size_t half = batch<T, A>::size / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i)
      lanes[i] += lanes[i + half];
  return lanes[0];
}

template <class T, class A>
YARN_ALWAYS_INLINE void store_sums_of_lanes(const batch<T, A> (&x)[4], T* out, generic_isa) {
  for (int i = 0; i < 4; ++i)
    out[i] = sum_of_lanes(x[i]);
}

// ---- Permutes ---------------------------------------------------------------------------------

template <class T, class A>
YARN_ALWAYS_INLINE batch<T, A> swap_neighbours(batch<T, A> x, generic_isa) {
  T values[batch<T, A>::size + 1], swapped[batch<T, A>::size + 1];
  x.store_unaligned(values);
  for (std::size_t i = 0; i + 1 < batch<T, A>::size; i += 2)
    swapped[i] = values[i + 1], swapped[i + 1] = values[i];
  return batch<T, A>::load_unaligned(swapped);
}

template <class T, class A>
YARN_ALWAYS_INLINE two_packs<batch<T, A>> interleave(batch<T, A> a, batch<T, A> b, generic_isa) {
  constexpr std::size_t size = batch<T, A>::size;
  T from[2 * size], to[2 * size];
  a.store_unaligned(from);
  b.store_unaligned(from + size);
  for (std::size_t i = 0; i < size; ++i)
    to[2 * i] = from[i], to[2 * i + 1] = from[size + i];
  return {batch<T, A>::load_unaligned(to), batch<T, A>::load_unaligned(to + size)};
}
template <class T, class A>
YARN_ALWAYS_INLINE two_packs<batch<T, A>> deinterleave(batch<T, A> low, batch<T, A> high,
                                                       generic_isa) {
  constexpr std::size_t size = batch<T, A>::size;
  T from[2 * size], to[2 * size];
  low.store_unaligned(from);
  high.store_unaligned(from + size);
  for (std::size_t i = 0; i < size; ++i)
    to[i] = from[2 * i], to[size + i] = from[2 * i + 1];
  return {batch<T, A>::load_unaligned(to), batch<T, A>::load_unaligned(to + size)};
}

// ---- Elements of any format --------------------------------------------------------------------

template <class C, class A, class T>
YARN_ALWAYS_INLINE batch<C, A> load_one_by_one(const T* p, batch<C, A>, generic_isa) {
  C values[batch<C, A>::size];
  for (std::size_t i = 0; i < batch<C, A>::size; ++i)
    values[i] = widen<C>(p[i]);
  return batch<C, A>::load_unaligned(values);
}
template <class C, class A, class T>
YARN_ALWAYS_INLINE void store_one_by_one(batch<C, A> x, T* p, generic_isa) {
  C values[batch<C, A>::size];
  x.store_unaligned(values);
  for (std::size_t i = 0; i < batch<C, A>::size; ++i)
    narrow(values[i], p[i]);
}

template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_binary16(const T* p, floats<A> like, generic_isa isa) {
  return load_one_by_one(p, like, isa);
}
template <class A, class T>
YARN_ALWAYS_INLINE void store_binary16(floats<A> x, T* p, generic_isa isa) {
  store_one_by_one(x, p, isa);
}
template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_bfloat16(const T* p, floats<A> like, generic_isa isa) {
  return load_one_by_one(p, like, isa);
}
template <class A, class T>
YARN_ALWAYS_INLINE void store_bfloat16(floats<A> x, T* p, generic_isa isa) {
  store_one_by_one(x, p, isa);
}
template <class A, class T>
YARN_ALWAYS_INLINE floats<A> load_float8(const T* p, floats<A> like, generic_isa isa) {
  return load_one_by_one(p, like, isa);
}
template <class A, class T>
YARN_ALWAYS_INLINE void store_float8(floats<A> x, T* p, generic_isa isa) {
  store_one_by_one(x, p, isa);
}

template <class A>
YARN_ALWAYS_INLINE floats<A> load_int8(const std::int8_t* p, floats<A>, generic_isa) {
  float values[floats<A>::size];
  for (std::size_t i = 0; i < floats<A>::size; ++i)
    values[i] = static_cast<float>(p[i]);
  return floats<A>::load_unaligned(values);
}
template <class A> YARN_ALWAYS_INLINE void store_int8(floats<A> x, std::int8_t* p, generic_isa) {
  float values[floats<A>::size];
  x.store_unaligned(values);
  for (std::size_t i = 0; i < floats<A>::size; ++i)
    p[i] = rounded_to_int8(values[i]);
}
template <class A>
YARN_ALWAYS_INLINE floats<A> larger_magnitude(floats<A> magnitude, floats<A> x, generic_isa) {
  float magnitudes[floats<A>::size], values[floats<A>::size];
  magnitude.store_unaligned(magnitudes);
  x.store_unaligned(values);
  for (std::size_t i = 0; i < floats<A>::size; ++i)
    magnitudes[i] = larger_magnitude(magnitudes[i], values[i]);
  return floats<A>::load_unaligned(magnitudes);
}

/// Stores the pack `first` to p and the pack `second` to q in a faster way than store_bfloat16, if
/// this way gives the same bits for these packs. Otherwise stores nothing and returns false. This
/// overload has no faster way.
template <class A, class T>
YARN_ALWAYS_INLINE bool try_store_bfloat16(floats<A> /*first*/, T* /*p*/, floats<A> /*second*/,
                                           T* /*q*/, generic_isa) {
  return false;
}

// ---- Rows -------------------------------------------------------------------------------------

template <class A>
YARN_ALWAYS_INLINE octant<doubles<A>>
load_octant(const std::uint64_t* phases, std::uint64_t multiplier, doubles<A>, generic_isa) {
  using wide = doubles<A>;
  double eighths[wide::size], swap[wide::size], cos_sign[wide::size], sin_sign[wide::size];
  for (std::size_t lane = 0; lane < wide::size; ++lane) {
    const octant_bits o = octant_of(phases[lane] * multiplier);
    eighths[lane] = o.eighths;
    std::memcpy(&swap[lane], &o.swap, 8);
    std::memcpy(&cos_sign[lane], &o.cos_sign, 8);
    std::memcpy(&sin_sign[lane], &o.sin_sign, 8);
  }
  return {wide::load_unaligned(eighths), wide::load_unaligned(swap), wide::load_unaligned(cos_sign),
          wide::load_unaligned(sin_sign)};
}

template <bool Streams, class A>
YARN_ALWAYS_INLINE unsigned round_both(doubles<A> low, doubles<A> high, float* out, generic_isa) {
  constexpr std::size_t size = doubles<A>::size;
  double lows[size], highs[size];
  low.store_unaligned(lows);
  high.store_unaligned(highs);
  unsigned differences = 0;
  for (std::size_t lane = 0; lane < size; ++lane) {
    out[lane] = static_cast<float>(lows[lane]);
    differences += out[lane] != static_cast<float>(highs[lane]);
  }
  return differences;
}

// ---- bfloat16 by words -------------------------------------------------------------------------

// An instruction set with has_words provides, on registers:
//   load_words              see pack.hpp
//   store_upper_halves      stores the upper 16 bits of the lanes of `even` and `odd` as words
//   round_bfloat16          rounds to nearest even, into the upper 16 bits of each lane; subnormals
//                           are kept, NaNs become quiet, and the lower 16 bits are undefined
// and on x86 also:
//   round_half_up_bfloat16  the same, but rounds ties up, which needs fewer instructions; the
//                           result differs only for NaNs and ties
//   half_up_may_differ      not 0 if the result may differ in a lane of either argument
// In a tie, the lower 16 bits are 0x8000, the least signed 16-bit integer. half_up_may_differ finds
// ties by this value.
//
// Only one float in 65536 is a tie. So store_words tests all lanes at once, and uses
// round_half_up_bfloat16 if no lane is a tie or a NaN.

template <class A, class T, class Isa>
YARN_ALWAYS_INLINE void round_words(floats<A> even, floats<A> odd, T* p, Isa isa) {
  const auto even_bits = round_bfloat16(even, isa), odd_bits = round_bfloat16(odd, isa);
  store_upper_halves(even_bits, odd_bits, p, isa);
}
template <class A, class T, class Isa>
YARN_ALWAYS_INLINE void round_words_half_up(floats<A> even, floats<A> odd, T* p, Isa isa) {
  const auto even_bits = round_half_up_bfloat16(even, isa);
  const auto odd_bits = round_half_up_bfloat16(odd, isa);
  store_upper_halves(even_bits, odd_bits, p, isa);
}

template <class A, class T>
YARN_ALWAYS_INLINE void store_words(const two_packs<floats<A>>& first, T* p,
                                    const two_packs<floats<A>>& second, T* q, generic_isa) {
  round_words(first.first, first.second, p);
  round_words(second.first, second.second, q);
}
template <class A, class T>
YARN_ALWAYS_INLINE void store_words(const two_packs<floats<A>>& first, T* p,
                                    const two_packs<floats<A>>& second, T* q, x86_isa) {
  constexpr isa_tag<A> isa{};
  if (YARN_LIKELY((half_up_may_differ(first.first, first.second, isa) |
                   half_up_may_differ(second.first, second.second, isa)) == 0)) {
    round_words_half_up(first.first, first.second, p, isa);
    round_words_half_up(second.first, second.second, q, isa);
    return;
  }
  round_words(first.first, first.second, p);
  round_words(second.first, second.second, q);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

// SPDX-License-Identifier: MIT
// Packs: the floats or doubles of one vector register. This header declares all operations on
// packs. Other folders include this header, and blocks.hpp, but no other header of this folder.
//
// A pack is an xsimd batch, or for one element a scalar_pack (scalar.hpp). This is the only header
// that includes xsimd, which provides registers, loads, stores, +, -, *, & and ^, and on x86 also /
// and square roots. The other operations are written in intrinsics, in one file for each
// instruction set, because xsimd 8 to 14 lack them or implement them in different ways (8.1 has no
// fused multiply-add for AVX-512). generic.hpp has the operations that such a file lacks, and all
// operations for processors without such a file.
#ifndef YARN_DETAIL_SIMD_PACK_HPP
#define YARN_DETAIL_SIMD_PACK_HPP

#include "isa.hpp"
#include "scalar.hpp"

#include <cstddef>
#include <type_traits>

#if defined(YARN_NO_XSIMD)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

using default_arch = scalar_arch;
template <class T, class Arch> struct pack_of { using type = scalar_pack<T>; };
template <class T, class Arch> using pack = typename pack_of<T, Arch>::type;

YARN_ALWAYS_INLINE void finish_streaming() {}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#else

#include <xsimd/xsimd.hpp>

// The names of xsimd's functions contain the architecture, but two sources with different flags may
// use the same architecture. The tail of an AVX-512 loop uses `sse4_2`, which may be the widest
// architecture of another source, and `neon64` is used both with and without SVE. If functions are
// not inlined (-O0), the linker would mix those of both sources. So on x86 we give xsimd our own
// architectures. They inherit everything, and their names contain YARN_ABI. On ARM, xsimd 8.1 does
// not accept own architectures, so there the linker may mix functions that are not inlined.
namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class Base> struct own_arch : Base { using base = Base; };
#if defined(__SSE2__)
using default_arch = own_arch<xsimd::default_arch>;
#else
using default_arch = xsimd::default_arch;
#endif

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

namespace xsimd {
namespace types {

template <class T, class Base> struct simd_register<T, yarn::detail::own_arch<Base>> {
  using register_type = typename simd_register<T, Base>::register_type;
  register_type data;

  simd_register() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): as xsimd's own registers
  YARN_ALWAYS_INLINE simd_register(register_type value) noexcept : data(value) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  YARN_ALWAYS_INLINE operator register_type() const noexcept { return data; }
};
template <class T, class Base>
struct has_simd_register<T, yarn::detail::own_arch<Base>> : has_simd_register<T, Base> {};
template <class T, class Base>
struct get_bool_simd_register<T, yarn::detail::own_arch<Base>> : get_bool_simd_register<T, Base> {};

} // namespace types
} // namespace xsimd

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

template <class T, class Arch> struct pack_of { using type = xsimd::batch<T, Arch>; };
template <class T> struct pack_of<T, scalar_arch> { using type = scalar_pack<T>; };
template <class T, class Arch> using pack = typename pack_of<T, Arch>::type;

template <class T, class A> using batch = xsimd::batch<T, A>;
template <class A> using floats = batch<float, A>;
template <class A> using doubles = batch<double, A>;

// ---- Arithmetic -------------------------------------------------------------------------------

/// a * b + c. Rounded once if the processor has a fused multiply-add (YARN_HAS_FMA), else twice.
template <class T, class A>
YARN_ALWAYS_INLINE batch<T, A> multiply_add(batch<T, A> a, batch<T, A> b, batch<T, A> c) {
  return multiply_add(a, b, c, isa_tag<A>{});
}
/// c - a * b, rounded in the same way.
template <class T, class A>
YARN_ALWAYS_INLINE batch<T, A> negated_multiply_add(batch<T, A> a, batch<T, A> b, batch<T, A> c) {
  return negated_multiply_add(a, b, c, isa_tag<A>{});
}

/// a / b and the root of x, correctly rounded.
template <class T, class A> YARN_ALWAYS_INLINE batch<T, A> quotient(batch<T, A> a, batch<T, A> b) {
  return quotient(a, b, isa_tag<A>{});
}
template <class T, class A> YARN_ALWAYS_INLINE batch<T, A> square_root(batch<T, A> x) {
  return square_root(x, isa_tag<A>{});
}

/// The sum of all lanes, in halves: lanes i and i + size/2 are added, then those of the result, and
/// so on. So all instruction sets add in the same order.
template <class T, class A> YARN_ALWAYS_INLINE T sum_of_lanes(batch<T, A> x) {
  return sum_of_lanes(x, isa_tag<A>{});
}

/// Writes the four sums of lanes to out[0, 4), in the order of sum_of_lanes.
template <class T, class A>
YARN_ALWAYS_INLINE void store_sums_of_lanes(const batch<T, A> (&x)[4], T* out) {
  store_sums_of_lanes(x, out, isa_tag<A>{});
}

/// Returns x in a register. Without this function, gcc loads a pack from memory again at each use.
/// For data in L1, loads limit the speed of a rotation.
#if defined(__GNUC__) && !defined(__clang__) && defined(__AVX__)
template <class T, class A> YARN_ALWAYS_INLINE batch<T, A> load_once(batch<T, A> x) {
  typename batch<T, A>::register_type loaded = x;
  asm("" : "+v"(loaded));
  return batch<T, A>(loaded);
}
#else
template <class T, class A> YARN_ALWAYS_INLINE batch<T, A> load_once(batch<T, A> x) { return x; }
#endif

template <class A> YARN_ALWAYS_INLINE doubles<A> bit_and(doubles<A> a, doubles<A> b) {
  return a & b;
}
template <class A> YARN_ALWAYS_INLINE doubles<A> bit_xor(doubles<A> a, doubles<A> b) {
  return a ^ b;
}

// ---- Permutes ----------------------------------------------------------------------------------

// These functions do not use xsimd's zip_lo and zip_hi, which work within 128-bit lanes in some
// versions and on whole packs in others.

/// [b a d c …] of [a b c d …].
template <class T, class A> YARN_ALWAYS_INLINE batch<T, A> swap_neighbours(batch<T, A> x) {
  return swap_neighbours(x, isa_tag<A>{});
}
/// [a0 b0 a1 b1 …] of [a0 a1 …] and [b0 b1 …].
template <class T, class A>
YARN_ALWAYS_INLINE two_packs<batch<T, A>> interleave(batch<T, A> a, batch<T, A> b) {
  return interleave(a, b, isa_tag<A>{});
}
/// [a0 a1 …] and [b0 b1 …] of [a0 b0 a1 b1 …].
template <class T, class A>
YARN_ALWAYS_INLINE two_packs<batch<T, A>> deinterleave(batch<T, A> low, batch<T, A> high) {
  return deinterleave(low, high, isa_tag<A>{});
}

// ---- Elements of any format --------------------------------------------------------------------

template <element_format Format>
inline constexpr bool is_float8_v =
    Format == element_format::float8_e4m3 || Format == element_format::float8_e5m2;

/// Numbers for the conversion of floats to an 8-bit format. All instruction sets do the same:
///
///     m     = min(|x|, largest)
///     magic = (the exponent bits of max(m, smallest_normal)) + offset
///     s     = m + magic             a sum of floats, rounded to nearest even
///     code  = the lower 7 bits of bits(s) + (bits(s) >> dropped)
///
/// The unit in the last place of `magic` is that of the 8-bit format at m. So the sum rounds m to
/// this format, and the lower bits of s count its units. The shifted bits add the exponent and a
/// constant, which the lower bits of `offset` cancel. These bits are an even number, so that a tie
/// goes to the even code. A NaN is replaced at the end. Compilers can neither contract nor
/// reassociate the sum, because bitwise operations surround it. (A fused multiply-add could do the
/// addition of `offset`, too, but is slow where x is a subnormal.)
template <class T> struct float8_rounding {
  using traits = element_traits<T>;
  static constexpr int dropped = 23 - traits::fraction_bits;
  static constexpr int largest = static_cast<int>(traits::largest);
  static constexpr int least_exponent = 128 - static_cast<int>(traits::bias); // of a float's bits
  static constexpr int smallest_normal = least_exponent << 23;
  static constexpr int offset =
      (dropped << 23) + (-((dropped + least_exponent) << traits::fraction_bits) & 0xff);
};

// Elements of smaller formats are widened to the type of the pack, and rounded to nearest even when
// they are stored. The results have the bits of base/formats.hpp, except for the payload of a NaN.

/// A pack of the elements at p.
template <class C, class A, class T>
YARN_ALWAYS_INLINE batch<C, A> load_elements(const T* p, batch<C, A> like) {
  constexpr element_format format = format_of_v<T>;
  if constexpr (std::is_same_v<C, T>)
    return batch<C, A>::load_unaligned(p);
  else if constexpr (std::is_same_v<C, float> && format == element_format::binary16)
    return load_binary16(p, like, isa_tag<A>{});
  else if constexpr (std::is_same_v<C, float> && format == element_format::bfloat16)
    return load_bfloat16(p, like, isa_tag<A>{});
  else if constexpr (std::is_same_v<C, float> && is_float8_v<format>)
    return load_float8(p, like, isa_tag<A>{});
  else
    return load_one_by_one(p, like, isa_tag<A>{});
}

template <class C, class A, class T> YARN_ALWAYS_INLINE void store_elements(batch<C, A> x, T* p) {
  constexpr element_format format = format_of_v<T>;
  if constexpr (std::is_same_v<C, T>)
    x.store_unaligned(p);
  else if constexpr (std::is_same_v<C, float> && format == element_format::binary16)
    store_binary16(x, p, isa_tag<A>{});
  else if constexpr (std::is_same_v<C, float> && format == element_format::bfloat16)
    store_bfloat16(x, p, isa_tag<A>{});
  else if constexpr (std::is_same_v<C, float> && is_float8_v<format>)
    store_float8(x, p, isa_tag<A>{});
  else
    store_one_by_one(x, p, isa_tag<A>{});
}

/// Stores two packs, to p and to q, with the same bits as two single stores.
template <class C, class A, class T>
YARN_ALWAYS_INLINE void store_elements(const two_packs<batch<C, A>>& x, T* p, T* q) {
  if constexpr (std::is_same_v<C, float> && format_of_v<T> == element_format::bfloat16)
    if (YARN_LIKELY(try_store_bfloat16(x.first, p, x.second, q, isa_tag<A>{})))
      return;
  store_elements(x.first, p);
  store_elements(x.second, q);
}

// ---- Codes with a scale ------------------------------------------------------------------------

/// A pack of integers.
template <class A> YARN_ALWAYS_INLINE floats<A> load_int8(const std::int8_t* p, floats<A> like) {
  return load_int8(p, like, isa_tag<A>{});
}
/// Rounds to nearest even and saturates to [-128, 127]. Stores 0 for a NaN.
template <class A> YARN_ALWAYS_INLINE void store_int8(floats<A> x, std::int8_t* p) {
  store_int8(x, p, isa_tag<A>{});
}

/// In each lane the larger one of `magnitude` and |x|, or `magnitude` where x is NaN. Requires that
/// `magnitude` is neither negative nor NaN.
template <class A> YARN_ALWAYS_INLINE floats<A> larger_magnitude(floats<A> magnitude, floats<A> x) {
  return larger_magnitude(magnitude, x, isa_tag<A>{});
}

// ---- bfloat16 by words -------------------------------------------------------------------------

// A bfloat16 is the upper half of a float. A word is 32 bits with two neighbouring bfloat16
// elements. A shift of the words gives the elements at even places as floats, a mask gives the
// elements at odd places, and a blend makes words of both again. So rotations of bfloat16 work on
// words. If they kept the order of the elements, they would need a permute after each load and
// before each store.

/// Loads 2 * size elements: `first` gets those at even places, `second` those at odd places.
template <class A, class T>
YARN_ALWAYS_INLINE two_packs<floats<A>> load_words(const T* p, floats<A> like) {
  static_assert(has_words_v<A>, "load_words: this instruction set has no words; test has_words_v");
  static_assert(sizeof(T) == 2, "load_words: elements of 16 bits");
  return load_words(p, like, isa_tag<A>{});
}

/// Stores the floats of even and odd places as words. Each float is rounded to nearest even.
template <class A, class T>
YARN_ALWAYS_INLINE void round_words(floats<A> even, floats<A> odd, T* p) {
  static_assert(has_words_v<A>, "round_words: this instruction set has no words; test has_words_v");
  static_assert(sizeof(T) == 2, "round_words: elements of 16 bits");
  round_words(even, odd, p, isa_tag<A>{});
}

/// Stores two packs of words, to p and to q, in the fastest way, with the same bits as round_words.
template <class A, class T>
YARN_ALWAYS_INLINE void store_words(const two_packs<floats<A>>& first, T* p,
                                    const two_packs<floats<A>>& second, T* q) {
  static_assert(has_words_v<A>, "store_words: this instruction set has no words; test has_words_v");
  static_assert(sizeof(T) == 2, "store_words: elements of 16 bits");
  store_words(first, p, second, q, isa_tag<A>{});
}

// ---- Rows --------------------------------------------------------------------------------------

/// The phases phases[lane] * multiplier, prepared for the polynomials (see octant).
template <class A>
YARN_ALWAYS_INLINE octant<doubles<A>> load_octant(const std::uint64_t* phases,
                                                  std::uint64_t multiplier, doubles<A> like) {
  return load_octant(phases, multiplier, like, isa_tag<A>{});
}

/// Rounds `low` to float and stores the result. Returns 0 if `high` rounds to the same float in
/// every lane. If `Streams` and can_stream_v, the store bypasses the caches (see generic_isa).
template <bool Streams, class A>
YARN_ALWAYS_INLINE unsigned round_both(doubles<A> low, doubles<A> high, float* out) {
  return round_both<Streams>(low, high, out, isa_tag<A>{});
}

/// Makes stores that bypass the caches visible before later stores.
template <class Arch = default_arch> YARN_ALWAYS_INLINE void finish_streaming() {
  if constexpr (can_stream_v<Arch>)
    finish_streaming(isa_tag<Arch>{});
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

// These files are included at the end because they overload the functions above.
#include "generic.hpp"
#if defined(__SSE2__)
#include "sse2.hpp"
#endif
#if defined(__AVX__)
#include "avx2.hpp"
#endif
#if defined(__AVX512F__)
#include "avx512.hpp"
#endif
#if defined(__AVX512BF16__)
#include "avx512_bf16.hpp"
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
#include "neon.hpp"
#endif

#endif
#endif

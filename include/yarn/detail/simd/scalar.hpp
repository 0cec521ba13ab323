// SPDX-License-Identifier: MIT
// scalar_pack: a pack of one element, with the operations of vector packs. It is used with
// YARN_NO_XSIMD (which must be defined on processors that xsimd does not know), and in the tails of
// vector loops, so that a tail has the same arithmetic as its loop.
#ifndef YARN_DETAIL_SIMD_SCALAR_HPP
#define YARN_DETAIL_SIMD_SCALAR_HPP

#include "../base/formats.hpp"

#include <cstddef>
#include <math.h> // ::fma and ::fmaf for fused

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

struct scalar_arch {};

template <class T> struct scalar_pack {
  using value_type = T;
  static constexpr std::size_t size = 1;
  T value;

  scalar_pack() = default;
  YARN_ALWAYS_INLINE explicit scalar_pack(T x) : value(x) {}
  YARN_ALWAYS_INLINE static scalar_pack load_unaligned(const T* p) { return scalar_pack(*p); }
  YARN_ALWAYS_INLINE void store_unaligned(T* p) const { *p = value; }
};

template <class T> YARN_ALWAYS_INLINE scalar_pack<T> operator+(scalar_pack<T> a, scalar_pack<T> b) {
  return scalar_pack<T>(a.value + b.value);
}
template <class T> YARN_ALWAYS_INLINE scalar_pack<T> operator-(scalar_pack<T> a, scalar_pack<T> b) {
  return scalar_pack<T>(a.value - b.value);
}
template <class T> YARN_ALWAYS_INLINE scalar_pack<T> operator*(scalar_pack<T> a, scalar_pack<T> b) {
  return scalar_pack<T>(a.value * b.value);
}
template <class T> YARN_ALWAYS_INLINE scalar_pack<T> quotient(scalar_pack<T> a, scalar_pack<T> b) {
  return scalar_pack<T>(a.value / b.value);
}

#if !YARN_HAS_FMA
// Without the instruction, fma of libm is an emulation, which is 100 times slower.
YARN_ALWAYS_INLINE float fused(float a, float b, float c) { return a * b + c; }
YARN_ALWAYS_INLINE double fused(double a, double b, double c) { return a * b + c; }
#elif defined(__GNUC__)
YARN_ALWAYS_INLINE float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
YARN_ALWAYS_INLINE double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
#else
// std::fma is not used, because it is an inline function whose name does not contain YARN_ABI.
YARN_ALWAYS_INLINE float fused(float a, float b, float c) { return ::fmaf(a, b, c); }
YARN_ALWAYS_INLINE double fused(double a, double b, double c) { return ::fma(a, b, c); }
#endif

/// a * b + c. Rounded once if the processor has a fused multiply-add (YARN_HAS_FMA), else twice.
template <class T>
YARN_ALWAYS_INLINE scalar_pack<T> multiply_add(scalar_pack<T> a, scalar_pack<T> b,
                                               scalar_pack<T> c) {
  return scalar_pack<T>(fused(a.value, b.value, c.value));
}
/// c - a * b, rounded in the same way.
template <class T>
YARN_ALWAYS_INLINE scalar_pack<T> negated_multiply_add(scalar_pack<T> a, scalar_pack<T> b,
                                                       scalar_pack<T> c) {
  return scalar_pack<T>(fused(-a.value, b.value, c.value));
}

#if defined(__GNUC__)
YARN_ALWAYS_INLINE float root(float x) { return __builtin_sqrtf(x); }
YARN_ALWAYS_INLINE double root(double x) { return __builtin_sqrt(x); }
#else
YARN_ALWAYS_INLINE float root(float x) { return ::sqrtf(x); }
YARN_ALWAYS_INLINE double root(double x) { return ::sqrt(x); }
#endif
template <class T> YARN_ALWAYS_INLINE scalar_pack<T> square_root(scalar_pack<T> x) {
  return scalar_pack<T>(root(x.value));
}
template <class T> YARN_ALWAYS_INLINE T sum_of_lanes(scalar_pack<T> x) { return x.value; }
template <class T>
YARN_ALWAYS_INLINE void store_sums_of_lanes(const scalar_pack<T> (&x)[4], T* out) {
  for (int i = 0; i < 4; ++i)
    out[i] = x[i].value;
}

/// Two packs, which hold either [a0 b0 a1 b1 ...] together, or [a0 a1 ...] and [b0 b1 ...].
template <class Pack> struct two_packs {
  Pack first;
  Pack second;
};

template <class T>
YARN_ALWAYS_INLINE two_packs<scalar_pack<T>> interleave(scalar_pack<T> a, scalar_pack<T> b) {
  return {a, b};
}
template <class T>
YARN_ALWAYS_INLINE two_packs<scalar_pack<T>> deinterleave(scalar_pack<T> low, scalar_pack<T> high) {
  return {low, high};
}

/// Phases, prepared for the polynomials: the distance from the nearest quarter turn, in eighths of
/// a turn, in [-1, 1]; and how this quarter turn exchanges and negates cos and sin.
template <class Pack> struct octant {
  Pack eighths;
  Pack swap;     // all bits set where cos and sin are exchanged
  Pack cos_sign; // the sign bit set where the cosine is negated
  Pack sin_sign; // the same for the sine
};

struct octant_bits {
  double eighths;
  std::uint64_t swap, cos_sign, sin_sign;
};
YARN_ALWAYS_INLINE octant_bits octant_of(std::uint64_t phase) {
  constexpr std::uint64_t top = std::uint64_t{1} << 63;
  const std::uint64_t shifted = phase + (std::uint64_t{1} << 61);
  const auto remainder = static_cast<std::int64_t>(phase - (shifted & std::uint64_t{3} << 62));
  // A plain conversion to double. -ffast-math would break a conversion that adds magic numbers.
  return {static_cast<double>(remainder) * 0x1p-61, 0 - (shifted >> 62 & 1),
          (shifted ^ shifted << 1) & top, shifted & top};
}

YARN_ALWAYS_INLINE octant<scalar_pack<double>>
load_octant(const std::uint64_t* phases, std::uint64_t multiplier, scalar_pack<double>) {
  const octant_bits o = octant_of(phases[0] * multiplier);
  using pack = scalar_pack<double>;
  return {pack(o.eighths), pack(bit_cast<double>(o.swap)), pack(bit_cast<double>(o.cos_sign)),
          pack(bit_cast<double>(o.sin_sign))};
}

template <class T> YARN_ALWAYS_INLINE scalar_pack<T> load_once(scalar_pack<T> x) { return x; }

YARN_ALWAYS_INLINE scalar_pack<double> bit_and(scalar_pack<double> a, scalar_pack<double> b) {
  return scalar_pack<double>(
      bit_cast<double>(bit_cast<std::uint64_t>(a.value) & bit_cast<std::uint64_t>(b.value)));
}
YARN_ALWAYS_INLINE scalar_pack<double> bit_xor(scalar_pack<double> a, scalar_pack<double> b) {
  return scalar_pack<double>(
      bit_cast<double>(bit_cast<std::uint64_t>(a.value) ^ bit_cast<std::uint64_t>(b.value)));
}

template <class C, class T>
YARN_ALWAYS_INLINE scalar_pack<C> load_elements(const T* p, scalar_pack<C>) {
  return scalar_pack<C>(widen<C>(*p));
}
template <class C, class T> YARN_ALWAYS_INLINE void store_elements(scalar_pack<C> x, T* p) {
  narrow(x.value, *p);
}
template <class C, class T>
YARN_ALWAYS_INLINE void store_elements(const two_packs<scalar_pack<C>>& x, T* p, T* q) {
  store_elements(x.first, p);
  store_elements(x.second, q);
}

/// Rounds to nearest even and saturates. A NaN becomes 0. As in float8_rounding, the bitwise
/// operations prevent that compilers contract the sum with a product in x.
YARN_ALWAYS_INLINE std::int8_t rounded_to_int8(float x) {
  const auto bits = bit_cast<std::uint32_t>(x);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > float_infinity)
    return 0;
  const std::uint32_t bounded = magnitude < 0x43000000u ? magnitude : 0x43000000u; // 128
  const float sum = bit_cast<float>(bounded) + 0x1p23F; // its last bit counts ones
  const auto whole = static_cast<int>(bit_cast<std::uint32_t>(sum) & 0xff);
  if ((bits >> 31) != 0)
    return static_cast<std::int8_t>(-whole);
  return static_cast<std::int8_t>(whole < 127 ? whole : 127);
}
/// The larger one of `magnitude` >= 0 and |x|, or `magnitude` if x is NaN.
YARN_ALWAYS_INLINE float larger_magnitude(float magnitude, float x) {
  const auto found = bit_cast<std::uint32_t>(magnitude);
  const std::uint32_t other = bit_cast<std::uint32_t>(x) & 0x7fffffffu;
  return bit_cast<float>(other > found && other <= float_infinity ? other : found);
}
YARN_ALWAYS_INLINE scalar_pack<float> load_int8(const std::int8_t* p, scalar_pack<float>) {
  return scalar_pack<float>(static_cast<float>(*p));
}
YARN_ALWAYS_INLINE void store_int8(scalar_pack<float> x, std::int8_t* p) {
  *p = rounded_to_int8(x.value);
}
YARN_ALWAYS_INLINE scalar_pack<float> larger_magnitude(scalar_pack<float> magnitude,
                                                       scalar_pack<float> x) {
  return scalar_pack<float>(larger_magnitude(magnitude.value, x.value));
}

/// Rounds `low` to float and stores the result. Returns 0 if `high` rounds to the same float.
template <bool Streams>
YARN_ALWAYS_INLINE unsigned round_both(scalar_pack<double> low, scalar_pack<double> high,
                                       float* out) {
  *out = static_cast<float>(low.value);
  return *out != static_cast<float>(high.value);
}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif

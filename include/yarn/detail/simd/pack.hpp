// SPDX-License-Identifier: MIT
// The only header that includes xsimd. Packs are xsimd batches; what the simd_*.hpp have beside
// their arithmetic is what xsimd's versions 8 to 14 do differently or not at all (fused
// multiply-add on AVX-512 came after 8.1), by intrinsics where we know the processor and through
// memory where we do not.
#ifndef YARN_DETAIL_SIMD_PACK_HPP
#define YARN_DETAIL_SIMD_PACK_HPP

#include "scalar.hpp"

#if defined(YARN_NO_XSIMD)

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

using default_arch = scalar_arch;
template <class T, class Arch> struct pack_of { using type = scalar_pack<T>; };
template <class T, class Arch> using pack = typename pack_of<T, Arch>::type;
template <class Arch> using narrower_arch = scalar_arch;
template <class Arch> inline constexpr bool has_32_registers_v = false;
template <class Arch> inline constexpr bool can_stream_v = false;
YARN_ALWAYS_INLINE void finish_streaming() {}

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#else

#include <type_traits>
#include <xsimd/xsimd.hpp>

// xsimd's functions carry their architecture in their names, but two sources may share one: the
// tail of an AVX-512 loop uses `sse4_2`, which is another source's widest, and armv8-a with and
// without SVE are both `neon64`. Where they are not inlined (-O0), the linker would mix them. So we
// hand xsimd architectures of our own, which inherit everything and carry YARN_ABI in their names.
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

// Whose registers a batch of this architecture has. (By the tag: gcc warns about a comparison with
// __m512d, and the size alone would take xsimd's emulated batches for real ones.)
#if defined(__AVX512F__)
template <class A> inline constexpr bool is_avx512_v = std::is_base_of_v<xsimd::avx512f, A>;
// gcc 12 says of many unmasked AVX-512 intrinsics that they read an uninitialised value of its own
// headers. With a mask of all lanes they do not, and the same instructions come out.
inline constexpr __mmask8 all_lanes = 0xff;
#endif
#if defined(__AVX__)
template <class A> inline constexpr bool is_avx_v = std::is_base_of_v<xsimd::avx, A>;
#endif
#if defined(__SSE2__)
template <class A> inline constexpr bool is_sse_v = std::is_base_of_v<xsimd::sse2, A>;
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
template <class A> inline constexpr bool is_neon64_v = std::is_base_of_v<xsimd::neon64, A>;
#endif

template <class A>
inline constexpr bool has_32_registers_v =
#if defined(__AVX512F__)
    is_avx512_v<A>;
#elif defined(__aarch64__) && defined(__ARM_NEON)
    is_neon64_v<A>;
#else
    false;
#endif

/// a * b + c, rounded once where the processor can (YARN_HAS_FMA), else twice. Not xsimd's where we
/// can help it: some of its versions write x * y + z, and a compiler that fuses that on its own may
/// fuse the product inside z instead.
template <class T, class A>
YARN_ALWAYS_INLINE batch<T, A> multiply_add(batch<T, A> a, batch<T, A> b, batch<T, A> c) {
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm512_fmadd_ps(a, b, c));
  else if constexpr (is_avx512_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm512_fmadd_pd(a, b, c));
  else
#endif
#if defined(__FMA__)
      if constexpr (is_avx_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm256_fmadd_ps(a, b, c));
  else if constexpr (is_avx_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm256_fmadd_pd(a, b, c));
  else if constexpr (is_sse_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm_fmadd_ps(a, b, c));
  else if constexpr (is_sse_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm_fmadd_pd(a, b, c));
  else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(vfmaq_f32(c, a, b));
  else if constexpr (is_neon64_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(vfmaq_f64(c, a, b));
  else
#endif
    return xsimd::fma(a, b, c);
}
/// c - a * b, likewise.
template <class T, class A>
YARN_ALWAYS_INLINE batch<T, A> negated_multiply_add(batch<T, A> a, batch<T, A> b, batch<T, A> c) {
#if defined(__AVX512F__)
  if constexpr (is_avx512_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm512_fnmadd_ps(a, b, c));
  else if constexpr (is_avx512_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm512_fnmadd_pd(a, b, c));
  else
#endif
#if defined(__FMA__)
      if constexpr (is_avx_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm256_fnmadd_ps(a, b, c));
  else if constexpr (is_avx_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm256_fnmadd_pd(a, b, c));
  else if constexpr (is_sse_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(_mm_fnmadd_ps(a, b, c));
  else if constexpr (is_sse_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(_mm_fnmadd_pd(a, b, c));
  else
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
      if constexpr (is_neon64_v<A> && std::is_same_v<T, float>)
    return batch<T, A>(vfmsq_f32(c, a, b));
  else if constexpr (is_neon64_v<A> && std::is_same_v<T, double>)
    return batch<T, A>(vfmsq_f64(c, a, b));
  else
#endif
    return xsimd::fma(a * batch<T, A>(T(-1)), b, c);
}

/// x, loaded once where it is used twice: gcc would make it a memory operand of both uses, and
/// loads are what a rotation in L1 is short of.
template <class T, class A> YARN_ALWAYS_INLINE batch<T, A> held(batch<T, A> x) {
#if defined(__GNUC__) && !defined(__clang__) && defined(__AVX__)
  typename batch<T, A>::register_type loaded = x;
  asm("" : "+v"(loaded));
  return batch<T, A>(loaded);
#else
  return x;
#endif
}

// narrower_arch: the same instructions on narrower registers, for what is left of a loop, and one
// element at a time behind the last.
#if defined(__AVX512F__)
template <class A>
using narrower_arch =
    std::conditional_t<is_avx512_v<A>, own_arch<xsimd::avx2>,
                       std::conditional_t<is_avx_v<A>, own_arch<xsimd::sse4_2>, scalar_arch>>;
#elif defined(__AVX__)
template <class A>
using narrower_arch = std::conditional_t<is_avx_v<A>, own_arch<xsimd::sse4_2>, scalar_arch>;
#else
template <class A> using narrower_arch = scalar_arch;
#endif

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#endif
#endif

// SPDX-License-Identifier: MIT
// Replaces the intrinsics for unaligned loads and stores in the module yarn, for g++.
//
// g++ up to 16 loses the attribute `aligned(1)` of a vector type when it imports a module (bug
// 127193 of GCC). Without the attribute, _mm256_loadu_ps compiles to an aligned load, which stops
// the program at an unaligned address. So yarn.cppm includes this header before xsimd and before
// the headers of yarn. Only yarn.cppm may include it. Intrinsics with masks and those of 8 bytes
// have no aligned instructions, so they need no replacement.
#ifndef YARN_DETAIL_MODULES_UNALIGNED_INTRINSICS_HPP
#define YARN_DETAIL_MODULES_UNALIGNED_INTRINSICS_HPP

#include "../base/abi.hpp"

#if defined(__GNUC__) && !defined(__clang__) && defined(__SSE2__)
#include <immintrin.h>

namespace yarn {
inline namespace YARN_ABI {
namespace detail {

#define YARN_UNALIGNED(Vector, load, store)                                                        \
  YARN_ALWAYS_INLINE Vector load(const void* p) {                                                  \
    Vector x;                                                                                      \
    __builtin_memcpy(&x, p, sizeof(x));                                                            \
    return x;                                                                                      \
  }                                                                                                \
  YARN_ALWAYS_INLINE void store(void* p, Vector x) { __builtin_memcpy(p, &x, sizeof(x)); }

YARN_UNALIGNED(__m128, load_128f, store_128f)
YARN_UNALIGNED(__m128d, load_128d, store_128d)
YARN_UNALIGNED(__m128i, load_128i, store_128i)
#if defined(__AVX__)
YARN_UNALIGNED(__m256, load_256f, store_256f)
YARN_UNALIGNED(__m256d, load_256d, store_256d)
YARN_UNALIGNED(__m256i, load_256i, store_256i)
#endif
#if defined(__AVX512F__)
YARN_UNALIGNED(__m512, load_512f, store_512f)
YARN_UNALIGNED(__m512d, load_512d, store_512d)
YARN_UNALIGNED(__m512i, load_512i, store_512i)
#endif

#undef YARN_UNALIGNED

} // namespace detail
} // namespace YARN_ABI
} // namespace yarn

#define _mm_loadu_ps ::yarn::detail::load_128f
#define _mm_loadu_pd ::yarn::detail::load_128d
#define _mm_loadu_si128 ::yarn::detail::load_128i
#define _mm_storeu_ps ::yarn::detail::store_128f
#define _mm_storeu_pd ::yarn::detail::store_128d
#define _mm_storeu_si128 ::yarn::detail::store_128i
#define _mm256_loadu_ps ::yarn::detail::load_256f
#define _mm256_loadu_pd ::yarn::detail::load_256d
#define _mm256_loadu_si256 ::yarn::detail::load_256i
#define _mm256_storeu_ps ::yarn::detail::store_256f
#define _mm256_storeu_pd ::yarn::detail::store_256d
#define _mm256_storeu_si256 ::yarn::detail::store_256i
#define _mm512_loadu_ps ::yarn::detail::load_512f
#define _mm512_loadu_pd ::yarn::detail::load_512d
#define _mm512_loadu_si512 ::yarn::detail::load_512i
#define _mm512_storeu_ps ::yarn::detail::store_512f
#define _mm512_storeu_pd ::yarn::detail::store_512d
#define _mm512_storeu_si512 ::yarn::detail::store_512i
#endif

#endif

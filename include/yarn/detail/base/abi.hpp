// SPDX-License-Identifier: MIT
// YARN_ABI: the inline namespace of everything that generates code.
//
// Each source file compiles the headers with its own flags. Assume that one source of a program is
// built with -mavx2 and another one without. Both emit the function `yarn::make_frequencies`, and
// the linker keeps one of the two functions for both sources. If the linker keeps the one that was
// built with -mavx2, the program stops at an illegal instruction on an old processor. Therefore:
//
// * Functions, and types with functions, live in an inline namespace whose name contains the flags.
//   Functions with different flags then have different names.
// * Plain data (views, thread slices, element types) lives in the inline namespace v0 and may pass
//   between sources with different flags. All its member functions are always inlined. Default
//   member initialisers of type double count as functions: at -O0 clang emits a function for them,
//   and that function uses vector registers.
// * The headers of yarn.hpp use no containers, strings or algorithms of std, because the names of
//   their instantiations do not contain the flags. std::variant is an exception: its alternatives
//   are types of YARN_ABI, so its name contains the flags, too.
// * hf_config, gguf, testing, and the adapters except dlpack do call functions of the standard
//   library or of another library. Include them only in sources with the flags of the whole
//   program.
#ifndef YARN_DETAIL_BASE_ABI_HPP
#define YARN_DETAIL_BASE_ABI_HPP

#include "config.hpp"

// The widest vectors that the compiler may use.
#if defined(__AVX512F__)
#define YARN_ABI_VECTOR avx512
#elif defined(__AVX2__)
#define YARN_ABI_VECTOR avx2
#elif defined(__AVX__)
#define YARN_ABI_VECTOR avx
#elif defined(__SSE4_2__)
#define YARN_ABI_VECTOR sse42
#elif defined(__SSE4_1__)
#define YARN_ABI_VECTOR sse41
#elif defined(__SSSE3__)
#define YARN_ABI_VECTOR ssse3
#elif defined(__SSE3__)
#define YARN_ABI_VECTOR sse3
#elif defined(__SSE2__) || defined(_M_X64)
#define YARN_ABI_VECTOR sse2
#elif defined(__ARM_FEATURE_SVE2)
#define YARN_ABI_VECTOR sve2
#elif defined(__ARM_FEATURE_SVE)
#define YARN_ABI_VECTOR sve
#elif defined(__ARM_NEON)
#define YARN_ABI_VECTOR neon
#else
#define YARN_ABI_VECTOR base
#endif

// One letter for each extension that compilers use on their own or that our kernels use. The letter
// is o if the extension is off.
#if YARN_HAS_FMA
#define YARN_ABI_FMA m
#else
#define YARN_ABI_FMA o
#endif
#if defined(__F16C__)
#define YARN_ABI_F16C h
#else
#define YARN_ABI_F16C o
#endif
#if defined(__BMI2__)
#define YARN_ABI_BMI b
#else
#define YARN_ABI_BMI o
#endif
#if defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define YARN_ABI_AVX512_BW_DQ_VL v
#else
#define YARN_ABI_AVX512_BW_DQ_VL o
#endif
#if defined(__AVX512BF16__) || defined(__ARM_FEATURE_BF16)
#define YARN_ABI_BF16 f
#else
#define YARN_ABI_BF16 o
#endif
#if defined(__AVX512FP16__) || defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
#define YARN_ABI_FP16 p
#else
#define YARN_ABI_FP16 o
#endif
#if defined(__ARM_FEATURE_DOTPROD) || defined(__AVX512VBMI__)
#define YARN_ABI_VBMI_OR_DOTPROD e
#else
#define YARN_ABI_VBMI_OR_DOTPROD o
#endif
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#define YARN_ABI_MATH fast
#else
#define YARN_ABI_MATH ieee
#endif
#if YARN_EXCEPTIONS
#define YARN_ABI_EXCEPTIONS x
#else
#define YARN_ABI_EXCEPTIONS n
#endif
#if defined(YARN_NO_XSIMD)
#define YARN_ABI_XSIMD s
#else
#define YARN_ABI_XSIMD x
#endif
#if defined(YARN_ASSERT_IS_DEFAULT)
#define YARN_ABI_ASSERT r
#else
#define YARN_ABI_ASSERT a
#endif

#define YARN_ABI_PASTE_2(vector, a, b, c, d, e, f, g, math, x, y, z)                               \
  abi_##vector##_##a##b##c##d##e##f##g##_##math##_##x##y##z
#define YARN_ABI_PASTE(vector, a, b, c, d, e, f, g, math, x, y, z)                                 \
  YARN_ABI_PASTE_2(vector, a, b, c, d, e, f, g, math, x, y, z)
#define YARN_ABI                                                                                   \
  YARN_ABI_PASTE(YARN_ABI_VECTOR, YARN_ABI_FMA, YARN_ABI_F16C, YARN_ABI_BMI,                       \
                 YARN_ABI_AVX512_BW_DQ_VL, YARN_ABI_BF16, YARN_ABI_FP16, YARN_ABI_VBMI_OR_DOTPROD, \
                 YARN_ABI_MATH, YARN_ABI_EXCEPTIONS, YARN_ABI_XSIMD, YARN_ABI_ASSERT)

// YARN_ABI as a string.
#define YARN_ABI_NAME_2(abi) #abi
#define YARN_ABI_NAME_1(abi) YARN_ABI_NAME_2(abi)
#define YARN_ABI_NAME YARN_ABI_NAME_1(YARN_ABI)

#endif

// SPDX-License-Identifier: MIT
// YARN_ABI: the inline namespace of everything that generates code.
//
// A header is compiled with its user's flags. Two sources of one program, one built with -mavx2 and
// one without, would each emit `yarn::make_frequencies`, and the linker would keep either for both:
// an illegal instruction on an old processor, silently. So whatever generates code lives in a
// namespace that spells the flags out, and such functions never meet. What is only data (views,
// slices, 16-bit formats) lives in the inline namespace v0, has only always-inlined members and may
// pass between differently built sources. (What starts with a double counts as code: clang -O0
// makes that a function, which moves it through a vector register.) For the same reason headers
// here use no std containers, strings or algorithms: their instantiations carry no flags in their
// names. (std::variant is the one exception; its alternatives are types of YARN_ABI, so its name
// carries the flags, too. hf_config, gguf, ggml, onnxruntime and testing do use the standard
// library: include them in sources with the program's own flags.)
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

// One letter for each extension that compilers use unasked or that our kernels ask for, o where
// it is missing.
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
#define YARN_ABI_X v
#else
#define YARN_ABI_X o
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
#define YARN_ABI_EXTRA e
#else
#define YARN_ABI_EXTRA o
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
#if defined(YARN_ASSERT_IS_OURS)
#define YARN_ABI_ASSERT r
#else
#define YARN_ABI_ASSERT a
#endif

#define YARN_ABI_PASTE_2(vector, a, b, c, d, e, f, g, math, x, y, z)                               \
  abi_##vector##_##a##b##c##d##e##f##g##_##math##_##x##y##z
#define YARN_ABI_PASTE(vector, a, b, c, d, e, f, g, math, x, y, z)                                 \
  YARN_ABI_PASTE_2(vector, a, b, c, d, e, f, g, math, x, y, z)
#define YARN_ABI                                                                                   \
  YARN_ABI_PASTE(YARN_ABI_VECTOR, YARN_ABI_FMA, YARN_ABI_F16C, YARN_ABI_BMI, YARN_ABI_X,           \
                 YARN_ABI_BF16, YARN_ABI_FP16, YARN_ABI_EXTRA, YARN_ABI_MATH, YARN_ABI_EXCEPTIONS, \
                 YARN_ABI_XSIMD, YARN_ABI_ASSERT)

#endif

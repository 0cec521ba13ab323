// SPDX-License-Identifier: MIT
// Macros for features of compilers and processors.
//
// Users may define two macros before the first include. YARN_NO_XSIMD selects scalar code, which
// needs no other library. YARN_ASSERT(condition) is called for the preconditions of functions that
// do not check their arguments; by default it does nothing.
#ifndef YARN_DETAIL_BASE_CONFIG_HPP
#define YARN_DETAIL_BASE_CONFIG_HPP

#if defined(_MSC_VER) && !defined(__clang__)
#define YARN_ALWAYS_INLINE __forceinline
#define YARN_NOINLINE __declspec(noinline)
#define YARN_LIKELY(condition) (condition)
#define YARN_PREFETCH(address, writes) static_cast<void>(address)
#define YARN_INLINE_LAMBDA
#define YARN_KEEP_ONE_LOOP() static_cast<void>(0)
#else
#define YARN_ALWAYS_INLINE inline __attribute__((always_inline))
#define YARN_NOINLINE __attribute__((noinline, cold))
#define YARN_LIKELY(condition) __builtin_expect((condition), 1)
#define YARN_INLINE_LAMBDA __attribute__((always_inline))
// Keeps gcc -O3 from splitting a loop with two kinds of stores into two loops, which would both
// compute the values.
#define YARN_KEEP_ONE_LOOP() asm volatile("" ::: "memory")
#define YARN_PREFETCH(address, writes) __builtin_prefetch((address), (writes))
#endif

// Unrolls the next loop 4 times. On its own, gcc 12 -O2 neither unrolls nor vectorizes a loop of
// unknown length.
#if defined(__GNUC__) && !defined(__clang__)
#define YARN_UNROLL_4 _Pragma("GCC unroll 4")
#else
#define YARN_UNROLL_4
#endif

#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define YARN_EXCEPTIONS 1
#else
#define YARN_EXCEPTIONS 0
#endif

// Whether the processor has a fused multiply-add. The last bit of a rotation depends on this macro,
// so vector code and its scalar tail both use it.
#if defined(__FMA__) || defined(__FMA4__) || defined(__ARM_FEATURE_FMA) || defined(__aarch64__) || \
    defined(_M_ARM64) || (defined(_MSC_VER) && defined(__AVX2__)) || defined(__riscv_flen) ||      \
    defined(__powerpc64__) || defined(__s390x__)
#define YARN_HAS_FMA 1
#else
#define YARN_HAS_FMA 0
#endif

// Tests define YARN_NO_INT128 to reach the portable branch of the 128-bit arithmetic.
#if defined(__SIZEOF_INT128__) && !defined(YARN_NO_INT128)
#define YARN_HAS_INT128 1
#else
#define YARN_HAS_INT128 0
#endif

#if !defined(YARN_ASSERT)
#define YARN_ASSERT(condition) static_cast<void>(0)
#define YARN_ASSERT_IS_DEFAULT 1
#endif

#endif

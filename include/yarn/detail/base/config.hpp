// SPDX-License-Identifier: MIT
// What the compiler offers, under names of our own.
//
// For users: YARN_NO_XSIMD selects the scalar twin (no dependency at all); YARN_ASSERT(condition),
// if defined before the first include, checks the preconditions of unchecked calls.
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
// gcc -O3 makes one loop with two kinds of stores into two that compute everything twice.
#define YARN_KEEP_ONE_LOOP() asm volatile("" ::: "memory")
#define YARN_PREFETCH(address, writes) __builtin_prefetch((address), (writes))
#endif

// gcc -O2 neither vectorizes nor unrolls a loop of plain operations by itself.
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

// Whether a fused multiply-add is one instruction. It decides the last bit of a rotation, so it is
// asked once, here, for the vector code and its scalar tail alike.
#if defined(__FMA__) || defined(__FMA4__) || defined(__ARM_FEATURE_FMA) || defined(__aarch64__) || \
    defined(_M_ARM64) || (defined(_MSC_VER) && defined(__AVX2__)) || defined(__riscv_flen) ||      \
    defined(__powerpc64__) || defined(__s390x__)
#define YARN_HAS_FMA 1
#else
#define YARN_HAS_FMA 0
#endif

// YARN_NO_INT128 exists so that the tests reach the portable branch of the 128-bit arithmetic.
#if defined(__SIZEOF_INT128__) && !defined(YARN_NO_INT128)
#define YARN_HAS_INT128 1
#else
#define YARN_HAS_INT128 0
#endif

#if !defined(YARN_ASSERT)
#define YARN_ASSERT(condition) static_cast<void>(0)
#define YARN_ASSERT_IS_OURS 1
#endif

#endif

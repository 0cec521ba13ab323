// SPDX-License-Identifier: MIT
// Run-time dispatch. The CMake function yarn_add_dispatch compiles a source several times, once per
// instruction set. Each result is a part. This header chooses the part at run time. Opt-in; needs
// no xsimd.
//
//     kernels.hpp    struct rope_kernels { void (*rotate)(...); };    pointers to functions
//                    YARN_DISPATCH_DECLARE(rope_kernels)
//     kernels.cpp    YARN_DISPATCH_PART(rope_kernels, &rotate)        compiled once per part
//     elsewhere      yarn::dispatch<rope_kernels>().rotate(...);
//
// Only plain data may pass between parts and the rest of the program: numbers, pointers, and of the
// library's types only views, positions, thread slices, pairings and the elements of types.hpp
// (detail/base/abi.hpp says why). Frequencies and rows stay in their part, behind a pointer.
// examples/dispatch is a whole program.
#ifndef YARN_DISPATCH_HPP
#define YARN_DISPATCH_HPP

#include "views.hpp"

namespace yarn {
inline namespace v0 {

/// Instruction sets of parts. Each one contains those before it.
enum class isa {
  baseline,   ///< the instruction set of the whole program
  avx2,       ///< x86-64-v3: AVX2, FMA, F16C, BMI, LZCNT, MOVBE
  avx512,     ///< x86-64-v4: AVX-512 F, BW, CD, DQ, VL
  avx512_bf16 ///< x86-64-v4 and AVX512_BF16
};

// The kernels of one part. YARN_DISPATCH_PART defines this function.
template <class Kernels, isa Part> const Kernels& dispatch_part();
// The kernels of the part for `wanted`, or null if the program has no such part. The processor is
// not checked. YARN_DISPATCH_PART defines this function in the baseline part.
template <class Kernels> const Kernels* dispatch_find(isa wanted);

} // namespace v0

inline namespace YARN_ABI {

/// The name of an instruction set in yarn_add_dispatch, for logs.
/// Errors   None.
inline const char* name_of(isa set);

/// The largest instruction set that this processor and its operating system support. The result is
/// computed once, because cpuid is slow under a hypervisor. The first call may be on any thread.
/// Errors   None.
inline isa supported_isa();

/// Whether the program has a part for `set` that this processor can run.
/// Errors   None.
template <class Kernels> bool has_isa(isa set) {
  return set <= supported_isa() && dispatch_find<Kernels>(set) != nullptr;
}

/// The largest instruction set for which has_isa is true.
/// Errors   None.
template <class Kernels> isa best_isa();

/// The kernels of one part, for tests and measurements.
/// Errors   std::invalid_argument: the program has no such part, or this processor cannot run it.
template <class Kernels> const Kernels& dispatch(isa part);

/// The kernels of the part for best_isa. The first call chooses the part, on any thread; later
/// calls cost a load and a branch.
/// Errors   None.
template <class Kernels> const Kernels& dispatch() {
  static const Kernels& best = dispatch<Kernels>(best_isa<Kernels>());
  return best;
}

} // namespace YARN_ABI
} // namespace yarn

#include "detail/dispatch/parts.hpp"

/// Declares the kernels: a struct of pointers to functions. Use this macro in the header of the
/// kernels, outside of any namespace.
#define YARN_DISPATCH_DECLARE(Kernels)                                                             \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::baseline>();                  \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::avx2>();                      \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::avx512>();                    \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::avx512_bf16>();               \
  template <> const Kernels* yarn::dispatch_find<Kernels>(yarn::isa wanted);

/// Defines the kernels of a part. The arguments are the members of Kernels in their order, as
/// constant expressions. Use this macro once in the source of the kernels, outside of any
/// namespace. Define the functions in an anonymous namespace; otherwise the parts would share one
/// definition.
#define YARN_DISPATCH_PART(Kernels, ...)                                                           \
  static_assert(yarn::isa::YARN_DISPATCH_ISA <= yarn::detail::isa_of_flags,                        \
                "yarn: this part is compiled without the flags of its instruction set");           \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::YARN_DISPATCH_ISA>() {        \
    static constexpr Kernels kernels = {__VA_ARGS__};                                              \
    return kernels;                                                                                \
  }                                                                                                \
  YARN_DISPATCH_FIND(Kernels)

#endif

// SPDX-License-Identifier: MIT
// Run-time choice among parts of a program that were compiled from one source, each for its own
// instruction set, by yarn_add_dispatch of the CMake package. Opt-in, without xsimd.
//
//     kernels.hpp    struct rope_kernels { void (*rotate)(...); };    pointers to functions
//                    YARN_DISPATCH_DECLARE(rope_kernels)
//     kernels.cpp    YARN_DISPATCH_PART(rope_kernels, &rotate)        compiled once a part
//     elsewhere      yarn::dispatch<rope_kernels>().rotate(...);
//
// Between parts and the rest of the program only plain data may pass: numbers, pointers, and from
// this library views, positions, slices, pairings and 16-bit elements (detail/base/abi.hpp). What
// is made of frequencies stays in its part, behind a pointer; examples/dispatch shows it.
#ifndef YARN_DISPATCH_HPP
#define YARN_DISPATCH_HPP

#include "views.hpp"

namespace yarn {
inline namespace v0 {

/// Instruction sets of parts; each contains those before it.
enum class isa {
  baseline,   ///< what the whole program is compiled for
  avx2,       ///< x86-64-v3: AVX2, FMA, F16C, BMI, LZCNT, MOVBE
  avx512,     ///< x86-64-v4: AVX-512 F, BW, CD, DQ, VL
  avx512_bf16 ///< and AVX512_BF16
};

// The kernels of one part; defined by YARN_DISPATCH_PART.
template <class Kernels, isa Part> const Kernels& dispatch_part();
// The kernels of the part for `wanted`, without a look at the processor; null where the program has
// no such part. Defined by YARN_DISPATCH_PART in the baseline part, which knows the others.
template <class Kernels> const Kernels* dispatch_find(isa wanted);

} // namespace v0

inline namespace YARN_ABI {

/// The name of an instruction set as yarn_add_dispatch has it, for logs.
inline const char* name_of(isa set);

/// The largest instruction set that this processor and its operating system support. Asked once,
/// since cpuid is slow under a hypervisor; any thread may be first.
inline isa supported_isa();

/// Whether the program has a part for `set`, and this processor runs it.
template <class Kernels> bool has_isa(isa set) {
  return set <= supported_isa() && dispatch_find<Kernels>(set) != nullptr;
}

/// The largest instruction set for which has_isa is true.
template <class Kernels> isa best_isa();

/// The kernels of one part, for tests and measurements.
/// Errors   std::invalid_argument: the program has no such part, or this processor cannot run it.
template <class Kernels> const Kernels& dispatch(isa part);

/// The kernels of the part for best_isa. Chosen by the first call, on any thread; later calls cost
/// a load and a branch.
template <class Kernels> const Kernels& dispatch() {
  static const Kernels& best = dispatch<Kernels>(best_isa<Kernels>());
  return best;
}

} // namespace YARN_ABI
} // namespace yarn

#include "detail/dispatch/parts.hpp"

/// In the header that declares the kernels, in no namespace: a struct of pointers to functions.
#define YARN_DISPATCH_DECLARE(Kernels)                                                             \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::baseline>();                  \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::avx2>();                      \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::avx512>();                    \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::avx512_bf16>();               \
  template <> const Kernels* yarn::dispatch_find<Kernels>(yarn::isa wanted);

/// In the source of the kernels, once, in no namespace: the members of Kernels in their order. They
/// are constants; the functions belong into an anonymous namespace, or parts would share them.
#define YARN_DISPATCH_PART(Kernels, ...)                                                           \
  static_assert(yarn::isa::YARN_DISPATCH_ISA <= yarn::detail::isa_of_flags,                        \
                "yarn: this part is compiled without the flags of its instruction set");           \
  template <> const Kernels& yarn::dispatch_part<Kernels, yarn::isa::YARN_DISPATCH_ISA>() {        \
    static constexpr Kernels kernels = {__VA_ARGS__};                                              \
    return kernels;                                                                                \
  }                                                                                                \
  YARN_DISPATCH_FIND(Kernels)

#endif

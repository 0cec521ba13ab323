// SPDX-License-Identifier: MIT
// YARN_CHECK_IMPORT: compares the flags of a source with those of the module yarn.
//
//     import yarn;
//     #include <yarn/check_import.hpp>
//     YARN_CHECK_IMPORT;
//
// The functions of the library have the flags of the module in their names (detail/base/abi.hpp),
// but a source that imports the module compiles their templates with its own flags. g++ and clang
// accept a source with -mavx2 and a module without. Its vectors are then only as wide as those of
// the module, and if another source has other flags, the linker may keep a function with
// instructions that the processor does not have.
#ifndef YARN_CHECK_IMPORT_HPP
#define YARN_CHECK_IMPORT_HPP

#include "detail/base/abi.hpp"

#if defined(__GNUC__) && !defined(__clang__) && defined(__SSE2__) && !defined(YARN_NO_XSIMD)
#if defined(__cpp_modules) && !defined(_IMMINTRIN_H_INCLUDED)
#error "yarn: with g++, include <immintrin.h> before import yarn (-include immintrin.h)"
#endif
#endif

#define YARN_CHECK_IMPORT                                                                          \
  static_assert(::yarn::is_module_for(YARN_ABI_NAME),                                              \
                "yarn: compile the module yarn with the flags of the source that imports it")

#endif

// SPDX-License-Identifier: MIT
// All operations on blocks of 32 elements. blocks_generic.hpp describes them. Their last argument
// is the tag isa_tag<Arch> of an instruction set, unless the type of another argument decides.
#ifndef YARN_DETAIL_SIMD_BLOCKS_HPP
#define YARN_DETAIL_SIMD_BLOCKS_HPP

#include "blocks_avx2.hpp"
#include "blocks_avx512.hpp"
#include "blocks_generic.hpp"
#include "blocks_neon.hpp"
#include "blocks_sse2.hpp"

#endif

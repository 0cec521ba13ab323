// SPDX-License-Identifier: MIT
// The operations of blocks_generic.hpp on the 128-bit registers of AArch64.
#ifndef YARN_DETAIL_SIMD_BLOCKS_NEON_HPP
#define YARN_DETAIL_SIMD_BLOCKS_NEON_HPP

#include "blocks_generic.hpp"

#endif

// SPDX-License-Identifier: MIT
// The definitions of c_api.h, for a source that defines YARN_C_API_IMPLEMENTATION. yarn_add_c_api
// compiles the parts of run-time dispatch as other sources, and defines YARN_C_API_HAS_PARTS.
// Without the macro, this source has the only part.
#ifndef YARN_DETAIL_C_API_IMPLEMENTATION_HPP
#define YARN_DETAIL_C_API_IMPLEMENTATION_HPP

#include "configurations.hpp"
#include "prompts.hpp"
#include "rotation.hpp"
#if !defined(YARN_C_API_NO_TESTING)
#include "tester.hpp"
#else
#include "no_tester.hpp"
#endif
#if !defined(YARN_C_API_HAS_PARTS)
#include "part.hpp"
#endif

#endif

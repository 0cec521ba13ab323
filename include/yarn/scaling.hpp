// SPDX-License-Identifier: MIT
// All methods, and the closed list for a choice at run time.
//
// A user's own method needs no entry here: any type with a `resolve` (scaling/spectrum.hpp) works
// in make_frequencies like ours.
#ifndef YARN_SCALING_HPP
#define YARN_SCALING_HPP

#include "scaling/default.hpp"
#include "scaling/dynamic_ntk.hpp"
#include "scaling/dynamic_yarn.hpp"
#include "scaling/freq_factors.hpp"
#include "scaling/linear.hpp"
#include "scaling/llama3.hpp"
#include "scaling/longrope.hpp"
#include "scaling/ntk.hpp"
#include "scaling/ntk_by_parts.hpp"
#include "scaling/part_ntk.hpp"
#include "scaling/proportional.hpp"
#include "scaling/yarn.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// One of the library's methods, chosen at run time (from a configuration, say). It may hold a
/// dynamic method, so make_frequencies always wants the current length with it.
using any_scaling =
    std::variant<default_scaling, linear_scaling, ntk_scaling, dynamic_ntk_scaling,
                 ntk_by_parts_scaling, part_ntk_scaling, dynamic_part_ntk_scaling, yarn_scaling,
                 dynamic_yarn_scaling, llama3_scaling, longrope_scaling, proportional_scaling>;

} // namespace YARN_ABI
} // namespace yarn

#endif

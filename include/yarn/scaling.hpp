// SPDX-License-Identifier: MIT
// All scaling methods, and any_scaling, a variant for a choice at run time.
//
// Your own method needs no entry here: make_frequencies accepts any type that has `resolve`
// (scaling/spectrum.hpp).
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

/// Any method above except freq_factors_scaling, chosen at run time, for example from a
/// configuration. The variant may hold a dynamic method, so make_frequencies needs the current
/// length.
using any_scaling = std::variant<default_scaling, linear_scaling, ntk_scaling, dynamic_ntk_scaling,
                                 stepped_ntk_scaling, ntk_by_parts_scaling, part_ntk_scaling,
                                 dynamic_part_ntk_scaling, yarn_scaling, dynamic_yarn_scaling,
                                 llama3_scaling, longrope_scaling, proportional_scaling>;

} // namespace YARN_ABI
} // namespace yarn

#endif

// SPDX-License-Identifier: MIT
// The frequencies without scaling.
#ifndef YARN_SCALING_DEFAULT_HPP
#define YARN_SCALING_DEFAULT_HPP

#include "spectrum.hpp"

namespace yarn {
inline namespace YARN_ABI {

/// No scaling. Hugging Face: rope_type "default".
/// Formula  theta_i = b^(-2i/d), where b is rope_theta and d is rotary_dim. Attention factor: 1.
/// Source   RoFormer, arXiv 2104.09864, section 3.2.2.
struct default_scaling {
  void resolve(spectrum&) const {}
};

} // namespace YARN_ABI
} // namespace yarn

#endif

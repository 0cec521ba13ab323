// SPDX-License-Identifier: MIT
// No scaling: theta_i = rope_theta^(-2i/d). Hugging Face: rope_type "default".
// Source: RoFormer, arXiv 2104.09864, section 3.2.2.
#ifndef YARN_SCALING_DEFAULT_HPP
#define YARN_SCALING_DEFAULT_HPP

#include "spectrum.hpp"

namespace yarn {
inline namespace YARN_ABI {

struct default_scaling {
  void resolve(spectrum&) const {}
};

} // namespace YARN_ABI
} // namespace yarn

#endif

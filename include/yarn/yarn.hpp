// SPDX-License-Identifier: MIT
// The whole core in one include.
#ifndef YARN_YARN_HPP
#define YARN_YARN_HPP

#include "axes.hpp"
#include "frequencies.hpp"
#include "rope.hpp"
#include "rows.hpp"
#include "scaling.hpp"
#include "softmax_scale.hpp"
#include "temperature.hpp"
#include "types.hpp"
#include "version.hpp"
#include "views.hpp"

#endif

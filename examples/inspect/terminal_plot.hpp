// SPDX-License-Identifier: MIT
// Wavelengths before and after the scaling, drawn with characters, at most 80 columns wide.
#ifndef YARN_EXAMPLES_INSPECT_TERMINAL_PLOT_HPP
#define YARN_EXAMPLES_INSPECT_TERMINAL_PLOT_HPP

#include "report.hpp"

#include <string>

namespace inspect {

/// Pair index to the right, wavelength upwards on a logarithmic scale; a line at the original and
/// at the extended length. `ascii` keeps to 7 bits.
std::string terminal_plot(const model_report& report, bool ascii);

} // namespace inspect

#endif

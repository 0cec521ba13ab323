// SPDX-License-Identifier: MIT
// Draws wavelengths before and after the scaling with characters, at most 80 columns wide.
#ifndef YARN_EXAMPLES_INSPECT_TERMINAL_PLOT_HPP
#define YARN_EXAMPLES_INSPECT_TERMINAL_PLOT_HPP

#include "report.hpp"

#include <string>

namespace inspect {

/// The plot: pair index to the right, wavelength upwards on a logarithmic scale, and lines at the
/// original and the extended length. With `ascii` all characters have 7 bits.
std::string terminal_plot(const model_report& report, bool ascii);

} // namespace inspect

#endif

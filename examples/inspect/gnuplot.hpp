// SPDX-License-Identifier: MIT
// Plots by gnuplot: scripts that contain their data, and the function that runs a script.
#ifndef YARN_EXAMPLES_INSPECT_GNUPLOT_HPP
#define YARN_EXAMPLES_INSPECT_GNUPLOT_HPP

#include "report.hpp"

#include <string>
#include <vector>

namespace inspect {

/// A script that plots wavelengths over the pair index, before and after the scaling, with a line
/// at each original and extended length. Each report is one curve: a method or a model.
std::string wavelength_script(const std::vector<model_report>& reports);

/// A script that plots the attention factor over the length of the sequence. The curve is flat for
/// static methods. A dotted curve shows 0.1 ln(l/L) + 1, YaRN's attention factor for s = l/L.
std::string attention_script(const std::vector<model_report>& reports);

/// Runs the script and writes the picture. The ending of the path, .png or .svg, gives the format.
/// Errors   std::invalid_argument: another ending. std::runtime_error: gnuplot is not installed or
///          fails, or the file cannot be written.
void draw(const std::string& script, const std::string& path);

} // namespace inspect

#endif

// SPDX-License-Identifier: MIT
// Pictures, drawn by gnuplot: scripts with their data in them, and the program that runs them.
#ifndef YARN_EXAMPLES_INSPECT_GNUPLOT_HPP
#define YARN_EXAMPLES_INSPECT_GNUPLOT_HPP

#include "report.hpp"

#include <string>
#include <vector>

namespace inspect {

/// Wavelengths over the pair index: those before the scaling, and what each report made of them;
/// a line at each original and extended length. One report, or several methods or models.
std::string wavelength_script(const std::vector<model_report>& reports);

/// The attention factor over the length of the sequence, at that length: flat for static methods.
/// Dotted: 0.1 ln(l/L) + 1, what YaRN would choose for exactly this length.
std::string attention_script(const std::vector<model_report>& reports);

/// Runs the script and writes what it draws. The ending of the path, .png or .svg, is the format.
/// Errors   std::invalid_argument for another ending; std::runtime_error where gnuplot is not
///          there, or fails, or the file cannot be written.
void draw(const std::string& script, const std::string& path);

} // namespace inspect

#endif

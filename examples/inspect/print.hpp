// SPDX-License-Identifier: MIT
// The report as text, 80 columns wide.
#ifndef YARN_EXAMPLES_INSPECT_PRINT_HPP
#define YARN_EXAMPLES_INSPECT_PRINT_HPP

#include "warnings.hpp"

#include <string>
#include <vector>

namespace inspect {

/// The resolved numbers: method, parameters, shape, factors, lengths, unused keys.
std::string print_summary(const model_report& report);

/// A table with a line for each pair.
std::string print_pairs(const model_report& report);

/// A table with a line for each method. The method of the configuration comes first.
std::string print_comparison(const model_report& base, const std::vector<model_report>& others);

std::string print_remarks(const std::vector<remark>& remarks);

} // namespace inspect

#endif

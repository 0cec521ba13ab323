// SPDX-License-Identifier: MIT
// The report for people, 80 columns wide.
#ifndef YARN_EXAMPLES_INSPECT_PRINT_HPP
#define YARN_EXAMPLES_INSPECT_PRINT_HPP

#include "warnings.hpp"

#include <string>
#include <vector>

namespace inspect {

/// What was resolved: method, parameters, shape, factors, lengths, unused keys.
std::string print_summary(const model_report& report);

/// A line for each pair.
std::string print_pairs(const model_report& report);

/// A line for each method, the base first.
std::string print_comparison(const model_report& base, const std::vector<model_report>& others);

std::string print_remarks(const std::vector<remark>& remarks);

} // namespace inspect

#endif

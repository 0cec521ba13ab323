// SPDX-License-Identifier: MIT
// The report as JSON. Numbers have enough digits that parsing gives the same bits.
#ifndef YARN_EXAMPLES_INSPECT_JSON_REPORT_HPP
#define YARN_EXAMPLES_INSPECT_JSON_REPORT_HPP

#include "warnings.hpp"

#include <vector>

namespace inspect {

/// One object. Lengths that the configuration does not give are null. So are the wavelength of a
/// pair that does not turn, and the correction range of a method without a ramp.
nlohmann::ordered_json json_report(const model_report& report, const std::vector<remark>& remarks,
                                   const std::vector<model_report>& compared);

} // namespace inspect

#endif

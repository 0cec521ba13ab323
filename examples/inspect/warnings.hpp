// SPDX-License-Identifier: MIT
// Remarks about a report: warnings and notes.
//
// A warning is about a contradiction, or about an error that happens unless an engine prevents it.
// A note explains a setting that its authors intended, but that surprises readers. Published models
// get no warnings, except for two that engines must heed: a dynamic method, and sections of M-RoPE
// if the reader does not know which pairs they mean.
#ifndef YARN_EXAMPLES_INSPECT_WARNINGS_HPP
#define YARN_EXAMPLES_INSPECT_WARNINGS_HPP

#include "report.hpp"

#include <string>
#include <vector>

namespace inspect {

struct remark {
  bool is_warning;
  std::string id; ///< a stable name for programs: "factor-and-lengths"
  std::string text;
};

/// All remarks about one report, warnings first. `layer_types` are the names of the distinct ropes
/// of the configuration.
std::vector<remark> remarks_on(const model_report& report, const nlohmann::json& config,
                               const std::vector<std::string>& layer_types);

} // namespace inspect

#endif

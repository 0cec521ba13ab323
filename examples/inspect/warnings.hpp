// SPDX-License-Identifier: MIT
// What somebody who debugs long contexts would say on reading the report.
//
// A warning is about what is contradictory, or goes wrong without somebody's doing; a note explains
// what is as its authors meant it, and surprises all the same. Published models are free of
// warnings, except for those that are true of them: a dynamic method, M-RoPE.
#ifndef YARN_EXAMPLES_INSPECT_WARNINGS_HPP
#define YARN_EXAMPLES_INSPECT_WARNINGS_HPP

#include "report.hpp"

#include <string>
#include <vector>

namespace inspect {

struct remark {
  bool is_warning;
  std::string id; ///< stable, for programs: "factor-and-lengths"
  std::string text;
};

/// All that is to say about one report, warnings first.
/// `layer_types` are those of the configuration (yarn::hf_layer_types).
std::vector<remark> remarks_on(const model_report& report, const nlohmann::json& config,
                               const std::vector<std::string>& layer_types);

} // namespace inspect

#endif

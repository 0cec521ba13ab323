// SPDX-License-Identifier: MIT
// A function of the plug-in for programs that measure or test it:
//
//     auto* const reg = ggml_backend_reg_by_name("yarn");
//     auto const statistics = reinterpret_cast<ggml_yarn::get_statistics>(
//         ggml_backend_reg_get_proc_address(reg, ggml_yarn::statistics_name));
#ifndef YARN_EXAMPLES_GGML_BACKEND_YARN_BACKEND_HPP
#define YARN_EXAMPLES_GGML_BACKEND_YARN_BACKEND_HPP

#include <cstdint>

namespace ggml_yarn {

/// What all backends of the process have done since they were loaded.
struct statistics {
  std::uint64_t graphs = 0;      ///< calls of graph_compute: one per split of the scheduler
  std::uint64_t nodes = 0;       ///< nodes ROPE and ROPE_BACK
  std::uint64_t rows_made = 0;   ///< nodes that made rows
  std::uint64_t rows_found = 0;  ///< nodes that found the rows of an earlier node
  std::uint64_t nanoseconds = 0; ///< in graph_compute
};
using get_statistics = statistics (*)();
inline constexpr const char* statistics_name = "yarn_statistics";

} // namespace ggml_yarn

#endif // YARN_EXAMPLES_GGML_BACKEND_YARN_BACKEND_HPP
